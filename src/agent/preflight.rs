//! Looking, again and again, whether the fleet could fail over: beside the loop, and without a say in
//! what it decides.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::core::{Brain, Event};
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

/// When the next look is due.
#[derive(Debug)]
pub(super) struct Rounds {
    next: Moment,
    round: usize,
    led: bool,
}

impl Rounds {
    pub(super) fn new(now: Moment) -> Self {
        Self { next: now + FIRST_AFTER, round: 0, led: false }
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
        }
        if now < self.next {
            return;
        }
        self.next = now + if leads { LEADER_EVERY } else { OTHERS_EVERY };
        let depth = Depth { trials: !leads, sights: leads.then_some(self.round) };
        self.round = self.round.wrapping_add(1);
        let view = brain.view(now);
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
