//! The explorations: bounds, what must be seen within them, and their sizes.
//!
//! A size that changes means that the brain does something else than before: look why, then write
//! the new one down.

use stateright::Checker;

use super::*;

/// Explores everything within the bounds; gives the number of states, and what was seen.
fn explore(bounds: Bounds) -> (usize, BTreeSet<&'static str>) {
    let (seen, threads) = (bounds.seen.clone(), given("THREADS", 1));
    let checker = bounds.checker().threads(threads.into()).spawn_dfs().join();
    for property in ["no invariant is broken", "every batch swaps the fence"] {
        if let Some(path) = checker.discovery(property) {
            let steps: Vec<String> = path
                .into_vec()
                .iter()
                .map(|(state, action)| format!("{state:?}\n  {action:?}"))
                .collect();
            panic!("{property}: not so\n{}", steps.join("\n"));
        }
    }
    assert!(checker.is_done());
    (checker.unique_state_count(), seen.all())
}

#[test]
fn each_fault_alone_breaks_nothing() {
    let sizes: Vec<usize> = [
        NONE,
        LOST,
        Faults { late: 1, ..NONE },
        SLOW,
        CRASH,
        PAUSE,
        Faults { skip: 1, ..NONE },
        Faults { slip: 1, ..NONE },
        Faults { mind: 2, ..NONE },
        Faults { forget: 1, ..NONE },
        Faults { recreate: 1, ..NONE },
    ]
    .into_iter()
    .map(|faults| explore(bounds(faults)).0)
    .collect();
    assert_eq!(sizes, PINNED);
}

/// Sizes of the explorations above, in their order.
const PINNED: [usize; 11] = [28, 310, 836, 322, 542, 521, 102, 96, 111, 685, 553];

const LOST: Faults = Faults { lost: 1, ..NONE };
const SLOW: Faults = Faults { slow: 1, ..NONE };
const CRASH: Faults = Faults { crash: 1, ..NONE };
const PAUSE: Faults = Faults { pause: 1, ..NONE };

/// Any two of the four that [`FOUR`] has together, but for those of the test below.
#[test]
fn two_faults_together_break_nothing() {
    let pairs = [
        Faults { slow: 1, ..LOST },
        Faults { crash: 1, ..LOST },
        Faults { pause: 1, ..LOST },
        Faults { crash: 1, ..SLOW },
        Faults { pause: 1, ..SLOW },
    ];
    let sizes = pairs.map(|faults| explore(bounds(faults)).0);
    assert_eq!(sizes, [4480, 8236, 7843, 7041, 11_401]);
}

/// Its majority would be another one than the fleet's. How the seat set changes is not built yet; what
/// there is, is that nobody stands by other files than those that are committed.
#[test]
fn one_whose_files_know_other_seats_never_leads_nor_disturbs() {
    let odd = |faults| Bounds { odd_seats: true, ..bounds(faults) };
    let (_, seen) = explore(odd(CRASH));
    assert!(seen.contains("seats of other files are told of"), "{seen:?}");
    assert!(!seen.contains("one with other seats leads"), "{seen:?}");
}

#[test]
fn a_crash_and_a_pause_bring_three_epochs_and_break_nothing() {
    let (states, seen) = explore(bounds(Faults { crash: 1, ..PAUSE }));
    assert_eq!(states, 12_408);
    for what in [
        "somebody is elected in epoch 3",
        "a state of epoch 3 is committed",
        "a zone is claimed in epoch 3",
        "a leader wakes to find another one acting",
        "a successor takes over a plan that was half-way",
    ] {
        assert!(seen.contains(what), "never: {what}");
    }
}

fn digest_of(state: &State) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};

    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Both may take the same actions, and come by each to states of one digest, so many steps on.
fn same_futures(bounds: &Bounds, one: &State, other: &State, depth: usize) {
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    bounds.actions(one, &mut ones);
    bounds.actions(other, &mut others);
    assert_eq!(ones, others, "{one:?}\n{other:?}");
    for action in ones {
        let (Some(a), Some(b)) =
            (bounds.next_state(one, action.clone()), bounds.next_state(other, action.clone()))
        else {
            continue;
        };
        assert_eq!(digest_of(&a), digest_of(&b), "by {action:?} from {one:?}\nand {other:?}");
        if depth > 1 {
            same_futures(bounds, &a, &b, depth - 1);
        }
    }
}

/// What [`digest`] leaves out must be of no consequence, or explorations would skip states.
#[test]
fn states_of_one_digest_have_the_same_futures() {
    let faults = Faults { late: 1, crash: 1, mind: 1, skip: 1, ..NONE };
    let bounds = bounds(given_faults().unwrap_or(faults));
    let mut known: BTreeMap<u64, State> = BTreeMap::new();
    let mut ahead = std::collections::VecDeque::from([bounds.start()]);
    // Pairs that were come to at different times say most, and come late: PAIRS=400 reaches many.
    let (mut apart, mut alike) = (0, 0);
    while let Some(state) = ahead.pop_front() {
        let mut actions = Vec::new();
        bounds.actions(&state, &mut actions);
        for next in actions.into_iter().filter_map(|action| bounds.next_state(&state, action)) {
            match known.get(&digest_of(&next)) {
                Some(other) if other.now != next.now && apart < given_count("PAIRS", 30) => {
                    apart += 1;
                    same_futures(&bounds, other, &next, 3);
                }
                Some(other) if alike < given_count("PAIRS", 30) => {
                    alike += 1;
                    same_futures(&bounds, other, &next, 2);
                }
                Some(_) => {}
                None if bounds.within_boundary(&next) => {
                    known.insert(digest_of(&next), next.clone());
                    ahead.push_back(next);
                }
                None => {}
            }
        }
        if known.len() > 100 * given_count("PAIRS", 30) {
            break;
        }
    }
    assert!(apart + alike >= given_count("PAIRS", 30), "{apart} and {alike} pairs");
}

fn given_count(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The number that the environment gives to this name.
fn given(name: &str, otherwise: u8) -> u8 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// None when the environment speaks of none.
fn given_faults() -> Option<Faults> {
    let faults = Faults {
        lost: given("LOST", 0),
        late: given("LATE", 0),
        slow: given("SLOW", 0),
        crash: given("CRASH", 0),
        pause: given("PAUSE", 0),
        skip: given("SKIP", 0),
        slip: given("SLIP", 0),
        mind: given("MIND", 0),
        forget: given("FORGET", 0),
        recreate: given("RECREATE", 0),
        restore: given("RESTORE", 0),
        keep_refused: given("RESTORE", 0) > 0,
    };
    (faults != NONE).then_some(faults)
}

/// What is at least to be explored together: a loss, a timeout with effect, a crash, and a pause past
/// the lease. How many states that is, and when it was last gone through: `docs/model.md`.
const FOUR: Faults = Faults { lost: 1, slow: 1, crash: 1, pause: 1, ..NONE };

#[test]
#[ignore = "minutes to hours: FOUR, or as the environment says, see docs/model.md"]
fn larger_bounds_break_nothing() {
    let bounds = Bounds {
        agents: given("AGENTS", 2).into(),
        fleets: given("FLEETS", 1).into(),
        epoch_max: given("EPOCHS", 3).into(),
        reads_too: given("READS", 0) > 0,
        odd_seats: given("ODD", 0) > 0,
        ..bounds(given_faults().unwrap_or(FOUR))
    };
    let shown = format!("{bounds:?}");
    let (states, seen) = explore(bounds);
    eprintln!("{shown}: {states} states; seen: {seen:?}");
}

/// Bounds in which a breakage is looked for, and at most how many states.
#[cfg(feature = "breakages")]
const HUNTS: &[(&str, Faults)] = &[
    ("none", NONE),
    ("mind 2", Faults { mind: 2, ..NONE }),
    ("late", Faults { late: 1, ..NONE }),
    ("slow", Faults { slow: 1, ..NONE }),
    ("crash", Faults { crash: 1, ..NONE }),
    ("pause", Faults { pause: 1, ..NONE }),
    ("slip", Faults { slip: 1, ..NONE }),
    ("forget", Faults { forget: 1, ..NONE }),
    ("recreate", Faults { recreate: 1, ..NONE }),
    ("restore", Faults { restore: 1, keep_refused: true, ..NONE }),
    ("crash, forget", Faults { crash: 1, forget: 1, ..NONE }),
    ("crash, mind", Faults { crash: 1, mind: 1, ..NONE }),
    ("late, crash", Faults { late: 1, crash: 1, ..NONE }),
    ("late, pause", Faults { late: 1, pause: 1, ..NONE }),
    ("slip, slow", Faults { slip: 1, slow: 1, ..NONE }),
    ("slip, pause", Faults { slip: 1, pause: 1, ..NONE }),
    ("late 2", Faults { late: 2, ..NONE }),
];

#[cfg(feature = "breakages")]
#[test]
#[ignore = "by hand: BREAK=NAME cargo test --features breakages, one process for each breakage"]
fn hunt() {
    use crate::core::breakage::{Breakage, break_it};

    let name = std::env::var("BREAK").unwrap_or_default();
    if let Some(breakage) = Breakage::ALL.iter().find(|breakage| breakage.name() == name) {
        break_it(*breakage).expect("once");
    }
    let limit = usize::from(given("KILOSTATES", 20)) * 1000;
    for (shown, faults) in HUNTS {
        let checker = bounds(*faults)
            .checker()
            .threads(1)
            .target_state_count(limit)
            .finish_when(stateright::HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        let failed = checker.discoveries().into_iter().find(|(name, _)| {
            ["no invariant is broken", "every batch swaps the fence"].contains(name)
        });
        if let Some((property, path)) = failed {
            let last = path.last_state();
            let which = last.judges.iter().find_map(|judge| judge.broken().first());
            let which = which.map_or(property, |violation| violation.invariant);
            eprintln!(
                "CAUGHT|{name}|model ({shown})|{which}|{} states",
                checker.unique_state_count()
            );
            return;
        }
    }
    eprintln!("MISSED|{name}|model");
}
