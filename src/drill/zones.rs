//! The zones' weights and fences, reconstructed from the batches that were applied.
//!
//! Before the first batch the weights are those of the fleet's description. Records that belong to
//! no service are followed too: a weight that nobody asked to move is a movement all the same.

use std::collections::BTreeMap;

use crate::domain::control::Weights;
use crate::domain::record::{Fence, RecordChange, RecordData, RecordKey, RecordSet};
use crate::domain::seat::Epoch;
use crate::domain::{Fleet, RegionId, ServiceId, Weight, ZoneId};

/// A weight that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    /// The service; the record's name and type when it is no service's.
    pub(super) what: String,
    /// The set identifier, which is the Region's code.
    pub(super) region: String,
    /// The weight before; none if there was no such record.
    pub(super) from: Option<Weight>,
    /// The weight after; none if there is no such record any more.
    pub(super) to: Option<Weight>,
}

impl std::fmt::Display for Move {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let weight = |weight: Option<Weight>| weight.map_or("none".to_owned(), |w| w.to_string());
        write!(f, "{} {} {} -> {}", self.what, self.region, weight(self.from), weight(self.to))
    }
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) moves: Vec<Move>,
    /// The epoch that it wrote into this fleet's fence, and the one that stood there.
    pub(super) fence: Option<(Epoch, Option<Epoch>)>,
    /// Services that it left without a weight above 0.
    pub(super) emptied: Vec<ServiceId>,
}

type Shares = BTreeMap<(ZoneId, RecordKey), BTreeMap<String, Weight>>;

/// The zones after some batches.
pub(super) struct Zones<'f> {
    fleet: &'f Fleet,
    shares: Shares,
    epochs: BTreeMap<ZoneId, Epoch>,
}

impl<'f> Zones<'f> {
    pub(super) fn new(fleet: &'f Fleet) -> Self {
        let mut shares = Shares::new();
        for service in fleet.services.values() {
            shares
                .entry((service.zone.clone(), service.key()))
                .or_default()
                .extend(service.declared_shares().into_iter().map(named));
        }
        Self { fleet, shares, epochs: BTreeMap::new() }
    }

    /// Applies a batch.
    pub(super) fn apply(&mut self, zone: &ZoneId, changes: &[RecordChange]) -> Effect {
        let mut before = BTreeMap::<(RecordKey, String), Option<Weight>>::new();
        let mut fence = None;
        for change in changes {
            let (RecordChange::Delete(set) | RecordChange::Create(set)) = change;
            if let Some((region, weight)) = share(set) {
                let shares = self.shares.entry((zone.clone(), set.key.clone())).or_default();
                let old = match change {
                    // Route 53 deletes exactly what is named, so this is what stood there.
                    RecordChange::Delete(_) => {
                        shares.remove(region);
                        Some(weight)
                    }
                    RecordChange::Create(_) => shares.insert(region.to_owned(), weight),
                };
                before.entry((set.key.clone(), region.to_owned())).or_insert(old);
            }
            if let (RecordChange::Create(_), Some(epoch)) = (change, self.fence_epoch(set)) {
                fence = Some((epoch, self.epochs.insert(zone.clone(), epoch)));
            }
        }
        let moves = before
            .into_iter()
            .filter_map(|((key, region), from)| {
                let to = self
                    .shares
                    .get(&(zone.clone(), key.clone()))
                    .and_then(|shares| shares.get(&region))
                    .copied();
                (from != to).then(|| Move { what: self.name(zone, &key), region, from, to })
            })
            .collect();
        Effect { moves, fence, emptied: self.empty_in(zone) }
    }

    /// The weights as they are now, by service and Region.
    pub(super) fn weights(&self) -> Weights {
        self.fleet
            .services
            .iter()
            .map(|(name, service)| {
                let shares = self.shares.get(&(service.zone.clone(), service.key()));
                let of = |region: &RegionId| {
                    shares.and_then(|shares| shares.get(region.as_str())).copied()
                };
                let placed = service.regions.keys();
                let weights = placed.map(|region| (region.clone(), of(region).unwrap_or_default()));
                (name.clone(), weights.collect())
            })
            .collect()
    }

    fn empty_in(&self, zone: &ZoneId) -> Vec<ServiceId> {
        self.fleet
            .services_in(zone)
            .filter(|(_, service)| {
                let shares = self.shares.get(&(zone.clone(), service.key()));
                !shares.is_some_and(|shares| shares.values().any(|weight| weight.serves()))
            })
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn name(&self, zone: &ZoneId, key: &RecordKey) -> String {
        self.fleet
            .services_in(zone)
            .find(|(_, service)| service.key() == *key)
            .map_or_else(|| key.to_string(), |(name, _)| name.to_string())
    }

    fn fence_epoch(&self, set: &RecordSet) -> Option<Epoch> {
        let RecordData::Plain { values, .. } = &set.data else { return None };
        values
            .iter()
            .filter_map(|value| value.parse::<Fence>().ok())
            .find(|fence| fence.fleet == self.fleet.name)
            .map(|fence| fence.epoch)
    }
}

/// The weights of the files.
fn named((region, weight): (RegionId, Weight)) -> (String, Weight) {
    (region.to_string(), weight)
}

fn share(set: &RecordSet) -> Option<(&str, Weight)> {
    set.routing.set_identifier().zip(set.routing.weight())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::fixture::{Tale, fleet, id};
    use crate::world::log::Happening;

    fn effects(tale: &Tale) -> Vec<Effect> {
        let fleet = fleet();
        let mut zones = Zones::new(&fleet);
        tale.run()
            .log
            .iter()
            .filter_map(|entry| match &entry.happening {
                Happening::ZoneChanged { zone, changes, .. } => Some(zones.apply(zone, changes)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_batch_tells_its_moves_and_what_it_leaves_empty() {
        let mut tale = Tale::steady();
        tale.batch(1, 3, &[]);
        tale.batch(2, 3, &[("us-east-1", 100, 0), ("eu-west-1", 100, 100)]);
        tale.batch(3, 4, &[("eu-west-1", 100, 0), ("us-west-2", 100, 0)]);
        let [claim, drain, emptying] = effects(&tale).try_into().expect("three batches");
        assert_eq!((claim.moves.len(), claim.fence), (0, Some((Epoch(3), None))));
        assert_eq!(drain.moves.len(), 1, "a weight that is written as it was does not move");
        assert_eq!(drain.moves[0].to_string(), "web us-east-1 100 -> 0");
        assert!(drain.emptied.is_empty());
        assert_eq!(emptying.emptied, [id("web")]);
        assert_eq!(emptying.fence, Some((Epoch(4), Some(Epoch(3)))));
    }

    #[test]
    fn a_record_that_is_deleted_for_good_leaves_no_weight() {
        let mut tale = Tale::steady();
        tale.batch(1, 3, &[("us-east-1", 100, 50)]);
        let mut log = tale.run().log;
        let fleet = fleet();
        let mut zones = Zones::new(&fleet);
        let Some(Happening::ZoneChanged { zone, mut changes, .. }) =
            log.pop().map(|entry| entry.happening)
        else {
            panic!("the batch is last");
        };
        changes.truncate(2);
        let effect = zones.apply(&zone, &changes);
        assert_eq!(effect.moves[0].to_string(), "web us-east-1 100 -> none");
        assert_eq!(zones.weights()[&id("web")][&id("us-east-1")], Weight::ZERO);
    }
}
