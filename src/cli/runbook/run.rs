//! `regent runbook run`, and what a person may do to a run: `retry`, `skip`, `abort`.
//!
//! A run is started by an order, as any other thing that people ask: the leader executes it, and
//! goes on without whoever started it. What is printed here is read from the committed state.

use std::collections::BTreeMap;
use std::time::Duration;

use super::books::{BooksArgs, SetArgs};
use super::plan;
use crate::cli::order::{BreakGlass, OrderArgs, wall};
use crate::cli::status::{self, steering::times};
use crate::cli::{Failure, Screen, outside, process};
use crate::core::runs::view::{RunView, StepView};
use crate::domain::Fleet;
use crate::domain::order::{AskId, Verb};
use crate::runbook::{Library, Procedure, StepStatus};

/// Time between two looks at a run.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The runbook for when nobody can lead.
const LOST_QUORUM: &str = "lost-quorum";

/// Have the fleet execute a runbook, and follow it.
///
/// The leader executes it step by step; another one goes on with it if that one dies. Ending this
/// command (Ctrl-C) does not end the run: `regent status` shows it, `regent runbook abort` undoes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook run evacuate-region --set region=eu-west-1 \
--reason 'AWS says to leave'\n\nExit codes: 0 it is done (or started, with --no-follow); 1 it was \
refused, undone, or is stuck; 2 it must be told more.")]
pub(super) struct Args {
    /// The runbook's name
    name: String,
    #[command(flatten)]
    set: SetArgs,
    #[command(flatten)]
    books: BooksArgs,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Return as soon as it is started
    #[arg(long, conflicts_with = "break_glass")]
    no_follow: bool,
    #[command(flatten)]
    glass: BreakGlass,
    #[command(flatten)]
    order: OrderArgs,
}

pub(super) fn run(args: Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let Args { name, set, books, reason, no_follow, glass, order } = args;
    let books = books.load()?;
    books.book(&name)?;
    let fleet = order.fleet()?;
    let arguments = set.arguments()?;
    let procedure = plan::bind(&books, &name, &arguments, &fleet)?;
    let page = match Library::shipped().book(&name) {
        Some(book) => (book.name.as_str(), arguments),
        None => (LOST_QUORUM, BTreeMap::new()),
    };
    glass.carry_out(&fleet, order.by(), page, screen, |screen| {
        let started = start(&order, &procedure, reason, screen)?;
        if no_follow { Ok(()) } else { follow(&fleet, &order, &started, &[], screen) }
    })
}

/// Starts a run of this procedure; its name.
pub(in crate::cli) fn start(
    order: &OrderArgs,
    procedure: &Procedure,
    reason: String,
    screen: &mut Screen<'_>,
) -> Result<String, Failure> {
    let run = format!("{}-{:04x}", procedure.book, process::draw()? & 0xffff);
    let document = serde_json::to_string(procedure).map_err(anyhow::Error::from)?;
    order.give(Verb::Start { run: run.clone(), reason, procedure: document }, screen)?;
    Ok(run)
}

/// Prints what happens to a run until it is over, or waits for a person. Questions of these steps
/// are answered with yes, since whoever gave the command has said so.
pub(in crate::cli) fn follow(
    fleet: &Fleet,
    order: &OrderArgs,
    name: &str,
    consents: &[&str],
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let mut shown: BTreeMap<String, (StepStatus, u32)> = BTreeMap::new();
    loop {
        let state = process::block_on(async {
            let outside = outside::connect(fleet).await?;
            tokio::time::sleep(LOOK_EVERY).await;
            Ok(status::committed(fleet, &outside).await)
        })?;
        let Some(runs) = state.as_ref().map(|state| &state.runs) else { continue };
        let Some(kept) = runs.get(name) else { continue };
        let view = RunView::of(name, kept, runs, &wall());
        for step in &view.steps {
            let now = (step.status, step.attempt);
            let before = shown.insert(step.step.clone(), now);
            if before != Some(now) && now != (StepStatus::Pending, 0) {
                screen.line(line(step))?;
            }
        }
        let asks = view.steps.iter().find(|step| step.status == StepStatus::Asked);
        if let Some(step) = asks.filter(|step| consents.contains(&step.step.as_str())) {
            order
                .give(Verb::Approve { ask: AskId(format!("run:{name}:{}", step.step)) }, screen)?;
        } else if view.over || view.waits || view.stuck {
            return end(name, &view, screen);
        }
    }
}

fn line(step: &StepView) -> String {
    let told = step.told.as_ref().map(|told| format!(" ({told})")).unwrap_or_default();
    let status = serde_json::to_value(step.status).unwrap_or_default();
    let status = status.as_str().unwrap_or_default().replace('_', " ");
    let times = times(step);
    format!("  {:<8} {}: {}{times}{told}", status, step.step, step.does)
}

fn end(name: &str, view: &RunView, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.document(view)?;
    screen.line(format_args!("{name} is {}", view.status))?;
    for choice in view.choices.iter().filter(|_| !view.over) {
        screen.line(format_args!("  you may: {choice}"))?;
    }
    if view.over && view.status == "done" { Ok(()) } else { Err(Failure::Shown) }
}

/// Gives an order about a run; with the glass broken, follows the run that goes on with it.
fn steer(
    glass: BreakGlass,
    order: &OrderArgs,
    verb: Verb,
    run: &str,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let fleet = order.fleet()?;
    let page = (LOST_QUORUM, BTreeMap::new());
    glass.carry_out(&fleet, order.by(), page, screen, |screen| {
        order.give(verb, screen)?;
        if glass.break_glass { follow(&fleet, order, run, &[], screen) } else { Ok(()) }
    })
}

/// Have a step tried again that is stuck.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent runbook retry evacuate-region-1f2e records")]
pub(super) struct RetryArgs {
    /// The run's name in `regent status`
    run: String,
    /// The step's name
    step: String,
    #[command(flatten)]
    glass: BreakGlass,
    #[command(flatten)]
    order: OrderArgs,
}

impl RetryArgs {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { run, step, glass, order } = self;
        steer(glass, &order, Verb::Retry { run: run.clone(), step }, &run, screen)
    }
}

/// Let a run go on without a step that is stuck.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  regent runbook skip evacuate-region-1f2e dns --reason 'seen by hand'"
)]
pub(super) struct SkipArgs {
    /// The run's name in `regent status`
    run: String,
    /// The step's name
    step: String,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    glass: BreakGlass,
    #[command(flatten)]
    order: OrderArgs,
}

impl SkipArgs {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { run, step, reason, glass, order } = self;
        steer(glass, &order, Verb::Skip { run: run.clone(), step, reason }, &run, screen)
    }
}

/// Have everything undone that a run has done; refused behind the point of no return.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  regent runbook abort evacuate-region-1f2e --reason 'wrong Region'"
)]
pub(super) struct AbortArgs {
    /// The run's name in `regent status`
    run: String,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    glass: BreakGlass,
    #[command(flatten)]
    order: OrderArgs,
}

impl AbortArgs {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let Self { run, reason, glass, order } = self;
        steer(glass, &order, Verb::Abort { run: run.clone(), reason }, &run, screen)
    }
}
