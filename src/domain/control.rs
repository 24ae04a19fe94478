//! The control state: what the fleet has decided.
//!
//! An immutable document with a name. Each seat points to the newest one that a leader put beside
//! it; one to which a majority of seats points is *committed*, and only what is committed is acted
//! upon. The chain of these documents is the fleet's history: each carries the decision that made
//! it, with that decision's inputs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::name::{AgentId, FleetName, RegionId, ServiceId};
use super::seat::{Epoch, Incarnation};
use super::steering::Steering;
use super::weight::Weight;

/// The name of a control state. Compared by epoch first. A name never has two contents.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct StateName {
    /// The epoch of the leader that made it.
    pub epoch: Epoch,
    /// Rises with every state that this leader proposes.
    pub seq: u64,
}

impl StateName {
    /// The state that `init` writes.
    pub const GENESIS: Self = Self { epoch: Epoch::ZERO, seq: 0 };
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// A name together with the fingerprint of what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StateRef {
    /// Which state.
    pub name: StateName,
    /// Of the state's document, as stored.
    pub digest: Digest,
}

/// Weights by service and Region.
pub type Weights = BTreeMap<ServiceId, BTreeMap<RegionId, Weight>>;

/// Everything that the fleet has decided and that a new leader must go on with.
///
/// `C` is the record of why this state came to be, and `R` a run of a runbook; the brain's own types
/// stand there (`core::explain::Cause`, `core::runs::Kept`), kept generic so that the words don't
/// depend on the brain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlState<C, R> {
    /// Its name.
    pub name: StateName,
    /// Whose state it is.
    pub fleet: FleetName,
    /// The seat set, with each seat's incarnation. A seat that shows another incarnation is lost.
    pub seats: BTreeMap<RegionId, Incarnation>,
    /// The weights that the records are to have.
    pub wanted: Weights,
    /// What people have ordered, and what is asked of them.
    #[serde(default, skip_serializing_if = "Steering::is_empty")]
    pub steering: Steering,
    /// Runs of runbooks by name: those under way, and the last ones that ended.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<String, R>,
    /// The agent that proposed it.
    pub by: AgentId,
    /// Wall-clock time of the proposal in RFC 3339, for people only: never compared.
    pub at: String,
    /// Why it differs from the state before it.
    pub cause: C,
}
