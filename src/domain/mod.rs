//! The words of the field, as types.
//!
//! What every other module speaks: Regions, seats, epochs, weights, records, observations. A type
//! here knows when a value of it is valid and how it is written down, and nothing more: no policy,
//! no clock, no IO. Everything that crosses a wire or is kept in a table is built from these.

pub mod answers;
mod arn;
pub mod autonomy;
pub mod capacity;
pub mod control;
pub mod database;
pub mod digest;
pub mod drift;
pub mod failure;
pub mod fleet;
pub mod gate;
pub mod health_check;
pub mod name;
pub mod notice;
pub mod observation;
pub mod order;
pub mod preflight;
pub mod record;
pub mod role;
pub mod seat;
pub mod signal;
pub mod steering;
pub mod time;
pub mod webhook;
pub mod weight;
pub mod zone;

pub use control::{ControlState, StateName, StateRef};
pub use failure::{CallFailure, FailureClass};
pub use fleet::Fleet;
pub use name::{
    AgentId, DatabaseId, FleetName, GlobalClusterId, InvalidName, RegionId, ServiceId, ZoneId,
};
pub use observation::{CellState, Phases, ProbeFailure, Report, Sample, Target};
pub use order::{Order, OrderId};
pub use preflight::Preflight;
pub use record::{Fence, RecordKey, RecordSet, ZoneBatch, ZoneRead};
pub use seat::{Beat, BootId, Epoch, Seat};
pub use time::Moment;
pub use weight::Weight;
