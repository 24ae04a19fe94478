//! Waiting until gates read open.
//!
//! A new inverted check reads shut until its checkers have asked, and what it reads can't be told
//! from a gate that is closed. So nothing is built upon a watch, neither a record's check nor the
//! count of one that is attached, before all its checkers have said that they find the gate open.

use std::time::Duration;

use super::found::LOOK_LIMIT;
use super::gates::Wanted;
use crate::agent::Outside;
use crate::domain::gate::Gates;
use crate::domain::health_check::{CheckFound, CheckId, CheckSight};
use crate::domain::{CallFailure, FailureClass, RegionId};
use crate::ports::Answer;

/// Before each look at a check: Route 53 takes five requests a second from an account, and a leader
/// needs some of them.
const PAUSE: Duration = Duration::from_millis(400);

/// How long to wait for the watches beyond the time that their checkers need.
const PATIENCE: Duration = Duration::from_secs(120);

/// For how long a watch must have read open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Steady {
    /// Until the checkers have changed their minds after a first answer: the newest answer is one,
    /// and the failure threshold may ask for more in a row.
    Minds,
    /// Until every checker has changed its mind after a change of what it asks for.
    Anew,
}

impl Steady {
    fn span(self, gates: &Gates) -> Duration {
        let whole = u64::from(gates.noticed_ms_max());
        let threshold = u64::from(gates.failure_threshold).max(1);
        Duration::from_millis(match self {
            Self::Minds => whole / threshold * (threshold - 1),
            Self::Anew => whole,
        })
    }
}

/// Waits until every watch of a gate reads open, for as long as its checkers may need to say so.
pub(super) async fn all_open(
    gates: &Gates,
    outside: &Outside,
    wanted: &Wanted,
    found: &[CheckFound],
) -> Answer<()> {
    let mut watches = Vec::new();
    for observer in wanted.watches.keys() {
        let Some(check) = wanted.watch(found, observer) else {
            let what = format!("the health check of {}'s gate in {observer} is gone", wanted.gate);
            return Err(CallFailure::transient(what));
        };
        watches.push((observer, &check.id));
    }
    these_open(gates, outside, wanted, &watches, Steady::Minds).await
}

/// Waits until these watches of a gate read open, all at once.
pub(super) async fn these_open(
    gates: &Gates,
    outside: &Outside,
    wanted: &Wanted,
    watches: &[(&RegionId, &CheckId)],
    steady: Steady,
) -> Answer<()> {
    if watches.is_empty() {
        return Ok(());
    }
    let steady = steady.span(gates);
    let limit = Duration::from_millis(u64::from(gates.noticed_ms_max())) + steady + PATIENCE;
    // A round looks at each of them once, and is open when all are.
    let round_ms = PAUSE.as_millis() * u128::try_from(watches.len()).unwrap_or(u128::MAX);
    let rounds = |span: Duration| span.as_millis().div_ceil(round_ms);
    let needed = rounds(steady) + 1;
    let (mut open, mut last) = (0, None);
    for _ in 0..rounds(limit).max(needed) {
        let mut amiss = None;
        for (observer, check) in watches {
            tokio::time::sleep(PAUSE).await;
            match outside.health_checks.sight(check, LOOK_LIMIT).await {
                Ok(sight) if sight.reads_open() => {}
                Ok(sight) => drop(amiss.get_or_insert((*observer, told(&sight)))),
                Err(failure) if failure.class == FailureClass::Permanent => return Err(failure),
                Err(failure) => drop(amiss.get_or_insert((*observer, failure.to_string()))),
            }
        }
        open = if amiss.is_none() { open + 1 } else { 0 };
        if open >= needed {
            return Ok(());
        }
        last = amiss.or(last);
    }
    let gate = &wanted.gate;
    let (observer, why) = last.expect("with nothing amiss the rounds suffice");
    Err(CallFailure::transient(format!(
        "{gate}'s gate in {observer} does not read open ({why}), as it should unless {gate} is \
         drained: nothing further was done"
    )))
}

/// What the checkers of a watch say, for people.
fn told(sight: &CheckSight) -> String {
    let CheckSight { checkers, asked, found, .. } = sight;
    if *found > 0 {
        format!("{found} of {checkers} checkers find it closed")
    } else {
        format!("{asked} of {checkers} checkers have asked")
    }
}
