//! Aurora global clusters.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::database::{ClusterArn, GlobalCluster, LagPoint, MemberCluster};
use crate::domain::{GlobalClusterId, RegionId};

/// `AuroraGlobalDBReplicationLag` in CloudWatch's namespace `AWS/RDS`, by `DBClusterIdentifier`
/// (Aurora User Guide, "Cluster-level metrics for Amazon Aurora"). Only secondaries have it.
pub const LAG_METRIC: &str = "AuroraGlobalDBReplicationLag";

/// How far a secondary is behind in users' transactions; as [`LAG_METRIC`].
pub const RPO_METRIC: &str = "AuroraGlobalDBRPOLag";

/// How far it is behind in all transactions; as [`LAG_METRIC`].
pub const PROGRESS_METRIC: &str = "AuroraGlobalDBProgressLag";

/// How the names of such snapshots begin (Aurora User Guide, "Performing managed failovers for Aurora
/// global databases").
pub const KEPT_VOLUME: &str = "rds:unplanned-global-failover-";

/// Length of a period of these metrics in seconds (same page: one-minute intervals).
pub const PERIOD_S: u32 = 60;

/// How far back points are looked for, in seconds. They arrive late; older ones tell nothing that a
/// decision could stand on.
pub const LAG_WINDOW_S: u32 = 15 * 60;

/// Databases that can change their writer. RDS takes no fencing token: a caller starts a move only
/// from a committed entry, sends it once, and believes only what it reads back.
///
/// What can't be made out is an error, never less than there is: a member that is missing in an
/// answer is one that RDS does not show.
#[async_trait]
pub trait Databases: Send + Sync {
    /// Reads a global cluster through the RDS endpoint of `via`. One that this Region does not
    /// know is a permanent failure.
    async fn describe(
        &self,
        via: &RegionId,
        cluster: &GlobalClusterId,
        limit: Duration,
    ) -> Answer<GlobalCluster>;

    /// Reads a member in its own Region.
    async fn describe_member(&self, member: &ClusterArn, limit: Duration) -> Answer<MemberCluster>;

    /// How far a secondary is behind, from its own Region's CloudWatch: the newest points, newest
    /// first. Empty when there are none: what was never measured, and what does not exist, look
    /// alike.
    async fn lag(&self, secondary: &ClusterArn, limit: Duration) -> Answer<Vec<LagPoint>>;

    /// Snapshots of the volume that a cluster had before another one was promoted past it, by name, the
    /// newest last; in the cluster's own Region. Empty when nothing was ever lost there, or somebody has
    /// deleted them.
    async fn kept_volumes(&self, cluster: &ClusterArn, limit: Duration) -> Answer<Vec<String>>;

    /// `SwitchoverGlobalCluster`, at the Region of the primary: planned, no loss. Sent once. Done
    /// means that it was accepted; what becomes of it is read back.
    async fn switchover(
        &self,
        primary: &RegionId,
        cluster: &GlobalClusterId,
        target: &ClusterArn,
        limit: Duration,
    ) -> Answer<()>;

    /// `FailoverGlobalCluster` with data loss allowed, at the Region of the target. Sent once. Done
    /// means that it was accepted; what becomes of it is read back.
    async fn failover_allowing_data_loss(
        &self,
        cluster: &GlobalClusterId,
        target: &ClusterArn,
        limit: Duration,
    ) -> Answer<()>;
}
