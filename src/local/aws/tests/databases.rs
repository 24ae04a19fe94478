//! The databases' adapter over the wire: the unmodified SDK against the local endpoints.

use super::*;
use crate::aws::Aws;
use crate::domain::database::{ClusterArn, MoveStage};
use crate::domain::fleet::Tables;
use crate::domain::signal::MetricId;
use crate::domain::{FailureClass, GlobalClusterId};
use crate::ports::Databases as _;
use crate::ports::databases::{LAG_METRIC, PROGRESS_METRIC};
use crate::telemetry::clock;
use crate::world::cloudwatch::Stats;
use crate::world::rds::{Member, Pace};

/// A limit that no working answer on loopback comes near.
const AMPLE: Duration = Duration::from_secs(60);
/// A limit for what never answers: the test takes that long.
const SHORT: Duration = Duration::from_millis(300);

fn arn(region: &str) -> ClusterArn {
    format!("arn:aws:rds:{region}:123456789012:cluster:orders-{region}").parse().expect("valid")
}

fn orders() -> GlobalClusterId {
    "orders".parse().expect("valid")
}

/// A database whose writer is in `r1`, at a pace at which a move does not end while a test looks.
async fn furnished() -> (Stage, Aws) {
    let stage = Stage::start().await;
    stage.visit(|world, now| {
        world.rds.set_pace(Pace { switchover: AMPLE, failover: AMPLE, ..Pace::QUICK });
        let members = ["r1", "r2"].map(|region| Member::new(arn(region)));
        world.rds.add(now, orders(), members, &testing::region("r1"));
    });
    let tables = Tables { seats: "seats".to_owned(), board: "board".to_owned() };
    let aws = Aws::at(&stage.url, tables);
    (stage, aws)
}

#[tokio::test]
async fn a_move_is_seen_through_every_region_that_knows_of_it() {
    let (_stage, aws) = furnished().await;
    let databases = aws.databases();
    let (r1, r2) = (testing::region("r1"), testing::region("r2"));
    databases.switchover(&r1, &orders(), &arn("r2"), AMPLE).await.expect("accepted");
    for via in [r1, r2] {
        let shown = databases.describe(&via, &orders(), AMPLE).await.expect("readable");
        let moving = shown.moving.expect("it goes on");
        assert!(matches!(moving.stage, MoveStage::Pending | MoveStage::SwitchingOver));
        assert_eq!((moving.from, moving.to), (Some(arn("r1")), Some(arn("r2"))));
        assert!(!moving.allow_data_loss);
        assert_eq!(shown.status, "switching-over");
    }
}

#[tokio::test]
async fn lag_comes_newest_first_with_its_age_and_what_is_missing_is_none() {
    let (stage, aws) = furnished().await;
    let now_unix_ms = clock::wall_unix_ms();
    stage.visit(|world, now| {
        world.cloudwatch.set_delay(Duration::ZERO);
        let points =
            [(LAG_METRIC, 240, 900.0), (LAG_METRIC, 120, 80.4), (PROGRESS_METRIC, 120, 95.0)];
        for (name, ago_s, value) in points {
            let metric = MetricId {
                namespace: "AWS/RDS".to_owned(),
                name: name.to_owned(),
                dimensions: [("DBClusterIdentifier".to_owned(), "orders-r2".to_owned())].into(),
            };
            let at = now_unix_ms - ago_s * 1000;
            world.cloudwatch.put(now, &testing::region("r2"), metric, at, Stats::of(value));
        }
    });
    let points = aws.databases().lag(&arn("r2"), AMPLE).await.expect("readable");
    let figures: Vec<_> = points.iter().map(|p| (p.lag_ms, p.rpo_ms, p.progress_ms)).collect();
    assert_eq!(figures, [(Some(81), None, Some(95)), (Some(900), None, None)]);
    assert!((120_000..600_000).contains(&points[0].age_ms), "{points:?}");
    assert_eq!(points[1].age_ms - points[0].age_ms, 120_000);
    assert!(points[0].loss_ms_max() > Some(120_000));
    let none = aws.databases().lag(&arn("r1"), AMPLE).await.expect("readable");
    assert_eq!(none, [], "the writer has none");
}

#[tokio::test]
async fn a_move_sent_to_a_lost_region_is_unknown_and_a_reading_is_not() {
    let (stage, aws) = furnished().await;
    let r2 = testing::region("r2");
    let lose = Fault::Lose { region: r2.clone() };
    stage.visit(|world, now| world.strike(now, &lose));
    let databases = aws.databases();
    let failover = databases.failover_allowing_data_loss(&orders(), &arn("r2"), SHORT).await;
    assert_eq!(failover.expect_err("lost").class, FailureClass::Unknown);
    let shown = databases.describe(&r2, &orders(), SHORT).await;
    assert_eq!(shown.expect_err("lost").class, FailureClass::Transient);
    let lag = databases.lag(&arn("r2"), SHORT).await;
    assert_eq!(lag.expect_err("lost").class, FailureClass::Transient);
}

#[tokio::test]
async fn a_refused_move_is_a_conflict_and_a_throttled_one_had_no_effect() {
    let (stage, aws) = furnished().await;
    let databases = aws.databases();
    let r1 = testing::region("r1");
    let throttle = |on| Fault::Throttle { service: AwsService::Rds, on };
    stage.visit(|world, now| world.strike(now, &throttle(true)));
    let answer = databases.switchover(&r1, &orders(), &arn("r2"), AMPLE).await;
    assert_eq!(answer.expect_err("throttled").class, FailureClass::Transient);
    stage.visit(|world, now| world.strike(now, &throttle(false)));
    let take = Fault::Key { region: testing::region("r2"), cluster: None, taken: true };
    stage.visit(|world, now| world.strike(now, &take));
    let answer = databases.switchover(&r1, &orders(), &arn("r2"), AMPLE).await;
    let failure = answer.expect_err("a member is not well");
    assert_eq!(failure.class, FailureClass::Conflict);
    assert!(failure.what.contains("InvalidDBClusterStateFault"), "{failure}");
    let member = databases.describe_member(&arn("r2"), AMPLE).await.expect("readable");
    assert_eq!(member.status, "inaccessible-encryption-credentials-recoverable");
}
