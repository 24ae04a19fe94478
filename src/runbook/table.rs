//! The transition table of one step: which event may follow which status, and what comes of it.
//!
//! Every pair that is not listed is an error. Whether a listed event may happen *now* also depends
//! on the other steps; that is the run's own question.

use serde::{Deserialize, Serialize};

use super::log::{Event, Outcome};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Nothing has happened yet.
    Pending,
    /// A person was asked and has not answered.
    Asked,
    /// A person said yes; it has not begun.
    Allowed,
    /// An attempt is under way, or its leader is gone.
    Running,
    /// It failed, and is to be tried again.
    Again,
    /// Nobody knows whether it took effect; the next attempt reads back.
    Unknown,
    /// A person must decide.
    Stuck,
    /// It took effect.
    Done,
    /// The run went on without it.
    Skipped,
    /// An attempt to take it back is under way, or its leader is gone.
    Undoing,
    /// Taking it back is to be tried again.
    UndoAgain,
    /// Nobody knows whether it was taken back.
    UndoUnknown,
    /// Taking it back failed, and a person must decide.
    UndoStuck,
    /// It was taken back.
    Undone,
    /// A person left it as it is.
    Left,
}

impl StepStatus {
    /// Every status.
    pub const ALL: [Self; 15] = [
        Self::Pending,
        Self::Asked,
        Self::Allowed,
        Self::Running,
        Self::Again,
        Self::Unknown,
        Self::Stuck,
        Self::Done,
        Self::Skipped,
        Self::Undoing,
        Self::UndoAgain,
        Self::UndoUnknown,
        Self::UndoStuck,
        Self::Undone,
        Self::Left,
    ];

    /// Whether those that need the step may begin.
    #[must_use]
    pub const fn is_behind(self) -> bool {
        matches!(self, Self::Done | Self::Skipped)
    }

    /// Whether an attempt is under way, forward or back.
    #[must_use]
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Running | Self::Undoing)
    }
}

/// An event without what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Asked,
    Approved,
    Rejected,
    Expired,
    Began,
    Done,
    Failed,
    Unknown,
    Noted,
    UndoBegan,
    UndoDone,
    UndoFailed,
    UndoUnknown,
    Skipped,
    Retried,
}

impl What {
    /// Every event of a step.
    #[cfg(test)]
    pub(super) const ALL: [Self; 15] = [
        Self::Asked,
        Self::Approved,
        Self::Rejected,
        Self::Expired,
        Self::Began,
        Self::Done,
        Self::Failed,
        Self::Unknown,
        Self::Noted,
        Self::UndoBegan,
        Self::UndoDone,
        Self::UndoFailed,
        Self::UndoUnknown,
        Self::Skipped,
        Self::Retried,
    ];

    /// What an event is to its step; none for those of the run as a whole.
    pub(super) const fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Asked { .. } => Self::Asked,
            Event::Approved { .. } => Self::Approved,
            Event::Rejected { .. } => Self::Rejected,
            Event::Expired { .. } => Self::Expired,
            Event::Began { .. } => Self::Began,
            Event::Ended { outcome, .. } => match outcome {
                Outcome::Done { .. } => Self::Done,
                Outcome::Failed { .. } => Self::Failed,
                Outcome::Unknown { .. } => Self::Unknown,
            },
            Event::Noted { .. } => Self::Noted,
            Event::UndoBegan { .. } => Self::UndoBegan,
            Event::UndoEnded { outcome, .. } => match outcome {
                Outcome::Done { .. } => Self::UndoDone,
                Outcome::Failed { .. } => Self::UndoFailed,
                Outcome::Unknown { .. } => Self::UndoUnknown,
            },
            Event::Skipped { .. } => Self::Skipped,
            Event::Retried { .. } => Self::Retried,
            Event::AbortAsked { .. } | Event::Finished => return None,
        })
    }
}

/// What comes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This status.
    To(StepStatus),
    /// *Done* if the question was the step itself, or *allowed* if it came before the step.
    Yes,
    /// What the step says of its failures: *again*, *skipped* or *stuck*.
    Failure,
    /// *Unknown*, or *stuck* when it has been so too often.
    Unknown,
    /// As above, of taking it back.
    UndoUnknown,
    /// *Undone*, if a person was to do it.
    UndoYes,
    /// *Stuck in taking back*, if a person was to do it.
    UndoNo,
}

/// The table. None: this event can't happen to a step that stands so.
pub(super) const fn next(status: StepStatus, what: What) -> Option<Next> {
    use StepStatus as S;
    Some(match (status, what) {
        (S::Pending | S::Again, What::Asked) => Next::To(S::Asked),
        (S::Pending | S::Allowed | S::Again | S::Unknown, What::Began) => Next::To(S::Running),

        (S::Asked, What::Approved) => Next::Yes,
        (S::Asked, What::Rejected | What::Expired) => Next::Failure,

        (S::Running, What::Done) => Next::To(S::Done),
        (S::Running, What::Failed) => Next::Failure,
        (S::Running, What::Unknown) => Next::Unknown,
        (S::Running, What::Noted) => Next::To(S::Running),

        (S::Stuck, What::Retried) => Next::To(S::Again),
        (S::Stuck, What::Skipped) => Next::To(S::Skipped),

        // Whatever has begun may have had an effect, however it ended. What is running is waited for.
        (
            S::Asked
            | S::Allowed
            | S::Again
            | S::Unknown
            | S::Stuck
            | S::Done
            | S::Skipped
            | S::UndoAgain
            | S::UndoUnknown,
            What::UndoBegan,
        ) => Next::To(S::Undoing),
        (S::Undoing, What::Noted) => Next::To(S::Undoing),
        (S::Undoing, What::UndoDone) => Next::To(S::Undone),
        (S::Undoing, What::UndoFailed) => Next::To(S::UndoStuck),
        (S::Undoing, What::UndoUnknown) => Next::UndoUnknown,
        (S::Undoing, What::Approved) => Next::UndoYes,
        (S::Undoing, What::Rejected | What::Expired) => Next::UndoNo,

        (S::UndoStuck, What::Retried) => Next::To(S::UndoAgain),
        (S::UndoStuck, What::Skipped) => Next::To(S::Left),

        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_this_and_no_pair_more() {
        let mut lines = Vec::new();
        for status in StepStatus::ALL {
            for what in What::ALL {
                if let Some(next) = next(status, what) {
                    lines.push(format!("{status:?} + {what:?} = {next:?}"));
                }
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn nothing_follows_what_was_undone_or_left() {
        for what in What::ALL {
            assert_eq!(next(StepStatus::Undone, what), None, "{what:?}");
            assert_eq!(next(StepStatus::Left, what), None, "{what:?}");
        }
    }

    #[test]
    fn what_nobody_knows_is_neither_skipped_nor_forgotten() {
        let may: Vec<What> = What::ALL
            .into_iter()
            .filter(|what| next(StepStatus::Unknown, *what).is_some())
            .collect();
        assert_eq!(may, [What::Began, What::UndoBegan]);
    }
}
