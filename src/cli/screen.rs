//! Where commands print: stdout, or whatever a test puts there.
//!
//! For people a command writes lines; with `--json` it writes one document. A command that has
//! nothing to say to programs but at its end writes its lines through [`Screen::line`], which are
//! then left out.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

use super::Failure;

/// Where a command prints.
pub(super) struct Screen<'o> {
    out: &'o mut dyn Write,
    json: bool,
}

impl<'o> Screen<'o> {
    /// Prints to `out`: JSON, or text for people.
    pub(super) fn new(out: &'o mut dyn Write, json: bool) -> Self {
        Self { out, json }
    }

    /// Whether JSON is wanted.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    /// Prints lines for people; nothing when JSON is wanted.
    pub(super) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        if !self.json {
            writeln!(self.out, "{text}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Prints a question without an end of line.
    pub(super) fn ask(&mut self, text: &str) -> Result<(), Failure> {
        write!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }

    /// Prints a document for programs, over several lines; nothing when text is wanted.
    pub(super) fn document(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
            writeln!(self.out, "{text}")?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Prints a document on one line, whatever is wanted: for whoever runs this as a child.
    pub(super) fn message(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
        writeln!(self.out, "{text}")?;
        Ok(self.out.flush()?)
    }
}
