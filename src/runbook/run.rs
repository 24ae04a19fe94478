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
    /// The status as one word, for tables.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::WaitingForPerson { .. } => "waiting for a person",
            Self::Stuck { .. } => "stuck",
            Self::Undoing => "being undone",
            Self::UndoStuck { .. } => "stuck while being undone",
            Self::Done { .. } => "done",
            Self::Aborted { .. } => "aborted",
            Self::Broken { .. } => "broken",
        }
    }

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
    /// When the procedure can't be executed, or must not be.
    pub fn new(id: RunId, procedure: Procedure) -> Result<Self, Illegal> {
        procedure.check()?;
        procedure.look_over()?;
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

    /// The same from its procedure and log alone.
    #[cfg(test)]
    pub(super) fn replayed(&self) -> Self {
        Self::from(Written::from(self.clone()))
    }

    pub(super) const fn progress(&self) -> Option<&Progress> {
        match &self.progress {
            Ok(progress) => Some(progress),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::TEXT_BYTES_MAX;
    use super::super::testing::{begin, done, failed, log, procedures, run};
    use super::*;

    fn evacuation() -> Run {
        let procedure = procedures().iter().find(|it| it.book == "evacuate-region");
        run(procedure.expect("it is shipped"))
    }

    /// A run whose first step is stuck.
    fn stuck() -> Run {
        let mut run = evacuation();
        let due = run.due()[0];
        let end = begin(&mut run, due, failed());
        log(&mut run, end);
        run
    }

    #[test]
    fn a_run_survives_its_document_and_keeps_nothing_but_procedure_and_log() {
        let run = stuck();
        let text = serde_json::to_string(&run).expect("plain");
        assert_eq!(serde_json::from_str::<Run>(&text).expect("the same"), run);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let keys: Vec<&String> = json.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["id", "log", "procedure"]);
        assert_eq!(json["log"][1]["event"]["ended"]["outcome"]["failed"]["why"], "denied");
    }

    #[test]
    fn a_log_that_no_machine_wrote_is_kept_and_nothing_is_done_with_it() {
        let mut json = serde_json::to_value(stuck()).expect("plain");
        json["log"].as_array_mut().expect("a list").remove(0);
        let mut run: Run = serde_json::from_value(json.clone()).expect("it is read all the same");
        let RunStatus::Broken { why } = run.status() else { panic!("{:?}", run.status()) };
        assert!(why.contains("\"survivors\" is Pending: Failed can't happen"), "{why}");
        assert_eq!((run.due(), run.choices()), (Vec::new(), Vec::new()));
        assert!(run.append(Entry::new(Event::Finished)).is_err());
        assert_eq!(serde_json::to_value(&run).expect("plain"), json, "kept as it was read");
    }

    #[test]
    fn long_texts_are_clipped_where_a_letter_ends() {
        let mut run = evacuation();
        log(&mut run, Event::Began { step: 0, attempt: 1 });
        let why = "é".repeat(TEXT_BYTES_MAX);
        log(&mut run, Event::Ended { step: 0, attempt: 1, outcome: Outcome::Failed { why } });
        let told = run.steps()[0].told.as_ref().expect("it told why");
        assert_eq!(told.len(), TEXT_BYTES_MAX);
    }

    #[test]
    fn a_log_does_not_grow_without_end() {
        let mut run = stuck();
        let retry = || Entry::new(Event::Retried { step: 0, by: "ada".to_owned() });
        while run.log().len() < LOG_ENTRIES_MAX {
            run.append(retry()).expect("it is stuck");
            let due = run.due()[0];
            let end = begin(&mut run, due, failed());
            log(&mut run, end);
        }
        assert_eq!(run.append(retry()), Err(Illegal::TooLong));
        let (by, reason) = ("ada".to_owned(), "enough".to_owned());
        log(&mut run, Event::AbortAsked { by, reason });
        log(&mut run, Event::Finished);
        assert!(run.status().is_final());
    }

    #[test]
    fn a_question_outlives_the_leader_that_asked_it() {
        let procedure = procedures().iter().find(|it| it.book == "game-day");
        let mut run = run(procedure.expect("it is shipped"));
        log(&mut run, Event::Asked { step: 0 });
        assert_eq!(run.interrupted(), []);
        assert_eq!(run.status(), RunStatus::WaitingForPerson { steps: vec![0] });
        log(&mut run, Event::Approved { step: 0, by: "ada".to_owned() });
        assert_eq!(run.steps()[0].status, StepStatus::Done);
    }

    #[test]
    fn a_step_that_the_fleets_rules_ask_about_begins_once_a_person_said_yes() {
        let mut run = evacuation();
        for step in 0..2 {
            log(&mut run, Event::Began { step, attempt: 1 });
            log(&mut run, Event::Ended { step, attempt: 1, outcome: done() });
        }
        let gate = run.procedure().index("gate").expect("it has one");
        let records = run.procedure().index("records").expect("it has some");
        log(&mut run, Event::Asked { step: gate });
        let due = |step| Due::Step { step, attempt: 1, read_back: false };
        assert_eq!(run.due(), [due(records)], "the other path doesn't wait for the answer");
        log(&mut run, Event::Approved { step: gate, by: "ada".to_owned() });
        assert_eq!(run.due(), [due(gate), due(records)]);
        log(&mut run, Event::Began { step: gate, attempt: 1 });
    }
}
