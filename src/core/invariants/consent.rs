//! Nothing is done for which the fleet was to ask, unless somebody has said yes.
//!
//! Source: DESIGN's autonomy: each kind of action has a level, by the files or by a person's order;
//! below `auto` the fleet acts only upon an approval that was committed before, and below `approve`
//! not at all. What a person orders needs no second yes. Judged by what the states before said.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::explain::{Cause, Change, Reason, RunEvent, State};
use crate::core::runs::Kept;
use crate::domain::autonomy::{ActionKind, Autonomy, Consent};
use crate::domain::steering::Answer;
use crate::domain::{Fleet, Moment, RegionId, ServiceId, StateName};
use crate::runbook::{Action, Event};

use super::{Fact, Judge, Known};

/// What a state says of consent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Said {
    levels: BTreeMap<ActionKind, Autonomy>,
    /// Changes that somebody approved: in service, or out of it.
    approved: BTreeSet<(ServiceId, RegionId, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ConsentIsAsked {
    files: BTreeMap<ActionKind, Autonomy>,
    /// By state, where anything is said.
    said: BTreeMap<StateName, Said>,
}

impl ConsentIsAsked {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let consent: &Consent = &fleet.consent;
        let files = ActionKind::ALL.map(|action| (action, consent.of(action)));
        Self { files: files.into(), said: BTreeMap::new() }
    }

    fn level(&self, said: Option<&Said>, action: ActionKind) -> Autonomy {
        let ordered = said.and_then(|said| said.levels.get(&action)).copied();
        ordered.or_else(|| self.files.get(&action).copied()).unwrap_or(Autonomy::Auto)
    }

    fn note(&mut self, state: &State) {
        let approved = state
            .steering
            .asks
            .values()
            .filter(|ask| matches!(ask.answer, Answer::Approved { .. }));
        let said = Said {
            levels: state.steering.autonomy.clone(),
            approved: approved
                .map(|ask| (ask.service.clone(), ask.region.clone(), ask.to.serves()))
                .collect(),
        };
        if said != Said::default() {
            self.said.insert(state.name, said);
        }
    }

    fn change(&self, said: Option<&Said>, change: &Change) -> Result<(), String> {
        let action = match change.reason {
            Reason::Down | Reason::CutOff => ActionKind::Drain,
            Reason::Recovered => ActionKind::Return,
            // The last follows a writer that moved with somebody's consent, or by AWS's doing.
            Reason::Ordered | Reason::Configured | Reason::WriterElsewhere => return Ok(()),
        };
        let level = self.level(said, action);
        let key = (change.service.clone(), change.region.clone(), change.to.serves());
        let approved = said.is_some_and(|said| said.approved.contains(&key));
        if level == Autonomy::Auto || (level == Autonomy::Approve && approved) {
            return Ok(());
        }
        Err(format!("{change}, though {} is at {level} and nobody has approved", action.label()))
    }

    /// Of a run that the fleet started by itself: it says yes in nobody's name, and promotes nothing
    /// without a yes.
    fn event(&self, said: Option<&Said>, kept: &Kept, event: &Event) -> Result<(), String> {
        if kept.by.is_some() || self.level(said, ActionKind::Failover) == Autonomy::Auto {
            return Ok(());
        }
        let run = kept.run.id();
        match event {
            Event::Approved { step, .. } => {
                Err(format!("step {step} of {run} was approved by nobody"))
            }
            Event::Began { step, .. } => {
                let action = kept.run.procedure().steps.get(*step).map(|step| &step.action);
                let yes = kept.run.log().iter().any(|e| matches!(e.event, Event::Approved { .. }));
                if matches!(action, Some(Action::Promote { .. })) && !yes {
                    return Err(format!("{run} promotes, and nobody has said yes"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Judge for ConsentIsAsked {
    fn name(&self) -> &'static str {
        "what needs consent has it"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        let Fact::Proposed { state, .. } = fact else { return Ok(()) };
        let StateName { epoch, seq } = state.name;
        let before = StateName { epoch, seq: seq.saturating_sub(1) };
        let said = self.said.get(&before).cloned();
        self.note(state);
        let judged = match &state.cause {
            Cause::Decided { changes, .. } => {
                changes.iter().try_for_each(|change| self.change(said.as_ref(), change))
            }
            Cause::Ran { events } => events.iter().try_for_each(|RunEvent { run, event }| {
                let (Some(kept), Some(event)) = (state.runs.get(run), event) else { return Ok(()) };
                self.event(said.as_ref(), kept, event)
            }),
            Cause::Genesis
            | Cause::Adopted { .. }
            | Cause::Ordered { .. }
            | Cause::Asked { .. } => Ok(()),
        };
        judged.map_err(|why| format!("{}: {why}", state.name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet};
    use super::*;

    fn drains(state: (u64, u64)) -> Fact {
        Case::decided("a", state, &[("c", crate::core::health::Verdict::Down, 9000, 100, 0)])
    }

    fn case(level: Autonomy) -> Case<ConsentIsAsked> {
        let mut fleet = fleet();
        fleet.consent.autonomy.insert(ActionKind::Drain, level);
        Case::of(ConsentIsAsked::new(&fleet))
    }

    #[test]
    fn an_automatic_drain_needs_nobody_and_any_other_a_yes() {
        case(Autonomy::Auto).fine(drains((1, 2)));
        case(Autonomy::Approve).broken(drains((1, 2)));
        let mut case = case(Autonomy::Approve);
        case.fine(Case::approved((1, 1), "c"));
        case.fine(drains((1, 2)));
        case.broken(drains((1, 3)));
    }

    #[test]
    fn below_approve_a_yes_is_not_enough() {
        let mut case = case(Autonomy::Observe);
        case.fine(Case::approved((1, 1), "c"));
        case.broken(drains((1, 2)));
    }
}
