//! Aurora global clusters of every Region: who writes, who follows, what a move does and loses.
//!
//! As the Aurora User Guide has it ("Using switchover or failover in Amazon Aurora Global
//! Database"): writes go to one Region and follow to the others a little later; a switchover needs
//! everybody well and loses nothing; a failover makes a writer of a secondary as it is, fences the
//! old writer as well as it can be reached, keeps a snapshot of what it had, and makes the others
//! anew. A second move is refused while one is under way. RDS knows no caller's epoch.
//!
//! Writes have names, so that a drill can count what was lost. What secondaries are behind is
//! published to CloudWatch by [`Rds::advance`]'s caller, one point a minute, in their own Regions.
//!
//! Not modelled: instances one by one, write forwarding, engines and their upgrades, backups beyond
//! the snapshot of a deposed writer, events.

mod calls;
mod commits;
mod error;
mod global;
mod measure;
mod member;
mod moves;
mod pace;
mod shown;
#[cfg(test)]
mod tests;
mod writes;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::database::ClusterArn;
use crate::domain::{GlobalClusterId, Moment, RegionId};
use crate::world::log::Happening;
use crate::world::network::Network;

pub use commits::{Commit, Lost, WriteId};
pub use error::RdsError;
pub use global::Global;
pub use measure::Publication;
pub use member::Member;
pub use pace::Pace;
pub use shown::{Shown, ShownCluster, ShownMember, ShownMove, Snapshot};
pub use writes::{Refused, Written};

use global::Around;
use measure::PUBLISH_EVERY;
use member::{Stream, Volume};
use writes::Names;

/// The engine version of a cluster whose maker names none.
const ENGINE_VERSION: &str = "16.6";

/// The cluster parameter group of a cluster whose maker names none (Aurora User Guide, "Working with
/// parameter groups").
const PARAMETER_GROUP: &str = "default.aurora-postgresql16";

/// How finely time is divided while something other than replication goes on. That happens at
/// multiples of it alone, so that nothing depends on how often somebody looks.
const GRAIN_MS: u64 = 100;

/// The same.
const GRAIN: Duration = Duration::from_millis(GRAIN_MS);

/// How finely time is divided while nothing but replication goes on: a fleet that is well should cost
/// a simulation little.
const STEADY_GRAIN_MS: u64 = 1000;

/// How soon it is worth looking again while something goes on.
const NEXT_LOOK: Duration = Duration::from_millis(500);

/// RDS in every Region.
#[derive(Debug, Clone)]
pub struct Rds {
    globals: BTreeMap<GlobalClusterId, Global>,
    pace: Pace,
    unix_ms_at_zero: i64,
    at: Moment,
    next_publication: Moment,
    names: Names,
    changes: u64,
    happenings: Vec<(Moment, Happening)>,
}

impl Default for Rds {
    fn default() -> Self {
        Self {
            globals: BTreeMap::new(),
            pace: Pace::LIFE,
            unix_ms_at_zero: 0,
            at: Moment::ZERO,
            next_publication: Moment::ZERO + PUBLISH_EVERY,
            names: Names::default(),
            changes: 0,
            happenings: Vec::new(),
        }
    }
}

impl Member {
    /// A cluster with two instances, well.
    #[must_use]
    pub fn new(arn: ClusterArn) -> Self {
        Self {
            arn,
            engine_version: ENGINE_VERSION.to_owned(),
            instances: 2,
            parameter_group: PARAMETER_GROUP.to_owned(),
            broken: false,
            lag_extra: Duration::ZERO,
            // The global cluster that it becomes a member of says which.
            volume: Volume::Follows(Stream::level(Moment::ZERO)),
        }
    }
}

impl Rds {
    /// Says how long things take.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Says what the wall clock shows at the world's zero.
    pub fn set_unix_ms_at_zero(&mut self, unix_ms: i64) {
        self.unix_ms_at_zero = unix_ms;
    }

    /// Adds a global cluster whose secondaries are level with its writer.
    ///
    /// # Panics
    /// When the writer is none of the members.
    pub fn add(
        &mut self,
        now: Moment,
        id: GlobalClusterId,
        members: impl IntoIterator<Item = Member>,
        writer: &RegionId,
    ) {
        let mut global = Global::new(now, id.clone(), members, writer.clone());
        global.show(now, self.around(&Network::default()));
        self.globals.insert(id, global);
        // On the minute, as everything of CloudWatch.
        let minute_ms = u64::try_from(PUBLISH_EVERY.as_millis()).unwrap_or(u64::MAX);
        self.next_publication = Moment::from_ms((now.as_ms() / minute_ms + 1) * minute_ms);
        self.changes += 1;
    }

    /// Every global cluster, as it truly is.
    pub fn globals(&self) -> impl Iterator<Item = &Global> {
        self.globals.values()
    }

    /// A global cluster as it truly is.
    #[must_use]
    pub fn global(&self, id: &GlobalClusterId) -> Option<&Global> {
        self.globals.get(id)
    }

    /// Counts the times that a member was struck, or a Region came to show something else.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Makes the cluster (or every one) of a Region lag by so much more. The number touched.
    pub fn set_lag(
        &mut self,
        region: &RegionId,
        cluster: Option<&GlobalClusterId>,
        extra: Duration,
    ) -> usize {
        self.touch(region, cluster, |member| member.lag_extra = extra)
    }

    /// Takes the cluster's (or every one's) key away in a Region, or gives it back. The number
    /// touched.
    pub fn set_broken(
        &mut self,
        region: &RegionId,
        cluster: Option<&GlobalClusterId>,
        broken: bool,
    ) -> usize {
        self.touch(region, cluster, |member| member.broken = broken)
    }

    /// Gives the cluster (or every one) of a Region another engine version. The number touched.
    pub fn set_engine_version(
        &mut self,
        region: &RegionId,
        cluster: Option<&GlobalClusterId>,
        version: &str,
    ) -> usize {
        self.touch(region, cluster, |member| version.clone_into(&mut member.engine_version))
    }

    fn touch(
        &mut self,
        region: &RegionId,
        cluster: Option<&GlobalClusterId>,
        change: impl Fn(&mut Member),
    ) -> usize {
        self.changes += 1;
        let meant =
            self.globals.values_mut().filter(|global| cluster.is_none_or(|id| *id == global.id));
        let members = meant.filter_map(|global| global.members.get_mut(region));
        members.map(change).count()
    }

    /// When there may be something new to see; none while nothing but replication goes on.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        let steady = self.globals.values().all(Global::steady);
        (!steady).then(|| self.at + NEXT_LOOK)
    }

    /// Lets time pass; what is to be published of it.
    pub fn advance(&mut self, now: Moment, network: &Network) -> Vec<Publication> {
        let mut published = Vec::new();
        while let Some(to) = self.next_stop(now) {
            self.step(to, network);
            if self.next_publication <= to {
                self.next_publication = self.next_publication + PUBLISH_EVERY;
                published.extend(self.globals.values().flat_map(|global| global.measure()));
            }
        }
        published
    }

    /// Brings everything as near to now as time is divided: what is asked for now is then decided
    /// by what is so now.
    fn catch_up(&mut self, now: Moment, network: &Network) {
        let to = whole(now, GRAIN_MS);
        if self.at < to {
            self.step(to, network);
        }
    }

    fn step(&mut self, to: Moment, network: &Network) {
        let span = to.since(self.at);
        let around = Around { network, pace: &self.pace, unix_ms_at_zero: self.unix_ms_at_zero };
        for global in self.globals.values_mut() {
            let (writer, moving) = (global.writer.clone(), global.moving.is_some());
            self.changes += u64::from(global.step(to, span, around));
            if let Some(happening) = ended(global, writer, moving) {
                self.happenings.push((to, happening));
            }
        }
        self.at = to;
    }

    /// What has happened since this was last asked for.
    pub(super) fn happenings(&mut self) -> Vec<(Moment, Happening)> {
        std::mem::take(&mut self.happenings)
    }

    /// Where the next step of time ends, if one is due.
    fn next_stop(&self, now: Moment) -> Option<Moment> {
        if self.globals.values().all(Global::steady) {
            let last = whole(now, STEADY_GRAIN_MS);
            // Points are put at their minute, however long nobody looked.
            let stop = last.min(self.next_publication.max(whole(self.at, GRAIN_MS) + GRAIN));
            let stop = if self.globals.is_empty() { last } else { stop };
            return (self.at < stop).then_some(stop);
        }
        let stop = whole(self.at, GRAIN_MS) + GRAIN;
        (stop <= now).then_some(stop)
    }

    fn around<'a>(&'a self, network: &'a Network) -> Around<'a> {
        Around { network, pace: &self.pace, unix_ms_at_zero: self.unix_ms_at_zero }
    }
}

/// How a move ended in a step before which the writer was this one.
fn ended(global: &Global, before: RegionId, was_moving: bool) -> Option<Happening> {
    let cluster = global.id.clone();
    let to = global.writer.clone();
    if to != before {
        return Some(Happening::WriterMoved { cluster, from: before, to });
    }
    (was_moving && global.moving.is_none())
        .then_some(Happening::WriterStays { cluster, writer: before })
}

/// The last multiple of so many milliseconds that is not later.
fn whole(at: Moment, grain_ms: u64) -> Moment {
    Moment::from_ms(at.as_ms() / grain_ms * grain_ms)
}
