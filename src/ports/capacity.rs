//! What the survivors can carry, and raising it.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::RegionId;
use crate::domain::capacity::ScalingGroup;

/// Autoscaling groups.
#[async_trait]
pub trait Capacity: Send + Sync {
    /// Reads a group.
    async fn group(&self, region: &RegionId, name: &str, limit: Duration) -> Answer<ScalingGroup>;

    /// Sets the number of instances wanted. Idempotent: may be repeated after an unknown outcome.
    async fn set_desired(
        &self,
        region: &RegionId,
        name: &str,
        desired: u32,
        limit: Duration,
    ) -> Answer<()>;
}
