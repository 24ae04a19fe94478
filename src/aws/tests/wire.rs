//! Every operation of every adapter under every treatment on the wire, against the local endpoints:
//! what the caller is told is compared with what became of the world.
//!
//! The law is the same for all: *done* only when it is done, *no effect* only when there is none,
//! and a read that went wrong is an error, never an empty answer.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{AMPLE, aws};
use crate::aws::Aws;
use crate::domain::capacity::ScalingGroupId;
use crate::domain::control::StateRef;
use crate::domain::database::ClusterArn;
use crate::domain::digest::Digest;
use crate::domain::fleet::Tables;
use crate::domain::notice::{Notice, NoticeLevel, TopicArn};
use crate::domain::order::Verb;
use crate::domain::record::{
    ChangeId, DnsName, RecordChange, RecordData, RecordKey, RecordSet, RecordType, Routing,
};
use crate::domain::seat::{Beat, BootId, Incarnation};
use crate::domain::signal::MetricId;
use crate::domain::{
    CallFailure, Epoch, FailureClass, GlobalClusterId, RegionId, Report, Seat, StateName,
    ZoneBatch, ZoneId,
};
use crate::domain::{Order, OrderId};
use crate::local::testing::Stage;
use crate::ports::databases::{LAG_METRIC, RPO_METRIC};
use crate::ports::items;
use crate::ports::{
    Capacity as _, Databases as _, Notices as _, Observations as _, Records as _, Registers as _,
    SwapRefused,
};
use crate::telemetry::clock;
use crate::world::World;
use crate::world::cloudwatch::Stats;
use crate::world::dynamo::operation::TableDescription;
use crate::world::dynamo::{AttributeValue, Item, Operation, Output};
use crate::world::fault::Fault;
use crate::world::rds::Member;
use crate::world::wire::{Percent, Rule, Scope, Treatment};

/// A limit that is over long before the held-up call is carried out, and long enough to send it.
const LIMIT: Duration = Duration::from_millis(1000);
/// How long a call is held up beyond that limit.
const BEYOND_MS: u32 = 1500;
/// How long one is held up that is answered within any limit.
const WITHIN_MS: u32 = 10;

/// What the adapters can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    ReadSeat,
    ReadState,
    HasSeats,
    Gather,
    History,
    HasBoard,
    ZoneName,
    ReadZone,
    ChangeStatus,
    ShowDatabase,
    ShowMember,
    ReadLag,
    ShowKept,
    ShowGroup,
    SwapSeat,
    PutState,
    CreateSeat,
    CreateSeats,
    Publish,
    RecordHistory,
    Orders,
    SubmitOrder,
    RemoveOrder,
    CreateBoard,
    AddReplica,
    ChangeZone,
    SwitchOver,
    FailOver,
    Raise,
    Tell,
}

use Op::*;

const READS: [Op; 15] = [
    ReadSeat,
    ReadState,
    HasSeats,
    Gather,
    History,
    Orders,
    HasBoard,
    ZoneName,
    ReadZone,
    ChangeStatus,
    ShowDatabase,
    ShowMember,
    ReadLag,
    ShowKept,
    ShowGroup,
];
const WRITES: [Op; 15] = [
    SwapSeat,
    PutState,
    CreateSeat,
    CreateSeats,
    Publish,
    RecordHistory,
    SubmitOrder,
    RemoveOrder,
    CreateBoard,
    AddReplica,
    ChangeZone,
    SwitchOver,
    FailOver,
    Raise,
    Tell,
];

impl Op {
    /// What it asks of AWS: of several, the one that is treated amiss.
    fn operation(self) -> &'static str {
        match self {
            ReadSeat | ReadState => "GetItem",
            HasSeats | HasBoard => "DescribeTable",
            Gather | History | Orders => "Query",
            RemoveOrder => "DeleteItem",
            ZoneName => "GetHostedZone",
            ReadZone => "ListResourceRecordSets",
            ChangeStatus => "GetChange",
            SwapSeat | PutState | CreateSeat | Publish | RecordHistory | SubmitOrder => "PutItem",
            CreateSeats | CreateBoard => "CreateTable",
            AddReplica => "UpdateTable",
            ChangeZone => "ChangeResourceRecordSets",
            ShowDatabase => "DescribeGlobalClusters",
            ShowMember => "DescribeDBClusters",
            ReadLag => "GetMetricData",
            SwitchOver => "SwitchoverGlobalCluster",
            FailOver => "FailoverGlobalCluster",
            ShowKept => "DescribeDBClusterSnapshots",
            ShowGroup => "DescribeAutoScalingGroups",
            Raise => "SetDesiredCapacity",
            Tell => "Publish",
        }
    }
}

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

fn zone() -> ZoneId {
    "Z1".parse().expect("valid")
}

fn name(text: &str) -> DnsName {
    text.parse().expect("valid")
}

fn beat(n: u64) -> Beat {
    Beat { agent: "a".parse().expect("valid"), boot: BootId(1), count: n }
}

fn state(n: u64) -> StateName {
    StateName { epoch: Epoch(1), seq: n }
}

fn seat(n: u64) -> Seat {
    Seat {
        incarnation: Incarnation("i1".to_owned()),
        epoch: Epoch(4),
        lease_ms: 5000,
        holder: None,
        beat: beat(n),
        committed: StateRef { name: state(1), digest: Digest::of(b"x") },
    }
}

fn order(n: u64) -> Order {
    Order {
        id: OrderId::drawn(n),
        by: "ada".to_owned(),
        at: String::new(),
        after: state(1),
        verb: Verb::Resume,
    }
}

fn report(n: u64) -> Report {
    Report {
        fleet: "demo".parse().expect("valid"),
        agent: format!("a{n}").parse().expect("valid"),
        region: region("r1"),
        boot: BootId(1),
        seq: 1,
        at: "2026-01-01T00:00:00Z".to_owned(),
        cells: std::collections::BTreeMap::new(),
        probing: crate::domain::observation::ProbingReport::default(),
        heard: std::collections::BTreeMap::new(),
        off: false,
        signals: std::collections::BTreeMap::new(),
        leading: None,
        gates: None,
        preflight: None,
    }
}

fn txt(n: u64) -> RecordSet {
    RecordSet {
        key: RecordKey { name: name(&format!("n{n}.example.com")), rtype: RecordType::Txt },
        routing: Routing::Simple,
        data: RecordData::Plain { ttl_s: 60, values: vec!["\"x\"".to_owned()] },
        health_check: None,
    }
}

fn key(parts: &[(&str, &str)]) -> Item {
    parts.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::text(*value))).collect()
}

fn database(n: u64) -> GlobalClusterId {
    format!("orders-{n}").parse().expect("valid")
}

fn group(n: u64) -> ScalingGroupId {
    let name = format!("web-{n}").parse().expect("valid");
    ScalingGroupId { region: region("r1"), name }
}

fn topic() -> TopicArn {
    "arn:aws:sns:r1:123456789012:regent".parse().expect("valid")
}

fn notice(n: u64) -> Notice {
    let (subject, body) = ("r1 is down".to_owned(), "All of it.".to_owned());
    Notice { level: NoticeLevel::Infrastructure, key: format!("k{n}"), subject, body }
}

fn arn(n: u64, region: &str) -> ClusterArn {
    format!("arn:aws:rds:{region}:123456789012:cluster:orders-{n}-{region}").parse().expect("valid")
}

/// A stage with everything that can be read, made before anything goes amiss.
struct Play {
    stage: Stage,
    aws: Aws,
    change: ChangeId,
}

impl Play {
    async fn begin() -> Self {
        let stage = Stage::start().await;
        let aws = aws(&stage.url);
        let (r1, r2) = (region("r1"), region("r2"));
        let (seats, board) = (aws.seats(), aws.board());
        for region in [&r1, &r2] {
            seats.create_table(region, AMPLE).await.expect("a table");
        }
        board.create_table(&r1, &[r2], AMPLE).await.expect("a table");
        seats.create_seat(&r1, &seat(0), AMPLE).await.expect("a seat");
        seats.put_state(&r1, state(1), "{}", AMPLE).await.expect("a state");
        board.publish(&r1, &report(1), AMPLE).await.expect("a report");
        board.record_history(&r1, state(1), "{}", AMPLE).await.expect("a document");
        let batch = ZoneBatch {
            zone: zone(),
            changes: vec![RecordChange::Create(txt(1))],
            comment: String::new(),
        };
        let change = aws.zones().change_zone(&batch, AMPLE).await.expect("a change");
        let play = Self { stage, aws, change };
        play.make_database(0);
        play.make_group(0);
        play.measure_lag();
        play
    }

    /// A database whose writer is in r1, and can be moved to r2.
    fn make_database(&self, n: u64) {
        self.stage.visit(|world, now| {
            let members = ["r1", "r2"].map(|region| Member::new(arn(n, region)));
            world.rds.add(now, database(n), members, &region("r1"));
        });
    }

    /// An autoscaling group of 1 instance in r1, which may have 2.
    fn make_group(&self, n: u64) {
        self.stage.visit(|world, now| {
            world.autoscaling.add(now, group(n), (1, 1, 2)).expect("they fit");
        });
    }

    /// A point of two of the three metrics, which can be read at once.
    fn measure_lag(&self) {
        let at_unix_ms = clock::wall_unix_ms() - 60_000;
        self.stage.visit(|world, now| {
            world.cloudwatch.set_delay(Duration::ZERO);
            for (name, value) in [(LAG_METRIC, 120.0), (RPO_METRIC, 80.0)] {
                let dimensions = ("DBClusterIdentifier".to_owned(), arn(0, "r2").name().to_owned());
                let metric = MetricId {
                    namespace: "AWS/RDS".to_owned(),
                    name: name.to_owned(),
                    dimensions: [dimensions].into(),
                };
                world.cloudwatch.put(now, &region("r2"), metric, at_unix_ms, Stats::of(value));
            }
        });
    }

    /// Asks; what the caller is then told, and in words what it was given.
    async fn act(&self, op: Op, n: u64, limit: Duration) -> Result<String, FailureClass> {
        let (r1, r2) = (region("r1"), region("r2"));
        let (seats, board, zones) = (self.aws.seats(), self.aws.board(), self.aws.zones());
        let databases = self.aws.databases();
        fn told<T: std::fmt::Debug>(told: Result<T, CallFailure>) -> Result<String, FailureClass> {
            told.map(|given| format!("{given:?}")).map_err(|failure| failure.class)
        }
        match op {
            ReadSeat => told(seats.read_seat(&r1, limit).await),
            ReadState => told(seats.read_state(&r1, state(1), limit).await),
            HasSeats => told(seats.has_table(&r1, limit).await),
            Gather => told(board.gather(&r1, limit).await),
            History => told(board.history(&r1, 5, limit).await),
            HasBoard => told(board.has_table(&r2, limit).await),
            ZoneName => told(zones.zone_facts(&zone(), limit).await),
            ReadZone => {
                let keys = [txt(1).key, txt(2).key];
                told(zones.read_zone(&zone(), &name("_f.example.com"), &keys, limit).await)
            }
            ChangeStatus => told(zones.change_status(&zone(), &self.change, limit).await),
            SwapSeat => {
                let held = self.seat().beat;
                match seats.swap_seat(&r1, &held, &seat(n), limit).await {
                    Ok(()) => Ok(String::new()),
                    Err(SwapRefused::Found(found)) => panic!("nobody else swaps: {found:?}"),
                    Err(SwapRefused::Failed(failure)) => Err(failure.class),
                }
            }
            PutState => told(seats.put_state(&r1, state(n), "{}", limit).await),
            CreateSeat => told(self.seats_of(n).create_seat(&r1, &seat(0), limit).await),
            CreateSeats => told(self.seats_of(n).create_table(&r1, limit).await),
            Publish => told(board.publish(&r1, &report(n), limit).await),
            RecordHistory => told(board.record_history(&r1, state(n), "{}", limit).await),
            Orders => told(board.orders(&r1, limit).await),
            SubmitOrder => told(board.submit_order(&r1, &order(n), limit).await),
            RemoveOrder => told(board.remove_order(&r1, &order(n).id, limit).await),
            CreateBoard => told(self.board_of(n).create_table(&r1, &[], limit).await),
            AddReplica => told(self.board_of(n).create_table(&r1, &[r2], limit).await),
            ChangeZone => {
                let changes = vec![RecordChange::Create(txt(n))];
                let batch = ZoneBatch { zone: zone(), changes, comment: String::new() };
                told(zones.change_zone(&batch, limit).await)
            }
            ShowDatabase => told(databases.describe(&r2, &database(0), limit).await),
            ShowMember => told(databases.describe_member(&arn(0, "r2"), limit).await),
            ReadLag => {
                let points = databases.lag(&arn(0, "r2"), limit).await;
                // Their age is another each time.
                told(points.map(|points| {
                    points.iter().map(|point| (point.lag_ms, point.rpo_ms)).collect::<Vec<_>>()
                }))
            }
            Tell => told(self.aws.notices().send(&topic(), "demo", &notice(n), limit).await),
            ShowKept => told(databases.kept_volumes(&arn(0, "r2"), limit).await),
            ShowGroup => told(self.aws.capacity().group(&group(0), limit).await),
            Raise => told(self.aws.capacity().set_desired(&group(n), 2, limit).await),
            SwitchOver => told(databases.switchover(&r1, &database(n), &arn(n, "r2"), limit).await),
            FailOver => {
                let target = arn(n, "r2");
                told(databases.failover_allowing_data_loss(&database(n), &target, limit).await)
            }
        }
    }

    /// What must be there before the operation can be tried.
    async fn prepare(&self, op: Op, n: u64) {
        match op {
            CreateSeat => {
                self.seats_of(n).create_table(&region("r1"), AMPLE).await.expect("a table");
            }
            SwitchOver | FailOver => self.make_database(n),
            Raise => self.make_group(n),
            Tell => self.stage.visit(|world, _| world.sns.add_topic(topic())),
            AddReplica => {
                self.board_of(n).create_table(&region("r1"), &[], AMPLE).await.expect("a table");
            }
            RemoveOrder => {
                let board = self.aws.board();
                board.submit_order(&region("r1"), &order(n), AMPLE).await.expect("an order");
            }
            _ => {}
        }
    }

    fn other(&self, n: u64) -> Aws {
        let tables = Tables { seats: format!("seats-{n}"), board: format!("board-{n}") };
        Aws::at(&self.stage.url, tables)
    }

    fn seats_of(&self, n: u64) -> crate::aws::Seats {
        self.other(n).seats()
    }

    fn board_of(&self, n: u64) -> crate::aws::Board {
        self.other(n).board()
    }

    fn peek(&self, table: &str, key: &Item) -> Option<Item> {
        self.stage.visit(|world, _| world.dynamo.peek(&region("r1"), table, key).cloned())
    }

    fn seat(&self) -> Seat {
        let item = self.peek("demo-seats", &key(&[("id", "seat")])).expect("there is one");
        let Some(AttributeValue::S(beat)) = item.get(items::BEAT) else { panic!("{item:?}") };
        Seat { beat: beat.parse().expect("a beat"), ..seat(0) }
    }

    fn table(&self, region: &RegionId, table: &str) -> Option<TableDescription> {
        let describe = Operation::DescribeTable(table.to_owned());
        let answer = |world: &mut World, now| world.dynamo.call(now, region, describe);
        match self.stage.visit(answer) {
            Ok(Output::Table(table)) => Some(table),
            _ => None,
        }
    }

    /// Whether the world shows the effect.
    fn done(&self, op: Op, n: u64) -> bool {
        let board = |kind, id: String| {
            self.peek("demo-board", &key(&[("kind", kind), ("id", &id)])).is_some()
        };
        let (seats, tables) = (format!("seats-{n}"), format!("board-{n}"));
        match op {
            SwapSeat => self.seat().beat == beat(n),
            PutState => {
                self.peek("demo-seats", &key(&[("id", &items::state_id(state(n)))])).is_some()
            }
            CreateSeat => self.peek(&seats, &key(&[("id", "seat")])).is_some(),
            CreateSeats => self.table(&region("r1"), &seats).is_some(),
            Publish => board("report", format!("a{n}")),
            RecordHistory => board("history", items::history_id(state(n))),
            SubmitOrder => board("order", order(n).id.to_string()),
            RemoveOrder => !board("order", order(n).id.to_string()),
            CreateBoard => self.table(&region("r1"), &tables).is_some(),
            AddReplica => self.table(&region("r2"), &tables).is_some(),
            ChangeZone => self.stage.visit(|world, _| {
                let zone = zone();
                let mut records =
                    world.route53.records(&zone).filter_map(|record| record.to_record_set());
                records.any(|record| record == txt(n))
            }),
            SwitchOver | FailOver => self.stage.visit(|world, _| {
                let shown = world.rds.describe(&region("r1"), Some(database(n).as_str()));
                let shown = shown.expect("it was made")[0].clone();
                shown.moving.is_some() || shown.members[&region("r2")].writer
            }),
            Raise => self.stage.visit(|world, _| {
                world.autoscaling.group(&group(n)).expect("it was made").desired == 2
            }),
            Tell => self.stage.visit(|world, _| {
                let key = notice(n).key;
                world.sns.published().any(|it| it.message.attributes["key"] == key)
            }),
            _ => panic!("{op:?} has no effect"),
        }
    }

    /// Lets a rule strike every call of the operation, or the first one only.
    fn amiss(&self, op: Op, treatment: Treatment, times: Option<u32>) {
        let operation = Some(op.operation().to_owned());
        let scope = Scope { operation, ..Scope::default() };
        let rule = Rule { scope, treatment, percent: Percent::ALL, times };
        self.stage.visit(|world, now| world.strike(now, &Fault::Wire { rule }));
    }

    fn mend(&self) {
        let fault = Fault::MendWire { scope: Scope::default() };
        self.stage.visit(|world, now| world.strike(now, &fault));
    }

    /// Waits until the effect of a call that was held up is there.
    async fn until_done(&self, op: Op, n: u64) {
        let mut changed = self.stage.changed();
        while !self.done(op, n) {
            // Tables are made without a word to those who wait for changes.
            let _ = tokio::time::timeout(Duration::from_millis(20), changed.changed()).await;
        }
    }
}

/// Whether a treatment leaves the answer as it is.
fn harmless(treatment: Treatment) -> bool {
    treatment == Treatment::Delay { ms: WITHIN_MS }
}

async fn every_write(op: Op) {
    let play = Play::begin().await;
    for (n, treatment) in (10..).zip(Treatment::all(WITHIN_MS)) {
        play.prepare(op, n).await;
        play.amiss(op, treatment, None);
        let told = play.act(op, n, AMPLE).await;
        let done = play.done(op, n);
        assert_eq!(done, treatment.takes_effect(), "{op:?} under {treatment:?}");
        match &told {
            Ok(_) => assert!(done, "{op:?} under {treatment:?}: told of an effect that isn't"),
            Err(FailureClass::Unknown) => {}
            Err(class) => assert!(!done, "{op:?} under {treatment:?}: {class}, and it was done"),
        }
        let expected = match treatment {
            Treatment::Throttle => Some(FailureClass::Transient),
            _ if harmless(treatment) => None,
            _ => Some(FailureClass::Unknown),
        };
        assert_eq!(told.err(), expected, "{op:?} under {treatment:?}");
        play.mend();
    }
    // Held up until nobody waits for it: unknown, and it lands after all.
    let n = 100;
    play.prepare(op, n).await;
    play.amiss(op, Treatment::Delay { ms: BEYOND_MS }, None);
    assert_eq!(play.act(op, n, LIMIT).await, Err(FailureClass::Unknown), "{op:?} held up");
    tokio::time::timeout(AMPLE, play.until_done(op, n)).await.expect("it was sent");
}

async fn every_read(op: Op) {
    let play = Play::begin().await;
    let right = play.act(op, 0, AMPLE).await.expect("nothing is amiss yet");
    for treatment in Treatment::all(WITHIN_MS) {
        play.amiss(op, treatment, None);
        let told = play.act(op, 0, AMPLE).await;
        let expected =
            if harmless(treatment) { Ok(right.clone()) } else { Err(FailureClass::Transient) };
        assert_eq!(told, expected, "{op:?} under {treatment:?}");
        play.mend();
        // Only the first: asked again within the limit, or an error; never half an answer.
        play.amiss(op, treatment, Some(1));
        match play.act(op, 0, AMPLE).await {
            Ok(given) => assert_eq!(given, right, "{op:?} under {treatment:?}, once"),
            Err(class) => {
                assert_eq!(class, FailureClass::Transient, "{op:?} under {treatment:?}, once");
            }
        }
        play.mend();
    }
    play.amiss(op, Treatment::Delay { ms: BEYOND_MS }, None);
    let told = play.act(op, 0, LIMIT).await;
    assert_eq!(told, Err(FailureClass::Transient), "{op:?} held up");
}

#[tokio::test]
async fn no_write_is_believed_done_that_is_not_nor_failed_that_is_done() {
    let mut plays = JoinSet::new();
    for op in WRITES {
        plays.spawn(every_write(op));
    }
    plays.join_all().await;
}

#[tokio::test]
async fn no_read_that_went_wrong_is_an_answer() {
    let mut plays = JoinSet::new();
    for op in READS {
        plays.spawn(every_read(op));
    }
    plays.join_all().await;
}
