//! What AWS itself says of each service in its Region: the table, and what is wrong in it.

use comfy_table::Table;

use super::render::table;
use crate::core::view::{PlacementView, View};
use crate::domain::signal::{AlarmState, ServiceSignals};

/// A line for each service in a Region that has something to read; none at all when none has.
pub(super) fn rows(view: &View) -> Table {
    let mut rows = table(["service", "region", "targets", "alarms", ""]);
    for service in &view.services {
        for place in &service.regions {
            let Some(signals) = &place.signals else { continue };
            rows.add_row([
                service.service.to_string(),
                place.region.to_string(),
                targets(signals),
                alarms(signals),
                signals.troubles.join("; "),
            ]);
        }
    }
    rows
}

fn targets(signals: &ServiceSignals) -> String {
    let Some(targets) = &signals.targets else { return "?".to_owned() };
    let zones = targets.zones.iter().map(|(zone, health)| {
        let short = zone.chars().last().unwrap_or('?');
        format!("{short} {}/{}", health.healthy, health.healthy + health.unhealthy)
    });
    zones.collect::<Vec<_>>().join(", ")
}

fn alarms(signals: &ServiceSignals) -> String {
    if signals.alarms.is_empty() {
        return "?".to_owned();
    }
    let said = signals.alarms.iter().map(|(name, state)| match state {
        AlarmState::Ok => format!("{name} ok"),
        AlarmState::Alarm => format!("{name} ALARM"),
        AlarmState::InsufficientData => format!("{name} without data"),
    });
    said.collect::<Vec<_>>().join(", ")
}

/// What AWS says against a service, and what can't be read of it.
pub(super) fn wrong(service: &str, place: &PlacementView, wrong: &mut Vec<String>) {
    let Some(signals) = &place.signals else { return };
    let region = &place.region;
    let targets = signals.targets.as_ref().filter(|targets| targets.unhealthy() > 0);
    if let Some(targets) = targets {
        wrong.push(format!("{service} in {region}: {targets}"));
    }
    for (alarm, state) in &signals.alarms {
        if *state == AlarmState::Alarm {
            wrong.push(format!("{service} in {region}: alarm {alarm} is in ALARM"));
        }
    }
    for trouble in &signals.troubles {
        wrong.push(format!("{service} in {region}: AWS's signals can't be read: {trouble}"));
    }
}
