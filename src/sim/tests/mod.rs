//! The brain on its first walks through the world.

mod beside_writer;
mod gates;
mod notices;
mod runs;
mod scaling;
mod seats;
mod seeds;
mod signals;
mod stand_in;
mod sweeps;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::core::{Brain, Command, Event, Identity, Note, Request};
use crate::domain::observation::ZoneStage;
use crate::domain::seat::BootId;
use crate::domain::{AgentId, Epoch, Fleet, Moment, RegionId};
use crate::world::fault::Fault;
use crate::world::generator;
use crate::world::network::Place;
use crate::world::wire::{Percent, Rule, Scope, Treatment};

fn fleet() -> Fleet {
    let loaded = crate::config::load_dir(std::path::Path::new("regions")).expect("shipped");
    loaded.fleet
}

fn sim(seed: u64) -> Sim {
    Sim::new(fleet(), Options { seed, ..Options::default() })
}

fn settle(sim: &mut Sim) {
    let limit = sim.now() + Duration::from_secs(60);
    assert!(sim.run_until_that(limit, Sim::settled), "{:#?}", sim.notes());
    assert_eq!(sim.violations(), []);
}

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

/// The weights now in the records of a Region, by service.
fn weights(sim: &Sim, region: &RegionId) -> Vec<u8> {
    let records = sim.fleet().zones.keys().flat_map(|zone| sim.world().route53.records(zone));
    records
        .filter_map(crate::world::route53::ModelRecordSet::to_record_set)
        .filter_map(|record| match record.routing {
            crate::domain::record::Routing::Weighted { set_identifier, weight }
                if set_identifier == region.as_str() =>
            {
                Some(weight.0)
            }
            _ => None,
        })
        .collect()
}

fn follower(sim: &Sim) -> RegionId {
    let (leader, _) = sim.leaders()[0].clone();
    let mut regions = sim.fleet().regions.iter();
    regions.find(|region| region.as_str() != leader.as_str()).expect("three Regions").clone()
}

#[test]
fn a_fleet_finds_one_leader_and_settles() {
    for seed in 0..10 {
        settle(&mut sim(seed));
    }
}

#[test]
fn a_lost_region_is_drained_and_gets_its_share_back() {
    for seed in 0..10 {
        let mut sim = sim(seed);
        settle(&mut sim);
        let lost = follower(&sim);
        let struck = sim.now();
        sim.strike(&Fault::Lose { region: lost.clone() });
        let drained = |sim: &Sim| weights(sim, &lost) == [0, 0];
        assert!(sim.run_until_that(struck + Duration::from_secs(5), drained), "seed {seed}");
        sim.strike(&Fault::Restore { region: lost.clone() });
        let limit = sim.now() + Duration::from_secs(60);
        assert!(sim.run_until_that(limit, Sim::settled), "seed {seed}: {:#?}", sim.notes());
        assert_eq!(sim.violations(), []);
    }
}

#[test]
fn the_leader_s_region_and_agent_go_together() {
    for seed in 0..10 {
        let mut sim = sim(seed);
        settle(&mut sim);
        let (leader, epoch) = sim.leaders()[0].clone();
        let lost = region(leader.as_str());
        let struck = sim.now();
        sim.strike(&Fault::KillAgent { agent: leader.clone() });
        sim.strike(&Fault::Lose { region: lost.clone() });
        let drained = |sim: &Sim| weights(sim, &lost) == [0, 0];
        assert!(sim.run_until_that(struck + Duration::from_secs(12), drained), "seed {seed}");
        assert!(sim.leaders()[0].1 > epoch);
        sim.strike(&Fault::Restore { region: lost.clone() });
        sim.strike(&Fault::StartAgent { agent: leader });
        let limit = sim.now() + Duration::from_secs(60);
        assert!(sim.run_until_that(limit, Sim::settled), "seed {seed}: {:#?}", sim.notes());
        assert_eq!(sim.violations(), []);
    }
}

#[test]
fn a_leader_cut_off_from_the_seats_stops_by_itself_before_another_begins() {
    for seed in 0..10 {
        let mut sim = sim(seed);
        settle(&mut sim);
        let (leader, epoch) = sim.leaders()[0].clone();
        let home = Place::Region(region(leader.as_str()));
        for other in sim.fleet().regions.clone() {
            let other = Place::Region(other);
            if other != home {
                sim.strike(&Fault::Cut { from: home.clone(), to: other, both: false });
            }
        }
        let other_leads = |sim: &Sim| matches!(&sim.leaders()[..], [(_, now)] if *now > epoch);
        let limit = sim.now() + Duration::from_secs(20);
        assert!(sim.run_until_that(limit, other_leads), "seed {seed}: {:#?}", sim.notes());
        let stepped_down = sim
            .notes()
            .iter()
            .any(|(_, agent, note)| *agent == leader && matches!(note, Note::SteppedDown { .. }));
        assert!(stepped_down, "seed {seed}");
        assert_eq!(sim.violations(), []);
    }
}

#[test]
fn a_decision_that_one_surviving_seat_knows_is_taken_over() {
    for seed in 0..10 {
        let mut sim = sim(seed);
        settle(&mut sim);
        let (leader, _) = sim.leaders()[0].clone();
        let home = region(leader.as_str());
        let others: Vec<RegionId> =
            sim.fleet().regions.iter().filter(|region| **region != home).cloned().collect();
        // The third seat does not hear of the decision; then its only other holder goes.
        let (a, c) = (Place::Region(home.clone()), Place::Region(others[1].clone()));
        sim.strike(&Fault::Cut { from: a, to: c, both: true });
        sim.strike(&Fault::Fail { region: others[0].clone(), service: "web".parse().ok() });
        let limit = sim.now() + Duration::from_secs(10);
        let drained = |sim: &Sim| weights(sim, &others[0]).contains(&0);
        assert!(sim.run_until_that(limit, drained), "seed {seed}");
        sim.strike(&Fault::KillAgent { agent: leader.clone() });
        sim.strike(&Fault::Lose { region: home.clone() });
        sim.strike(&Fault::Heal);
        let limit = sim.now() + Duration::from_secs(20);
        assert!(sim.run_until_that(limit, |sim| !sim.leaders().is_empty()), "seed {seed}");
        sim.run_until(sim.now() + Duration::from_secs(10));
        assert_eq!(sim.violations(), [], "seed {seed}");
    }
}

#[test]
fn a_cut_link_and_a_brief_blip_move_nothing() {
    for seed in 0..10 {
        let mut sim = sim(seed);
        settle(&mut sim);
        let regions: Vec<RegionId> = sim.fleet().regions.iter().cloned().collect();
        let before = sim.log().len();
        let (a, b) = (Place::Region(regions[0].clone()), Place::Region(regions[1].clone()));
        sim.strike(&Fault::Cut { from: a, to: b, both: true });
        sim.run_until(sim.now() + Duration::from_secs(30));
        sim.strike(&Fault::Heal);
        sim.run_until(sim.now() + Duration::from_secs(10));
        let service = "web".parse().ok();
        sim.strike(&Fault::Fail { region: regions[2].clone(), service });
        sim.run_until(sim.now() + Duration::from_secs(1));
        sim.strike(&Fault::Mend { region: regions[2].clone(), service: None });
        sim.run_until(sim.now() + Duration::from_secs(30));
        let moved = sim.log()[before..].iter().any(|entry| {
            matches!(entry.happening, crate::world::log::Happening::ZoneChanged { .. })
        });
        assert!(!moved, "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let story = |seed| {
        let mut sim = sim(seed);
        settle(&mut sim);
        let lost = follower(&sim);
        sim.strike(&Fault::Lose { region: lost });
        sim.run_until(sim.now() + Duration::from_secs(20));
        serde_json::to_string(sim.log()).expect("serialisable")
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

#[test]
fn the_last_region_in_service_stays() {
    let mut sim = sim(3);
    settle(&mut sim);
    for region in sim.fleet().regions.clone() {
        sim.strike(&Fault::Fail { region, service: "web".parse().ok() });
        sim.run_until(sim.now() + Duration::from_secs(15));
    }
    let serving = sim.fleet().regions.clone().iter().filter(|r| weights(&sim, r)[1] > 0).count();
    assert_eq!(serving, 1, "{:#?}", sim.notes());
    assert_eq!(sim.violations(), []);
}

#[test]
fn when_all_fail_at_once_nothing_moves() {
    let mut sim = sim(4);
    settle(&mut sim);
    for region in sim.fleet().regions.clone() {
        sim.strike(&Fault::Kill { region, service: None });
    }
    sim.run_until(sim.now() + Duration::from_secs(30));
    for region in sim.fleet().regions.clone() {
        assert!(weights(&sim, &region).iter().all(|weight| *weight > 0));
    }
}

/// One of the faults that a seed may deal out.
fn draw_fault(sim: &Sim, rng: &mut Pcg64Mcg) -> Fault {
    let regions: Vec<RegionId> = sim.fleet().regions.iter().cloned().collect();
    let any = |rng: &mut Pcg64Mcg| regions[rng.random_range(0..regions.len())].clone();
    let place = |rng: &mut Pcg64Mcg| match rng.random_range(0..5) {
        0 => Place::Global,
        _ => Place::Region(any(rng)),
    };
    let agent = |region: RegionId| region.as_str().parse().expect("valid");
    let service = |rng: &mut Pcg64Mcg| rng.random_bool(0.5).then(|| "web".parse().expect("valid"));
    let on = rng.random_bool(0.4);
    match rng.random_range(0..14) {
        12 | 13 => wire_fault(rng),
        0 => Fault::Lose { region: any(rng) },
        1 | 2 => Fault::Restore { region: any(rng) },
        3 => Fault::Slow { region: any(rng), service: service(rng), delay_ms: 900 },
        4 => Fault::Fail { region: any(rng), service: service(rng) },
        5 => Fault::Mend { region: any(rng), service: None },
        6 | 7 => Fault::Cut { from: place(rng), to: place(rng), both: rng.random_bool(0.3) },
        8 => Fault::Heal,
        9 => Fault::KillAgent { agent: agent(any(rng)) },
        10 => Fault::StartAgent { agent: agent(any(rng)) },
        _ if rng.random_bool(0.5) => {
            Fault::Throttle { service: crate::world::fault::AwsService::Dynamodb, on }
        }
        _ => Fault::Throttle { service: crate::world::fault::AwsService::Route53, on },
    }
}

/// Any treatment of any share of some kind of call.
fn wire_fault(rng: &mut Pcg64Mcg) -> Fault {
    let treatments = Treatment::all(rng.random_range(1..4000));
    let operations = ["GetItem", "PutItem", "Query", "ChangeResourceRecordSets"];
    let operation = operations[rng.random_range(0..operations.len())].to_owned();
    let rule = Rule {
        scope: Scope { operation: rng.random_bool(0.7).then_some(operation), ..Scope::default() },
        treatment: treatments[rng.random_range(0..treatments.len())],
        percent: Percent::try_from(rng.random_range(1..=100)).expect("a share"),
        times: rng.random_bool(0.5).then(|| rng.random_range(1..30)),
    };
    Fault::Wire { rule }
}

fn heal_everything(sim: &mut Sim) {
    sim.strike(&Fault::Heal);
    sim.strike(&Fault::MendWire { scope: Scope::default() });
    for service in
        [crate::world::fault::AwsService::Dynamodb, crate::world::fault::AwsService::Route53]
    {
        sim.strike(&Fault::Throttle { service, on: false });
    }
    for region in sim.fleet().regions.clone() {
        let agent = region.as_str().parse().expect("valid");
        sim.strike(&Fault::Restore { region: region.clone() });
        sim.strike(&Fault::Mend { region, service: None });
        sim.strike(&Fault::StartAgent { agent });
    }
}

#[test]
fn whatever_a_seed_deals_out_nothing_is_broken_and_all_heals() {
    for seed in 0..30 {
        let mut sim = sim(seed);
        let mut rng = generator(seed, "test/faults");
        settle(&mut sim);
        for _ in 0..15 {
            let wait_ms = rng.random_range(50..6000);
            sim.run_until(sim.now() + Duration::from_millis(wait_ms));
            let fault = draw_fault(&sim, &mut rng);
            sim.strike(&fault);
        }
        heal_everything(&mut sim);
        let limit = sim.now() + Duration::from_secs(120);
        let settled = sim.run_until_that(limit, Sim::settled);
        assert_eq!(sim.violations(), [], "seed {seed}");
        assert!(
            settled,
            "seed {seed}: {:#?}",
            sim.notes().iter().rev().take(20).collect::<Vec<_>>()
        );
    }
}

/// Edits a zone by hand, as a person with a console does.
fn edit(
    sim: &mut Sim,
    delete: &crate::domain::RecordSet,
    create: Option<crate::domain::RecordSet>,
) {
    use crate::world::route53::{Action, ModelChange, ModelRecordSet};
    let record =
        |record: &crate::domain::RecordSet| ModelRecordSet::try_from(record).expect("ours");
    let mut changes = vec![ModelChange { action: Action::Delete, record: record(delete) }];
    if let Some(create) = &create {
        changes.push(ModelChange { action: Action::Create, record: record(create) });
    }
    let zone = sim.fleet().zones.keys().next().expect("one zone").clone();
    let now = sim.now();
    sim.world_mut().route53.change_record_sets(now, &zone, &changes, None).expect("accepted");
}

fn find(sim: &Sim, wanted: impl Fn(&crate::domain::RecordSet) -> bool) -> crate::domain::RecordSet {
    let zone = sim.fleet().zones.keys().next().expect("one zone");
    let mut records = sim.world().route53.records(zone).filter_map(|r| r.to_record_set());
    records.find(|record| wanted(record)).expect("it is there")
}

fn fence(sim: &Sim) -> (crate::domain::RecordSet, crate::domain::Fence) {
    let record = find(sim, |record| record.key.name.as_str().starts_with("_regent-"));
    let crate::domain::record::RecordData::Plain { values, .. } = &record.data else {
        panic!("a fence is plain")
    };
    let fence = values[0].parse().expect("a fence");
    (record, fence)
}

fn zone_report(sim: &Sim) -> crate::domain::observation::ZoneReport {
    let (leader, _) = sim.leaders()[0].clone();
    let leader = sim.view(&leader).expect("alive").leader.expect("leads");
    leader.zones.into_values().next().expect("one zone")
}

#[test]
fn a_weight_edited_by_hand_is_noticed_and_brought_back() {
    let mut sim = sim(11);
    settle(&mut sim);
    let record = find(&sim, |record| record.routing.set_identifier() == Some("eu-west-1"));
    let edited = crate::domain::RecordSet {
        routing: crate::domain::record::Routing::Weighted {
            set_identifier: "eu-west-1".to_owned(),
            weight: crate::domain::Weight(7),
        },
        ..record.clone()
    };
    edit(&mut sim, &record, Some(edited));
    assert!(weights(&sim, &region("eu-west-1")).contains(&7));
    let audit_ms = u64::from(sim.fleet().timing.zone_audit_ms);
    sim.run_until(sim.now() + Duration::from_millis(audit_ms + 5000));
    assert_eq!(weights(&sim, &region("eu-west-1")), [100, 100]);
    assert_eq!(sim.violations(), []);
}

#[test]
fn a_fence_of_another_fleet_is_held_and_told_not_fought() {
    let mut sim = sim(12);
    settle(&mut sim);
    let (record, mine) = fence(&sim);
    let foreign = crate::domain::Fence { fleet: "other".parse().expect("valid"), ..mine };
    edit(&mut sim, &record, Some(foreign.record_set(&record.key.name)));
    sim.strike(&Fault::Kill { region: region("eu-west-1"), service: None });
    sim.run_until(sim.now() + Duration::from_secs(20));
    let report = zone_report(&sim);
    assert_eq!(report.stage, ZoneStage::Held);
    assert!(report.detail.expect("why").contains("other"));
    assert_eq!(weights(&sim, &region("eu-west-1")), [100, 100]);
    assert_eq!(sim.leaders().len(), 1, "a configuration error is no reason to step down");
}

#[test]
fn a_removed_fence_is_made_anew_by_the_quorum_s_leader() {
    let mut sim = sim(13);
    settle(&mut sim);
    let (record, before) = fence(&sim);
    edit(&mut sim, &record, None);
    let audit_ms = u64::from(sim.fleet().timing.zone_audit_ms);
    sim.run_until(sim.now() + Duration::from_millis(audit_ms + 10_000));
    let (_, after) = fence(&sim);
    assert!((after.epoch, after.attempt) > (before.epoch, before.attempt), "{after} {before}");
    assert_eq!(zone_report(&sim).stage, ZoneStage::InStep);
}

#[test]
fn a_fence_above_the_quorum_is_held_for_a_person() {
    let mut sim = sim(14);
    settle(&mut sim);
    let (record, mine) = fence(&sim);
    let above = crate::domain::Fence { epoch: Epoch(mine.epoch.0 + 9), ..mine };
    edit(&mut sim, &record, Some(above.record_set(&record.key.name)));
    sim.strike(&Fault::Kill { region: region("eu-west-1"), service: None });
    sim.run_until(sim.now() + Duration::from_secs(20));
    let report = zone_report(&sim);
    assert_eq!(report.stage, ZoneStage::Held);
    assert!(report.detail.expect("why").contains("lost their memory"));
    assert_eq!(weights(&sim, &region("eu-west-1")), [100, 100]);
}

#[test]
fn a_brain_whose_calls_are_never_answered_goes_on_asking() {
    let identity = Identity {
        agent: "eu-west-1".parse().expect("valid"),
        region: region("eu-west-1"),
        boot: BootId(1),
    };
    let mut brain = Brain::new(Moment::ZERO, identity, fleet(), 1);
    let mut now = Moment::ZERO;
    let mut asked = 0;
    while now < Moment::from_ms(20_000) {
        let commands = brain.step(now, Event::Tick);
        asked += commands
            .iter()
            .filter(|command| {
                matches!(command, Command::Call { request: Request::ReadSeat { .. }, .. })
            })
            .count();
        now = brain
            .next_wake()
            .max(now + Duration::from_millis(1))
            .min(now + Duration::from_millis(500));
    }
    assert!(
        asked >= 3 * 4,
        "three seats, each asked again after every call that was lost: {asked}"
    );
}

#[test]
fn one_name_that_can_t_be_changed_safely_does_not_hold_up_the_others() {
    let mut sim = sim(15);
    settle(&mut sim);
    // Somebody deleted the records of `api` in both other Regions: taking out the third would leave
    // nothing.
    for id in ["ap-southeast-2", "us-east-1"] {
        let record = find(&sim, |record| {
            record.key.name.as_str().starts_with("api.")
                && record.routing.set_identifier() == Some(id)
        });
        edit(&mut sim, &record, None);
    }
    sim.strike(&Fault::Kill { region: region("eu-west-1"), service: None });
    sim.run_until(sim.now() + Duration::from_secs(10));
    let of = |name: &str| {
        let record = find(&sim, |record| {
            record.key.name.as_str().starts_with(name)
                && record.routing.set_identifier() == Some("eu-west-1")
        });
        record.routing
    };
    let weight = |routing| match routing {
        crate::domain::record::Routing::Weighted { weight, .. } => weight.0,
        other => panic!("{other:?}"),
    };
    assert_eq!(weight(of("web.")), 0);
    assert_eq!(weight(of("api.")), 100, "the last that is left");
    assert!(zone_report(&sim).detail.expect("told").contains("api"));
}

#[test]
fn each_treatment_of_the_leader_s_calls_is_survived_and_forgotten_once_it_is_over() {
    // Longer than a call may take: it takes its effect when nobody waits for it any more.
    for (seed, treatment) in (0..).zip(Treatment::all(2500)) {
        let mut sim = sim(seed);
        settle(&mut sim);
        let (leader, _) = sim.leaders()[0].clone();
        let lost = follower(&sim);
        let percent = Percent::try_from(60).expect("a share");
        let scope = Scope { caller: Some(leader), ..Scope::default() };
        let rule = Rule { scope: scope.clone(), treatment, percent, times: None };
        sim.strike(&Fault::Wire { rule });
        sim.strike(&Fault::Lose { region: lost.clone() });
        sim.run_until(sim.now() + Duration::from_secs(60));
        assert_eq!(sim.violations(), [], "{treatment:?}");
        assert_eq!(weights(&sim, &lost), [0, 0], "{treatment:?}: {:#?}", sim.notes());
        sim.strike(&Fault::MendWire { scope });
        sim.strike(&Fault::Restore { region: lost });
        let limit = sim.now() + Duration::from_secs(120);
        assert!(sim.run_until_that(limit, Sim::settled), "{treatment:?}: {:#?}", sim.notes());
        assert_eq!(sim.violations(), [], "{treatment:?}");
    }
}
