//! `regent runbook show`: a runbook as it is written, or as a page to follow by hand.

use serde::Serialize;

use super::books::{Books, BooksArgs, SetArgs};
use crate::cli::fleet::FleetArgs;
use crate::cli::{Failure, Screen};
use crate::domain::Fleet;
use crate::runbook::book::{BookStep, Parameter};
use crate::runbook::{Arguments, Book, Names, OnFailure, manual};

/// Show a runbook's parameters and steps, or with --manual the page to follow by hand.
///
/// The page has the commands of AWS's command line for every step, with the fleet's own names in
/// them: hosted zones, records, weights, target groups, clusters. Print it before you need it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent runbook show evacuate-region\n  \
regent runbook show evacuate-region --manual --set region=eu-west-1\n\n\
Exit codes: 0 shown; 2 there is no such runbook, its file is wrong, or it must be told more.")]
pub(super) struct Args {
    /// The runbook's name
    name: String,
    /// The page to follow by hand, with the fleet's names in it
    #[arg(long)]
    manual: bool,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    books: BooksArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

#[derive(Serialize)]
struct Page<'p> {
    name: &'p str,
    arguments: &'p Arguments,
    markdown: &'p str,
}

#[derive(Serialize)]
struct Shown<'b> {
    name: &'b str,
    title: &'b str,
    summary: &'b str,
    parameters: Vec<ShownParameter<'b>>,
    steps: Vec<ShownStep<'b>>,
}

#[derive(Serialize)]
struct ShownParameter<'b> {
    name: &'b str,
    kind: &'static str,
    required: bool,
    default: Option<&'b str>,
    description: &'b str,
}

#[derive(Serialize)]
struct ShownStep<'b> {
    id: &'b str,
    kind: &'static str,
    title: Option<&'b str>,
    needs: &'b [String],
    usual_s: Option<u32>,
    on_failure: OnFailure,
    one_way: bool,
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let books = args.books.load()?;
    let book = books.book(&args.name)?;
    let arguments = args.set.arguments()?;
    if args.manual {
        by_hand(&books, book, &arguments, &args.fleet.load()?, screen)
    } else if arguments.is_empty() {
        as_written(book, screen)
    } else {
        Err(Failure::Arguments(
            "--set goes with --manual, or with `regent runbook plan`".to_owned(),
        ))
    }
}

fn by_hand(
    books: &Books,
    book: &Book,
    arguments: &Arguments,
    fleet: &Fleet,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let markdown = filled(books, &book.name, arguments, fleet)?;
    screen.document(&Page { name: &book.name, arguments, markdown: &markdown })?;
    screen.line(markdown.trim_end())
}

/// The page of a shipped runbook to follow by hand.
pub(in crate::cli) fn page(
    name: &str,
    arguments: &Arguments,
    fleet: &Fleet,
) -> Result<String, Failure> {
    filled(&super::books::load(None)?, name, arguments, fleet)
}

fn filled(
    books: &Books,
    name: &str,
    arguments: &Arguments,
    fleet: &Fleet,
) -> Result<String, Failure> {
    super::plan::bind(books, name, arguments, fleet)?;
    manual(&books.library, name, arguments, &Names::of(fleet))
        .map_err(|error| Failure::Arguments(error.to_string()))
}

fn as_written(book: &Book, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.document(&Shown {
        name: &book.name,
        title: &book.title,
        summary: &book.summary,
        parameters: book.parameters.iter().map(shown_parameter).collect(),
        steps: book.steps.iter().map(|step| shown_step(book, step)).collect(),
    })?;
    screen.line(format_args!("{}: {}\n{}\n", book.name, book.title, book.summary))?;
    for parameter in &book.parameters {
        let default = match &parameter.default {
            Some(default) => format!(" (if not told: {default})"),
            None if parameter.required => String::new(),
            None => " (may be left out)".to_owned(),
        };
        screen.line(format_args!(
            "  --set {}={}  {}{default}",
            parameter.name,
            parameter.kind.name().to_uppercase(),
            parameter.description
        ))?;
    }
    if !book.parameters.is_empty() {
        screen.line("")?;
    }
    for (number, step) in book.steps.iter().enumerate() {
        let section = book.prose.section(&step.id);
        let title = section.and_then(|it| it.title.as_deref()).unwrap_or_default();
        let one_way = if step.one_way { "  (can't be undone)" } else { "" };
        screen.line(format_args!("  {:>2}. {}: {title}{one_way}", number + 1, step.id))?;
        let needs = if step.needs.is_empty() {
            String::new()
        } else {
            format!(", after {}", step.needs.join(" and "))
        };
        let what = step.calls.as_ref().map_or_else(
            || step.doing.kind.name.to_owned(),
            |call| format!("the steps of {}", call.name),
        );
        let usually = step.usual_s.map(|it| format!("; usually {it} s")).unwrap_or_default();
        screen.line(format_args!("      {what}{needs}{usually}{}", on_failure(step.on_failure)))?;
    }
    Ok(())
}

fn on_failure(on_failure: OnFailure) -> String {
    match on_failure {
        OnFailure::Stop => String::new(),
        OnFailure::Undo => "; if it fails, everything is undone".to_owned(),
        OnFailure::Retry { attempts_max } => format!("; tried up to {attempts_max} times"),
        OnFailure::Skip => "; if it fails, the run goes on".to_owned(),
    }
}

fn shown_parameter(parameter: &Parameter) -> ShownParameter<'_> {
    ShownParameter {
        name: &parameter.name,
        kind: parameter.kind.name(),
        required: parameter.required,
        default: parameter.default.as_deref(),
        description: &parameter.description,
    }
}

fn shown_step<'b>(book: &'b Book, step: &'b BookStep) -> ShownStep<'b> {
    ShownStep {
        id: &step.id,
        kind: step.doing.kind.name,
        title: book.prose.section(&step.id).and_then(|section| section.title.as_deref()),
        needs: &step.needs,
        usual_s: step.usual_s,
        on_failure: step.on_failure,
        one_way: step.one_way,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::runbook::books::load;
    use crate::cli::testing::{fleet, printed};

    fn told(pairs: &[(&str, &str)]) -> Arguments {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_runbook_is_shown_as_it_is_written() {
        let books = load(None).expect("they are part of the program");
        let book = books.book("fail-database-over").expect("it is shipped");
        let (text, result) = printed(false, |screen| as_written(book, screen));
        assert!(result.is_ok());
        insta::assert_snapshot!("runbook_show", text);
        let (json, _) = printed(true, |screen| as_written(book, screen));
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["steps"][5]["one_way"], true);
    }

    #[test]
    fn the_page_to_follow_by_hand_has_the_fleets_names_in_every_command() {
        let books = load(None).expect("they are part of the program");
        let book = books.book("evacuate-region").expect("it is shipped");
        let arguments = told(&[("region", "r1")]);
        let (text, result) =
            printed(false, |screen| by_hand(&books, book, &arguments, &fleet(), screen));
        assert!(result.is_ok());
        insta::assert_snapshot!("runbook_manual", text);
    }

    #[test]
    fn what_the_fleet_does_not_have_is_refused() {
        let books = load(None).expect("they are part of the program");
        let book = books.book("evacuate-region").expect("it is shipped");
        for (arguments, wanted) in [
            (told(&[]), "must be told region"),
            (told(&[("region", "r9")]), "the fleet has no Region r9"),
            (told(&[("region", "r3")]), "r3 does not serve anything"),
            (told(&[("region", "r1"), ("service", "mail")]), "the fleet has no service mail"),
            (told(&[("region", "r1"), ("bake", "soon")]), "is no time"),
            (told(&[("region", "r1"), ("colour", "red")]), "no parameter \"colour\""),
        ] {
            let (_, result) =
                printed(false, |screen| by_hand(&books, book, &arguments, &fleet(), screen));
            let Err(Failure::Arguments(what)) = result else { panic!("{arguments:?}: {result:?}") };
            assert!(what.contains(wanted), "{what}");
        }
    }
}
