//! What AWS says of a Region, and what the fleet makes of it.

use super::*;
use crate::core::health::{Verdict, Vote};
use crate::core::view::PlacementView;
use crate::domain::ServiceId;
use crate::domain::signal::AlarmState;

/// Longer than checks, readings and reports take together.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

fn web() -> ServiceId {
    "web".parse().expect("valid")
}

fn break_targets(sim: &mut Sim, region: &RegionId, unhealthy: u32) {
    let service = Some(web());
    sim.strike(&Fault::Targets { region: region.clone(), service, unhealthy });
}

fn set_alarm(sim: &mut Sim, region: &RegionId, state: AlarmState) {
    let alarm = "web-5xx".parse().expect("valid");
    sim.strike(&Fault::Alarm { region: region.clone(), alarm, state });
}

/// `web` in a Region, as the leader sees it.
fn seen(sim: &Sim, region: &RegionId) -> PlacementView {
    let (leader, _) = sim.leaders()[0].clone();
    let view = sim.view(&leader).expect("it leads");
    let service = view.services.into_iter().find(|service| service.service == web());
    let mut places = service.expect("configured").regions.into_iter();
    places.find(|place| place.region == *region).expect("configured")
}

fn await_seen(sim: &mut Sim, region: &RegionId, wanted: impl Fn(&PlacementView) -> bool) {
    let limit = sim.now() + TOLD_WITHIN;
    let found = sim.run_until_that(limit, |sim| wanted(&seen(sim, region)));
    assert!(found, "{:#?}", seen(sim, region));
}

#[test]
fn a_fleet_in_which_all_is_well_says_so_by_zone() {
    let mut sim = sim(1);
    settle(&mut sim);
    let region = follower(&sim);
    await_seen(&mut sim, &region, |place| {
        place.signals.as_ref().is_some_and(|signals| {
            let zones = signals.targets.iter().flat_map(|targets| targets.zones.values());
            zones.map(|zone| zone.healthy).collect::<Vec<_>>() == [2, 2, 2]
                && signals.alarms.values().all(|state| *state == AlarmState::Ok)
                && signals.alarms.len() == 1
        })
    });
    assert_eq!(seen(&sim, &region).verdict, Verdict::Healthy);
}

#[test]
fn broken_targets_degrade_by_their_share_and_move_nothing() {
    let mut sim = sim(2);
    settle(&mut sim);
    let region = follower(&sim);
    break_targets(&mut sim, &region, 3);
    let half = Verdict::Degraded { failed_permille: 500 };
    await_seen(&mut sim, &region, |place| place.verdict == half);
    break_targets(&mut sim, &region, 6);
    let all = Verdict::Degraded { failed_permille: 1000 };
    await_seen(&mut sim, &region, |place| {
        place.verdict == all && matches!(place.votes[&place.region], Vote::Down { .. })
    });
    sim.run_until(sim.now() + TOLD_WITHIN);
    assert_eq!(weights(&sim, &region), [100, 100], "the load balancer fails open, and answers");
    break_targets(&mut sim, &region, 0);
    await_seen(&mut sim, &region, |place| place.verdict == Verdict::Healthy);
    assert_eq!(sim.violations(), []);
}

#[test]
fn an_alarm_alone_moves_nothing_and_with_one_observer_outside_it_does() {
    for seed in 0..5 {
        let mut sim = sim(seed);
        settle(&mut sim);
        let region = follower(&sim);
        set_alarm(&mut sim, &region, AlarmState::Alarm);
        await_seen(&mut sim, &region, |place| {
            matches!(place.votes[&place.region], Vote::Down { .. })
        });
        sim.run_until(sim.now() + TOLD_WITHIN);
        assert_eq!(weights(&sim, &region), [100, 100], "seed {seed}");

        // One observer outside can't reach it: with the complaint inside, two of three agree.
        let (leader, _) = sim.leaders()[0].clone();
        let (from, to) = (leader.as_str().parse().expect("valid"), region.clone());
        let (from, to) = (Place::Region(from), Place::Region(to));
        sim.strike(&Fault::Cut { from, to, both: false });
        let limit = sim.now() + TOLD_WITHIN;
        let drained = |sim: &Sim| weights(sim, &region).contains(&0);
        assert!(sim.run_until_that(limit, drained), "seed {seed}: {:#?}", seen(&sim, &region));
        assert_eq!(sim.violations(), []);
    }
}

#[test]
fn without_an_alarm_one_observer_outside_moves_nothing() {
    for state in [AlarmState::Ok, AlarmState::InsufficientData] {
        let mut sim = sim(3);
        settle(&mut sim);
        let region = follower(&sim);
        set_alarm(&mut sim, &region, state);
        let (leader, _) = sim.leaders()[0].clone();
        let (from, to) = (leader.as_str().parse().expect("valid"), region.clone());
        let (from, to) = (Place::Region(from), Place::Region(to));
        sim.strike(&Fault::Cut { from, to, both: false });
        sim.run_until(sim.now() + TOLD_WITHIN);
        assert_eq!(weights(&sim, &region), [100, 100], "{state}");
    }
}

/// A Region that somebody drained, after this time, with so many clients of each kind.
fn drained_for(passed: Duration, clients_per_kind: u16) -> (Sim, RegionId) {
    let mut sim = Sim::new(fleet(), Options { seed: 3, clients_per_kind, ..Options::default() });
    settle(&mut sim);
    let region = follower(&sim);
    sim.give_order(&region, stand_in::drain(&region));
    let limit = sim.now() + TOLD_WITHIN;
    assert!(sim.run_until_that(limit, |sim| weights(sim, &region) == [0, 0]));
    assert_eq!(seen(&sim, &region).left_over(), None, "nothing is known of it yet");
    sim.run_until(sim.now() + passed);
    (sim, region)
}

#[test]
fn a_region_is_drained_once_its_load_balancer_counts_only_the_fleet_s_probes() {
    let minutes = Duration::from_secs(5 * 60);
    let (sim, region) = drained_for(minutes, 0);
    let place = seen(&sim, &region);
    let arriving = place.signals.as_ref().and_then(|signals| signals.arriving);
    assert!(arriving.is_some_and(|arriving| arriving.per_minute > 100), "{place:#?}");
    assert_eq!(place.left_over(), Some(0), "{place:#?}");

    // Those who ignore the TTL make five requests a second each.
    let (sim, region) = drained_for(minutes, 4);
    let left = seen(&sim, &region).left_over();
    assert!(left.is_some_and(|left| left >= 200), "{:#?}", seen(&sim, &region));
    let elsewhere = sim.fleet().regions.iter().find(|other| **other != region);
    assert_eq!(seen(&sim, elsewhere.expect("three Regions")).left_over(), None);
}
