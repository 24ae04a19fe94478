//! Walks through the model at random, where its states are too many to see them all.
//!
//! A walk goes the orderly way but for the faults that its seed spends, at moments that the seed
//! draws: mostly a few steps apart, since it takes several faults close together to break what one
//! alone can't. It looks at more faults at once, and further on, than the explorations do; it proves
//! nothing, and it finds in seconds what they find in hours. The rules that no exploration of a few
//! faults can see to matter are left out on purpose by `tests/breakages.sh`, and found to be missing
//! here.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;
use stateright::Model as _;

use super::*;
use crate::core::invariants::Violation;

/// Steps of a walk: some six leases.
const STEPS: usize = 250;

/// What a walk may spend. Each is within what the protocol promises to survive.
const MIXES: &[(&str, Faults)] = &[
    (
        "late 2, slow 2, crash 2, pause 1, slip 1, mind 2",
        Faults { late: 2, slow: 2, crash: 2, pause: 1, slip: 1, mind: 2, ..NONE },
    ),
    (
        "late 1, slow 1, crash 2, pause 1, mind 1, forget 1",
        Faults {
            late: 1,
            slow: 1,
            crash: 2,
            pause: 1,
            mind: 1,
            forget: 1,
            keep_refused: true,
            ..NONE
        },
    ),
    (
        "late 2, slow 1, crash 2, pause 1, mind 1, recreate 1",
        Faults { late: 2, slow: 1, crash: 2, pause: 1, mind: 1, recreate: 1, ..NONE },
    ),
    (
        "late 1, crash 1, mind 1, restore 1",
        Faults { late: 1, crash: 1, mind: 1, restore: 1, keep_refused: true, ..NONE },
    ),
];

impl Action {
    fn is_fault(&self) -> bool {
        match self {
            Self::Turn | Self::Carry | Self::Land(_) | Self::Deliver(_) | Self::Wake { .. } => {
                false
            }
            Self::Lost
            | Self::Late
            | Self::Slow
            | Self::Crash
            | Self::Pause
            | Self::Skip
            | Self::Slip(_)
            | Self::Mind
            | Self::Forget(_)
            | Self::Recreate(_)
            | Self::Restore(_) => true,
        }
    }
}

/// What was broken on the way, and by which mix.
fn walk(seed: u64, broken_too: bool) -> Result<(), (&'static str, Violation, Vec<Action>)> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let (shown, faults) = MIXES[rng.random_range(0..MIXES.len())];
    let agents = if rng.random_bool(0.3) { 3 } else { 2 };
    let reads_too = rng.random_bool(0.2);
    let bounds = Bounds { agents, epoch_max: u64::MAX, reads_too, ..bounds(faults) };
    let mut state = bounds.start();
    let mut taken = Vec::new();
    // Faults come in bursts: a quiet stretch, then several close together.
    let mut quiet = rng.random_range(0..40);
    let mut actions = Vec::new();
    for _ in 0..STEPS {
        actions.clear();
        bounds.actions(&state, &mut actions);
        let fault = quiet == 0 && rng.random_bool(0.2);
        let wanted: Vec<&Action> =
            actions.iter().filter(|action| action.is_fault() == fault).collect();
        let Some(action) = choose(&mut rng, &wanted).or_else(|| actions.first().cloned()) else {
            break;
        };
        quiet = if fault && rng.random_bool(0.3) {
            rng.random_range(0..40)
        } else {
            usize::saturating_sub(quiet, 1)
        };
        taken.push(action.clone());
        let Some(next) = bounds.next_state(&state, action) else { break };
        state = next;
        let unfenced = state.happened.contains(UNFENCED);
        let violation = state.judges.iter().find_map(|judge| judge.broken().first().cloned());
        if let Some(violation) = violation {
            return Err((shown, violation, taken));
        }
        assert!(!unfenced || broken_too, "every batch swaps the fence");
    }
    Ok(())
}

/// The orderly action mostly; what is in flight comes at any time.
fn choose(rng: &mut Pcg64Mcg, wanted: &[&Action]) -> Option<Action> {
    let orderly =
        |action: &&&Action| matches!(action, Action::Turn | Action::Carry | Action::Wake { .. });
    let first = wanted.iter().find(orderly).filter(|_| rng.random_bool(0.9));
    match first {
        Some(action) => Some((**action).clone()),
        None if wanted.is_empty() => None,
        None => Some(wanted[rng.random_range(0..wanted.len())].clone()),
    }
}

#[test]
fn walks_with_many_faults_break_nothing() {
    for seed in 0..u64::from(given_number("WALKS", 100)) {
        if let Err((mix, violation, taken)) = walk(seed, false) {
            panic!("walk {seed} ({mix}): {violation}\n{taken:#?}");
        }
    }
}

/// The number that the environment gives to this name.
fn given_number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[cfg(feature = "breakages")]
#[test]
#[ignore = "by tests/breakages.sh: BREAK=NAME WALKS=20000, one process for each breakage"]
fn hunt() {
    use crate::core::breakage::{Breakage, break_it};

    let name = std::env::var("BREAK").unwrap_or_default();
    for breakage in Breakage::ALL.iter().filter(|breakage| breakage.name() == name) {
        break_it(*breakage).expect("once");
    }
    for seed in 0..u64::from(given_number("WALKS", 20_000)) {
        if let Err((mix, violation, _)) = walk(seed, true) {
            eprintln!("CAUGHT|{seed}|{}|{mix}", violation.invariant);
            return;
        }
    }
    eprintln!("MISSED");
}
