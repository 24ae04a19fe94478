//! Where a run stands: the fold of its log, one event at a time.
//!
//! The table says what may follow for one step; here is what depends on the others: the order that
//! `needs` asks for, the direction of the run, and the point of no return.

use serde::Serialize;

use super::log::{Entry, Event};
use super::procedure::{OnFailure, Procedure, Step, Unsound};
use super::run::Due;
use super::sound::Unsafe;
use super::table::{Next, StepStatus, What, next};

/// Attempts in a row of which nobody knows how they ended, after which a person is called. Each
/// begins by reading back, so that this many mean that nothing can be read.
pub const UNKNOWN_MAX: u32 = 10;

/// Which way a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Forward,
    Undoing,
    Done,
    Aborted,
}

/// Where a step stands, and how it came there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepState {
    /// Where it stands.
    pub status: StepStatus,
    /// The last attempt that began; 0 if none did.
    pub attempt: u32,
    /// The last attempt to take it back that began; 0 if none did.
    pub undo_attempt: u32,
    /// What was last told of it: its output, why it failed, a person's reason.
    pub told: Option<String>,
    /// Whether it may have had an effect: it began, or a person was asked to do it.
    pub begun: bool,
    /// Failures since it first began or since a person had it tried again.
    failures: u32,
    /// Attempts in a row of which nobody knows.
    unknowns: u32,
    /// Whether every attempt so far is certain to have failed.
    surely_failed: bool,
    /// Counts the steps that began, from 1: they are undone in reverse.
    order: u32,
}

impl StepState {
    const NEW: Self = Self {
        status: StepStatus::Pending,
        attempt: 0,
        undo_attempt: 0,
        told: None,
        begun: false,
        failures: 0,
        unknowns: 0,
        surely_failed: true,
        order: 0,
    };

    /// Whether nobody knows if its last attempt took effect.
    pub(super) const fn is_uncertain(&self) -> bool {
        self.unknowns > 0
    }
}

/// Why an event can't be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The procedure has no such step.
    #[error("the procedure has no step {0}")]
    NoSuchStep(usize),
    /// The table has no such pair.
    #[error("step {step:?} is {status:?}: {event} can't happen to it now")]
    NotNow {
        /// The step's name.
        step: String,
        /// Where it stands.
        status: StepStatus,
        /// The event.
        event: String,
    },
    /// Something that it needs is not done, or the run goes the other way.
    #[error("step {step:?} is not due: {why}")]
    NotDue {
        /// The step's name.
        step: String,
        /// What it waits for.
        why: String,
    },
    /// The number is not the attempt's.
    #[error("step {step:?} is at attempt {expected}, not {found}")]
    Attempt {
        /// The step's name.
        step: String,
        /// The attempt that is under way or due.
        expected: u32,
        /// The one named.
        found: u32,
    },
    /// It must not be, whoever wants it.
    #[error("{0}")]
    Refused(String),
    /// The run is over.
    #[error("the run is over")]
    Over,
    /// There is something left to do.
    #[error("the run is not finished: something is left to do")]
    Unfinished,
    /// The log must not grow without end.
    #[error("the log is full: skip what is stuck, or abort")]
    TooLong,
    /// The procedure can't be executed.
    #[error(transparent)]
    Unsound(#[from] Unsound),
    /// The procedure must not be executed.
    #[error(transparent)]
    Unsafe(#[from] Unsafe),
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Progress {
    phase: Phase,
    steps: Vec<StepState>,
    begun: u32,
}

impl Progress {
    /// Folds a log.
    pub(super) fn replay(procedure: &Procedure, log: &[Entry]) -> Result<Self, Illegal> {
        procedure.check()?;
        let steps = vec![StepState::NEW; procedure.steps.len()];
        let mut progress = Self { phase: Phase::Forward, steps, begun: 0 };
        for entry in log {
            progress.apply(procedure, &entry.event)?;
        }
        Ok(progress)
    }

    pub(super) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn is_forward(&self) -> bool {
        self.phase == Phase::Forward
    }

    pub(super) fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// The steps that stand so.
    pub(super) fn with(&self, status: StepStatus) -> Vec<usize> {
        (0..self.steps.len()).filter(|&step| self.steps[step].status == status).collect()
    }

    /// Folds one event. Changes nothing when it is refused.
    pub(super) fn apply(&mut self, procedure: &Procedure, event: &Event) -> Result<(), Illegal> {
        if matches!(self.phase, Phase::Done | Phase::Aborted) {
            return Err(Illegal::Over);
        }
        match (event.step(), What::of(event)) {
            (Some(step), Some(what)) => self.apply_to_step(procedure, step, what, event),
            _ => self.apply_to_run(procedure, event),
        }
    }

    fn apply_to_run(&mut self, procedure: &Procedure, event: &Event) -> Result<(), Illegal> {
        if matches!(event, Event::AbortAsked { .. }) {
            self.may_abort(procedure).map_err(Illegal::Refused)?;
            self.phase = Phase::Undoing;
        } else {
            if self.due(procedure) != [Due::Finish] {
                return Err(Illegal::Unfinished);
            }
            self.phase = if self.phase == Phase::Undoing { Phase::Aborted } else { Phase::Done };
        }
        Ok(())
    }

    fn apply_to_step(
        &mut self,
        procedure: &Procedure,
        step: usize,
        what: What,
        event: &Event,
    ) -> Result<(), Illegal> {
        let (Some(spec), Some(state)) = (procedure.steps.get(step), self.steps.get(step)) else {
            return Err(Illegal::NoSuchStep(step));
        };
        let not_now = || Illegal::NotNow {
            step: spec.id.clone(),
            status: state.status,
            event: format!("{what:?}"),
        };
        let next = next(state.status, what).ok_or_else(not_now)?;
        self.may(procedure, step, what)?;
        self.is_the_attempt(spec, step, event)?;
        let next = match next {
            Next::UndoYes | Next::UndoNo if !undo_is_for_a_person(spec) => return Err(not_now()),
            next => next,
        };
        self.note(spec, step, what, event);
        let status = self.resolve(spec, step, next);
        self.steps[step].status = status;
        if status == StepStatus::Stuck
            && next == Next::Failure
            && spec.on_failure == OnFailure::Undo
            && self.may_abort(procedure).is_ok()
        {
            self.phase = Phase::Undoing;
        }
        Ok(())
    }

    /// Whether an event that the table allows may happen now.
    fn may(&self, procedure: &Procedure, step: usize, what: What) -> Result<(), Illegal> {
        let spec = &procedure.steps[step];
        let refuse = |why: String| Err(Illegal::NotDue { step: spec.id.clone(), why });
        let state = &self.steps[step];
        match what {
            What::Asked | What::Began => {
                if self.phase != Phase::Forward {
                    return refuse("the run is being undone".to_owned());
                }
                if let Some(&waits) = self.unmet(spec).first() {
                    return refuse(format!("it needs {:?}", procedure.steps[waits].id));
                }
                if what == What::Began && spec.action.is_for_a_person() {
                    return refuse("a person is to be asked".to_owned());
                }
            }
            What::UndoBegan => {
                if self.phase != Phase::Undoing {
                    return refuse("nothing is being undone".to_owned());
                }
                if self.next_undo(procedure) != Some(step) {
                    return refuse("another is undone before it".to_owned());
                }
            }
            // Answers to a question that is no longer asked.
            What::Approved | What::Rejected | What::Expired
                if self.phase == Phase::Undoing && state.status == StepStatus::Asked =>
            {
                return refuse("the run is being undone".to_owned());
            }
            What::Retried if self.phase == Phase::Undoing && state.status == StepStatus::Stuck => {
                return refuse("the run is being undone".to_owned());
            }
            What::Skipped if state.status == StepStatus::Stuck => {
                if self.phase == Phase::Undoing {
                    return refuse("the run is being undone".to_owned());
                }
                self.may_skip(spec, state).map_err(Illegal::Refused)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether an event carries the number of the attempt that is due or under way.
    fn is_the_attempt(&self, spec: &Step, step: usize, event: &Event) -> Result<(), Illegal> {
        let state = &self.steps[step];
        let (found, expected) = match event {
            Event::Began { attempt, .. } => (*attempt, state.attempt + 1),
            Event::Ended { attempt, .. } => (*attempt, state.attempt),
            Event::UndoBegan { attempt, .. } => (*attempt, state.undo_attempt + 1),
            Event::UndoEnded { attempt, .. } => (*attempt, state.undo_attempt),
            _ => return Ok(()),
        };
        if found == expected {
            Ok(())
        } else {
            Err(Illegal::Attempt { step: spec.id.clone(), expected, found })
        }
    }

    /// Counts what the event brings.
    fn note(&mut self, spec: &Step, step: usize, what: What, event: &Event) {
        let begins = what == What::Began || (what == What::Asked && spec.action.is_for_a_person());
        if begins && !self.steps[step].begun {
            self.begun += 1;
            self.steps[step].begun = true;
            self.steps[step].order = self.begun;
        }
        let state = &mut self.steps[step];
        match what {
            What::Began => state.attempt += 1,
            What::UndoBegan => {
                if state.undo_attempt == 0 {
                    state.unknowns = 0;
                }
                state.undo_attempt += 1;
            }
            What::Done | What::Approved => state.surely_failed = false,
            What::Failed | What::Rejected => {
                state.failures += 1;
                state.unknowns = 0;
            }
            What::Expired => {
                state.failures += 1;
                // Somebody may have done it and not said so.
                state.surely_failed &= !spec.action.is_for_a_person();
            }
            What::Unknown => {
                state.unknowns += 1;
                state.surely_failed = false;
            }
            What::UndoUnknown => state.unknowns += 1,
            What::Retried => {
                state.failures = 0;
                state.unknowns = state.unknowns.min(1);
            }
            What::UndoFailed => state.unknowns = 0,
            What::Asked | What::UndoDone | What::Skipped | What::Noted => {}
        }
        if let Some(told) = event.told() {
            state.told = Some(told.to_owned());
        }
    }

    fn resolve(&self, spec: &Step, step: usize, next: Next) -> StepStatus {
        let state = &self.steps[step];
        let too_often = state.unknowns >= UNKNOWN_MAX;
        match next {
            Next::To(status) => status,
            Next::Yes if spec.action.is_for_a_person() => StepStatus::Done,
            Next::Yes => StepStatus::Allowed,
            Next::Failure => match spec.on_failure {
                // An end was decided meanwhile.
                _ if self.phase != Phase::Forward => StepStatus::Stuck,
                OnFailure::Retry { attempts_max } if state.failures < attempts_max => {
                    StepStatus::Again
                }
                OnFailure::Skip => StepStatus::Skipped,
                OnFailure::Stop | OnFailure::Undo | OnFailure::Retry { .. } => StepStatus::Stuck,
            },
            Next::Unknown if too_often => StepStatus::Stuck,
            Next::Unknown => StepStatus::Unknown,
            Next::UndoUnknown if too_often => StepStatus::UndoStuck,
            Next::UndoUnknown => StepStatus::UndoUnknown,
            Next::UndoYes => StepStatus::Undone,
            Next::UndoNo => StepStatus::UndoStuck,
        }
    }

    /// The steps that this one still waits for.
    fn unmet(&self, spec: &Step) -> Vec<usize> {
        spec.needs.iter().copied().filter(|&it| !self.steps[it].status.is_behind()).collect()
    }

    /// The first step by order of beginning that may have had an effect and can't be undone.
    pub(super) fn point_of_no_return(&self, procedure: &Procedure) -> Option<usize> {
        (0..self.steps.len())
            .filter(|&step| {
                let state = &self.steps[step];
                let in_doubt = !state.surely_failed
                    || matches!(state.status, StepStatus::Running)
                    || (state.status == StepStatus::Asked
                        && procedure.steps[step].action.is_for_a_person());
                procedure.steps[step].one_way && state.begun && in_doubt
            })
            .min_by_key(|&step| self.steps[step].order)
    }

    /// Whether everything may be undone, or why not.
    pub(super) fn may_abort(&self, procedure: &Procedure) -> Result<(), String> {
        if self.phase != Phase::Forward {
            return Err("the run is being undone already".to_owned());
        }
        match self.point_of_no_return(procedure) {
            None => Ok(()),
            Some(step) => Err(format!(
                "{:?} can't be undone and has begun: behind it there is only forward; have what is \
                 stuck tried again, or skip it",
                procedure.steps[step].id
            )),
        }
    }

    /// Whether a person may go on without a step that is stuck, or why not.
    pub(super) fn may_skip(&self, spec: &Step, state: &StepState) -> Result<(), String> {
        if spec.action.is_for_a_person() {
            return Err(format!("{:?} is a question: answer it", spec.id));
        }
        if spec.one_way && state.is_uncertain() {
            return Err(format!(
                "{:?} can't be undone, and nobody knows whether it took effect: have it tried again, \
                 which begins by reading back",
                spec.id
            ));
        }
        Ok(())
    }

    /// The step that is to be undone next, unless one is under way or stuck. Whatever began last is
    /// undone first, and one at a time, so that each finds what it found when it began.
    fn next_undo(&self, procedure: &Procedure) -> Option<usize> {
        let waits = |state: &StepState| {
            state.status.is_under_way() || state.status == StepStatus::UndoStuck
        };
        if self.phase != Phase::Undoing || self.steps.iter().any(waits) {
            return None;
        }
        (0..self.steps.len())
            .filter(|&step| {
                let state = &self.steps[step];
                let over = matches!(state.status, StepStatus::Undone | StepStatus::Left);
                state.begun && !over && procedure.steps[step].undo.is_some()
            })
            .max_by_key(|&step| self.steps[step].order)
    }

    /// What may happen next.
    pub(super) fn due(&self, procedure: &Procedure) -> Vec<Due> {
        match self.phase {
            Phase::Done | Phase::Aborted => Vec::new(),
            Phase::Forward => self.due_forward(procedure),
            Phase::Undoing => self.due_back(procedure),
        }
    }

    fn due_forward(&self, procedure: &Procedure) -> Vec<Due> {
        if self.steps.iter().all(|state| state.status.is_behind()) {
            return vec![Due::Finish];
        }
        let due = |(step, spec): (usize, &Step)| {
            let state = &self.steps[step];
            let may = matches!(
                state.status,
                StepStatus::Pending | StepStatus::Allowed | StepStatus::Again | StepStatus::Unknown
            );
            if !may || !self.unmet(spec).is_empty() {
                return None;
            }
            Some(if spec.action.is_for_a_person() {
                Due::Ask { step }
            } else {
                Due::Step { step, attempt: state.attempt + 1, read_back: state.is_uncertain() }
            })
        };
        procedure.steps.iter().enumerate().filter_map(due).collect()
    }

    fn due_back(&self, procedure: &Procedure) -> Vec<Due> {
        if let Some(step) = self.next_undo(procedure) {
            let state = &self.steps[step];
            let read_back = state.undo_attempt > 0 && state.is_uncertain();
            return vec![Due::Undo { step, attempt: state.undo_attempt + 1, read_back }];
        }
        let waits = |state: &StepState| {
            state.status.is_under_way() || state.status == StepStatus::UndoStuck
        };
        if self.steps.iter().any(waits) { Vec::new() } else { vec![Due::Finish] }
    }
}

fn undo_is_for_a_person(spec: &Step) -> bool {
    spec.undo.as_ref().is_some_and(|undo| undo.action.is_for_a_person())
}
