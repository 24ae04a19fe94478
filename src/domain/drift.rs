//! Records that somebody other than the fleet has changed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::name::RegionId;
use super::record::RecordKey;
use super::weight::Weight;

/// What a leader does about records that somebody else has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It puts them right.
    Corrected,
    /// It leaves them, as the files say.
    Kept,
    /// It has put them right too often: it leaves them, and asks.
    Stopped,
    /// It tells of them: what was changed is not the fleet's to decide.
    Noticed,
}

impl Course {
    /// The course as a metric label and in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Corrected => "corrected",
            Self::Kept => "kept",
            Self::Stopped => "stopped",
            Self::Noticed => "noticed",
        }
    }
}

/// Records that somebody else has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftReport {
    /// Whose.
    pub key: RecordKey,
    /// When it was noticed, by the leader's wall clock.
    pub at: String,
    /// What is done about it.
    pub course: Course,
    /// What was changed.
    pub what: Vec<String>,
    /// The weights that the fleet wants for the name, where the edit is kept: for whoever leads next.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub against: BTreeMap<RegionId, Weight>,
}

impl fmt::Display for DriftReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, at, course, what, .. } = self;
        write!(f, "{key}: {} (noticed {at}; ", what.join("; "))?;
        f.write_str(match course {
            Course::Corrected => "put right)",
            Course::Kept => "left, as drift = \"keep\" says)",
            Course::Stopped => {
                "put right too often: left now. Find who changes it; `regent pause` and `regent \
                 resume` begin anew)"
            }
            Course::Noticed => "told, and left)",
        })
    }
}
