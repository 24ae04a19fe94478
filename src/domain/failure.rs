//! How a call to the outside failed, sorted by what the caller may conclude.
//!
//! The brain and the runbook machine branch on the class and never on a message or a status code,
//! so each port must sort its errors honestly. The dangerous mistake is to take *unknown* for
//! *failed*: a call whose answer was lost may have taken effect, now or later.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a failed call tells about its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// It certainly had no effect, and the same call may work later: throttled, connection refused
    /// before anything was sent, a clean 503 before execution.
    Transient,
    /// It certainly had no effect because a condition did not hold: what is stored is not what the
    /// caller had read. Read again, then decide again.
    Conflict,
    /// It certainly had no effect because a fence of another epoch or fleet stood in the way.
    Fenced,
    /// It certainly had no effect and never will as it stands: denied, invalid, no such resource.
    Permanent,
    /// Nobody can say. The answer was lost, late, or made no sense. Read back before believing
    /// either.
    Unknown,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::Transient, Self::Conflict, Self::Fenced, Self::Permanent, Self::Unknown];
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Transient => "transient",
            Self::Conflict => "conflict",
            Self::Fenced => "fenced",
            Self::Permanent => "permanent",
            Self::Unknown => "unknown",
        })
    }
}

/// A failed call: its class for the machine, and what happened for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{class}: {what}")]
pub struct CallFailure {
    /// What may be concluded.
    pub class: FailureClass,
    /// What was tried and what came back, in a sentence.
    pub what: String,
}

impl CallFailure {
    /// A failure of the given class.
    pub fn new(class: FailureClass, what: impl Into<String>) -> Self {
        Self { class, what: what.into() }
    }

    /// See [`FailureClass::Transient`].
    pub fn transient(what: impl Into<String>) -> Self {
        Self::new(FailureClass::Transient, what)
    }

    /// See [`FailureClass::Conflict`].
    pub fn conflict(what: impl Into<String>) -> Self {
        Self::new(FailureClass::Conflict, what)
    }

    /// See [`FailureClass::Permanent`].
    pub fn permanent(what: impl Into<String>) -> Self {
        Self::new(FailureClass::Permanent, what)
    }

    /// See [`FailureClass::Unknown`].
    pub fn unknown(what: impl Into<String>) -> Self {
        Self::new(FailureClass::Unknown, what)
    }
}
