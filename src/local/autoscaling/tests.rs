//! Auto Scaling as it looks on the wire.

use std::time::Duration;

use super::*;
use crate::domain::capacity::ScalingGroupId;

fn region() -> RegionId {
    "r1".parse().expect("valid")
}

/// A Region with the group `web`, of 2 to 6 with 3 instances.
fn model() -> Autoscaling {
    let mut model = Autoscaling::default();
    let id = ScalingGroupId { region: region(), name: "web".parse().expect("valid") };
    model.add(Moment::ZERO, id, (2, 3, 6)).expect("they fit");
    model
}

fn asked(model: &mut Autoscaling, now: Moment, body: &str) -> (u16, String) {
    let answer = handle(model, now, &region(), body.as_bytes());
    (answer.status, String::from_utf8(answer.body).expect("UTF-8"))
}

#[test]
fn a_group_is_described_with_its_instances() {
    let mut model = model();
    let body = "Action=DescribeAutoScalingGroups&Version=2011-01-01&\
                AutoScalingGroupNames.member.1=web";
    let (status, xml) = asked(&mut model, Moment::ZERO, body);
    assert_eq!(status, 200);
    for part in [
        "<DescribeAutoScalingGroupsResult><AutoScalingGroups><member>",
        "<AutoScalingGroupName>web</AutoScalingGroupName>",
        "<MinSize>2</MinSize><MaxSize>6</MaxSize><DesiredCapacity>3</DesiredCapacity>",
    ] {
        assert!(xml.contains(part), "{part} is missing in {xml}");
    }
    assert_eq!(xml.matches("<LifecycleState>InService</LifecycleState>").count(), 3);
}

#[test]
fn a_group_that_is_not_there_is_missing_and_no_error() {
    let body = "Action=DescribeAutoScalingGroups&AutoScalingGroupNames.member.1=api";
    let (status, xml) = asked(&mut model(), Moment::ZERO, body);
    assert_eq!((status, xml.contains("<member>")), (200, false), "{xml}");
}

#[test]
fn what_is_set_is_wanted_at_once_and_pending_for_a_while() {
    let mut model = model();
    let body = "Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity=5&\
                HonorCooldown=false";
    let (status, xml) = asked(&mut model, Moment::ZERO, body);
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains("<SetDesiredCapacityResponse"), "{xml}");
    let describe = "Action=DescribeAutoScalingGroups";
    let (_, xml) = asked(&mut model, Moment::ZERO, describe);
    assert!(xml.contains("<DesiredCapacity>5</DesiredCapacity>"), "{xml}");
    assert_eq!(xml.matches("<LifecycleState>Pending</LifecycleState>").count(), 2);
    let (_, xml) = asked(&mut model, Moment::ZERO + Duration::from_secs(3600), describe);
    assert_eq!(xml.matches("<LifecycleState>InService</LifecycleState>").count(), 5);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_services_code() {
    for (body, code) in [
        ("Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity=7", "ValidationError"),
        ("Action=SetDesiredCapacity&AutoScalingGroupName=api&DesiredCapacity=3", "ValidationError"),
        (
            "Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity=-1",
            "ValidationError",
        ),
        ("Action=SetDesiredCapacity&DesiredCapacity=3", "ValidationError"),
        ("Action=TerminateInstanceInAutoScalingGroup", "InvalidAction"),
        ("nothing", "ValidationError"),
    ] {
        let (status, xml) = asked(&mut model(), Moment::ZERO, body);
        assert_eq!(status, 400, "{body}");
        assert!(xml.contains(&format!("<Code>{code}</Code>")), "{xml}");
    }
}
