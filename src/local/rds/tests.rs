//! Forms in, XML out, over a database of two members.

use std::time::Duration;

use super::*;
use crate::world::rds::{Member, Pace};

struct Ground {
    rds: Rds,
    network: Network,
    now: Moment,
}

fn arn(region: &str) -> String {
    format!("arn:aws:rds:{region}:123456789012:cluster:orders-{region}")
}

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

impl Ground {
    /// The writer is in `r1`.
    fn new() -> Self {
        let mut rds = Rds::default();
        rds.set_pace(Pace::QUICK);
        rds.set_unix_ms_at_zero(1_700_000_000_000);
        let members = ["r1", "r2"].map(|name| Member::new(arn(name).parse().expect("valid")));
        rds.add(Moment::ZERO, "orders".parse().expect("valid"), members, &region("r1"));
        Self { rds, network: Network::default(), now: Moment::ZERO }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.rds.advance(self.now, &self.network);
    }

    fn ask(&mut self, at: &str, body: &str) -> (u16, String) {
        let Self { rds, network, now } = self;
        let answer = handle(rds, network, *now, &region(at), body.as_bytes());
        (answer.status, String::from_utf8(answer.body).expect("XML is text"))
    }

    fn moved(&mut self, at: &str, action: &str, more: &str) -> (u16, String) {
        let target = arn("r2").replace(':', "%3A");
        let body = format!(
            "Action={action}&Version=2014-10-31&GlobalClusterIdentifier=orders&\
             TargetDbClusterIdentifier={target}{more}"
        );
        self.ask(at, &body)
    }
}

#[test]
fn a_global_cluster_is_written_as_rds_writes_it() {
    let mut ground = Ground::new();
    let body = "Action=DescribeGlobalClusters&Version=2014-10-31&GlobalClusterIdentifier=orders";
    let (status, xml) = ground.ask("r2", body);
    assert_eq!(status, 200);
    let writer = format!(
        "<GlobalClusterMember><DBClusterArn>{}</DBClusterArn>\
         <Readers><member>{}</member></Readers><IsWriter>true</IsWriter>\
         <SynchronizationStatus>connected</SynchronizationStatus></GlobalClusterMember>",
        arn("r1"),
        arn("r2")
    );
    assert!(xml.contains(&writer), "{xml}");
    assert!(xml.contains("<GlobalClusters><GlobalClusterMember><GlobalClusterIdentifier>orders"));
    assert!(xml.contains("arn:aws:rds::123456789012:global-cluster:orders"), "{xml}");
    assert!(!xml.contains("FailoverState"), "{xml}");
}

#[test]
fn a_move_shows_its_state_from_the_first_answer_on() {
    let mut ground = Ground::new();
    let (status, xml) = ground.moved("r1", "SwitchoverGlobalCluster", "");
    assert_eq!(status, 200);
    let state = format!(
        "<FailoverState><Status>pending</Status><FromDbClusterArn>{}</FromDbClusterArn>\
         <ToDbClusterArn>{}</ToDbClusterArn><IsDataLossAllowed>false</IsDataLossAllowed>\
         </FailoverState>",
        arn("r1"),
        arn("r2")
    );
    assert!(xml.contains(&state), "{xml}");
    let (status, xml) = ground.moved("r2", "FailoverGlobalCluster", "&AllowDataLoss=true");
    assert_eq!(status, 400);
    assert!(xml.contains("<Code>InvalidGlobalClusterStateFault</Code>"), "{xml}");
}

#[test]
fn a_failover_without_the_word_for_a_loss_is_a_switchover() {
    let mut ground = Ground::new();
    let (status, xml) = ground.moved("r2", "FailoverGlobalCluster", "");
    assert_eq!(status, 400, "it is called at the primary: {xml}");
    let (status, xml) = ground.moved("r1", "FailoverGlobalCluster", "&Switchover=true");
    assert_eq!(status, 200, "{xml}");
    assert!(xml.contains("<IsDataLossAllowed>false"), "{xml}");
    let mut ground = Ground::new();
    let both = "&AllowDataLoss=true&Switchover=true";
    let (status, xml) = ground.moved("r2", "FailoverGlobalCluster", both);
    assert_eq!(status, 400);
    assert!(xml.contains("<Code>InvalidParameterCombination</Code>"), "{xml}");
}

#[test]
fn the_snapshot_of_a_deposed_writer_is_found_by_its_cluster() {
    let mut ground = Ground::new();
    let (status, xml) = ground.moved("r2", "FailoverGlobalCluster", "&AllowDataLoss=true");
    assert_eq!(status, 200, "{xml}");
    ground.pass(60);
    let body = "Action=DescribeDBClusterSnapshots&DBClusterIdentifier=orders-r1";
    let (_, xml) = ground.ask("r1", body);
    let name = "rds:unplanned-global-failover-orders-r1-2023-11-14-22-13";
    assert!(xml.contains(&format!("<DBClusterSnapshotIdentifier>{name}<")), "{xml}");
    let (_, xml) = ground.ask("r2", "Action=DescribeDBClusterSnapshots");
    assert!(!xml.contains("unplanned"), "each Region has its own: {xml}");
}

#[test]
fn a_cluster_tells_its_version_and_its_instances() {
    let mut ground = Ground::new();
    let (_, xml) = ground.ask("r1", "Action=DescribeDBClusters&DBClusterIdentifier=orders-r1");
    for part in [
        "<EngineVersion>16.6</EngineVersion>",
        "<Status>available</Status>",
        "<DBInstanceIdentifier>orders-r1-2</DBInstanceIdentifier>",
        "<GlobalClusterIdentifier>orders</GlobalClusterIdentifier>",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
}

#[test]
fn what_is_not_there_or_makes_no_sense_has_the_code_of_aws() {
    let move_to_nowhere = "Action=SwitchoverGlobalCluster&GlobalClusterIdentifier=orders&\
                           TargetDbClusterIdentifier=orders-r2";
    for (body, status, code) in [
        (
            "Action=DescribeGlobalClusters&GlobalClusterIdentifier=none",
            404,
            "GlobalClusterNotFoundFault",
        ),
        ("Action=DescribeDBClusters&DBClusterIdentifier=none", 404, "DBClusterNotFoundFault"),
        (move_to_nowhere, 404, "DBClusterNotFoundFault"),
        ("Action=SwitchoverGlobalCluster&GlobalClusterIdentifier=orders", 400, "MissingParameter"),
        ("Action=DescribeDBClusters&Filters.Filter.1.Name=x", 400, "InvalidParameterValue"),
        ("Action=DeleteGlobalCluster", 400, "InvalidAction"),
        ("nonsense", 400, "MissingParameter"),
    ] {
        let (found, xml) = Ground::new().ask("r1", body);
        assert_eq!(found, status, "{body}: {xml}");
        assert!(xml.contains(&format!("<Code>{code}</Code>")), "{body}: {xml}");
    }
}
