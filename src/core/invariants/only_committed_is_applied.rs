//! A weight that a batch of ours changes is the weight of a committed state of its leader's epoch.
//!
//! Source: a leader adopts and commits before it acts, and acts only upon what is committed. A
//! deposed leader therefore changes nothing after its successor's claim: its epoch's fence is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::control::Weights;
use crate::domain::record::RecordKey;
use crate::domain::{RegionId, ServiceId, StateName};

use super::{Fact, Judge};

#[derive(Debug, Clone)]
pub(super) struct OnlyCommittedIsApplied {
    seats: usize,
    records: BTreeMap<RecordKey, ServiceId>,
    wanted: BTreeMap<StateName, Weights>,
    shown: BTreeMap<RegionId, StateName>,
    committed: BTreeSet<StateName>,
}

impl OnlyCommittedIsApplied {
    pub(super) fn new(seats: usize, records: BTreeMap<RecordKey, ServiceId>) -> Self {
        Self {
            seats,
            records,
            wanted: BTreeMap::new(),
            shown: BTreeMap::new(),
            committed: BTreeSet::new(),
        }
    }
}

impl Judge for OnlyCommittedIsApplied {
    fn name(&self) -> &'static str {
        "only what is committed is applied"
    }

    fn judge(&mut self, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::StatePut { name, wanted, .. } => {
                self.wanted.insert(*name, wanted.clone());
            }
            Fact::SeatWritten { region, seat } => {
                let name = seat.committed.name;
                self.shown.insert(region.clone(), name);
                let holders = self.shown.values().filter(|shown| **shown == name).count();
                if holders * 2 > self.seats {
                    self.committed.insert(name);
                }
            }
            Fact::ZoneApplied { fence: Some(fence), before, after, .. } => {
                for (key, weights) in after {
                    let Some(service) = self.records.get(key) else { continue };
                    for (id, weight) in weights {
                        let unchanged = before.get(key).and_then(|b| b.get(id)) == Some(weight);
                        let wants = |name: &&StateName| {
                            let wanted = self.wanted.get(name).and_then(|w| w.get(service));
                            let region = id.parse::<RegionId>().ok();
                            name.epoch == fence.epoch
                                && region
                                    .and_then(|region| wanted?.get(&region).copied())
                                    .is_some_and(|wanted| wanted.0 == *weight)
                        };
                        if !unchanged && !self.committed.iter().any(|name| wants(&name)) {
                            return Err(format!(
                                "{key} {id} was set to {weight} under epoch {}, which no state \
                                 committed in that epoch wants",
                                fence.epoch
                            ));
                        }
                    }
                }
            }
            Fact::ZoneApplied { .. } | Fact::Acting(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::seat;
    use crate::domain::digest::Digest;
    use crate::domain::record::RecordType;
    use crate::domain::{Epoch, Fence, Weight};

    #[test]
    fn a_weight_that_nobody_committed_is_caught() {
        let key = RecordKey { name: "web.example.".parse().expect("valid"), rtype: RecordType::A };
        let service: ServiceId = "web".parse().expect("valid");
        let region: RegionId = "a".parse().expect("valid");
        let name = StateName { epoch: Epoch(2), seq: 1 };
        let mut judge =
            OnlyCommittedIsApplied::new(3, BTreeMap::from([(key.clone(), service.clone())]));
        let put = Fact::StatePut {
            name,
            digest: Digest::of(b"x"),
            wanted: Weights::from([(service, BTreeMap::from([(region, Weight(0))]))]),
            adopts: None,
        };
        let applied = |epoch: u64, weight: u8| {
            let of = |weight| {
                BTreeMap::from([(key.clone(), BTreeMap::from([("a".to_owned(), weight)]))])
            };
            Fact::ZoneApplied {
                zone: "Z1".parse().expect("valid"),
                fence: Some(Fence {
                    fleet: "f".parse().expect("valid"),
                    epoch: Epoch(epoch),
                    attempt: 1,
                }),
                before: of(100),
                after: of(weight),
            }
        };
        assert!(judge.judge(&put).is_ok());
        assert!(judge.judge(&applied(2, 0)).is_err(), "put, but not committed");
        for region in ["x", "y"] {
            let mut seat = seat(2, 1);
            seat.committed.name = name;
            let region = region.parse().expect("valid");
            assert!(judge.judge(&Fact::SeatWritten { region, seat }).is_ok());
        }
        assert!(judge.judge(&applied(2, 0)).is_ok());
        assert!(judge.judge(&applied(2, 7)).is_err());
        assert!(judge.judge(&applied(3, 0)).is_err(), "another leader's state");
        assert!(judge.judge(&applied(3, 100)).is_ok(), "nothing changed");
    }
}
