//! `regent preflight`: could the fleet fail over right now?
//!
//! Looks itself, with the caller's credentials, and adds what every agent found when it looked last:
//! what an agent may do, and which Regions it reaches, only that agent can say.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::fleet::FleetArgs;
use super::{Failure, Screen, outside, process, status};
use crate::agent::Outside;
use crate::core::view::View;
use crate::domain::preflight::{Area, Finding, Severity, Sights};
use crate::domain::{Fleet, Preflight};
use crate::preflight::{self, Depth, Known, Who};
use crate::telemetry::clock;

/// Who says what was found by this command itself.
const HERE: &str = "here";

/// Could the fleet fail over right now? Every call that a failover needs, tried without effect.
///
/// Looks at seats, agents, clocks, orders, zones, records, gates and databases, rehearses the loss of
/// each Region in the planner, and adds what the agents found in their last look. Writes are tried in a
/// way that must be refused; docs/preflight.md says how. Exits with 1 when something would stop a
/// failover.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  regent preflight\n  regent preflight --json | jq '.findings[] | select(.severity == \"stops\")'"
)]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
}

/// One finding, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Told {
    #[serde(flatten)]
    finding: Finding,
    said_by: Vec<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Outcome {
    fleet: String,
    at: String,
    /// Whether nothing would stop a failover.
    clear: bool,
    looked_at: BTreeSet<Area>,
    findings: Vec<Told>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    gates: Sights,
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let fleet = args.fleet.load()?;
    let outcome = process::block_on(async {
        let outside = outside::connect(&fleet).await?;
        Ok(look(&fleet, &outside, clock::wall_unix_ms()).await)
    })?;
    show(&outcome, screen)
}

async fn look(fleet: &Fleet, outside: &Outside, now_unix_ms: i64) -> Outcome {
    let depth = Depth { trials: true, sights: Some(0) };
    let (view, looked) = tokio::join!(
        status::view(fleet, outside, now_unix_ms),
        preflight::look(fleet, outside, depth)
    );
    let known = Known::of(fleet, &view);
    let at = view.at.clone();
    // Nothing depends on what this caller may do while there are agents that looked.
    let who = if agents(&view).next().is_some() { Who::Person } else { Who::Agent };
    let here = preflight::judge(fleet, &looked, &known, who, at);
    outcome(fleet, &view, here)
}

/// The agents that are heard from and have looked.
fn agents(view: &View) -> impl Iterator<Item = (&str, &Preflight)> {
    let fresh = view.observers.iter().filter(|one| one.fresh);
    fresh.filter_map(|one| Some((one.agent.as_str(), one.preflight.as_ref()?)))
}

fn outcome(fleet: &Fleet, view: &View, here: Preflight) -> Outcome {
    let mut said: BTreeMap<Finding, Vec<String>> = BTreeMap::new();
    let of_view = preflight::of_view(fleet, view);
    for finding in here.findings.into_iter().chain(of_view) {
        let sayers = said.entry(finding).or_default();
        if sayers.is_empty() {
            sayers.push(HERE.to_owned());
        }
    }
    for (agent, found) in agents(view) {
        for finding in &found.findings {
            said.entry(finding.clone()).or_default().push(agent.to_owned());
        }
    }
    if agents(view).next().is_none() {
        let what = "no agent that is heard from has looked yet";
        let remedy = "What agents may do is not known: they look ten seconds after their start";
        said.entry(Finding::note(Area::Agents, what, remedy)).or_default().push(HERE.to_owned());
    }
    let findings: Vec<Told> =
        said.into_iter().map(|(finding, said_by)| Told { finding, said_by }).collect();
    let clear = findings.iter().all(|told| told.finding.severity != Severity::Stops);
    let of_view = [Area::Agents, Area::Clocks, Area::Orders, Area::Rules];
    Outcome {
        fleet: fleet.name.to_string(),
        at: here.at,
        clear,
        looked_at: here.looked_at.into_iter().chain(of_view).collect(),
        findings,
        gates: here.sights,
    }
}

fn show(outcome: &Outcome, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.document(outcome)?;
    let verdict =
        if outcome.clear { "could fail over now" } else { "COULD NOT FAIL OVER as it should" };
    screen.line(format_args!("{}: {verdict}    ({})", outcome.fleet, outcome.at))?;
    for area in Area::ALL {
        let told: Vec<&Told> =
            outcome.findings.iter().filter(|told| told.finding.area == area).collect();
        if told.is_empty() {
            let how = if outcome.looked_at.contains(&area) { "ok" } else { "-" };
            screen.line(format_args!("  {area:<10}{how}"))?;
        }
        for told in told {
            let severity = match told.finding.severity {
                Severity::Stops => "STOPS",
                Severity::Weakens => "weakens",
                Severity::Note => "note",
            };
            let by = told.said_by.join(", ");
            screen.line(format_args!("  {area:<10}{severity:<8} {} ({by})", told.finding.what))?;
            screen.line(format_args!("  {:<19}{}", "", told.finding.remedy))?;
        }
    }
    if outcome.clear { Ok(()) } else { Err(Failure::Shown) }
}

#[cfg(test)]
mod tests;
