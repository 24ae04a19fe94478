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
        4 => (0u64..12_000).prop_map(Step::Pass),
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
    published: Vec<Publication>,
    happened: Vec<(Moment, Happening)>,
    /// Writes that a failover has lost though its target had them.
    lost_and_there: Vec<u64>,
}

fn run(steps: &[Step]) -> Run {
    run_looking(steps, u64::MAX)
}

/// A run in which somebody looks at least so often.
fn run_looking(steps: &[Step], every_ms: u64) -> Run {
    let mut run = Run {
        ground: Ground::new(),
        acknowledged: BTreeSet::new(),
        taken: 0,
        published: Vec::new(),
        happened: Vec::new(),
        lost_and_there: Vec::new(),
    };
    for step in steps {
        let ground = &mut run.ground;
        match step {
            Step::Pass(span_ms) => {
                let end = ground.now + Duration::from_millis(*span_ms);
                while ground.now < end {
                    let next = Duration::from_millis(every_ms.min(60_000));
                    ground.now = end.min(ground.now + next);
                    run.published.extend(ground.rds.advance(ground.now, &ground.network));
                }
            }
            Step::Write(from) => match ground.write(REGIONS[*from]) {
                Ok(_) => {
                    run.acknowledged.insert(ground.writes);
                    run.taken += 1;
                }
                Err(Refused::Unanswered(_)) => run.taken += 1,
                Err(_) => {}
            },
            Step::Switchover(at, to) => drop(ground.switchover(REGIONS[*at], REGIONS[*to])),
            Step::Failover(to) => {
                let before: BTreeSet<u64> = ground.lost().into_iter().collect();
                let target = region(REGIONS[*to]);
                let global = ground.rds.global(&id()).expect("there");
                let has_until = global.has_until(&target);
                if ground.failover(REGIONS[*to], REGIONS[*to]).is_ok() {
                    let has_until = has_until.expect("a target follows");
                    let global = ground.rds.global(&id()).expect("there");
                    let lost = global.lost().filter(|lost| !before.contains(&lost.commit.write.0));
                    let there = lost.filter(|lost| lost.commit.at <= has_until);
                    run.lost_and_there.extend(there.map(|lost| lost.commit.write.0));
                }
            }
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
        run.happened.extend(ground.rds.happenings());
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
        prop_assert_eq!(&run.lost_and_there, &[0u64; 0], "only what was not replicated is lost");
        let told = run.happened.iter().flat_map(|(_, happening)| match happening {
            Happening::WritesLost { writes, .. } => writes.clone(),
            _ => Vec::new(),
        });
        prop_assert_eq!(told.map(|write| write.0).collect::<BTreeSet<u64>>(), names);
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

    #[test]
    fn it_does_not_matter_how_often_anybody_looks(steps in steps(true), every_ms in 1u64..3000) {
        let (seldom, often) = (run(&steps), run_looking(&steps, every_ms));
        for via in REGIONS {
            prop_assert_eq!(seldom.ground.shown(via), often.ground.shown(via));
        }
        prop_assert_eq!(seldom.ground.lost(), often.ground.lost());
        prop_assert_eq!(seldom.taken, often.taken);
        prop_assert_eq!(seldom.published, often.published);
        prop_assert_eq!(seldom.happened, often.happened);
    }
}
