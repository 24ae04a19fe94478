//! Small values for the brain's unit tests.

use crate::domain::control::StateRef;
use crate::domain::digest::Digest;
use crate::domain::fleet::Timing;
use crate::domain::record::{RecordData, RecordKey, RecordType, Routing};
use crate::domain::seat::{Beat, Incarnation, Seat};
use crate::domain::{BootId, Epoch, RecordSet, StateName, Weight};

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
    }
}

pub(super) fn seat(epoch: u64, beat: u64) -> Seat {
    Seat {
        incarnation: Incarnation("one".to_owned()),
        epoch: Epoch(epoch),
        holder: None,
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
