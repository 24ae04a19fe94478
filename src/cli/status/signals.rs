//! What AWS itself says of each service in its Region: the table, and what is wrong in it.

use comfy_table::Table;

use super::render::table;
use crate::core::view::{PlacementView, View};
use crate::domain::signal::{AlarmState, ServiceSignals};

/// A line for each service in a Region that has something to read; none at all when none has.
pub(super) fn rows(view: &View) -> Table {
    let mut rows = table(["service", "region", "targets", "alarms", "still arriving", ""]);
    for service in &view.services {
        for place in &service.regions {
            let Some(signals) = &place.signals else { continue };
            rows.add_row([
                service.service.to_string(),
                place.region.to_string(),
                targets(signals),
                alarms(signals),
                arriving(place),
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

/// Requests that still come where none are meant to; empty where they are.
fn arriving(place: &PlacementView) -> String {
    let Some(arriving) = place.signals.as_ref().and_then(|signals| signals.arriving) else {
        return String::new();
    };
    match (place.left_over(), arriving.minute_unix_s) {
        (Some(0), _) => "none: drained".to_owned(),
        (Some(left), Some(minute)) => format!("~{left}/min at {}", clock_time(minute)),
        _ => "? (its load balancer tells of no request, nor of a probe)".to_owned(),
    }
}

fn clock_time(unix_s: i64) -> String {
    let at = jiff::Timestamp::from_second(unix_s).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime("%H:%M UTC").to_string()
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
    if let (Some(left @ 1..), Some(minute)) =
        (place.left_over(), signals.arriving.and_then(|arriving| arriving.minute_unix_s))
    {
        wrong.push(format!(
            "{service} in {region}: not drained: about {left} requests a minute still came at {}, \
             beside this fleet's own probes: clients that keep their connections, or the old answer",
            clock_time(minute)
        ));
    }
    for trouble in &signals.troubles {
        wrong.push(format!("{service} in {region}: AWS's signals can't be read: {trouble}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::healthy;
    use super::*;
    use crate::domain::signal::{Arriving, TargetHealth, ZoneHealth};

    fn zone(healthy: u32, unhealthy: u32) -> ZoneHealth {
        let reasons = [("Target.Timeout".to_owned(), unhealthy)];
        let reasons = reasons.into_iter().filter(|(_, count)| *count > 0).collect();
        ZoneHealth { healthy, unhealthy, aside: 0, reasons }
    }

    /// All is well but what AWS says of `api` in the first two Regions.
    fn view() -> View {
        let mut view = healthy();
        let [first, second, ..] = &mut view.services[0].regions[..] else { panic!("three") };
        first.signals = Some(ServiceSignals {
            targets: Some(TargetHealth {
                zones: [("a".to_owned(), zone(1, 1)), ("b".to_owned(), zone(2, 0))].into(),
            }),
            alarms: [
                ("api-5xx".parse().expect("valid"), AlarmState::Alarm),
                ("api-slow".parse().expect("valid"), AlarmState::InsufficientData),
            ]
            .into(),
            complaint_ms: Some(1),
            ..ServiceSignals::default()
        });
        second.signals = Some(ServiceSignals {
            troubles: vec!["target health: transient: throttled".to_owned()],
            ..ServiceSignals::default()
        });
        view
    }

    #[test]
    fn the_table_has_a_line_for_each_that_has_something_to_read() {
        let lines: Vec<String> = rows(&view()).lines().map(|line| line.trim().to_owned()).collect();
        assert_eq!(lines.len(), 3, "{lines:#?}");
        assert!(lines[1].contains("a 1/2, b 2/2"), "{lines:#?}");
        assert!(lines[1].contains("api-5xx ALARM, api-slow without data"), "{lines:#?}");
        assert!(lines[2].ends_with("target health: transient: throttled"), "{lines:#?}");
        assert!(rows(&healthy()).is_empty());
    }

    #[test]
    fn who_still_comes_to_a_drained_region_is_told_beside_the_probes() {
        let drained = |minute_unix_s, per_minute| {
            let mut view = healthy();
            let place = &mut view.services[0].regions[0];
            let arriving = Some(Arriving { minute_unix_s, per_minute });
            place.signals = Some(ServiceSignals { arriving, ..ServiceSignals::default() });
            place.probes_per_minute = Some(180);
            let mut said = Vec::new();
            wrong("api", place, &mut said);
            (super::arriving(place), said)
        };
        let minute = Some(1_790_000_040);
        let (cell, said) = drained(minute, 400);
        assert_eq!(cell, "~202/min at 14:14 UTC");
        assert!(said[0].starts_with("api in ap-southeast-2: not drained: about 202"), "{said:?}");
        assert_eq!(drained(minute, 190), ("none: drained".to_owned(), Vec::new()));
        let (cell, said) = drained(None, 0);
        assert!(cell.starts_with("? (its load balancer") && said.is_empty(), "{cell} {said:?}");
    }

    #[test]
    fn what_is_wrong_is_said_with_zone_and_reason_and_too_little_data_is_not() {
        let mut said = Vec::new();
        for place in &view().services[0].regions {
            wrong("api", place, &mut said);
        }
        assert_eq!(
            said,
            [
                "api in ap-southeast-2: 3 of 4 targets healthy: a 1 of 2 (1 Target.Timeout)",
                "api in ap-southeast-2: alarm api-5xx is in ALARM",
                "api in eu-west-1: AWS's signals can't be read: target health: transient: throttled",
            ]
        );
    }
}
