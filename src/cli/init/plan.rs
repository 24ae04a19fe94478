//! What is to be created, as a pure function of what was found.
//!
//! Empty is not free: the rules for missing seats are `core::genesis`'s. Whatever can't be read
//! stops everything, since half a look is no ground to create anything on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::adopt::{self, Adoption, Outlook};
use super::author;
use super::found::{Found, SeatFound, ZoneFound};
use super::gates::{self, Attachment};
use super::pair::{self, Pairing};
use crate::core::genesis::{Genesis, Seats, judge_seats, read_genesis, unborn_seat};
use crate::domain::gate::Gate;
use crate::domain::health_check::{CheckId, WatchSpec};
use crate::domain::record::RecordChange;
use crate::domain::zone::{self, Wanted, record_in};
use crate::domain::{Epoch, Fence, Fleet, RegionId, Seat, StateName, ZoneBatch, ZoneId};
use crate::ports::Answer;

/// One thing to create. Each is harmless to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The seats' table of a Region.
    SeatsTable { region: RegionId, table: String },
    /// The board, where it is missing.
    Board { home: RegionId, missing: Vec<RegionId>, table: String },
    /// The first control state, beside a seat to come.
    Genesis { region: RegionId, document: String },
    /// A seat that nobody has taken.
    Seat { region: RegionId, seat: Box<Seat> },
    /// A zone's fence.
    Fence { batch: ZoneBatch, value: Fence },
    /// A name's records as they are to be.
    Adopt { zone: ZoneId, adoption: Adoption },
    /// An inverted check of a gate at another Region's agents, made or mended.
    Watch { gate: Gate, observer: RegionId, spec: WatchSpec, mends: Option<(CheckId, i64)> },
    /// The check that counts a gate's watches, made or mended.
    Count { wanted: gates::Wanted, mends: Option<CheckId> },
    /// The counts, once every watch reads open, at the records of a zone.
    Attach { zone: ZoneId, records: Vec<Attachment> },
    /// A failover pair of two weighted records with checks.
    Pair { zone: ZoneId, pairing: Pairing },
}

impl Step {
    /// Whether it makes a table: that takes a while, and no other table need be there for it.
    pub(super) fn makes_table(&self) -> bool {
        matches!(self, Self::SeatsTable { .. } | Self::Board { .. })
    }

    /// Whether it sets up gates.
    pub(super) fn is_of_gates(&self) -> bool {
        matches!(self, Self::Watch { .. } | Self::Count { .. } | Self::Attach { .. })
    }

    /// Its single changes, where there are several.
    pub(super) fn changes(&self) -> Vec<String> {
        match self {
            Self::Adopt { adoption, .. } => adoption.lines(),
            Self::Pair { pairing, .. } => pairing.lines.clone(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeatsTable { region, table } => write!(f, "create the table {table} in {region}"),
            Self::Board { home, missing, table } => {
                let missing: Vec<&str> = missing.iter().map(RegionId::as_str).collect();
                write!(
                    f,
                    "create the global table {table} in {} (its home is {home})",
                    missing.join(", ")
                )
            }
            Self::Genesis { region, .. } => {
                write!(f, "put the first control state beside the seat in {region}")
            }
            Self::Seat { region, .. } => write!(f, "create the seat in {region}"),
            Self::Fence { batch, value } => {
                write!(f, "create the fence of zone {}: TXT \"{value}\"", batch.zone)
            }
            Self::Adopt { zone, adoption } => {
                let Adoption { key, service, .. } = adoption;
                write!(f, "change the records {key} of {service} in zone {zone}, in one batch")
            }
            Self::Watch { gate, observer, spec, mends } => {
                let how = if mends.is_some() { "mend" } else { "create" };
                write!(
                    f,
                    "{how} the health check of {gate}'s gate in {observer} ({})",
                    spec.endpoint
                )
            }
            Self::Count { wanted, mends } => {
                let how = if mends.is_some() { "mend" } else { "create" };
                let (gate, threshold) = (&wanted.gate, wanted.threshold);
                let of = wanted.watches.len();
                write!(
                    f,
                    "{how} the health check of {gate}: {threshold} of {of} gates must be open"
                )?;
                // Its records may carry it.
                if mends.is_some() { f.write_str(", once all read open") } else { Ok(()) }
            }
            Self::Pair { pairing, .. } => pairing.fmt(f),
            Self::Attach { zone, records } => {
                let places = records.iter().map(|one| format!("{} {}", one.service, one.region));
                let places = places.collect::<Vec<_>>().join(", ");
                write!(f, "attach the gates in zone {zone}, once all read open: {places}")
            }
        }
    }
}

/// What is to be done, in order; or why nothing may be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// If there are any, no step is taken.
    pub(super) refusals: Vec<String>,
    /// What a person should know, and `init` does nothing about.
    pub(super) remarks: Vec<String>,
}

/// Decides. `fresh` is the first control state to use if there is none yet.
pub(super) fn plan(fleet: &Fleet, found: &Found, fresh: &Genesis) -> Plan {
    let mut plan = Plan::default();
    seats(fleet, found, fresh, &mut plan);
    board(fleet, found, &mut plan);
    // Tables first: a seat may be taken as soon as it is there, and then all else should be, too.
    plan.steps.sort_by_key(|step| match step {
        Step::SeatsTable { .. } => 0,
        Step::Board { .. } => 1,
        // All of them before any seat, the first Region's first: of two runs at once, one is
        // stopped there, before it has done anything else.
        Step::Genesis { .. } => 2,
        Step::Seat { .. } | Step::Fence { .. } => 3,
        Step::Adopt { .. } => 4,
        Step::Watch { .. } => 5,
        Step::Count { .. } => 6,
        Step::Attach { .. } => 7,
        Step::Pair { .. } => 8,
    });
    let ever_led = found.seats.values().any(|seat| match seat {
        SeatFound::There { seat, .. } => has_been_led(seat),
        _ => false,
    });
    for wanted in zone::wanted(fleet) {
        fence(fleet, found, ever_led, wanted, &mut plan);
    }
    let mut zones = found.zones.clone();
    records(fleet, &mut zones, &mut plan);
    gates::plan(fleet, found.checks.as_ref(), &zones, &mut plan);
    for (service, spec) in &fleet.services {
        let Some(Ok(found)) = zones.get(&spec.zone) else { continue };
        if let Some(pairing) = pair::look(service, spec, fleet.gates.is_some(), &found.read.records)
        {
            plan.steps.push(Step::Pair { zone: spec.zone.clone(), pairing });
        }
    }
    if !plan.refusals.is_empty() {
        plan.steps.clear();
    }
    plan
}

fn has_been_led(seat: &Seat) -> bool {
    seat.epoch > Epoch::ZERO || seat.committed.name > StateName::GENESIS
}

fn seats(fleet: &Fleet, found: &Found, fresh: &Genesis, plan: &mut Plan) {
    let mut seen: BTreeMap<RegionId, Option<Seat>> = BTreeMap::new();
    let mut documents: BTreeSet<&str> = BTreeSet::new();
    for (region, seat) in &found.seats {
        let (seat, genesis) = match seat {
            SeatFound::NoTable => (None, None),
            SeatFound::NoSeat { genesis } => (None, genesis.as_deref()),
            SeatFound::There { seat, genesis } => (Some(seat.as_ref().clone()), genesis.as_deref()),
            SeatFound::Unreadable(failure) => {
                plan.refusals.push(format!(
                    "the seat in {region} can't be read ({failure}): it may be there, and only \
                     with its word can others be created. Run this again when it can be read"
                ));
                continue;
            }
        };
        seen.insert(region.clone(), seat);
        documents.extend(genesis);
    }
    if !plan.refusals.is_empty() {
        return;
    }
    let mut documents = documents.into_iter();
    let genesis = match (documents.next(), documents.next()) {
        (None, _) => None,
        (Some(document), None) => match read_genesis(fleet, document) {
            Ok(genesis) => Some(genesis),
            Err(error) => {
                plan.refusals.push(error.to_string());
                return;
            }
        },
        (Some(_), Some(_)) => {
            plan.refusals.push(format!(
                "the tables {} hold different first control states: they were not made together. \
                 If no agent of this fleet ever ran, delete them all and run this again",
                fleet.tables.seats
            ));
            return;
        }
    };
    match judge_seats(&seen) {
        Seats::Complete => own(&seen, genesis.as_ref(), plan),
        Seats::Lost(lost) => plan.refusals.extend(lost.into_iter().map(|region| {
            format!(
                "the seat in {region} is lost: it is missing although the fleet has had a leader. \
                 It is not created anew, because an empty seat would vote without knowing what the \
                 lost one had promised. The fleet runs on while a majority of seats is left"
            )
        })),
        Seats::Create(missing) => {
            if genesis.is_none() && seen.values().any(Option::is_some) {
                plan.refusals.push(
                    "there are seats, but the first control state that they point to is gone from \
                     every table: something else has written there"
                        .to_owned(),
                );
                return;
            }
            let genesis = genesis.as_ref().unwrap_or(fresh);
            own(&seen, Some(genesis), plan);
            for region in missing {
                create_seat(fleet, found, genesis, region, plan);
            }
        }
    }
}

/// Refuses seats that nobody has taken yet and that are not of this first control state.
fn own(seen: &BTreeMap<RegionId, Option<Seat>>, genesis: Option<&Genesis>, plan: &mut Plan) {
    let Some(genesis) = genesis else { return };
    for (region, seat) in seen {
        if let Some(seat) = seat
            && !has_been_led(seat)
            && (seat.committed != genesis.reference
                || genesis.state.seats.get(region) != Some(&seat.incarnation))
        {
            plan.refusals.push(format!(
                "the seat in {region} was not made with the stored first control state: something \
                 else has written there"
            ));
        }
    }
}

fn create_seat(fleet: &Fleet, found: &Found, genesis: &Genesis, region: RegionId, plan: &mut Plan) {
    let stored = match found.seats.get(&region) {
        Some(SeatFound::NoTable) => {
            let table = fleet.tables.seats.clone();
            plan.steps.push(Step::SeatsTable { region: region.clone(), table });
            None
        }
        Some(SeatFound::NoSeat { genesis }) => genesis.as_ref(),
        _ => None,
    };
    if stored.is_none() {
        let document = genesis.document.clone();
        plan.steps.push(Step::Genesis { region: region.clone(), document });
    }
    let seat = Box::new(unborn_seat(genesis, &region, &author()));
    plan.steps.push(Step::Seat { region, seat });
}

fn board(fleet: &Fleet, found: &Found, plan: &mut Plan) {
    let table = &fleet.tables.board;
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for (region, answer) in &found.board {
        match answer {
            Ok(true) => there.push(region),
            Ok(false) => missing.push(region.clone()),
            Err(failure) => plan
                .refusals
                .push(format!("whether {region} has the table {table} can't be read: {failure}")),
        }
    }
    if missing.is_empty() {
        return;
    }
    let first = fleet.seats.first().expect("a fleet has seats");
    // Replicas are added from a Region that has the table: elsewhere a second table would begin.
    let home = match there.first() {
        Some(region) if !there.contains(&first) => (*region).clone(),
        _ => first.clone(),
    };
    plan.steps.push(Step::Board { home, missing, table: table.clone() });
}

fn fence(fleet: &Fleet, found: &Found, ever_led: bool, wanted: Wanted, plan: &mut Plan) {
    let Wanted { zone, name, fence: fence_name, .. } = wanted;
    let read = match found.zones.get(&zone) {
        Some(Ok(ZoneFound { private: true, .. })) if fleet.gates.is_some() => {
            plan.refusals.push(format!(
                "zone {zone} is private, and gates can't be used with it: Route 53's checkers ask from \
                 the internet, and its answers within VPCs can't be verified from elsewhere. Remove \
                 [gates] from fleet.toml, or steer a public zone"
            ));
            return;
        }
        Some(Ok(ZoneFound { name: actual, read, .. })) if *actual == name => read,
        Some(Ok(ZoneFound { name: actual, .. })) => {
            plan.refusals.push(format!(
                "zone {zone} is named {actual} and not {name}: mend [zones] in fleet.toml"
            ));
            return;
        }
        Some(Err(failure)) => {
            plan.refusals.push(format!("zone {zone} can't be read: {failure}"));
            return;
        }
        None => return,
    };
    match &read.fence {
        None if ever_led => plan.remarks.push(format!(
            "zone {zone} has no fence although the fleet has had a leader: the next leader makes \
             one, on the word of a majority of seats"
        )),
        None => {
            let value = Fence { fleet: fleet.name.clone(), epoch: Epoch::ZERO, attempt: 0 };
            let changes = vec![RecordChange::Create(value.record_set(&fence_name))];
            let comment = format!("regent init: the fence of the fleet {}", fleet.name);
            plan.steps.push(Step::Fence { batch: ZoneBatch { zone, changes, comment }, value });
        }
        Some(record) => match Fence::in_record(record) {
            // A zone remembers what lost seats can't.
            Some(fence)
                if fence.fleet == fleet.name
                    && fence.epoch > Epoch::ZERO
                    && plan.steps.iter().any(|step| matches!(step, Step::Seat { .. })) =>
            {
                plan.refusals.push(format!(
                    "the fence of zone {zone} is at epoch {}: the fleet has had a leader, so the \
                     missing seats are lost, and are not created anew. If this is a new fleet of \
                     an old name, delete the TXT record {fence_name} first",
                    fence.epoch
                ));
            }
            Some(fence) if fence.fleet == fleet.name => {}
            Some(fence) => plan.refusals.push(format!(
                "zone {zone} is fenced by the fleet {}: two fleets must not steer one zone. Delete \
                 the TXT record {fence_name} if that fleet is no more",
                fence.fleet
            )),
            None => plan.refusals.push(format!(
                "the TXT record {fence_name} in zone {zone} is not a fence: delete it"
            )),
        },
    }
}

/// What becomes of services' records. Leaves `zones` as they will be then.
fn records(fleet: &Fleet, zones: &mut BTreeMap<ZoneId, Answer<ZoneFound>>, plan: &mut Plan) {
    for (service, spec) in &fleet.services {
        let Some(Ok(found)) = zones.get_mut(&spec.zone) else { continue };
        let zone = &spec.zone;
        if let Some(rival) = found.in_the_way.iter().find(|rival| rival.name == spec.name) {
            plan.refusals.push(format!(
                "zone {zone} has {rival}, beside which Route 53 lets no {} stand: give {service} the type \
                 {} in fleet.toml, or remove that record by hand",
                spec.rtype, rival.rtype
            ));
            continue;
        }
        let adoption = match adopt::look(service, spec, &found.read) {
            Outlook::AsWanted => None,
            Outlook::Adopt(adoption) => Some(adoption),
            Outlook::Refused(why) => {
                plan.refusals.push(why);
                continue;
            }
        };
        let fenced = found.read.fence.is_some()
            || plan
                .steps
                .iter()
                .any(|step| matches!(step, Step::Fence { batch, .. } if batch.zone == *zone));
        match adoption {
            Some(adoption) if fenced => {
                plan.remarks.extend(adoption.remark(spec));
                found.read.records.retain(|record| record.key != adoption.key);
                found.read.records.extend(adoption.after.iter().cloned());
                plan.steps.push(Step::Adopt { zone: zone.clone(), adoption });
            }
            Some(adoption) => plan.remarks.push(format!(
                "the records {} of {service} are left as they are until the zone has a fence",
                adoption.key
            )),
            None => {}
        }
        for (region, place) in &spec.regions {
            if let Some(record) = record_in(&found.read, spec, region)
                && !record.data.same_target(&place.data)
            {
                plan.remarks.push(format!(
                    "{} {region} leads to {}, and {region}.toml says {}: it is left alone. Mend one of \
                     them, agents probe what the file says",
                    record.key, record.data, place.data
                ));
            }
        }
    }
}
