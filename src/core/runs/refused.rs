//! Why a person's word about a run is not taken: in operators' words, with what may be done now.
//!
//! Most such words come too late. Two people answer the same page, or a page is answered after the
//! question has expired; what the machine of the run then says is for those who read its table.

use std::fmt::Write as _;

use crate::runbook::{Event, Run, RunStatus, StepStatus};

use super::view::commands;

/// Says what came too late, or too early, and what a person may do instead. `told` is the machine's
/// own reason, for what is neither.
pub(super) fn refused(name: &str, run: &Run, event: &Event, told: &str) -> String {
    let mut said = why(name, run, event).unwrap_or_else(|| told.to_owned());
    let may = commands(name, run);
    if run.status().is_final() {
        said.push_str("; `regent status` shows how it ended");
    } else if may.is_empty() {
        said.push_str("; it goes on by itself, and `regent status` shows it");
    } else {
        // Writing to a String can't fail.
        let _ = write!(said, "; you may: {}", may.join(", or "));
    }
    said
}

/// What it is about a run, or about its step, that leaves no room for this.
fn why(name: &str, run: &Run, event: &Event) -> Option<String> {
    match run.status() {
        RunStatus::Broken { .. } => return None,
        RunStatus::Done { .. } => {
            return Some(format!("too late: the run {name} is done already"));
        }
        RunStatus::Aborted { .. } => {
            return Some(format!("too late: the run {name} was aborted{}", abort(run)));
        }
        RunStatus::Undoing | RunStatus::UndoStuck { .. } if !is_of_the_undoing(run, event) => {
            return Some(format!("too late: the run {name} is being undone{}", abort(run)));
        }
        _ => {}
    }
    let step = event.step()?;
    let (state, id) = (run.steps().get(step)?, &run.procedure().steps[step].id);
    match event {
        Event::Approved { .. } | Event::Rejected { .. } => {
            Some(match (answer(run, step), state.status) {
                (_, StepStatus::Pending) => format!("too early: {id} of {name} does not ask yet"),
                (Some(Event::Approved { by, .. }), _) => {
                    format!("too late: {by} has approved {id} of {name} already")
                }
                (Some(Event::Rejected { by, reason, .. }), _) => {
                    format!("too late: {by} has rejected {id} of {name} ({reason})")
                }
                (Some(Event::Expired { .. }), _) => format!(
                    "too late: nobody answered {id} of {name} in time, and what was asked then may be \
                 true no more: look again, and have it asked again if it still is"
                ),
                _ => format!("{id} of {name} is no question: it asks nobody"),
            })
        }
        Event::Retried { .. } | Event::Skipped { .. } => {
            let stuck = matches!(state.status, StepStatus::Stuck | StepStatus::UndoStuck);
            (!stuck).then(|| format!("{id} of {name} is not stuck: it is {}", word(state.status)))
        }
        _ => None,
    }
}

/// Whether it is about a step that is taken back just now.
fn is_of_the_undoing(run: &Run, event: &Event) -> bool {
    let state = event.step().and_then(|step| run.steps().get(step));
    state.is_some_and(|it| matches!(it.status, StepStatus::Undoing | StepStatus::UndoStuck))
}

/// Who aborted it, and why.
fn abort(run: &Run) -> String {
    let asked = run.log().iter().rev().find_map(|entry| match &entry.event {
        Event::AbortAsked { by, reason } => Some(format!(" by {by} ({reason})")),
        _ => None,
    });
    asked.unwrap_or_else(|| ", since a step of it failed".to_owned())
}

/// What was last said to a question.
fn answer(run: &Run, step: usize) -> Option<&Event> {
    let said = run.log().iter().rev().map(|entry| &entry.event);
    said.filter(|event| event.step() == Some(step)).find(|event| {
        matches!(event, Event::Approved { .. } | Event::Rejected { .. } | Event::Expired { .. })
    })
}

/// A step's status in words.
const fn word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => "waiting for its turn",
        StepStatus::Asked => "waiting for an answer",
        StepStatus::Allowed => "allowed, and about to begin",
        StepStatus::Running => "under way",
        StepStatus::Again => "about to be tried again",
        StepStatus::Unknown => "being read back",
        StepStatus::Stuck => "stuck",
        StepStatus::Done => "done",
        StepStatus::Skipped => "passed over",
        StepStatus::Undoing | StepStatus::UndoAgain => "being undone",
        StepStatus::UndoUnknown => "being read back while it is undone",
        StepStatus::UndoStuck => "stuck while being undone",
        StepStatus::Undone => "undone",
        StepStatus::Left => "left as it is",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::runbook::{Entry, Library, Outcome, RunId};

    /// A failover that asks.
    fn asking() -> (Run, usize) {
        let arguments: BTreeMap<String, String> =
            [("database", "orders"), ("from", "r1"), ("to", "r2")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let procedure = Library::shipped().bind("fail-database-over", &arguments).expect("fits");
        let consent = procedure.index("consent").expect("it asks");
        let mut run = Run::new(RunId("f".to_owned()), procedure).expect("it is shipped");
        for step in 0..consent {
            log(&mut run, Event::Began { step, attempt: 1 });
            let outcome = Outcome::Done { output: None };
            log(&mut run, Event::Ended { step, attempt: 1, outcome });
        }
        (run, consent)
    }

    fn log(run: &mut Run, event: Event) {
        run.append(Entry::new(event.clone())).unwrap_or_else(|error| panic!("{event:?}: {error}"));
    }

    fn yes(step: usize) -> Event {
        Event::Approved { step, by: "bob".to_owned() }
    }

    /// What is said to an event that must be refused.
    fn said(run: &Run, event: &Event) -> String {
        let illegal = run.clone().append(Entry::new(event.clone())).expect_err("it is refused");
        refused("f", run, event, &illegal.to_string())
    }

    #[test]
    fn a_second_answer_is_told_who_gave_the_first() {
        let (mut run, consent) = asking();
        assert_eq!(
            said(&run, &yes(consent)),
            "too early: consent of f does not ask yet; you may: regent runbook abort f --reason …"
        );
        log(&mut run, Event::Asked { step: consent });
        log(&mut run, Event::Approved { step: consent, by: "ada".to_owned() });
        assert_eq!(
            said(&run, &yes(consent)),
            "too late: ada has approved consent of f already; you may: regent runbook abort f \
             --reason …"
        );
    }

    #[test]
    fn an_answer_after_the_question_has_expired_is_told_how_to_have_it_asked_again() {
        let (mut run, consent) = asking();
        log(&mut run, Event::Asked { step: consent });
        log(&mut run, Event::Expired { step: consent });
        assert_eq!(
            said(&run, &yes(consent)),
            "too late: nobody answered consent of f in time, and what was asked then may be true no \
             more: look again, and have it asked again if it still is; you may: regent runbook \
             retry f consent, or regent runbook abort f --reason …"
        );
    }

    #[test]
    fn a_run_that_is_over_or_being_undone_says_who_ended_it() {
        let (mut run, consent) = asking();
        log(&mut run, Event::Asked { step: consent });
        let (by, reason) = ("ada".to_owned(), "it came back".to_owned());
        log(&mut run, Event::AbortAsked { by, reason });
        let undoing = said(&run, &yes(consent));
        assert!(undoing.starts_with("too late: the run f is being undone by ada (it came back); "));
        while let Some(&crate::runbook::Due::Undo { step, attempt, .. }) = run.due().first() {
            log(&mut run, Event::UndoBegan { step, attempt });
            let outcome = Outcome::Done { output: None };
            log(&mut run, Event::UndoEnded { step, attempt, outcome });
        }
        log(&mut run, Event::Finished);
        assert_eq!(
            said(&run, &yes(consent)),
            "too late: the run f was aborted by ada (it came back); `regent status` shows how it \
             ended"
        );
    }

    #[test]
    fn what_is_not_stuck_is_neither_retried_nor_skipped_and_what_a_rule_forbids_keeps_its_reason() {
        let (mut run, consent) = asking();
        let retry = |step| Event::Retried { step, by: "bob".to_owned() };
        assert!(said(&run, &retry(0)).starts_with("writer of f is not stuck: it is done; "));
        log(&mut run, Event::Asked { step: consent });
        log(&mut run, Event::Expired { step: consent });
        let (by, reason) = ("bob".to_owned(), "now".to_owned());
        let skip = said(&run, &Event::Skipped { step: consent, by, reason });
        assert!(skip.starts_with("\"consent\" is a question: answer it; you may: "), "{skip}");
    }
}
