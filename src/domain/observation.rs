//! What an agent saw, and how it tells the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::answers::AnswersReport;
use super::control::StateName;
use super::gate::Gate;
use super::name::{AgentId, DatabaseId, FleetName, RegionId, ServiceId, ZoneId};
use super::preflight::Preflight;
use super::record::RecordKey;
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
    /// This machine itself could not probe: no route to the address, no socket left. The observer is
    /// at fault; that all of its row fails is what discredits it.
    Local,
    /// The connection was refused or reset while connecting.
    Refused,
    /// No connection within the time limit.
    ConnectTimeout,
    /// The TLS handshake failed.
    Tls,
    /// The certificate is not to be trusted: expired, of another name, of an unknown authority.
    Certificate,
    /// Connected, but the TLS handshake did not end within the time limit.
    TlsTimeout,
    /// No whole answer within the time limit.
    AnswerTimeout,
    /// The connection was closed or reset before the answer was whole.
    Closed,
    /// What came was not the protocol that was asked for.
    Protocol,
    /// Sent elsewhere: redirects are not followed, or too many, or to another host.
    Redirect,
    /// The status was not one of those that mean healthy.
    Status,
    /// The body did not hold the expected text.
    Body,
    /// The JSON document could not be read, or a part of it does not say that it is healthy.
    Json,
    /// The head or the body of the answer was longer than the bound.
    TooLarge,
    /// Answered rightly, but later than a latency limit.
    Slow,
}

impl ProbeFailure {
    /// Every kind, in the order of declaration: for metrics that must exist before they count.
    pub const ALL: [Self; 16] = [
        Self::Name,
        Self::Local,
        Self::Refused,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Certificate,
        Self::TlsTimeout,
        Self::AnswerTimeout,
        Self::Closed,
        Self::Protocol,
        Self::Redirect,
        Self::Status,
        Self::Body,
        Self::Json,
        Self::TooLarge,
        Self::Slow,
    ];

    /// The kind as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Local => "local",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::TlsTimeout => "tls_timeout",
            Self::AnswerTimeout => "answer_timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::Body => "body",
            Self::Json => "json",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
        }
    }
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Name => "name not resolved",
            Self::Local => "not probed",
            Self::Refused => "connection refused",
            Self::ConnectTimeout => "connect timed out",
            Self::Tls => "TLS failed",
            Self::Certificate => "wrong certificate",
            Self::TlsTimeout => "TLS timed out",
            Self::AnswerTimeout => "answer timed out",
            Self::Closed => "closed early",
            Self::Protocol => "broken answer",
            Self::Redirect => "redirected",
            Self::Status => "wrong status",
            Self::Body => "wrong body",
            Self::Json => "unhealthy part",
            Self::TooLarge => "answer too large",
            Self::Slow => "too slow",
        })
    }
}

/// The address of an endpoint, one of those that its name has.
pub type Address = std::net::IpAddr;

/// What each phase of a probe took, in milliseconds; none for those that it did not come to, or did
/// not need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Until the name had addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_ms: Option<u32>,
    /// Until the connection was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<u32>,
    /// The TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<u32>,
    /// From the request to the first byte of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<u32>,
    /// The whole probe, from its start to the end of the answer.
    pub total_ms: u32,
}

impl Phases {
    /// The phases with their names, for metrics and tables.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Option<u32>); 5] {
        [
            ("name", self.name_ms),
            ("connect", self.connect_ms),
            ("tls", self.tls_ms),
            ("first_byte", self.first_byte_ms),
            ("total", Some(self.total_ms)),
        ]
    }
}

/// The result of one probe.
///
/// Of a name with several addresses, each probe takes the next in turn, and the others only when
/// that one fails. So `failure` says that nobody can be reached, and `passed_over` that a client
/// who took this address would have failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Why it failed; none when the target answered as it should, at whichever address.
    pub failure: Option<ProbeFailure>,
    /// What exactly came, for people; empty when there is nothing to add.
    pub detail: String,
    /// The address whose turn it was; none when it came to none.
    pub address: Option<Address>,
    /// Why that address failed, when another one answered.
    pub passed_over: Option<ProbeFailure>,
    /// What it took, at the address that answered.
    pub phases: Phases,
    /// When the endpoint's certificate expires, in seconds since 1970, if it showed one.
    pub certificate_expiry_unix_s: Option<i64>,
    /// Time between the command to probe and its start, in milliseconds: what this machine itself
    /// added to the target's turn.
    pub waited_ms: u32,
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

/// What a leader does about records that somebody else has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It puts them right.
    Corrected,
    /// It leaves them, as the files say.
    Kept,
    /// It has put them right too often: it leaves them, and asks.
    Stopped,
    /// It tells of them: what was changed is not the fleet's to decide.
    Noticed,
}

impl Course {
    /// The course as a metric label and in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Corrected => "corrected",
            Self::Kept => "kept",
            Self::Stopped => "stopped",
            Self::Noticed => "noticed",
        }
    }
}

/// Records that somebody else has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftReport {
    /// Whose.
    pub key: RecordKey,
    /// When it was noticed, by the leader's wall clock.
    pub at: String,
    /// What is done about it.
    pub course: Course,
    /// What was changed.
    pub what: Vec<String>,
}

impl fmt::Display for DriftReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, at, course, what } = self;
        write!(f, "{key}: {} (noticed {at}; ", what.join("; "))?;
        f.write_str(match course {
            Course::Corrected => "put right)",
            Course::Kept => "left, as drift = \"keep\" says)",
            Course::Stopped => {
                "put right too often: left now. Find who changes it; `regent pause` and `regent \
                 resume` begin anew)"
            }
            Course::Noticed => "told, and left)",
        })
    }
}

/// A hosted zone as its leader has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneReport {
    /// How far it has got.
    pub stage: ZoneStage,
    /// Why it is held, or what is odd about it.
    pub detail: Option<String>,
    /// What somebody else did to its records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<DriftReport>,
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

/// What an agent says of its gates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReport {
    /// The control state that they go by; none while it closes nothing for want of one.
    pub state: Option<StateName>,
    /// Those that it shows closed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub closed: BTreeSet<Gate>,
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
    /// Each database.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<DatabaseId, DatabaseReport>,
    /// What name servers answer for each service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<ServiceId, AnswersReport>,
    /// What each step of a run that is under way waits for, by run and step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waits: BTreeMap<String, BTreeMap<String, String>>,
}

/// How a leader sees a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseReport {
    /// Where its writer is; none if it could not be read or RDS shows none.
    pub writer: Option<RegionId>,
    /// RDS's status word.
    pub status: Option<String>,
    /// A move under way: its stage and where to.
    pub moving: Option<String>,
    /// Time since it was asked for, in milliseconds.
    pub age_ms: Option<u64>,
    /// What a failover to each Region would lose: at least, at most, and the age of the figures, all
    /// in milliseconds.
    pub loss: BTreeMap<RegionId, (u64, u64, u64)>,
    /// Why it could not be read last.
    pub trouble: Option<String>,
    /// What is not as it should be, a line each: copies that are missing or unlike the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// An address that fails while others of its name answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ailing {
    /// Whose.
    #[serde(flatten)]
    pub target: Target,
    /// Which.
    pub address: Address,
    /// How it last failed.
    pub failure: ProbeFailure,
}

/// A certificate that is about to expire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    /// Whose.
    #[serde(flatten)]
    pub target: Target,
    /// When, in seconds since 1970.
    pub expiry_unix_s: i64,
}

/// What an observer says of its probes as a whole.
///
/// Only exceptions are listed one by one, and not more than [`ProbingReport::LISTED_MAX`] of each
/// kind: a report of thousands of targets has to fit into one item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbingReport {
    /// Probes started in the last minute or two.
    #[serde(default)]
    pub started: u32,
    /// Of those, how many started later than their turn.
    #[serde(default)]
    pub late: u32,
    /// Medians over the last probe of each target, when any target answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases: Option<Phases>,
    /// Addresses that fail while others of their names answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ailing: Vec<Ailing>,
    /// Certificates that are about to expire, the soonest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expiring: Vec<Expiring>,
}

impl ProbingReport {
    /// Most entries of a list. Each has some 100 bytes, so this adds at most about 4 KB to an item
    /// that may have 400 KB (DynamoDB Developer Guide, "Service, account, and table quotas").
    pub const LISTED_MAX: usize = 20;

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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
    /// What else there is to say of its probes.
    #[serde(default, skip_serializing_if = "ProbingReport::is_empty")]
    pub probing: ProbingReport,
    /// The newest report of each other agent that it had read. A reader who finds a report of its
    /// own here knows that this one was written after that, however late it comes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heard: BTreeMap<AgentId, Heard>,
    /// Whether its off switch is set: it reports, and does nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// Set while it leads.
    pub leading: Option<LeaderReport>,
    /// Its gates, if the fleet has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<GateReport>,
    /// What it last found in the way of a failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
}

/// Which report of another agent was read: its run and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard(pub BootId, pub u64);

/// Cells by service and Region, each a short list: a report is one DynamoDB item of at most 400 KB
/// ("Service, account, and table quotas"), and is written every couple of seconds.
mod cells {
    use std::collections::BTreeMap;

    use super::{
        Cell, CellState, Deserialize, ProbeFailure, RegionId, Serialize, ServiceId, Target,
    };
    use serde::{Deserializer, Serializer};

    /// State, for how long, failed of window, kind of failure, latency.
    #[derive(Serialize, Deserialize)]
    struct Short(CellState, u64, u16, u16, Option<ProbeFailure>, Option<u32>);

    type ByService<K> = BTreeMap<K, BTreeMap<K, Short>>;

    pub(super) fn serialize<S: Serializer>(
        cells: &BTreeMap<Target, Cell>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut by_service: ByService<&str> = BTreeMap::new();
        for (target, cell) in cells {
            let Cell { state, for_ms, failed, window, failure, latency_ms } = *cell;
            let short = Short(state, for_ms, failed, window, failure, latency_ms);
            let regions = by_service.entry(target.service.as_str()).or_default();
            regions.insert(target.region.as_str(), short);
        }
        by_service.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Target, Cell>, D::Error> {
        let by_service =
            BTreeMap::<ServiceId, BTreeMap<RegionId, Short>>::deserialize(deserializer)?;
        let mut cells = BTreeMap::new();
        for (service, regions) in by_service {
            for (region, short) in regions {
                let Short(state, for_ms, failed, window, failure, latency_ms) = short;
                let target = Target { region, service: service.clone() };
                let cell = Cell { state, for_ms, failed, window, failure, latency_ms };
                cells.insert(target, cell);
            }
        }
        Ok(cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DynamoDB's longest item, "Service, account, and table quotas".
    const ITEM_BYTES_MAX: usize = 400 * 1024;

    #[test]
    fn a_report_on_the_largest_fleet_fits_an_item() {
        let target = |region: usize, service: usize| Target {
            region: format!("ap-southeast-{region}").parse().expect("valid"),
            service: format!("a-service-of-usual-name-{service}").parse().expect("valid"),
        };
        let cell = Cell {
            state: CellState::Recovering,
            for_ms: 31_536_000_000,
            failed: 20,
            window: 20,
            failure: Some(ProbeFailure::ConnectTimeout),
            latency_ms: Some(1999),
        };
        let cells = (0..30).flat_map(|region| (0..200).map(move |service| (region, service)));
        let report = Report {
            fleet: "f".parse().expect("valid"),
            agent: "a".parse().expect("valid"),
            region: "r".parse().expect("valid"),
            boot: BootId(1),
            seq: 1,
            at: String::new(),
            cells: cells.map(|(r, s)| (target(r, s), cell.clone())).collect(),
            signals: BTreeMap::new(),
            probing: ProbingReport::default(),
            heard: BTreeMap::new(),
            off: false,
            leading: None,
            gates: None,
            preflight: None,
        };
        let text = serde_json::to_string(&report).expect("serialisable");
        // At the worst, which is everything failing everywhere; on a good day half of it.
        assert!(text.len() < ITEM_BYTES_MAX + ITEM_BYTES_MAX / 8, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<Report>(&text).expect("its own form"), report);
    }
}
