//! Looking, again and again, whether the fleet could fail over: beside the loop, and without a say in
//! what it decides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::core::view::View;
use crate::core::{Brain, Event};
use crate::domain::observation::ZoneStage;
use crate::domain::{Fleet, Moment};
use crate::ports::Outside;
use crate::preflight::{self, Depth, Known, Who};
use crate::telemetry::clock;
use crate::telemetry::metrics::Metrics;

/// Before the first look: an agent that has just started has more urgent things to ask.
const FIRST_AFTER: Duration = Duration::from_secs(10);

/// Between two looks of the leader: what somebody does to a health check is noticed within a minute.
const LEADER_EVERY: Duration = Duration::from_secs(45);

/// Between two looks of the others: their permissions change rarely, and Route 53 takes five requests a
/// second from an account, of all agents together.
const OTHERS_EVERY: Duration = Duration::from_secs(300);

/// After a look that was put off.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Whether a zone is being changed, or read to be.
fn is_steering(view: &View) -> bool {
    let mut zones = view.leader.iter().flat_map(|leader| leader.zones.values());
    zones.any(|zone| {
        matches!(zone.stage, ZoneStage::Claiming | ZoneStage::Pending | ZoneStage::Changing)
    })
}

/// When the next look is due.
#[derive(Debug)]
pub(super) struct Rounds {
    next: Moment,
    /// When it would be, had nothing more urgent been under way.
    due: Moment,
    round: usize,
    led: bool,
}

impl Rounds {
    pub(super) fn new(now: Moment) -> Self {
        let next = now + FIRST_AFTER;
        Self { next, due: next, round: 0, led: false }
    }

    /// Begins a look if it is time. Its end comes as an event; one that never ends is not waited for
    /// beyond the next turn.
    pub(super) fn drive(
        &mut self,
        now: Moment,
        brain: &Brain,
        fleet: &Arc<Fleet>,
        outside: &Outside,
        metrics: &Arc<Metrics>,
        events: &mpsc::Sender<Event>,
    ) {
        let leads = brain.acting();
        if leads != self.led {
            // What only a leader looks at has not been looked at yet.
            self.led = leads;
            self.next = self.next.min(now + FIRST_AFTER);
            self.due = self.next;
        }
        if now < self.next {
            return;
        }
        let view = brain.view(now);
        if leads && now < self.due + LEADER_EVERY && is_steering(&view) {
            // Route 53 takes few requests, and those that steer come first.
            self.next = now + AGAIN_AFTER;
            return;
        }
        self.next = now + if leads { LEADER_EVERY } else { OTHERS_EVERY };
        self.due = self.next;
        let depth = Depth { trials: !leads, sights: leads.then_some(self.round) };
        self.round = self.round.wrapping_add(1);
        let (fleet, outside) = (Arc::clone(fleet), outside.clone());
        let (metrics, events) = (Arc::clone(metrics), events.clone());
        tokio::spawn(async move {
            let looked = preflight::look(&fleet, &outside, depth).await;
            let known = Known::of(&fleet, &view);
            let found = preflight::judge(&fleet, &looked, &known, Who::Agent, clock::wall());
            // What the picture shows, whoever looks at the tables sees too: it needs no report.
            let mut all = found.clone();
            all.findings.extend(preflight::of_view(&fleet, &view));
            metrics.set_preflight(&all, clock::wall_unix_ms());
            for finding in &found.findings {
                tracing::warn!(severity = finding.severity.label(), "preflight: {finding}");
            }
            // The loop may have ended.
            let _ = events.send(Event::Preflight(Box::new(found.for_report()))).await;
        });
    }
}
