//! What AWS says to a request that no service looks at, and what it says when it fails itself: each
//! in the words of the protocol that the caller expects (AWS API references, "Common Errors";
//! DynamoDB Developer Guide, "Error handling with DynamoDB").

use bytes::Bytes;
use hyper::Response;
use serde_json::json;

use crate::local::document::{Value, cbor};
use crate::local::dynamodb;

/// Why a request is turned away at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not signed.
    Unsigned,
    /// Nobody has this access key.
    UnknownKey,
    /// Its body is too long, or broke off.
    Body(String),
    /// The service is not modelled.
    UnknownService(String),
    /// The caller asks too often.
    Throttled,
    /// The caller may not do this.
    Denied(String),
    /// The service has failed: nobody is told whether before or after it did what it was asked.
    Failed,
}

/// How errors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// As DynamoDB does.
    Json,
    /// As Route 53, Elastic Load Balancing, RDS, Auto Scaling and SNS do.
    Xml,
    /// As CloudWatch does.
    Cbor,
}

impl Refusal {
    pub(super) fn response(&self, dialect: Dialect) -> Response<Bytes> {
        let (status, code) = match (self, dialect) {
            (Self::Unsigned, Dialect::Json | Dialect::Cbor) => {
                (400, "MissingAuthenticationTokenException")
            }
            (Self::Unsigned, Dialect::Xml) => (403, "MissingAuthenticationToken"),
            (Self::UnknownKey, Dialect::Json | Dialect::Cbor) => {
                (400, "UnrecognizedClientException")
            }
            (Self::UnknownKey, Dialect::Xml) => (403, "InvalidClientTokenId"),
            (Self::Body(_), Dialect::Json | Dialect::Cbor) => (413, "SerializationException"),
            (Self::Body(_), Dialect::Xml) => (413, "InvalidInput"),
            (Self::UnknownService(_), Dialect::Json | Dialect::Cbor) => {
                (400, "UnknownOperationException")
            }
            (Self::UnknownService(_), Dialect::Xml) => (400, "InvalidAction"),
            (Self::Throttled, Dialect::Json | Dialect::Cbor) => (400, "ThrottlingException"),
            (Self::Throttled, Dialect::Xml) => (400, "Throttling"),
            (Self::Denied(_), Dialect::Json | Dialect::Cbor) => (400, "AccessDeniedException"),
            (Self::Denied(_), Dialect::Xml) => (403, "AccessDenied"),
            (Self::Failed, Dialect::Json | Dialect::Cbor) => (500, "InternalServerError"),
            (Self::Failed, Dialect::Xml) => (503, "ServiceUnavailable"),
        };
        let message = self.message();
        let (content_type, body) = match dialect {
            Dialect::Json => {
                let kind = format!("com.amazon.coral.service#{code}");
                let body = json!({ "__type": kind, "message": message }).to_string();
                (dynamodb::CONTENT_TYPE, body.into_bytes())
            }
            Dialect::Cbor => {
                let kind = format!("com.amazon.coral.service#{code}");
                let body =
                    Value::map([("__type", Value::text(kind)), ("message", Value::text(message))]);
                ("application/cbor", cbor::write(&body))
            }
            Dialect::Xml => {
                let message = quick_xml::escape::escape(message);
                let body = format!(
                    "<?xml version=\"1.0\"?>\n<ErrorResponse><Error><Type>Sender</Type>\
                     <Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>refused</RequestId></ErrorResponse>"
                );
                ("text/xml", body.into_bytes())
            }
        };
        super::response(status, [("content-type", content_type.to_owned())], body)
    }

    fn message(&self) -> String {
        match self {
            Self::Unsigned => "Request is missing Authentication Token".to_owned(),
            Self::UnknownKey => "The security token included in the request is invalid.".to_owned(),
            Self::Throttled => "Rate exceeded".to_owned(),
            Self::Failed => {
                "The request processing has failed because of an unknown error".to_owned()
            }
            Self::Denied(operation) => {
                format!("User is not authorized to perform: {operation}")
            }
            Self::Body(why) => format!("The request's body can't be read: {why}"),
            Self::UnknownService(service) => format!(
                "The service {service} is not modelled here: this endpoint is autoscaling, \
                 dynamodb, elasticloadbalancing, monitoring, rds, route53, servicequotas, sns and sts"
            ),
        }
    }
}
