//! A drill on the simulator: virtual time, milliseconds of real time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::record::RecordData;
use crate::domain::{AgentId, Fleet, RegionId};
use crate::sim::{Options, Sim};

use super::cast::Cast;
use super::not_run::NotRun;
use super::orders;
use super::scenario::{Deed, Run, Scenario, Stage};

/// Runs a scenario on a fresh simulated fleet under this seed.
///
/// # Errors
/// When the fleet does not settle in time, or a part can't be given out. Broken invariants too: a
/// run that broke one proves nothing else.
pub fn run_on_sim(scenario: &Scenario, fleet: Fleet, seed: u64) -> Result<Run, NotRun> {
    let mut fleet = with_ttl(fleet, scenario.distances.ttl_s());
    if let Some(budget_ms) = scenario.loss_budget_ms {
        for database in fleet.databases.values_mut() {
            database.loss_budget_ms = budget_ms;
        }
    }
    let fleet = fleet;
    let mut sim = Sim::new(fleet.clone(), Options { seed, ..Options::default() });
    sim.world_mut().rds.set_pace(scenario.distances.pace());
    scenario.distances.apply(&mut sim.world_mut().network, &fleet.regions);
    let limit = sim.now() + Duration::from_millis(scenario.settle_ms.into());
    if !sim.run_until_that(limit, Sim::settled) {
        return Err(NotRun::Unsettled { limit_ms: scenario.settle_ms });
    }
    // Somewhere between two ticks of everything, and elsewhere for each seed.
    sim.run_until(sim.now() + Duration::from_millis(seed.wrapping_mul(7919) % 1000));
    let started = sim.now();
    sim.run_until(started + Duration::from_millis(scenario.opens_ms().into()));
    let agents: BTreeMap<AgentId, RegionId> = fleet
        .regions
        .iter()
        .map(|region| (region.as_str().parse().expect("a valid name"), region.clone()))
        .collect();
    let leader = sim.leaders().into_iter().next().ok_or(NotRun::NoLeader)?.0;
    let mut cast = Cast::new(&fleet, &agents, &leader)?.with_writer(&fleet, &sim.world().rds);
    for (act, number) in scenario.acts.iter().zip(1..) {
        sim.run_until(started + Duration::from_millis(act.at_ms.into()));
        if let Some((leader, _)) = sim.leaders().into_iter().next() {
            cast.leading = Some(leader);
        }
        if let Some(fault) = act.deed.fault(&cast) {
            sim.strike(&fault);
        }
        if let Deed::Order(order) = &act.deed {
            let order = order.given(number, &cast, orders::committed(&fleet, sim.log()).as_ref());
            let now = sim.now();
            orders::submit(sim.world_mut(), now, &fleet, &order).map_err(NotRun::NoBoard)?;
        }
    }
    sim.run_until(started + Duration::from_millis(scenario.length_ms().into()));
    if let Some(violation) = sim.violations().first() {
        return Err(NotRun::Violation(violation.clone()));
    }
    Ok(Run {
        stage: Stage::Sim,
        seed: Some(seed),
        fleet,
        cast,
        started,
        ended: sim.now(),
        log: sim.log().to_vec(),
    })
}

/// The fleet with this time to live on its records, if one is given.
fn with_ttl(mut fleet: Fleet, ttl_s: Option<u32>) -> Fleet {
    let places = fleet.services.values_mut().flat_map(|service| service.regions.values_mut());
    for place in places {
        if let (Some(new), RecordData::Plain { ttl_s, .. }) = (ttl_s, &mut place.data) {
            *ttl_s = new;
        }
    }
    fleet
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::drill::score;

    #[test]
    fn every_shipped_drill_holds_under_many_seeds_and_twice_the_same() {
        let fleet = crate::config::load_dir(Path::new("regions")).expect("shipped").fleet;
        // Those that last long with the seeds that their nearer twins leave out.
        let drills = [
            ("region-loss", 0..8),
            ("leader-loss", 0..8),
            ("link-cut", 0..8),
            ("brief-blip", 0..8),
            ("gray-failure", 0..4),
            ("control-plane-down", 0..4),
            ("gate-agent-dead", 0..2),
            ("region-loss-far", 8..10),
            ("leader-loss-far", 8..10),
        ];
        for (name, seeds) in drills {
            let path = Path::new("chaos").join(format!("{name}.toml"));
            let scenario = Scenario::load(&path).expect("shipped");
            for seed in seeds.clone() {
                let run = run_on_sim(&scenario, fleet.clone(), seed).expect("runs");
                let score = score(&scenario, &run);
                assert!(score.held, "seed {seed}:\n{}", score.text());
            }
            let text = |seed| {
                let run = run_on_sim(&scenario, fleet.clone(), seed).expect("runs");
                score(&scenario, &run).text()
            };
            assert_eq!(text(seeds.start), text(seeds.start));
        }
    }
}
