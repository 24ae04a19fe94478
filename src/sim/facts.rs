//! From the world's log to facts that invariants judge.

use std::collections::BTreeMap;

use crate::core::explain::{Cause, State};
use crate::core::invariants::Fact;
use crate::domain::record::{RecordChange, RecordData, RecordKey, RecordSet, Routing};
use crate::domain::{Fence, ZoneId};
use crate::ports::items::{self, Attribute};
use crate::world::World;
use crate::world::log::Happening;

use super::ports::fingerprint;

/// Weights by name and set identifier.
type Weights = BTreeMap<RecordKey, BTreeMap<String, u8>>;

/// Follows the log, and keeps the weights that batches add up to.
#[derive(Debug, Default)]
pub(super) struct Facts {
    read: usize,
    weights: BTreeMap<ZoneId, Weights>,
}

impl Facts {
    /// Begins with the records as they are.
    pub(super) fn begin(world: &World, zones: impl Iterator<Item = ZoneId>) -> Self {
        let weights = zones
            .map(|zone| {
                let mut weights = Weights::new();
                for record in world.route53.records(&zone).filter_map(|r| r.to_record_set()) {
                    note(&mut weights, &record);
                }
                (zone, weights)
            })
            .collect();
        Self { read: world.log.entries().len(), weights }
    }

    /// The facts since the last call, with the moment of each.
    pub(super) fn next(&mut self, world: &World) -> Vec<(crate::domain::Moment, Fact)> {
        let new = &world.log.entries()[self.read..];
        self.read = world.log.entries().len();
        let mut facts = Vec::new();
        for entry in new {
            let fact = match &entry.happening {
                Happening::Put { region, item, .. } => put(region, item),
                Happening::ZoneChanged { zone, changes, .. } => Some(self.applied(zone, changes)),
                _ => None,
            };
            facts.extend(fact.map(|fact| (entry.at, fact)));
        }
        facts
    }

    fn applied(&mut self, zone: &ZoneId, changes: &[RecordChange]) -> Fact {
        let present = self.weights.entry(zone.clone()).or_default();
        let mut fence = None;
        let mut before = Weights::new();
        let mut touched = Vec::new();
        for change in changes {
            let record = match change {
                RecordChange::Delete(record) | RecordChange::Create(record) => record,
            };
            if let Some(weights) = present.get(&record.key) {
                before.entry(record.key.clone()).or_insert_with(|| weights.clone());
            }
            touched.push(record.key.clone());
        }
        for change in changes {
            match change {
                RecordChange::Delete(record) => {
                    if let (Some(weights), Some(id)) =
                        (present.get_mut(&record.key), record.routing.set_identifier())
                    {
                        weights.remove(id);
                    }
                }
                RecordChange::Create(record) => {
                    note(present, record);
                    fence = fence.or_else(|| fence_of(record));
                }
            }
        }
        let after = touched
            .into_iter()
            .filter_map(|key| present.get(&key).map(|weights| (key, weights.clone())))
            .collect();
        Fact::ZoneApplied { zone: zone.clone(), fence, before, after }
    }
}

fn note(weights: &mut Weights, record: &RecordSet) {
    if let Routing::Weighted { set_identifier, weight } = &record.routing {
        weights.entry(record.key.clone()).or_default().insert(set_identifier.clone(), weight.0);
    }
}

fn fence_of(record: &RecordSet) -> Option<Fence> {
    match &record.data {
        RecordData::Plain { values, .. } => values.first()?.parse().ok(),
        RecordData::Alias { .. } => None,
    }
}

fn put(region: &crate::domain::RegionId, item: &serde_json::Value) -> Option<Fact> {
    let item: items::Item = item
        .as_object()?
        .iter()
        .filter_map(|(name, value)| {
            let value = match value {
                serde_json::Value::String(text) => Attribute::S(text.clone()),
                other => Attribute::N(other.as_u64()?),
            };
            Some((name.clone(), value))
        })
        .collect();
    let Some(Attribute::S(id)) = item.get(items::SEATS_KEY) else { return None };
    if id == items::SEAT_ID {
        let seat = items::seat_from(&item).ok()?;
        return Some(Fact::SeatWritten { region: region.clone(), seat });
    }
    if id.starts_with("state#") {
        let document = items::document_from(&item).ok()?;
        let state: State = serde_json::from_str(&document).ok()?;
        let digest = fingerprint(&document);
        let adopts = match state.cause {
            Cause::Adopted { from } => Some(from),
            Cause::Genesis | Cause::Decided { .. } => None,
        };
        let (name, wanted) = (state.name, state.wanted);
        return Some(Fact::StatePut { name, digest, wanted, adopts });
    }
    None
}
