//! What the modelled Auto Scaling says of groups, as the adapter puts it into regent's words.

use crate::domain::capacity::{ScalingGroup, ScalingGroupId};
use crate::domain::{CallFailure, Moment};
use crate::world::World;
use crate::world::autoscaling::AutoscalingError;

/// `DescribeAutoScalingGroups` of one name. Where there is no such group the answer is empty, which
/// is no group without instances.
pub(super) fn group(
    world: &World,
    now: Moment,
    id: &ScalingGroupId,
) -> Result<ScalingGroup, CallFailure> {
    let group = world
        .autoscaling
        .group(id)
        .ok_or_else(|| CallFailure::permanent(format!("there is no autoscaling group {id}")))?;
    let (min, desired, max) = (group.min, group.desired, group.max);
    Ok(ScalingGroup { min, desired, max, in_service: group.in_service(now) })
}

/// `SetDesiredCapacity`, whatever the group's cooldown.
pub(super) fn set_desired(
    world: &mut World,
    now: Moment,
    id: &ScalingGroupId,
    desired: u32,
) -> Result<(), CallFailure> {
    let (region, name) = (&id.region, id.name.as_str());
    world.autoscaling.set_desired(now, region, name, desired, false).map_err(|error| {
        let what = format!("{}: {error}", error.code());
        match error {
            AutoscalingError::Validation { .. } => CallFailure::conflict(what),
            AutoscalingError::ScalingActivityInProgress => CallFailure::transient(what),
            AutoscalingError::InvalidAction { .. } => CallFailure::permanent(what),
        }
    })
}
