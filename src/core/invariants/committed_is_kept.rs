//! What was committed is never lost and never contradicted.
//!
//! Source: PROTOCOL rules 9 and 10. A state is committed once a majority of seats has pointed to
//! it; from then on, whatever is committed has a higher name, a name never has two contents, and a
//! new leader's first state takes over the newest one that was committed before it, or a newer one.

use std::collections::BTreeMap;

use crate::core::explain::Cause;
use crate::domain::digest::Digest;
use crate::domain::{Moment, StateName};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct CommittedIsKept {
    contents: BTreeMap<StateName, Digest>,
    adopts: BTreeMap<StateName, StateName>,
}

impl Judge for CommittedIsKept {
    fn name(&self) -> &'static str {
        "committed is kept"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        match fact {
            Fact::StatePut { state, digest } => {
                let name = state.name;
                if let Cause::Adopted { from } = state.cause {
                    self.adopts.insert(name, from);
                }
                let first = self.contents.entry(name).or_insert_with(|| *digest);
                if first == digest { Ok(()) } else { Err(format!("{name} has two contents")) }
            }
            Fact::Committed { name } => match known.committed() {
                Some(before) if *name < before => {
                    Err(format!("{name} was committed after {before}"))
                }
                before => self.follows(*name, before),
            },
            _ => Ok(()),
        }
    }
}

impl CommittedIsKept {
    /// A state that is committed must have been put beside a seat first, and a first one of an epoch
    /// must not leave out what was committed before.
    fn follows(&self, name: StateName, before: Option<StateName>) -> Result<(), String> {
        if name == StateName::GENESIS {
            return Ok(());
        }
        if !self.contents.contains_key(&name) {
            return Err(format!("{name} was committed without its document"));
        }
        match (self.adopts.get(&name), before) {
            (Some(from), Some(before)) if *from < before => {
                Err(format!("{name} took over {from}, though {before} had been committed"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    fn case() -> Case<CommittedIsKept> {
        Case::of(CommittedIsKept::default())
    }

    #[test]
    fn a_lower_name_after_a_higher_one_is_caught() {
        let mut case = case();
        case.fine(Case::put(&Case::decided("x", (2, 1), &[])));
        case.fine(Case::put(&Case::decided("x", (1, 4), &[])));
        case.fine(Case::shows("a", (2, 1)));
        case.fine(Case::shows("b", (2, 1)));
        case.fine(Case::shows("a", (1, 4)));
        case.broken(Case::shows("c", (1, 4)));
    }

    #[test]
    fn a_name_with_two_contents_and_one_without_any_are_caught() {
        let mut case = case();
        case.fine(Case::put(&Case::decided("x", (1, 1), &[])));
        case.fine(Case::put(&Case::decided("x", (1, 1), &[])));
        case.broken(Case::put(&Case::decided("y", (1, 1), &[])));
        case.fine(Case::shows("a", (5, 1)));
        case.broken(Case::shows("b", (5, 1)));
    }

    #[test]
    fn a_leader_that_takes_over_an_older_state_is_caught() {
        let mut case = case();
        case.fine(Case::put(&Case::decided("x", (1, 1), &[])));
        case.fine(Case::put(&Case::decided("x", (1, 2), &[])));
        for (seat, state) in [("a", (1, 2)), ("b", (1, 2)), ("c", (1, 1))] {
            case.fine(Case::shows(seat, state));
        }
        case.fine(Case::put(&Case::adopted("y", (2, 1), (1, 1), &[])));
        case.fine(Case::shows("b", (2, 1)));
        case.broken(Case::shows("c", (2, 1)));
    }
}
