//! The environment file: what a shell, `regent local` and tests need to reach a running fleet, as
//! `export NAME=value` lines.
//!
//! Whole or not at all: it is written to a temporary name and renamed, once the fleet is ready, and
//! removed at the fleet's end. While the process that wrote it lives, nobody else may.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};

/// The variable that holds the writer's process number.
pub const PID: &str = "REGENT_LOCAL_PID";

/// The variable that holds the control interface's URL.
pub const CONTROL: &str = "REGENT_LOCAL_CONTROL";

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Why there is no environment file.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// A fleet that uses it is running.
    #[error(
        "{} belongs to a fleet that is running (process {pid}): stop it first, or give this one \
         another file with --env", path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        pid: i32,
    },
    /// It can't be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// No fleet has written it.
    #[error("there is no {}: no local fleet is running. Start one with `regent up`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It holds something else.
    #[error(
        "{}:{line}: this is not `export NAME=value`. The file is not one that `regent up` wrote, \
         or was edited", path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

/// The file while its fleet runs; removed when this is dropped.
#[derive(Debug)]
pub(super) struct EnvFile(PathBuf);

impl EnvFile {
    /// Writes the file.
    pub(super) fn write(path: &Path, variables: &Variables) -> Result<Self, EnvFileError> {
        check_free(path)?;
        let text: String = variables
            .iter()
            .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
            .collect();
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        std::fs::write(&temporary, text)
            .and_then(|()| std::fs::rename(&temporary, path))
            .map_err(|error| EnvFileError::Io { path: path.to_owned(), error })?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!("{} could not be removed: {error}", self.0.display());
        }
    }
}

/// Reads a file that a fleet wrote.
///
/// # Errors
/// When it is missing, can't be read, or holds anything else.
pub fn read(path: &Path) -> Result<Variables, EnvFileError> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => EnvFileError::Missing { path: path.to_owned() },
        _ => EnvFileError::Io { path: path.to_owned(), error },
    })?;
    text.lines()
        .zip(1..)
        .map(|(line, number)| {
            let malformed = || EnvFileError::Malformed { path: path.to_owned(), line: number };
            let (name, value) = line
                .strip_prefix("export ")
                .and_then(|assignment| assignment.split_once('='))
                .ok_or_else(malformed)?;
            Ok((name.to_owned(), unquoted(value).ok_or_else(malformed)?))
        })
        .collect()
}

/// Refuses a file whose writer is alive. One that no fleet wrote, or whose fleet is gone, may be
/// replaced.
///
/// # Errors
/// As said.
pub fn check_free(path: &Path) -> Result<(), EnvFileError> {
    let variables = match read(path) {
        Ok(variables) => variables,
        Err(EnvFileError::Missing { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let pid = variables.get(PID).and_then(|pid| pid.parse().ok());
    match pid.and_then(|pid| Some((pid, Pid::from_raw(pid)?))) {
        // Not allowed to signal it means that it is there.
        Some((pid, process)) if test_kill_process(process) != Err(rustix::io::Errno::SRCH) => {
            Err(EnvFileError::InUse { path: path.to_owned(), pid })
        }
        _ => Ok(()),
    }
}

/// The value as a shell reads it back: in single quotes, unless it is made of harmless characters.
fn quoted(value: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !value.is_empty() && value.chars().all(harmless) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// Undoes [`quoted`]; none for what it never writes.
fn unquoted(text: &str) -> Option<String> {
    match text.strip_prefix('\'') {
        None if text.contains(['\'', '"', '$', '\\', ' ']) => None,
        None => Some(text.to_owned()),
        Some(rest) => {
            let inner = rest.strip_suffix('\'')?.replace(r"'\''", "\0");
            (!inner.contains('\'')).then(|| inner.replace('\0', "'"))
        }
    }
}

/// A name as it can stand in a variable's: what is neither letter nor digit becomes an underscore.
#[must_use]
pub fn variable_part(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// A process number that nobody has: that of a child that was waited for.
    fn gone() -> String {
        let mut child = Command::new("true").spawn().expect("there is a true");
        let pid = child.id().to_string();
        child.wait().expect("it ends");
        pid
    }

    #[test]
    fn a_shell_reads_what_was_written_and_so_do_we() {
        let dir = tempfile::tempdir().expect("a folder of our own");
        let path = dir.path().join("local.env");
        let written =
            variables(&[("A", "it's $HOME \"x\" \\ #"), ("B", "http://127.0.0.1:1/"), ("C", "")]);
        let file = EnvFile::write(&path, &written).expect("writable");
        assert_eq!(read(&path).expect("whole"), written);
        let script = format!(". '{}'; printf '%s|%s|%s' \"$A\" \"$B\" \"$C\"", path.display());
        let said = Command::new("sh").args(["-c", &script]).output().expect("there is a shell");
        assert_eq!(
            String::from_utf8_lossy(&said.stdout),
            "it's $HOME \"x\" \\ #|http://127.0.0.1:1/|"
        );
        drop(file);
        assert!(matches!(read(&path), Err(EnvFileError::Missing { .. })));
        assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 0);
    }

    #[test]
    fn a_file_is_replaced_only_when_its_fleet_is_gone() {
        let dir = tempfile::tempdir().expect("a folder of our own");
        let path = dir.path().join("local.env");
        let alive = variables(&[(PID, &std::process::id().to_string())]);
        let _file = EnvFile::write(&path, &alive).expect("writable");
        let error = EnvFile::write(&path, &alive).expect_err("we are alive").to_string();
        assert!(error.contains("stop it first"), "{error}");

        let text = format!("export {PID}={}\n", gone());
        std::fs::write(&path, text).expect("writable");
        check_free(&path).expect("its fleet is gone");
    }

    #[test]
    fn a_file_of_something_else_is_not_overwritten() {
        let dir = tempfile::tempdir().expect("a folder of our own");
        let path = dir.path().join("local.env");
        std::fs::write(&path, "export A=1\nrm -rf /\n").expect("writable");
        let error = check_free(&path).expect_err("not ours").to_string();
        assert!(error.contains("local.env:2: "), "{error}");
    }

    #[test]
    fn names_become_variables() {
        assert_eq!(variable_part("ap-southeast-2"), "ap_southeast_2");
    }

    proptest! {
        #[test]
        fn any_line_survives_quoting(value in "[^\0\r\n]*") {
            prop_assert_eq!(unquoted(&quoted(&value)), Some(value));
        }
    }
}
