//! The fleet as its operators describe it: Regions, services, seats, timing, rules.
//!
//! These are the validated forms; `config` reads them from `regions/*.toml` and is the only maker
//! besides tests. Everything in milliseconds says so in its name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::autonomy::Consent;
use super::capacity::{ScalingGroupId, ScalingGroupName};
use super::database::{DatabaseSpec, MoveOrder, WriteReach, WritesTo};
use super::gate::Gates;
use super::name::{DatabaseId, FleetName, GlobalClusterId, RegionId, ServiceId, ZoneId};
use super::notice::TopicArn;
use super::observation::Target;
use super::record::{DnsName, RecordData, RecordKey, RecordType, Routing};
use super::role::ZoneRole;
use super::signal::{AlarmName, TargetGroupArn};
use super::weight::Weight;

/// A whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// Its name.
    pub name: FleetName,
    /// Regions that have a seat: an odd number, at least three.
    pub seats: BTreeSet<RegionId>,
    /// Every Region, serving or witness.
    pub regions: BTreeSet<RegionId>,
    /// What is kept answering.
    pub services: BTreeMap<ServiceId, Service>,
    /// Databases whose writer can change its Region.
    pub databases: BTreeMap<DatabaseId, DatabaseSpec>,
    /// Hosted zones by ID, with their names.
    pub zones: BTreeMap<ZoneId, DnsName>,
    /// Zones of other accounts, with the roles by which they are read and changed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<ZoneId, ZoneRole>,
    /// Clocks and limits.
    pub timing: Timing,
    /// What the planner may do.
    pub rules: Rules,
    /// How far it goes by itself.
    pub consent: Consent,
    /// Names of the tables.
    pub tables: Tables,
    /// How Regions are shut without a control plane; none when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<Gates>,
    /// What is expected of records.
    #[serde(default)]
    pub records: RecordPolicy,
    /// Topics that people are told through, by their Region; nobody is told where there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<RegionId, TopicArn>,
}

impl Fleet {
    /// Seats that make a majority.
    #[must_use]
    pub fn seat_majority(&self) -> usize {
        self.seats.len() / 2 + 1
    }

    /// Everything that is probed.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        self.services
            .iter()
            .flat_map(|(service, spec)| {
                spec.regions
                    .keys()
                    .map(|region| Target { region: region.clone(), service: service.clone() })
            })
            .collect()
    }

    /// The global cluster that a service writes to, and from where it can.
    #[must_use]
    pub fn written_by(&self, service: &Service) -> Option<(GlobalClusterId, WriteReach)> {
        let writes_to = service.writes_to.as_ref()?;
        let database = self.databases.get(&writes_to.database)?;
        Some((database.global_cluster.clone(), writes_to.reach))
    }

    /// What moves first for each service that writes to a database when the writer's Region is left in
    /// good order.
    pub fn orders<'f>(
        &'f self,
        database: &'f DatabaseId,
    ) -> impl Iterator<Item = (&'f ServiceId, MoveOrder)> {
        self.services.iter().filter_map(move |(service, spec)| {
            let writes_to = spec.writes_to.as_ref().filter(|to| to.database == *database)?;
            Some((
                service,
                match writes_to.reach {
                    // It follows the writer, whatever moves first for others.
                    WriteReach::WriterRegion => MoveOrder::WriterFirst,
                    WriteReach::EveryRegion => {
                        writes_to.order.unwrap_or(self.databases.get(database)?.order)
                    }
                },
            ))
        })
    }

    /// The autoscaling group of a service in a Region, if the files name one.
    #[must_use]
    pub fn scaling_group(&self, service: &ServiceId, region: &RegionId) -> Option<ScalingGroupId> {
        let name = self.services.get(service)?.regions.get(region)?.scaling_group.clone()?;
        Some(ScalingGroupId { region: region.clone(), name })
    }

    /// vCPUs of an instance of each autoscaling group of which the files say it: the most, where
    /// several services share one.
    #[must_use]
    pub fn instance_vcpus(&self) -> BTreeMap<ScalingGroupId, u16> {
        let mut vcpus = BTreeMap::new();
        for (service, spec) in &self.services {
            for (region, placement) in &spec.regions {
                let group = self.scaling_group(service, region);
                if let (Some(group), Some(own)) = (group, placement.instance_vcpus) {
                    let most = vcpus.entry(group).or_default();
                    *most = own.max(*most);
                }
            }
        }
        vcpus
    }

    /// Every autoscaling group that the files name, each once, with the services that it runs.
    #[must_use]
    pub fn scaling_groups(&self) -> BTreeMap<ScalingGroupId, BTreeSet<ServiceId>> {
        let mut groups: BTreeMap<_, BTreeSet<ServiceId>> = BTreeMap::new();
        for (service, spec) in &self.services {
            for region in spec.regions.keys() {
                if let Some(group) = self.scaling_group(service, region) {
                    groups.entry(group).or_default().insert(service.clone());
                }
            }
        }
        groups
    }

    /// Services whose record is in this zone.
    pub fn services_in<'a>(
        &'a self,
        zone: &'a ZoneId,
    ) -> impl Iterator<Item = (&'a ServiceId, &'a Service)> {
        self.services.iter().filter(move |(_, service)| service.zone == *zone)
    }
}

/// Names of the DynamoDB tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tables {
    /// The plain table of that name in each Region with a seat.
    pub seats: String,
    /// The global table with what is published for all to see.
    pub board: String,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The hosted zone of its record.
    pub zone: ZoneId,
    /// Its record's name.
    pub name: DnsName,
    /// Its record's type.
    pub rtype: RecordType,
    /// How Regions share its answers.
    #[serde(default, skip_serializing_if = "RoutingPolicy::is_weighted")]
    pub routing: RoutingPolicy,
    /// How it is probed, in every Region.
    pub probe: ProbeSpec,
    /// The database that it writes to, if its writer can change its Region.
    pub writes_to: Option<WritesTo>,
    /// What is done about a change of its records that the fleet did not make; as for all if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The Regions that serve it.
    pub regions: BTreeMap<RegionId, Placement>,
}

impl Service {
    /// Name and type of its record.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        RecordKey { name: self.name.clone(), rtype: self.rtype }
    }

    /// What its records are to say where these weights are wanted: of a failover pair the first that is
    /// in service is the primary, and the other stands by, whatever its weight.
    #[must_use]
    pub fn record_shares(&self, wanted: &BTreeMap<RegionId, Weight>) -> BTreeMap<RegionId, Weight> {
        let RoutingPolicy::Failover { primary } = &self.routing else { return wanted.clone() };
        let serves = |region: &RegionId| wanted.get(region).is_some_and(|weight| weight.serves());
        let leading = if serves(primary) {
            primary
        } else {
            wanted.keys().find(|region| serves(region)).unwrap_or(primary)
        };
        let share = |region: &RegionId| {
            if region == leading { Routing::PRIMARY } else { Weight::ZERO }
        };
        wanted.keys().map(|region| (region.clone(), share(region))).collect()
    }

    /// What its records are to say by the weights of the files alone.
    #[must_use]
    pub fn declared_shares(&self) -> BTreeMap<RegionId, Weight> {
        let own = self.regions.iter().map(|(region, place)| (region.clone(), place.weight));
        self.record_shares(&own.collect())
    }

    /// The routing of a Region's record that is to have this share; see
    /// [`record_shares`](Self::record_shares).
    #[must_use]
    pub fn record_routing(&self, region: &str, share: Weight) -> Routing {
        let set_identifier = region.to_owned();
        match self.routing {
            RoutingPolicy::Weighted => Routing::Weighted { set_identifier, weight: share },
            RoutingPolicy::Failover { .. } => {
                Routing::Failover { set_identifier, primary: share.serves() }
            }
        }
    }
}

/// How Regions share the answers of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingPolicy {
    /// By weight.
    #[default]
    Weighted,
    /// One of two Regions answers, and the other when the first can't.
    Failover {
        /// The first.
        primary: RegionId,
    },
}

impl RoutingPolicy {
    /// Whether it is by weight.
    #[must_use]
    pub fn is_weighted(&self) -> bool {
        *self == Self::Weighted
    }
}

/// A service in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Its weight while all is well.
    pub weight: Weight,
    /// Base URL of the endpoint that agents probe, such as `https://web.eu-west-1.example.com`.
    pub url: String,
    /// What the Region's record answers with.
    pub data: RecordData,
    /// The load balancer's target group, whose health the Region's own agent reads.
    pub target_group: Option<TargetGroupArn>,
    /// CloudWatch alarms of the Region that speak of this service.
    pub alarms: BTreeSet<AlarmName>,
    /// The autoscaling group that runs its instances, which a runbook may raise.
    pub scaling_group: Option<ScalingGroupName>,
    /// vCPUs of one of the group's instances; none if the files don't say.
    pub instance_vcpus: Option<u16>,
}

/// How an endpoint is asked, what a healthy answer is, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSpec {
    /// What is spoken.
    pub protocol: Protocol,
    /// Whether each probe makes a connection of its own.
    pub connection: ConnectionPolicy,
    /// Which of a name's addresses are probed.
    pub family: AddressFamily,
    /// Path of the health page.
    pub path: String,
    /// Value of the Host header; the URL's own host if none.
    pub host: Option<String>,
    /// Statuses that mean healthy: ranges of lowest and highest, never none.
    pub status: Vec<(u16, u16)>,
    /// A text that the body must hold.
    pub body_contains: Option<String>,
    /// What the body must say when read as a JSON document; nothing is read when empty.
    pub json: Vec<JsonPart>,
    /// Most redirects that are followed, to the same host only.
    pub redirects_max: u8,
    /// A connection that takes longer to be accepted counts as a failure.
    pub connect_ms_max: Option<u32>,
    /// A first byte that comes later after the request than this counts as a failure.
    pub first_byte_ms_max: Option<u32>,
    /// A right answer later than this counts as a failure. At most the timeout.
    pub latency_ms_max: u32,
    /// Time limit of the whole probe.
    pub timeout_ms: u32,
    /// Longest body that is read.
    pub body_bytes_max: u32,
}

impl ProbeSpec {
    /// Whether this status means healthy.
    #[must_use]
    pub fn accepts(&self, status: u16) -> bool {
        self.status.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }

    /// The accepted statuses as they are written in the files.
    #[must_use]
    pub fn status_text(&self) -> String {
        let one = |(low, high): &(u16, u16)| {
            if low == high { low.to_string() } else { format!("{low}-{high}") }
        };
        self.status.iter().map(one).collect::<Vec<_>>().join(",")
    }
}

/// What is spoken to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Over TLS, HTTP/2 or HTTP/1.1 as the server chooses, like a browser; without TLS, HTTP/1.1.
    Auto,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone; without TLS, with prior knowledge.
    Http2,
    /// No HTTP: healthy is what accepts a connection (and, with TLS, shakes hands).
    Tcp,
}

/// Whether each probe makes a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionPolicy {
    /// Each probe connects anew, as a new client does.
    Fresh,
    /// A connection is kept from one probe to the next, for a bounded time.
    Reuse,
}

/// Which of a name's addresses are probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressFamily {
    /// All that this machine has a route to.
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

/// A named part of a JSON health document, and the values that mean healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonPart {
    /// What people call it.
    pub name: String,
    /// Where it stands (RFC 6901).
    pub pointer: String,
    /// What may stand there, never none.
    pub equals: Vec<JsonScalar>,
}

/// A value that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum JsonScalar {
    /// `true` or `false`
    Truth(bool),
    /// A whole number.
    Whole(i64),
    /// A text.
    Text(String),
}

/// Clocks and limits. `config` refuses combinations that are unsafe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Length of the leader's lease. A candidate waits this long on unchanged seats.
    pub lease_ms: u32,
    /// Taken off the lease by its holder, against clock drift.
    pub lease_margin_ms: u32,
    /// Time between renewals, and between a follower's readings of the seats.
    pub renew_ms: u32,
    /// Upper end of the random wait before standing, which breaks ties.
    pub stand_spread_ms: u32,
    /// Time limit of a call to DynamoDB.
    pub table_call_ms: u32,
    /// Time limit of a call to Route 53.
    pub record_call_ms: u32,
    /// Time between probes of one target.
    pub probe_interval_ms: u32,
    /// Time between the quick probes that confirm a first failure or a first success.
    pub burst_interval_ms: u32,
    /// Failures in a row that make a target down for its observer.
    pub down_after: u16,
    /// Successes in a row that make it up again.
    pub up_after: u16,
    /// Time between reports when nothing changes.
    pub report_ms: u32,
    /// Time between readings of the others' reports.
    pub gather_ms: u32,
    /// A report whose number has not been seen to rise for this long is stale.
    pub stale_ms: u32,
    /// Time between the leader's readings of a zone in which nothing is to be changed: how soon a
    /// hand edit is noticed.
    pub zone_audit_ms: u32,
    /// Time between an agent's readings of its own Region's target health. Alarms are read every
    /// third time.
    pub signals_ms: u32,
    /// Time limit of a call to RDS, or to CloudWatch about a database.
    pub database_call_ms: u32,
    /// Time between readings of who writes a database and how far the others are behind.
    pub database_read_ms: u32,
}

/// What the planner may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// A Region is taken out only after its failure has lasted this long, counted from the start of
    /// the first failed probe: a shorter blip moves nothing.
    pub dwell_ms: u32,
    /// A Region gets its share back after it was healthy for this long.
    pub return_after_ms: u32,
    /// No action may leave fewer Regions in service than this.
    pub fewest_in_service: u16,
}

/// What is expected of records, and what is done where they are otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordPolicy {
    /// What is done about a change that the fleet did not make.
    ///
    /// A service may say otherwise.
    pub drift: Drift,
    /// Longest time to live that a service's record may have, in seconds.
    pub ttl_s_max: u32,
    /// Whether the zones' name servers are asked if they answer as wanted.
    pub verify: bool,
}

impl Default for RecordPolicy {
    fn default() -> Self {
        // Route 53 Developer Guide, "Best practices for Amazon Route 53 DNS": 60 s or 120 s for
        // records that change on failure; an alias to a load balancer has 60 s.
        Self { drift: Drift::Correct, ttl_s_max: 60, verify: true }
    }
}

impl RecordPolicy {
    /// Whether nothing was said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is done about a record that somebody else has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It is put right, a few times; then people are asked.
    Correct,
    /// It is told of and left, until the fleet itself has to change that name's records.
    Keep,
}
