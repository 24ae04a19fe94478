//! What people have ordered, and what waits for them.

use crate::core::view::View;
use crate::domain::steering::{Answer, Ask};

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

/// What is not as it should be because somebody ordered it so, or because somebody is asked.
pub(super) fn wrong(view: &View, wrong: &mut Vec<String>) {
    let Some(state) = &view.state else { return };
    if let Some(pause) = &state.steering.pause {
        wrong.push(format!(
            "paused by {} at {}: {}. Nothing is changed until `regent resume`",
            pause.by, pause.at, pause.reason
        ));
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
