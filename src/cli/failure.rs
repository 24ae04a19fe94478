//! How a command fails, and what that becomes: text on stderr, JSON on stdout, an exit code.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::Screen;
use crate::config::{Problem, Problems};

/// Exit code when what was asked for could not be done.
const FAILED: u8 = 1;
/// Exit code when the arguments or the fleet's files are wrong; clap's own too.
pub(super) const BAD_INPUT: u8 = 2;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The arguments can't be carried out.
    Arguments(String),
    /// The fleet's files are wrong.
    Files(Problems),
    /// Anything else.
    Failed(anyhow::Error),
    /// What the command printed says all.
    Shown,
    /// Nobody reads stdout any more: whoever did has seen enough.
    PipeClosed,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Files(problems)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::Failed(anyhow::Error::new(error).context("stdout can't be written to")),
        }
    }
}

/// A failure for programs: the document, when there is nothing else to print.
#[derive(Debug, Serialize)]
struct Shown<'f> {
    error: Told<'f>,
}

/// A failure for programs: always under the key `error`.
#[derive(Debug, Serialize)]
pub(super) struct Told<'f> {
    what: String,
    exit_code: u8,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    problems: &'f [Problem],
}

impl Failure {
    /// The exit code.
    fn code(&self) -> u8 {
        match self {
            Self::Arguments(_) | Self::Files(_) => BAD_INPUT,
            Self::Failed(_) | Self::Shown => FAILED,
            Self::PipeClosed => 0,
        }
    }

    /// What people read; none when they have read it already.
    fn text(&self) -> Option<String> {
        match self {
            Self::Arguments(what) => Some(what.clone()),
            Self::Files(problems) => Some(problems.to_string()),
            Self::Failed(error) => Some(format!("{error:#}")),
            Self::Shown | Self::PipeClosed => None,
        }
    }

    /// What programs read; none when it has been printed already.
    pub(super) fn told(&self) -> Option<Told<'_>> {
        let problems = match self {
            Self::Files(problems) => problems.0.as_slice(),
            _ => &[],
        };
        self.text().map(|what| Told { what, exit_code: self.code(), problems })
    }

    /// Prints it as JSON, if there is anything to say and JSON is wanted.
    pub(super) fn show_json(&self, screen: &mut Screen<'_>) -> Result<(), Self> {
        self.told().map_or(Ok(()), |error| screen.document(&Shown { error }))
    }
}

/// Tells of a failure and gives the exit code.
pub(super) fn end(
    result: Result<(), Failure>,
    screen: &mut Screen<'_>,
    stderr: &mut dyn Write,
) -> ExitCode {
    let Err(failure) = result else { return ExitCode::SUCCESS };
    // Whoever would read these may be gone; the exit code remains.
    let _ = failure.show_json(screen);
    if let Some(text) = failure.text() {
        let _ = match &failure {
            // Each is a line that begins with file:line:column, which editors understand.
            Failure::Files(_) => writeln!(stderr, "{text}"),
            _ => writeln!(stderr, "regent: {text}"),
        };
    }
    ExitCode::from(failure.code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Place;

    fn told(failure: Failure, json: bool) -> (String, String, ExitCode) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = end(Err(failure), &mut Screen::new(&mut out, json), &mut err);
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (text(out), text(err), code)
    }

    fn problems() -> Problems {
        let place = Place { file: "regions/fleet.toml".to_owned(), position: None };
        Problems(vec![Problem { place, what: "w".to_owned(), remedy: "r".to_owned() }])
    }

    #[test]
    fn bad_input_exits_with_2_and_all_else_with_1() {
        let two = ExitCode::from(2);
        assert_eq!(told(Failure::Arguments("no".to_owned()), false).2, two);
        assert_eq!(told(Failure::Files(problems()), false).2, two);
        assert_eq!(told(Failure::Failed(anyhow::anyhow!("no")), false).2, ExitCode::from(1));
        assert_eq!(told(Failure::Shown, false).2, ExitCode::from(1));
    }

    #[test]
    fn an_error_goes_to_stderr_with_its_causes_and_with_json_to_stdout_too() {
        let failure = || Failure::Failed(anyhow::anyhow!("denied").context("seat r1"));
        let (out, err, _) = told(failure(), false);
        assert_eq!((out.as_str(), err.as_str()), ("", "regent: seat r1: denied\n"));
        let (out, err, _) = told(failure(), true);
        let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(json["error"]["what"], "seat r1: denied");
        assert_eq!(json["error"]["exit_code"], 1);
        assert!(!err.is_empty());
    }

    #[test]
    fn problems_of_files_come_as_lines_for_editors_and_as_a_list_for_programs() {
        let (out, err, _) = told(Failure::Files(problems()), true);
        assert_eq!(err, "regions/fleet.toml: w; r\n");
        let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(json["error"]["problems"][0]["remedy"], "r");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = std::io::Error::from(ErrorKind::BrokenPipe);
        let (out, err, code) = told(Failure::from(closed), true);
        assert_eq!((out.as_str(), err.as_str(), code), ("", "", ExitCode::SUCCESS));
    }
}
