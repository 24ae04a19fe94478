//! Elastic Load Balancing's wire protocol over the modelled load balancers: Query, version
//! 2015-12-01.
//!
//! Only what is asked about a Region's health is served: `DescribeTargetHealth`,
//! `DescribeTargetGroups` and `DescribeLoadBalancers`. Answers are whole: what a fleet on loopback
//! has fits into AWS's page of 400. Signatures are not checked.

#[cfg(test)]
mod tests;

use super::document::query::{self, Form, Refused};
use super::document::{Value, WireAnswer};
use crate::domain::{Moment, RegionId};
use crate::world::elb::{
    Elb, ElbError, RegisteredTarget, TargetGroup, TargetId, TargetReason, TargetState,
};

const QUERY: query::Service = query::Service {
    namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    writes: &[],
};

/// The VPC of everything.
const VPC: &str = "vpc-0demo";

/// Serves one request for this Region.
#[must_use]
pub fn handle(elb: &Elb, now: Moment, region: &RegionId, body: &[u8]) -> WireAnswer {
    QUERY.answer(now, body, |form| {
        let form = form.ok_or_else(|| ElbError::Validation {
            message: "The request has no Action".to_owned(),
        })?;
        Ok(Some(carry_out(elb, region, &form)?))
    })
}

impl From<ElbError> for Refused {
    fn from(error: ElbError) -> Self {
        Self { status: 400, code: error.code(), message: error.to_string() }
    }
}

fn carry_out(elb: &Elb, region: &RegionId, form: &Form) -> Result<Value, ElbError> {
    match form.action.as_str() {
        "DescribeTargetHealth" => describe_target_health(elb, region, &form.input),
        "DescribeTargetGroups" => describe_target_groups(elb, region, &form.input),
        "DescribeLoadBalancers" => describe_load_balancers(elb, region, &form.input),
        action => Err(ElbError::InvalidAction { action: action.to_owned() }),
    }
}

fn describe_target_health(elb: &Elb, region: &RegionId, input: &Value) -> Result<Value, ElbError> {
    let arn = input.text_at("TargetGroupArn").ok_or_else(|| ElbError::Validation {
        message: "A target group ARN must be specified".to_owned(),
    })?;
    let group = elb.group(region, arn)?;
    let asked = input.items_at("Targets");
    let described: Vec<Value> = if asked.is_empty() {
        group.targets().map(|target| registered(group, target)).collect()
    } else {
        asked.iter().map(|target| asked_for(group, target)).collect::<Result<_, _>>()?
    };
    Ok(Value::map([("TargetHealthDescriptions", Value::List(described))]))
}

fn registered(group: &TargetGroup, target: &RegisteredTarget) -> Value {
    health(&target.id, Some(&target.zone), target.state(group))
}

/// A target by its ID: one that is not registered is described as unused.
fn asked_for(group: &TargetGroup, asked: &Value) -> Result<Value, ElbError> {
    let id = asked.text_at("Id").ok_or_else(|| ElbError::Validation {
        message: "A target ID must be specified".to_owned(),
    })?;
    let port = asked.whole_at("Port");
    let found = group.targets().find(|target| {
        target.id.id == id && port.is_none_or(|port| port == i64::from(target.id.port))
    });
    Ok(found.map_or_else(
        || {
            let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(80);
            let id = TargetId { id: id.to_owned(), port };
            health(&id, None, TargetState::Unused(TargetReason::NotRegistered))
        },
        |target| registered(group, target),
    ))
}

fn health(id: &TargetId, zone: Option<&String>, state: TargetState) -> Value {
    let mut target = vec![
        ("Id".to_owned(), Value::text(&id.id)),
        ("Port".to_owned(), Value::Whole(i64::from(id.port))),
    ];
    if let Some(zone) = zone {
        target.push(("AvailabilityZone".to_owned(), Value::text(zone)));
    }
    let mut health = vec![("State".to_owned(), Value::text(state.as_str()))];
    if let Some(reason) = state.reason() {
        health.push(("Reason".to_owned(), Value::text(reason.code())));
        health.push(("Description".to_owned(), Value::text(reason.description())));
    }
    Value::map([
        ("Target", Value::Map(target)),
        ("HealthCheckPort", Value::text(id.port.to_string())),
        ("TargetHealth", Value::Map(health)),
    ])
}

fn describe_target_groups(elb: &Elb, region: &RegionId, input: &Value) -> Result<Value, ElbError> {
    let (arns, names) = (input.texts_at("TargetGroupArns"), input.texts_at("Names"));
    let balancer = input.text_at("LoadBalancerArn");
    let groups: Vec<&TargetGroup> = elb.groups(region).collect();
    for arn in &arns {
        elb.group(region, arn)?;
    }
    if let Some(name) = names.iter().find(|name| !groups.iter().any(|g| g.arn.name() == **name)) {
        return Err(ElbError::TargetGroupNotFound { arn: (*name).to_owned() });
    }
    let wanted = groups.into_iter().filter(|group| {
        (arns.is_empty() || arns.contains(&group.arn.as_str()))
            && (names.is_empty() || names.contains(&group.arn.name()))
            && balancer.is_none_or(|arn| group.in_use && group.balancer_arn() == arn)
    });
    Ok(Value::map([("TargetGroups", Value::List(wanted.map(target_group).collect()))]))
}

fn target_group(group: &TargetGroup) -> Value {
    // As text: XML has nothing else.
    let seconds = |span: std::time::Duration| Value::text(span.as_secs().to_string());
    let balancers = if group.in_use { vec![Value::text(group.balancer_arn())] } else { Vec::new() };
    Value::map([
        ("TargetGroupArn", Value::text(group.arn.as_str())),
        ("TargetGroupName", Value::text(group.arn.name())),
        ("Protocol", Value::text("HTTP")),
        ("Port", Value::Whole(80)),
        ("VpcId", Value::text(VPC)),
        ("HealthCheckProtocol", Value::text("HTTP")),
        ("HealthCheckPort", Value::text("traffic-port")),
        ("HealthCheckEnabled", Value::Truth(group.check.enabled)),
        ("HealthCheckIntervalSeconds", seconds(group.check.interval)),
        ("HealthCheckTimeoutSeconds", seconds(group.check.timeout)),
        ("HealthyThresholdCount", Value::Whole(i64::from(group.check.healthy_after))),
        ("UnhealthyThresholdCount", Value::Whole(i64::from(group.check.unhealthy_after))),
        ("HealthCheckPath", Value::text("/")),
        ("Matcher", Value::map([("HttpCode", Value::text("200"))])),
        ("LoadBalancerArns", Value::List(balancers)),
        ("TargetType", Value::text("ip")),
    ])
}

fn describe_load_balancers(elb: &Elb, region: &RegionId, input: &Value) -> Result<Value, ElbError> {
    let (arns, names) = (input.texts_at("LoadBalancerArns"), input.texts_at("Names"));
    let groups: Vec<&TargetGroup> = elb.groups(region).filter(|group| group.in_use).collect();
    let missing = |asked: &[&str], has: &dyn Fn(&TargetGroup, &str) -> bool| {
        asked.iter().find(|asked| !groups.iter().any(|g| has(g, asked))).map(|m| (*m).to_owned())
    };
    let by_arn = |group: &TargetGroup, arn: &str| group.balancer_arn() == arn;
    let by_name = |group: &TargetGroup, name: &str| group.balancer_name() == name;
    if let Some(name) = missing(&arns, &by_arn).or_else(|| missing(&names, &by_name)) {
        return Err(ElbError::LoadBalancerNotFound { name });
    }
    let wanted = groups.iter().filter(|group| {
        (arns.is_empty() || arns.iter().any(|arn| by_arn(group, arn)))
            && (names.is_empty() || names.iter().any(|name| by_name(group, name)))
    });
    Ok(Value::map([("LoadBalancers", Value::List(wanted.map(|g| load_balancer(g)).collect()))]))
}

fn load_balancer(group: &TargetGroup) -> Value {
    let zones = group.zones().into_iter().map(|zone| Value::map([("ZoneName", Value::text(zone))]));
    Value::map([
        ("LoadBalancerArn", Value::text(group.balancer_arn())),
        ("DNSName", Value::text(group.balancer_dns())),
        ("LoadBalancerName", Value::text(group.balancer_name())),
        ("Scheme", Value::text("internet-facing")),
        ("VpcId", Value::text(VPC)),
        ("State", Value::map([("Code", Value::text("active"))])),
        ("Type", Value::text("application")),
        ("AvailabilityZones", Value::List(zones.collect())),
        ("IpAddressType", Value::text("ipv4")),
    ])
}
