//! What holds for every plan, whatever the planner is given.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::explain::{Obstacle, Reason};
use super::health::Verdict;
use super::planner::{Inputs, Placed, Said, plan};
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::fleet::Rules;
use crate::domain::steering::HeldOut;
use crate::domain::{RegionId, Weight};

fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => Just(Verdict::Healthy),
        2 => Just(Verdict::Down),
        1 => Just(Verdict::CutOff),
        1 => Just(Verdict::Unknown),
        1 => (1_u16..1000).prop_map(|failed_permille| Verdict::Degraded { failed_permille }),
    ]
}

fn places() -> impl Strategy<Value = Placed> {
    let weights = prop::option::weighted(0.9, prop_oneof![Just(0_u8), any::<u8>()]);
    let held = prop::option::weighted(0.2, prop_oneof![Just(0_u16), 1_u16..1000]);
    let said = prop::option::weighted(0.3, (any::<u8>(), any::<bool>()));
    let of_health = (verdicts(), prop_oneof![Just(0_u64), 0_u64..200_000]);
    (any::<u8>(), weights, of_health, held, said, prop::bool::weighted(0.2)).prop_map(
        |(share, wanted, (verdict, for_ms), held, said, gate_in_doubt)| Placed {
            held_out: held.map(|permille| HeldOut {
                by: "ada".to_owned(),
                reason: String::new(),
                permille,
            }),
            said: said.map(|(to, yes)| Said { to: Weight(to), yes }),
            gate_in_doubt,
            ..Placed::new(Weight(share), wanted.map(Weight), verdict, for_ms)
        },
    )
}

fn all_inputs() -> impl Strategy<Value = Inputs> {
    let level = || prop::sample::select(Autonomy::ALL.to_vec());
    let regions = prop::collection::vec(places(), 1..7);
    (regions, 1_u16..4, prop::option::of(level()), prop::option::of(level())).prop_map(
        |(places, fewest_in_service, drain, back)| {
            let named = |n: usize| format!("r{n}").parse::<RegionId>().expect("letters and digits");
            let regions = places.into_iter().enumerate().map(|(n, place)| (named(n), place));
            let levels = [(ActionKind::Drain, drain), (ActionKind::Return, back)];
            Inputs {
                rules: Rules { dwell_ms: 2000, return_after_ms: 60_000, fewest_in_service },
                autonomy: levels.into_iter().filter_map(|(a, level)| Some((a, level?))).collect(),
                services: BTreeMap::from([("web".parse().expect("letters"), regions.collect())]),
            }
        },
    )
}

/// The same places, with what was planned carried out.
fn carried_out(mut inputs: Inputs) -> Inputs {
    for change in plan(&inputs).changes {
        let regions = inputs.services.get_mut(&change.service).expect("planned for it");
        regions.get_mut(&change.region).expect("planned for it").wanted = Some(change.to);
    }
    inputs
}

fn serving(inputs: &Inputs) -> usize {
    let places = inputs.services.values().flat_map(BTreeMap::values);
    places.filter(|placed| placed.wanted.unwrap_or(placed.share).serves()).count()
}

proptest! {
    #[test]
    fn no_plan_leaves_fewer_in_service_than_are_to_stay(inputs in all_inputs()) {
        let fewest = usize::from(inputs.rules.fewest_in_service);
        let before = serving(&inputs);
        let after = serving(&carried_out(inputs));
        prop_assert!(after >= before.min(fewest), "{before} served, and {after} do");
    }

    #[test]
    fn what_is_planned_is_zero_or_what_is_allowed(inputs in all_inputs()) {
        for change in plan(&inputs).changes {
            let placed = &inputs.services[&change.service][&change.region];
            prop_assert_eq!(change.from, placed.wanted);
            prop_assert_ne!(Some(change.to), placed.wanted);
            let fits = [Weight::ZERO, placed.allowed(), placed.share].contains(&change.to);
            prop_assert!(fits, "{change:?} for {placed:?}");
            if matches!(change.reason, Reason::Down | Reason::CutOff) {
                prop_assert_eq!(change.to, Weight::ZERO);
                prop_assert!(placed.for_ms >= u64::from(inputs.rules.dwell_ms));
            }
        }
    }

    #[test]
    fn most_of_what_serves_is_never_taken_out_for_its_health_at_once(inputs in all_inputs()) {
        let before = serving(&inputs);
        let changes = plan(&inputs).changes;
        let back = changes.iter().filter(|change| change.reason == Reason::Recovered).count();
        let out = changes.iter().filter(|change| matches!(change.reason, Reason::Down | Reason::CutOff));
        let out = out.count();
        prop_assert!(out * 2 <= before + back, "{out} of {before} and {back} that return");
    }

    #[test]
    fn a_region_that_is_both_planned_and_in_the_way_is_not(inputs in all_inputs()) {
        let planned = plan(&inputs);
        for block in &planned.blocked {
            let too = planned.changes.iter().any(|c| c.region == block.region && c.to == block.to);
            prop_assert!(!too, "{block:?} is done all the same");
        }
    }

    /// Where nobody is to be asked: somebody who agreed to a weight has not agreed to another one.
    #[test]
    fn more_declared_for_a_region_never_lowers_its_part_of_the_whole(
        inputs in all_inputs(), which in any::<prop::sample::Index>(), more in any::<u8>(),
    ) {
        let mut fewer = inputs;
        fewer.autonomy.clear();
        let regions = fewer.services.values_mut().next().expect("one service");
        regions.values_mut().for_each(|placed| placed.said = None);
        let region = regions.keys().nth(which.index(regions.len())).expect("one of them").clone();
        let mut greater = fewer.clone();
        let regions = greater.services.values_mut().next().expect("one service");
        let declared = &mut regions.get_mut(&region).expect("there").share.0;
        *declared = declared.saturating_add(more);
        let part = |inputs: Inputs| {
            let after = carried_out(inputs);
            let regions = after.services.values().next().expect("one service");
            let weight = |placed: &Placed| u64::from(placed.wanted.map_or(0, |weight| weight.0));
            let whole: u64 = regions.values().map(weight).sum();
            (weight(&regions[&region]), whole)
        };
        // Who may not leave, as too few would be left, keeps a weight that nobody declared.
        let leaves = |inputs: &Inputs| {
            plan(inputs).blocked.iter().all(|block| block.by != Obstacle::FewestInService)
        };
        prop_assume!(leaves(&fewer) && leaves(&greater));
        let ((before, whole_before), (after, whole_after)) = (part(fewer), part(greater));
        prop_assert!(
            after * whole_before >= before * whole_after,
            "{before} of {whole_before}, then {after} of {whole_after}"
        );
    }
}
