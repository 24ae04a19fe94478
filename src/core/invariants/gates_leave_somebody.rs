//! Our gates never shut every Region of a service, and no person's order makes them.
//!
//! Source: PROTOCOL rule 17 and principle 5, "never nothing". No committed state takes out every
//! Region that serves; and whoever takes one out by will (an order, the files) leaves another one in
//! that name servers do not take for shut at that moment. What fails is taken out all the same: name
//! servers then answer as if all were well. For a failover pair it is the same: with both shut its
//! primary is answered, which may be the very Region that was to leave.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::explain::{Cause, Change, Reason, State};
use crate::core::health::Verdict;
use crate::core::planner::Inputs;
use crate::domain::gate::{Gate, GateScope};
use crate::domain::{Fleet, Moment, RegionId, ServiceId};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct GatesLeaveSomebody {
    /// Where each service is to serve by the files; none without gates.
    serving: BTreeMap<ServiceId, BTreeSet<RegionId>>,
    by_service: bool,
    /// Gates that name servers take for shut.
    shut: BTreeSet<Gate>,
}

impl GatesLeaveSomebody {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let gated = fleet.services.iter().filter(|_| fleet.gates.is_some());
        let serving = gated.map(|(service, spec)| {
            let serving = spec.regions.iter().filter(|(_, placement)| placement.weight.serves());
            (service.clone(), serving.map(|(region, _)| region.clone()).collect())
        });
        let scope = fleet.gates.as_ref().map(|gates| gates.scope);
        Self {
            serving: serving.collect(),
            by_service: scope == Some(GateScope::Service),
            shut: BTreeSet::new(),
        }
    }

    /// A change by people's will must leave somebody who is answered.
    fn by_will(&self, state: &State, inputs: &Inputs, change: &Change) -> Result<(), String> {
        let Change { service, region, to, reason, .. } = change;
        if to.serves() || !matches!(reason, Reason::Ordered | Reason::Configured) {
            return Ok(());
        }
        let verdict = inputs.services.get(service).and_then(|regions| regions.get(region));
        let failed =
            verdict.is_some_and(|at| matches!(at.verdict, Verdict::Down | Verdict::CutOff));
        let (Some(wanted), false) = (state.wanted.get(service), failed) else { return Ok(()) };
        let open = |region: &RegionId| {
            let service = self.by_service.then(|| service.clone());
            !self.shut.contains(&Gate { region: region.clone(), service })
        };
        if wanted.iter().any(|(region, weight)| weight.serves() && open(region)) {
            return Ok(());
        }
        Err(format!("{}: {change}: name servers take every other Region for shut", state.name))
    }
}

impl Judge for GatesLeaveSomebody {
    fn name(&self) -> &'static str {
        "our gates leave somebody to answer"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        match fact {
            Fact::GateSeen { gate, shut } => {
                if *shut {
                    self.shut.insert(gate.clone());
                } else {
                    self.shut.remove(gate);
                }
                Ok(())
            }
            Fact::Committed { name } => {
                let Some(wanted) = known.wanted(*name) else { return Ok(()) };
                for (service, serving) in &self.serving {
                    let Some(weights) = wanted.get(service) else { continue };
                    let out = |region| weights.get(region).is_some_and(|weight| !weight.serves());
                    if !serving.is_empty() && serving.iter().all(out) {
                        return Err(format!(
                            "{name} closes the gates of every Region of {service}"
                        ));
                    }
                }
                Ok(())
            }
            Fact::Proposed { state, .. } if !self.serving.is_empty() && known.clocks_keep => {
                let Cause::Decided { inputs, changes } = &state.cause else { return Ok(()) };
                changes.iter().try_for_each(|change| self.by_will(state, inputs, change))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, gated, name, paired};
    use super::*;

    fn case() -> Case<GatesLeaveSomebody> {
        Case::of(GatesLeaveSomebody::new(&gated(60_000)))
    }

    #[test]
    fn a_state_that_takes_every_region_out_is_caught() {
        let mut case = case();
        case.given(&Case::wants("a", (1, 2), &[("a", 0), ("b", 0), ("c", 1)]));
        case.fine(Fact::Committed { name: name(1, 2) });
        case.given(&Case::wants("a", (1, 3), &[("a", 0), ("b", 0), ("c", 0)]));
        case.broken(Fact::Committed { name: name(1, 3) });
    }

    #[test]
    fn who_is_drained_by_will_leaves_one_that_is_not_shut() {
        let mut case = case();
        let places = [("a", 0), ("b", 100), ("c", 100)]
            .map(|(region, to)| (region, Verdict::Healthy, 0, 100, to));
        let drains = || Case::decided("a", (1, 2), &places);
        let seen =
            |region: &str, shut| Fact::GateSeen { gate: region.parse().expect("valid"), shut };
        case.fine(seen("b", true));
        case.fine(drains());
        case.fine(seen("c", true));
        case.broken(drains());
        case.fine(seen("b", false));
        case.fine(drains());
    }
    #[test]
    fn a_pair_is_left_with_one_in_service_that_is_not_shut() {
        let mut case = Case::of(GatesLeaveSomebody::new(&paired()));
        let drains = || {
            let places = [("a", 0), ("b", 100)];
            let places = places.map(|(region, to)| (region, Verdict::Healthy, 0, 100, to));
            Case::decided("a", (1, 2), &places)
        };
        case.fine(drains());
        case.fine(Fact::GateSeen { gate: "b".parse().expect("valid"), shut: true });
        case.broken(drains());
        case.given(&Case::wants("a", (1, 3), &[("a", 0), ("b", 100)]));
        case.fine(Fact::Committed { name: name(1, 3) });
        case.given(&Case::wants("a", (1, 4), &[("a", 0), ("b", 0)]));
        case.broken(Fact::Committed { name: name(1, 4) });
    }
}
