//! Making the gates' checks, and attaching them.
//!
//! Each step looks again for what it builds on, since a check's ID is known only once it is there.
//! A batch deletes every weighted record of a name as it was read and creates it with its check, and
//! moves the fence on: a leader's batch that is under way meanwhile is rejected and planned anew, and
//! so is this one if the leader was faster.

use std::time::Duration;

use super::act::WRITE_LIMIT;
use super::found::LOOK_LIMIT;
use super::gates::{self, Attachment};
use crate::agent::Outside;
use crate::domain::gate::Gate;
use crate::domain::health_check::{CheckFound, CheckId, CheckSpec, WatchSpec};
use crate::domain::record::{RecordChange, Routing};
use crate::domain::zone;
use crate::domain::{
    CallFailure, FailureClass, Fence, Fleet, RegionId, ZoneBatch, ZoneId, ZoneRead,
};
use crate::ports::Answer;

/// References that are tried: one stays taken for days after its check was deleted (Route 53 API
/// Reference, `CreateHealthCheck`, `CallerReference`).
const REFERENCES: u8 = 3;

/// Between two looks at one check: Route 53 takes five requests a second from an account, and a
/// leader needs some of them.
const LOOK_PAUSE: Duration = Duration::from_millis(400);

/// How long to wait for the watches beyond the time that their checkers need.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes a watch, or mends the one that is there.
pub(super) async fn watch(
    fleet: &Fleet,
    outside: &Outside,
    gate: &Gate,
    observer: &RegionId,
    spec: &WatchSpec,
    mends: Option<&(CheckId, i64)>,
) -> Answer<()> {
    let spec = CheckSpec::Watch(spec.clone());
    match mends {
        Some((id, version)) => {
            outside.health_checks.update_check(id, *version, &spec, WRITE_LIMIT).await
        }
        None => create(fleet, outside, gate, observer.as_str(), &spec).await,
    }
}

/// Makes or mends the count of a gate's watches, which are there by now.
pub(super) async fn count(fleet: &Fleet, outside: &Outside, wanted: &gates::Wanted) -> Answer<()> {
    let found = outside.health_checks.checks(LOOK_LIMIT).await?;
    let Some(spec) = wanted.count_spec(&found) else {
        return Err(CallFailure::transient(format!(
            "a health check of {}'s gate is not listed yet",
            wanted.gate
        )));
    };
    match wanted.count(&found) {
        Some(there) if there.spec == spec && !there.disabled => Ok(()),
        Some(there) => {
            outside.health_checks.update_check(&there.id, there.version, &spec, WRITE_LIMIT).await
        }
        None => create(fleet, outside, &wanted.gate, "count", &spec).await,
    }
}

async fn create(
    fleet: &Fleet,
    outside: &Outside,
    gate: &Gate,
    what: &str,
    spec: &CheckSpec,
) -> Answer<()> {
    let mut last = CallFailure::conflict("no reference was tried");
    for attempt in 0..REFERENCES {
        let reference = gates::reference(fleet, gate, what, attempt);
        match outside.health_checks.create_check(&reference, spec, WRITE_LIMIT).await {
            Ok(_) => return Ok(()),
            Err(failure) if failure.class == FailureClass::Conflict => last = failure,
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}

/// Waits until the gates read open, then attaches them, name by name.
pub(super) async fn attach(
    fleet: &Fleet,
    outside: &Outside,
    zone: &ZoneId,
    records: &[Attachment],
) -> Answer<()> {
    let found = outside.health_checks.checks(LOOK_LIMIT).await?;
    let wanted: Vec<gates::Wanted> = gates::wanted(fleet)
        .into_iter()
        .filter(|one| records.iter().any(|record| record.gate == one.gate))
        .collect();
    for one in &wanted {
        all_open(fleet, outside, one, &found).await?;
    }
    let Some(of_zone) = zone::wanted(fleet).into_iter().find(|wanted| wanted.zone == *zone) else {
        return Err(CallFailure::permanent(format!("the fleet has no zone {zone}")));
    };
    for service in fleet.services_in(zone).map(|(service, _)| service) {
        let of_service: Vec<&Attachment> =
            records.iter().filter(|record| record.service == *service).collect();
        let Some(spec) = fleet.services.get(service).filter(|_| !of_service.is_empty()) else {
            continue;
        };
        let key = spec.key();
        let read = outside
            .records
            .read_zone(zone, &of_zone.fence, std::slice::from_ref(&key), LOOK_LIMIT)
            .await?;
        let (next, mut changes) = next_fence(&of_zone, &read)?;
        let present = read.records.iter().filter(|record| record.key == key);
        for record in present.clone() {
            changes.push(RecordChange::Delete(record.clone()));
        }
        let mut moved = false;
        for record in present {
            let mut record = record.clone();
            if let Routing::Weighted { set_identifier, .. }
            | Routing::Failover { set_identifier, .. } = &record.routing
                && let Some(to) = of_service.iter().find(|to| to.region.as_str() == set_identifier)
                && record.health_check.is_none()
            {
                let count = wanted.iter().find(|one| one.gate == to.gate);
                let id = count.and_then(|one| one.count(&found)).map(|check| check.id.0.clone());
                moved |= id.is_some();
                record.health_check = id;
            }
            changes.push(RecordChange::Create(record));
        }
        if moved {
            let comment = format!("{next}: regent init: gates of {service}");
            let batch = ZoneBatch { zone: zone.clone(), changes, comment };
            outside.records.change_zone(&batch, WRITE_LIMIT).await?;
        }
    }
    Ok(())
}

/// The fence's next value, and the swap that begins a batch.
pub(super) fn next_fence(
    of_zone: &zone::Wanted,
    read: &ZoneRead,
) -> Answer<(Fence, Vec<RecordChange>)> {
    let Some(fence) = read.fence.as_ref().and_then(Fence::in_record) else {
        let zone = &of_zone.zone;
        return Err(CallFailure::permanent(format!("zone {zone} has no fence of this fleet")));
    };
    let next = Fence { attempt: fence.attempt + 1, ..fence };
    let deletes = read.fence.iter().cloned().map(RecordChange::Delete);
    let creates = [RecordChange::Create(next.record_set(&of_zone.fence))];
    Ok((next, deletes.chain(creates).collect()))
}

/// Waits until every watch of a gate reads open, for as long as its checkers may need to say so.
async fn all_open(
    fleet: &Fleet,
    outside: &Outside,
    wanted: &gates::Wanted,
    found: &[CheckFound],
) -> Answer<()> {
    let Some(gates) = &fleet.gates else { return Ok(()) };
    // The newest answer is one; the failure threshold may ask for more in a row.
    let more = u32::from(gates.interval_s) * u32::from(gates.failure_threshold.saturating_sub(1));
    let steady = Duration::from_secs(u64::from(more));
    let limit = Duration::from_millis(u64::from(gates.noticed_ms_max())) + steady + PATIENCE;
    let looks = |span: Duration| span.as_millis() / LOOK_PAUSE.as_millis();
    let (needed, mut left) = (looks(steady) + 1, looks(limit));
    for observer in wanted.watches.keys() {
        let Some(check) = wanted.watch(found, observer) else {
            let what = format!("the health check of {}'s gate in {observer} is gone", wanted.gate);
            return Err(CallFailure::transient(what));
        };
        let mut open = 0;
        loop {
            let sight = outside.health_checks.sight(&check.id, LOOK_LIMIT).await;
            match &sight {
                Ok(sight) if sight.reads_open() => {
                    open += 1;
                    if open >= needed {
                        break;
                    }
                }
                Err(failure) if failure.class == FailureClass::Permanent => {
                    return Err(failure.clone());
                }
                // Not yet, or nobody could say.
                Ok(_) | Err(_) => open = 0,
            }
            left = left.saturating_sub(1);
            if left == 0 {
                return Err(CallFailure::transient(format!(
                    "{}'s gate in {observer} does not read open ({sight:?}): nothing was attached. \
                     Is the Region drained?",
                    wanted.gate
                )));
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }
    Ok(())
}
