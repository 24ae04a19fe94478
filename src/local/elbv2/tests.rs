//! Forms in, XML out, over a group of three targets.

use super::*;
use crate::domain::Target;
use crate::world::apps::{Apps, Condition};
use crate::world::elb::HealthCheck;

const ARN: &str =
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";

fn region() -> RegionId {
    "eu-west-1".parse().expect("valid")
}

/// Two healthy targets and one that is broken.
fn elb() -> Elb {
    let mut elb = Elb::default();
    let app = Target { region: region(), service: "web".parse().expect("valid") };
    let mut apps = Apps::default();
    apps.add(app.clone());
    let arn = ARN.parse().expect("valid");
    elb.add_group(Moment::ZERO, ARN.parse().expect("valid"), app, HealthCheck::QUICKEST);
    for (host, zone) in [(1, "eu-west-1a"), (2, "eu-west-1a"), (3, "eu-west-1b")] {
        let id = TargetId { id: format!("10.0.0.{host}"), port: 80 };
        elb.register_in_service(&arn, id, zone).expect("there");
    }
    elb.break_targets(&region(), None, 1);
    apps.set(&region(), None, Condition::Well);
    elb.advance(Moment::from_ms(10_000), &apps);
    elb
}

fn ask(body: &str) -> (u16, String) {
    let answer = handle(&elb(), Moment::ZERO, &region(), body.as_bytes());
    (answer.status, String::from_utf8(answer.body).expect("XML is text"))
}

fn encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

#[test]
fn target_health_tells_zone_and_reason() {
    let arn = encoded(ARN);
    let body = format!("Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn={arn}");
    let (status, xml) = ask(&body);
    assert_eq!(status, 200);
    assert!(xml.contains(
        "<member><Target><Id>10.0.0.1</Id><Port>80</Port>\
         <AvailabilityZone>eu-west-1a</AvailabilityZone></Target>\
         <HealthCheckPort>80</HealthCheckPort><TargetHealth><State>unhealthy</State>\
         <Reason>Target.FailedHealthChecks</Reason>\
         <Description>Health checks failed</Description></TargetHealth></member>"
    ));
    assert_eq!(xml.matches("<State>healthy</State></TargetHealth>").count(), 2, "{xml}");
}

#[test]
fn a_target_that_is_asked_for_and_not_registered_is_unused() {
    let arn = encoded(ARN);
    let body = format!(
        "Action=DescribeTargetHealth&TargetGroupArn={arn}&Targets.member.1.Id=10.0.0.3&\
         Targets.member.2.Id=10.0.0.9&Targets.member.2.Port=81"
    );
    let (_, xml) = ask(&body);
    assert!(xml.contains("<Id>10.0.0.3</Id>") && !xml.contains("<Id>10.0.0.1</Id>"), "{xml}");
    assert!(xml.contains("<Id>10.0.0.9</Id><Port>81</Port></Target>"), "{xml}");
    assert!(xml.contains("<State>unused</State><Reason>Target.NotRegistered</Reason>"), "{xml}");
}

#[test]
fn groups_and_load_balancers_are_found_by_name_and_by_arn() {
    let (status, xml) = ask("Action=DescribeTargetGroups&Names.member.1=web");
    assert_eq!(status, 200);
    assert!(xml.contains(&format!("<TargetGroupArn>{ARN}</TargetGroupArn>")), "{xml}");
    assert!(xml.contains("<HealthCheckIntervalSeconds>5</HealthCheckIntervalSeconds>"), "{xml}");
    let (_, xml) = ask("Action=DescribeLoadBalancers");
    assert!(xml.contains("<ZoneName>eu-west-1a</ZoneName>"), "{xml}");
    assert!(xml.contains(":loadbalancer/app/web/0123456789abcdef</LoadBalancerArn>"), "{xml}");
}

#[test]
fn what_is_not_there_has_the_code_of_aws() {
    for (body, code) in [
        ("Action=DescribeTargetHealth&TargetGroupArn=arn%3Aother", "TargetGroupNotFound"),
        ("Action=DescribeTargetHealth", "ValidationError"),
        ("Action=DescribeTargetGroups&Names.member.1=other", "TargetGroupNotFound"),
        ("Action=DescribeLoadBalancers&Names.member.1=other", "LoadBalancerNotFound"),
        ("Action=CreateLoadBalancer", "InvalidAction"),
        ("nonsense", "ValidationError"),
    ] {
        let (status, xml) = ask(body);
        assert_eq!(status, 400);
        assert!(xml.contains(&format!("<Code>{code}</Code>")), "{body}: {xml}");
    }
}
