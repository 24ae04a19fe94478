//! Alarms and target groups for tests that want them in a state which stays.

use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use super::cloudwatch::{AlarmRule, Comparison, MissingData};
use super::elb::{HealthCheck, TargetId};
use crate::domain::signal::{AlarmName, AlarmState, MetricId, Statistic, TargetGroupArn};
use crate::domain::{Moment, RegionId, ServiceId, Target};

/// An alarm that keeps the state it is given: its metric has no points, and a missing one changes
/// nothing.
pub(crate) fn alarm(
    world: &mut World,
    now: Moment,
    region: &RegionId,
    label: &str,
    state: AlarmState,
) -> AlarmName {
    let name: AlarmName = label.parse().expect("a name");
    let metric = MetricId {
        namespace: "test".to_owned(),
        name: "nothing".to_owned(),
        dimensions: BTreeMap::new(),
    };
    let rule = AlarmRule {
        metric,
        statistic: Statistic::Sum,
        period_s: 60,
        periods: 1,
        breaches: 1,
        comparison: Comparison::GreaterThan,
        threshold: 0.0,
        missing: MissingData::Ignore,
    };
    world.cloudwatch.put_alarm(now, region, name.clone(), rule);
    let set = world.cloudwatch.set_alarm_state(now, region, label, state, "set by a test");
    set.expect("the alarm is there");
    name
}

/// A group with so many targets that passed their checks, none of which comes again soon.
pub(crate) fn group(
    world: &mut World,
    now: Moment,
    region: &RegionId,
    label: &str,
    targets: u8,
    in_use: bool,
) -> TargetGroupArn {
    let scope = format!("arn:aws:elasticloadbalancing:{region}:123456789012");
    let arn: TargetGroupArn =
        format!("{scope}:targetgroup/{label}/0123456789abcdef").parse().expect("an ARN");
    let service: ServiceId = "web".parse().expect("a name");
    let check = HealthCheck { interval: Duration::from_secs(3600), ..HealthCheck::DEFAULT };
    world.elb.add_group(now, arn.clone(), Target { region: region.clone(), service }, check);
    for n in 0..targets {
        let id = TargetId { id: format!("i-{n:017x}"), port: 80 };
        world.elb.register_in_service(&arn, id, &format!("{region}a")).expect("the group is there");
    }
    if !in_use {
        world.elb.take_from_balancer(&arn).expect("the group is there");
    }
    arn
}
