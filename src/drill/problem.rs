//! What is wrong with a chaos file: where it stands, what it is, what to do about it.
//!
//! Lines and columns count from 1, columns in characters, as editors do.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

/// A place in a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// The place of a byte of `text`; its end when the byte lies behind it.
    #[must_use]
    pub fn of(text: &str, byte: usize) -> Self {
        let head = text.get(..byte).unwrap_or(text);
        let line_start = head.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: head.matches('\n').count() + 1,
            column: head.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

/// One thing wrong with a chaos file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problem {
    /// The file, as it was named by whoever asked for it.
    pub file: String,
    /// Where in it; none when it could not be read at all.
    pub position: Option<Position>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

/// Problems of one text, gathered so that all of them are told at once.
pub(super) struct Problems<'t> {
    file: String,
    text: &'t str,
    found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: String, text: &'t str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    pub(super) fn position(&self, span: &Range<usize>) -> Position {
        Position::of(self.text, span.start)
    }

    pub(super) fn add(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.found.push(Problem {
            file: self.file.clone(),
            position: Some(self.position(span)),
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    /// Adds what the TOML reader objected to, split into what is wrong and what to do.
    pub(super) fn add_toml(&mut self, error: &toml::de::Error) {
        // The reader says "unknown field `x`, expected …"; messages of this module's own types say
        // "what is wrong; what to do".
        let message = error.message().trim().replace("field `", "key `").replace('\n', ", ");
        let (what, remedy) = if let Some((what, expected)) = message.split_once(", expected ") {
            (what.to_owned(), format!("expected {expected}"))
        } else if let Some((what, remedy)) = message.split_once("; ") {
            (what.to_owned(), remedy.to_owned())
        } else if message.starts_with("missing key") {
            (message, "add it".to_owned())
        } else {
            (message, "correct it".to_owned())
        };
        self.add(&error.span().unwrap_or(0..0), what, remedy);
    }

    /// Everything found, in the order of the text.
    pub(super) fn into_vec(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.position);
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a\nüü = 1\n";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 2), Position { line: 2, column: 1 });
        assert_eq!(Position::of(text, 6), Position { line: 2, column: 3 });
        assert_eq!(Position::of(text, 999), Position { line: 3, column: 1 });
    }
}
