//! What a zone's own name servers answer, held against what is wanted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{RegionId, ZoneId};
use super::record::{RecordData, RecordKey};

/// What name servers are asked for, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whose name servers.
    pub zone: ZoneId,
    /// The record.
    pub key: RecordKey,
    /// What leads to each Region: an answer is counted for the Region that it leads to.
    pub leads: BTreeMap<RegionId, RecordData>,
    /// How many answers to get, of all servers together.
    pub times: u16,
}

/// What one name server answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its name.
    pub server: String,
    /// Answers that led to each Region.
    pub counts: BTreeMap<RegionId, u32>,
    /// Answers that led to none of them, empty ones included.
    pub others: u32,
    /// Questions without an answer.
    pub silent: u32,
}

impl Heard {
    /// Answers of all kinds.
    #[must_use]
    pub fn answers(&self) -> u32 {
        self.counts.values().sum::<u32>() + self.others
    }
}

/// What a leader says of a service's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersReport {
    /// Since when name servers answer as wanted; none while they don't, or were not asked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<String>,
    /// Until when a client that honours the TTL may still go by an older answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<String>,
    /// How they differ from what is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// Why they could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Answers that this rests on.
    pub answers: u32,
    /// Name servers that gave them.
    pub servers: u32,
}
