//! What AWS itself says about a Region, read by that Region's own agent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::RegionId;
use crate::domain::signal::{
    AlarmName, AlarmState, Datapoint, MetricQuery, TargetGroupArn, TargetHealth,
};

/// Load-balancer target health, CloudWatch alarms and metrics. All are reads.
#[async_trait]
pub trait Signals: Send + Sync {
    /// Health of a target group's targets, read in the group's own Region. A group that is not
    /// there is a permanent failure, never a group without targets.
    async fn target_health(&self, group: &TargetGroupArn, limit: Duration) -> Answer<TargetHealth>;

    /// States of alarms by name, metric and composite ones alike. An alarm that is not there is
    /// missing in the answer.
    async fn alarms(
        &self,
        region: &RegionId,
        names: &BTreeSet<AlarmName>,
        limit: Duration,
    ) -> Answer<BTreeMap<AlarmName, AlarmState>>;

    /// The newest datapoints of each metric, the oldest first, in the order of the queries. A
    /// metric without data, or that is not there, has no datapoints: CloudWatch can't tell those
    /// two apart.
    async fn metrics(
        &self,
        region: &RegionId,
        queries: &[MetricQuery],
        limit: Duration,
    ) -> Answer<Vec<Vec<Datapoint>>>;
}
