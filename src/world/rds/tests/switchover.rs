//! Planned moves.

use super::*;

#[test]
fn a_switchover_goes_through_its_stages_and_loses_nothing() {
    let mut ground = Ground::new();
    assert_eq!(ground.writer_seen_by("r3"), "r1");
    let shown = ground.switchover("r1", "r2").expect("accepted");
    let moving = shown.moving.expect("under way");
    assert_eq!((moving.stage, moving.allow_data_loss), (MoveStage::Pending, false));
    assert_eq!((moving.from, moving.to), (arn("r1"), arn("r2")));
    assert_eq!(ground.writer_seen_by("r1"), "r1", "until the roles are turned");
    ground.pass(2);
    assert_eq!(ground.stage("r3"), Some(MoveStage::SwitchingOver));
    assert_eq!(ground.shown("r3").status, "switching-over");
    assert_eq!(ground.writer_seen_by("r1"), "the cluster in r1 is read-only");
    ground.pass(10);
    let shown = ground.shown("r1");
    assert_eq!((shown.moving.clone(), shown.status), (None, "available"));
    assert_eq!(ground.writer("r1"), "r2");
    for via in ["r1", "r2", "r3"] {
        assert_eq!(ground.synchronization("r2", via), Synchronization::Connected);
        assert_eq!(ground.writer_seen_by(via), "r2");
    }
    assert_eq!(ground.lost(), [0u64; 0]);
}

#[test]
fn a_switchover_needs_everybody_well_and_is_called_where_the_writer_is() {
    let mut ground = Ground::new();
    assert_eq!(code(ground.switchover("r2", "r2")), "InvalidGlobalClusterStateFault");
    assert_eq!(code(ground.switchover("r1", "r1")), "InvalidDBClusterStateFault");
    assert_eq!(code(ground.switchover("r1", "r9")), "DBClusterNotFoundFault");
    assert_eq!(code(ground.switchover("r9", "r2")), "GlobalClusterNotFoundFault");

    ground.rds.set_broken(&region("r3"), None, true);
    assert_eq!(code(ground.switchover("r1", "r2")), "InvalidDBClusterStateFault");
    ground.rds.set_broken(&region("r3"), None, false);

    ground.rds.set_engine_version(&region("r2"), None, "16.4");
    assert_eq!(code(ground.switchover("r1", "r2")), "InvalidDBClusterStateFault");
    ground.rds.set_engine_version(&region("r2"), None, "16.6.2");

    ground.network.cut(&place("r1"), &place("r3"));
    ground.pass(11);
    assert_eq!(code(ground.switchover("r1", "r2")), "InvalidDBClusterStateFault");
    ground.network.mend_all();
    ground.pass(5);
    ground.switchover("r1", "r2").expect("only the patch level differs");
}

#[test]
fn while_a_move_is_under_way_every_other_is_refused() {
    let mut ground = Ground::new();
    ground.switchover("r1", "r2").expect("accepted");
    assert_eq!(code(ground.switchover("r1", "r3")), "InvalidGlobalClusterStateFault");
    assert_eq!(code(ground.failover("r3", "r3")), "InvalidGlobalClusterStateFault");
    assert_eq!(code(ground.switchover("r1", "r2")), "InvalidGlobalClusterStateFault");
    ground.pass(20);
    ground.switchover("r2", "r3").expect("the first is done");
}

#[test]
fn a_switchover_that_can_not_bring_its_target_level_is_given_up() {
    let mut ground = Ground::new();
    ground.network.cut(&place("r1"), &place("r2"));
    // RDS has not noticed yet, and accepts it.
    ground.switchover("r1", "r2").expect("accepted");
    ground.pass(2);
    assert_eq!(ground.stage("r1"), Some(MoveStage::SwitchingOver));
    assert_eq!(ground.writer_seen_by("r3"), "r1", "nobody was stopped for it");
    ground.pass(15);
    assert_eq!(ground.stage("r1"), Some(MoveStage::Cancelling));
    ground.pass(3);
    assert_eq!((ground.stage("r1"), ground.writer("r1")), (None, "r1".to_owned()));
    assert_eq!(ground.writer_seen_by("r3"), "r1");
}

#[test]
fn a_link_cut_while_nobody_writes_ends_in_the_old_writer_writing_again() {
    let mut ground = Ground::new();
    ground.rds.set_lag(&region("r2"), None, Duration::from_millis(1500));
    ground.pass(5);
    ground.write("r1").expect("taken");
    ground.switchover("r1", "r2").expect("accepted");
    ground.pass(1);
    assert_eq!(ground.writer_seen_by("r1"), "the cluster in r1 is read-only");
    ground.network.cut(&place("r1"), &place("r2"));
    ground.pass(30);
    assert_eq!((ground.stage("r1"), ground.writer("r1")), (None, "r1".to_owned()));
    assert_eq!(ground.writer_seen_by("r1"), "r1");
}
