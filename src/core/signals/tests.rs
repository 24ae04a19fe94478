//! Readings at moments that the tests name, each answered by hand.

use super::*;
use crate::config;
use crate::core::call::Command;
use crate::domain::FailureClass;
use crate::domain::signal::ZoneHealth;

const ARN: &str = "arn:aws:elasticloadbalancing:r1:123456789012:targetgroup/web/0123456789abcdef";

fn region() -> RegionId {
    "r1".parse().expect("valid")
}

fn service() -> ServiceId {
    "web".parse().expect("valid")
}

fn alarm() -> AlarmName {
    "errors".parse().expect("valid")
}

/// One service with a target group and an alarm in `r1`, and with nothing to read in `r2`.
fn fleet() -> Fleet {
    let fleet = r#"name = "f"
seats = ["r1", "r2", "r3"]
zones = { Z1 = "example.com" }
[services.web]
zone = "Z1"
name = "web.example.com"
type = "A"
"#;
    let region = |n, more: &str| {
        let text = format!(
            "region = \"r{n}\"\n[services.web]\nweight = 1\nurl = \"http://127.0.{n}.1\"\n\
             record = {{ values = [\"127.0.{n}.1\"], ttl_s = 1 }}\n{more}"
        );
        (format!("r{n}.toml"), text)
    };
    let files = BTreeMap::from([
        ("fleet.toml".to_owned(), fleet.to_owned()),
        region(1, &format!("target_group = \"{ARN}\"\nalarms = [\"errors\"]\n")),
        region(2, ""),
        ("r3.toml".to_owned(), "region = \"r3\"\nwitness = true\n".to_owned()),
    ]);
    config::load_files(files).unwrap_or_else(|problems| panic!("{problems}")).fleet
}

struct Case {
    signals: Signals,
    drained: bool,
    out: Outbox,
}

fn at(s: u64) -> Moment {
    Moment::from_ms(s * 1000)
}

fn health(healthy: u32, unhealthy: u32) -> Outcome {
    let zone = ZoneHealth { healthy, unhealthy, ..ZoneHealth::default() };
    Ok(Response::TargetHealth(TargetHealth { zones: [("a".to_owned(), zone)].into() }))
}

fn state(state: AlarmState) -> Outcome {
    Ok(Response::Alarms([(alarm(), state)].into()))
}

fn failed() -> Outcome {
    Err(Refusal::Failed(CallFailure::new(FailureClass::Transient, "throttled")))
}

impl Case {
    fn new() -> Self {
        let signals = Signals::new(Moment::ZERO, &region(), &fleet());
        Self { signals, drained: false, out: Outbox::default() }
    }

    /// What is asked for at this second.
    fn asked(&mut self, s: u64) -> Vec<&'static str> {
        let drained = self.drained;
        self.signals.drive(at(s), |_| drained, &mut self.out);
        let commands = self.out.take().into_iter();
        commands
            .filter_map(|command| match command {
                Command::Call { request: Request::ReadTargetHealth { .. }, .. } => Some("targets"),
                Command::Call { request: Request::ReadAlarms { .. }, .. } => Some("alarms"),
                Command::Call { request: Request::ReadRequests { .. }, .. } => Some("requests"),
                _ => None,
            })
            .collect()
    }

    fn answer(&mut self, s: u64, signal: &Signal, outcome: Outcome) {
        self.signals.answered(at(s), signal, outcome);
    }

    fn shown(&mut self, s: u64) -> ServiceSignals {
        self.signals.refresh(at(s), &mut self.out);
        self.signals.shown()[&service()].clone()
    }
}

#[test]
fn alarms_are_read_at_every_third_turn_and_nothing_twice_at_once() {
    let mut case = Case::new();
    assert_eq!(case.asked(0), ["targets", "alarms"]);
    assert_eq!(case.asked(30), [""; 0], "both are still under way");
    case.answer(1, &Signal::Targets(service()), health(6, 0));
    case.answer(1, &Signal::Alarms, state(AlarmState::Ok));
    assert_eq!(case.asked(10), [""; 0]);
    assert_eq!(case.asked(11), ["targets"]);
    case.answer(12, &Signal::Targets(service()), health(6, 0));
    assert_eq!(case.signals.next_wake(), at(22));
    assert_eq!(case.asked(31), ["targets", "alarms"]);
}

#[test]
fn a_region_with_nothing_to_read_asks_nothing() {
    let elsewhere = "r2".parse().expect("valid");
    let mut signals = Signals::new(Moment::ZERO, &elsewhere, &fleet());
    let mut out = Outbox::default();
    signals.drive(at(100), |_| true, &mut out);
    assert_eq!(out.take(), []);
    assert_eq!((signals.next_wake(), signals.next_stale(at(0))), (Moment::NEVER, Moment::NEVER));
    assert!(!signals.refresh(at(100), &mut out));
}

#[test]
fn a_complaint_lasts_from_the_reading_that_first_showed_it() {
    let mut case = Case::new();
    case.answer(1, &Signal::Targets(service()), health(6, 0));
    assert_eq!(case.shown(1).complaint_ms, None);
    case.answer(11, &Signal::Targets(service()), health(0, 6));
    assert_eq!(case.shown(11).complaint_ms, Some(0));
    case.answer(12, &Signal::Alarms, state(AlarmState::Alarm));
    assert_eq!(case.shown(14).complaint_ms, Some(3000));
    case.answer(21, &Signal::Targets(service()), health(1, 5));
    assert_eq!(case.shown(22).complaint_ms, Some(11_000), "the alarm goes on");
    case.answer(42, &Signal::Alarms, state(AlarmState::InsufficientData));
    case.answer(42, &Signal::Targets(service()), health(1, 5));
    assert_eq!(case.shown(42).complaint_ms, None);
}

#[test]
fn what_is_stale_is_left_out_and_complains_no_more() {
    let mut case = Case::new();
    case.answer(1, &Signal::Targets(service()), health(0, 6));
    assert!(case.shown(30).complains());
    assert_eq!(case.signals.next_stale(at(30)), at(31));
    case.answer(30, &Signal::Targets(service()), failed());
    let stale = case.shown(31);
    assert_eq!((stale.targets, stale.complaint_ms), (None, None));
    assert_eq!(stale.troubles, ["target health: transient: throttled"]);
}

#[test]
fn one_failed_reading_is_told_and_changes_no_opinion() {
    let mut case = Case::new();
    case.answer(1, &Signal::Targets(service()), health(0, 6));
    case.shown(1);
    case.answer(11, &Signal::Targets(service()), failed());
    let shown = case.shown(12);
    assert_eq!((shown.complains(), shown.troubles.len()), (true, 1));
    case.answer(21, &Signal::Targets(service()), health(6, 0));
    assert_eq!(case.shown(21).troubles, [""; 0]);
}

#[test]
fn an_alarm_that_is_not_there_is_told_and_counts_for_nothing() {
    let mut case = Case::new();
    case.answer(1, &Signal::Alarms, Ok(Response::Alarms(BTreeMap::new())));
    let shown = case.shown(1);
    assert!(!shown.complains());
    assert_eq!(shown.troubles, ["there is no alarm errors"]);
}

#[test]
fn only_news_is_told() {
    let mut case = Case::new();
    case.answer(1, &Signal::Targets(service()), health(0, 6));
    assert!(case.signals.refresh(at(1), &mut case.out));
    assert!(!case.signals.refresh(at(5), &mut case.out), "it only lasts longer");
    case.answer(11, &Signal::Targets(service()), health(0, 5));
    case.out.take();
    assert!(case.signals.refresh(at(11), &mut case.out));
    let told = "0 of 5 targets healthy".to_owned();
    assert_eq!(case.out.take(), [Command::Note(Note::Signals { service: service(), what: told })]);
}

fn requests(thousandths: u64) -> Outcome {
    Ok(Response::Requests(Some(RequestsPerTarget { minute_unix_s: 120, thousandths })))
}

#[test]
fn requests_are_read_once_a_minute_and_only_where_none_are_meant_to_come() {
    let mut case = Case::new();
    assert_eq!(case.asked(60), ["targets", "alarms"], "traffic is meant to come here");
    case.answer(60, &Signal::Targets(service()), health(4, 2));
    case.drained = true;
    assert_eq!(case.asked(120), ["requests", "targets"]);
    case.answer(121, &Signal::Targets(service()), health(4, 2));
    assert_eq!(case.shown(121).arriving, None, "not yet known");
    case.answer(122, &Signal::Requests(service()), requests(20_250));
    let arriving = Arriving { minute_unix_s: Some(120), per_minute: 81 };
    assert_eq!(case.shown(122).arriving, Some(arriving), "to four healthy targets");
    assert!(!case.asked(181).contains(&"requests"));
    assert!(case.asked(182).contains(&"requests"));

    case.answer(183, &Signal::Requests(service()), Ok(Response::Requests(None)));
    let nothing = Arriving { minute_unix_s: None, per_minute: 0 };
    assert_eq!(case.shown(183).arriving, Some(nothing));
    case.answer(184, &Signal::Targets(service()), health(4, 2));
    case.drained = false;
    assert!(!case.asked(243).contains(&"requests"));
    assert_eq!(case.shown(243).arriving, None, "what comes now is meant to");
}

#[test]
fn requests_that_can_not_be_read_are_told_and_count_for_nothing() {
    let mut case = Case::new();
    case.drained = true;
    case.asked(60);
    case.answer(61, &Signal::Requests(service()), failed());
    let shown = case.shown(61);
    assert_eq!(shown.arriving, None);
    assert_eq!(shown.troubles, ["requests: transient: throttled"]);
}
