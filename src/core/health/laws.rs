//! What holds for every opinion and every verdict, whatever the probes and the observers say.

use proptest::prelude::*;

use super::aside::Aside;
use super::cell::TargetWatch;
use super::verdict::{Verdict, Vote, weigh};
use crate::core::call::ProbeId;
use crate::core::testing::timing;
use crate::domain::fleet::Timing;
use crate::domain::{CellState, Moment, ProbeFailure, Sample};

fn sample(ok: bool) -> Sample {
    Sample { failure: (!ok).then_some(ProbeFailure::Status), ..Sample::default() }
}

/// Thresholds as a fleet may set them.
fn timings() -> impl Strategy<Value = Timing> {
    (1_u16..6, 1_u16..6).prop_map(|(down_after, up_after)| Timing {
        down_after,
        up_after,
        ..timing()
    })
}

/// The opinion after each of these probes, each answered at once.
fn opinions(timing: &Timing, results: &[bool]) -> Vec<CellState> {
    let mut now = Moment::ZERO;
    let mut watch = TargetWatch::new(now, 0, timing);
    let mut states = Vec::new();
    for (n, ok) in (0..).zip(results) {
        now = now.max(watch.next_at());
        watch.started(now, ProbeId(n), timing, 2000);
        watch.ended(now, ProbeId(n), &sample(*ok), timing);
        states.push(watch.cell(now).state);
    }
    states
}

/// How bad an opinion is, by the vote that comes of it.
fn badness(state: CellState) -> u8 {
    match state {
        CellState::Up => 0,
        CellState::Unknown | CellState::Suspect | CellState::Recovering => 1,
        CellState::Down => 2,
    }
}

fn votes() -> impl Strategy<Value = Vec<Vote>> {
    let vote = prop_oneof![
        2 => Just(Vote::Up),
        1 => Just(Vote::Abstains),
        2 => (0_u64..9000).prop_map(|for_ms| Vote::Down { for_ms }),
    ];
    prop::collection::vec(vote, 1..9)
}

fn verdict(votes: &[Vote], place: Option<usize>, failed_permille: u16) -> (Verdict, u64) {
    weigh(votes, place, || failed_permille, || std::iter::once(500_u64))
}

/// How bad a verdict is, by what may come of it: degraded is in service as healthy is.
fn harm(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Healthy | Verdict::Degraded { .. } => 0,
        Verdict::Unknown => 1,
        Verdict::Down | Verdict::CutOff => 2,
    }
}

proptest! {
    #[test]
    fn it_takes_a_whole_streak_to_call_an_answering_target_down_and_a_failing_one_up(
        timing in timings(),
        results in prop::collection::vec(any::<bool>(), 1..60),
    ) {
        let states = opinions(&timing, &results);
        let streak = |end: usize| {
            let same = results[..=end].iter().rev().take_while(|ok| **ok == results[end]);
            same.count()
        };
        let mut was_down = false;
        let mut before = CellState::Unknown;
        for (end, state) in states.iter().enumerate() {
            if *state == CellState::Down && before != CellState::Down {
                // One that was down and has not been up since is not given the benefit again.
                let enough = streak(end) >= usize::from(timing.down_after);
                prop_assert!(!results[end] && (enough || was_down), "{states:?}");
            }
            if *state == CellState::Up && before != CellState::Up {
                let enough = streak(end) >= usize::from(timing.up_after);
                prop_assert!(results[end] && enough, "{states:?}");
            }
            was_down = *state == CellState::Down || (was_down && *state != CellState::Up);
            before = *state;
        }
    }

    #[test]
    fn failures_instead_of_answers_never_make_an_opinion_better(
        timing in timings(),
        results in prop::collection::vec((any::<bool>(), prop::bool::weighted(0.2)), 1..60),
    ) {
        let better: Vec<bool> = results.iter().map(|(ok, _)| *ok).collect();
        let worse: Vec<bool> = results.iter().map(|(ok, fails)| *ok && !fails).collect();
        for (a, b) in opinions(&timing, &better).iter().zip(opinions(&timing, &worse)) {
            prop_assert!(badness(*a) <= badness(b), "{a:?} by {better:?}, {b:?} by {worse:?}");
        }
    }

    #[test]
    fn what_is_remembered_of_a_target_is_bounded_however_its_probes_overlap(
        timing in timings(),
        turns in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 0_u64..4000), 1..200),
    ) {
        let mut now = Moment::ZERO;
        let mut watch = TargetWatch::new(now, 0, &timing);
        let mut under_way = Vec::new();
        for (n, (ok, which, ms)) in (0..).zip(turns) {
            now = now + std::time::Duration::from_millis(ms);
            if watch.next_at() <= now {
                watch.started(now, ProbeId(n), &timing, 2000);
                under_way.push(ProbeId(n));
            } else if !under_way.is_empty() {
                let ended = under_way.swap_remove(which.index(under_way.len()));
                watch.ended(now, ended, &sample(ok), &timing);
            }
            let cell = watch.cell(now);
            prop_assert!(cell.failed <= cell.window && cell.window <= 20, "{cell:?}");
            prop_assert!(under_way.len() <= 8, "{} probes at once", under_way.len());
        }
    }

    #[test]
    fn addresses_that_ail_are_forgotten_before_they_are_many(
        seen in prop::collection::vec((any::<u8>(), 0_u8..3), 0..300),
    ) {
        let mut aside = Aside::default();
        for (last, how) in seen {
            aside.take(&Sample {
                address: Some(format!("192.0.2.{last}").parse().expect("an address")),
                failure: (how == 0).then_some(ProbeFailure::Refused),
                passed_over: (how == 1).then_some(ProbeFailure::Refused),
                ..Sample::default()
            });
            prop_assert!(aside.ailing().count() <= 16);
        }
    }

    #[test]
    fn down_is_the_word_of_a_majority_one_of_it_outside(
        votes in votes(), place in any::<prop::sample::Index>(), failed in 0_u16..1000,
    ) {
        let place = Some(place.index(votes.len() + 1)).filter(|place| *place < votes.len());
        let (verdict, failing_ms) = verdict(&votes, place, failed);
        let down = |least_ms: u64| {
            let down = |vote: &&Vote| matches!(vote, Vote::Down { for_ms } if *for_ms >= least_ms);
            votes.iter().filter(down).count()
        };
        let outside = |wanted: fn(&Vote) -> bool| {
            votes.iter().enumerate().any(|(at, vote)| Some(at) != place && wanted(vote))
        };
        let (fails, answers) =
            (outside(|vote| matches!(vote, Vote::Down { .. })), outside(|vote| *vote == Vote::Up));
        match harm(verdict) {
            2 => {
                prop_assert!(down(0) * 2 > votes.len());
                prop_assert!(fails, "nobody outside says so");
                // And for no longer than a majority has had it failing.
                prop_assert!(down(failing_ms) * 2 > votes.len());
                prop_assert!(down(failing_ms + 1) * 2 <= votes.len());
            }
            0 => {
                let ups = votes.iter().filter(|vote| **vote == Vote::Up).count();
                prop_assert!(ups * 2 > votes.len() && answers);
            }
            _ => prop_assert_eq!(failing_ms, 0),
        }
    }

    #[test]
    fn a_vote_that_gets_worse_never_makes_a_verdict_better(
        votes in votes(),
        place in any::<prop::sample::Index>(),
        which in any::<prop::sample::Index>(),
        for_ms in 0_u64..9000,
        failed in 0_u16..1000,
    ) {
        let place = Some(place.index(votes.len() + 1)).filter(|place| *place < votes.len());
        let which = which.index(votes.len());
        let before = verdict(&votes, place, failed);
        let mut worse = votes.clone();
        worse[which] = match votes[which] {
            Vote::Up => Vote::Abstains,
            Vote::Abstains => Vote::Down { for_ms },
            Vote::Down { for_ms: before } => Vote::Down { for_ms: before + for_ms },
        };
        let after = verdict(&worse, place, failed);
        prop_assert!(harm(before.0) <= harm(after.0), "{before:?} by {votes:?}, {after:?} by {worse:?}");
        prop_assert!(before.1 <= after.1, "failing for {} ms, then {} ms", before.1, after.1);
    }

    #[test]
    fn more_failed_probes_are_never_a_better_verdict_of_one_who_is_up(
        votes in votes(), failed in 0_u16..1000, more in 0_u16..1000,
    ) {
        let permille = |verdict| match verdict {
            Verdict::Degraded { failed_permille } => failed_permille,
            _ => 0,
        };
        let few = verdict(&votes, None, failed).0;
        let many = verdict(&votes, None, failed + more).0;
        prop_assert!(permille(few) <= permille(many));
        prop_assert_eq!(harm(few), harm(many));
    }
}
