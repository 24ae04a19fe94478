//! What the modelled AWS says of a Region, as the adapters put it into regent's words.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::signal::{AlarmName, AlarmState, TargetGroupArn, TargetHealth};
use crate::domain::{CallFailure, RegionId};
use crate::world::World;

/// Health of a target group.
pub(super) fn target_health(
    world: &World,
    arn: &TargetGroupArn,
) -> Result<TargetHealth, CallFailure> {
    let group = world
        .elb
        .group(arn.region(), arn.as_str())
        .map_err(|error| CallFailure::permanent(format!("{}: {error}", error.code())))?;
    Ok(group.health())
}

/// States of alarms; those that are not there are missing.
pub(super) fn alarms(
    world: &World,
    region: &RegionId,
    names: &BTreeSet<AlarmName>,
) -> BTreeMap<AlarmName, AlarmState> {
    let wanted = world.cloudwatch.alarms(region).filter(|alarm| names.contains(&alarm.name));
    wanted.map(|alarm| (alarm.name.clone(), alarm.state)).collect()
}
