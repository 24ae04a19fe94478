//! At most one leader acts at a time, and at most one in an epoch.
//!
//! Source: PROTOCOL's lease (its holder stops before anyone who waited it out can have begun) and
//! take (an epoch is above every one read or tried, and a majority takes it from one only). Who
//! acted in an epoch is judged by what was done under it too: by states and by batches.

use std::collections::BTreeMap;

use crate::domain::{AgentId, BootId, Epoch, Moment};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct OneActingLeader {
    acting: BTreeMap<AgentId, (Epoch, Moment)>,
    of_epoch: BTreeMap<Epoch, AgentId>,
    runs: BTreeMap<Epoch, BootId>,
}

impl Judge for OneActingLeader {
    fn name(&self) -> &'static str {
        "one acting leader"
    }

    fn judge(&mut self, at: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        match fact {
            Fact::Leads { agent, boot, epoch, until } => {
                self.acting.retain(|_, (_, until)| *until > at);
                self.acting.insert(agent.clone(), (*epoch, *until));
                if self.acting.len() > 1 && known.clocks_keep {
                    let names: Vec<String> = self
                        .acting
                        .iter()
                        .map(|(agent, (epoch, until))| format!("{agent} ({epoch}, to {until})"))
                        .collect();
                    return Err(format!("{} act at once", names.join(" and ")));
                }
                let run = self.runs.entry(*epoch).or_insert(*boot);
                if run != boot {
                    return Err(format!("{agent} acts in epoch {epoch} in a second run"));
                }
                self.acts(agent, *epoch)
            }
            Fact::Rests { agent } => {
                self.acting.remove(agent);
                Ok(())
            }
            Fact::Proposed { state, .. } if state.name.epoch > Epoch::ZERO => {
                self.acts(&state.by, state.name.epoch)
            }
            Fact::ZoneApplied { by: Some(agent), fence: Some(fence), .. } => {
                self.acts(agent, fence.epoch)
            }
            _ => Ok(()),
        }
    }
}

impl OneActingLeader {
    fn acts(&mut self, agent: &AgentId, epoch: Epoch) -> Result<(), String> {
        let first = self.of_epoch.entry(epoch).or_insert_with(|| agent.clone());
        if first == agent {
            Ok(())
        } else {
            Err(format!("{first} and {agent} both act in epoch {epoch}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    fn case() -> Case<OneActingLeader> {
        Case::of(OneActingLeader::default())
    }

    #[test]
    fn one_after_another_is_fine() {
        let mut case = case();
        case.at(0).fine(Case::leads("a", 1, 1, 4500));
        case.at(1000).fine(Case::leads("a", 1, 1, 5500));
        case.at(5500).fine(Case::leads("b", 2, 2, 10_000));
        case.at(6000).fine(Case::rests("b"));
        case.at(6000).fine(Case::leads("a", 3, 1, 11_000));
    }

    #[test]
    fn a_second_one_before_the_first_one_s_lease_is_over_is_caught() {
        let mut case = case();
        case.at(0).fine(Case::leads("a", 1, 1, 4500));
        case.at(4499).broken(Case::leads("b", 2, 2, 9000));
    }

    #[test]
    fn two_in_one_epoch_are_caught_by_what_they_do_also_long_after() {
        let mut case = case();
        case.at(0).fine(Case::leads("a", 1, 1, 4500));
        case.at(9000).fine(Case::applied("a", (1, 1), &[], &[]));
        case.at(9000).broken(Case::applied("b", (1, 2), &[], &[]));
        case.at(9000).broken(Case::adopted("b", (1, 1), (0, 0), &[]));
        case.at(9000).broken(Case::leads("a", 1, 7, 9900));
        case.at(9000).fine(Case::applied("a", (1, 3), &[], &[]));
    }
}
