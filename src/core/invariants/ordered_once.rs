//! No order is carried out twice.
//!
//! Source: `domain::order`. The board's replicas lag and are restored from old copies, so an order
//! that was handled and removed can be read again at any later time. Judged by what was committed,
//! and not by what the state keeps of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::explain::Cause;
use crate::domain::{Moment, OrderId, StateName};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct OrderedOnce {
    proposed: BTreeMap<StateName, OrderId>,
    carried_out: BTreeSet<OrderId>,
}

impl Judge for OrderedOnce {
    fn name(&self) -> &'static str {
        "no order is carried out twice"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        match fact {
            Fact::Proposed { state, .. } => {
                if let Cause::Ordered { order, refused: None } = &state.cause {
                    self.proposed.insert(state.name, order.id.clone());
                }
                Ok(())
            }
            Fact::Committed { name } => match self.proposed.remove(name) {
                Some(order) if !self.carried_out.insert(order.clone()) => {
                    Err(format!("{name} carries out {order} once more"))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, name};
    use super::*;

    #[test]
    fn an_order_that_two_committed_states_carry_out_is_caught() {
        let mut case = Case::of(OrderedOnce::default());
        for (state, order) in [((1, 2), 7), ((1, 3), 8), ((2, 2), 9)] {
            case.fine(Case::ordered(state, order, None));
            case.fine(Fact::Committed { name: name(state.0, state.1) });
        }
        case.fine(Case::ordered((2, 3), 8, Some("too old")));
        case.fine(Fact::Committed { name: name(2, 3) });
        case.fine(Case::ordered((2, 4), 8, None));
        case.broken(Fact::Committed { name: name(2, 4) });
    }

    #[test]
    fn one_that_was_never_committed_may_be_tried_again() {
        let mut case = Case::of(OrderedOnce::default());
        case.fine(Case::ordered((1, 2), 7, None));
        case.fine(Case::ordered((2, 2), 7, None));
        case.fine(Fact::Committed { name: name(2, 2) });
    }
}
