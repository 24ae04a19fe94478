//! The seats' tables: linearizable registers, one set in each Region that has a seat.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::seat::{Beat, Seat};
use crate::domain::{CallFailure, RegionId, StateName};

/// Why a swap did not answer "done".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwapRefused {
    /// The condition failed: this is what the seat holds (none: there is no seat). The caller must
    /// look at the beat: its own there means that an earlier send of the same swap took effect.
    Found(Option<Box<Seat>>),
    /// Any other failure, sorted. Never of class conflict.
    Failed(CallFailure),
}

/// Seats and the control states beside them. All reads are strongly consistent, at the home
/// endpoint of the Region that is named: never from a copy.
#[async_trait]
pub trait Registers: Send + Sync {
    /// Reads a seat; none when the item does not exist (a *lost* seat, never a free one).
    async fn read_seat(&self, seat: &RegionId, limit: Duration) -> Answer<Option<Seat>>;

    /// Replaces a seat if its beat is still `expected`. Sent once.
    async fn swap_seat(
        &self,
        seat: &RegionId,
        expected: &Beat,
        new: &Seat,
        limit: Duration,
    ) -> Result<(), SwapRefused>;

    /// Puts a control state's document beside the seat, if no document has that name yet. A name
    /// that is taken by the very same document counts as done; by another one it is a conflict.
    async fn put_state(
        &self,
        seat: &RegionId,
        name: StateName,
        document: &str,
        limit: Duration,
    ) -> Answer<()>;

    /// Reads a control state's document; none when there is none of that name.
    async fn read_state(
        &self,
        seat: &RegionId,
        name: StateName,
        limit: Duration,
    ) -> Answer<Option<String>>;

    /// Creates the seats' table of this Region if there is none, and waits until it can be used.
    /// Says whether it created one. For `init` only.
    async fn create_table(&self, seat: &RegionId, limit: Duration) -> Answer<bool>;

    /// Whether this Region has the seats' table, ready for use.
    async fn has_table(&self, seat: &RegionId, limit: Duration) -> Answer<bool>;

    /// Creates a seat's item if there is none; a conflict if there is one. For `init` only: a
    /// running brain never creates a seat, since empty is not free.
    async fn create_seat(&self, seat: &RegionId, new: &Seat, limit: Duration) -> Answer<()>;
}
