//! Reading everything, all at once, with a limit on each call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::Outside;
use crate::cli::outside::ask_all;
use crate::domain::zone::{self, Wanted};
use crate::domain::{Fleet, RegionId, Report, Seat, StateRef, ZoneId, ZoneRead};
use crate::ports::Answer;

/// Limit of a call to a table. Three of them may follow one another; together they must end while
/// a person still waits.
const TABLE_LIMIT: Duration = Duration::from_millis(1_500);

/// Limit of reading a zone: a call for each service and one for the fence, all in us-east-1.
const ZONE_LIMIT: Duration = Duration::from_millis(4_000);

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) seats: BTreeMap<RegionId, Answer<Option<Seat>>>,
    /// The documents of the state that a majority of seats shows, by where they were read.
    pub(super) documents: BTreeMap<RegionId, Answer<Option<String>>>,
    pub(super) reports: BTreeMap<RegionId, Answer<Vec<Report>>>,
    pub(super) zones: BTreeMap<ZoneId, Answer<ZoneRead>>,
}

pub(super) async fn read(fleet: &Fleet, outside: &Outside) -> Reading {
    let reports = ask_all(fleet.regions.iter().cloned().map(|replica| {
        let board = Arc::clone(&outside.observations);
        (replica.clone(), async move { board.gather(&replica, TABLE_LIMIT).await })
    }));
    let zones = ask_all(zone::wanted(fleet).into_iter().map(|wanted| {
        let records = Arc::clone(&outside.records);
        (wanted.zone.clone(), async move {
            let Wanted { zone, fence, keys, .. } = wanted;
            records.read_zone(&zone, &fence, &keys, ZONE_LIMIT).await
        })
    }));
    let ((seats, documents), reports, zones) =
        tokio::join!(seats_and_state(fleet, outside), reports, zones);
    Reading { seats, documents, reports, zones }
}

type Seats = BTreeMap<RegionId, Answer<Option<Seat>>>;

pub(super) async fn seats_and_state(
    fleet: &Fleet,
    outside: &Outside,
) -> (Seats, BTreeMap<RegionId, Answer<Option<String>>>) {
    let majority = fleet.seat_majority();
    let mut seats = read_seats(fleet, outside).await;
    let readable = seats.values().filter(|seat| matches!(seat, Ok(Some(_)))).count();
    if agreed(&seats, majority).is_none() && readable >= majority {
        // Read in the middle of a commit: the next reading shows its end.
        seats = read_seats(fleet, outside).await;
    }
    let Some(agreed) = agreed(&seats, majority) else { return (seats, BTreeMap::new()) };
    let documents = ask_all(showing(&seats, &agreed).cloned().map(|seat| {
        let (registers, name) = (Arc::clone(&outside.registers), agreed.name);
        (seat.clone(), async move { registers.read_state(&seat, name, TABLE_LIMIT).await })
    }))
    .await;
    (seats, documents)
}

async fn read_seats(fleet: &Fleet, outside: &Outside) -> Seats {
    ask_all(fleet.seats.iter().cloned().map(|seat| {
        let registers = Arc::clone(&outside.registers);
        (seat.clone(), async move { registers.read_seat(&seat, TABLE_LIMIT).await })
    }))
    .await
}

/// The newest control state to which a majority of seats points: what is committed.
pub(super) fn agreed(seats: &Seats, majority: usize) -> Option<StateRef> {
    let mut shown: BTreeMap<&StateRef, usize> = BTreeMap::new();
    for seat in seats.values().flatten().flatten() {
        *shown.entry(&seat.committed).or_default() += 1;
    }
    let committed = shown.into_iter().filter(|(_, seats)| *seats >= majority);
    committed.map(|(state, _)| state).max().cloned()
}

/// The seats that point to a state.
fn showing<'s>(seats: &'s Seats, state: &'s StateRef) -> impl Iterator<Item = &'s RegionId> {
    seats.iter().filter_map(move |(region, seat)| match seat {
        Ok(Some(seat)) if seat.committed == *state => Some(region),
        _ => None,
    })
}
