//! What AWS says of this agent's own Region, as gauges.
//!
//! Zones and reasons are AWS's words and not the code's. Both are few (a Region's zones, the reason
//! codes of the API), and a series that is no longer told of is removed: one that stood still would
//! look like an opinion.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus::{IntGaugeVec, Registry};

use super::{Metrics, int_gauges, table};
use crate::domain::ServiceId;
use crate::domain::signal::{AlarmState, ServiceSignals};

/// The gauges, with the series that stand in each.
#[derive(Debug)]
pub(super) struct Gauges {
    targets: Standing,
    reasons: Standing,
    alarms: Standing,
    complaint: IntGaugeVec,
    arriving: IntGaugeVec,
}

impl Gauges {
    pub(super) fn new(on: &Registry) -> Self {
        Self {
            targets: Standing::new(int_gauges(on, &table::TARGETS)),
            reasons: Standing::new(int_gauges(on, &table::TARGET_REASONS)),
            alarms: Standing::new(int_gauges(on, &table::ALARM_STATE)),
            complaint: int_gauges(on, &table::COMPLAINT),
            arriving: int_gauges(on, &table::ARRIVING),
        }
    }
}

/// A gauge whose series come and go, by the service that they are of.
#[derive(Debug)]
struct Standing {
    gauges: IntGaugeVec,
    series: Mutex<BTreeSet<[String; 3]>>,
}

impl Standing {
    fn new(gauges: IntGaugeVec) -> Self {
        Self { gauges, series: Mutex::default() }
    }

    /// Shows these series of a service, and no others of it.
    fn show<'a>(&self, service: &str, shown: impl IntoIterator<Item = (&'a str, &'a str, u32)>) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone: BTreeSet<[String; 3]> =
            series.iter().filter(|labels| labels[0] == service).cloned().collect();
        for (second, third, value) in shown {
            self.gauges.with_label_values(&[service, second, third]).set(value.into());
            let labels = [service, second, third].map(str::to_owned);
            gone.remove(&labels);
            series.insert(labels);
        }
        for labels in gone {
            series.remove(&labels);
            // It stood in the gauge until now.
            drop(self.gauges.remove_label_values(&labels.each_ref().map(String::as_str)));
        }
    }
}

impl Metrics {
    /// Shows what AWS says of a service in this agent's own Region.
    pub fn set_signals(&self, service: &ServiceId, signals: &ServiceSignals) {
        let name = service.as_str();
        let zones = || signals.targets.iter().flat_map(|targets| &targets.zones);
        let counts = zones().flat_map(|(zone, health)| {
            [
                (zone.as_str(), "healthy", health.healthy),
                (zone.as_str(), "unhealthy", health.unhealthy),
                (zone.as_str(), "aside", health.aside),
            ]
        });
        self.signals.targets.show(name, counts);
        let reasons = zones().flat_map(|(zone, health)| {
            health.reasons.iter().map(|(reason, count)| (zone.as_str(), reason.as_str(), *count))
        });
        self.signals.reasons.show(name, reasons);
        let alarms = signals.alarms.iter().flat_map(|(alarm, state)| {
            AlarmState::ALL.map(|shown| (alarm.as_str(), shown.label(), u32::from(shown == *state)))
        });
        self.signals.alarms.show(name, alarms);
        self.signals.complaint.with_label_values(&[name]).set(signals.complains().into());
        match signals.arriving {
            Some(arriving) => {
                let per_minute = i64::try_from(arriving.per_minute).unwrap_or(i64::MAX);
                self.signals.arriving.with_label_values(&[name]).set(per_minute);
            }
            // It stands in the gauge only while traffic was taken away.
            None => drop(self.signals.arriving.remove_label_values(&[name])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signal::{TargetHealth, ZoneHealth};

    fn signals(unhealthy: u32) -> ServiceSignals {
        let zone = ZoneHealth {
            healthy: 2,
            unhealthy,
            aside: 1,
            reasons: [("Target.Timeout".to_owned(), unhealthy)].into(),
        };
        ServiceSignals {
            targets: Some(TargetHealth { zones: [("eu-west-1a".to_owned(), zone)].into() }),
            alarms: [("errors".parse().expect("valid"), AlarmState::Alarm)].into(),
            ..ServiceSignals::default()
        }
    }

    #[test]
    fn what_is_no_longer_read_is_no_longer_shown() {
        let metrics =
            Metrics::new(&"a".parse().expect("valid"), &"eu-west-1".parse().expect("valid"));
        let service = "web".parse().expect("valid");
        metrics.set_signals(&service, &signals(3));
        let text = metrics.render();
        for line in [
            "regent_targets{availability_zone=\"eu-west-1a\",health=\"unhealthy\",service=\"web\"} 3",
            "regent_target_reasons{availability_zone=\"eu-west-1a\",reason=\"Target.Timeout\",service=\"web\"} 3",
            "regent_alarm_state{alarm=\"errors\",service=\"web\",state=\"alarm\"} 1",
            "regent_alarm_state{alarm=\"errors\",service=\"web\",state=\"ok\"} 0",
            "regent_complaint{service=\"web\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        metrics.set_signals(&service, &ServiceSignals::default());
        let text = metrics.render();
        assert!(!text.contains("Target.Timeout") && !text.contains("eu-west-1a"), "{text}");
        assert!(text.contains("regent_complaint{service=\"web\"} 0"), "{text}");
    }
}
