//! What a service's records are to say where weights are wanted, in the judges' own words.
//!
//! No judge by itself. A failover pair leads to its first Region as long as that is in service, to
//! the other one when only that is, and to the first when neither is: `docs/gates.md`. Said once
//! more here and not asked of `Service::record_shares`, by which the batches are made that are
//! judged.
//!
//! Deliberately not judged: whom name servers answer with from one moment to the next, by roles and
//! gates together. A late batch and a gate that is held are borne by the protocol and may bring
//! back for a while what nobody wants any more. That an answer comes about at all is asked of a
//! pair at the end of a simulated run (`sim::rehearsal`).

use crate::domain::control::Weights;
use crate::domain::fleet::{RoutingPolicy, Service};
use crate::domain::{RegionId, ServiceId};

use super::Part;

/// A service, and how its Regions share the answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Shared {
    service: ServiceId,
    /// Of a failover pair, the first Region.
    first: Option<RegionId>,
}

impl Shared {
    pub(super) fn of(id: &ServiceId, service: &Service) -> Self {
        let first = match &service.routing {
            RoutingPolicy::Weighted => None,
            RoutingPolicy::Failover { primary } => Some(primary.clone()),
        };
        Self { service: id.clone(), first }
    }

    /// What the record of a Region is to say; none where nothing is wanted of it.
    pub(super) fn part(&self, region: &RegionId, wanted: &Weights) -> Option<Part> {
        let wanted = wanted.get(&self.service)?;
        let weight = wanted.get(region)?;
        let Some(first) = &self.first else { return Some(Part::Weight(weight.0)) };
        let in_service = |region: &RegionId| wanted.get(region).is_some_and(|it| it.serves());
        let second_leads =
            !in_service(first) && wanted.keys().any(|it| it != first && in_service(it));
        let leads = (region == first) != second_leads;
        Some(if leads { Part::Primary } else { Part::Secondary })
    }
}
