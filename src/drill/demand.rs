//! What a drill demands of the world, and by when.

use std::fmt;

use super::cast::RegionRef;
use super::runs::Standing;
use super::words::seconds;
use crate::config::Position;
use crate::domain::{DatabaseId, ServiceId};
use crate::world::log::ClientKind;

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// For the report: the file's own words, or the demand in words.
    pub name: String,
    /// What must hold.
    pub demand: Demand,
    /// Where the file says so.
    pub position: Position,
}

/// What can be demanded. Times are since the first fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Demand {
    /// A majority of seats came to hold the same new epoch and holder.
    Leader {
        /// Whether it must also stay the only one until the end.
        one: bool,
        /// By then.
        within_ms: u32,
    },
    /// The zone comes to give weight 0, and still does in time.
    Drained {
        /// To which Region.
        region: RegionRef,
        /// For which service; all that the Region serves if none.
        service: Option<ServiceId>,
        /// What it gave up to then doesn't count, but that it gave more.
        after_ms: u32,
        /// By then.
        within_ms: u32,
    },
    /// The zone, having given weight 0, gives more again, and still does at the end.
    Serving {
        /// To which Region.
        region: RegionRef,
        /// For which service; all that the Region serves if none.
        service: Option<ServiceId>,
        /// By then.
        within_ms: u32,
    },
    /// Clients are served there.
    Served {
        /// In which Region; in each that serves if none.
        region: Option<RegionRef>,
        /// Those up to then don't count.
        after_ms: u32,
    },
    /// No applied batch changes a weight.
    NothingMoves,
    /// No majority of seats comes to hold another epoch.
    NoNewLeader,
    /// Few enough requests of one kind of client fail.
    ClientErrors {
        /// Which clients.
        kind: ClientKind,
        /// Failures up to then are forgiven.
        after_ms: u32,
        /// As many may fail later.
        max: u64,
    },
    /// An applied batch changes a weight.
    FirstAction {
        /// By then.
        within_ms: u32,
    },
    /// No applied batch leaves a service without a weight above 0.
    NeverEmpty,
    /// The epoch in a zone's fence never falls.
    EpochsRise,
    /// Few enough writes that a client was told of are lost.
    WritesLost {
        /// As many may be.
        max: u64,
    },
    /// A database's writer has moved.
    Writer {
        /// Of which database.
        database: DatabaseId,
        /// To where; anywhere if none.
        region: Option<RegionRef>,
        /// Not sooner.
        after_ms: u32,
        /// By then.
        within_ms: u32,
    },
    /// Writes are taken, and nowhere else than in one Region.
    WrittenIn {
        /// In which.
        region: RegionRef,
        /// Those up to then don't count.
        after_ms: u32,
    },
    /// A run of a runbook came to stand so.
    Run {
        /// Of which runbook.
        runbook: String,
        /// How.
        status: Standing,
        /// By then.
        within_ms: u32,
    },
    /// Just so many of the people's orders were refused.
    OrdersRefused {
        /// How many.
        count: u64,
    },
}

impl Demand {
    /// How long after the first fault it is judged last, if it is bound to a time.
    #[must_use]
    pub const fn limit_ms(&self) -> Option<u32> {
        match self {
            Self::Leader { within_ms, .. }
            | Self::Drained { within_ms, .. }
            | Self::Serving { within_ms, .. }
            | Self::Writer { within_ms, .. }
            | Self::Run { within_ms, .. }
            | Self::FirstAction { within_ms } => Some(*within_ms),
            Self::ClientErrors { after_ms, .. }
            | Self::WrittenIn { after_ms, .. }
            | Self::Served { after_ms, .. } => Some(*after_ms),
            Self::NothingMoves
            | Self::NoNewLeader
            | Self::NeverEmpty
            | Self::EpochsRise
            | Self::WritesLost { .. }
            | Self::OrdersRefused { .. } => None,
        }
    }

    pub(super) fn target(&self) -> Option<(&RegionRef, Option<&ServiceId>)> {
        match self {
            Self::Drained { region, service, .. } | Self::Serving { region, service, .. } => {
                Some((region, service.as_ref()))
            }
            Self::Writer { region: Some(region), .. }
            | Self::Served { region: Some(region), .. }
            | Self::WrittenIn { region, .. } => Some((region, None)),
            _ => None,
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spot = |region: &RegionRef, service: &Option<ServiceId>| match service {
            None => region.to_string(),
            Some(service) => format!("{service} in {region}"),
        };
        match self {
            Self::Leader { one, within_ms } => {
                let only = if *one { "exactly one" } else { "a" };
                write!(f, "{only} new leader within {}", seconds(*within_ms))
            }
            Self::Drained { region, service, after_ms, within_ms } => {
                write!(f, "{} drained", spot(region, service))?;
                if *after_ms > 0 {
                    write!(f, " anew after {}, and", seconds(*after_ms))?;
                }
                write!(f, " within {}", seconds(*within_ms))
            }
            Self::Serving { region, service, within_ms } => {
                write!(f, "{} serving again within {}", spot(region, service), seconds(*within_ms))
            }
            Self::Served { region, after_ms } => {
                let wanted = region.as_ref().map(ToString::to_string);
                let wanted = wanted.as_deref().unwrap_or("every Region");
                write!(f, "clients are served in {wanted} after {}", seconds(*after_ms))
            }
            Self::NothingMoves => f.write_str("no weight moves"),
            Self::NoNewLeader => f.write_str("no new leader"),
            Self::ClientErrors { kind, after_ms, max } => {
                let kind = super::words::client(*kind);
                write!(f, "at most {max} failures of {kind} clients after {}", seconds(*after_ms))
            }
            Self::FirstAction { within_ms } => {
                write!(f, "the first weight moves within {}", seconds(*within_ms))
            }
            Self::NeverEmpty => f.write_str("no service is ever left without an answer"),
            Self::EpochsRise => f.write_str("no zone's epoch ever falls"),
            Self::WritesLost { max } => write!(f, "at most {max} acknowledged writes are lost"),
            Self::Writer { database, region, after_ms, within_ms } => {
                write!(f, "the writer of {database} has moved")?;
                if let Some(region) = region {
                    write!(f, " to {region}")?;
                }
                if *after_ms > 0 {
                    write!(f, " after {}, and", seconds(*after_ms))?;
                }
                write!(f, " within {}", seconds(*within_ms))
            }
            Self::WrittenIn { region, after_ms } => {
                write!(f, "after {} writes are taken in {region} only", seconds(*after_ms))
            }
            Self::Run { runbook, status, within_ms } => {
                write!(f, "a run of {runbook} is {status} within {}", seconds(*within_ms))
            }
            Self::OrdersRefused { count: 0 } => f.write_str("no order is refused"),
            Self::OrdersRefused { count: 1 } => f.write_str("one order is refused"),
            Self::OrdersRefused { count } => write!(f, "{count} orders are refused"),
        }
    }
}
