//! Answers' XML bodies.

use serde::Serialize;

use crate::domain::record::{ChangeStatus, RecordData};
use crate::domain::{Moment, ZoneId};
use crate::world::route53::{
    ChangeInfo, ModelRecordSet, ModelRouting, NAME_SERVERS, OwnerName, RecordPage, Route53Error,
    ZoneInfo, ZonePage,
};

/// The namespace of every document.
const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// A document, with its declaration and its namespace.
pub(super) fn to_xml<T: Document>(document: &T) -> String {
    #[derive(Serialize)]
    struct Rooted<'a, T> {
        #[serde(rename = "@xmlns")]
        namespace: &'static str,
        #[serde(flatten)]
        content: &'a T,
    }
    let rooted = Rooted { namespace: NAMESPACE, content: document };
    let xml = quick_xml::se::to_string_with_root(T::ROOT, &rooted)
        .expect("structs of texts and numbers under fixed names always have an XML form");
    format!("<?xml version=\"1.0\"?>\n{xml}")
}

/// What can be the whole of a body.
pub(super) trait Document: Serialize {
    /// The root element's name.
    const ROOT: &'static str;
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ErrorXml<'a> {
    error: ErrorBodyXml,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBodyXml {
    r#type: &'static str,
    code: &'static str,
    message: String,
}

impl<'a> ErrorXml<'a> {
    pub(super) fn new(error: &Route53Error, request_id: &'a str) -> Self {
        let r#type = if error.status() < 500 { "Sender" } else { "Receiver" };
        let error = ErrorBodyXml { r#type, code: error.code(), message: error.to_string() };
        Self { error, request_id }
    }
}

impl Document for ErrorXml<'_> {
    const ROOT: &'static str = "ErrorResponse";
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeInfoXml {
    id: String,
    status: &'static str,
    submitted_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

impl From<&ChangeInfo> for ChangeInfoXml {
    fn from(info: &ChangeInfo) -> Self {
        Self {
            id: format!("/change/{}", info.id.0),
            status: match info.status {
                ChangeStatus::Pending => "PENDING",
                ChangeStatus::Insync => "INSYNC",
            },
            submitted_at: timestamp(info.submitted_at),
            comment: info.comment.clone(),
        }
    }
}

/// The world's clock begins with the Unix epoch.
pub(super) fn timestamp(at: Moment) -> String {
    let ms = i64::try_from(at.as_ms()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// The same body under two roots.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetChangeXml<const CHANGED: bool> {
    change_info: ChangeInfoXml,
}

impl GetChangeXml<true> {
    pub(super) fn changed(info: &ChangeInfo) -> Self {
        Self { change_info: info.into() }
    }
}

impl GetChangeXml<false> {
    pub(super) fn found(info: &ChangeInfo) -> Self {
        Self { change_info: info.into() }
    }
}

impl<const CHANGED: bool> Document for GetChangeXml<CHANGED> {
    const ROOT: &'static str =
        if CHANGED { "ChangeResourceRecordSetsResponse" } else { "GetChangeResponse" };
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ZoneXml {
    id: String,
    name: String,
    caller_reference: String,
    config: ConfigXml,
    resource_record_set_count: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ConfigXml {
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    private_zone: bool,
}

impl From<&ZoneInfo> for ZoneXml {
    fn from(zone: &ZoneInfo) -> Self {
        Self {
            id: format!("/hostedzone/{}", zone.id),
            name: zone.name.escaped(),
            caller_reference: zone.caller_reference.clone(),
            config: ConfigXml { comment: zone.comment.clone(), private_zone: false },
            resource_record_set_count: zone.record_sets,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DelegationSetXml {
    name_servers: NameServersXml,
}

#[derive(Serialize)]
struct NameServersXml {
    #[serde(rename = "NameServer")]
    servers: [&'static str; 4],
}

impl DelegationSetXml {
    const ONLY: Self = Self { name_servers: NameServersXml { servers: NAME_SERVERS } };
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetZoneXml {
    hosted_zone: ZoneXml,
    delegation_set: DelegationSetXml,
}

impl GetZoneXml {
    pub(super) fn new(zone: &ZoneInfo) -> Self {
        Self { hosted_zone: zone.into(), delegation_set: DelegationSetXml::ONLY }
    }
}

impl Document for GetZoneXml {
    const ROOT: &'static str = "GetHostedZoneResponse";
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateZoneXml {
    hosted_zone: ZoneXml,
    change_info: ChangeInfoXml,
    delegation_set: DelegationSetXml,
}

impl CreateZoneXml {
    pub(super) fn new(zone: &ZoneInfo, change: &ChangeInfo) -> Self {
        let (hosted_zone, change_info) = (zone.into(), change.into());
        Self { hosted_zone, change_info, delegation_set: DelegationSetXml::ONLY }
    }
}

impl Document for CreateZoneXml {
    const ROOT: &'static str = "CreateHostedZoneResponse";
}

#[derive(Serialize)]
struct ZonesXml {
    #[serde(rename = "HostedZone")]
    zones: Vec<ZoneXml>,
}

impl From<&ZonePage> for ZonesXml {
    fn from(page: &ZonePage) -> Self {
        Self { zones: page.zones.iter().map(ZoneXml::from).collect() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListZonesXml {
    hosted_zones: ZonesXml,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    max_items: usize,
}

impl ListZonesXml {
    pub(super) fn new(page: &ZonePage, marker: Option<&ZoneId>) -> Self {
        Self {
            hosted_zones: page.into(),
            marker: marker.map(ToString::to_string),
            is_truncated: page.next.is_some(),
            next_marker: page.next.as_ref().map(|zone| zone.id.to_string()),
            max_items: page.items_max,
        }
    }
}

impl Document for ListZonesXml {
    const ROOT: &'static str = "ListHostedZonesResponse";
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListByNameXml {
    hosted_zones: ZonesXml,
    #[serde(rename = "DNSName", skip_serializing_if = "Option::is_none")]
    dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted_zone_id: Option<String>,
    is_truncated: bool,
    #[serde(rename = "NextDNSName", skip_serializing_if = "Option::is_none")]
    next_dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_hosted_zone_id: Option<String>,
    max_items: usize,
}

impl ListByNameXml {
    pub(super) fn new(page: &ZonePage, name: Option<&OwnerName>, id: Option<&ZoneId>) -> Self {
        Self {
            hosted_zones: page.into(),
            dns_name: name.map(OwnerName::escaped),
            hosted_zone_id: id.map(ToString::to_string),
            is_truncated: page.next.is_some(),
            next_dns_name: page.next.as_ref().map(|zone| zone.name.escaped()),
            next_hosted_zone_id: page.next.as_ref().map(|zone| zone.id.to_string()),
            max_items: page.items_max,
        }
    }
}

impl Document for ListByNameXml {
    const ROOT: &'static str = "ListHostedZonesByNameResponse";
}

/// A record set; absent elements are left out, which is also how AWS lists it.
#[derive(Serialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RecordSetXml {
    name: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failover: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_answer: Option<bool>,
    #[serde(rename = "TTL", skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_records: Option<ResourceRecordsXml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias_target: Option<AliasTargetXml>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_id: Option<String>,
}

#[derive(Serialize)]
struct ResourceRecordsXml {
    #[serde(rename = "ResourceRecord")]
    records: Vec<ResourceRecordXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceRecordXml {
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasTargetXml {
    hosted_zone_id: String,
    #[serde(rename = "DNSName")]
    dns_name: String,
    evaluate_target_health: bool,
}

impl From<&ModelRecordSet> for RecordSetXml {
    fn from(record: &ModelRecordSet) -> Self {
        let mut xml = Self {
            name: record.name.escaped(),
            r#type: record.rtype.as_str(),
            set_identifier: record.routing.set_identifier().map(str::to_owned),
            health_check_id: record.health_check.clone(),
            ..Self::default()
        };
        match &record.routing {
            ModelRouting::Simple => {}
            ModelRouting::Weighted { weight, .. } => xml.weight = Some(weight.0),
            ModelRouting::Failover { primary, .. } => {
                xml.failover = Some(if *primary { "PRIMARY" } else { "SECONDARY" });
            }
            ModelRouting::Latency { region, .. } => xml.region = Some(region.clone()),
            ModelRouting::Multivalue { .. } => xml.multi_value_answer = Some(true),
        }
        match &record.data {
            RecordData::Plain { ttl_s, values } => {
                let records =
                    values.iter().map(|value| ResourceRecordXml { value: value.clone() }).collect();
                xml.ttl = Some(*ttl_s);
                xml.resource_records = Some(ResourceRecordsXml { records });
            }
            RecordData::Alias { target_zone, target_name, evaluate_target_health } => {
                xml.alias_target = Some(AliasTargetXml {
                    hosted_zone_id: target_zone.clone(),
                    dns_name: target_name.to_string(),
                    evaluate_target_health: *evaluate_target_health,
                });
            }
        }
        xml
    }
}

#[derive(Serialize)]
struct RecordSetsXml {
    #[serde(rename = "ResourceRecordSet")]
    sets: Vec<RecordSetXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRecordsXml {
    resource_record_sets: RecordSetsXml,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_record_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_record_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_record_identifier: Option<String>,
    max_items: usize,
}

impl ListRecordsXml {
    pub(super) fn new(page: &RecordPage) -> Self {
        let next = page.next.as_ref();
        Self {
            resource_record_sets: RecordSetsXml {
                sets: page.records.iter().map(RecordSetXml::from).collect(),
            },
            is_truncated: page.next.is_some(),
            next_record_name: next.map(|start| start.name.escaped()),
            next_record_type: next.and_then(|start| start.rtype).map(|rtype| rtype.as_str()),
            next_record_identifier: next.and_then(|start| start.set_identifier.clone()),
            max_items: page.items_max,
        }
    }
}

impl Document for ListRecordsXml {
    const ROOT: &'static str = "ListResourceRecordSetsResponse";
}
