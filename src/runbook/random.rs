//! Laws of every log that can come about, and of those that can't.

use proptest::prelude::*;

use super::run::{Due, Run};
use super::testing::{begin, check, done, failed, log, procedures, run, to_the_end, unknown};
use super::{Act, Entry, Event, Illegal, StepStatus};

/// One move of whoever drives a run, or of a person.
fn moved(run: &mut Run, roll: u8, pick: usize) {
    let outcome = match roll % 4 {
        0 => failed(),
        1 => unknown(),
        _ => done(),
    };
    let under_way: Vec<usize> = (0..run.steps().len())
        .filter(|&step| run.steps()[step].status == StepStatus::Running)
        .collect();
    let due = run.due();
    if roll >= 224 {
        let choices: Vec<Act> = run
            .choices()
            .into_iter()
            .filter(|choice| choice.refused.is_none())
            .map(|choice| choice.act)
            .collect();
        if let Some(act) = choices.get(pick % choices.len().max(1)) {
            choose(run, *act);
        }
    } else if let Some(&step) = under_way.get(pick % (under_way.len() + 1)) {
        let attempt = run.steps()[step].attempt;
        log(run, Event::Ended { step, attempt, outcome });
    } else if !due.is_empty() {
        let due = due[pick % due.len()];
        let end = begin(run, due, outcome);
        // Some ends are left out: other things happen meanwhile.
        if roll % 8 != 7 || due == Due::Finish {
            log(run, end);
        }
    } else {
        for event in run.interrupted() {
            log(run, event);
        }
    }
}

fn choose(run: &mut Run, act: Act) {
    let (by, reason) = ("ada".to_owned(), "so".to_owned());
    let event = match act {
        Act::Approve { step } => Event::Approved { step, by },
        Act::Reject { step } => Event::Rejected { step, by, reason },
        Act::Retry { step } => Event::Retried { step, by },
        Act::Skip { step } => Event::Skipped { step, by, reason },
        Act::Abort => Event::AbortAsked { by, reason },
    };
    log(run, event);
}

/// Any event about these steps, likely or not.
fn any_event(steps: usize) -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![Just(done()), Just(failed()), Just(unknown())];
    (0..=steps, 0..4_u32, outcome, 0..13_u8).prop_map(|(step, attempt, outcome, which)| {
        let (by, reason) = ("ada".to_owned(), "so".to_owned());
        match which {
            0 => Event::Asked { step },
            1 => Event::Approved { step, by },
            2 => Event::Rejected { step, by, reason },
            3 => Event::Expired { step },
            4 => Event::Began { step, attempt },
            5 => Event::Ended { step, attempt, outcome },
            6 => Event::UndoBegan { step, attempt },
            7 => Event::UndoEnded { step, attempt, outcome },
            8 => Event::Skipped { step, by, reason },
            9 => Event::Retried { step, by },
            10 => Event::AbortAsked { by, reason },
            11 => Event::Noted { step, about: by, was: attempt, goal: attempt },
            _ => Event::Finished,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_a_run_can_be_brought_to_an_end(
        which in 0..procedures().len(),
        moves in prop::collection::vec((any::<u8>(), any::<u8>()), 0..60),
    ) {
        let procedure = &procedures()[which];
        let mut run = run(procedure);
        for (roll, pick) in moves {
            moved(&mut run, roll, usize::from(pick));
        }
        to_the_end(&mut run, |step| Act::Retry { step });
        prop_assert!(run.status().is_final());
    }

    #[test]
    fn an_event_that_is_refused_changes_nothing(
        which in 0..procedures().len(),
        events in prop::collection::vec(any_event(12), 0..60),
    ) {
        let procedure = &procedures()[which];
        let mut run = run(procedure);
        for event in events {
            let before = run.clone();
            match run.append(Entry::new(event)) {
                Ok(()) => prop_assert_eq!(run.log().len(), before.log().len() + 1),
                Err(error) => {
                    prop_assert!(!error.to_string().is_empty());
                    prop_assert_eq!(&run, &before);
                    prop_assert!(!matches!(error, Illegal::Unsound(_)));
                }
            }
            check(&run);
        }
    }
}
