//! What judges are told. Each variant says who produces it; facts come in the order of time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::core::explain::State;
use crate::core::gauges::Queues;
use crate::domain::digest::Digest;
use crate::domain::gate::Gate;
use crate::domain::record::{RecordKey, RecordSet, Routing};
use crate::domain::{
    AgentId, BootId, CellState, DatabaseId, Epoch, Fence, Moment, RegionId, Seat, StateName,
    Target, ZoneId,
};

/// What records say, by name and set identifier.
pub type RecordParts = BTreeMap<RecordKey, BTreeMap<String, Part>>;

/// What a record says of its Region's part in the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// It has this weight.
    Weight(u8),
    /// Of a failover pair it is the primary: answered as long as it is healthy.
    Primary,
    /// Of a failover pair it is the secondary: answered only when the primary isn't healthy.
    Secondary,
}

impl Part {
    /// The part by a record's routing; none where that is no Region's.
    #[must_use]
    pub const fn of(routing: &Routing) -> Option<Self> {
        match routing {
            Routing::Weighted { weight, .. } => Some(Self::Weight(weight.0)),
            Routing::Failover { primary: true, .. } => Some(Self::Primary),
            Routing::Failover { primary: false, .. } => Some(Self::Secondary),
            Routing::Simple | Routing::Other { .. } => None,
        }
    }

    /// Whether it is answered while every record of its name is healthy.
    #[must_use]
    pub const fn serves(self) -> bool {
        matches!(self, Self::Weight(1..) | Self::Primary)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weight(weight) => write!(f, "weight {weight}"),
            Self::Primary => f.write_str("primary"),
            Self::Secondary => f.write_str("secondary"),
        }
    }
}

/// Notes a record's part, if it has one.
pub fn note_part(parts: &mut RecordParts, record: &RecordSet) {
    if let (Some(id), Some(part)) = (record.routing.set_identifier(), Part::of(&record.routing)) {
        parts.entry(record.key.clone()).or_default().insert(id.to_owned(), part);
    }
}

/// Something that was the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// An agent acts as leader. Produced by whoever steps the brain, whenever this has changed.
    Leads {
        /// Who.
        agent: AgentId,
        /// In which run.
        boot: BootId,
        /// Under which epoch.
        epoch: Epoch,
        /// Until when, in true time, it would go on if it heard of nothing more.
        until: Moment,
    },
    /// An agent that acted as leader does so no more. Produced as `Leads` is.
    Rests {
        /// Who.
        agent: AgentId,
    },
    /// An agent sent a call with an effect that only a leader may have. Produced by whoever carries
    /// out the brain's commands.
    Sent {
        /// Who.
        agent: AgentId,
        /// Under which epoch, by the call's own content.
        epoch: Epoch,
        /// What.
        act: Act,
        /// When it is given up, in true time.
        deadline: Moment,
    },
    /// The writer of a database is in this Region and nowhere else, or moves. Produced by whoever knows
    /// the world, whenever it has changed.
    Writer {
        /// Of which database.
        database: DatabaseId,
        /// Where; none while it moves.
        region: Option<RegionId>,
    },
    /// A brain's queues have become longer than ever before in its run. Produced as `Leads` is.
    Queued {
        /// Whose.
        agent: AgentId,
        /// How long they are.
        queues: Queues,
    },
    /// A seat was written. Produced from the log of the tables.
    SeatWritten {
        /// Whose.
        region: RegionId,
        /// What it then held.
        seat: Seat,
    },
    /// A leader proposes a control state. Produced by whoever carries out the brain's commands, when
    /// it is first sent to a seat; where commands are not seen, from the log of the tables, when it
    /// was first put.
    Proposed {
        /// The state.
        state: Arc<State>,
        /// What the reports that a reader could then still find fresh said of the targets whose
        /// weights it changes; none where reports are not followed.
        said: Option<BTreeSet<Saying>>,
    },
    /// A control state was put beside a seat: at least once for each content, and not necessarily
    /// for each seat. Produced from the log of the tables.
    StatePut {
        /// The state.
        state: Arc<State>,
        /// Its document's fingerprint.
        digest: Digest,
    },
    /// A majority of seats has come to show this state. Produced by [`super::Invariants`] itself,
    /// out of `SeatWritten`; nobody else is to tell it.
    Committed {
        /// Which.
        name: StateName,
    },
    /// A batch was applied to a zone. Produced from the log of the zones.
    ZoneApplied {
        /// Which.
        zone: ZoneId,
        /// The agent that sent it; none for a person.
        by: Option<AgentId>,
        /// The fence that it set, if it set one.
        fence: Option<Fence>,
        /// The records of the names that it touched, as they were before.
        before: RecordParts,
        /// The records of the names that it touched, as they then were.
        after: RecordParts,
    },
    /// Whether a target truly answers as it should when asked from a Region. Produced by the
    /// simulator, which knows its world: at the start, and whenever it has changed.
    Reach {
        /// Asked from there.
        from: RegionId,
        /// Who is asked.
        target: Target,
        /// Whether it answers in time, and rightly.
        fine: bool,
    },
    /// An agent's gate endpoint answered that a gate is closed. Produced by whoever asks it.
    GateShown {
        /// Who.
        agent: AgentId,
        /// Which gate.
        gate: Gate,
        /// By which state.
        state: StateName,
    },
    /// Name servers have come to take a gate's Region for shut, or for open again. Produced by the
    /// simulator, which knows its health checks.
    GateSeen {
        /// Which gate.
        gate: Gate,
        /// Whether it is shut.
        shut: bool,
    },
    /// A request to make another member of a global cluster its writer was sent, and can land.
    /// Produced by the simulator.
    PromotionSent {
        /// The cluster.
        cluster: String,
        /// The writer to be.
        to: RegionId,
    },
    /// No such request for this cluster can land any more. Produced by the simulator.
    PromotionResolved {
        /// The cluster.
        cluster: String,
    },
}

/// What a call is to bring about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// A control state beside a seat.
    Put(StateName),
    /// A batch of changes in a zone.
    Change(ZoneId),
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(name) => write!(f, "control state {name}"),
            Self::Change(zone) => write!(f, "a batch for zone {zone}"),
        }
    }
}

/// What a report said of a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Saying {
    /// The observer.
    pub agent: AgentId,
    /// Where it stands.
    pub region: RegionId,
    /// Of what.
    pub target: Target,
    /// How it found it.
    pub state: CellState,
}
