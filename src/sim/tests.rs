//! The brain on its first walks through the world.

use super::*;

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
    for seed in 0..20 {
        settle(&mut sim(seed));
    }
}

#[test]
fn a_lost_region_is_drained_and_gets_its_share_back() {
    for seed in 0..20 {
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
    for seed in 0..20 {
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
    for seed in 0..20 {
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
fn a_cut_link_and_a_brief_blip_move_nothing() {
    for seed in 0..20 {
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
