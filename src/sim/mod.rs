//! Many brains in one world under one seed, in virtual time and one thread.
//!
//! The brains are the real ones, the world is the one that `local` serves; what the simulator adds
//! is the passing of time: a queue of what arrives when. The same seed gives the same run, to the
//! byte. Invariants are judged as the run goes.
//!
//! | file | subject |
//! |---|---|
//! | `engine` | the queue, and stepping the brains |
//! | `agents` | agents with their own clocks, paused and killed |
//! | `calls`, `fate`, `ports` | a request's way there and back, and what may befall it |
//! | `probes`, `clients` | the applications as agents and clients meet them |
//! | `gates` | the agents' gates as Route 53's checkers meet them |
//! | `plan`, `draw`, `draw_orders` | a run's shape and troubles, and how a seed draws them |
//! | `trouble`, `hands` | troubles begun and ended; what people do to records by hand |
//! | `trial` | one plan from start to healed, judged |
//! | `rehearsal` | what a healed fleet is asked to do at the end |
//! | `oracle`, `coverage` | what was told must be so; which interesting states were reached |
//! | `swarm`, `minimise`, `story` | many seeds; a smaller plan that fails too; a run in lines |

mod agents;
mod calls;
mod capacity;
mod clients;
#[cfg(test)]
mod conformance;
mod coverage;
mod databases;
mod draw;
mod draw_orders;
mod engine;
mod facts;
mod fate;
mod gates;
mod hands;
mod minimise;
mod names;
mod notices;
mod oracle;
mod plan;
mod ports;
mod probes;
mod queue;
mod reach;
mod rehearsal;
mod setup;
mod signals;
mod story;
mod swarm;
mod trial;
mod trouble;
mod ways;

use std::time::Duration;

pub use coverage::Coverage;
pub use draw::{Size, draw};
pub use engine::Sim;
pub use facts::judge_log;
pub use fate::Fates;
pub use minimise::minimise;
pub use plan::{BadPlan, DrawnGates, Episode, Plan, Shape, Trouble};
pub use setup::Addresses;
pub use story::Line;
pub use swarm::{Failed, Report, Swarm};
pub use trial::{Ended, Failure, Trial};

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything that is drawn is drawn from this.
    pub seed: u64,
    /// How long a write to the board takes to another Region, give or take half of it.
    pub lag: Duration,
    /// Shortest and longest time until a change of records is on every name server.
    pub propagation: (Duration, Duration),
    /// One-way distance between two Regions.
    pub distance: Duration,
    /// Clients of each kind and service.
    pub clients_per_kind: u16,
    /// What may befall a call.
    pub fates: Fates,
    /// Whether the log is kept; what was judged is forgotten otherwise, but for changes of zones.
    pub keep_log: bool,
}

impl Default for Options {
    /// As the fleet on loopback: near, with the board's usual second, and no call comes to grief.
    fn default() -> Self {
        Self {
            seed: 1,
            lag: Duration::from_secs(1),
            propagation: (Duration::from_millis(300), Duration::from_millis(1500)),
            distance: Duration::from_millis(1),
            clients_per_kind: 4,
            fates: Fates::default(),
            keep_log: true,
        }
    }
}

#[cfg(test)]
mod tests;
