//! What AWS itself says about a Region, read by that Region's own agent.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::RegionId;
use crate::domain::signal::{AlarmState, TargetHealth};

/// Load-balancer target health and CloudWatch alarms.
#[async_trait]
pub trait Signals: Send + Sync {
    /// Health of a target group's targets.
    async fn target_health(
        &self,
        region: &RegionId,
        target_group: &str,
        limit: Duration,
    ) -> Answer<TargetHealth>;

    /// State of an alarm by name.
    async fn alarm(&self, region: &RegionId, name: &str, limit: Duration) -> Answer<AlarmState>;
}
