//! The first control state, and which seats `init` may create.
//!
//! Empty is not free: a seat that is missing may have been lost, together with what it had promised.
//! A missing seat is created only while every other seat shows that no leader has ever taken it; and
//! the others are read *after* the missing one was found missing, so that no majority with it can
//! have formed before.

use std::collections::BTreeMap;

use crate::domain::control::StateRef;
use crate::domain::digest::Digest;
use crate::domain::seat::{Beat, Incarnation, Seat};
use crate::domain::steering::Steering;
use crate::domain::{AgentId, BootId, Epoch, Fleet, RegionId, StateName};

use super::explain::{Cause, State};

/// A genesis state with its document and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// The state.
    pub state: State,
    /// As stored.
    pub document: String,
    /// Its name and fingerprint.
    pub reference: StateRef,
}

/// Makes a genesis: no weights wanted yet, the seats of the files, each with a fresh incarnation
/// drawn by `draw`.
pub fn genesis(fleet: &Fleet, by: AgentId, at: String, mut draw: impl FnMut() -> u64) -> Genesis {
    let seats = fleet
        .seats
        .iter()
        .map(|seat| (seat.clone(), Incarnation(format!("{:016x}", draw()))))
        .collect();
    let state = State {
        name: StateName::GENESIS,
        fleet: fleet.name.clone(),
        seats,
        wanted: BTreeMap::new(),
        steering: Steering::default(),
        runs: BTreeMap::new(),
        by,
        at,
        cause: Cause::Genesis,
    };
    let document = serde_json::to_string(&state).expect("a state has only texts as keys");
    restore(state, document)
}

fn restore(state: State, document: String) -> Genesis {
    let reference = StateRef { name: state.name, digest: Digest::of(document.as_bytes()) };
    Genesis { state, document, reference }
}

/// Why a stored genesis can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGenesis {
    /// It is not a control state.
    #[error("the stored first control state can't be read: {0}")]
    Unreadable(String),
    /// It is of another fleet or other seats.
    #[error(
        "the tables belong to the fleet {fleet:?} with seats {seats:?}, which is not what the files \
         say: use other table names, or mend the files"
    )]
    Foreign {
        /// The stored fleet's name.
        fleet: String,
        /// The stored seats.
        seats: Vec<String>,
    },
}

/// Reads a genesis that an earlier `init` left, for one that goes on where it stopped.
///
/// # Errors
/// When it is damaged, or of another fleet or other seats.
pub fn read_genesis(fleet: &Fleet, document: &str) -> Result<Genesis, BadGenesis> {
    let state: State = serde_json::from_str(document)
        .map_err(|error| BadGenesis::Unreadable(error.to_string()))?;
    if state.fleet != fleet.name || !state.seats.keys().eq(fleet.seats.iter()) {
        return Err(BadGenesis::Foreign {
            fleet: state.fleet.to_string(),
            seats: state.seats.keys().map(ToString::to_string).collect(),
        });
    }
    Ok(restore(state, document.to_owned()))
}

/// A seat that nobody has taken yet.
///
/// # Panics
/// When the genesis has no such seat.
#[must_use]
pub fn unborn_seat(genesis: &Genesis, seat: &RegionId, by: &AgentId) -> Seat {
    let incarnation = genesis.state.seats.get(seat).expect("a seat of the genesis").clone();
    Seat {
        beat: Beat { agent: by.clone(), boot: BootId(0), count: 0 },
        incarnation,
        epoch: Epoch::ZERO,
        holder: None,
        lease_ms: 0,
        committed: genesis.reference,
    }
}

/// What the seats tell `init`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seats {
    /// Every seat is there.
    Complete,
    /// These may be created.
    Create(Vec<RegionId>),
    /// These are missing although the fleet has had a leader: they are lost.
    Lost(Vec<RegionId>),
}

/// Decides on missing seats. `found` must have been read after each missing seat was found missing.
#[must_use]
pub fn judge_seats(found: &BTreeMap<RegionId, Option<Seat>>) -> Seats {
    let missing: Vec<RegionId> =
        found.iter().filter(|(_, seat)| seat.is_none()).map(|(id, _)| id.clone()).collect();
    if missing.is_empty() {
        return Seats::Complete;
    }
    let ever_led = found
        .values()
        .flatten()
        .any(|seat| seat.epoch > Epoch::ZERO || seat.committed.name > StateName::GENESIS);
    if ever_led { Seats::Lost(missing) } else { Seats::Create(missing) }
}
