//! Many seeds, on several threads, and what came of them all.
//!
//! Runs are independent, so threads share nothing but the next seed; sums are added up in the order
//! of seeds and don't depend on who ran what.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use super::coverage::Coverage;
use super::draw::{Size, draw};
use super::trial::{Ended, Failure, Trial};

/// Fewer full runs than this can't be expected to reach every interesting state.
const RUNS_FOR_COVERAGE: u64 = 400;

/// A swarm to run.
#[derive(Debug, Clone)]
pub struct Swarm {
    /// The seeds.
    pub seeds: RangeInclusive<u64>,
    /// How large their plans are.
    pub size: Size,
    /// Threads.
    pub jobs: usize,
    /// Begin no further seed once one has failed. Every seed below it is still run to its end, so
    /// that the first that fails is the same whatever the number of threads.
    pub until_failure: bool,
}

/// A seed that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Which.
    pub seed: u64,
    /// The rule that was broken.
    pub kind: &'static str,
    /// When and how.
    pub what: String,
}

/// What came of a swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Runs.
    pub runs: u64,
    /// Virtual time of all runs, in milliseconds.
    pub simulated_ms: u64,
    /// Events of all runs.
    pub events: u64,
    /// What was reached and injected.
    #[serde(flatten)]
    pub coverage: Coverage,
    /// Interesting states that no run reached; empty when there were too few runs to tell.
    pub never_reached: Vec<&'static str>,
    /// Seeds that failed.
    pub failed: Vec<Failed>,
}

impl Report {
    /// Whether every run was right and every interesting state was reached.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.failed.is_empty() && self.never_reached.is_empty()
    }

    /// Virtual time of all runs.
    #[must_use]
    pub fn simulated(&self) -> Duration {
        Duration::from_millis(self.simulated_ms)
    }
}

impl Swarm {
    /// Runs it. `each` is told of each run as it ends.
    ///
    /// # Panics
    /// When a run panics: a brain that does is as wrong as one that breaks an invariant.
    pub fn run(&self, each: impl Fn(u64, &Ended) + Sync) -> Report {
        let next = AtomicU64::new(*self.seeds.start());
        let enough = AtomicBool::new(false);
        let runs: Mutex<BTreeMap<u64, Ended>> = Mutex::new(BTreeMap::new());
        std::thread::scope(|threads| {
            for _ in 0..self.jobs.max(1) {
                threads.spawn(|| {
                    loop {
                        if enough.load(Ordering::Relaxed) {
                            break;
                        }
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if !self.seeds.contains(&seed) {
                            break;
                        }
                        let ended = Trial::run(&draw(seed, self.size));
                        each(seed, &ended);
                        if self.until_failure && ended.failure.is_some() {
                            enough.store(true, Ordering::Relaxed);
                        }
                        let mut runs = runs.lock().expect("no thread panics while it adds a run");
                        runs.insert(seed, ended);
                    }
                });
            }
        });
        let runs = runs.into_inner().expect("no thread panics while it adds a run");
        self.sum(runs)
    }

    fn sum(&self, runs: BTreeMap<u64, Ended>) -> Report {
        let mut report = Report::default();
        for (seed, ended) in runs {
            report.runs += 1;
            report.simulated_ms += u64::try_from(ended.simulated.as_millis()).unwrap_or(u64::MAX);
            report.events += ended.events;
            report.coverage.add(&ended.coverage);
            if let Some(failure) = ended.failure {
                report.failed.push(failed(seed, &failure));
            }
        }
        if report.runs >= RUNS_FOR_COVERAGE && self.size == Size::Full {
            report.never_reached = report.coverage.missing();
        }
        report
    }
}

fn failed(seed: u64, failure: &Failure) -> Failed {
    Failed { seed, kind: failure.kind(), what: failure.to_string() }
}
