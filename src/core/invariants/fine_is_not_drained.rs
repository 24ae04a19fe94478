//! No Region is drained because of one observer or of stale data.
//!
//! Source: principle 2, "unreachable from one place is not dead". Judged by the truth: a target
//! that answered as it should all along, when asked from each Region of one and the same majority,
//! can be found failing only by a minority, or by what is no longer so.

use crate::core::explain::{Cause, Reason};
use crate::domain::{Moment, Target};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct FineIsNotDrained;

impl Judge for FineIsNotDrained {
    fn name(&self) -> &'static str {
        "what is fine is not drained"
    }

    fn judge(&mut self, at: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        let Fact::Proposed { state, .. } = fact else { return Ok(()) };
        let Cause::Decided { changes, .. } = &state.cause else { return Ok(()) };
        for change in changes {
            let of_health = matches!(change.reason, Reason::Down | Reason::CutOff);
            let target = Target { region: change.region.clone(), service: change.service.clone() };
            if of_health && known.fine_all_along(&target, at) {
                return Err(format!(
                    "{}: {change}, though it answered a majority of Regions all along",
                    state.name
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;
    use crate::core::health::Verdict;

    fn drains(region: &str) -> Fact {
        Case::decided("a", (1, 2), &[(region, Verdict::Down, 9000, 100, 0)])
    }

    /// All is fine from the beginning.
    fn case() -> Case<FineIsNotDrained> {
        let mut case = Case::of(FineIsNotDrained);
        for from in ["a", "b", "c"] {
            case.fine(Case::reach(from, "c", true));
        }
        case
    }

    #[test]
    fn draining_what_a_majority_reached_all_along_is_caught() {
        let mut case = case();
        case.at(30_000).fine(Case::reach("a", "c", false));
        case.at(90_000).broken(drains("c"));
    }

    #[test]
    fn draining_what_only_a_minority_reached_is_fine_also_for_a_while_after() {
        let mut case = case();
        case.at(30_000).fine(Case::reach("a", "c", false));
        case.at(31_000).fine(Case::reach("b", "c", false));
        case.at(33_000).fine(drains("c"));
        case.at(34_000).fine(Case::reach("b", "c", true));
        case.at(36_000).fine(drains("c"));
        case.at(90_000).broken(drains("c"));
    }

    #[test]
    fn a_majority_that_changes_is_not_one_and_the_same() {
        let mut case = case();
        case.at(30_000).fine(Case::reach("a", "c", false));
        case.at(60_000).fine(Case::reach("a", "c", true));
        case.at(60_000).fine(Case::reach("b", "c", false));
        case.at(62_000).fine(drains("c"));
    }

    #[test]
    fn where_the_truth_is_not_told_nothing_is_judged() {
        Case::of(FineIsNotDrained).at(90_000).fine(drains("c"));
    }
}
