//! The modelled world in real time on loopback: what `regent up` starts and `drill run --on local`
//! rehearses on.
//!
//! Everything that crosses a process's border is real: agents are processes that use the AWS SDKs,
//! the endpoints speak AWS's wire protocols, the name servers speak DNS, applications and clients
//! speak HTTP. What they all stand in is [`crate::world`], behind one lock and on the real clock.
//!
//! | part | file |
//! |---|---|
//! | AWS endpoints, and their log | `aws`, `dynamodb`, `route53`, `elbv2`, `cloudwatch`, `rds`, `quotas`, `document`, `operations`, `request_log` |
//! | name servers | `dns` |
//! | applications and clients | `apps`, `clients`, `addresses` |
//! | agents | `agents`, `launch` |
//! | being asked and struck | `control`, `strike`, `state`, `reading`, `databases` |
//! | being found | `env_file`, `status_lines` |
//!
//! What it doesn't do: decide anything, or know of the brain. It needs no network but loopback.

mod addresses;
mod agents;
mod apps;
pub mod autoscaling;
mod aws;
mod checkers;
mod clients;
pub mod cloudwatch;
pub mod control;
mod databases;
pub mod dns;
mod document;
pub mod dynamodb;
pub mod elbv2;
pub mod env_file;
mod error;
mod exchange;
mod fleet;
mod launch;
pub mod operations;
mod quotas;
pub mod rds;
mod reading;
mod render;
pub mod request_log;
pub mod route53;
mod run_folder;
mod running;
mod seed;
mod serve;
mod shared;
pub mod sns;
mod state;
mod status_lines;
mod strike;
mod sts;
#[cfg(test)]
pub(crate) mod testing;
pub mod words;

use std::sync::Arc;

pub use addresses::AddressError;
pub use agents::{AgentCondition, AgentError};
pub use clients::{ClientCount, KINDS, Resolver};
pub use databases::{DatabaseState, MemberState, Moving, WriteCount};
pub use error::LocalError;
pub use exchange::ExchangeError;
pub use fleet::{Fleet, Options};
pub use reading::Leader;
pub use render::SharedName;
pub use state::{AgentState, Alarm, AppState, Cut, State, Targets};
pub use strike::StrikeError;

/// Where lines for people go, one at a time and without their line ends.
pub type Sink = Arc<dyn Fn(&str) + Send + Sync>;
