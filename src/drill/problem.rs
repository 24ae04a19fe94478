//! Gathers what is wrong with a chaos file, so that all of it is told at once.

use std::ops::Range;

use crate::config::{Place, Position, Problem};

/// Problems of one text, gathered so that all of them are told at once.
pub(super) struct Gathered<'t> {
    file: String,
    text: &'t str,
    found: Vec<Problem>,
}

impl<'t> Gathered<'t> {
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
            place: Place { file: self.file.clone(), position: Some(self.position(span)) },
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
        self.found.sort_by_key(|problem| problem.place.position);
        self.found
    }
}
