//! Which interesting states a run reached: a swarm that never reaches them proves nothing.
//!
//! Everything counted here is listed, so that what stays at zero can be told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::core::Note;
use crate::core::explain::{Cause, Reason};
use crate::core::invariants::{Fact, Part};
use crate::core::note::{Lost, StepDown};
use crate::domain::observation::Course;
use crate::domain::{Epoch, FailureClass, RegionId, StateName};

/// States that a swarm must reach. The lease's own are here too: a swarm in which no lease ever ran
/// out has not tried the fleet.
pub(super) const MUST: &[&str] = &[
    "a batch landed after its deadline",
    "a batch's outcome was unknown",
    "a decision was blocked",
    "a fence rejected a deposed leader's batch",
    "a hand edit was put right",
    "a leader was outbid",
    "a leader woke up after its lease",
    "a lease ran out",
    "a predecessor's batch landed before the claim",
    "a seat was found lost",
    "a seat write landed after its deadline",
    "a takeover",
    "a takeover dropped a half-way plan",
    "a takeover finished a half-way plan",
    "a timed-out write had taken effect",
    "an order was carried out",
    "a zone was held",
    "an election without a winner",
    "an order was carried out",
    "an order was refused",
    "two acted at once, their clocks beyond the margin",
];

/// Counters of one run, or the sum of many.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Interesting states reached.
    pub states: BTreeMap<&'static str, u64>,
    /// Faults injected, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Decisions committed, by reason, and what else leaders did.
    pub decisions: BTreeMap<&'static str, u64>,
    #[serde(skip)]
    seats: usize,
    #[serde(skip)]
    shown: BTreeMap<RegionId, StateName>,
    #[serde(skip)]
    committed: BTreeSet<StateName>,
    #[serde(skip)]
    put: BTreeSet<StateName>,
    #[serde(skip)]
    epoch_max: Epoch,
    /// Whether what is done now is done because the run's end asks for it.
    #[serde(skip)]
    pub(super) rehearses: bool,
}

impl Coverage {
    pub(super) fn new(seats: usize) -> Self {
        Self { seats, ..Self::default() }
    }

    pub(super) fn count(&mut self, state: &'static str) {
        *self.states.entry(state).or_default() += 1;
    }

    pub(super) fn count_fault(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    fn decided(&mut self, kind: &'static str) {
        *self.decisions.entry(kind).or_default() += 1;
    }

    /// Adds another run's.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in [
            (&mut self.states, &other.states),
            (&mut self.faults, &other.faults),
            (&mut self.decisions, &other.decisions),
        ] {
            for (name, count) in theirs {
                *mine.entry(name).or_default() += count;
            }
        }
    }

    /// Interesting states that were never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        MUST.iter().filter(|state| !self.states.contains_key(*state)).copied().collect()
    }

    /// The highest epoch that took a seat.
    pub(super) fn epoch_max(&self) -> Epoch {
        self.epoch_max
    }

    /// The newest state to which a majority of seats came to point.
    pub(super) fn newest_committed(&self) -> StateName {
        self.committed.last().copied().unwrap_or_default()
    }

    /// A write took effect after its sender's deadline, or tried to.
    pub(super) fn landed_late(&mut self, seat: bool, batch: bool, took_effect: bool) {
        match (seat, batch, took_effect) {
            (true, _, true) => self.count("a seat write landed after its deadline"),
            (true, _, false) => self.count("a late seat write was refused"),
            (_, true, true) => self.count("a batch landed after its deadline"),
            (_, true, false) => self.count("a late batch was refused"),
            _ => {}
        }
    }

    pub(super) fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::StatePut { state, .. } => {
                if self.put.insert(state.name)
                    && let Cause::Adopted { from } = state.cause
                {
                    self.taken_over(state.name, from);
                }
            }
            Fact::SeatWritten { region, seat } => {
                self.epoch_max = self.epoch_max.max(seat.epoch);
                let name = seat.committed.name;
                self.shown.insert(region.clone(), name);
                let holders = self.shown.values().filter(|shown| **shown == name).count();
                if holders * 2 > self.seats {
                    self.committed.insert(name);
                }
            }
            Fact::ZoneApplied { by: Some(_), before, after, .. } => {
                for (key, now) in after {
                    let led = |id: &String| before.get(key).and_then(|parts| parts.get(id));
                    let comes_to_lead = |(id, part): (&String, &Part)| {
                        *part == Part::Primary && led(id) == Some(&Part::Secondary)
                    };
                    if now.iter().any(comes_to_lead) {
                        self.count(if self.rehearses {
                            "a failover pair was swapped in a rehearsal"
                        } else {
                            "a failover pair was swapped"
                        });
                    }
                }
            }
            _ => {}
        }
    }

    fn taken_over(&mut self, by: StateName, from: StateName) {
        if from.epoch == Epoch::ZERO {
            return;
        }
        self.count("a takeover");
        if !self.committed.contains(&from) {
            self.count("a takeover finished a half-way plan");
        }
        if self.put.range(..by).next_back().is_some_and(|last| *last > from) {
            self.count("a takeover dropped a half-way plan");
        }
    }

    pub(super) fn note(&mut self, note: &Note) {
        match note {
            Note::Elected { .. } => self.decided("elected"),
            Note::NotElected { .. } => self.count("an election without a winner"),
            Note::SteppedDown { why, .. } => self.count(match why {
                StepDown::LeaseEnded => "a lease ran out",
                StepDown::Outbid => "a leader was outbid",
                StepDown::FencedOff => "a leader was fenced off",
                StepDown::Outgrown => "a leader was outgrown",
                StepDown::SwitchedOff => "a leader was switched off",
                StepDown::JournalDamaged => "a leader found the journal damaged",
            }),
            Note::SeatLost { why, .. } => {
                self.count("a seat was found lost");
                self.count(match why {
                    Lost::Missing => "a seat was missing",
                    Lost::Recreated => "a seat was made anew",
                    Lost::GoneBack => "a seat had gone back",
                });
            }
            Note::Committed { changes, .. } => {
                for change in changes {
                    self.decided(match change.reason {
                        Reason::Down => "out: down",
                        Reason::CutOff => "out: cut off",
                        Reason::Recovered => "back: recovered",
                        Reason::Ordered => "out: ordered",
                        Reason::WriterElsewhere => "out: the writer is elsewhere",
                        Reason::Configured => "as configured",
                    });
                }
            }
            Note::Ordered { refused, .. } => self.count(match refused {
                None => "an order was carried out",
                Some(_) => "an order was refused",
            }),
            Note::Ran { needs_person, .. } => {
                self.count(if *needs_person { "a run asked a person" } else { "a run went on" })
            }
            Note::Notice { .. } => self.count("people were told"),
            Note::NoticeSent { .. } => self.count("a topic took a notice"),
            Note::NoticeFailed { .. } => self.count("a topic did not take a notice"),
            Note::NoticeGivenUp { .. } => self.count("a notice was given up"),
            Note::Blocked { blocked } => {
                for block in blocked {
                    self.count("a decision was blocked");
                    self.decided(block.by.label());
                }
            }
            Note::ZoneClaimed { .. } => self.decided("zone claimed"),
            Note::ZoneChanged { .. } => self.decided("zone changed"),
            Note::ZoneRefused { class, .. } => self.count(match class {
                FailureClass::Conflict => "a batch was refused as conflict",
                FailureClass::Unknown => "a batch's outcome was unknown",
                FailureClass::Transient => "a batch was refused for now",
                FailureClass::Fenced => "a batch was fenced",
                FailureClass::Permanent => "a batch was refused for good",
            }),
            Note::ZoneHeld { .. } => self.count("a zone was held"),
            Note::ZoneOdd { .. } => self.count("a zone was odd"),
            Note::Switched { .. } => self.count("an agent was switched off or on"),
            Note::SecondSelf { .. } => self.count("an agent met itself"),
            Note::ProbesLate { .. } => self.count("probes were late"),
            Note::Trouble { .. } => self.count("a call failed in a way that should not happen"),
            Note::SeatSetDiffers { .. } => self.count("a seat set differed"),
            Note::Drift { course, .. } => self.count(match course {
                Course::Corrected => "an edit was noticed and put right",
                Course::Kept => "an edit was kept",
                Course::Stopped => "an edit was put right too often",
                Course::Noticed => "an edit was noticed",
            }),
            Note::AnswersVerified { .. } => self.count("name servers answered as wanted"),
            Note::AnswersDiffer { difference, .. } => self.count(match difference {
                Some(_) => "name servers differed from what was wanted",
                None => "name servers answered as wanted again",
            }),
            Note::Stood { .. } | Note::ZoneInsync { .. } | Note::Signals { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{RecordKey, RecordType};

    fn put(epoch: u64, seq: u64, adopts: Option<(u64, u64)>) -> Fact {
        let name = |(epoch, seq)| StateName { epoch: Epoch(epoch), seq };
        let cause = match adopts {
            Some(from) => Cause::Adopted { from: name(from) },
            None => Cause::Genesis,
        };
        let state = crate::core::explain::State {
            name: name((epoch, seq)),
            fleet: "f".parse().expect("valid"),
            seats: BTreeMap::new(),
            wanted: BTreeMap::new(),
            steering: crate::domain::steering::Steering::default(),
            runs: BTreeMap::new(),
            by: "a".parse().expect("valid"),
            at: String::new(),
            cause,
        };
        let digest = crate::domain::digest::Digest::of(b"x");
        Fact::StatePut { state: std::sync::Arc::new(state), digest }
    }

    #[test]
    fn a_failover_pair_that_is_swapped_in_a_rehearsal_is_told_apart() {
        use Part::{Primary, Secondary, Weight};
        let applied = |by: Option<&str>, before: [Part; 2], after: [Part; 2]| {
            let name = "web.example".parse().expect("valid");
            let key = RecordKey { name, rtype: RecordType::A };
            let parts = |[a, b]: [Part; 2]| {
                [(key.clone(), [("a".to_owned(), a), ("b".to_owned(), b)].into())].into()
            };
            Fact::ZoneApplied {
                zone: "Z1".parse().expect("valid"),
                by: by.map(|by| by.parse().expect("valid")),
                fence: None,
                before: parts(before),
                after: parts(after),
            }
        };
        let mut coverage = Coverage::new(3);
        coverage.fact(&applied(Some("a"), [Primary, Secondary], [Primary, Secondary]));
        coverage.fact(&applied(Some("a"), [Weight(0), Weight(1)], [Weight(1), Weight(0)]));
        assert_eq!(coverage.states.len(), 0);
        coverage.fact(&applied(Some("a"), [Primary, Secondary], [Secondary, Primary]));
        coverage.fact(&applied(None, [Secondary, Primary], [Primary, Secondary]));
        coverage.rehearses = true;
        coverage.fact(&applied(Some("a"), [Primary, Secondary], [Secondary, Primary]));
        for how in ["", " in a rehearsal"] {
            let state = format!("a failover pair was swapped{how}");
            assert_eq!(coverage.states.get(&*state), Some(&1), "{state}");
        }
    }

    #[test]
    fn a_takeover_in_the_middle_of_a_plan_is_told_apart() {
        let mut coverage = Coverage::new(3);
        for fact in [put(1, 1, Some((0, 0))), put(1, 2, None), put(2, 1, Some((1, 2)))] {
            coverage.fact(&fact);
        }
        assert_eq!(coverage.states["a takeover"], 1);
        assert_eq!(coverage.states["a takeover finished a half-way plan"], 1);
        coverage.fact(&put(2, 2, None));
        coverage.fact(&put(3, 1, Some((2, 1))));
        assert_eq!(coverage.states["a takeover dropped a half-way plan"], 1);
        assert!(!coverage.missing().contains(&"a takeover"));
    }
}
