//! Hosted zones: records, batches, and the fence among them.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::ZoneId;
use crate::domain::record::{ChangeId, ChangeStatus, DnsName, RecordKey, ZoneBatch, ZoneRead};
use crate::domain::zone::ZoneFacts;

/// Route 53's control plane, for the fleet's zones.
#[async_trait]
pub trait Records: Send + Sync {
    /// What the zone is. One that does not exist is a permanent failure.
    async fn zone_facts(&self, zone: &ZoneId, limit: Duration) -> Answer<ZoneFacts>;

    /// Reads the fence first and then every record set under the keys asked for. Whole or an error.
    /// A listing over several pages is no snapshot: only a batch that swaps on the fence read here
    /// proves that nothing of ours changed in between.
    async fn read_zone(
        &self,
        zone: &ZoneId,
        fence: &DnsName,
        keys: &[RecordKey],
        limit: Duration,
    ) -> Answer<ZoneRead>;

    /// Applies a batch, whole or not at all. Sent once. A batch that Route 53 rejects because a
    /// record is not what the batch says (`InvalidChangeBatch`) is a conflict.
    async fn change_zone(&self, batch: &ZoneBatch, limit: Duration) -> Answer<ChangeId>;

    /// How far a batch that this zone accepted has got. One that it never accepted is a conflict.
    async fn change_status(
        &self,
        zone: &ZoneId,
        change: &ChangeId,
        limit: Duration,
    ) -> Answer<ChangeStatus>;
}
