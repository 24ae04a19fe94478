//! A batch of seeds, and the corpus of past failures.

use crate::domain::fleet::RoutingPolicy;
use crate::sim::{Plan, Size, Swarm, Trial, draw};

/// As many short runs as a test may take time for.
const SEEDS: u64 = 60;

#[test]
fn whatever_a_seed_draws_nothing_is_broken_and_all_heals() {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let report =
        Swarm { seeds: 1..=SEEDS, size: Size::Short, jobs, until_failure: false }.run(|_, _| {});
    let command = |seed: u64| format!("regent sim run --short --trace --seed {seed}");
    let wrong: Vec<String> = report
        .failed
        .iter()
        .map(|failed| format!("{}\n{}", failed.what, command(failed.seed)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(report.runs, SEEDS);
    for state in ["a takeover", "a lease ran out", "a timed-out write had taken effect"] {
        assert!(report.coverage.states.contains_key(state), "no run reached: {state}");
    }
}

#[test]
fn past_failures_stay_mended() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sim/corpus");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|ending| ending != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("readable");
        let plan = Plan::from_toml(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let ended = Trial::run(&plan);
        assert_eq!(ended.failure, None, "{}", path.display());
        replayed += 1;
    }
    assert!(replayed > 0, "the corpus is empty");
}

#[test]
fn the_same_plan_gives_the_same_story() {
    let story = |seed| {
        let (_, lines) = Trial::told(&draw(seed, Size::Short));
        lines.iter().map(|line| format!("{line}\n")).collect::<String>()
    };
    assert_eq!(story(3), story(3));
    assert_ne!(story(3), story(4));
}

#[test]
fn a_plan_survives_its_file_and_a_wrong_one_is_refused() {
    for seed in 0..50 {
        let plan = draw(seed, Size::Full);
        assert_eq!(Plan::from_toml(&plan.to_toml()).as_ref(), Ok(&plan), "seed {seed}");
    }
    let text = draw(1, Size::Short).to_toml();
    assert!(Plan::from_toml(&text.replace("seats = 3", "seats = 5")).is_err());
    assert!(Plan::from_toml("nonsense").is_err());
}

#[test]
fn drawn_pairs_are_such_as_check_allows_and_a_file_with_another_one_is_refused() {
    let (mut pairs, mut weighted) = (0, 0);
    for seed in 0..300 {
        let plan = draw(seed, Size::Short);
        let shape = &plan.shape;
        for (id, spec) in &shape.fleet().services {
            match &spec.routing {
                RoutingPolicy::Weighted => weighted += usize::from(spec.regions.len() == 2),
                RoutingPolicy::Failover { primary } => {
                    pairs += 1;
                    assert!(shape.gates.is_some(), "seed {seed}, {id}");
                    assert_eq!(spec.regions.len(), 2, "seed {seed}, {id}");
                    assert!(spec.regions.contains_key(primary), "seed {seed}, {id}");
                }
            }
        }
        let Some((id, first)) = shape.pairs.iter().next() else { continue };
        let refused = |change: &dyn Fn(&mut Plan)| {
            let mut plan = plan.clone();
            change(&mut plan);
            assert!(Plan::from_toml(&plan.to_toml()).is_err(), "seed {seed}");
        };
        refused(&|plan| plan.shape.gates = None);
        refused(&|plan| {
            let nobody = "r9".parse().expect("valid");
            plan.shape.pairs.insert(id.clone(), nobody);
        });
        refused(&|plan| {
            let unknown = "s99".parse().expect("valid");
            plan.shape.pairs.insert(unknown, first.clone());
        });
    }
    assert!(pairs >= 20 && weighted >= 20, "{pairs} pairs, {weighted} weighted by two Regions");
}

#[test]
fn drawn_timing_keeps_the_sums_that_check_demands() {
    for seed in 0..300 {
        let plan = draw(seed, Size::Full);
        let timing = &plan.shape.timing;
        let usable = timing.lease_ms - timing.lease_margin_ms;
        assert!(timing.lease_margin_ms >= timing.lease_ms / 20 + 50, "seed {seed}");
        assert!(timing.lease_margin_ms <= timing.lease_ms / 2, "seed {seed}");
        assert!(usable >= 3 * timing.renew_ms, "seed {seed}");
        assert!(timing.table_call_ms < usable - timing.renew_ms, "seed {seed}");
        assert!(timing.record_call_ms < usable - timing.renew_ms, "seed {seed}");
        assert!(timing.burst_interval_ms <= timing.probe_interval_ms, "seed {seed}");
        assert!(timing.stale_ms > 2 * timing.report_ms + timing.gather_ms, "seed {seed}");
        for weights in &plan.shape.services {
            assert!(weights.values().filter(|weight| **weight > 0).count() >= 2, "seed {seed}");
        }
    }
}
