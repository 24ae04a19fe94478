//! Rules on `[services.<name>.probe]`.

use std::collections::BTreeSet;

use hyper::http::uri::{Authority, PathAndQuery};

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use crate::domain::fleet::{JsonPart, ProbeSpec, Protocol};

/// Most redirects that may be allowed: from plain to TLS, to a canonical path, and one to spare.
const REDIRECTS_MAX: u8 = 3;

/// Longest body that may be allowed. A thousand probes under way then hold a gigabyte at the worst.
const BODY_BYTES_MAX: u32 = 1024 * 1024;

/// Most parts of a health document: what fits a screen when they fail.
const PARTS_MAX: usize = 32;

/// Keys that speak of a page.
const HTTP_ALONE: [&str; 6] =
    ["path", "status", "body_contains", "json", "redirects_max", "first_byte_ms_max"];

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
        statuses(&raw.status),
        place("status"),
        "write one status, such as 200, or ranges from low to high, such as \"200-299\" or \
         \"200-299,304\"",
    );
    times(raw, interval_ms, &place, findings);
    bounds(raw, &place, findings);
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
    if raw.protocol == Protocol::Tcp {
        for key in HTTP_ALONE {
            if source.has(&["services", service, "probe", key]) {
                findings.refuse(
                    place(key),
                    format!("{key} means nothing to protocol = \"tcp\", which asks for no page"),
                    "remove it, or the protocol",
                );
            }
        }
    }
    let json = parts(service, raw, source, findings);

    let spec = ProbeSpec {
        protocol: raw.protocol,
        connection: raw.connection,
        family: raw.family,
        path: raw.path.clone(),
        host: raw.host.clone(),
        status: status?,
        body_contains: raw.body_contains.clone(),
        json,
        redirects_max: raw.redirects_max,
        connect_ms_max: raw.connect_ms_max,
        first_byte_ms_max: raw.first_byte_ms_max,
        latency_ms_max: raw.latency_ms_max.unwrap_or(raw.timeout_ms),
        timeout_ms: raw.timeout_ms,
        body_bytes_max: raw.body_bytes_max,
    };
    (findings.count() == before).then_some(spec)
}

fn bounds(
    raw: &raw::Probe,
    place: &impl Fn(&'static str) -> super::super::Place,
    findings: &mut Findings,
) {
    if raw.redirects_max > REDIRECTS_MAX {
        findings.refuse(
            place("redirects_max"),
            format!("redirects_max = {} is more than a health page needs", raw.redirects_max),
            format!("make it at most {REDIRECTS_MAX}, or probe the page that they lead to"),
        );
    }
    if raw.body_bytes_max > BODY_BYTES_MAX {
        findings.refuse(
            place("body_bytes_max"),
            format!(
                "body_bytes_max = {} would let thousands of hostile answers fill the memory",
                raw.body_bytes_max
            ),
            format!("make it at most {BODY_BYTES_MAX}"),
        );
    }
}

/// The parts of the health document that can be looked for.
fn parts(
    service: &str,
    raw: &raw::Probe,
    source: &Source,
    findings: &mut Findings,
) -> Vec<JsonPart> {
    if raw.json.len() > PARTS_MAX {
        findings.refuse(
            source.place(&["services", service, "probe", "json"]),
            format!("json has {} parts", raw.json.len()),
            format!("name the {PARTS_MAX} that matter, or one that sums them up"),
        );
    }
    let mut named: BTreeSet<&str> = BTreeSet::new();
    let mut parts = Vec::new();
    for (index, part) in raw.json.iter().enumerate() {
        let index = index.to_string();
        let place = |key: &str| source.place(&["services", service, "probe", "json", &index, key]);
        if !part.pointer.is_empty() && !part.pointer.starts_with('/') {
            findings.refuse(
                place("pointer"),
                format!("pointer {:?} is not a JSON pointer", part.pointer),
                "begin it with /, such as /checks/database/status",
            );
        }
        let name = part.name.as_deref().unwrap_or(&part.pointer);
        if part.name.as_deref() == Some("") || !named.insert(name) {
            findings.refuse(
                place("name"),
                format!("a failure of the part {name:?} could not be told from another's"),
                "give each part a name of its own",
            );
        }
        let equals = match &part.equals {
            raw::Equals::One(one) => vec![one.clone()],
            raw::Equals::Any(any) => any.clone(),
        };
        if equals.is_empty() {
            findings.refuse(
                place("equals"),
                format!("nothing could make the part {name:?} healthy"),
                "list the values that do",
            );
        }
        let (name, pointer) = (name.to_owned(), part.pointer.clone());
        parts.push(JsonPart { name, pointer, equals });
    }
    parts
}

fn times(
    raw: &raw::Probe,
    interval_ms: u32,
    place: &impl Fn(&'static str) -> super::super::Place,
    findings: &mut Findings,
) {
    let timeout_ms = raw.timeout_ms;
    let limits = [
        ("latency_ms_max", raw.latency_ms_max),
        ("connect_ms_max", raw.connect_ms_max),
        ("first_byte_ms_max", raw.first_byte_ms_max),
    ];
    for (key, value) in [("timeout_ms", Some(timeout_ms))].into_iter().chain(limits) {
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
    for (key, limit) in limits {
        if let Some(limit) = limit.filter(|limit| *limit > timeout_ms) {
            findings.refuse(
                place(key),
                format!(
                    "{key} = {limit} is above timeout_ms = {timeout_ms}: an answer is never later \
                     than its timeout"
                ),
                format!("make it at most {timeout_ms}, or remove it"),
            );
        }
    }
}

fn statuses(raw: &raw::Status) -> Result<Vec<(u16, u16)>, String> {
    match raw {
        raw::Status::Code(code) => Ok(vec![range(&code.to_string(), &code.to_string())?]),
        raw::Status::Range(text) => {
            text.split(',').map(|part| range(part.trim(), &format!("{text:?}"))).collect()
        }
    }
}

fn range(text: &str, shown: &str) -> Result<(u16, u16), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.trim().parse().ok(), high.trim().parse().ok()) {
        (Some(low), Some(high)) if low > high => {
            Err(format!("status {shown} is reversed: no status is within it"))
        }
        (Some(low @ 100..=599), Some(high @ 100..=599)) => Ok((low, high)),
        _ => Err(format!("status {shown} is not within 100 to 599")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::load_files;
    use super::super::super::testing::{each_is_refused, files, said};
    use crate::domain::fleet::{
        AddressFamily, ConnectionPolicy, JsonPart, JsonScalar, ProbeSpec, Protocol,
    };

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
                r#"fleet.toml:11:10: status "299-200" is reversed: no status is within it; write one status, such as 200, or ranges from low to high, such as "200-299" or "200-299,304""#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
status = 600"#,
                )],
                r#"fleet.toml:11:10: status 600 is not within 100 to 599; write one status, such as 200, or ranges from low to high, such as "200-299" or "200-299,304""#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
status = "2xx""#,
                )],
                r#"fleet.toml:11:10: status "2xx" is not within 100 to 599; write one status, such as 200, or ranges from low to high, such as "200-299" or "200-299,304""#,
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
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
status = "200-299,399-300""#,
                )],
                r#"fleet.toml:11:10: status "200-299,399-300" is reversed: no status is within it; write one status, such as 200, or ranges from low to high, such as "200-299" or "200-299,304""#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
first_byte_ms_max = 900"#,
                )],
                "fleet.toml:11:21: first_byte_ms_max = 900 is above timeout_ms = 800: an answer is never later than its timeout; make it at most 800, or remove it",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
redirects_max = 9"#,
                )],
                "fleet.toml:11:17: redirects_max = 9 is more than a health page needs; make it at most 3, or probe the page that they lead to",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
body_bytes_max = 2000000"#,
                )],
                "fleet.toml:11:18: body_bytes_max = 2000000 would let thousands of hostile answers fill the memory; make it at most 1048576",
            ),
        ]);
    }

    #[test]
    fn a_part_that_can_not_be_told_from_the_others_is_refused() {
        each_is_refused(&[
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
json = [{ pointer = "status", equals = "ok" }]"#,
                )],
                r#"fleet.toml:11:21: pointer "status" is not a JSON pointer; begin it with /, such as /checks/database/status"#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
json = [{ pointer = "/a", equals = true }, { name = "/a", pointer = "/b", equals = 1 }]"#,
                )],
                r#"fleet.toml:11:53: a failure of the part "/a" could not be told from another's; give each part a name of its own"#,
            ),
            (
                &[(
                    "fleet.toml",
                    r#"path = "/up""#,
                    r#"path = "/up"
json = [{ pointer = "/a", equals = [] }]"#,
                )],
                r#"fleet.toml:11:36: nothing could make the part "/a" healthy; list the values that do"#,
            ),
        ]);
    }

    #[test]
    fn tcp_asks_for_no_page_and_has_urls_of_its_own() {
        let tcp = ("fleet.toml", "path = \"/up\"", "protocol = \"tcp\"");
        let r1 = ("r1.toml", "http://web.r1.example.com", "tcp://web.r1.example.com:5432");
        let r2 = ("r2.toml", "http://web.r2.example.com", "tls://web.r2.example.com:5432");
        assert_eq!(said(&[tcp, r1, r2]), Vec::<String>::new());
        each_is_refused(&[
            (
                &[tcp, r1, r2, ("fleet.toml", "[timing]", "status = 200\n[timing]")],
                r#"fleet.toml:11:10: status means nothing to protocol = "tcp", which asks for no page; remove it, or the protocol"#,
            ),
            (
                &[tcp, r1],
                r#"r2.toml:4:7: url "http://web.r2.example.com" is neither tcp nor tls, and protocol = "tcp"; write tcp:// or tls://, a host and a port"#,
            ),
            (
                &[tcp, r1, ("r2.toml", "http://web.r2.example.com", "tcp://web.r2.example.com")],
                r#"r2.toml:4:7: url "tcp://web.r2.example.com" has no port, and TCP has none of its own; write tcp:// or tls://, a host and a port"#,
            ),
            (
                &[r1],
                r#"r1.toml:4:7: url "tcp://web.r1.example.com:5432" is neither http nor https; write http:// or https://, a host, and a port if need be"#,
            ),
        ]);
    }

    #[test]
    fn every_key_reaches_the_specification() {
        let mut files = files();
        let text = files.get_mut("fleet.toml").expect("there");
        *text = text.replace(
            "path = \"/up\"",
            r#"path = "/up"
protocol = "http2"
connection = "reuse"
family = "ipv6"
status = "200-299,304"
redirects_max = 2
connect_ms_max = 100
first_byte_ms_max = 200
json = [
    { name = "database", pointer = "/checks/database", equals = ["up", "warn"] },
    { pointer = "/ready", equals = true },
]"#,
        );
        let fleet = load_files(files).expect("right").fleet;
        let probe = &fleet.services.values().next().expect("one").probe;
        let text = |text: &str| JsonScalar::Text(text.to_owned());
        let part = |name: &str, pointer: &str, equals| JsonPart {
            name: name.to_owned(),
            pointer: pointer.to_owned(),
            equals,
        };
        assert_eq!(
            *probe,
            ProbeSpec {
                protocol: Protocol::Http2,
                connection: ConnectionPolicy::Reuse,
                family: AddressFamily::Ipv6,
                path: "/up".to_owned(),
                host: None,
                status: vec![(200, 299), (304, 304)],
                body_contains: None,
                json: vec![
                    part("database", "/checks/database", vec![text("up"), text("warn")]),
                    part("/ready", "/ready", vec![JsonScalar::Truth(true)]),
                ],
                redirects_max: 2,
                connect_ms_max: Some(100),
                first_byte_ms_max: Some(200),
                latency_ms_max: 800,
                timeout_ms: 800,
                body_bytes_max: 65_536,
            }
        );
        assert_eq!(probe.status_text(), "200-299,304");
        assert!(probe.accepts(304) && !probe.accepts(303));
    }
}
