//! Making a failover pair of a service's two weighted records.
//!
//! Route 53 takes no primary without a health check, so that a pair comes last: the records are
//! weighted first, carry their gates once these read open, and become a pair in one batch. Whoever has no
//! weight becomes the secondary.

use std::collections::BTreeMap;
use std::fmt;

use super::act::WRITE_LIMIT;
use super::adopt::shown;
use super::attach::next_fence;
use super::found::LOOK_LIMIT;
use crate::agent::Outside;
use crate::domain::fleet::Service;
use crate::domain::record::{RecordChange, RecordKey, RecordSet, Routing};
use crate::domain::{CallFailure, RegionId, ServiceId, Weight, ZoneBatch, zone};
use crate::ports::Answer;

/// A service whose records are to become a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pairing {
    pub(super) service: ServiceId,
    key: RecordKey,
    /// Each change, for people.
    pub(super) lines: Vec<String>,
}

impl fmt::Display for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, key, .. } = self;
        write!(
            f,
            "make {key} of {service} a failover pair, in one batch, once its gates are attached"
        )
    }
}

/// What is to be done with records that will be so by then; nothing with those of a pair.
pub(super) fn look(service: &ServiceId, spec: &Service, records: &[RecordSet]) -> Option<Pairing> {
    let key = spec.key();
    let present: Vec<&RecordSet> = records.iter().filter(|record| record.key == key).collect();
    let pair = |record: &&RecordSet| matches!(record.routing, Routing::Failover { .. });
    if spec.routing.is_weighted() || present.iter().all(pair) {
        return None;
    }
    let paired = paired(spec, &present);
    let gone = present.iter().map(|record| format!("- {}", shown(record)));
    let come = paired.iter().map(|record| format!("+ {}, with its gate's check", shown(record)));
    Some(Pairing { service: service.clone(), key, lines: gone.chain(come).collect() })
}

/// The pair that these weighted records make.
fn paired(spec: &Service, present: &[&RecordSet]) -> Vec<RecordSet> {
    let weights: BTreeMap<RegionId, Weight> = present
        .iter()
        .filter_map(|record| {
            Some((record.routing.set_identifier()?.parse().ok()?, record.routing.weight()?))
        })
        .collect();
    let shares = spec.record_shares(&weights);
    let one = |record: &&RecordSet| {
        let region = record.routing.set_identifier()?;
        let share = shares.get(&region.parse().ok()?)?;
        Some(RecordSet { routing: spec.record_routing(region, *share), ..(*record).clone() })
    };
    present.iter().filter_map(one).collect()
}

/// Sends the batch, if every record carries a check.
pub(super) async fn carry_out(
    outside: &Outside,
    of_zone: &zone::Wanted,
    spec: &Service,
    pairing: &Pairing,
) -> Answer<()> {
    let Pairing { service, key, .. } = pairing;
    let read = outside
        .records
        .read_zone(&of_zone.zone, &of_zone.fence, std::slice::from_ref(key), LOOK_LIMIT)
        .await?;
    let present: Vec<&RecordSet> = read.records.iter().filter(|r| r.key == *key).collect();
    let paired = paired(spec, &present);
    let checked = paired.iter().all(|record| record.health_check.is_some());
    if paired.len() != present.len() || paired.len() != spec.regions.len() || !checked {
        return Err(CallFailure::conflict(format!(
            "the records of {key} are not one for each Region with a health check: nothing was done to \
             them"
        )));
    }
    let (next, mut changes) = next_fence(of_zone, &read)?;
    changes.extend(present.into_iter().cloned().map(RecordChange::Delete));
    changes.extend(paired.into_iter().map(RecordChange::Create));
    let comment = format!("{next}: regent init: the failover pair of {service}");
    let batch = ZoneBatch { zone: of_zone.zone.clone(), changes, comment };
    outside.records.change_zone(&batch, WRITE_LIMIT).await.map(drop)
}
