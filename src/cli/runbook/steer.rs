//! `regent runbook run|retry|skip|abort`: have the leader execute a runbook, and decide when it is
//! stuck.
//!
//! Each is an order like any other: put onto the board with the caller's own AWS identity, and
//! handled by whoever leads. What is ordered is the plan itself, so that the leader executes what was
//! seen here, whatever files it has.

use super::books::{Books, BooksArgs, SetArgs};
use crate::cli::order::OrderArgs;
use crate::cli::{Failure, Screen, process};
use crate::domain::Fleet;
use crate::domain::order::Verb;
use crate::runbook::{Arguments, Run, RunId};

/// Have the leader execute a runbook.
///
/// `regent runbook plan` shows beforehand what it would do, and `regent status` how it goes on and
/// what it asks. It is executed by whoever leads: a leader that is lost is succeeded in the middle.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook run evacuate-region --set region=eu-west-1 \
--reason 'AWS maintenance'\n\n\
Exit codes: 0 it has begun; 1 it was refused, or nobody leads; 2 it must be told more.")]
pub(super) struct RunArgs {
    /// The runbook's name
    book: String,
    #[command(flatten)]
    set: SetArgs,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What to call the run; the runbook's name with a number if not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    books: BooksArgs,
    #[command(flatten)]
    order: OrderArgs,
}

/// Have a step that is stuck tried again.
///
/// If nobody knows whether it took effect, the attempt begins by reading back.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook retry evacuate-region-3fa9 records")]
pub(super) struct RetryArgs {
    /// The run's name in `regent status`
    run: String,
    /// The step's name
    step: String,
    #[command(flatten)]
    order: OrderArgs,
}

/// Let a run go on without a step that is stuck.
///
/// A question can't be skipped, nor a step that can't be undone and of which nobody knows whether it
/// took effect.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook skip evacuate-region-3fa9 capacity \
--reason 'there is room enough'")]
pub(super) struct SkipArgs {
    /// The run's name in `regent status`
    run: String,
    /// The step's name
    step: String,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    order: OrderArgs,
}

/// Have everything undone that a run has done, the last first.
///
/// What is under way is waited for. Refused once a step that can't be undone has begun: behind it
/// there is only forward.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook abort game-day-11c2 --reason 'a real outage'")]
pub(super) struct AbortArgs {
    /// The run's name in `regent status`
    run: String,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    order: OrderArgs,
}

pub(super) fn run(args: &RunArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let books = args.books.load()?;
    books.book(&args.book)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        // Enough to tell it from the few that are kept; the leader refuses a name that there is.
        None => format!("{}-{:04x}", args.book, process::draw()? & 0xffff),
    };
    let arguments = args.set.arguments()?;
    let reason = args.reason.clone();
    let verb = start(&books, &args.book, &arguments, &args.order.load()?, name, reason)?;
    args.order.give(verb, screen)
}

pub(super) fn retry(args: &RetryArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (run, step) = (args.run.clone(), args.step.clone());
    args.order.give(Verb::Retry { run, step }, screen)
}

pub(super) fn skip(args: &SkipArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (run, step, reason) = (args.run.clone(), args.step.clone(), args.reason.clone());
    args.order.give(Verb::Skip { run, step, reason }, screen)
}

pub(super) fn abort(args: &AbortArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (run, reason) = (args.run.clone(), args.reason.clone());
    args.order.give(Verb::Abort { run, reason }, screen)
}

/// The order to execute a runbook, if it is one that a leader would take.
fn start(
    books: &Books,
    book: &str,
    arguments: &Arguments,
    fleet: &Fleet,
    run: String,
    reason: String,
) -> Result<Verb, Failure> {
    let plan = super::plan::bind(books, book, arguments, fleet)?;
    let procedure = serde_json::to_string(&plan).map_err(anyhow::Error::from)?;
    Run::new(RunId(run.clone()), plan).map_err(|error| Failure::Arguments(error.to_string()))?;
    Ok(Verb::Start { run, reason, procedure })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::runbook::books::load;
    use crate::cli::testing::fleet;
    use crate::runbook::Procedure;

    #[test]
    fn what_is_ordered_is_the_plan_that_was_shown() {
        let books = load(None).expect("they are part of the program");
        let arguments = Arguments::from([("region".to_owned(), "r1".to_owned())]);
        let plan = super::super::plan::bind(&books, "evacuate-region", &arguments, &fleet())
            .expect("it fits");
        let (name, why) = ("x".to_owned(), "patching".to_owned());
        let verb = start(&books, "evacuate-region", &arguments, &fleet(), name, why);
        let Ok(Verb::Start { run, reason, procedure }) = verb else { panic!("{verb:?}") };
        assert_eq!((run.as_str(), reason.as_str()), ("x", "patching"));
        assert_eq!(serde_json::from_str::<Procedure>(&procedure).expect("a plan"), plan);
    }

    #[test]
    fn what_the_fleet_lacks_is_refused_before_anything_is_ordered() {
        let books = load(None).expect("they are part of the program");
        let arguments = Arguments::from([
            ("database".to_owned(), "orders".to_owned()),
            ("from".to_owned(), "r1".to_owned()),
            ("to".to_owned(), "r2".to_owned()),
        ]);
        let (name, why) = ("x".to_owned(), "lost".to_owned());
        let verb = start(&books, "fail-database-over", &arguments, &fleet(), name, why);
        let Err(Failure::Arguments(what)) = verb else { panic!("{verb:?}") };
        assert!(what.contains("the fleet has no database orders"), "{what}");
    }
}
