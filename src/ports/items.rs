//! How seats, states, reports and history lie in DynamoDB items.
//!
//! One layout for all who read or write the tables: the AWS adapter, the simulator's ports, the
//! drill that reads a fleet's story out of a table's log. Attributes are kept neutral here, so that
//! neither the SDK's types nor the world's leak into the other.
//!
//! | table | key | attributes |
//! |---|---|---|
//! | seats (plain, one a Region) | `id = "seat"` | `incarnation`, `epoch`, `holder`, `lease_ms`, `beat`, `state_epoch`, `state_seq`, `state_digest` |
//! | | `id = "state#<epoch>#<seq>"` | `document` |
//! | board (global) | `kind = "report"`, `id = <agent>` | `document` |
//! | | `kind = "order"`, `id = <order>` | `document` |
//! | | `kind = "history"`, `id = "<epoch>#<seq>"` zero-padded | `document` |

use std::collections::BTreeMap;

use crate::domain::control::StateRef;
use crate::domain::seat::{Epoch, Incarnation, Seat};
use crate::domain::{CallFailure, StateName};

/// An attribute's value: the few kinds that the layout needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A string.
    S(String),
    /// A whole number.
    N(u64),
}

/// An item by attribute name.
pub type Item = BTreeMap<String, Attribute>;

/// An attribute's value where it lies, in whoever's types: [`seat_by`] copies only what it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string.
    S(&'a str),
    /// A whole number.
    N(u64),
}

impl Attribute {
    fn value(&self) -> Value<'_> {
        match self {
            Self::S(text) => Value::S(text),
            Self::N(number) => Value::N(*number),
        }
    }
}

/// Hash key of the seats' table.
pub const SEATS_KEY: &str = "id";
/// Hash key of the board.
pub const BOARD_HASH: &str = "kind";
/// Range key of the board.
pub const BOARD_RANGE: &str = "id";
/// Value of the seats' key for the seat itself.
pub const SEAT_ID: &str = "seat";
/// Value of the board's hash key for reports.
pub const KIND_REPORT: &str = "report";
/// Value of the board's hash key for history.
pub const KIND_HISTORY: &str = "history";
/// Value of the board's hash key for people's orders.
pub const KIND_ORDER: &str = "order";
/// Attribute of a seat on which every write is conditional.
pub const BEAT: &str = "beat";
/// Attribute that holds a JSON document.
pub const DOCUMENT: &str = "document";

fn text(value: impl Into<String>) -> Attribute {
    Attribute::S(value.into())
}

/// The key of a control state's document in the seats' table.
#[must_use]
pub fn state_id(name: StateName) -> String {
    format!("state#{}#{}", name.epoch, name.seq)
}

/// The range key of a history document: zero-padded, so that the order of texts is that of names.
#[must_use]
pub fn history_id(name: StateName) -> String {
    format!("{:020}#{:020}", name.epoch.0, name.seq)
}

/// The name in a history document's range key.
#[must_use]
pub fn history_name(id: &str) -> Option<StateName> {
    let (epoch, seq) = id.split_once('#')?;
    Some(StateName { epoch: Epoch(epoch.parse().ok()?), seq: seq.parse().ok()? })
}

/// A seat as an item, key included.
#[must_use]
pub fn seat_item(seat: &Seat) -> Item {
    let mut item = Item::from([
        (SEATS_KEY.to_owned(), text(SEAT_ID)),
        ("incarnation".to_owned(), text(&seat.incarnation.0)),
        ("epoch".to_owned(), Attribute::N(seat.epoch.0)),
        ("lease_ms".to_owned(), Attribute::N(u64::from(seat.lease_ms))),
        (BEAT.to_owned(), text(seat.beat.to_string())),
        ("state_epoch".to_owned(), Attribute::N(seat.committed.name.epoch.0)),
        ("state_seq".to_owned(), Attribute::N(seat.committed.name.seq)),
        ("state_digest".to_owned(), text(seat.committed.digest.to_string())),
    ]);
    if let Some(holder) = &seat.holder {
        item.insert("holder".to_owned(), text(holder.as_str()));
    }
    item
}

/// A document under a key of the seats' table.
#[must_use]
pub fn state_item(name: StateName, document: &str) -> Item {
    Item::from([
        (SEATS_KEY.to_owned(), text(state_id(name))),
        (DOCUMENT.to_owned(), text(document)),
    ])
}

/// The key of an item on the board.
#[must_use]
pub fn board_key(kind: &str, id: &str) -> Item {
    Item::from([(BOARD_HASH.to_owned(), text(kind)), (BOARD_RANGE.to_owned(), text(id))])
}

/// A document on the board.
#[must_use]
pub fn board_item(kind: &str, id: &str, document: &str) -> Item {
    let mut item = board_key(kind, id);
    item.insert(DOCUMENT.to_owned(), text(document));
    item
}

/// Reads a seat out of an item.
///
/// # Errors
/// A permanent failure that names the attribute, when the item is not a seat: somebody else's
/// write. It is never taken as an absent seat.
pub fn seat_from(item: &Item) -> Result<Seat, CallFailure> {
    seat_by(|name| item.get(name).map(Attribute::value))
}

/// Reads a seat by its attributes; one of another kind than the layout's is to be given as missing.
///
/// # Errors
/// As [`seat_from`].
pub fn seat_by<'a>(get: impl Fn(&str) -> Option<Value<'a>>) -> Result<Seat, CallFailure> {
    let string = |name: &str| match get(name) {
        Some(Value::S(value)) => Ok(value),
        _ => Err(damaged(name, "a string")),
    };
    let number = |name: &str| match get(name) {
        Some(Value::N(value)) => Ok(value),
        _ => Err(damaged(name, "a whole number")),
    };
    let name = StateName { epoch: Epoch(number("state_epoch")?), seq: number("state_seq")? };
    Ok(Seat {
        incarnation: Incarnation(string("incarnation")?.to_owned()),
        epoch: Epoch(number("epoch")?),
        holder: match get("holder") {
            None => None,
            Some(Value::S(holder)) => {
                Some(holder.parse().map_err(|_| damaged("holder", "an agent's name"))?)
            }
            Some(Value::N(_)) => return Err(damaged("holder", "an agent's name")),
        },
        lease_ms: u32::try_from(number("lease_ms")?)
            .map_err(|_| damaged("lease_ms", "a lease in milliseconds"))?,
        beat: string(BEAT)?.parse().map_err(|_| damaged(BEAT, "of the form agent/boot/count"))?,
        committed: StateRef {
            name,
            digest: string("state_digest")?
                .parse()
                .map_err(|_| damaged("state_digest", "a digest"))?,
        },
    })
}

/// Reads the seat out of an item in plain JSON, as logs have it; none if it is something else.
#[must_use]
pub fn seat_in_json(item: &serde_json::Value) -> Option<Seat> {
    if item.get(SEATS_KEY)? != SEAT_ID {
        return None;
    }
    let value = |name: &str| match item.get(name)? {
        serde_json::Value::String(text) => Some(Value::S(text)),
        number => Some(Value::N(number.as_u64()?)),
    };
    seat_by(value).ok()
}

/// Reads a document out of an item.
///
/// # Errors
/// A permanent failure when the item has none.
pub fn document_from(item: &Item) -> Result<String, CallFailure> {
    match item.get(DOCUMENT) {
        Some(Attribute::S(document)) => Ok(document.clone()),
        _ => Err(no_document()),
    }
}

/// That an item has no document.
#[must_use]
pub fn no_document() -> CallFailure {
    damaged(DOCUMENT, "a string")
}

fn damaged(attribute: &str, expected: &str) -> CallFailure {
    CallFailure::permanent(format!(
        "the item's attribute `{attribute}` is missing or is not {expected}: something other than \
         regent writes to this table"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::seat::{Beat, BootId};

    fn seat(holder: Option<&str>) -> Seat {
        Seat {
            incarnation: Incarnation("i1".to_owned()),
            epoch: Epoch(4),
            holder: holder.map(|name| name.parse().expect("valid")),
            lease_ms: 5000,
            beat: Beat { agent: "a".parse().expect("valid"), boot: BootId(1), count: 2 },
            committed: StateRef {
                name: StateName { epoch: Epoch(3), seq: 9 },
                digest: Digest::of(b"x"),
            },
        }
    }

    #[test]
    fn a_seat_survives_its_item() {
        for holder in [None, Some("eu-west-1")] {
            let seat = seat(holder);
            assert_eq!(seat_from(&seat_item(&seat)).expect("whole"), seat);
        }
    }

    #[test]
    fn a_damaged_seat_is_an_error_that_names_the_attribute() {
        for name in
            ["incarnation", "epoch", "lease_ms", "beat", "state_epoch", "state_seq", "state_digest"]
        {
            let mut item = seat_item(&seat(None));
            item.remove(name);
            let error = seat_from(&item).expect_err("damaged");
            assert!(error.what.contains(name), "{error}");
        }
    }

    #[test]
    fn history_keys_sort_as_their_names_do() {
        let a = StateName { epoch: Epoch(9), seq: 10 };
        let b = StateName { epoch: Epoch(10), seq: 2 };
        assert!(history_id(a) < history_id(b));
        assert_eq!(history_name(&history_id(b)), Some(b));
    }
}
