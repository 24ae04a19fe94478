//! What clients and operators were told, held against what then was.
//!
//! A judge of the fleet's word: who is told that a decision is committed, or that a batch was
//! accepted, must be able to rely on it. What timed out is *unknown*: it may have happened or not,
//! and nothing is concluded from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::invariants::{Fact, Violation};
use crate::core::{Note, Outcome, Request};
use crate::domain::record::RecordChange;
use crate::domain::{AgentId, Epoch, Fence, Moment, RegionId, StateName, ZoneBatch, ZoneId};

/// Names a batch: its zone, and the fence that it sets.
pub(super) type BatchKey = (ZoneId, Epoch, u64);

/// See the file's opening.
#[derive(Debug)]
pub(super) struct Oracle {
    seats: usize,
    /// Batches that were sent, with their changes, and whether they landed.
    batches: BTreeMap<BatchKey, (ZoneBatch, bool)>,
    /// Seats that ever pointed to a state.
    pointed: BTreeMap<StateName, BTreeSet<RegionId>>,
    told_committed: Option<StateName>,
    broken: Vec<Violation>,
}

/// The fence that a batch sets.
fn fence_of(batch: &ZoneBatch) -> Option<Fence> {
    batch.changes.iter().find_map(|change| match change {
        RecordChange::Create(record) => Fence::in_record(record),
        RecordChange::Delete(_) => None,
    })
}

impl Oracle {
    pub(super) fn new(seats: usize) -> Self {
        Self {
            seats,
            batches: BTreeMap::new(),
            pointed: BTreeMap::new(),
            told_committed: None,
            broken: Vec::new(),
        }
    }

    fn broken(&mut self, at: Moment, invariant: &'static str, what: String) {
        self.broken.push(Violation { at, invariant, what });
    }

    /// What was not so.
    pub(super) fn violations(&self) -> &[Violation] {
        &self.broken
    }

    /// The name of the batch that a request carries.
    pub(super) fn key(&self, request: &Request) -> Option<BatchKey> {
        let Request::ChangeZone { batch } = request else { return None };
        fence_of(batch).map(|fence| (batch.zone.clone(), fence.epoch, fence.attempt))
    }

    /// A batch leaves its leader.
    pub(super) fn sent(&mut self, at: Moment, batch: &ZoneBatch) {
        let Some(fence) = fence_of(batch) else {
            let what = format!("a batch for {} sets no fence", batch.zone);
            return self.broken(at, "every batch is fenced", what);
        };
        let key = (batch.zone.clone(), fence.epoch, fence.attempt);
        if let Some((before, _)) = self.batches.get(&key) {
            if before.changes != batch.changes {
                let what = format!("two batches for {} set the fence \"{fence}\"", batch.zone);
                self.broken(at, "every attempt has a fresh number", what);
            }
            return;
        }
        self.batches.insert(key, (batch.clone(), false));
    }

    /// A batch reached Route 53.
    pub(super) fn landed(&mut self, at: Moment, key: &BatchKey, outcome: &Outcome) {
        if outcome.is_err() {
            return;
        }
        let Some((_, landed)) = self.batches.get_mut(key) else { return };
        if std::mem::replace(landed, true) {
            let what = format!("attempt {} of epoch {} for {} landed twice", key.2, key.1, key.0);
            self.broken(at, "a batch lands once", what);
        }
    }

    pub(super) fn fact(&mut self, fact: &Fact) {
        if let Fact::SeatWritten { region, seat } = fact {
            self.pointed.entry(seat.committed.name).or_default().insert(region.clone());
        }
    }

    /// A brain told people something.
    pub(super) fn told(&mut self, at: Moment, agent: &AgentId, note: &Note) {
        match note {
            Note::Committed { name, .. } => {
                let holders = self.pointed.get(name).map_or(0, BTreeSet::len);
                if holders * 2 <= self.seats {
                    let what = format!(
                        "{agent} told that {name} is committed, and {holders} of {} seats ever \
                         pointed to it",
                        self.seats
                    );
                    self.broken(at, "what is told to be committed is", what);
                }
                self.told_committed = self.told_committed.max(Some(*name));
            }
            Note::ZoneChanged { zone, attempt, .. } => {
                let landed = self.batches.iter().any(|((of, _, number), (_, landed))| {
                    of == zone && number == attempt && *landed
                });
                if !landed {
                    let what = format!("{agent} told of attempt {attempt} for {zone}: none landed");
                    self.broken(at, "what is told to be changed is", what);
                }
            }
            _ => {}
        }
    }

    /// At the end, once all is well: nothing that people were told is lost.
    pub(super) fn at_the_end(&mut self, at: Moment) {
        let committed = self
            .pointed
            .iter()
            .rev()
            .find(|(_, holders)| holders.len() * 2 > self.seats)
            .map(|(name, _)| *name);
        if committed < self.told_committed
            && let Some(told) = self.told_committed
        {
            let what = format!("{told} was told to be committed and is above all that is");
            self.broken(at, "what is told to be committed is kept", what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Refusal, Response};
    use crate::domain::CallFailure;
    use crate::domain::record::{ChangeId, RecordSet};

    fn batch(attempt: u64, comment: &str) -> ZoneBatch {
        let fence = Fence { fleet: "f".parse().expect("valid"), epoch: Epoch(2), attempt };
        let name = "_regent-f.example.".parse().expect("valid");
        let record: RecordSet = fence.record_set(&name);
        let mut changes = vec![RecordChange::Create(record.clone())];
        if comment == "more" {
            changes.push(RecordChange::Delete(record));
        }
        ZoneBatch { zone: "Z1".parse().expect("valid"), changes, comment: comment.to_owned() }
    }

    fn changed(attempt: u64) -> Note {
        Note::ZoneChanged { zone: "Z1".parse().expect("valid"), attempt, what: String::new() }
    }

    #[test]
    fn a_batch_that_is_told_of_must_have_landed_and_an_unknown_one_may_have() {
        let mut oracle = Oracle::new(3);
        let agent: AgentId = "a".parse().expect("valid");
        oracle.sent(Moment::ZERO, &batch(1, ""));
        let key = ("Z1".parse().expect("valid"), Epoch(2), 1);
        let unknown = Err(Refusal::Failed(CallFailure::unknown("late")));
        oracle.landed(Moment::ZERO, &key, &unknown);
        assert_eq!(oracle.violations(), [], "unknown is nobody's word");
        oracle.told(Moment::ZERO, &agent, &changed(1));
        assert_eq!(oracle.violations().len(), 1);
        oracle.landed(Moment::ZERO, &key, &Ok(Response::Changed(ChangeId("c".to_owned()))));
        oracle.told(Moment::ZERO, &agent, &changed(1));
        assert_eq!(oracle.violations().len(), 1);
    }

    #[test]
    fn an_attempt_with_two_contents_is_caught() {
        let mut oracle = Oracle::new(3);
        oracle.sent(Moment::ZERO, &batch(1, ""));
        oracle.sent(Moment::ZERO, &batch(1, ""));
        assert_eq!(oracle.violations(), []);
        oracle.sent(Moment::ZERO, &batch(1, "more"));
        assert_eq!(oracle.violations().len(), 1);
    }

    #[test]
    fn a_commitment_needs_a_majority_and_stays() {
        let mut oracle = Oracle::new(3);
        let agent: AgentId = "a".parse().expect("valid");
        let name = StateName { epoch: Epoch(1), seq: 1 };
        let told = Note::Committed { name, changes: Vec::new() };
        let seat = crate::domain::seat::Seat {
            incarnation: crate::domain::seat::Incarnation("one".to_owned()),
            epoch: Epoch(1),
            holder: None,
            lease_ms: 5000,
            beat: "x/01/1".parse().expect("valid"),
            committed: crate::domain::StateRef {
                name,
                digest: crate::domain::digest::Digest::of(b"x"),
            },
        };
        for region in ["x", "y"] {
            let region = region.parse().expect("valid");
            oracle.fact(&Fact::SeatWritten { region, seat: seat.clone() });
            oracle.told(Moment::ZERO, &agent, &told);
        }
        assert_eq!(oracle.violations().len(), 1, "one seat is no majority, two are");
        oracle.at_the_end(Moment::ZERO);
        assert_eq!(oracle.violations().len(), 1);
    }
}
