//! Publishing this agent's report and reading the others'.
//!
//! Each replica of the board is read by itself: one that lags or fails blinds nobody, and reading an
//! observer's own Region directly does not wait for replication. The own report goes to the own
//! Region's replica, and to the next one after a failure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::observation::Heard;
use crate::domain::{AgentId, BootId, FailureClass, Fleet, Moment, RegionId, Report};

use super::Identity;
use super::call::{Outbox, Outcome, Purpose, Request, Response};
use super::health::Row;
use super::health::matrix::Matrix;
use super::kept::{Kept, KeptBefore};
use super::note::Note;

/// Shortest time between two reports, however much changes: a write to a global table is charged
/// once a replica.
const REPORT_GAP_MS_MIN: u64 = 100;

#[derive(Debug, Clone)]
pub(super) struct Gathering {
    identity: Identity,
    matrix: Matrix,
    kept: KeptBefore,
    /// Home first.
    replicas: Vec<RegionId>,
    /// When each replica is read next; none while a reading is under way.
    read_at: BTreeMap<RegionId, Option<Moment>>,
    gather_ms: u32,
    /// Which replica is published to.
    publish_to: usize,
    publishing: bool,
    report_at: Moment,
    reported_at: Option<Moment>,
    seq: u64,
    /// Whether a lasting refusal of the report was told.
    told: bool,
    /// Whether the home replica was read, or was waited for in vain: only then is a report
    /// published, so that one who was here before is seen before he sees us.
    looked: bool,
    look_until: Moment,
    /// Another run under this identity that was here before.
    other_self: Option<OtherSelf>,
}

/// A run under this identity that was here before this one: the leftover of a dead one, or alive.
#[derive(Debug, Clone)]
struct OtherSelf {
    boot: BootId,
    /// The number of its report, as last read at home.
    seq: u64,
    /// How often that number was seen to rise. The first rise may be a last write that was under
    /// way when it died.
    rises: u32,
}

/// Rises by which another run of this identity is known to be alive.
const RISES_OF_LIFE: u32 = 2;

impl Gathering {
    pub(super) fn new(now: Moment, identity: &Identity, fleet: &Fleet) -> Self {
        let mut replicas: Vec<RegionId> = fleet.regions.iter().cloned().collect();
        replicas.sort_by_key(|region| *region != identity.region);
        Self {
            identity: identity.clone(),
            matrix: Matrix::default(),
            kept: KeptBefore::default(),
            read_at: replicas.iter().map(|replica| (replica.clone(), Some(now))).collect(),
            replicas,
            gather_ms: fleet.timing.gather_ms,
            publish_to: 0,
            publishing: false,
            report_at: now,
            reported_at: None,
            seq: 0,
            told: false,
            looked: false,
            look_until: now + Duration::from_millis(u64::from(fleet.timing.stale_ms)),
            other_self: None,
        }
    }

    /// What leaders said that they keep.
    pub(super) fn kept(&self) -> &Kept {
        self.kept.names()
    }

    pub(super) fn drive_reading(&mut self, now: Moment, fleet: &Fleet, out: &mut Outbox) {
        for (replica, read_at) in &mut self.read_at {
            if read_at.is_some_and(|at| at <= now) {
                *read_at = None;
                let purpose = Purpose::Gather { replica: replica.clone() };
                let request = Request::Gather { replica: replica.clone() };
                out.call(now, fleet.timing.table_call_ms, purpose, request);
            }
        }
    }

    /// Takes in what a replica holds; true when it brought something new.
    pub(super) fn gathered(
        &mut self,
        now: Moment,
        replica: &RegionId,
        outcome: Outcome,
        out: &mut Outbox,
    ) -> bool {
        let next = now + Duration::from_millis(u64::from(self.gather_ms));
        self.read_at.insert(replica.clone(), Some(next));
        let Ok(Response::Reports(reports)) = outcome else { return false };
        self.looked |= *replica == self.identity.region;
        let mut news = false;
        for report in reports {
            if report.agent == self.identity.agent {
                self.meet_other_self(replica, &report, out);
            } else {
                let own = (&self.identity.agent, self.identity.boot);
                self.kept.hear(&report);
                news |= self.matrix.take(now, replica, own, report);
            }
        }
        news
    }

    /// An agent of this identity that was there before and still writes is alive. Judged only at
    /// home, where it writes: elsewhere a lagging replica can show a dead one's numbers rising.
    fn meet_other_self(&mut self, replica: &RegionId, report: &Report, out: &mut Outbox) {
        if *replica != self.identity.region || report.boot == self.identity.boot {
            return;
        }
        match &mut self.other_self {
            // One that appears after this run has published came later: it is the second, not we.
            None if self.seq == 0 => {
                let (boot, seq) = (report.boot, report.seq);
                self.other_self = Some(OtherSelf { boot, seq, rises: 0 });
            }
            Some(other) if other.boot == report.boot && report.seq > other.seq => {
                other.seq = report.seq;
                other.rises += 1;
                if other.rises == RISES_OF_LIFE {
                    out.note(Note::SecondSelf { agent: self.identity.agent.clone() });
                }
            }
            _ => {}
        }
    }

    /// Lets a report go out as soon as may be.
    pub(super) fn report_soon(&mut self, now: Moment) {
        let earliest = self
            .reported_at
            .map_or(now, |at| (at + Duration::from_millis(REPORT_GAP_MS_MIN)).max(now));
        self.report_at = self.report_at.min(earliest);
    }

    pub(super) fn report_due(&self, now: Moment) -> bool {
        !self.publishing && self.report_at <= now && (self.looked || self.look_until <= now)
    }

    /// The number of the next report: fresh also when the one before it failed.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// The replica that is written to: that of the own Region, or the next one while that fails.
    pub(super) fn replica(&self) -> &RegionId {
        &self.replicas[self.publish_to % self.replicas.len()]
    }

    pub(super) fn publish(&mut self, now: Moment, report: Report, fleet: &Fleet, out: &mut Outbox) {
        self.matrix.sent(now, report.seq);
        let replica = self.replica().clone();
        self.publishing = true;
        self.reported_at = Some(now);
        self.report_at = now + Duration::from_millis(u64::from(fleet.timing.report_ms));
        let request = Request::Publish { replica, report: Box::new(report) };
        out.call(now, fleet.timing.table_call_ms, Purpose::Publish, request);
    }

    pub(super) fn published(&mut self, now: Moment, outcome: &Outcome, out: &mut Outbox) {
        self.publishing = false;
        let Err(refusal) = outcome else {
            (self.publish_to, self.told) = (0, false);
            return;
        };
        self.publish_to += 1;
        self.report_soon(now);
        if refusal.class() == FailureClass::Permanent && !self.told {
            self.told = true;
            out.note(Note::Trouble { what: format!("the report can't be published: {refusal}") });
        }
    }

    pub(super) fn next_wake(&self, now: Moment) -> Moment {
        let reading = self.read_at.values().flatten().min().copied().unwrap_or(Moment::NEVER);
        let report = match (self.publishing, self.looked) {
            (true, _) => Moment::NEVER,
            (false, true) => self.report_at.max(now),
            (false, false) => self.report_at.max(self.look_until).max(now),
        };
        reading.min(report)
    }

    pub(super) fn fresh(&self, now: Moment, stale_ms: u32) -> impl Iterator<Item = Row<'_>> {
        self.matrix.fresh(now, stale_ms)
    }

    pub(super) fn next_stale(&self, now: Moment, stale_ms: u32) -> Moment {
        self.matrix.next_stale(now, stale_ms)
    }

    /// The newest reports of those who are heard from.
    pub(super) fn believed(&self, now: Moment, stale_ms: u32) -> impl Iterator<Item = &Report> {
        let stale = Duration::from_millis(u64::from(stale_ms));
        let young = move |age: &Duration| *age < stale;
        self.ages(now, stale_ms).filter_map(move |(report, age)| age.filter(young).map(|_| report))
    }

    pub(super) fn ages(
        &self,
        now: Moment,
        stale_ms: u32,
    ) -> impl Iterator<Item = (&Report, Option<Duration>)> {
        self.matrix.ages(now, stale_ms)
    }

    /// What the own report says to have read of the others'.
    pub(super) fn heard(&self) -> BTreeMap<AgentId, Heard> {
        self.matrix.heard()
    }
}
