//! Words for Aurora global clusters: what the files name, what RDS shows, what CloudWatch measures.
//!
//! No clock and no policy: when a point is too old, or a loss too great, is the brain's to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::arn::{self, regional_arn};
use super::name::{DatabaseId, GlobalClusterId, RegionId};

/// Why a text is not the ARN of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the ARN of an Aurora cluster, such as \
     arn:aws:rds:eu-west-1:123456789012:cluster:orders-eu-west-1"
)]
pub struct InvalidCluster(pub String);

/// An Aurora cluster by its ARN: a member of a global cluster, in one Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterArn {
    text: String,
    region: RegionId,
}

impl ClusterArn {
    /// The cluster's identifier in its Region: CloudWatch's dimension `DBClusterIdentifier`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.rsplit(':').next().unwrap_or_default()
    }

    /// The account that it belongs to: twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        self.text.split(':').nth(4).unwrap_or_default()
    }
}

impl FromStr for ClusterArn {
    type Err = InvalidCluster;

    fn from_str(text: &str) -> Result<Self, InvalidCluster> {
        let read = || {
            let (region, resource) = arn::regional(text, "rds")?;
            let name = resource.strip_prefix("cluster:")?;
            (arn::is_word(name, &['-']) && name.len() <= 63).then_some(region)
        };
        match read() {
            Some(region) => Ok(Self { text: text.to_owned(), region }),
            None => Err(InvalidCluster(text.to_owned())),
        }
    }
}

regional_arn!(ClusterArn, InvalidCluster);

/// A database of the fleet, as its operators describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseSpec {
    /// The global cluster's identifier.
    pub global_cluster: GlobalClusterId,
    /// Its member in each Region: at least two.
    pub members: BTreeMap<RegionId, MemberSpec>,
    /// The most that a failover may lose without a person's word, in milliseconds of the old
    /// writer's acknowledged writes. At least a period of CloudWatch: less can't be shown.
    pub loss_budget_ms: u32,
    /// What moves first when a Region is left in good order.
    pub order: MoveOrder,
    /// How many secondaries are to be connected: fewer, and people are told that the database is
    /// not protected as it should be.
    pub secondaries_wanted: u16,
}

/// A member as the files describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSpec {
    /// The cluster.
    pub cluster: ClusterArn,
    /// Whether it may become the writer.
    pub eligibility: Eligibility,
}

/// Whether a member may become the writer. The first is the best.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Eligibility {
    /// Before the others.
    Prefer,
    /// As good as any.
    #[default]
    Neutral,
    /// When no other can.
    Avoid,
    /// Not by regent.
    Never,
}

/// What moves first when a Region that holds the writer is left in good order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveOrder {
    /// The writer, then the traffic: requests never go where no writer is near.
    #[default]
    WriterFirst,
    /// The traffic, then the writer: the switchover's pause meets fewer writes.
    TrafficFirst,
}

impl MoveOrder {
    /// The shipped runbook that leaves a Region in this order.
    #[must_use]
    pub const fn runbook(self) -> &'static str {
        match self {
            Self::WriterFirst => "leave-writer-first",
            Self::TrafficFirst => "leave-traffic-first",
        }
    }

    /// What follows from it, for whoever has to choose.
    #[must_use]
    pub const fn consequence(self) -> &'static str {
        match self {
            Self::WriterFirst => {
                "no request goes where it can't be written, and all traffic meets the switchover's pause"
            }
            Self::TrafficFirst => {
                "the pause meets no client of the Region that is left, and until the writer follows all \
                 writes cross Regions"
            }
        }
    }
}

/// Where a service's writes go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WritesTo {
    /// To which database.
    pub database: DatabaseId,
    /// Whether each Region's application reaches the writer wherever it is.
    pub reach: WriteReach,
    /// What moves first for this service when a Region that holds the writer is left in good order; as
    /// the database says if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<MoveOrder>,
}

/// From where a service can write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteReach {
    /// From every Region: applications call the writer across Regions, by the global cluster's
    /// writer endpoint or by write forwarding.
    #[default]
    EveryRegion,
    /// Only from the writer's own Region: elsewhere the service can but read.
    WriterRegion,
}

/// A global cluster as `DescribeGlobalClusters` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalCluster {
    /// Its identifier.
    pub id: GlobalClusterId,
    /// RDS's status word, such as `available`.
    pub status: String,
    /// Its engine's version, such as `16.6`. A member's own is read by `describe_member`.
    pub engine_version: String,
    /// Its members, by Region.
    pub members: BTreeMap<RegionId, ClusterMember>,
    /// The move under way, if there is one.
    pub moving: Option<WriterMove>,
}

impl GlobalCluster {
    /// Where the writes go; none unless RDS shows exactly one writer.
    #[must_use]
    pub fn writer(&self) -> Option<&RegionId> {
        let mut writers = self.members.iter().filter(|(_, member)| member.writer);
        let (region, _) = writers.next()?;
        writers.next().is_none().then_some(region)
    }

    /// Secondaries that are connected.
    pub fn connected_secondaries(&self) -> impl Iterator<Item = (&RegionId, &ClusterMember)> {
        self.members.iter().filter(|(_, member)| !member.writer && member.connected())
    }
}

/// One member cluster of a global cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterMember {
    /// The cluster.
    pub cluster: ClusterArn,
    /// Whether it takes the writes (`IsWriter`).
    pub writer: bool,
    /// Whether it receives them (`SynchronizationStatus`).
    pub synchronization: Synchronization,
}

impl ClusterMember {
    /// Whether RDS shows its replication as up.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.synchronization == Synchronization::Connected
    }
}

/// `SynchronizationStatus` of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Synchronization {
    /// It receives the writer's changes (or is the writer).
    Connected,
    /// It must be brought up to date, or is being so.
    PendingResync,
    /// A word that regent doesn't know, or none: not to be taken for connected.
    Other(String),
}

impl Synchronization {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Connected => "connected",
            Self::PendingResync => "pending-resync",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for Synchronization {
    fn from(word: &str) -> Self {
        match word {
            "connected" => Self::Connected,
            "pending-resync" => Self::PendingResync,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Synchronization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A change of writer that RDS says is under way (`FailoverState`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterMove {
    /// How far it is.
    pub stage: MoveStage,
    /// The writer that was. RDS may leave it out.
    pub from: Option<ClusterArn>,
    /// The writer to be. RDS may leave it out.
    pub to: Option<ClusterArn>,
    /// Whether data may be lost: a failover, not a switchover.
    pub allow_data_loss: bool,
}

/// How far a change of writer is (`FailoverState`, `Status`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoveStage {
    /// It was asked for, and is being prepared.
    Pending,
    /// Without loss.
    SwitchingOver,
    /// With loss.
    FailingOver,
    /// It is being given up; the old writer goes on.
    Cancelling,
    /// A word that regent doesn't know: something is under way.
    Other(String),
}

impl MoveStage {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::SwitchingOver => "switching-over",
            Self::FailingOver => "failing-over",
            Self::Cancelling => "cancelling",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for MoveStage {
    fn from(word: &str) -> Self {
        match word {
            "pending" => Self::Pending,
            "switching-over" => Self::SwitchingOver,
            "failing-over" => Self::FailingOver,
            "cancelling" => Self::Cancelling,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for MoveStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A member as `DescribeDBClusters` shows it in its own Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberCluster {
    /// RDS's status word, such as `available`.
    pub status: String,
    /// Its engine's version: a move needs the same major and minor one in all members.
    pub engine_version: String,
    /// Its instances. One without any ("headless") can't become the writer.
    pub instances: u16,
    /// Its cluster parameter group's name, where RDS shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_group: Option<String>,
}

/// What one minute of CloudWatch says of how far a secondary is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagPoint {
    /// `AuroraGlobalDBReplicationLag`, in milliseconds.
    pub lag_ms: Option<u64>,
    /// `AuroraGlobalDBRPOLag`: of users' transactions, in milliseconds.
    pub rpo_ms: Option<u64>,
    /// `AuroraGlobalDBProgressLag`: of users' and the system's transactions, in milliseconds.
    pub progress_ms: Option<u64>,
    /// Time since the minute *began* when the point was read, in milliseconds: the value may have
    /// been measured at any time in it.
    pub age_ms: u64,
}

impl LagPoint {
    /// Joins the readings of the three metrics, by the beginning of their minutes in seconds since
    /// 1970: the newest first. A value that is none (negative, or no number) is left out.
    #[must_use]
    pub fn joined(
        now_unix_ms: i64,
        lag: &BTreeMap<i64, f64>,
        rpo: &BTreeMap<i64, f64>,
        progress: &BTreeMap<i64, f64>,
    ) -> Vec<Self> {
        let minutes: BTreeSet<i64> =
            lag.keys().chain(rpo.keys()).chain(progress.keys()).copied().collect();
        let joined = minutes.into_iter().rev().map(|minute| Self {
            lag_ms: lag.get(&minute).and_then(|value| whole_ms(*value)),
            rpo_ms: rpo.get(&minute).and_then(|value| whole_ms(*value)),
            progress_ms: progress.get(&minute).and_then(|value| whole_ms(*value)),
            age_ms: u64::try_from(now_unix_ms.saturating_sub(minute.saturating_mul(1000)))
                .unwrap_or(0),
        });
        joined.collect()
    }

    /// The most that a failover now could lose, in milliseconds of acknowledged writes: what was
    /// missing when it was measured, and all since. None of a point without a value.
    #[must_use]
    pub fn loss_ms_max(&self) -> Option<u64> {
        // The figure for users' transactions where the engine has one (Aurora User Guide,
        // "Performing managed failovers for Aurora global databases"); older ones have only the
        // replication lag.
        let behind_ms = self.rpo_ms.or(self.lag_ms).or(self.progress_ms)?;
        Some(behind_ms.saturating_add(self.age_ms))
    }
}

/// A figure of CloudWatch in whole milliseconds, rounded up.
fn whole_ms(value: f64) -> Option<u64> {
    if !value.is_finite() || value < 0.0 {
        return None;
    }
    // By way of text: there is no checked conversion from a float.
    format!("{:.0}", value.ceil()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:rds:eu-west-1:123456789012:cluster:orders-eu";

    #[test]
    fn an_arn_tells_region_account_and_name() {
        let arn: ClusterArn = ARN.parse().expect("valid");
        assert_eq!(arn.region().as_str(), "eu-west-1");
        assert_eq!((arn.account(), arn.name()), ("123456789012", "orders-eu"));
    }

    #[test]
    fn what_is_no_cluster_is_refused() {
        for text in [
            "",
            "orders",
            "arn:aws:rds::123456789012:global-cluster:orders",
            "arn:aws:rds:eu-west-1:123456789012:db:orders-eu-1",
            "arn:aws:rds:eu-west-1:12345:cluster:orders-eu",
            "arn:aws:rds:eu-west-1:123456789012:cluster:",
            "arn:aws:rds:eu-west-1:123456789012:cluster:a:b",
        ] {
            assert!(text.parse::<ClusterArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn two_writers_are_as_good_as_none() {
        let member = |region: &str, writer| {
            let arn = format!("arn:aws:rds:{region}:123456789012:cluster:orders");
            let cluster: ClusterArn = arn.parse().expect("valid");
            let synchronization = Synchronization::Connected;
            (cluster.region().clone(), ClusterMember { cluster, writer, synchronization })
        };
        let mut shown = GlobalCluster {
            id: "orders".parse().expect("valid"),
            status: "available".to_owned(),
            engine_version: "16.6".to_owned(),
            members: [member("r1", true), member("r2", false)].into(),
            moving: None,
        };
        assert_eq!(shown.writer().map(RegionId::as_str), Some("r1"));
        assert_eq!(shown.connected_secondaries().count(), 1);
        shown.members.extend([member("r2", true)]);
        assert_eq!(shown.writer(), None);
        shown.members = [member("r1", false)].into();
        assert_eq!(shown.writer(), None);
    }

    #[test]
    fn a_word_that_is_not_known_is_neither_connected_nor_done() {
        let strange = Synchronization::from("connecting");
        assert_eq!(strange, Synchronization::Other("connecting".to_owned()));
        for word in ["pending", "switching-over", "failing-over", "cancelling", "strange"] {
            assert_eq!(MoveStage::from(word).as_str(), word);
        }
    }

    #[test]
    fn metrics_are_joined_by_their_minute_the_newest_first() {
        let at = |minute: i64, value| BTreeMap::from([(minute * 60, value)]);
        let lag = BTreeMap::from([(60, 80.2), (120, f64::NAN)]);
        let points = LagPoint::joined(150_000, &lag, &at(1, 0.0), &at(2, 90.0));
        let newest = LagPoint { progress_ms: Some(90), age_ms: 30_000, ..LagPoint::default() };
        let (lag_ms, rpo_ms) = (Some(81), Some(0));
        let older = LagPoint { lag_ms, rpo_ms, age_ms: 90_000, ..LagPoint::default() };
        assert_eq!(points, [newest, older]);
        // A clock that is behind CloudWatch's makes no point younger than new.
        assert_eq!(LagPoint::joined(0, &lag, &lag, &lag)[0].age_ms, 0);
    }

    #[test]
    fn what_could_be_lost_grows_with_the_age_of_what_was_measured() {
        let point = LagPoint { lag_ms: Some(900), age_ms: 70_000, ..LagPoint::default() };
        assert_eq!(point.loss_ms_max(), Some(70_900));
        assert_eq!(LagPoint { rpo_ms: Some(100), ..point }.loss_ms_max(), Some(70_100));
        assert_eq!(LagPoint { lag_ms: None, ..point }.loss_ms_max(), None);
    }
}
