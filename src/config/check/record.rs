//! Rules on `record = { … }`: what Route 53 would refuse, found before Route 53 is asked.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::problem::Findings;
use super::super::source::Source;
use super::super::{defaults, raw};
use crate::domain::ZoneId;
use crate::domain::fleet::Service;
use crate::domain::record::{DnsName, RecordData, RecordType};

/// The longest time to live that DNS can say (RFC 2181, section 8) and Route 53 takes.
const TTL_S_MAX: u32 = i32::MAX.cast_unsigned();

/// Checks what a service's record answers with in one Region; none when something is wrong. Without
/// the service, which may itself be wrong, only what needs no type is checked.
pub(super) fn check(
    id: &str,
    raw: &raw::Record,
    service: Option<&Service>,
    source: &Source,
    findings: &mut Findings,
) -> Option<RecordData> {
    let before = findings.count();
    let record = source.place(&["services", id, "record"]);
    let data = match (&raw.values, &raw.alias) {
        (Some(_), Some(_)) => {
            findings.refuse(record, "a record has either values or an alias", "remove one of them");
            None
        }
        (None, None) => {
            findings.refuse(
                record,
                "the record has nothing to answer with",
                "add values = [\"…\"], or alias = { zone = \"…\", name = \"…\" }",
            );
            None
        }
        (Some(values), None) => {
            let ttl_s = raw.ttl_s.unwrap_or(defaults::TTL_S);
            if ttl_s > TTL_S_MAX {
                findings.refuse(
                    source.place(&["services", id, "record", "ttl_s"]),
                    format!("ttl_s = {ttl_s} is longer than DNS can say"),
                    format!("make it at most {}, so that moves are noticed", defaults::TTL_S),
                );
            }
            check_values(id, values, service, source, findings);
            Some(RecordData::Plain { ttl_s, values: values.clone() })
        }
        (None, Some(alias)) => {
            if raw.ttl_s.is_some() {
                findings.refuse(
                    source.place(&["services", id, "record", "ttl_s"]),
                    "an alias has its target's time to live",
                    "remove ttl_s",
                );
            }
            check_alias(id, alias, service, source, findings)
        }
    };
    if findings.count() == before { data } else { None }
}

fn check_values(
    id: &str,
    values: &[String],
    service: Option<&Service>,
    source: &Source,
    findings: &mut Findings,
) {
    let list = source.place(&["services", id, "record", "values"]);
    if values.is_empty() {
        findings.refuse(list, "values is empty", "add what the record is to answer with");
        return;
    }
    let Some(rtype) = service.map(|service| service.rtype) else { return };
    if rtype == RecordType::Cname && values.len() > 1 {
        findings.refuse(list, "a CNAME has one value", "keep one");
    }
    let mut seen = BTreeSet::new();
    for (index, value) in values.iter().enumerate() {
        let place = || source.place(&["services", id, "record", "values", &index.to_string()]);
        let (canonical, wanted) = match rtype {
            RecordType::A => (
                value.parse().ok().map(|address: Ipv4Addr| address.to_string()),
                "an IPv4 address, such as 203.0.113.10",
            ),
            RecordType::Aaaa => (
                value.parse().ok().map(|address: Ipv6Addr| address.to_string()),
                "an IPv6 address, such as 2001:db8::10",
            ),
            RecordType::Cname | RecordType::Txt => (
                value.parse().ok().map(|name: DnsName| name.to_string()),
                "a name, such as web.eu-west-1.example.com",
            ),
        };
        match canonical.map(|canonical| seen.insert(canonical)) {
            None => findings.refuse(
                place(),
                format!("{value:?} is not a value of a record of type {rtype}"),
                format!("write {wanted}, or correct the service's type in fleet.toml"),
            ),
            Some(false) => findings.refuse(
                place(),
                format!("{value:?} stands twice in one record, which Route 53 refuses"),
                "keep one",
            ),
            Some(true) => {}
        }
    }
}

fn check_alias(
    id: &str,
    alias: &raw::Alias,
    service: Option<&Service>,
    source: &Source,
    findings: &mut Findings,
) -> Option<RecordData> {
    let place = |key| source.place(&["services", id, "record", "alias", key]);
    let zone: Option<ZoneId> = findings.take(
        alias.zone.parse(),
        place("zone"),
        "write the ID of the target's hosted zone, without /hostedzone/",
    );
    let name: Option<DnsName> = findings.take(
        alias.name.parse(),
        place("name"),
        "write the target's DNS name, such as that of a load balancer",
    );
    let (zone, name) = (zone?, name?);
    if let Some(service) = service {
        if service.rtype == RecordType::Cname && zone != service.zone {
            findings.refuse(
                source.place(&["services", id, "record", "alias"]),
                "a CNAME can't be an alias to a resource in another hosted zone",
                "make the service's type A or AAAA in fleet.toml, or use values",
            );
        }
        if name == service.name {
            findings.refuse(
                place("name"),
                format!("{name} would be an alias to itself"),
                "name the target",
            );
        }
    }
    Some(RecordData::Alias {
        target_zone: zone.into(),
        target_name: name,
        evaluate_target_health: alias.evaluate_target_health,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::each_is_refused;

    #[test]
    fn a_record_that_route_53_would_refuse_is_refused_here() {
        each_is_refused(&[
            (
                &[("r1.toml", r#"{ values = ["203.0.113.1"] }"#, "{}")],
                r#"r1.toml:5:10: the record has nothing to answer with; add values = ["…"], or alias = { zone = "…", name = "…" }"#,
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ values = ["203.0.113.1"], alias = { zone = "Z2", name = "lb.example.net" } }"#,
                )],
                "r1.toml:5:10: a record has either values or an alias; remove one of them",
            ),
            (
                &[("r1.toml", r#"{ values = ["203.0.113.1"] }"#, "{ values = [] }")],
                "r1.toml:5:21: values is empty; add what the record is to answer with",
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ values = ["2001:db8::1"] }"#,
                )],
                r#"r1.toml:5:22: "2001:db8::1" is not a value of a record of type A; write an IPv4 address, such as 203.0.113.10, or correct the service's type in fleet.toml"#,
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ values = ["203.0.113.256"] }"#,
                )],
                r#"r1.toml:5:22: "203.0.113.256" is not a value of a record of type A; write an IPv4 address, such as 203.0.113.10, or correct the service's type in fleet.toml"#,
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ values = ["203.0.113.1", "203.0.113.1"] }"#,
                )],
                r#"r1.toml:5:37: "203.0.113.1" stands twice in one record, which Route 53 refuses; keep one"#,
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ values = ["203.0.113.1"], ttl_s = 2147483648 }"#,
                )],
                "r1.toml:5:46: ttl_s = 2147483648 is longer than DNS can say; make it at most 60, so that moves are noticed",
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ ttl_s = 60, alias = { zone = "Z2", name = "lb.example.net" } }"#,
                )],
                "r1.toml:5:20: an alias has its target's time to live; remove ttl_s",
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ alias = { zone = "/hostedzone/Z2", name = "lb.example.net" } }"#,
                )],
                r#"r1.toml:5:29: hosted zone "/hostedzone/Z2" is not valid: only letters, digits, hyphens (and, for some names, dots) may stand in it; write the ID of the target's hosted zone, without /hostedzone/"#,
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ alias = { zone = "Z2", name = "lb..net" } }"#,
                )],
                r#"r1.toml:5:42: DNS name "lb..net" is not valid: a label is empty or longer than 63 bytes; write the target's DNS name, such as that of a load balancer"#,
            ),
            (
                &[(
                    "r1.toml",
                    r#"{ values = ["203.0.113.1"] }"#,
                    r#"{ alias = { zone = "Z1", name = "web.example.com" } }"#,
                )],
                "r1.toml:5:42: web.example.com. would be an alias to itself; name the target",
            ),
            (
                &[
                    ("fleet.toml", r#"type = "A""#, r#"type = "CNAME""#),
                    ("r1.toml", "203.0.113.1", "r1.lb.example.net"),
                    ("r2.toml", "203.0.113.1", "r2.lb.example.net"),
                    (
                        "r1.toml",
                        r#"["r1.lb.example.net"]"#,
                        r#"["a.example.net", "b.example.net"]"#,
                    ),
                ],
                "r1.toml:5:21: a CNAME has one value; keep one",
            ),
            (
                &[
                    ("fleet.toml", r#"type = "A""#, r#"type = "CNAME""#),
                    ("r2.toml", "203.0.113.1", "r2.lb.example.net"),
                    (
                        "r1.toml",
                        r#"{ values = ["203.0.113.1"] }"#,
                        r#"{ alias = { zone = "Z2", name = "lb.example.net" } }"#,
                    ),
                ],
                "r1.toml:5:20: a CNAME can't be an alias to a resource in another hosted zone; make the service's type A or AAAA in fleet.toml, or use values",
            ),
            (
                &[
                    ("fleet.toml", r#"type = "A""#, r#"type = "CNAME""#),
                    ("r2.toml", "203.0.113.1", "r2.lb.example.net"),
                    ("r1.toml", "203.0.113.1", "not a name"),
                ],
                r#"r1.toml:5:22: "not a name" is not a value of a record of type CNAME; write a name, such as web.eu-west-1.example.com, or correct the service's type in fleet.toml"#,
            ),
            (
                &[
                    ("fleet.toml", r#"type = "A""#, r#"type = "AAAA""#),
                    ("r2.toml", "203.0.113.1", "2001:db8::2"),
                ],
                r#"r1.toml:5:22: "203.0.113.1" is not a value of a record of type AAAA; write an IPv6 address, such as 2001:db8::10, or correct the service's type in fleet.toml"#,
            ),
            (
                &[
                    ("fleet.toml", r#"type = "A""#, r#"type = "AAAA""#),
                    ("r2.toml", "203.0.113.1", "2001:db8::2"),
                    ("r1.toml", r#""203.0.113.1""#, r#""2001:db8::1", "2001:db8:0::1""#),
                ],
                r#"r1.toml:5:37: "2001:db8:0::1" stands twice in one record, which Route 53 refuses; keep one"#,
            ),
        ]);
    }
}
