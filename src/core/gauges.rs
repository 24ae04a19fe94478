//! What can be read off a brain from outside, cheaply enough to be read after every step: under
//! which epoch it acts and until when, and how long its queues are. For judges and tests; nothing
//! here decides anything.

use serde::{Deserialize, Serialize};

use crate::domain::{Epoch, Moment};

use super::Brain;

/// Lengths of a brain's queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Queues {
    /// Calls that are not answered yet.
    pub calls: usize,
    /// Probes that have not ended yet.
    pub probes: usize,
    /// People's orders that wait for their turn.
    #[serde(default)]
    pub orders: usize,
}

impl Brain {
    /// The epoch under which this agent acts as leader, and the end of its lease by its own clock;
    /// none unless it has committed under that epoch.
    #[must_use]
    pub fn acts_until(&self) -> Option<(Epoch, Moment)> {
        if !self.acting() {
            return None;
        }
        Some((self.election.leading()?, self.election.lease_end()?))
    }

    /// How long its queues are.
    #[must_use]
    pub fn queues(&self) -> Queues {
        Queues {
            calls: self.out.open(),
            probes: self.probing.open(),
            orders: self.orders.waiting(),
        }
    }
}
