//! regent keeps a service that runs active-active in several AWS Regions answering while a Region
//! fails.
//!
//! `ARCHITECTURE.md` has the modules, the arrows between them and the invariants; start there.

pub mod agent;
pub mod api;
#[cfg(feature = "aws")]
pub mod aws;
pub mod cli;
pub mod config;
pub mod core;
pub mod domain;
pub mod drill;
pub mod local;
pub mod names;
pub mod ports;
pub mod preflight;
pub mod probe;
pub mod problem;
pub mod runbook;
pub mod sim;
pub mod telemetry;
pub mod world;
