//! Rules on `fleet.toml` that need no Region's file: names, tables, zones, services.

use std::collections::BTreeMap;

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use super::{Databases, Services, consent, database, probe, timing};
use crate::domain::autonomy::Consent;
use crate::domain::fleet::{RecordPolicy, RoutingPolicy, Rules, Service, Tables, Timing};
use crate::domain::record::{DnsName, RecordType};
use crate::domain::role::ZoneRole;
use crate::domain::{Fence, FleetName, ServiceId, ZoneId};

/// Names of a table have 3 to 255 characters (DynamoDB Developer Guide, "Naming rules").
const TABLE_NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=255;

const NAME_REMEDY: &str = "choose another name";

/// What `fleet.toml` says.
pub(super) struct Head {
    pub(super) name: Option<FleetName>,
    pub(super) zones: BTreeMap<ZoneId, DnsName>,
    pub(super) roles: BTreeMap<ZoneId, ZoneRole>,
    pub(super) services: Services,
    pub(super) databases: Databases,
    pub(super) timing: Timing,
    pub(super) rules: Rules,
    pub(super) consent: Consent,
    pub(super) tables: Option<Tables>,
    pub(super) records: RecordPolicy,
}

/// Checks `fleet.toml`.
pub(super) fn check(raw: &raw::Fleet, source: &Source, findings: &mut Findings) -> Head {
    let name = findings.take(raw.name.parse(), source.place(&["name"]), NAME_REMEDY);
    let tables = tables(raw, source, findings);
    let timing = timing::timing(&raw.timing, !raw.databases.is_empty(), source, findings);
    let rules = timing::rules(&raw.rules, source, findings);
    let consent = consent::consent(&raw.autonomy, source, findings);
    let (zones, roles) = zones(raw, source, findings);
    if raw.records.ttl_s_max == 0 {
        findings.refuse(
            source.place(&["records", "ttl_s_max"]),
            "ttl_s_max = 0 would be below every time to live",
            "make it 60, or remove the line for the default",
        );
    }
    if raw.services.is_empty() {
        findings.refuse(
            source.place(&["services"]),
            "the fleet has no service",
            "add [services.<name>] with zone, name and type",
        );
    }
    let mut services = Services::new();
    for (text, service) in &raw.services {
        let place = source.place(&["services", text]);
        if let Some(id) = findings.take(text.parse::<ServiceId>(), place, NAME_REMEDY) {
            let interval_ms = timing.probe_interval_ms;
            let known = &raw.databases;
            let service =
                check_service(text, service, &zones, known, interval_ms, source, findings);
            services.insert(id, service);
        }
    }
    one_claim_each(&services, source, findings);
    let databases = database::databases(raw, source, findings);
    if let Some(name) = &name {
        fences(name, &zones, &services, source, findings);
    }
    let records = raw.records.clone();
    Head { name, zones, roles, services, databases, timing, rules, consent, tables, records }
}

fn tables(raw: &raw::Fleet, source: &Source, findings: &mut Findings) -> Option<Tables> {
    let before = findings.count();
    let named = |given: &Option<String>, suffix| {
        given.clone().unwrap_or_else(|| format!("{}-{suffix}", raw.name))
    };
    let tables = Tables {
        seats: named(&raw.tables.seats, "seats"),
        board: named(&raw.tables.board, "board"),
    };
    for (key, given) in [("seats", &raw.tables.seats), ("board", &raw.tables.board)] {
        let Some(given) = given else { continue };
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !TABLE_NAME_CHARS.contains(&given.len()) || !given.chars().all(legal) {
            findings.refuse(
                source.place(&["tables", key]),
                format!("{given:?} can't name a DynamoDB table"),
                "use 3 to 255 letters, digits and any of _ . -",
            );
        }
    }
    if tables.seats == tables.board {
        findings.refuse(
            source.place(&["tables"]),
            format!(
                "seats and board are both {:?}: the board is replicated, and a seat must never be",
                tables.seats
            ),
            "give each its own name",
        );
    }
    (findings.count() == before).then_some(tables)
}

type Zones = (BTreeMap<ZoneId, DnsName>, BTreeMap<ZoneId, ZoneRole>);

fn zones(raw: &raw::Fleet, source: &Source, findings: &mut Findings) -> Zones {
    let (mut zones, mut roles) = (BTreeMap::new(), BTreeMap::new());
    for (id, described) in &raw.zones {
        let name = match described {
            raw::Zone::Own(name) | raw::Zone::OfAnother(raw::OtherZone { name, .. }) => name,
        };
        let place = source.place(&["zones", id]);
        let remedy = "write ID = \"name\", the ID without /hostedzone/";
        let zone = findings.take(id.parse::<ZoneId>(), place.clone(), remedy);
        let name = findings.take(name.parse::<DnsName>(), place.clone(), NAME_REMEDY);
        if !raw.services.values().any(|service| service.zone == *id) {
            findings.refuse(
                place,
                format!("no service has its record in the zone {id}"),
                "remove it, or name it as a service's zone",
            );
        }
        let role = match described {
            raw::Zone::Own(_) => None,
            raw::Zone::OfAnother(other) => role(id, other, source, findings),
        };
        if let (Some(zone), Some(name)) = (zone, name) {
            roles.extend(role.map(|role| (zone.clone(), role)));
            zones.insert(zone, name);
        }
    }
    (zones, roles)
}

/// The role of a zone in another account.
fn role(
    id: &str,
    raw: &raw::OtherZone,
    source: &Source,
    findings: &mut Findings,
) -> Option<ZoneRole> {
    let place = |key| source.place(&["zones", id, key]);
    let Some(arn) = &raw.role_arn else {
        if raw.external_id.is_some() {
            findings.refuse(
                place("external_id"),
                "an external ID is told when a role is assumed, and there is none",
                "add role_arn = \"arn:aws:iam::<account>:role/<name>\", or remove it",
            );
        }
        return None;
    };
    let remedy = "write the role of the zone's account, such as arn:aws:iam::123456789012:role/dns";
    let arn = findings.take(arn.parse(), place("role_arn"), remedy);
    let external_id = match &raw.external_id {
        None => None,
        Some(id) => {
            let remedy = "write what the role's trust policy wants";
            Some(findings.take(id.parse(), place("external_id"), remedy)?)
        }
    };
    Some(ZoneRole { arn: arn?, external_id })
}

fn check_service(
    id: &str,
    raw: &raw::Service,
    zones: &BTreeMap<ZoneId, DnsName>,
    databases: &BTreeMap<String, raw::Database>,
    interval_ms: u32,
    source: &Source,
    findings: &mut Findings,
) -> Option<Service> {
    let before = findings.count();
    let place = |key| source.place(&["services", id, key]);

    let rtype = match raw.rtype.as_str() {
        "A" => Some(RecordType::A),
        "AAAA" => Some(RecordType::Aaaa),
        "CNAME" => Some(RecordType::Cname),
        other => {
            findings.refuse(
                place("type"),
                format!("regent doesn't steer records of type {other:?}"),
                "write A, AAAA or CNAME",
            );
            None
        }
    };
    let name: Option<DnsName> = findings.take(raw.name.parse(), place("name"), NAME_REMEDY);
    let zone: Option<ZoneId> =
        findings.take(raw.zone.parse(), place("zone"), "write the ID without /hostedzone/");
    if let Some(zone) = &zone
        && !source.has(&["zones", zone.as_str()])
    {
        findings.refuse(
            place("zone"),
            format!("the zone {zone} is unknown"),
            format!("add it as {zone} = \"its name\" under [zones]"),
        );
    }
    if let (Some(name), Some(zone)) = (&name, zone.as_ref().and_then(|zone| zones.get(zone))) {
        if !name.is_within(zone) {
            findings.refuse(
                place("name"),
                format!("{name} is not within its zone {zone}"),
                "correct the name, or the zone",
            );
        } else if name == zone && rtype == Some(RecordType::Cname) {
            findings.refuse(
                place("type"),
                format!("no CNAME may stand at {zone} itself, beside the zone's SOA and NS"),
                "make it A or AAAA, with an alias if need be",
            );
        }
    }
    let routing = routing(id, raw, source, findings);
    let writes_to = database::writes_to(id, raw, databases.keys(), source, findings);
    let probe = probe::check(id, &raw.probe, interval_ms, source, findings);
    let service = Service {
        zone: zone?,
        name: name?,
        rtype: rtype?,
        probe: probe?,
        writes_to: writes_to?,
        routing: routing?,
        drift: raw.drift,
        regions: BTreeMap::new(),
    };
    (findings.count() == before).then_some(service)
}

/// What two Regions make of it, and whether there are gates, is looked at when all files are read.
fn routing(
    id: &str,
    raw: &raw::Service,
    source: &Source,
    findings: &mut Findings,
) -> Option<RoutingPolicy> {
    let place = |key| source.place(&["services", id, key]);
    match (raw.routing, &raw.primary) {
        (None | Some(raw::Routing::Weighted), None) => Some(RoutingPolicy::Weighted),
        (None | Some(raw::Routing::Weighted), Some(_)) => {
            findings.refuse(
                place("primary"),
                format!("{id} has a primary, and its Regions share the answers by weight"),
                "add routing = \"failover\", or remove it",
            );
            None
        }
        (Some(raw::Routing::Failover), None) => {
            findings.refuse(
                place("routing"),
                "of a failover pair one Region answers first, and none is named",
                "add primary = \"<region>\"",
            );
            None
        }
        (Some(raw::Routing::Failover), Some(primary)) => {
            let primary = findings.take(primary.parse(), place("primary"), "write a Region's code");
            primary.map(|primary| RoutingPolicy::Failover { primary })
        }
    }
}

/// No two services may steer one record, nor may a CNAME stand beside anything of its name. The
/// same name in another zone is another record: a private zone beside a public one.
fn one_claim_each(services: &Services, source: &Source, findings: &mut Findings) {
    let mut claims: BTreeMap<(&ZoneId, &DnsName), Vec<(&ServiceId, RecordType)>> = BTreeMap::new();
    for (id, service) in services {
        let Some(service) = service else { continue };
        let others = claims.entry((&service.zone, &service.name)).or_default();
        let cname = |rtype| rtype == RecordType::Cname;
        if let Some((other, rtype)) = others
            .iter()
            .find(|(_, rtype)| *rtype == service.rtype || cname(*rtype) || cname(service.rtype))
        {
            let what = if *rtype == service.rtype {
                format!("the services {other} and {id} both claim the record {}", service.key())
            } else {
                format!(
                    "the services {other} and {id} put {rtype} and {} on {}, and a CNAME stands \
                     alone",
                    service.rtype, service.name
                )
            };
            let place = source.place(&["services", id.as_str(), "name"]);
            findings.refuse(place, what, "give one of them another name");
        }
        others.push((id, service.rtype));
    }
}

fn fences(
    fleet: &FleetName,
    zones: &BTreeMap<ZoneId, DnsName>,
    services: &Services,
    source: &Source,
    findings: &mut Findings,
) {
    for (id, zone) in zones {
        let place = source.place(&["zones", id.as_str()]);
        let remedy = "shorten the fleet's name";
        let Some(fence) = findings.take(Fence::record_name(fleet, zone), place, remedy) else {
            continue;
        };
        for (service, spec) in services {
            if spec.as_ref().is_some_and(|spec| spec.zone == *id && spec.name == fence) {
                findings.refuse(
                    source.place(&["services", service.as_str(), "name"]),
                    format!("{fence} holds the zone's fence"),
                    "give the service another name",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{each_is_refused, said, two_with, web_in};

    #[test]
    fn names_zones_and_tables_are_checked() {
        each_is_refused(&[
            (
                &[("fleet.toml", r#""demo""#, r#""de mo""#)],
                r#"fleet.toml:1:8: fleet "de mo" is not valid: only letters, digits, hyphens (and, for some names, dots) may stand in it; choose another name"#,
            ),
            (
                &[(
                    "fleet.toml",
                    "[timing]",
                    r#"[tables]
seats = "a b"
[timing]"#,
                )],
                r#"fleet.toml:12:9: "a b" can't name a DynamoDB table; use 3 to 255 letters, digits and any of _ . -"#,
            ),
            (
                &[(
                    "fleet.toml",
                    "[timing]",
                    r#"[tables]
board = "demo-seats"
[timing]"#,
                )],
                r#"fleet.toml:11:1: seats and board are both "demo-seats": the board is replicated, and a seat must never be; give each its own name"#,
            ),
            (
                &[(
                    "fleet.toml",
                    "Z1 = ",
                    r#"Z2 = "b.example"
Z1 = "#,
                )],
                "fleet.toml:4:6: no service has its record in the zone Z2; remove it, or name it as a service's zone",
            ),
            (
                &[("fleet.toml", r#"Z1 = "example.com""#, r#"Z1 = "a..b""#)],
                r#"fleet.toml:4:6: DNS name "a..b" is not valid: a label is empty or longer than 63 bytes; choose another name"#,
            ),
            (
                &[
                    (
                        "fleet.toml",
                        "[services.web]\n",
                        r#"[services."w b"]
"#,
                    ),
                    (
                        "fleet.toml",
                        r#"[services.web.probe]
path = "/up"
"#,
                        "",
                    ),
                    ("r1.toml", &web_in("r1"), "witness = true\n"),
                    ("r2.toml", &web_in("r2"), "witness = true\n"),
                ],
                r#"fleet.toml:5:1: service "w b" is not valid: only letters, digits, hyphens (and, for some names, dots) may stand in it; choose another name"#,
            ),
        ]);
    }

    #[test]
    fn a_service_has_a_record_that_regent_can_steer_within_its_zone() {
        each_is_refused(&[
            (
                &[("fleet.toml", r#"type = "A""#, r#"type = "TXT""#)],
                r#"fleet.toml:8:8: regent doesn't steer records of type "TXT"; write A, AAAA or CNAME"#,
            ),
            (
                &[("fleet.toml", r#""web.example.com""#, r#""web.example.org""#)],
                "fleet.toml:7:8: web.example.org. is not within its zone example.com.; correct the name, or the zone",
            ),
            (
                &[("fleet.toml", r#""web.example.com""#, r#""_regent-demo.example.com""#)],
                "fleet.toml:7:8: _regent-demo.example.com. holds the zone's fence; give the service another name",
            ),
            (
                &[("fleet.toml", r#""web.example.com""#, r#""a b""#)],
                r#"fleet.toml:7:8: DNS name "a b" is not valid: a label holds something other than letters, digits, - and _; choose another name"#,
            ),
            (
                &[
                    ("fleet.toml", r#"type = "A""#, r#"type = "CNAME""#),
                    ("fleet.toml", r#""web.example.com""#, r#""example.com""#),
                ],
                "fleet.toml:8:8: no CNAME may stand at example.com. itself, beside the zone's SOA and NS; make it A or AAAA, with an alias if need be",
            ),
            (
                &[(
                    "fleet.toml",
                    r#"[zones]
Z1 = "example.com"
"#,
                    "",
                )],
                r#"fleet.toml:4:8: the zone Z1 is unknown; add it as Z1 = "its name" under [zones]"#,
            ),
            (
                &[
                    (
                        "fleet.toml",
                        "",
                        r#"[services.two]
zone = "Z1"
name = "web.example.com"
type = "A"
"#,
                    ),
                    ("r1.toml", "", &two_with("203.0.113.2")),
                    ("r2.toml", "", &two_with("203.0.113.2")),
                ],
                "fleet.toml:7:8: the services two and web both claim the record web.example.com. A; give one of them another name",
            ),
            (
                &[
                    (
                        "fleet.toml",
                        "",
                        r#"[services.two]
zone = "Z1"
name = "web.example.com"
type = "CNAME"
"#,
                    ),
                    ("r1.toml", "", &two_with("lb.example.net")),
                    ("r2.toml", "", &two_with("lb.example.net")),
                ],
                "fleet.toml:7:8: the services two and web put CNAME and A on web.example.com., and a CNAME stands alone; give one of them another name",
            ),
        ]);
    }

    #[test]
    fn a_failover_pair_has_two_regions_a_primary_among_them_and_gates() {
        let kind = r#"type = "A""#;
        each_is_refused(&[
            (
                &[("fleet.toml", kind, "type = \"A\"\nprimary = \"r1\"")],
                r#"fleet.toml:9:11: web has a primary, and its Regions share the answers by weight; add routing = "failover", or remove it"#,
            ),
            (
                &[("fleet.toml", kind, "type = \"A\"\nrouting = \"failover\"")],
                r#"fleet.toml:9:11: of a failover pair one Region answers first, and none is named; add primary = "<region>""#,
            ),
            (
                &[("fleet.toml", kind, "type = \"A\"\nrouting = \"failover\"\nprimary = \"r1\"")],
                r#"fleet.toml:9:11: a primary that is no alias must carry a health check (Route 53 refuses it without), and the fleet's own are its gates; add [gates], make every record of it an alias, or make it routing = "weighted""#,
            ),
        ]);
        let pair = "type = \"A\"\nrouting = \"failover\"\nprimary = \"r1\"";
        let plain = r#"{ values = ["203.0.113.1"] }"#;
        let alias = r#"{ alias = { zone = "Z2", name = "lb.example.net" } }"#;
        let one = [("fleet.toml", kind, pair), ("r1.toml", plain, alias)];
        assert_eq!(said(&one).len(), 1, "the other would be primary after a failover");
        let both = [one[0], one[1], ("r2.toml", plain, alias)];
        assert_eq!(said(&both), Vec::<String>::new());
        let pair = "type = \"A\"\nrouting = \"failover\"\nprimary = \"r3\"";
        let lines = said(&[("fleet.toml", kind, pair)]);
        assert!(lines[1].contains("r3 does not serve web; r1 and r2 do"), "{lines:?}");
    }

    #[test]
    fn a_zone_of_another_account_names_a_role_that_can_be_assumed() {
        let zone = r#"Z1 = "example.com""#;
        let role = "arn:aws:iam::210987654321:role/dns";
        each_is_refused(&[
            (
                &[("fleet.toml", zone, r#"Z1 = { name = "example.com", role_arn = "dns" }"#)],
                r#"fleet.toml:4:41: role's ARN "dns" is not valid: it must begin with arn:aws:iam::, or another partition's like; write the role of the zone's account, such as arn:aws:iam::123456789012:role/dns"#,
            ),
            (
                &[("fleet.toml", zone, r#"Z1 = { name = "example.com", external_id = "demo" }"#)],
                r#"fleet.toml:4:44: an external ID is told when a role is assumed, and there is none; add role_arn = "arn:aws:iam::<account>:role/<name>", or remove it"#,
            ),
            (
                &[(
                    "fleet.toml",
                    zone,
                    &format!(
                        r#"Z1 = {{ name = "example.com", role_arn = "{role}", external_id = "a b" }}"#
                    ),
                )],
                r#"fleet.toml:4:93: external ID "a b" is not valid: only letters, digits and any of _+=,.@:/- may stand in it; write what the role's trust policy wants"#,
            ),
            (
                &[("fleet.toml", zone, r#"Z1 = { nmae = "example.com" }"#)],
                r#"fleet.toml:4:6: expected the zone's name, or { name = "…", role_arn = "…", external_id = "…" }; correct the value"#,
            ),
        ]);
    }

    #[test]
    fn a_zone_needs_room_for_its_fence() {
        let zone = format!("\"{}com\"", format!("{}.", "z".repeat(60)).repeat(3));
        let name = format!("\"{}\"", "f".repeat(63));
        let lines = said(&[
            ("fleet.toml", "\"demo\"", &name),
            ("fleet.toml", "\"example.com\"", &zone),
            ("fleet.toml", "\"web.example.com\"", &zone),
        ]);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.starts_with("fleet.toml:4:6: DNS name \"_regent-fff"), "{line}");
        assert!(line.ends_with("longer than 253 bytes; shorten the fleet's name"), "{line}");
    }
}
