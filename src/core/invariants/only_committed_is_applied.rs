//! What a batch of ours makes of a record is what a committed state of its leader's epoch wants: a
//! weight, or a failover pair's role.
//!
//! Source: PROTOCOL rule 10, and `docs/gates.md` for whom a pair leads to. A leader adopts and
//! commits before it acts, and acts only upon what is committed.

use std::collections::BTreeMap;

use crate::domain::record::RecordKey;
use crate::domain::{Fleet, Moment, RegionId};

use super::pair::Shared;
use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OnlyCommittedIsApplied {
    records: BTreeMap<RecordKey, Shared>,
}

impl OnlyCommittedIsApplied {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let services = fleet.services.iter();
        let of = services.map(|(id, service)| (service.key(), Shared::of(id, service)));
        Self { records: of.collect() }
    }
}

impl Judge for OnlyCommittedIsApplied {
    fn name(&self) -> &'static str {
        "only what is committed is applied"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        let Fact::ZoneApplied { by: Some(_), fence: Some(fence), before, after, .. } = fact else {
            return Ok(());
        };
        for (key, parts) in after {
            let shared = self.records.get(key);
            for (id, part) in parts {
                if before.get(key).and_then(|before| before.get(id)) == Some(part) {
                    continue;
                }
                let region = id.parse::<RegionId>().ok();
                let wants = |wanted: &crate::domain::control::Weights| {
                    shared?.part(region.as_ref()?, wanted).map(|wanted| wanted == *part)
                };
                if !known.committed_in(fence.epoch).any(|state| wants(state) == Some(true)) {
                    return Err(format!(
                        "{key} {id} was made {part} under epoch {}, which no state committed in \
                         that epoch wants",
                        fence.epoch
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Part::{Primary, Secondary, Weight};
    use super::super::testing::{Case, fleet, paired};
    use super::*;
    use crate::core::health::Verdict;

    #[test]
    fn a_weight_that_nobody_committed_is_caught() {
        let mut case = Case::of(OnlyCommittedIsApplied::new(&fleet()));
        case.fine(Case::decided("x", (2, 1), &[("a", Verdict::Down, 2000, 100, 0)]));
        let applied =
            |epoch, weight| Case::applied("x", (epoch, 1), &[("a", 100)], &[("a", weight)]);
        case.broken(applied(2, 0));
        case.fine(Case::shows("a", (2, 1)));
        case.broken(applied(2, 0));
        case.fine(Case::shows("b", (2, 1)));
        case.fine(applied(2, 0));
        case.broken(applied(2, 7));
        // Another leader's state; and nothing changed.
        case.broken(applied(3, 0));
        case.fine(applied(3, 100));
    }

    #[test]
    fn a_record_that_is_no_service_s_is_caught_unless_it_stays_as_it_was() {
        let mut case = Case::of(OnlyCommittedIsApplied { records: BTreeMap::new() });
        case.fine(Case::applied("x", (1, 1), &[("a", 9)], &[("a", 9)]));
        case.broken(Case::applied("x", (1, 2), &[("a", 9)], &[("a", 8)]));
    }
    /// `a` is the primary of a pair with `b`. What is committed in epochs 2 to 5: both are in
    /// service, only `b` is, only `a` is, neither is.
    fn pair() -> Case<OnlyCommittedIsApplied> {
        let mut case = Case::of(OnlyCommittedIsApplied::new(&paired()));
        for (epoch, a, b) in [(2, 100, 7), (3, 0, 7), (4, 100, 0), (5, 0, 0)] {
            case.given(&Case::wants("x", (epoch, 1), &[("a", a), ("b", b)]));
            case.fine(Case::shows("a", (epoch, 1)));
            case.fine(Case::shows("b", (epoch, 1)));
        }
        case
    }

    #[test]
    fn a_pair_leads_to_its_first_region_in_service_and_any_other_role_is_caught() {
        let (first, second) =
            ([("a", Primary), ("b", Secondary)], [("a", Secondary), ("b", Primary)]);
        let mut case = pair();
        let mut swaps = |epoch, fine: bool, to_second: bool| {
            let (from, to) = if to_second { (&first, &second) } else { (&second, &first) };
            let swap = Case::swapped("x", (epoch, 1), from, to);
            if fine { case.fine(swap) } else { case.broken(swap) }
        };
        for (epoch, second_leads) in [(2, false), (3, true), (4, false), (5, false)] {
            swaps(epoch, second_leads, true);
            swaps(epoch, !second_leads, false);
        }
        // Nobody has committed anything there.
        swaps(6, false, true);
        swaps(6, false, false);
    }

    #[test]
    fn weights_in_the_place_of_a_pair_are_caught() {
        let weights = [("a", Weight(0)), ("b", Weight(7))];
        pair().broken(Case::swapped("x", (3, 1), &[("a", Primary), ("b", Secondary)], &weights));
        let mut weighted = Case::of(OnlyCommittedIsApplied::new(&fleet()));
        weighted.given(&Case::wants("x", (2, 1), &[("a", 0), ("b", 100)]));
        weighted.fine(Case::shows("a", (2, 1)));
        weighted.fine(Case::shows("b", (2, 1)));
        let roles = [("a", Secondary), ("b", Primary)];
        weighted.broken(Case::swapped("x", (2, 1), &[("a", Weight(1)), ("b", Weight(1))], &roles));
    }
}
