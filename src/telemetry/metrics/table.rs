//! Every metric that an agent exposes, in one table.
//!
//! Registration, the tests and the check of the dashboards all read [`TABLE`], so that none can
//! speak of a metric that isn't there. Names follow the Prometheus documentation, "Metric and label
//! naming": one prefix, base units at the end, `_total` on counters.
//!
//! Labels are names out of the fleet's configuration or words out of the code, never what a server
//! answered: a hostile endpoint can't grow the number of series.

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts by size, with these upper bounds.
    Histogram(&'static [f64]),
}

/// The unit of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things, or a number that names something.
    Count,
    /// 0 or 1.
    Truth,
    /// Seconds.
    Seconds,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// Its full name.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// The unit of its value.
    pub unit: Unit,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// What it means, for the exposition and the documentation.
    pub help: &'static str,
}

/// From a loopback's answer to the longest time that anybody waits for a health page.
const SECONDS_NETWORK: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// A step takes microseconds; one of 10 ms breaks the budget for the largest fleet.
const SECONDS_STEP: &[f64] = &[0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1];

/// From the goal for a fault to the first action, 3 s, to a change that AWS takes its time to spread:
/// it speaks of 60 s ("How Amazon Route 53 propagates changes").
const SECONDS_REACTION: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0];

use Kind::{Counter, Gauge, Histogram};
use Unit::{Count, Seconds, Truth};

const fn spec(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Spec {
    Spec { name, kind, unit, labels, help }
}

/// Defines each row as a constant and gathers them all in [`TABLE`], so that no row can be left
/// out of it.
macro_rules! table {
    ($($id:ident: $name:literal, $kind:expr, $unit:expr, $labels:expr, $help:literal;)+) => {
        $(pub(super) const $id: Spec = spec($name, $kind, $unit, &$labels, $help);)+

        /// Every metric, in the order in which the documentation shows them.
        pub const TABLE: &[Spec] = &[$($id),+];
    };
}

table! {
    BUILD_INFO: "regent_build_info", Gauge, Truth, ["version", "agent", "region"],
        "Always 1; its labels tell the version, the agent and the Region where it runs.";

    PROBES: "regent_probes_total", Counter, Count, ["region", "service", "result"],
        "Probes made, by the target's Region and service; the result is ok or the kind of failure.";
    PROBE_DURATION: "regent_probe_duration_seconds", Histogram(SECONDS_NETWORK), Seconds,
        ["region", "service", "phase"],
        "What the phases of a probe took, failed probes included: resolving the name (name), \
         connecting (connect), the TLS handshake (tls), from the request to the answer's first byte \
         (first_byte), and the whole (total). A phase that a probe did not come to has no time.";
    PROBES_LATE: "regent_probes_late_total", Counter, Count, [],
        "Probes that started later than their turn by more than a quarter of the interval: the agent \
         is short of processor time, or was paused.";
    PROBES_PASSED_OVER: "regent_probes_passed_over_total", Counter, Count,
        ["region", "service", "result"],
        "Probes of which the address whose turn it was failed, in this way, while another address of \
         the same name answered.";
    CERTIFICATE_EXPIRY: "regent_probe_certificate_expiry_seconds", Gauge, Seconds,
        ["region", "service"],
        "When the endpoint's certificate expires, in seconds since 1970; subtract time() for what is \
         left. Absent where no TLS is spoken.";

    CELL_STATE: "regent_cell_state", Gauge, Truth, ["observer", "region", "service", "state"],
        "1 for the state in which this observer sees the target, 0 for the states that it left.";
    VERDICT: "regent_verdict", Gauge, Truth, ["region", "service", "verdict"],
        "1 for what the observers together say of the target, 0 for the verdicts that it left.";
    TARGETS: "regent_targets", Gauge, Count, ["service", "availability_zone", "health"],
        "Load-balancer targets of the service in this agent's own Region, by availability zone: \
         healthy, unhealthy, or aside (coming, going, unused or not checked). Absent while unread.";
    TARGET_REASONS: "regent_target_reasons", Gauge, Count,
        ["service", "availability_zone", "reason"],
        "Targets in this agent's own Region with this of Elastic Load Balancing's reason codes.";
    ALARM_STATE: "regent_alarm_state", Gauge, Truth, ["service", "alarm", "state"],
        "1 for the state of the CloudWatch alarm in this agent's own Region. Absent while unread.";
    COMPLAINT: "regent_complaint", Gauge, Truth, ["service"],
        "1 while AWS speaks against the service in this agent's own Region: an alarm, or no healthy \
         target.";
    ARRIVING: "regent_arriving_requests", Gauge, Count, ["service"],
        "Requests in the newest minute told of that reached the service in this agent's own Region, by its \
         load balancer and the fleet's own probes among them, while its weight is 0. Absent otherwise.";
    DRIFT: "regent_record_drift_total", Counter, Count, ["name", "course"],
        "Times that records of this name were found changed by somebody else, by what was done about it: \
         corrected, kept (as the files say), stopped (corrected too often, and left), or noticed (not the \
         fleet's to decide).";
    ANSWERS_AS_WANTED: "regent_answers_as_wanted", Gauge, Truth, ["service"],
        "1 while the zone's name servers answer for the service as the leader wants, 0 while they don't \
         or it is not known yet. Shown by the leader.";
    ANSWERS_DIFFER: "regent_answers_differ", Gauge, Truth, ["service"],
        "1 while the name servers' answers differ from what is wanted, beyond chance and twice in a row. \
         Shown by the leader.";
    PREFLIGHT_CLEAR: "regent_preflight_clear", Gauge, Truth, [],
        "1 while this agent's last look found nothing that would stop a failover.";
    PREFLIGHT_FINDINGS: "regent_preflight_findings", Gauge, Count, ["area", "severity"],
        "What this agent's last look found: what stops a failover (stops), what makes it slower or \
         leaves one way of two (weakens), and what is good to know (note). `regent preflight` says it \
         in words.";
    PREFLIGHT_AT: "regent_preflight_timestamp_seconds", Gauge, Seconds, [],
        "When this agent last looked whether the fleet could fail over, in seconds since 1970. The \
         leader looks every 45 s, the others every 5 minutes.";
    GATE_CHECKERS: "regent_gate_checkers", Gauge, Count, ["gate", "observer", "sees"],
        "Route 53's checkers that ask the observer Region's agents about the gate, by what they last \
         saw: closed, open, or nothing. Shown by the leader.";

    REPORTS_PUBLISHED: "regent_reports_published_total", Counter, Count, [],
        "Reports that this agent published.";
    REPORTS_GATHERED: "regent_reports_gathered_total", Counter, Count, [],
        "Reports of observers that this agent read.";
    REPORT_AGE: "regent_report_age_seconds", Gauge, Seconds, ["observer"],
        "Time since the number of this observer's report was last seen to rise.";
    OBSERVER_FRESH: "regent_observer_fresh", Gauge, Truth, ["observer"],
        "1 while this observer's report is fresh enough for its votes to count.";

    LEADER: "regent_leader", Gauge, Truth, [],
        "1 while this agent leads.";
    ACTING: "regent_acting", Gauge, Truth, [],
        "1 while this agent leads and has committed under its epoch, and so may change records.";
    EPOCH: "regent_epoch", Gauge, Count, [],
        "The highest epoch that this agent has seen.";
    LEASE_REMAINING: "regent_lease_remaining_seconds", Gauge, Seconds, [],
        "What is left of this agent's lease; 0 when it holds none.";
    LEASE_LENGTH: "regent_lease_length_seconds", Gauge, Seconds, [],
        "The configured length of a lease.";
    SEATS_HEARD: "regent_seats_heard", Gauge, Count, [],
        "Seats that this agent heard from within the last lease.";
    SEATS_MAJORITY: "regent_seats_majority", Gauge, Count, [],
        "Seats that make a majority.";
    SEAT_HOLDER: "regent_seat_holder", Gauge, Truth, ["seat", "holder"],
        "1 for the agent that the Region's seat names as its holder; absent while unread.";
    SEAT_LOST: "regent_seat_lost", Gauge, Truth, ["seat"],
        "1 while the Region's seat counts for nothing: its item is missing, was made anew, or has \
         gone back.";
    ELECTIONS_STOOD: "regent_elections_stood_total", Counter, Count, [],
        "Times that this agent stood for leader.";
    ELECTIONS_WON: "regent_elections_won_total", Counter, Count, [],
        "Times that this agent became leader.";
    STEPPED_DOWN: "regent_stepped_down_total", Counter, Count, ["reason"],
        "Times that this agent ceased to lead, by the reason.";

    COMMITTED_EPOCH: "regent_committed_state_epoch", Gauge, Count, [],
        "Epoch in the name of the newest committed control state that this agent knows.";
    COMMITTED_SEQ: "regent_committed_state_seq", Gauge, Count, [],
        "Sequence number in the name of the newest committed control state that this agent knows.";
    JOURNAL_COMMITS: "regent_journal_commits_total", Counter, Count, [],
        "Control states that this agent committed.";
    DECISIONS: "regent_decisions_total", Counter, Count, ["region", "reason"],
        "Weights that this agent decided to change, by the Region and the reason.";
    ORDERS: "regent_orders_total", Counter, Count, ["result"],
        "Orders of people that this agent handled: carried_out or refused.";
    NOTICES: "regent_notices_total", Counter, Count, ["level"],
        "What runbooks had to tell people, by whose trouble it is.";
    RUNS_WAITING: "regent_runs_waiting", Gauge, Count, [],
        "Runs of runbooks that wait for a person's answer.";
    RUNS_STUCK: "regent_runs_stuck", Gauge, Count, [],
        "Runs of runbooks that are stuck until a person decides.";
    RUNS_IN_DOUBT: "regent_runs_in_doubt", Gauge, Count, [],
        "Runs of which nobody knows whether a request to move a database's writer had, or will have, \
         its effect. For as long as a move takes that is so of every one.";
    DATABASE_FINDINGS: "regent_database_findings", Gauge, Count, ["database"],
        "Things about the database that are not as the files want them, as the leader finds them: \
         copies that are missing or unlike the writer. Absent where this agent does not lead.";
    DECIDED_AT: "regent_last_decision_timestamp_seconds", Gauge, Seconds, [],
        "When this agent last decided to change weights, in seconds since 1970; 0 if it never did.";
    REACTION: "regent_reaction_seconds", Histogram(SECONDS_REACTION), Seconds, ["phase"],
        "Time from the start of a failure that a majority agrees on to the committed decision \
         (decided), to the changed records (changed) and to their arrival on every name server \
         (insync), as the leader saw it.";

    ZONE_STAGE: "regent_zone_stage", Gauge, Truth, ["zone", "stage"],
        "1 for the stage in which this agent has the hosted zone, 0 for the stages that it left.";
    ZONE_CHANGES: "regent_zone_changes_total", Counter, Count, ["zone", "result"],
        "Change batches sent to the hosted zone; the result is applied or the class of failure.";
    WEIGHT_CONFIGURED: "regent_weight_configured", Gauge, Count, ["service", "region"],
        "Weight that the Region's record has while all is well.";
    WEIGHT_WANTED: "regent_weight_wanted", Gauge, Count, ["service", "region"],
        "Weight that the committed control state gives the Region's record.";
    WEIGHT_ACTUAL: "regent_weight_actual", Gauge, Count, ["service", "region"],
        "Weight of the Region's record as last read; absent while unknown.";
    ACTIONS_BLOCKED: "regent_actions_blocked", Gauge, Count, ["reason"],
        "Actions that would be taken but are not, by what blocks them.";

    CALLS: "regent_calls_total", Counter, Count, ["port", "operation", "class"],
        "Calls to the outside; the class is ok or what a failure tells about the effect.";
    CALL_DURATION: "regent_call_duration_seconds", Histogram(SECONDS_NETWORK), Seconds,
        ["port", "operation"],
        "Time that calls to the outside took, failed ones included.";
    STEP_DURATION: "regent_brain_step_duration_seconds", Histogram(SECONDS_STEP), Seconds, [],
        "Time that the brain took to handle one event.";
}
