//! `regent runbook list`: which runbooks there are, and when to use which.

use serde::Serialize;

use super::books::{Books, BooksArgs};
use crate::cli::{Failure, Screen};
use crate::config::Problem;
use crate::runbook::Book;

/// List the runbooks, with when to use each and what it must be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook list --runbooks our-runbooks")]
pub(super) struct Args {
    #[command(flatten)]
    books: BooksArgs,
}

#[derive(Serialize)]
struct Listed<'b> {
    runbooks: Vec<Line<'b>>,
    problems: &'b [Problem],
}

#[derive(Serialize)]
struct Line<'b> {
    name: &'b str,
    title: &'b str,
    summary: &'b str,
    steps: usize,
    parameters: Vec<&'b str>,
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    show(&args.books.load()?, screen)
}

fn show(books: &Books, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let lines = books.library.books().map(line).collect();
    screen.document(&Listed { runbooks: lines, problems: &books.problems })?;
    for book in books.library.books() {
        screen.line(format_args!("{}: {}", book.name, book.title))?;
        screen.line(format_args!("    {}", book.summary))?;
        let told: Vec<String> = book
            .parameters
            .iter()
            .map(|it| if it.required { it.name.clone() } else { format!("[{}]", it.name) })
            .collect();
        if !told.is_empty() {
            screen.line(format_args!("    told: {}", told.join(" ")))?;
        }
    }
    if !books.problems.is_empty() {
        screen.line(format_args!(
            "\n{} problems keep others from being used: see regent runbook check",
            books.problems.len()
        ))?;
    }
    Ok(())
}

fn line(book: &Book) -> Line<'_> {
    Line {
        name: &book.name,
        title: &book.title,
        summary: &book.summary,
        steps: book.steps.len(),
        parameters: book.parameters.iter().map(|it| it.name.as_str()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::runbook::books::load;
    use crate::cli::testing::printed;

    #[test]
    fn the_shipped_runbooks_are_listed() {
        let books = load(None).expect("they are part of the program");
        let (text, result) = printed(false, |screen| show(&books, screen));
        assert!(result.is_ok());
        insta::assert_snapshot!("runbook_list", text);
        let (json, _) = printed(true, |screen| show(&books, screen));
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["runbooks"][0]["name"], "evacuate-region");
        assert_eq!(json["problems"].as_array().map(Vec::len), Some(0));
    }
}
