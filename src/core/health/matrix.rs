//! What the observers say, and whom to believe to be alive.
//!
//! Readers judge freshness by when *they* saw a report's number rise, never by the sender's clock:
//! the first sight of a report proves nothing (it may be the leftover of a dead agent), a higher
//! number of the same run does. Reports come from several replicas of the board, some lagging: the
//! number must rise at one and the same replica, since one that is ahead of another shows a dead
//! agent's numbers rising too, and it must be above every number read before, wherever that was.
//!
//! A rise alone is not enough: when replication was held up and goes on, numbers rise that were
//! written long ago. So a report names the newest of the reader's own reports that its writer had
//! read, and its word counts as newer than that one, and for no longer than twice `stale_ms` after
//! it was sent. A reader whom nobody hears is blind, and holds still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::breakage::{Breakage, broken};
use crate::domain::observation::Heard;
use crate::domain::seat::BootId;
use crate::domain::{AgentId, Moment, RegionId, Report};

use super::verdict::Row;

/// Runs of one agent that are remembered: its present one, the one before it that a lagging replica
/// still shows, and some more for an agent that crashes again and again.
const RUNS_MAX: usize = 4;

/// How old a report's word may be, as multiples of `stale_ms`, by the newest own report that its
/// writer had read: the way there, the wait for the writer's next report, and the way back.
const VOUCHED_FOR: u32 = 2;

/// Own reports whose sending is remembered: a minute and a half of them at the shortest gap between
/// two. One that names an older report vouches for nothing.
const SENT_MAX: usize = 1024;

#[derive(Debug, Clone)]
struct Run {
    report: Arc<Report>,
    seen_at: Moment,
    /// When its number was last seen to rise.
    risen_at: Option<Moment>,
    /// The last number at each replica.
    at_replica: BTreeMap<RegionId, u64>,
    /// When the newest of this agent's own reports that its writer had read was sent: the report is
    /// newer than that.
    written_after: Option<Moment>,
}

impl Run {
    /// When its word will be too old to count, if it counts at all.
    fn stale_at(&self, stale: Duration) -> Option<Moment> {
        Some((self.risen_at? + stale).min(self.written_after? + stale * VOUCHED_FOR))
    }
}

/// Reports by agent and run.
#[derive(Debug, Clone, Default)]
pub(in crate::core) struct Matrix {
    runs: BTreeMap<AgentId, BTreeMap<BootId, Run>>,
    /// When each of this agent's own reports was sent, by number.
    sent: BTreeMap<u64, Moment>,
}

impl Matrix {
    /// An own report is sent.
    pub(in crate::core) fn sent(&mut self, now: Moment, seq: u64) {
        if self.sent.len() == SENT_MAX {
            self.sent.pop_first();
        }
        self.sent.insert(seq, now);
    }

    /// The newest report of each agent that was read, for the own report to name.
    pub(in crate::core) fn heard(&self) -> BTreeMap<AgentId, Heard> {
        self.shown()
            .map(|run| (run.report.agent.clone(), Heard(run.report.boot, run.report.seq)))
            .collect()
    }

    /// Takes in a report read from a replica; true when it brought something newer. `own` is this
    /// agent's run.
    pub(in crate::core) fn take(
        &mut self,
        now: Moment,
        replica: &RegionId,
        own: (&AgentId, BootId),
        report: Arc<Report>,
    ) -> bool {
        let heard = report.heard.get(own.0).filter(|heard| heard.0 == own.1);
        let written_after = heard.and_then(|heard| self.sent.get(&heard.1)).copied();
        let runs = self.runs.entry(report.agent.clone()).or_default();
        match runs.get_mut(&report.boot) {
            Some(run) => {
                let before = run.at_replica.insert(replica.clone(), report.seq);
                if report.seq <= run.report.seq {
                    return false;
                }
                if before.is_some() {
                    run.risen_at = Some(now);
                }
                (run.report, run.seen_at) = (report, now);
                run.written_after = run.written_after.max(written_after);
            }
            None => {
                if runs.len() == RUNS_MAX {
                    let oldest = runs
                        .iter()
                        .min_by_key(|(_, run)| (run.risen_at, run.seen_at))
                        .map(|(boot, _)| *boot);
                    if let Some(oldest) = oldest {
                        runs.remove(&oldest);
                    }
                }
                let at_replica = BTreeMap::from([(replica.clone(), report.seq)]);
                let boot = report.boot;
                let seen_at = now;
                let run = Run { report, seen_at, risen_at: None, at_replica, written_after };
                runs.insert(boot, run);
            }
        }
        true
    }

    /// The newest report of each agent whose number rose within `stale_ms` and whose word is not
    /// older than twice that, with the time since it rose.
    pub(in crate::core) fn fresh(
        &self,
        now: Moment,
        stale_ms: u32,
    ) -> impl Iterator<Item = Row<'_>> {
        let stale = Duration::from_millis(u64::from(stale_ms));
        self.shown().filter_map(move |run| {
            let age = now.since(run.risen_at?);
            let fresh = run.stale_at(stale).is_some_and(|at| now < at);
            (fresh || broken(Breakage::StaleTakenAsFresh)).then(|| Row {
                agent: &run.report.agent,
                region: &run.report.region,
                cells: &run.report.cells,
                signals: &run.report.signals,
                age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
            })
        })
    }

    /// When the first of the now fresh reports will be stale.
    pub(in crate::core) fn next_stale(&self, now: Moment, stale_ms: u32) -> Moment {
        let stale = Duration::from_millis(u64::from(stale_ms));
        self.shown()
            .filter_map(|run| run.stale_at(stale))
            .filter(|at| *at > now)
            .min()
            .unwrap_or(Moment::NEVER)
    }

    /// Time since each agent's number rose, if it ever did; or since its word was last known to be
    /// new, when that is what makes it stale.
    pub(in crate::core) fn ages(
        &self,
        now: Moment,
        stale_ms: u32,
    ) -> impl Iterator<Item = (&Report, Option<Duration>)> {
        let vouched_for = Duration::from_millis(u64::from(stale_ms)) * VOUCHED_FOR;
        self.shown().map(move |run| {
            let risen = run.risen_at.map(|at| now.since(at));
            let word = run.written_after.map(|at| now.since(at));
            match (risen, word) {
                (Some(_), Some(word)) if word >= vouched_for => (&*run.report, Some(word)),
                (Some(_), None) => (&*run.report, None),
                (risen, _) => (&*run.report, risen),
            }
        })
    }

    /// Each agent's run that shows most life, or was seen last.
    fn shown(&self) -> impl Iterator<Item = &Run> {
        self.runs
            .values()
            .filter_map(|runs| runs.values().max_by_key(|run| (run.risen_at, run.seen_at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(boot: u64, seq: u64) -> Report {
        Report {
            fleet: "f".parse().expect("valid"),
            agent: "a".parse().expect("valid"),
            region: "r".parse().expect("valid"),
            boot: BootId(boot),
            seq,
            at: String::new(),
            cells: BTreeMap::new(),
            signals: BTreeMap::new(),
            probing: crate::domain::observation::ProbingReport::default(),
            heard: BTreeMap::new(),
            off: false,
            leading: None,
            gates: None,
            preflight: None,
        }
    }

    fn at(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    /// Takes a report whose writer had read this agent's newest one, sent at the moment of taking.
    fn take(matrix: &mut Matrix, now: Moment, replica: &RegionId, mut report: Report) -> bool {
        let seq = now.as_ms() + 1;
        matrix.sent(now, seq);
        report.heard.insert("me".parse().expect("valid"), Heard(BootId(1), seq));
        take_as_is(matrix, now, replica, report)
    }

    fn take_as_is(matrix: &mut Matrix, now: Moment, replica: &RegionId, report: Report) -> bool {
        let me = "me".parse().expect("valid");
        matrix.take(now, replica, (&me, BootId(1)), Arc::new(report))
    }

    #[test]
    fn what_was_written_long_ago_is_not_fresh_however_its_number_rises() {
        let mut matrix = Matrix::default();
        matrix.sent(at(1000), 1);
        let heard = |boot, number, seq| {
            let mut report = report(1, seq);
            report.heard.insert("me".parse().expect("valid"), Heard(BootId(boot), number));
            report
        };
        // A replica was held up for a minute and goes on.
        for seq in 5..10 {
            take_as_is(&mut matrix, at(60_000 + seq), &home(), heard(1, 1, seq));
        }
        assert_eq!(matrix.fresh(at(60_011), 6000).count(), 0, "it had read only our first");
        matrix.sent(at(60_100), 2);
        take_as_is(&mut matrix, at(60_200), &home(), heard(9, 2, 10));
        assert_eq!(matrix.fresh(at(60_201), 6000).count(), 0, "another run's second is not ours");
        take_as_is(&mut matrix, at(60_300), &home(), heard(1, 2, 11));
        assert_eq!(matrix.fresh(at(60_301), 6000).count(), 1);
        // It goes on writing, but hears us no more.
        for seq in 12..18 {
            take_as_is(&mut matrix, at(55_000 + seq * 1000), &home(), heard(1, 2, seq));
        }
        assert_eq!(matrix.next_stale(at(72_050), 6000), at(72_100));
        assert_eq!(matrix.fresh(at(72_099), 6000).count(), 1);
        assert_eq!(matrix.fresh(at(72_100), 6000).count(), 0);
        let (_, age) = matrix.ages(at(72_100), 6000).next().expect("shown");
        assert_eq!(age, Some(Duration::from_millis(12_000)));
    }

    fn home() -> RegionId {
        "r".parse().expect("valid")
    }

    #[test]
    fn two_replicas_one_ahead_of_the_other_are_not_life() {
        let mut matrix = Matrix::default();
        let behind: RegionId = "s".parse().expect("valid");
        take(&mut matrix, at(0), &behind, report(1, 5));
        assert!(take(&mut matrix, at(100), &home(), report(1, 9)), "newer all the same");
        for seq in 6..=9 {
            take(&mut matrix, at(100 * seq), &behind, report(1, seq));
        }
        assert_eq!(matrix.fresh(at(1000), 6000).count(), 0);
        take(&mut matrix, at(1100), &behind, report(1, 10));
        assert_eq!(matrix.fresh(at(1101), 6000).count(), 1);
    }

    #[test]
    fn first_sight_is_not_life_a_rise_is() {
        let mut matrix = Matrix::default();
        take(&mut matrix, at(0), &home(), report(1, 5));
        assert_eq!(matrix.fresh(at(1), 6000).count(), 0);
        take(&mut matrix, at(2000), &home(), report(1, 6));
        assert_eq!(matrix.fresh(at(2001), 6000).count(), 1);
        assert_eq!(matrix.next_stale(at(2001), 6000), at(8000));
        assert_eq!(matrix.fresh(at(8000), 6000).count(), 0);
    }

    #[test]
    fn a_lagging_replica_takes_nothing_back() {
        let mut matrix = Matrix::default();
        take(&mut matrix, at(0), &home(), report(1, 5));
        take(&mut matrix, at(2000), &home(), report(1, 7));
        assert!(!take(&mut matrix, at(2500), &home(), report(1, 6)));
        assert_eq!(matrix.fresh(at(2600), 6000).next().expect("fresh").age_ms, 600);
    }

    #[test]
    fn a_lagging_replica_s_old_run_does_not_hide_the_new_one() {
        let mut matrix = Matrix::default();
        // The new run is seen first, then the old one's leftover through a lagging replica.
        take(&mut matrix, at(0), &home(), report(2, 1));
        take(&mut matrix, at(10), &home(), report(1, 900));
        take(&mut matrix, at(2000), &home(), report(2, 2));
        take(&mut matrix, at(2010), &home(), report(1, 900));
        assert_eq!(matrix.fresh(at(2020), 6000).count(), 1);
    }

    #[test]
    fn the_runs_of_a_crashing_agent_are_bounded() {
        let mut matrix = Matrix::default();
        for boot in 0..100 {
            take(&mut matrix, at(boot), &home(), report(boot, 1));
        }
        take(&mut matrix, at(200), &home(), report(99, 2));
        assert_eq!(matrix.runs.values().map(BTreeMap::len).sum::<usize>(), RUNS_MAX);
        assert_eq!(matrix.fresh(at(201), 6000).count(), 1);
    }
}
