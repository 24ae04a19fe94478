//! Aurora global clusters: the databases port over RDS and CloudWatch.
//!
//! A move is one request, sent once, to the Region that RDS wants it in; its answer says that it
//! was accepted and no more. An answer in which a member can't be made out is an error: the brain
//! must never take what it can't read for what is not there.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rds::types::{GlobalCluster as Described, GlobalClusterMember};

use super::call::{Call, within};
use super::connect::Clients;
use super::signals::Signals;
use crate::domain::database::{
    ClusterArn, ClusterMember, GlobalCluster, LagPoint, MemberCluster, MoveStage, Synchronization,
    WriterMove,
};
use crate::domain::signal::{Datapoint, MetricId, MetricQuery, Statistic};
use crate::domain::{CallFailure, GlobalClusterId, RegionId};
use crate::ports::databases::{
    KEPT_VOLUME, LAG_METRIC, LAG_WINDOW_S, PERIOD_S, PROGRESS_METRIC, RPO_METRIC,
};
use crate::ports::{Answer, Databases as DatabasesPort, Signals as _};
use crate::telemetry::clock;

/// Global clusters over AWS.
#[derive(Debug, Clone)]
pub struct Databases(pub(super) std::sync::Arc<Clients>);

/// Pages of one cluster's snapshots at most: a hundred each.
const PAGES_MAX: usize = 16;

/// What an answer must have and this one lacks.
type Lacking = &'static str;

fn in_words(described: &Described) -> Result<GlobalCluster, Lacking> {
    let mut members = BTreeMap::new();
    for member in described.global_cluster_members() {
        let member = member_in_words(member)?;
        if members.insert(member.cluster.region().clone(), member).is_some() {
            return Err("two members in one Region");
        }
    }
    let moving = described.failover_state().map(|moving| {
        // Where it says nothing at all, nobody is moving: RDS may leave an empty element behind.
        let cluster = |arn: Option<&str>| arn.and_then(|arn| arn.parse::<ClusterArn>().ok());
        let (from, to) =
            (cluster(moving.from_db_cluster_arn()), cluster(moving.to_db_cluster_arn()));
        let word = moving.status().map(|status| status.as_str());
        let under_way = word.is_some() || from.is_some() || to.is_some();
        under_way.then(|| WriterMove {
            stage: MoveStage::from(word.unwrap_or_default()),
            from,
            to,
            allow_data_loss: moving.is_data_loss_allowed().unwrap_or(false),
        })
    });
    let id = described.global_cluster_identifier().ok_or("a global cluster without a name")?;
    Ok(GlobalCluster {
        id: id.parse().map_err(|_| "a global cluster whose name is none")?,
        status: described.status().ok_or("a global cluster without a status")?.to_owned(),
        engine_version: described.engine_version().unwrap_or_default().to_owned(),
        members,
        moving: moving.flatten(),
    })
}

fn member_in_words(member: &GlobalClusterMember) -> Result<ClusterMember, Lacking> {
    let arn = member.db_cluster_arn().ok_or("a member without its ARN")?;
    let synchronization = member.synchronization_status().map_or_else(
        || Synchronization::Other(String::new()),
        |status| Synchronization::from(status.as_str()),
    );
    Ok(ClusterMember {
        cluster: arn.parse().map_err(|_| "a member whose ARN is none")?,
        writer: member.is_writer().ok_or("a member that is neither the writer nor not")?,
        synchronization,
    })
}

/// A query for one of a secondary's metrics. The greatest of a minute: what is lost is counted by
/// the worst.
fn lag_query(secondary: &ClusterArn, name: &str) -> MetricQuery {
    MetricQuery {
        metric: MetricId {
            namespace: "AWS/RDS".to_owned(),
            name: name.to_owned(),
            dimensions: [("DBClusterIdentifier".to_owned(), secondary.name().to_owned())].into(),
        },
        statistic: Statistic::Maximum,
        period_s: PERIOD_S,
        window_s: LAG_WINDOW_S,
    }
}

#[async_trait]
impl DatabasesPort for Databases {
    async fn describe(
        &self,
        via: &RegionId,
        cluster: &GlobalClusterId,
        limit: Duration,
    ) -> Answer<GlobalCluster> {
        let call = Call::read("DescribeGlobalClusters", via.as_str(), limit);
        let answer = call
            .run(
                self.0
                    .rds(via)
                    .describe_global_clusters()
                    .global_cluster_identifier(cluster.as_str())
                    .customize()
                    .config_override(call.rds())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        let [described] = answer.global_clusters() else {
            return Err(call.senseless("not one global cluster for one name"));
        };
        let shown = in_words(described).map_err(|lacking| call.senseless(lacking))?;
        // RDS keeps identifiers in small letters.
        if !shown.id.as_str().eq_ignore_ascii_case(cluster.as_str()) {
            return Err(call.senseless("another global cluster than was asked for"));
        }
        Ok(shown)
    }

    async fn describe_member(&self, member: &ClusterArn, limit: Duration) -> Answer<MemberCluster> {
        let call = Call::read("DescribeDBClusters", member.region().as_str(), limit);
        let answer = call
            .run(
                self.0
                    .rds(member.region())
                    .describe_db_clusters()
                    .db_cluster_identifier(member.name())
                    .customize()
                    .config_override(call.rds())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        let [described] = answer.db_clusters() else {
            return Err(call.senseless("not one cluster for one name"));
        };
        let (Some(status), Some(version)) = (described.status(), described.engine_version()) else {
            return Err(call.senseless("a cluster without its status or its version"));
        };
        Ok(MemberCluster {
            status: status.to_owned(),
            engine_version: version.to_owned(),
            instances: u16::try_from(described.db_cluster_members().len()).unwrap_or(u16::MAX),
            parameter_group: described.db_cluster_parameter_group().map(str::to_owned),
        })
    }

    async fn lag(&self, secondary: &ClusterArn, limit: Duration) -> Answer<Vec<LagPoint>> {
        let names = [LAG_METRIC, RPO_METRIC, PROGRESS_METRIC];
        let queries = names.map(|name| lag_query(secondary, name));
        let signals = Signals(self.0.clone());
        let read = signals.metrics(secondary.region(), &queries, limit).await?;
        let by_minute = |points: &Vec<Datapoint>| -> BTreeMap<i64, f64> {
            points.iter().map(|point| (point.at_unix_s, point.value)).collect()
        };
        let read: Vec<BTreeMap<i64, f64>> = read.iter().map(by_minute).collect();
        let [lag, rpo, progress] = read.as_slice() else {
            unreachable!("as many answers as queries");
        };
        Ok(LagPoint::joined(clock::wall_unix_ms(), lag, rpo, progress))
    }

    async fn kept_volumes(&self, cluster: &ClusterArn, limit: Duration) -> Answer<Vec<String>> {
        let region = cluster.region();
        let reading = async {
            let (mut kept, mut marker) = (Vec::new(), None);
            for _ in 0..PAGES_MAX {
                let call = Call::read("DescribeDBClusterSnapshots", region.as_str(), limit);
                let answer = call
                    .run(
                        self.0
                            .rds(region)
                            .describe_db_cluster_snapshots()
                            .db_cluster_identifier(cluster.name())
                            .set_marker(marker.take())
                            .customize()
                            .config_override(call.rds())
                            .interceptor(call.witness())
                            .send(),
                    )
                    .await?;
                for snapshot in answer.db_cluster_snapshots() {
                    let name = snapshot
                        .db_cluster_snapshot_identifier()
                        .ok_or_else(|| call.senseless("a snapshot without its name"))?;
                    if name.starts_with(KEPT_VOLUME) {
                        kept.push(name.to_owned());
                    }
                }
                marker = answer.marker().map(str::to_owned);
                if marker.is_none() {
                    // Their names end in the time at which they were made.
                    kept.sort();
                    return Ok(kept);
                }
            }
            Err(CallFailure::transient(format!(
                "DescribeDBClusterSnapshots in {region}: more pages than there can be"
            )))
        };
        within("reading snapshots", region.as_str(), limit, reading).await
    }

    async fn switchover(
        &self,
        primary: &RegionId,
        cluster: &GlobalClusterId,
        target: &ClusterArn,
        limit: Duration,
    ) -> Answer<()> {
        let call = Call::write("SwitchoverGlobalCluster", primary.as_str(), limit);
        let answer = call
            .run(
                self.0
                    .rds(primary)
                    .switchover_global_cluster()
                    .global_cluster_identifier(cluster.as_str())
                    .target_db_cluster_identifier(target.as_str())
                    .customize()
                    .config_override(call.rds())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        match answer.global_cluster() {
            Some(_) => Ok(()),
            None => Err(call.senseless("no global cluster")),
        }
    }

    async fn failover_allowing_data_loss(
        &self,
        cluster: &GlobalClusterId,
        target: &ClusterArn,
        limit: Duration,
    ) -> Answer<()> {
        let call = Call::write("FailoverGlobalCluster", target.region().as_str(), limit);
        let answer = call
            .run(
                self.0
                    .rds(target.region())
                    .failover_global_cluster()
                    .global_cluster_identifier(cluster.as_str())
                    .target_db_cluster_identifier(target.as_str())
                    .allow_data_loss(true)
                    .customize()
                    .config_override(call.rds())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        match answer.global_cluster() {
            Some(_) => Ok(()),
            None => Err(call.senseless("no global cluster")),
        }
    }
}
