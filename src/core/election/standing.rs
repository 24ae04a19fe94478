//! When an agent stands for election, which seats it asks, and what it takes to be elected.
//!
//! Nothing is written before a majority of seats was waited for: one that is cut off from the others
//! disturbs nobody. Random waits prevent endless ties.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt as _;

use crate::core::breakage::{Breakage, broken};
use crate::core::call::Outbox;
use crate::core::note::{Note, StepDown};
use crate::domain::control::StateRef;
use crate::domain::{Epoch, Moment, RegionId};

use super::seat::SeatWatch;
use super::{Election, Role, Turn, lease_end_of, ms};

impl Election {
    /// How long a candidate waits for its takes: one call and one reading back.
    pub(super) fn patience(&self) -> Duration {
        ms(self.timing.table_call_ms) * 2
    }

    /// Seats that this agent may take: waited for, each by itself, and with no call under way.
    pub(super) fn takeable(&self) -> BTreeSet<RegionId> {
        let lease = ms(self.timing.lease_ms);
        self.seats
            .iter()
            .filter(|(_, watch)| {
                let shared = broken(Breakage::SharedWait)
                    && self.seats.values().any(|other| other.waited(lease));
                watch.idle() && (watch.waited(lease) || shared)
            })
            .map(|(seat, _)| seat.clone())
            .collect()
    }

    /// A seat that somebody took in vain stands above this leader's epoch, and no write may lower
    /// it: it would be missing from the quorum for good. Once it has been still for a lease, the
    /// leader begins a new term above it, as any candidate would, but for its own seats, whose lease
    /// it has just ended itself.
    pub(super) fn outgrow(&mut self, now: Moment, epoch: Epoch, out: &mut Outbox) -> Option<Turn> {
        let lease = ms(self.timing.lease_ms);
        let above = |watch: &SeatWatch| {
            watch.waited(lease) && watch.counting().is_some_and(|seen| seen.seat.epoch > epoch)
        };
        let own = |watch: &SeatWatch| {
            watch.counting().is_some_and(|seen| {
                let beat = &seen.seat.beat;
                seen.seat.epoch == epoch && beat.agent == self.agent && beat.boot == self.boot
            })
        };
        if !self.seats.values().any(|watch| watch.idle() && above(watch)) {
            return None;
        }
        let asked: BTreeSet<RegionId> = self
            .seats
            .iter()
            .filter(|(_, watch)| watch.idle() && (above(watch) || own(watch)))
            .map(|(seat, _)| seat.clone())
            .collect();
        if asked.len() < self.majority() {
            return None;
        }
        let turn = self.step_down(now, out, StepDown::Outgrown);
        self.stand(now, asked, out);
        turn
    }

    pub(super) fn consider_standing(&mut self, now: Moment, out: &mut Outbox) {
        let Role::Follower { stand_at } = self.role else { return };
        if self.off || self.roster.is_none() || now < self.stand_from {
            return;
        }
        let takeable = self.takeable();
        if takeable.len() < self.majority() {
            // A reading under way hides a seat for a moment; only a change of beat resets the wait.
            let waited = self.seats.values().filter(|w| w.waited(ms(self.timing.lease_ms))).count();
            if waited < self.majority() {
                self.role = Role::Follower { stand_at: None };
            }
            return;
        }
        match stand_at {
            None => {
                let spread_ms = self.timing.stand_spread_ms;
                let wait_ms = if spread_ms == 0 { 0 } else { self.rng.random_range(0..spread_ms) };
                self.role = Role::Follower { stand_at: Some(now + ms(wait_ms)) };
                if wait_ms == 0 {
                    self.consider_standing(now, out);
                }
            }
            Some(at) if now >= at => self.stand(now, takeable, out),
            Some(_) => {}
        }
    }

    pub(super) fn stand(&mut self, now: Moment, asked: BTreeSet<RegionId>, out: &mut Outbox) {
        let known = self.epoch_max;
        let epoch = if broken(Breakage::EpochNotRaised) { known } else { known.next() };
        self.epoch_max = epoch;
        out.note(Note::Stood { epoch, seats: asked.iter().cloned().collect() });
        self.role = Role::Candidate {
            epoch,
            started: now,
            asked: asked.clone(),
            took: BTreeMap::new(),
            refused: BTreeSet::new(),
        };
        for seat in asked {
            self.swap(now, &seat, epoch, None, out);
        }
    }

    pub(super) fn count_votes(&mut self, now: Moment, out: &mut Outbox) -> Option<Turn> {
        let majority = self.majority();
        let Role::Candidate { epoch, started, took, .. } = &self.role else { return None };
        if took.len() < majority {
            return None;
        }
        let (epoch, started) = (*epoch, *started);
        let states: Vec<(RegionId, StateRef)> =
            took.iter().map(|(seat, state)| (seat.clone(), *state)).collect();
        let acked_from: BTreeMap<RegionId, Moment> =
            took.keys().map(|seat| (seat.clone(), started)).collect();
        let lease_end = lease_end_of(&acked_from, majority, &self.timing);
        if now >= lease_end {
            self.not_elected(out);
            return None;
        }
        out.note(Note::Elected { epoch, seats: acked_from.keys().cloned().collect() });
        self.role = Role::Leader { epoch, acked_from, lease_end };
        self.carried.clear();
        // The other seats are asked to follow at once, so that the lease rests on all of them.
        for watch in self.seats.values_mut() {
            watch.next_at = watch.next_at.min(now + ms(self.timing.renew_ms) / 4);
        }
        Some(Turn::Elected { epoch, states })
    }

    pub(super) fn not_elected(&mut self, out: &mut Outbox) {
        if let Role::Candidate { epoch, .. } = self.role {
            out.note(Note::NotElected { epoch });
            self.become_follower();
        }
    }
}
