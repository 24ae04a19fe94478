//! What commands look for in a hosted zone: the fence, and each Region's weighted record.

use crate::domain::fleet::Service;
use crate::domain::record::{DnsName, RecordKey, Routing};
use crate::domain::{Fence, Fleet, RegionId, Weight, ZoneId, ZoneRead};

/// What is to be read of one zone.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) zone: ZoneId,
    /// The zone's name, as configured.
    pub(super) name: DnsName,
    pub(super) fence: DnsName,
    pub(super) keys: Vec<RecordKey>,
}

/// Every zone that has services.
pub(super) fn wanted(fleet: &Fleet) -> Vec<Wanted> {
    let zones = fleet.zones.iter().map(|(zone, name)| Wanted {
        zone: zone.clone(),
        name: name.clone(),
        fence: Fence::record_name(&fleet.name, name)
            .expect("config refuses a zone whose fence can't be named"),
        keys: fleet.services_in(zone).map(|(_, service)| service.key()).collect(),
    });
    zones.filter(|wanted| !wanted.keys.is_empty()).collect()
}

/// The weight of a service's record for a Region, if there is one.
pub(super) fn weight_in(read: &ZoneRead, service: &Service, region: &RegionId) -> Option<Weight> {
    let key = service.key();
    read.records.iter().filter(|record| record.key == key).find_map(|record| {
        match &record.routing {
            Routing::Weighted { set_identifier, weight } if set_identifier == region.as_str() => {
                Some(*weight)
            }
            _ => None,
        }
    })
}
