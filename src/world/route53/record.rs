//! The model's record sets: regent's words where they suffice, wider where Route 53 holds more.
//!
//! A zone also holds what regent never touches: NS and SOA at its apex, other people's MX or SRV
//! records, wildcards, latency and multivalue answers. They are kept with their values as opaque
//! text, so that listings, conflicts and exact deletes are true to AWS. Geolocation, geoproximity
//! and CIDR routing and traffic policies are not modelled.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::owner::OwnerName;
use crate::domain::name::InvalidName;
use crate::domain::record::{RecordChange, RecordData, RecordKey, RecordSet, RecordType, Routing};
use crate::domain::weight::Weight;

macro_rules! record_types {
    ($($variant:ident $text:literal $doc:literal),* $(,)?) => {
        /// A type of record that Route 53 hosts (Route 53 Developer Guide, "Supported DNS record
        /// types"), in the order of listings, which is that of the letters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ModelRecordType {
            $(#[doc = $doc] $variant,)*
        }

        impl ModelRecordType {
            /// As Route 53 writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl FromStr for ModelRecordType {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(InvalidName {
                        kind: "record type",
                        text: text.to_owned(),
                        reason: "Route 53 hosts no records of that type",
                    }),
                }
            }
        }
    };
}

record_types! {
    A "A" "An IPv4 address.",
    Aaaa "AAAA" "An IPv6 address.",
    Caa "CAA" "Which authorities may issue certificates.",
    Cname "CNAME" "Another name.",
    Ds "DS" "A delegation's key.",
    Https "HTTPS" "How to reach a web service.",
    Mx "MX" "A mail server.",
    Naptr "NAPTR" "A rewriting rule.",
    Ns "NS" "A name server.",
    Ptr "PTR" "The name of an address.",
    Soa "SOA" "The zone's start of authority.",
    Spf "SPF" "Obsolete: a mail sender policy.",
    Srv "SRV" "A server of a service.",
    Sshfp "SSHFP" "A host key's fingerprint.",
    Svcb "SVCB" "How to reach a service.",
    Tlsa "TLSA" "A certificate's association.",
    Txt "TXT" "Text.",
}

impl ModelRecordType {
    /// The type in regent's own words; none for those that regent never touches.
    #[must_use]
    pub const fn to_record_type(self) -> Option<RecordType> {
        match self {
            Self::A => Some(RecordType::A),
            Self::Aaaa => Some(RecordType::Aaaa),
            Self::Cname => Some(RecordType::Cname),
            Self::Txt => Some(RecordType::Txt),
            _ => None,
        }
    }
}

impl From<RecordType> for ModelRecordType {
    fn from(rtype: RecordType) -> Self {
        match rtype {
            RecordType::A => Self::A,
            RecordType::Aaaa => Self::Aaaa,
            RecordType::Cname => Self::Cname,
            RecordType::Txt => Self::Txt,
        }
    }
}

impl fmt::Display for ModelRecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a record set is chosen among others of its name and type. All sets of one name and type
/// have the same kind of routing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelRouting {
    /// It stands alone.
    Simple,
    /// By weight.
    Weighted {
        /// Tells it from the others.
        set_identifier: String,
        /// Its weight.
        weight: Weight,
    },
    /// One of a failover pair.
    Failover {
        /// Tells it from the other.
        set_identifier: String,
        /// Whether it is the primary.
        primary: bool,
    },
    /// By the latency between the asker and this Region.
    Latency {
        /// Tells it from the others.
        set_identifier: String,
        /// The Region's code.
        region: String,
    },
    /// One of several that are answered together.
    Multivalue {
        /// Tells it from the others.
        set_identifier: String,
    },
}

impl ModelRouting {
    /// The set identifier, for all but simple records.
    #[must_use]
    pub fn set_identifier(&self) -> Option<&str> {
        match self {
            Self::Simple => None,
            Self::Weighted { set_identifier, .. }
            | Self::Failover { set_identifier, .. }
            | Self::Latency { set_identifier, .. }
            | Self::Multivalue { set_identifier } => Some(set_identifier),
        }
    }

    /// The kind's name in Route 53's messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Weighted { .. } => "weighted",
            Self::Failover { .. } => "failover",
            Self::Latency { .. } => "latency",
            Self::Multivalue { .. } => "multivalue answer",
        }
    }
}

/// One record set, with every field that a DELETE must repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRecordSet {
    /// Its name.
    pub name: OwnerName,
    /// Its type.
    pub rtype: ModelRecordType,
    /// Its routing policy.
    pub routing: ModelRouting,
    /// Its answer. Values of types that regent doesn't know are opaque text.
    pub data: RecordData,
    /// The health check that guards it.
    pub health_check: Option<String>,
}

impl ModelRecordSet {
    /// The record set in regent's own words; none when its name or type is beyond them.
    #[must_use]
    pub fn to_record_set(&self) -> Option<RecordSet> {
        let routing = match self.routing.clone() {
            ModelRouting::Simple => Routing::Simple,
            ModelRouting::Weighted { set_identifier, weight } => {
                Routing::Weighted { set_identifier, weight }
            }
            ModelRouting::Failover { set_identifier, primary } => {
                Routing::Failover { set_identifier, primary }
            }
            ModelRouting::Latency { set_identifier, .. }
            | ModelRouting::Multivalue { set_identifier } => Routing::Other { set_identifier },
        };
        let rtype = self.rtype.to_record_type()?;
        let key = RecordKey { name: self.name.to_dns_name()?, rtype };
        let health_check = self.health_check.clone();
        Some(RecordSet { key, routing, data: self.data.clone(), health_check })
    }

    /// Whether two record sets are the same in every field. The values of a set have no order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        fn sorted(data: &RecordData) -> RecordData {
            let mut data = data.clone();
            if let RecordData::Plain { values, .. } = &mut data {
                values.sort_unstable();
            }
            data
        }
        self.name == other.name
            && self.rtype == other.rtype
            && self.routing == other.routing
            && self.health_check == other.health_check
            && sorted(&self.data) == sorted(&other.data)
    }

    pub(super) fn key(&self) -> Key {
        Key::new(&self.name, self.rtype, self.routing.set_identifier().unwrap_or_default())
    }
}

/// A record set whose routing the model has no words for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{key} {set_identifier:?} has a routing policy that the model can't hold; it knows simple, weighted and failover from regent"
)]
pub struct UnknownRouting {
    /// The record set's name and type.
    pub key: RecordKey,
    /// Its set identifier.
    pub set_identifier: String,
}

impl TryFrom<&RecordSet> for ModelRecordSet {
    type Error = UnknownRouting;
    fn try_from(record: &RecordSet) -> Result<Self, UnknownRouting> {
        let routing = match record.routing.clone() {
            Routing::Simple => ModelRouting::Simple,
            Routing::Weighted { set_identifier, weight } => {
                ModelRouting::Weighted { set_identifier, weight }
            }
            Routing::Failover { set_identifier, primary } => {
                ModelRouting::Failover { set_identifier, primary }
            }
            Routing::Other { set_identifier } => {
                return Err(UnknownRouting { key: record.key.clone(), set_identifier });
            }
        };
        Ok(Self {
            name: (&record.key.name).into(),
            rtype: record.key.rtype.into(),
            routing,
            data: record.data.clone(),
            health_check: record.health_check.clone(),
        })
    }
}

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Removes a record set that must exist exactly so.
    Delete,
    /// Adds a record set that must not exist.
    Create,
    /// Adds or replaces, blindly.
    Upsert,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChange {
    /// What to do.
    pub action: Action,
    /// With which record set.
    pub record: ModelRecordSet,
}

impl TryFrom<&RecordChange> for ModelChange {
    type Error = UnknownRouting;
    fn try_from(change: &RecordChange) -> Result<Self, UnknownRouting> {
        let (action, record) = match change {
            RecordChange::Delete(record) => (Action::Delete, record),
            RecordChange::Create(record) => (Action::Create, record),
        };
        Ok(Self { action, record: record.try_into()? })
    }
}

/// A record set's place in a zone, in the order of listings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// [`OwnerName::reversed`].
    pub(super) reversed: String,
    pub(super) rtype: ModelRecordType,
    /// Empty for simple records; a set identifier has at least one character.
    pub(super) set_identifier: String,
}

impl Key {
    pub(super) fn new(name: &OwnerName, rtype: ModelRecordType, set_identifier: &str) -> Self {
        Self { reversed: name.reversed(), rtype, set_identifier: set_identifier.to_owned() }
    }
}

/// A zone's record sets.
pub(super) type Records = BTreeMap<Key, ModelRecordSet>;

/// The record sets of one name and type.
pub(super) fn of_type<'r>(
    records: &'r Records,
    name: &OwnerName,
    rtype: ModelRecordType,
) -> impl Iterator<Item = &'r ModelRecordSet> + use<'r> {
    let first = Key::new(name, rtype, "");
    let reversed = first.reversed.clone();
    records
        .range(first..)
        .take_while(move |(key, _)| key.rtype == rtype && key.reversed == reversed)
        .map(|(_, record)| record)
}

/// The record sets of one name.
pub(super) fn of_name<'r>(
    records: &'r Records,
    name: &OwnerName,
) -> impl Iterator<Item = &'r ModelRecordSet> + use<'r> {
    let first = Key::new(name, ModelRecordType::A, "");
    let reversed = first.reversed.clone();
    records.range(first..).take_while(move |(key, _)| key.reversed == reversed).map(|(_, r)| r)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{a, alias, create, failover, plain, weighted};
    use super::*;

    #[test]
    fn what_regent_has_words_for_survives_the_way_there_and_back() {
        let mut checked = weighted("www.example.com", "eu", 3, "192.0.2.1");
        checked.health_check = Some("hc".to_owned());
        for record in [
            a("www.example.com", "192.0.2.1"),
            alias("www.example.com", "Z9", "lb.example.net", true),
            failover("www.example.com", "eu", false, "192.0.2.1"),
            checked,
        ] {
            let change = RecordChange::Create(record.to_record_set().expect("has words"));
            assert_eq!(ModelChange::try_from(&change), Ok(create(record)));
        }
    }

    #[test]
    fn what_regent_has_no_words_for_is_told_apart() {
        assert_eq!(a("*.example.com", "192.0.2.1").to_record_set(), None);
        let mx = plain("example.com", ModelRecordType::Mx, &["10 mx.example.net."]);
        assert_eq!(mx.to_record_set(), None);
        let (set_identifier, region) = ("eu".to_owned(), "eu-west-1".to_owned());
        let routing = ModelRouting::Latency { set_identifier, region };
        let latency = ModelRecordSet { routing, ..a("www.example.com", "192.0.2.1") };
        let seen = latency.to_record_set().expect("seen, not written");
        let error = ModelRecordSet::try_from(&seen).expect_err("the Region is lost");
        assert!(error.to_string().contains("www.example.com. A"), "{error}");
    }
}
