//! Words for telling another system.

use serde::{Deserialize, Serialize};

/// What another system answered to a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The beginning of what it said, as text.
    pub said: String,
}

impl Reply {
    /// Whether it has taken it, and goes along.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether it says no: a conflict, or locked (RFC 9110, section 15.5.10; RFC 4918, section 11.3).
    #[must_use]
    pub const fn objects(&self) -> bool {
        matches!(self.status, 409 | 423)
    }
}
