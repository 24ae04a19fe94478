//! Aurora global clusters.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::RegionId;
use crate::domain::database::{GlobalCluster, LagPoint};

/// Databases that can change their writer. RDS takes no fencing token: a caller starts a move only
/// from a committed entry, sends it once, and believes only what it reads back.
#[async_trait]
pub trait Databases: Send + Sync {
    /// Reads a global cluster through the RDS endpoint of `via`.
    async fn describe(
        &self,
        via: &RegionId,
        cluster: &str,
        limit: Duration,
    ) -> Answer<GlobalCluster>;

    /// The newest points of replication lag of the secondary in `region`, newest first.
    async fn lag(&self, region: &RegionId, cluster: &str, limit: Duration)
    -> Answer<Vec<LagPoint>>;

    /// `SwitchoverGlobalCluster`, in the Region of the primary: planned, no loss. Sent once.
    async fn switchover(
        &self,
        primary: &RegionId,
        cluster: &str,
        target_arn: &str,
        limit: Duration,
    ) -> Answer<()>;

    /// `FailoverGlobalCluster` with data loss allowed, in the Region of the target. Sent once.
    async fn failover_allowing_data_loss(
        &self,
        target: &RegionId,
        cluster: &str,
        target_arn: &str,
        limit: Duration,
    ) -> Answer<()>;
}
