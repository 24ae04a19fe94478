//! The files as written: what TOML holds, before anything was judged.
//!
//! Plain on purpose. Whoever needs a fleet that is not in a folder (a whole fleet on loopback)
//! changes these and writes them out again with [`render`](super::render). An unknown key is an
//! error, since a misspelt limit that is silently ignored is worse than none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::defaults;
use crate::domain::autonomy::Autonomy;
use crate::domain::database::{Eligibility, MoveOrder, WriteReach};
use crate::domain::fleet::{
    AddressFamily, ConnectionPolicy, Drift, JsonScalar, Protocol, RecordPolicy,
};
use crate::domain::gate::GateScope;

/// All files of a fleet's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// `fleet.toml`.
    pub fleet: Fleet,
    /// `<region>.toml`, by the Region's code.
    pub regions: BTreeMap<String, Region>,
}

/// `fleet.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// The fleet's name.
    pub name: String,
    /// Regions that have a seat.
    #[serde(default)]
    pub seats: Vec<String>,
    /// Hosted zones by their IDs.
    #[serde(default)]
    pub zones: BTreeMap<String, Zone>,
    /// Services by name.
    #[serde(default)]
    pub services: BTreeMap<String, Service>,
    /// Databases by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<String, Database>,
    /// Clocks and limits.
    #[serde(default)]
    pub timing: Timing,
    /// What the planner may do.
    #[serde(default)]
    pub rules: Rules,
    /// How Regions are shut without a control plane; they are not if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<Gates>,
    /// How far the fleet goes by itself.
    #[serde(default, skip_serializing_if = "Consent::is_default")]
    pub autonomy: Consent,
    /// Names of the tables.
    #[serde(default, skip_serializing_if = "Tables::is_default")]
    pub tables: Tables,
    /// What is expected of records.
    #[serde(default, skip_serializing_if = "RecordPolicy::is_default")]
    pub records: RecordPolicy,
}

/// A hosted zone: its name, or its name and the role by which it is read and changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected the zone's name, or { name = \"…\", role_arn = \"…\", external_id = \"…\" }"
)]
pub enum Zone {
    /// `Z1 = "example.com"`
    Own(String),
    /// `Z1 = { name = "example.com", role_arn = "…", external_id = "…" }`
    OfAnother(OtherZone),
}

/// `{ name = "…", role_arn = "…", external_id = "…" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherZone {
    /// The zone's name.
    pub name: String,
    /// The role of the zone's account that is assumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What the zone's account wants to be told with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
}

/// `[gates]`; the fields are those of [`domain::gate::Gates`](crate::domain::gate::Gates).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "documented once, on the validated type of the same fields")]
pub struct Gates {
    pub scope: GateScope,
    pub closers: u16,
    pub interval_s: u8,
    pub failure_threshold: u8,
    pub hold_ms: u32,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            scope: defaults::GATE_SCOPE,
            closers: defaults::GATE_CLOSERS,
            interval_s: defaults::GATE_INTERVAL_S,
            failure_threshold: defaults::GATE_FAILURE_THRESHOLD,
            hold_ms: defaults::GATE_HOLD_MS,
        }
    }
}

/// `[autonomy]`: a level for each [`ActionKind`](crate::domain::autonomy::ActionKind).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "documented once, on the kinds of action")]
pub struct Consent {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain: Option<Autonomy>,
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    pub back: Option<Autonomy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switchover: Option<Autonomy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<Autonomy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Autonomy>,
    /// See [`domain::autonomy::Consent`](crate::domain::autonomy::Consent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_ms: Option<u32>,
}

impl Consent {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[tables]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    /// `<fleet>-seats` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<String>,
    /// `<fleet>-board` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
}

impl Tables {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[timing]`; the fields are those of [`domain::fleet::Timing`](crate::domain::fleet::Timing).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "documented once, on the validated type of the same fields")]
pub struct Timing {
    pub lease_ms: u32,
    pub lease_margin_ms: u32,
    pub renew_ms: u32,
    pub stand_spread_ms: u32,
    pub table_call_ms: u32,
    pub record_call_ms: u32,
    pub probe_interval_ms: u32,
    pub burst_interval_ms: u32,
    pub down_after: u16,
    pub up_after: u16,
    pub report_ms: u32,
    pub gather_ms: u32,
    pub stale_ms: u32,
    pub zone_audit_ms: u32,
    pub signals_ms: u32,
    pub database_call_ms: u32,
    pub database_read_ms: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease_ms: defaults::LEASE_MS,
            lease_margin_ms: defaults::LEASE_MARGIN_MS,
            renew_ms: defaults::RENEW_MS,
            stand_spread_ms: defaults::STAND_SPREAD_MS,
            table_call_ms: defaults::TABLE_CALL_MS,
            record_call_ms: defaults::RECORD_CALL_MS,
            probe_interval_ms: defaults::PROBE_INTERVAL_MS,
            burst_interval_ms: defaults::BURST_INTERVAL_MS,
            down_after: defaults::DOWN_AFTER,
            up_after: defaults::UP_AFTER,
            report_ms: defaults::REPORT_MS,
            gather_ms: defaults::GATHER_MS,
            stale_ms: defaults::STALE_MS,
            zone_audit_ms: defaults::ZONE_AUDIT_MS,
            signals_ms: defaults::SIGNALS_MS,
            database_call_ms: defaults::DATABASE_CALL_MS,
            database_read_ms: defaults::DATABASE_READ_MS,
        }
    }
}

/// `[rules]`; the fields are those of [`domain::fleet::Rules`](crate::domain::fleet::Rules).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "documented once, on the validated type of the same fields")]
pub struct Rules {
    pub dwell_ms: u32,
    pub return_after_ms: u32,
    pub fewest_in_service: u16,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            dwell_ms: defaults::DWELL_MS,
            return_after_ms: defaults::RETURN_AFTER_MS,
            fewest_in_service: defaults::FEWEST_IN_SERVICE,
        }
    }
}

/// `[services.<name>]` of `fleet.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// ID of the hosted zone that holds its record.
    pub zone: String,
    /// The record's name.
    pub name: String,
    /// The record's type: A, AAAA or CNAME.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The database that it writes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_to: Option<String>,
    /// From where: `"every-region"` if absent, or `"writer-region"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_from: Option<WriteReach>,
    /// What moves first for it when the writer's Region is left: as the database says if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<MoveOrder>,
    /// How Regions share its answers: `"weighted"` if absent, or `"failover"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// The Region that answers while it can, for failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// What is done about a change of its records that the fleet did not make; `[records]` says so if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// How it is probed.
    #[serde(default)]
    pub probe: Probe,
}

/// How Regions share the answers of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Routing {
    /// By weight.
    Weighted,
    /// One of two answers, and the other when the first can't.
    Failover,
}

/// `[databases.<name>]` of `fleet.toml`; the fields are those of
/// [`DatabaseSpec`](crate::domain::database::DatabaseSpec).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The global cluster's identifier.
    pub global_cluster: String,
    /// The most that a failover may lose without a person's word.
    #[serde(default = "loss_budget_ms")]
    pub loss_budget_ms: u32,
    /// What moves first: `"writer-first"` or `"traffic-first"`.
    #[serde(default)]
    pub order: MoveOrder,
    /// How many secondaries are to be connected.
    #[serde(default = "secondaries_wanted")]
    pub secondaries_wanted: u16,
}

const fn loss_budget_ms() -> u32 {
    defaults::LOSS_BUDGET_MS
}

const fn secondaries_wanted() -> u16 {
    defaults::SECONDARIES_WANTED
}

/// `[services.<name>.probe]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    /// What is spoken: `"auto"`, `"http1"`, `"http2"` or `"tcp"`.
    pub protocol: Protocol,
    /// Whether each probe connects anew (`"fresh"`) or a connection is kept (`"reuse"`).
    pub connection: ConnectionPolicy,
    /// Which of a name's addresses are probed: `"any"`, `"ipv4"` or `"ipv6"`.
    pub family: AddressFamily,
    /// Path of the health page.
    pub path: String,
    /// The Host header, if it is not the URL's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// What statuses are healthy.
    pub status: Status,
    /// A text that the body must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// Most redirects that are followed, to the same host.
    pub redirects_max: u8,
    /// Longest time to a connection; no limit of its own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms_max: Option<u32>,
    /// Longest time from the request to the first byte; no limit of its own if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms_max: Option<u32>,
    /// The timeout if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms_max: Option<u32>,
    /// Time limit of the whole probe.
    pub timeout_ms: u32,
    /// Longest body that is read.
    pub body_bytes_max: u32,
    /// What the body must say as a JSON document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonPart>,
}

/// `json = [{ name = "database", pointer = "/checks/database", equals = "up" }]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonPart {
    /// What people call it; the pointer if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it stands in the document (RFC 6901).
    pub pointer: String,
    /// What means healthy.
    pub equals: Equals,
}

/// One value, or several of which any will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a text, a whole number, true or false, or a list of such")]
pub enum Equals {
    /// `"up"`
    One(JsonScalar),
    /// `["pass", "warn"]`
    Any(Vec<JsonScalar>),
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            protocol: defaults::PROBE_PROTOCOL,
            connection: defaults::PROBE_CONNECTION,
            family: defaults::PROBE_FAMILY,
            path: defaults::PROBE_PATH.to_owned(),
            host: None,
            status: Status::Range(defaults::PROBE_STATUS.to_owned()),
            body_contains: None,
            redirects_max: defaults::PROBE_REDIRECTS_MAX,
            connect_ms_max: None,
            first_byte_ms_max: None,
            latency_ms_max: None,
            timeout_ms: defaults::PROBE_TIMEOUT_MS,
            body_bytes_max: defaults::PROBE_BODY_BYTES_MAX,
            json: Vec::new(),
        }
    }
}

/// One status, or ranges of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a status such as 200, or ranges such as \"200-299\" or \"200-299,304\""
)]
pub enum Status {
    /// `200`
    Code(u16),
    /// `"200-299"`, `"200-299,304"`
    Range(String),
}

/// `<region>.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// The Region's code, which is also the file's name without `.toml`: a copied file that was not
    /// adapted is noticed.
    pub region: String,
    /// A seat without serving.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub witness: bool,
    /// ARN of the SNS topic of this Region that people are told through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_topic: Option<String>,
    /// Where Route 53's checkers ask for this Region's gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateAddress>,
    /// What it serves.
    #[serde(default)]
    pub services: BTreeMap<String, Placement>,
    /// Members of databases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<String, Member>,
}

/// `[databases.<name>]` of a Region's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// ARN of the cluster.
    pub cluster: String,
    /// Whether it may become the writer: `"prefer"`, `"neutral"`, `"avoid"` or `"never"`.
    #[serde(default)]
    pub eligibility: Eligibility,
}

/// `gate = { url = "https://gate.eu-west-1.example.com" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAddress {
    /// Scheme, host and port.
    pub url: String,
    /// The host's address, if checkers are not to resolve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// `[services.<name>]` of a Region's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// 0 to 255. Wider here, so that 256 is refused with the reason.
    pub weight: i64,
    /// Where agents probe.
    pub url: String,
    /// What the Region's record answers with.
    pub record: Record,
    /// ARN of the load balancer's target group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_group: Option<String>,
    /// CloudWatch alarms of the Region that speak of this service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<String>,
    /// Name of the autoscaling group that runs its instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling_group: Option<String>,
    /// vCPUs of one of its instances, for the account's quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_vcpus: Option<i64>,
}

/// `record = { … }`: either values, or an alias.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Addresses, or one name for a CNAME.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// Seconds that a resolver may keep the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
    /// An AWS resource to answer for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
}

/// `alias = { … }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The hosted zone of the target: for a load balancer, its Region's fixed zone.
    pub zone: String,
    /// The target's name.
    pub name: String,
    /// Whether the target's own health decides as well.
    #[serde(default)]
    pub evaluate_target_health: bool,
}
