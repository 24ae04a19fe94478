//! Finding people's orders on the board, and removing those that are handled.
//!
//! Only a leader that acts looks for them. It asks every replica, since the one that an order was
//! given to may be cut off from the others. An order is removed where it was read once its answer is
//! committed, and again whenever a lagging replica shows it again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::order::{Order, OrderId};
use crate::domain::steering::Handled;
use crate::domain::{Fleet, Moment, RegionId};

use super::breakage::{Breakage, broken};
use super::call::{Outbox, Outcome, Purpose, Request, Response};

/// Orders that may wait for their turn; more are read again later. People give a handful.
pub(super) const WAITING_MAX: usize = 64;

/// Handled orders that are removed after one reading of a replica.
const REMOVED_MAX: usize = 2;

/// See the file's opening.
#[derive(Debug, Clone)]
pub(super) struct Orders {
    /// When each replica is read next; none while a reading is under way.
    read_at: BTreeMap<RegionId, Option<Moment>>,
    waiting: BTreeMap<OrderId, Order>,
}

impl Orders {
    pub(super) fn new(now: Moment, fleet: &Fleet) -> Self {
        let read_at = fleet.regions.iter().map(|replica| (replica.clone(), Some(now))).collect();
        Self { read_at, waiting: BTreeMap::new() }
    }

    /// Orders that wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Does what is due.
    pub(super) fn drive(&mut self, now: Moment, fleet: &Fleet, out: &mut Outbox) {
        for (replica, read_at) in &mut self.read_at {
            if read_at.is_some_and(|at| at <= now) {
                *read_at = None;
                let purpose = Purpose::Orders { replica: replica.clone() };
                let request = Request::ReadOrders { replica: replica.clone() };
                out.call(now, fleet.timing.table_call_ms, purpose, request);
            }
        }
    }

    /// Takes in what a replica holds; true when something new is to be handled.
    pub(super) fn read(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        replica: &RegionId,
        outcome: Outcome,
        handled: Option<&Handled>,
        out: &mut Outbox,
    ) -> bool {
        let next = now + Duration::from_millis(u64::from(fleet.timing.gather_ms));
        self.read_at.insert(replica.clone(), Some(next));
        let (Ok(Response::Orders(orders)), Some(handled)) = (outcome, handled) else {
            return false;
        };
        let mut news = false;
        let mut removed = 0;
        for order in orders {
            if handled.knows(&order) && !broken(Breakage::OrderRepeated) {
                if removed < REMOVED_MAX {
                    removed += 1;
                    let (replica, order) = (replica.clone(), order.id);
                    let request = Request::RemoveOrder { replica, order };
                    out.call(now, fleet.timing.table_call_ms, Purpose::OrderRemoved, request);
                }
            } else if self.waiting.len() < WAITING_MAX || self.waiting.contains_key(&order.id) {
                news |= self.waiting.insert(order.id.clone(), order).is_none();
            }
        }
        news
    }

    /// The next order to handle: the one that was given first, as far as can be told.
    pub(super) fn next(&mut self, handled: &Handled) -> Option<&Order> {
        self.waiting.retain(|_, order| !handled.knows(order) || broken(Breakage::OrderRepeated));
        self.waiting.values().min_by_key(|order| (order.after, &order.at, &order.id))
    }

    /// What was found under an earlier leadership is found again.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    /// When something is next due without an answer coming in.
    pub(super) fn next_wake(&self) -> Moment {
        self.read_at.values().flatten().min().copied().unwrap_or(Moment::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Command;
    use crate::core::testing::probed_fleet;
    use crate::domain::StateName;
    use crate::domain::order::Verb;
    use crate::domain::steering::HandledOrder;

    fn order(number: u64) -> Order {
        Order {
            id: OrderId::drawn(number),
            by: "ada".to_owned(),
            at: format!("2026-01-01T00:00:{:02}Z", 59 - number % 60),
            after: StateName::GENESIS,
            verb: Verb::Resume,
        }
    }

    fn replica() -> RegionId {
        "r1".parse().expect("valid")
    }

    #[test]
    fn an_order_is_handled_once_and_then_removed_wherever_it_shows_again() {
        let fleet = probed_fleet(1);
        let (mut orders, mut out) = (Orders::new(Moment::ZERO, &fleet), Outbox::default());
        let mut handled = Handled::default();
        let shows = |numbers: &[u64]| {
            Ok(Response::Orders(numbers.iter().map(|number| order(*number)).collect()))
        };
        let mut read = |orders: &mut Orders, numbers: &[u64], handled: &Handled| {
            let news = orders.read(
                Moment::ZERO,
                &fleet,
                &replica(),
                shows(numbers),
                Some(handled),
                &mut out,
            );
            let removed = out.take().into_iter().filter(|command| {
                matches!(command, Command::Call { request: Request::RemoveOrder { .. }, .. })
            });
            (news, removed.count())
        };
        assert_eq!(read(&mut orders, &[1, 2], &handled), (true, 0));
        assert_eq!(read(&mut orders, &[1, 2], &handled), (false, 0), "known to wait");
        let first = orders.next(&handled).expect("two wait").clone();
        assert_eq!(first.id, OrderId::drawn(2), "the older one by its writer's clock");
        let state = StateName::GENESIS;
        handled.keep(HandledOrder { order: first, state, refused: None });
        assert_eq!(orders.next(&handled).expect("one waits").id, OrderId::drawn(1));
        assert_eq!(read(&mut orders, &[2], &handled), (false, 1));
    }

    #[test]
    fn no_flood_of_orders_fills_the_memory() {
        let fleet = probed_fleet(1);
        let (mut orders, mut out) = (Orders::new(Moment::ZERO, &fleet), Outbox::default());
        let handled = Handled::default();
        let flood = Ok(Response::Orders((0..500).map(order).collect()));
        assert!(orders.read(Moment::ZERO, &fleet, &replica(), flood, Some(&handled), &mut out));
        assert_eq!(orders.waiting(), WAITING_MAX);
    }
}
