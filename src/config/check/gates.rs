//! Rules on `[gates]` and on each Region's `gate`.
//!
//! A gate takes a Region out of DNS without asking anybody, so these refuse what would let one
//! Region shut another alone, and what would make the answers unpredictable.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hyper::Uri;

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use super::{Folder, Placements, listed};
use crate::domain::RegionId;
use crate::domain::gate::{GateEndpoint, Gates};
use crate::domain::record::RecordData;

/// The only intervals (Route 53 API Reference, `HealthCheckConfig`, `RequestInterval`).
const INTERVALS_S: [u8; 2] = [10, 30];

/// The failure thresholds (same page).
const FAILURE_THRESHOLDS: std::ops::RangeInclusive<u8> = 1..=10;

/// With one, a single Region, or whoever has broken into it, could shut every other. None at all
/// would shut every Region for good.
const CLOSERS_MIN: u16 = 2;

/// A shorter hold would open gates before anybody could look at why the seats can't be read; a
/// longer one than a day is a decision that nobody remembers.
const HOLD_MS: std::ops::RangeInclusive<u32> = 60_000..=86_400_000;

/// Where a Region's gates are asked for; none when the file says nothing, or nothing of use.
pub(super) fn endpoint(
    raw: &raw::Region,
    source: &Source,
    findings: &mut Findings,
) -> Option<GateEndpoint> {
    let raw = raw.gate.as_ref()?;
    let place = source.place(&["gate", "url"]);
    let remedy = "write http:// or https:// and a host that Route 53's checkers reach";
    let (tls, host, port) = findings.take(base(&raw.url), place, remedy)?;
    let place = source.place(&["gate", "address"]);
    let remedy = "write a public address, or leave it out and the host is resolved";
    let given = raw.address.as_ref().map(|text| {
        let address = text.parse::<IpAddr>();
        findings.take(address.map_err(|_| format!("{text:?} is no address")), place, remedy)
    });
    let named: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let address = match given {
        Some(None) => return None,
        Some(address) => address,
        None => named,
    };
    if let Some(address) = address.filter(|address| !is_public(*address)) {
        findings.refuse(
            source.place(&["gate"]),
            format!("{address} is not public: Route 53 makes no health check of such an address"),
            "name the address of a load balancer that faces the internet, or its name",
        );
        return None;
    }
    Some(GateEndpoint { tls, host: named.is_none().then_some(host), address, port })
}

/// Whether TLS is spoken, the host and the port.
fn base(text: &str) -> Result<(bool, String, u16), String> {
    let fail = |why| Err(format!("url {text:?} {why}"));
    let Ok(uri) = text.parse::<Uri>() else { return fail("is not a URL") };
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return fail("is neither http nor https"),
    };
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return fail("names no host");
    };
    if authority.as_str().contains('@') {
        return Err("url holds a user's name, which would end up in logs".to_owned());
    }
    let port = match authority.port_u16() {
        Some(0) => return fail("has a port that is none"),
        Some(port) => port,
        None if authority.as_str() != authority.host() => return fail("has a port that is none"),
        None if tls => 443,
        None => 80,
    };
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return fail("has a path, and the paths are regent's: /gate/<region>");
    }
    Ok((tls, authority.host().to_ascii_lowercase(), port))
}

/// Whether Route 53 checks it (Route 53 API Reference, `HealthCheckConfig`, `IPAddress`).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}

/// Checks `[gates]` with the Regions' endpoints.
pub(super) fn check(
    raw: &raw::Fleet,
    source: &Source,
    folder: &Folder,
    endpoints: BTreeMap<RegionId, Option<GateEndpoint>>,
    regions: &BTreeMap<RegionId, Placements>,
    findings: &mut Findings,
) -> Option<Gates> {
    let Some(raw) = &raw.gates else {
        for region in endpoints.keys() {
            if let Some(read) = folder.regions.get(region.as_str()) {
                findings.refuse(
                    read.source.place(&["gate"]),
                    format!("{region} has a gate, and fleet.toml has no [gates]: nobody asks it"),
                    "add [gates] there, or remove the gate",
                );
            }
        }
        return None;
    };
    let place = |key| source.place(&["gates", key]);
    if !INTERVALS_S.contains(&raw.interval_s) {
        findings.refuse(
            place("interval_s"),
            format!(
                "interval_s = {}: Route 53 checks every 10 or every 30 seconds",
                raw.interval_s
            ),
            "write 10 or 30",
        );
    }
    if !FAILURE_THRESHOLDS.contains(&raw.failure_threshold) {
        findings.refuse(
            place("failure_threshold"),
            format!("failure_threshold = {} is not within 1..=10", raw.failure_threshold),
            "write 1 for the quickest failover",
        );
    }
    if !HOLD_MS.contains(&raw.hold_ms) {
        findings.refuse(
            place("hold_ms"),
            format!("hold_ms = {} is not within a minute and a day", raw.hold_ms),
            "choose how long an agent that is cut off from the seats may keep a Region shut",
        );
    }
    // Of one that has a problem of its own it is not said that it is missing.
    let all_right = endpoints.values().all(Option::is_some);
    let endpoints = endpoints.into_iter().filter_map(|(region, one)| Some((region, one?)));
    let gates = Gates {
        scope: raw.scope,
        closers: raw.closers,
        interval_s: raw.interval_s,
        failure_threshold: raw.failure_threshold,
        hold_ms: raw.hold_ms,
        endpoints: endpoints.collect(),
    };
    let alone = gates.closers == 0 || regions.keys().any(|region| gates.shut_by_one(region));
    if !twins(&gates, alone, folder, findings) && alone {
        findings.refuse(
            place("closers"),
            format!("closers = {} lets one Region shut every other alone", gates.closers),
            format!("make it {CLOSERS_MIN} or more"),
        );
        return None;
    }
    if folder.whole {
        for (region, placements) in regions.iter().filter(|(_, placed)| !placed.is_empty()) {
            if all_right {
                observed(region, &gates, source, findings);
            }
            predictable(region, placements, folder, findings);
        }
    }
    Some(gates)
}

/// Every Region answers for itself: an endpoint that stands for two counts twice, so that whoever
/// answers there could shut a Region alone. True when there are such.
fn twins(gates: &Gates, alone: bool, folder: &Folder, findings: &mut Findings) -> bool {
    let mut found = false;
    for (region, endpoint) in &gates.endpoints {
        let mut before = gates.endpoints.range(..region.clone());
        if let Some((twin, _)) = before.find(|(_, other)| *other == endpoint)
            && let Some(read) = folder.regions.get(region.as_str())
        {
            found = true;
            let why = if alone { "could shut a Region alone" } else { "counts twice" };
            findings.refuse(
                read.source.place(&["gate"]),
                format!(
                    "{twin} and {region} have one gate, {endpoint}: whoever answers there {why}"
                ),
                "give the agents of each Region an address of their own",
            );
        }
    }
    found
}

/// Enough other Regions can shut this one.
fn observed(region: &RegionId, gates: &Gates, source: &Source, findings: &mut Findings) {
    if gates.health_threshold(region).is_some() {
        return;
    }
    let observers: Vec<&RegionId> = gates.observers(region).collect();
    findings.refuse(
        source.place(&["gates", "closers"]),
        format!(
            "{region} can never be shut: closers = {}, and other Regions with a gate are {}",
            gates.closers,
            listed(observers)
        ),
        "add gate = { url = … } to more Regions' files: a witness with an agent counts as well",
    );
}

/// No record decides by itself whether it is answered.
fn predictable(
    region: &RegionId,
    placements: &Placements,
    folder: &Folder,
    findings: &mut Findings,
) {
    for (service, placement) in placements {
        if let Some(placement) = placement
            && let RecordData::Alias { evaluate_target_health: true, .. } = placement.data
            && let Some(read) = folder.regions.get(region.as_str())
        {
            findings.refuse(
                read.source.place(&["services", service.as_str(), "record"]),
                format!(
                    "evaluate_target_health takes {service} in {region} out whatever the other \
                     Regions are like; with gates, a Region at weight 0 may then be answered"
                ),
                "remove it: target_group lets the Region's agent tell of unhealthy targets instead",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::load_files;
    use super::super::super::testing::{Edit, each_is_refused, files, said};
    use crate::domain::gate::{GateEndpoint, GateScope};

    const WITH: Edit<'_> = ("fleet.toml", "[timing]", "[gates]\n[timing]");

    /// The Region has a gate there.
    fn gate(file: &str) -> [String; 3] {
        let url = format!("https://gate.{}.example.net", file.trim_end_matches(".toml"));
        let region = format!("{:?}\n", file.trim_end_matches(".toml"));
        [file.to_owned(), region.clone(), format!("{region}gate = {{ url = {url:?} }}\n")]
    }

    fn with_gates(more: &[Edit<'_>]) -> Vec<String> {
        let gates = ["r1.toml", "r2.toml", "r3.toml"].map(gate);
        let edits =
            gates.iter().map(|[file, old, new]| (file.as_str(), old.as_str(), new.as_str()));
        said(&[WITH].into_iter().chain(edits).chain(more.iter().copied()).collect::<Vec<_>>())
    }

    #[test]
    fn gates_of_two_serving_regions_and_a_witness_are_accepted_with_their_defaults() {
        assert_eq!(with_gates(&[]), Vec::<String>::new());
        let mut texts = files();
        for [file, old, new] in ["r1.toml", "r2.toml", "r3.toml"].map(gate) {
            let text = texts.get_mut(&file).expect("there");
            *text = text.replacen(&old, &new, 1);
        }
        let fleet = texts.get_mut("fleet.toml").expect("there");
        *fleet = fleet.replace("[timing]", "[gates]\n[timing]");
        let loaded = load_files(texts).unwrap_or_else(|problems| panic!("{problems}"));
        let gates = loaded.fleet.gates.as_ref().expect("there");
        assert_eq!((gates.scope, gates.closers), (GateScope::Region, 2));
        assert_eq!(
            gates.endpoints[&"r3".parse().expect("valid")],
            GateEndpoint {
                tls: true,
                host: Some("gate.r3.example.net".to_owned()),
                address: None,
                port: 443
            }
        );
        let again = load_files(super::super::super::render(&loaded.raw)).expect("accepted");
        assert_eq!(again, loaded);
    }

    #[test]
    fn an_address_may_stand_in_for_the_name_or_behind_it() {
        for (new, expected) in [
            ("{ url = \"http://198.51.100.7:8080\" }", "http://198.51.100.7:8080"),
            ("{ url = \"https://[2001:db8::1]\" }", "https://[2001:db8::1]:443"),
            (
                "{ url = \"https://g.example.net\", address = \"198.51.100.7\" }",
                "https://g.example.net:443 at 198.51.100.7",
            ),
        ] {
            let mut texts = files();
            for [file, old, changed] in ["r1.toml", "r2.toml", "r3.toml"].map(gate) {
                let text = texts.get_mut(&file).expect("there");
                *text = text.replacen(&old, &changed, 1);
                *text = text.replace("{ url = \"https://gate.r1.example.net\" }", new);
            }
            let fleet = texts.get_mut("fleet.toml").expect("there");
            *fleet = fleet.replace("[timing]", "[gates]\n[timing]");
            let fleet = load_files(texts).unwrap_or_else(|problems| panic!("{problems}")).fleet;
            let gates = fleet.gates.expect("there");
            assert_eq!(gates.endpoints[&"r1".parse().expect("valid")].to_string(), expected);
        }
    }

    #[test]
    fn what_would_let_one_region_shut_another_alone_is_refused() {
        assert_eq!(
            with_gates(&[("fleet.toml", "[gates]", "[gates]\nclosers = 1")]),
            [
                "fleet.toml:12:11: closers = 1 lets one Region shut every other alone; make it 2 or more"
            ]
        );
        assert_eq!(
            with_gates(&[("r3.toml", "gate = { url = \"https://gate.r3.example.net\" }\n", "")]),
            [
                "fleet.toml:11:1: r1 can never be shut: closers = 2, and other Regions with a gate are r2; add gate = { url = … } to more Regions' files: a witness with an agent counts as well",
                "fleet.toml:11:1: r2 can never be shut: closers = 2, and other Regions with a gate are r1; add gate = { url = … } to more Regions' files: a witness with an agent counts as well",
            ]
        );
    }

    #[test]
    fn one_endpoint_for_two_regions_is_refused() {
        let said = with_gates(&[("r2.toml", "https://gate.r2", "https://gate.r1")]);
        assert_eq!(
            said,
            [
                "r2.toml:2:8: r1 and r2 have one gate, https://gate.r1.example.net:443: whoever answers there could shut a Region alone; give the agents of each Region an address of their own"
            ]
        );
    }

    #[test]
    fn figures_that_route_53_does_not_know_are_refused() {
        for (line, message) in [
            (
                "interval_s = 20",
                "interval_s = 20: Route 53 checks every 10 or every 30 seconds; write 10 or 30",
            ),
            (
                "failure_threshold = 0",
                "failure_threshold = 0 is not within 1..=10; write 1 for the quickest failover",
            ),
            (
                "hold_ms = 5000",
                "hold_ms = 5000 is not within a minute and a day; choose how long an agent that is cut off from the seats may keep a Region shut",
            ),
        ] {
            let said = with_gates(&[("fleet.toml", "[gates]", &format!("[gates]\n{line}"))]);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(said[0].ends_with(message), "{said:?}");
        }
    }

    #[test]
    fn a_gate_that_nobody_asks_or_nobody_reaches_is_refused() {
        let [file, old, new] = gate("r1.toml");
        each_is_refused(&[(
            &[(&file, &old, &new)],
            "r1.toml:2:8: r1 has a gate, and fleet.toml has no [gates]: nobody asks it; add [gates] there, or remove the gate",
        )]);
        let remedy = "write http:// or https:// and a host that Route 53's checkers reach";
        for (url, why) in [
            ("gate.example.net", format!("url \"gate.example.net\" is neither http nor https; {remedy}")),
            ("https://a.example/gate", format!("url \"https://a.example/gate\" has a path, and the paths are regent's: /gate/<region>; {remedy}")),
            ("http://10.0.0.1", "10.0.0.1 is not public: Route 53 makes no health check of such an address; name the address of a load balancer that faces the internet, or its name".to_owned()),
            ("http://127.0.0.1:9181", "127.0.0.1 is not public: Route 53 makes no health check of such an address; name the address of a load balancer that faces the internet, or its name".to_owned()),
        ] {
            let said = with_gates(&[("r1.toml", "https://gate.r1.example.net", url)]);
            assert!(said[0].ends_with(&why), "{said:?}");
        }
    }

    #[test]
    fn an_alias_that_decides_by_itself_is_refused_beside_gates() {
        let alias = "{ alias = { zone = \"Z2\", name = \"lb.example.net\", evaluate_target_health = true } }";
        let said = with_gates(&[("r1.toml", "{ values = [\"203.0.113.1\"] }", alias)]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("evaluate_target_health takes web in r1 out"), "{said:?}");
    }
}
