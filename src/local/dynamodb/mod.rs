//! DynamoDB's wire protocol, AWS JSON 1.0, over the modelled DynamoDB.
//!
//! A function from request to answer: sockets, signatures, delays and loss are the server's. It
//! takes what the Rust SDK and the `aws` command line send, and answers what they expect. What the
//! model does not have is refused, by an error of DynamoDB's own.

#[cfg(test)]
mod laws;
mod request;
mod tables;
#[cfg(test)]
mod tests;
mod value;

use serde_json::{Value, json};

use crate::domain::digest::Digest;
use crate::domain::{Moment, RegionId};
use crate::world::dynamo::operation::{Page, TableDescription};
use crate::world::dynamo::{Dynamo, DynamoError, Operation, Output, Put};
use value::item_json;

/// The content type of requests and answers.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// What `X-Amz-Target` begins with: the service's version.
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

/// An answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAnswer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers, but for those that HTTP needs itself.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The items that the request wrote, for the world's log.
    pub puts: Vec<Put>,
}

/// Why a request is answered with an error.
#[derive(Debug, thiserror::Error)]
enum WireError {
    /// The model refused it.
    #[error(transparent)]
    Dynamo(#[from] DynamoError),
    /// It is not of the protocol.
    #[error("{0}")]
    Serialization(String),
    /// Nobody knows such an operation, or the model doesn't have it.
    #[error("The operation is not modelled")]
    UnknownOperation,
}

impl WireError {
    fn validation(words: impl Into<String>) -> Self {
        Self::Dynamo(DynamoError::Validation(words.into()))
    }

    fn serialization(words: impl ToString) -> Self {
        Self::Serialization(words.to_string())
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Dynamo(error) => error.code(),
            Self::Serialization(_) => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
        }
    }

    /// The part of AWS's software that the error comes from.
    fn namespace(&self) -> &'static str {
        match self {
            Self::Dynamo(DynamoError::Validation(_)) => "com.amazon.coral.validate",
            Self::Dynamo(DynamoError::Throttling)
            | Self::Serialization(_)
            | Self::UnknownOperation => "com.amazon.coral.service",
            Self::Dynamo(_) => "com.amazonaws.dynamodb.v20120810",
        }
    }

    fn json(&self) -> Value {
        let mut json = json!({
            "__type": format!("{}#{}", self.namespace(), self.code()),
            "message": self.to_string(),
        });
        match self {
            Self::Dynamo(DynamoError::ConditionalCheckFailed { item: Some(item) }) => {
                json["Item"] = item_json(item);
            }
            Self::Dynamo(DynamoError::TransactionCanceled { reasons }) => {
                json["CancellationReasons"] = reasons.iter().map(reason).collect();
            }
            _ => {}
        }
        json
    }
}

fn reason(reason: &Option<Box<DynamoError>>) -> Value {
    let Some(error) = reason else { return json!({"Code": "None"}) };
    let mut json = json!({"Code": error.reason_code(), "Message": error.to_string()});
    if let DynamoError::ConditionalCheckFailed { item: Some(item) } = &**error {
        json["Item"] = item_json(item);
    }
    json
}

/// Answers a request that arrived at a Region's endpoint.
///
/// `target` is the header `X-Amz-Target`. As with [`Dynamo::call`], the request takes effect now,
/// and the caller has advanced the model to this moment.
pub fn handle(
    dynamo: &mut Dynamo,
    now: Moment,
    region: &RegionId,
    target: &str,
    body: &[u8],
) -> WireAnswer {
    let seed = format!("{}/{now}/{region}/{target}/", dynamo.calls());
    let request_id = Digest::of(&[seed.as_bytes(), body].concat()).to_string().to_uppercase();
    let (status, json, puts) = match answer(dynamo, now, region, target, body) {
        Ok((json, puts)) => (200, json, puts),
        Err(error) => (400, error.json(), Vec::new()),
    };
    WireAnswer {
        status,
        headers: vec![("content-type", CONTENT_TYPE.to_owned()), ("x-amzn-requestid", request_id)],
        body: json.to_string().into_bytes(),
        puts,
    }
}

fn answer(
    dynamo: &mut Dynamo,
    now: Moment,
    region: &RegionId,
    target: &str,
    body: &[u8],
) -> Result<(Value, Vec<Put>), WireError> {
    let name = target.strip_prefix(TARGET_PREFIX).ok_or(WireError::UnknownOperation)?;
    let operation = request::operation(name, body)?;
    let describes = matches!(operation, Operation::DescribeTable(_));
    let counts = match &operation {
        Operation::Query(query) => query.reading.count_only,
        Operation::Scan(scan) => scan.reading.count_only,
        _ => false,
    };
    Ok(match dynamo.call(now, region, operation)? {
        Output::Table(table) => (table_json(&table, describes), Vec::new()),
        Output::Tables { names, last } => {
            let mut json = json!({"TableNames": names});
            if let Some(last) = last {
                json["LastEvaluatedTableName"] = json!(last);
            }
            (json, Vec::new())
        }
        Output::Item(item) => (with("Item", item.as_deref().map(item_json)), Vec::new()),
        Output::Written(written) => {
            (with("Attributes", written.attributes.as_deref().map(item_json)), written.puts)
        }
        Output::Page(page) => (page_json(&page, counts), Vec::new()),
    })
}

fn table_json(table: &TableDescription, describes: bool) -> Value {
    let name = if describes { "Table" } else { "TableDescription" };
    with(name, Some(tables::description(table)))
}

fn with(name: &str, content: Option<Value>) -> Value {
    Value::Object(content.into_iter().map(|content| (name.to_owned(), content)).collect())
}

fn page_json(page: &Page, counts: bool) -> Value {
    let mut json = with("LastEvaluatedKey", page.last_key.as_ref().map(item_json));
    json["Count"] = json!(page.count);
    json["ScannedCount"] = json!(page.scanned);
    if !counts {
        json["Items"] = page.items.iter().map(|item| item_json(item)).collect();
    }
    json
}
