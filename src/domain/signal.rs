//! Words for what AWS itself says about a Region: load-balancer target health and alarms.

use serde::{Deserialize, Serialize};

/// Health of a target group, as the Region's own load balancer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// The target group's ARN.
    pub target_group: String,
    /// Targets in state `healthy`.
    pub healthy: u32,
    /// All registered targets.
    pub registered: u32,
    /// Reason codes of those that are not healthy, such as `Target.Timeout`, each once.
    pub reasons: Vec<String>,
}

/// State of a CloudWatch alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// Within its threshold.
    Ok,
    /// Breached.
    Alarm,
    /// Not enough data: neither good nor bad.
    InsufficientData,
}
