//! No batch of ours empties a record set, leaves it with no weight above 0, or a failover pair
//! without one of its two records or without a primary.
//!
//! Source: principle 5, "never nothing". Name servers would answer with a secondary that stands
//! alone; but its name would then hang by one record, and a gate that shuts that Region would shut
//! nobody out. What a person did by hand before is not our doing.

use crate::domain::Moment;

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct NeverNothing;

impl Judge for NeverNothing {
    fn name(&self) -> &'static str {
        "never nothing"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        let Fact::ZoneApplied { by: Some(_), before, after, .. } = fact else { return Ok(()) };
        for (key, parts) in before {
            let left = after.get(key);
            if left.is_none_or(|left| left.len() < parts.len()) {
                return Err(format!("a record set of {key} was removed"));
            }
            let served = parts.values().any(|part| part.serves());
            let serves = left.is_some_and(|left| left.values().any(|part| part.serves()));
            if served && !serves {
                return Err(format!("{key} was left with no weight above 0, or no primary"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    #[test]
    fn an_emptied_or_silenced_name_is_caught_unless_by_hand() {
        let both = [("a", 1), ("b", 1)];
        let mut case = Case::of(NeverNothing);
        let applied = |before, after| Case::applied("x", (1, 1), before, after);
        case.fine(applied(&both, &[("a", 0), ("b", 1)]));
        case.broken(applied(&both, &[("a", 0), ("b", 0)]));
        case.broken(applied(&both, &[("b", 1)]));
        case.fine(Case::by_hand(&both, &[("a", 0), ("b", 0)]));
        // It was so before.
        case.fine(applied(&[("a", 0)], &[("a", 0)]));
    }
    #[test]
    fn a_pair_that_loses_a_record_or_its_primary_is_caught_and_one_that_swaps_is_fine() {
        use super::super::Part::{Primary, Secondary};
        let pair = [("a", Primary), ("b", Secondary)];
        let mut case = Case::of(NeverNothing);
        case.fine(Case::swapped("x", (1, 1), &pair, &[("a", Secondary), ("b", Primary)]));
        case.broken(Case::swapped("x", (1, 2), &pair, &[("a", Secondary), ("b", Secondary)]));
        case.broken(Case::swapped("x", (1, 2), &pair, &[("b", Secondary)]));
        case.broken(Case::swapped("x", (1, 2), &pair, &[("a", Primary)]));
    }
}
