//! The step `scale` on the whole controller: groups are raised before traffic moves, as far as their
//! limits let them, and what is missing is said.

use super::runs::{order, runs, see_through, start};
use super::*;
use crate::core::runs::view::{RunView, StepView};
use crate::domain::capacity::ScalingGroupId;
use crate::domain::fleet::Placement;
use crate::runbook::StepStatus;

/// Sizes that the operator gave, and how many instances there are now.
fn resize(sim: &mut Sim, group: &ScalingGroupId, sizes: (u32, u32, u32)) {
    let now = sim.now();
    sim.world_mut().autoscaling.add(now, group.clone(), sizes).expect("they fit");
}

fn group(region: &RegionId, name: &str) -> ScalingGroupId {
    ScalingGroupId { region: region.clone(), name: name.parse().expect("valid") }
}

fn desired(sim: &Sim, region: &RegionId) -> [u32; 2] {
    ["demo-api", "demo-web"]
        .map(|name| sim.world().autoscaling.group(&group(region, name)).expect("outfitted").desired)
}

/// The shipped fleet with its placements changed.
fn sim_of(seed: u64, change: impl Fn(&RegionId, &mut Placement)) -> Sim {
    let mut fleet = fleet();
    for service in fleet.services.values_mut() {
        service.regions.iter_mut().for_each(|(region, placement)| change(region, placement));
    }
    let mut sim = Sim::new(fleet, Options { seed, ..Options::default() });
    settle(&mut sim);
    sim
}

/// Evacuates a Region: its name, and the run.
fn evacuated(sim: &mut Sim) -> (RegionId, RunView) {
    let left = follower(sim);
    order(sim, start("evacuate-region", &[("region", left.as_str()), ("bake", "5s")]));
    let run = see_through(sim, "evacuate-region", false);
    assert!(weights(sim, &left).iter().all(|weight| *weight == 0), "{run:#?}");
    (left, run)
}

fn capacity(run: &RunView) -> &StepView {
    run.steps.iter().find(|step| step.step == "capacity").expect("its step")
}

fn told(run: &RunView) -> &str {
    capacity(run).told.as_deref().unwrap_or_default()
}

#[test]
fn those_who_stay_are_raised_and_their_instances_waited_for() {
    let mut sim = sim_of(3, |_, _| {});
    let (left, run) = evacuated(&mut sim);
    assert_eq!(run.status, "done", "{run:#?}");
    for region in sim.fleet().regions.clone() {
        let wanted = if region == left { [6, 6] } else { [9, 9] };
        assert_eq!(desired(&sim, &region), wanted, "{region}");
    }
    assert_eq!(capacity(&run).status, StepStatus::Done);
    assert!(told(&run).contains("was raised from 6 to 9"), "{run:#?}");
    assert!(capacity(&run).took_ms >= Some(45_000), "instances take their time: {run:#?}");
}

#[test]
fn a_group_goes_to_its_most_and_what_it_lacks_is_said() {
    let mut sim = sim_of(4, |_, _| {});
    let regions = sim.fleet().regions.clone();
    regions.iter().for_each(|region| resize(&mut sim, &group(region, "demo-web"), (2, 6, 7)));
    let (left, run) = evacuated(&mut sim);
    assert_eq!(run.status, "done", "{run:#?}");
    for region in regions.iter().filter(|region| **region != left) {
        assert_eq!(desired(&sim, region), [9, 7], "{region}");
    }
    assert!(told(&run).contains("its most; 9 would carry the traffic"), "{run:#?}");
}

#[test]
fn where_there_is_no_room_the_run_goes_on_after_its_time() {
    let mut sim = sim_of(5, |_, _| {});
    let now = sim.now();
    for region in sim.fleet().regions.clone() {
        sim.world_mut().autoscaling.set_full(now, &region, true);
    }
    let (_, run) = evacuated(&mut sim);
    assert_eq!(capacity(&run).status, StepStatus::Skipped, "{run:#?}");
    assert!(told(&run).contains("of which 6 are in service"), "{run:#?}");
}

#[test]
fn where_no_group_is_named_it_is_said_and_nothing_is_asked() {
    let mut sim = sim_of(6, |_, placement| placement.scaling_group = None);
    let (_, run) = evacuated(&mut sim);
    assert_eq!(capacity(&run).status, StepStatus::Done, "{run:#?}");
    assert!(
        told(&run).starts_with("nothing was raised: the files name no scaling_group"),
        "{run:#?}"
    );
}

#[test]
fn a_group_that_is_not_there_fails_the_step_when_the_others_are_raised() {
    let mut fleet = fleet();
    let web = fleet.services.get_mut(&"web".parse().expect("valid")).expect("it has one");
    for placement in web.regions.values_mut() {
        placement.scaling_group = Some("gone".parse().expect("valid"));
    }
    // The operator has set the others up, and mistyped these.
    let mut sim = Sim::new(fleet, Options { seed: 7, ..Options::default() });
    let regions = sim.fleet().regions.clone();
    regions.iter().for_each(|region| sim.world_mut().autoscaling.remove(&group(region, "gone")));
    settle(&mut sim);
    let left = follower(&sim);
    order(&mut sim, start("evacuate-region", &[("region", left.as_str()), ("bake", "5s")]));
    let run = see_through(&mut sim, "evacuate-region", false);
    assert_eq!(capacity(&run).status, StepStatus::Skipped, "{run:#?}");
    assert!(told(&run).contains("there is no autoscaling group gone in"), "{run:#?}");
    for region in regions.iter().filter(|region| **region != left) {
        let api = sim.world().autoscaling.group(&group(region, "demo-api")).expect("outfitted");
        assert_eq!(api.desired, 9, "{region}");
    }
}

#[test]
fn a_region_that_was_scaled_in_is_brought_up_before_it_returns() {
    let mut sim = sim_of(8, |_, _| {});
    let (left, _) = evacuated(&mut sim);
    for name in ["demo-api", "demo-web"] {
        resize(&mut sim, &group(&left, name), (1, 2, 20));
    }
    order(&mut sim, start("return-region", &[("region", left.as_str()), ("soak", "5s")]));
    let run = see_through(&mut sim, "return-region", false);
    assert_eq!(run.status, "done", "{run:#?}");
    // Two Regions carry all with 18 instances; a third of that is to come back here.
    assert_eq!(desired(&sim, &left), [6, 6], "{run:#?}");
    assert!(runs(&sim).contains_key("return-region"));
}
