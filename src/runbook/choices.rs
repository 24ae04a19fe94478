//! What a person may do about a run now, and why not the rest.

use serde::Serialize;

use super::procedure::Procedure;
use super::progress::Progress;
use super::run::Run;
use super::table::StepStatus;

/// Something that a person may want.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "act")]
#[expect(missing_docs, reason = "the field is the step, in all")]
pub enum Act {
    /// Say yes.
    Approve { step: usize },
    /// Say no.
    Reject { step: usize },
    /// Have what is stuck tried again.
    Retry { step: usize },
    /// Go on without what is stuck.
    Skip { step: usize },
    /// Have everything undone.
    Abort,
}

/// Something that a person may want, and whether it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What.
    #[serde(flatten)]
    pub act: Act,
    /// Why not; none if it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Run {
    /// What a person may do now. Nothing once the run is over.
    #[must_use]
    pub fn choices(&self) -> Vec<Choice> {
        match self.progress() {
            Some(progress) if !self.status().is_final() => choices(progress, self.procedure()),
            _ => Vec::new(),
        }
    }
}

fn choices(progress: &Progress, procedure: &Procedure) -> Vec<Choice> {
    let may = |act| Choice { act, refused: None };
    let abort = progress.may_abort(procedure);
    let forward = progress.is_forward();
    let mut choices = Vec::new();
    for (step, state) in progress.steps().iter().enumerate() {
        let spec = &procedure.steps[step];
        let undo_by_hand = spec.undo.as_ref().is_some_and(|it| it.action.is_for_a_person());
        match state.status {
            StepStatus::Asked if forward => {
                choices.extend([may(Act::Approve { step }), may(Act::Reject { step })]);
            }
            StepStatus::Undoing if undo_by_hand => {
                choices.extend([may(Act::Approve { step }), may(Act::Reject { step })]);
            }
            StepStatus::Stuck if forward => choices.extend([
                may(Act::Retry { step }),
                Choice { act: Act::Skip { step }, refused: progress.may_skip(spec, state).err() },
            ]),
            StepStatus::UndoStuck => {
                choices.extend([may(Act::Retry { step }), may(Act::Skip { step })]);
            }
            _ => {}
        }
    }
    choices.push(Choice { act: Act::Abort, refused: abort.err() });
    choices
}
