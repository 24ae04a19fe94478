//! Clocks, logs and metrics: how an agent tells time and tells people what it does.
//!
//! Nothing here decides anything, and nothing here is global but the log subscriber, which the
//! process can have only one of: each agent owns its [`Metrics`], so that several can run in one
//! process.

pub mod clock;
pub mod logs;
pub mod metrics;

pub use clock::Stopwatch;
pub use metrics::Metrics;
