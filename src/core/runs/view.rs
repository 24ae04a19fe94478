//! What people see of a run.

use serde::{Deserialize, Serialize};

use crate::runbook::{Act, Action, Run, RunStatus, StepStatus};

use super::{Kept, Runs, in_doubt, times};

/// A run as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunView {
    /// What it does.
    pub title: String,
    /// Who started it; none for the fleet itself.
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// When, in RFC 3339.
    pub at: String,
    /// Where it stands: a word, such as `running`.
    pub status: String,
    /// Whether nothing will ever follow.
    pub over: bool,
    /// Whether it goes on only when a person has answered.
    pub waits: bool,
    /// Whether it goes on only when a person has decided what to do about a failure.
    pub stuck: bool,
    /// Whether nobody knows if a request to move a writer had, or will have, its effect.
    #[serde(default)]
    pub in_doubt: bool,
    /// Its steps.
    pub steps: Vec<StepView>,
    /// What a person may do about it now.
    pub choices: Vec<String>,
}

/// A step as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// Its name.
    pub step: String,
    /// What it does.
    pub does: String,
    /// Where it stands.
    pub status: StepStatus,
    /// The attempt that is, or was, under way.
    pub attempt: u32,
    /// When that began or ended last, in RFC 3339.
    pub at: Option<String>,
    /// What was last told of it.
    pub told: Option<String>,
    /// How long its last attempt took, or has taken by now, in milliseconds.
    #[serde(default)]
    pub took_ms: Option<u64>,
    /// How long it usually takes, in milliseconds.
    #[serde(default)]
    pub usual_ms: Option<u64>,
    /// What it waits for now, as the leader says.
    #[serde(default)]
    pub waits_for: Option<String>,
}

impl RunView {
    /// Draws a run, one of these; `at` is the time by the drawer's wall clock, in RFC 3339.
    #[must_use]
    pub fn of(name: &str, kept: &Kept, runs: &Runs, at: &str) -> Self {
        let run = &kept.run;
        let last = |step: usize| {
            run.log().iter().rev().find(|it| it.event.step() == Some(step))?.at.clone()
        };
        let steps = run.procedure().steps.iter().zip(run.steps()).enumerate();
        let status = run.status();
        Self {
            title: run.procedure().title.clone(),
            by: kept.by.clone(),
            reason: kept.reason.clone(),
            at: kept.at.clone(),
            status: status.label().to_owned(),
            over: status.is_final(),
            waits: matches!(status, RunStatus::WaitingForPerson { .. }),
            stuck: matches!(
                status,
                RunStatus::Stuck { .. } | RunStatus::UndoStuck { .. } | RunStatus::Broken { .. }
            ),
            in_doubt: moves(run).any(|(step, back)| in_doubt(run, step, back)),
            steps: steps
                .map(|(index, (spec, state))| StepView {
                    step: spec.id.clone(),
                    does: spec.action.to_string(),
                    status: state.status,
                    attempt: state.attempt,
                    at: last(index),
                    told: state.told.clone(),
                    took_ms: times::took_ms(run, index, times::unix_ms(at)),
                    usual_ms: times::usual_ms(name, run, index, runs),
                    waits_for: None,
                })
                .collect(),
            choices: commands(name, run),
        }
    }
}

/// The steps that move a writer, forward or back.
fn moves(run: &Run) -> impl Iterator<Item = (usize, bool)> {
    let is_move =
        |action: &Action| matches!(action, Action::SwitchOver { .. } | Action::Promote { .. });
    run.procedure().steps.iter().enumerate().flat_map(move |(step, spec)| {
        let back = spec.undo.as_ref().is_some_and(|undo| is_move(&undo.action));
        [(is_move(&spec.action), false), (back, true)]
            .into_iter()
            .filter_map(move |(moves, back)| moves.then_some((step, back)))
    })
}

/// What a person may do about a run now, as commands.
#[must_use]
pub fn commands(name: &str, run: &Run) -> Vec<String> {
    let id = |step: usize| run.procedure().steps[step].id.as_str();
    let command = |act: Act| match act {
        Act::Approve { step } => format!("regent approve run:{name}:{}", id(step)),
        Act::Reject { step } => format!("regent reject run:{name}:{} --reason …", id(step)),
        Act::Retry { step } => format!("regent runbook retry {name} {}", id(step)),
        Act::Skip { step } => format!("regent runbook skip {name} {} --reason …", id(step)),
        Act::Abort => format!("regent runbook abort {name} --reason …"),
    };
    let may = run.choices().into_iter().filter(|it| it.refused.is_none());
    may.map(|it| command(it.act)).collect()
}
