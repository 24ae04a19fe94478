//! Telling people.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::RegionId;
use crate::domain::notice::Notice;

/// Somewhere notices go. Delivery is at least once: receivers drop repeats by key.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Sends a notice through the topic of this Region.
    async fn send(&self, via: &RegionId, notice: &Notice, limit: Duration) -> Answer<()>;
}
