//! What applications write, by the global cluster's writer endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::database::WriteReach;
use crate::domain::{GlobalClusterId, Moment, RegionId};
use crate::world::log::Happening;
use crate::world::network::{Network, Place};

use super::Rds;
use super::commits::{Commit, WriteId};
use super::member::Volume;

/// How long an application keeps the endpoint's address (Aurora User Guide, "Performing managed
/// failovers for Aurora global databases": a DNS cache of a low value such as 5 seconds).
const NAME_KEPT: Duration = Duration::from_secs(5);

/// Whose address the endpoint had when a Region's applications last looked, and until when they
/// keep it.
pub(super) type Names = BTreeMap<(RegionId, GlobalClusterId), (RegionId, Moment)>;

/// A write that was taken and acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// By whom.
    pub by: RegionId,
}

/// A write that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refused {
    /// There is no such database.
    #[error("there is no global cluster {0}")]
    NoDatabase(GlobalClusterId),
    /// Nothing gets through to where the endpoint points.
    #[error("the writer in {0} can't be reached")]
    Unreachable(RegionId),
    /// Where the endpoint points, nobody takes writes.
    #[error("the cluster in {0} is read-only")]
    ReadOnly(RegionId),
    /// It was taken, and the answer did not come back: the application can't know.
    #[error("the writer in {0} gave no answer")]
    Unanswered(RegionId),
}

impl Rds {
    /// Whom an application of this Region writes to now.
    ///
    /// # Errors
    /// When there is no such database.
    pub fn writer_for(
        &mut self,
        now: Moment,
        from: &RegionId,
        id: &GlobalClusterId,
        reach: WriteReach,
    ) -> Result<RegionId, Refused> {
        let global = self.globals.get(id).ok_or_else(|| Refused::NoDatabase(id.clone()))?;
        if reach == WriteReach::WriterRegion {
            // It has its own Region's cluster and no other.
            return Ok(from.clone());
        }
        let key = (from.clone(), id.clone());
        let kept = self.names.get(&key).filter(|(_, until)| now < *until);
        let to = match kept {
            Some((to, _)) => to.clone(),
            None => {
                // A Region without a member asks DNS all the same.
                let shown = global.shown.get(from);
                let writer = shown.and_then(|shown| {
                    shown.members.iter().find(|(_, member)| member.writer).map(|(region, _)| region)
                });
                let to = writer.unwrap_or(&global.writer).clone();
                self.names.insert(key, (to.clone(), now + NAME_KEPT));
                to
            }
        };
        Ok(to)
    }

    /// An application of this Region writes to the cluster there.
    ///
    /// # Errors
    /// When it was not acknowledged, for whatever reason.
    pub fn write(
        &mut self,
        now: Moment,
        network: &Network,
        from: &RegionId,
        to: &RegionId,
        id: &GlobalClusterId,
        write: WriteId,
    ) -> Result<Written, Refused> {
        let global = self.globals.get_mut(id).ok_or_else(|| Refused::NoDatabase(id.clone()))?;
        let to = to.clone();
        let (here, there) = (Place::Region(from.clone()), Place::Region(to.clone()));
        if network.path(&here, &there).is_none() {
            return Err(Refused::Unreachable(to));
        }
        if !global.takes_writes(&to) {
            return Err(Refused::ReadOnly(to));
        }
        let acknowledged = network.path(&there, &here).is_some();
        let commit = Commit { write, at: now, acknowledged };
        let member = global.members.get_mut(&to).expect("who takes writes is a member");
        match &mut member.volume {
            Volume::Deposed(deposed) => {
                deposed.tail.push(commit);
                let (cluster, by, writes) = (id.clone(), to.clone(), vec![write]);
                self.happenings.push((now, Happening::WritesLost { cluster, by, writes }));
            }
            _ => global.timeline.push(commit),
        }
        if acknowledged { Ok(Written { by: to }) } else { Err(Refused::Unanswered(to)) }
    }
}
