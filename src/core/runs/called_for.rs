//! Which run the fleet starts by itself: a database's failover, when the Region of its writer is
//! lost.
//!
//! What can't be undone is slow: everything in the Region must have failed, by the agreement of a
//! majority, for a good while, and RDS must still show the writer there. Whether the promotion then
//! goes ahead or asks is the runbook's own matter, and the rules of consent.

use std::collections::BTreeMap;

use crate::core::databases::Databases;
use crate::core::explain::State;
use crate::core::steer;
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::{DatabaseId, Fleet, Moment, RegionId};
use crate::runbook::{Library, Run, RunId, RunStatus};

use super::{Driver, Kept, orders};

/// The runbook that is started.
const BOOK: &str = "fail-database-over";

/// How long everything in the writer's Region must have failed. Long against a dwell: most failures
/// end sooner, and clients that only read are helped by the records long before.
const LOST_FOR_MS: u64 = 30_000;

/// The run that is called for now, if one is.
pub(in crate::core) fn called_for(
    now: Moment,
    fleet: &Fleet,
    state: &State,
    databases: &Databases,
    driver: &Driver,
    failing_ms: impl Fn(&RegionId) -> u64,
) -> Option<(String, Kept)> {
    let level = steer::autonomy(fleet, &state.steering, ActionKind::Failover);
    if level < Autonomy::Approve {
        return None;
    }
    for database in fleet.databases.keys() {
        let Some(cluster) = databases.now(now, fleet, database) else { continue };
        let Some(writer) = cluster.writer().filter(|_| cluster.moving.is_none()) else { continue };
        let failing_ms = failing_ms(writer);
        if failing_ms < LOST_FOR_MS || is_answered(state, driver, database, writer) {
            continue;
        }
        let Some(to) = databases.target(now, fleet, database, writer) else { continue };
        let arguments: BTreeMap<String, String> = [
            ("database".to_owned(), database.to_string()),
            ("from".to_owned(), writer.to_string()),
            ("to".to_owned(), to.to_string()),
        ]
        .into();
        let Ok(procedure) = Library::shipped().bind(BOOK, &arguments) else { continue };
        let name = format!("{BOOK}-{}", state.name);
        let reason = format!(
            "everything in {writer}, where {database} is written, has failed for {} s",
            failing_ms / 1000
        );
        let runs =
            orders::start(fleet, &state.runs, &name, procedure.clone(), None, reason.clone(), "");
        let Ok(_) = runs else { continue };
        let run = Run::new(RunId(name.clone()), procedure).ok()?;
        return Some((name, Kept { by: None, reason, at: String::new(), run }));
    }
    None
}

/// Whether this trouble had its run. A person who rejected or aborted it must not be asked again and
/// again while it lasts, nor must the fleet go ahead alone; a person can start it at any time. A run
/// that did all its steps answers nothing: the writer is there once more, so it was moved back since.
fn is_answered(state: &State, driver: &Driver, database: &DatabaseId, writer: &RegionId) -> bool {
    state.runs.iter().any(|(name, kept)| {
        let arguments = &kept.run.procedure().arguments;
        kept.run.procedure().book == BOOK
            && arguments.get("database").map(String::as_str) == Some(database.as_str())
            && arguments.get("from").map(String::as_str) == Some(writer.as_str())
            && !matches!(kept.run.status(), RunStatus::Done { skipped } if skipped.is_empty())
            && !driver.has_passed(name)
    })
}
