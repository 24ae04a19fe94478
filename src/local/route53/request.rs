//! Requests' XML bodies, and what they mean in the model.
//!
//! Beyond well-formed XML this checks what AWS's schema checks: ranges, and which elements exclude
//! or need each other. Whether a change fits the zone is the model's to judge.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::domain::Weight;
use crate::domain::record::{DnsName, RecordData};
use crate::world::route53::{
    Action, ModelChange, ModelRecordSet, ModelRouting, Route53Error, TTL_S_MAX,
};

/// Longest ID of a zone (Route 53 API Reference, `AliasTarget`).
const RESOURCE_ID_CHARS_MAX: usize = 32;

/// What a batch of changes asks for.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) changes: Vec<ModelChange>,
    pub(super) comment: Option<String>,
}

/// What a request for a new zone asks for.
#[derive(Debug)]
pub(super) struct NewZone {
    pub(super) name: DnsName,
    pub(super) caller_reference: String,
    pub(super) comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeXml {
    action: String,
    resource_record_set: RecordSetXml,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordSetXml {
    name: String,
    r#type: String,
    set_identifier: Option<String>,
    weight: Option<i64>,
    region: Option<String>,
    failover: Option<String>,
    multi_value_answer: Option<bool>,
    #[serde(rename = "TTL")]
    ttl: Option<i64>,
    resource_records: Option<ResourceRecordsXml>,
    alias_target: Option<AliasTargetXml>,
    health_check_id: Option<String>,
    geo_location: Option<IgnoredAny>,
    geo_proximity_location: Option<IgnoredAny>,
    cidr_routing_config: Option<IgnoredAny>,
    traffic_policy_instance_id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ResourceRecordsXml {
    #[serde(rename = "ResourceRecord", default)]
    records: Vec<ResourceRecordXml>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceRecordXml {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasTargetXml {
    hosted_zone_id: String,
    #[serde(rename = "DNSName")]
    dns_name: String,
    evaluate_target_health: bool,
}

/// Reads the body of `ChangeResourceRecordSets`.
pub(super) fn changes(body: &[u8]) -> Result<Batch, Route53Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct RequestXml {
        change_batch: BatchXml,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct BatchXml {
        comment: Option<String>,
        changes: ChangesXml,
    }
    #[derive(Deserialize)]
    struct ChangesXml {
        #[serde(rename = "Change", default)]
        changes: Vec<ChangeXml>,
    }
    let RequestXml { change_batch } = parse(body)?;
    let changes = change_batch.changes.changes.into_iter().map(change).collect::<Result<_, _>>()?;
    Ok(Batch { changes, comment: change_batch.comment })
}

/// Reads the body of `CreateHostedZone`.
pub(super) fn new_zone(body: &[u8]) -> Result<NewZone, Route53Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct RequestXml {
        name: String,
        caller_reference: String,
        hosted_zone_config: Option<ConfigXml>,
        #[serde(rename = "VPC")]
        vpc: Option<IgnoredAny>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ConfigXml {
        comment: Option<String>,
    }
    let request: RequestXml = parse(body)?;
    if request.vpc.is_some() {
        return Err(input("Private hosted zones are not modelled"));
    }
    let name = request.name.parse().map_err(|error| Route53Error::InvalidDomainName {
        message: format!("{} is not a valid domain name: {error}", request.name),
    })?;
    let comment = request.hosted_zone_config.and_then(|config| config.comment);
    Ok(NewZone { name, caller_reference: request.caller_reference, comment })
}

pub(super) fn parse<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Route53Error> {
    let text =
        std::str::from_utf8(body).map_err(|error| input(format!("Invalid XML ; {error}")))?;
    quick_xml::de::from_str(text).map_err(|error| input(format!("Invalid XML ; {error}")))
}

fn change(xml: ChangeXml) -> Result<ModelChange, Route53Error> {
    let action = match xml.action.as_str() {
        "CREATE" => Action::Create,
        "DELETE" => Action::Delete,
        "UPSERT" => Action::Upsert,
        other => {
            return Err(input(format!(
                "Invalid XML ; cvc-enumeration-valid: Value '{other}' is not facet-valid with respect to enumeration '[CREATE, DELETE, UPSERT]'. It must be a value from the enumeration."
            )));
        }
    };
    let set = xml.resource_record_set;
    let place = format!(
        "Change with [Action={}, Name={}, Type={}, SetIdentifier={}]",
        xml.action,
        set.name,
        set.r#type,
        set.set_identifier.as_deref().unwrap_or("null")
    );
    let name = set.name.parse().map_err(|error| Route53Error::InvalidChangeBatch {
        messages: vec![format!("FATAL problem: {error} encountered with '{}'", set.name)],
    })?;
    let rtype = set.r#type.parse().map_err(|error| input(format!("Invalid XML ; {error}")))?;
    let (routing, data) = (routing(&set, &place)?, data(&set, &place)?);
    let record = ModelRecordSet { name, rtype, routing, data, health_check: set.health_check_id };
    Ok(ModelChange { action, record })
}

fn routing(set: &RecordSetXml, place: &str) -> Result<ModelRouting, Route53Error> {
    if set.geo_location.is_some()
        || set.geo_proximity_location.is_some()
        || set.cidr_routing_config.is_some()
    {
        return Err(input(format!(
            "Routing by geolocation, geoproximity or CIDR is not modelled, in {place}"
        )));
    }
    let weight = set.weight.map(|weight| in_range(weight, 255, "ResourceRecordSetWeight"));
    let weight = weight.transpose()?.and_then(|weight| u8::try_from(weight).ok()).map(Weight);
    let multivalue = set.multi_value_answer.unwrap_or(false);
    let policies = usize::from(weight.is_some())
        + usize::from(set.region.is_some())
        + usize::from(set.failover.is_some())
        + usize::from(multivalue);
    let Some(set_identifier) = set.set_identifier.clone() else {
        return match policies {
            0 => Ok(ModelRouting::Simple),
            _ => Err(input(format!("Invalid request: Missing field 'SetIdentifier' in {place}"))),
        };
    };
    let one_of = |found| {
        Err(input(format!(
            "Invalid request: Expected exactly one of [Weight, Region, Failover, MultiValueAnswer], but found {found} in {place}"
        )))
    };
    match (policies, weight, set.region.clone(), set.failover.as_deref()) {
        (0, ..) => one_of("none"),
        (1, Some(weight), ..) => Ok(ModelRouting::Weighted { set_identifier, weight }),
        (1, _, Some(region), _) => Ok(ModelRouting::Latency { set_identifier, region }),
        (1, _, _, Some(side @ ("PRIMARY" | "SECONDARY"))) => {
            Ok(ModelRouting::Failover { set_identifier, primary: side == "PRIMARY" })
        }
        (1, _, _, Some(other)) => Err(input(format!(
            "Invalid XML ; cvc-enumeration-valid: Value '{other}' is not facet-valid with respect to enumeration '[PRIMARY, SECONDARY]'. It must be a value from the enumeration."
        ))),
        (1, ..) => Ok(ModelRouting::Multivalue { set_identifier }),
        _ => one_of("more than one"),
    }
}

fn data(set: &RecordSetXml, place: &str) -> Result<RecordData, Route53Error> {
    if set.traffic_policy_instance_id.is_some() {
        return Err(input(format!("Traffic policies are not modelled, in {place}")));
    }
    let one_of = |found| {
        Err(input(format!(
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found {found} in {place}"
        )))
    };
    match (&set.alias_target, set.ttl, &set.resource_records) {
        (Some(alias), None, None) => {
            let zone = &alias.hosted_zone_id;
            let length = zone.chars().count();
            if length > RESOURCE_ID_CHARS_MAX {
                return Err(input(format!(
                    "Invalid XML ; cvc-maxLength-valid: Value '{zone}' with length = '{length}' is not facet-valid with respect to maxLength '{RESOURCE_ID_CHARS_MAX}' for type 'ResourceId'."
                )));
            }
            Ok(RecordData::Alias {
                target_zone: zone.clone(),
                target_name: alias
                    .dns_name
                    .parse()
                    .map_err(|error| input(format!("Invalid request: {error}, in {place}")))?,
                evaluate_target_health: alias.evaluate_target_health,
            })
        }
        (None, Some(ttl), Some(records)) => Ok(RecordData::Plain {
            ttl_s: in_range(ttl, TTL_S_MAX, "TTL")?,
            values: records.records.iter().map(|record| record.value.clone()).collect(),
        }),
        (None, ..) => one_of("none"),
        _ => one_of("more than one"),
    }
}

/// A number from 0 to `max`, in the words of AWS's schema if it is not.
fn in_range(number: i64, max: u32, kind: &str) -> Result<u32, Route53Error> {
    let (facet, limit) =
        if number < 0 { ("minInclusive", 0) } else { ("maxInclusive", i64::from(max)) };
    match u32::try_from(number) {
        Ok(number) if number <= max => Ok(number),
        _ => Err(input(format!(
            "Invalid XML ; cvc-{facet}-valid: Value '{number}' is not facet-valid with respect to {facet} '{limit}' for type '{kind}'."
        ))),
    }
}

pub(super) fn input(message: impl Into<String>) -> Route53Error {
    Route53Error::InvalidInput { message: message.into() }
}
