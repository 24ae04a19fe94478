//! A model of DynamoDB: an endpoint in each Region, plain tables, and global tables of the default,
//! eventually consistent kind (version 2019.11.21).
//!
//! What a controller could come to grief over is modelled as it is: conditions are judged by the
//! called Region's copy alone; replication lags, keeps the order of each direction, stalls while the
//! network is cut and lets the last writer win; a read that is not consistent may be a little old.
//! What it doesn't have, it refuses: indexes, streams to read, TTL, backups, strong consistency
//! between Regions. Capacity is not metered; [`Dynamo::set_throttled`] throttles at will.
//!
//! The caller brings time and network, and does three things in this order: [`Dynamo::advance`] to
//! the moment, [`Dynamo::call`], and a look at [`Dynamo::next_due`]. It advances also whenever the
//! network changes.

mod control;
pub mod error;
mod expression;
mod items;
pub mod number;
pub mod operation;
mod replication;
mod search;
mod table;
#[cfg(test)]
mod tests;
mod transact;
pub mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

pub use error::DynamoError;
pub use operation::{Operation, Output, Put};
pub use value::{AttributeValue, Item, to_plain_json};

use super::generator;
use super::network::{Network, Place};
use crate::domain::{Moment, RegionId};
use items::Effect;
use operation::Written;
use replication::{Change, Direction};
use table::{Phase, STALENESS_MAX, Table};

/// DynamoDB in all Regions.
#[derive(Debug, Clone)]
pub struct Dynamo {
    regions: BTreeSet<RegionId>,
    tables: BTreeMap<(RegionId, String), Table>,
    /// How many tables were ever created.
    identities: u64,
    directions: BTreeMap<(RegionId, RegionId), Direction>,
    /// Draws how old an eventually consistent read is, by Region.
    staleness: BTreeMap<RegionId, Pcg64Mcg>,
    tokens: transact::Tokens,
    throttled: bool,
    creation: Duration,
    replica_creation: Duration,
    calls: u64,
}

/// What a Region's copy of a table was.
#[derive(Debug, Clone)]
pub struct TableCopy {
    table: String,
    items: Table,
}

impl Dynamo {
    /// An endpoint in each of these Regions, and no tables.
    pub fn new(seed: u64, regions: impl IntoIterator<Item = RegionId>) -> Self {
        let regions: BTreeSet<RegionId> = regions.into_iter().collect();
        let pairs = regions.iter().flat_map(|from| regions.iter().map(move |to| (from, to)));
        let directions = pairs.filter(|(from, to)| from != to).map(|(from, to)| {
            let chance = generator(seed, &format!("dynamo/lag/{from}/{to}"));
            ((from.clone(), to.clone()), Direction::new(chance))
        });
        let staleness = regions
            .iter()
            .map(|region| (region.clone(), generator(seed, &format!("dynamo/staleness/{region}"))));
        Self {
            directions: directions.collect(),
            staleness: staleness.collect(),
            regions,
            tables: BTreeMap::new(),
            identities: 0,
            tokens: transact::Tokens::default(),
            throttled: false,
            creation: control::CREATION,
            replica_creation: control::REPLICA_CREATION,
            calls: 0,
        }
    }

    /// Sets how long a change takes from one Region to another, give or take half of it. What is
    /// already on its way is not hurried or held.
    pub fn set_lag(&mut self, from: &RegionId, to: &RegionId, lag: Duration) {
        if let Some(direction) = self.directions.get_mut(&(from.clone(), to.clone())) {
            direction.set_lag(lag);
        }
    }

    /// Holds up what goes from one Region to another, or lets it go: it then arrives out of order.
    pub fn set_stalled(&mut self, now: Moment, from: &RegionId, to: &RegionId, stalled: bool) {
        if let Some(direction) = self.directions.get_mut(&(from.clone(), to.clone())) {
            direction.set_held(now, stalled);
        }
    }

    /// A Region's copy of a table as it is, to be put back later. Not an API request.
    #[must_use]
    pub fn copy_table(&self, region: &RegionId, table: &str) -> Option<TableCopy> {
        let items = self.tables.get(&(region.clone(), table.to_owned()))?.clone();
        Some(TableCopy { table: table.to_owned(), items })
    }

    /// Puts an old copy back in a Region: the table's items are what they were, and nobody else is
    /// told. Not an API request.
    pub fn put_back(&mut self, region: &RegionId, copy: TableCopy) {
        if let Some(table) = self.tables.get_mut(&(region.clone(), copy.table)) {
            table.put_back(copy.items);
        }
    }

    /// Sets how long a new table takes until it can be used, and how long a new replica takes.
    pub fn set_creation(&mut self, table: Duration, replica: Duration) {
        (self.creation, self.replica_creation) = (table, replica);
    }

    /// Throttles every call, or no longer.
    pub fn set_throttled(&mut self, throttled: bool) {
        self.throttled = throttled;
    }

    /// How many calls there were, refused ones included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The newest version of an item in a Region's copy of a table, for those who judge the world. Not
    /// an API request: it is neither counted nor throttled.
    #[must_use]
    pub fn peek(&self, region: &RegionId, table: &str, key: &Item) -> Option<&Item> {
        let table = self.tables.get(&(region.clone(), table.to_owned()))?;
        table.get(&table::exact_key(key, &table.settings.key).ok()?).map(Arc::as_ref)
    }

    /// Lets everything happen that is due: replication, as far as the network lets it through, and
    /// tables that become ready or vanish.
    pub fn advance(&mut self, now: Moment, network: &Network) {
        let due = self.directions.iter_mut().filter(|(_, direction)| direction.is_due(now));
        for ((from, to), direction) in due {
            let way = network.path(&Place::Region(from.clone()), &Place::Region(to.clone()));
            for change in direction.receive(now, way.is_some()) {
                let Change { table, identity, key, version } = change;
                if let Some(table) = self.tables.get_mut(&(to.clone(), table))
                    && table.identity == identity
                    && !matches!(table.phase, Phase::Deleting { .. })
                {
                    table.merge(now, &key, version);
                }
            }
        }
        let ended = self.tables.iter().filter(|((region, name), table)| {
            self.phase_end(region, name, table).is_some_and(|end| end <= now)
        });
        let ended: Vec<(RegionId, String)> = ended.map(|(key, _)| key.clone()).collect();
        for key in ended {
            match self.tables.get_mut(&key) {
                Some(table) if matches!(table.phase, Phase::Creating { .. }) => {
                    table.phase = Phase::Active;
                }
                _ => drop(self.tables.remove(&key)),
            }
        }
    }

    /// When a table's creation or deletion ends, once nothing but time is left to wait for.
    fn phase_end(&self, region: &RegionId, name: &str, table: &Table) -> Option<Moment> {
        match &table.phase {
            Phase::Active => None,
            Phase::Creating { until, backlog } => {
                let lacks = backlog.as_ref().is_some_and(|backlog| {
                    let source = self.directions.get(&(backlog.from.clone(), region.clone()));
                    source.is_some_and(|source| source.delivered() < backlog.changes)
                });
                (!lacks).then_some(*until)
            }
            Phase::Deleting { until } => {
                let owes = self.directions.iter().any(|((from, _), direction)| {
                    from == region && direction.carries(name, table.identity)
                });
                (!owes).then_some(*until)
            }
        }
    }

    /// When something happens next by itself. Replication that a cut holds up is not counted: it
    /// goes on with the first [`Dynamo::advance`] after the network has changed.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        let changes = self.directions.values().filter_map(Direction::next_due);
        let phases = self
            .tables
            .iter()
            .filter_map(|((region, name), table)| self.phase_end(region, name, table));
        changes.chain(phases).min()
    }

    /// Carries out an operation at a Region's endpoint, now.
    ///
    /// # Errors
    /// DynamoDB's own. Nothing was changed then.
    pub fn call(
        &mut self,
        now: Moment,
        region: &RegionId,
        operation: Operation,
    ) -> Result<Output, DynamoError> {
        self.calls += 1;
        if !self.regions.contains(region) {
            return Err(DynamoError::validation(format!(
                "There is no DynamoDB endpoint in Region {region}"
            )));
        }
        if self.throttled {
            return Err(throttled(&operation));
        }
        match operation {
            Operation::CreateTable(request) => self.create_table(now, region, request),
            Operation::UpdateTable(request) => self.update_table(now, region, request),
            Operation::DescribeTable(name) => self.describe_table(region, &name),
            Operation::DeleteTable(name) => self.delete_table(now, region, &name),
            Operation::ListTables(request) => self.list_tables(region, &request),
            Operation::GetItem(request) => {
                let as_of = self.as_of(now, region, request.consistent);
                let table = self.usable(region, &request.table)?;
                items::get(table, &request, as_of).map(Output::Item)
            }
            Operation::Query(request) => {
                let as_of = self.as_of(now, region, request.reading.consistent);
                let table = self.usable(region, &request.table)?;
                search::query(table, &request, as_of).map(Output::Page)
            }
            Operation::Scan(request) => {
                let as_of = self.as_of(now, region, request.reading.consistent);
                let table = self.usable(region, &request.table)?;
                search::scan(table, &request, as_of).map(Output::Page)
            }
            Operation::PutItem(request) => {
                let effect = items::put(self.usable(region, &request.table)?, &request)?;
                Ok(self.written(now, region, &request.table, effect))
            }
            Operation::UpdateItem(request) => {
                let effect = items::update(self.usable(region, &request.table)?, &request)?;
                Ok(self.written(now, region, &request.table, effect))
            }
            Operation::DeleteItem(request) => {
                let effect = items::delete(self.usable(region, &request.table)?, &request)?;
                Ok(self.written(now, region, &request.table, effect))
            }
            Operation::TransactWriteItems(request) => {
                self.transact_write_items(now, region, &request)
            }
        }
    }

    /// The moment whose state a read shows.
    fn as_of(&mut self, now: Moment, region: &RegionId, consistent: bool) -> Moment {
        match self.staleness.get_mut(region) {
            Some(chance) if !consistent => {
                let most = u64::try_from(STALENESS_MAX.as_millis()).expect("some milliseconds");
                now - Duration::from_millis(chance.random_range(0..=most))
            }
            _ => now,
        }
    }

    /// A table whose items can be read and written.
    fn usable(&self, region: &RegionId, name: &str) -> Result<&Table, DynamoError> {
        let table = self.tables.get(&(region.clone(), name.to_owned()));
        table.filter(|table| table.phase == Phase::Active).ok_or_else(|| no_table(name))
    }

    fn written(&mut self, now: Moment, region: &RegionId, table: &str, effect: Effect) -> Output {
        let attributes = effect.attributes.clone();
        let puts = self.commit(now, region, table, effect).into_iter().collect();
        Output::Written(Written { attributes, puts })
    }

    /// Carries a write out in the called Region's copy, and sends it to the others.
    fn commit(
        &mut self,
        now: Moment,
        region: &RegionId,
        name: &str,
        effect: Effect,
    ) -> Option<Put> {
        if !effect.writes {
            return None;
        }
        let table = self.tables.get_mut(&(region.clone(), name.to_owned()))?;
        let version = table.write(now, region, &effect.key, effect.new.clone());
        for peer in &table.peers {
            if let Some(direction) = self.directions.get_mut(&(region.clone(), peer.clone())) {
                direction.send(
                    now,
                    Change {
                        table: name.to_owned(),
                        identity: table.identity,
                        key: effect.key.clone(),
                        version: version.clone(),
                    },
                );
            }
        }
        effect.new.map(|item| Put { table: name.to_owned(), item })
    }
}

fn no_table(name: &str) -> DynamoError {
    DynamoError::ResourceNotFound(format!("Requested resource not found: Table: {name} not found"))
}

fn throttled(operation: &Operation) -> DynamoError {
    match operation {
        Operation::CreateTable(_)
        | Operation::UpdateTable(_)
        | Operation::DescribeTable(_)
        | Operation::DeleteTable(_)
        | Operation::ListTables(_) => DynamoError::Throttling,
        _ => DynamoError::ProvisionedThroughputExceeded,
    }
}
