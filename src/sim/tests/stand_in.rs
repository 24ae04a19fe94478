//! A person's command line that stands in for agents that are all dead.

use super::runs::{runs, start, writer};
use super::*;
use crate::domain::order::Verb;

fn agents(sim: &Sim) -> Vec<AgentId> {
    sim.fleet().regions.iter().map(|region| region.as_str().parse().expect("valid")).collect()
}

fn kill_all(sim: &mut Sim) {
    for agent in agents(sim) {
        sim.strike(&Fault::KillAgent { agent });
    }
}

pub(super) fn drain(region: &RegionId) -> Verb {
    let (region, reason) = (region.clone(), "no agent is left".to_owned());
    Verb::Drain { region, service: None, reason }
}

fn leads(sim: &Sim, name: &AgentId) -> bool {
    sim.leaders().iter().any(|(leader, _)| leader == name)
}

/// A fleet without a living agent, and the one that stands in.
fn broken_glass(seed: u64) -> (Sim, AgentId) {
    let mut sim = sim(seed);
    settle(&mut sim);
    kill_all(&mut sim);
    let name = sim.stand_in();
    let limit = sim.now() + Duration::from_secs(60);
    assert!(sim.run_until_that(limit, |sim| leads(sim, &name)), "seed {seed}: {:#?}", sim.notes());
    (sim, name)
}

#[test]
fn with_every_agent_dead_an_order_is_carried_out_and_those_who_come_back_go_on_from_it() {
    for seed in 0..4 {
        let (mut sim, name) = broken_glass(seed);
        let region = sim.fleet().regions.first().expect("three").clone();
        sim.give_order(&region, drain(&region));
        let out = |sim: &Sim| weights(sim, &region).iter().all(|weight| *weight == 0);
        assert!(sim.run_until_that(sim.now() + Duration::from_secs(60), out), "seed {seed}");
        // Agents come back while it still leads: none acts beside it.
        for agent in agents(&sim) {
            sim.strike(&Fault::StartAgent { agent });
        }
        sim.run_until(sim.now() + Duration::from_secs(30));
        assert!(leads(&sim, &name), "seed {seed}");
        assert_eq!(sim.violations(), [], "seed {seed}");
        sim.strike(&Fault::KillAgent { agent: name.clone() });
        let another = |sim: &Sim| !sim.leaders().is_empty() && !leads(sim, &name);
        let limit = sim.now() + Duration::from_secs(60);
        assert!(sim.run_until_that(limit, another), "seed {seed}");
        sim.run_until(sim.now() + Duration::from_secs(60));
        assert!(out(&sim), "it stays out until it is undrained: seed {seed}");
        assert_eq!(sim.violations(), [], "seed {seed}");
    }
}

#[test]
fn while_an_agent_lives_nobody_stands_in_for_it() {
    for seed in 0..2 {
        let mut sim = sim(seed);
        settle(&mut sim);
        let name = sim.stand_in();
        let led = |sim: &Sim| leads(sim, &name);
        assert!(!sim.run_until_that(sim.now() + Duration::from_secs(60), led), "seed {seed}");
        assert_eq!(sim.violations(), [], "seed {seed}");
    }
}

#[test]
fn without_a_majority_of_seats_nobody_stands_in() {
    let mut sim = sim(1);
    settle(&mut sim);
    kill_all(&mut sim);
    for region in sim.fleet().regions.clone().into_iter().take(2) {
        sim.strike(&Fault::Lose { region });
    }
    let name = sim.stand_in();
    let led = |sim: &Sim| leads(sim, &name);
    assert!(!sim.run_until_that(sim.now() + Duration::from_secs(120), led));
}

#[test]
fn whoever_stands_in_decides_nothing_by_itself() {
    let (mut sim, name) = broken_glass(2);
    let before: Vec<Vec<u8>> =
        sim.fleet().regions.iter().map(|region| weights(&sim, region)).collect();
    // Agents that only look: switched off, they report and don't lead.
    for agent in agents(&sim) {
        sim.strike(&Fault::StartAgent { agent });
    }
    sim.run_until(sim.now() + Duration::from_secs(10));
    let lost = sim.fleet().regions.last().expect("three").clone();
    sim.strike(&Fault::Lose { region: lost });
    sim.run_until(sim.now() + Duration::from_secs(90));
    assert!(leads(&sim, &name));
    let after: Vec<Vec<u8>> =
        sim.fleet().regions.iter().map(|region| weights(&sim, region)).collect();
    assert_eq!(before, after, "a Region fails, and it only says so");
    assert!(runs(&sim).is_empty(), "no failover is started by its rules");
    assert_eq!(sim.violations(), []);
}

#[test]
fn a_database_is_forced_over_to_a_copy_that_the_rules_forbid() {
    let mut fleet = fleet();
    let spec = fleet.databases.values_mut().next().expect("orders");
    for member in spec.members.values_mut() {
        member.eligibility = crate::domain::database::Eligibility::Never;
    }
    let mut sim = Sim::new(fleet, Options { seed: 4, ..Options::default() });
    settle(&mut sim);
    kill_all(&mut sim);
    let from = writer(&sim, "orders");
    sim.strike(&Fault::Lose { region: from.clone() });
    let name = sim.stand_in();
    let limit = sim.now() + Duration::from_secs(60);
    assert!(sim.run_until_that(limit, |sim| leads(sim, &name)), "{:#?}", sim.notes());
    let to = sim.fleet().regions.iter().find(|it| **it != from).expect("three").clone();
    let asked = [("database", "orders"), ("from", from.as_str()), ("to", to.as_str())];
    let forbidden = start("fail-database-over", &asked);
    let by_force = start("force-database-over", &[asked[0], asked[2]]);
    let board = to.clone();
    for (book, verb, wanted) in
        [("fail-database-over", forbidden, &from), ("force-database-over", by_force, &to)]
    {
        sim.give_order(&board, verb);
        let mut approved = false;
        let limit = sim.now() + Duration::from_secs(400);
        let done = |sim: &Sim| runs(sim).get(book).is_some_and(|run| run.over || run.stuck);
        while sim.now() < limit && !done(&sim) {
            sim.run_until(sim.now() + Duration::from_secs(1));
            if !approved && runs(&sim).get(book).is_some_and(|run| run.waits) {
                approved = true;
                let ask = crate::domain::order::AskId(format!("run:{book}:consent"));
                sim.give_order(&board, Verb::Approve { ask });
            }
        }
        let run = &runs(&sim)[book];
        assert_eq!(writer(&sim, "orders"), *wanted, "{run:#?}");
        assert_eq!(run.stuck, *wanted == from, "{run:#?}");
        if run.stuck {
            let told = run
                .steps
                .iter()
                .find_map(|step| step.told.clone().filter(|it| it.contains("never")));
            assert!(told.expect("it says why").contains("--force"));
            let (run, reason) = (book.to_owned(), "by force then".to_owned());
            sim.give_order(&board, Verb::Abort { run, reason });
            let over = |sim: &Sim| runs(sim).get(book).is_some_and(|run| run.over);
            assert!(sim.run_until_that(sim.now() + Duration::from_secs(120), over));
        }
    }
    assert_eq!(sim.violations(), []);
}
