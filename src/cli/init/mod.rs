//! `regent init`: makes the tables, seats and fences of a new fleet, and takes over its records.
//!
//! Looks first (`found`), decides what is to be done as a pure function of what it saw (`plan`),
//! shows it, asks, looks again, and only then acts (`act`). Every step can be repeated, and one that
//! stopped half-way goes on with the next run.

mod act;
mod adopt;
mod attach;
mod found;
mod gates;
mod open;
mod pair;
mod plan;
mod provide;
#[cfg(test)]
mod tests;
mod unused;

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use anyhow::Context as _;
use serde::Serialize;
use tokio::task::JoinSet;

use super::failure::Told;
use super::fleet::FleetArgs;
use super::{Failure, Screen, outside, process};
use crate::agent::Outside;
use crate::core::genesis::{Genesis, genesis};
use crate::domain::{AgentId, Fleet};
use crate::ports::Answer;
use crate::telemetry::clock;
use plan::Plan;
use provide::Provided;

/// Create what a new fleet needs: tables, seats, the zones' fences, records, the gates' health checks.
///
/// Shows each change and asks before it makes any. Creates only what is missing, and never a seat
/// that may have been lost: run it as often as you like. Records that a service's name has already
/// are taken over in one batch that changes no answer: a simple record becomes weighted ones, weighted
/// ones get the Regions' codes. What leads where no file says is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent init --dry-run\n  regent init --yes --json")]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
    /// Show what would be created, and stop
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Print the gates' health checks as an AWS CloudFormation template, and stop. `init` takes over
    /// what such a template made
    #[arg(long, conflicts_with_all = ["dry_run", "yes"])]
    print_cloudformation: bool,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Show,
    Ask,
    Act,
}

/// The answer for programs.
#[derive(Serialize)]
struct Outcome<'p> {
    fleet: &'p str,
    dry_run: bool,
    steps: Vec<StepShown>,
    remarks: &'p [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    you_provide: Vec<Provided>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told<'p>>,
}

#[derive(Serialize)]
struct StepShown {
    what: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<String>,
    done: bool,
}

fn mode(args: &Args, json: bool, terminal: bool) -> Result<Mode, Failure> {
    match (args.dry_run, args.yes) {
        (true, _) => Ok(Mode::Show),
        (_, true) => Ok(Mode::Act),
        _ if terminal && !json => Ok(Mode::Ask),
        _ => Err(Failure::Arguments(
            "there is nobody to ask: add --yes to create what is missing, or --dry-run to see what \
             that is"
                .to_owned(),
        )),
    }
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if args.print_cloudformation {
        let fleet = args.fleet.load()?;
        if fleet.gates.is_none() {
            return Err(Failure::Arguments(
                "the fleet has no gates: add [gates] to fleet.toml".to_owned(),
            ));
        }
        return screen.message(&gates::template(&fleet));
    }
    let mode = mode(args, screen.json(), std::io::stdin().is_terminal())?;
    let fleet = args.fleet.load()?;
    let fresh = draw_genesis(&fleet)?;
    process::block_on(async {
        let outside = outside::connect(&fleet).await?;
        provision(&fleet, &outside, &fresh, mode, screen, ask).await
    })
}

fn draw_genesis(fleet: &Fleet) -> Result<Genesis, Failure> {
    let mut drawn = Vec::new();
    for _ in &fleet.seats {
        drawn.push(process::draw()?);
    }
    let draw = || drawn.pop().expect("as many as there are seats");
    Ok(genesis(fleet, author(), clock::wall(), draw))
}

/// Who made what `init` made.
fn author() -> AgentId {
    "init".parse().expect("a valid name")
}

fn ask(screen: &mut Screen<'_>) -> Result<bool, Failure> {
    screen.ask("Do this? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

pub(super) async fn provision(
    fleet: &Fleet,
    outside: &Outside,
    fresh: &Genesis,
    mode: Mode,
    screen: &mut Screen<'_>,
    ask: impl FnOnce(&mut Screen<'_>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let plan = plan::plan(fleet, &found::find(fleet, outside).await, fresh);
    for remark in &plan.remarks {
        screen.line(format_args!("note: {remark}"))?;
    }
    if !plan.refusals.is_empty() {
        let why = anyhow::anyhow!("nothing was created:\n  {}", plan.refusals.join("\n  "));
        return finish(fleet, &plan, mode, &BTreeSet::new(), Err(Failure::Failed(why)), screen);
    }
    if plan.steps.is_empty() {
        screen.line("nothing to do: the fleet has all that it needs")?;
        return finish(fleet, &plan, mode, &BTreeSet::new(), Ok(()), screen);
    }
    for step in &plan.steps {
        screen.line(format_args!("will {step}"))?;
        for change in step.changes() {
            screen.line(format_args!("       {change}"))?;
        }
    }
    if plan.steps.iter().any(plan::Step::is_of_gates) {
        for line in provide::told(fleet) {
            screen.line(line)?;
        }
    }
    if mode == Mode::Show {
        return finish(fleet, &plan, mode, &BTreeSet::new(), Ok(()), screen);
    }
    if mode == Mode::Ask {
        if !ask(screen)? {
            return Err(Failure::Failed(anyhow::anyhow!("nothing was created, as you wished")));
        }
        // Whoever is asked may think for long, and another may act meanwhile.
        if plan::plan(fleet, &found::find(fleet, outside).await, fresh) != plan {
            return Err(Failure::Failed(anyhow::anyhow!(
                "nothing was created: what is there has changed meanwhile. Run `regent init` again"
            )));
        }
    }
    let mut done = BTreeSet::new();
    let result = carry_out(fleet, outside, &plan, &mut done, screen).await;
    finish(fleet, &plan, mode, &done, result, screen)
}

/// Takes the steps: tables all at once, since each takes a while, then the rest one by one.
async fn carry_out(
    fleet: &Fleet,
    outside: &Outside,
    plan: &Plan,
    done: &mut BTreeSet<usize>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let mut result = Ok(());
    let mut tables = JoinSet::new();
    for (n, step) in plan.steps.iter().enumerate().filter(|(_, step)| step.makes_table()) {
        let (fleet, outside, step) = (fleet.clone(), outside.clone(), step.clone());
        tables.spawn(async move { (n, act::act(&fleet, &outside, &step).await) });
    }
    while let Some(table) = tables.join_next().await {
        let (n, answer) = table.context("the making of a table ended in a panic")?;
        result = result.and(take(plan, n, answer, done, screen));
    }
    for (n, step) in plan.steps.iter().enumerate().filter(|(_, step)| !step.makes_table()) {
        result?;
        result = take(plan, n, act::act(fleet, outside, step).await, done, screen);
    }
    result
}

/// Tells how a step ended.
fn take(
    plan: &Plan,
    n: usize,
    answer: Answer<()>,
    done: &mut BTreeSet<usize>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let step = &plan.steps[n];
    match answer {
        Ok(()) => {
            done.insert(n);
            screen.line(format_args!("done: {step}"))
        }
        Err(failure) => Err(Failure::Failed(anyhow::anyhow!(
            "it was to {step}: {failure}. Run `regent init` again, it goes on where this stopped"
        ))),
    }
}

/// Prints the document for programs, which has the failure in it: one document, not two.
fn finish(
    fleet: &Fleet,
    plan: &Plan,
    mode: Mode,
    done: &BTreeSet<usize>,
    result: Result<(), Failure>,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let shown = |(n, step): (usize, &plan::Step)| StepShown {
        what: step.to_string(),
        changes: step.changes(),
        done: done.contains(&n),
    };
    screen.document(&Outcome {
        fleet: fleet.name.as_str(),
        dry_run: mode == Mode::Show,
        steps: plan.steps.iter().enumerate().map(shown).collect(),
        remarks: &plan.remarks,
        you_provide: provide::provided(fleet),
        error: result.as_ref().err().and_then(Failure::told),
    })?;
    if screen.json() { result.map_err(|_| Failure::Shown) } else { result }
}
