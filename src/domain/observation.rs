//! What an agent saw, and how it tells the others.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::control::StateName;
use super::name::{AgentId, FleetName, RegionId, ServiceId, ZoneId};
use super::seat::{BootId, Epoch};
use super::signal::ServiceSignals;

/// What is probed: one service's endpoint in one Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// Where it stands.
    pub region: RegionId,
    /// Which service.
    pub service: ServiceId,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.region)
    }
}

/// Why one probe failed. The kind is for people and metrics; the brain treats all alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeFailure {
    /// The name could not be resolved.
    Name,
    /// The connection was refused or reset while connecting.
    Refused,
    /// No connection within the time limit.
    ConnectTimeout,
    /// Connected, but no whole answer within the time limit.
    AnswerTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke, or what came was not HTTP.
    Protocol,
    /// The status was not one of those that mean healthy.
    Status,
    /// The body did not hold the expected text.
    Body,
    /// The body was longer than the bound.
    TooLarge,
    /// Answered rightly, but later than the latency limit.
    Slow,
}

impl ProbeFailure {
    /// Every kind, in the order of declaration: for metrics that must exist before they count.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Refused,
        Self::ConnectTimeout,
        Self::AnswerTimeout,
        Self::Tls,
        Self::Protocol,
        Self::Status,
        Self::Body,
        Self::TooLarge,
        Self::Slow,
    ];

    /// The kind as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::AnswerTimeout => "answer_timeout",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Body => "body",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
        }
    }
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Name => "name not resolved",
            Self::Refused => "connection refused",
            Self::ConnectTimeout => "connect timed out",
            Self::AnswerTimeout => "answer timed out",
            Self::Tls => "TLS failed",
            Self::Protocol => "broken answer",
            Self::Status => "wrong status",
            Self::Body => "wrong body",
            Self::TooLarge => "body too large",
            Self::Slow => "too slow",
        })
    }
}

/// The result of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Why it failed; none when the target answered as it should.
    pub failure: Option<ProbeFailure>,
    /// What exactly came, for people; empty when there is nothing to add.
    pub detail: String,
    /// Time to a connection, in milliseconds, if it came to one.
    pub connect_ms: Option<u32>,
    /// Time to the first byte of the answer, in milliseconds, if one came.
    pub first_byte_ms: Option<u32>,
    /// Time to the end, in milliseconds.
    pub total_ms: u32,
}

/// An observer's opinion of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellState {
    /// Not enough samples to tell.
    Unknown,
    /// Answers.
    Up,
    /// Answered until now; a first failure is being confirmed.
    Suspect,
    /// Does not answer; confirmed.
    Down,
    /// Answers again, not yet for long enough.
    Recovering,
}

impl CellState {
    /// The state as a metric label and in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Recovering => "recovering",
        }
    }
}

/// One cell of the observer × target matrix, as its observer publishes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The opinion.
    pub state: CellState,
    /// For how long, in milliseconds when published: while failing, since the start of the first
    /// failed probe of the run of failures; otherwise since the state was entered.
    pub for_ms: u64,
    /// Failed probes among the last [`Cell::window`].
    pub failed: u16,
    /// Probes in the window.
    pub window: u16,
    /// Kind of the last failure while not up.
    pub failure: Option<ProbeFailure>,
    /// Median latency of the window's successes, in milliseconds.
    pub latency_ms: Option<u32>,
}

/// How far a leader has got with a hosted zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZoneStage {
    /// Its fence is not raised to the leader's epoch yet.
    Unclaimed,
    /// The fence is being raised.
    Claiming,
    /// The records are not as committed, or not known to be.
    Pending,
    /// A batch is under way.
    Changing,
    /// The records are as committed; not every name server has the last change yet.
    Propagating,
    /// The records are as committed, on every name server.
    InStep,
    /// Nothing can be done with it now.
    Held,
}

impl ZoneStage {
    /// The stage as a metric label and in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unclaimed => "unclaimed",
            Self::Claiming => "claiming",
            Self::Pending => "pending",
            Self::Changing => "changing",
            Self::Propagating => "propagating",
            Self::InStep => "in_step",
            Self::Held => "held",
        }
    }
}

/// A hosted zone as its leader has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneReport {
    /// How far it has got.
    pub stage: ZoneStage,
    /// Why it is held, or what is odd about it.
    pub detail: Option<String>,
}

impl fmt::Display for ZoneReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stage.label())?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// What a leader adds to its report, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderReport {
    /// Its epoch.
    pub epoch: Epoch,
    /// The state that it has committed, once it has.
    pub committed: Option<StateName>,
    /// Seats that acknowledge it.
    pub seats: Vec<RegionId>,
    /// Each zone.
    pub zones: BTreeMap<ZoneId, ZoneReport>,
    /// What would be done but is not, and why.
    pub blocked: Vec<String>,
}

/// What an agent publishes every couple of seconds, and at once on a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whose fleet.
    pub fleet: FleetName,
    /// The observer.
    pub agent: AgentId,
    /// Where it stands.
    pub region: RegionId,
    /// Its run.
    pub boot: BootId,
    /// Rises with every report of this run. Readers judge freshness by when they themselves saw it
    /// rise, never by a clock of the sender.
    pub seq: u64,
    /// Wall-clock time in RFC 3339, for people only.
    pub at: String,
    /// Its row of the matrix.
    #[serde(with = "cells")]
    pub cells: BTreeMap<Target, Cell>,
    /// What AWS says of its own Region's services, where there is anything to read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signals: BTreeMap<ServiceId, ServiceSignals>,
    /// Set while it leads.
    pub leading: Option<LeaderReport>,
}

/// Cells as a list, since a JSON object's keys are texts and a target is not.
mod cells {
    use super::{BTreeMap, Cell, Deserialize, Serialize, Target};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Entry {
        #[serde(flatten)]
        target: Target,
        #[serde(flatten)]
        cell: Cell,
    }

    pub(super) fn serialize<S: Serializer>(
        cells: &BTreeMap<Target, Cell>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            cells.iter().map(|(target, cell)| Entry { target: target.clone(), cell: cell.clone() }),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Target, Cell>, D::Error> {
        let entries = Vec::<Entry>::deserialize(deserializer)?;
        Ok(entries.into_iter().map(|entry| (entry.target, entry.cell)).collect())
    }
}
