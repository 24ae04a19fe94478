//! A runbook bound to its arguments: an immutable plan.
//!
//! It leaves whoever executes it no choices, and refers to no file: it is frozen into the journal
//! when a run begins, and a successor with other files executes the same. A sub-runbook's steps
//! stand in it like all others, prefixed with the step that called for them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::action::Action;
use crate::domain::autonomy::ActionKind;

/// Most steps of a procedure. It is kept in the control state together with its log, and an item
/// holds 400 KB (DynamoDB, "Service quotas").
pub const STEPS_MAX: usize = 60;

/// Most attempts that a step makes by itself. More is a matter for a person.
pub const ATTEMPTS_MAX: u32 = 10;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    /// The runbook that it was made of.
    pub book: String,
    /// What it does, in a line.
    pub title: String,
    /// The arguments that it was bound to, for people.
    pub arguments: BTreeMap<String, String>,
    /// Its steps. A step needs only steps that stand before it.
    pub steps: Vec<Step>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name: `shift-traffic`, or `evacuate/shift-traffic` within a sub-runbook.
    pub id: String,
    /// What it does.
    pub action: Action,
    /// The steps, by index, that must be done or skipped before it begins.
    pub needs: BTreeSet<usize>,
    /// Longest time for one attempt, in seconds. For a question, until it expires.
    pub timeout_s: u32,
    /// How long it usually takes, in seconds, for those who wait; nothing rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_s: Option<u32>,
    /// What follows when an attempt fails.
    pub on_failure: OnFailure,
    /// What takes its effect back; none when there is nothing to take back, or no way.
    pub undo: Option<Undo>,
    /// Once it has begun there is only forward.
    pub one_way: bool,
    /// The rule of the fleet that says whether a person must be asked first; none for what changes
    /// nothing.
    pub autonomy: Option<ActionKind>,
}

/// How a step's effect is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// What does it.
    pub action: Action,
    /// Longest time for one attempt, in seconds.
    pub timeout_s: u32,
}

/// What follows when an attempt of a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// A person decides.
    Stop,
    /// Everything that was begun is undone. Behind the point of no return a person decides.
    Undo,
    /// It is tried again, up to this many attempts in all; then a person decides.
    Retry {
        /// Attempts in all.
        attempts_max: u32,
    },
    /// The run goes on without it.
    Skip,
}

/// Why a procedure can't be executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Nothing to do.
    #[error("the procedure has no steps")]
    Empty,
    /// More than can be kept.
    #[error("the procedure has {0} steps; at most {STEPS_MAX} can be kept in the journal")]
    TooLong(usize),
    /// A step that needs itself or a later one.
    #[error("step {step} needs step {needs}, which does not stand before it")]
    Order {
        /// The step's index.
        step: usize,
        /// What it needs.
        needs: usize,
    },
}

impl Procedure {
    /// Whether it can be executed.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Unsound> {
        if self.steps.is_empty() {
            return Err(Unsound::Empty);
        }
        if self.steps.len() > STEPS_MAX {
            return Err(Unsound::TooLong(self.steps.len()));
        }
        for (step, spec) in self.steps.iter().enumerate() {
            if let Some(&needs) = spec.needs.iter().find(|&&needs| needs >= step) {
                return Err(Unsound::Order { step, needs });
            }
        }
        Ok(())
    }

    /// The index of the step with this name.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }
}
