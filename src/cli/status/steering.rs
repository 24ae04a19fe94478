//! What people have ordered, and what waits for them.

use crate::core::runs::view::StepView;
use crate::core::view::View;
use crate::domain::steering::{Answer, Ask};
use crate::runbook::StepStatus;

/// Orders in force, one in a line.
pub(super) fn in_force(view: &View) -> Vec<String> {
    let Some(state) = &view.state else { return Vec::new() };
    let steering = &state.steering;
    let mut lines = Vec::new();
    for (service, regions) in &steering.held_out {
        for (region, held) in regions {
            lines.push(format!("{service} in {region} drained by {}: {}", held.by, held.reason));
        }
    }
    for (action, level) in &steering.autonomy {
        lines.push(format!("autonomy of {action}: {level}"));
    }
    lines
}

/// Runs of runbooks: those under way with every step, ended ones in a line.
pub(super) fn runs(view: &View) -> Vec<String> {
    let Some(state) = &view.state else { return Vec::new() };
    let mut lines = Vec::new();
    for (name, run) in &state.runs {
        let by = run.by.as_deref().unwrap_or("the fleet's own rules");
        lines.push(format!("{name}: {} ({}; by {by}: {})", run.status, run.title, run.reason));
        if run.over {
            continue;
        }
        for step in &run.steps {
            let told = step.told.as_ref().map(|told| format!("; {told}")).unwrap_or_default();
            let at = step.at.as_ref().map(|at| format!(" since {at}")).unwrap_or_default();
            let status = word(step.status);
            let times = times(step);
            let waits = step.waits_for.as_ref().map(|it| format!("; waits: {it}"));
            let waits = waits.unwrap_or_default();
            lines.push(format!(
                "  {status:<9} {}: {}{at}{times}{told}{waits}",
                step.step, step.does
            ));
        }
        lines.extend(run.choices.iter().map(|choice| format!("  you may: {choice}")));
    }
    lines
}

/// How long a step has taken and usually takes, in brackets; nothing if neither is known.
pub(in crate::cli) fn times(step: &StepView) -> String {
    let span = super::wrong::span;
    match (step.took_ms, step.usual_ms) {
        (None, None) => String::new(),
        (Some(took), None) => format!(" ({})", span(took)),
        (None, Some(usual)) => format!(" (usually {})", span(usual)),
        (Some(took), Some(usual)) => format!(" ({}, usually {})", span(took), span(usual)),
    }
}

/// A step's status as one word.
fn word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => "-",
        StepStatus::Asked => "ASKS",
        StepStatus::Allowed => "allowed",
        StepStatus::Running => "running",
        StepStatus::Again => "again",
        StepStatus::Unknown => "unknown",
        StepStatus::Stuck => "STUCK",
        StepStatus::Done => "done",
        StepStatus::Skipped => "skipped",
        StepStatus::Undoing => "undoing",
        StepStatus::UndoAgain | StepStatus::UndoUnknown => "undo?",
        StepStatus::UndoStuck => "STUCK",
        StepStatus::Undone => "undone",
        StepStatus::Left => "left",
    }
}

/// The databases, as the leader sees them.
pub(super) fn databases(view: &View) -> Vec<String> {
    let Some(leader) = &view.leader else { return Vec::new() };
    let mut lines = Vec::new();
    for (database, report) in &leader.databases {
        let writer = report.writer.as_ref().map_or("nobody", |writer| writer.as_str());
        let status = report.status.as_deref().unwrap_or("not read yet");
        let moving = report.moving.as_ref().map(|moving| format!(", {moving}")).unwrap_or_default();
        lines.push(format!("{database}: {status}, written in {writer}{moving}"));
        for (region, (low, high, age)) in &report.loss {
            lines.push(format!(
                "  a failover to {region} now would lose {low} to {high} ms of writes (by figures \
                 {} old)",
                super::wrong::span(*age)
            ));
        }
        lines.extend(report.findings.iter().map(|found| format!("  {found}")));
        if let Some(trouble) = &report.trouble {
            lines.push(format!("  could not be read last: {trouble}"));
        }
    }
    lines
}

/// What is not as it should be because somebody ordered it so, or because somebody is asked.
pub(super) fn wrong(view: &View, wrong: &mut Vec<String>) {
    let Some(state) = &view.state else { return };
    if let Some(pause) = &state.steering.pause {
        wrong.push(format!(
            "paused by {} at {}: {}. Nothing is changed until `regent resume`",
            pause.by, pause.at, pause.reason
        ));
    }
    for (name, run) in &state.runs {
        if run.stuck || run.waits {
            wrong.push(format!("the run {name} is {}: {}", run.status, run.title));
        }
    }
    for (database, report) in view.leader.iter().flat_map(|leader| &leader.databases) {
        wrong.extend(report.findings.iter().map(|found| format!("{database}: {found}")));
    }
    for (id, ask) in &state.steering.asks {
        wrong.push(format!(
            "{}: {}",
            place(ask),
            match &ask.answer {
                Answer::Waiting =>
                    format!("waits since {}: `regent approve {id}`, or reject", ask.at),
                Answer::Approved { by } => format!("approved by {by}"),
                Answer::Rejected { by, reason } => format!("rejected by {by} ({reason})"),
                Answer::Expired => "nobody answered in time".to_owned(),
            }
        ));
    }
}

fn place(ask: &Ask) -> String {
    format!("{} in {} to weight {}, since it is {}", ask.service, ask.region, ask.to, ask.why)
}
