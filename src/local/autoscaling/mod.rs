//! Auto Scaling's wire protocol over the modelled groups: Query, version 2011-01-01.
//!
//! Served is what raising a group takes: `DescribeAutoScalingGroups` and `SetDesiredCapacity`.
//! Answers are whole: what a fleet on loopback has fits into a page. Signatures are not checked.

#[cfg(test)]
mod tests;

use super::document::query::{self, Form, Refused};
use super::document::{Value, WireAnswer};
use crate::domain::{Moment, RegionId};
use crate::world::autoscaling::{Autoscaling, AutoscalingError, Group};

const QUERY: query::Service = query::Service {
    namespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
    writes: &["SetDesiredCapacity"],
};

/// The account of everything.
const ACCOUNT: &str = "123456789012";

/// Availability zones that instances stand in, in turn.
const ZONES: [char; 3] = ['a', 'b', 'c'];

/// Serves one request for this Region.
#[must_use]
pub fn handle(model: &mut Autoscaling, now: Moment, region: &RegionId, body: &[u8]) -> WireAnswer {
    QUERY.answer(now, body, |form| {
        let form = form.ok_or_else(|| refused("The request has no Action"))?;
        Ok(carry_out(model, now, region, &form)?)
    })
}

impl From<AutoscalingError> for Refused {
    fn from(error: AutoscalingError) -> Self {
        Self { status: 400, code: error.code(), message: error.to_string() }
    }
}

fn refused(message: impl Into<String>) -> AutoscalingError {
    AutoscalingError::Validation { message: message.into() }
}

/// What an action answers; none for one whose answer has no result.
fn carry_out(
    model: &mut Autoscaling,
    now: Moment,
    region: &RegionId,
    form: &Form,
) -> Result<Option<Value>, AutoscalingError> {
    match form.action.as_str() {
        "DescribeAutoScalingGroups" => describe(model, now, region, &form.input).map(Some),
        "SetDesiredCapacity" => set_desired(model, now, region, &form.input).map(|()| None),
        action => Err(AutoscalingError::InvalidAction { action: action.to_owned() }),
    }
}

/// Names that there are not are left out, as AWS does it.
fn describe(
    model: &Autoscaling,
    now: Moment,
    region: &RegionId,
    input: &Value,
) -> Result<Value, AutoscalingError> {
    if input.get("Filters").is_some() {
        return Err(refused("filters are not modelled: name what is asked for"));
    }
    let names = input.texts_at("AutoScalingGroupNames");
    let wanted = model
        .groups(region)
        .filter(|group| names.is_empty() || names.contains(&group.id.name.as_str()));
    let shown = wanted.map(|group| described(now, group)).collect();
    Ok(Value::map([("AutoScalingGroups", Value::List(shown))]))
}

fn described(now: Moment, group: &Group) -> Value {
    let (region, name) = (&group.id.region, group.id.name.as_str());
    let whole = |number: u32| Value::Whole(i64::from(number));
    let zone = |n: usize| Value::text(format!("{region}{}", ZONES[n % ZONES.len()]));
    let instances = group.instances(now).enumerate().map(|(n, (instance, in_service))| {
        let state = if in_service { "InService" } else { "Pending" };
        Value::map([
            ("InstanceId", Value::text(&instance.id)),
            ("AvailabilityZone", zone(n)),
            ("LifecycleState", Value::text(state)),
            ("HealthStatus", Value::text("Healthy")),
            ("ProtectedFromScaleIn", Value::Truth(false)),
        ])
    });
    let arn = format!(
        "arn:aws:autoscaling:{region}:{ACCOUNT}:autoScalingGroup:0demo:autoScalingGroupName/{name}"
    );
    Value::map([
        ("AutoScalingGroupName", Value::text(name)),
        ("AutoScalingGroupARN", Value::text(arn)),
        ("MinSize", whole(group.min)),
        ("MaxSize", whole(group.max)),
        ("DesiredCapacity", whole(group.desired)),
        ("DefaultCooldown", Value::Whole(300)),
        ("AvailabilityZones", Value::List((0..ZONES.len()).map(zone).collect())),
        ("HealthCheckType", Value::text("EC2")),
        ("CreatedTime", Value::Time(0)),
        ("Instances", Value::List(instances.collect())),
    ])
}

fn set_desired(
    model: &mut Autoscaling,
    now: Moment,
    region: &RegionId,
    input: &Value,
) -> Result<(), AutoscalingError> {
    let name = input
        .text_at("AutoScalingGroupName")
        .ok_or_else(|| refused("The request must contain the parameter AutoScalingGroupName"))?;
    let desired = input
        .whole_at("DesiredCapacity")
        .ok_or_else(|| refused("The request must contain the parameter DesiredCapacity"))?;
    let desired = u32::try_from(desired)
        .map_err(|_| refused(format!("DesiredCapacity {desired} is no number of instances")))?;
    let honor = input.text_at("HonorCooldown") == Some("true");
    model.set_desired(now, region, name, desired, honor)
}
