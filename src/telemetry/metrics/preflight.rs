//! Metrics of what a preflight found, and of what health checkers see of gates.

use prometheus::{GaugeVec, IntGaugeVec, Registry};

use super::{Metrics, NONE, gauges, int, int_gauges, table};
use crate::domain::Preflight;
use crate::domain::preflight::{Area, Severity};

/// What is shown.
#[derive(Debug)]
pub(super) struct Gauges {
    clear: IntGaugeVec,
    findings: IntGaugeVec,
    at: GaugeVec,
    checkers: IntGaugeVec,
}

impl Gauges {
    pub(super) fn new(on: &Registry) -> Self {
        Self {
            clear: int_gauges(on, &table::PREFLIGHT_CLEAR),
            findings: int_gauges(on, &table::PREFLIGHT_FINDINGS),
            at: gauges(on, &table::PREFLIGHT_AT),
            checkers: int_gauges(on, &table::GATE_CHECKERS),
        }
    }
}

impl Metrics {
    /// Shows what a preflight found that ended at `unix_ms`.
    pub fn set_preflight(&self, preflight: &Preflight, unix_ms: i64) {
        let shown = &self.preflight;
        shown.clear.with_label_values(NONE).set(i64::from(preflight.clear()));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century fit")]
        shown.at.with_label_values(NONE).set(unix_ms as f64 / 1000.0);
        for area in Area::ALL {
            for severity in Severity::ALL {
                let of = |found: &&crate::domain::preflight::Finding| {
                    found.area == area && found.severity == severity
                };
                let count = preflight.findings.iter().filter(of).count();
                let labels = [area.label(), severity.label()];
                shown.findings.with_label_values(&labels).set(int(count as u64));
            }
        }
        shown.checkers.reset();
        for (gate, sights) in &preflight.sights {
            for (observer, sight) in sights {
                let clear = sight.found + sight.answered + sight.silent;
                for (sees, count) in [
                    ("closed", sight.found),
                    ("open", sight.answered),
                    ("nothing", sight.silent),
                    ("unclear", sight.asked.saturating_sub(clear)),
                ] {
                    let labels = [gate.to_string(), observer.to_string(), sees.to_owned()];
                    shown.checkers.with_label_values(&labels).set(int(count as u64));
                }
            }
        }
    }
}
