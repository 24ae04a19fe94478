//! Making a failover pair of a service's two weighted records.
//!
//! Route 53 takes no primary without a health check unless it is an alias, so that a pair comes
//! last: the records are weighted first, carry their gates once these read open, and become a pair
//! in one batch. Whoever has no weight becomes the secondary. Without gates, aliases become a pair
//! as they are.

use std::collections::BTreeMap;
use std::fmt;

use super::act::WRITE_LIMIT;
use super::adopt::shown;
use super::attach::next_fence;
use super::found::LOOK_LIMIT;
use crate::agent::Outside;
use crate::domain::fleet::Service;
use crate::domain::record::{RecordChange, RecordData, RecordKey, RecordSet, Routing};
use crate::domain::{CallFailure, RegionId, ServiceId, Weight, ZoneBatch, zone};
use crate::ports::Answer;

/// A service whose records are to become a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pairing {
    pub(super) service: ServiceId,
    key: RecordKey,
    /// Whether its records are to carry gates by then.
    gated: bool,
    /// Each change, for people.
    pub(super) lines: Vec<String>,
}

impl fmt::Display for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, key, gated, .. } = self;
        write!(f, "make {key} of {service} a failover pair, in one batch")?;
        if *gated { f.write_str(", once its gates are attached") } else { Ok(()) }
    }
}

/// What is to be done with records that will be so by then; nothing with those of a pair.
pub(super) fn look(
    service: &ServiceId,
    spec: &Service,
    gated: bool,
    records: &[RecordSet],
) -> Option<Pairing> {
    let key = spec.key();
    let present: Vec<&RecordSet> = records.iter().filter(|record| record.key == key).collect();
    let pair = |record: &&RecordSet| matches!(record.routing, Routing::Failover { .. });
    if spec.routing.is_weighted() || present.iter().all(pair) {
        return None;
    }
    let paired = paired(spec, &present);
    let gone = present.iter().map(|record| format!("- {}", shown(record)));
    let with = if gated { ", with its gate's check" } else { "" };
    let come = paired.iter().map(|record| format!("+ {}{with}", shown(record)));
    Some(Pairing { service: service.clone(), key, gated, lines: gone.chain(come).collect() })
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

/// Sends the batch, if every record carries a check or, in a fleet without gates, is an alias.
pub(super) async fn carry_out(
    outside: &Outside,
    of_zone: &zone::Wanted,
    spec: &Service,
    pairing: &Pairing,
) -> Answer<()> {
    let Pairing { service, key, gated, .. } = pairing;
    let read = outside
        .records
        .read_zone(&of_zone.zone, &of_zone.fence, std::slice::from_ref(key), LOOK_LIMIT)
        .await?;
    let present: Vec<&RecordSet> = read.records.iter().filter(|r| r.key == *key).collect();
    let paired = paired(spec, &present);
    let alias = |record: &RecordSet| matches!(record.data, RecordData::Alias { .. });
    let fits = |record: &RecordSet| record.health_check.is_some() || (!gated && alias(record));
    let checked = paired.iter().all(fits);
    if paired.len() != present.len() || paired.len() != spec.regions.len() || !checked {
        return Err(CallFailure::conflict(format!(
            "the records of {key} are not one for each Region with a health check (or, without \
             gates, an alias): nothing was done to them"
        )));
    }
    let (next, mut changes) = next_fence(of_zone, &read)?;
    changes.extend(present.into_iter().cloned().map(RecordChange::Delete));
    changes.extend(paired.into_iter().map(RecordChange::Create));
    let comment = format!("{next}: regent init: the failover pair of {service}");
    let batch = ZoneBatch { zone: of_zone.zone.clone(), changes, comment };
    outside.records.change_zone(&batch, WRITE_LIMIT).await.map(drop)
}
