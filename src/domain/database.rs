//! Words for Aurora global clusters.

use serde::{Deserialize, Serialize};

use super::name::RegionId;

/// One member cluster of a global cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterMember {
    /// Where it is.
    pub region: RegionId,
    /// Its ARN.
    pub arn: String,
    /// Whether it takes the writes (`IsWriter`).
    pub writer: bool,
    /// Whether its replication is `connected`; anything else (`pending-resync`) is not.
    pub connected: bool,
    /// Engine version, major and minor: a promotion needs them to match.
    pub engine_version: String,
}

/// A change of writer that RDS says is under way (`FailoverState`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterMove {
    /// RDS's own word: `pending`, `switching-over`, `failing-over` or `cancelling`.
    pub status: String,
    /// ARN of the writer that was.
    pub from: String,
    /// ARN of the writer to be.
    pub to: String,
    /// Whether data may be lost.
    pub allow_data_loss: bool,
}

/// A global cluster as `DescribeGlobalClusters` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalCluster {
    /// Its identifier.
    pub id: String,
    /// RDS's status word, such as `available`.
    pub status: String,
    /// Its members.
    pub members: Vec<ClusterMember>,
    /// The move under way, if there is one.
    pub moving: Option<WriterMove>,
}

/// Replication lag of one secondary at one time, from CloudWatch: one point a minute, arriving
/// late. What a failover would lose is therefore a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagPoint {
    /// `AuroraGlobalDBReplicationLag`, in milliseconds.
    pub lag_ms: u64,
    /// Age of the point when it was read, in milliseconds.
    pub age_ms: u64,
}
