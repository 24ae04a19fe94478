//! Which fleet a command is about.

use std::path::PathBuf;

use super::Failure;
use crate::config::{self, Loaded};
use crate::domain::Fleet;

/// Arguments of every command that is about a fleet.
#[derive(Debug, clap::Args)]
pub(super) struct FleetArgs {
    /// The folder with fleet.toml and one <region>.toml for each Region
    #[arg(
        long,
        value_name = "DIR",
        env = "REGENT_REGIONS",
        hide_env_values = true,
        default_value = "regions"
    )]
    regions: PathBuf,
}

impl FleetArgs {
    /// Reads the folder.
    pub(super) fn load(&self) -> Result<Fleet, Failure> {
        Ok(self.load_files()?.fleet)
    }

    /// Reads the folder, and keeps what its files say.
    pub(super) fn load_files(&self) -> Result<Loaded, Failure> {
        Ok(config::load_dir(&self.regions)?)
    }
}
