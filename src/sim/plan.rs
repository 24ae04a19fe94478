//! A run on paper: the fleet's shape, its settings, and the troubles that befall it.
//!
//! A plan is all that a run depends on. A seed draws one (`draw`), `minimise` makes a failing one
//! smaller, and a file keeps one: whoever replays it gets the same run, to the byte.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::DatabaseId;
use crate::domain::autonomy::Consent;
use crate::domain::database::{
    DatabaseSpec, Eligibility, MemberSpec, MoveOrder, WriteReach, WritesTo,
};
use crate::domain::fleet::{
    AddressFamily, ConnectionPolicy, Placement, ProbeSpec, Protocol, RecordPolicy, RoutingPolicy,
    Rules, Service, Tables, Timing,
};
use crate::domain::gate::{GateEndpoint, GateScope, Gates};
use crate::domain::order::Verb;
use crate::domain::record::{RecordData, RecordType};
use crate::domain::{AgentId, Fleet, RegionId, ServiceId, Weight, ZoneId};
use crate::world::apps::Condition;
use crate::world::fault::AwsService;
use crate::world::network::Place;
use crate::world::wire::Rule;

use super::{Fates, Options};

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Of the draws within the run: jitter, fates, elections.
    pub seed: u64,
    /// How long troubles last, in milliseconds from the moment at which the fleet had settled.
    pub length_ms: u32,
    /// How far the agents' clocks are fast (or slow), in millionths, one for each Region in order.
    pub clocks_ppm: Vec<i32>,
    /// Whether clocks may go so wrong that the lease can't hold: fence and journal must.
    pub wild_clocks: bool,
    /// The fleet.
    pub shape: Shape,
    /// What befalls single calls while troubles last.
    pub fates: Fates,
    /// Troubles, in any order.
    #[serde(default)]
    pub episodes: Vec<Episode>,
}

/// The fleet and its surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Regions with a seat: `r1`, `r2`, …
    pub seats: u8,
    /// Regions without one, after them.
    pub seatless: u8,
    /// Hosted zones: `Z1`, `Z2`, …; services take turns among them.
    pub zones: u8,
    /// Shortest and longest time until a change is on every name server, in milliseconds.
    pub propagation_ms: (u32, u32),
    /// One way between two Regions, in milliseconds.
    pub distance_ms: u32,
    /// The board's replication, in milliseconds.
    pub lag_ms: u32,
    /// As in `[timing]`.
    pub timing: Timing,
    /// As in `[rules]`.
    pub rules: Rules,
    /// How far the fleet goes by itself.
    #[serde(default, skip_serializing_if = "Consent::is_empty")]
    pub consent: Consent,
    /// How gates are set up; none without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<DrawnGates>,
    /// Whether service `s1` writes to a database, with a member in each of the first three Regions
    /// that have a seat.
    #[serde(default)]
    pub database: bool,
    /// Whether the database's third member is never to be its writer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_never_writes: bool,
    /// Services that are failover pairs, with the Region that is the primary of each; all others
    /// share their answers by weight.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pairs: BTreeMap<ServiceId, RegionId>,
    /// Weights by Region, for each service `s1`, `s2`, …
    pub services: Vec<BTreeMap<RegionId, u8>>,
}

/// A fleet's gates, in every Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnGates {
    /// What shares one gate.
    pub scope: GateScope,
    /// As in `[gates]`.
    pub closers: u16,
    /// As in `[gates]`.
    pub failure_threshold: u8,
    /// As in `[gates]`.
    pub hold_ms: u32,
}

/// A trouble, from when to when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// When it begins, in milliseconds after the fleet had settled.
    pub at_ms: u32,
    /// How long it lasts; what is done in one moment has no length.
    pub for_ms: u32,
    /// What.
    #[serde(flatten)]
    pub trouble: Trouble,
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "trouble")]
pub enum Trouble {
    /// A Region is off the network, with all that is in it.
    Lose {
        /// Which.
        region: RegionId,
    },
    /// Nothing gets from one place to another; the way back stays.
    Cut {
        /// The sender's place.
        from: Place,
        /// The receiver's place.
        to: Place,
    },
    /// Applications are not well.
    App {
        /// Where.
        region: RegionId,
        /// Which; all if none.
        service: Option<ServiceId>,
        /// How they are.
        condition: Condition,
    },
    /// AWS throttles a service, everywhere.
    Throttle {
        /// Which.
        service: AwsService,
    },
    /// Route 53 is still at work on the batch before, whatever comes.
    PriorRequest,
    /// Calls come to grief on the wire, before or after their effect.
    Wire {
        /// Which calls, and how.
        rule: Rule,
    },
    /// The board's changes don't get from one Region to another; then they come out of order.
    Stall {
        /// From.
        from: RegionId,
        /// To.
        to: RegionId,
    },
    /// An agent is killed, and started again without memory.
    Kill {
        /// Which.
        agent: AgentId,
    },
    /// An agent stands still while its clock goes on.
    Pause {
        /// Which.
        agent: AgentId,
        /// Whether what reaches it meanwhile is lost: restarted with its memory.
        drops: bool,
    },
    /// An agent's clock runs at another rate for a while.
    Drift {
        /// Which.
        agent: AgentId,
        /// How far fast, in millionths.
        ppm: i32,
    },
    /// An agent's clock jumps forward.
    Jump {
        /// Which.
        agent: AgentId,
        /// How far, in milliseconds.
        by_ms: u32,
    },
    /// An agent's wall clock shows nonsense.
    WallClock {
        /// Which.
        agent: AgentId,
        /// Milliseconds since 1970.
        unix_ms: i64,
    },
    /// A Region's copy of the board is restored from what it was.
    OldBoard {
        /// Where.
        region: RegionId,
        /// How old the copy is, in milliseconds.
        age_ms: u32,
    },
    /// A seat's table is restored from what it was.
    OldSeat {
        /// Whose.
        region: RegionId,
        /// How old the copy is, in milliseconds.
        age_ms: u32,
    },
    /// A seat's item is deleted, and not put back.
    LoseSeat {
        /// Whose.
        region: RegionId,
    },
    /// A seat's table is made anew, as `init` would make it.
    RecreateSeat {
        /// Whose.
        region: RegionId,
    },
    /// Somebody edits a weight by hand; the role, of a failover pair's record.
    EditWeight {
        /// Of which service.
        service: ServiceId,
        /// In which Region.
        region: RegionId,
        /// To what.
        weight: u8,
    },
    /// Somebody deletes a zone's fence by hand.
    DeleteFence {
        /// Which.
        zone: ZoneId,
    },
    /// Somebody puts another fleet's fence into a zone, and takes it out again.
    ForeignFence {
        /// Which.
        zone: ZoneId,
    },
    /// People change a weight in the files, and restart one agent with them; the others follow at
    /// the end.
    Configure {
        /// Of which service.
        service: ServiceId,
        /// In which Region.
        region: RegionId,
        /// To what.
        weight: u8,
        /// Who is restarted.
        agent: AgentId,
    },
    /// A person orders something.
    Order {
        /// At whose replica of the board.
        replica: RegionId,
        /// What.
        order: Verb,
    },
}

impl Trouble {
    /// Its kind, in counters and stories.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Lose { .. } => "Region lost",
            Self::Cut { .. } => "one-way cut",
            Self::App { .. } => "application unwell",
            Self::Throttle { .. } => "AWS throttles",
            Self::PriorRequest => "Route 53 at work",
            Self::Wire { .. } => "calls struck on the wire",
            Self::Stall { .. } => "replication stalled, then out of order",
            Self::Kill { .. } => "agent killed",
            Self::Pause { drops: false, .. } => "agent paused",
            Self::Pause { drops: true, .. } => "agent restarted with memory",
            Self::Drift { .. } => "clock drifts",
            Self::Jump { .. } => "clock jumps",
            Self::WallClock { .. } => "wall clock wrong",
            Self::OldBoard { .. } => "board restored from an old copy",
            Self::OldSeat { .. } => "seat restored from an old copy",
            Self::LoseSeat { .. } => "seat deleted",
            Self::RecreateSeat { .. } => "seat made anew",
            Self::EditWeight { .. } => "weight edited by hand",
            Self::DeleteFence { .. } => "fence deleted by hand",
            Self::ForeignFence { .. } => "another fleet's fence",
            Self::Configure { .. } => "files changed",
            Self::Order { .. } => "a person's order",
        }
    }
}

/// Why a file is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a plan of a run: {0}")]
pub struct BadPlan(String);

/// The `n`th Region's code, from 1.
pub(super) fn region(n: usize) -> RegionId {
    format!("r{n}").parse().expect("letters and digits")
}

/// The `n`th service, from 1.
pub(super) fn service(n: usize) -> ServiceId {
    format!("s{n}").parse().expect("letters and digits")
}

/// The `n`th zone, from 1.
pub(super) fn zone(n: usize) -> ZoneId {
    format!("Z{n}").parse().expect("letters and digits")
}

/// The one database.
pub(super) fn database() -> DatabaseId {
    "d1".parse().expect("letters and digits")
}

impl Plan {
    /// Reads a plan from TOML.
    ///
    /// # Errors
    /// When it is not one.
    pub fn from_toml(text: &str) -> Result<Self, BadPlan> {
        let plan: Self = toml::from_str(text).map_err(|error| BadPlan(error.to_string()))?;
        let shape = &plan.shape;
        let regions = usize::from(shape.seats) + usize::from(shape.seatless);
        if plan.clocks_ppm.len() != regions {
            let clocks = plan.clocks_ppm.len();
            return Err(BadPlan(format!("clocks_ppm has {clocks} clocks for {regions} Regions")));
        }
        if shape.seats == 0 || shape.zones == 0 || shape.services.len() < shape.zones.into() {
            return Err(BadPlan("it needs a seat, a zone, and a service in each zone".to_owned()));
        }
        if shape.propagation_ms.0 > shape.propagation_ms.1 {
            return Err(BadPlan(
                "propagation_ms is the shortest time, then the longest".to_owned(),
            ));
        }
        shape.check_pairs()?;
        Ok(plan)
    }

    /// The plan as TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a plan has only texts as keys")
    }

    /// Invariants that this plan's troubles break by their nature, and that are not judged therefore.
    pub(super) fn suspended(&self) -> Vec<&'static str> {
        let mut suspended = Vec::new();
        let drifts = |episode: &Episode| {
            matches!(episode.trouble, Trouble::Drift { .. } | Trouble::Jump { .. })
        };
        if self.clocks_ppm.iter().any(|ppm| *ppm != 0) || self.episodes.iter().any(drifts) {
            // Its sum leaves out the margin, which is there for clocks that drift.
            suspended.push("the lease ends in time");
        }
        if self.fates.probe_lost > 0 {
            // The truth that it judges by knows of cuts, not of single probes that get lost.
            suspended.push("what is fine is not drained");
        }
        suspended
    }

    /// What a simulator is made with, before any trouble.
    pub(super) fn options(&self) -> Options {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        Options {
            seed: self.seed,
            lag: ms(self.shape.lag_ms),
            propagation: (ms(self.shape.propagation_ms.0), ms(self.shape.propagation_ms.1)),
            distance: ms(self.shape.distance_ms),
            clients_per_kind: 0,
            fates: Fates::default(),
            keep_log: false,
        }
    }
}

impl Shape {
    /// The Regions of a service that could be a failover pair, as `regent check` has it.
    pub(super) fn pairable(&self, nth: usize) -> Option<[&RegionId; 2]> {
        self.gates.as_ref()?;
        let regions: Vec<&RegionId> = self.services.get(nth)?.keys().collect();
        regions.try_into().ok()
    }

    fn check_pairs(&self) -> Result<(), BadPlan> {
        for (id, first) in &self.pairs {
            let nth = (0..self.services.len()).find(|n| service(n + 1) == *id);
            if !nth.and_then(|n| self.pairable(n)).is_some_and(|pair| pair.contains(&first)) {
                return Err(BadPlan(format!(
                    "{id} can't be a failover pair with {first} as its primary: it needs gates, \
                     and two Regions that serve, {first} one of them"
                )));
            }
        }
        Ok(())
    }

    /// The fleet of this shape.
    pub(super) fn fleet(&self) -> Fleet {
        let zones = (1..=usize::from(self.zones)).map(|n| {
            let name = format!("z{n}.example.").parse().expect("letters and digits");
            (zone(n), name)
        });
        let services = self.services.iter().enumerate().map(|(n, weights)| {
            let zone_number = n % usize::from(self.zones) + 1;
            let regions = weights.iter().map(|(region, weight)| {
                let number = region.as_str().trim_start_matches('r').parse::<u8>().unwrap_or(0);
                let address = format!("10.{}.{number}.1", n + 1);
                let placement = Placement {
                    weight: Weight(*weight),
                    url: format!("http://{address}"),
                    data: RecordData::Plain { ttl_s: 60, values: vec![address] },
                    target_group: None,
                    alarms: BTreeSet::new(),
                    scaling_group: None,
                    instance_vcpus: None,
                };
                (region.clone(), placement)
            });
            let id = service(n + 1);
            let first = self.pairs.get(&id).cloned();
            let spec = Service {
                zone: zone(zone_number),
                name: format!("s{}.z{zone_number}.example.", n + 1).parse().expect("letters"),
                rtype: RecordType::A,
                probe: self.probe(),
                writes_to: (self.database && n == 0).then(|| WritesTo {
                    database: database(),
                    reach: WriteReach::EveryRegion,
                    order: None,
                }),
                drift: None,
                routing: first
                    .map_or(RoutingPolicy::Weighted, |primary| RoutingPolicy::Failover { primary }),
                regions: regions.collect(),
            };
            (id, spec)
        });
        let seats = 1..=usize::from(self.seats);
        let all = 1..=usize::from(self.seats) + usize::from(self.seatless);
        Fleet {
            name: "swarm".parse().expect("letters"),
            seats: seats.map(region).collect(),
            regions: all.map(region).collect(),
            services: services.collect(),
            databases: self.databases(),
            zones: zones.collect(),
            roles: BTreeMap::new(),
            timing: self.timing.clone(),
            rules: self.rules.clone(),
            consent: self.consent.clone(),
            tables: Tables { seats: "swarm-seats".to_owned(), board: "swarm-board".to_owned() },
            gates: self.gates(),
            records: RecordPolicy::default(),
            topics: BTreeMap::new(),
        }
    }

    fn gates(&self) -> Option<Gates> {
        let DrawnGates { scope, closers, failure_threshold, hold_ms } = self.gates.clone()?;
        let endpoints = (1..=self.seats + self.seatless).map(|n| {
            let address = Some(IpAddr::from([10, 0, n, 1]));
            (region(n.into()), GateEndpoint { tls: false, host: None, address, port: 9181 })
        });
        let endpoints = endpoints.collect();
        Some(Gates { scope, closers, interval_s: 10, failure_threshold, hold_ms, endpoints })
    }

    fn databases(&self) -> BTreeMap<DatabaseId, DatabaseSpec> {
        if !self.database {
            return BTreeMap::new();
        }
        let members = (1..=usize::from(self.seats.min(3))).map(|n| {
            let arn = format!("arn:aws:rds:{}:123456789012:cluster:d1-{n}", region(n));
            let cluster = arn.parse().expect("an ARN");
            let never = self.one_never_writes && n == 3;
            let eligibility = if never { Eligibility::Never } else { Eligibility::Neutral };
            (region(n), MemberSpec { cluster, eligibility })
        });
        let spec = DatabaseSpec {
            global_cluster: "d1".parse().expect("letters and digits"),
            members: members.collect(),
            loss_budget_ms: 300_000,
            order: MoveOrder::WriterFirst,
            secondaries_wanted: 1,
        };
        [(database(), spec)].into()
    }

    fn probe(&self) -> ProbeSpec {
        let timeout_ms = self.timing.probe_interval_ms.min(800);
        ProbeSpec {
            path: "/healthz".to_owned(),
            host: None,
            protocol: Protocol::Auto,
            connection: ConnectionPolicy::Fresh,
            family: AddressFamily::Any,
            status: vec![(200, 299)],
            json: Vec::new(),
            redirects_max: 0,
            connect_ms_max: None,
            first_byte_ms_max: None,
            body_contains: None,
            latency_ms_max: timeout_ms,
            timeout_ms,
            body_bytes_max: 65_536,
        }
    }
}
