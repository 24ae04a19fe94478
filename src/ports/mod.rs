//! What an agent needs from the outside, as a few narrow traits.
//!
//! The adapters in `aws` implement them over the AWS SDKs; the simulator and the conformance suite
//! implement or drive them over the modelled world. A port promises three things:
//!
//! 1. **One answer by the limit.** Every method ends within the time limit it is given, and a call
//!    cut off by the limit after anything was sent is [`FailureClass::Unknown`].
//! 2. **An honest class.** Errors are sorted by what may be concluded about the effect; a failed or
//!    throttled read is an error and never an empty answer.
//! 3. **No hidden retries of swaps.** What is conditional is sent once: a retry inside the port
//!    would turn "took effect, answer lost" into "conflict". The brain retries, after reading back.
//!
//! [`FailureClass::Unknown`]: crate::domain::FailureClass::Unknown

mod capacity;
#[cfg(test)]
pub(crate) mod conformance;
pub mod databases;
mod health_checks;
pub mod items;
#[cfg(test)]
mod laws;
mod names;
pub mod notices;
mod observations;
mod records;
mod registers;
mod signals;
mod together;
mod webhooks;

use std::sync::Arc;

pub use capacity::Capacity;
pub use databases::Databases;
pub use health_checks::HealthChecks;
pub use names::Names;
pub use notices::Notices;
pub use observations::Observations;
pub use records::Records;
pub use registers::{Registers, SwapRefused};
pub use signals::Signals;
pub use together::ask_all;
pub use webhooks::Webhooks;

/// The way to AWS of one agent or one command.
#[derive(Clone)]
pub struct Outside {
    /// The seats.
    pub registers: Arc<dyn Registers>,
    /// The board.
    pub observations: Arc<dyn Observations>,
    /// The hosted zones.
    pub records: Arc<dyn Records>,
    /// What AWS says of a Region.
    pub signals: Arc<dyn Signals>,
    /// Health checks, for those who set up gates and those who look whether they are in order.
    pub health_checks: Arc<dyn HealthChecks>,
    /// The databases.
    pub databases: Arc<dyn Databases>,
    /// The autoscaling groups.
    pub capacity: Arc<dyn Capacity>,
    /// The topics that people are told through.
    pub notices: Arc<dyn Notices>,
    /// The zones' name servers.
    pub names: Arc<dyn Names>,
    /// Other systems that are told.
    pub webhooks: Arc<dyn Webhooks>,
}

/// The result of a call through a port.
pub type Answer<T> = Result<T, crate::domain::CallFailure>;
