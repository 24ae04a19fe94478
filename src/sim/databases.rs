//! What the modelled RDS and CloudWatch say of databases, as the adapters put it into regent's
//! words.

use std::collections::BTreeMap;

use crate::domain::database::{
    ClusterArn, ClusterMember, GlobalCluster, LagPoint, MemberCluster, WriterMove,
};
use crate::domain::signal::{Datapoint, MetricId, Statistic};
use crate::domain::{CallFailure, GlobalClusterId, Moment, RegionId};
use crate::ports::databases::{
    KEPT_VOLUME, LAG_METRIC, LAG_WINDOW_S, PERIOD_S, PROGRESS_METRIC, RPO_METRIC,
};
use crate::world::World;
use crate::world::cloudwatch::Span;
use crate::world::rds::{RdsError, Shown};

/// A global cluster, as this Region shows it.
pub(super) fn describe(
    world: &World,
    via: &RegionId,
    cluster: &GlobalClusterId,
) -> Result<GlobalCluster, CallFailure> {
    let found = world.rds.describe(via, Some(cluster.as_str())).map_err(|error| sorted(&error))?;
    let shown = found.first().ok_or_else(|| CallFailure::transient("an empty answer"))?;
    Ok(in_words(shown))
}

fn in_words(shown: &Shown) -> GlobalCluster {
    let members = shown.members.iter().map(|(region, member)| {
        let cluster = member.arn.clone();
        let synchronization = member.synchronization.clone();
        (region.clone(), ClusterMember { cluster, writer: member.writer, synchronization })
    });
    GlobalCluster {
        id: shown.id.clone(),
        status: shown.status.to_owned(),
        engine_version: shown.engine_version.clone(),
        members: members.collect(),
        moving: shown.moving.as_ref().map(|moving| WriterMove {
            stage: moving.stage.clone(),
            from: Some(moving.from.clone()),
            to: Some(moving.to.clone()),
            allow_data_loss: moving.allow_data_loss,
        }),
    }
}

/// A member, in its own Region.
pub(super) fn describe_member(
    world: &World,
    member: &ClusterArn,
) -> Result<MemberCluster, CallFailure> {
    let found = world
        .rds
        .describe_clusters(member.region(), Some(member.as_str()))
        .map_err(|error| sorted(&error))?;
    let shown = found.first().ok_or_else(|| CallFailure::transient("an empty answer"))?;
    Ok(MemberCluster {
        status: shown.status.to_owned(),
        engine_version: shown.engine_version.clone(),
        instances: shown.instances,
        parameter_group: Some(shown.parameter_group.clone()),
    })
}

/// How far a secondary is behind: the newest points, newest first.
pub(super) fn lag(world: &World, now: Moment, secondary: &ClusterArn) -> Vec<LagPoint> {
    let now_unix_ms = world.cloudwatch.unix_ms(now);
    let to_unix_s = now_unix_ms.div_euclid(1000) + 1;
    let span = Span { from_unix_s: to_unix_s - i64::from(LAG_WINDOW_S), to_unix_s };
    let read = |name: &str| -> BTreeMap<i64, f64> {
        let metric = MetricId {
            namespace: "AWS/RDS".to_owned(),
            name: name.to_owned(),
            dimensions: [("DBClusterIdentifier".to_owned(), secondary.name().to_owned())].into(),
        };
        let (region, period_s) = (secondary.region(), PERIOD_S);
        let read = world.cloudwatch.read(now, region, &metric, Statistic::Maximum, period_s, span);
        read.into_iter().map(|Datapoint { at_unix_s, value }| (at_unix_s, value)).collect()
    };
    LagPoint::joined(now_unix_ms, &read(LAG_METRIC), &read(RPO_METRIC), &read(PROGRESS_METRIC))
}

/// Snapshots of the volume that a cluster had before another one was promoted past it.
pub(super) fn kept_volumes(world: &World, cluster: &ClusterArn) -> Vec<String> {
    let snapshots = world.rds.snapshots(cluster.region());
    let mut kept: Vec<String> = snapshots
        .filter(|snapshot| snapshot.arn == *cluster && snapshot.name.starts_with(KEPT_VOLUME))
        .map(|snapshot| snapshot.name.clone())
        .collect();
    kept.sort();
    kept
}

/// `SwitchoverGlobalCluster`, at the primary's Region.
pub(super) fn switchover(
    world: &mut World,
    now: Moment,
    primary: &RegionId,
    cluster: &GlobalClusterId,
    target: &ClusterArn,
) -> Result<(), CallFailure> {
    let World { rds, network, .. } = world;
    rds.switchover(now, network, primary, cluster.as_str(), target.as_str())
        .map(|_| ())
        .map_err(|error| sorted(&error))
}

/// `FailoverGlobalCluster`, at the target's Region.
pub(super) fn failover(
    world: &mut World,
    now: Moment,
    cluster: &GlobalClusterId,
    target: &ClusterArn,
) -> Result<(), CallFailure> {
    let World { rds, network, .. } = world;
    rds.failover(now, network, target.region(), cluster.as_str(), target.as_str())
        .map(|_| ())
        .map_err(|error| sorted(&error))
}

fn sorted(error: &RdsError) -> CallFailure {
    let what = format!("{}: {error}", error.code());
    match error {
        RdsError::InvalidGlobalClusterState { .. } | RdsError::InvalidClusterState { .. } => {
            CallFailure::conflict(what)
        }
        _ => CallFailure::permanent(what),
    }
}
