//! One Region's copy of a table: its settings, its items and the versions that they have.
//!
//! A plain table is a single copy. The copies of a global table know each other by Region; what
//! they send one another is in `replication`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::error::DynamoError;
use super::operation::{BillingMode, KeyAttribute, KeySchema, StreamView};
use super::value::{AttributeValue, Item, item_size_bytes};
use crate::domain::{Moment, RegionId};

/// Largest item ("Quotas in Amazon DynamoDB").
const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Longest partition key ("Quotas in Amazon DynamoDB").
const HASH_KEY_BYTES_MAX: usize = 2048;
/// Longest sort key ("Quotas in Amazon DynamoDB").
const RANGE_KEY_BYTES_MAX: usize = 1024;

/// How far behind an eventually consistent read may be inside a Region. DynamoDB promises
/// "usually one second or less" ("DynamoDB read consistency"); storage nodes are milliseconds apart.
pub(super) const STALENESS_MAX: Duration = Duration::from_millis(20);

/// An item's primary key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) hash: AttributeValue,
    pub(super) range: Option<AttributeValue>,
}

/// What orders the writes of an item over all Regions: the later wins, and of two at one time that
/// of the Region whose name is greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    at: Moment,
    /// Counts writes on top of one another within one millisecond, so that a Region never loses to
    /// a version that it has itself overwritten.
    turn: u32,
    region: RegionId,
}

/// An item as somebody wrote it; none for a deletion, which must travel like any other write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) stamp: Stamp,
    pub(super) item: Option<Arc<Item>>,
}

/// What is under one key.
#[derive(Debug, Clone)]
struct Slot {
    current: Version,
    landed: Moment,
    /// Versions that a stale read may still see, with the moments at which they landed.
    earlier: Vec<(Moment, Option<Arc<Item>>)>,
}

impl Slot {
    fn replace(&mut self, now: Moment, version: Version) {
        let old = std::mem::replace(&mut self.current, version);
        self.earlier.push((self.landed, old.item));
        self.landed = now;
        let horizon = now - STALENESS_MAX;
        let visible = self.earlier.partition_point(|(landed, _)| *landed <= horizon);
        self.earlier.drain(..visible.saturating_sub(1));
    }

    fn as_of(&self, moment: Moment) -> Option<&Arc<Item>> {
        if self.landed <= moment {
            return self.current.item.as_ref();
        }
        let seen = self.earlier.iter().rev().find(|(landed, _)| *landed <= moment);
        seen.and_then(|(_, item)| item.as_ref())
    }
}

/// Whether a copy can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not before this moment, nor before the copy's source has sent what it had.
    Creating { until: Moment, backlog: Option<Backlog> },
    /// Yes.
    Active,
    /// No more; gone at this moment, or when all that it has to send has arrived: a later replica
    /// would never learn of it otherwise.
    Deleting { until: Moment },
}

/// What a new replica waits for: that its source's direction has delivered this many changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Backlog {
    pub(super) from: RegionId,
    pub(super) changes: u64,
}

/// What a table was created with, and what `UpdateTable` changes.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) key: KeySchema,
    pub(super) billing: BillingMode,
    pub(super) stream: Option<StreamView>,
    pub(super) deletion_protected: bool,
}

/// A copy of a table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) settings: Settings,
    pub(super) phase: Phase,
    /// Distinguishes a table from a later one of the same name; the copies of a global table share
    /// it.
    pub(super) identity: u64,
    /// The Regions of the other copies.
    pub(super) peers: BTreeSet<RegionId>,
    partitions: BTreeMap<AttributeValue, BTreeMap<Option<AttributeValue>, Slot>>,
}

/// Sort keys with what is under them.
pub(super) type Entry<'t> = (Option<&'t AttributeValue>, &'t Arc<Item>);

impl Table {
    pub(super) fn new(settings: Settings, phase: Phase, identity: u64) -> Self {
        Self { settings, phase, identity, peers: BTreeSet::new(), partitions: BTreeMap::new() }
    }

    fn slot(&self, key: &Key) -> Option<&Slot> {
        self.partitions.get(&key.hash)?.get(&key.range)
    }

    /// The newest that this copy has.
    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Item>> {
        self.slot(key)?.current.item.as_ref()
    }

    /// What it had at a moment, not earlier than the staleness bound before now.
    pub(super) fn get_as_of(&self, key: &Key, moment: Moment) -> Option<&Arc<Item>> {
        self.slot(key)?.as_of(moment)
    }

    /// A partition's items as of a moment, by sort key.
    pub(super) fn partition(
        &self,
        hash: &AttributeValue,
        moment: Moment,
    ) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        let slots = self.partitions.get(hash).into_iter().flatten();
        slots.filter_map(move |(range, slot)| Some((range.as_ref(), slot.as_of(moment)?)))
    }

    /// All items as of a moment, from a partition on.
    pub(super) fn scan(
        &self,
        from: Option<&AttributeValue>,
        moment: Moment,
    ) -> impl Iterator<Item = (&AttributeValue, Entry<'_>)> {
        use std::ops::Bound;
        let start = from.map_or(Bound::Unbounded, Bound::Included);
        self.partitions
            .range::<AttributeValue, _>((start, Bound::Unbounded))
            .flat_map(move |(hash, _)| self.partition(hash, moment).map(move |entry| (hash, entry)))
    }

    /// Every version, deletions included.
    pub(super) fn versions(&self) -> impl Iterator<Item = (Key, &Version)> {
        self.partitions.iter().flat_map(|(hash, slots)| {
            slots.iter().map(|(range, slot)| {
                (Key { hash: hash.clone(), range: range.clone() }, &slot.current)
            })
        })
    }

    /// Items and their weight in bytes.
    pub(super) fn weigh(&self) -> (usize, usize) {
        let items = self.versions().filter_map(|(_, version)| version.item.as_ref());
        items.fold((0, 0), |(count, bytes), item| (count + 1, bytes + item_size_bytes(item)))
    }

    /// Writes as a caller does: whatever is there is overwritten.
    pub(super) fn write(
        &mut self,
        now: Moment,
        region: &RegionId,
        key: &Key,
        item: Option<Arc<Item>>,
    ) -> Version {
        let before = self.slot(key).map(|slot| &slot.current.stamp);
        let stamp = match before {
            Some(before) if before.at >= now => {
                Stamp { at: before.at, turn: before.turn + 1, region: region.clone() }
            }
            _ => Stamp { at: now, turn: 0, region: region.clone() },
        };
        let version = Version { stamp, item };
        self.land(now, key, version.clone());
        version
    }

    /// Writes as replication does: an older version changes nothing.
    pub(super) fn merge(&mut self, now: Moment, key: &Key, version: Version) {
        if self.slot(key).is_none_or(|slot| slot.current.stamp < version.stamp) {
            self.land(now, key, version);
        }
    }

    /// Takes over the items of an old copy of itself.
    pub(super) fn put_back(&mut self, old: Self) {
        self.partitions = old.partitions;
    }

    fn land(&mut self, now: Moment, key: &Key, version: Version) {
        let partition = self.partitions.entry(key.hash.clone()).or_default();
        match partition.get_mut(&key.range) {
            Some(slot) => slot.replace(now, version),
            None => {
                let slot = Slot { current: version, landed: now, earlier: Vec::new() };
                partition.insert(key.range.clone(), slot);
            }
        }
    }
}

/// The key of a whole item, which may have other attributes.
pub(super) fn key_of(item: &Item, schema: &KeySchema) -> Result<Key, DynamoError> {
    let attribute = |key: &KeyAttribute, bytes_max: usize| {
        let value = item.get(&key.name).ok_or_else(|| {
            DynamoError::validation(format!(
                "One or more parameter values were invalid: Missing the key {} in the item",
                key.name
            ))
        })?;
        if value.kind() != key.kind.as_str() {
            return Err(DynamoError::validation(format!(
                "One or more parameter values were invalid: Type mismatch for key {} expected: {} \
                 actual: {}",
                key.name,
                key.kind.as_str(),
                value.kind()
            )));
        }
        check_key_value(key, value, bytes_max)?;
        Ok(value.clone())
    };
    let hash = attribute(&schema.hash, HASH_KEY_BYTES_MAX)?;
    let range = schema.range.as_ref().map(|key| attribute(key, RANGE_KEY_BYTES_MAX)).transpose()?;
    Ok(Key { hash, range })
}

fn check_key_value(
    key: &KeyAttribute,
    value: &AttributeValue,
    bytes_max: usize,
) -> Result<(), DynamoError> {
    match value.size_bytes() {
        0 => Err(DynamoError::validation(format!(
            "One or more parameter values are not valid. The AttributeValue for a key attribute \
             cannot contain an empty {} value. Key: {}",
            if matches!(value, AttributeValue::B(_)) { "binary" } else { "string" },
            key.name
        ))),
        bytes if bytes > bytes_max => Err(DynamoError::validation(format!(
            "One or more parameter values were invalid: Size of {} has exceeded the maximum size \
             limit of {bytes_max} bytes",
            if bytes_max == HASH_KEY_BYTES_MAX { "hashkey" } else { "rangekey" },
        ))),
        _ => Ok(()),
    }
}

/// The key from a map that must hold it and nothing else.
pub(super) fn exact_key(given: &Item, schema: &KeySchema) -> Result<Key, DynamoError> {
    let attributes = [Some(&schema.hash), schema.range.as_ref()];
    let known = attributes.iter().flatten().count();
    let fits = attributes
        .into_iter()
        .flatten()
        .all(|key| given.get(&key.name).is_some_and(|value| value.kind() == key.kind.as_str()));
    if !fits || given.len() != known {
        return Err(DynamoError::validation("The provided key element does not match the schema"));
    }
    key_of(given, schema)
}

/// A key as attributes.
pub(super) fn key_item(
    schema: &KeySchema,
    hash: &AttributeValue,
    range: Option<&AttributeValue>,
) -> Item {
    let mut item = Item::from([(schema.hash.name.clone(), hash.clone())]);
    if let (Some(key), Some(range)) = (&schema.range, range) {
        item.insert(key.name.clone(), range.clone());
    }
    item
}

/// Refuses an item that can't be stored.
pub(super) fn check_item(item: &Item, words: &str) -> Result<(), DynamoError> {
    if item_size_bytes(item) > ITEM_BYTES_MAX {
        return Err(DynamoError::validation(words));
    }
    item.values().try_for_each(AttributeValue::check)
}
