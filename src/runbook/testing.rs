//! Whoever drives a run in tests: does what is due, one thing at a time, as it is told.

use std::sync::LazyLock;

use super::run::{Due, Run, RunId, RunStatus};
use super::table::StepStatus;
use super::{Act, Arguments, Entry, Event, Library, Outcome, Procedure};

/// Arguments that every shipped runbook understands as far as it has such parameters.
pub(super) fn arguments(library: &Library, name: &str) -> Arguments {
    let book = library.book(name).expect("it is shipped");
    book.parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| {
            let value = match parameter.name.as_str() {
                "region" | "from" => "eu-west-1",
                "to" => "us-east-1",
                "database" => "orders",
                _ => "a rehearsal",
            };
            (parameter.name.clone(), value.to_owned())
        })
        .collect()
}

/// Each shipped runbook, bound. Read once: there are thousands of runs of them.
pub(super) fn procedures() -> &'static [Procedure] {
    static PROCEDURES: LazyLock<Vec<Procedure>> = LazyLock::new(|| {
        let library = Library::shipped();
        library
            .books()
            .map(|book| (book.name.as_str(), arguments(library, &book.name)))
            .map(|(name, told)| library.bind(name, &told).expect("it can be bound"))
            .collect()
    });
    &PROCEDURES
}

pub(super) fn run(procedure: &Procedure) -> Run {
    Run::new(RunId("test".to_owned()), procedure.clone()).expect("it can be executed")
}

pub(super) fn done() -> Outcome {
    Outcome::Done { output: None }
}

pub(super) fn failed() -> Outcome {
    Outcome::Failed { why: "denied".to_owned() }
}

pub(super) fn unknown() -> Outcome {
    Outcome::Unknown { why: "no answer in time".to_owned() }
}

/// Logs an event that must be legal, and checks what must hold of every run at any time.
pub(super) fn log(run: &mut Run, event: Event) {
    check_legal(run, &event);
    run.append(Entry::new(event.clone())).unwrap_or_else(|error| {
        panic!("{event:?} in {:?}: {error}", run.log());
    });
    check(run);
}

/// What must hold of an event, judged by the run before it and by nothing of the machine's own.
fn check_legal(run: &Run, event: &Event) {
    let steps = run.steps();
    if let Event::Began { step, .. } = event {
        for &needs in &run.procedure().steps[*step].needs {
            let status = steps[needs].status;
            assert!(
                matches!(status, StepStatus::Done | StepStatus::Skipped),
                "{step} began before {needs}, which is {status:?}"
            );
        }
    }
    if let Event::UndoBegan { .. } = event {
        let crossed = crossed(run);
        assert_eq!(crossed, None, "undone past the point of no return");
    }
}

/// A one-way step of which the log doesn't say that every attempt surely failed.
fn crossed(run: &Run) -> Option<usize> {
    (0..run.procedure().steps.len()).find(|&step| {
        let began = run
            .log()
            .iter()
            .filter(|entry| matches!(entry.event, Event::Began { step: it, .. } if it == step));
        let failed = run.log().iter().filter(|entry| {
            matches!(&entry.event, Event::Ended { step: it, outcome: Outcome::Failed { .. }, .. }
                if *it == step)
        });
        run.procedure().steps[step].one_way && began.count() > failed.count()
    })
}

/// What must hold of a run at any time.
pub(super) fn check(run: &Run) {
    assert_eq!(run.replayed(), *run, "the log replays to where the run stands");

    let can_go_on = !run.due().is_empty()
        || run.steps().iter().any(|state| state.status.is_under_way())
        || run.choices().iter().any(|choice| choice.refused.is_none());
    assert!(run.status().is_final() || can_go_on, "dead end: {:?}", run.status());
}

/// What was begun and is neither taken back nor left by a person, though something undoes it.
pub(super) fn remains(run: &Run) -> Vec<usize> {
    (0..run.steps().len())
        .filter(|&step| {
            let over = matches!(run.steps()[step].status, StepStatus::Undone | StepStatus::Left);
            run.steps()[step].begun && run.procedure().steps[step].undo.is_some() && !over
        })
        .collect()
}

/// Begins something that is due, and gives the event with which it ends like this.
pub(super) fn begin(run: &mut Run, due: Due, outcome: Outcome) -> Event {
    match due {
        Due::Ask { step } => {
            log(run, Event::Asked { step });
            answer(step, outcome)
        }
        Due::Step { step, attempt, .. } => {
            log(run, Event::Began { step, attempt });
            Event::Ended { step, attempt, outcome }
        }
        Due::Undo { step, attempt, .. } => {
            log(run, Event::UndoBegan { step, attempt });
            let undo = run.procedure().steps[step].undo.as_ref().expect("it is undone");
            if undo.action.is_for_a_person() {
                answer(step, outcome)
            } else {
                Event::UndoEnded { step, attempt, outcome }
            }
        }
        Due::Finish => Event::Finished,
    }
}

fn answer(step: usize, outcome: Outcome) -> Event {
    match outcome {
        Outcome::Done { .. } => Event::Approved { step, by: "ada".to_owned() },
        Outcome::Failed { why } => Event::Rejected { step, by: "ada".to_owned(), reason: why },
        Outcome::Unknown { .. } => Event::Expired { step },
    }
}

/// Goes on with all well, and with a person who does `act` about whatever is stuck, to the end.
pub(super) fn to_the_end(run: &mut Run, act: fn(usize) -> Act) -> RunStatus {
    // Every turn logs something, and the steps and attempts are bounded.
    for _ in 0..2000 {
        if run.status().is_final() {
            return run.status();
        }
        for interrupted in run.interrupted() {
            log(run, interrupted);
        }
        if let Some(&due) = run.due().first() {
            let end = begin(run, due, done());
            log(run, end);
        } else {
            let stuck = run.steps().iter().position(|state| {
                matches!(state.status, StepStatus::Stuck | StepStatus::UndoStuck)
            });
            let asked = run
                .steps()
                .iter()
                .position(|state| matches!(state.status, StepStatus::Asked | StepStatus::Undoing));
            match (stuck, asked) {
                (Some(step), _) => decide(run, act(step), step),
                (None, Some(step)) => log(run, Event::Approved { step, by: "ada".to_owned() }),
                (None, None) => panic!("nothing to do in {:?}", run.status()),
            }
        }
    }
    panic!("no end: {:?}", run.status());
}

/// Does what a person chose, or retries where it is refused.
fn decide(run: &mut Run, act: Act, step: usize) {
    let by = "ada".to_owned();
    let reason = "it will do".to_owned();
    let refused =
        run.choices().iter().find(|it| it.act == act).is_none_or(|it| it.refused.is_some());
    let event = match act {
        _ if refused => Event::Retried { step, by },
        Act::Skip { step } => Event::Skipped { step, by, reason },
        Act::Abort => Event::AbortAsked { by, reason },
        _ => Event::Retried { step, by },
    };
    log(run, event);
}
