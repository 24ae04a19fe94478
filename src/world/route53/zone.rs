//! A hosted zone: what the API lists, what the name servers answer with, and the changes between.

use std::collections::{BTreeMap, VecDeque};

use super::owner::OwnerName;
use super::record::{Key, ModelRecordSet, ModelRecordType, ModelRouting, Records};
use crate::domain::record::RecordData;
use crate::domain::{Moment, ZoneId};

/// The name servers of every zone: those of the example in the Route 53 Developer Guide, "NS and
/// SOA records that Amazon Route 53 creates for a public hosted zone".
pub const NAME_SERVERS: [&str; 4] = [
    "ns-2048.awsdns-64.com",
    "ns-2049.awsdns-65.net",
    "ns-2050.awsdns-66.org",
    "ns-2051.awsdns-67.co.uk",
];

/// Times to live of a new zone's NS and SOA (same page).
const NS_TTL_S: u32 = 172_800;
const SOA_TTL_S: u32 = 900;

/// An accepted batch on its way to the name servers.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// When it is served, unless one before it in the queue still holds it up.
    pub(super) served_at: Moment,
    pub(super) effects: BTreeMap<Key, Option<ModelRecordSet>>,
}

#[derive(Debug)]
pub(super) struct Zone {
    pub(super) name: OwnerName,
    pub(super) caller_reference: String,
    pub(super) comment: Option<String>,
    /// Every accepted change is in it.
    pub(super) accepted: Records,
    /// What name servers answer with: `accepted` less what is under way.
    pub(super) served: Records,
    /// In the order of acceptance: none overtakes another.
    pub(super) under_way: VecDeque<UnderWay>,
    /// When the last accepted change is on every name server.
    pub(super) insync_at: Moment,
}

impl Zone {
    pub(super) fn new(name: OwnerName, caller_reference: String, comment: Option<String>) -> Self {
        let soa =
            format!("{}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400", NAME_SERVERS[0]);
        let servers = NAME_SERVERS.iter().map(|server| format!("{server}.")).collect();
        let plain = |rtype, ttl_s, values| ModelRecordSet {
            name: name.clone(),
            rtype,
            routing: ModelRouting::Simple,
            data: RecordData::Plain { ttl_s, values },
            health_check: None,
        };
        let accepted: Records = [
            plain(ModelRecordType::Ns, NS_TTL_S, servers),
            plain(ModelRecordType::Soa, SOA_TTL_S, vec![soa]),
        ]
        .into_iter()
        .map(|record| (record.key(), record))
        .collect();
        let served = accepted.clone();
        let (under_way, insync_at) = (VecDeque::new(), Moment::ZERO);
        Self { name, caller_reference, comment, accepted, served, under_way, insync_at }
    }

    /// Makes the name servers serve what has reached them by now.
    pub(super) fn advance(&mut self, now: Moment) {
        while self.under_way.front().is_some_and(|batch| batch.served_at <= now) {
            let Some(batch) = self.under_way.pop_front() else { break };
            for (key, effect) in batch.effects {
                match effect {
                    Some(record) => self.served.insert(key, record),
                    None => self.served.remove(&key),
                };
            }
        }
    }

    pub(super) fn info(&self, id: &ZoneId) -> ZoneInfo {
        ZoneInfo {
            id: id.clone(),
            name: self.name.clone(),
            caller_reference: self.caller_reference.clone(),
            comment: self.comment.clone(),
            record_sets: self.accepted.len(),
        }
    }
}

/// A hosted zone as the API tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneInfo {
    /// Its ID.
    pub id: ZoneId,
    /// Its name.
    pub name: OwnerName,
    /// What its creator gave, so as not to create it twice.
    pub caller_reference: String,
    /// Its creator's comment.
    pub comment: Option<String>,
    /// How many record sets it holds.
    pub record_sets: usize,
}
