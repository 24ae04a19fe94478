//! A drill on the simulator: virtual time, milliseconds of real time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::record::RecordData;
use crate::domain::role::ZoneRole;
use crate::domain::{AgentId, Fleet, RegionId};
use crate::sim::{Options, Sim};

use super::cast::Cast;
use super::not_run::NotRun;
use super::orders;
use super::scenario::{Deed, EXTERNAL_ID, ROLE_ARN, Run, Scenario, Stage};

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
    if scenario.by_role {
        fleet.roles = fleet.zones.keys().map(|zone| (zone.clone(), stranger())).collect();
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

/// The role of a zone in another account.
fn stranger() -> ZoneRole {
    let external_id = Some(EXTERNAL_ID.parse().expect("a valid external ID"));
    ZoneRole { arn: ROLE_ARN.parse().expect("a valid ARN"), external_id }
}

/// The fleet with this time to live on its records, if one is given.
pub(super) fn with_ttl(mut fleet: Fleet, ttl_s: Option<u32>) -> Fleet {
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

    fn shipped() -> Fleet {
        crate::config::load_dir(Path::new("regions")).expect("shipped").fleet
    }

    /// Few seeds for each: this is the slowest test there is, and the swarm draws the seeds. Those
    /// that last long, because they wait for CloudWatch or for life's distances, have one; it is one
    /// under which the leader stands where it is lost, if the file is about that.
    #[test]
    fn every_shipped_drill_holds_and_twice_the_same() {
        let drills = [
            ("region-loss", 0..4),
            ("leader-loss", 0..4),
            ("link-cut", 0..4),
            ("brief-blip", 0..3),
            ("gray-failure", 0..2),
            ("control-plane-down", 0..2),
            ("gate-agent-dead", 0..1),
            ("checkers-cut-off", 0..2),
            ("hand-edit-in-incident", 1..3),
            ("fence-deleted", 1..3),
            ("throttled-at-the-worst", 1..3),
            ("never-insync", 1..3),
            ("role-denied", 1..3),
            ("late-batch", 1..3),
            ("region-loss-far", 8..9),
            ("leader-loss-far", 9..10),
            ("switchover", 0..1),
            ("two-operators", 1..2),
            ("approval-twice", 1..2),
            ("approval-late", 1..3),
            ("writer-lost", 2..3),
            ("writer-lost-over-budget", 4..5),
            ("leader-killed-promoting", 3..4),
            ("promotion-answer-lost", 1..2),
        ];
        let files = std::fs::read_dir("chaos").expect("shipped").count();
        assert_eq!(drills.len(), files, "a shipped drill is not run here");
        let fleet = shipped();
        for (name, seeds) in drills {
            let path = Path::new("chaos").join(format!("{name}.toml"));
            let scenario = Scenario::load(&path).expect("shipped");
            let text = |seed| {
                let run = run_on_sim(&scenario, fleet.clone(), seed).expect("runs");
                let score = score(&scenario, &run);
                assert!(score.held, "seed {seed}:\n{}", score.text());
                score.text()
            };
            let first = seeds.start;
            let texts: Vec<String> = seeds.map(text).collect();
            // What is the same is soon seen; the long ones have nothing of their own in this.
            if scenario.length_ms() < 100_000 {
                assert_eq!(text(first), texts[0], "{name}");
            }
        }
    }

    #[test]
    fn what_became_of_orders_and_runs_is_told_and_judged() {
        let text = r#"
            title = "T"
            about = "A"
            run_s = 30
            [[at]]
            s = 1
            order = { start = { runbook = "switch-database", set = { database = "orders", from = "@writer", to = "eu-west-1" } } }
            [[at]]
            s = 20
            order = { reject = { runbook = "switch-database", step = "consent" } }
            [[at]]
            s = 21
            order = { reject = { runbook = "evacuate-region", step = "consent" } }
            [[expect]]
            run = { runbook = "switch-database", status = "waiting", within_s = 10 }
            [[expect]]
            run = { runbook = "switch-database", status = "waiting", within_s = 2 }
            [[expect]]
            run = { runbook = "switch-database", status = "done", within_s = 30 }
            [[expect]]
            run = { runbook = "evacuate-region", status = "done", within_s = 30 }
            [[expect]]
            orders-refused = { count = 1 }
            [[expect]]
            orders-refused = { count = 0 }
            [[expect]]
            written-in = { region = "@writer", after_s = 0 }
            [[expect]]
            written-in = { region = "eu-west-1", after_s = 0 }
            [[expect]]
            written-in = { region = "@writer", after_s = 30 }
        "#;
        let scenario = Scenario::parse(Path::new("x.toml"), text).expect("good");
        scenario.check(&shipped()).expect("fits");
        let score = score(&scenario, &run_on_sim(&scenario, shipped(), 1).expect("runs"));
        let held: Vec<bool> = score.verdicts.iter().map(|verdict| verdict.held).collect();
        let text = score.text();
        assert_eq!(held, [true, false, false, false, true, false, true, false, false], "{text}");
        for told in [
            "run       carried out: start switch-database-1 (a drill)",
            "run       switch-database-1 is waiting for a person",
            "run       refused: reject run:evacuate-region:consent (a drill): there is no run",
            "no run of evacuate-region is known",
            "@writer us-east-1",
        ] {
            assert!(text.contains(told), "{told}:\n{text}");
        }
    }

    #[test]
    fn an_order_that_nobody_handles_is_no_drill() {
        let text = "title = \"T\"\nabout = \"A\"\nrun_s = 1\n[[at]]\ns = 1\norder = \"pause\"\n\
                    [[at]]\ns = 2\norder = \"resume\"\n[[expect]]\nnothing-moves = true\n";
        let scenario = Scenario::parse(Path::new("x.toml"), text).expect("good");
        let score = score(&scenario, &run_on_sim(&scenario, shipped(), 1).expect("runs"));
        assert!(!score.held);
        assert!(score.verdicts[0].reason.ends_with("of 2 orders were handled"), "{score:?}");
    }
}
