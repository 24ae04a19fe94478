//! One suite for each port: what every implementation must do, be it the modelled world in memory,
//! the adapters over the local endpoints, or the adapters over an emulator that others wrote.
//!
//! A case gets a ground of its own (fresh tables, a fresh zone) and says what it found instead of
//! panicking, so that a known difference of an emulator can be told from a new one. Failures of the
//! wire are not its subject: they are `aws`' to test, since only bytes can fail that way.

mod capacity;
mod databases;
pub(crate) mod differences;
mod notices;
mod observations;
mod page;
mod records;
mod registers;
mod signals;

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;

use super::{Answer, Capacity, Databases, Notices, Observations, Records, Registers, Signals};
use crate::domain::capacity::ScalingGroupId;
use crate::domain::database::ClusterArn;
use crate::domain::notice::TopicArn;
use crate::domain::record::DnsName;
use crate::domain::signal::{AlarmName, AlarmState, MetricId, TargetGroupArn};
use crate::domain::{FailureClass, GlobalClusterId, RegionId, ZoneId};

/// Only ends a case that has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// What a case works on: nobody else's tables and zone.
#[async_trait]
pub(crate) trait Ground: Send + Sync {
    /// The seats.
    fn registers(&self) -> &dyn Registers;
    /// The board.
    fn observations(&self) -> &dyn Observations;
    /// The zones.
    fn records(&self) -> &dyn Records;
    /// The databases.
    fn databases(&self) -> &dyn Databases;
    /// Makes a database with a member in each of the two Regions, in this order, and its writer in
    /// the first.
    async fn make_database(&self) -> MadeDatabase;
    /// The autoscaling groups.
    fn capacity(&self) -> &dyn Capacity;
    /// Makes an autoscaling group of these sizes (least, wanted, most), under a name that ends in the
    /// label.
    async fn make_scaling_group(
        &self,
        region: &RegionId,
        label: &str,
        sizes: (u32, u32, u32),
    ) -> ScalingGroupId;
    /// The topics.
    fn notices(&self) -> &dyn Notices;
    /// Makes a topic under a name that ends in the label.
    async fn make_topic(&self, region: &RegionId, label: &str) -> TopicArn;
    /// What AWS says of a Region.
    fn signals(&self) -> &dyn Signals;
    /// The clock by which points of metrics are dated, in seconds since 1970.
    fn now_unix_s(&self) -> i64;
    /// Puts a point of a metric.
    async fn put_point(&self, region: &RegionId, metric: &MetricId, at_unix_s: i64, value: f64);
    /// Makes an alarm that keeps the state it is given, under a name that ends in the label.
    async fn make_alarm(&self, region: &RegionId, label: &str, state: AlarmState) -> AlarmName;
    /// Makes a target group with so many targets that answer, under a name that ends in the label;
    /// with a load balancer before it, or without.
    async fn make_group(
        &self,
        region: &RegionId,
        label: &str,
        targets: u8,
        in_use: bool,
    ) -> TargetGroupArn;
    /// Two Regions, in their order.
    fn regions(&self) -> (RegionId, RegionId);
    /// A zone with nothing but its own NS and SOA.
    fn zone(&self) -> (ZoneId, DnsName);
    /// Lets some time pass, in which what was written may get everywhere.
    async fn let_pass(&self);
}

/// A database that was made for a case.
#[derive(Debug, Clone)]
pub(crate) struct MadeDatabase {
    /// The global cluster.
    pub(crate) cluster: GlobalClusterId,
    /// Its member in the first Region, the writer.
    pub(crate) here: ClusterArn,
    /// Its member in the second.
    pub(crate) there: ClusterArn,
}

impl MadeDatabase {
    /// The names of a database that is still to be made.
    pub(crate) fn named(name: &str, here: &RegionId, there: &RegionId) -> Self {
        let arn = |region| format!("arn:aws:rds:{region}:123456789012:cluster:{name}-{region}");
        Self {
            cluster: name.parse().expect("a name"),
            here: arn(here).parse().expect("an ARN"),
            there: arn(there).parse().expect("an ARN"),
        }
    }
}

/// What a case found wrong, in a sentence.
pub(crate) type Verdict = Result<(), String>;

/// A case on its way.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// One thing that every implementation must do.
pub(crate) struct Case {
    /// As a sentence.
    pub(crate) name: &'static str,
    run: for<'a> fn(&'a dyn Ground) -> Running<'a>,
}

impl Case {
    /// Tries it.
    pub(crate) async fn run(&self, ground: &dyn Ground) -> Verdict {
        let late = || Err(format!("not finished within {} s", LIMIT.as_secs()));
        tokio::time::timeout(LIMIT, (self.run)(ground)).await.unwrap_or_else(|_| late())
    }
}

/// Cases by name and function.
macro_rules! cases {
    ($($name:literal => $run:ident,)*) => {
        /// The suite.
        pub(super) const CASES: &[super::Case] = &[$(super::Case {
            name: $name,
            run: |ground| Box::pin($run(ground)),
        },)*];
    };
}
use cases;

/// Every suite, with the port's name.
pub(crate) const SUITES: [(&str, &[Case]); 7] = [
    ("Registers", registers::CASES),
    ("Observations", observations::CASES),
    ("Records", records::CASES),
    ("Databases", databases::CASES),
    ("Capacity", capacity::CASES),
    ("Notices", notices::CASES),
    ("Signals", signals::CASES),
];

/// Whether this is what was wanted.
fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Verdict {
    if found == wanted {
        return Ok(());
    }
    let cut = |thing: &T| format!("{thing:?}").chars().take(400).collect::<String>();
    Err(format!("{what}: {} rather than {}", cut(found), cut(wanted)))
}

/// What must go well.
fn well<T>(what: &str, answer: Answer<T>) -> Result<T, String> {
    answer.map_err(|failure| format!("{what}: {failure}"))
}

/// What must fail, and in this way.
fn fails<T: Debug>(what: &str, answer: Answer<T>, class: FailureClass) -> Verdict {
    match answer {
        Err(failure) if failure.class == class => Ok(()),
        Err(failure) => Err(format!("{what}: {failure} rather than {class}")),
        Ok(given) => Err(format!("{what}: {given:?} rather than {class}")),
    }
}
