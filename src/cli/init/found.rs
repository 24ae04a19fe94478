//! Looking at what is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::Outside;
use crate::cli::outside::ask_all;
use crate::domain::health_check::CheckFound;
use crate::domain::record::{DnsName, RecordKey, RecordType};
use crate::domain::zone::{self, Wanted, ZoneFacts};
use crate::domain::{CallFailure, Fleet, RegionId, Seat, StateName, ZoneId, ZoneRead};
use crate::ports::{Answer, Registers};

/// Limit of a look. `init` is no hurry, and the control planes that it asks are slower than tables.
pub(super) const LOOK_LIMIT: Duration = Duration::from_secs(10);

/// What stands in a seat's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SeatFound {
    /// No table that is ready for use.
    NoTable,
    /// A table without a seat.
    NoSeat {
        /// The first control state's document, if an earlier run put it there.
        genesis: Option<String>,
    },
    /// A seat.
    There {
        seat: Box<Seat>,
        /// As above.
        genesis: Option<String>,
    },
    /// Nobody knows.
    Unreadable(CallFailure),
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZoneFound {
    pub(super) name: DnsName,
    /// Whether it is answered for within VPCs alone.
    pub(super) private: bool,
    pub(super) read: ZoneRead,
    /// Records of other types that stand where a service has none yet, and would not let one in.
    pub(super) in_the_way: Vec<RecordKey>,
}

/// All that `init` decides on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) seats: BTreeMap<RegionId, SeatFound>,
    pub(super) board: BTreeMap<RegionId, Answer<bool>>,
    pub(super) zones: BTreeMap<ZoneId, Answer<ZoneFound>>,
    /// None for a fleet without gates.
    pub(super) checks: Option<Answer<Vec<CheckFound>>>,
}

/// Looks at everything. Seats that are there are read after those that are missing were found
/// missing: only so do they tell that no majority with a missing one can have formed before.
pub(super) async fn find(fleet: &Fleet, outside: &Outside) -> Found {
    let seats = async {
        let mut seats = look_at_seats(fleet.seats.iter(), outside).await;
        let there: Vec<RegionId> = seats
            .iter()
            .filter(|(_, found)| matches!(found, SeatFound::There { .. }))
            .map(|(region, _)| region.clone())
            .collect();
        if there.len() < seats.len() {
            seats.extend(look_at_seats(there.iter(), outside).await);
        }
        seats
    };
    let board = ask_all(fleet.regions.iter().cloned().map(|replica| {
        let board = Arc::clone(&outside.observations);
        (replica.clone(), async move { board.has_table(&replica, LOOK_LIMIT).await })
    }));
    let zones = ask_all(zone::wanted(fleet).into_iter().map(|wanted| {
        let records = Arc::clone(&outside.records);
        (wanted.zone.clone(), async move {
            let Wanted { zone, fence, keys, .. } = wanted;
            let ZoneFacts { name, private, .. } = records.zone_facts(&zone, LOOK_LIMIT).await?;
            let read = records.read_zone(&zone, &fence, &keys, LOOK_LIMIT).await?;
            let missing = keys.iter().filter(|key| !read.records.iter().any(|r| r.key == **key));
            let rivals: Vec<RecordKey> = missing.flat_map(rivals).collect();
            let mut in_the_way = Vec::new();
            if !rivals.is_empty() {
                let found = records.read_zone(&zone, &fence, &rivals, LOOK_LIMIT).await?;
                let found = found.records.into_iter().map(|record| record.key);
                in_the_way.extend(found.filter(|key| rivals.contains(key)));
                in_the_way.dedup();
            }
            Ok(ZoneFound { name, private, read, in_the_way })
        })
    }));
    let checks = async {
        fleet.gates.as_ref()?;
        Some(outside.health_checks.checks(LOOK_LIMIT).await)
    };
    let (seats, board, zones, checks) = tokio::join!(seats, board, zones, checks);
    Found { seats, board, zones, checks }
}

/// What can't stand beside a record: a CNAME stands alone (RFC 1034, section 3.6.2).
fn rivals(key: &RecordKey) -> Vec<RecordKey> {
    let others: &[RecordType] = match key.rtype {
        RecordType::Cname => &[RecordType::A, RecordType::Aaaa],
        _ => &[RecordType::Cname],
    };
    others.iter().map(|rtype| RecordKey { name: key.name.clone(), rtype: *rtype }).collect()
}

async fn look_at_seats<'r>(
    seats: impl Iterator<Item = &'r RegionId>,
    outside: &Outside,
) -> BTreeMap<RegionId, SeatFound> {
    ask_all(seats.cloned().map(|seat| {
        let registers = Arc::clone(&outside.registers);
        (seat.clone(), async move {
            look_at_seat(registers.as_ref(), &seat).await.unwrap_or_else(SeatFound::Unreadable)
        })
    }))
    .await
}

async fn look_at_seat(registers: &dyn Registers, seat: &RegionId) -> Answer<SeatFound> {
    if !registers.has_table(seat, LOOK_LIMIT).await? {
        return Ok(SeatFound::NoTable);
    }
    let genesis = registers.read_state(seat, StateName::GENESIS, LOOK_LIMIT).await?;
    Ok(match registers.read_seat(seat, LOOK_LIMIT).await? {
        None => SeatFound::NoSeat { genesis },
        Some(seat) => SeatFound::There { seat: Box::new(seat), genesis },
    })
}
