//! What is wrong with files that people write, and where.
//!
//! People mend a file by its line, so a problem always carries one where there is one. All problems
//! of a reading come together, in the order of the files: whoever runs `check` should not have to
//! run it once for each mistake. What is right or wrong is not known here.

pub mod source;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A line and a column, both counted from 1; the column counts characters, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The position of the byte at `offset`; the text's end if it lies behind it.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset);
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Where a problem is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file, as the caller named it.
    pub file: String,
    /// Where in it; none when the file itself is the problem.
    #[serde(flatten)]
    pub position: Option<Position>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => write!(f, "{}:{line}:{column}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, and why that matters.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.what, self.remedy)
    }
}

/// Everything that is wrong, by file, line and column. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Problems(pub Vec<Problem>);

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Problems while they are being collected.
#[derive(Debug, Default)]
pub struct Findings(Vec<Problem>);

impl Findings {
    /// Notes a problem.
    pub fn refuse(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Problem { place, what: what.into(), remedy: remedy.into() });
    }

    /// The value, or none and a note of what is wrong with it.
    pub fn take<T, E: fmt::Display>(
        &mut self,
        value: Result<T, E>,
        place: Place,
        remedy: &str,
    ) -> Option<T> {
        value.map_err(|error| self.refuse(place, error.to_string(), remedy)).ok()
    }

    /// How many were noted so far: a check that adds none has nothing to complain about.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// All that was noted, in order; none when nothing was.
    #[must_use]
    pub fn into_problems(self) -> Option<Problems> {
        let Self(mut problems) = self;
        problems.sort();
        problems.dedup();
        (!problems.is_empty()).then_some(Problems(problems))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_counts_characters_and_a_line_counts_from_one() {
        let text = "é = 1\nab";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, "é = ".len()), Position { line: 1, column: 5 });
        assert_eq!(Position::of(text, text.len() - 1), Position { line: 2, column: 2 });
        assert_eq!(Position::of(text, 99), Position { line: 2, column: 3 });
    }

    #[test]
    fn a_problem_in_json_has_its_line_only_when_it_has_one() {
        let place = Place { file: "a.toml".to_owned(), position: None };
        let problem = Problem { place, what: "w".to_owned(), remedy: "r".to_owned() };
        assert_eq!(
            serde_json::to_string(&problem).expect("plain"),
            r#"{"place":{"file":"a.toml"},"what":"w","remedy":"r"}"#
        );
        let mut placed = problem;
        placed.place.position = Some(Position { line: 2, column: 7 });
        let json = serde_json::to_string(&placed).expect("plain");
        assert!(json.contains(r#"{"file":"a.toml","line":2,"column":7}"#), "{json}");
        assert_eq!(serde_json::from_str::<Problem>(&json).expect("reads back"), placed);
    }
}
