//! Bounded queues stay bounded.
//!
//! Source: the house's rule of a bound on every queue. Each seat, replica and zone has at most one
//! call under way for each of its purposes, and each target a fixed number of probes; the bound is
//! twice that for calls, since those of an earlier leadership may not be answered yet.

use crate::core::gauges::Queues;
use crate::core::orders::WAITING_MAX;
use crate::domain::{Fleet, Moment};

use super::{Fact, Judge, Known};

/// Calls for each seat: its own, the state put beside it, the state read from it.
const CALLS_PER_SEAT: usize = 3;
/// Calls for each replica of the board: to read the reports, to read the orders, and to remove two
/// that are handled.
const CALLS_PER_REPLICA: usize = 4;
/// Calls for each zone: to read or change it, and to follow its last change.
const CALLS_PER_ZONE: usize = 2;
/// Calls of which there is one: the report; and one history entry for each of some quick commits.
const CALLS_BESIDES: usize = 4;
/// Probes of one target under way.
const PROBES_PER_TARGET: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct BoundedQueues {
    bound: Queues,
}

impl BoundedQueues {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let calls = CALLS_PER_SEAT * fleet.seats.len()
            + CALLS_PER_REPLICA * fleet.regions.len()
            + CALLS_PER_ZONE * fleet.zones.len()
            + CALLS_BESIDES;
        let probes = PROBES_PER_TARGET * fleet.targets().len();
        Self { bound: Queues { calls: 2 * calls, probes, orders: WAITING_MAX } }
    }
}

impl Judge for BoundedQueues {
    fn name(&self) -> &'static str {
        "queues are bounded"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        let Fact::Queued { agent, queues } = fact else { return Ok(()) };
        let Queues { calls, probes, orders } = self.bound;
        if queues.calls > calls {
            return Err(format!("{agent} has {} calls under way, above {calls}", queues.calls));
        }
        if queues.orders > orders {
            return Err(format!("{agent} keeps {} orders waiting, above {orders}", queues.orders));
        }
        if queues.probes > probes {
            return Err(format!("{agent} has {} probes under way, above {probes}", queues.probes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet};
    use super::*;

    #[test]
    fn a_queue_above_its_bound_is_caught() {
        let mut case = Case::of(BoundedQueues::new(&fleet()));
        let Queues { calls, probes, orders } = BoundedQueues::new(&fleet()).bound;
        let queued = |calls, probes| Fact::Queued {
            agent: "a".parse().expect("valid"),
            queues: Queues { calls, probes, orders },
        };
        case.fine(queued(calls, probes));
        case.broken(queued(calls + 1, 0));
        case.broken(queued(0, probes + 1));
        let queues = Queues { orders: orders + 1, ..Queues::default() };
        case.broken(Fact::Queued { agent: "a".parse().expect("valid"), queues });
    }
}
