//! What RDS shows of a global cluster, Region by Region.
//!
//! A Region that is cut off the writer's goes on showing what it last knew, but for its own
//! member: a reader that trusts one Region's endpoint can be told of a writer that is none.

use std::collections::BTreeMap;

use crate::domain::database::{ClusterArn, MoveStage, Synchronization};
use crate::domain::{GlobalClusterId, Moment, RegionId};

/// A global cluster as a Region shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its identifier.
    pub id: GlobalClusterId,
    /// Its status word.
    pub status: &'static str,
    /// Its engine.
    pub engine: &'static str,
    /// Its engine's version.
    pub engine_version: String,
    /// Its members.
    pub members: BTreeMap<RegionId, ShownMember>,
    /// The move under way.
    pub moving: Option<ShownMove>,
}

impl Shown {
    /// The account that owns it: that of its members.
    #[must_use]
    pub fn account(&self) -> &str {
        self.members.values().next().map_or("", |member| member.arn.account())
    }
}

/// A member as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownMember {
    /// Its ARN.
    pub arn: ClusterArn,
    /// Whether it is the writer.
    pub writer: bool,
    /// `SynchronizationStatus`.
    pub synchronization: Synchronization,
}

/// A move as it is shown (`FailoverState`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownMove {
    /// How far it is.
    pub stage: MoveStage,
    /// The writer that was.
    pub from: ClusterArn,
    /// The writer to be.
    pub to: ClusterArn,
    /// Whether data may be lost.
    pub allow_data_loss: bool,
}

/// A cluster as its own Region shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCluster {
    /// Its ARN.
    pub arn: ClusterArn,
    /// Its status word.
    pub status: &'static str,
    /// Its engine.
    pub engine: &'static str,
    /// Its engine's version.
    pub engine_version: String,
    /// How many instances it has.
    pub instances: u16,
    /// Its cluster parameter group.
    pub parameter_group: String,
    /// Whether it is its global cluster's writer, as far as its Region knows.
    pub writer: bool,
    /// Its global cluster.
    pub global: GlobalClusterId,
}

/// The snapshot that Aurora takes of a deposed writer's volume before it makes it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name: `rds:unplanned-global-failover-<cluster>-<timestamp>`.
    pub name: String,
    /// Of which cluster.
    pub arn: ClusterArn,
    /// When it was taken.
    pub at: Moment,
    /// The same, in milliseconds since 1970.
    pub at_unix_ms: i64,
    /// How many writes it has that the database lost.
    pub holds: usize,
}
