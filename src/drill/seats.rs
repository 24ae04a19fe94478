//! Who leads and what is committed, read off the writes to the seats.
//!
//! The same majority rule that the agents follow, applied from outside to every seat at once, which
//! none of them can do. A leader that died still shows here until another takes over: seats know
//! nothing of time.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::seat::{Epoch, Seat};
use crate::domain::{AgentId, Fleet, Moment, RegionId, StateName};
use crate::ports::items;
use crate::world::log::{Entry, Happening};

/// A holder of a majority of seats.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Leader {
    /// Its epoch.
    pub epoch: Epoch,
    /// Who.
    pub holder: AgentId,
}

/// The seats as the log has shown them so far.
#[derive(Debug, Clone)]
pub struct Seats {
    table: String,
    regions: BTreeSet<RegionId>,
    majority: usize,
    seats: BTreeMap<RegionId, Seat>,
    /// Every seat that each candidate ever held in an epoch.
    held: BTreeMap<Leader, BTreeSet<RegionId>>,
}

impl Seats {
    /// No seat seen yet.
    #[must_use]
    pub fn new(fleet: &Fleet) -> Self {
        Self {
            table: fleet.tables.seats.clone(),
            regions: fleet.seats.clone(),
            majority: fleet.seat_majority(),
            seats: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// The leader that the log shows before `until`: for the runner that gives out the parts.
    #[must_use]
    pub fn leader_before(fleet: &Fleet, log: &[Entry], until: Moment) -> Option<Leader> {
        let mut seats = Self::new(fleet);
        for entry in log.iter().take_while(|entry| entry.at < until) {
            seats.note(&entry.happening);
        }
        seats.leader()
    }

    /// Takes notice of a write; tells whether it was one to a seat. What can't be read as a seat
    /// counts for nothing, as it does for the agents.
    pub fn note(&mut self, happening: &Happening) -> bool {
        let Happening::Put { region, table, item, .. } = happening else { return false };
        if *table != self.table || !self.regions.contains(region) {
            return false;
        }
        let Some(seat) = items::seat_in_json(item) else { return false };
        if let Some(holder) = &seat.holder {
            let leader = Leader { epoch: seat.epoch, holder: holder.clone() };
            self.held.entry(leader).or_default().insert(region.clone());
        }
        self.seats.insert(region.clone(), seat);
        true
    }

    /// Who holds a majority of seats in one epoch.
    #[must_use]
    pub fn leader(&self) -> Option<Leader> {
        self.majority_of(|seat| Some(Leader { epoch: seat.epoch, holder: seat.holder.clone()? }))
    }

    /// The state to which a majority of seats points.
    #[must_use]
    pub fn committed(&self) -> Option<StateName> {
        self.majority_of(|seat| Some(seat.committed.name))
    }

    /// An epoch in which two held a majority, with both: the fleet had two leaders.
    #[must_use]
    pub fn two_leaders(&self) -> Option<(Leader, Leader)> {
        let led: Vec<_> = self
            .held
            .iter()
            .filter(|(_, regions)| regions.len() >= self.majority)
            .map(|(leader, _)| leader)
            .collect();
        led.windows(2).find_map(|pair| match pair {
            [a, b] if a.epoch == b.epoch => Some(((*a).clone(), (*b).clone())),
            _ => None,
        })
    }

    fn majority_of<T: Ord>(&self, aspect: impl Fn(&Seat) -> Option<T>) -> Option<T> {
        let mut counts = BTreeMap::<T, usize>::new();
        for value in self.seats.values().filter_map(aspect) {
            *counts.entry(value).or_default() += 1;
        }
        counts.into_iter().find_map(|(value, count)| (count >= self.majority).then_some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::fixture::{FAULT_MS, REGIONS, Tale, fleet, id};

    fn after(tale: &Tale) -> Seats {
        let mut seats = Seats::new(&fleet());
        for entry in tale.run().log {
            seats.note(&entry.happening);
        }
        seats
    }

    #[test]
    fn a_majority_makes_a_leader_and_a_minority_none() {
        let mut tale = Tale::steady();
        assert_eq!(after(&tale).leader().map(|leader| leader.epoch), Some(Epoch(3)));
        tale.take(1, 4, "us-west-2", &REGIONS[2..], (3, 1));
        assert_eq!(after(&tale).leader().map(|leader| leader.epoch), Some(Epoch(3)));
        tale.take(2, 4, "us-east-1", &REGIONS[1..2], (3, 1));
        assert_eq!(after(&tale).leader(), None, "one seat each");
        tale.take(3, 5, "us-west-2", &REGIONS[1..], (3, 2));
        let leader = Leader { epoch: Epoch(5), holder: id("us-west-2") };
        assert_eq!(after(&tale).leader(), Some(leader));
        assert_eq!(after(&tale).committed(), Some(StateName { epoch: Epoch(3), seq: 2 }));
    }

    #[test]
    fn what_is_no_seat_of_the_fleet_counts_for_nothing() {
        let log = Tale::steady().run().log;
        let noted = |change: &dyn Fn(&mut RegionId, &mut String, &mut serde_json::Value)| {
            let mut seats = Seats::new(&fleet());
            log.iter().any(|entry| {
                let mut happening = entry.happening.clone();
                if let Happening::Put { region, table, item, .. } = &mut happening {
                    change(region, table, item);
                }
                seats.note(&happening)
            })
        };
        assert!(noted(&|_, _, _| ()));
        assert!(!noted(&|_, table, _| "other-seats".clone_into(table)), "another fleet's table");
        assert!(!noted(&|region, _, _| *region = id("mars-1")), "a Region without a seat");
        assert!(!noted(&|_, _, item| item["epoch"] = "x".into()), "a damaged item");
    }

    #[test]
    fn two_majorities_in_one_epoch_are_found_though_never_at_once() {
        let mut tale = Tale::steady();
        tale.take(1, 4, "us-west-2", &REGIONS[1..], (3, 1));
        assert_eq!(after(&tale).two_leaders(), None);
        tale.take(2, 4, "us-east-1", &REGIONS[..2], (3, 1));
        assert!(after(&tale).two_leaders().is_some());
    }

    #[test]
    fn the_leader_before_a_moment_ignores_what_comes_later() {
        let mut tale = Tale::steady();
        tale.take(1, 4, "us-west-2", &REGIONS, (3, 1));
        let log = tale.run().log;
        let at = |ms| Seats::leader_before(&fleet(), &log, Moment::from_ms(ms));
        assert_eq!(at(0), None);
        assert_eq!(at(FAULT_MS).map(|leader| leader.epoch), Some(Epoch(3)));
        assert_eq!(at(FAULT_MS + 2).map(|leader| leader.epoch), Some(Epoch(4)));
    }
}
