//! The fleet's real names, as the manual shows them.

use crate::domain::database::DatabaseSpec;
use crate::domain::fleet::{Placement, RoutingPolicy, Service};
use crate::domain::record::{DnsName, Fence, RecordData};
use crate::domain::{DatabaseId, Fleet, RegionId, ServiceId, Weight};

/// The names of a fleet.
#[derive(Debug, Clone)]
pub struct Names {
    /// The fleet's.
    pub fleet: String,
    /// The table with the seat, one in each Region that has one.
    pub seats_table: String,
    /// The global table.
    pub board_table: String,
    /// Regions with a seat.
    pub seats: Vec<RegionId>,
    /// How many of them are a majority.
    pub majority: usize,
    /// Milliseconds after which a leader that can't renew has stopped.
    pub lease_ms: u32,
    /// Milliseconds within which a leader notices a hand edit.
    pub audit_ms: u32,
    /// Each service in each Region.
    pub placements: Vec<PlacementNames>,
    /// Each database in each Region.
    pub clusters: Vec<ClusterNames>,
}

/// A service in a Region.
#[derive(Debug, Clone)]
pub struct PlacementNames {
    /// Which service.
    pub service: ServiceId,
    /// Where.
    pub region: RegionId,
    /// The hosted zone's ID.
    pub zone: String,
    /// The hosted zone's name.
    pub zone_name: String,
    /// The record's name, with its final dot.
    pub record: String,
    /// The record's type.
    pub rtype: &'static str,
    /// Its weight while all is well.
    pub weight: Weight,
    /// The failover pair that its record is one of; none where Regions share the answers by weight.
    pub pair: Option<PairNames>,
    /// What it answers with.
    pub data: RecordData,
    /// The zone's fence.
    pub fence: String,
    /// What agents probe.
    pub health_url: String,
    /// The target group's ARN, if the files name one.
    pub target_group: Option<String>,
    /// The autoscaling group's name, if the files name one.
    pub scaling_group: Option<String>,
}

/// A failover pair, as one of its two Regions sees it.
#[derive(Debug, Clone)]
pub struct PairNames {
    /// The primary while all is well.
    pub primary: RegionId,
    /// The one that is left when this Region is out.
    pub other: RegionId,
}

/// A database in a Region.
#[derive(Debug, Clone)]
pub struct ClusterNames {
    /// Which database.
    pub database: DatabaseId,
    /// The global cluster's identifier.
    pub global_cluster: String,
    /// Where.
    pub region: RegionId,
    /// The cluster's identifier there.
    pub cluster: String,
    /// The cluster's ARN.
    pub arn: String,
}

impl Names {
    /// The names in a fleet's files.
    #[must_use]
    pub fn of(fleet: &Fleet) -> Self {
        let placements = fleet.services.iter().flat_map(|(id, service)| {
            service
                .regions
                .iter()
                .map(move |(region, placement)| placed(fleet, id, service, region, placement))
        });
        Self {
            fleet: fleet.name.to_string(),
            seats_table: fleet.tables.seats.clone(),
            board_table: fleet.tables.board.clone(),
            seats: fleet.seats.iter().cloned().collect(),
            majority: fleet.seat_majority(),
            lease_ms: fleet.timing.lease_ms,
            audit_ms: fleet.timing.zone_audit_ms,
            placements: placements.collect(),
            clusters: fleet.databases.iter().flat_map(|(id, spec)| clusters(id, spec)).collect(),
        }
    }
}

fn clusters<'f>(
    id: &'f DatabaseId,
    spec: &'f DatabaseSpec,
) -> impl Iterator<Item = ClusterNames> + 'f {
    spec.members.iter().map(|(region, member)| ClusterNames {
        database: id.clone(),
        global_cluster: spec.global_cluster.to_string(),
        region: region.clone(),
        cluster: member.cluster.name().to_owned(),
        arn: member.cluster.to_string(),
    })
}

fn placed(
    fleet: &Fleet,
    id: &ServiceId,
    service: &Service,
    region: &RegionId,
    placement: &Placement,
) -> PlacementNames {
    let zone_name = fleet.zones.get(&service.zone).map_or("", DnsName::as_str);
    PlacementNames {
        service: id.clone(),
        region: region.clone(),
        zone: service.zone.to_string(),
        zone_name: zone_name.to_owned(),
        record: service.name.to_string(),
        rtype: service.rtype.as_str(),
        weight: placement.weight,
        pair: pair(service, region),
        data: placement.data.clone(),
        fence: zone_name
            .parse()
            .and_then(|zone| Fence::record_name(&fleet.name, &zone))
            .map_or_else(|_| String::new(), |name| name.to_string()),
        health_url: format!("{}{}", placement.url.trim_end_matches('/'), service.probe.path),
        target_group: placement.target_group.as_ref().map(|arn| arn.as_str().to_owned()),
        scaling_group: placement.scaling_group.as_ref().map(|name| name.as_str().to_owned()),
    }
}

fn pair(service: &Service, region: &RegionId) -> Option<PairNames> {
    let RoutingPolicy::Failover { primary } = &service.routing else { return None };
    let other = service.regions.keys().find(|other| *other != region)?;
    Some(PairNames { primary: primary.clone(), other: other.clone() })
}
