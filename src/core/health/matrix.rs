//! What the observers say, and whom to believe to be alive.
//!
//! Readers judge freshness by when *they* saw a report's number rise, never by the sender's clock:
//! the first sight of a report proves nothing (it may be the leftover of a dead agent), a higher
//! number of the same run does. Reports come from several replicas of the board, some lagging: the
//! number must rise at one and the same replica, since one that is ahead of another shows a dead
//! agent's numbers rising too, and it must be above every number read before, wherever that was.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::seat::BootId;
use crate::domain::{AgentId, Moment, RegionId, Report};

use super::verdict::Row;

/// Runs of one agent that are remembered: its present one, the one before it that a lagging replica
/// still shows, and some more for an agent that crashes again and again.
const RUNS_MAX: usize = 4;

#[derive(Debug)]
struct Run {
    report: Report,
    seen_at: Moment,
    /// When its number was last seen to rise.
    risen_at: Option<Moment>,
    /// The last number at each replica.
    at_replica: BTreeMap<RegionId, u64>,
}

/// Reports by agent and run.
#[derive(Debug, Default)]
pub(in crate::core) struct Matrix {
    runs: BTreeMap<AgentId, BTreeMap<BootId, Run>>,
}

impl Matrix {
    /// Takes in a report read from a replica; true when it brought something newer.
    pub(in crate::core) fn take(
        &mut self,
        now: Moment,
        replica: &RegionId,
        report: Report,
    ) -> bool {
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
                runs.insert(boot, Run { report, seen_at: now, risen_at: None, at_replica });
            }
        }
        true
    }

    /// The newest report of each agent whose number rose within `stale_ms`, with its age.
    pub(in crate::core) fn fresh(
        &self,
        now: Moment,
        stale_ms: u32,
    ) -> impl Iterator<Item = Row<'_>> {
        let stale = Duration::from_millis(u64::from(stale_ms));
        self.latest().filter_map(move |(run, risen_at)| {
            let age = now.since(risen_at);
            (age < stale).then(|| Row {
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
        self.latest()
            .map(|(_, risen_at)| risen_at + stale)
            .filter(|at| *at > now)
            .min()
            .unwrap_or(Moment::NEVER)
    }

    /// Time since each agent's number rose, if it ever did.
    pub(in crate::core) fn ages(
        &self,
        now: Moment,
    ) -> impl Iterator<Item = (&Report, Option<Duration>)> {
        self.runs.values().filter_map(move |runs| {
            let run = runs.values().max_by_key(|run| (run.risen_at, run.seen_at))?;
            Some((&run.report, run.risen_at.map(|at| now.since(at))))
        })
    }

    fn latest(&self) -> impl Iterator<Item = (&Run, Moment)> {
        self.runs.values().filter_map(|runs| {
            let run = runs.values().max_by_key(|run| run.risen_at)?;
            Some((run, run.risen_at?))
        })
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
            leading: None,
        }
    }

    fn at(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    fn home() -> RegionId {
        "r".parse().expect("valid")
    }

    #[test]
    fn two_replicas_one_ahead_of_the_other_are_not_life() {
        let mut matrix = Matrix::default();
        let behind: RegionId = "s".parse().expect("valid");
        matrix.take(at(0), &behind, report(1, 5));
        assert!(matrix.take(at(100), &home(), report(1, 9)), "newer all the same");
        for seq in 6..=9 {
            matrix.take(at(100 * seq), &behind, report(1, seq));
        }
        assert_eq!(matrix.fresh(at(1000), 6000).count(), 0);
        matrix.take(at(1100), &behind, report(1, 10));
        assert_eq!(matrix.fresh(at(1101), 6000).count(), 1);
    }

    #[test]
    fn first_sight_is_not_life_a_rise_is() {
        let mut matrix = Matrix::default();
        matrix.take(at(0), &home(), report(1, 5));
        assert_eq!(matrix.fresh(at(1), 6000).count(), 0);
        matrix.take(at(2000), &home(), report(1, 6));
        assert_eq!(matrix.fresh(at(2001), 6000).count(), 1);
        assert_eq!(matrix.next_stale(at(2001), 6000), at(8000));
        assert_eq!(matrix.fresh(at(8000), 6000).count(), 0);
    }

    #[test]
    fn a_lagging_replica_takes_nothing_back() {
        let mut matrix = Matrix::default();
        matrix.take(at(0), &home(), report(1, 5));
        matrix.take(at(2000), &home(), report(1, 7));
        assert!(!matrix.take(at(2500), &home(), report(1, 6)));
        assert_eq!(matrix.fresh(at(2600), 6000).next().expect("fresh").age_ms, 600);
    }

    #[test]
    fn a_lagging_replica_s_old_run_does_not_hide_the_new_one() {
        let mut matrix = Matrix::default();
        // The new run is seen first, then the old one's leftover through a lagging replica.
        matrix.take(at(0), &home(), report(2, 1));
        matrix.take(at(10), &home(), report(1, 900));
        matrix.take(at(2000), &home(), report(2, 2));
        matrix.take(at(2010), &home(), report(1, 900));
        assert_eq!(matrix.fresh(at(2020), 6000).count(), 1);
    }

    #[test]
    fn the_runs_of_a_crashing_agent_are_bounded() {
        let mut matrix = Matrix::default();
        for boot in 0..100 {
            matrix.take(at(boot), &home(), report(boot, 1));
        }
        matrix.take(at(200), &home(), report(99, 2));
        assert_eq!(matrix.runs.values().map(BTreeMap::len).sum::<usize>(), RUNS_MAX);
        assert_eq!(matrix.fresh(at(201), 6000).count(), 1);
    }
}
