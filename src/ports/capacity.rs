//! What the survivors can carry, raising it, and how far the account lets that go.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::RegionId;
use crate::domain::capacity::{ScalingGroup, ScalingGroupId, Vcpus};

/// Autoscaling groups, each at its own Region's endpoint.
#[async_trait]
pub trait Capacity: Send + Sync {
    /// Reads a group. One that is not there is a permanent failure, never an empty group.
    async fn group(&self, group: &ScalingGroupId, limit: Duration) -> Answer<ScalingGroup>;

    /// Sets the number of instances wanted, whatever was set a moment ago. Sent once; it may be
    /// repeated after an unknown outcome. A number outside the group's limits is a conflict: they are
    /// not what was read. It changes nothing.
    async fn set_desired(
        &self,
        group: &ScalingGroupId,
        desired: u32,
        limit: Duration,
    ) -> Answer<()>;

    /// What the account may run in a Region, and runs there.
    async fn vcpus(&self, region: &RegionId, limit: Duration) -> Answer<Vcpus>;
}
