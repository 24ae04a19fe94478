//! Points and alarms at moments that the tests name.

use super::*;

const NOON: i64 = 1_800_000_000;

fn region() -> RegionId {
    "eu-west-1".parse().expect("valid")
}

fn metric() -> MetricId {
    MetricId { namespace: "N".to_owned(), name: "m".to_owned(), dimensions: BTreeMap::new() }
}

/// CloudWatch at noon, with points readable after a minute.
fn cloudwatch() -> CloudWatch {
    let mut cloudwatch = CloudWatch::new([region()]);
    cloudwatch.set_unix_ms_at_zero(NOON * 1000);
    cloudwatch
}

fn at(s: u64) -> Moment {
    Moment::from_ms(s * 1000)
}

fn put(cloudwatch: &mut CloudWatch, s: u64, value: f64) {
    let now = at(s);
    let unix_ms = cloudwatch.unix_ms(now);
    cloudwatch.put(now, &region(), metric(), unix_ms, Stats::of(value));
}

fn read(cloudwatch: &CloudWatch, s: u64, statistic: Statistic, period_s: u32) -> Vec<(i64, f64)> {
    let span = Span { from_unix_s: NOON, to_unix_s: NOON + 3600 };
    let points = cloudwatch.read(at(s), &region(), &metric(), statistic, period_s, span);
    points.into_iter().map(|point| (point.at_unix_s - NOON, point.value)).collect()
}

#[test]
fn points_of_a_period_become_one_and_can_be_read_late() {
    let mut cloudwatch = cloudwatch();
    for (s, value) in [(10, 1.0), (50, 4.0), (70, 2.0)] {
        put(&mut cloudwatch, s, value);
    }
    assert_eq!(read(&cloudwatch, 69, Statistic::Sum, 60), []);
    assert_eq!(read(&cloudwatch, 70, Statistic::Sum, 60), [(0, 5.0)]);
    assert_eq!(read(&cloudwatch, 130, Statistic::Sum, 60), [(0, 5.0), (60, 2.0)]);
    assert_eq!(read(&cloudwatch, 130, Statistic::Sum, 300), [(0, 7.0)]);
    assert_eq!(read(&cloudwatch, 130, Statistic::Average, 60)[0], (0, 2.5));
    assert_eq!(read(&cloudwatch, 130, Statistic::Minimum, 60)[0], (0, 1.0));
    assert_eq!(read(&cloudwatch, 130, Statistic::Maximum, 60)[0], (0, 4.0));
    assert_eq!(read(&cloudwatch, 130, Statistic::SampleCount, 300), [(0, 3.0)]);
}

#[test]
fn the_end_of_a_span_is_not_in_it_and_its_start_is_rounded_down() {
    let mut cloudwatch = cloudwatch();
    for s in [0, 60, 120] {
        put(&mut cloudwatch, s, 1.0);
    }
    let span = Span { from_unix_s: NOON + 61, to_unix_s: NOON + 120 };
    let points = cloudwatch.read(at(600), &region(), &metric(), Statistic::Sum, 60, span);
    let times: Vec<i64> = points.iter().map(|point| point.at_unix_s - NOON).collect();
    assert_eq!(times, [60]);
}

#[test]
fn a_metric_that_never_was_and_an_empty_span_have_no_points() {
    let cloudwatch = cloudwatch();
    assert_eq!(read(&cloudwatch, 600, Statistic::Sum, 60), []);
    let span = Span { from_unix_s: NOON + 60, to_unix_s: NOON };
    assert!(cloudwatch.read(at(0), &region(), &metric(), Statistic::Sum, 60, span).is_empty());
}

fn rule(missing: MissingData) -> AlarmRule {
    AlarmRule {
        metric: metric(),
        statistic: Statistic::Sum,
        period_s: 60,
        periods: 3,
        breaches: 2,
        comparison: Comparison::GreaterThan,
        threshold: 10.0,
        missing,
    }
}

fn name() -> AlarmName {
    "errors".parse().expect("valid")
}

/// The alarm's state at each minute, with these values a minute; none for no value.
fn states(missing: MissingData, values: &[Option<f64>]) -> Vec<AlarmState> {
    let mut cloudwatch = cloudwatch();
    cloudwatch.set_delay(Duration::ZERO);
    cloudwatch.put_alarm(at(0), &region(), name(), rule(missing));
    let mut states = Vec::new();
    for (minute, value) in values.iter().enumerate() {
        let s = u64::try_from(minute).expect("few") * 60;
        if let Some(value) = value {
            put(&mut cloudwatch, s + 1, *value);
        }
        cloudwatch.advance(at(s + 60));
        states.push(cloudwatch.alarms(&region()).next().expect("there").state);
    }
    states
}

#[test]
fn an_alarm_needs_its_breaches_and_recovers() {
    use AlarmState::{Alarm, Ok};
    let values = [1.0, 11.0, 12.0, 1.0, 1.0, 1.0].map(Some);
    assert_eq!(states(MissingData::Missing, &values), [Ok, Ok, Alarm, Alarm, Ok, Ok]);
}

#[test]
fn missing_data_count_as_the_rule_says() {
    use AlarmState::{Alarm, InsufficientData, Ok};
    let nothing = [None; 2];
    assert_eq!(states(MissingData::Missing, &nothing), [InsufficientData; 2]);
    assert_eq!(states(MissingData::Ignore, &nothing), [InsufficientData; 2], "as it was");
    assert_eq!(states(MissingData::Breaching, &nothing), [Alarm; 2]);
    assert_eq!(states(MissingData::NotBreaching, &nothing), [Ok; 2]);
}

#[test]
fn a_state_that_was_set_lasts_until_the_data_say_otherwise() {
    let mut cloudwatch = cloudwatch();
    cloudwatch.set_delay(Duration::ZERO);
    cloudwatch.put_alarm(at(0), &region(), name(), rule(MissingData::Ignore));
    let set = |cloudwatch: &mut CloudWatch, s, name: &str| {
        cloudwatch.set_alarm_state(at(s), &region(), name, AlarmState::Alarm, "by hand")
    };
    set(&mut cloudwatch, 5, "errors").expect("there");
    cloudwatch.advance(at(600));
    let state = |cloudwatch: &CloudWatch| cloudwatch.alarms(&region()).next().expect("there").state;
    assert_eq!(state(&cloudwatch), AlarmState::Alarm, "without data it stays");
    for s in [601, 661, 721] {
        put(&mut cloudwatch, s, 0.0);
    }
    cloudwatch.advance(at(780));
    assert_eq!(state(&cloudwatch), AlarmState::Ok);
    let error = set(&mut cloudwatch, 790, "other").expect_err("no such alarm");
    assert_eq!((error.code(), error.status()), ("ResourceNotFound", 404));
}
