//! What people's orders make of runs: start, answer, retry, skip, abort.
//!
//! The machine of the run says what may be; here is only what depends on the other runs and on the
//! fleet.

use std::collections::BTreeSet;

use crate::domain::order::{AskId, Order, Verb};
use crate::domain::{DatabaseId, Fleet};
use crate::runbook::{Action, Entry, Event, Procedure, Run, RunId};

use super::refused::refused;
use super::{ACTIVE_MAX, ENDED_MAX, Kept, Runs};

/// Names the question of a step.
#[must_use]
pub fn ask_id(run: &str, step: &str) -> AskId {
    AskId(format!("run:{run}:{step}"))
}

/// The run and the step that a question's name names.
fn asked(ask: &AskId) -> Option<(&str, &str)> {
    ask.0.strip_prefix("run:")?.split_once(':')
}

/// What an order makes of the runs; none for an order that is not about them.
///
/// # Errors
/// Why it is refused, in words for the one who gave it.
pub fn apply(fleet: &Fleet, runs: &Runs, order: &Order) -> Option<Result<Runs, String>> {
    let by = || order.by.clone();
    let tell = |run: &str, event: &dyn Fn(&Run) -> Result<Event, String>| {
        Some(tell(runs, run, &order.at, event))
    };
    match &order.verb {
        Verb::Start { run, reason, procedure } => {
            let kept = serde_json::from_str::<Procedure>(procedure)
                .map_err(|error| format!("the runbook can't be read: {error}"))
                .and_then(|procedure| {
                    start(fleet, runs, run, procedure, Some(by()), reason.clone(), &order.at)
                });
            Some(kept)
        }
        Verb::Retry { run, step } => {
            tell(run, &|it| Ok(Event::Retried { step: index(it, step)?, by: by() }))
        }
        Verb::Skip { run, step, reason } => tell(run, &|it| {
            Ok(Event::Skipped { step: index(it, step)?, by: by(), reason: reason.clone() })
        }),
        Verb::Abort { run, reason } => {
            tell(run, &|_| Ok(Event::AbortAsked { by: by(), reason: reason.clone() }))
        }
        Verb::Approve { ask } => {
            let (run, step) = asked(ask)?;
            tell(run, &|it| Ok(Event::Approved { step: index(it, step)?, by: by() }))
        }
        Verb::Reject { ask, reason } => {
            let (run, step) = asked(ask)?;
            tell(run, &|it| {
                Ok(Event::Rejected { step: index(it, step)?, by: by(), reason: reason.clone() })
            })
        }
        Verb::Drain { .. }
        | Verb::Undrain { .. }
        | Verb::Pause { .. }
        | Verb::Resume
        | Verb::SetAutonomy { .. } => None,
    }
}

fn index(run: &Run, step: &str) -> Result<usize, String> {
    run.procedure().index(step).ok_or_else(|| {
        let steps: Vec<&str> = run.procedure().steps.iter().map(|it| it.id.as_str()).collect();
        format!("the run {} has no step {step:?}; it has {}", run.id(), steps.join(", "))
    })
}

fn tell(
    runs: &Runs,
    name: &str,
    at: &str,
    event: &dyn Fn(&Run) -> Result<Event, String>,
) -> Result<Runs, String> {
    let mut runs = runs.clone();
    let Some(kept) = runs.get_mut(name) else {
        let known: Vec<&str> = runs.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!("there is no run {name:?}; there is {known}"));
    };
    let event = event(&kept.run)?;
    let entry = Entry::at(at.to_owned(), event.clone());
    if let Err(illegal) = kept.run.append(entry) {
        return Err(refused(name, &kept.run, &event, &illegal.to_string()));
    }
    Ok(runs)
}

/// The runs with one more.
///
/// # Errors
/// Why it must not be.
pub fn start(
    fleet: &Fleet,
    runs: &Runs,
    name: &str,
    procedure: Procedure,
    by: Option<String>,
    reason: String,
    at: &str,
) -> Result<Runs, String> {
    if name.is_empty() || name.contains(':') || name.len() > 100 {
        return Err(format!("{name:?} can't name a run: 1 to 100 bytes without a colon"));
    }
    if runs.contains_key(name) {
        return Err(format!("there is a run {name} already"));
    }
    let active = || runs.iter().filter(|(_, kept)| !kept.run.status().is_final());
    if active().count() >= ACTIVE_MAX {
        let names: Vec<&str> = active().map(|(name, _)| name.as_str()).collect();
        return Err(format!(
            "{ACTIVE_MAX} runs are under way, no more may be: {}",
            names.join(", ")
        ));
    }
    let unfit = procedure.unfit_for(fleet);
    if !unfit.is_empty() {
        return Err(unfit.join("; "));
    }
    let wanted = databases(&procedure);
    for (other, kept) in active() {
        if let Some(both) = databases(kept.run.procedure()).intersection(&wanted).next() {
            return Err(format!(
                "the run {other} is about the database {both} too, and is not over: see it through, \
                 or abort it"
            ));
        }
    }
    let run = Run::new(RunId(name.to_owned()), procedure).map_err(|unsound| unsound.to_string())?;
    let mut runs = runs.clone();
    runs.insert(name.to_owned(), Kept { by, reason, at: at.to_owned(), run });
    drop_oldest(&mut runs);
    Ok(runs)
}

/// Drops those that ended first, by their beginning: wall-clock times are for people, but nothing
/// rests on which of two ended runs is shown longer.
fn drop_oldest(runs: &mut Runs) {
    loop {
        let ended = runs.iter().filter(|(_, kept)| kept.run.status().is_final());
        if ended.clone().count() <= ENDED_MAX {
            return;
        }
        let oldest =
            ended.min_by_key(|(name, kept)| (&kept.at, *name)).map(|(name, _)| name.clone());
        let Some(oldest) = oldest else { return };
        runs.remove(&oldest);
    }
}

/// The databases whose writer a procedure changes.
#[must_use]
pub fn databases(procedure: &Procedure) -> BTreeSet<DatabaseId> {
    let undone = |step: &crate::runbook::Step| step.undo.as_ref().map(|undo| undo.action.clone());
    let actions = procedure.steps.iter().flat_map(|step| [Some(step.action.clone()), undone(step)]);
    actions
        .flatten()
        .filter_map(|action| match action {
            Action::SwitchOver { database, .. } | Action::Promote { database, .. } => {
                Some(database)
            }
            _ => None,
        })
        .collect()
}
