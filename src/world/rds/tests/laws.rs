//! What holds whatever happens, in whatever order.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Write(usize),
    Switchover(usize, usize),
    Failover(usize),
    Cut(usize, usize),
    Lose(usize),
    Restore(usize),
    Heal,
    Lag(usize, u64),
}

const REGIONS: [&str; 3] = ["r1", "r2", "r3"];

fn steps(with_failovers: bool) -> impl Strategy<Value = Vec<Step>> {
    let r = || 0..REGIONS.len();
    let failover = if with_failovers {
        r().prop_map(Step::Failover).boxed()
    } else {
        Just(Step::Heal).boxed()
    };
    let step = prop_oneof![
        4 => (0u64..12).prop_map(Step::Pass),
        8 => r().prop_map(Step::Write),
        2 => (r(), r()).prop_map(|(at, to)| Step::Switchover(at, to)),
        1 => failover,
        1 => (r(), r()).prop_map(|(a, b)| Step::Cut(a, b)),
        1 => r().prop_map(Step::Lose),
        1 => r().prop_map(Step::Restore),
        1 => Just(Step::Heal),
        1 => (r(), 0u64..20).prop_map(|(at, s)| Step::Lag(at, s)),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What a run has led to.
struct Run {
    ground: Ground,
    acknowledged: BTreeSet<u64>,
    taken: u64,
}

fn run(steps: &[Step]) -> Run {
    let mut run = Run { ground: Ground::new(), acknowledged: BTreeSet::new(), taken: 0 };
    for step in steps {
        let ground = &mut run.ground;
        match step {
            Step::Pass(seconds) => drop(ground.pass(*seconds)),
            Step::Write(from) => match ground.write(REGIONS[*from]) {
                Ok(_) => {
                    run.acknowledged.insert(ground.writes);
                    run.taken += 1;
                }
                Err(Refused::Unanswered(_)) => run.taken += 1,
                Err(_) => {}
            },
            Step::Switchover(at, to) => drop(ground.switchover(REGIONS[*at], REGIONS[*to])),
            Step::Failover(to) => drop(ground.failover(REGIONS[*to], REGIONS[*to])),
            Step::Cut(a, b) => ground.network.cut(&place(REGIONS[*a]), &place(REGIONS[*b])),
            Step::Lose(at) => ground.network.lose(&region(REGIONS[*at])),
            Step::Restore(at) => ground.network.restore(&region(REGIONS[*at])),
            Step::Heal => ground.network.mend_all(),
            Step::Lag(at, s) => {
                ground.rds.set_lag(&region(REGIONS[*at]), None, Duration::from_secs(*s));
            }
        }
        // A strike is judged from here on.
        ground.pass(0);
    }
    run
}

fn heal(run: &mut Run) {
    run.ground.network.mend_all();
    for name in REGIONS {
        run.ground.network.restore(&region(name));
        run.ground.rds.set_lag(&region(name), None, Duration::ZERO);
    }
    run.ground.pass(120);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn without_a_failover_nothing_that_was_taken_is_lost(steps in steps(false)) {
        let run = run(&steps);
        prop_assert_eq!(run.ground.lost(), Vec::<u64>::new());
        prop_assert_eq!(run.ground.rds.global(&id()).expect("there").writes(), run.taken);
    }

    #[test]
    fn what_was_taken_is_there_or_counted_as_lost_once(steps in steps(true)) {
        let mut run = run(&steps);
        let lost = run.ground.lost();
        let kept = run.ground.rds.global(&id()).expect("there").writes();
        prop_assert_eq!(kept + lost.len() as u64, run.taken);
        let names: BTreeSet<u64> = lost.iter().copied().collect();
        prop_assert_eq!(names.len(), lost.len(), "no write is lost twice");
        for lost in run.ground.rds.global(&id()).expect("there").lost() {
            let name = lost.commit.write.0;
            prop_assert_eq!(lost.commit.acknowledged, run.acknowledged.contains(&name));
        }
        // And once everything is well again, every member follows one writer.
        heal(&mut run);
        for via in REGIONS {
            prop_assert_eq!(run.ground.stage(via), None);
            for of in REGIONS {
                prop_assert_eq!(run.ground.synchronization(via, of), Synchronization::Connected);
            }
        }
        let writer = run.ground.writer("r1");
        prop_assert_eq!(run.ground.writer_seen_by("r2"), writer);
    }
}
