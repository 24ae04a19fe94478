//! A zone of another account, over the real SDK: STS and Route 53 on loopback.

use super::AMPLE;
use crate::aws::Aws;
use crate::domain::record::ChangeId;
use crate::domain::role::{Assumer, ZoneRole};
use crate::domain::{FailureClass, Fleet, ZoneId};
use crate::local::testing::{Stage, fleet};
use crate::ports::{Answer, Records as _};

const ARN: &str = "arn:aws:iam::210987654321:role/regent-dns";

fn zone() -> ZoneId {
    "Z1".parse().expect("valid")
}

fn role(external_id: &str) -> ZoneRole {
    let external_id = Some(external_id.parse().expect("valid"));
    ZoneRole { arn: ARN.parse().expect("valid"), external_id }
}

/// The endpoints, with the fleet's zone in another account that wants `demo-7f`.
async fn stage() -> Stage {
    let stage = Stage::start().await;
    stage.visit(|world, _| world.roles.add(zone(), role("demo-7f")));
    stage
}

/// The fleet that tells this external ID.
fn telling(external_id: &str) -> Fleet {
    let mut fleet = fleet();
    fleet.roles.insert(zone(), role(external_id));
    fleet
}

async fn aws(stage: &Stage, external_id: &str) -> Aws {
    let fleet = telling(external_id);
    let region = "r1".parse().expect("valid");
    Aws::at_as(&stage.url, &fleet, &Assumer::new(&fleet.name, "agent-r1", region)).await
}

/// Reads the zone's fence and records.
async fn read(aws: &Aws) -> Answer<usize> {
    let fleet = fleet();
    let wanted = crate::domain::zone::wanted(&fleet).into_iter().next().expect("one zone");
    let read = aws.zones().read_zone(&wanted.zone, &wanted.fence, &wanted.keys, AMPLE).await;
    read.map(|read| read.records.len())
}

#[tokio::test]
async fn a_zone_of_another_account_is_had_by_its_role_alone() {
    let stage = stage().await;
    let own = Aws::at(&stage.url, fleet().tables);
    let failure = read(&own).await.expect_err("the account's own credentials don't do");
    assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
    assert_eq!(read(&aws(&stage, "demo-7f").await).await, Ok(2));
}

#[tokio::test]
async fn a_wrong_external_id_is_refused_for_good_and_nothing_is_sent_to_route_53() {
    let stage = stage().await;
    let failure = read(&aws(&stage, "demo-8f").await).await.expect_err("it wants its own");
    assert_eq!(failure.class, FailureClass::Permanent);
    let expected = format!("AssumeRole of {ARN} in r1: AccessDenied: ");
    assert!(failure.what.starts_with(&expected), "{failure}");
}

#[tokio::test]
async fn a_role_that_is_denied_and_given_again_works_again_and_a_write_of_then_is_no_riddle() {
    let stage = stage().await;
    let aws = aws(&stage, "demo-7f").await;
    assert_eq!(read(&aws).await, Ok(2));
    stage.visit(|world, _| world.roles.set_denied(true));
    // By Route 53 at first, for the session that is left; then by STS.
    for _ in 0..2 {
        let failure = read(&aws).await.expect_err("denied");
        assert_eq!(failure.class, FailureClass::Permanent, "{failure}");
    }
    let status = aws.zones().change_status(&zone(), &ChangeId("C1".to_owned()), AMPLE).await;
    assert_eq!(status.expect_err("denied").class, FailureClass::Permanent);
    stage.visit(|world, _| world.roles.set_denied(false));
    assert_eq!(read(&aws).await, Ok(2));
}
