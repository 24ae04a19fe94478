//! What is not as it should be of a database that nobody moves: what people forget to look at after
//! a promotion, looked at all the time.
//!
//! A promotion is done when RDS shows the writer where it is to be. That is not yet a database that
//! survives the next one: the old writer must have come back as a copy, copies must follow in the
//! number wanted, engine versions must match or RDS refuses the next move, and parameter groups that
//! differ make the new writer behave unlike the old one.

use std::collections::BTreeMap;

use crate::domain::RegionId;
use crate::domain::database::{DatabaseSpec, GlobalCluster, MemberCluster};

/// What is wrong, a line each; empty when all is as the files want it, and while a move is under way.
pub(super) fn findings(
    spec: &DatabaseSpec,
    cluster: &GlobalCluster,
    members: &BTreeMap<RegionId, MemberCluster>,
) -> Vec<String> {
    if cluster.moving.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    if cluster.status != "available" {
        found.push(format!("RDS shows it {:?}, and nothing that moves it", cluster.status));
    }
    let writers = cluster.members.values().filter(|member| member.writer).count();
    if writers != 1 {
        found.push(format!("RDS shows {writers} writers: applications can write to one at most"));
    }
    copies(spec, cluster, &mut found);
    for (region, member) in &spec.members {
        match cluster.members.get(region) {
            None => found.push(format!("RDS shows no member in {region}: it must be added again")),
            Some(shown) if shown.cluster != member.cluster => found.push(format!(
                "the member in {region} is {}, and the fleet's files say {}",
                shown.cluster, member.cluster
            )),
            Some(_) => {}
        }
    }
    if let Some(writer) = cluster.writer() {
        unlike(writer, cluster, members, &mut found);
    }
    found
}

/// What promotions have left of old volumes: as long as it is there, somebody has to compare.
pub(super) fn kept(kept: &BTreeMap<RegionId, Vec<String>>) -> Vec<String> {
    let newest = kept.iter().filter_map(|(region, names)| Some((region, names.last()?)));
    let told = newest.map(|(region, name)| {
        format!(
            "what {region} had when another Region was promoted is kept there as the snapshot {name}: \
             reconcile what is missing by it, and delete it then"
        )
    });
    told.collect()
}

/// Whether copies follow, in the number wanted.
fn copies(spec: &DatabaseSpec, cluster: &GlobalCluster, found: &mut Vec<String>) {
    let wanted = usize::from(spec.secondaries_wanted);
    let connected = cluster.connected_secondaries().count();
    if connected < wanted {
        found.push(format!("{connected} of the {wanted} copies that are wanted follow the writer"));
    }
    for (region, member) in &cluster.members {
        if !member.writer && !member.connected() {
            found.push(format!(
                "the member in {region} does not follow ({}): it has not rejoined",
                member.synchronization
            ));
        }
    }
}

/// What the members are unlike the writer in, each read in its own Region. One that could not be read
/// says nothing here: whether it follows is told above.
fn unlike(
    writer: &RegionId,
    cluster: &GlobalCluster,
    members: &BTreeMap<RegionId, MemberCluster>,
    found: &mut Vec<String>,
) {
    let version =
        members.get(writer).map_or(&cluster.engine_version, |member| &member.engine_version);
    let parameters = members.get(writer).and_then(|member| member.parameter_group.as_ref());
    for (region, member) in members {
        if member.status != "available" {
            found.push(format!("the member in {region} is {:?}", member.status));
        }
        if member.instances == 0 {
            found.push(format!(
                "the member in {region} has no instances: nobody can be served by it"
            ));
        }
        if region == writer {
            continue;
        }
        if member.engine_version != *version {
            found.push(format!(
                "the member in {region} runs {}, and the writer {version}: moves need the same",
                member.engine_version
            ));
        }
        if let (Some(own), Some(writers)) = (&member.parameter_group, parameters)
            && own != writers
        {
            found.push(format!(
                "the member in {region} has the parameter group {own}, and the writer {writers}: \
                 compare them before it is the writer"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::database::{
        ClusterArn, ClusterMember, Eligibility, MemberSpec, MoveOrder, MoveStage, Synchronization,
        WriterMove,
    };

    const REGIONS: [&str; 3] = ["r1", "r2", "r3"];

    fn region(name: &str) -> RegionId {
        name.parse().expect("valid")
    }

    fn arn(name: &str) -> ClusterArn {
        let arn = format!("arn:aws:rds:{name}:123456789012:cluster:orders-{name}");
        arn.parse().expect("valid")
    }

    fn spec() -> DatabaseSpec {
        let member = |name: &str| {
            let member = MemberSpec { cluster: arn(name), eligibility: Eligibility::Neutral };
            (region(name), member)
        };
        DatabaseSpec {
            global_cluster: "orders".parse().expect("valid"),
            members: REGIONS.map(member).into(),
            loss_budget_ms: 60_000,
            order: MoveOrder::default(),
            secondaries_wanted: 2,
        }
    }

    /// `r1` writes, and all is well.
    fn shown() -> (GlobalCluster, BTreeMap<RegionId, MemberCluster>) {
        let member = |name: &str| {
            let synchronization = Synchronization::Connected;
            let member =
                ClusterMember { cluster: arn(name), writer: name == "r1", synchronization };
            (region(name), member)
        };
        let cluster = GlobalCluster {
            id: "orders".parse().expect("valid"),
            status: "available".to_owned(),
            engine_version: "16.6".to_owned(),
            members: REGIONS.map(member).into(),
            moving: None,
        };
        let own = |name: &str| {
            let own = MemberCluster {
                status: "available".to_owned(),
                engine_version: "16.6".to_owned(),
                instances: 2,
                parameter_group: Some("orders".to_owned()),
            };
            (region(name), own)
        };
        (cluster, REGIONS.map(own).into())
    }

    fn told(
        change: impl FnOnce(&mut GlobalCluster, &mut BTreeMap<RegionId, MemberCluster>),
    ) -> Vec<String> {
        let (mut cluster, mut members) = shown();
        change(&mut cluster, &mut members);
        findings(&spec(), &cluster, &members)
    }

    #[test]
    fn nothing_is_found_where_all_is_well_or_moves() {
        assert_eq!(told(|_, _| {}), [""; 0]);
        let moving = told(|cluster, _| {
            cluster.status = "failing-over".to_owned();
            let stage = MoveStage::FailingOver;
            cluster.moving =
                Some(WriterMove { stage, from: None, to: None, allow_data_loss: true });
        });
        assert_eq!(moving, [""; 0]);
    }

    #[test]
    fn an_old_writer_that_has_not_rejoined_is_told_and_that_copies_are_too_few() {
        let told = told(|cluster, members| {
            let old = cluster.members.get_mut(&region("r2")).expect("there");
            old.synchronization = Synchronization::PendingResync;
            members.remove(&region("r2"));
        });
        assert_eq!(
            told,
            [
                "1 of the 2 copies that are wanted follow the writer",
                "the member in r2 does not follow (pending-resync): it has not rejoined",
            ]
        );
    }

    #[test]
    fn members_that_are_unlike_the_writer_are_told() {
        let told = told(|_, members| {
            members.get_mut(&region("r2")).expect("there").engine_version = "16.4".to_owned();
            let third = members.get_mut(&region("r3")).expect("there");
            (third.parameter_group, third.instances) = (Some("default".to_owned()), 0);
        });
        assert_eq!(
            told,
            [
                "the member in r2 runs 16.4, and the writer 16.6: moves need the same",
                "the member in r3 has no instances: nobody can be served by it",
                "the member in r3 has the parameter group default, and the writer orders: compare \
                 them before it is the writer",
            ]
        );
    }

    #[test]
    fn a_member_that_is_gone_and_a_database_without_a_writer_are_told() {
        let told = told(|cluster, members| {
            cluster.members.remove(&region("r3"));
            members.remove(&region("r3"));
            cluster.members.get_mut(&region("r1")).expect("there").writer = false;
        });
        assert_eq!(
            told,
            [
                "RDS shows 0 writers: applications can write to one at most",
                "RDS shows no member in r3: it must be added again",
            ]
        );
    }
}
