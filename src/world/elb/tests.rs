//! The checks, target by target, at moments that the tests name.

use super::*;
use crate::world::apps::Condition;

const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";

struct Case {
    elb: Elb,
    apps: Apps,
    app: Target,
    arn: TargetGroupArn,
}

fn id(n: u16) -> TargetId {
    TargetId { id: format!("i-{n}"), port: 80 }
}

impl Case {
    /// Three targets in two zones, registered at 0 and checked every 5 s.
    fn new() -> Self {
        let arn: TargetGroupArn = ARN.parse().expect("valid");
        let app = Target { region: arn.region().clone(), service: "web".parse().expect("valid") };
        let mut case = Self { elb: Elb::default(), apps: Apps::default(), app: app.clone(), arn };
        case.apps.add(app.clone());
        case.elb.add_group(Moment::ZERO, case.arn.clone(), app, HealthCheck::QUICKEST);
        for (n, zone) in [(1, "eu-west-1a"), (2, "eu-west-1a"), (3, "eu-west-1b")] {
            case.elb.register(&case.arn, id(n), zone).expect("there");
        }
        case
    }

    fn set(&mut self, condition: Condition) {
        self.apps.set(&self.app.region, None, condition);
    }

    /// State and reason of each target at this second.
    fn at(&mut self, s: u64) -> Vec<String> {
        self.elb.advance(Moment::from_ms(s * 1000), &self.apps);
        let group = self.elb.group(&self.app.region, ARN).expect("there");
        group
            .targets()
            .map(|target| {
                let state = target.state(group);
                let reason = state.reason().map_or("", TargetReason::code);
                format!("{} {reason}", state.as_str()).trim_end().to_owned()
            })
            .collect()
    }
}

#[test]
fn a_new_target_is_in_service_after_one_good_check() {
    let mut case = Case::new();
    assert_eq!(case.at(4), ["initial Elb.RegistrationInProgress"; 3]);
    assert_eq!(case.at(5), ["healthy"; 3]);
}

#[test]
fn an_application_that_fails_takes_its_targets_out_after_the_threshold_and_back_after_the_other() {
    let reasons = [
        (Condition::Failing, "unhealthy Target.ResponseCodeMismatch"),
        (Condition::Slow { delay_ms: 2000 }, "unhealthy Target.Timeout"),
        (Condition::Dead, "unhealthy Target.FailedHealthChecks"),
    ];
    for (condition, words) in reasons {
        let mut case = Case::new();
        case.at(5);
        case.set(condition);
        assert_eq!(case.at(10), ["healthy"; 3], "one failed check is not enough");
        assert_eq!(case.at(15), [words; 3]);
        case.set(Condition::Well);
        assert_eq!(case.at(20), [words; 3], "one good check is not enough either");
        assert_eq!(case.at(25), ["healthy"; 3]);
    }
}

#[test]
fn slow_but_within_the_timeout_is_healthy() {
    let mut case = Case::new();
    case.set(Condition::Slow { delay_ms: 1999 });
    assert_eq!(case.at(60), ["healthy"; 3]);
}

#[test]
fn some_targets_break_and_are_mended() {
    let mut case = Case::new();
    case.at(5);
    assert_eq!(case.elb.break_targets(&case.app.region.clone(), None, 2), 1);
    let broken = "unhealthy Target.FailedHealthChecks";
    assert_eq!(case.at(15), [broken, broken, "healthy"]);
    case.elb.break_targets(&case.app.region.clone(), None, 0);
    assert_eq!(case.at(25), ["healthy"; 3]);
    let elsewhere = "us-east-1".parse().expect("valid");
    assert_eq!(case.elb.break_targets(&elsewhere, None, 1), 0);
}

#[test]
fn a_target_that_was_taken_out_drains_and_is_gone() {
    let mut case = Case::new();
    case.at(5);
    case.elb.deregister(Moment::from_ms(6000), &case.arn, &id(2)).expect("registered");
    let draining = "draining Target.DeregistrationInProgress";
    assert_eq!(case.at(300), ["healthy", draining, "healthy"]);
    assert_eq!(case.at(310), ["healthy"; 2]);
    let again = case.elb.deregister(Moment::from_ms(310_000), &case.arn, &id(2));
    assert_eq!(again, Err(ElbError::InvalidTarget { id: "i-2".to_owned() }));
}

#[test]
fn without_checks_or_a_load_balancer_nothing_is_said_of_targets() {
    let mut case = Case::new();
    case.elb.set_checked(&case.arn, false, true).expect("there");
    assert_eq!(case.at(60), ["unavailable Target.HealthCheckDisabled"; 3]);
    case.elb.set_checked(&case.arn, true, false).expect("there");
    assert_eq!(case.at(120), ["unused Target.NotInUse"; 3]);
}

#[test]
fn a_group_is_found_in_its_own_region_only() {
    let case = Case::new();
    assert!(case.elb.group(&case.app.region, ARN).is_ok());
    let elsewhere = "us-east-1".parse().expect("valid");
    let error = case.elb.group(&elsewhere, ARN).expect_err("another Region's");
    assert_eq!(error.code(), "TargetGroupNotFound");
}

#[test]
fn the_counts_are_published_once_a_minute_in_the_words_of_cloudwatch() {
    let mut case = Case::new();
    let mut published = Vec::new();
    for s in 0..=120 {
        let now = Moment::from_ms(s * 1000);
        published.extend(case.elb.advance(now, &case.apps).into_iter().map(|p| (s, p)));
    }
    let healthy: Vec<(u64, f64)> = published
        .iter()
        .filter(|(_, p)| p.metric.name == "HealthyHostCount")
        .map(|(s, p)| (*s, p.value))
        .collect();
    assert_eq!(healthy, [(0, 0.0), (60, 3.0), (120, 3.0)]);
    let (_, first) = &published[0];
    assert_eq!(first.metric.dimensions["TargetGroup"], "targetgroup/web/0123456789abcdef");
    assert_eq!(first.metric.dimensions["LoadBalancer"], "app/web/0123456789abcdef");
}
