//! One agent's metrics, in the Prometheus text format.
//!
//! Typed methods stand before the raw handles: a caller says what happened, in the words of
//! `domain`, and can't get a label or a unit wrong. The registry is the agent's own, not the
//! process's, so that many agents can run in one process and a test can look at one alone.
//!
//! States are shown as one series for each state, 1 for the present one and 0 for those that were
//! left ("one-hot"): a number that encodes a state can't be averaged or alerted on sensibly.

mod signals;
pub mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::core::{MetricVec, MetricVecBuilder};
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

use self::table::{Kind, Spec};
use crate::domain::{
    AgentId, CellState, Epoch, FailureClass, ProbeFailure, RegionId, Sample, ServiceId, StateName,
    Target, Weight, ZoneId,
};

/// The `Content-Type` of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The label of what went well, where failures have labels of their own.
const OK: &str = "ok";

/// One agent's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    observer: String,
    probes: IntCounterVec,
    probe_duration: HistogramVec,
    probes_late: IntCounterVec,
    cell_state: OneHot,
    verdict: OneHot,
    signals: signals::Gauges,
    reports_published: IntCounterVec,
    reports_gathered: IntCounterVec,
    report_age: GaugeVec,
    leader: IntGaugeVec,
    epoch: IntGaugeVec,
    lease_remaining: GaugeVec,
    elections_stood: IntCounterVec,
    elections_won: IntCounterVec,
    stepped_down: IntCounterVec,
    committed_epoch: IntGaugeVec,
    committed_seq: IntGaugeVec,
    journal_commits: IntCounterVec,
    zone_stage: OneHot,
    zone_changes: IntCounterVec,
    weight_wanted: IntGaugeVec,
    weight_actual: IntGaugeVec,
    actions_blocked: IntGaugeVec,
    blocked_reasons: Mutex<BTreeSet<&'static str>>,
    calls: IntCounterVec,
    call_duration: HistogramVec,
    step_duration: HistogramVec,
}

impl Metrics {
    /// The metrics of this agent, in this Region. Those without labels are there from the start.
    #[must_use]
    pub fn new(agent: &AgentId, region: &RegionId) -> Self {
        let registry = Registry::new();
        let on = &registry;
        let version = env!("CARGO_PKG_VERSION");
        int_gauges(on, &table::BUILD_INFO)
            .with_label_values(&[version, agent.as_str(), region.as_str()])
            .set(1);
        Self {
            observer: agent.as_str().to_owned(),
            probes: counters(on, &table::PROBES),
            probe_duration: histograms(on, &table::PROBE_DURATION),
            probes_late: counters(on, &table::PROBES_LATE),
            cell_state: OneHot::new(int_gauges(on, &table::CELL_STATE)),
            verdict: OneHot::new(int_gauges(on, &table::VERDICT)),
            signals: signals::Gauges::new(on),
            reports_published: counters(on, &table::REPORTS_PUBLISHED),
            reports_gathered: counters(on, &table::REPORTS_GATHERED),
            report_age: gauges(on, &table::REPORT_AGE),
            leader: int_gauges(on, &table::LEADER),
            epoch: int_gauges(on, &table::EPOCH),
            lease_remaining: gauges(on, &table::LEASE_REMAINING),
            elections_stood: counters(on, &table::ELECTIONS_STOOD),
            elections_won: counters(on, &table::ELECTIONS_WON),
            stepped_down: counters(on, &table::STEPPED_DOWN),
            committed_epoch: int_gauges(on, &table::COMMITTED_EPOCH),
            committed_seq: int_gauges(on, &table::COMMITTED_SEQ),
            journal_commits: counters(on, &table::JOURNAL_COMMITS),
            zone_stage: OneHot::new(int_gauges(on, &table::ZONE_STAGE)),
            zone_changes: counters(on, &table::ZONE_CHANGES),
            weight_wanted: int_gauges(on, &table::WEIGHT_WANTED),
            weight_actual: int_gauges(on, &table::WEIGHT_ACTUAL),
            actions_blocked: int_gauges(on, &table::ACTIONS_BLOCKED),
            blocked_reasons: Mutex::default(),
            calls: counters(on, &table::CALLS),
            call_duration: histograms(on, &table::CALL_DURATION),
            step_duration: histograms(on, &table::STEP_DURATION),
            registry,
        }
    }

    /// Everything in the text exposition format, to be served with [`CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("writing to a String can't fail, and no registered name is empty")
    }

    /// Brings every result's counter of a target into being at 0. A counter that first appears at 1
    /// looks to `increase()` as if nothing had happened, so a first failure would go unseen.
    pub fn expect_target(&self, target: &Target) {
        for result in std::iter::once(OK).chain(ProbeFailure::ALL.map(ProbeFailure::label)) {
            self.probes.with_label_values(&[
                target.region.as_str(),
                target.service.as_str(),
                result,
            ]);
        }
    }

    /// Counts a probe and its times.
    pub fn observe_probe(&self, target: &Target, sample: &Sample) {
        let (region, service) = (target.region.as_str(), target.service.as_str());
        let result = sample.failure.map_or(OK, ProbeFailure::label);
        self.probes.with_label_values(&[region, service, result]).inc();
        let phases = [
            ("connect", sample.connect_ms),
            ("first_byte", sample.first_byte_ms),
            ("total", Some(sample.total_ms)),
        ];
        for (phase, ms) in phases {
            if let Some(ms) = ms {
                self.probe_duration
                    .with_label_values(&[region, service, phase])
                    .observe(f64::from(ms) / 1000.0);
            }
        }
    }

    /// Counts a probe that started late.
    pub fn count_late_probe(&self) {
        self.probes_late.with_label_values(NONE).inc();
    }

    /// Shows this agent's own opinion of a target.
    pub fn set_cell(&self, target: &Target, state: CellState) {
        let key = [&self.observer, target.region.as_str(), target.service.as_str()];
        self.cell_state.set(&key, state.label());
    }

    /// Shows what the observers together say of a target. `verdict` is a fixed word.
    pub fn set_verdict(&self, target: &Target, verdict: &'static str) {
        self.verdict.set(&[target.region.as_str(), target.service.as_str()], verdict);
    }

    /// Counts a report of this agent that was published.
    pub fn count_published_report(&self) {
        self.reports_published.with_label_values(NONE).inc();
    }

    /// Counts reports that were read.
    pub fn count_gathered_reports(&self, reports: usize) {
        let reports = u64::try_from(reports).unwrap_or(u64::MAX);
        self.reports_gathered.with_label_values(NONE).inc_by(reports);
    }

    /// Shows how long ago an observer's report was last seen to rise.
    pub fn set_report_age(&self, observer: &AgentId, age: Duration) {
        self.report_age.with_label_values(&[observer.as_str()]).set(age.as_secs_f64());
    }

    /// Shows no more about an observer that is no longer part of the fleet.
    pub fn forget_observer(&self, observer: &AgentId) {
        // An observer that was never shown is forgotten already.
        let _ = self.report_age.remove_label_values(&[observer.as_str()]);
    }

    /// Shows whether this agent leads.
    pub fn set_leader(&self, leads: bool) {
        self.leader.with_label_values(NONE).set(leads.into());
    }

    /// Shows the highest epoch that this agent has seen.
    pub fn set_epoch(&self, epoch: Epoch) {
        self.epoch.with_label_values(NONE).set(int(epoch.0));
    }

    /// Shows what is left of this agent's lease.
    pub fn set_lease_remaining(&self, remaining: Duration) {
        self.lease_remaining.with_label_values(NONE).set(remaining.as_secs_f64());
    }

    /// Counts a candidacy.
    pub fn count_election_stood(&self) {
        self.elections_stood.with_label_values(NONE).inc();
    }

    /// Counts an election won.
    pub fn count_election_won(&self) {
        self.elections_won.with_label_values(NONE).inc();
    }

    /// Counts an end of leading. `reason` is a fixed word.
    pub fn count_stepped_down(&self, reason: &'static str) {
        self.stepped_down.with_label_values(&[reason]).inc();
    }

    /// Shows the newest committed control state.
    pub fn set_committed(&self, state: StateName) {
        self.committed_epoch.with_label_values(NONE).set(int(state.epoch.0));
        self.committed_seq.with_label_values(NONE).set(int(state.seq));
    }

    /// Counts a control state that this agent committed.
    pub fn count_journal_commit(&self) {
        self.journal_commits.with_label_values(NONE).inc();
    }

    /// Shows in which stage this agent has a hosted zone. `stage` is a fixed word.
    pub fn set_zone_stage(&self, zone: &ZoneId, stage: &'static str) {
        self.zone_stage.set(&[zone.as_str()], stage);
    }

    /// Counts a change batch by how it ended.
    pub fn count_zone_change(&self, zone: &ZoneId, outcome: Result<(), FailureClass>) {
        let result = outcome.map_or_else(class_label, |()| "applied");
        self.zone_changes.with_label_values(&[zone.as_str(), result]).inc();
    }

    /// Shows the weight that a record is to have.
    pub fn set_weight_wanted(&self, service: &ServiceId, region: &RegionId, weight: Weight) {
        self.weight_wanted
            .with_label_values(&[service.as_str(), region.as_str()])
            .set(weight.0.into());
    }

    /// Shows the weight that a record was read to have; none while unknown, which is not 0.
    pub fn set_weight_actual(
        &self,
        service: &ServiceId,
        region: &RegionId,
        weight: Option<Weight>,
    ) {
        let labels = [service.as_str(), region.as_str()];
        match weight {
            Some(weight) => self.weight_actual.with_label_values(&labels).set(weight.0.into()),
            // A weight that was never shown is absent already.
            None => drop(self.weight_actual.remove_label_values(&labels)),
        }
    }

    /// Shows how many actions each reason blocks, all of them at once: a reason that isn't given
    /// blocks nothing any more. Reasons are fixed words.
    pub fn set_blocked(&self, blocked: &BTreeMap<&'static str, u64>) {
        let mut known = self.blocked_reasons.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(blocked.keys());
        for reason in known.iter() {
            let count = blocked.get(reason).copied().unwrap_or(0);
            self.actions_blocked.with_label_values(&[reason]).set(int(count));
        }
    }

    /// Counts a call to the outside, how it ended and what it took. `port` and `operation` are
    /// fixed words, such as `registers` and `swap`.
    pub fn observe_call(
        &self,
        port: &'static str,
        operation: &'static str,
        outcome: Result<(), FailureClass>,
        took: Duration,
    ) {
        let class = outcome.map_or_else(class_label, |()| OK);
        self.calls.with_label_values(&[port, operation, class]).inc();
        self.call_duration.with_label_values(&[port, operation]).observe(took.as_secs_f64());
    }

    /// Counts what the brain took for one event.
    pub fn observe_step(&self, took: Duration) {
        self.step_duration.with_label_values(NONE).observe(took.as_secs_f64());
    }
}

/// The values of no labels.
const NONE: &[&str] = &[];

const fn class_label(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Transient => "transient",
        FailureClass::Conflict => "conflict",
        FailureClass::Fenced => "fenced",
        FailureClass::Permanent => "permanent",
        FailureClass::Unknown => "unknown",
    }
}

fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Gauges of which, for each key, the one of the present state is 1 and the others are 0.
#[derive(Debug)]
struct OneHot {
    gauges: IntGaugeVec,
    present: Mutex<BTreeMap<Vec<String>, &'static str>>,
}

impl OneHot {
    fn new(gauges: IntGaugeVec) -> Self {
        Self { gauges, present: Mutex::default() }
    }

    fn set(&self, key: &[&str], state: &'static str) {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let gauge = |state| {
            let labels: Vec<&str> = key.iter().copied().chain([state]).collect();
            self.gauges.with_label_values(&labels)
        };
        let owned = key.iter().map(|&part| part.to_owned()).collect();
        if let Some(left) = present.insert(owned, state)
            && left != state
        {
            gauge(left).set(0);
        }
        gauge(state).set(1);
    }
}

fn counters(registry: &Registry, spec: &Spec) -> IntCounterVec {
    assert_eq!(spec.kind, Kind::Counter, "{} is registered as another kind", spec.name);
    let made = IntCounterVec::new(Opts::new(spec.name, spec.help), spec.labels);
    register(registry, spec, made)
}

fn int_gauges(registry: &Registry, spec: &Spec) -> IntGaugeVec {
    assert_eq!(spec.kind, Kind::Gauge, "{} is registered as another kind", spec.name);
    let made = IntGaugeVec::new(Opts::new(spec.name, spec.help), spec.labels);
    register(registry, spec, made)
}

fn gauges(registry: &Registry, spec: &Spec) -> GaugeVec {
    assert_eq!(spec.kind, Kind::Gauge, "{} is registered as another kind", spec.name);
    let made = GaugeVec::new(Opts::new(spec.name, spec.help), spec.labels);
    register(registry, spec, made)
}

fn histograms(registry: &Registry, spec: &Spec) -> HistogramVec {
    let Kind::Histogram(buckets) = spec.kind else {
        panic!("{} is registered as another kind", spec.name);
    };
    let options = HistogramOpts::new(spec.name, spec.help).buckets(buckets.to_vec());
    register(registry, spec, HistogramVec::new(options, spec.labels))
}

/// Registers a row, and brings the one series of a metric without labels into being.
fn register<B: MetricVecBuilder + 'static>(
    registry: &Registry,
    spec: &Spec,
    made: prometheus::Result<MetricVec<B>>,
) -> MetricVec<B> {
    let made = made.expect("the table's names, labels and buckets are valid");
    registry.register(Box::new(made.clone())).expect("each row of the table is registered once");
    if spec.labels.is_empty() {
        made.with_label_values(NONE);
    }
    made
}

#[cfg(test)]
mod tests;
