//! Never fewer Regions in service than the rule allows while more are healthy.
//!
//! Source: principle 5 and the rule `fewest_in_service`. Judged twice: a decision by what it says
//! that it knew, and a batch by what the records then hold and which Regions truly answer. What was
//! fewer before and does not get fewer still is not our doing. By its records a failover pair has
//! one Region in service, its primary, whatever the rule; how many it has by decision, its gates
//! say.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::explain::{Cause, State};
use crate::core::health::Verdict;
use crate::core::planner::Inputs;
use crate::domain::record::RecordKey;
use crate::domain::{Fleet, Moment, ServiceId, Target};

use super::written_beside::beside_writer;
use super::{Fact, Judge, Known, Part, RecordParts};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FewestInService {
    fewest: usize,
    records: BTreeMap<RecordKey, ServiceId>,
    /// Services that can write only beside their database's writer: one Region is all they may have.
    beside_writer: BTreeSet<ServiceId>,
}

impl FewestInService {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let services = fleet.services.iter();
        Self {
            fewest: fleet.rules.fewest_in_service.into(),
            records: services.map(|(id, service)| (service.key(), id.clone())).collect(),
            beside_writer: beside_writer(fleet),
        }
    }

    fn count(
        &self,
        service: &ServiceId,
        (before, after, healthy): (usize, usize, usize),
        what: &str,
    ) -> Result<(), String> {
        let beside_writer = self.beside_writer.contains(service);
        let fewest = if beside_writer { self.fewest.min(1) } else { self.fewest };
        if after < before && after < fewest && after < healthy {
            return Err(format!(
                "{what} went from {before} to {after}, fewer than {fewest}, with {healthy} healthy"
            ));
        }
        Ok(())
    }

    fn decision(&self, state: &State, inputs: &Inputs) -> Result<(), String> {
        let name = state.name;
        for (service, regions) in &inputs.services {
            let (mut before, mut after, mut healthy) = (0, 0, 0);
            let (mut answering_before, mut answering_after) = (0, 0);
            for (region, placed) in regions {
                let wanted = state.wanted.get(service).and_then(|regions| regions.get(region));
                let was = placed.wanted.unwrap_or(placed.share).serves();
                let is = wanted.is_some_and(|weight| weight.serves());
                let answers = !matches!(placed.verdict, Verdict::Down | Verdict::CutOff);
                before += usize::from(was);
                after += usize::from(is);
                answering_before += usize::from(was && answers);
                answering_after += usize::from(is && answers);
                healthy += usize::from(placed.verdict == Verdict::Healthy);
            }
            let what = format!("{name}: Regions in service of {service}");
            self.count(service, (before, after, healthy), &what)?;
            let what = format!("{name}: Regions in service of {service} that answer");
            self.count(service, (answering_before, answering_after, healthy), &what)?;
        }
        Ok(())
    }

    fn batch(
        &self,
        at: Moment,
        before: &RecordParts,
        after: &RecordParts,
        known: &Known,
    ) -> Result<(), String> {
        let serving =
            |parts: &BTreeMap<String, Part>| parts.values().filter(|part| part.serves()).count();
        for (key, was) in before {
            let (Some(service), Some(is)) = (self.records.get(key), after.get(key)) else {
                continue;
            };
            let fine = |id: &&String| {
                let Ok(region) = id.parse() else { return false };
                known.fine_all_along(&Target { region, service: service.clone() }, at)
            };
            let healthy = is.keys().filter(fine).count();
            let counts = (serving(was), serving(is), healthy);
            self.count(service, counts, &format!("records of {key}"))?;
        }
        Ok(())
    }
}

impl Judge for FewestInService {
    fn name(&self) -> &'static str {
        "the fewest stay in service"
    }

    fn judge(&mut self, at: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        match fact {
            Fact::Proposed { state, .. } => match &state.cause {
                Cause::Decided { inputs, .. } => self.decision(state, inputs),
                Cause::Genesis
                | Cause::Adopted { .. }
                | Cause::Ordered { .. }
                | Cause::Asked { .. }
                | Cause::Ran { .. } => Ok(()),
            },
            Fact::ZoneApplied { by: Some(_), before, after, .. } => {
                self.batch(at, before, after, known)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet};
    use super::*;

    const WELL: Verdict = Verdict::Healthy;
    const DOWN: Verdict = Verdict::Down;

    /// Two must serve.
    fn case() -> Case<FewestInService> {
        let mut case = Case::of(FewestInService::new(&fleet()));
        for region in ["a", "b", "c"] {
            for from in ["a", "b"] {
                case.fine(Case::reach(from, region, true));
            }
        }
        case
    }

    fn decided(places: [(Verdict, u8, u8); 3]) -> Fact {
        let [a, b, c] = places;
        Case::decided(
            "x",
            (1, 2),
            &[("a", a.0, 9000, a.1, a.2), ("b", b.0, 9000, b.1, b.2), ("c", c.0, 9000, c.1, c.2)],
        )
    }

    #[test]
    fn a_decision_below_the_rule_is_caught_while_more_are_healthy() {
        case().fine(decided([(WELL, 100, 100), (WELL, 100, 100), (DOWN, 100, 0)]));
        case().broken(decided([(WELL, 100, 100), (WELL, 100, 0), (DOWN, 0, 0)]));
        // It was so before; or there is none that could serve instead.
        case().fine(decided([(WELL, 100, 100), (WELL, 0, 0), (DOWN, 0, 0)]));
        case().fine(decided([(WELL, 100, 100), (DOWN, 100, 0), (DOWN, 0, 0)]));
    }

    #[test]
    fn one_in_service_that_does_not_answer_is_none() {
        case().broken(decided([(WELL, 100, 100), (WELL, 100, 0), (DOWN, 100, 100)]));
    }

    #[test]
    fn records_below_the_rule_are_caught_while_more_are_truly_fine() {
        let before = [("a", 100), ("b", 100), ("c", 100)];
        let applied = |after| Case::applied("x", (1, 1), &before, after);
        let one = [("a", 100), ("b", 0), ("c", 0)];
        let mut case = case();
        case.at(60_000).fine(applied(&[("a", 100), ("b", 100), ("c", 0)]));
        case.broken(applied(&one));
        for (from, region) in [("a", "b"), ("a", "c")] {
            case.fine(Case::reach(from, region, false));
        }
        case.fine(applied(&one));
        case.fine(Case::by_hand(&before, &[("a", 0), ("b", 0), ("c", 0)]));
    }
    #[test]
    fn a_pair_has_one_in_service_by_its_records_and_must_not_have_none() {
        use Part::{Primary, Secondary};
        let pair = [("a", Primary), ("b", Secondary)];
        let applied = |after| Case::swapped("x", (1, 1), &pair, after);
        let mut case = case();
        case.at(60_000).fine(applied(&[("a", Secondary), ("b", Primary)]));
        case.broken(applied(&[("a", Secondary), ("b", Secondary)]));
    }
}
