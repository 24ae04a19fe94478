//! What must never be, as small judges: one file each, with the source of its rule.
//!
//! They judge facts (what was written, applied, acted upon) and never call the planner or the
//! safety rules that they check. The simulator, the drills and the tests feed the same judges.

mod committed_is_kept;
mod epochs_never_fall;
mod never_nothing;
mod one_acting_leader;
mod only_committed_is_applied;

use std::collections::BTreeMap;

use crate::domain::control::Weights;
use crate::domain::record::RecordKey;
use crate::domain::seat::Seat;
use crate::domain::{AgentId, Epoch, Fence, Moment, RegionId, StateName, ZoneId};

/// Something that was the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// These agents acted as leaders at one moment, each under its epoch.
    Acting(Vec<(AgentId, Epoch)>),
    /// A seat was written.
    SeatWritten {
        /// Whose.
        region: RegionId,
        /// What it then held.
        seat: Seat,
    },
    /// A control state was put beside a seat.
    StatePut {
        /// Its name.
        name: StateName,
        /// Its document's fingerprint.
        digest: crate::domain::digest::Digest,
        /// Its weights.
        wanted: Weights,
        /// The state that it takes over, if it is a new leader's first.
        adopts: Option<StateName>,
    },
    /// A batch was applied to a zone.
    ZoneApplied {
        /// Which.
        zone: ZoneId,
        /// The fence that it set, if it set one.
        fence: Option<Fence>,
        /// The weights of the names that it touched, as they were before.
        before: BTreeMap<RecordKey, BTreeMap<String, u8>>,
        /// The weights of the names that it touched, as they then were.
        after: BTreeMap<RecordKey, BTreeMap<String, u8>>,
    },
}

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {invariant} was broken: {what}")]
pub struct Violation {
    /// When.
    pub at: Moment,
    /// Which.
    pub invariant: &'static str,
    /// How.
    pub what: String,
}

/// One invariant. Judges are values: the model keeps them in its states, which branch.
trait Judge: std::fmt::Debug + Copied + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Judges a fact, given all before it.
    fn judge(&mut self, fact: &Fact) -> Result<(), String>;
}

/// A judge's copy, with all that it has learnt so far.
trait Copied {
    fn copied(&self) -> Box<dyn Judge>;
}

impl<J: Judge + Clone + 'static> Copied for J {
    fn copied(&self) -> Box<dyn Judge> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Judge> {
    fn clone(&self) -> Self {
        (**self).copied()
    }
}

/// Every invariant, over one run.
#[derive(Debug, Clone)]
pub struct Invariants {
    judges: Vec<Box<dyn Judge>>,
    broken: Vec<Violation>,
}

impl Invariants {
    /// Judges for a fleet with this many seats and these services' records.
    #[must_use]
    pub fn new(seats: usize, records: BTreeMap<RecordKey, crate::domain::ServiceId>) -> Self {
        Self {
            judges: vec![
                Box::new(one_acting_leader::OneActingLeader),
                Box::new(epochs_never_fall::EpochsNeverFall::default()),
                Box::new(committed_is_kept::CommittedIsKept::new(seats)),
                Box::new(never_nothing::NeverNothing),
                Box::new(only_committed_is_applied::OnlyCommittedIsApplied::new(seats, records)),
            ],
            broken: Vec::new(),
        }
    }

    /// Judges a fact.
    pub fn judge(&mut self, at: Moment, fact: &Fact) {
        for judge in &mut self.judges {
            if let Err(what) = judge.judge(fact) {
                self.broken.push(Violation { at, invariant: judge.name(), what });
            }
        }
    }

    /// What was broken so far.
    #[must_use]
    pub fn broken(&self) -> &[Violation] {
        &self.broken
    }
}
