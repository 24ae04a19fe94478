//! A run's score: verdicts, story and figures.

use std::process::ExitCode;

use serde::Serialize;

use super::cast::Cast;
use super::figures::Figures;
use super::judge::{Verdict, judge};
use super::scenario::{Run, Scenario, Stage};
use super::story::Story;
use super::timeline::{Line, tell};

/// A run, judged. As JSON it is what its fields say; as text see [`Score::text`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    /// The scenario's title.
    pub title: String,
    /// Where it ran.
    pub stage: Stage,
    /// The simulator's seed.
    pub seed: Option<u64>,
    /// Who played which part.
    pub cast: Cast,
    /// Whether every expectation held.
    pub held: bool,
    /// Each expectation's.
    pub verdicts: Vec<Verdict>,
    /// The story since the first fault.
    pub timeline: Vec<Line>,
    /// The figures.
    pub figures: Figures,
}

/// Judges a run. Pure: the same run has the same score.
#[must_use]
pub fn score(scenario: &Scenario, run: &Run) -> Score {
    let story = Story::read(scenario, run);
    let verdicts = judge(scenario, run, &story);
    Score {
        title: scenario.title.clone(),
        stage: run.stage,
        seed: run.seed,
        cast: run.cast.clone(),
        held: verdicts.iter().all(|verdict| verdict.held),
        verdicts,
        timeline: tell(&story),
        figures: Figures::of(&story),
    }
}

impl Score {
    /// 0 when every expectation held, 1 when one fell short. (A chaos file that can't be run at all
    /// is the caller's 2.)
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CellState;
    use crate::drill::fixture::{REGIONS, Tale, fleet, scenario};
    use crate::drill::judge::Figure;
    use crate::world::fault::Fault;
    use crate::world::log::ClientKind;

    const ORDERLY: ClientKind = ClientKind::Orderly;

    /// A steady fleet that has just lost `us-east-1`.
    fn lost() -> Tale {
        let mut tale = Tale::steady();
        tale.lose(0, "us-east-1");
        tale
    }

    /// The first fault of each tale is at 0; each holds, or falls short for the reason beside it.
    fn check(expect: &str, tales: Vec<(Tale, Result<Option<Figure>, &str>)>) {
        for (tale, outcome) in tales {
            let score = score(&scenario(expect), &tale.run());
            let [verdict] = score.verdicts.as_slice() else { panic!("{:?}", score.verdicts) };
            match outcome {
                Ok(figure) => {
                    assert!(verdict.held && score.held, "{expect}: {verdict:?}");
                    assert_eq!(verdict.figure, figure, "{expect}: {verdict:?}");
                }
                Err(reason) => {
                    assert!(!verdict.held && !score.held, "{expect}, {reason}: {verdict:?}");
                    assert!(verdict.reason.contains(reason), "{expect}, {reason}: {verdict:?}");
                }
            }
        }
    }

    fn told(tell: impl FnOnce(&mut Tale)) -> Tale {
        let mut tale = lost();
        tell(&mut tale);
        tale
    }

    fn ms<'r>(ms: u64) -> Result<Option<Figure>, &'r str> {
        Ok(Some(Figure::Ms(ms)))
    }

    fn count<'r>(count: u64) -> Result<Option<Figure>, &'r str> {
        Ok(Some(Figure::Count(count)))
    }

    #[test]
    fn leader_asks_for_a_majority_in_a_new_epoch_in_time() {
        let by = |at, regions: &'static [&'static str]| {
            told(|tale| {
                tale.take(at, 4, "us-west-2", regions, (3, 1));
            })
        };
        let renewed = || {
            told(|tale| {
                tale.take(900, 3, "eu-west-1", &REGIONS, (3, 1));
            })
        };
        let expect = "leader = { within_s = 15 }";
        check(
            expect,
            vec![
                (by(15_000, &REGIONS[1..]), ms(15_000)),
                (by(15_001, &REGIONS[1..]), Err("0.001 s late")),
                (by(5000, &REGIONS[2..]), Err("no majority")),
                (renewed(), Err("no majority")),
            ],
        );
    }

    #[test]
    fn one_leader_is_neither_two_in_turn_nor_two_in_an_epoch() {
        let again = |epoch, by: &'static str| {
            told(|tale| {
                tale.take(6000, 4, "us-west-2", &REGIONS[1..], (3, 1));
                tale.take(20_000, epoch, by, &REGIONS[..2], (3, 1));
            })
        };
        let expect = "leader = { one = true, within_s = 15 }";
        check(expect, vec![(again(5, "eu-west-1"), Err("changed 2 times"))]);
        for expect in [expect, "leader = { within_s = 15 }"] {
            check(expect, vec![(again(4, "eu-west-1"), Err("both led in epoch 4"))]);
        }
        check("leader = { within_s = 15 }", vec![(again(5, "eu-west-1"), ms(6000))]);
        let once = told(|tale| {
            tale.take(6000, 4, "us-west-2", &REGIONS[1..], (3, 1));
        });
        check(expect, vec![(once, ms(6000))]);
    }

    #[test]
    fn drained_asks_for_weight_0_at_the_limit() {
        let batch = |at, moves: &'static [(&'static str, u8, u8)]| {
            told(|tale| {
                tale.batch(at, 3, moves);
            })
        };
        let back = || {
            told(|tale| {
                tale.batch(3000, 3, &[("us-east-1", 100, 0)]);
                tale.batch(5000, 3, &[("us-east-1", 0, 10)]);
            })
        };
        let already = || {
            let mut tale = Tale::steady();
            tale.batch(-100, 3, &[("us-east-1", 100, 0)]).lose(0, "us-east-1");
            tale
        };
        for expect in [
            "drained = { region = \"@follower\", within_s = 8 }",
            "drained = { region = \"us-east-1\", service = \"web\", within_s = 8 }",
        ] {
            check(
                expect,
                vec![
                    (batch(8000, &[("us-east-1", 100, 0)]), ms(8000)),
                    (batch(8500, &[("us-east-1", 100, 0)]), Err("0.5 s late")),
                    (batch(3000, &[("us-east-1", 100, 1)]), Err("weight 1 to the end")),
                    (batch(3000, &[("us-west-2", 100, 0)]), Err("weight 100 to the end")),
                    (back(), Err("weight 10 again from +5 s")),
                    (already(), Err("no weight in us-east-1 when the fault struck")),
                ],
            );
        }
        let nowhere = "drained = { region = \"@follower\", service = \"api\", within_s = 8 }";
        check(nowhere, vec![(lost(), Err("the fleet has no api in us-east-1"))]);
    }

    #[test]
    fn drained_tells_the_worst_of_several_services() {
        let mut run = told(|tale| {
            tale.batch(3000, 3, &[("us-east-1", 100, 0)]);
        })
        .run();
        let mut api = run.fleet.services.values().next().expect("web").clone();
        api.name = "api.example.com".parse().expect("valid");
        run.fleet.services.insert("api".parse().expect("valid"), api);
        let scenario = scenario("drained = { region = \"@follower\", within_s = 8 }");
        let score = score(&scenario, &run);
        assert_eq!(score.verdicts[0].reason, "api in us-east-1 has weight 100 to the end");
    }

    #[test]
    fn serving_asks_for_a_weight_after_weight_0() {
        let story = |batches: &'static [(i64, u8, u8)]| {
            told(|tale| {
                for (at, from, to) in batches {
                    tale.batch(*at, 3, &[("us-east-1", *from, *to)]);
                }
            })
        };
        check(
            "serving = { region = \"@follower\", within_s = 55 }",
            vec![
                (story(&[(3000, 100, 0), (44_000, 0, 100)]), ms(44_000)),
                (story(&[(3000, 100, 0), (56_000, 0, 100)]), Err("1 s late")),
                (story(&[(3000, 100, 0)]), Err("still out at the end")),
                (story(&[(3000, 100, 50)]), Err("never taken out")),
                (story(&[(1, 100, 0), (2, 0, 9), (3, 9, 0)]), Err("still out at the end")),
            ],
        );
    }

    #[test]
    fn drained_anew_asks_for_a_weight_before_that() {
        let story = |batches: &'static [(i64, u8, u8)]| {
            told(|tale| {
                for (at, from, to) in batches {
                    tale.batch(*at, 3, &[("us-east-1", *from, *to)]);
                }
            })
        };
        check(
            "drained = { region = \"@follower\", after_s = 20, within_s = 50 }",
            vec![
                (story(&[(3000, 100, 0), (19_000, 0, 100), (40_000, 100, 0)]), ms(40_000)),
                (story(&[(3000, 100, 0), (19_000, 0, 100)]), Err("has weight 100 to the end")),
                (story(&[(3000, 100, 0)]), Err("no weight in us-east-1 at +20 s")),
                (story(&[(19_000, 100, 9), (51_000, 9, 0)]), Err("1 s late")),
            ],
        );
    }

    #[test]
    fn served_everywhere_tells_the_region_with_the_fewest() {
        let story = |regions: &'static [&'static str]| {
            told(|tale| {
                for region in regions {
                    tale.served(20_000, ORDERLY, region);
                }
            })
        };
        check(
            "served = { after_s = 10 }",
            vec![
                (story(&["eu-west-1", "us-east-1", "us-west-2", "us-west-2"]), count(1)),
                (story(&["eu-west-1", "us-west-2"]), Err("0 requests were served in us-east-1")),
                (lost(), Err("0 requests")),
            ],
        );
    }

    #[test]
    fn nothing_moves_forgives_a_claim_but_no_weight() {
        let claim = told(|tale| {
            tale.batch(3000, 4, &[("us-west-2", 100, 100)]);
        });
        let moved = told(|tale| {
            tale.batch(3000, 3, &[("us-west-2", 100, 99)]);
        });
        let mut earlier = Tale::steady();
        earlier.batch(-1, 3, &[("us-west-2", 100, 99)]).lose(0, "us-east-1");
        check(
            "nothing-moves = true",
            vec![
                (claim, count(0)),
                (earlier, count(0)),
                (moved, Err("web us-west-2 100 -> 99 at +3 s")),
            ],
        );
    }

    #[test]
    fn no_new_leader_asks_for_an_old_one() {
        let kept = told(|tale| {
            tale.take(1000, 3, "eu-west-1", &REGIONS[..2], (3, 1));
            tale.take(2000, 4, "us-west-2", &REGIONS[2..], (3, 1));
        });
        let taken = told(|tale| {
            tale.take(2000, 4, "us-west-2", &REGIONS[1..], (3, 1));
        });
        let again = told(|tale| {
            tale.take(2000, 4, "eu-west-1", &REGIONS[..2], (3, 1));
        });
        let mut nobody = Tale::empty();
        nobody.lose(0, "us-east-1");
        check(
            "no-new-leader = true",
            vec![
                (kept, count(0)),
                (again, count(0)),
                (taken, Err("us-west-2 took over in epoch 4 at +2 s")),
                (nobody, Err("nobody led")),
            ],
        );
    }

    #[test]
    fn client_errors_counts_one_kind_after_a_time() {
        let story = |failures: &'static [(i64, ClientKind)]| {
            told(|tale| {
                for (at, kind) in failures {
                    tale.failed(*at, *kind, "us-east-1");
                }
                tale.served(20_000, ORDERLY, "us-west-2");
            })
        };
        check(
            "client-errors = { after_s = 10, max = 1 }",
            vec![
                (story(&[(9000, ORDERLY), (10_000, ORDERLY), (10_001, ORDERLY)]), count(1)),
                (story(&[(11_000, ClientKind::IgnoresTtl); 2]), count(0)),
                (
                    story(&[(11_000, ORDERLY); 2]),
                    Err(
                        "2 of 3 requests failed, the last at +11 s at us-east-1: connect timed out",
                    ),
                ),
                (lost(), Err("no orderly client asked")),
            ],
        );
        check(
            "client-errors = { kind = \"ignores_ttl\", after_s = 10, max = 1 }",
            vec![(story(&[(11_000, ClientKind::IgnoresTtl); 2]), Err("2 of 2"))],
        );
    }

    #[test]
    fn first_action_asks_for_a_changed_weight() {
        let story = |at| {
            told(|tale| {
                tale.batch(1, 3, &[]);
                tale.batch(at, 3, &[("us-east-1", 100, 0)]);
            })
        };
        check(
            "first-action = { within_s = 5 }",
            vec![
                (story(4100), ms(4100)),
                (story(5100), Err("0.1 s late")),
                (lost(), Err("no applied batch changed a weight")),
            ],
        );
    }

    #[test]
    fn never_empty_looks_at_every_batch() {
        let story = |last: &'static [(&'static str, u8, u8)]| {
            told(|tale| {
                tale.batch(1000, 3, &[("us-east-1", 100, 0), ("eu-west-1", 100, 0)]);
                tale.batch(2000, 3, last);
                tale.batch(3000, 3, &[("us-west-2", 0, 100)]);
            })
        };
        check(
            "never-empty = true",
            vec![
                (story(&[("us-west-2", 100, 1)]), Ok(None)),
                (story(&[("us-west-2", 100, 0)]), Err("left web without any weight at +2 s")),
            ],
        );
    }

    #[test]
    fn epochs_rise_forgives_a_repeated_epoch_but_no_lower_one() {
        let story = |epochs: &'static [u64]| {
            told(|tale| {
                for (at, epoch) in (1..).zip(epochs) {
                    tale.batch(at * 1000, *epoch, &[]);
                }
            })
        };
        check(
            "epochs-rise = true",
            vec![
                (story(&[3, 3, 4]), Ok(None)),
                (story(&[3, 4, 3]), Err("zone Z1 went from epoch 4 to 3 at +3 s")),
            ],
        );
    }

    #[test]
    fn a_drill_without_a_fault_or_cut_short_falls_short() {
        let scenario = scenario("nothing-moves = true");
        let calm = score(&scenario, &Tale::steady().run());
        assert!(!calm.held && calm.verdicts[0].reason.contains("no fault struck"), "{calm:?}");
        let cut = score(&scenario, &lost().run_for(30_000));
        assert!(!cut.held && cut.verdicts[0].reason.contains("30 s after"), "{cut:?}");
        assert!(score(&scenario, &lost().run_for(59_500)).held);
    }

    #[test]
    fn figures_compare_with_what_was_before_the_fault() {
        let mut tale = Tale::steady();
        tale.failed(-300, ORDERLY, "us-east-1");
        tale.report(-200, "eu-west-1", "us-west-2", CellState::Down);
        tale.lose(0, "us-east-1");
        tale.report(100, "eu-west-1", "us-west-2", CellState::Down);
        tale.report(1300, "us-west-2", "us-east-1", CellState::Suspect);
        tale.state(2500, (3, 2), &[("us-east-1", 0)]);
        tale.take(2600, 3, "eu-west-1", &REGIONS[..1], (3, 2));
        tale.take(2700, 3, "eu-west-1", &REGIONS[2..], (3, 2));
        tale.batch(2900, 3, &[("us-east-1", 100, 0)]);
        tale.failed(5000, ORDERLY, "us-east-1").served(5100, ORDERLY, "us-west-2");
        tale.failed(9000, ClientKind::IgnoresTtl, "us-east-1");
        let figures = score(&scenario("never-empty = true"), &tale.run()).figures;
        assert_eq!(figures.detect_ms, Some(1300));
        assert_eq!(figures.elect_ms, None);
        assert_eq!(figures.decide_ms, Some(2700));
        assert_eq!(figures.act_ms, Some(2900));
        assert_eq!(figures.failed_before, 1);
        let orderly = &figures.recover[&ORDERLY];
        assert_eq!((orderly.last_failure_ms, orderly.served_since), (Some(5000), 1));
        assert_eq!(figures.recover[&ClientKind::IgnoresTtl].served_since, 0);
        let tallies: Vec<_> =
            figures.clients.iter().map(|tally| (tally.served, tally.failed)).collect();
        assert_eq!(tallies, [(0, 1), (1, 0), (0, 1)]);
    }

    #[test]
    fn the_shipped_leader_loss_holds_for_a_good_failover() {
        let mut tale = Tale::steady();
        tale.fault(0, Fault::KillAgent { agent: "eu-west-1".parse().expect("valid") });
        tale.lose(0, "eu-west-1");
        tale.take(7000, 4, "us-east-1", &REGIONS[1..], (3, 1));
        tale.batch(7500, 4, &[("eu-west-1", 100, 0)]);
        tale.served(26_000, ORDERLY, "us-east-1");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/chaos/leader-loss.toml");
        let scenario = Scenario::load(path.as_ref()).expect("a good file");
        let score = score(&scenario, &tale.run());
        assert!(score.held, "{:#?}", score.verdicts);
        assert_eq!(score.cast.leader.region, *fleet().regions.first().expect("three"));
    }

    #[test]
    fn the_score_is_json_with_times_in_milliseconds() {
        let json = serde_json::to_value(score(&scenario("nothing-moves = true"), &lost().run()))
            .expect("serialises");
        assert_eq!(json["held"], true);
        assert_eq!(json["cast"]["leader"]["region"], "eu-west-1");
        assert_eq!(json["verdicts"][0]["figure"]["count"], 0);
        assert_eq!(json["timeline"][0]["at_ms"], 0);
        assert_eq!(json["timeline"][0]["kind"], "fault");
        assert!(json["figures"]["recover"].is_object());
    }
}
