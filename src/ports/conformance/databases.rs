//! What databases must do: show who writes, and move the writer when asked where it must be asked.

use super::{Ground, LIMIT, MadeDatabase, Verdict, cases, fails, same, well};
use crate::domain::database::{ClusterArn, GlobalCluster, MoveStage};
use crate::domain::{FailureClass, RegionId};

cases! {
    "a global cluster is shown alike through each Region that has a member" => described,
    "a global cluster that is not there is an error" => no_cluster,
    "a member is shown in its own Region, and one that is not there is an error" => members,
    "a secondary that was never measured has no lag" => no_lag,
    "a cluster that nobody was promoted past has no volume kept" => nothing_kept,
    "a switchover moves the writer, and the old one follows" => switched,
    "a switchover asked for elsewhere than at the primary is a conflict" => switched_elsewhere,
    "a failover with loss makes a writer where it is asked for" => failed_over,
    "a move to the writer itself is a conflict" => to_itself,
    "a move to a cluster that is no member is an error, and moves nothing" => to_a_stranger,
    "while a move is under way another is a conflict" => one_at_a_time,
}

/// How often a case looks whether a move is over.
const LOOKS_MAX: usize = 600;

async fn shown(
    ground: &dyn Ground,
    via: &RegionId,
    of: &MadeDatabase,
) -> Result<GlobalCluster, String> {
    well("describing", ground.databases().describe(via, &of.cluster, LIMIT).await)
}

/// Waits until no move is under way, and gives the writer then.
async fn settled(
    ground: &dyn Ground,
    via: &RegionId,
    of: &MadeDatabase,
) -> Result<RegionId, String> {
    for _ in 0..LOOKS_MAX {
        let shown = shown(ground, via, of).await?;
        if shown.moving.is_none() {
            return shown.writer().cloned().ok_or_else(|| format!("no one writer: {shown:?}"));
        }
        ground.let_pass().await;
    }
    Err("a move that does not end".to_owned())
}

async fn described(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let (here, there) = ground.regions();
    let seen = shown(ground, &here, &made).await?;
    same("the name", &seen.id, &made.cluster)?;
    same("the writer", &seen.writer(), &Some(&here))?;
    let members: Vec<&ClusterArn> = seen.members.values().map(|member| &member.cluster).collect();
    same("the members", &members, &vec![&made.here, &made.there])?;
    same("connected secondaries", &seen.connected_secondaries().count(), &1)?;
    same("a move", &seen.moving, &None)?;
    same("the status", &seen.status.as_str(), &"available")?;
    same("the same from there", &shown(ground, &there, &made).await?, &seen)
}

async fn no_cluster(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let none = "none-such".parse().expect("valid");
    let answer = ground.databases().describe(&here, &none, LIMIT).await;
    fails("describing", answer, FailureClass::Permanent)
}

async fn members(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    for member in [&made.here, &made.there] {
        let seen = well("a member", ground.databases().describe_member(member, LIMIT).await)?;
        same("its status", &seen.status.as_str(), &"available")?;
        if seen.engine_version.is_empty() {
            return Err("a member without a version".to_owned());
        }
    }
    let none: ClusterArn = format!("{}-none", made.here).parse().expect("valid");
    let answer = ground.databases().describe_member(&none, LIMIT).await;
    fails("describing", answer, FailureClass::Permanent)
}

async fn no_lag(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let none = format!("arn:aws:rds:{here}:123456789012:cluster:none").parse().expect("valid");
    let points = well("reading the lag", ground.databases().lag(&none, LIMIT).await)?;
    same("points", &points, &Vec::new())
}

async fn nothing_kept(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let kept = ground.databases().kept_volumes(&made.here, LIMIT).await;
    same("volumes", &well("reading snapshots", kept)?, &Vec::new())
}

async fn switched(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let (here, there) = ground.regions();
    let databases = ground.databases();
    let asked = databases.switchover(&here, &made.cluster, &made.there, LIMIT).await;
    well("a switchover", asked)?;
    same("the writer", &settled(ground, &here, &made).await?, &there)?;
    same("through the other Region", &settled(ground, &there, &made).await?, &there)?;
    let connected = shown(ground, &there, &made).await?.connected_secondaries().count();
    same("the old writer follows", &connected, &1)?;
    let back = databases.switchover(&there, &made.cluster, &made.here, LIMIT).await;
    well("and back", back)?;
    same("the writer", &settled(ground, &here, &made).await?, &here)
}

async fn switched_elsewhere(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let (here, there) = ground.regions();
    let asked = ground.databases().switchover(&there, &made.cluster, &made.there, LIMIT).await;
    fails("a switchover at its target", asked, FailureClass::Conflict)?;
    same("the writer", &settled(ground, &here, &made).await?, &here)
}

async fn failed_over(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let (_, there) = ground.regions();
    let databases = ground.databases();
    let asked = databases.failover_allowing_data_loss(&made.cluster, &made.there, LIMIT).await;
    well("a failover", asked)?;
    if let Some(moving) = shown(ground, &there, &made).await?.moving {
        same("a loss is allowed", &moving.allow_data_loss, &true)?;
        same("to", &moving.to, &Some(made.there.clone()))?;
        same("from", &moving.from, &Some(made.here.clone()))?;
        if let MoveStage::Other(word) = moving.stage {
            return Err(format!("a stage that is none: {word}"));
        }
    }
    same("the writer", &settled(ground, &there, &made).await?, &there)
}

async fn to_itself(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let (here, _) = ground.regions();
    let databases = ground.databases();
    let asked = databases.switchover(&here, &made.cluster, &made.here, LIMIT).await;
    fails("a switchover", asked, FailureClass::Conflict)?;
    let asked = databases.failover_allowing_data_loss(&made.cluster, &made.here, LIMIT).await;
    fails("a failover", asked, FailureClass::Conflict)?;
    same("the writer", &settled(ground, &here, &made).await?, &here)
}

async fn to_a_stranger(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let (here, there) = ground.regions();
    let stranger = format!("arn:aws:rds:{there}:123456789012:cluster:none").parse().expect("valid");
    let asked = ground.databases().switchover(&here, &made.cluster, &stranger, LIMIT).await;
    fails("a switchover", asked, FailureClass::Permanent)?;
    same("the writer", &settled(ground, &here, &made).await?, &here)
}

async fn one_at_a_time(ground: &dyn Ground) -> Verdict {
    let made = ground.make_database().await;
    let (here, there) = ground.regions();
    let databases = ground.databases();
    let asked = databases.switchover(&here, &made.cluster, &made.there, LIMIT).await;
    well("a switchover", asked)?;
    let again = databases.failover_allowing_data_loss(&made.cluster, &made.there, LIMIT).await;
    fails("a failover meanwhile", again, FailureClass::Conflict)?;
    same("the writer", &settled(ground, &here, &made).await?, &there)
}
