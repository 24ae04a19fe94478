//! What the brain tells people, as log lines and counters.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reaction::{ANSWERED, CHANGED, DECIDED, INSYNC, Reaction};
use crate::core::Brain;
use crate::core::explain::Change;
use crate::core::health::Verdict;
use crate::core::note::Note;
use crate::core::view::View;
use crate::domain::{FailureClass, Sample, Target};
use crate::telemetry::clock;
use crate::telemetry::metrics::Metrics;

/// Logs and counts a note of this brain.
pub(super) fn tell(note: &Note, metrics: &Metrics, brain: &Brain, reaction: &mut Reaction) {
    match note {
        Note::Stood { epoch, seats } => {
            metrics.count_election_stood();
            tracing::info!(%epoch, seats = list(seats), "standing for election");
        }
        Note::NotElected { epoch } => tracing::info!(%epoch, "not elected"),
        Note::Elected { epoch, seats } => {
            metrics.count_election_won();
            tracing::info!(%epoch, seats = list(seats), "elected");
        }
        Note::SteppedDown { epoch, why } => {
            metrics.count_stepped_down(why.label());
            reaction.over();
            tracing::warn!(%epoch, "stepped down: {why}");
        }
        Note::SeatLost { seat, why } => {
            tracing::error!(%seat, "this seat counts for nothing: {why}");
        }
        Note::SeatSetDiffers { configured, committed } => tracing::error!(
            configured = list(configured),
            committed = list(committed),
            "the seats in fleet.toml are not those that the fleet has committed: this agent does \
             not stand for election. Put the committed ones back into fleet.toml"
        ),
        Note::Committed { name, changes } => {
            metrics.count_journal_commit();
            let (epoch, decision) = (name.epoch, name);
            if changes.is_empty() {
                tracing::info!(%epoch, %decision, "committed, with no weight changed");
            } else {
                decided(changes, metrics, brain, reaction);
            }
            for change in changes {
                tracing::warn!(%epoch, %decision, "decided: {change}");
            }
        }
        Note::Ordered { order, refused: None } => {
            metrics.count_order("carried_out");
            tracing::warn!(order = %order.id, by = order.by, "ordered: {}", order.verb);
        }
        Note::Ordered { order, refused: Some(why) } => {
            metrics.count_order("refused");
            let (by, verb) = (&order.by, &order.verb);
            tracing::warn!(order = %order.id, by, "refused to {verb}: {why}");
        }
        Note::Ran { what, needs_person: false } => tracing::warn!("{what}"),
        Note::Ran { what, needs_person: true } => tracing::error!("{what}"),
        Note::Notice { level, subject, text } => {
            metrics.count_notice(level.label(), "told");
            tracing::error!(level = level.label(), text, "{subject}");
        }
        Note::NoticeSent { level, via } => {
            metrics.count_notice(level.label(), "sent");
            tracing::debug!(level = level.label(), %via, "people were told");
        }
        Note::NoticeFailed { level, what } => {
            metrics.count_notice(level.label(), "failed");
            tracing::warn!(level = level.label(), "a topic did not take a notice: {what}");
        }
        Note::NoticeGivenUp { level, subject, why } => {
            metrics.count_notice(level.label(), "given_up");
            tracing::error!(
                level = level.label(),
                "people could not be told of {subject:?}: {why}"
            );
        }
        Note::Blocked { blocked } => {
            let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
            for block in blocked {
                *reasons.entry(block.by.label()).or_default() += 1;
                tracing::info!("blocked: {block}");
            }
            metrics.set_blocked(&reasons);
        }
        Note::ZoneClaimed { zone, epoch } => tracing::info!(%zone, %epoch, "zone claimed"),
        Note::ZoneChanged { zone, attempt, what } => {
            metrics.count_zone_change(zone, Ok(()));
            if let Some(took) = reaction.changed(clock::now(), zone) {
                metrics.observe_reaction(CHANGED, took);
            }
            tracing::warn!(%zone, attempt, "records changed: {what}");
        }
        Note::ZoneRefused { zone, class } => {
            metrics.count_zone_change(zone, Err(*class));
            match class {
                FailureClass::Conflict => {
                    tracing::warn!(%zone, "the batch was rejected whole: reading the zone again");
                }
                _ => tracing::warn!(%zone, %class, "the batch failed: reading the zone again"),
            }
        }
        Note::ZoneInsync { zone } => {
            if let Some(took) = reaction.insync(clock::now(), zone) {
                metrics.observe_reaction(INSYNC, took);
            }
            tracing::info!(%zone, "the change is on every name server");
        }
        Note::Drift { key, course, what } => {
            metrics.count_drift(key.name.as_str(), course.label());
            tracing::warn!(record = %key, "somebody else changed it ({}): {}", course.label(), what.join("; "));
        }
        Note::AnswersVerified { service, answers, at } => {
            if let Some(took) = reaction.answered(*at, service) {
                metrics.observe_reaction(ANSWERED, took);
            }
            tracing::info!(%service, answers, "name servers answer as wanted");
        }
        Note::AnswersDiffer { service, difference: Some(how) } => {
            tracing::error!(%service, "name servers do not answer as wanted: {how}");
        }
        Note::AnswersDiffer { service, difference: None } => {
            tracing::info!(%service, "name servers answer as wanted again");
        }
        Note::ZoneHeld { zone, why } => tracing::error!(%zone, "nothing is done: {why}"),
        Note::ZoneOdd { zone, what } => tracing::warn!(%zone, "{what}"),
        Note::Signals { service, what } => tracing::info!(%service, "AWS says: {what}"),
        Note::Switched { off: true } => {
            tracing::error!("switched off: probing and reporting, and nothing else");
        }
        Note::Switched { off: false } => tracing::warn!("switched on again"),
        Note::SecondSelf { agent } => tracing::error!(%agent, "this agent runs already"),
        Note::ProbesLate { count } => {
            for _ in 0..*count {
                metrics.count_late_probe();
            }
            tracing::debug!(count, "probes started late");
        }
        Note::Trouble { what } => tracing::warn!("{what}"),
    }
}

/// Counts a decision, and how long after the failure it came.
fn decided(changes: &[Change], metrics: &Metrics, brain: &Brain, reaction: &mut Reaction) {
    metrics.set_decided_at(clock::wall_unix_ms());
    for change in changes {
        metrics.count_decision(&change.region, change.reason.label());
    }
    let now = clock::now();
    let view = brain.view(now);
    if let Some(took) = reaction.decided(now, changes, |target| failing(&view, target)) {
        metrics.observe_reaction(DECIDED, took);
    }
}

/// For how long a majority has had this target failing, if it does.
fn failing(view: &View, target: &Target) -> Option<Duration> {
    let service = view.services.iter().find(|service| service.service == target.service)?;
    let place = service.regions.iter().find(|place| place.region == target.region)?;
    matches!(place.verdict, Verdict::Down | Verdict::CutOff)
        .then(|| Duration::from_millis(place.failing_ms))
}

/// Logs a probe, for those who look for its detail.
pub(super) fn probed(target: &Target, sample: &Sample) {
    match sample.failure {
        Some(failure) => {
            tracing::debug!(%target, took_ms = sample.phases.total_ms, "{failure}: {}", sample.detail);
        }
        None if sample.passed_over.is_some() => {
            let took_ms = sample.phases.total_ms;
            tracing::debug!(%target, took_ms, "well at another address: {}", sample.detail);
        }
        None => tracing::trace!(%target, took_ms = sample.phases.total_ms, "well"),
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
