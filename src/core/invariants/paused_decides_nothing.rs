//! While people have paused the fleet, it decides nothing by itself.
//!
//! Source: DESIGN's autonomy and `docs` on pausing: a pause is committed, survives its leader, and
//! ends by a person's order alone. Orders are still handled, and what a run waits for is still
//! looked at; no weight changes.

use std::collections::BTreeSet;

use crate::core::explain::Cause;
use crate::domain::{Moment, StateName};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct PausedDecidesNothing {
    paused: BTreeSet<StateName>,
}

impl Judge for PausedDecidesNothing {
    fn name(&self) -> &'static str {
        "the paused decides nothing"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        let Fact::Proposed { state, .. } = fact else { return Ok(()) };
        if state.steering.pause.is_some() {
            self.paused.insert(state.name);
        }
        let StateName { epoch, seq } = state.name;
        let before = StateName { epoch, seq: seq.saturating_sub(1) };
        if matches!(state.cause, Cause::Decided { .. }) && self.paused.contains(&before) {
            return Err(format!("{} changes weights, and {before} was paused", state.name));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, name};
    use super::*;
    use crate::core::health::Verdict;

    #[test]
    fn a_decision_upon_a_paused_state_is_caught() {
        let drains = |state| Case::decided("a", state, &[("c", Verdict::Down, 9000, 100, 0)]);
        let mut case = Case::of(PausedDecidesNothing { paused: [name(1, 2)].into() });
        case.fine(drains((1, 2)));
        case.broken(drains((1, 3)));
        case.fine(drains((2, 3)));
    }
}
