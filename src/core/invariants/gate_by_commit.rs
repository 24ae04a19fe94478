//! A gate shuts a Region only by a committed decision that takes out all that it stands for.
//!
//! Source: PROTOCOL's gates, and `docs/gates.md`. What an agent's gate endpoint answers must be what
//! a majority of seats has come to show: never what a leader has only proposed, nor what a deposed
//! one would still have liked. A Region at weight 0 by the files alone is nobody's decision.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::control::Weights;
use crate::domain::gate::Gate;
use crate::domain::{Fleet, Moment, RegionId, ServiceId};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct GateByCommit {
    /// Where each service is to serve by the files.
    serving: BTreeMap<ServiceId, BTreeSet<RegionId>>,
}

impl GateByCommit {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let serving = fleet.services.iter().map(|(service, spec)| {
            let serving = spec.regions.iter().filter(|(_, placement)| placement.weight.serves());
            (service.clone(), serving.map(|(region, _)| region.clone()).collect())
        });
        Self { serving: serving.collect() }
    }

    /// A service that these weights leave in service behind this gate, or that there is none at all.
    fn left(&self, gate: &Gate, wanted: &Weights) -> Option<String> {
        let mut behind = self
            .serving
            .iter()
            .filter(|(service, _)| gate.service.as_ref().is_none_or(|one| one == *service))
            .filter(|(_, regions)| regions.contains(&gate.region))
            .peekable();
        if behind.peek().is_none() {
            return Some("it stands for nothing that serves".to_owned());
        }
        let weight = |service| wanted.get(service).and_then(|regions| regions.get(&gate.region));
        let mut kept =
            behind.filter(|(service, _)| weight(service).is_none_or(|weight| weight.serves()));
        kept.next().map(|(service, _)| format!("{service} is wanted there"))
    }
}

impl Judge for GateByCommit {
    fn name(&self) -> &'static str {
        "a gate shuts only by a committed decision"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        let Fact::GateShown { agent, gate, state } = fact else { return Ok(()) };
        if !known.was_committed(*state) {
            return Err(match known.committed() {
                Some(newer) if newer.epoch > state.epoch => {
                    format!(
                        "{agent} shuts {gate} by {state}, a deposed leader's wish: {newer} is \
                             committed"
                    )
                }
                _ => format!("{agent} shuts {gate} by {state}, which is not committed"),
            });
        }
        let left = known.wanted(*state).and_then(|wanted| self.left(gate, wanted));
        left.map_or(Ok(()), |why| Err(format!("{agent} shuts {gate} by {state}, and {why}")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet, paired};
    use super::*;

    fn case() -> Case<GateByCommit> {
        let mut case = Case::of(GateByCommit::new(&fleet()));
        case.given(&Case::wants("a", (1, 2), &[("a", 100), ("b", 100), ("c", 0)]));
        case
    }

    #[test]
    fn a_gate_that_a_committed_state_takes_out_may_be_shut_and_no_other() {
        let mut case = case();
        case.broken(Case::shuts("b", "c", (1, 2)));
        case.fine(Case::shows("a", (1, 2)));
        case.broken(Case::shuts("b", "c", (1, 2)));
        case.fine(Case::shows("b", (1, 2)));
        case.fine(Case::shuts("b", "c", (1, 2)));
        case.broken(Case::shuts("b", "a", (1, 2)));
        case.broken(Case::shuts("b", "c", (1, 3)));
    }

    #[test]
    fn a_region_that_the_files_let_stand_by_is_never_shut() {
        let mut standing_by = fleet();
        for spec in standing_by.services.values_mut() {
            let placed = spec.regions.get_mut(&"c".parse().expect("valid")).expect("there");
            placed.weight = crate::domain::Weight::ZERO;
        }
        let mut case = Case::of(GateByCommit::new(&standing_by));
        case.given(&Case::wants("a", (1, 2), &[("a", 100), ("c", 0)]));
        case.fine(Case::shows("a", (1, 2)));
        case.fine(Case::shows("b", (1, 2)));
        case.broken(Case::shuts("b", "c", (1, 2)));
    }
    #[test]
    fn a_pair_s_gate_shuts_who_is_out_of_service_and_not_who_stands_by() {
        let mut case = Case::of(GateByCommit::new(&paired()));
        for (seq, a, b) in [(2, 100, 100), (3, 0, 100)] {
            case.given(&Case::wants("a", (1, seq), &[("a", a), ("b", b)]));
            case.fine(Case::shows("a", (1, seq)));
            case.fine(Case::shows("b", (1, seq)));
        }
        // `b` is the secondary, and in service all the same.
        case.broken(Case::shuts("c", "b", (1, 2)));
        case.broken(Case::shuts("c", "b", (1, 3)));
        case.fine(Case::shuts("c", "a", (1, 3)));
    }
}
