//! Small values for the brain's unit tests.

use crate::domain::autonomy::Consent;
use crate::domain::control::{StateRef, Weights};
use crate::domain::digest::Digest;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::fleet::{
    AddressFamily, ConnectionPolicy, Placement, ProbeSpec, Protocol, RecordPolicy, RoutingPolicy,
    Rules, Service, Tables, Timing,
};
use crate::domain::gate::{GateEndpoint, GateScope, Gates};
use crate::domain::record::{RecordData, RecordKey, RecordType, Routing};
use crate::domain::seat::{Beat, Incarnation, Seat};
use crate::domain::{BootId, Epoch, Fleet, RecordSet, RegionId, StateName, Weight};

pub(super) fn timing() -> Timing {
    Timing {
        lease_ms: 5000,
        lease_margin_ms: 500,
        renew_ms: 1000,
        stand_spread_ms: 600,
        table_call_ms: 1000,
        record_call_ms: 2500,
        probe_interval_ms: 1000,
        burst_interval_ms: 150,
        down_after: 3,
        up_after: 3,
        report_ms: 2000,
        gather_ms: 500,
        stale_ms: 6000,
        zone_audit_ms: 30000,
        signals_ms: 10000,
        database_call_ms: 2500,
        database_read_ms: 15000,
    }
}

/// A fleet of that many services in one Region, of which nothing matters but that they are probed.
pub(super) fn probed_fleet(targets: usize) -> Fleet {
    let probe = ProbeSpec { latency_ms_max: 800, timeout_ms: 800, ..probe_spec() };
    let region: RegionId = "r1".parse().expect("valid");
    let placement = Placement {
        weight: Weight(1),
        url: "http://web.example".to_owned(),
        data: RecordData::Plain { ttl_s: 60, values: Vec::new() },
        target_group: None,
        alarms: BTreeSet::new(),
        scaling_group: None,
        instance_vcpus: None,
    };
    let service = Service {
        zone: "Z1".parse().expect("valid"),
        name: "web.example.".parse().expect("valid"),
        rtype: RecordType::A,
        probe,
        writes_to: None,
        drift: None,
        routing: RoutingPolicy::Weighted,
        regions: BTreeMap::from([(region.clone(), placement)]),
    };
    let name = |n| format!("s{n}").parse().expect("valid");
    Fleet {
        name: "f".parse().expect("valid"),
        seats: BTreeSet::from([region.clone()]),
        regions: BTreeSet::from([region]),
        services: (0..targets).map(|n| (name(n), service.clone())).collect(),
        databases: BTreeMap::new(),
        zones: BTreeMap::new(),
        roles: BTreeMap::new(),
        timing: timing(),
        rules: Rules { dwell_ms: 2000, return_after_ms: 60_000, fewest_in_service: 1 },
        consent: Consent::default(),
        tables: Tables { seats: "f-seats".to_owned(), board: "f-board".to_owned() },
        gates: None,
        records: RecordPolicy::default(),
        topics: BTreeMap::new(),
    }
}

pub(super) fn seat(epoch: u64, beat: u64) -> Seat {
    Seat {
        incarnation: Incarnation("one".to_owned()),
        epoch: Epoch(epoch),
        holder: None,
        lease_ms: 0,
        beat: Beat { agent: "x".parse().expect("valid"), boot: BootId(9), count: beat },
        committed: StateRef { name: StateName::GENESIS, digest: Digest::of(b"genesis") },
    }
}

pub(super) fn weighted_record(set_identifier: &str, weight: u8) -> RecordSet {
    RecordSet {
        key: RecordKey { name: "web.example.".parse().expect("valid"), rtype: RecordType::A },
        routing: Routing::Weighted {
            set_identifier: set_identifier.to_owned(),
            weight: Weight(weight),
        },
        data: RecordData::Plain { ttl_s: 60, values: vec!["192.0.2.1".to_owned()] },
        health_check: None,
    }
}

pub(super) fn probe_spec() -> ProbeSpec {
    ProbeSpec {
        protocol: Protocol::Auto,
        connection: ConnectionPolicy::Fresh,
        family: AddressFamily::Any,
        path: "/".to_owned(),
        host: None,
        status: vec![(200, 299)],
        body_contains: None,
        json: Vec::new(),
        redirects_max: 0,
        connect_ms_max: None,
        first_byte_ms_max: None,
        latency_ms_max: 500,
        timeout_ms: 800,
        body_bytes_max: 1024,
    }
}

/// Two services in `r1` and `r2`, a witness `r3`, and gates of this scope.
pub(super) fn gated_fleet(scope: GateScope) -> Fleet {
    let region = |name: &str| name.parse::<RegionId>().expect("valid");
    let mut fleet = probed_fleet(1);
    let one = fleet.services.into_values().next().expect("one");
    let placement = one.regions.values().next().expect("one").clone();
    let regions = ["r1", "r2"].map(|name| (region(name), placement.clone()));
    let service = Service { regions: BTreeMap::from(regions), ..one };
    let named = |name: &str| (name.parse().expect("valid"), service.clone());
    fleet.services = BTreeMap::from([named("web"), named("api")]);
    fleet.regions = ["r1", "r2", "r3"].map(region).into();
    fleet.seats.clone_from(&fleet.regions);
    let endpoint = GateEndpoint { tls: true, host: None, address: None, port: 443 };
    fleet.gates = Some(Gates {
        scope,
        closers: 2,
        interval_s: 10,
        failure_threshold: 3,
        hold_ms: 600_000,
        endpoints: fleet.regions.iter().map(|region| (region.clone(), endpoint.clone())).collect(),
    });
    fleet
}

/// The fleet's configured weights, but for these.
pub(super) fn weights(fleet: &Fleet, but: &[(&str, &str, u8)]) -> Weights {
    let mut weights: Weights = fleet
        .services
        .iter()
        .map(|(service, spec)| {
            let shares = spec.regions.iter().map(|(region, place)| (region.clone(), place.weight));
            (service.clone(), shares.collect())
        })
        .collect();
    for (service, region, weight) in but {
        let of = weights.get_mut(&service.parse().expect("valid")).expect("a service of it");
        of.insert(region.parse().expect("valid"), Weight(*weight));
    }
    weights
}
