//! What can be asked of DynamoDB, and what it answers: the API's own operations and parameters
//! under shorter names. Parameters that the model does not have are not here; refusing requests
//! that use them is up to the wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::value::{AttributeValue, Item};
use crate::domain::RegionId;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Creates a table in the called Region.
    CreateTable(CreateTable),
    /// Changes a table's settings, or its set of replicas.
    UpdateTable(UpdateTable),
    /// Describes the table of this name.
    DescribeTable(String),
    /// Deletes the table of this name; a replica leaves its global table.
    DeleteTable(String),
    /// Lists the called Region's tables.
    ListTables(ListTables),
    /// Writes a whole item.
    PutItem(PutItem),
    /// Reads an item.
    GetItem(GetItem),
    /// Changes an item's attributes, or creates it.
    UpdateItem(UpdateItem),
    /// Deletes an item.
    DeleteItem(DeleteItem),
    /// Reads items of one hash key.
    Query(Query),
    /// Reads items of the whole table.
    Scan(Scan),
    /// Writes several items, or none.
    TransactWriteItems(TransactWriteItems),
}

/// The kind of a key attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A string.
    S,
    /// A number.
    N,
    /// Bytes.
    B,
}

impl KeyKind {
    /// Its descriptor.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }
}

/// A key attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: KeyKind,
}

/// A table's primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySchema {
    /// The partition key.
    pub hash: KeyAttribute,
    /// The sort key, if it has one.
    pub range: Option<KeyAttribute>,
}

/// How a table is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillingMode {
    /// By the request.
    PayPerRequest,
    /// By provisioned units. Accepted and shown; the model limits nothing by it.
    Provisioned {
        /// Read units.
        read_units: u64,
        /// Write units.
        write_units: u64,
    },
}

/// What a table's stream shows of a change. Accepted and shown; the model has no streams to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamView {
    /// Keys only.
    KeysOnly,
    /// The item after.
    NewImage,
    /// The item before.
    OldImage,
    /// Both: what global tables need.
    NewAndOldImages,
}

/// Parameters of `CreateTable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTable {
    /// The table's name.
    pub table: String,
    /// Its key.
    pub key: KeySchema,
    /// How it is paid for.
    pub billing: BillingMode,
    /// Its stream, if it is to have one.
    pub stream: Option<StreamView>,
    /// Whether `DeleteTable` is refused.
    pub deletion_protected: bool,
}

/// Parameters of `UpdateTable`. What is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateTable {
    /// Which table.
    pub table: String,
    /// A change of billing.
    pub billing: Option<BillingMode>,
    /// A change of the stream: of its view, or to none.
    pub stream: Option<Option<StreamView>>,
    /// A change of the protection.
    pub deletion_protected: Option<bool>,
    /// Changes of the set of replicas; DynamoDB takes one a request.
    pub replicas: Vec<ReplicaUpdate>,
}

/// A change of a global table's replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaUpdate {
    /// A new one, filled with what there is.
    Create(RegionId),
    /// One goes.
    Delete(RegionId),
}

/// Parameters of `ListTables`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListTables {
    /// The last name of the page before.
    pub after: Option<String>,
    /// Most names on the page; 100 if none.
    pub limit: Option<usize>,
}

/// Values for the `#name` and `:value` placeholders of a request's expressions, under the
/// placeholders themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeholders {
    /// `ExpressionAttributeNames`.
    pub names: BTreeMap<String, String>,
    /// `ExpressionAttributeValues`.
    pub values: BTreeMap<String, AttributeValue>,
}

/// What a write returns of the item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReturnValues {
    /// Nothing.
    #[default]
    None,
    /// All of it, as it was.
    AllOld,
    /// What was updated, as it was.
    UpdatedOld,
    /// All of it, as it is.
    AllNew,
    /// What was updated, as it is.
    UpdatedNew,
}

/// Parameters of `PutItem`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutItem {
    /// Which table.
    pub table: String,
    /// The item, key included.
    pub item: Item,
    /// `ConditionExpression`.
    pub condition: Option<String>,
    /// What the expression's placeholders stand for.
    pub placeholders: Placeholders,
    /// What to return: nothing, or all as it was.
    pub return_values: ReturnValues,
    /// `ReturnValuesOnConditionCheckFailure=ALL_OLD`.
    pub return_item_on_failure: bool,
}

/// Parameters of `GetItem`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GetItem {
    /// Which table.
    pub table: String,
    /// Exactly the key.
    pub key: Item,
    /// Whether it must be the newest that this Region has.
    pub consistent: bool,
    /// `ProjectionExpression`.
    pub projection: Option<String>,
    /// What the expression's placeholders stand for.
    pub placeholders: Placeholders,
}

/// Parameters of `UpdateItem`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateItem {
    /// Which table.
    pub table: String,
    /// Exactly the key.
    pub key: Item,
    /// `UpdateExpression`.
    pub update: Option<String>,
    /// `ConditionExpression`.
    pub condition: Option<String>,
    /// What the expressions' placeholders stand for.
    pub placeholders: Placeholders,
    /// What to return.
    pub return_values: ReturnValues,
    /// `ReturnValuesOnConditionCheckFailure=ALL_OLD`.
    pub return_item_on_failure: bool,
}

/// Parameters of `DeleteItem`, and of a transaction's condition checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteItem {
    /// Which table.
    pub table: String,
    /// Exactly the key.
    pub key: Item,
    /// `ConditionExpression`.
    pub condition: Option<String>,
    /// What the expression's placeholders stand for.
    pub placeholders: Placeholders,
    /// What to return: nothing, or all as it was.
    pub return_values: ReturnValues,
    /// `ReturnValuesOnConditionCheckFailure=ALL_OLD`.
    pub return_item_on_failure: bool,
}

/// Parameters of `Query`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Which table.
    pub table: String,
    /// `KeyConditionExpression`.
    pub key_condition: String,
    /// From the last to the first: `ScanIndexForward=false`.
    pub backward: bool,
    /// How to read.
    pub reading: Reading,
}

/// Parameters of `Scan`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Which table.
    pub table: String,
    /// How to read.
    pub reading: Reading,
}

/// What `Query` and `Scan` have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// `FilterExpression`: items are read, and counted towards the limit, before it.
    pub filter: Option<String>,
    /// `ProjectionExpression`.
    pub projection: Option<String>,
    /// What the expressions' placeholders stand for.
    pub placeholders: Placeholders,
    /// Most items to read; none for as many as a page holds.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub start: Option<Item>,
    /// Whether it must be the newest that this Region has.
    pub consistent: bool,
    /// `Select=COUNT`.
    pub count_only: bool,
}

/// Parameters of `TransactWriteItems`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactWriteItems {
    /// The writes, at most one an item.
    pub writes: Vec<TransactWrite>,
    /// `ClientRequestToken`: a repetition within ten minutes has no further effect.
    pub token: Option<String>,
}

/// One write of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactWrite {
    /// Writes a whole item.
    Put(PutItem),
    /// Changes an item's attributes.
    Update(UpdateItem),
    /// Deletes an item.
    Delete(DeleteItem),
    /// Changes nothing: the condition must hold.
    ConditionCheck(DeleteItem),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Of `CreateTable`, `UpdateTable`, `DescribeTable` and `DeleteTable`.
    Table(TableDescription),
    /// Of `ListTables`.
    Tables {
        /// The names, in order.
        names: Vec<String>,
        /// The page's last name, when more follow.
        last: Option<String>,
    },
    /// Of `GetItem`.
    Item(Option<Arc<Item>>),
    /// Of every write.
    Written(Written),
    /// Of `Query` and `Scan`.
    Page(Page),
}

/// What a write did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// What the caller asked to have returned; an absent item returns none.
    pub attributes: Option<Arc<Item>>,
    /// The items as they are now, of all that were written and not deleted.
    pub puts: Vec<Put>,
}

/// An item as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// In which table of the called Region.
    pub table: String,
    /// The whole item.
    pub item: Arc<Item>,
}

/// A page of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The items, none if only their count was asked for.
    pub items: Vec<Arc<Item>>,
    /// How many passed the filter.
    pub count: usize,
    /// How many were read.
    pub scanned: usize,
    /// The key to go on from, when the page ended before the items did.
    pub last_key: Option<Item>,
}

/// The state of a table or a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableStatus {
    /// Not to be used yet.
    Creating,
    /// One of its replicas is being created; it can be used.
    Updating,
    /// It can be used.
    Active,
    /// Not to be used any more.
    Deleting,
}

impl TableStatus {
    /// As DynamoDB spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Updating => "UPDATING",
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }
}

/// A table as its Region describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDescription {
    /// The Region.
    pub region: RegionId,
    /// The table's name.
    pub table: String,
    /// Its key.
    pub key: KeySchema,
    /// Its state.
    pub status: TableStatus,
    /// How it is paid for.
    pub billing: BillingMode,
    /// Its stream, if it has one.
    pub stream: Option<StreamView>,
    /// Whether `DeleteTable` is refused.
    pub deletion_protected: bool,
    /// Items in it.
    pub item_count: usize,
    /// What they weigh, in bytes.
    pub size_bytes: usize,
    /// The global table's *other* replicas; empty for a plain table.
    pub replicas: BTreeMap<RegionId, TableStatus>,
}
