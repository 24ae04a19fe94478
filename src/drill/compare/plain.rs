//! Plain health checks on the applications, as they are set up where there is no controller.

use std::net::SocketAddr;

use crate::domain::record::Routing;
use crate::domain::{Fleet, Moment, RecordSet, RegionId, ServiceId};
use crate::world::World;
use crate::world::route53::{
    Action, CheckConfig, EndpointConfig, ModelChange, ModelRecordSet, Spoken, Subject,
};

/// Attaches to each service's record the check of the application that it leads to: every so many
/// seconds, and down after so many failures.
pub(super) fn guard_applications(
    world: &mut World,
    now: Moment,
    fleet: &Fleet,
    at: &dyn Fn(&ServiceId, &RegionId) -> Option<SocketAddr>,
    pace: (u8, u8),
) {
    for zone in fleet.zones.keys() {
        let records: Vec<ModelRecordSet> = world.route53.records(zone).cloned().collect();
        let guarded = records.into_iter().filter_map(|before| {
            let health_check = Some(check(world, now, fleet, at, &before, pace)?);
            let after = ModelRecordSet { health_check, ..before.clone() };
            Some([(Action::Delete, before), (Action::Create, after)])
        });
        let changes: Vec<ModelChange> =
            guarded.flatten().map(|(action, record)| ModelChange { action, record }).collect();
        let changed = world.route53.change_record_sets(now, zone, &changes, None);
        changed.expect("the records that were read, with a check each");
    }
}

/// Makes the check of the application behind a record, if it is a service's.
fn check(
    world: &mut World,
    now: Moment,
    fleet: &Fleet,
    at: &dyn Fn(&ServiceId, &RegionId) -> Option<SocketAddr>,
    record: &ModelRecordSet,
    (interval_s, failure_threshold): (u8, u8),
) -> Option<String> {
    let RecordSet { key, routing: Routing::Weighted { set_identifier, .. }, .. } =
        record.to_record_set()?
    else {
        return None;
    };
    let (service, spec) = fleet.services.iter().find(|(_, spec)| spec.key() == key)?;
    let (region, _) = spec.regions.iter().find(|(region, _)| region.as_str() == set_identifier)?;
    let at = at(service, region)?;
    let path = Some(spec.probe.path.clone());
    let subject = Subject::Endpoint(EndpointConfig {
        spoken: Spoken::Http { tls: false, path, search: None },
        address: Some(at.ip()),
        host: Some(spec.name.as_str().trim_end_matches('.').to_owned()),
        port: at.port(),
        interval_s,
        failure_threshold,
    });
    let config = CheckConfig { subject, inverted: false, disabled: false };
    let reference = format!("{service} in {set_identifier}");
    let made = world.route53.create_health_check(now, &reference, config);
    Some(made.expect("the account takes a check for each application").id)
}
