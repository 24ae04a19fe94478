//! The folder of one run: the rendered fleet, the agents' logs. It goes when the run does.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A folder that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes the folder `fleet-<process>` beside the environment file, empty.
    pub(super) fn create(beside: &Path) -> io::Result<Self> {
        let parent = beside.parent().unwrap_or(Path::new(""));
        let path = parent.join(format!("fleet-{}", std::process::id()));
        // Somebody else's of the same process number, who can't be alive any more.
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(&path)?;
        // Absolute: children and shells may stand elsewhere.
        let folder = Self(path.canonicalize()?);
        std::fs::create_dir(folder.regions())?;
        std::fs::create_dir(folder.agents())?;
        Ok(folder)
    }

    /// Where the rendered fleet lies.
    pub(super) fn regions(&self) -> PathBuf {
        self.0.join("regions")
    }

    /// Where the agents' logs lie.
    pub(super) fn agents(&self) -> PathBuf {
        self.0.join("agents")
    }

    /// The log of requests, when it is to lie nowhere else.
    pub(super) fn requests(&self) -> PathBuf {
        self.0.join("requests.jsonl")
    }

    /// Writes the rendered fleet.
    pub(super) fn write_regions(&self, texts: BTreeMap<String, String>) -> io::Result<()> {
        texts
            .into_iter()
            .try_for_each(|(name, text)| std::fs::write(self.regions().join(name), text))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("{} could not be removed: {error}", self.0.display());
        }
    }
}
