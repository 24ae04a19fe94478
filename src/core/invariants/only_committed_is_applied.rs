//! A weight that a batch of ours changes is the weight of a committed state of its leader's epoch.
//!
//! Source: PROTOCOL rule 10. A leader adopts and commits before it acts, and acts only upon what is
//! committed.

use std::collections::BTreeMap;

use crate::domain::record::RecordKey;
use crate::domain::{Fleet, Moment, RegionId, ServiceId};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OnlyCommittedIsApplied {
    records: BTreeMap<RecordKey, ServiceId>,
}

impl OnlyCommittedIsApplied {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let of = |(id, service): (&ServiceId, &crate::domain::fleet::Service)| {
            (service.key(), id.clone())
        };
        Self { records: fleet.services.iter().map(of).collect() }
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
        for (key, weights) in after {
            let service = self.records.get(key);
            for (id, weight) in weights {
                if before.get(key).and_then(|before| before.get(id)) == Some(weight) {
                    continue;
                }
                let region = id.parse::<RegionId>().ok();
                let wants = |wanted: &crate::domain::control::Weights| {
                    let wanted = wanted.get(service?)?.get(region.as_ref()?)?;
                    Some(wanted.0 == *weight)
                };
                if !known.committed_in(fence.epoch).any(|state| wants(state) == Some(true)) {
                    return Err(format!(
                        "{key} {id} was set to {weight} under epoch {}, which no state committed \
                         in that epoch wants",
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
    use super::super::testing::{Case, fleet};
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
}
