//! Words for telling people.

use serde::{Deserialize, Serialize};

/// Whose trouble a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Regions, seats, zones, the controller itself.
    Infrastructure,
    /// A service of the fleet.
    Application,
    /// A dependency that the fleet does not run.
    ThirdParty,
}

impl NoticeLevel {
    /// The level as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Application => "application",
            Self::ThirdParty => "third_party",
        }
    }
}

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whose trouble.
    pub level: NoticeLevel,
    /// Two notices with one key are one notice: receivers drop the second.
    pub key: String,
    /// One line.
    pub subject: String,
    /// The rest.
    pub body: String,
}
