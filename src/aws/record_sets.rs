//! Route 53's record sets, to and from the domain's.
//!
//! Exact in both directions, since a DELETE must repeat what stands there field by field. What the
//! domain's words can't hold is either marked (`Routing::Other`: seen, never written) or refused
//! with the reason; nothing is rounded.

use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{
    AliasTarget, ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover, RrType,
};

use crate::domain::record::{DnsName, RecordData, RecordKey, RecordSet, RecordType, Routing};
use crate::domain::{InvalidName, Weight};

/// Why a record set has no counterpart on the other side.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unheld {
    /// A name with an escape such as `\052` (a wildcard), or no name at all.
    #[error("record {record}: {source}")]
    Name {
        /// The record's name as listed.
        record: String,
        /// What is wrong with it.
        source: InvalidName,
    },
    /// A type that regent neither reads nor writes.
    #[error("record {record}: regent does not know the type {rtype}")]
    Type {
        /// The record's name.
        record: String,
        /// Its type.
        rtype: String,
    },
    /// A number out of range.
    #[error("record {record}: {what} is {value}, which is out of its range")]
    Range {
        /// The record's name.
        record: String,
        /// Which number.
        what: &'static str,
        /// The number.
        value: i64,
    },
    /// Neither an alias nor values with a time to live, or both.
    #[error("record {record}: it is neither an alias nor a list of values with a time to live")]
    Data {
        /// The record's name.
        record: String,
    },
    /// A routing policy that regent must not write.
    #[error(
        "record {record}: its routing policy (set identifier {set_identifier:?}) is not one that \
         regent changes: change it by hand"
    )]
    Policy {
        /// The record's name.
        record: String,
        /// Its set identifier.
        set_identifier: String,
    },
    /// The SDK refuses to form it.
    #[error("record {record}: {source}")]
    Build {
        /// The record's name.
        record: String,
        /// The SDK's reason.
        source: BuildError,
    },
}

/// A type in the SDK's words.
pub(super) fn type_to_sdk(rtype: RecordType) -> RrType {
    match rtype {
        RecordType::A => RrType::A,
        RecordType::Aaaa => RrType::Aaaa,
        RecordType::Cname => RrType::Cname,
        RecordType::Txt => RrType::Txt,
    }
}

/// Whether a listed record set has this name and type. Names are listed with escapes (`\052` for a
/// wildcard's `*`); a name that needs one is not a `DnsName`, so it is no key of regent's.
pub(super) fn has_key(listed: &ResourceRecordSet, key: &RecordKey) -> bool {
    *listed.r#type() == type_to_sdk(key.rtype)
        && listed.name().parse::<DnsName>().is_ok_and(|name| name == key.name)
}

/// A record set in the domain's words.
pub(super) fn from_sdk(listed: &ResourceRecordSet) -> Result<RecordSet, Unheld> {
    let record = listed.name();
    let name = parse_name(record, record)?;
    let rtype = match listed.r#type() {
        RrType::A => RecordType::A,
        RrType::Aaaa => RecordType::Aaaa,
        RrType::Cname => RecordType::Cname,
        RrType::Txt => RecordType::Txt,
        other => {
            return Err(Unheld::Type { record: record.to_owned(), rtype: other.to_string() });
        }
    };
    Ok(RecordSet {
        key: RecordKey { name, rtype },
        routing: routing_from(listed)?,
        data: data_from(listed)?,
        health_check: listed.health_check_id().map(ToOwned::to_owned),
    })
}

fn parse_name(record: &str, text: &str) -> Result<DnsName, Unheld> {
    text.parse().map_err(|source| Unheld::Name { record: record.to_owned(), source })
}

fn ranged<T: TryFrom<i64>>(record: &str, what: &'static str, value: i64) -> Result<T, Unheld> {
    T::try_from(value).map_err(|_| Unheld::Range { record: record.to_owned(), what, value })
}

/// Whether a record set has a field that the domain's words have no place for. To write such a
/// record back without it would change or fail the record.
fn has_foreign_fields(listed: &ResourceRecordSet) -> bool {
    listed.region().is_some()
        || listed.geo_location().is_some()
        || listed.geo_proximity_location().is_some()
        || listed.cidr_routing_config().is_some()
        || listed.multi_value_answer().is_some()
        || listed.traffic_policy_instance_id().is_some()
}

fn routing_from(listed: &ResourceRecordSet) -> Result<Routing, Unheld> {
    let set_identifier = listed.set_identifier().map(ToOwned::to_owned);
    let other = |set_identifier: Option<String>| Routing::Other {
        set_identifier: set_identifier.unwrap_or_default(),
    };
    if has_foreign_fields(listed) {
        return Ok(other(set_identifier));
    }
    Ok(match (set_identifier, listed.weight(), listed.failover()) {
        (None, None, None) => Routing::Simple,
        (Some(set_identifier), Some(weight), None) => Routing::Weighted {
            set_identifier,
            weight: Weight(ranged(listed.name(), "the weight", weight)?),
        },
        (Some(set_identifier), None, Some(ResourceRecordSetFailover::Primary)) => {
            Routing::Failover { set_identifier, primary: true }
        }
        (Some(set_identifier), None, Some(ResourceRecordSetFailover::Secondary)) => {
            Routing::Failover { set_identifier, primary: false }
        }
        (set_identifier, ..) => other(set_identifier),
    })
}

fn data_from(listed: &ResourceRecordSet) -> Result<RecordData, Unheld> {
    let record = listed.name();
    let values = listed.resource_records();
    match (listed.alias_target(), listed.ttl()) {
        (Some(alias), None) if values.is_empty() => Ok(RecordData::Alias {
            target_zone: alias.hosted_zone_id().to_owned(),
            target_name: parse_name(record, alias.dns_name())?,
            evaluate_target_health: alias.evaluate_target_health(),
        }),
        (None, Some(ttl)) => Ok(RecordData::Plain {
            ttl_s: ranged(record, "the time to live", ttl)?,
            values: values.iter().map(|value| value.value().to_owned()).collect(),
        }),
        _ => Err(Unheld::Data { record: record.to_owned() }),
    }
}

/// A record set in the SDK's words. A routing policy that the domain's words don't hold whole is
/// refused.
pub(super) fn to_sdk(set: &RecordSet) -> Result<ResourceRecordSet, Unheld> {
    let record = || set.key.name.to_string();
    let built = |source| Unheld::Build { record: record(), source };
    let mut sdk = ResourceRecordSet::builder()
        .name(set.key.name.as_str())
        .r#type(type_to_sdk(set.key.rtype))
        .set_set_identifier(set.routing.set_identifier().map(ToOwned::to_owned))
        .set_health_check_id(set.health_check.clone());
    sdk = match &set.routing {
        Routing::Simple => sdk,
        Routing::Weighted { weight, .. } => sdk.weight(i64::from(weight.0)),
        Routing::Failover { primary: true, .. } => sdk.failover(ResourceRecordSetFailover::Primary),
        Routing::Failover { primary: false, .. } => {
            sdk.failover(ResourceRecordSetFailover::Secondary)
        }
        Routing::Other { set_identifier } => {
            return Err(Unheld::Policy {
                record: record(),
                set_identifier: set_identifier.clone(),
            });
        }
    };
    sdk = match &set.data {
        RecordData::Plain { ttl_s, values } => {
            let values: Result<Vec<_>, _> =
                values.iter().map(|value| ResourceRecord::builder().value(value).build()).collect();
            sdk.ttl(i64::from(*ttl_s)).set_resource_records(Some(values.map_err(built)?))
        }
        RecordData::Alias { target_zone, target_name, evaluate_target_health } => {
            let target = AliasTarget::builder()
                .hosted_zone_id(target_zone)
                .dns_name(target_name.as_str())
                .evaluate_target_health(*evaluate_target_health)
                .build();
            sdk.alias_target(target.map_err(built)?)
        }
    };
    sdk.build().map_err(built)
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::{GeoLocation, ResourceRecordSetRegion};
    use proptest::prelude::*;

    use super::*;

    fn names() -> impl Strategy<Value = DnsName> {
        "[a-z][a-z0-9-]{0,8}\\.example\\.com".prop_map(|name| name.parse().expect("valid"))
    }

    fn routings() -> impl Strategy<Value = Routing> {
        prop_oneof![
            Just(Routing::Simple),
            ("[a-z0-9-]{1,12}", any::<u8>()).prop_map(|(set_identifier, weight)| {
                Routing::Weighted { set_identifier, weight: Weight(weight) }
            }),
            ("[a-z0-9-]{1,12}", any::<bool>()).prop_map(|(set_identifier, primary)| {
                Routing::Failover { set_identifier, primary }
            }),
        ]
    }

    fn answers() -> impl Strategy<Value = RecordData> {
        prop_oneof![
            (any::<u32>(), proptest::collection::vec("[ -~]{1,20}", 1..4))
                .prop_map(|(ttl_s, values)| RecordData::Plain { ttl_s, values }),
            ("[A-Z0-9]{6,20}", names(), any::<bool>()).prop_map(
                |(target_zone, target_name, evaluate_target_health)| RecordData::Alias {
                    target_zone,
                    target_name,
                    evaluate_target_health,
                }
            ),
        ]
    }

    fn types() -> impl Strategy<Value = RecordType> {
        prop_oneof![
            Just(RecordType::A),
            Just(RecordType::Aaaa),
            Just(RecordType::Cname),
            Just(RecordType::Txt)
        ]
    }

    proptest! {
        #[test]
        fn a_record_set_survives_the_sdk(
            name in names(),
            rtype in types(),
            routing in routings(),
            data in answers(),
            health_check in proptest::option::of("[0-9a-f]{8}"),
        ) {
            let set = RecordSet { key: RecordKey { name, rtype }, routing, data, health_check };
            let sdk = to_sdk(&set).expect("regent's own words");
            prop_assert!(has_key(&sdk, &set.key));
            prop_assert_eq!(from_sdk(&sdk).expect("just written"), set);
        }
    }

    fn weighted() -> aws_sdk_route53::types::builders::ResourceRecordSetBuilder {
        ResourceRecordSet::builder()
            .name("web.example.com.")
            .r#type(RrType::A)
            .set_identifier("eu-west-1")
            .weight(10)
            .ttl(60)
            .resource_records(ResourceRecord::builder().value("192.0.2.1").build().expect("whole"))
    }

    #[test]
    fn a_field_without_a_place_in_our_words_marks_the_record_and_bars_writing_it_back() {
        let location = GeoLocation::builder().country_code("DE").build();
        let foreign = [
            weighted().region(ResourceRecordSetRegion::EuWest1),
            weighted().geo_location(location),
            weighted().multi_value_answer(true),
            weighted().traffic_policy_instance_id("t"),
            weighted().failover(ResourceRecordSetFailover::Primary),
            weighted().set_weight(None),
        ];
        for builder in foreign {
            let listed = builder.build().expect("whole");
            let set = from_sdk(&listed).expect("can be read");
            let other = Routing::Other { set_identifier: "eu-west-1".to_owned() };
            assert_eq!(set.routing, other, "{listed:?}");
            assert!(matches!(to_sdk(&set), Err(Unheld::Policy { .. })));
        }
    }

    #[test]
    fn what_can_not_be_held_exactly_is_refused_with_the_reason() {
        let bad = [
            (weighted().weight(256), "weight is 256"),
            (weighted().ttl(-1), "time to live is -1"),
            (weighted().set_ttl(None), "neither an alias nor"),
            (weighted().name("\\052.example.com."), "DNS name"),
            (weighted().r#type(RrType::Mx), "type MX"),
        ];
        for (builder, reason) in bad {
            let error = from_sdk(&builder.build().expect("whole")).expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    #[test]
    fn a_wildcard_and_another_type_are_not_the_key_that_was_asked_for() {
        let key =
            RecordKey { name: "web.example.com".parse().expect("valid"), rtype: RecordType::A };
        let is = |builder: aws_sdk_route53::types::builders::ResourceRecordSetBuilder| {
            has_key(&builder.build().expect("whole"), &key)
        };
        assert!(is(weighted()));
        assert!(is(weighted().name("WEB.example.com")));
        assert!(!is(weighted().name("\\052.example.com.")));
        assert!(!is(weighted().r#type(RrType::Aaaa)));
    }
}
