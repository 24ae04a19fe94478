//! The page that serves when the controller is dead: a runbook's prose and commands, with the
//! fleet's real names in them.
//!
//! Everything in it can be done with AWS's command line and a shell alone. A block of commands that
//! refers to a service in a Region, to a seat or to a database's cluster is repeated for each that
//! the step is about.

mod names;
mod references;
mod render;
mod rows;

pub use names::{ClusterNames, Names, PairNames, PlacementNames};
pub use references::{REFERENCES, Reference, Scope, reference};
pub use render::manual;
