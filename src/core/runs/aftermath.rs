//! After a promotion: what people forget to look at, and what it takes to reconcile a loss.
//!
//! What was lost can be told only from what was known when the promotion was sent, so it is kept with
//! the attempt that sent it. A successor that did not send it says less.

use crate::domain::{DatabaseId, Moment};
use crate::runbook::Action;

use super::World;
use super::doing::Look;

/// Where to look for what a promotion that is about to be sent will lose; none for a move without
/// loss.
pub(super) fn to_reconcile(world: &World<'_>, action: &Action) -> Option<String> {
    let Action::Promote { database, to, .. } = action else { return None };
    let known = world.databases.now(world.now, world.fleet, database);
    let Some(from) = known.and_then(|cluster| cluster.writer()) else {
        return Some("Nobody knows who wrote before: look for the newest snapshot".to_owned());
    };
    let failing_ms = world.failing_ms(database);
    let end_ms = world.wall_unix_ms.saturating_sub_unsigned(failing_ms);
    let until = if failing_ms == 0 { "it was fenced".to_owned() } else { at(end_ms) };
    let window = match world.databases.loss(world.now, database, to, failing_ms) {
        Some(loss) => format!(
            "What {from} took from {} until {until} may be missing",
            at(end_ms.saturating_sub_unsigned(loss.high_ms))
        ),
        None => format!("What {from} took until {until} may be missing; nobody measured how much"),
    };
    // Aurora User Guide, "Performing managed failovers for Aurora global databases": the old volume
    // is kept as a snapshot of this name once the old primary can be reached.
    let cluster = world.fleet.databases.get(database)?.members.get(from)?.cluster.name();
    Some(format!(
        "{window}. Once {from} is back its old volume is there as the snapshot \
         rds:unplanned-global-failover-{cluster}-…, and `regent status` names it"
    ))
}

/// A moment by the wall clock, for people.
fn at(unix_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(unix_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.0}")
}

/// What is still to be done. It never fails: what is found stays in `status` until it is mended.
pub(super) fn review(world: &World<'_>, database: &DatabaseId, began: Moment) -> Look {
    let Some(mut found) = world.databases.findings(world.fleet, database, began) else {
        return Look::Wait(format!("{database} is being read"));
    };
    let known = world.databases.now(world.now, world.fleet, database);
    if let Some(writer) = known.and_then(|cluster| cluster.writer()) {
        for (service, spec) in &world.fleet.services {
            let writes = spec.writes_to.as_ref().is_some_and(|to| to.database == *database);
            if !writes || !spec.regions.contains_key(writer) {
                continue;
            }
            if let Some(ailment) = world.ails(service, writer) {
                found.push(format!("{ailment}, and it writes to it"));
            }
        }
    }
    if found.is_empty() {
        return Look::Done(Some("all is as the files want it: nothing is left to do".to_owned()));
    }
    Look::Done(Some(format!("still to be done: {}", found.join("; "))))
}
