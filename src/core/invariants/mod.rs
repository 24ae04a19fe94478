//! What must never be, as small judges: one file each, with the source of its rule.
//!
//! They judge facts (what was written, applied, sent, acted upon) and never call the planner or the
//! safety rules that they check; `explained` alone lets the planner run again, as a replay. The
//! simulator, the drills and the model feed the same judges; a judge to whom a stage can't tell the
//! facts stays silent there.

mod agreed_upon;
mod begun_before_moved;
mod bounded_queues;
mod committed_is_kept;
mod consent;
mod deposed_is_silent;
mod epochs_never_fall;
mod explained;
mod fact;
mod fewest_in_service;
mod fine_is_not_drained;
mod gate_by_commit;
mod gate_opens_in_time;
mod gates_leave_somebody;
mod known;
mod lease_ends_in_time;
mod never_nothing;
mod one_acting_leader;
mod one_promotion;
mod only_committed_is_applied;
mod ordered_once;
mod pair;
mod paused_decides_nothing;
mod written_beside;

use crate::domain::{Fleet, Moment};

pub use fact::{Act, Fact, Part, RecordParts, Saying, note_part};
use known::Known;

/// Violations that are kept: whoever reads them needs the first few, and one broken rule can break
/// at every fact that follows.
const BROKEN_MAX: usize = 100;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{at}: {invariant} was broken: {what}")]
pub struct Violation {
    /// When.
    pub at: Moment,
    /// Which.
    pub invariant: &'static str,
    /// How.
    pub what: String,
}

/// One invariant.
trait Judge {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Judges a fact, given all before it.
    fn judge(&mut self, at: Moment, fact: &Fact, known: &Known) -> Result<(), String>;
}

/// Declares the judges as fields, so that a whole court can be copied and compared.
macro_rules! court {
    ($($field:ident: $judge:ty = $new:expr,)*; $fleet:ident) => {
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        struct Court {
            $($field: $judge,)*
        }

        impl Court {
            fn new($fleet: &Fleet) -> Self {
                Self { $($field: $new,)* }
            }

            fn judge(
                &mut self,
                at: Moment,
                fact: &Fact,
                known: &Known,
                mut broken: impl FnMut(&'static str, String),
            ) {
                $(if let Err(what) = self.$field.judge(at, fact, known) {
                    broken(self.$field.name(), what);
                })*
            }
        }
    };
}

court! {
    one_acting_leader: one_acting_leader::OneActingLeader = Default::default(),
    lease_ends_in_time: lease_ends_in_time::LeaseEndsInTime =
        lease_ends_in_time::LeaseEndsInTime::new(fleet),
    epochs_never_fall: epochs_never_fall::EpochsNeverFall = Default::default(),
    deposed_is_silent: deposed_is_silent::DeposedIsSilent = Default::default(),
    committed_is_kept: committed_is_kept::CommittedIsKept = Default::default(),
    only_committed_is_applied: only_committed_is_applied::OnlyCommittedIsApplied =
        only_committed_is_applied::OnlyCommittedIsApplied::new(fleet),
    explained: explained::Explained = Default::default(),
    never_nothing: never_nothing::NeverNothing = never_nothing::NeverNothing,
    fewest_in_service: fewest_in_service::FewestInService =
        fewest_in_service::FewestInService::new(fleet),
    agreed_upon: agreed_upon::AgreedUpon = agreed_upon::AgreedUpon::new(fleet),
    fine_is_not_drained: fine_is_not_drained::FineIsNotDrained = Default::default(),
    consent: consent::ConsentIsAsked = consent::ConsentIsAsked::new(fleet),
    gate_by_commit: gate_by_commit::GateByCommit = gate_by_commit::GateByCommit::new(fleet),
    gate_opens_in_time: gate_opens_in_time::GateOpensInTime =
        gate_opens_in_time::GateOpensInTime::new(fleet),
    gates_leave_somebody: gates_leave_somebody::GatesLeaveSomebody =
        gates_leave_somebody::GatesLeaveSomebody::new(fleet),
    one_promotion: one_promotion::OnePromotion = Default::default(),
    begun_before_moved: begun_before_moved::BegunBeforeMoved =
        begun_before_moved::BegunBeforeMoved::new(fleet),
    paused_decides_nothing: paused_decides_nothing::PausedDecidesNothing = Default::default(),
    ordered_once: ordered_once::OrderedOnce = Default::default(),
    written_beside: written_beside::WrittenBeside =
        written_beside::WrittenBeside::new(fleet),
    bounded_queues: bounded_queues::BoundedQueues = bounded_queues::BoundedQueues::new(fleet),
    ; fleet
}

/// Every invariant, over one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Invariants {
    court: Court,
    known: Known,
    suspended: Vec<&'static str>,
    broken: Vec<Violation>,
}

impl Invariants {
    /// Judges for this fleet, before anything has happened.
    #[must_use]
    pub fn new(fleet: &Fleet) -> Self {
        Self {
            court: Court::new(fleet),
            known: Known::new(fleet),
            suspended: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Judges no longer by these, named as in [`Violation::invariant`]: a run may break their
    /// premises.
    pub fn suspend(&mut self, invariants: Vec<&'static str>) {
        self.suspended = invariants;
    }

    /// For a run whose clocks drift beyond the margin: leases may overlap then, and only what rests
    /// on no time must hold.
    pub fn excuse_leases(&mut self) {
        self.known.clocks_keep = false;
    }

    /// Judges a fact.
    pub fn judge(&mut self, at: Moment, fact: &Fact) {
        self.hear(at, fact);
        if let Some(name) = self.known.learn(at, fact) {
            let committed = Fact::Committed { name };
            self.hear(at, &committed);
            self.known.learn(at, &committed);
        }
    }

    fn hear(&mut self, at: Moment, fact: &Fact) {
        let (broken, suspended) = (&mut self.broken, &self.suspended);
        self.court.judge(at, fact, &self.known, |invariant, what| {
            if broken.len() < BROKEN_MAX && !suspended.contains(&invariant) {
                broken.push(Violation { at, invariant, what });
            }
        });
    }

    /// What was broken so far: the first hundred at most.
    #[must_use]
    pub fn broken(&self) -> &[Violation] {
        &self.broken
    }
}

#[cfg(test)]
mod testing;
