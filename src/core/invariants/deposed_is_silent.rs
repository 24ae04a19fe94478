//! A deposed leader changes nothing after its successor's first committed act.
//!
//! Source: PROTOCOL rules 10 and 16 and principle 4. When a state of a later epoch is committed, the
//! lease of whoever led before is over: it sends nothing that only a leader may. What it sent
//! before may still land, but changes no weight, and swaps no failover pair, of a zone that the
//! successor has claimed.

use std::collections::BTreeMap;

use crate::domain::{Epoch, Moment, ZoneId};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct DeposedIsSilent {
    claimed: BTreeMap<ZoneId, Epoch>,
}

impl Judge for DeposedIsSilent {
    fn name(&self) -> &'static str {
        "the deposed is silent"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        match fact {
            Fact::Sent { agent, epoch, act, .. } => match known.committed() {
                Some(name) if name.epoch > *epoch && known.clocks_keep => Err(format!(
                    "{agent} sent {act} under epoch {epoch}, though {name} is committed"
                )),
                _ => Ok(()),
            },
            Fact::ZoneApplied { zone, by: Some(agent), fence: Some(fence), before, after } => {
                let claimed = self.claimed.entry(zone.clone()).or_insert(fence.epoch);
                if fence.epoch >= *claimed {
                    *claimed = fence.epoch;
                    return Ok(());
                }
                let changed = after.iter().any(|(key, parts)| before.get(key) != Some(parts));
                if changed {
                    let epoch = fence.epoch;
                    Err(format!(
                        "{agent} changed weights in {zone} under epoch {epoch}, though epoch \
                         {claimed} had claimed it"
                    ))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    fn case() -> Case<DeposedIsSilent> {
        Case::of(DeposedIsSilent::default())
    }

    fn commit(case: &mut Case<DeposedIsSilent>, state: (u64, u64)) {
        case.fine(Case::shows("a", state));
        case.fine(Case::shows("b", state));
    }

    #[test]
    fn what_a_deposed_leader_sends_after_its_successor_s_commit_is_caught() {
        let mut case = case();
        commit(&mut case, (1, 1));
        case.fine(Case::sends("a", 1, 9000));
        // Taken, but nothing committed yet: the state is still the predecessor's.
        case.fine(Case::held("c", 2, "c"));
        case.fine(Case::sends("a", 1, 9000));
        commit(&mut case, (2, 1));
        case.broken(Case::sends("a", 1, 9000));
        case.fine(Case::sends("c", 2, 9000));
    }

    #[test]
    fn a_late_batch_is_borne_before_the_claim_and_caught_after_it() {
        let mut case = case();
        let (both, one) = ([("a", 1), ("b", 1)], [("a", 0), ("b", 1)]);
        commit(&mut case, (2, 1));
        case.fine(Case::applied("a", (1, 1), &both, &one));
        case.fine(Case::applied("c", (2, 2), &one, &one));
        case.broken(Case::applied("a", (1, 3), &one, &both));
    }
    #[test]
    fn a_late_swap_of_a_pair_is_caught_as_a_late_weight_is() {
        use super::super::Part::{Primary, Secondary};
        let (first, second) =
            ([("a", Primary), ("b", Secondary)], [("a", Secondary), ("b", Primary)]);
        let mut case = case();
        commit(&mut case, (2, 1));
        case.fine(Case::swapped("a", (1, 1), &first, &second));
        case.fine(Case::swapped("c", (2, 2), &second, &second));
        case.broken(Case::swapped("a", (1, 3), &second, &first));
    }
}
