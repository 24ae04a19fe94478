//! A drill on the fleet on loopback: real processes, real time, the AWS SDKs over the wire.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::raw::{OtherZone, Zone};
use crate::domain::{AgentId, CellState, Fleet, Moment, RegionId, Report};
use crate::local;
use crate::ports::items;
use crate::sim::judge_log;
use crate::world::log::{Entry, Happening};

use super::cast::Cast;
use super::not_run::NotRun;
use super::orders;
use super::scenario::{Deed, EXTERNAL_ID, ROLE_ARN, Run, Scenario, Stage};

/// Runs a scenario on a fresh fleet on loopback, and ends that fleet.
///
/// # Errors
/// When the fleet can't be started, does not settle in time, or refuses a fault. Broken invariants
/// too, as far as the log alone can show them: what truly was with the applications of a loaded
/// machine, and what processes meant to do, nobody here knows.
pub async fn run_on_local(scenario: &Scenario, mut options: local::Options) -> Result<Run, NotRun> {
    if let Some(budget_ms) = scenario.loss_budget_ms {
        for database in options.loaded.raw.fleet.databases.values_mut() {
            database.loss_budget_ms = budget_ms;
        }
    }
    if scenario.by_role {
        for zone in options.loaded.raw.fleet.zones.values_mut() {
            let (Zone::Own(name) | Zone::OfAnother(OtherZone { name, .. })) = zone;
            *zone = Zone::OfAnother(OtherZone {
                name: std::mem::take(name),
                role_arn: Some(ROLE_ARN.to_owned()),
                external_id: Some(EXTERNAL_ID.to_owned()),
            });
        }
    }
    let fleet = local::Fleet::start(options).await.map_err(|e| NotRun::Local(e.to_string()))?;
    let run = rehearse(scenario, &fleet).await;
    fleet.shutdown().await;
    let run = run?;
    match judge_log(&run.fleet, &run.log).into_iter().next() {
        Some(violation) => Err(NotRun::Violation(violation)),
        None => Ok(run),
    }
}

async fn rehearse(scenario: &Scenario, fleet: &local::Fleet) -> Result<Run, NotRun> {
    let described = fleet.described().clone();
    at_rest(fleet, &described, ms(scenario.settle_ms)).await?;
    let started = fleet.now();
    wait_until(fleet, started + ms(scenario.opens_ms())).await;
    let leader = fleet.leader().ok_or(NotRun::NoLeader)?.agent;
    let cast = Cast::new(&described, &places(fleet), &leader)?;
    let mut cast = fleet.visit(|world, _| cast.with_writer(&described, &world.rds));
    for (act, number) in scenario.acts.iter().zip(1..) {
        wait_until(fleet, started + ms(act.at_ms)).await;
        if let Some(leader) = fleet.leader() {
            cast.leading = Some(leader.agent);
        }
        if let Some(fault) = act.deed.fault(&cast) {
            fleet.strike(&fault).await.map_err(|error| NotRun::Local(error.to_string()))?;
        }
        if let Deed::Order(order) = &act.deed {
            let seen = orders::committed(&described, &fleet.log());
            let order = order.given(number, &cast, seen.as_ref());
            fleet
                .visit(|world, now| orders::submit(world, now, &described, &order))
                .map_err(NotRun::NoBoard)?;
        }
    }
    wait_until(fleet, started + ms(scenario.length_ms())).await;
    Ok(Run {
        stage: Stage::Local,
        seed: None,
        fleet: described,
        cast,
        started,
        ended: fleet.now(),
        log: fleet.log(),
    })
}

fn ms(value: u32) -> Duration {
    Duration::from_millis(value.into())
}

/// Lets the drill's own time pass: the moments of its timeline, not what the fleet does.
pub(super) async fn wait_until(fleet: &local::Fleet, moment: Moment) {
    tokio::time::sleep(moment.since(fleet.now())).await;
}

/// Every agent's Region.
pub(super) fn places(fleet: &local::Fleet) -> BTreeMap<AgentId, RegionId> {
    fleet.state().agents.into_iter().map(|(agent, state)| (agent, state.region)).collect()
}

/// Waits until the fleet is as on a quiet day, looking whenever something of it changes.
pub(super) async fn at_rest(
    fleet: &local::Fleet,
    described: &Fleet,
    limit: Duration,
) -> Result<(), NotRun> {
    let mut changed = fleet.changed();
    let quiet = async {
        while !(fleet.settled() && all_is_up(described, &fleet.log())) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    };
    let limit_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    tokio::time::timeout(limit, quiet).await.map_err(|_| NotRun::Unsettled { limit_ms })
}

/// Whether the newest report of an agent in each Region finds every target up.
fn all_is_up(fleet: &Fleet, log: &[Entry]) -> bool {
    let mut newest: BTreeMap<RegionId, bool> = BTreeMap::new();
    for entry in log {
        let Happening::Put { item, .. } = &entry.happening else { continue };
        if item.get(items::BOARD_HASH).and_then(|kind| kind.as_str()) != Some(items::KIND_REPORT) {
            continue;
        }
        let document = item.get(items::DOCUMENT).and_then(|document| document.as_str());
        let report = document.and_then(|text| serde_json::from_str::<Report>(text).ok());
        if let Some(report) = report {
            let up = report.cells.len() == fleet.targets().len()
                && report.cells.values().all(|cell| cell.state == CellState::Up);
            newest.insert(report.region, up);
        }
    }
    fleet.regions.iter().all(|region| newest.get(region) == Some(&true))
}
