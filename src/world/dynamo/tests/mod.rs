//! The model, operation by operation.

mod items;
mod pages;
mod replication;
mod tables;

use std::time::Duration;

use super::operation::*;
use super::*;

pub(super) fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

pub(super) fn s(text: &str) -> AttributeValue {
    AttributeValue::text(text)
}

pub(super) fn n(number: u64) -> AttributeValue {
    AttributeValue::number(number)
}

pub(super) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(super) fn values<const N: usize>(values: [(&str, AttributeValue); N]) -> Placeholders {
    Placeholders { values: item(values), ..Placeholders::default() }
}

/// A world with Regions `a`, `b` and `c`, whose time goes as the test says.
pub(super) struct Bench {
    pub(super) dynamo: Dynamo,
    pub(super) network: Network,
    pub(super) now: Moment,
}

impl Bench {
    pub(super) fn new(seed: u64) -> Self {
        let regions = ["a", "b", "c"].map(region);
        Self {
            dynamo: Dynamo::new(seed, regions),
            network: Network::default(),
            now: Moment::from_ms(1000),
        }
    }

    /// With a plain table `plain` in `a`, of a hash key `id`.
    pub(super) fn plain(seed: u64) -> Self {
        let mut bench = Self::new(seed);
        bench.create("a", "plain", None);
        bench.pass(10_000);
        bench
    }

    /// With a global table `board` in `a` and `b`, of keys `kind` and `id`.
    pub(super) fn global(seed: u64) -> Self {
        let mut bench = Self::new(seed);
        bench.create("a", "board", Some("id"));
        bench.pass(10_000);
        bench.replicate("a", "board", "b").expect("settled");
        bench.pass(10_000);
        bench
    }

    /// Creates a table whose hash key is `id`, or `kind` if it has a range key as well.
    pub(super) fn create(&mut self, at: &str, table: &str, range: Option<&str>) {
        let key = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyKind::S };
        let hash = if range.is_some() { "kind" } else { "id" };
        let request = CreateTable {
            table: table.to_owned(),
            key: KeySchema { hash: key(hash), range: range.map(key) },
            billing: BillingMode::PayPerRequest,
            stream: None,
            deletion_protected: false,
        };
        self.call(at, Operation::CreateTable(request)).expect("the name is free");
    }

    pub(super) fn replicate(
        &mut self,
        at: &str,
        table: &str,
        to: &str,
    ) -> Result<Output, DynamoError> {
        let request = UpdateTable {
            table: table.to_owned(),
            replicas: vec![ReplicaUpdate::Create(region(to))],
            ..UpdateTable::default()
        };
        self.call(at, Operation::UpdateTable(request))
    }

    /// Lets time pass, stopping wherever something is due.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(due) = self.dynamo.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.dynamo.advance(self.now, &self.network);
        }
        self.now = end;
        self.dynamo.advance(self.now, &self.network);
    }

    pub(super) fn call(&mut self, at: &str, operation: Operation) -> Result<Output, DynamoError> {
        self.dynamo.call(self.now, &region(at), operation)
    }

    pub(super) fn describe(
        &mut self,
        at: &str,
        table: &str,
    ) -> Result<TableDescription, DynamoError> {
        match self.call(at, Operation::DescribeTable(table.to_owned()))? {
            Output::Table(description) => Ok(description),
            other => panic!("not a description: {other:?}"),
        }
    }

    pub(super) fn put(&mut self, at: &str, table: &str, item: Item) -> Result<Output, DynamoError> {
        let request = PutItem { table: table.to_owned(), item, ..PutItem::default() };
        self.call(at, Operation::PutItem(request))
    }

    pub(super) fn get_with(
        &mut self,
        at: &str,
        table: &str,
        key: Item,
        consistent: bool,
    ) -> Option<Item> {
        let request = GetItem { table: table.to_owned(), key, consistent, ..GetItem::default() };
        match self.call(at, Operation::GetItem(request)) {
            Ok(Output::Item(item)) => item.map(Arc::unwrap_or_clone),
            other => panic!("not an item: {other:?}"),
        }
    }

    pub(super) fn get(&mut self, at: &str, table: &str, key: Item) -> Option<Item> {
        self.get_with(at, table, key, true)
    }

    pub(super) fn page(&mut self, at: &str, operation: Operation) -> Page {
        match self.call(at, operation) {
            Ok(Output::Page(page)) => page,
            other => panic!("not a page: {other:?}"),
        }
    }
}
