//! `regent runbook plan`: what a runbook would do, step by step, bound to its arguments.

use super::books::{Books, BooksArgs, SetArgs};
use crate::cli::fleet::FleetArgs;
use crate::cli::{Failure, Screen};
use crate::domain::database::MoveOrder;
use crate::domain::{Fleet, ServiceId};
use crate::runbook::{Arguments, OnFailure, Procedure, Step};

/// Show what a runbook would do with this fleet, step by step.
///
/// This is the plan that a leader would keep in the journal and execute: references filled, the
/// steps of runbooks that it calls in their places. Nothing is asked or changed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  regent runbook plan game-day --set region=eu-west-1 --set away=30m\n\n\
Exit codes: 0 it can be executed; 2 it must be told more, or the fleet lacks something."
)]
pub(in crate::cli) struct Args {
    /// The runbook's name
    name: String,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    books: BooksArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub(in crate::cli) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let books = args.books.load()?;
    books.book(&args.name)?;
    let fleet = args.fleet.load()?;
    let procedure = bind(&books, &args.name, &args.set.arguments()?, &fleet)?;
    show(&procedure, screen)?;
    otherwise(&procedure, &fleet).map_or(Ok(()), |note| screen.line(note))
}

/// A runbook bound to arguments that are about this fleet.
pub(in crate::cli) fn bind(
    books: &Books,
    name: &str,
    arguments: &Arguments,
    fleet: &Fleet,
) -> Result<Procedure, Failure> {
    let procedure = books
        .library
        .bind(name, arguments)
        .map_err(|error| Failure::Arguments(error.to_string()))?;
    let unfit = procedure.unfit_for(fleet);
    if unfit.is_empty() { Ok(procedure) } else { Err(Failure::Arguments(unfit.join("; "))) }
}

/// What to say of a plan that leaves a Region in another order than the fleet's files say, for each
/// service that it takes along.
fn otherwise(procedure: &Procedure, fleet: &Fleet) -> Option<String> {
    let orders = [MoveOrder::WriterFirst, MoveOrder::TrafficFirst];
    let planned = orders.into_iter().find(|order| order.runbook() == procedure.book)?;
    let of = |name: &str| procedure.arguments.get(name).map(String::as_str);
    let database = fleet.databases.keys().find(|id| of("database") == Some(id.as_str()))?;
    let against = fleet.orders(database).filter(|(service, order)| {
        *order != planned && of("service").is_none_or(|one| one == service.as_str())
    });
    let against: Vec<(&ServiceId, MoveOrder)> = against.collect();
    let (_, said) = against.first()?;
    let services: Vec<&str> = against.iter().map(|(service, _)| service.as_str()).collect();
    Some(format!(
        "\nNote: the fleet's files want {} to leave the writer's Region by {}: {}. With this plan, {}.",
        services.join(", "),
        said.runbook(),
        said.consequence(),
        planned.consequence()
    ))
}

fn show(procedure: &Procedure, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.document(procedure)?;
    screen.line(&procedure.title)?;
    for (name, value) in &procedure.arguments {
        screen.line(format_args!("  {name} = {value}"))?;
    }
    for (number, step) in procedure.steps.iter().enumerate() {
        screen.line(format_args!("\n{:>2}. {}: {}", number + 1, step.id, step.action))?;
        for line in facts(number, step) {
            screen.line(format_args!("    {line}"))?;
        }
    }
    Ok(())
}

/// What holds of a step, a line each.
fn facts(number: usize, step: &Step) -> Vec<String> {
    let mut lines = Vec::new();
    let needs: Vec<String> = step.needs.iter().map(|needs| (needs + 1).to_string()).collect();
    if number > 0 {
        lines.push(if needs.is_empty() {
            "at once".to_owned()
        } else {
            format!("after {}", needs.join(" and "))
        });
    }
    let follows = match step.on_failure {
        OnFailure::Stop => "if it fails, a person decides".to_owned(),
        OnFailure::Undo => "if it fails, everything is undone".to_owned(),
        OnFailure::Retry { attempts_max } => {
            format!("tried up to {attempts_max} times; then a person decides")
        }
        OnFailure::Skip => "if it fails, the run goes on".to_owned(),
    };
    let usually = step.usual_s.map(|usual_s| format!(", usually {usual_s} s")).unwrap_or_default();
    lines.push(format!("at most {} s{usually}; {follows}", step.timeout_s));
    if let Some(undo) = &step.undo {
        lines.push(format!("undone: {}", undo.action));
    }
    if step.one_way {
        lines.push("CAN'T BE UNDONE: behind it there is only forward".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::runbook::books::load;
    use crate::cli::testing::{fleet, printed};

    #[test]
    fn a_plan_has_the_steps_of_what_it_calls_in_their_places() {
        let books = load(None).expect("they are part of the program");
        let told = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let arguments = Arguments::from([told("region", "r1"), told("away", "30m")]);
        let procedure = bind(&books, "game-day", &arguments, &fleet()).expect("it fits");
        let (text, result) = printed(false, |screen| show(&procedure, screen));
        assert!(result.is_ok());
        insta::assert_snapshot!("runbook_plan", text);
        let (json, _) = printed(true, |screen| show(&procedure, screen));
        assert_eq!(serde_json::from_str::<Procedure>(&json).expect("JSON"), procedure);
    }
}
