//! Unplanned moves.

use super::*;

#[test]
fn a_failover_keeps_what_was_replicated_and_names_what_was_not() {
    let mut ground = Ground::new();
    ground.write("r1").expect("taken");
    ground.pass(5);
    ground.rds.set_lag(&region("r2"), None, Duration::from_secs(60));
    ground.pass(1);
    ground.write("r1").expect("taken");
    ground.network.lose(&region("r1"));
    ground.pass(20);
    assert_eq!(ground.synchronization("r2", "r2"), Synchronization::PendingResync);

    let shown = ground.failover("r2", "r2").expect("accepted");
    assert!(shown.moving.expect("under way").allow_data_loss);
    assert_eq!(ground.lost(), [2]);
    ground.pass(5);
    assert_eq!(ground.stage("r3"), Some(MoveStage::FailingOver));
    assert_eq!(ground.shown("r3").status, "failing-over");
    assert_eq!(ground.writer_seen_by("r3"), "the writer in r1 can't be reached");
    ground.pass(5);
    assert_eq!((ground.stage("r3"), ground.writer("r3")), (None, "r2".to_owned()));
    assert_eq!(ground.writer_seen_by("r3"), "r2");
    assert_eq!(ground.synchronization("r2", "r3"), Synchronization::PendingResync, "made anew");
    ground.pass(20);
    assert_eq!(ground.synchronization("r2", "r3"), Synchronization::Connected);
}

#[test]
fn the_old_writer_returns_as_a_secondary_and_its_volume_is_kept() {
    let mut ground = Ground::new();
    ground.rds.set_unix_ms_at_zero(1_700_000_000_000);
    ground.rds.set_lag(&region("r2"), None, Duration::from_secs(60));
    ground.pass(1);
    ground.write("r1").expect("taken");
    ground.network.lose(&region("r1"));
    ground.failover("r2", "r2").expect("accepted");
    ground.pass(60);
    assert_eq!(ground.synchronization("r2", "r1"), Synchronization::PendingResync);
    assert_eq!(ground.rds.snapshots(&region("r1")).count(), 0, "its Region is not back");
    ground.network.restore(&region("r1"));
    ground.pass(4);
    let snapshots: Vec<_> = ground.rds.snapshots(&region("r1")).cloned().collect();
    let [snapshot] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    let name = "rds:unplanned-global-failover-orders-r1-2023-11-14-22-13";
    assert_eq!((snapshot.name.as_str(), snapshot.holds), (name, 1));
    ground.rds.set_lag(&region("r2"), None, Duration::ZERO);
    ground.pass(20);
    assert_eq!(ground.synchronization("r2", "r1"), Synchronization::Connected);
    assert_eq!(ground.lost(), [1], "said once, and not forgotten");
    ground.switchover("r2", "r1").expect("and back without loss");
}

#[test]
fn an_old_writer_that_can_not_be_told_goes_on_taking_writes_that_are_lost() {
    let mut ground = Ground::new();
    for other in ["r2", "r3"] {
        ground.network.cut(&place("r1"), &place(other));
        ground.network.cut(&place(other), &place("r1"));
    }
    ground.failover("r2", "r2").expect("accepted");
    ground.pass(60);
    assert_eq!(ground.writer_seen_by("r2"), "r2");
    assert_eq!(ground.writer_seen_by("r1"), "r1", "two writers");
    assert_eq!(ground.lost(), [2]);
    ground.network.mend_all();
    ground.pass(1);
    assert_eq!(ground.write("r2").expect("taken").by, region("r2"));
    ground.pass(3);
    // It knows by now, and the applications have looked anew.
    ground.pass(5);
    assert_eq!(ground.writer_seen_by("r1"), "r2");
    assert_eq!(ground.lost(), [2]);
}

#[test]
fn an_old_writer_that_is_well_is_fenced_before_the_new_one_is_there() {
    let mut ground = Ground::new();
    ground.failover("r2", "r2").expect("accepted");
    ground.pass(2);
    assert_eq!(ground.writer_seen_by("r1"), "r1", "not yet");
    ground.pass(2);
    assert_eq!(ground.writer_seen_by("r1"), "the cluster in r1 is read-only");
    ground.pass(10);
    assert_eq!(ground.writer_seen_by("r1"), "r2");
    assert_eq!(ground.lost(), [1]);
}

#[test]
fn a_failover_is_called_where_its_target_is_and_needs_a_target_that_can_write() {
    let mut ground = Ground::new();
    assert_eq!(code(ground.failover("r3", "r2")), "InvalidGlobalClusterStateFault");
    assert_eq!(code(ground.failover("r1", "r1")), "InvalidDBClusterStateFault");
    ground.rds.set_broken(&region("r2"), Some(&id()), true);
    assert_eq!(code(ground.failover("r2", "r2")), "InvalidDBClusterStateFault");
    ground.rds.set_engine_version(&region("r3"), Some(&id()), "15.10");
    assert_eq!(code(ground.failover("r3", "r3")), "InvalidDBClusterStateFault");
    ground.rds.set_broken(&region("r2"), None, false);
    ground.failover("r2", "r2").expect("accepted");
    ground.pass(11);
    ground.rds.set_engine_version(&region("r3"), None, "16.6");
    assert_eq!(code(ground.failover("r3", "r3")), "InvalidDBClusterStateFault", "made anew still");
}

#[test]
fn a_failover_whose_target_is_lost_ends_once_it_is_back() {
    let mut ground = Ground::new();
    ground.failover("r2", "r2").expect("accepted");
    ground.network.lose(&region("r2"));
    ground.pass(600);
    assert_eq!(ground.stage("r3"), Some(MoveStage::FailingOver));
    ground.network.restore(&region("r2"));
    ground.pass(1);
    assert_eq!((ground.stage("r3"), ground.writer("r3")), (None, "r2".to_owned()));
}
