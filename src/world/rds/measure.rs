//! What CloudWatch is told of secondaries.

use std::time::Duration;

use crate::domain::signal::MetricId;
use crate::domain::{Moment, RegionId};

use super::global::Global;

/// Time between two points (Aurora User Guide, "Cluster-level metrics for Amazon Aurora": in
/// one-minute intervals).
pub(super) const PUBLISH_EVERY: Duration = Duration::from_secs(60);

/// A value to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// When it was measured.
    pub at: Moment,
    /// Where.
    pub region: RegionId,
    /// Of which metric.
    pub metric: MetricId,
    /// The value, in milliseconds.
    pub value: f64,
}

impl Global {
    /// What secondaries are behind now. Only secondaries have these metrics, each in its own Region
    /// (same page), and one that follows nobody has none.
    pub(super) fn measure(&self) -> Vec<Publication> {
        let mut published = Vec::new();
        for (region, member) in &self.members {
            let (Some(behind), Some(rpo)) = (self.behind(region), self.rpo(region)) else {
                continue;
            };
            let figures = [
                ("AuroraGlobalDBReplicationLag", behind),
                ("AuroraGlobalDBRPOLag", rpo),
                ("AuroraGlobalDBProgressLag", behind),
            ];
            published.extend(figures.map(|(name, value)| Publication {
                at: self.at,
                region: region.clone(),
                metric: MetricId {
                    namespace: "AWS/RDS".to_owned(),
                    name: name.to_owned(),
                    dimensions:
                        [("DBClusterIdentifier".to_owned(), member.arn.name().to_owned())].into(),
                },
                value: value.as_secs_f64() * 1000.0,
            }));
        }
        published
    }
}
