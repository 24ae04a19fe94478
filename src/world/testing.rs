//! Target groups, autoscaling groups and topics for tests that want them in a state which stays.

use std::time::Duration;

use super::World;
use super::elb::{HealthCheck, TargetId};
use crate::domain::capacity::ScalingGroupId;
use crate::domain::notice::TopicArn;
use crate::domain::signal::TargetGroupArn;
use crate::domain::{Moment, RegionId, ServiceId, Target};

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

/// An autoscaling group of these sizes, under a name that is the label.
pub(crate) fn scaling_group(
    world: &mut World,
    now: Moment,
    region: &RegionId,
    label: &str,
    sizes: (u32, u32, u32),
) -> ScalingGroupId {
    let id = ScalingGroupId { region: region.clone(), name: label.parse().expect("a name") };
    world.autoscaling.add(now, id.clone(), sizes).expect("the sizes fit each other");
    id
}

/// A topic under a name that is the label.
pub(crate) fn topic(world: &mut World, region: &RegionId, label: &str) -> TopicArn {
    let arn: TopicArn =
        format!("arn:aws:sns:{region}:123456789012:{label}").parse().expect("an ARN");
    world.sns.add_topic(arn.clone());
    arn
}
