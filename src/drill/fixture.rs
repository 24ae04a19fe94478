//! A fleet of three Regions and the entries of its log, for tests of the scoring.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cast::Cast;
use super::scenario::{Run, Scenario, Stage};
use crate::domain::autonomy::Consent;
use crate::domain::control::{ControlState, StateName, StateRef, Weights};
use crate::domain::digest::Digest;
use crate::domain::fleet::{
    AddressFamily, ConnectionPolicy, Placement, ProbeSpec, Protocol, RecordPolicy, RoutingPolicy,
    Rules, Service, Tables, Timing,
};
use crate::domain::observation::{Cell, CellState, ProbeFailure, ProbingReport, Report, Target};
use crate::domain::record::{
    ChangeId, Fence, RecordChange, RecordData, RecordKey, RecordSet, RecordType, Routing,
};
use crate::domain::seat::{Beat, BootId, Epoch, Incarnation, Seat};
use crate::domain::steering::Steering;
use crate::domain::{AgentId, Fleet, Moment, RegionId, Weight};
use crate::ports::items::{self, Attribute, Item};
use crate::world::fault::Fault;
use crate::world::log::{ClientKind, Entry, Happening};

pub(super) const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];
/// When the first fault strikes in these logs; the drill's zero is a second earlier.
pub(super) const FAULT_MS: u64 = 11_000;

pub(super) fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("valid")
}

pub(super) fn agents() -> BTreeMap<AgentId, RegionId> {
    REGIONS.into_iter().map(|region| (id(region), id(region))).collect()
}

/// Three Regions that serve `web` with weight 100 each.
pub(super) fn fleet() -> Fleet {
    let regions = REGIONS.into_iter().map(|region| {
        (
            id(region),
            Placement {
                weight: Weight(100),
                url: format!("http://web.{region}.test"),
                data: crate::domain::record::RecordData::Plain {
                    ttl_s: 5,
                    values: vec!["192.0.2.1".to_owned()],
                },
                target_group: None,
                alarms: std::collections::BTreeSet::new(),
                scaling_group: None,
                instance_vcpus: None,
            },
        )
    });
    let probe = ProbeSpec {
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
        latency_ms_max: 500,
        timeout_ms: 800,
        body_bytes_max: 1024,
    };
    Fleet {
        name: id("demo"),
        seats: REGIONS.into_iter().map(id).collect(),
        regions: REGIONS.into_iter().map(id).collect(),
        services: BTreeMap::from([(
            id("web"),
            Service {
                zone: id("Z1"),
                name: id("web.example.com"),
                rtype: RecordType::A,
                probe,
                writes_to: None,
                drift: None,
                routing: RoutingPolicy::Weighted,
                regions: regions.collect(),
            },
        )]),
        databases: BTreeMap::new(),
        zones: BTreeMap::from([(id("Z1"), id("example.com"))]),
        roles: BTreeMap::new(),
        timing: Timing {
            lease_ms: 5000,
            lease_margin_ms: 250,
            renew_ms: 1000,
            stand_spread_ms: 500,
            table_call_ms: 800,
            record_call_ms: 2000,
            probe_interval_ms: 1000,
            burst_interval_ms: 200,
            down_after: 3,
            up_after: 3,
            report_ms: 2000,
            gather_ms: 500,
            stale_ms: 6000,
            zone_audit_ms: 10_000,
            signals_ms: 10_000,
            database_call_ms: 2000,
            database_read_ms: 15_000,
        },
        rules: Rules { dwell_ms: 2000, return_after_ms: 20_000, fewest_in_service: 1 },
        consent: Consent::default(),
        tables: Tables { seats: "demo-seats".to_owned(), board: "demo-board".to_owned() },
        gates: None,
        records: RecordPolicy::default(),
        topics: BTreeMap::new(),
    }
}

/// A log under construction: times are milliseconds since the first fault.
pub(super) struct Tale {
    log: Vec<Entry>,
}

impl Tale {
    /// Nothing has happened yet.
    pub(super) fn empty() -> Self {
        Self { log: Vec::new() }
    }

    /// `eu-west-1` leads in epoch 3, state 3.1 is committed, every share is 100, and a request of
    /// each kind of client is served.
    pub(super) fn steady() -> Self {
        let mut tale = Self::empty();
        tale.state(-9000, (3, 1), &[]);
        tale.take(-9000, 3, "eu-west-1", &REGIONS, (3, 1));
        tale.report(-2000, "us-west-2", "us-east-1", CellState::Up);
        for kind in [ClientKind::Orderly, ClientKind::KeepsAlive, ClientKind::IgnoresTtl] {
            tale.served(-500, kind, "us-east-1");
        }
        tale
    }

    pub(super) fn add(&mut self, ms: i64, happening: Happening) -> &mut Self {
        let at = Moment::from_ms(FAULT_MS.checked_add_signed(ms).expect("after the log's zero"));
        assert!(self.log.last().is_none_or(|last| last.at <= at), "tell it in order");
        self.log.push(Entry { at, happening });
        self
    }

    pub(super) fn fault(&mut self, ms: i64, fault: Fault) -> &mut Self {
        self.add(ms, Happening::Fault { fault })
    }

    pub(super) fn lose(&mut self, ms: i64, region: &str) -> &mut Self {
        self.fault(ms, Fault::Lose { region: id(region) })
    }

    fn put(&mut self, ms: i64, region: &str, table: &str, item: &Item) -> &mut Self {
        let item = item
            .iter()
            .map(|(name, value)| match value {
                Attribute::S(text) => (name.clone(), json!(text)),
                Attribute::N(number) => (name.clone(), json!(number)),
            })
            .collect::<serde_json::Map<String, Value>>();
        let (region, table) = (id(region), table.to_owned());
        let item = Value::Object(item);
        self.add(ms, Happening::Put { region, table, caller: "somebody".to_owned(), item })
    }

    /// Writes these seats.
    pub(super) fn take(
        &mut self,
        ms: i64,
        epoch: u64,
        holder: &str,
        regions: &[&str],
        state: (u64, u64),
    ) -> &mut Self {
        for region in regions {
            let seat = Seat {
                incarnation: Incarnation("i".to_owned()),
                epoch: Epoch(epoch),
                holder: Some(id(holder)),
                lease_ms: 5000,
                beat: Beat { agent: id(holder), boot: BootId(1), count: 1 },
                committed: StateRef { name: state_name(state), digest: Digest::of(b"x") },
            };
            self.put(ms, region, "demo-seats", &items::seat_item(&seat));
        }
        self
    }

    /// Puts a state beside one seat: weights are 100 but for these.
    pub(super) fn state(
        &mut self,
        ms: i64,
        state: (u64, u64),
        weights: &[(&str, u8)],
    ) -> &mut Self {
        let mut wanted: Weights = BTreeMap::new();
        let shares = wanted.entry(id("web")).or_default();
        shares.extend(REGIONS.into_iter().map(|region| (id(region), Weight(100))));
        shares.extend(weights.iter().map(|(region, weight)| (id(region), Weight(*weight))));
        let document = serde_json::to_string(&ControlState {
            name: state_name(state),
            fleet: id("demo"),
            seats: BTreeMap::new(),
            wanted,
            steering: Steering::default(),
            runs: BTreeMap::<String, serde_json::Value>::new(),
            by: id("eu-west-1"),
            at: "2026-01-01T00:00:00Z".to_owned(),
            cause: json!({"why": "told"}),
        })
        .expect("serialises");
        self.put(ms, "eu-west-1", "demo-seats", &items::state_item(state_name(state), &document))
    }

    /// Publishes a report with one cell.
    pub(super) fn report(
        &mut self,
        ms: i64,
        by: &str,
        region: &str,
        state: CellState,
    ) -> &mut Self {
        let failing = matches!(state, CellState::Suspect | CellState::Down);
        let cell = Cell {
            state,
            for_ms: 0,
            failed: u16::from(failing),
            window: 10,
            failure: failing.then_some(ProbeFailure::ConnectTimeout),
            latency_ms: None,
        };
        let report = Report {
            fleet: id("demo"),
            agent: id(by),
            region: id(by),
            boot: BootId(1),
            seq: 1,
            at: "2026-01-01T00:00:00Z".to_owned(),
            cells: BTreeMap::from([(Target { region: id(region), service: id("web") }, cell)]),
            signals: BTreeMap::new(),
            probing: ProbingReport::default(),
            heard: BTreeMap::new(),
            off: false,
            leading: None,
            gates: None,
            preflight: None,
        };
        let document = serde_json::to_string(&report).expect("serialises");
        self.put(ms, by, "demo-board", &items::board_item(items::KIND_REPORT, by, &document))
    }

    /// Applies a batch that raises the fence to `epoch` and changes these weights, given as
    /// (Region, from, to).
    pub(super) fn batch(&mut self, ms: i64, epoch: u64, moves: &[(&str, u8, u8)]) -> &mut Self {
        let fence = Fence { fleet: id("demo"), epoch: Epoch(epoch), attempt: 1 };
        let name = Fence::record_name(&id("demo"), &id("example.com")).expect("short");
        let mut changes = vec![RecordChange::Create(fence.record_set(&name))];
        for (region, from, to) in moves {
            changes.push(RecordChange::Delete(weighted(region, *from)));
            changes.push(RecordChange::Create(weighted(region, *to)));
        }
        self.add(
            ms,
            Happening::ZoneChanged {
                zone: id("Z1"),
                caller: "eu-west-1".to_owned(),
                change: ChangeId("C1".to_owned()),
                changes,
            },
        )
    }

    pub(super) fn served(&mut self, ms: i64, client: ClientKind, region: &str) -> &mut Self {
        self.add(ms, Happening::Served { service: id("web"), region: id(region), client })
    }

    pub(super) fn failed(&mut self, ms: i64, client: ClientKind, region: &str) -> &mut Self {
        let why = "connect timed out".to_owned();
        let (service, region) = (id("web"), Some(id(region)));
        self.add(ms, Happening::Failed { service, region, client, why })
    }

    /// The run, watched for a minute after the first fault.
    pub(super) fn run(&self) -> Run {
        self.run_for(60_000)
    }

    pub(super) fn run_for(&self, watched_ms: u64) -> Run {
        let fleet = fleet();
        let cast = Cast::new(&fleet, &agents(), &id("eu-west-1")).expect("three serve");
        Run {
            stage: Stage::Sim,
            seed: Some(7),
            fleet,
            cast,
            started: Moment::from_ms(FAULT_MS - 1000),
            ended: Moment::from_ms(FAULT_MS + watched_ms),
            log: self.log.clone(),
        }
    }
}

/// A scenario of a minute that loses the follower and expects this.
pub(super) fn scenario(expect: &str) -> Scenario {
    let text = format!(
        "title = \"A test\"\nabout = \"Why\"\nrun_s = 60\n[[at]]\ns = 1\nlose = \"@follower\"\n\
         [[expect]]\n{expect}\n"
    );
    Scenario::parse(std::path::Path::new("test.toml"), &text).expect("a good file")
}

fn state_name((epoch, seq): (u64, u64)) -> StateName {
    StateName { epoch: Epoch(epoch), seq }
}

fn weighted(region: &str, weight: u8) -> RecordSet {
    RecordSet {
        key: RecordKey { name: id("web.example.com"), rtype: RecordType::A },
        routing: Routing::Weighted { set_identifier: region.to_owned(), weight: Weight(weight) },
        data: RecordData::Plain { ttl_s: 5, values: vec!["127.0.0.1".to_owned()] },
        health_check: None,
    }
}
