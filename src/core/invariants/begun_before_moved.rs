//! A writer is moved only to where a committed run has begun to move it, and only to a member that
//! may write.
//!
//! Source: PROTOCOL rule 18: the entry that a promotion begins with freezes cluster and target, and
//! a successor finds it. A request that went out before its entry was committed would be nobody's.
//! And whether a member may ever be the writer is the files' word, which only a person's force
//! overrules.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::explain::State;
use crate::domain::database::Eligibility;
use crate::domain::{DatabaseId, Fleet, Moment, RegionId, StateName};
use crate::runbook::action::DataLoss;
use crate::runbook::{Action, Event};

use super::{Fact, Judge, Known};

/// A global cluster's name, and the Region of its writer to be.
type Goal = (String, RegionId);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct BegunBeforeMoved {
    clusters: BTreeMap<DatabaseId, String>,
    never: BTreeSet<Goal>,
    /// What states say has begun, and whether by force, until they are committed.
    begun: BTreeMap<StateName, BTreeMap<Goal, bool>>,
    committed: BTreeMap<Goal, bool>,
}

impl BegunBeforeMoved {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let of = fleet.databases.iter();
        let clusters = of.map(|(id, spec)| (id.clone(), spec.global_cluster.to_string()));
        let never = fleet.databases.values().flat_map(|spec| {
            let never = spec.members.iter().filter(|(_, m)| m.eligibility == Eligibility::Never);
            never.map(|(region, _)| (spec.global_cluster.to_string(), region.clone()))
        });
        Self {
            clusters: clusters.collect(),
            never: never.collect(),
            begun: BTreeMap::new(),
            committed: BTreeMap::new(),
        }
    }

    fn begun(&self, state: &State) -> BTreeMap<Goal, bool> {
        let mut goals = BTreeMap::new();
        for kept in state.runs.values() {
            let steps = &kept.run.procedure().steps;
            for entry in kept.run.log() {
                let action = match &entry.event {
                    Event::Began { step, .. } => steps.get(*step).map(|step| &step.action),
                    Event::UndoBegan { step, .. } => {
                        steps.get(*step).and_then(|step| step.undo.as_ref()).map(|it| &it.action)
                    }
                    _ => None,
                };
                if let Some(
                    Action::SwitchOver { database, to } | Action::Promote { database, to, .. },
                ) = action
                    && let Some(cluster) = self.clusters.get(database)
                {
                    let force =
                        matches!(action, Some(Action::Promote { data_loss: DataLoss::Forced, .. }));
                    *goals.entry((cluster.clone(), to.clone())).or_default() |= force;
                }
            }
        }
        goals
    }
}

impl Judge for BegunBeforeMoved {
    fn name(&self) -> &'static str {
        "a writer's move has begun before it is sent"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        match fact {
            Fact::Proposed { state, .. } | Fact::StatePut { state, .. } => {
                if !state.runs.is_empty() {
                    let goals = self.begun(state);
                    self.begun.insert(state.name, goals);
                }
                Ok(())
            }
            Fact::Committed { name } => {
                if let Some(goals) = self.begun.remove(name) {
                    for (goal, force) in goals {
                        *self.committed.entry(goal).or_default() |= force;
                    }
                }
                Ok(())
            }
            Fact::PromotionSent { cluster, to } => {
                let goal = (cluster.clone(), to.clone());
                let begun = self.committed.get(&goal);
                if self.never.contains(&goal) && begun != Some(&true) {
                    return Err(format!("{to} is never to write {cluster}, and was asked to"));
                }
                if begun.is_none() {
                    return Err(format!(
                        "a move of {cluster} to {to} was sent, and no committed run had begun it"
                    ));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet, name};
    use super::*;

    #[test]
    fn a_move_that_no_committed_run_has_begun_is_caught() {
        let mut judge = BegunBeforeMoved::new(&fleet());
        let goal = ("d".to_owned(), "b".parse().expect("valid"));
        judge.begun.insert(name(1, 2), [(goal, false)].into());
        let mut case = Case::of(judge);
        let sent =
            || Fact::PromotionSent { cluster: "d".to_owned(), to: "b".parse().expect("valid") };
        case.broken(sent());
        case.fine(Fact::Committed { name: name(1, 2) });
        case.fine(sent());
    }

    #[test]
    fn one_that_is_never_to_write_is_not_asked_unless_by_force() {
        let goal: Goal = ("d".to_owned(), "b".parse().expect("valid"));
        let case = |force| {
            let mut judge = BegunBeforeMoved::new(&fleet());
            judge.committed.insert(goal.clone(), force);
            judge.never.insert(goal.clone());
            Case::of(judge)
        };
        let sent =
            || Fact::PromotionSent { cluster: "d".to_owned(), to: "b".parse().expect("valid") };
        case(false).broken(sent());
        case(true).fine(sent());
    }
}
