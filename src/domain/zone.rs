//! What is looked for in a hosted zone: the fence, and each Region's record.

use super::fleet::Service;
use super::record::{
    DnsName, Fence, RecordChange, RecordKey, RecordSet, Routing, ZoneBatch, ZoneRead,
};
use super::{Epoch, Fleet, RegionId, Weight, ZoneId};

/// A hosted zone, as Route 53 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFacts {
    /// Its name.
    pub name: DnsName,
    /// Whether it is answered for within VPCs alone.
    pub private: bool,
    /// Its name servers; a private zone has none.
    pub name_servers: Vec<DnsName>,
}

/// What is to be read of one zone.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which.
    pub zone: ZoneId,
    /// The zone's name, as configured.
    pub name: DnsName,
    /// Its fence's name.
    pub fence: DnsName,
    /// The services' records.
    pub keys: Vec<RecordKey>,
}

/// Every zone that has services.
///
/// # Panics
/// When a zone's fence can't be named: `config` refuses such a fleet.
#[must_use]
pub fn wanted(fleet: &Fleet) -> Vec<Wanted> {
    let zones = fleet.zones.iter().map(|(zone, name)| Wanted {
        zone: zone.clone(),
        name: name.clone(),
        fence: Fence::record_name(&fleet.name, name)
            .expect("config refuses a zone whose fence can't be named"),
        keys: fleet.services_in(zone).map(|(_, service)| service.key()).collect(),
    });
    zones.filter(|wanted| !wanted.keys.is_empty()).collect()
}

/// A service's record for a Region, if there is one.
#[must_use]
pub fn record_in<'r>(
    read: &'r ZoneRead,
    service: &Service,
    region: &RegionId,
) -> Option<&'r RecordSet> {
    let key = service.key();
    read.records.iter().filter(|record| record.key == key).find(|record| {
        matches!(&record.routing,
            Routing::Weighted { set_identifier, .. } | Routing::Failover { set_identifier, .. }
            if set_identifier == region.as_str())
    })
}

/// The weight of a service's record for a Region, if there is one.
#[must_use]
pub fn weight_in(read: &ZoneRead, service: &Service, region: &RegionId) -> Option<Weight> {
    record_in(read, service, region)?.routing.weight()
}

/// How the comment of a [`trial`](Wanted::trial) begins.
pub const TRIAL: &str = "regent preflight";

/// Records in a [`trial`](Wanted::trial) at most: enough to show what is allowed, few enough for any
/// batch.
const TRIAL_RECORDS_MAX: usize = 50;

impl Wanted {
    /// A batch that Route 53 must refuse whole, and may refuse for want of permission before: it
    /// names, types and does what a failover's batch does, and begins with the deletion of a fence that
    /// nobody can have set. So it tells whether a batch would be let in, and can't change anything,
    /// however late it arrives.
    #[must_use]
    pub fn trial(&self, fleet: &Fleet, read: &ZoneRead) -> ZoneBatch {
        // Attempts are counted up from what `init` set, at an epoch that no leader has.
        let never = Fence { fleet: fleet.name.clone(), epoch: Epoch::ZERO, attempt: u64::MAX };
        let never = never.record_set(&self.fence);
        let records = || read.records.iter().take(TRIAL_RECORDS_MAX).cloned();
        let changes = [RecordChange::Delete(never.clone())]
            .into_iter()
            .chain(records().map(RecordChange::Delete))
            .chain([RecordChange::Create(never)])
            .chain(records().map(RecordChange::Create));
        ZoneBatch {
            zone: self.zone.clone(),
            changes: changes.collect(),
            comment: format!("{TRIAL} of the fleet {}: to be refused", fleet.name),
        }
    }
}
