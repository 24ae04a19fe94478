//! Rules on `[services.<name>.probe]`.

use hyper::http::uri::{Authority, PathAndQuery};

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use crate::domain::fleet::ProbeSpec;

/// Checks a service's probe against the time between probes; none when something is wrong.
pub(super) fn check(
    service: &str,
    raw: &raw::Probe,
    interval_ms: u32,
    source: &Source,
    findings: &mut Findings,
) -> Option<ProbeSpec> {
    let before = findings.count();
    let place = |key| source.place(&["services", service, "probe", key]);

    if !raw.path.starts_with('/')
        || raw.path.contains('#')
        || raw.path.parse::<PathAndQuery>().is_err()
    {
        findings.refuse(
            place("path"),
            format!("path {:?} can't be asked for", raw.path),
            "begin it with /, and escape what may not stand in a URL",
        );
    }
    if let Some(host) = &raw.host
        && !host.parse::<Authority>().is_ok_and(|name| !name.as_str().contains('@'))
    {
        findings.refuse(
            place("host"),
            format!("host {host:?} can't be a Host header"),
            "write a name, with a port if need be, such as web.example.com",
        );
    }
    let status = findings.take(
        status(&raw.status),
        place("status"),
        "write one status, such as 200, or a range from low to high, such as \"200-299\"",
    );
    times(raw, interval_ms, &place, findings);
    if let Some(text) = &raw.body_contains
        && (text.is_empty() || text.len() > raw.body_bytes_max as usize)
    {
        findings.refuse(
            place("body_contains"),
            format!(
                "body_contains has {} bytes, and body_bytes_max = {}: it could never tell a right \
                 body from a wrong one",
                text.len(),
                raw.body_bytes_max
            ),
            "give it a text that fits, or remove it",
        );
    }

    let spec = ProbeSpec {
        path: raw.path.clone(),
        host: raw.host.clone(),
        status: status?,
        body_contains: raw.body_contains.clone(),
        latency_ms_max: raw.latency_ms_max.unwrap_or(raw.timeout_ms),
        timeout_ms: raw.timeout_ms,
        body_bytes_max: raw.body_bytes_max,
    };
    (findings.count() == before).then_some(spec)
}

fn times(
    raw: &raw::Probe,
    interval_ms: u32,
    place: &impl Fn(&'static str) -> super::super::Place,
    findings: &mut Findings,
) {
    let timeout_ms = raw.timeout_ms;
    for (key, value) in [("timeout_ms", Some(timeout_ms)), ("latency_ms_max", raw.latency_ms_max)] {
        if value == Some(0) {
            findings.refuse(
                place(key),
                format!("{key} = 0 leaves no time to answer"),
                "give it some, or remove the line for the default",
            );
        }
    }
    if timeout_ms > interval_ms {
        findings.refuse(
            place("timeout_ms"),
            format!(
                "timeout_ms = {timeout_ms} is above probe_interval_ms = {interval_ms}: slow probes \
                 of one target would pile up"
            ),
            format!("make it at most {interval_ms}, or [timing] probe_interval_ms longer"),
        );
    }
    if let Some(latency) = raw.latency_ms_max.filter(|latency| *latency > timeout_ms) {
        findings.refuse(
            place("latency_ms_max"),
            format!(
                "latency_ms_max = {latency} is above timeout_ms = {timeout_ms}: an answer is never \
                 later than its timeout"
            ),
            format!("make it at most {timeout_ms}, or remove it"),
        );
    }
}

fn status(raw: &raw::Status) -> Result<(u16, u16), String> {
    let (low, high) = match raw {
        raw::Status::Code(code) => (Some(*code), Some(*code)),
        raw::Status::Range(text) => {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            (low.trim().parse().ok(), high.trim().parse().ok())
        }
    };
    let shown = match raw {
        raw::Status::Code(code) => code.to_string(),
        raw::Status::Range(text) => format!("{text:?}"),
    };
    match (low, high) {
        (Some(low), Some(high)) if low > high => {
            Err(format!("status {shown} is reversed: no status is within it"))
        }
        (Some(low @ 100..=599), Some(high @ 100..=599)) => Ok((low, high)),
        _ => Err(format!("status {shown} is not within 100 to 599")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::each_is_refused;

    #[test]
    fn a_probe_that_can_not_tell_healthy_from_failed_is_refused() {
        each_is_refused(&[
            (
                &[("fleet.toml", r#"path = "/up""#, r#"path = "up""#)],
                r#"fleet.toml:10:8: path "up" can't be asked for; begin it with /, and escape what may not stand in a URL"#,
            ),
            (
                &[("fleet.toml", r#"path = "/up""#, r#"path = "/a b""#)],
                r#"fleet.toml:10:8: path "/a b" can't be asked for; begin it with /, and escape what may not stand in a URL"#,
            ),
            (
                &[("fleet.toml", r#"path = "/up""#, r#"path = "/a#b""#)],
                r#"fleet.toml:10:8: path "/a#b" can't be asked for; begin it with /, and escape what may not stand in a URL"#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
host = "a b""#,
                )],
                r#"fleet.toml:11:8: host "a b" can't be a Host header; write a name, with a port if need be, such as web.example.com"#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
host = "user@example.com""#,
                )],
                r#"fleet.toml:11:8: host "user@example.com" can't be a Host header; write a name, with a port if need be, such as web.example.com"#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
status = "299-200""#,
                )],
                r#"fleet.toml:11:10: status "299-200" is reversed: no status is within it; write one status, such as 200, or a range from low to high, such as "200-299""#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
status = 600"#,
                )],
                r#"fleet.toml:11:10: status 600 is not within 100 to 599; write one status, such as 200, or a range from low to high, such as "200-299""#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
status = "2xx""#,
                )],
                r#"fleet.toml:11:10: status "2xx" is not within 100 to 599; write one status, such as 200, or a range from low to high, such as "200-299""#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
timeout_ms = 1001"#,
                )],
                "fleet.toml:11:14: timeout_ms = 1001 is above probe_interval_ms = 1000: slow probes of one target would pile up; make it at most 1000, or [timing] probe_interval_ms longer",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
timeout_ms = 0"#,
                )],
                "fleet.toml:11:14: timeout_ms = 0 leaves no time to answer; give it some, or remove the line for the default",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
latency_ms_max = 801"#,
                )],
                "fleet.toml:11:18: latency_ms_max = 801 is above timeout_ms = 800: an answer is never later than its timeout; make it at most 800, or remove it",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
latency_ms_max = 0"#,
                )],
                "fleet.toml:11:18: latency_ms_max = 0 leaves no time to answer; give it some, or remove the line for the default",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
body_contains = """#,
                )],
                "fleet.toml:11:17: body_contains has 0 bytes, and body_bytes_max = 65536: it could never tell a right body from a wrong one; give it a text that fits, or remove it",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
body_contains = "healthy"
body_bytes_max = 3"#,
                )],
                "fleet.toml:11:17: body_contains has 7 bytes, and body_bytes_max = 3: it could never tell a right body from a wrong one; give it a text that fits, or remove it",
            ),
        ]);
    }
}
