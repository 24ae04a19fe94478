//! What people have ordered and what is asked of them, as the control state keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::autonomy::{ActionKind, Autonomy};
use super::control::StateName;
use super::name::{RegionId, ServiceId};
use super::order::{AskId, Order, OrderId};
use super::weight::Weight;

/// Part of the control state. Empty where nobody has steered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Steering {
    /// Regions that are kept out of service, by service.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub held_out: BTreeMap<ServiceId, BTreeMap<RegionId, HeldOut>>,
    /// Set while nothing may be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Levels that differ from the files'.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub autonomy: BTreeMap<ActionKind, Autonomy>,
    /// What waits, or waited, for a person. At most one for each service and Region.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub asks: BTreeMap<AskId, Ask>,
    /// The newest orders that were handled.
    #[serde(skip_serializing_if = "Handled::is_empty")]
    pub handled: Handled,
}

impl Steering {
    /// Whether it is as it was at the beginning.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Who keeps this out of service, if somebody does.
    #[must_use]
    pub fn held_out(&self, service: &ServiceId, region: &RegionId) -> Option<&HeldOut> {
        self.held_out.get(service)?.get(region)
    }
}

/// A Region that is kept out of service, or at a part of its weight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOut {
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How much of its weight it keeps, in thousandths: 0 is out of service.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub permille: u16,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(permille: &u16) -> bool {
    *permille == 0
}

impl HeldOut {
    /// What is left of a weight. Whoever is to keep something keeps at least 1.
    #[must_use]
    pub fn limit(&self, weight: Weight) -> Weight {
        let left = u32::from(weight.0) * u32::from(self.permille.min(1000)) / 1000;
        let least = u32::from(self.permille > 0 && weight.serves());
        Weight(u8::try_from(left.max(least)).unwrap_or(u8::MAX))
    }
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when, in RFC 3339, for people.
    pub at: String,
}

/// A weight that is to change once a person has approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Of this service.
    pub service: ServiceId,
    /// In this Region.
    pub region: RegionId,
    /// To this weight.
    pub to: Weight,
    /// What for, in words.
    pub why: String,
    /// Since when, in RFC 3339, for people.
    pub at: String,
    /// What was said.
    pub answer: Answer,
}

/// What was said to something that asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// Nothing yet.
    Waiting,
    /// It may go ahead.
    Approved {
        /// Who said so.
        by: String,
    },
    /// It may not.
    Rejected {
        /// Who said so.
        by: String,
        /// Why.
        reason: String,
    },
    /// Nobody said anything for too long.
    Expired,
}

/// Orders kept as handled. An order is removed from the board as soon as its answer is committed,
/// so only one that lies on a lagging replica for longer than it takes to handle this many others
/// is ever refused for its age.
pub const HANDLED_MAX: usize = 64;

/// The newest orders that were handled, so that none is carried out twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Handled {
    /// By name, with the state that handled each.
    pub newest: BTreeMap<OrderId, HandledOrder>,
    /// An order that was given after this state or an older one, and isn't kept above, may have been
    /// handled before: it is refused. None as long as nothing was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<StateName>,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandledOrder {
    /// The order.
    #[serde(flatten)]
    pub order: Order,
    /// The state that handled it.
    pub state: StateName,
    /// Why it was not carried out; none if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Handled {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an order was handled before, or may have been.
    #[must_use]
    pub fn knows(&self, order: &Order) -> bool {
        self.newest.contains_key(&order.id)
    }

    /// Whether an order is so old that it may have been handled and forgotten.
    #[must_use]
    pub fn too_old(&self, order: &Order) -> bool {
        self.forgotten.is_some_and(|forgotten| order.after <= forgotten)
    }

    /// Keeps what became of an order.
    pub fn keep(&mut self, handled: HandledOrder) {
        self.newest.insert(handled.order.id.clone(), handled);
        while self.newest.len() > HANDLED_MAX {
            let oldest = self
                .newest
                .iter()
                .min_by_key(|(id, kept)| (kept.state, (*id).clone()))
                .map(|(id, _)| id.clone());
            let Some(forgotten) = oldest.and_then(|id| self.newest.remove(&id)) else { return };
            self.forgotten = self.forgotten.max(Some(forgotten.order.after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Epoch;
    use crate::domain::order::Verb;

    fn order(number: u64, after: u64) -> Order {
        Order {
            id: OrderId::drawn(number),
            by: "ada".to_owned(),
            at: String::new(),
            after: StateName { epoch: Epoch(1), seq: after },
            verb: Verb::Resume,
        }
    }

    #[test]
    fn no_order_is_carried_out_twice_however_many_come_between() {
        let mut handled = Handled::default();
        for number in 0..200 {
            let given = order(number, number);
            assert!(!handled.knows(&given) && !handled.too_old(&given), "{number}");
            let state = StateName { epoch: Epoch(1), seq: number + 1 };
            handled.keep(HandledOrder { order: given, state, refused: None });
            assert!(handled.newest.len() <= HANDLED_MAX);
            for before in 0..=number {
                let again = order(before, before);
                assert!(handled.knows(&again) || handled.too_old(&again), "{before} at {number}");
            }
        }
    }

    #[test]
    fn a_part_of_a_weight_is_never_nothing_and_never_more_than_the_whole() {
        let left = |permille, weight| {
            let (by, reason) = (String::new(), String::new());
            HeldOut { by, reason, permille }.limit(Weight(weight)).0
        };
        assert_eq!(
            [left(0, 100), left(250, 100), left(1000, 100), left(2000, 255)],
            [0, 25, 100, 255]
        );
        assert_eq!([left(1, 100), left(1, 0)], [1, 0]);
    }

    #[test]
    fn nothing_steered_takes_no_room() {
        assert_eq!(serde_json::to_string(&Steering::default()).expect("texts"), "{}");
        assert!(Steering::default().is_empty());
    }
}
