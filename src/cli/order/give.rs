//! Giving an order: onto the board, and then watching the committed state for what became of it.

use std::time::Duration;

use anyhow::anyhow;

use super::super::{Failure, status};
use crate::agent::Outside;
use crate::core::explain::State;
use crate::domain::order::Verb;
use crate::domain::steering::HandledOrder;
use crate::domain::{Fleet, Order, StateName};
use crate::telemetry::clock::Stopwatch;

/// Limit of one call to the board.
const CALL_LIMIT: Duration = Duration::from_millis(1_500);

/// Time between two looks at the committed state.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// An order that was handled.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) handled: HandledOrder,
    /// The committed state when it was last looked at.
    pub(super) state: State,
}

/// Gives the order that `order` makes of the newest committed state's name.
pub(super) async fn give(
    fleet: &Fleet,
    outside: &Outside,
    order: impl FnOnce(StateName) -> Order,
    wait: Duration,
    followed: Duration,
) -> Result<Given, Failure> {
    let Some(state) = status::committed(fleet, outside).await else {
        return Err(Failure::Failed(anyhow!(
            "no majority of the seats can be read, so nobody could lead and carry the order out. \
             `regent status` says which seats can't be read, and why"
        )));
    };
    let order = order(state.name);
    submit(fleet, outside, &order).await?;
    let watch = Stopwatch::start();
    while watch.elapsed() < wait {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(given) = look(fleet, outside, &order).await {
            return Ok(follow(fleet, outside, given, followed).await);
        }
    }
    take_back(fleet, outside, &order).await;
    // It may have been handled in the meantime.
    match look(fleet, outside, &order).await {
        Some(given) => Ok(given),
        None => Err(Failure::Failed(anyhow!(
            "no leader handled the order within {} s, and it was taken back. `regent status` says \
             who leads, if anybody",
            wait.as_secs()
        ))),
    }
}

/// Puts it on the first replica that takes it. One whose answer is unknown may have it too: an
/// order is carried out once, however many replicas show it.
async fn submit(fleet: &Fleet, outside: &Outside, order: &Order) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for replica in &fleet.regions {
        match outside.observations.submit_order(replica, order, CALL_LIMIT).await {
            Ok(()) => return Ok(()),
            Err(failure) => failures.push(format!("{replica}: {failure}")),
        }
    }
    let failures = failures.join("\n  ");
    Err(Failure::Failed(anyhow!("no replica of the board took the order:\n  {failures}")))
}

async fn look(fleet: &Fleet, outside: &Outside, order: &Order) -> Option<Given> {
    let state = status::committed(fleet, outside).await?;
    let handled = state.steering.handled.newest.get(&order.id)?.clone();
    Some(Given { handled, state })
}

/// Waits a little for the weights that a drain is to bring about.
async fn follow(fleet: &Fleet, outside: &Outside, mut given: Given, limit: Duration) -> Given {
    let Verb::Drain { region, service, .. } = given.handled.order.verb.clone() else {
        return given;
    };
    let watch = Stopwatch::start();
    while given.handled.refused.is_none() && watch.elapsed() < limit {
        let serves = super::weights(&given.state, service.as_ref(), &region)
            .any(|(_, weight)| weight.serves());
        if !serves {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(state) = status::committed(fleet, outside).await {
            given.state = state;
        }
    }
    given
}

async fn take_back(fleet: &Fleet, outside: &Outside, order: &Order) {
    for replica in &fleet.regions {
        // Where it can't be removed it may not be either; the leader refuses or carries it out.
        let _ = outside.observations.remove_order(replica, &order.id, CALL_LIMIT).await;
    }
}
