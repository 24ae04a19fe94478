//! One global cluster through time: replication, moves, fencing, rebuilding.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::database::{MoveStage, Synchronization};
use crate::domain::{GlobalClusterId, Moment, RegionId};
use crate::world::network::{Network, Place};

use super::commits::{Lost, Timeline, WriteId};
use super::member::{Deposed, Member, Stream, Volume};
use super::moves::{Kind, Move, Stage};
use super::pace::Pace;
use super::shown::{Shown, ShownMember, ShownMove, Snapshot};

/// The engine of every modelled cluster.
pub(super) const ENGINE: &str = "aurora-postgresql";

/// A global cluster.
#[derive(Debug, Clone)]
pub struct Global {
    /// Its identifier.
    pub id: GlobalClusterId,
    pub(super) members: BTreeMap<RegionId, Member>,
    pub(super) writer: RegionId,
    pub(super) timeline: Timeline,
    pub(super) moving: Option<Move>,
    pub(super) lost: Vec<Lost>,
    pub(super) snapshots: Vec<Snapshot>,
    /// What each Region shows.
    pub(super) shown: BTreeMap<RegionId, Shown>,
    /// Until when it was let go on.
    pub(super) at: Moment,
}

/// What a step of time needs from around.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) network: &'a Network,
    pub(super) pace: &'a Pace,
    pub(super) unix_ms_at_zero: i64,
}

impl Around<'_> {
    pub(super) fn way(&self, from: &RegionId, to: &RegionId) -> Option<Duration> {
        self.network.path(&Place::Region(from.clone()), &Place::Region(to.clone()))
    }

    pub(super) fn both_ways(&self, a: &RegionId, b: &RegionId) -> bool {
        self.way(a, b).is_some() && self.way(b, a).is_some()
    }
}

impl Global {
    /// A global cluster whose secondaries are level with its writer.
    pub(super) fn new(
        now: Moment,
        id: GlobalClusterId,
        members: impl IntoIterator<Item = Member>,
        writer: RegionId,
    ) -> Self {
        let mut members: BTreeMap<RegionId, Member> =
            members.into_iter().map(|member| (member.arn.region().clone(), member)).collect();
        for (region, member) in &mut members {
            member.volume = if *region == writer {
                Volume::Writer
            } else {
                Volume::Follows(Stream::level(now))
            };
        }
        assert!(members.contains_key(&writer), "the writer is a member");
        let (timeline, moving) = (Timeline::default(), None);
        let (lost, snapshots, shown) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { id, members, writer, timeline, moving, lost, snapshots, shown, at: now }
    }

    /// Where the writes go, in truth.
    #[must_use]
    pub fn writer(&self) -> &RegionId {
        &self.writer
    }

    /// Its members.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<RegionId, Member> {
        &self.members
    }

    /// Where the writer is being moved, how far that is, and whether data may be lost.
    #[must_use]
    pub fn moving_to(&self) -> Option<(&RegionId, MoveStage, bool)> {
        let moving = self.moving.as_ref()?;
        Some((&moving.to, moving.word(), moving.kind == Kind::Failover))
    }

    /// How many writes the database has.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.timeline.count()
    }

    /// The writes that it no longer has.
    pub fn lost(&self) -> impl Iterator<Item = Lost> {
        let pending = self.members.iter().flat_map(|(region, member)| {
            let tail = match &member.volume {
                Volume::Deposed(deposed) => deposed.tail.as_slice(),
                _ => &[],
            };
            tail.iter().map(|commit| Lost { commit: *commit, by: region.clone() })
        });
        self.lost.iter().cloned().chain(pending)
    }

    /// Whether this member takes a write now.
    #[must_use]
    pub fn takes_writes(&self, region: &RegionId) -> bool {
        let Some(member) = self.members.get(region).filter(|member| !member.broken) else {
            return false;
        };
        match &member.volume {
            Volume::Writer => !self
                .moving
                .as_ref()
                .is_some_and(|moving| matches!(moving.stage, Stage::Blocked(_))),
            Volume::Deposed(deposed) => deposed.takes_writes,
            Volume::Follows(_) | Volume::Rebuilt { .. } | Volume::Stale => false,
        }
    }

    /// How far a secondary is behind; none when it follows nobody.
    #[must_use]
    pub fn behind(&self, region: &RegionId) -> Option<Duration> {
        self.has_until(region).map(|has_until| self.at.since(has_until))
    }

    /// A secondary has every write that was taken by then.
    pub(super) fn has_until(&self, region: &RegionId) -> Option<Moment> {
        match &self.members.get(region)?.volume {
            Volume::Follows(stream) => Some(stream.has_until),
            _ => None,
        }
    }

    /// How far a secondary is behind in users' writes, as it can know.
    pub(super) fn rpo(&self, region: &RegionId) -> Option<Duration> {
        let Volume::Follows(stream) = &self.members.get(region)?.volume else { return None };
        if stream.heard_at < self.at {
            // It hears nothing: it must assume that the writer goes on.
            return Some(self.at.since(stream.has_until));
        }
        let newest = self.timeline.newest().unwrap_or(stream.has_until);
        let has = self.timeline.newest_by(stream.has_until).unwrap_or(stream.has_until);
        Some(newest.since(has))
    }

    /// Whether nothing but replication goes on, so that time can be passed in one step.
    pub(super) fn steady(&self) -> bool {
        self.moving.is_none()
            && self
                .members
                .values()
                .all(|member| matches!(member.volume, Volume::Writer | Volume::Follows(_)))
    }

    /// Lets a span of time pass that ends now; whether a Region then shows something else.
    pub(super) fn step(&mut self, now: Moment, span: Duration, around: Around<'_>) -> bool {
        self.at = now;
        self.replicate(now, span, around);
        self.fence(now, around);
        self.step_move(now, around);
        self.rebuild(now, around);
        let followers = self.members.values().filter_map(|member| match &member.volume {
            Volume::Follows(stream) => Some(stream.has_until),
            _ => None,
        });
        if let Some(all_have) = followers.min().filter(|_| self.moving.is_none()) {
            self.timeline.settle(all_have);
        }
        self.show(now, around)
    }

    fn replicate(&mut self, now: Moment, span: Duration, around: Around<'_>) {
        let writer = &self.members[&self.writer];
        if writer.broken || !matches!(writer.volume, Volume::Writer) {
            return;
        }
        for (region, member) in &mut self.members {
            let Volume::Follows(stream) = &mut member.volume else { continue };
            let Some(way) = around.way(&self.writer, region).filter(|_| !member.broken) else {
                continue;
            };
            stream.receive(now, span, around.pace.lag + member.lag_extra + way);
        }
    }

    /// Tells deposed writers, as soon as they can be told.
    fn fence(&mut self, now: Moment, around: Around<'_>) {
        let by = match &self.moving {
            Some(Move { kind: Kind::Failover, to, .. }) => to.clone(),
            _ => self.writer.clone(),
        };
        for (region, member) in &mut self.members {
            let Volume::Deposed(deposed) = &mut member.volume else { continue };
            if !around.both_ways(&by, region) {
                deposed.fenced_at = None;
                continue;
            }
            let at = *deposed.fenced_at.get_or_insert(now + around.pace.fencing);
            deposed.takes_writes &= now < at;
        }
    }

    fn rebuild(&mut self, now: Moment, around: Around<'_>) {
        if !matches!(self.members[&self.writer].volume, Volume::Writer) {
            return;
        }
        for (region, member) in &mut self.members {
            let reachable = !member.broken && around.both_ways(&self.writer, region);
            let begun = Volume::Rebuilt { ready_at: now + around.pace.rebuild };
            match &mut member.volume {
                Volume::Stale if reachable => member.volume = begun,
                Volume::Deposed(deposed) if reachable && !deposed.takes_writes => {
                    let tail = std::mem::take(&mut deposed.tail);
                    let since = deposed.since;
                    let arn = member.arn.clone();
                    self.snapshots.push(snapshot(arn, since, tail.len(), around));
                    let by = region.clone();
                    self.lost
                        .extend(tail.into_iter().map(|commit| Lost { commit, by: by.clone() }));
                    member.volume = begun;
                }
                Volume::Rebuilt { .. } if !reachable => member.volume = Volume::Stale,
                Volume::Rebuilt { ready_at } if *ready_at <= now => {
                    member.volume = Volume::Follows(Stream::level(now));
                }
                _ => {}
            }
        }
    }

    /// Begins a failover: from here on nothing of the old writer gets to the target. What the target
    /// doesn't have is lost.
    pub(super) fn depose(&mut self, now: Moment, target: &RegionId) -> Vec<WriteId> {
        let Volume::Follows(stream) = self.members[target].volume else {
            unreachable!("only a secondary that follows can be failed over to");
        };
        let tail = self.timeline.fork(stream.has_until);
        let lost = tail.iter().map(|commit| commit.write).collect();
        let old = self.members.get_mut(&self.writer).expect("the writer is a member");
        let takes_writes = true;
        old.volume = Volume::Deposed(Deposed { tail, takes_writes, fenced_at: None, since: now });
        lost
    }

    /// What is true now, as RDS would show it.
    fn truth(&self, now: Moment, around: Around<'_>) -> Shown {
        let members = self.members.iter().map(|(region, member)| {
            let synchronization = match &member.volume {
                Volume::Writer if member.broken => Synchronization::PendingResync,
                Volume::Writer => Synchronization::Connected,
                Volume::Follows(stream)
                    if !member.broken && now.since(stream.heard_at) < around.pace.noticed =>
                {
                    Synchronization::Connected
                }
                _ => Synchronization::PendingResync,
            };
            let writer = *region == self.writer;
            let arn = member.arn.clone();
            (region.clone(), ShownMember { arn, writer, synchronization })
        });
        let moving = self.moving.as_ref().map(|moving| ShownMove {
            stage: moving.word(),
            from: self.members[&moving.from].arn.clone(),
            to: self.members[&moving.to].arn.clone(),
            allow_data_loss: moving.kind == Kind::Failover,
        });
        let status = match self.moving.as_ref().map(|moving| moving.kind) {
            Some(Kind::Switchover) => "switching-over",
            Some(Kind::Failover) => "failing-over",
            None => "available",
        };
        Shown {
            id: self.id.clone(),
            status,
            engine: ENGINE,
            engine_version: self.members[&self.writer].engine_version.clone(),
            members: members.collect(),
            moving,
        }
    }

    /// Brings up to date what the Regions show: those that reach the one where things happen.
    /// Whether that changed anything.
    pub(super) fn show(&mut self, now: Moment, around: Around<'_>) -> bool {
        let mut changed = false;
        let truth = self.truth(now, around);
        let acting = match &self.moving {
            Some(Move { kind: Kind::Failover, to, .. }) => to,
            _ => &self.writer,
        };
        let acting_is_lost = around.network.lost().contains(acting);
        for (region, own) in &truth.members {
            let informed = acting_is_lost || region == acting || around.both_ways(acting, region);
            match self.shown.get_mut(region) {
                Some(shown) if !informed => {
                    if let Some(member) = shown.members.get_mut(region) {
                        changed |= member.synchronization != own.synchronization;
                        member.synchronization.clone_from(&own.synchronization);
                    }
                }
                Some(shown) if *shown == truth => {}
                _ => {
                    changed = true;
                    self.shown.insert(region.clone(), truth.clone());
                }
            }
        }
        changed
    }
}

/// (Aurora User Guide, "Performing managed failovers for Aurora global databases": the name of the
/// snapshot of the old volume at the point of failure.)
fn snapshot(
    arn: crate::domain::database::ClusterArn,
    at: Moment,
    holds: usize,
    around: Around<'_>,
) -> Snapshot {
    let since_zero = i64::try_from(at.as_ms()).unwrap_or(i64::MAX);
    let at_unix_ms = around.unix_ms_at_zero.saturating_add(since_zero);
    let stamp = jiff::Timestamp::from_millisecond(at_unix_ms)
        .map_or_else(|_| at_unix_ms.to_string(), |at| at.strftime("%Y-%m-%d-%H-%M").to_string());
    let name = format!("rds:unplanned-global-failover-{}-{stamp}", arn.name());
    Snapshot { name, arn, at, at_unix_ms, holds }
}
