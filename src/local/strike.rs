//! Striking the world: faults are judged before they are done, so that a misspelt Region is an
//! error rather than a drill in which nothing happens.

use std::collections::{BTreeMap, BTreeSet};

use super::agents::{AgentError, Agents};
use super::launch::OPERATOR;
use super::operations::{self, NotServed};
use super::shared::Shared;
use super::words::list;
use crate::domain::signal::AlarmName;
use crate::domain::{AgentId, Fleet, GlobalClusterId, RegionId, ServiceId};
use crate::world::fault::{AwsService, Fault};
use crate::world::network::Place;
use crate::world::wire::Scope;

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
    /// The Region has no member of the database.
    #[error("{region} has no member of that database; it has one of: {known}")]
    NoDatabase {
        /// Where.
        region: RegionId,
        /// The global clusters that have one.
        known: String,
    },
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
    /// Nobody of that name calls AWS.
    #[error("nobody here calls AWS as {caller}; there are {known}")]
    UnknownCaller {
        /// Who was meant.
        caller: AgentId,
        /// Who is there.
        known: String,
    },
    /// Route 53's control plane is in no Region of the fleet.
    #[error("Route 53 has one endpoint for all Regions: leave the Region out")]
    NoRegion,
    /// Nobody serves the operation.
    #[error(transparent)]
    NotServed(#[from] NotServed),
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
    check(fleet, agents.places(), fault)?;
    match fault {
        Fault::KillAgent { agent } => agents.kill(agent).await?,
        Fault::StartAgent { agent } => agents.start(agent).await?,
        _ => {}
    }
    shared.alter(|world, now| world.strike(now, fault));
    Ok(())
}

fn check(
    fleet: &Fleet,
    agents: &BTreeMap<AgentId, RegionId>,
    fault: &Fault,
) -> Result<(), StrikeError> {
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
            Place::Global | Place::Checkers | Place::Outside => Ok(()),
        }),
        Fault::Lag { region, cluster, .. } | Fault::Key { region, cluster, .. } => {
            kept(fleet, region, cluster.as_ref())
        }
        Fault::Wire { rule } => served_calls(fleet, agents, &rule.scope),
        Fault::MendWire { scope } => served_calls(fleet, agents, scope),
        // Agents know themselves.
        Fault::Heal
        | Fault::KillAgent { .. }
        | Fault::StartAgent { .. }
        | Fault::Throttle { .. }
        | Fault::Edit { .. }
        | Fault::ControlPlane { .. }
        | Fault::Propagation { .. }
        | Fault::Role { .. } => Ok(()),
    }
}

/// Whether a database (or this one) has a member there.
fn kept(
    fleet: &Fleet,
    region: &RegionId,
    cluster: Option<&GlobalClusterId>,
) -> Result<(), StrikeError> {
    known(fleet, region)?;
    let here = fleet.databases.values().filter(|database| database.members.contains_key(region));
    let here: Vec<&GlobalClusterId> = here.map(|database| &database.global_cluster).collect();
    match cluster {
        None if !here.is_empty() => Ok(()),
        Some(cluster) if here.contains(&cluster) => Ok(()),
        _ => Err(StrikeError::NoDatabase {
            region: region.clone(),
            known: if here.is_empty() { "none".to_owned() } else { list(here) },
        }),
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

/// Whether there can be calls of this scope.
fn served_calls(
    fleet: &Fleet,
    agents: &BTreeMap<AgentId, RegionId>,
    scope: &Scope,
) -> Result<(), StrikeError> {
    if let Some(region) = &scope.region {
        known(fleet, region)?;
        if scope.service == Some(AwsService::Route53) {
            return Err(StrikeError::NoRegion);
        }
    }
    if let Some(operation) = &scope.operation {
        operations::check(scope.service, operation)?;
    }
    match &scope.caller {
        Some(caller) if caller.as_str() != OPERATOR && !agents.contains_key(caller) => {
            let known = list(agents.keys().map(AgentId::as_str).chain([OPERATOR]));
            Err(StrikeError::UnknownCaller { caller: caller.clone(), known })
        }
        _ => Ok(()),
    }
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
