//! All runbooks that are at hand, judged together, since one may call another.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::book::{Book, read};
use super::lint::{Reads, lint};
use crate::problem::{Findings, Problem};

/// The runbooks in which nothing is wrong.
#[derive(Debug)]
pub struct Library {
    books: BTreeMap<String, Book>,
}

impl Library {
    /// Reads texts by the path of their file, and judges them. What is wrong with one does not keep
    /// the others from being used: at three in the morning somebody may need one of those. Of two
    /// files with one name the later counts.
    #[must_use]
    pub fn read(files: impl IntoIterator<Item = (String, String)>) -> (Self, Vec<Problem>) {
        let mut reads = Reads::new();
        let mut findings = BTreeMap::new();
        for (path, text) in files {
            let mut found = Findings::default();
            let name = stem(&path).to_owned();
            reads.insert(name.clone(), read(&path, &text, &mut found));
            findings.insert(name, found);
        }
        for (name, found) in &mut findings {
            lint(name, &reads[name], &reads, found);
        }
        let mut sound: BTreeSet<String> = findings
            .iter()
            .filter(|(_, found)| found.count() == 0)
            .map(|(name, _)| name.clone())
            .collect();
        let mut books: BTreeMap<String, Book> =
            reads.into_iter().filter_map(|(name, read)| Some((name, read.book.ok()?))).collect();
        // One that calls what can't be used can't be used either.
        loop {
            books.retain(|name, _| sound.contains(name));
            let calls_only_sound = |book: &Book| {
                book.steps
                    .iter()
                    .filter_map(|it| it.calls.as_ref())
                    .all(|it| sound.contains(&it.name))
            };
            let left: BTreeSet<String> = books
                .iter()
                .filter(|(_, book)| calls_only_sound(book))
                .map(|(name, _)| name.clone())
                .collect();
            if left == sound {
                break;
            }
            sound = left;
        }
        let problems = findings
            .into_values()
            .filter_map(Findings::into_problems)
            .flat_map(|problems| problems.0)
            .collect();
        (Self { books }, problems)
    }

    /// The runbook of this name.
    #[must_use]
    pub fn book(&self, name: &str) -> Option<&Book> {
        self.books.get(name)
    }

    /// All of them, by name.
    pub fn books(&self) -> impl Iterator<Item = &Book> {
        self.books.values()
    }
}

/// The name that a file gives its runbook: `evacuate-region` for `runbooks/evacuate-region.md`.
#[must_use]
pub fn stem(path: &str) -> &str {
    Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or(path)
}
