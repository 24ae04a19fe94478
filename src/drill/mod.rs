//! Drills: chaos files, what must hold, and the report.
//!
//! A chaos file is read into a [`Scenario`]; a runner (the simulator, or the fleet on loopback)
//! carries it out and hands back a [`Run`], whose log is the world's own; [`score`] judges that log
//! and tells its story. Scoring is pure: the same log gives the same report, wherever it came from.
//!
//! `compare` loses a Region under each way of leaving it, without a chaos file.
//!
//! Nothing here believes what an agent says of itself: leaders are read
//! off the seats, decisions off what a majority of seats points to, and actions off the batches
//! that a zone took.

mod cast;
mod compare;
mod databases;
mod demand;
mod edit;
mod figures;
mod judge;
mod not_run;
mod on_local;
mod on_sim;
mod orders;
mod problem;
mod raw;
mod read;
mod runs;
mod scenario;
mod score;
mod seats;
mod story;
mod text;
mod timeline;
mod wire;
mod words;
mod zones;

#[cfg(test)]
mod fixture;

pub use cast::{AgentRef, Cast, InvalidRef, Member, Miscast, PlaceRef, RegionRef};
pub use compare::{Left, Way, leave_on_local, leave_on_sim};
pub use databases::Writes;
pub use demand::{Demand, Expect};
pub use figures::{Figures, Recovery, Tally};
pub use judge::{Figure, Verdict};
pub use not_run::NotRun;
pub use on_local::run_on_local;
pub use on_sim::run_on_sim;
pub use orders::{Argument, OrderRef, QuestionRef, StartRef};
pub use runs::Standing;
pub use scenario::{Act, Deed, Run, Scenario, SpotRef, Stage};
pub use score::{Score, score};
pub use seats::{Leader, Seats};
pub use timeline::{Line, LineKind};
pub use wire::{ScopeRef, WireRef};
