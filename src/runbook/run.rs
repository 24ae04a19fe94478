//! One execution of a procedure: a pure machine over its log.
//!
//! The machine says what is due; whoever drives it logs that a step begins, does it, and logs how it
//! ended. It knows no time: what waits for too long is told to it as an event. A run is the
//! procedure and the log; where it stands is folded from them and never stored.

use serde::{Deserialize, Serialize};

use super::log::{Entry, Event, Outcome};
use super::procedure::Procedure;
use super::progress::{Illegal, Phase, Progress, StepState};
use super::table::StepStatus;

/// The most entries with which a person may still have a step tried again. A run's document is
/// committed with every entry and must fit an item of 400 KB (DynamoDB, "Service quotas").
pub const LOG_ENTRIES_MAX: usize = 1000;

/// Names a run, for people and for answers to its questions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Run {
    id: RunId,
    procedure: Procedure,
    log: Vec<Entry>,
    /// The fold of the log; always that.
    progress: Result<Progress, Illegal>,
}

/// A run as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: RunId,
    procedure: Procedure,
    log: Vec<Entry>,
}

impl From<Written> for Run {
    fn from(Written { id, procedure, log }: Written) -> Self {
        let progress = Progress::replay(&procedure, &log);
        Self { id, procedure, log, progress }
    }
}

impl From<Run> for Written {
    fn from(Run { id, procedure, log, .. }: Run) -> Self {
        Self { id, procedure, log }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It goes on by itself.
    Running,
    /// It goes on when a person has answered. Other steps may be under way.
    WaitingForPerson {
        /// The steps that ask.
        steps: Vec<usize>,
    },
    /// It goes on when a person has decided. Other steps may be under way.
    Stuck {
        /// The steps that failed.
        steps: Vec<usize>,
    },
    /// What was begun is being taken back.
    Undoing,
    /// Taking it back goes on when a person has decided.
    UndoStuck {
        /// The step that could not be taken back.
        step: usize,
    },
    /// All is done.
    Done {
        /// The steps that the run went on without.
        skipped: Vec<usize>,
    },
    /// All was taken back.
    Aborted {
        /// The steps that a person left as they were.
        left: Vec<usize>,
    },
    /// Its log is none that this machine could have written; nothing is done with it.
    Broken {
        /// Why not.
        why: String,
    },
}

impl RunStatus {
    /// Whether nothing will ever follow.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Aborted { .. })
    }
}

/// What is to happen next. All that is due may be done at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A person is to be asked: log [`Event::Asked`], and ask.
    Ask {
        /// The step that is the question.
        step: usize,
    },
    /// A step is to begin: log [`Event::Began`], and when that is committed do it.
    Step {
        /// Which.
        step: usize,
        /// The number that its events carry.
        attempt: u32,
        /// Whether an earlier attempt may have taken effect, which is to be read first.
        read_back: bool,
    },
    /// A step is to be taken back: log [`Event::UndoBegan`], and when that is committed do it. Where
    /// the action is a person's, ask.
    Undo {
        /// Which.
        step: usize,
        /// The number that its events carry.
        attempt: u32,
        /// Whether an earlier attempt may have taken effect, which is to be read first.
        read_back: bool,
    },
    /// Nothing is left: log [`Event::Finished`].
    Finish,
}

impl Run {
    /// A run of which nothing has happened yet.
    ///
    /// # Errors
    /// When the procedure can't be executed.
    pub fn new(id: RunId, procedure: Procedure) -> Result<Self, Illegal> {
        let run = Self::from(Written { id, procedure, log: Vec::new() });
        match &run.progress {
            Ok(_) => Ok(run),
            Err(unsound) => Err(unsound.clone()),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &RunId {
        &self.id
    }

    /// What it executes.
    #[must_use]
    pub const fn procedure(&self) -> &Procedure {
        &self.procedure
    }

    /// What has happened.
    #[must_use]
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// Logs what happened.
    ///
    /// # Errors
    /// When it can't have happened to a run that stands so, or must not. Nothing is logged then.
    pub fn append(&mut self, mut entry: Entry) -> Result<(), Illegal> {
        entry.event.clip();
        let progress = self.progress.as_mut().map_err(|broken| broken.clone())?;
        if matches!(entry.event, Event::Retried { .. }) && self.log.len() >= LOG_ENTRIES_MAX {
            return Err(Illegal::TooLong);
        }
        progress.apply(&self.procedure, &entry.event)?;
        self.log.push(entry);
        Ok(())
    }

    /// Where it stands.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        let progress = match &self.progress {
            Ok(progress) => progress,
            Err(broken) => return RunStatus::Broken { why: broken.to_string() },
        };
        let undo_stuck = progress.with(StepStatus::UndoStuck).first().copied();
        match progress.phase() {
            Phase::Done => RunStatus::Done { skipped: progress.with(StepStatus::Skipped) },
            Phase::Aborted => RunStatus::Aborted { left: progress.with(StepStatus::Left) },
            Phase::Undoing => {
                undo_stuck.map_or(RunStatus::Undoing, |step| RunStatus::UndoStuck { step })
            }
            Phase::Forward => {
                let stuck = progress.with(StepStatus::Stuck);
                let asked = progress.with(StepStatus::Asked);
                if !stuck.is_empty() {
                    RunStatus::Stuck { steps: stuck }
                } else if !asked.is_empty() {
                    RunStatus::WaitingForPerson { steps: asked }
                } else {
                    RunStatus::Running
                }
            }
        }
    }

    /// Where each step stands, in the order of the procedure. Empty when the log is broken.
    #[must_use]
    pub fn steps(&self) -> &[StepState] {
        self.progress.as_ref().map_or(&[], Progress::steps)
    }

    /// What may happen next, in the order of the procedure.
    #[must_use]
    pub fn due(&self) -> Vec<Due> {
        self.progress.as_ref().map_or_else(|_| Vec::new(), |it| it.due(&self.procedure))
    }

    /// The step behind which there is only forward, once it may have taken effect.
    #[must_use]
    pub fn point_of_no_return(&self) -> Option<usize> {
        self.progress.as_ref().ok()?.point_of_no_return(&self.procedure)
    }

    /// What a new leader logs before it goes on: of every attempt that its predecessor began, nobody
    /// knows how it ended.
    #[must_use]
    pub fn interrupted(&self) -> Vec<Event> {
        let outcome = || Outcome::Unknown { why: "the leader that began it is gone".to_owned() };
        self.steps()
            .iter()
            .enumerate()
            .filter_map(|(step, state)| match state.status {
                StepStatus::Running => {
                    Some(Event::Ended { step, attempt: state.attempt, outcome: outcome() })
                }
                StepStatus::Undoing if !self.undo_is_for_a_person(step) => {
                    Some(Event::UndoEnded { step, attempt: state.undo_attempt, outcome: outcome() })
                }
                _ => None,
            })
            .collect()
    }

    /// A question to a person outlives the leader that asked it.
    fn undo_is_for_a_person(&self, step: usize) -> bool {
        self.procedure.steps[step].undo.as_ref().is_some_and(|undo| undo.action.is_for_a_person())
    }

    pub(super) const fn progress(&self) -> Option<&Progress> {
        match &self.progress {
            Ok(progress) => Some(progress),
            Err(_) => None,
        }
    }
}
