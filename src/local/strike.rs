//! Striking the world: faults are judged before they are done, so that a misspelt Region is an
//! error rather than a drill in which nothing happens.

use std::collections::BTreeSet;

use super::agents::{AgentError, Agents};
use super::shared::Shared;
use super::words::list;
use crate::domain::signal::AlarmName;
use crate::domain::{Fleet, RegionId, ServiceId};
use crate::world::fault::Fault;
use crate::world::network::Place;

/// Why a fault is not done.
#[derive(Debug, thiserror::Error)]
pub enum StrikeError {
    /// The fleet doesn't have the Region.
    #[error("there is no Region {region} in this fleet; it has {known}")]
    UnknownRegion {
        /// Which was meant.
        region: RegionId,
        /// Which are there.
        known: String,
    },
    /// The Region doesn't serve the service.
    #[error("{region} does not serve {service}; it serves {known}")]
    UnknownService {
        /// Where.
        region: RegionId,
        /// Which was meant.
        service: ServiceId,
        /// Which are there.
        known: String,
    },
    /// The Region serves nothing.
    #[error("{0} serves nothing: it only has a seat")]
    NothingServed(RegionId),
    /// No target group to strike.
    #[error(
        "nothing that was named in {0} has a load balancer: give it a target_group in {0}.toml"
    )]
    NoTargets(RegionId),
    /// The Region's services have no such alarm.
    #[error("no service in {region} names an alarm {alarm}; there are: {known}")]
    UnknownAlarm {
        /// Where.
        region: RegionId,
        /// Which was meant.
        alarm: AlarmName,
        /// Which are there.
        known: String,
    },
    /// The agent is not there, or not as it must be.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// Carries a fault out: in the world, and on the agents where it is about them.
pub(super) async fn strike(
    shared: &Shared,
    agents: &Agents,
    fleet: &Fleet,
    fault: &Fault,
) -> Result<(), StrikeError> {
    check(fleet, fault)?;
    match fault {
        Fault::KillAgent { agent } => agents.kill(agent).await?,
        Fault::StartAgent { agent } => agents.start(agent).await?,
        _ => {}
    }
    shared.alter(|world, now| world.strike(now, fault));
    Ok(())
}

fn check(fleet: &Fleet, fault: &Fault) -> Result<(), StrikeError> {
    match fault {
        Fault::Lose { region } | Fault::Restore { region } => known(fleet, region),
        Fault::Slow { region, service, .. }
        | Fault::Fail { region, service }
        | Fault::Kill { region, service }
        | Fault::Mend { region, service } => served(fleet, region, service.as_ref()),
        Fault::Targets { region, service, .. } => {
            served(fleet, region, service.as_ref())?;
            balanced(fleet, region, service.as_ref())
        }
        Fault::Alarm { region, alarm, .. } => alarmed(fleet, region, alarm),
        Fault::Cut { from, to, .. } => [from, to].into_iter().try_for_each(|place| match place {
            Place::Region(region) => known(fleet, region),
            Place::Global | Place::Outside => Ok(()),
        }),
        // Agents know themselves.
        Fault::Heal
        | Fault::KillAgent { .. }
        | Fault::StartAgent { .. }
        | Fault::Throttle { .. } => Ok(()),
    }
}

fn balanced(
    fleet: &Fleet,
    region: &RegionId,
    service: Option<&ServiceId>,
) -> Result<(), StrikeError> {
    let meant = |id: &ServiceId| service.is_none_or(|service| service == id);
    let mut placed = fleet
        .services
        .iter()
        .filter(|(id, _)| meant(id))
        .filter_map(|(_, spec)| spec.regions.get(region));
    if placed.any(|place| place.target_group.is_some()) {
        Ok(())
    } else {
        Err(StrikeError::NoTargets(region.clone()))
    }
}

fn alarmed(fleet: &Fleet, region: &RegionId, alarm: &AlarmName) -> Result<(), StrikeError> {
    known(fleet, region)?;
    let placed = fleet.services.values().filter_map(|spec| spec.regions.get(region));
    let here: BTreeSet<&AlarmName> = placed.flat_map(|place| &place.alarms).collect();
    if here.contains(alarm) {
        return Ok(());
    }
    let known = if here.is_empty() { "none".to_owned() } else { list(here) };
    Err(StrikeError::UnknownAlarm { region: region.clone(), alarm: alarm.clone(), known })
}

fn known(fleet: &Fleet, region: &RegionId) -> Result<(), StrikeError> {
    if fleet.regions.contains(region) {
        return Ok(());
    }
    let known = list(&fleet.regions);
    Err(StrikeError::UnknownRegion { region: region.clone(), known })
}

fn served(
    fleet: &Fleet,
    region: &RegionId,
    service: Option<&ServiceId>,
) -> Result<(), StrikeError> {
    known(fleet, region)?;
    let here = fleet.services.iter().filter(|(_, spec)| spec.regions.contains_key(region));
    let here: Vec<_> = here.map(|(service, _)| service).collect();
    match service {
        None if here.is_empty() => Err(StrikeError::NothingServed(region.clone())),
        Some(service) if !here.contains(&service) => Err(StrikeError::UnknownService {
            region: region.clone(),
            service: service.clone(),
            known: if here.is_empty() { "nothing".to_owned() } else { list(here) },
        }),
        _ => Ok(()),
    }
}
