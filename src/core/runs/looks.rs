//! Looking whether what a step is to bring about is so: gates, weights, records, endpoints.
//!
//! All of it is what the brain knows anyhow; nothing is asked for here.

use crate::core::explain::{Blocked, Obstacle};
use crate::core::gates;
use crate::domain::observation::ZoneStage;
use crate::domain::{RegionId, ServiceId};
use crate::runbook::action::{Place, Share};

use super::World;
use super::doing::Look;

pub(super) fn closed(world: &World<'_>, region: &RegionId, service: Option<&ServiceId>) -> Look {
    let Some(spec) = &world.fleet.gates else {
        return Look::Done(Some("the fleet has no gates".to_owned()));
    };
    let closed = gates::closed(world.fleet, world.wanted);
    let mut open = None;
    for own in world.services(region, service) {
        let gate = gates::gate(spec.scope, region, own);
        if closed.contains(&gate) {
            continue;
        }
        if serves(world, own, region) {
            return Look::Wait(format!("the gate of {region} closes with its last weight at 0"));
        }
        // It is one gate for all that the Region serves, and not all of it is to leave.
        let others = world.services(region, None).filter(|other| *other != own);
        let mut others = others.filter(|other| gates::gate(spec.scope, region, other) == gate);
        open = Some(match others.find(|other| serves(world, other, region)) {
            Some(other) => format!("the gate of {region} stays open for {other}: weights do it"),
            None => format!("{region} stands by, and its gate stays open"),
        });
    }
    Look::Done(open)
}

/// Whether a service has a weight there, by the files and by what is decided.
fn serves(world: &World<'_>, service: &ServiceId, region: &RegionId) -> bool {
    let declared = world.fleet.services[service].regions[region].weight;
    let wanted = world.wanted.get(service).and_then(|regions| regions.get(region));
    declared.serves() && wanted.is_none_or(|weight| weight.serves())
}

/// Whether the weights are what they are to be. What is taken back is only let in again: when it has
/// its share is the planner's to say, and one that is lost has none for now.
pub(super) fn shifted(
    world: &World<'_>,
    region: &RegionId,
    service: Option<&ServiceId>,
    to: Share,
    back: bool,
) -> Look {
    let mut later = None;
    for service in world.services(region, service) {
        let share = world.fleet.services[service].regions[region].weight;
        let held = |permille| crate::domain::steering::HeldOut {
            by: String::new(),
            reason: String::new(),
            permille,
        };
        let goal = match to {
            Share::None => held(0).limit(share),
            Share::Planned => share,
            Share::Permille(permille) => held(permille).limit(share),
        };
        let wanted = world.wanted.get(service).and_then(|regions| regions.get(region)).copied();
        if wanted == Some(goal) {
            continue;
        }
        let blocked =
            world.blocked.iter().find(|block| block.service == *service && block.region == *region);
        let unwell = |block: &&Blocked| {
            matches!(block.by, Obstacle::NotHealthy | Obstacle::NotHealthyLongEnough)
        };
        if let Some(block) = blocked.filter(|block| back && to == Share::Planned && unwell(block)) {
            later = Some(format!("let in again; {block}"));
            continue;
        }
        // Nobody else can serve it before the writer has moved; then it leaves.
        let last = |block: &&Blocked| block.by == Obstacle::FewestInService;
        if to == Share::None && world.writes_beside(service) && blocked.filter(last).is_some() {
            later = Some(format!(
                "{service} leaves {region} as soon as its database is written elsewhere"
            ));
            continue;
        }
        return Look::Wait(match (blocked, wanted) {
            (Some(block), _) => block.to_string(),
            (None, Some(wanted)) => format!("{service} in {region} is at weight {wanted}"),
            (None, None) => format!("{service} in {region} has no weight yet"),
        });
    }
    Look::Done(later)
}

pub(super) fn in_zones(
    world: &World<'_>,
    region: &RegionId,
    service: Option<&ServiceId>,
    fine: impl Fn(ZoneStage) -> bool,
) -> Look {
    for service in world.services(region, service) {
        let zone = &world.fleet.services[service].zone;
        let Some(report) = world.zones.get(zone).map(|zone| zone.report(|_| String::new())) else {
            continue;
        };
        if !fine(report.stage) {
            return Look::Wait(format!("{zone}: {report}"));
        }
    }
    Look::Done(None)
}

pub(super) fn healthy(world: &World<'_>, place: &Place, service: Option<&ServiceId>) -> Look {
    for region in &world.fleet.regions {
        let meant = match place {
            Place::In(there) => region == there,
            Place::Outside(but) => region != but,
        };
        if !meant {
            continue;
        }
        for service in world.services(region, service) {
            if let Some(ailment) = world.ails(service, region) {
                return Look::Wait(ailment);
            }
        }
    }
    Look::Done(world.alone.map(|_| "by this command's own probes alone".to_owned()))
}
