//! What an agent sees, as gauges.

use std::time::Duration;

use crate::core::runs::view::RunView;
use crate::core::view::{Inner, View};
use crate::domain::{Epoch, Target, Weight};
use crate::telemetry::metrics::Metrics;

/// Sets every gauge that shows the present rather than counts the past.
pub(super) fn show(metrics: &Metrics, view: &View, inner: &Inner) {
    metrics.set_leader(inner.leading.is_some());
    metrics.set_acting(inner.acting);
    metrics.set_lease_remaining(Duration::from_millis(inner.lease_left_ms));
    let epoch = view.seats.iter().filter_map(|seat| seat.epoch).max();
    metrics.set_epoch(epoch.unwrap_or(Epoch::ZERO));
    if let Some(state) = &view.state {
        metrics.set_committed(state.name);
        let count = |is: fn(&RunView) -> bool| state.runs.values().filter(|run| is(run)).count();
        let in_doubt = count(|run| run.in_doubt);
        metrics.set_runs(count(|run| run.waits), count(|run| run.stuck), in_doubt);
    }
    let leads = view.leader.iter().filter(|_| inner.acting);
    let databases = leads.flat_map(|leader| &leader.databases);
    metrics.set_findings(databases.map(|(database, report)| (database, report.findings.len())));
    metrics.set_seats(inner.seats_heard, view.majority);
    for seat in &view.seats {
        metrics.set_seat(&seat.region, seat.holder.as_ref(), seat.trouble.is_some());
    }
    let age = |age_ms: Option<u64>| age_ms.map(Duration::from_millis);
    let observers = view.observers.iter();
    metrics.set_observers(observers.map(|seen| (&seen.agent, age(seen.age_ms), seen.fresh)));
    for service in &view.services {
        for place in &service.regions {
            let target = Target { region: place.region.clone(), service: service.service.clone() };
            metrics.set_verdict(&target, place.verdict.label());
            metrics.set_weight_configured(&service.service, &place.region, place.share);
            if let Some(wanted) = place.wanted {
                metrics.set_weight_wanted(&service.service, &place.region, wanted);
            }
            let actual = place.actual.map(Weight);
            metrics.set_weight_actual(&service.service, &place.region, actual);
        }
    }
    if let Some(own) = view.observers.first() {
        for service in &view.services {
            for place in service.regions.iter().filter(|place| place.region == own.region) {
                if let Some(signals) = &place.signals {
                    metrics.set_signals(&service.service, signals);
                }
            }
        }
        for cell in view.matrix.iter().filter(|cell| cell.observer == own.agent) {
            metrics.set_cell(&cell.target, cell.cell.state);
        }
    }
    metrics.clear_answers();
    // What a leader does with its zones is known to itself alone.
    if inner.leading.is_some()
        && let Some(leader) = &view.leader
    {
        for (zone, report) in &leader.zones {
            metrics.set_zone_stage(zone, report.stage.label());
        }
        for (service, said) in &leader.answers {
            let as_wanted = said.verified_at.is_some() && said.difference.is_none();
            metrics.set_answers(service, as_wanted, said.difference.is_some());
        }
    }
}
