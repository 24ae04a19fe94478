//! Service quotas of the account, as far as they bound a failover: vCPUs of on-demand instances, in each
//! Region.

use std::collections::BTreeMap;

use crate::domain::RegionId;

/// vCPUs that the account may run in a Region, unless said otherwise: what a small account has after its
/// first request.
const VCPUS: u32 = 256;

/// The quotas that the account has.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    vcpus: BTreeMap<RegionId, Option<u32>>,
}

impl Quotas {
    /// Sets what may run in a Region; nothing but what AWS gives everybody if none.
    pub fn set_vcpus(&mut self, region: &RegionId, most: Option<u32>) {
        self.vcpus.insert(region.clone(), most);
    }

    /// What may run in a Region, where the account has a quota of its own.
    #[must_use]
    pub fn vcpus(&self, region: &RegionId) -> Option<u32> {
        self.vcpus.get(region).copied().unwrap_or(Some(VCPUS))
    }
}
