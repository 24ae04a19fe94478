//! `regent runbook check`: can these runbooks be executed, by a leader and by a person?

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::books::{files, load};
use crate::cli::{Failure, Screen};
use crate::config::Problems;
use crate::runbook::stem;

/// Read a folder of runbooks, and report every problem with file, line and column.
///
/// A runbook is refused when a leader could get stuck in it, when something that can't be undone
/// could come before its check, or when a person could not do a step by hand. Without a folder the
/// runbooks that come with regent are checked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook check our-runbooks\n\n\
Exit codes: 0 all are right; 2 something is wrong, each thing on a line of its own.")]
pub(super) struct Args {
    /// The folder
    folder: Option<PathBuf>,
}

#[derive(Serialize)]
struct Checked {
    runbooks: Vec<String>,
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    check(args.folder.as_deref(), screen)
}

fn check(folder: Option<&Path>, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let own = folder.map(files).transpose()?;
    let books = load(folder)?;
    if !books.problems.is_empty() {
        return Err(Failure::Files(Problems(books.problems)));
    }
    let names: Vec<String> = match own {
        Some(files) => files.iter().map(|it| stem(&it.display().to_string()).to_owned()).collect(),
        None => books.library.books().map(|book| book.name.clone()).collect(),
    };
    let count = match names.len() {
        0 => "there is no runbook in the folder".to_owned(),
        1 => format!("1 runbook is right: {}", names[0]),
        count => format!("{count} runbooks are right: {}", names.join(", ")),
    };
    screen.document(&Checked { runbooks: names })?;
    screen.line(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::printed;

    #[test]
    fn the_shipped_runbooks_are_right_and_so_is_their_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        for folder in [None, Some(folder.as_path())] {
            let (text, result) = printed(false, |screen| check(folder, screen));
            assert!(result.is_ok(), "{result:?}");
            assert!(text.starts_with("10 runbooks are right: evacuate-region, "), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_folder_of_ones_own_is_told_by_line() {
        let folder = tempfile::tempdir().expect("a folder of our own");
        let path = folder.path().join("ours.md");
        std::fs::write(&path, "+++\nname = \"ours\"\ntitle = \"t\"\nsummary = \"s\"\n+++\n")
            .expect("writable");
        std::fs::write(folder.path().join("README.md"), "no runbook").expect("writable");
        let (_, result) = printed(false, |screen| check(Some(folder.path()), screen));
        let Err(Failure::Files(problems)) = result else { panic!("{result:?}") };
        assert_eq!(
            problems.to_string(),
            format!(
                "{}:1:1: the runbook has no steps; add [[steps]] with id and kind",
                path.display()
            )
        );
        let missing = folder.path().join("none");
        let (_, result) = printed(false, |screen| check(Some(&missing), screen));
        assert!(matches!(result, Err(Failure::Files(_))), "{result:?}");
    }
}
