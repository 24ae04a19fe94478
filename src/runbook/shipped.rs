//! The runbooks that come with the program.
//!
//! They are part of the binary: at three in the morning there may be no checkout at hand. A file of
//! the same name in a folder of one's own takes the place of a shipped one.

use std::sync::LazyLock;

use super::library::Library;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(
            (
                concat!("runbooks/", $name, ".md"),
                include_str!(concat!("../../runbooks/", $name, ".md")),
            )
        ),*]
    };
}

/// Their texts, by the path of their file in the project.
pub const SHIPPED: &[(&str, &str)] = shipped![
    "evacuate-region",
    "fail-database-over",
    "force-database-over",
    "game-day",
    "leave-traffic-first",
    "leave-writer-first",
    "lost-quorum",
    "pause-automation",
    "return-region",
    "switch-database",
];

impl Library {
    /// The runbooks that come with the program.
    ///
    /// # Panics
    /// Never: a test reads them all.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
            let texts = SHIPPED.iter().map(|&(path, text)| (path.to_owned(), text.to_owned()));
            let (library, problems) = Library::read(texts);
            assert!(problems.is_empty(), "the shipped runbooks are right");
            library
        });
        &LIBRARY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_runbook_is_right() {
        let texts = SHIPPED.iter().map(|&(path, text)| (path.to_owned(), text.to_owned()));
        let (library, problems) = Library::read(texts);
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{}", told.join("\n"));
        assert_eq!(library.books().count(), SHIPPED.len());
    }
}
