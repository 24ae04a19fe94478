//! The modelled world in memory under the suites of every port.
//!
//! What the simulator carries out for brains is put behind the ports here, request by request; what
//! a running brain never asks for (tables, a seat's making, a zone's name) is said to the world
//! directly.

mod groups_and_topics;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;

use crate::core::{Outcome, Refusal, Request, Response};
use crate::domain::capacity::ScalingGroupId;
use crate::domain::database::{ClusterArn, GlobalCluster, LagPoint, MemberCluster};
use crate::domain::fleet::Tables;
use crate::domain::notice::TopicArn;
use crate::domain::record::{ChangeId, ChangeStatus, DnsName, RecordKey, ZoneRead};
use crate::domain::seat::Beat;
use crate::domain::signal::{
    AlarmName, AlarmState, Datapoint, MetricId, MetricQuery, TargetGroupArn, TargetHealth,
};
use crate::domain::zone::ZoneFacts;
use crate::domain::{
    CallFailure, GlobalClusterId, Moment, RegionId, Report, Seat, StateName, ZoneBatch, ZoneId,
};
use crate::domain::{Order, OrderId};
use crate::ports::conformance::{Ground, MadeDatabase, SUITES};
use crate::ports::{
    Answer, Capacity, Databases, Notices, Observations, Records, Registers, Signals, SwapRefused,
    items,
};
use crate::sim::ports::{Ports, ReadBefore, to_world};
use crate::world::World;
use crate::world::cloudwatch::{Span, Stats};
use crate::world::dynamo::operation::{
    BillingMode, CreateTable, KeyAttribute, KeyKind, KeySchema, Placeholders, PutItem, Query,
    Reading, ReplicaUpdate, StreamView, TableStatus, UpdateTable,
};
use crate::world::dynamo::{AttributeValue, DynamoError, Operation, Output};
use crate::world::rds::Member;
use crate::world::testing;

/// Time that each call takes.
const CALL: Duration = Duration::from_millis(1);

/// A world that is called, and whose clock goes on with each call.
struct InMemory {
    inner: Mutex<(World, Moment, ReadBefore)>,
    tables: Tables,
}

impl InMemory {
    fn new() -> Self {
        let (here, there) = regions();
        let mut world = World::new(1, [here, there]);
        let (zone, name) = zone();
        world.route53.create_zone(&zone, &name).expect("an empty world");
        // Whole minutes lie behind: points are dated.
        world.cloudwatch.set_unix_ms_at_zero(1_700_000_000_000);
        let inner = Mutex::new((world, Moment::from_ms(1000), ReadBefore::default()));
        let tables = Tables { seats: "seats".to_owned(), board: "board".to_owned() };
        Self { inner, tables }
    }

    fn inner(&self) -> MutexGuard<'_, (World, Moment, ReadBefore)> {
        let mut inner = self.inner.lock().expect("no case breaks off within a call");
        inner.1 = inner.1 + CALL;
        let (world, now, _) = &mut *inner;
        world.advance(*now);
        inner
    }

    fn pass(&self, span: Duration) {
        let mut inner = self.inner();
        inner.1 = inner.1 + span;
    }

    fn ask(&self, request: Request) -> Outcome {
        let (world, now, read_before) = &mut *self.inner();
        let tables = &self.tables;
        Ports { world, now: *now, caller: "test", tables, read_before }.carry_out(request)
    }

    fn asked<T>(&self, request: Request, read: impl Fn(Response) -> Option<T>) -> Answer<T> {
        match self.ask(request) {
            Ok(response) => Ok(read(response).expect("the answer of that request")),
            Err(Refusal::Failed(failure)) => Err(failure),
            Err(Refusal::Found(found)) => panic!("only a swap finds: {found:?}"),
        }
    }

    fn call(&self, region: &RegionId, operation: Operation) -> Result<Output, DynamoError> {
        let (world, now, _) = &mut *self.inner();
        world.dynamo.call(*now, region, operation)
    }

    fn status(&self, region: &RegionId, table: &str) -> Option<TableStatus> {
        match self.call(region, Operation::DescribeTable(table.to_owned())) {
            Ok(Output::Table(table)) => Some(table.status),
            _ => None,
        }
    }

    fn wait_for(&self, region: &RegionId, table: &str) {
        while self.status(region, table) != Some(TableStatus::Active) {
            self.pass(Duration::from_secs(1));
        }
    }

    /// Makes a table if there is none; whether it did.
    fn make(&self, region: &RegionId, table: &str, keys: &[&str]) -> bool {
        let mut keys =
            keys.iter().map(|name| KeyAttribute { name: (*name).to_owned(), kind: KeyKind::S });
        let key = KeySchema { hash: keys.next().expect("a hash key"), range: keys.next() };
        let create = CreateTable {
            table: table.to_owned(),
            key,
            billing: BillingMode::PayPerRequest,
            stream: Some(StreamView::NewAndOldImages),
            deletion_protected: false,
        };
        let made = self.call(region, Operation::CreateTable(create)).is_ok();
        self.wait_for(region, table);
        made
    }
}

fn permanent(error: &DynamoError) -> CallFailure {
    CallFailure::permanent(error.to_string())
}

#[async_trait]
impl Registers for InMemory {
    async fn read_seat(&self, seat: &RegionId, _: Duration) -> Answer<Option<Seat>> {
        self.asked(Request::ReadSeat { seat: seat.clone() }, |response| match response {
            Response::Seat(seat) => Some(seat),
            _ => None,
        })
    }

    async fn swap_seat(
        &self,
        seat: &RegionId,
        expected: &Beat,
        new: &Seat,
        _: Duration,
    ) -> Result<(), SwapRefused> {
        let (seat, expected, new) = (seat.clone(), expected.clone(), new.clone());
        match self.ask(Request::SwapSeat { seat, expected, new }) {
            Ok(_) => Ok(()),
            Err(Refusal::Found(found)) => Err(SwapRefused::Found(found)),
            Err(Refusal::Failed(failure)) => Err(SwapRefused::Failed(failure)),
        }
    }

    async fn put_state(
        &self,
        seat: &RegionId,
        name: StateName,
        document: &str,
        _: Duration,
    ) -> Answer<()> {
        let (seat, document) = (seat.clone(), document.into());
        self.asked(Request::PutState { seat, name, document }, |_| Some(()))
    }

    async fn read_state(
        &self,
        seat: &RegionId,
        name: StateName,
        _: Duration,
    ) -> Answer<Option<String>> {
        let seat = seat.clone();
        self.asked(Request::ReadState { seat, name }, |response| match response {
            Response::State(state) => Some(state),
            _ => None,
        })
    }

    async fn create_table(&self, seat: &RegionId, _: Duration) -> Answer<bool> {
        Ok(self.make(seat, &self.tables.seats, &[items::SEATS_KEY]))
    }

    async fn has_table(&self, seat: &RegionId, _: Duration) -> Answer<bool> {
        Ok(self.status(seat, &self.tables.seats) == Some(TableStatus::Active))
    }

    async fn create_seat(&self, seat: &RegionId, new: &Seat, _: Duration) -> Answer<()> {
        let put = PutItem {
            table: self.tables.seats.clone(),
            item: to_world(&items::seat_item(new)),
            condition: Some(format!("attribute_not_exists({})", items::SEATS_KEY)),
            ..PutItem::default()
        };
        match self.call(seat, Operation::PutItem(put)) {
            Ok(_) => Ok(()),
            Err(DynamoError::ConditionalCheckFailed { .. }) => {
                Err(CallFailure::conflict("there is a seat"))
            }
            Err(error) => Err(permanent(&error)),
        }
    }
}

#[async_trait]
impl Observations for InMemory {
    async fn publish(&self, replica: &RegionId, report: &Report, _: Duration) -> Answer<()> {
        let request =
            Request::Publish { replica: replica.clone(), report: Box::new(report.clone()) };
        self.asked(request, |_| Some(()))
    }

    async fn gather(&self, replica: &RegionId, _: Duration) -> Answer<Vec<Report>> {
        self.asked(Request::Gather { replica: replica.clone() }, |response| match response {
            Response::Reports(reports) => {
                Some(reports.iter().map(|report| Report::clone(report)).collect())
            }
            _ => None,
        })
    }

    async fn record_history(
        &self,
        replica: &RegionId,
        name: StateName,
        document: &str,
        _: Duration,
    ) -> Answer<()> {
        let (replica, document) = (replica.clone(), document.into());
        self.asked(Request::RecordHistory { replica, name, document }, |_| Some(()))
    }

    async fn history(
        &self,
        replica: &RegionId,
        count: u16,
        _: Duration,
    ) -> Answer<Vec<(StateName, String)>> {
        let kind = AttributeValue::text(items::KIND_HISTORY);
        let query = Query {
            table: self.tables.board.clone(),
            key_condition: "kind = :kind".to_owned(),
            backward: true,
            reading: Reading {
                limit: Some(count.into()),
                placeholders: Placeholders {
                    values: [(":kind".to_owned(), kind)].into(),
                    ..Placeholders::default()
                },
                ..Reading::default()
            },
        };
        let page = match self.call(replica, Operation::Query(query)) {
            Ok(Output::Page(page)) => page,
            Ok(other) => panic!("a page: {other:?}"),
            Err(error) => return Err(permanent(&error)),
        };
        let text = |value: Option<&AttributeValue>| match value {
            Some(AttributeValue::S(text)) => text.clone(),
            other => panic!("a text: {other:?}"),
        };
        let named = page.items.iter().map(|item| {
            let name = items::history_name(&text(item.get(items::BOARD_RANGE)));
            (name.expect("a name"), text(item.get(items::DOCUMENT)))
        });
        Ok(named.collect())
    }

    async fn submit_order(&self, replica: &RegionId, order: &Order, _: Duration) -> Answer<()> {
        let (world, now, read_before) = &mut *self.inner();
        let tables = &self.tables;
        let mut ports = Ports { world, now: *now, caller: "test", tables, read_before };
        ports.submit_order(replica, order)
    }

    async fn orders(&self, replica: &RegionId, _: Duration) -> Answer<Vec<Order>> {
        self.asked(Request::ReadOrders { replica: replica.clone() }, |response| match response {
            Response::Orders(orders) => Some(orders),
            _ => None,
        })
    }

    async fn remove_order(&self, replica: &RegionId, order: &OrderId, _: Duration) -> Answer<()> {
        let (replica, order) = (replica.clone(), order.clone());
        self.asked(Request::RemoveOrder { replica, order }, |_| Some(()))
    }

    async fn create_table(
        &self,
        home: &RegionId,
        replicas: &[RegionId],
        _: Duration,
    ) -> Answer<Vec<RegionId>> {
        let table = self.tables.board.clone();
        let mut made = Vec::new();
        if self.make(home, &table, &[items::BOARD_HASH, items::BOARD_RANGE]) {
            made.push(home.clone());
        }
        for replica in replicas.iter().filter(|replica| *replica != home) {
            if self.status(replica, &table).is_some() {
                continue;
            }
            let update = UpdateTable {
                table: table.clone(),
                replicas: vec![ReplicaUpdate::Create(replica.clone())],
                ..UpdateTable::default()
            };
            self.call(home, Operation::UpdateTable(update)).map_err(|error| permanent(&error))?;
            self.wait_for(home, &table);
            self.wait_for(replica, &table);
            made.push(replica.clone());
        }
        Ok(made)
    }

    async fn has_table(&self, replica: &RegionId, _: Duration) -> Answer<bool> {
        Ok(self.status(replica, &self.tables.board) == Some(TableStatus::Active))
    }
}

#[async_trait]
impl Records for InMemory {
    async fn zone_facts(&self, zone: &ZoneId, _: Duration) -> Answer<ZoneFacts> {
        let (world, now, _) = &mut *self.inner();
        let found = world.route53.get_zone(*now, zone);
        let found = found.map_err(|error| CallFailure::permanent(error.to_string()))?;
        Ok(ZoneFacts {
            name: found.name.to_string().parse().expect("a name"),
            private: false,
            name_servers: Vec::new(),
        })
    }

    async fn read_zone(
        &self,
        zone: &ZoneId,
        fence: &DnsName,
        keys: &[RecordKey],
        _: Duration,
    ) -> Answer<ZoneRead> {
        let (zone, fence, keys) = (zone.clone(), fence.clone(), keys.to_vec());
        self.asked(Request::ReadZone { zone, fence, keys }, |response| match response {
            Response::Zone(read) => Some(read),
            _ => None,
        })
    }

    async fn change_zone(&self, batch: &ZoneBatch, _: Duration) -> Answer<ChangeId> {
        self.asked(Request::ChangeZone { batch: batch.clone() }, |response| match response {
            Response::Changed(change) => Some(change),
            _ => None,
        })
    }

    async fn change_status(
        &self,
        _: &ZoneId,
        change: &ChangeId,
        _: Duration,
    ) -> Answer<ChangeStatus> {
        let request = Request::ReadChange { zone: zone().0, change: change.clone() };
        self.asked(request, |response| match response {
            Response::Change(status) => Some(status),
            _ => None,
        })
    }
}

#[async_trait]
impl Databases for InMemory {
    async fn describe(
        &self,
        via: &RegionId,
        cluster: &GlobalClusterId,
        _: Duration,
    ) -> Answer<GlobalCluster> {
        let (cluster, via) = (cluster.clone(), via.clone());
        self.asked(Request::DescribeDatabase { cluster, via }, |response| match response {
            Response::Database(shown) => Some(shown),
            _ => None,
        })
    }

    async fn describe_member(&self, member: &ClusterArn, _: Duration) -> Answer<MemberCluster> {
        let member = member.clone();
        self.asked(Request::DescribeMember { member }, |response| match response {
            Response::Member(shown) => Some(shown),
            _ => None,
        })
    }

    async fn lag(&self, secondary: &ClusterArn, _: Duration) -> Answer<Vec<LagPoint>> {
        let secondary = secondary.clone();
        self.asked(Request::ReadLag { secondary }, |response| match response {
            Response::Lag(points) => Some(points),
            _ => None,
        })
    }

    async fn kept_volumes(&self, cluster: &ClusterArn, _: Duration) -> Answer<Vec<String>> {
        let cluster = cluster.clone();
        self.asked(Request::ReadKeptVolumes { cluster }, |response| match response {
            Response::KeptVolumes(kept) => Some(kept),
            _ => None,
        })
    }

    async fn switchover(
        &self,
        primary: &RegionId,
        cluster: &GlobalClusterId,
        target: &ClusterArn,
        _: Duration,
    ) -> Answer<()> {
        let (primary, cluster, target) = (primary.clone(), cluster.clone(), target.clone());
        self.asked(Request::SwitchOver { cluster, primary, target }, |_| Some(()))
    }

    async fn failover_allowing_data_loss(
        &self,
        cluster: &GlobalClusterId,
        target: &ClusterArn,
        _: Duration,
    ) -> Answer<()> {
        let (cluster, target) = (cluster.clone(), target.clone());
        self.asked(Request::FailOver { cluster, target }, |_| Some(()))
    }
}

#[async_trait]
impl Signals for InMemory {
    async fn target_health(&self, group: &TargetGroupArn, _: Duration) -> Answer<TargetHealth> {
        let group = group.clone();
        self.asked(Request::ReadTargetHealth { group }, |response| match response {
            Response::TargetHealth(health) => Some(health),
            _ => None,
        })
    }

    async fn alarms(
        &self,
        region: &RegionId,
        names: &BTreeSet<AlarmName>,
        _: Duration,
    ) -> Answer<BTreeMap<AlarmName, AlarmState>> {
        let (region, names) = (region.clone(), names.clone());
        self.asked(Request::ReadAlarms { region, names }, |response| match response {
            Response::Alarms(states) => Some(states),
            _ => None,
        })
    }

    async fn metrics(
        &self,
        region: &RegionId,
        queries: &[MetricQuery],
        _: Duration,
    ) -> Answer<Vec<Vec<Datapoint>>> {
        let (world, now, _) = &mut *self.inner();
        let to_unix_s = world.cloudwatch.unix_ms(*now).div_euclid(1000);
        let read = |query: &MetricQuery| {
            let from_unix_s = to_unix_s - i64::from(query.window_s);
            let span = Span { from_unix_s, to_unix_s };
            let MetricQuery { metric, statistic, period_s, .. } = query;
            world.cloudwatch.read(*now, region, metric, *statistic, *period_s, span)
        };
        Ok(queries.iter().map(read).collect())
    }
}

fn regions() -> (RegionId, RegionId) {
    ("eu-west-1".parse().expect("valid"), "us-east-1".parse().expect("valid"))
}

fn zone() -> (ZoneId, DnsName) {
    ("Z1".parse().expect("valid"), "example.com".parse().expect("valid"))
}

#[async_trait]
impl Ground for InMemory {
    fn registers(&self) -> &dyn Registers {
        self
    }

    fn observations(&self) -> &dyn Observations {
        self
    }

    fn records(&self) -> &dyn Records {
        self
    }

    fn signals(&self) -> &dyn Signals {
        self
    }

    fn now_unix_s(&self) -> i64 {
        let (world, now, _) = &*self.inner();
        world.cloudwatch.unix_ms(*now).div_euclid(1000)
    }

    async fn put_point(&self, region: &RegionId, metric: &MetricId, at_unix_s: i64, value: f64) {
        let (world, now, _) = &mut *self.inner();
        let (metric, stats) = (metric.clone(), Stats::of(value));
        world.cloudwatch.put(*now, region, metric, at_unix_s * 1000, stats);
    }

    async fn make_alarm(&self, region: &RegionId, label: &str, state: AlarmState) -> AlarmName {
        let (world, now, _) = &mut *self.inner();
        let name = label.parse().expect("a name");
        world.add_alarm(*now, region, &name, state);
        name
    }

    async fn make_group(
        &self,
        region: &RegionId,
        label: &str,
        targets: u8,
        in_use: bool,
    ) -> TargetGroupArn {
        let (world, now, _) = &mut *self.inner();
        testing::group(world, *now, region, label, targets, in_use)
    }

    fn capacity(&self) -> &dyn Capacity {
        self
    }

    async fn make_scaling_group(
        &self,
        region: &RegionId,
        label: &str,
        sizes: (u32, u32, u32),
    ) -> ScalingGroupId {
        let (world, now, _) = &mut *self.inner();
        testing::scaling_group(world, *now, region, label, sizes)
    }

    fn notices(&self) -> &dyn Notices {
        self
    }

    async fn make_topic(&self, region: &RegionId, label: &str) -> TopicArn {
        let (world, ..) = &mut *self.inner();
        testing::topic(world, region, label)
    }

    fn databases(&self) -> &dyn Databases {
        self
    }

    async fn make_database(&self) -> MadeDatabase {
        let (world, now, _) = &mut *self.inner();
        let (here, there) = regions();
        let made = MadeDatabase::named("orders", &here, &there);
        let members = [&made.here, &made.there].map(|arn| Member::new(arn.clone()));
        world.rds.add(*now, made.cluster.clone(), members, &here);
        made
    }

    fn regions(&self) -> (RegionId, RegionId) {
        regions()
    }

    fn zone(&self) -> (ZoneId, DnsName) {
        zone()
    }

    async fn let_pass(&self) {
        self.pass(Duration::from_secs(10));
    }
}

#[tokio::test]
async fn the_world_in_memory_conforms() {
    for (port, cases) in SUITES {
        for case in cases {
            if let Err(why) = case.run(&InMemory::new()).await {
                panic!("{port}: {}: {why}", case.name);
            }
        }
    }
}
