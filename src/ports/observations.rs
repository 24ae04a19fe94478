//! The board: one DynamoDB global table with what is published for all to see.
//!
//! Nothing on it is a lock. Its replicas lag, and of two writes to one item the later wins; so each
//! item has one writer, and readers read several replicas and keep the newest.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::{Order, OrderId, RegionId, Report, StateName};

/// Observations, history and other things to see.
#[async_trait]
pub trait Observations: Send + Sync {
    /// Writes a report to the replica of this Region, over the sender's earlier one.
    async fn publish(&self, replica: &RegionId, report: &Report, limit: Duration) -> Answer<()>;

    /// Reads every report that this replica holds. Whole or an error: a page that fails fails all.
    async fn gather(&self, replica: &RegionId, limit: Duration) -> Answer<Vec<Report>>;

    /// Keeps a committed control state's document in the history, for people and tools.
    async fn record_history(
        &self,
        replica: &RegionId,
        name: StateName,
        document: &str,
        limit: Duration,
    ) -> Answer<()>;

    /// Reads the newest `count` history documents that this replica holds, newest first.
    async fn history(
        &self,
        replica: &RegionId,
        count: u16,
        limit: Duration,
    ) -> Answer<Vec<(StateName, String)>>;

    /// Puts a person's order on the board. Putting the same order again is harmless.
    async fn submit_order(&self, replica: &RegionId, order: &Order, limit: Duration) -> Answer<()>;

    /// Reads every order that this replica holds. Whole or an error, as `gather`.
    async fn orders(&self, replica: &RegionId, limit: Duration) -> Answer<Vec<Order>>;

    /// Takes an order off the board, through this replica. Done also when it wasn't there.
    async fn remove_order(
        &self,
        replica: &RegionId,
        order: &OrderId,
        limit: Duration,
    ) -> Answer<()>;

    /// Creates the table in `home` with replicas in the other Regions where it is missing, and
    /// waits until it can be used. Says what it created. For `init` only.
    async fn create_table(
        &self,
        home: &RegionId,
        replicas: &[RegionId],
        limit: Duration,
    ) -> Answer<Vec<RegionId>>;

    /// Whether this Region has a replica, ready for use.
    async fn has_table(&self, replica: &RegionId, limit: Duration) -> Answer<bool>;
}
