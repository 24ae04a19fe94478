//! Whether a procedure is about this fleet: Regions, services and databases that there are.

use std::collections::BTreeSet;

use super::action::{Action, Check, Place};
use super::procedure::Procedure;
use crate::domain::{DatabaseId, Fleet, RegionId, ServiceId};

impl Procedure {
    /// What its steps name that the fleet has not, each once and in the order of the steps. Empty
    /// when it fits.
    #[must_use]
    pub fn unfit_for(&self, fleet: &Fleet) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let actions = self.steps.iter().flat_map(|step| {
            std::iter::once(&step.action).chain(step.undo.as_ref().map(|undo| &undo.action))
        });
        actions
            .filter_map(|action| unfit(action, fleet))
            .filter(|what| seen.insert(what.clone()))
            .collect()
    }
}

fn unfit(action: &Action, fleet: &Fleet) -> Option<String> {
    match action {
        Action::CloseGate { region, service }
        | Action::OpenGate { region, service }
        | Action::ShiftTraffic { region, service, .. }
        | Action::WaitForDns { region, service }
        | Action::Verify(Check::Record { region, service }) => {
            serves(region, service.as_ref(), fleet)
        }
        Action::Scale { place, service, .. }
        | Action::Verify(Check::Endpoint { place, service }) => match place {
            Place::In(region) => serves(region, service.as_ref(), fleet),
            Place::Outside(region) => {
                exists(region, fleet).or_else(|| others(region, service.as_ref(), fleet))
            }
        },
        Action::SwitchOver { database, to: region }
        | Action::Promote { database, to: region, .. }
        | Action::WaitForDatabase { database, writer: region }
        | Action::Verify(
            Check::Still { database, to: region } | Check::Writer { database, region },
        ) => exists(region, fleet).or_else(|| has_member(database, region, fleet)),
        Action::Review { database } => is_known(database, fleet),
        Action::Approve { .. }
        | Action::ByHand { .. }
        | Action::Notify { .. }
        | Action::Bake { .. }
        | Action::Webhook { .. }
        | Action::Pause { .. }
        | Action::Resume => None,
    }
}

fn exists(region: &RegionId, fleet: &Fleet) -> Option<String> {
    let known = || fleet.regions.iter().map(RegionId::as_str).collect::<Vec<_>>().join(", ");
    (!fleet.regions.contains(region))
        .then(|| format!("the fleet has no Region {region}; it has {}", known()))
}

fn is_known(database: &DatabaseId, fleet: &Fleet) -> Option<String> {
    let known: Vec<&str> = fleet.databases.keys().map(DatabaseId::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    (!fleet.databases.contains_key(database))
        .then(|| format!("the fleet has no database {database}; it has {known}"))
}

fn has_member(database: &DatabaseId, region: &RegionId, fleet: &Fleet) -> Option<String> {
    let Some(spec) = fleet.databases.get(database) else { return is_known(database, fleet) };
    (!spec.members.contains_key(region)).then(|| format!("{database} has no cluster in {region}"))
}

fn has(service: Option<&ServiceId>, fleet: &Fleet) -> Option<String> {
    let known = || fleet.services.keys().map(ServiceId::as_str).collect::<Vec<_>>().join(", ");
    let service = service.filter(|service| !fleet.services.contains_key(*service))?;
    Some(format!("the fleet has no service {service}; it has {}", known()))
}

/// The Regions in which a service is, or any if none is named.
fn regions_of<'f>(service: Option<&ServiceId>, fleet: &'f Fleet) -> BTreeSet<&'f RegionId> {
    fleet
        .services
        .iter()
        .filter(|(id, _)| service.is_none_or(|own| own == *id))
        .flat_map(|(_, spec)| spec.regions.keys())
        .collect()
}

fn serves(region: &RegionId, service: Option<&ServiceId>, fleet: &Fleet) -> Option<String> {
    exists(region, fleet).or_else(|| has(service, fleet)).or_else(|| {
        let what = service.map_or("anything", ServiceId::as_str);
        (!regions_of(service, fleet).contains(region))
            .then(|| format!("{region} does not serve {what}"))
    })
}

fn others(region: &RegionId, service: Option<&ServiceId>, fleet: &Fleet) -> Option<String> {
    has(service, fleet).or_else(|| {
        let what = service.map_or("anything", ServiceId::as_str);
        (!regions_of(service, fleet).iter().any(|it| *it != region))
            .then(|| format!("no Region but {region} serves {what}"))
    })
}
