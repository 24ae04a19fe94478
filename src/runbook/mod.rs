//! Runbooks: how they are written, what is wrong with one, and the machine that executes them.
//!
//! A runbook is one file for two readers: Markdown for the person who has to do it by hand at three
//! in the morning, and front matter for the leader that does it by itself. Bound to its arguments it
//! becomes a [`Procedure`]; a [`Run`] is a procedure and the log of what has happened.
//!
//! Nothing here knows time, chance, calls or files' whereabouts: what waits for too long, and how a
//! call ended, are told to the machine as events.

pub mod action;
mod choices;
pub mod log;
pub mod procedure;
mod progress;
mod run;
mod table;

pub use action::{Action, Kind};
pub use choices::{Act, Choice};
pub use log::{Entry, Event, Outcome};
pub use procedure::{Autonomy, OnFailure, Procedure, Step, Undo};
pub use progress::{Illegal, StepState, UNKNOWN_MAX};
pub use run::{Due, LOG_ENTRIES_MAX, Run, RunId, RunStatus};
pub use table::StepStatus;
