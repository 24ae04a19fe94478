//! Asking: every Region at once, Route 53 one call after another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::capacity::{ScalingGroup, ScalingGroupId, Vcpus};
use crate::domain::database::{GlobalCluster, LagPoint};
use crate::domain::health_check::{CheckFound, CheckId, CheckSight, CheckSpec};
use crate::domain::record::{ChangeId, ChangeStatus, DnsName};
use crate::domain::zone::{self, Wanted};
use crate::domain::{
    Beat, BootId, CallFailure, DatabaseId, Fleet, RegionId, Seat, ZoneId, ZoneRead,
};
use crate::ports::{Answer, Outside, SwapRefused, ask_all};

/// Limit of each call. A preflight is no hurry, and control planes are slower than tables.
const LIMIT: Duration = Duration::from_secs(5);

/// Between two zones, and between two looks at health checks: Route 53 takes five requests a second from an account, and a
/// leader needs them more.
const PAUSE: Duration = Duration::from_millis(400);

/// Checks whose checkers are asked about in one look: `GetHealthCheckStatus` is not made for many
/// (Route 53 API Reference, same name). With more, each look asks about others.
const SIGHTS_MAX: usize = 24;

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// Whether writes are tried. A leader's own renewals and batches show that better.
    pub trials: bool,
    /// Whether health checks' checkers are asked about, and from the how manieth look: with many
    /// checks, each look asks about some.
    pub sights: Option<usize>,
}

/// What came.
#[derive(Debug, Default)]
pub struct Looked {
    pub(super) seats: BTreeMap<RegionId, Answer<Option<Seat>>>,
    /// Writes that had to be refused, and how they were.
    pub(super) seat_trials: BTreeMap<RegionId, Result<(), SwapRefused>>,
    /// How many reports each replica has.
    pub(super) board: BTreeMap<RegionId, Answer<usize>>,
    pub(super) zones: BTreeMap<ZoneId, Answer<ZoneRead>>,
    /// As `seat_trials`.
    pub(super) zone_trials: BTreeMap<ZoneId, Answer<ChangeId>>,
    /// What is said of a change that there can't be.
    pub(super) change_trials: BTreeMap<ZoneId, Answer<ChangeStatus>>,
    /// None for a fleet without gates.
    pub(super) checks: Option<Answer<Vec<CheckFound>>>,
    pub(super) sights: BTreeMap<CheckId, Answer<CheckSight>>,
    /// Whether the names that records lead to have an address.
    pub(super) targets: BTreeMap<DnsName, Answer<bool>>,
    pub(super) databases: BTreeMap<(DatabaseId, RegionId), Answer<GlobalCluster>>,
    pub(super) lags: BTreeMap<(DatabaseId, RegionId), Answer<Vec<LagPoint>>>,
    pub(super) groups: BTreeMap<ScalingGroupId, Answer<ScalingGroup>>,
    /// Of Regions with groups whose instances' vCPUs are known.
    pub(super) vcpus: BTreeMap<RegionId, Answer<Vcpus>>,
    /// As `seat_trials`.
    pub(super) group_trials: BTreeMap<ScalingGroupId, Answer<()>>,
}

/// Asks for everything.
pub async fn look(fleet: &Fleet, outside: &Outside, depth: Depth) -> Looked {
    let (tables, route53, targets, databases, capacity) = tokio::join!(
        look_at_tables(fleet, outside, depth),
        look_at_route53(fleet, outside, depth),
        look_at_targets(fleet, outside),
        look_at_databases(fleet, outside),
        look_at_capacity(fleet, outside, depth),
    );
    Looked {
        seats: tables.seats,
        seat_trials: tables.seat_trials,
        board: tables.board,
        targets,
        databases: databases.databases,
        lags: databases.lags,
        groups: capacity.groups,
        vcpus: capacity.vcpus,
        group_trials: capacity.group_trials,
        ..route53
    }
}

async fn look_at_tables(fleet: &Fleet, outside: &Outside, depth: Depth) -> Looked {
    let seats = ask_all(
        fleet
            .seats
            .iter()
            .cloned()
            .map(|seat| {
                let registers = Arc::clone(&outside.registers);
                (seat.clone(), async move { registers.read_seat(&seat, LIMIT).await })
            })
            .collect::<Vec<_>>(),
    );
    let board = ask_all(
        fleet
            .regions
            .iter()
            .cloned()
            .map(|replica| {
                let board = Arc::clone(&outside.observations);
                (replica.clone(), async move {
                    board.gather(&replica, LIMIT).await.map(|reports| reports.len())
                })
            })
            .collect::<Vec<_>>(),
    );
    let (seats, board) = tokio::join!(seats, board);
    let mut trials = Vec::new();
    for (region, seat) in seats.iter().filter(|_| depth.trials) {
        if let Ok(Some(seat)) = seat {
            let (registers, at, seat) =
                (Arc::clone(&outside.registers), region.clone(), seat.clone());
            trials.push((region.clone(), async move {
                registers.swap_seat(&at, &nobody_s_beat(), &seat, LIMIT).await
            }));
        }
    }
    let seat_trials = ask_all(trials).await;
    Looked { seats, seat_trials, board, ..Looked::default() }
}

/// A beat that no run of an agent has: a boot is drawn, and counts from one.
fn nobody_s_beat() -> Beat {
    Beat { agent: "preflight".parse().expect("a valid name"), boot: BootId(0), count: 0 }
}

/// The ID of a change that was never made: Route 53's are longer.
const NOBODY_S_CHANGE: &str = "CREGENT";

async fn look_at_route53(fleet: &Fleet, outside: &Outside, depth: Depth) -> Looked {
    let mut looked = Looked::default();
    let records = outside.records.as_ref();
    for (n, wanted) in zone::wanted(fleet).into_iter().enumerate() {
        if n > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let Wanted { zone, fence, keys, .. } = &wanted;
        let read = records.read_zone(zone, fence, keys, LIMIT).await;
        if let Ok(read) = &read
            && depth.trials
        {
            let trial = wanted.trial(fleet, read);
            looked.zone_trials.insert(zone.clone(), records.change_zone(&trial, LIMIT).await);
            let nobody_s = ChangeId(NOBODY_S_CHANGE.to_owned());
            let status = records.change_status(zone, &nobody_s, LIMIT).await;
            looked.change_trials.insert(zone.clone(), status);
        }
        looked.zones.insert(zone.clone(), read);
    }
    if fleet.gates.is_none() {
        return looked;
    }
    let checks = outside.health_checks.checks(LIMIT).await;
    if let (Ok(found), Some(round)) = (&checks, depth.sights) {
        for id in asked_about(fleet, found, round) {
            tokio::time::sleep(PAUSE).await;
            let sight = outside.health_checks.sight(&id, LIMIT).await;
            looked.sights.insert(id, sight);
        }
    }
    looked.checks = Some(checks);
    looked
}

/// The watches whose checkers this round asks about.
fn asked_about(fleet: &Fleet, found: &[CheckFound], round: usize) -> Vec<CheckId> {
    let wanted = crate::core::gates::checks::wanted(fleet);
    let mut ours: Vec<CheckId> = wanted
        .iter()
        .flat_map(|one| one.watches.keys().filter_map(|observer| one.watch(found, observer)))
        .filter(|check| matches!(check.spec, CheckSpec::Watch(_)))
        .map(|check| check.id.clone())
        .collect();
    if ours.len() > SIGHTS_MAX {
        let first = round.wrapping_mul(SIGHTS_MAX) % ours.len();
        ours.rotate_left(first);
        ours.truncate(SIGHTS_MAX);
    }
    ours
}

/// Asks a resolver for what records lead to by name.
async fn look_at_targets(fleet: &Fleet, outside: &Outside) -> BTreeMap<DnsName, Answer<bool>> {
    let names: BTreeSet<DnsName> = fleet
        .services
        .values()
        .flat_map(|service| service.regions.values())
        .flat_map(|placement| placement.data.names())
        .collect();
    let asked = names.into_iter().map(|name| {
        let port = Arc::clone(&outside.names);
        (name.clone(), async move { port.has_address(&name, LIMIT).await })
    });
    ask_all(asked.collect::<Vec<_>>()).await
}

async fn look_at_databases(fleet: &Fleet, outside: &Outside) -> Looked {
    let (mut describe, mut measure) = (Vec::new(), Vec::new());
    for (database, spec) in &fleet.databases {
        for (region, member) in &spec.members {
            let key = (database.clone(), region.clone());
            let port = Arc::clone(&outside.databases);
            let (via, cluster) = (region.clone(), spec.global_cluster.clone());
            describe.push((key.clone(), async move { port.describe(&via, &cluster, LIMIT).await }));
            let (port, cluster) = (Arc::clone(&outside.databases), member.cluster.clone());
            measure.push((key, async move { port.lag(&cluster, LIMIT).await }));
        }
    }
    let (databases, lags) = tokio::join!(ask_all(describe), ask_all(measure));
    Looked { databases, lags, ..Looked::default() }
}

/// More instances than a group may have: Auto Scaling's sizes are 32-bit numbers, and quotas far below.
const NOBODY_S_SIZE: u32 = i32::MAX.cast_unsigned();

async fn look_at_capacity(fleet: &Fleet, outside: &Outside, depth: Depth) -> Looked {
    let (mut read, mut try_to_set) = (Vec::new(), Vec::new());
    for group in fleet.scaling_groups().into_keys() {
        let (port, own) = (Arc::clone(&outside.capacity), group.clone());
        read.push((group.clone(), async move { port.group(&own, LIMIT).await }));
        if depth.trials {
            let (port, own) = (Arc::clone(&outside.capacity), group.clone());
            try_to_set
                .push((group, async move { port.set_desired(&own, NOBODY_S_SIZE, LIMIT).await }));
        }
    }
    let quotas = fleet.instance_vcpus().into_keys().map(|group| group.region);
    let quotas = quotas.collect::<BTreeSet<RegionId>>().into_iter().map(|region| {
        let port = Arc::clone(&outside.capacity);
        (region.clone(), async move { port.vcpus(&region, LIMIT).await })
    });
    let quotas = ask_all(quotas.collect::<Vec<_>>());
    let (groups, group_trials, vcpus) = tokio::join!(ask_all(read), ask_all(try_to_set), quotas);
    Looked { groups, group_trials, vcpus, ..Looked::default() }
}

/// What a call that had to be refused tells: nothing but the refusal that was expected is in order.
pub(super) fn tried<T>(answer: &Answer<T>) -> Result<(), CallFailure> {
    match answer {
        Err(failure) if failure.class == crate::domain::FailureClass::Conflict => Ok(()),
        Err(failure) => Err(failure.clone()),
        Ok(_) => Err(CallFailure::unknown("a batch that had to be refused was taken")),
    }
}
