//! A member of a global cluster: what its volume has, and whether it can be used.

use std::time::Duration;

use crate::domain::Moment;
use crate::domain::database::ClusterArn;

use super::commits::Commit;

/// How much faster than real time a secondary catches up once it is connected again.
const CATCH_UP: u32 = 20;

/// A member cluster.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its ARN.
    pub arn: ClusterArn,
    /// Its engine's version.
    pub engine_version: String,
    /// How many instances it has.
    pub instances: u16,
    /// Its cluster parameter group: a name in its own Region.
    pub parameter_group: String,
    /// Whether it has lost its key: it takes and gives nothing.
    pub broken: bool,
    /// Added to what it is behind.
    pub lag_extra: Duration,
    pub(super) volume: Volume,
}

/// What a member's volume is.
#[derive(Debug, Clone)]
pub(super) enum Volume {
    /// The writer's.
    Writer,
    /// It follows the writer.
    Follows(Stream),
    /// It was the writer until a failover. It may not know yet.
    Deposed(Deposed),
    /// It is being made anew from the writer's, to be ready then.
    Rebuilt { ready_at: Moment },
    /// It is to be made anew as soon as its Region can be reached.
    Stale,
}

/// A secondary's replication.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// It has every write that was taken by then.
    pub(super) has_until: Moment,
    /// When it last heard of the writer.
    pub(super) heard_at: Moment,
}

impl Stream {
    /// Level with the writer.
    pub(super) fn level(now: Moment) -> Self {
        Self { has_until: now, heard_at: now }
    }

    /// Receives what has come in a span of time that ends now, in which it was this far behind.
    pub(super) fn receive(&mut self, now: Moment, span: Duration, behind: Duration) {
        self.heard_at = now;
        let most = self.has_until + span * CATCH_UP;
        self.has_until = self.has_until.max(most.min(now - behind));
    }
}

/// A writer that a failover has passed over.
#[derive(Debug, Clone)]
pub(super) struct Deposed {
    /// What it has taken and the new writer has not.
    pub(super) tail: Vec<Commit>,
    /// Whether it takes writes still.
    pub(super) takes_writes: bool,
    /// When it will take none any more; none while it can't be told.
    pub(super) fenced_at: Option<Moment>,
    /// When the failover was accepted: its volume's point of failure.
    pub(super) since: Moment,
}
