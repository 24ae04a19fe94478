//! What the modelled AWS says of a Region, as the adapters put it into regent's words.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::signal::{
    AlarmName, AlarmState, MetricQuery, RequestsPerTarget, TargetGroupArn, TargetHealth,
};
use crate::domain::{CallFailure, Fleet, Moment, RegionId, Target};
use crate::world::World;
use crate::world::cloudwatch::Span;

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

/// Requests that reach a target group.
pub(super) fn requests(
    world: &World,
    now: Moment,
    group: &TargetGroupArn,
) -> Option<RequestsPerTarget> {
    let MetricQuery { metric, statistic, period_s, window_s } = RequestsPerTarget::query(group);
    let to_unix_s = world.cloudwatch.unix_ms(now).div_euclid(1000);
    let span = Span { from_unix_s: to_unix_s - i64::from(window_s), to_unix_s };
    let points = world.cloudwatch.read(now, group.region(), &metric, statistic, period_s, span);
    RequestsPerTarget::newest(&points, to_unix_s)
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

/// What truly speaks against each target in its own Region, read off the world.
#[derive(Debug)]
pub(super) struct Inside(BTreeMap<Target, (Option<TargetGroupArn>, BTreeSet<AlarmName>)>);

impl Inside {
    /// What the fleet's files name.
    pub(super) fn new(fleet: &Fleet) -> Self {
        let placed = fleet.services.iter().flat_map(|(service, spec)| {
            spec.regions.iter().map(move |(region, place)| {
                let target = Target { region: region.clone(), service: service.clone() };
                (target, (place.target_group.clone(), place.alarms.clone()))
            })
        });
        Self(placed.collect())
    }

    /// Whether AWS complains of a target now.
    pub(super) fn complain(&self, world: &World, target: &Target) -> bool {
        let Some((group, alarms)) = self.0.get(target) else { return false };
        group.as_ref().is_some_and(|group| world.elb.none_healthy(group))
            || alarms.iter().any(|alarm| world.cloudwatch.in_alarm(&target.region, alarm))
    }
}
