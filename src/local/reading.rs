//! What the modelled tables and zones tell of the fleet: who leads, what is decided, what is served.
//!
//! Read from the world itself, past its network and its throttles: an observer's view, which no
//! agent has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::state::{Alarm, Targets, Told};
use crate::domain::control::{ControlState, StateRef, Weights};
use crate::domain::record::Routing;
use crate::domain::seat::Seat;
use crate::domain::{AgentId, Epoch, Fleet, RegionId, Weight};
use crate::ports::items;
use crate::world::World;
use crate::world::dynamo::{AttributeValue, Item};
use crate::world::route53::{ModelRouting, OwnerName};

/// Who leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// The agent that holds a majority of seats.
    pub agent: AgentId,
    /// In this epoch.
    pub epoch: Epoch,
}

/// What the load balancers find of their targets.
pub(super) fn targets(world: &World, fleet: &Fleet) -> Vec<Targets> {
    let groups = fleet.regions.iter().flat_map(|region| world.elb.groups(region));
    groups
        .map(|group| Targets {
            region: group.app.region.clone(),
            service: group.app.service.clone(),
            health: group.health(),
        })
        .collect()
}

/// How the alarms are.
pub(super) fn alarms(world: &World, fleet: &Fleet) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    for region in &fleet.regions {
        alarms.extend(world.cloudwatch.alarms(region).map(|alarm| Alarm {
            region: region.clone(),
            name: alarm.name.clone(),
            state: alarm.state,
        }));
    }
    alarms
}

/// The holder of a majority of seats. Its lease may have run out meanwhile: only time tells.
pub(super) fn leader(world: &World, fleet: &Fleet) -> Option<Leader> {
    let holders = seats(world, fleet)
        .into_values()
        .filter_map(|seat| seat.holder.map(|agent| (agent, seat.epoch)));
    let (agent, epoch) = majority(fleet, holders)?;
    Some(Leader { agent, epoch })
}

/// The state to which a majority of seats points.
pub(super) fn committed(world: &World, fleet: &Fleet) -> Option<StateRef> {
    majority(fleet, seats(world, fleet).into_values().map(|seat| seat.committed))
}

/// The weights that the committed state wants.
pub(super) fn wanted(world: &World, fleet: &Fleet) -> Option<Weights> {
    let name = committed(world, fleet)?.name;
    let key =
        Item::from([(items::SEATS_KEY.to_owned(), AttributeValue::text(items::state_id(name)))]);
    let document = fleet.seats.iter().find_map(|region| {
        let item = world.dynamo.peek(region, &fleet.tables.seats, &key)?;
        item.get(items::DOCUMENT)?.as_text()
    })?;
    // Why it came to be is the brain's own to read.
    let state: ControlState<serde_json::Value, serde_json::Value> =
        serde_json::from_str(document).ok()?;
    Some(state.wanted)
}

/// The weights that the name servers answer by: of the records whose set identifier is a Region's
/// name.
pub(super) fn served(world: &World, fleet: &Fleet) -> Weights {
    let of = |(service, spec): (_, &crate::domain::fleet::Service)| {
        let name = OwnerName::from(&spec.name);
        let records = world.route53.served(&spec.zone).filter(|record| {
            record.name == name && record.rtype.to_record_type() == Some(spec.rtype)
        });
        let weights = records.filter_map(|record| match &record.routing {
            ModelRouting::Weighted { set_identifier, weight } => {
                Some((set_identifier.parse().ok()?, *weight))
            }
            ModelRouting::Failover { set_identifier, primary } => {
                let weight = if *primary { Routing::PRIMARY } else { Weight::ZERO };
                Some((set_identifier.parse().ok()?, weight))
            }
            _ => None,
        });
        (Clone::clone(service), weights.collect())
    };
    fleet.services.iter().map(of).collect()
}

fn seats(world: &World, fleet: &Fleet) -> BTreeMap<RegionId, Seat> {
    let key = Item::from([(items::SEATS_KEY.to_owned(), AttributeValue::text(items::SEAT_ID))]);
    let seat = |region: &RegionId| {
        let item = world.dynamo.peek(region, &fleet.tables.seats, &key)?;
        let value = |name: &str| item.get(name).and_then(neutral);
        Some((region.clone(), items::seat_by(value).ok()?))
    };
    fleet.seats.iter().filter_map(seat).collect()
}

/// What a majority of seats says.
fn majority<T: Ord>(fleet: &Fleet, said: impl Iterator<Item = T>) -> Option<T> {
    let mut votes: BTreeMap<T, usize> = BTreeMap::new();
    for what in said {
        *votes.entry(what).or_default() += 1;
    }
    votes.into_iter().find(|(_, count)| *count >= fleet.seat_majority()).map(|(what, _)| what)
}

/// An attribute of a kind that regent's layout has.
fn neutral(value: &AttributeValue) -> Option<items::Value<'_>> {
    value.as_text().map(items::Value::S).or_else(|| value.as_u64().map(items::Value::N))
}
/// Messages that are shown.
const TOLD_MAX: usize = 50;

/// What topics took lately, the newest last.
pub(super) fn told(world: &World) -> Vec<Told> {
    let mut newest: Vec<Told> = world
        .sns
        .published()
        .rev()
        .take(TOLD_MAX)
        .map(|it| Told {
            at: it.at,
            via: it.topic.region().clone(),
            attributes: it.message.attributes.clone(),
            subject: it.message.subject.clone().unwrap_or_default(),
            body: it.message.body.clone(),
        })
        .collect();
    newest.reverse();
    newest
}
