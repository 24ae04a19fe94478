//! The board: reports, orders and history in one DynamoDB global table.
//!
//! All reads here are eventually consistent, and at half the price of the others: a consistent read
//! would show the newest of *this replica*, which lags behind the writers' replicas anyway. Readers
//! judge a report by its own sequence number and ask several replicas.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes::{from_sdk, to_sdk};
use super::call::{Call, within};
use super::connect::Clients;
use super::tables;
use crate::domain::{CallFailure, Order, OrderId, RegionId, Report, StateName};
use crate::ports::items::{
    Attribute, BOARD_HASH, BOARD_RANGE, Item, KIND_HISTORY, KIND_ORDER, KIND_REPORT, board_item,
    board_key, document_from, history_id, history_name,
};
use crate::ports::{Answer, Observations};

/// The board over AWS.
#[derive(Debug, Clone)]
pub struct Board(pub(super) std::sync::Arc<Clients>);

/// What is asked for in a query.
#[derive(Clone, Copy)]
enum Wanted {
    /// Everything, oldest key first.
    All,
    /// That many items, newest key first.
    Newest(u16),
}

impl Board {
    /// Writes an item over an earlier one. Needs no condition, since each item has one writer.
    async fn put(&self, replica: &RegionId, item: Item, limit: Duration) -> Answer<()> {
        let call = Call::write("PutItem", replica.as_str(), limit);
        call.run(
            self.0
                .dynamodb(replica)
                .put_item()
                .table_name(&self.0.tables.board)
                .set_item(Some(to_sdk(item).collect()))
                .customize()
                .config_override(call.dynamodb())
                .interceptor(call.witness())
                .send(),
        )
        .await?;
        Ok(())
    }

    /// Reads every document of a kind that can be read.
    async fn documents<T: serde::de::DeserializeOwned>(
        &self,
        replica: &RegionId,
        kind: &str,
        doing: &'static str,
        limit: Duration,
    ) -> Answer<Vec<T>> {
        let pages = self.query(replica, kind, Wanted::All, limit);
        let items = within(doing, replica.as_str(), limit, pages).await?;
        let parse = |_: &str, document: String| {
            serde_json::from_str::<T>(&document).map_err(|error| error.to_string())
        };
        Ok(items.iter().filter_map(|item| readable(replica, kind, item, parse)).collect())
    }

    /// Reads the items of a kind, page by page. A page that fails fails all: half of the reports
    /// would look like observers that fell silent.
    async fn query(
        &self,
        replica: &RegionId,
        kind: &str,
        wanted: Wanted,
        limit: Duration,
    ) -> Answer<Vec<Item>> {
        let (forward, count) = match wanted {
            Wanted::All => (true, None),
            Wanted::Newest(count) => (false, Some(usize::from(count))),
        };
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let missing = count.map(|count| count.saturating_sub(items.len()));
            if missing == Some(0) {
                return Ok(items);
            }
            let call = Call::read("Query", replica.as_str(), limit);
            let page = call
                .run(
                    self.0
                        .dynamodb(replica)
                        .query()
                        .table_name(&self.0.tables.board)
                        .key_condition_expression("#kind = :kind")
                        .expression_attribute_names("#kind", BOARD_HASH)
                        .expression_attribute_values(":kind", AttributeValue::S(kind.to_owned()))
                        .scan_index_forward(forward)
                        .set_limit(missing.and_then(|missing| i32::try_from(missing).ok()))
                        .set_exclusive_start_key(start)
                        .customize()
                        .config_override(call.dynamodb())
                        .interceptor(call.witness())
                        .send(),
                )
                .await?;
            items.extend(page.items().iter().map(from_sdk));
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => start = Some(key),
                _ => return Ok(items),
            }
        }
    }
}

fn json<T: serde::Serialize>(what: &str, value: &T) -> Answer<String> {
    serde_json::to_string(value).map_err(|error| {
        CallFailure::permanent(format!("the {what} can't be written as JSON: {error}"))
    })
}

/// What an item on the board says, if it can be read. One that can't be is left out and told of in
/// the log rather than failing the others: a damaged item, or one written by a newer version in the
/// middle of an upgrade, must not blind every reader. Its writer then counts as not heard from.
fn readable<T>(
    replica: &RegionId,
    kind: &str,
    item: &Item,
    parse: impl FnOnce(&str, String) -> Result<T, String>,
) -> Option<T> {
    let id = match item.get(BOARD_RANGE) {
        Some(Attribute::S(id)) => id.as_str(),
        _ => "",
    };
    let parsed = document_from(item)
        .map_err(|failure| failure.what)
        .and_then(|document| parse(id, document));
    parsed
        .inspect_err(|error| {
            tracing::warn!(%replica, kind, id, error, "an item on the board can't be read: left out");
        })
        .ok()
}

#[async_trait]
impl Observations for Board {
    async fn publish(&self, replica: &RegionId, report: &Report, limit: Duration) -> Answer<()> {
        let document = json("report", report)?;
        self.put(replica, board_item(KIND_REPORT, report.agent.as_str(), &document), limit).await
    }

    async fn gather(&self, replica: &RegionId, limit: Duration) -> Answer<Vec<Report>> {
        self.documents(replica, KIND_REPORT, "gathering reports", limit).await
    }

    async fn record_history(
        &self,
        replica: &RegionId,
        name: StateName,
        document: &str,
        limit: Duration,
    ) -> Answer<()> {
        self.put(replica, board_item(KIND_HISTORY, &history_id(name), document), limit).await
    }

    async fn history(
        &self,
        replica: &RegionId,
        count: u16,
        limit: Duration,
    ) -> Answer<Vec<(StateName, String)>> {
        let pages = self.query(replica, KIND_HISTORY, Wanted::Newest(count), limit);
        let items = within("reading the history", replica.as_str(), limit, pages).await?;
        let parse = |id: &str, document: String| {
            let name = history_name(id).ok_or("its key is not of the form epoch#seq")?;
            Ok((name, document))
        };
        Ok(items.iter().filter_map(|item| readable(replica, KIND_HISTORY, item, parse)).collect())
    }

    async fn submit_order(&self, replica: &RegionId, order: &Order, limit: Duration) -> Answer<()> {
        let document = json("order", order)?;
        self.put(replica, board_item(KIND_ORDER, order.id.as_str(), &document), limit).await
    }

    async fn orders(&self, replica: &RegionId, limit: Duration) -> Answer<Vec<Order>> {
        self.documents(replica, KIND_ORDER, "reading orders", limit).await
    }

    async fn remove_order(
        &self,
        replica: &RegionId,
        order: &OrderId,
        limit: Duration,
    ) -> Answer<()> {
        let call = Call::write("DeleteItem", replica.as_str(), limit);
        call.run(
            self.0
                .dynamodb(replica)
                .delete_item()
                .table_name(&self.0.tables.board)
                .set_key(Some(to_sdk(board_key(KIND_ORDER, order.as_str())).collect()))
                .customize()
                .config_override(call.dynamodb())
                .interceptor(call.witness())
                .send(),
        )
        .await?;
        Ok(())
    }

    async fn create_table(
        &self,
        home: &RegionId,
        replicas: &[RegionId],
        limit: Duration,
    ) -> Answer<Vec<RegionId>> {
        let client = self.0.dynamodb(home);
        let table = &self.0.tables.board;
        tables::bounded(home, table, limit, async {
            let mut created = Vec::new();
            if tables::create(&client, home, table, tables::Shape::Board, limit).await? {
                created.push(home.clone());
            }
            tables::wait_until_active(&client, home, table, limit).await?;
            for replica in replicas.iter().filter(|replica| *replica != home) {
                if tables::add_replica(&client, home, table, replica, limit).await? {
                    created.push(replica.clone());
                }
            }
            Ok(created)
        })
        .await
    }

    async fn has_table(&self, replica: &RegionId, limit: Duration) -> Answer<bool> {
        let client = self.0.dynamodb(replica);
        let looking = tables::look(&client, replica, &self.0.tables.board, limit);
        let found = within("DescribeTable", replica.as_str(), limit, looking).await?;
        Ok(found.as_ref().is_some_and(tables::active))
    }
}
