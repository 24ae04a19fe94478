//! Every act has its explanation, and replaying the explanation's inputs gives the same act.
//!
//! Source: principle 7. A state's weights are those of the state that it builds on with exactly the
//! changes that its cause names, and [`Cause::replay`] on the inputs that were kept names the same.
//! That every weight in the records is some committed state's is judged by
//! `only_committed_is_applied`; so each act leads back to an explanation.
//!
//! The one judge that lets the planner run. It does not ask the planner whether the act was right:
//! it asks whether what was kept is what the act was made of, which only running it can tell. A
//! planner that is wrong is wrong here too, and silent; the other judges catch it.

use crate::core::explain::{Cause, Change, State};
use crate::core::planner::Inputs;
use crate::domain::control::Weights;
use crate::domain::{Moment, StateName};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Explained;

impl Judge for Explained {
    fn name(&self) -> &'static str {
        "every act is explained"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        let Fact::Proposed { state, .. } = fact else { return Ok(()) };
        let name = state.name;
        match &state.cause {
            Cause::Genesis if name == StateName::GENESIS && state.wanted.is_empty() => Ok(()),
            Cause::Genesis => Err(format!("{name} says that it is the first one")),
            Cause::Adopted { from } => adopted(state, *from, known),
            Cause::Decided { inputs, changes } => decided(state, inputs, changes, known),
            Cause::Ordered { .. } | Cause::Asked { .. } | Cause::Ran { .. } => {
                moves_nothing(state, known)
            }
        }
    }
}

/// The weights of the state that this one builds on; none if it was never seen.
fn base(name: StateName, known: &Known) -> Option<Weights> {
    match known.wanted(name) {
        Some(wanted) => Some(wanted.clone()),
        None if name == StateName::GENESIS => Some(Weights::new()),
        None => None,
    }
}

fn adopted(state: &State, from: StateName, known: &Known) -> Result<(), String> {
    let name = state.name;
    match base(from, known) {
        _ if from >= name => Err(format!("{name} took over {from}, which is not before it")),
        None => Err(format!("{name} took over {from}, which nobody put anywhere")),
        Some(wanted) if wanted == state.wanted => Ok(()),
        Some(_) => Err(format!("{name} took over {from}, but not its weights")),
    }
}

/// An order, or a question, moves no traffic by itself.
fn moves_nothing(state: &State, known: &Known) -> Result<(), String> {
    let name = state.name;
    let before = StateName { seq: name.seq.saturating_sub(1), ..name };
    match base(before, known).filter(|_| before < name) {
        None => Err(format!("{name} builds on {before}, which nobody put anywhere")),
        Some(wanted) if wanted == state.wanted => Ok(()),
        Some(_) => Err(format!("{name} decides nothing, and yet wants other weights")),
    }
}

fn decided(
    state: &State,
    inputs: &Inputs,
    changes: &[Change],
    known: &Known,
) -> Result<(), String> {
    let name = state.name;
    let before = StateName { seq: name.seq.saturating_sub(1), ..name };
    let Some(mut wanted) = base(before, known).filter(|_| before < name) else {
        return Err(format!("{name} builds on {before}, which nobody put anywhere"));
    };
    for (service, regions) in &inputs.services {
        for (region, placed) in regions {
            if wanted.get(service).and_then(|of| of.get(region)) != placed.wanted.as_ref() {
                return Err(format!(
                    "{name} was decided on another weight of {service} in {region} \
                                    than {before} wants"
                ));
            }
        }
    }
    for change in changes {
        wanted.entry(change.service.clone()).or_default().insert(change.region.clone(), change.to);
    }
    if wanted != state.wanted {
        return Err(format!("{name} wants other weights than {before} with its changes"));
    }
    match state.cause.replay() {
        Some(again) if again == *changes && !changes.is_empty() => Ok(()),
        again => Err(format!("{name} names {changes:?}, but a replay of its inputs {again:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::Case;
    use super::*;
    use crate::core::health::Verdict;
    use crate::domain::Weight;

    /// `c` is down; 1.1 wants 100 in each Region.
    fn drain() -> Fact {
        Case::decided(
            "x",
            (1, 2),
            &[
                ("a", Verdict::Healthy, 0, 100, 100),
                ("b", Verdict::Healthy, 0, 100, 100),
                ("c", Verdict::Down, 2000, 100, 0),
            ],
        )
    }

    fn case() -> Case<Explained> {
        let mut case = Case::of(Explained);
        let all = [("a", 100), ("b", 100), ("c", 100)];
        case.given(&Case::adopted("w", (0, 1), (0, 0), &all));
        case.fine(Case::adopted("x", (1, 1), (0, 1), &all));
        case
    }

    fn changed(mut fact: Fact, change: impl FnOnce(&mut State)) -> Fact {
        let Fact::Proposed { state, .. } = &mut fact else { panic!("it is one") };
        change(Arc::make_mut(state));
        fact
    }

    fn inputs(state: &mut State) -> &mut Inputs {
        match &mut state.cause {
            Cause::Decided { inputs, .. } => inputs,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_decision_that_its_inputs_give_again_is_explained() {
        case().fine(drain());
    }

    #[test]
    fn inputs_that_give_another_act_are_caught() {
        let (web, c) = ("web".parse().expect("valid"), "c".parse().expect("valid"));
        case().broken(changed(drain(), |state| inputs(state).rules.dwell_ms = 2001));
        case().broken(changed(drain(), |state| {
            let regions = inputs(state).services.get_mut(&web).expect("there");
            regions.get_mut(&c).expect("there").verdict = Verdict::Healthy;
        }));
    }

    #[test]
    fn weights_that_the_changes_do_not_make_are_caught() {
        let web = "web".parse().expect("valid");
        let a = "a".parse().expect("valid");
        case().broken(changed(drain(), |state| {
            state.wanted.get_mut(&web).expect("there").insert(a, Weight(7));
        }));
    }

    #[test]
    fn a_state_that_builds_on_nothing_known_is_caught() {
        case().broken(changed(drain(), |state| state.name.seq = 5));
        case().broken(Case::adopted("x", (2, 1), (1, 7), &[]));
        case().broken(Case::adopted("x", (2, 1), (1, 1), &[("a", 100)]));
        case().broken(changed(drain(), |state| state.cause = Cause::Genesis));
    }
}
