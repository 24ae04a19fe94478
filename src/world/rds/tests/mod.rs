//! What a global cluster does, from its calls and the network alone.

mod failover;
mod laws;
mod switchover;

use std::time::Duration;

use super::*;
use crate::domain::database::{MoveStage, Synchronization, WriteReach};
use crate::world::network::Place;

/// Three Regions and one database, whose writer is in `r1`.
struct Ground {
    rds: Rds,
    network: Network,
    now: Moment,
    writes: u64,
}

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

fn place(name: &str) -> Place {
    Place::Region(region(name))
}

fn id() -> GlobalClusterId {
    "orders".parse().expect("valid")
}

fn arn(region: &str) -> ClusterArn {
    format!("arn:aws:rds:{region}:123456789012:cluster:orders-{region}").parse().expect("valid")
}

impl Ground {
    fn new() -> Self {
        let mut rds = Rds::default();
        rds.set_pace(Pace::QUICK);
        let members = ["r1", "r2", "r3"].map(|region| Member::new(arn(region)));
        rds.add(Moment::ZERO, id(), members, &region("r1"));
        let now = Moment::from_ms(1000);
        let network = Network::default();
        rds.advance(now, &network);
        Self { rds, network, now, writes: 0 }
    }

    fn pass(&mut self, seconds: u64) -> Vec<Publication> {
        self.now = self.now + Duration::from_secs(seconds);
        self.rds.advance(self.now, &self.network)
    }

    fn write(&mut self, from: &str) -> Result<Written, Refused> {
        self.writes += 1;
        let (from, write) = (region(from), WriteId(self.writes));
        let to = self.rds.writer_for(self.now, &from, &id(), WriteReach::EveryRegion)?;
        self.rds.write(self.now, &self.network, &from, &to, &id(), write)
    }

    /// A write that is taken, or who did not take it.
    fn writer_seen_by(&mut self, from: &str) -> String {
        self.write(from)
            .map_or_else(|refused| refused.to_string(), |written| written.by.to_string())
    }

    fn switchover(&mut self, at: &str, to: &str) -> Result<Shown, RdsError> {
        let (region, to) = (region(at), arn(to));
        self.rds.switchover(self.now, &self.network, &region, "orders", to.as_str())
    }

    fn failover(&mut self, at: &str, to: &str) -> Result<Shown, RdsError> {
        let (region, to) = (region(at), arn(to));
        self.rds.failover(self.now, &self.network, &region, "orders", to.as_str())
    }

    fn shown(&self, via: &str) -> Shown {
        self.rds.describe(&region(via), Some("orders")).expect("a member is there")[0].clone()
    }

    fn writer(&self, via: &str) -> String {
        let shown = self.shown(via);
        let mut writers = shown.members.iter().filter(|(_, member)| member.writer);
        let (writer, _) = writers.next().expect("there is one");
        assert!(writers.next().is_none(), "and no other");
        writer.to_string()
    }

    fn stage(&self, via: &str) -> Option<MoveStage> {
        self.shown(via).moving.map(|moving| moving.stage)
    }

    fn synchronization(&self, via: &str, of: &str) -> Synchronization {
        self.shown(via).members[&region(of)].synchronization.clone()
    }

    fn lost(&self) -> Vec<u64> {
        let global = self.rds.global(&id()).expect("there");
        global.lost().map(|lost| lost.commit.write.0).collect()
    }
}

fn code<T: std::fmt::Debug>(answer: Result<T, RdsError>) -> &'static str {
    answer.expect_err("refused").code()
}

#[test]
fn a_region_without_a_member_knows_of_no_global_cluster() {
    let ground = Ground::new();
    assert_eq!(ground.rds.describe(&region("r9"), None), Ok(Vec::new()));
    assert_eq!(
        code(ground.rds.describe(&region("r9"), Some("orders"))),
        "GlobalClusterNotFoundFault"
    );
    assert_eq!(
        code(ground.rds.describe(&region("r1"), Some("users"))),
        "GlobalClusterNotFoundFault"
    );
    let here = ground.rds.describe_clusters(&region("r2"), None).expect("some");
    assert_eq!(here.len(), 1);
    assert_eq!((here[0].arn.name(), here[0].status), ("orders-r2", "available"));
    let answer = ground.rds.describe_clusters(&region("r2"), Some("orders-r1"));
    assert_eq!(code(answer), "DBClusterNotFoundFault");
}

#[test]
fn a_secondary_falls_behind_while_its_link_is_cut_and_catches_up_after() {
    let mut ground = Ground::new();
    let behind = |ground: &Ground| {
        let global = ground.rds.global(&id()).expect("there");
        global.behind(&region("r2")).expect("it follows").as_millis()
    };
    ground.pass(5);
    assert!(behind(&ground) < 1000, "{}", behind(&ground));
    ground.network.cut(&place("r1"), &place("r2"));
    ground.pass(60);
    assert!(behind(&ground) > 60_000, "{}", behind(&ground));
    assert_eq!(ground.synchronization("r2", "r2"), Synchronization::PendingResync);
    ground.network.mend_all();
    ground.pass(1);
    assert!((10_000..60_000).contains(&behind(&ground)), "not at once: {}", behind(&ground));
    ground.pass(5);
    assert!(behind(&ground) < 1000, "{}", behind(&ground));
    assert_eq!(ground.synchronization("r2", "r2"), Synchronization::Connected);
}

#[test]
fn what_secondaries_are_behind_is_published_each_minute_in_their_own_regions() {
    let mut ground = Ground::new();
    let published = ground.pass(59);
    let figures: Vec<(&str, &str)> =
        published.iter().map(|point| (point.region.as_str(), point.metric.name.as_str())).collect();
    let of = |region| {
        let names =
            ["AuroraGlobalDBReplicationLag", "AuroraGlobalDBRPOLag", "AuroraGlobalDBProgressLag"];
        names.map(|name| (region, name))
    };
    assert_eq!(figures, [of("r2"), of("r3")].concat(), "the writer has none");
    assert_eq!(published[0].at, Moment::from_ms(60_000));
    assert_eq!(ground.pass(59), []);

    ground.rds.set_lag(&region("r2"), None, Duration::from_secs(30));
    ground.pass(1);
    ground.write("r1").expect("taken");
    let published = ground.pass(60);
    assert!((30_000.0..31_000.0).contains(&published[0].value), "{published:?}");
    assert!(published[3].value < 1000.0, "the other is well: {published:?}");
    let many = ground.pass(600);
    assert_eq!(many.len(), 10 * 6, "each minute, however long nobody looked");
}

#[test]
fn a_secondary_that_hears_nothing_assumes_that_the_writer_goes_on() {
    let mut ground = Ground::new();
    let rpo = |ground: &Ground| {
        let global = ground.rds.global(&id()).expect("there");
        global.rpo(&region("r2")).expect("it follows").as_secs()
    };
    ground.write("r1").expect("taken");
    ground.pass(30);
    assert_eq!(rpo(&ground), 0, "nobody has written since");
    ground.network.lose(&region("r1"));
    ground.pass(30);
    assert_eq!(rpo(&ground), 30);
}

#[test]
fn a_region_that_is_cut_off_shows_what_it_last_knew() {
    let mut ground = Ground::new();
    for other in ["r2", "r3"] {
        ground.network.cut(&place("r1"), &place(other));
        ground.network.cut(&place(other), &place("r1"));
    }
    ground.failover("r2", "r2").expect("accepted");
    ground.pass(30);
    assert_eq!(
        (ground.writer("r1"), ground.writer("r2"), ground.writer("r3")),
        ("r1".to_owned(), "r2".to_owned(), "r2".to_owned())
    );
    ground.network.mend_all();
    ground.pass(1);
    assert_eq!(ground.writer("r1"), "r2");
}
