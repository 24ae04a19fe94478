//! Every shipped runbook, with every step failing, repeated, unknown, interrupted, aborted, retried
//! and skipped in turn: it must come to an end, and never to a wrong one.

use super::run::{Due, Run, RunStatus};
use super::testing::{
    begin, check, done, failed, log, procedures, remains, run, to_the_end, unknown,
};
use super::{Act, Entry, Event, Illegal, Outcome, Procedure, StepStatus};

/// Brings a run, with all well, to where this step is due.
fn up_to(procedure: &Procedure, step: usize) -> (Run, Due) {
    let mut run = run(procedure);
    loop {
        let due = run.due();
        let own = due.iter().find(
            |due| matches!(due, Due::Ask { step: it } | Due::Step { step: it, .. } if *it == step),
        );
        if let Some(&due) = own {
            return (run, due);
        }
        let end = begin(&mut run, due[0], done());
        log(&mut run, end);
    }
}

/// Each step of each shipped runbook.
fn each(mut judge: impl FnMut(&Procedure, usize)) {
    let mut count = 0;
    for procedure in procedures() {
        for step in 0..procedure.steps.len() {
            judge(procedure, step);
            count += 1;
        }
    }
    assert!(count > 40, "only {count} steps were tried");
}

/// The ends that a run may come to after trouble.
fn is_right(run: &Run) {
    match run.status() {
        RunStatus::Done { .. } => {}
        RunStatus::Aborted { .. } => {
            assert_eq!(remains(run), [0usize; 0], "aborted, and not everything undone");
            assert_eq!(run.point_of_no_return(), None);
        }
        other => panic!("{other:?} is no end"),
    }
}

/// What a person may do about what is stuck.
const ACTS: [fn(usize) -> Act; 3] =
    [|step| Act::Retry { step }, |step| Act::Skip { step }, |_| Act::Abort];

/// A new leader with what the journal keeps and nothing else.
fn reloaded(run: &Run) -> Run {
    let text = serde_json::to_string(run).expect("plain");
    serde_json::from_str(&text).expect("the same")
}

#[test]
fn with_all_well_every_step_is_done_once() {
    for procedure in procedures() {
        let mut run = run(procedure);
        assert_eq!(
            to_the_end(&mut run, ACTS[0]),
            RunStatus::Done { skipped: Vec::new() },
            "{}",
            procedure.book
        );
        assert!(run.steps().iter().all(|state| state.status == StepStatus::Done));
        assert!(run.steps().iter().all(|state| state.attempt <= 1));
    }
}

#[test]
fn a_step_that_fails_once_brings_the_run_to_a_right_end() {
    each(|procedure, step| {
        for act in ACTS {
            let (mut run, due) = up_to(procedure, step);
            let end = begin(&mut run, due, failed());
            log(&mut run, end);
            to_the_end(&mut run, act);
            is_right(&run);
        }
    });
}

#[test]
fn a_step_that_always_fails_ends_with_a_person_or_undone() {
    each(|procedure, step| {
        let (mut run, _) = up_to(procedure, step);
        let mut turns = 0;
        loop {
            let again = run.due().into_iter().find(
                |due| matches!(due, Due::Ask { step: it } | Due::Step { step: it, .. } if *it == step),
            );
            let Some(due) = again else { break };
            let end = begin(&mut run, due, failed());
            log(&mut run, end);
            turns += 1;
            assert!(turns <= 10, "it is tried without end");
        }
        assert!(
            matches!(run.steps()[step].status, StepStatus::Stuck | StepStatus::Skipped),
            "{:?}",
            run.steps()[step]
        );
        to_the_end(&mut run, |step| Act::Skip { step });
        is_right(&run);
    });
}

#[test]
fn a_step_of_which_nobody_knows_is_asked_again_by_reading_back_and_never_skipped() {
    // Whether it had taken effect is all the same to the machine: reading back tells.
    each(|procedure, step| {
        let (mut run, due) = up_to(procedure, step);
        if matches!(due, Due::Ask { .. }) {
            return;
        }
        for attempt in 1..=super::UNKNOWN_MAX {
            let next = run
                .due()
                .into_iter()
                .find(|due| *due == Due::Step { step, attempt, read_back: attempt > 1 });
            let Some(due) = next else { panic!("{:?} is not due", run.steps()[step]) };
            let end = begin(&mut run, due, unknown());
            log(&mut run, end);
            let by = || "ada".to_owned();
            let skip = Event::Skipped { step, by: by(), reason: by() };
            if attempt < super::UNKNOWN_MAX {
                assert!(run.clone().append(Entry::new(skip)).is_err(), "skipped in silence");
            } else {
                assert_eq!(run.steps()[step].status, StepStatus::Stuck);
                let refused = run.clone().append(Entry::new(skip)).is_err();
                assert_eq!(refused, procedure.steps[step].one_way, "{}", procedure.steps[step].id);
            }
        }
        for act in ACTS {
            let mut run = run.clone();
            to_the_end(&mut run, act);
            is_right(&run);
        }
    });
}

#[test]
fn a_leader_that_is_lost_before_or_after_a_step_is_succeeded() {
    each(|procedure, step| {
        for act in ACTS {
            // Before anything was logged of it.
            let (run, _) = up_to(procedure, step);
            let mut successor = reloaded(&run);
            to_the_end(&mut successor, act);
            is_right(&successor);
            // After its beginning was committed; whether anything was done, nobody knows.
            let (mut run, due) = up_to(procedure, step);
            let end = begin(&mut run, due, done());
            let mut successor = reloaded(&run);
            for event in successor.interrupted() {
                log(&mut successor, event);
            }
            if matches!(due, Due::Step { .. }) {
                assert!(successor.clone().append(Entry::new(end.clone())).is_err(), "late word");
                assert_eq!(successor.steps()[step].status, StepStatus::Unknown);
            }
            to_the_end(&mut successor, act);
            is_right(&successor);
            // After its end was committed.
            log(&mut run, end);
            let mut successor = reloaded(&run);
            assert_eq!(successor.interrupted(), []);
            to_the_end(&mut successor, act);
            is_right(&successor);
        }
    });
}

#[test]
fn what_was_logged_can_not_be_logged_again() {
    each(|procedure, step| {
        let (mut run, due) = up_to(procedure, step);
        let end = begin(&mut run, due, done());
        let began = run.log().last().expect("just logged").clone();
        assert!(run.clone().append(began.clone()).is_err(), "{began:?} twice");
        log(&mut run, end.clone());
        assert!(run.clone().append(began).is_err());
        assert!(run.clone().append(Entry::new(end)).is_err());
    });
}

#[test]
fn an_abort_at_any_step_undoes_everything_or_is_refused_behind_the_point_of_no_return() {
    let mut refused = 0;
    each(|procedure, step| {
        for under_way in [false, true] {
            let (mut run, due) = up_to(procedure, step);
            let end = under_way.then(|| begin(&mut run, due, done()));
            let point = run.point_of_no_return();
            let abort = Event::AbortAsked { by: "ada".to_owned(), reason: "enough".to_owned() };
            let choice = run.choices().into_iter().find(|it| it.act == Act::Abort);
            let allowed = choice.expect("always shown").refused.is_none();
            assert_eq!(allowed, point.is_none());
            if !allowed {
                refused += 1;
                let error = run.append(Entry::new(abort)).expect_err("only forward");
                assert!(matches!(error, Illegal::Refused(_)), "{error}");
                continue;
            }
            log(&mut run, abort);
            if let Some(end) = end.filter(|end| matches!(end, Event::Ended { .. })) {
                assert_eq!(run.due(), [], "what is under way is waited for");
                log(&mut run, end);
            }
            to_the_end(&mut run, |step| Act::Retry { step });
            assert_eq!(run.status(), RunStatus::Aborted { left: Vec::new() });
            assert_eq!(remains(&run), [0usize; 0]);
        }
    });
    assert!(refused > 0, "no runbook has a point of no return");
}

#[test]
fn what_is_undone_is_undone_last_first_and_once() {
    each(|procedure, step| {
        let (mut run, _) = up_to(procedure, step);
        let abort = Event::AbortAsked { by: "ada".to_owned(), reason: "enough".to_owned() };
        if run.append(Entry::new(abort)).is_err() {
            return;
        }
        to_the_end(&mut run, |step| Act::Retry { step });
        let of = |wanted: fn(&Event) -> Option<usize>| -> Vec<usize> {
            run.log().iter().filter_map(|entry| wanted(&entry.event)).collect()
        };
        let mut began = of(|event| match event {
            Event::Began { step, .. } | Event::Asked { step } => Some(*step),
            _ => None,
        });
        let undone = of(|event| match event {
            Event::UndoBegan { step, .. } => Some(*step),
            _ => None,
        });
        began.retain(|&step| procedure.steps[step].undo.is_some());
        began.reverse();
        assert_eq!(undone, began);
    });
}

#[test]
fn an_undo_that_fails_is_stuck_in_its_own_way_and_goes_on_by_a_persons_word() {
    let mut tried = 0;
    each(|procedure, step| {
        if procedure.steps[step].undo.is_none() {
            return;
        }
        for (outcome, leave) in
            [(failed(), false), (failed(), true), (unknown(), false), (unknown(), true)]
        {
            let (mut run, due) = up_to(procedure, step);
            let end = begin(&mut run, due, done());
            log(&mut run, end);
            log(&mut run, Event::AbortAsked { by: "ada".to_owned(), reason: "no".to_owned() });
            let mut attempts = 0;
            while let Some(&due @ Due::Undo { read_back, .. }) = run.due().first() {
                assert_eq!(read_back, attempts > 0);
                let end = begin(&mut run, due, outcome.clone());
                log(&mut run, end);
                attempts += 1;
            }
            let lost = matches!(outcome, Outcome::Unknown { .. });
            assert_eq!(attempts, if lost { super::UNKNOWN_MAX } else { 1 });
            assert_eq!(run.status(), RunStatus::UndoStuck { step });
            let act: fn(usize) -> Act =
                if leave { |step| Act::Skip { step } } else { |step| Act::Retry { step } };
            let left = if leave { vec![step] } else { Vec::new() };
            assert_eq!(to_the_end(&mut run, act), RunStatus::Aborted { left });
            tried += 1;
        }
    });
    assert!(tried > 20, "only {tried} undos were tried");
}

#[test]
fn steps_that_need_nothing_of_each_other_are_due_together() {
    let evacuate = procedures().iter().find(|it| it.book == "evacuate-region");
    let evacuate = evacuate.expect("it is shipped");
    let (run, _) = up_to(evacuate, evacuate.index("gate").expect("it has gates"));
    let due: Vec<&str> = run
        .due()
        .iter()
        .filter_map(|due| match due {
            Due::Step { step, .. } => Some(evacuate.steps[*step].id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(due, ["gate", "records"], "either suffices: both begin together");
    check(&run);
}
