//! Making the gates' checks, and attaching them.
//!
//! Each step looks again for what it builds on, since a check's ID is known only once it is there.
//! A batch deletes every weighted record of a name as it was read and creates it with its check, and
//! moves the fence on: a leader's batch that is under way meanwhile is rejected and planned anew, and
//! so is this one if the leader was faster.

use super::act::WRITE_LIMIT;
use super::found::LOOK_LIMIT;
use super::gates::{self, Attachment};
use super::open::{self, Steady};
use crate::agent::Outside;
use crate::domain::gate::Gate;
use crate::domain::health_check::{CheckId, CheckSpec, WatchSpec};
use crate::domain::record::{RecordChange, Routing};
use crate::domain::zone;
use crate::domain::{
    CallFailure, FailureClass, Fence, Fleet, RegionId, ZoneBatch, ZoneId, ZoneRead,
};
use crate::ports::Answer;

/// References that are tried: one stays taken for days after its check was deleted (Route 53 API
/// Reference, `CreateHealthCheck`, `CallerReference`).
const REFERENCES: u8 = 3;

/// Makes a watch, or mends the one that is there.
///
/// What a check reads between a change of what it asks for and its checkers' next answers is not
/// said (Route 53 API Reference, `UpdateHealthCheck`). So watches of a gate that is counted are
/// mended one by one, each while all the others read open: no single one shuts a Region.
pub(super) async fn watch(
    fleet: &Fleet,
    outside: &Outside,
    gate: &Gate,
    observer: &RegionId,
    spec: &WatchSpec,
    mends: Option<&(CheckId, i64)>,
) -> Answer<()> {
    let right = CheckSpec::Watch(spec.clone());
    let Some((id, version)) = mends else {
        let what = format!("{observer} {} every {} s", spec.endpoint, spec.interval_s);
        return create(fleet, outside, gate, &what, &right).await;
    };
    let found = outside.health_checks.checks(LOOK_LIMIT).await?;
    let wanted = gates::wanted(fleet).into_iter().find(|one| one.gate == *gate);
    if let (Some(gates), Some(wanted)) = (&fleet.gates, wanted)
        && wanted.count(&found).is_some()
        // One that is stopped reads shut already.
        && found.iter().any(|check| check.id == *id && !check.disabled)
    {
        let others = wanted.watches.keys().filter_map(|of| Some((of, wanted.watch(&found, of)?)));
        let asking = others.filter(|(_, check)| check.id != *id && !check.disabled);
        let asking: Vec<_> = asking.map(|(of, check)| (of, &check.id)).collect();
        open::these_open(gates, outside, &wanted, &asking, Steady::Anew).await?;
    }
    outside.health_checks.update_check(id, *version, &right, WRITE_LIMIT).await
}

/// Makes or mends the count of a gate's watches, which are there by now.
///
/// One that is there may be attached: it is changed once every watch that it is to count reads
/// open, and in one request, so that no threshold is ever held against the children of another.
pub(super) async fn count(fleet: &Fleet, outside: &Outside, wanted: &gates::Wanted) -> Answer<()> {
    let found = outside.health_checks.checks(LOOK_LIMIT).await?;
    let Some(spec) = wanted.count_spec(&found) else {
        return Err(CallFailure::transient(format!(
            "a health check of {}'s gate is not listed yet",
            wanted.gate
        )));
    };
    match (wanted.count(&found), &fleet.gates) {
        (Some(there), _) if there.spec == spec && !there.disabled => Ok(()),
        (Some(there), Some(gates)) => {
            open::all_open(gates, outside, wanted, &found).await?;
            outside.health_checks.update_check(&there.id, there.version, &spec, WRITE_LIMIT).await
        }
        _ => create(fleet, outside, &wanted.gate, "count", &spec).await,
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
    let Some(gates) = &fleet.gates else { return Ok(()) };
    for one in &wanted {
        open::all_open(gates, outside, one, &found).await?;
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
