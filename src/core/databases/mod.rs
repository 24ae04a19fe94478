//! What the leader knows of the databases: who writes, who could, how far the others are behind.
//!
//! Read by the leader alone, through whichever Region answers: the one that holds the writer is
//! lost when it matters. RDS's word on who writes is believed only as far as it was read after the
//! moment in question; CloudWatch's points come a minute apart and late, so that what a failover
//! would lose is a range. Nothing here moves a writer: that is a step of a runbook.

mod findings;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::database::{DatabaseSpec, Eligibility, GlobalCluster, LagPoint, MemberCluster};
use crate::domain::observation::DatabaseReport;
use crate::domain::{DatabaseId, FailureClass, Fleet, Moment, RegionId};

use super::breakage::{Breakage, broken};
use super::call::{Outbox, Outcome, Purpose, Refusal, Request, Response};
use super::runs::{Runs, in_doubt};

/// Readings that a database may be overdue before what is known of it is called old.
const OLD_AFTER: u32 = 3;

/// Longest that a request may take to land after it was sent: a signed request is good for about a
/// quarter of an hour (AWS Signature Version 4, "Elements of an AWS API request signature").
pub(super) const LATE: Duration = Duration::from_secs(15 * 60);

/// Time between two looks at what promotions have left: somebody has to read it, and nothing waits.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// Something that was read, and when it was asked for: it is at least as new as that.
#[derive(Debug, Clone)]
struct Read<T> {
    asked_at: Moment,
    value: T,
}

/// A request to move a writer that this leadership has sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) at: Moment,
    /// None while no answer has come.
    pub(super) answer: Option<Result<(), (FailureClass, String)>>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    read_at: Moment,
    /// Which member's Region is asked next.
    via: usize,
    /// When what is under way was asked for, by what it is.
    asking: BTreeMap<Asked, Moment>,
    cluster: Option<Read<GlobalCluster>>,
    /// Readings in a row that showed no move under way.
    still: u32,
    members: BTreeMap<RegionId, Read<MemberCluster>>,
    lag: BTreeMap<RegionId, Read<Vec<LagPoint>>>,
    /// Snapshots of volumes that promotions have left behind, by their Region.
    kept: BTreeMap<RegionId, Vec<String>>,
    kept_at: Option<Moment>,
    trouble: Option<String>,
    sent: Option<Sent>,
}

/// What is read of a database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// The global cluster.
    Cluster,
    /// The member in this Region.
    Member(RegionId),
    /// How far the member in this Region is behind.
    Lag(RegionId),
    /// What a promotion has left of the volume that the member in this Region had.
    Kept(RegionId),
}

/// What a failover now would lose, in milliseconds of acknowledged writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// At least, if replication went on as it was until the writer failed.
    pub low_ms: u64,
    /// At most, if it broke off right after it was measured.
    pub high_ms: u64,
    /// Age of the newest figure that it rests on.
    pub age_ms: u64,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low_ms, high_ms, age_ms } = self;
        write!(f, "a loss of {low_ms} to {high_ms} ms of writes (by figures {age_ms} ms old)")
    }
}

impl Loss {
    /// The range that these points give, the newest first, for a writer that has failed for that
    /// long; none without any figure.
    ///
    /// A point says how far behind the copy was in its minute. If the link broke right then, all that
    /// the writer took until it failed is missing too.
    #[must_use]
    pub fn of(points: &[LagPoint], since_read_ms: u64, failing_ms: u64) -> Option<Self> {
        let behind = |point: &LagPoint| point.rpo_ms.or(point.lag_ms).or(point.progress_ms);
        let aged = |point: &LagPoint| point.age_ms.saturating_add(since_read_ms);
        let mut usable = points.iter().filter(|point| behind(point).is_some());
        // Points of the time after the failure say nothing of what was acknowledged before it.
        let newest =
            usable.clone().find(|point| aged(point) >= failing_ms).or_else(|| usable.next())?;
        let behind_ms = behind(newest)?;
        let age_ms = aged(newest);
        let unmeasured_ms = age_ms.saturating_sub(failing_ms);
        let least = points.iter().take(5).filter_map(behind).min().unwrap_or(0);
        Some(Self {
            low_ms: least.min(behind_ms),
            high_ms: behind_ms.saturating_add(unmeasured_ms),
            age_ms,
        })
    }
}

/// See the file's opening.
#[derive(Debug, Clone, Default)]
pub(super) struct Databases {
    known: BTreeMap<DatabaseId, Known>,
    /// Since when this leadership has known that nobody knows how an attempt of a run's step ended:
    /// forward, or back.
    doubts: BTreeMap<(String, usize, bool), Moment>,
}

impl Databases {
    /// What was read or sent under an earlier leadership does not count.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Does what is due. More often while a writer moves.
    pub(super) fn drive(&mut self, now: Moment, fleet: &Fleet, hurry: bool, out: &mut Outbox) {
        for (database, spec) in &fleet.databases {
            let known = self
                .known
                .entry(database.clone())
                .or_insert_with(|| Known { read_at: now, ..Known::default() });
            if hurry {
                let soon = Duration::from_millis(u64::from(fleet.timing.database_read_ms) / 4);
                let last = known.cluster.as_ref().map_or(now, |read| read.asked_at);
                known.read_at = known.read_at.min((last + soon).max(now));
            }
            if known.read_at > now || !known.asking.is_empty() {
                continue;
            }
            known.read_at = now + Duration::from_millis(u64::from(fleet.timing.database_read_ms));
            known.ask(now, fleet, database, spec, out);
        }
    }

    /// When something is next due without an answer coming in.
    pub(super) fn next_wake(&self) -> Moment {
        let idle = self.known.values().filter(|known| known.asking.is_empty());
        idle.map(|known| known.read_at).min().unwrap_or(Moment::NEVER)
    }

    /// Takes in what was read.
    pub(super) fn answered(&mut self, database: &DatabaseId, what: &Asked, outcome: Outcome) {
        let Some(known) = self.known.get_mut(database) else { return };
        let Some(asked_at) = known.asking.remove(what) else { return };
        match (what, outcome) {
            (Asked::Cluster, Ok(Response::Database(value))) => {
                known.still = if value.moving.is_some() { 0 } else { known.still + 1 };
                known.cluster = Some(Read { asked_at, value });
                known.trouble = None;
            }
            (Asked::Member(region), Ok(Response::Member(value))) => {
                known.members.insert(region.clone(), Read { asked_at, value });
            }
            (Asked::Lag(region), Ok(Response::Lag(value))) => {
                known.lag.insert(region.clone(), Read { asked_at, value });
            }
            (Asked::Kept(region), Ok(Response::KeptVolumes(kept))) => {
                known.kept.insert(region.clone(), kept);
            }
            (Asked::Cluster, Err(refusal)) => {
                known.via += 1;
                known.trouble = Some(refusal.to_string());
            }
            (Asked::Member(region), Err(_)) => drop(known.members.remove(region)),
            // The last points stay: of a Region that is lost there will be no newer ones.
            (Asked::Lag(_) | Asked::Kept(_), Err(_)) | (_, Ok(_)) => {}
        }
    }

    /// Keeps since when each attempt to move a writer is in doubt.
    pub(super) fn watch_doubts(&mut self, now: Moment, runs: &Runs) {
        let mut doubts = BTreeMap::new();
        for (name, kept) in runs {
            for step in 0..kept.run.procedure().steps.len() {
                for back in [false, true] {
                    if in_doubt(&kept.run, step, back) {
                        let key = (name.clone(), step, back);
                        let since = self.doubts.get(&key).copied().unwrap_or(now);
                        doubts.insert(key, since);
                    }
                }
            }
        }
        self.doubts = doubts;
    }

    /// For how long this leadership has known of such a doubt.
    pub(super) fn doubted_for(&self, now: Moment, run: &str, step: usize, back: bool) -> Duration {
        let since = self.doubts.get(&(run.to_owned(), step, back));
        since.map_or(Duration::ZERO, |since| now.since(*since))
    }

    /// A request to move a writer is sent.
    pub(super) fn moving(&mut self, now: Moment, database: &DatabaseId) {
        if let Some(known) = self.known.get_mut(database) {
            known.sent = Some(Sent { at: now, answer: None });
            known.read_at = now;
        }
    }

    /// Takes in the answer to such a request.
    pub(super) fn move_answered(&mut self, now: Moment, database: &DatabaseId, outcome: &Outcome) {
        let Some(known) = self.known.get_mut(database) else { return };
        known.read_at = now;
        let Some(sent) = &mut known.sent else { return };
        sent.answer = Some(match outcome {
            Ok(_) => Ok(()),
            Err(Refusal::Failed(failure)) => Err((failure.class, failure.what.clone())),
            Err(refusal @ Refusal::Found(_)) => Err((refusal.class(), refusal.to_string())),
        });
    }

    /// The request that was sent last under this leadership.
    pub(super) fn sent(&self, database: &DatabaseId) -> Option<&Sent> {
        self.known.get(database)?.sent.as_ref()
    }

    /// The global cluster, if it was asked for at that moment or later, and how many readings in a
    /// row have shown no move under way.
    pub(super) fn since(&self, database: &DatabaseId, at: Moment) -> Option<(&GlobalCluster, u32)> {
        let known = self.known.get(database)?;
        let read = known.cluster.as_ref().filter(|read| read.asked_at >= at)?;
        Some((&read.value, known.still))
    }

    /// The global cluster as last read, unless that is long ago.
    pub(super) fn now(
        &self,
        now: Moment,
        fleet: &Fleet,
        database: &DatabaseId,
    ) -> Option<&GlobalCluster> {
        let old = Duration::from_millis(u64::from(fleet.timing.database_read_ms)) * OLD_AFTER;
        let read = self.known.get(database)?.cluster.as_ref()?;
        (now.since(read.asked_at)
            <= old + Duration::from_millis(u64::from(fleet.timing.database_call_ms)))
        .then_some(&read.value)
    }

    /// What a failover to this Region would lose, with the writer failing for that long.
    pub(super) fn loss(
        &self,
        now: Moment,
        database: &DatabaseId,
        to: &RegionId,
        failing_ms: u64,
    ) -> Option<Loss> {
        let read = self.known.get(database)?.lag.get(to)?;
        let since_ms = u64::try_from(now.since(read.asked_at).as_millis()).unwrap_or(u64::MAX);
        Loss::of(&read.value, since_ms, failing_ms)
    }

    /// Whether a member could become the writer; or why not, and what would make it possible.
    pub(super) fn eligible(
        &self,
        spec: &DatabaseSpec,
        database: &DatabaseId,
        to: &RegionId,
    ) -> Result<(), String> {
        self.is_shown(spec, database, to)?;
        let known = self.known.get(database).ok_or("nothing is known of it yet")?;
        let cluster = &known.cluster.as_ref().ok_or("it could not be read yet")?.value;
        if broken(Breakage::MoveUnchecked) {
            return Ok(());
        }
        if spec.members[to].eligibility == Eligibility::Never {
            return Err(format!(
                "the member in {to} is never to be the writer by the fleet's files"
            ));
        }
        let Some(own) = known.members.get(to).map(|read| &read.value) else {
            return Err(format!("the member in {to} could not be read in its own Region"));
        };
        if own.status != "available" {
            return Err(format!("the member in {to} is {:?}, and must be available", own.status));
        }
        if own.instances == 0 {
            return Err(format!("the member in {to} has no instances: add one first"));
        }
        let major_minor =
            |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
        if major_minor(&own.engine_version) != major_minor(&cluster.engine_version) {
            return Err(format!(
                "the member in {to} runs {}, and the global cluster {}: major and minor versions \
                 must match",
                own.engine_version, cluster.engine_version
            ));
        }
        Ok(())
    }

    /// Whether RDS shows the member that the files name there: the least that a promotion needs, and
    /// all that one by force does.
    pub(super) fn is_shown(
        &self,
        spec: &DatabaseSpec,
        database: &DatabaseId,
        to: &RegionId,
    ) -> Result<(), String> {
        let known = self.known.get(database).ok_or("nothing is known of it yet")?;
        let cluster = &known.cluster.as_ref().ok_or("it could not be read yet")?.value;
        let Some(member) = spec.members.get(to) else {
            return Err(format!("it has no member in {to} by the fleet's files"));
        };
        let Some(shown) = cluster.members.get(to) else {
            return Err(format!("RDS shows no member in {to}: it must join first"));
        };
        if shown.cluster != member.cluster {
            return Err(format!(
                "the member in {to} is {}, and the fleet's files say {}",
                shown.cluster, member.cluster
            ));
        }
        Ok(())
    }

    /// The best Region to promote, but for this one: by eligibility, then least behind.
    pub(super) fn target(
        &self,
        now: Moment,
        fleet: &Fleet,
        database: &DatabaseId,
        but: &RegionId,
    ) -> Option<RegionId> {
        let spec = fleet.databases.get(database)?;
        let able = spec
            .members
            .iter()
            .filter(|(region, _)| *region != but && self.eligible(spec, database, region).is_ok());
        let behind = |region: &RegionId| {
            let loss = self.loss(now, database, region, 0);
            loss.map_or(u64::MAX, |loss| loss.low_ms)
        };
        able.min_by_key(|(region, member)| (member.eligibility, behind(region), (*region).clone()))
            .map(|(region, _)| region.clone())
    }

    /// What is not as it should be of a database; none while it was not read since then.
    pub(super) fn findings(
        &self,
        fleet: &Fleet,
        database: &DatabaseId,
        at: Moment,
    ) -> Option<Vec<String>> {
        let (spec, known) = (fleet.databases.get(database)?, self.known.get(database)?);
        let cluster = known.cluster.as_ref().filter(|read| read.asked_at >= at)?;
        let members = known.members.iter().filter(|(_, read)| read.asked_at >= at);
        let members = members.map(|(region, read)| (region.clone(), read.value.clone())).collect();
        let mut found = findings::findings(spec, &cluster.value, &members);
        found.extend(findings::kept(&known.kept));
        Some(found)
    }

    /// What people see of a database.
    pub(super) fn report(
        &self,
        now: Moment,
        fleet: &Fleet,
        failing_ms: impl Fn(&DatabaseId) -> u64,
    ) -> BTreeMap<DatabaseId, DatabaseReport> {
        let reported = self.known.iter().map(|(database, known)| {
            let cluster = known.cluster.as_ref();
            let age = |at: Moment| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX);
            let writer = cluster.and_then(|read| read.value.writer());
            let members = known.lag.keys().filter(|region| Some(*region) != writer);
            let losses = members.filter_map(|region| {
                let loss = self.loss(now, database, region, failing_ms(database))?;
                Some((region.clone(), (loss.low_ms, loss.high_ms, loss.age_ms)))
            });
            let report = DatabaseReport {
                writer: cluster.and_then(|read| read.value.writer().cloned()),
                status: cluster.map(|read| read.value.status.clone()),
                moving: cluster.and_then(|read| {
                    let moving = read.value.moving.as_ref()?;
                    let to = moving.to.as_ref().map(|to| to.region().to_string());
                    Some(format!("{} to {}", moving.stage, to.unwrap_or_else(|| "?".to_owned())))
                }),
                age_ms: cluster.map(|read| age(read.asked_at)),
                loss: losses.collect(),
                trouble: known.trouble.clone(),
                findings: self.findings(fleet, database, Moment::ZERO).unwrap_or_default(),
            };
            (database.clone(), report)
        });
        reported.collect()
    }
}

impl Known {
    fn ask(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        database: &DatabaseId,
        spec: &DatabaseSpec,
        out: &mut Outbox,
    ) {
        let limit_ms = fleet.timing.database_call_ms;
        let regions: Vec<&RegionId> = spec.members.keys().collect();
        let via = regions[self.via % regions.len()].clone();
        let cluster = spec.global_cluster.clone();
        let mut ask = |what: Asked, request: Request| {
            self.asking.insert(what.clone(), now);
            let purpose = Purpose::Database { database: database.clone(), what };
            out.call(now, limit_ms, purpose, request);
        };
        ask(Asked::Cluster, Request::DescribeDatabase { cluster, via });
        let writer = self.cluster.as_ref().and_then(|read| read.value.writer());
        for (region, member) in &spec.members {
            let arn = member.cluster.clone();
            ask(Asked::Member(region.clone()), Request::DescribeMember { member: arn.clone() });
            if writer != Some(region) {
                ask(Asked::Lag(region.clone()), Request::ReadLag { secondary: arn });
            }
        }
        if self.kept_at.is_none_or(|at| now.since(at) >= KEPT_EVERY) {
            self.kept_at = Some(now);
            for (region, member) in &spec.members {
                let cluster = member.cluster.clone();
                ask(Asked::Kept(region.clone()), Request::ReadKeptVolumes { cluster });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(rpo_ms: u64, age_ms: u64) -> LagPoint {
        LagPoint { rpo_ms: Some(rpo_ms), age_ms, ..LagPoint::default() }
    }

    #[test]
    fn a_loss_is_a_range_from_the_last_figures_before_the_failure() {
        // Measured in a minute that began 80 s ago; the writer has failed for 30 s.
        let points = [point(900, 80_000), point(400, 140_000)];
        let loss = Loss::of(&points, 0, 30_000).expect("figures");
        assert_eq!(loss, Loss { low_ms: 400, high_ms: 50_900, age_ms: 80_000 });
        let later = Loss::of(&points, 10_000, 40_000).expect("figures");
        assert_eq!(later.high_ms, 50_900, "time that passes after the failure adds nothing");
    }

    #[test]
    fn figures_of_the_time_after_the_failure_do_not_make_it_look_better() {
        let points = [point(5, 10_000), point(900, 80_000)];
        let loss = Loss::of(&points, 0, 60_000).expect("figures");
        assert_eq!(loss.high_ms, 900 + 20_000);
        assert_eq!(Loss::of(&[LagPoint::default()], 0, 0), None, "no figure is not no loss");
    }
}
