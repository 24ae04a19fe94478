//! How the databases are, for those who ask a running fleet: as they truly are, past every network.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::words::list;
use crate::domain::{GlobalClusterId, RegionId, ServiceId};
use crate::world::World;

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// Its global cluster.
    pub cluster: GlobalClusterId,
    /// Where it is written.
    pub writer: RegionId,
    /// The move under way.
    pub moving: Option<Moving>,
    /// Its members.
    pub members: Vec<MemberState>,
    /// How many writes it has.
    pub writes: u64,
    /// How many acknowledged writes failovers have lost.
    pub lost: usize,
}

/// A move of the writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moving {
    /// To where.
    pub to: RegionId,
    /// RDS's word for how far it is.
    pub stage: String,
    /// Whether data may be lost.
    pub allow_data_loss: bool,
}

/// A member of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberState {
    /// Where it is.
    pub region: RegionId,
    /// Whether it takes writes now: also a writer that was passed over may.
    pub takes_writes: bool,
    /// How far it is behind, if it follows the writer.
    pub behind_ms: Option<u64>,
    /// Whether it has lost its key.
    pub broken: bool,
}

/// How clients' writes fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteCount {
    /// By which service.
    pub service: ServiceId,
    /// Those that were acknowledged to the client.
    pub acknowledged: u64,
    /// Those that were not.
    pub failed: u64,
}

/// Every database.
pub(super) fn states(world: &World) -> Vec<DatabaseState> {
    let state = |global: &crate::world::rds::Global| {
        let members = global.members().iter().map(|(region, member)| MemberState {
            region: region.clone(),
            takes_writes: global.takes_writes(region),
            behind_ms: global
                .behind(region)
                .map(|behind| u64::try_from(behind.as_millis()).unwrap_or(u64::MAX)),
            broken: member.broken,
        });
        DatabaseState {
            cluster: global.id.clone(),
            writer: global.writer().clone(),
            moving: global.moving_to().map(|(to, stage, allow_data_loss)| Moving {
                to: to.clone(),
                stage: stage.to_string(),
                allow_data_loss,
            }),
            members: members.collect(),
            writes: global.writes(),
            lost: global.lost().filter(|lost| lost.commit.acknowledged).count(),
        }
    };
    world.rds.globals().map(state).collect()
}

impl fmt::Display for DatabaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: writer in {}", self.cluster, self.writer)?;
        if let Some(Moving { to, stage, .. }) = &self.moving {
            write!(f, " ({stage}, to {to})")?;
        }
        let others = self.members.iter().filter(|member| member.region != self.writer);
        write!(f, "; {}", list(others))?;
        if self.lost > 0 {
            write!(f, "; {} acknowledged writes lost", self.lost)?;
        }
        Ok(())
    }
}

impl fmt::Display for MemberState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.region)?;
        if self.broken {
            return f.write_str("without its key");
        }
        match self.behind_ms {
            Some(behind_ms) => write!(f, "{behind_ms} ms behind"),
            None if self.takes_writes => f.write_str("takes writes too"),
            None => f.write_str("does not follow"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_told_with_who_follows_and_what_was_lost() {
        let region = |name: &str| -> RegionId { name.parse().expect("valid") };
        let member = |name: &str, behind_ms, takes_writes, broken| MemberState {
            region: region(name),
            takes_writes,
            behind_ms,
            broken,
        };
        let moving =
            Moving { to: region("r2"), stage: "failing-over".to_owned(), allow_data_loss: true };
        let state = DatabaseState {
            cluster: "orders".parse().expect("valid"),
            writer: region("r1"),
            moving: Some(moving),
            members: vec![
                member("r1", None, true, false),
                member("r2", Some(150), false, false),
                member("r3", None, false, true),
                member("r4", None, true, false),
            ],
            writes: 7,
            lost: 2,
        };
        assert_eq!(
            state.to_string(),
            "orders: writer in r1 (failing-over, to r2); r2 150 ms behind, r3 without its key, \
             r4 takes writes too; 2 acknowledged writes lost"
        );
    }
}
