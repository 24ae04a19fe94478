//! The drill's story in lines: what happened when, for people.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::story::{Sight, Stamp, Story};
use super::words;
use super::zones::Move;
use crate::domain::{AgentId, CellState};
use crate::local::words::of_a_database;
use crate::world::log::ClientKind;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Something was done to the world.
    Fault,
    /// An observer saw a failure.
    Seen,
    /// A majority of seats has a new leader.
    Leader,
    /// A control state was written or committed.
    Decision,
    /// A zone took a batch.
    Action,
    /// A zone refused one.
    Refused,
    /// What clients noticed.
    Clients,
    /// What befell a database.
    Database,
    /// A person's order was handled, or a run went on.
    Run,
}

impl LineKind {
    /// The word in front of the line.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Fault => "FAULT",
            Self::Seen => "seen",
            Self::Leader => "leader",
            Self::Decision => "decision",
            Self::Action => "action",
            Self::Refused => "refused",
            Self::Clients => "clients",
            Self::Database => "database",
            Self::Run => "run",
        }
    }
}

/// A line of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Milliseconds since the first fault.
    pub at_ms: u64,
    /// What it is about.
    pub kind: LineKind,
    /// What happened.
    pub text: String,
}

/// The story since the first fault, in the log's order.
pub(super) fn tell(story: &Story) -> Vec<Line> {
    let mut lines = Vec::<(Stamp, LineKind, String)>::new();
    lines.extend(
        story.faults.iter().map(|(stamp, fault)| (*stamp, LineKind::Fault, words::fault(fault))),
    );
    sights(story, &mut lines);
    lines.extend(story.new_leaders.iter().map(|(stamp, leader)| {
        let text = format!("{} holds a majority of seats in epoch {}", leader.holder, leader.epoch);
        (*stamp, LineKind::Leader, text)
    }));
    decisions(story, &mut lines);
    batches(story, &mut lines);
    clients(story, &mut lines);
    lines.extend(story.databases.events.iter().filter_map(|(stamp, happening)| {
        Some((*stamp, LineKind::Database, of_a_database(happening)?))
    }));
    lines.extend(
        story.runs.events.iter().map(|(stamp, event)| (*stamp, LineKind::Run, event.to_string())),
    );
    // Stable: of two lines about one entry of the log, the first told stays first.
    lines.sort_by_key(|(stamp, _, _)| *stamp);
    lines
        .into_iter()
        .filter(|(stamp, _, _)| !story.is_before(*stamp))
        .map(|(stamp, kind, text)| Line { at_ms: story.since_ms(stamp), kind, text })
        .collect()
}

/// Each observer's first sight of a failure, and its first confirmation.
fn sights(story: &Story, lines: &mut Vec<(Stamp, LineKind, String)>) {
    let mut told = BTreeSet::<(&AgentId, CellState)>::new();
    let mut by_report = BTreeMap::<(Stamp, CellState), Vec<&Sight>>::new();
    for sight in &story.sights {
        by_report.entry((sight.stamp, sight.state)).or_default().push(sight);
    }
    for ((stamp, state), sights) in by_report {
        let Some(first) = sights.first() else { continue };
        if !told.insert((&first.observer, state)) {
            continue;
        }
        let targets: Vec<_> = sights.iter().map(|sight| sight.target.to_string()).collect();
        let why = first.failure.map_or(String::new(), |failure| format!(" ({failure})"));
        let text = format!("{}: {} {}{why}", first.observer, targets.join(", "), state.label());
        lines.push((stamp, LineKind::Seen, text));
    }
}

fn decisions(story: &Story, lines: &mut Vec<(Stamp, LineKind, String)>) {
    for decision in &story.decisions {
        let what = if decision.moves.is_empty() {
            "weights as before".to_owned()
        } else {
            listed(&decision.moves)
        };
        let name = decision.name;
        let text = format!("{} proposes state {name}: {what}", decision.by);
        lines.push((decision.put, LineKind::Decision, text));
        if let Some(committed) = decision.committed {
            let text = format!("state {name} is committed: a majority of seats points to it");
            lines.push((committed, LineKind::Decision, text));
        }
    }
}

fn batches(story: &Story, lines: &mut Vec<(Stamp, LineKind, String)>) {
    for batch in &story.batches {
        let epoch =
            batch.effect.fence.map_or(String::new(), |(epoch, _)| format!(", epoch {epoch}"));
        let by = format!("zone {} ({}{epoch})", batch.zone, batch.caller);
        if !batch.effect.moves.is_empty() {
            let text = format!("{by}: {}", listed(&batch.effect.moves));
            lines.push((batch.stamp, LineKind::Action, text));
        } else if batch.effect.fence.is_some_and(|(epoch, before)| before != Some(epoch)) {
            lines.push((batch.stamp, LineKind::Action, format!("{by}: claimed")));
        }
    }
    for refused in &story.rejections {
        let text = format!("zone {} ({}): {}", refused.zone, refused.caller, refused.why);
        lines.push((refused.stamp, LineKind::Refused, text));
    }
}

/// The first and the last failure of each kind of client.
fn clients(story: &Story, lines: &mut Vec<(Stamp, LineKind, String)>) {
    for kind in [ClientKind::Orderly, ClientKind::KeepsAlive, ClientKind::IgnoresTtl] {
        let of_kind = || story.requests.iter().filter(|request| request.client == kind);
        let mut failures = of_kind().filter(|request| request.failure.is_some());
        let Some(first) = failures.next() else { continue };
        let client = words::client(kind);
        let place = first.region.as_ref().map_or(String::new(), |region| format!(" at {region}"));
        let why = first.failure.as_deref().unwrap_or_default();
        lines.push((
            first.stamp,
            LineKind::Clients,
            format!("{client} clients begin to fail{place}: {why}"),
        ));
        let last = failures.next_back().unwrap_or(first);
        let since = of_kind()
            .filter(|request| request.failure.is_none() && request.stamp > last.stamp)
            .count();
        let text = if since > 0 {
            format!("the last {client} client fails: from here on {since} served, none failed")
        } else {
            format!("the last {client} client fails: from here on nobody asked with success")
        };
        lines.push((last.stamp, LineKind::Clients, text));
    }
}

fn listed(moves: &[Move]) -> String {
    moves.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
