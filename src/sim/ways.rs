//! Where the brain's requests go, and what of them can be seen on the way.

use crate::core::Request;
use crate::world::fault::AwsService;
use crate::world::network::Place;
use crate::world::wire;

/// The questions to a zone's name servers, which are no operation of the API.
pub(super) const DNS: &str = "(DNS)";

/// Where a request goes.
pub(super) fn place_of(request: &Request) -> Place {
    match request {
        Request::ReadSeat { seat }
        | Request::SwapSeat { seat, .. }
        | Request::PutState { seat, .. }
        | Request::ReadState { seat, .. } => Place::Region(seat.clone()),
        Request::Publish { replica, .. }
        | Request::Gather { replica }
        | Request::RecordHistory { replica, .. }
        | Request::ReadOrders { replica }
        | Request::RemoveOrder { replica, .. } => Place::Region(replica.clone()),
        Request::ReadZone { .. } | Request::ChangeZone { .. } | Request::ReadChange { .. } => {
            Place::Global
        }
        Request::AskNames { .. } => Place::Outside,
        Request::ReadTargetHealth { group } | Request::ReadRequests { group } => {
            Place::Region(group.region().clone())
        }
        Request::ReadAlarms { region, .. } => Place::Region(region.clone()),
        Request::DescribeDatabase { via, .. } => Place::Region(via.clone()),
        Request::DescribeMember { member: cluster }
        | Request::ReadLag { secondary: cluster }
        | Request::ReadKeptVolumes { cluster }
        | Request::FailOver { target: cluster, .. } => Place::Region(cluster.region().clone()),
        Request::SwitchOver { primary, .. } => Place::Region(primary.clone()),
        Request::ReadGroup { group } | Request::SetDesired { group, .. } => {
            Place::Region(group.region.clone())
        }
        Request::SendNotice { topic, .. } => Place::Region(topic.region().clone()),
        Request::PostWebhook { .. } => Place::Outside,
    }
}

/// Whether a lost answer leaves the effect unknown. A read has none.
pub(super) fn has_effect(request: &Request) -> bool {
    match request {
        Request::SwapSeat { .. }
        | Request::PutState { .. }
        | Request::Publish { .. }
        | Request::RecordHistory { .. }
        | Request::RemoveOrder { .. }
        | Request::ChangeZone { .. }
        | Request::SwitchOver { .. }
        | Request::FailOver { .. }
        | Request::SetDesired { .. }
        | Request::SendNotice { .. }
        | Request::PostWebhook { .. } => true,
        Request::ReadSeat { .. }
        | Request::ReadState { .. }
        | Request::Gather { .. }
        | Request::ReadOrders { .. }
        | Request::ReadZone { .. }
        | Request::ReadChange { .. }
        | Request::AskNames { .. }
        | Request::ReadTargetHealth { .. }
        | Request::ReadRequests { .. }
        | Request::ReadAlarms { .. }
        | Request::DescribeDatabase { .. }
        | Request::DescribeMember { .. }
        | Request::ReadLag { .. }
        | Request::ReadKeptVolumes { .. }
        | Request::ReadGroup { .. } => false,
    }
}

/// What rules of the wire look at: as the adapter would send it; none if it does not go to AWS.
pub(super) fn seen<'a>(request: &'a Request, caller: &'a str) -> Option<wire::Call<'a>> {
    use AwsService::{Autoscaling, Cloudwatch, Dynamodb, Elbv2, Rds, Route53, Sns};
    let (region, service, operation) = match request {
        Request::ReadSeat { seat } | Request::ReadState { seat, .. } => {
            (Some(seat), Dynamodb, "GetItem")
        }
        Request::SwapSeat { seat, .. } | Request::PutState { seat, .. } => {
            (Some(seat), Dynamodb, "PutItem")
        }
        Request::Publish { replica, .. } | Request::RecordHistory { replica, .. } => {
            (Some(replica), Dynamodb, "PutItem")
        }
        Request::Gather { replica } | Request::ReadOrders { replica } => {
            (Some(replica), Dynamodb, "Query")
        }
        Request::RemoveOrder { replica, .. } => (Some(replica), Dynamodb, "DeleteItem"),
        Request::ReadZone { .. } => (None, Route53, "ListResourceRecordSets"),
        Request::ChangeZone { .. } => (None, Route53, "ChangeResourceRecordSets"),
        Request::ReadChange { .. } => (None, Route53, "GetChange"),
        Request::ReadTargetHealth { group } => {
            (Some(group.region()), Elbv2, "DescribeTargetHealth")
        }
        Request::ReadAlarms { region, .. } => (Some(region), Cloudwatch, "DescribeAlarms"),
        Request::ReadRequests { group } => (Some(group.region()), Cloudwatch, "GetMetricData"),
        Request::AskNames { .. } => (None, Route53, DNS),
        Request::DescribeDatabase { via, .. } => (Some(via), Rds, "DescribeGlobalClusters"),
        Request::DescribeMember { member } => (Some(member.region()), Rds, "DescribeDBClusters"),
        Request::ReadLag { secondary } => (Some(secondary.region()), Cloudwatch, "GetMetricData"),
        Request::ReadKeptVolumes { cluster } => {
            (Some(cluster.region()), Rds, "DescribeDBClusterSnapshots")
        }
        Request::SwitchOver { primary, .. } => (Some(primary), Rds, "SwitchoverGlobalCluster"),
        Request::FailOver { target, .. } => (Some(target.region()), Rds, "FailoverGlobalCluster"),
        Request::ReadGroup { group } => {
            (Some(&group.region), Autoscaling, "DescribeAutoScalingGroups")
        }
        Request::SetDesired { group, .. } => {
            (Some(&group.region), Autoscaling, "SetDesiredCapacity")
        }
        Request::SendNotice { topic, .. } => (Some(topic.region()), Sns, "Publish"),
        Request::PostWebhook { .. } => return None,
    };
    Some(wire::Call { caller, region, service, operation })
}
