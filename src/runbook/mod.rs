//! Runbooks: how they are written, what is wrong with one, and the machine that executes them.
//!
//! A runbook is one file for two readers: Markdown for the person who has to do it by hand at three
//! in the morning, and front matter for the leader that does it by itself. Bound to its arguments it
//! becomes a [`Procedure`]; a [`Run`] is a procedure and the log of what has happened.
//!
//! Nothing here knows time, chance, calls or files' whereabouts: what waits for too long, and how a
//! call ended, are told to the machine as events.

pub mod action;
mod bind;
pub mod book;
mod choices;
mod fill;
mod fits;
mod library;
mod lint;
pub mod log;
pub mod manual;
pub mod procedure;
mod progress;
#[cfg(test)]
mod random;
mod run;
mod shipped;
mod sound;
#[cfg(test)]
mod sweeps;
mod table;
#[cfg(test)]
mod testing;

pub use action::{Action, Kind};
pub use bind::{Arguments, NotBound};
pub use book::Book;
pub use choices::{Act, Choice};
pub use library::{Library, stem};
pub use log::{Entry, Event, Outcome};
pub use manual::{Names, manual};
pub use procedure::{OnFailure, Procedure, Step, Undo};
pub use progress::{Illegal, StepState, UNKNOWN_MAX};
pub use run::{Due, LOG_ENTRIES_MAX, Run, RunId, RunStatus};
pub use shipped::SHIPPED;
pub use sound::Unsafe;
pub use table::StepStatus;
