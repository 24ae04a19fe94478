//! The signals' adapter over the wire: the unmodified SDKs against the local endpoints, in their own
//! protocols.

use std::collections::BTreeSet;

use super::*;
use crate::aws::Aws;
use crate::domain::FailureClass;
use crate::domain::fleet::Tables;
use crate::domain::signal::{
    AlarmName, AlarmState, MetricId, MetricQuery, Statistic, TargetGroupArn,
};
use crate::ports::Signals as _;
use crate::telemetry::clock;
use crate::world::cloudwatch::{AlarmRule, Comparison, MissingData, Stats};
use crate::world::elb::{HealthCheck, TargetId};

/// A limit that no working answer on loopback comes near.
const AMPLE: Duration = Duration::from_secs(60);

const ARN: &str = "arn:aws:elasticloadbalancing:r2:123456789012:targetgroup/web/0123456789abcdef";

fn arn() -> TargetGroupArn {
    ARN.parse().expect("valid")
}

fn metric() -> MetricId {
    let dimensions = [("Service".to_owned(), "web".to_owned())].into();
    MetricId { namespace: "Demo".to_owned(), name: "Requests".to_owned(), dimensions }
}

fn name(text: &str) -> AlarmName {
    text.parse().expect("valid")
}

/// Three targets of which one is broken, alarms in each state, and a metric's points.
fn furnish(world: &mut World, now: Moment) {
    let region = testing::region("r2");
    let app =
        crate::domain::Target { region: region.clone(), service: "web".parse().expect("web") };
    world.elb.add_group(now, arn(), app, HealthCheck::QUICKEST);
    for (host, zone) in [(1, "r2a"), (2, "r2a"), (3, "r2b")] {
        let id = TargetId { id: format!("10.0.0.{host}"), port: 80 };
        world.elb.register_in_service(&arn(), id, zone).expect("there");
    }
    world.elb.break_targets(&region, None, 1);
    world.advance(now + Duration::from_secs(10));
    for (alarm, state) in
        [("a", AlarmState::Ok), ("b", AlarmState::Alarm), ("c", AlarmState::InsufficientData)]
    {
        let rule = AlarmRule {
            metric: metric(),
            statistic: Statistic::Sum,
            period_s: 60,
            periods: 1,
            breaches: 1,
            comparison: Comparison::GreaterThan,
            threshold: 1e9,
            missing: MissingData::Ignore,
        };
        world.cloudwatch.put_alarm(now, &region, name(alarm), rule);
        world.cloudwatch.set_alarm_state(now, &region, alarm, state, "a test").expect("there");
    }
    world.cloudwatch.set_delay(Duration::ZERO);
    let unix_ms = clock::wall_unix_ms();
    for (minutes_ago, value) in [(3, 1.5), (2, 40.0), (2, 2.0)] {
        let at = unix_ms - minutes_ago * 60_000;
        world.cloudwatch.put(now, &region, metric(), at, Stats::of(value));
    }
}

async fn furnished() -> (Stage, Aws) {
    let stage = Stage::start().await;
    stage.visit(furnish);
    let tables = Tables { seats: "seats".to_owned(), board: "board".to_owned() };
    let aws = Aws::at(&stage.url, tables);
    (stage, aws)
}

#[tokio::test]
async fn target_health_comes_by_zone_and_reason() {
    let (_stage, aws) = furnished().await;
    let health = aws.signals().target_health(&arn(), AMPLE).await.expect("there");
    let text = health.to_string();
    assert_eq!(text, "2 of 3 targets healthy: r2a 1 of 2 (1 Target.FailedHealthChecks)");
    assert_eq!(health.zones["r2b"].healthy, 1);
}

#[tokio::test]
async fn a_target_group_that_is_not_there_is_a_permanent_failure() {
    let (_stage, aws) = furnished().await;
    let other = ARN.replace("/web/", "/other/").parse().expect("valid");
    let failure = aws.signals().target_health(&other, AMPLE).await.expect_err("not there");
    assert_eq!(failure.class, FailureClass::Permanent);
    assert!(failure.what.contains("TargetGroupNotFound"), "{failure}");
}

#[tokio::test]
async fn alarms_come_with_their_states_and_those_that_are_not_there_are_missing() {
    let (_stage, aws) = furnished().await;
    let names: BTreeSet<AlarmName> = ["a", "b", "c", "none"].map(name).into();
    let region = testing::region("r2");
    let states = aws.signals().alarms(&region, &names, AMPLE).await.expect("readable");
    let expected = BTreeMap::from([
        (name("a"), AlarmState::Ok),
        (name("b"), AlarmState::Alarm),
        (name("c"), AlarmState::InsufficientData),
    ]);
    assert_eq!(states, expected);
}

#[tokio::test]
async fn metrics_come_oldest_first_each_in_its_own_window() {
    let (_stage, aws) = furnished().await;
    let query = |name: &str, statistic, window_s| MetricQuery {
        metric: MetricId { name: name.to_owned(), ..metric() },
        statistic,
        period_s: 60,
        window_s,
    };
    let queries = [
        query("Requests", Statistic::Sum, 600),
        query("Nothing", Statistic::Sum, 600),
        query("Requests", Statistic::Maximum, 150),
    ];
    let region = testing::region("r2");
    let found = aws.signals().metrics(&region, &queries, AMPLE).await.expect("readable");
    let values: Vec<Vec<f64>> =
        found.iter().map(|points| points.iter().map(|point| point.value).collect()).collect();
    // The minute may turn while this runs, so that the short window's first point may be gone.
    assert_eq!(values[..2], [vec![1.5, 42.0], vec![]]);
    assert!(values[2].ends_with(&[40.0]) || values[2].is_empty(), "{values:?}");
    let ages = found[0].iter().map(|point| clock::wall_unix_ms() / 1000 - point.at_unix_s);
    assert!(ages.clone().is_sorted_by(|a, b| a > b) && ages.max().is_some_and(|age| age < 900));
}

#[tokio::test]
async fn a_throttle_is_told_in_the_protocol_of_the_service_and_passes() {
    let (stage, aws) = furnished().await;
    let region = testing::region("r2");
    let names = BTreeSet::from([name("a")]);
    for service in [AwsService::Elbv2, AwsService::Cloudwatch] {
        stage.visit(|world, now| world.strike(now, &Fault::Throttle { service, on: true }));
    }
    let failure = aws.signals().target_health(&arn(), AMPLE).await.expect_err("throttled");
    assert_eq!(failure.class, FailureClass::Transient, "{failure}");
    let failure = aws.signals().alarms(&region, &names, AMPLE).await.expect_err("throttled");
    assert_eq!(failure.class, FailureClass::Transient, "{failure}");
    assert!(failure.what.contains("Throttl"), "{failure}");
    for service in [AwsService::Elbv2, AwsService::Cloudwatch] {
        stage.visit(|world, now| world.strike(now, &Fault::Throttle { service, on: false }));
    }
    assert!(aws.signals().target_health(&arn(), AMPLE).await.is_ok());
    assert!(aws.signals().alarms(&region, &names, AMPLE).await.is_ok());
}

#[tokio::test]
async fn a_lost_region_answers_nothing_until_the_limit() {
    let (stage, aws) = furnished().await;
    let region = testing::region("r2");
    let lose = Fault::Lose { region };
    stage.visit(|world, now| world.strike(now, &lose));
    let short = Duration::from_millis(300);
    let failure = aws.signals().target_health(&arn(), short).await.expect_err("lost");
    assert_eq!(failure.class, FailureClass::Transient, "a read has no effect: {failure}");
}
