//! Gates, end to end: real brains, modelled checkers, modelled name servers.

use std::collections::BTreeSet;

use super::*;
use crate::domain::gate::Gate;
use crate::domain::order::Verb;
use crate::world::route53::{ModelRecordType, OwnerName};

/// Regions that name servers answer with, for a service.
fn answered(sim: &mut Sim, service: &str) -> BTreeSet<RegionId> {
    let service = service.parse().expect("valid");
    let name: OwnerName = (&sim.fleet.services[&service].name).into();
    let now = sim.now;
    let mut regions = BTreeSet::new();
    for _ in 0..60 {
        for address in sim.world.route53.answer(now, &name, ModelRecordType::A).addresses() {
            regions.insert(sim.addresses[&(service.clone(), address)].clone());
        }
    }
    regions
}

/// A fleet without clients: name servers are asked here.
fn quiet(seed: u64) -> Sim {
    Sim::new(fleet(), Options { seed, clients_per_kind: 0, ..Options::default() })
}

fn all() -> BTreeSet<RegionId> {
    fleet().regions
}

fn but(region: &RegionId) -> BTreeSet<RegionId> {
    all().into_iter().filter(|other| other != region).collect()
}

fn gate(region: &RegionId) -> Gate {
    Gate { region: region.clone(), service: None }
}

/// Whether an agent's gates shut a Region now.
fn shuts(sim: &Sim, agent: &RegionId, region: &RegionId) -> bool {
    let agent = sim.agents.iter().find(|one| one.region == *agent).expect("one in each");
    let now = agent.clock.read(sim.now);
    agent.brain.as_ref().is_some_and(|brain| brain.gates().closes(now, &gate(region)).is_some())
}

fn seconds(sim: &mut Sim, seconds: u64) {
    sim.run_until(sim.now + Duration::from_secs(seconds));
}

fn out(sim: &mut Sim, region: &RegionId, lost: bool) {
    let region = region.clone();
    sim.strike(&if lost { Fault::Lose { region } } else { Fault::Restore { region } });
}

#[test]
fn with_the_control_plane_down_gates_alone_take_a_lost_region_out_and_let_it_back() {
    for seed in 0..6 {
        let mut sim = quiet(seed);
        settle(&mut sim);
        assert_eq!(answered(&mut sim, "web"), all(), "seed {seed}");
        let lost = follower(&sim);
        sim.strike(&Fault::ControlPlane { down: true });
        out(&mut sim, &lost, true);
        // 5 s to decide, 10 s until every checker has asked.
        seconds(&mut sim, 20);
        assert_eq!(answered(&mut sim, "web"), but(&lost), "seed {seed}");
        assert_eq!(weights(&sim, &lost), [100, 100], "no record was edited");
        out(&mut sim, &lost, false);
        seconds(&mut sim, 60);
        assert_eq!(answered(&mut sim, "web"), all(), "seed {seed}");
        sim.strike(&Fault::ControlPlane { down: false });
        let limit = sim.now() + Duration::from_secs(120);
        assert!(sim.run_until_that(limit, Sim::settled), "seed {seed}");
        assert_eq!(sim.violations(), []);
    }
}

/// The fleet with one service, in two Regions, of which `eu-west-1` is the primary.
fn pair(seed: u64) -> Sim {
    let mut fleet = fleet();
    fleet.services.retain(|id, _| id.as_str() == "web");
    let web = fleet.services.values_mut().next().expect("one");
    web.regions.retain(|region, _| region.as_str() != "ap-southeast-2");
    web.routing = crate::domain::fleet::RoutingPolicy::Failover { primary: region("eu-west-1") };
    Sim::new(fleet, Options { seed, clients_per_kind: 0, ..Options::default() })
}

#[test]
fn a_failover_pair_swaps_by_its_records_and_by_its_gates_alone_where_they_can_t_be_edited() {
    let (first, second) = (region("eu-west-1"), region("us-east-1"));
    let only = |region: &RegionId| BTreeSet::from([region.clone()]);
    for (seed, down) in [(0, false), (1, true), (2, false), (3, true)] {
        let mut sim = pair(seed);
        settle(&mut sim);
        assert_eq!(answered(&mut sim, "web"), only(&first), "seed {seed}");
        sim.strike(&Fault::ControlPlane { down });
        out(&mut sim, &first, true);
        seconds(&mut sim, 45);
        assert_eq!(answered(&mut sim, "web"), only(&second), "seed {seed}, edits refused: {down}");
        let zone = sim.fleet.zones.keys().next().expect("one").clone();
        let leads = |sim: &Sim| {
            let records =
                sim.world.route53.records(&zone).filter_map(|record| record.to_record_set());
            let mut leading =
                records.filter(|it| it.routing.weight() == Some(crate::domain::Weight(100)));
            leading.next().and_then(|it| it.routing.set_identifier().map(str::to_owned))
        };
        let expected = if down { &first } else { &second };
        assert_eq!(leads(&sim).as_deref(), Some(expected.as_str()), "seed {seed}");
        out(&mut sim, &first, false);
        sim.strike(&Fault::ControlPlane { down: false });
        let limit = sim.now() + Duration::from_secs(180);
        assert!(sim.run_until_that(limit, Sim::settled), "seed {seed}: {:#?}", sim.notes());
        seconds(&mut sim, 15);
        assert_eq!(answered(&mut sim, "web"), only(&first), "seed {seed}");
        assert_eq!(sim.violations(), []);
    }
}

#[test]
fn a_pair_is_not_settled_while_its_secondary_is_out_of_service() {
    let mut sim = pair(4);
    settle(&mut sim);
    let (second, service) = (region("us-east-1"), Some("web".parse().expect("valid")));
    let reason = "maintenance".to_owned();
    sim.give_order(
        &second,
        Verb::Drain { region: second.clone(), service: service.clone(), reason },
    );
    seconds(&mut sim, 15);
    assert_eq!(sim.served_as_configured(), Ok(()), "the records say nothing of it");
    assert!(!sim.settled());
    sim.give_order(&second, Verb::Undrain { region: second.clone(), service });
    let limit = sim.now() + Duration::from_secs(180);
    assert!(sim.run_until_that(limit, Sim::settled), "{:#?}", sim.notes());
    assert_eq!(sim.violations(), []);
}

#[test]
fn the_leader_s_own_loss_is_survived_without_the_control_plane_too() {
    for seed in 0..4 {
        let mut sim = quiet(seed);
        settle(&mut sim);
        let lost: RegionId = sim.leaders()[0].0.as_str().parse().expect("named after it");
        sim.strike(&Fault::ControlPlane { down: true });
        out(&mut sim, &lost, true);
        // The lease of 5 s and the next election come on top.
        seconds(&mut sim, 40);
        assert_eq!(answered(&mut sim, "api"), but(&lost), "seed {seed}");
        assert_eq!(weights(&sim, &lost), [100, 100]);
        assert_eq!(sim.violations(), []);
    }
}

#[test]
fn dead_paused_and_newly_started_agents_close_nothing() {
    let mut sim = quiet(3);
    settle(&mut sim);
    for agent in 0..sim.agents.len() {
        sim.kill_agent(agent);
    }
    seconds(&mut sim, 60);
    assert_eq!(answered(&mut sim, "web"), all(), "all agents are dead, and nobody is shut");
    let one = fleet().regions.first().expect("three").clone();
    for agent in 0..sim.agents.len() {
        sim.start_agent(agent);
    }
    let limit = sim.now() + Duration::from_secs(60);
    let mut ever_shut = false;
    let settled = sim.run_until_that(limit, |sim| {
        ever_shut |= all().iter().any(|agent| shuts(sim, agent, &one));
        sim.settled()
    });
    assert!(settled && !ever_shut);
}

#[test]
fn one_agent_alone_shuts_nobody() {
    let mut sim = quiet(4);
    settle(&mut sim);
    let lost = follower(&sim);
    out(&mut sim, &lost, true);
    seconds(&mut sim, 30);
    assert_eq!(weights(&sim, &lost), [0, 0]);
    // One of the two that shut it dies: its records alone keep it out.
    let other = but(&lost).into_iter().next().expect("two");
    let agent: AgentId = other.as_str().parse().expect("named after it");
    sim.strike(&Fault::KillAgent { agent });
    seconds(&mut sim, 30);
    let check = sim.world.route53.health_checks.all();
    let shut = check.filter(|(info, healthy)| {
        matches!(info.config.subject, crate::world::route53::Subject::Calculated { .. }) && !healthy
    });
    assert_eq!(shut.count(), 0, "one closed gate of two shuts nobody");
    assert_eq!(answered(&mut sim, "web"), but(&lost));
}

#[test]
fn an_agent_cut_off_from_the_seats_keeps_what_it_read_for_its_holding_time_and_then_opens() {
    let mut sim = quiet(5);
    settle(&mut sim);
    let lost = follower(&sim);
    out(&mut sim, &lost, true);
    seconds(&mut sim, 30);
    let [one, two] = <[RegionId; 2]>::try_from(Vec::from_iter(but(&lost))).expect("two");
    assert!(shuts(&sim, &one, &lost) && shuts(&sim, &two, &lost));
    // No majority of seats can be read any more: by nobody.
    let (one_place, two_place) = (Place::Region(one.clone()), Place::Region(two.clone()));
    sim.strike(&Fault::Cut { from: one_place, to: two_place, both: true });
    let hold_s = u64::from(fleet().gates.expect("shipped with gates").hold_ms) / 1000;
    seconds(&mut sim, hold_s - 30);
    assert!(shuts(&sim, &one, &lost) && shuts(&sim, &two, &lost));
    assert_eq!(answered(&mut sim, "web"), but(&lost));
    seconds(&mut sim, 60);
    assert!(!shuts(&sim, &one, &lost) && !shuts(&sim, &two, &lost));
    assert_eq!(sim.violations(), []);
}
