//! One agent's metrics, in the Prometheus text format.
//!
//! Typed methods stand before the raw handles: a caller says what happened, in the words of
//! `domain`, and can't get a label or a unit wrong. The registry is the agent's own, not the
//! process's, so that many agents can run in one process and a test can look at one alone.
//!
//! States are shown as one series for each state, 1 for the present one and 0 for those that were
//! left ("one-hot"): a number that encodes a state can't be averaged or alerted on sensibly.

mod preflight;
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
    AgentId, CellState, DatabaseId, Epoch, FailureClass, ProbeFailure, RegionId, Sample, ServiceId,
    StateName, Target, Weight, ZoneId,
};

/// The `Content-Type` of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The label of what went well, where failures have labels of their own.
const OK: &str = "ok";

/// The label of a change batch that Route 53 accepted.
const APPLIED: &str = "applied";

/// One agent's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    observer: String,
    probes: IntCounterVec,
    probe_duration: HistogramVec,
    probes_late: IntCounterVec,
    probes_passed_over: IntCounterVec,
    certificate_expiry: IntGaugeVec,
    cell_state: OneHot,
    verdict: OneHot,
    signals: signals::Gauges,
    preflight: preflight::Gauges,
    drift: IntCounterVec,
    answers_as_wanted: IntGaugeVec,
    answers_differ: IntGaugeVec,
    reports_published: IntCounterVec,
    reports_gathered: IntCounterVec,
    report_age: GaugeVec,
    observer_fresh: IntGaugeVec,
    observers: Mutex<BTreeSet<AgentId>>,
    leader: IntGaugeVec,
    acting: IntGaugeVec,
    epoch: IntGaugeVec,
    lease_remaining: GaugeVec,
    lease_length: GaugeVec,
    seats_heard: IntGaugeVec,
    seats_majority: IntGaugeVec,
    seat_holder: IntGaugeVec,
    holders: Mutex<BTreeMap<RegionId, AgentId>>,
    seat_lost: IntGaugeVec,
    elections_stood: IntCounterVec,
    elections_won: IntCounterVec,
    stepped_down: IntCounterVec,
    committed_epoch: IntGaugeVec,
    committed_seq: IntGaugeVec,
    journal_commits: IntCounterVec,
    decisions: IntCounterVec,
    orders: IntCounterVec,
    notices: IntCounterVec,
    runs_waiting: IntGaugeVec,
    runs_in_doubt: IntGaugeVec,
    database_findings: IntGaugeVec,
    runs_stuck: IntGaugeVec,
    decided_at: GaugeVec,
    reaction: HistogramVec,
    zone_stage: OneHot,
    zone_changes: IntCounterVec,
    weight_configured: IntGaugeVec,
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
            probes_passed_over: counters(on, &table::PROBES_PASSED_OVER),
            certificate_expiry: int_gauges(on, &table::CERTIFICATE_EXPIRY),
            cell_state: OneHot::new(int_gauges(on, &table::CELL_STATE)),
            verdict: OneHot::new(int_gauges(on, &table::VERDICT)),
            signals: signals::Gauges::new(on),
            preflight: preflight::Gauges::new(on),
            drift: counters(on, &table::DRIFT),
            answers_as_wanted: int_gauges(on, &table::ANSWERS_AS_WANTED),
            answers_differ: int_gauges(on, &table::ANSWERS_DIFFER),
            reports_published: counters(on, &table::REPORTS_PUBLISHED),
            reports_gathered: counters(on, &table::REPORTS_GATHERED),
            report_age: gauges(on, &table::REPORT_AGE),
            observer_fresh: int_gauges(on, &table::OBSERVER_FRESH),
            observers: Mutex::default(),
            leader: int_gauges(on, &table::LEADER),
            acting: int_gauges(on, &table::ACTING),
            epoch: int_gauges(on, &table::EPOCH),
            lease_remaining: gauges(on, &table::LEASE_REMAINING),
            lease_length: gauges(on, &table::LEASE_LENGTH),
            seats_heard: int_gauges(on, &table::SEATS_HEARD),
            seats_majority: int_gauges(on, &table::SEATS_MAJORITY),
            seat_holder: int_gauges(on, &table::SEAT_HOLDER),
            holders: Mutex::default(),
            seat_lost: int_gauges(on, &table::SEAT_LOST),
            elections_stood: counters(on, &table::ELECTIONS_STOOD),
            elections_won: counters(on, &table::ELECTIONS_WON),
            stepped_down: counters(on, &table::STEPPED_DOWN),
            committed_epoch: int_gauges(on, &table::COMMITTED_EPOCH),
            committed_seq: int_gauges(on, &table::COMMITTED_SEQ),
            journal_commits: counters(on, &table::JOURNAL_COMMITS),
            decisions: counters(on, &table::DECISIONS),
            orders: counters(on, &table::ORDERS),
            notices: counters(on, &table::NOTICES),
            runs_waiting: int_gauges(on, &table::RUNS_WAITING),
            runs_in_doubt: int_gauges(on, &table::RUNS_IN_DOUBT),
            database_findings: int_gauges(on, &table::DATABASE_FINDINGS),
            runs_stuck: int_gauges(on, &table::RUNS_STUCK),
            decided_at: gauges(on, &table::DECIDED_AT),
            reaction: histograms(on, &table::REACTION),
            zone_stage: OneHot::new(int_gauges(on, &table::ZONE_STAGE)),
            zone_changes: counters(on, &table::ZONE_CHANGES),
            weight_configured: int_gauges(on, &table::WEIGHT_CONFIGURED),
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

    /// Brings the counters of a Region's decisions into being at 0, as [`Self::expect_target`] does.
    pub fn expect_decisions(&self, region: &RegionId, reasons: impl Iterator<Item = &'static str>) {
        for reason in reasons {
            self.decisions.with_label_values(&[region.as_str(), reason]);
        }
    }

    /// Brings the counters of a zone's changes into being at 0, as [`Self::expect_target`] does.
    pub fn expect_zone(&self, zone: &ZoneId) {
        for result in std::iter::once(APPLIED).chain(FailureClass::ALL.map(class_label)) {
            self.zone_changes.with_label_values(&[zone.as_str(), result]);
        }
    }

    /// Brings the counters of stepping down into being at 0, as [`Self::expect_target`] does.
    pub fn expect_step_downs(&self, reasons: impl Iterator<Item = &'static str>) {
        for reason in reasons {
            self.stepped_down.with_label_values(&[reason]);
        }
    }

    /// Brings the histograms of answers to failures into being, as [`Self::expect_target`] does.
    pub fn expect_reactions(&self, phases: impl Iterator<Item = &'static str>) {
        for phase in phases {
            self.reaction.with_label_values(&[phase]);
        }
    }

    /// Counts a probe and its times.
    pub fn observe_probe(&self, target: &Target, sample: &Sample) {
        let (region, service) = (target.region.as_str(), target.service.as_str());
        let result = sample.failure.map_or(OK, ProbeFailure::label);
        self.probes.with_label_values(&[region, service, result]).inc();
        for (phase, ms) in sample.phases.named() {
            if let Some(ms) = ms {
                self.probe_duration
                    .with_label_values(&[region, service, phase])
                    .observe(f64::from(ms) / 1000.0);
            }
        }
        if let Some(failure) = sample.passed_over {
            let labels = [region, service, failure.label()];
            self.probes_passed_over.with_label_values(&labels).inc();
        }
        if let Some(expiry_unix_s) = sample.certificate_expiry_unix_s {
            self.certificate_expiry.with_label_values(&[region, service]).set(expiry_unix_s);
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

    /// Shows all observers: how long ago the report of each was last seen to rise, if it ever was,
    /// and whether its votes count. One that isn't given is no longer part of the fleet.
    pub fn set_observers<'a>(
        &self,
        observers: impl IntoIterator<Item = (&'a AgentId, Option<Duration>, bool)>,
    ) {
        let mut shown = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = std::mem::take(&mut *shown);
        for (observer, age, fresh) in observers {
            let labels = [observer.as_str()];
            if let Some(age) = age {
                self.report_age.with_label_values(&labels).set(age.as_secs_f64());
            }
            self.observer_fresh.with_label_values(&labels).set(fresh.into());
            left.remove(observer);
            shown.insert(observer.clone());
        }
        for observer in left {
            // Its age was never shown if its report was never seen to rise.
            let _ = self.report_age.remove_label_values(&[observer.as_str()]);
            let _ = self.observer_fresh.remove_label_values(&[observer.as_str()]);
        }
    }

    /// Shows whether this agent leads.
    pub fn set_leader(&self, leads: bool) {
        self.leader.with_label_values(NONE).set(leads.into());
    }

    /// Shows whether this agent leads and has committed under its epoch.
    pub fn set_acting(&self, acts: bool) {
        self.acting.with_label_values(NONE).set(acts.into());
    }

    /// Shows the highest epoch that this agent has seen.
    pub fn set_epoch(&self, epoch: Epoch) {
        self.epoch.with_label_values(NONE).set(int(epoch.0));
    }

    /// Shows what is left of this agent's lease.
    pub fn set_lease_remaining(&self, remaining: Duration) {
        self.lease_remaining.with_label_values(NONE).set(remaining.as_secs_f64());
    }

    /// Shows how long a lease is.
    pub fn set_lease_length(&self, length: Duration) {
        self.lease_length.with_label_values(NONE).set(length.as_secs_f64());
    }

    /// Shows how many seats this agent hears, and how many make a majority.
    pub fn set_seats(&self, heard: usize, majority: usize) {
        let count = |seats| i64::try_from(seats).unwrap_or(i64::MAX);
        self.seats_heard.with_label_values(NONE).set(count(heard));
        self.seats_majority.with_label_values(NONE).set(count(majority));
    }

    /// Shows a Region's seat: whom it names as its holder, none while nobody knows, and whether it
    /// counts for nothing. Former holders are forgotten rather than shown as 0, so that agents whose
    /// names change don't pile up.
    pub fn set_seat(&self, seat: &RegionId, holder: Option<&AgentId>, lost: bool) {
        self.seat_lost.with_label_values(&[seat.as_str()]).set(lost.into());
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let former = match holder {
            Some(holder) => holders.insert(seat.clone(), holder.clone()),
            None => holders.remove(seat),
        };
        if let Some(former) = former.filter(|former| Some(former) != holder) {
            // It was shown, since it is remembered.
            let _ = self.seat_holder.remove_label_values(&[seat.as_str(), former.as_str()]);
        }
        if let Some(holder) = holder {
            self.seat_holder.with_label_values(&[seat.as_str(), holder.as_str()]).set(1);
        }
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

    /// Counts a weight that was decided to change. `reason` is a fixed word.
    pub fn count_decision(&self, region: &RegionId, reason: &'static str) {
        self.decisions.with_label_values(&[region.as_str(), reason]).inc();
    }

    /// Counts a person's order; the result is `carried_out` or `refused`.
    pub fn count_order(&self, result: &'static str) {
        self.orders.with_label_values(&[result]).inc();
    }

    /// Counts something that people are to be told, and how far it got. Both are fixed words.
    pub fn count_notice(&self, level: &'static str, result: &'static str) {
        self.notices.with_label_values(&[level, result]).inc();
    }

    /// Shows how many runs wait for a person, and how many are stuck.
    pub fn set_runs(&self, waiting: usize, stuck: usize, in_doubt: usize) {
        self.runs_waiting.with_label_values(NONE).set(waiting.try_into().unwrap_or(i64::MAX));
        self.runs_stuck.with_label_values(NONE).set(stuck.try_into().unwrap_or(i64::MAX));
        let in_doubt = in_doubt.try_into().unwrap_or(i64::MAX);
        self.runs_in_doubt.with_label_values(NONE).set(in_doubt);
    }

    /// Shows how many things about each database are not as they should be: none but for a leader.
    pub fn set_findings<'a>(&self, found: impl IntoIterator<Item = (&'a DatabaseId, usize)>) {
        self.database_findings.reset();
        for (database, count) in found {
            let gauge = self.database_findings.with_label_values(&[database.as_str()]);
            gauge.set(count.try_into().unwrap_or(i64::MAX));
        }
    }

    /// Shows when weights were last decided to change, in milliseconds since 1970.
    pub fn set_decided_at(&self, unix_ms: i64) {
        // Exact to the millisecond for a quarter of a million years.
        self.decided_at.with_label_values(NONE).set(unix_ms as f64 / 1000.0);
    }

    /// Counts the time from the start of a failure to this phase of the answer to it. `phase` is a
    /// fixed word.
    pub fn observe_reaction(&self, phase: &'static str, took: Duration) {
        self.reaction.with_label_values(&[phase]).observe(took.as_secs_f64());
    }

    /// Shows in which stage this agent has a hosted zone. `stage` is a fixed word.
    pub fn set_zone_stage(&self, zone: &ZoneId, stage: &'static str) {
        self.zone_stage.set(&[zone.as_str()], stage);
    }

    /// Counts a change batch by how it ended.
    pub fn count_zone_change(&self, zone: &ZoneId, outcome: Result<(), FailureClass>) {
        let result = outcome.map_or_else(class_label, |()| APPLIED);
        self.zone_changes.with_label_values(&[zone.as_str(), result]).inc();
    }

    /// Shows the weight that a record has while all is well.
    pub fn set_weight_configured(&self, service: &ServiceId, region: &RegionId, weight: Weight) {
        self.weight_configured
            .with_label_values(&[service.as_str(), region.as_str()])
            .set(weight.0.into());
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

    /// Counts an edit of a name's records by somebody else. `course` is a fixed word.
    pub fn count_drift(&self, name: &str, course: &'static str) {
        self.drift.with_label_values(&[name, course]).inc();
    }

    /// Shows whether name servers answer for a service as wanted, and whether they are known not to.
    pub fn set_answers(&self, service: &ServiceId, as_wanted: bool, differ: bool) {
        let labels = [service.as_str()];
        self.answers_as_wanted.with_label_values(&labels).set(i64::from(as_wanted));
        self.answers_differ.with_label_values(&labels).set(i64::from(differ));
    }

    /// Nobody asks name servers here any more.
    pub fn clear_answers(&self) {
        self.answers_as_wanted.reset();
        self.answers_differ.reset();
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
