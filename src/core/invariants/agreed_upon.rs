//! No action without the agreement that the policy demands.
//!
//! Source: principle 2 and DESIGN's detection. A Region is taken out for its health only when a
//! majority of all Regions finds it failing, for the dwell; it returns only when a majority finds
//! it well, for its time. The files alone may set what the files say. The decision must say so, and
//! the reports that lay on the board must bear it out: each Region has one voice, and that of the
//! leader's own is its decision, since a leader's opinion need not be published yet.

use std::collections::BTreeSet;

use crate::core::explain::{Cause, Change, Reason, State};
use crate::core::health::Verdict;
use crate::core::planner::{Inputs, Writes};
use crate::domain::fleet::Rules;
use crate::domain::{CellState, Fleet, Moment, RegionId, Target};

use super::{Fact, Judge, Known, Saying};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AgreedUpon {
    majority: usize,
    dwell_ms: u64,
    return_after_ms: u64,
}

impl AgreedUpon {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let Rules { dwell_ms, return_after_ms, .. } = fleet.rules;
        Self {
            majority: fleet.regions.len() / 2 + 1,
            dwell_ms: dwell_ms.into(),
            return_after_ms: return_after_ms.into(),
        }
    }

    fn change(
        &self,
        state: &State,
        inputs: &Inputs,
        change: &Change,
        said: Option<&BTreeSet<Saying>>,
    ) -> Result<(), String> {
        let Change { service, region, to, reason, .. } = change;
        let what = format!("{}: {change}", state.name);
        let placed = inputs.services.get(service).and_then(|regions| regions.get(region));
        let Some(placed) = placed else { return Err(format!("{what}: nothing is known of it")) };
        let (verdict, for_ms, cell) = match reason {
            Reason::Configured if *to == placed.share => return Ok(()),
            Reason::Configured => return Err(format!("{what}: the files say {}", placed.share)),
            Reason::Down | Reason::CutOff if to.serves() => {
                return Err(format!("{what}: out of service is weight 0"));
            }
            Reason::Down => (Verdict::Down, self.dwell_ms, CellState::Down),
            Reason::CutOff => (Verdict::CutOff, self.dwell_ms, CellState::Down),
            Reason::Ordered if placed.held_out.is_none() || *to != placed.allowed() => {
                return Err(format!("{what}: nobody has ordered that"));
            }
            Reason::Ordered => return Ok(()),
            Reason::WriterElsewhere if to.serves() => {
                return Err(format!("{what}: out of service is weight 0"));
            }
            Reason::WriterElsewhere if placed.writes == Some(Writes::Elsewhere) => return Ok(()),
            Reason::WriterElsewhere => return Err(format!("{what}: nobody knew that")),
            Reason::Recovered => (Verdict::Healthy, self.return_after_ms, CellState::Up),
        };
        if placed.verdict != verdict || placed.for_ms < for_ms {
            let (found, ms) = (placed.verdict.label(), placed.for_ms);
            return Err(format!("{what}: it was found {found} for {ms} ms"));
        }
        let Some(said) = said else { return Ok(()) };
        let target = Target { region: region.clone(), service: service.clone() };
        let home = said.iter().find(|saying| saying.agent == state.by).map(|saying| &saying.region);
        let agreeing: BTreeSet<&RegionId> = said
            .iter()
            .filter(|saying| saying.agent != state.by && saying.target == target)
            .filter(|saying| saying.state == cell && Some(&saying.region) != home)
            .map(|saying| &saying.region)
            .collect();
        if agreeing.len() + 1 < self.majority {
            let (count, majority, cell) = (agreeing.len(), self.majority, cell.label());
            return Err(format!(
                "{what}: besides the leader {count} Regions said \"{cell}\", and {majority} in all \
                 must agree"
            ));
        }
        Ok(())
    }
}

impl Judge for AgreedUpon {
    fn name(&self) -> &'static str {
        "every action is agreed upon"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        let Fact::Proposed { state, said } = fact else { return Ok(()) };
        match &state.cause {
            Cause::Genesis
            | Cause::Adopted { .. }
            | Cause::Ordered { .. }
            | Cause::Asked { .. }
            | Cause::Ran { .. } => Ok(()),
            Cause::Decided { inputs, changes } => changes
                .iter()
                .try_for_each(|change| self.change(state, inputs, change, said.as_ref())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet};
    use super::*;
    use CellState::{Down, Recovering, Up};

    fn case() -> Case<AgreedUpon> {
        Case::of(AgreedUpon::new(&fleet()))
    }

    /// `a` leads, and takes `c` out or back.
    fn decides(verdict: Verdict, for_ms: u64, from: u8, to: u8) -> Fact {
        Case::decided("a", (1, 2), &[("c", verdict, for_ms, from, to)])
    }

    #[test]
    fn a_region_that_a_majority_finds_down_may_be_taken_out() {
        let drain = decides(Verdict::Down, 2000, 100, 0);
        case().fine(Case::upon(drain.clone(), &[("b", "c", Down)]));
        case().broken(Case::upon(drain.clone(), &[("b", "c", Up), ("b", "a", Down)]));
        case().broken(Case::upon(drain, &[("a", "c", Down)]));
    }

    #[test]
    fn several_agents_of_the_leader_s_region_are_one_voice() {
        let drain = decides(Verdict::Down, 2000, 100, 0);
        let mut fact = Case::upon(drain, &[("a", "c", Down), ("a2", "c", Down)]);
        let Fact::Proposed { said: Some(said), .. } = &mut fact else { panic!("said") };
        *said = std::mem::take(said)
            .into_iter()
            .map(|saying| Saying { region: "a".parse().expect("valid"), ..saying })
            .collect();
        case().broken(fact);
    }

    #[test]
    fn a_verdict_that_says_less_or_is_too_young_is_caught() {
        let upon = |fact| Case::upon(fact, &[("b", "c", Down), ("b", "c", Up)]);
        case().broken(upon(decides(Verdict::Down, 1999, 100, 0)));
        case().broken(upon(decides(Verdict::Unknown, 9000, 100, 0)));
        case().broken(upon(decides(Verdict::Down, 2000, 100, 50)));
        case().broken(upon(decides(Verdict::Healthy, 59_999, 0, 100)));
        case().fine(upon(decides(Verdict::Healthy, 60_000, 0, 100)));
    }

    #[test]
    fn a_return_needs_a_majority_too() {
        let back = decides(Verdict::Healthy, 60_000, 0, 100);
        case().broken(Case::upon(back.clone(), &[("b", "c", Recovering)]));
        case().fine(Case::upon(back, &[("b", "c", Recovering), ("b", "c", Up)]));
    }

    #[test]
    fn where_reports_are_not_told_the_decision_s_own_word_is_judged() {
        case().fine(decides(Verdict::Down, 2000, 100, 0));
        case().broken(decides(Verdict::Down, 1999, 100, 0));
    }
}
