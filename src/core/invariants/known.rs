//! What several judges need to remember: who shows which state, what is committed, what it wants,
//! and since when each target is fine. It is as it was *before* the fact being judged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::control::Weights;
use crate::domain::{Epoch, Fleet, Moment, RegionId, StateName, Target};

use super::Fact;

/// How long something may be believed, in times that a report stays fresh: the report may be read
/// late from a lagging replica, then is fresh for its time, and the decision takes its own to be
/// written.
const BELIEVED_STALES: u32 = 3;

/// See the file's opening.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Known {
    /// Whether clocks keep within the margin, so that leases are exclusive.
    pub(super) clocks_keep: bool,
    seats: usize,
    shown: BTreeMap<RegionId, StateName>,
    /// What a majority shows, or showed last.
    committed: Option<StateName>,
    ever: BTreeSet<StateName>,
    wanted: BTreeMap<StateName, Weights>,
    regions: usize,
    /// How old something may be and still be believed.
    believed: Duration,
    /// Since when each target answers as it should, by where it is asked from.
    fine: BTreeMap<Target, BTreeMap<RegionId, Moment>>,
}

impl Known {
    pub(super) fn new(fleet: &Fleet) -> Self {
        Self {
            clocks_keep: true,
            seats: fleet.seats.len(),
            shown: BTreeMap::new(),
            committed: None,
            ever: BTreeSet::new(),
            wanted: BTreeMap::new(),
            regions: fleet.regions.len(),
            believed: Duration::from_millis(fleet.timing.stale_ms.into()) * BELIEVED_STALES,
            fine: BTreeMap::new(),
        }
    }

    /// Takes a fact in. Gives the name that a majority of seats has thereby come to show.
    pub(super) fn learn(&mut self, at: Moment, fact: &Fact) -> Option<StateName> {
        match fact {
            Fact::SeatWritten { region, seat } => {
                let name = seat.committed.name;
                if self.shown.insert(region.clone(), name) == Some(name) {
                    return None;
                }
                let holders = self.shown.values().filter(|shown| **shown == name).count();
                (holders * 2 > self.seats && self.committed != Some(name)).then_some(name)
            }
            Fact::Committed { name } => {
                self.committed = Some(*name);
                self.ever.insert(*name);
                None
            }
            Fact::Proposed { state, .. } | Fact::StatePut { state, .. } => {
                self.wanted.entry(state.name).or_insert_with(|| state.wanted.clone());
                None
            }
            Fact::Reach { from, target, fine } => {
                let of_target = self.fine.entry(target.clone()).or_default();
                if *fine {
                    of_target.entry(from.clone()).or_insert(at);
                } else {
                    of_target.remove(from);
                }
                None
            }
            _ => None,
        }
    }

    /// The state that a majority of seats came to show last.
    pub(super) fn committed(&self) -> Option<StateName> {
        self.committed
    }

    /// Whether a majority of seats ever came to show this state. The first one is so from the
    /// beginning.
    pub(super) fn was_committed(&self, name: StateName) -> bool {
        name == StateName::GENESIS || self.ever.contains(&name)
    }

    /// The weights that a state wants, if it was ever put.
    pub(super) fn wanted(&self, name: StateName) -> Option<&Weights> {
        self.wanted.get(&name)
    }

    /// The weights of every state of this epoch that was ever committed.
    pub(super) fn committed_in(&self, epoch: Epoch) -> impl Iterator<Item = &Weights> {
        let last = StateName { epoch, seq: u64::MAX };
        self.ever.range(StateName { epoch, seq: 0 }..=last).filter_map(|name| self.wanted.get(name))
    }

    /// Whether the target has truly answered as it should, when asked from each Region of one and
    /// the same majority, for longer than anything that an observer may still believe.
    pub(super) fn fine_all_along(&self, target: &Target, at: Moment) -> bool {
        let Some(of_target) = self.fine.get(target) else { return false };
        let all_along = of_target.values().filter(|from| at.since(**from) >= self.believed);
        all_along.count() * 2 > self.regions
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet, name, target};
    use super::*;

    #[test]
    fn a_state_is_committed_once_a_majority_shows_it_and_told_once() {
        let mut known = Known::new(&fleet());
        let mut told = Vec::new();
        for (region, state) in [("a", (1, 1)), ("b", (1, 1)), ("c", (1, 1)), ("a", (1, 2))] {
            let fact = Case::shows(region, state);
            if let Some(name) = known.learn(Moment::ZERO, &fact) {
                known.learn(Moment::ZERO, &Fact::Committed { name });
                told.push(name);
            }
        }
        assert_eq!(told, [name(1, 1)]);
        assert_eq!(known.committed(), Some(name(1, 1)));
    }

    #[test]
    fn what_failed_within_the_time_that_things_are_believed_was_not_fine_all_along() {
        let mut known = Known::new(&fleet());
        let mut turn = |ms, from: &str, fine| {
            let from = from.parse().expect("valid");
            let at = Moment::from_ms(ms);
            known.learn(at, &Fact::Reach { from, target: target("a"), fine });
            known.fine_all_along(&target("a"), at)
        };
        assert!(!turn(0, "b", true));
        assert!(!turn(100, "c", true));
        assert!(!turn(18_099, "c", true));
        assert!(turn(18_100, "c", true));
        assert!(!turn(19_000, "c", false));
        assert!(!turn(19_001, "c", true));
        assert!(turn(40_000, "c", true));
    }
}
