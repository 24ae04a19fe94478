//! The picture that `status` draws: who is heard, who leads, what people have ordered; and what the
//! planner would make of the loss of each Region.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::explain::Obstacle;
use crate::core::health::Verdict;
use crate::core::planner::{self, Inputs, Placed};
use crate::core::steer;
use crate::core::view::View;
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::observation::ZoneStage;
use crate::domain::preflight::{Area, Finding};
use crate::domain::{Fleet, RegionId, ServiceId, Weight};

/// Judges the picture.
#[must_use]
pub fn of_view(fleet: &Fleet, view: &View) -> Vec<Finding> {
    let mut findings = Vec::new();
    leadership(view, &mut findings);
    agents(fleet, view, &mut findings);
    orders(view, &mut findings);
    for (region, heard, closers) in unmanned(fleet, view) {
        findings.push(Finding::weakens(
            Area::Gates,
            format!(
                "gates can't shut {region}: agents of {heard} other Regions are heard from, and it \
                 takes {closers}"
            ),
            "Start an agent where none is heard from",
        ));
    }
    rehearse(fleet, view, &mut findings);
    findings
}

fn leadership(view: &View, findings: &mut Vec<Finding>) {
    for seat in &view.seats {
        if let (Some(trouble), Some(_)) = (&seat.trouble, &seat.epoch) {
            findings.push(Finding::weakens(
                Area::Seats,
                format!("the seat in {} counts for nothing: {trouble}", seat.region),
                "The fleet survives the loss of fewer others: ARCHITECTURE.md, seats",
            ));
        }
    }
    let Some(leader) = &view.leader else {
        findings.push(Finding::stops(
            Area::Agents,
            "nobody leads",
            "Agents elect one within seconds if a majority of seats is reached: `regent status`",
        ));
        return;
    };
    let heard = view.observers.iter().any(|one| one.agent == leader.agent && one.fresh);
    if !heard {
        findings.push(Finding::weakens(
            Area::Agents,
            format!("the leader {} is not heard from", leader.agent),
            "Another takes over within seconds, or nobody can: `regent status`",
        ));
    }
    for (zone, report) in &leader.zones {
        if report.stage == ZoneStage::Held {
            let why = report.detail.as_deref().unwrap_or("it does not say why");
            findings.push(Finding::stops(
                Area::Zones,
                format!("the leader does nothing in zone {zone}: {why}"),
                "Mend that: it looks again every half a minute",
            ));
        }
    }
    for blocked in &leader.blocked {
        findings.push(Finding::weakens(
            Area::Rules,
            format!("held back now: {blocked}"),
            "`regent status` has more",
        ));
    }
    if view.state.is_none() {
        findings.push(Finding::stops(
            Area::Seats,
            "the control state in force can't be told",
            "`regent status` says which seats and documents can't be read",
        ));
    }
}

fn agents(fleet: &Fleet, view: &View, findings: &mut Vec<Finding>) {
    let fresh: BTreeSet<&RegionId> =
        view.observers.iter().filter(|one| one.fresh).map(|one| &one.region).collect();
    for region in fleet.regions.iter().filter(|region| !fresh.contains(region)) {
        findings.push(Finding::weakens(
            Area::Agents,
            format!("no agent in {region} is heard from"),
            "Start one: the others alone must agree on everything until then",
        ));
    }
    let majority = fleet.regions.len() / 2 + 1;
    if fresh.len() < majority {
        findings.push(Finding::stops(
            Area::Agents,
            format!(
                "agents of {} of {} Regions are heard from: it takes {majority} to find a Region down",
                fresh.len(),
                fleet.regions.len()
            ),
            "Start agents where none is heard from",
        ));
    }
    let on = |one: &&crate::core::view::ObserverView| one.fresh && !one.off;
    if fresh.len() >= majority && !view.observers.iter().any(|one| on(&one)) {
        findings.push(Finding::stops(
            Area::Agents,
            "every agent is switched off",
            "Remove their off switches (/etc/regent/off)",
        ));
    }
    for one in view.observers.iter().filter(|one| one.fresh && one.off) {
        findings.push(Finding::weakens(
            Area::Agents,
            format!("agent {} is switched off", one.agent),
            "Remove its off switch (/etc/regent/off) when it may lead again",
        ));
    }
    for one in view.observers.iter().filter(|one| one.age_ms.is_none()) {
        findings.push(Finding::weakens(
            Area::Clocks,
            format!("the clock of agent {} and the one here differ by seconds", one.agent),
            "AWS refuses what is signed more than five minutes off: see to NTP on both machines",
        ));
    }
}

/// Regions that gates can't shut for want of agents elsewhere: of how many Regions agents are heard
/// from, and how many it takes.
pub(super) fn unmanned<'a>(
    fleet: &'a Fleet,
    view: &'a View,
) -> impl Iterator<Item = (&'a RegionId, usize, u16)> {
    let fresh: BTreeSet<&RegionId> =
        view.observers.iter().filter(|one| one.fresh).map(|one| &one.region).collect();
    let gates = fleet.gates.iter().flat_map(move |gates| {
        let fresh = fresh.clone();
        fleet.regions.iter().filter_map(move |region| {
            let heard = gates.observers(region).filter(|one| fresh.contains(one)).count();
            (heard < usize::from(gates.closers)).then_some((region, heard, gates.closers))
        })
    });
    gates.filter(|(region, ..)| {
        fleet.services.values().any(|service| service.regions.contains_key(*region))
    })
}

fn orders(view: &View, findings: &mut Vec<Finding>) {
    let Some(state) = &view.state else { return };
    if let Some(pause) = &state.steering.pause {
        findings.push(Finding::stops(
            Area::Orders,
            format!("paused by {} since {}: {}", pause.by, pause.at, pause.reason),
            "`regent resume` when it is over",
        ));
    }
}

/// The planner, asked what it would do if each Region in turn were lost.
fn rehearse(fleet: &Fleet, view: &View, findings: &mut Vec<Finding>) {
    let serving: BTreeSet<&RegionId> = view
        .services
        .iter()
        .flat_map(|service| service.regions.iter().map(move |place| (&service.service, place)))
        .filter(|(service, place)| {
            place.committed.unwrap_or_else(|| declared(fleet, service, &place.region)).serves()
        })
        .map(|(_, place)| &place.region)
        .collect();
    for lost in serving {
        let plan = planner::plan(&inputs(fleet, view, lost));
        let mut stay: BTreeMap<Obstacle, Vec<&ServiceId>> = BTreeMap::new();
        for blocked in &plan.blocked {
            if blocked.region == *lost && !blocked.to.serves() {
                stay.entry(blocked.by).or_default().push(&blocked.service);
            }
        }
        for (obstacle, services) in stay {
            let services: Vec<&str> = services.iter().map(|service| service.as_str()).collect();
            let what = format!(
                "if {lost} were lost, {} would stay there: {obstacle}",
                services.join(", ")
            );
            findings.push(match obstacle {
                Obstacle::Autonomy(Autonomy::Approve) => {
                    Finding::weakens(Area::Rules, what, "Somebody must be there to approve it")
                }
                Obstacle::Autonomy(_) => {
                    Finding::stops(Area::Orders, what, "`regent autonomy drain auto` lets it act")
                }
                Obstacle::FewestInService => Finding::stops(
                    Area::Rules,
                    what,
                    "Bring another Region into service, or lower fewest_in_service",
                ),
                _ => Finding::stops(Area::Rules, what, "`regent status` says how the others are"),
            });
        }
    }
}

/// The weight by the files: not what the record has, of a failover pair.
fn declared(fleet: &Fleet, service: &ServiceId, region: &RegionId) -> Weight {
    let placement = fleet.services.get(service).and_then(|spec| spec.regions.get(region));
    placement.map_or(Weight::ZERO, |placement| placement.weight)
}

fn inputs(fleet: &Fleet, view: &View, lost: &RegionId) -> Inputs {
    let steering = view.state.as_ref().map(|state| state.steering.clone()).unwrap_or_default();
    let placed = |service: &ServiceId, place: &crate::core::view::PlacementView| {
        let (verdict, for_ms) = if place.region == *lost {
            (Verdict::Down, u64::from(u32::MAX))
        } else {
            (place.verdict, place.failing_ms)
        };
        let share = declared(fleet, service, &place.region);
        let mut placed = Placed::new(share, place.committed, verdict, for_ms);
        placed.held_out = steering.held_out(service, &place.region).cloned();
        (place.region.clone(), placed)
    };
    let services = view.services.iter().map(|service| {
        let regions = service.regions.iter().map(|place| placed(&service.service, place));
        (service.service.clone(), regions.collect())
    });
    let level = |action| (action, steer::autonomy(fleet, &steering, action));
    let autonomy = [ActionKind::Drain, ActionKind::Return].map(level);
    Inputs {
        rules: fleet.rules.clone(),
        autonomy: autonomy.into_iter().filter(|(_, level)| *level != Autonomy::Auto).collect(),
        services: services.collect(),
    }
}
