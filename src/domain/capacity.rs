//! Words for what a Region can carry.

use serde::{Deserialize, Serialize};

/// An autoscaling group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingGroup {
    /// Its name.
    pub name: String,
    /// Fewest instances.
    pub min: u32,
    /// Instances wanted now.
    pub desired: u32,
    /// Most instances: what it can reach without anybody's change of limits.
    pub max: u32,
    /// Instances in service now.
    pub in_service: u32,
}
