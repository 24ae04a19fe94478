//! The adapters under the suites of every port: over the local endpoints, and over an independent
//! emulator where there is one.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricDatum, Statistic};
use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetDescription};

use crate::aws::{
    Aws, Board, Capacity as OverAutoscaling, Databases as OverRds, Notices as OverSns, Seats,
    Signals as OverCloudWatch, Zones,
};
use crate::domain::capacity::ScalingGroupId;
use crate::domain::fleet::Tables;
use crate::domain::notice::TopicArn;
use crate::domain::record::DnsName;
use crate::domain::signal::{AlarmName, AlarmState, MetricId, TargetGroupArn};
use crate::domain::{RegionId, ZoneId};
use crate::local::testing::Stage;
use crate::ports::conformance::differences::known;
use crate::ports::conformance::{Ground, MadeDatabase, SUITES};
use crate::ports::{Capacity, Databases, Notices, Observations, Records, Registers, Signals};
use crate::telemetry::clock;
use crate::world;
use crate::world::rds::{Member, Pace};

/// Names the emulator's URL.
const ENDPOINT: &str = "REGENT_CONFORMANCE_ENDPOINT";

/// An engine version that the emulator knows.
const ENGINE_VERSION: &str = "16.14";

struct OverTheWire<'s> {
    name: String,
    /// Where the world is ours, databases are made in it.
    stage: Option<&'s Stage>,
    databases: OverRds,
    capacity: OverAutoscaling,
    notices: OverSns,
    signals: OverCloudWatch,
    seats: Seats,
    board: Board,
    zones: Zones,
    regions: (RegionId, RegionId),
    zone: (ZoneId, DnsName),
}

impl<'s> OverTheWire<'s> {
    /// Fresh tables and a fresh zone behind an endpoint. `name` tells them from others'.
    async fn at(url: &str, stage: Option<&'s Stage>, name: &str, regions: [&str; 2]) -> Self {
        let tables = Tables { seats: format!("{name}-seats"), board: format!("{name}-board") };
        let adapters = Aws::at(url, tables);
        let zone: DnsName = format!("{name}.example").parse().expect("valid");
        let zones = adapters.zones();
        let created = zones
            .0
            .route53
            .create_hosted_zone()
            .name(zone.as_str())
            .caller_reference(name)
            .send()
            .await
            .expect("a zone");
        let id = created.hosted_zone().expect("the zone").id().trim_start_matches("/hostedzone/");
        let [here, there] = regions.map(|region| region.parse().expect("valid"));
        Self {
            name: name.to_owned(),
            stage,
            databases: adapters.databases(),
            capacity: adapters.capacity(),
            notices: adapters.notices(),
            signals: adapters.signals(),
            seats: adapters.seats(),
            board: adapters.board(),
            zones,
            regions: (here, there),
            zone: (id.parse().expect("valid"), zone),
        }
    }
}

impl OverTheWire<'_> {
    /// A name that no other case gives, nor a run before: an emulator keeps what it was given.
    fn own(&self, label: &str) -> String {
        format!("{}-{label}", self.name)
    }

    /// Makes a database as an operator does; its ARNs are the endpoint's.
    async fn made_over_the_wire(&self, named: MadeDatabase) -> MadeDatabase {
        let rds = |region| self.databases.0.rds(region);
        let cluster = named.cluster.as_str();
        rds(named.here.region())
            .create_global_cluster()
            .global_cluster_identifier(cluster)
            .engine("aurora-postgresql")
            .engine_version(ENGINE_VERSION)
            .send()
            .await
            .expect("a global cluster");
        let mut arns = Vec::new();
        for member in [&named.here, &named.there] {
            let made = rds(member.region())
                .create_db_cluster()
                .db_cluster_identifier(member.name())
                .global_cluster_identifier(cluster)
                .engine("aurora-postgresql")
                .engine_version(ENGINE_VERSION)
                .send()
                .await
                .expect("a cluster");
            let arn = made.db_cluster().and_then(|made| made.db_cluster_arn());
            arns.push(arn.expect("its ARN").parse().expect("an ARN"));
            rds(member.region())
                .create_db_instance()
                .db_instance_identifier(format!("{}-1", member.name()))
                .db_cluster_identifier(member.name())
                .db_instance_class("db.r6g.large")
                .engine("aurora-postgresql")
                .send()
                .await
                .expect("an instance");
        }
        let [here, there] = arns.try_into().expect("two");
        MadeDatabase { here, there, ..named }
    }
}

#[async_trait]
impl Ground for OverTheWire<'_> {
    fn registers(&self) -> &dyn Registers {
        &self.seats
    }

    fn observations(&self) -> &dyn Observations {
        &self.board
    }

    fn records(&self) -> &dyn Records {
        &self.zones
    }

    fn databases(&self) -> &dyn Databases {
        &self.databases
    }

    async fn make_database(&self) -> MadeDatabase {
        let (here, there) = &self.regions;
        let made = MadeDatabase::named(&self.name, here, there);
        let Some(stage) = self.stage else { return self.made_over_the_wire(made).await };
        stage.visit(|world, now| {
            // Real time passes: each thing takes as little as the model can tell apart.
            let soon = Duration::from_millis(200);
            world.rds.set_pace(Pace {
                lag: Duration::from_millis(10),
                pending: soon,
                switchover: soon,
                failover: soon,
                fencing: soon,
                rebuild: soon,
                ..Pace::QUICK
            });
            let members = [&made.here, &made.there].map(|arn| Member::new(arn.clone()));
            world.rds.add(now, made.cluster.clone(), members, here);
        });
        made
    }

    fn capacity(&self) -> &dyn Capacity {
        &self.capacity
    }

    async fn make_scaling_group(
        &self,
        region: &RegionId,
        label: &str,
        sizes: (u32, u32, u32),
    ) -> ScalingGroupId {
        let name = self.own(label);
        if let Some(stage) = self.stage {
            return stage.visit(|world, now| {
                world.autoscaling.set_launch(Duration::from_millis(200));
                world::testing::scaling_group(world, now, region, &name, sizes)
            });
        }
        let client = self.capacity.0.autoscaling(region);
        client
            .create_launch_configuration()
            .launch_configuration_name(&name)
            .image_id("ami-0123456789abcdef0")
            .instance_type("t3.micro")
            .send()
            .await
            .expect("a launch configuration");
        let size = |size: u32| i32::try_from(size).expect("small");
        client
            .create_auto_scaling_group()
            .auto_scaling_group_name(&name)
            .launch_configuration_name(&name)
            .availability_zones(format!("{region}a"))
            .min_size(size(sizes.0))
            .desired_capacity(size(sizes.1))
            .max_size(size(sizes.2))
            .send()
            .await
            .expect("a group");
        ScalingGroupId { region: region.clone(), name: name.parse().expect("a name") }
    }

    fn notices(&self) -> &dyn Notices {
        &self.notices
    }

    async fn make_topic(&self, region: &RegionId, label: &str) -> TopicArn {
        let name = self.own(label);
        if let Some(stage) = self.stage {
            return stage.visit(|world, _| world::testing::topic(world, region, &name));
        }
        let made = self.notices.0.sns(region).create_topic().name(&name).send().await;
        let made = made.expect("a topic");
        made.topic_arn().expect("its ARN").parse().expect("an ARN")
    }

    fn signals(&self) -> &dyn Signals {
        &self.signals
    }

    fn now_unix_s(&self) -> i64 {
        clock::wall_unix_ms().div_euclid(1000)
    }

    async fn put_point(&self, region: &RegionId, metric: &MetricId, at_unix_s: i64, value: f64) {
        let dimensions = metric.dimensions.iter();
        let datum = MetricDatum::builder()
            .metric_name(&metric.name)
            .set_dimensions(Some(
                dimensions.map(|(n, v)| Dimension::builder().name(n).value(v).build()).collect(),
            ))
            .timestamp(DateTime::from_secs(at_unix_s))
            .value(value)
            .build();
        let client = self.signals.0.cloudwatch(region);
        let put = client.put_metric_data().namespace(&metric.namespace).metric_data(datum);
        put.send().await.expect("a point");
    }

    async fn make_alarm(&self, region: &RegionId, label: &str, state: AlarmState) -> AlarmName {
        let name: AlarmName = self.own(label).parse().expect("a name");
        if let Some(stage) = self.stage {
            stage.visit(|world, now| world.add_alarm(now, region, &name, state));
            return name;
        }
        let client = self.signals.0.cloudwatch(region);
        client
            .put_metric_alarm()
            .alarm_name(name.as_str())
            .namespace("test")
            .metric_name("nothing")
            .statistic(Statistic::Sum)
            .period(60)
            .evaluation_periods(1)
            .threshold(0.0)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .treat_missing_data("ignore")
            .send()
            .await
            .expect("an alarm");
        client
            .set_alarm_state()
            .alarm_name(name.as_str())
            .state_value(state.as_str().into())
            .state_reason("set by a test")
            .send()
            .await
            .expect("its state");
        name
    }

    async fn make_group(
        &self,
        region: &RegionId,
        label: &str,
        targets: u8,
        in_use: bool,
    ) -> TargetGroupArn {
        let name = self.own(label);
        if let Some(stage) = self.stage {
            return stage.visit(|world, now| {
                world::testing::group(world, now, region, &name, targets, in_use)
            });
        }
        let client = self.signals.0.elb(region);
        let made = client
            .create_target_group()
            .name(&name)
            .protocol(ProtocolEnum::Http)
            .port(80)
            .vpc_id("vpc-0123456789abcdef0")
            .send()
            .await
            .expect("a target group");
        let arn = made.target_groups().first().and_then(|group| group.target_group_arn());
        let arn = arn.expect("its ARN").to_owned();
        if targets > 0 {
            let ids = (0..targets).map(|n| format!("i-{n:017x}"));
            client
                .register_targets()
                .target_group_arn(&arn)
                .set_targets(Some(
                    ids.map(|id| TargetDescription::builder().id(id).build()).collect(),
                ))
                .send()
                .await
                .expect("its targets");
        }
        arn.parse().expect("an ARN")
    }

    fn regions(&self) -> (RegionId, RegionId) {
        self.regions.clone()
    }

    fn zone(&self) -> (ZoneId, DnsName) {
        self.zone.clone()
    }

    async fn let_pass(&self) {
        // Cases ask again until they have waited for long enough.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_adapters_over_the_local_endpoints_conform() {
    let mut wrong = Vec::new();
    for (port, cases) in SUITES {
        for case in cases {
            // A stage each: the account's rate of calls to Route 53 would not do for all of them.
            let stage = Stage::start().await;
            // Real time passes: points can be read as soon as they are put.
            stage.visit(|world, _| world.cloudwatch.set_delay(Duration::ZERO));
            let ground = OverTheWire::at(&stage.url, Some(&stage), "c", ["r1", "r2"]).await;
            if let Err(why) = case.run(&ground).await {
                wrong.push(format!("{port}: {}: {why}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_adapters_over_an_independent_emulator_conform_but_for_what_is_known() {
    let Ok(url) = std::env::var(ENDPOINT) else {
        eprintln!("skipped: {ENDPOINT} is not set to the URL of an emulator");
        return;
    };
    // Each of its runs has to be told from those before it, which it may remember.
    let run = std::process::id();
    let mut wrong = Vec::new();
    let mut number = 0;
    for (port, cases) in SUITES {
        for case in cases {
            number += 1;
            let name = format!("c{run}-{number}");
            let ground = OverTheWire::at(&url, None, &name, ["eu-west-1", "us-east-1"]).await;
            match (case.run(&ground).await, known(port, case.name)) {
                (Err(why), None) => wrong.push(format!("{port}: {}: {why}", case.name)),
                (Ok(()), Some(_)) => wrong.push(format!(
                    "{port}: {}: it conforms now: take it off the list of differences",
                    case.name
                )),
                (Ok(()), None) | (Err(_), Some(_)) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
