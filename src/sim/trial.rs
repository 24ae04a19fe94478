//! One plan from start to healed, judged.
//!
//! The fleet settles; troubles come and go; then all heals, and within a bound the fleet must be as
//! on a quiet day again: one leader, every record as configured and on every name server, nothing
//! stuck. Safety is judged all along, liveness at the end; what failover pairs are asked to do
//! there is `rehearsal`'s.

use std::time::Duration;

use crate::core::invariants::Violation;
use crate::domain::Moment;

use super::engine::Sim;
use super::plan::Plan;
use super::story::{self, Line};
use super::{Coverage, Fates};

/// Longest time in which a fleet settles that nothing befalls.
const SETTLE: Duration = Duration::from_secs(120);

/// What the bound on healing has beyond the sums of the fleet's own times: a zone that is held is
/// looked at again after half a minute, a throttled Route 53 answers a few calls a second, and one
/// may come upon the other.
const HEAL_SPARE: Duration = Duration::from_secs(120);

/// How long a healed fleet is watched, lest it was well for a moment only.
const WATCH: Duration = Duration::from_secs(5);

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Something that must never be.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The fleet did not settle before any trouble.
    #[error("{at}: the fleet had not settled before any trouble: {why}")]
    Unsettled {
        /// When the wait was over.
        at: Moment,
        /// What was still missing.
        why: String,
    },
    /// The fleet was not itself again in time after all was healed.
    #[error("{at}: nothing was wrong any more, and the fleet was not well: {why}")]
    Stuck {
        /// When the wait was over.
        at: Moment,
        /// What was still missing.
        why: String,
    },
    /// The run came to no end.
    #[error("{at}: time stood still: the agents had ever more to do at this moment")]
    Endless {
        /// The moment.
        at: Moment,
    },
}

impl Failure {
    /// What failed, without when and how: to tell whether a smaller plan fails in the same way.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Violation(violation) => violation.invariant,
            Self::Unsettled { .. } => "settles",
            Self::Stuck { .. } => "heals",
            Self::Endless { .. } => "goes on",
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The first thing that was wrong, if anything was.
    pub failure: Option<Failure>,
    /// Virtual time, from the agents' start to the end.
    pub simulated: Duration,
    /// Events that the run was made of.
    pub events: u64,
    /// What was reached.
    pub coverage: Coverage,
}

/// Seconds between two looks of the person who sees to what was left behind.
pub(super) const TIDY_EVERY: u32 = 10;

/// A run of a plan.
#[derive(Debug)]
pub struct Trial<'p> {
    pub(super) plan: &'p Plan,
    pub(super) sim: Sim,
    began: Moment,
    /// When troubles begin.
    start: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cue {
    End(usize),
    Copy(usize),
    Begin(usize),
}

impl<'p> Trial<'p> {
    /// Sets the scene.
    #[must_use]
    pub fn new(plan: &'p Plan) -> Self {
        let mut sim = Sim::new(plan.shape.fleet(), plan.options());
        sim.invariants.suspend(plan.suspended());
        if plan.wild_clocks {
            sim.invariants.excuse_leases();
        }
        sim.set_clocks(plan);
        let began = sim.now();
        Self { plan, sim, began, start: began }
    }

    /// Runs a plan to its end.
    #[must_use]
    pub fn run(plan: &Plan) -> Ended {
        let mut trial = Trial::new(plan);
        let failure = trial.play().err();
        trial.ended(failure)
    }

    /// Runs a plan to its end, and tells its story.
    #[must_use]
    pub fn told(plan: &Plan) -> (Ended, Vec<Line>) {
        let mut trial = Trial::new(plan);
        let failure = trial.play().err();
        let lines = story::tell(&trial.sim, plan, trial.start);
        (trial.ended(failure), lines)
    }

    fn ended(self, failure: Option<Failure>) -> Ended {
        Ended {
            failure,
            simulated: self.sim.now().since(self.began),
            events: self.sim.events,
            coverage: self.sim.coverage,
        }
    }

    fn play(&mut self) -> Result<(), Failure> {
        let limit = self.sim.now() + SETTLE + self.propagation() * 2;
        if !self.wait(limit)? {
            let why = self.why();
            return Err(Failure::Unsettled { at: self.sim.now(), why });
        }
        self.start = self.sim.now();
        self.sim.options.fates = self.plan.fates.clone();
        self.suffer()?;
        self.sim.heal(self.plan);
        self.heals()
    }

    fn suffer(&mut self) -> Result<(), Failure> {
        let at = |ms: u32| self.start + Duration::from_millis(u64::from(ms));
        let mut cues: Vec<(Moment, Cue)> = Vec::new();
        for (n, episode) in self.plan.episodes.iter().enumerate() {
            cues.push((at(episode.at_ms), Cue::Begin(n)));
            if episode.for_ms > 0 {
                cues.push((at(episode.at_ms.saturating_add(episode.for_ms)), Cue::End(n)));
            }
            if let Some((_, _, age)) = self.sim.copied(&episode.trouble) {
                let taken = (at(episode.at_ms) - age).max(self.start);
                cues.push((taken, Cue::Copy(n)));
            }
        }
        cues.sort_unstable();
        let end = at(self.plan.length_ms);
        let mut copies = std::collections::BTreeMap::new();
        for (at, cue) in cues.into_iter().filter(|(at, _)| *at <= end) {
            self.sim.run_until(at);
            match cue {
                Cue::Copy(n) => {
                    let of = self.sim.copied(&self.plan.episodes[n].trouble);
                    let copy = of.and_then(|(region, table, _)| {
                        self.sim.world().dynamo.copy_table(&region, &table)
                    });
                    copies.insert(n, copy);
                }
                Cue::Begin(n) => {
                    let copy = copies.remove(&n).flatten();
                    self.sim.begin(&self.plan.episodes[n].trouble, copy);
                }
                Cue::End(n) => self.sim.end(self.plan, &self.plan.episodes[n].trouble),
            }
            self.judged()?;
        }
        self.sim.run_until(end);
        self.judged()
    }

    fn heals(&mut self) -> Result<(), Failure> {
        let Fates { late, repeated, late_ms_max, .. } = &self.plan.fates;
        let under_way = if *late > 0 || *repeated > 0 { *late_ms_max } else { 0 };
        // What was accepted in bad times may land now; nothing is judged stuck before it has.
        self.sim.run_until(self.sim.now() + Duration::from_millis(u64::from(under_way)));
        self.judged()?;
        let limit = self.sim.now() + self.patience();
        if !self.wait(limit)? {
            let why = self.why();
            return Err(Failure::Stuck { at: self.sim.now(), why });
        }
        self.rehearse()?;
        self.sim.run_until(self.sim.now() + WATCH);
        let now = self.sim.now();
        self.sim.oracle.at_the_end(now);
        self.judged()?;
        if self.sim.leaders().len() != 1 {
            let why = format!("{} leaders act after all was well", self.sim.leaders().len());
            return Err(Failure::Stuck { at: now, why });
        }
        for _ in 0..self.sim.edits {
            self.sim.coverage.count("a hand edit was put right");
        }
        Ok(())
    }

    /// How long a fleet may take that nothing befalls any more.
    pub(super) fn patience(&self) -> Duration {
        let (timing, rules) = (&self.plan.shape.timing, &self.plan.shape.rules);
        let own_ms = u64::from(rules.return_after_ms)
            + 6 * u64::from(timing.lease_ms)
            + 2 * u64::from(timing.zone_audit_ms)
            + 2 * u64::from(timing.stale_ms);
        // A person must be answered, and what was under way is waited for before it is undone; a
        // writer's move of which nobody knows may land for a quarter of an hour.
        let runs_ms = if self.plan.shape.database { 2_400_000 } else { 600_000 };
        // What people want waits until nobody can be shut any more.
        let doubt_ms = self.sim.fleet().gates.as_ref().map_or(0, |gates| 2 * gates.doubt_ms());
        let own = Duration::from_millis(own_ms + runs_ms + doubt_ms);
        own + self.propagation() * 3 + HEAL_SPARE
    }

    fn propagation(&self) -> Duration {
        Duration::from_millis(u64::from(self.plan.shape.propagation_ms.1))
    }

    /// Waits until all is well.
    pub(super) fn wait(&mut self, limit: Moment) -> Result<bool, Failure> {
        let mut turns: u32 = 0;
        while self.sim.now() < limit {
            self.sim.run_until(self.sim.now() + Duration::from_secs(1));
            self.judged()?;
            turns += 1;
            if turns.is_multiple_of(TIDY_EVERY) {
                self.sim.tidy_up();
            }
            for zone in self.sim.taken_out.keys().cloned().collect::<Vec<_>>() {
                self.sim.take_out_foreign_fence(&zone);
            }
            if self.sim.settled() && self.sim.served_as_configured().is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn judged(&self) -> Result<(), Failure> {
        if let Some(at) = self.sim.stood_still {
            return Err(Failure::Endless { at });
        }
        let broken = self.sim.violations().iter().chain(self.sim.oracle.violations());
        match broken.min_by_key(|violation| violation.at) {
            Some(violation) => Err(violation.clone().into()),
            None => Ok(()),
        }
    }

    /// What is missing to a quiet day.
    pub(super) fn why(&self) -> String {
        let leaders = self.sim.leaders();
        let [(leader, _)] = &leaders[..] else {
            return format!("{} leaders act", leaders.len());
        };
        if let Err(why) = self.sim.served_as_configured() {
            let view = self.sim.view(leader).and_then(|view| view.leader);
            let zones = view.map(|leader| leader.zones).unwrap_or_default();
            return format!("{why}; {leader} has its zones at {zones:?}");
        }
        format!("{leader} leads, and not every verdict is healthy or every zone in step")
    }
}
