//! What has happened to a run, in order: all that is known of it.
//!
//! An event is logged before a step begins and after it ends, and counts once it is committed. The
//! state of a run is the fold of its log; nothing else is kept.

use serde::{Deserialize, Serialize};

/// Longest text that the log keeps of an answer or a reason, in bytes. The log is committed again
/// with every entry.
pub const TEXT_BYTES_MAX: usize = 400;

/// One line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Wall-clock time in RFC 3339, for people only: never compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// An entry that tells no time.
    #[must_use]
    pub const fn new(event: Event) -> Self {
        Self { at: None, event }
    }

    /// An entry with the time for people.
    #[must_use]
    pub const fn at(at: String, event: Event) -> Self {
        Self { at: Some(at), event }
    }
}

/// What happens to a run. Steps are named by their index in the procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are the same in all: which step, who, why")]
pub enum Event {
    /// A person is asked: by the step itself, or because the fleet's rules want a person's yes
    /// before the step begins.
    Asked { step: usize },
    /// A person said yes, or that what was to be done by hand is done.
    Approved { step: usize, by: String },
    /// A person said no.
    Rejected { step: usize, by: String, reason: String },
    /// Nobody said anything in time.
    Expired { step: usize },
    /// An attempt begins. Committed before anything is done.
    Began { step: usize, attempt: u32 },
    /// An attempt is over.
    Ended { step: usize, attempt: u32, outcome: Outcome },
    /// While an attempt goes on, a number was found that the step is about to change, and that no later
    /// attempt could find again: what it was, and what it is to be. Committed before it is changed.
    Noted { step: usize, about: String, was: u32, goal: u32 },
    /// An attempt to take a step back begins. Committed before anything is done.
    UndoBegan { step: usize, attempt: u32 },
    /// An attempt to take a step back is over.
    UndoEnded { step: usize, attempt: u32, outcome: Outcome },
    /// A person goes on without what is stuck.
    Skipped { step: usize, by: String, reason: String },
    /// A person has what is stuck tried again.
    Retried { step: usize, by: String },
    /// A person wants everything undone.
    AbortAsked { by: String, reason: String },
    /// Nothing is left to do.
    Finished,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// What was to be true is true.
    Done {
        /// What there is to tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
    },
    /// It is certain that it is not. For a step that can't be undone it is certain, too, that it had
    /// no effect and will have none.
    Failed {
        /// What was tried and what came back.
        why: String,
    },
    /// Nobody can say: the answer was lost, or whoever waited for it is gone. The next attempt
    /// begins by reading back.
    Unknown {
        /// What is known.
        why: String,
    },
}

impl Event {
    /// The step that it is about; none for the run as a whole.
    #[must_use]
    pub const fn step(&self) -> Option<usize> {
        match self {
            Self::Asked { step }
            | Self::Approved { step, .. }
            | Self::Rejected { step, .. }
            | Self::Expired { step }
            | Self::Began { step, .. }
            | Self::Ended { step, .. }
            | Self::Noted { step, .. }
            | Self::UndoBegan { step, .. }
            | Self::UndoEnded { step, .. }
            | Self::Skipped { step, .. }
            | Self::Retried { step, .. } => Some(*step),
            Self::AbortAsked { .. } | Self::Finished => None,
        }
    }

    /// What it tells, clipped to what the log keeps.
    pub(super) fn told(&self) -> Option<&str> {
        match self {
            Self::Ended { outcome, .. } | Self::UndoEnded { outcome, .. } => outcome.told(),
            Self::Rejected { reason, .. } | Self::Skipped { reason, .. } => Some(reason),
            Self::Expired { .. } => Some("nobody answered in time"),
            _ => None,
        }
    }

    /// Clips every text to [`TEXT_BYTES_MAX`].
    pub(super) fn clip(&mut self) {
        match self {
            Self::Approved { by: text, .. }
            | Self::Retried { by: text, .. }
            | Self::Noted { about: text, .. } => clip(text),
            Self::Rejected { by, reason, .. }
            | Self::Skipped { by, reason, .. }
            | Self::AbortAsked { by, reason } => {
                clip(by);
                clip(reason);
            }
            Self::Ended { outcome, .. } | Self::UndoEnded { outcome, .. } => match outcome {
                Outcome::Done { output } => output.iter_mut().for_each(clip),
                Outcome::Failed { why } | Outcome::Unknown { why } => clip(why),
            },
            Self::Asked { .. }
            | Self::Expired { .. }
            | Self::Began { .. }
            | Self::UndoBegan { .. }
            | Self::Finished => {}
        }
    }
}

impl Outcome {
    fn told(&self) -> Option<&str> {
        match self {
            Self::Done { output } => output.as_deref(),
            Self::Failed { why } | Self::Unknown { why } => Some(why),
        }
    }
}

fn clip(text: &mut String) {
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
}
