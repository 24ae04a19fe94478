//! Route 53 health checks as regent makes them: inverted watches of gates, and counts of watches.
//!
//! Not all that Route 53 has, only what gates are made of. What a person made otherwise is left
//! alone.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::gate::GateEndpoint;

/// Route 53's ID of a check.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub String);

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An inverted check: unhealthy while an endpoint answers with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchSpec {
    /// Whom it asks.
    pub endpoint: GateEndpoint,
    /// Under which path.
    pub path: String,
    /// The text.
    pub searched: String,
    /// Seconds between a checker's requests.
    pub interval_s: u8,
    /// Requests in a row that change a checker's mind.
    pub failure_threshold: u8,
}

impl WatchSpec {
    /// Whether the other one can be made of this one: the type (whether TLS is spoken) and the
    /// interval of a check can't be changed (Route 53 API Reference, `HealthCheckConfig`), and what
    /// it asks for tells whose it is.
    #[must_use]
    pub fn can_become(&self, other: &Self) -> bool {
        self.endpoint.tls == other.endpoint.tls
            && self.interval_s == other.interval_s
            && self.path == other.path
            && self.searched == other.searched
            && (self.endpoint.host == other.endpoint.host
                || (self.endpoint.address.is_some()
                    && self.endpoint.address == other.endpoint.address))
    }
}

/// What a check is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckSpec {
    /// Of one endpoint.
    Watch(WatchSpec),
    /// Healthy while so many of its children are.
    Count {
        /// So many.
        threshold: u16,
        /// The children.
        children: BTreeSet<CheckId>,
    },
}

/// A check that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFound {
    /// Its ID.
    pub id: CheckId,
    /// Rises with each change of it.
    pub version: i64,
    /// What it is.
    pub spec: CheckSpec,
    /// Whether somebody has stopped it: then it reads healthy, or a watch unhealthy, for good.
    pub disabled: bool,
}

/// What a watch's checkers last saw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckSight {
    /// All of them.
    pub checkers: usize,
    /// Those that have asked.
    pub asked: usize,
    /// Those that found the text.
    pub found: usize,
    /// Those that had an answer without the text.
    pub answered: usize,
    /// Those that had none, or one with which no text counts. To the check that is the same, but such
    /// a gate can't be closed.
    #[serde(default)]
    pub silent: usize,
    /// What one of the others that asked reports, if there are others: Route 53 promises no words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unclear: Option<String>,
}

/// The part of its checkers, in percent, that must be exceeded for Route 53 to go by what they see
/// (Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy").
const CHECKERS_PERCENT: usize = 18;

impl CheckSight {
    /// Whether every checker has asked and none has found the text.
    #[must_use]
    pub fn reads_open(&self) -> bool {
        self.checkers > 0 && self.asked == self.checkers && self.found == 0
    }

    /// Whether enough checkers find the text for Route 53 to take the gate for closed.
    #[must_use]
    pub fn reads_closed(&self) -> bool {
        self.found * 100 > self.checkers * CHECKERS_PERCENT
    }

    /// Whether enough checkers are known to get an answer, so that the gate could be closed.
    #[must_use]
    pub fn reaches(&self) -> bool {
        (self.found + self.answered) * 100 > self.checkers * CHECKERS_PERCENT
    }

    /// Whether so many get none that the gate could not be closed.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        let others = self.checkers.saturating_sub(self.silent);
        self.asked > 0 && others * 100 <= self.checkers * CHECKERS_PERCENT
    }
}
