//! Why a local fleet can't be started.

use std::io;
use std::path::PathBuf;

use super::addresses::AddressError;
use super::agents::AgentError;
use super::env_file::EnvFileError;
use super::render::SharedName;
use crate::config::Problems;
use crate::world::route53::Route53Error;

/// Why a local fleet can't be started.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The environment file is in use, or can't be written.
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    /// There are no addresses for the Regions.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The services can't be told apart.
    #[error(transparent)]
    SharedName(#[from] SharedName),
    /// The fleet doesn't survive its move to loopback.
    #[error("the fleet is refused once it is moved to loopback addresses:\n{0}")]
    Rendered(Problems),
    /// A file or folder can't be made.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// An interface can't be opened.
    #[error("{what} can't listen on 127.0.0.1: {error}")]
    Listen {
        /// Which.
        what: &'static str,
        /// The system's words.
        error: io::Error,
    },
    /// The model of Route 53 refuses the fleet's records.
    #[error("Route 53 would refuse the fleet's own records: {0}")]
    Records(#[from] Route53Error),
    /// The clients' resolver can't be made.
    #[error("the clients' resolver can't be made: {0}")]
    Resolver(String),
    /// There is nothing to run agents with.
    #[error("{} is not a file: agents are run with regent's own binary", .0.display())]
    NoBinary(PathBuf),
    /// The tables were not created.
    #[error("`{} init` failed: {why}", binary.display())]
    Init {
        /// What was run.
        binary: PathBuf,
        /// What is known.
        why: String,
    },
    /// An agent did not start.
    #[error(transparent)]
    Agent(#[from] AgentError),
}
