//! STS's wire protocol over the modelled roles: Query, version 2011-06-15, `AssumeRole` alone.
//!
//! A session's access key is the caller's own with the session's behind it, so that whoever signs with
//! it is still known. Secrets are made up: signatures are not checked.

use super::document::query::{self, Refused};
use super::document::{Value, WireAnswer};
use crate::domain::Moment;
use crate::world::roles::Roles;

const QUERY: query::Service =
    query::Service { namespace: "https://sts.amazonaws.com/doc/2011-06-15/", writes: &[] };

/// Between a caller's key and a session's.
const SEPARATOR: char = '@';

/// How long a session lasts if nobody says (STS API Reference, `AssumeRole`, `DurationSeconds`).
const DURATION_S: i64 = 3600;

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
    QUERY.answer(now, body, |form| {
        let refused =
            |status, code, why: &str| Err(Refused { status, code, message: why.to_owned() });
        let Some(form) = form.filter(|form| form.action == "AssumeRole") else {
            let why = "Could not find operation for version 2011-06-15";
            return refused(400, "InvalidAction", why);
        };
        let text = |name| form.input.text_at(name);
        let (Some(arn), Some(name)) = (text("RoleArn"), text("RoleSessionName")) else {
            return refused(400, "ValidationError", "RoleArn and RoleSessionName are required");
        };
        let session = match roles.assume(arn, text("ExternalId")) {
            Ok(session) => session,
            Err(error) => return refused(403, "AccessDenied", &error.to_string()),
        };
        let duration = text("DurationSeconds").and_then(|text| text.parse().ok());
        let until_ms = unix_ms + duration.unwrap_or(DURATION_S) * 1000;
        Ok(Some(given(key, &session, arn, name, until_ms)))
    })
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
