//! `regent runbook`: what there is to do in which case, by the fleet or by hand.
//!
//! What reads or plans a runbook asks no network: a page of commands is wanted most when nothing
//! answers. What starts or steers a run is an order like any other.

pub(super) mod books;
mod check;
mod list;
pub(super) mod plan;
pub(super) mod run;
mod show;

use clap::Subcommand;

use super::{Failure, Screen};
pub(super) use show::page;

/// Runbooks: what to do when, step by step, for the fleet and for you.
///
/// The runbooks that come with regent are part of the program. Files in the folder of --runbooks
/// take the place of those of the same name, or stand beside them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent runbook list\n  \
regent runbook run evacuate-region --set region=eu-west-1 --reason 'AWS says to leave'\n  \
regent runbook show evacuate-region --manual --set region=eu-west-1 > evacuate-eu-west-1.md")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Plan(plan::Args),
    Run(run::Args),
    Retry(run::RetryArgs),
    Skip(run::SkipArgs),
    Abort(run::AbortArgs),
    Check(check::Args),
}

pub(super) fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match args.command {
        Command::List(args) => list::run(&args, screen),
        Command::Show(args) => show::run(&args, screen),
        Command::Plan(args) => plan::run(&args, screen),
        Command::Run(args) => run::run(args, screen),
        Command::Retry(args) => args.run(screen),
        Command::Skip(args) => args.run(screen),
        Command::Abort(args) => args.run(screen),
        Command::Check(args) => check::run(&args, screen),
    }
}
