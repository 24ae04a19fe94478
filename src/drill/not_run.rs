//! Why a drill could not be run to its end.

use crate::core::invariants::Violation;

use super::cast::Miscast;

/// A drill that proves nothing, with the reason.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// The fleet was not quiet before the first fault.
    #[error(
        "the fleet did not settle within {} s: one leader, every Region healthy, every record as \
         wanted",
        limit_ms / 1000
    )]
    Unsettled {
        /// How long it was waited for.
        limit_ms: u32,
    },
    /// Nobody led when the first fault was to strike.
    #[error("nobody led when the first fault was to strike")]
    NoLeader,
    /// There is nothing to compare.
    #[error("the fleet has no [gates]: there is nothing to compare")]
    NoGates,
    /// A part of the scenario could not be given out.
    #[error(transparent)]
    Miscast(#[from] Miscast),
    /// The run broke what must never be broken.
    #[error("{0}")]
    Violation(Violation),
    /// An order could not be given.
    #[error("no replica of the board took an order: {0}")]
    NoBoard(String),
    /// The fleet on loopback failed.
    #[error("the local fleet failed: {0}")]
    Local(String),
}
