//! The operations of RDS, as its endpoint in each Region has them.

use crate::domain::database::ClusterArn;
use crate::domain::{Moment, RegionId};
use crate::world::log::Happening;
use crate::world::network::Network;

use super::global::{ENGINE, Global};
use super::member::{Member, Volume};
use super::moves::{Kind, Move};
use super::{Around, Rds, RdsError, Shown, ShownCluster, Snapshot};

impl Rds {
    /// `DescribeGlobalClusters` at this Region's endpoint: those that have a member here.
    ///
    /// # Errors
    /// When one is named that this Region doesn't know.
    pub fn describe(&self, region: &RegionId, id: Option<&str>) -> Result<Vec<&Shown>, RdsError> {
        let here = self.globals.values().filter_map(|global| global.shown.get(region));
        let Some(id) = id else { return Ok(here.collect()) };
        let found: Vec<&Shown> =
            here.filter(|shown| shown.id.as_str().eq_ignore_ascii_case(id)).collect();
        if found.is_empty() {
            return Err(RdsError::GlobalClusterNotFound { id: id.to_owned() });
        }
        Ok(found)
    }

    /// `DescribeDBClusters` at this Region's endpoint, by identifier or ARN.
    ///
    /// # Errors
    /// When one is named that is not here.
    pub fn describe_clusters(
        &self,
        region: &RegionId,
        id: Option<&str>,
    ) -> Result<Vec<ShownCluster>, RdsError> {
        let here = self.globals.values().filter_map(|global| {
            let member = global.members.get(region)?;
            let shown = global.shown.get(region)?.members.get(region)?;
            Some(ShownCluster {
                arn: member.arn.clone(),
                status: status(global, member),
                engine: ENGINE,
                engine_version: member.engine_version.clone(),
                instances: member.instances,
                parameter_group: member.parameter_group.clone(),
                writer: shown.writer,
                global: global.id.clone(),
            })
        });
        let Some(id) = id else { return Ok(here.collect()) };
        let found: Vec<ShownCluster> =
            here.filter(|shown| shown.arn.as_str() == id || shown.arn.name() == id).collect();
        if found.is_empty() {
            return Err(RdsError::ClusterNotFound { id: id.to_owned() });
        }
        Ok(found)
    }

    /// `DescribeDBClusterSnapshots` at this Region's endpoint, of one cluster or of all.
    pub fn snapshots(&self, region: &RegionId) -> impl Iterator<Item = &Snapshot> {
        let all = self.globals.values().flat_map(|global| &global.snapshots);
        all.filter(move |snapshot| snapshot.arn.region() == region)
    }

    /// Deletes every snapshot of a Region, as somebody does who needs them no more.
    pub fn delete_snapshots(&mut self, region: &RegionId) {
        for global in self.globals.values_mut() {
            global.snapshots.retain(|snapshot| snapshot.arn.region() != region);
        }
    }

    /// `SwitchoverGlobalCluster` at this Region's endpoint: what is shown then.
    ///
    /// # Errors
    /// When a move is under way, when this is not the writer's Region, and when anybody is not
    /// well, not connected, or of another version.
    pub fn switchover(
        &mut self,
        now: Moment,
        network: &Network,
        region: &RegionId,
        id: &str,
        target: &str,
    ) -> Result<Shown, RdsError> {
        let global = self.known(region, id)?;
        let target = global.target(target)?;
        global.idle()?;
        if global.writer != *region {
            return Err(RdsError::InvalidGlobalClusterState {
                message: format!(
                    "Global cluster {id} has its primary cluster in {}: call its Region",
                    global.writer
                ),
            });
        }
        let shown = &global.shown[region];
        for (place, member) in &global.members {
            global.usable(member, &target)?;
            if !matches!(member.volume, Volume::Writer | Volume::Follows(_))
                || shown.members[place].synchronization.as_str() != "connected"
            {
                return Err(RdsError::InvalidClusterState {
                    message: format!("DBCluster {} is not synchronized", member.arn),
                });
            }
        }
        Ok(self.accept(now, network, id, Kind::Switchover, region, &target))
    }

    /// `FailoverGlobalCluster` with data loss allowed, at this Region's endpoint: what is shown
    /// then.
    ///
    /// # Errors
    /// When a move is under way, when this is not the target's Region, and when the target is not
    /// well, is being made anew, or is of another version.
    pub fn failover(
        &mut self,
        now: Moment,
        network: &Network,
        region: &RegionId,
        id: &str,
        target: &str,
    ) -> Result<Shown, RdsError> {
        let global = self.known(region, id)?;
        let target = global.target(target)?;
        global.idle()?;
        if target.region() != region {
            return Err(RdsError::InvalidGlobalClusterState {
                message: format!("DBCluster {target} is not in this Region: call its own"),
            });
        }
        let member = &global.members[region];
        global.usable(member, &target)?;
        if !matches!(member.volume, Volume::Follows(_)) {
            return Err(RdsError::InvalidClusterState {
                message: format!("DBCluster {target} is not synchronized"),
            });
        }
        Ok(self.accept(now, network, id, Kind::Failover, region, &target))
    }

    fn known(&self, region: &RegionId, id: &str) -> Result<&Global, RdsError> {
        let mut globals = self.globals.values();
        globals
            .find(|global| {
                global.id.as_str().eq_ignore_ascii_case(id) && global.shown.contains_key(region)
            })
            .ok_or_else(|| RdsError::GlobalClusterNotFound { id: id.to_owned() })
    }

    fn accept(
        &mut self,
        now: Moment,
        network: &Network,
        id: &str,
        kind: Kind,
        region: &RegionId,
        target: &ClusterArn,
    ) -> Shown {
        self.catch_up(now, network);
        let pace = self.pace;
        let around = Around { network, pace: &pace, unix_ms_at_zero: self.unix_ms_at_zero };
        let mut globals = self.globals.values_mut();
        let global = globals
            .find(|global| global.id.as_str().eq_ignore_ascii_case(id))
            .expect("it was found before");
        let (from, to) = (global.writer.clone(), target.region().clone());
        self.happenings.push((
            now,
            Happening::WriterMoving {
                cluster: global.id.clone(),
                from: from.clone(),
                to: to.clone(),
                allow_data_loss: kind == Kind::Failover,
            },
        ));
        if kind == Kind::Failover {
            let writes = global.depose(now, &to);
            if !writes.is_empty() {
                let (cluster, by) = (global.id.clone(), from.clone());
                self.happenings.push((now, Happening::WritesLost { cluster, by, writes }));
            }
        }
        global.moving = Some(Move::accepted(kind, from, to, now + pace.pending));
        global.show(now, around);
        self.changes += 1;
        global.shown[region].clone()
    }
}

impl Global {
    /// The member that a request names, which must not be the writer.
    fn target(&self, target: &str) -> Result<ClusterArn, RdsError> {
        let found = self.members.values().find(|member| member.arn.as_str() == target);
        let Some(member) = found else {
            return Err(RdsError::ClusterNotFound { id: target.to_owned() });
        };
        if *member.arn.region() == self.writer {
            return Err(RdsError::InvalidClusterState {
                message: format!("DBCluster {target} is the primary cluster already"),
            });
        }
        Ok(member.arn.clone())
    }

    fn idle(&self) -> Result<(), RdsError> {
        let Some(moving) = &self.moving else { return Ok(()) };
        Err(RdsError::InvalidGlobalClusterState {
            message: format!(
                "Global cluster {} is {}: another change of its primary cluster is in progress",
                self.id,
                moving.word()
            ),
        })
    }

    /// Whether a member can take part in a move to this target.
    fn usable(&self, member: &Member, target: &ClusterArn) -> Result<(), RdsError> {
        let refuse = |why: &str| {
            Err(RdsError::InvalidClusterState {
                message: format!("DBCluster {} {why}", member.arn),
            })
        };
        if member.broken {
            return refuse("is not available");
        }
        if member.instances == 0 && member.arn == *target {
            return refuse("has no instance");
        }
        if major_minor(&member.engine_version)
            != major_minor(&self.members[&self.writer].engine_version)
        {
            return refuse("has another engine version than the primary cluster");
        }
        Ok(())
    }
}

/// The part of a version that must match (Aurora User Guide, same page: major and minor; patch
/// levels may differ).
fn major_minor(version: &str) -> (&str, &str) {
    let mut parts = version.split('.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// (Aurora User Guide, "Viewing DB cluster status".)
fn status(global: &Global, member: &Member) -> &'static str {
    let promoted = global.moving.as_ref().is_some_and(|moving| moving.to == *member.arn.region());
    match &member.volume {
        _ if member.broken => "inaccessible-encryption-credentials-recoverable",
        Volume::Rebuilt { .. } => "creating",
        Volume::Follows(_) if promoted => "promoting",
        _ => "available",
    }
}
