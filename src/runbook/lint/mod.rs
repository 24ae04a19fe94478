//! Whether a runbook can be executed, by the leader and by a person.
//!
//! Each rule notes what it refuses, where it stands and what to do. A rule looks only at what could
//! be read: what was refused before is not complained about again.

mod calls;
mod effects;
mod head;
mod prose;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::book::{Book, Read};
use crate::problem::Findings;

/// The runbooks that are judged together, by name.
pub(super) type Reads = BTreeMap<String, Read>;

/// Judges one of `all`.
pub(super) fn lint(stem: &str, read: &Read, all: &Reads, findings: &mut Findings) {
    match &read.book {
        Ok(book) => {
            let mut judge = Judge { book, findings };
            head::check(&mut judge, stem);
            let sound = steps::check(&mut judge);
            calls::check(&mut judge, all);
            if sound {
                effects::check(&mut judge, all);
            }
            prose::check(&book.prose, &book.source, &read.ids, Some(book), findings);
        }
        Err(unread) => {
            if let Some(prose) = &unread.prose {
                prose::check(prose, &unread.source, &read.ids, None, findings);
            }
        }
    }
}

/// A runbook and what is wrong with it.
struct Judge<'j> {
    book: &'j Book,
    findings: &'j mut Findings,
}

impl Judge<'_> {
    fn refuse(&mut self, path: &[&str], what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.refuse(self.book.source.place(path), what, remedy);
    }

    /// Refuses a key of a step, or the step if it has no such key.
    fn refuse_step(
        &mut self,
        step: usize,
        key: &str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.refuse(&["steps", &step.to_string(), key], what, remedy);
    }
}

/// The parsed runbook of this name.
fn book_named<'a>(all: &'a Reads, name: &str) -> Option<&'a Book> {
    all.get(name)?.book.as_ref().ok()
}
