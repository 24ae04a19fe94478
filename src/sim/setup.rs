//! A fleet at its beginning: tables, seats, records and fences as `init` leaves them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::core::gates as brain_gates;
use crate::core::genesis::{genesis, unborn_seat};
use crate::domain::gate::Gate;
use crate::domain::record::{RecordData, RecordSet};
use crate::domain::{Epoch, Fence, Fleet, Moment, RegionId, ServiceId, Target};
use crate::ports::items;
use crate::world::World;
use crate::world::dynamo::operation::{
    BillingMode, CreateTable, KeyAttribute, KeyKind, KeySchema, PutItem, ReplicaUpdate, StreamView,
    UpdateTable,
};
use crate::world::dynamo::{Operation, Output};
use crate::world::route53::{Action, Met, ModelChange, ModelRecordSet};

use super::gates;
use super::ports::to_world;

/// When everything that was set up is ready: tables are active, changes are on every name server.
pub(super) const READY_AT: Moment = Moment::from_ms(60_000);

/// Whom an address belongs to.
pub type Addresses = BTreeMap<(ServiceId, IpAddr), RegionId>;

/// Sets the fleet up in an empty world, which thereby comes to [`READY_AT`].
pub(super) fn set_up(
    world: &mut World,
    fleet: &Fleet,
    seed: u64,
) -> (Addresses, BTreeMap<Gate, String>) {
    create_tables(world, fleet);
    create_seats(world, fleet, seed);
    let checks = gates::create_checks(world, fleet);
    let addresses = create_records(world, fleet, &checks);
    for target in fleet.targets() {
        world.apps.add(target);
    }
    world.outfit(Moment::ZERO, fleet);
    // Nobody is there yet: every watch reads open by the time.
    while let Some(at) = world.route53.health_checks.next_due().filter(|at| *at <= READY_AT) {
        for due in world.route53.health_checks.due(at) {
            let met = Met::Nothing { why: "nobody is there yet".to_owned() };
            world.route53.health_checks.told(at, &due.check, due.checker, &met);
        }
    }
    world.advance(READY_AT);
    (addresses, checks)
}

fn key(hash: &str, range: Option<&str>) -> KeySchema {
    let attribute = |name: &str| KeyAttribute { name: name.to_owned(), kind: KeyKind::S };
    KeySchema { hash: attribute(hash), range: range.map(attribute) }
}

fn call(world: &mut World, at: Moment, region: &RegionId, operation: Operation) -> Output {
    world.advance(at);
    world.dynamo.call(at, region, operation).expect("an empty world takes what is set up")
}

fn create_tables(world: &mut World, fleet: &Fleet) {
    let create = |table: &str, key, stream| {
        Operation::CreateTable(CreateTable {
            table: table.to_owned(),
            key,
            billing: BillingMode::PayPerRequest,
            stream,
            deletion_protected: false,
        })
    };
    let mut at = Moment::ZERO;
    for seat in &fleet.seats {
        let seats = create(&fleet.tables.seats, key(items::SEATS_KEY, None), None);
        call(world, at, seat, seats);
    }
    let mut regions = fleet.regions.iter();
    let home = regions.next().expect("a fleet has Regions");
    let board_key = key(items::BOARD_HASH, Some(items::BOARD_RANGE));
    let stream = Some(StreamView::NewAndOldImages);
    call(world, at, home, create(&fleet.tables.board, board_key, stream));
    for replica in regions {
        // One replica after another, each until it is ready.
        at = at + Duration::from_secs(6);
        let update = UpdateTable {
            table: fleet.tables.board.clone(),
            replicas: vec![ReplicaUpdate::Create(replica.clone())],
            ..UpdateTable::default()
        };
        call(world, at, home, Operation::UpdateTable(update));
    }
    assert!(at < READY_AT, "a fleet of more Regions takes longer to set up");
}

fn create_seats(world: &mut World, fleet: &Fleet, seed: u64) {
    let at = Moment::from_ms(50_000);
    let by = "init".parse().expect("a valid name");
    let mut incarnations = seed;
    let made = genesis(fleet, by, "1970-01-01T00:00:00Z".to_owned(), || {
        incarnations += 1;
        incarnations
    });
    let by = "init".parse().expect("a valid name");
    for seat in &fleet.seats {
        let state = items::state_item(made.reference.name, &made.document);
        let unborn = items::seat_item(&unborn_seat(&made, seat, &by));
        for item in [state, unborn] {
            let put = PutItem {
                table: fleet.tables.seats.clone(),
                item: to_world(&item),
                ..PutItem::default()
            };
            call(world, at, seat, Operation::PutItem(put));
        }
    }
}

fn create_records(world: &mut World, fleet: &Fleet, checks: &BTreeMap<Gate, String>) -> Addresses {
    let mut addresses = Addresses::new();
    let scope = fleet.gates.as_ref().map(|gates| gates.scope);
    for (id, name) in &fleet.zones {
        world.route53.create_zone(id, name).expect("an empty world has no zones");
        let fence_name =
            Fence::record_name(&fleet.name, name).expect("config refuses what has no name");
        let fence = Fence { fleet: fleet.name.clone(), epoch: Epoch::ZERO, attempt: 0 };
        let mut records = vec![fence.record_set(&fence_name)];
        for (service, spec) in fleet.services_in(id) {
            let shares = spec.declared_shares();
            for (region, place) in &spec.regions {
                let share = shares.get(region).copied().unwrap_or_default();
                records.push(RecordSet {
                    key: spec.key(),
                    routing: spec.record_routing(region.as_str(), share),
                    data: place.data.clone(),
                    health_check: scope
                        .map(|scope| brain_gates::gate(scope, region, service))
                        .and_then(|gate| checks.get(&gate).cloned()),
                });
                for address in addresses_of(world, &place.data, addresses.len()) {
                    addresses.insert((service.clone(), address), region.clone());
                }
            }
        }
        let changes: Vec<ModelChange> = records
            .iter()
            .map(|record| ModelChange {
                action: Action::Create,
                record: ModelRecordSet::try_from(record).expect("regent's own routing"),
            })
            .collect();
        world
            .route53
            .change_record_sets(Moment::ZERO, id, &changes, None)
            .expect("config refuses records that can't be");
    }
    addresses
}

/// The addresses behind a record; a load balancer is given one.
fn addresses_of(world: &mut World, data: &RecordData, nth: usize) -> Vec<IpAddr> {
    match data {
        RecordData::Plain { values, .. } => {
            values.iter().filter_map(|value| value.parse().ok()).collect()
        }
        RecordData::Alias { target_name, .. } => {
            let last = u8::try_from(nth % 250).expect("below 250") + 1;
            let address = IpAddr::from([198, 18, 0, last]);
            world.route53.set_alias_target(target_name.clone(), vec![address]);
            vec![address]
        }
    }
}

/// A target of the fleet.
pub(super) fn target(region: &RegionId, service: &ServiceId) -> Target {
    Target { region: region.clone(), service: service.clone() }
}
