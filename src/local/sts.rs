//! STS's wire protocol over the modelled roles: Query, version 2011-06-15, `AssumeRole` alone.
//!
//! A session's access key is the caller's own with the session's behind it, so that whoever signs with
//! it is still known. Secrets are made up: signatures are not checked.

use super::document::query;
use super::document::{Value, request_id};
use crate::domain::Moment;
use crate::world::roles::Roles;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Between a caller's key and a session's.
const SEPARATOR: char = '@';

/// How long a session lasts if nobody says (STS API Reference, `AssumeRole`, `DurationSeconds`).
const DURATION_S: i64 = 3600;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WireAnswer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The headers, besides those that any HTTP server sets by itself.
    pub(super) headers: Vec<(&'static str, String)>,
    /// The body: XML.
    pub(super) body: Vec<u8>,
}

/// The caller's key and the session's, of an access key.
pub(super) fn parted(key: &str) -> (&str, Option<&str>) {
    key.split_once(SEPARATOR).map_or((key, None), |(caller, session)| (caller, Some(session)))
}

/// Serves one request. `key` is the caller's access key, `unix_ms` what the wall clock shows.
pub(super) fn handle(
    roles: &Roles,
    now: Moment,
    unix_ms: i64,
    key: &str,
    body: &[u8],
) -> WireAnswer {
    let form = query::read(body);
    let action = form.as_ref().map(|form| form.action.clone()).unwrap_or_default();
    let id = request_id(now, &action, body);
    let refused =
        |status, code: &str, why: &str| (status, query::write_error(NAMESPACE, &id, code, why));
    let (status, body) = match form {
        Some(form) if form.action == "AssumeRole" => {
            let text = |name| form.input.text_at(name);
            match (text("RoleArn"), text("RoleSessionName")) {
                (Some(arn), Some(name)) => match roles.assume(arn, text("ExternalId")) {
                    Ok(session) => {
                        let duration = text("DurationSeconds").and_then(|text| text.parse().ok());
                        let until_ms = unix_ms + duration.unwrap_or(DURATION_S) * 1000;
                        let given = given(key, &session, arn, name, until_ms);
                        (200, query::write(&action, NAMESPACE, &id, &given))
                    }
                    Err(error) => refused(403, "AccessDenied", &error.to_string()),
                },
                _ => refused(400, "ValidationError", "RoleArn and RoleSessionName are required"),
            }
        }
        _ => refused(400, "InvalidAction", "Could not find operation for version 2011-06-15"),
    };
    let headers = vec![("content-type", "text/xml".to_owned()), ("x-amzn-requestid", id)];
    WireAnswer { status, headers, body }
}

fn given(key: &str, session: &str, arn: &str, name: &str, until_ms: i64) -> Value {
    let until = jiff::Timestamp::from_millisecond(until_ms).unwrap_or(jiff::Timestamp::MAX);
    let (caller, _) = parted(key);
    let assumed = arn.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
    Value::map([
        (
            "Credentials",
            Value::map([
                ("AccessKeyId", Value::text(format!("{caller}{SEPARATOR}{session}"))),
                ("SecretAccessKey", Value::text("regent-local")),
                ("SessionToken", Value::text(session)),
                ("Expiration", Value::text(until.to_string())),
            ]),
        ),
        (
            "AssumedRoleUser",
            Value::map([
                ("AssumedRoleId", Value::text(format!("AROALOCAL:{name}"))),
                ("Arn", Value::text(format!("{assumed}/{name}"))),
            ]),
        ),
    ])
}
