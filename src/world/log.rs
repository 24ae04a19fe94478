//! What happened in the world, in order: the drill reads its story and its figures out of it, and
//! invariants judge it.
//!
//! Entries are the world's own facts (a write landed, a batch was applied, a client got an error),
//! never what a brain says of itself.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::network::Place;
use super::rds::WriteId;
use crate::domain::record::{ChangeId, RecordChange};
use crate::domain::{GlobalClusterId, Moment, RegionId, ServiceId, ZoneId};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Happening {
    /// Somebody changed the world.
    Fault {
        /// How.
        #[serde(flatten)]
        fault: Fault,
    },
    /// An item was written at a table's replica by a caller (not by replication).
    Put {
        /// Whose endpoint.
        region: RegionId,
        /// Which table.
        table: String,
        /// The caller.
        caller: String,
        /// The item as plain JSON: strings, numbers, and so on.
        item: serde_json::Value,
    },
    /// A batch was applied to a zone.
    ZoneChanged {
        /// Which zone.
        zone: ZoneId,
        /// The caller.
        caller: String,
        /// The change's ID.
        change: ChangeId,
        /// The batch.
        changes: Vec<RecordChange>,
    },
    /// A batch was rejected.
    ZoneRejected {
        /// Which zone.
        zone: ZoneId,
        /// The caller.
        caller: String,
        /// Route 53's words.
        why: String,
    },
    /// A client's request was answered as it should be, by this Region.
    Served {
        /// Which service.
        service: ServiceId,
        /// By which Region.
        region: RegionId,
        /// The kind of client.
        client: ClientKind,
    },
    /// A client's request failed.
    Failed {
        /// Which service.
        service: ServiceId,
        /// At which Region, if it got as far as an address.
        region: Option<RegionId>,
        /// The kind of client.
        client: ClientKind,
        /// How it failed.
        why: String,
    },
    /// A client's write was acknowledged to it.
    Wrote {
        /// By which service.
        service: ServiceId,
        /// By whose application.
        region: RegionId,
        /// Which writer took it.
        by: RegionId,
        /// Its name.
        write: WriteId,
        /// The kind of client.
        client: ClientKind,
    },
    /// A client's write was not acknowledged: whether it was taken, nobody can tell it.
    NotWritten {
        /// By which service.
        service: ServiceId,
        /// By whose application, if it got as far as an address.
        region: Option<RegionId>,
        /// Its name.
        write: WriteId,
        /// The kind of client.
        client: ClientKind,
        /// What it was told.
        why: String,
    },
    /// A move of a database's writer was accepted.
    WriterMoving {
        /// Of which global cluster.
        cluster: GlobalClusterId,
        /// From where.
        from: RegionId,
        /// To where.
        to: RegionId,
        /// Whether data may be lost.
        allow_data_loss: bool,
    },
    /// A database's writer is elsewhere now.
    WriterMoved {
        /// Of which global cluster.
        cluster: GlobalClusterId,
        /// Where it was.
        from: RegionId,
        /// Where it is.
        to: RegionId,
    },
    /// A move was given up.
    WriterStays {
        /// Of which global cluster.
        cluster: GlobalClusterId,
        /// Where the writer is.
        writer: RegionId,
    },
    /// Writes that a database had taken are lost to it: by a failover, or taken by a writer that was
    /// passed over and did not know.
    WritesLost {
        /// Of which global cluster.
        cluster: GlobalClusterId,
        /// Who had taken them.
        by: RegionId,
        /// Which, whether or not anybody was told that they were taken.
        writes: Vec<WriteId>,
    },
}

/// How a client treats names and connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// Resolves anew when the TTL is over, and connects anew for each request.
    Orderly,
    /// Keeps its connection for as long as it works.
    KeepsAlive,
    /// Resolves once and keeps the address.
    IgnoresTtl,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: Moment,
    /// What.
    #[serde(flatten)]
    pub happening: Happening,
}

impl Entry {
    /// Whether a zone was changed, or a change refused.
    #[must_use]
    pub fn is_of_a_zone(&self) -> bool {
        matches!(self.happening, Happening::ZoneChanged { .. } | Happening::ZoneRejected { .. })
    }
}

/// The log.
#[derive(Debug, Clone, Default)]
pub struct Log {
    entries: Vec<Entry>,
}

impl Log {
    /// Adds an entry.
    ///
    /// # Panics
    /// When `at` is earlier than the entry before it: time does not go back in a world.
    pub fn add(&mut self, at: Moment, happening: Happening) {
        assert!(self.entries.last().is_none_or(|last| last.at <= at), "the log went back in time");
        self.entries.push(Entry { at, happening });
    }

    /// When the newest entry was added; the world's zero when there is none.
    #[must_use]
    pub fn newest(&self) -> Moment {
        self.entries.last().map_or(Moment::ZERO, |entry| entry.at)
    }

    /// Forgets every entry so far, and hands them over.
    pub fn forget(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// Every entry that is not forgotten.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// The name of a caller that is no agent: a person.
pub const OPERATOR: &str = "operator";

/// A caller's place and name, as the access key tells them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// Who: an agent's name, or [`OPERATOR`].
    pub name: String,
    /// Where it stands.
    pub place: Place,
}
