//! Who can't read the seats any more keeps a gate shut for the holding time, and then opens it.
//!
//! Source: PROTOCOL rule 17 and `docs/gates.md`: others take such an agent's gates to be in either
//! position for that time and no longer. Judged from the moment at which a majority of seats had
//! come to show another state: nobody can have seen a majority hold the older one after that.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{Fleet, Moment, StateName};

use super::{Fact, Judge, Known};

/// How much slower than the others a clock may run, in hundredths: more than any that keeps within
/// the lease's margin.
const SLOWER_PERCENT: u32 = 6;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct GateOpensInTime {
    /// None without gates.
    limit: Option<Duration>,
    /// When each state was committed.
    committed: BTreeMap<StateName, Moment>,
}

impl GateOpensInTime {
    pub(super) fn new(fleet: &Fleet) -> Self {
        // The answer that showed the older state may come a call's time after its reading.
        let call = Duration::from_millis(u64::from(fleet.timing.table_call_ms));
        let limit = fleet.gates.as_ref().map(|gates| {
            let hold = Duration::from_millis(u64::from(gates.hold_ms)) + call;
            hold + hold * SLOWER_PERCENT / 100
        });
        Self { limit, committed: BTreeMap::new() }
    }
}

impl Judge for GateOpensInTime {
    fn name(&self) -> &'static str {
        "a gate that can't be confirmed opens in time"
    }

    fn judge(&mut self, at: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        let Some(limit) = self.limit else { return Ok(()) };
        match fact {
            Fact::Committed { name } => {
                self.committed.entry(*name).or_insert(at);
                Ok(())
            }
            Fact::GateShown { agent, gate, state } if known.clocks_keep => {
                let newer = self.committed.iter().filter(|(name, _)| *name > state);
                match newer.min_by_key(|(_, since)| **since) {
                    Some((newer, since)) if at > *since + limit => Err(format!(
                        "{agent} still shuts {gate} by {state}, though {newer} was committed at \
                         {since}"
                    )),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, gated, name};
    use super::*;

    #[test]
    fn an_old_position_is_borne_for_the_holding_time() {
        // Held for a minute, with calls of a second.
        let mut case = Case::of(GateOpensInTime::new(&gated(60_000)));
        let commit = |case: &mut Case<GateOpensInTime>, state: (u64, u64)| {
            case.fine(Fact::Committed { name: name(state.0, state.1) });
        };
        commit(case.at(1000), (1, 2));
        case.at(500_000).fine(Case::shuts("b", "c", (1, 2)));
        commit(case.at(500_000), (1, 3));
        case.at(560_000).fine(Case::shuts("b", "c", (1, 2)));
        case.at(566_000).broken(Case::shuts("b", "c", (1, 2)));
        case.at(566_000).fine(Case::shuts("b", "c", (1, 3)));
    }
}
