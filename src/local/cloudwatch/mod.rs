//! CloudWatch's wire protocols over the modelled CloudWatch, version 2010-08-01.
//!
//! It speaks three, as AWS does, and tells them apart as AWS does: Smithy RPC v2 CBOR by the path
//! `/service/GraniteServiceVersion20100801/operation/…` (the Rust SDK), AWS JSON 1.0 by the header
//! `x-amz-target` (botocore of today, which prefers JSON where it may choose) and Query by neither
//! (botocore before that). CloudWatch is "Query compatible": newer protocols repeat an error's old
//! code in `x-amzn-query-error`.
//!
//! Served are `DescribeAlarms`, `SetAlarmState`, `GetMetricData` and `PutMetricData`. Signatures
//! are not checked.

mod operation;
#[cfg(test)]
mod tests;

use super::document::{Value, WireAnswer, cbor, json, query, request_id};
use crate::domain::{Moment, RegionId};
use crate::world::cloudwatch::{CloudWatch, CloudWatchError};

/// The service's name in paths and targets.
const SERVICE: &str = "GraniteServiceVersion20100801";

const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

/// How a request is written, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Cbor,
    Json,
    Query,
}

/// The operation that a path names, if it is one of Smithy RPC v2's.
#[must_use]
pub fn operation_in(path: &str) -> Option<&str> {
    path.strip_prefix("/service/")?.strip_prefix(SERVICE)?.strip_prefix("/operation/")
}

/// Serves one request for this Region. `target` is the header `x-amz-target`, empty when there is
/// none.
#[must_use]
pub fn handle(
    cloudwatch: &mut CloudWatch,
    now: Moment,
    region: &RegionId,
    path: &str,
    target: &str,
    body: &[u8],
) -> WireAnswer {
    let (protocol, named, input) = if let Some(operation) = operation_in(path) {
        (Protocol::Cbor, operation.to_owned(), cbor::read(body))
    } else if let Some((SERVICE, operation)) = target.split_once('.') {
        (Protocol::Json, operation.to_owned(), json::read(body))
    } else {
        let (action, input) =
            query::read(body).map_or_else(Default::default, |f| (f.action, Some(f.input)));
        (Protocol::Query, action, input)
    };
    let id = request_id(now, &named, body);
    let wrote = matches!(named.as_str(), "PutMetricData" | "SetAlarmState");
    let result = input
        .ok_or_else(|| CloudWatchError::Serialization {
            message: "the body can't be read in the request's protocol".to_owned(),
        })
        .and_then(|input| operation::carry_out(cloudwatch, now, region, &named, &input));
    let (status, body) = match &result {
        Ok(output) => (200, answer(protocol, &named, &id, output)),
        Err(error) => (error.status(), refusal(protocol, &id, error)),
    };
    let mut headers = vec![("x-amzn-requestid", id), content_type(protocol)];
    if protocol == Protocol::Cbor {
        headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
    }
    if let Err(error) = result
        && protocol != Protocol::Query
    {
        headers.push(("x-amzn-query-error", format!("{};Sender", error.code())));
    }
    WireAnswer { status, headers, body, wrote }
}

fn content_type(protocol: Protocol) -> (&'static str, String) {
    let content_type = match protocol {
        Protocol::Cbor => "application/cbor",
        Protocol::Json => "application/x-amz-json-1.0",
        Protocol::Query => "text/xml",
    };
    ("content-type", content_type.to_owned())
}

fn answer(protocol: Protocol, operation: &str, request_id: &str, output: &Value) -> Vec<u8> {
    match protocol {
        Protocol::Cbor => cbor::write(output),
        Protocol::Json => json::write(output),
        Protocol::Query => query::write(operation, NAMESPACE, request_id, output),
    }
}

fn refusal(protocol: Protocol, request_id: &str, error: &CloudWatchError) -> Vec<u8> {
    let tree = Value::map([
        ("__type", Value::text(format!("com.amazonaws.cloudwatch#{}", error.shape()))),
        ("message", Value::text(error.to_string())),
    ]);
    match protocol {
        Protocol::Cbor => cbor::write(&tree),
        Protocol::Json => json::write(&tree),
        Protocol::Query => {
            query::write_error(NAMESPACE, request_id, error.code(), &error.to_string())
        }
    }
}
