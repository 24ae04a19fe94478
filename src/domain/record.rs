//! Route 53 record sets, the fence, and batches of changes.
//!
//! A batch is a compare-and-swap: it deletes the fence's old TXT value and creates the new one, and
//! Route 53 applies a batch whole or not at all, so that nothing in it lands unless the fence was
//! what the planner had read. Weights too change by deleting the exact record that was read and
//! creating its successor, so that a hand edit in between rejects the batch instead of being
//! overwritten.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{FleetName, InvalidName, ZoneId};
use super::seat::Epoch;
use super::weight::Weight;

/// The types of record that regent reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// An IPv4 address, or an alias to something that has one.
    A,
    /// An IPv6 address, or an alias to something that has one.
    Aaaa,
    /// Another name.
    Cname,
    /// Text; the fence.
    Txt,
}

impl RecordType {
    /// As Route 53 writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Txt => "TXT",
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A fully qualified domain name in lower case with its final dot, as Route 53 lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DnsName(String);

impl DnsName {
    /// The name with its final dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is `zone` or stands below it.
    #[must_use]
    pub fn is_within(&self, zone: &Self) -> bool {
        self.0 == zone.0 || self.0.strip_suffix(&zone.0).is_some_and(|head| head.ends_with('.'))
    }
}

impl FromStr for DnsName {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |reason| Err(InvalidName { kind: "DNS name", text: text.to_owned(), reason });
        let bare = text.strip_suffix('.').unwrap_or(text);
        if bare.is_empty() {
            return fail("it is empty");
        }
        if bare.len() > 253 {
            return fail("it is longer than 253 bytes");
        }
        for label in bare.split('.') {
            if label.is_empty() || label.len() > 63 {
                return fail("a label is empty or longer than 63 bytes");
            }
            if !label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
                return fail("a label holds something other than letters, digits, - and _");
            }
        }
        Ok(Self(format!("{}.", bare.to_ascii_lowercase())))
    }
}

impl TryFrom<String> for DnsName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> Self {
        name.0
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A name and a type: what a resolver asks for, and what weighted records share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// The name.
    pub name: DnsName,
    /// The type.
    pub rtype: RecordType,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.rtype)
    }
}

/// How a record set is chosen among others of its name and type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// It stands alone.
    Simple,
    /// By weight, with this set identifier.
    Weighted {
        /// Tells it from the others; regent uses the Region's code.
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
    /// A policy that regent neither writes nor touches (latency, geolocation, multivalue, …).
    Other {
        /// Its set identifier.
        set_identifier: String,
    },
}

impl Routing {
    /// What the primary of a failover pair counts for where weights are spoken of; the secondary counts
    /// for nothing.
    pub const PRIMARY: Weight = Weight(100);

    /// With what weight it takes part in answering while all is well; none where that isn't a Region's.
    #[must_use]
    pub const fn weight(&self) -> Option<Weight> {
        match self {
            Self::Weighted { weight, .. } => Some(*weight),
            Self::Failover { primary: true, .. } => Some(Self::PRIMARY),
            Self::Failover { primary: false, .. } => Some(Weight::ZERO),
            Self::Simple | Self::Other { .. } => None,
        }
    }

    /// The set identifier, for all but simple records.
    #[must_use]
    pub fn set_identifier(&self) -> Option<&str> {
        match self {
            Self::Simple => None,
            Self::Weighted { set_identifier, .. }
            | Self::Failover { set_identifier, .. }
            | Self::Other { set_identifier } => Some(set_identifier),
        }
    }
}

/// What a record set answers with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordData {
    /// Values with a time to live. TXT values are kept *with* their quotes, as Route 53 writes them.
    Plain {
        /// Seconds that a resolver may keep the answer.
        ttl_s: u32,
        /// The values.
        values: Vec<String>,
    },
    /// An alias to an AWS resource; its time to live is the resource's own (60 s for a load
    /// balancer).
    Alias {
        /// The hosted zone of the *target*: for a load balancer, its Region's fixed zone.
        target_zone: String,
        /// The target's name.
        target_name: DnsName,
        /// Whether the target's own health decides, combined by AND with a health check.
        evaluate_target_health: bool,
    },
}

impl RecordData {
    /// Whether both lead to the same place, however long they may be kept and whatever they evaluate.
    #[must_use]
    pub fn same_target(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain { values: one, .. }, Self::Plain { values: other, .. }) => {
                let set = |values: &[String]| {
                    values.iter().map(|value| canonical(value)).collect::<BTreeSet<_>>()
                };
                set(one) == set(other)
            }
            (Self::Alias { target_name: one, .. }, Self::Alias { target_name: other, .. }) => {
                bare(one) == bare(other)
            }
            _ => false,
        }
    }

    /// The names that it leads to by name: an alias's target, or a CNAME's.
    pub fn names(&self) -> impl Iterator<Item = DnsName> {
        let (values, target): (&[String], _) = match self {
            Self::Plain { values, .. } => (values, None),
            Self::Alias { target_name, .. } => (&[], Some(target_name.clone())),
        };
        let names = values.iter().filter(|value| value.parse::<IpAddr>().is_err());
        names.filter_map(|value| value.parse().ok()).chain(target)
    }

    /// Whether every answer of `other` is one of this record's too.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain { values: all, .. }, Self::Plain { values: some, .. }) => {
                let all: BTreeSet<_> = all.iter().map(|value| canonical(value)).collect();
                some.iter().all(|value| all.contains(&canonical(value)))
            }
            _ => self.same_target(other),
        }
    }
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { ttl_s, values } => write!(f, "{} for {ttl_s} s", values.join(" ")),
            Self::Alias { target_name, .. } => write!(f, "alias {target_name}"),
        }
    }
}

/// A value in the form in which it is compared: addresses have several spellings, names too.
#[must_use]
pub fn canonical(value: &str) -> String {
    value.parse::<IpAddr>().map_or_else(
        |_| value.trim_end_matches('.').to_ascii_lowercase(),
        |address| address.to_string(),
    )
}

/// Route 53 takes either name of a load balancer for one (Developer Guide, "Values specific for simple
/// alias records": the console puts dualstack. before it).
fn bare(name: &DnsName) -> &str {
    name.0.strip_prefix("dualstack.").unwrap_or(&name.0)
}

/// One record set, with every field that a DELETE must repeat exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordSet {
    /// Name and type.
    pub key: RecordKey,
    /// The routing policy.
    pub routing: Routing,
    /// The answer.
    pub data: RecordData,
    /// The health check that guards it.
    pub health_check: Option<String>,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordChange {
    /// Fails the whole batch unless exactly this record set exists.
    Delete(RecordSet),
    /// Fails the whole batch if the record set exists.
    Create(RecordSet),
}

/// The value of a zone's fence: whose, of which epoch, and the number of the attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// The fleet that steers this zone.
    pub fleet: FleetName,
    /// The epoch of the leader that changed the zone last.
    pub epoch: Epoch,
    /// Fresh for every attempt, retries included: after a timeout only the fence says which of two
    /// batches landed.
    pub attempt: u64,
}

impl Fence {
    /// The name of the TXT record that holds the fence of `fleet` in the zone of that name.
    ///
    /// # Errors
    /// When the zone's name is too long to stand behind `_regent-<fleet>`.
    pub fn record_name(fleet: &FleetName, zone: &DnsName) -> Result<DnsName, InvalidName> {
        format!("_regent-{fleet}.{zone}").parse()
    }

    /// Seconds that resolvers may keep the fence. Nobody decides by a resolved fence, so a minute
    /// serves those who look.
    pub const TTL_S: u32 = 60;

    /// The fence in a TXT record set; none if it is something else.
    #[must_use]
    pub fn in_record(record: &RecordSet) -> Option<Self> {
        match &record.data {
            RecordData::Plain { values, .. } => match values.as_slice() {
                [value] => value.parse().ok(),
                _ => None,
            },
            RecordData::Alias { .. } => None,
        }
    }

    /// The fence as a record set.
    #[must_use]
    pub fn record_set(&self, name: &DnsName) -> RecordSet {
        RecordSet {
            key: RecordKey { name: name.clone(), rtype: RecordType::Txt },
            routing: Routing::Simple,
            data: RecordData::Plain { ttl_s: Self::TTL_S, values: vec![format!("\"{self}\"")] },
            health_check: None,
        }
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "regent fleet={} epoch={} attempt={}", self.fleet, self.epoch, self.attempt)
    }
}

impl FromStr for Fence {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |reason| InvalidName { kind: "fence", text: text.to_owned(), reason };
        let bare = text.trim_matches('"');
        let mut parts = bare.split(' ');
        if parts.next() != Some("regent") {
            return Err(fail("it does not begin with \"regent\""));
        }
        let mut field = |name: &str| {
            parts
                .next()
                .and_then(|part| part.strip_prefix(name))
                .and_then(|part| part.strip_prefix('='))
                .ok_or_else(|| fail("it must have the form: regent fleet=F epoch=E attempt=N"))
        };
        let number = |part: &str| part.parse().map_err(|_| fail("epoch and attempt are numbers"));
        let fence = Self {
            fleet: field("fleet")?.parse()?,
            epoch: Epoch(number(field("epoch")?)?),
            attempt: number(field("attempt")?)?,
        };
        match parts.next() {
            None => Ok(fence),
            Some(_) => Err(fail("something follows the attempt")),
        }
    }
}

/// What one reading of a zone found: the fence, read *first*, then the records asked for. Only a
/// batch that swaps on this very fence proves that nothing changed in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneRead {
    /// The fence's record set as found, if there is one: for the exact DELETE.
    pub fence: Option<RecordSet>,
    /// Every record set with a name and type that was asked for.
    pub records: Vec<RecordSet>,
}

/// A batch for one zone, applied whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneBatch {
    /// The zone.
    pub zone: ZoneId,
    /// The changes; the fence's swap is among them.
    pub changes: Vec<RecordChange>,
    /// Kept with the change by Route 53, for people who read its trail.
    pub comment: String,
}

/// The ID that Route 53 gave to an accepted batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(pub String);

/// How far an accepted batch has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStatus {
    /// Accepted; not yet on every name server.
    Pending,
    /// On every name server.
    Insync,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_survives_its_txt_value() {
        let fence = Fence { fleet: "demo".parse().expect("valid"), epoch: Epoch(7), attempt: 3 };
        let name = "_regent-demo.example.com".parse().expect("valid");
        let RecordData::Plain { values, .. } = fence.record_set(&name).data else {
            panic!("a fence is plain");
        };
        assert_eq!(values, ["\"regent fleet=demo epoch=7 attempt=3\""]);
        assert_eq!(values[0].parse::<Fence>().expect("valid"), fence);
        for bad in [
            "",
            "v=spf1",
            "regent fleet=demo epoch=x attempt=1",
            "regent fleet=a epoch=1 attempt=2 more",
        ] {
            assert!(bad.parse::<Fence>().is_err(), "{bad}");
        }
    }

    #[test]
    fn targets_are_the_same_however_they_are_spelt() {
        let plain = |values: &[&str]| RecordData::Plain {
            ttl_s: 60,
            values: values.iter().map(|&value| value.to_owned()).collect(),
        };
        let alias = |name: &str| RecordData::Alias {
            target_zone: "ZLB".to_owned(),
            target_name: name.parse().expect("valid"),
            evaluate_target_health: false,
        };
        let same = [
            (plain(&["2001:db8:0::1"]), plain(&["2001:DB8::1"])),
            (plain(&["LB.example.net"]), plain(&["lb.example.net."])),
            (plain(&["192.0.2.1", "192.0.2.2"]), plain(&["192.0.2.2", "192.0.2.1"])),
            (alias("dualstack.lb.example.net"), alias("lb.example.net")),
        ];
        for (one, other) in same {
            assert!(one.same_target(&other) && other.same_target(&one), "{one} {other}");
            assert!(one.holds(&other), "{one} {other}");
        }
        let (one, both) = (plain(&["192.0.2.1"]), plain(&["192.0.2.1", "192.0.2.2"]));
        assert!(!one.same_target(&both) && both.holds(&one) && !one.holds(&both));
        assert!(!alias("a.example").same_target(&plain(&["a.example"])));
    }

    #[test]
    fn names_are_compared_without_case_and_with_the_final_dot() {
        let name: DnsName = "Web.Example.COM".parse().expect("valid");
        assert_eq!(name.as_str(), "web.example.com.");
        assert!(name.is_within(&"example.com.".parse().expect("valid")));
        assert!(!name.is_within(&"ample.com".parse().expect("valid")));
        assert!("a..b".parse::<DnsName>().is_err());
    }
}
