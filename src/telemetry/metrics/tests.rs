//! What is exposed is what the table says, no more and no less.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::table::{Kind, Spec, TABLE, Unit};
use super::*;
use crate::domain::gate::Gate;
use crate::domain::health_check::CheckSight;
use crate::domain::signal::{AlarmState, Arriving, ServiceSignals, TargetHealth, ZoneHealth};
use crate::domain::{Phases, Preflight};

fn metrics() -> Metrics {
    Metrics::new(&"eu-west-1.a".parse().expect("valid"), &"eu-west-1".parse().expect("valid"))
}

fn target() -> Target {
    Target {
        region: "us-east-1".parse().expect("valid"),
        service: "checkout".parse().expect("valid"),
    }
}

fn sample(failure: Option<ProbeFailure>) -> Sample {
    let phases = Phases { connect_ms: Some(2), total_ms: 40, ..Phases::default() };
    Sample { failure, phases, ..Sample::default() }
}

fn told() -> ServiceSignals {
    let zone = ZoneHealth {
        unhealthy: 1,
        reasons: [("Target.Timeout".to_owned(), 1)].into(),
        ..ZoneHealth::default()
    };
    ServiceSignals {
        targets: Some(TargetHealth { zones: [("us-east-1a".to_owned(), zone)].into() }),
        alarms: [("errors".parse().expect("valid"), AlarmState::Ok)].into(),
        arriving: Some(Arriving { minute_unix_s: None, per_minute: 7 }),
        ..ServiceSignals::default()
    }
}

/// Calls every method once.
fn use_all(metrics: &Metrics) {
    let Target { region, service } = target();
    let zone = "Z1".parse().expect("valid");
    metrics.expect_target(&target());
    let ailing = Sample {
        passed_over: Some(ProbeFailure::Refused),
        certificate_expiry_unix_s: Some(2_000_000_000),
        ..sample(None)
    };
    metrics.observe_probe(&target(), &ailing);
    metrics.count_late_probe();
    metrics.set_cell(&target(), CellState::Up);
    metrics.set_verdict(&target(), "healthy");
    metrics.set_signals(&service, &told());
    metrics.count_published_report();
    metrics.count_gathered_reports(3);
    let observer = "us-east-1".parse().expect("valid");
    metrics.set_observers([(&observer, Some(Duration::from_millis(1500)), true)]);
    metrics.set_leader(true);
    metrics.set_acting(true);
    metrics.set_epoch(Epoch(7));
    metrics.set_lease_remaining(Duration::from_millis(2500));
    metrics.set_lease_length(Duration::from_secs(5));
    metrics.set_seats(3, 2);
    metrics.set_seat(&region, Some(&observer), false);
    metrics.count_election_stood();
    metrics.count_election_won();
    metrics.count_stepped_down("lease_over");
    metrics.set_committed(StateName { epoch: Epoch(7), seq: 3 });
    metrics.count_journal_commit();
    metrics.count_decision(&region, "down");
    metrics.count_order("refused");
    metrics.count_notice("infrastructure", "sent");
    metrics.set_runs(1, 0, 1);
    metrics.set_findings([(&"orders".parse().expect("valid"), 2)]);
    metrics.set_decided_at(1_700_000_000_000);
    metrics.observe_reaction("decided", Duration::from_millis(2500));
    metrics.set_zone_stage(&zone, "claimed");
    metrics.count_zone_change(&zone, Ok(()));
    metrics.set_weight_configured(&service, &region, Weight(100));
    metrics.set_weight_wanted(&service, &region, Weight(100));
    metrics.set_weight_actual(&service, &region, Some(Weight(90)));
    metrics.set_blocked(&BTreeMap::from([("dwell", 2)]));
    metrics.observe_call("registers", "swap", Ok(()), Duration::from_millis(12));
    let sight = CheckSight {
        checkers: 16,
        asked: 16,
        answered: 14,
        silent: 1,
        unclear: Some("Failure: 42".to_owned()),
        ..CheckSight::default()
    };
    let gate: Gate = "us-east-1".parse().expect("valid");
    let preflight = Preflight {
        sights: [(gate, [(region.clone(), sight)].into())].into(),
        ..Preflight::default()
    };
    metrics.set_preflight(&preflight, 1_700_000_000_000);
    metrics.count_drift("web.example.com.", "corrected");
    metrics.set_answers(&service, true, false);
    metrics.observe_step(Duration::from_micros(80));
}

fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
}

/// The label names of a series, without the bound of a bucket.
fn labels_of(line: &str) -> BTreeSet<&str> {
    let Some((_, rest)) = line.split_once('{') else { return BTreeSet::new() };
    let (inside, _) = rest.split_once('}').expect("closed");
    inside
        .split(',')
        .map(|pair| pair.split_once('=').expect("a pair").0)
        .filter(|name| *name != "le")
        .collect()
}

#[test]
fn what_is_exposed_after_every_method_was_called_is_the_table() {
    let metrics = metrics();
    use_all(&metrics);
    let text = metrics.render();
    let word = |kind: Kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    let exposed: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let wanted: BTreeSet<String> =
        TABLE.iter().map(|spec| format!("{} {}", spec.name, word(spec.kind))).collect();
    assert_eq!(exposed, wanted.iter().map(String::as_str).collect());
    for spec in TABLE {
        assert_line(&text, &format!("# HELP {} {}", spec.name, spec.help));
        let suffix = if matches!(spec.kind, Kind::Histogram(_)) { "_count" } else { "" };
        let series = format!("{}{suffix}", spec.name);
        let line = text
            .lines()
            .find(|line| {
                line.strip_prefix(&series).is_some_and(|rest| rest.starts_with(['{', ' ']))
            })
            .unwrap_or_else(|| panic!("{series} has no series in\n{text}"));
        assert_eq!(labels_of(line), spec.labels.iter().copied().collect(), "{line}");
    }
}

#[test]
fn metrics_without_labels_are_there_from_the_start() {
    let text = metrics().render();
    for spec in TABLE.iter().filter(|spec| spec.labels.is_empty()) {
        assert!(text.contains(&format!("# TYPE {} ", spec.name)), "{} is missing", spec.name);
    }
}

#[test]
fn names_follow_the_conventions() {
    let snake = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && !name.contains("__")
            && !name.ends_with('_')
    };
    let mut names = BTreeSet::new();
    for Spec { name, kind, unit, labels, help } in TABLE {
        assert!(names.insert(name), "{name} stands twice");
        assert!(name.starts_with("regent_") && snake(name), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        assert_eq!(name.ends_with("_seconds"), *unit == Unit::Seconds, "{name}");
        for reserved in ["_count", "_sum", "_bucket"] {
            assert!(!name.ends_with(reserved), "{name} looks like a part of a histogram");
        }
        for label in *labels {
            assert!(snake(label) && !["le", "quantile"].contains(label), "{name}: {label}");
            assert!(!name.contains(&format!("_by_{label}")), "{name} repeats its label");
        }
        assert!(help.ends_with('.') && !help.contains("  ") && !help.contains('\n'), "{name}");
        if let Kind::Histogram(buckets) = kind {
            assert!(buckets.is_sorted() && !buckets.is_empty(), "{name}");
            assert_eq!(*unit, Unit::Seconds, "{name}");
        }
    }
}

#[test]
fn a_probe_is_counted_by_result_and_its_phases_in_seconds() {
    let metrics = metrics();
    metrics.observe_probe(&target(), &sample(None));
    metrics.observe_probe(&target(), &sample(Some(ProbeFailure::Status)));
    let text = metrics.render();
    let of = r#"region="us-east-1""#;
    assert_line(&text, &format!(r#"regent_probes_total{{{of},result="ok",service="checkout"}} 1"#));
    assert_line(
        &text,
        &format!(r#"regent_probes_total{{{of},result="status",service="checkout"}} 1"#),
    );
    let total = format!(r#"{{phase="total",{of},service="checkout"}}"#);
    assert_line(&text, &format!("regent_probe_duration_seconds_sum{total} 0.08"));
    assert!(!text.contains("phase=\"first_byte\""), "a phase that was not reached has no time");
}

#[test]
fn an_expected_target_has_a_zero_for_every_result() {
    let metrics = metrics();
    metrics.expect_target(&target());
    let text = metrics.render();
    let zeros = text
        .lines()
        .filter(|line| line.starts_with("regent_probes_total{") && line.ends_with(" 0"));
    assert_eq!(zeros.count(), 1 + ProbeFailure::ALL.len());
}

#[test]
fn exactly_one_state_is_present_whatever_came_before() {
    let metrics = metrics();
    let states =
        [CellState::Up, CellState::Suspect, CellState::Down, CellState::Down, CellState::Up];
    for state in states {
        metrics.set_cell(&target(), state);
        let text = metrics.render();
        let ones: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("regent_cell_state{") && line.ends_with(" 1"))
            .collect();
        assert_eq!(ones.len(), 1, "{ones:?}");
        assert!(ones[0].contains(&format!("state=\"{}\"", state.label())), "{ones:?}");
        assert!(ones[0].contains("observer=\"eu-west-1.a\""), "{ones:?}");
    }
}

#[test]
fn a_reason_that_blocks_no_more_falls_to_zero() {
    let metrics = metrics();
    metrics.set_blocked(&BTreeMap::from([("dwell", 2), ("freeze", 1)]));
    metrics.set_blocked(&BTreeMap::from([("freeze", 3)]));
    let text = metrics.render();
    assert_line(&text, r#"regent_actions_blocked{reason="dwell"} 0"#);
    assert_line(&text, r#"regent_actions_blocked{reason="freeze"} 3"#);
}

#[test]
fn an_unknown_weight_is_absent_rather_than_zero() {
    let metrics = metrics();
    let Target { region, service } = target();
    metrics.set_weight_actual(&service, &region, None);
    metrics.set_weight_actual(&service, &region, Some(Weight::ZERO));
    assert!(metrics.render().contains("regent_weight_actual{"));
    metrics.set_weight_actual(&service, &region, None);
    assert!(!metrics.render().contains("regent_weight_actual{"));
}

#[test]
fn an_observer_that_left_the_fleet_is_absent() {
    let metrics = metrics();
    let (one, other) = ("us-east-1".parse().expect("valid"), "r2".parse().expect("valid"));
    metrics.set_observers([(&one, Some(Duration::from_secs(2)), true), (&other, None, false)]);
    let text = metrics.render();
    assert_line(&text, r#"regent_report_age_seconds{observer="us-east-1"} 2"#);
    assert_line(&text, r#"regent_observer_fresh{observer="r2"} 0"#);
    assert!(!text.contains(r#"regent_report_age_seconds{observer="r2"}"#), "never is not 0");
    metrics.set_observers([(&other, None, true)]);
    let text = metrics.render();
    assert!(!text.contains("us-east-1"), "{text}");
    assert_line(&text, r#"regent_observer_fresh{observer="r2"} 1"#);
}

#[test]
fn a_seat_has_one_holder_and_an_unread_one_none() {
    let metrics = metrics();
    let seat = "r1".parse().expect("valid");
    let (one, other) = ("a".parse().expect("valid"), "b".parse().expect("valid"));
    let holders = || {
        let text = metrics.render();
        text.lines().filter(|line| line.starts_with("regent_seat_holder{")).count()
    };
    metrics.set_seat(&seat, Some(&one), false);
    metrics.set_seat(&seat, Some(&one), false);
    metrics.set_seat(&seat, Some(&other), false);
    assert_line(&metrics.render(), r#"regent_seat_holder{holder="b",seat="r1"} 1"#);
    assert_eq!(holders(), 1);
    metrics.set_seat(&seat, None, true);
    assert_line(&metrics.render(), r#"regent_seat_lost{seat="r1"} 1"#);
    assert_eq!(holders(), 0);
}

#[test]
fn a_failed_call_is_counted_by_its_class() {
    let metrics = metrics();
    metrics.observe_call("records", "apply", Err(FailureClass::Unknown), Duration::from_secs(1));
    let zone = "Z1".parse().expect("valid");
    metrics.count_zone_change(&zone, Err(FailureClass::Fenced));
    let text = metrics.render();
    assert_line(&text, r#"regent_calls_total{class="unknown",operation="apply",port="records"} 1"#);
    assert_line(&text, r#"regent_zone_changes_total{result="fenced",zone="Z1"} 1"#);
}

#[test]
fn two_agents_of_one_process_do_not_mix() {
    let (one, other) = (metrics(), metrics());
    one.set_epoch(Epoch(9));
    assert_line(&one.render(), "regent_epoch 9");
    assert_line(&other.render(), "regent_epoch 0");
}
