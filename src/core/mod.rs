//! The brain: events in, commands out.
//!
//! One [`Brain`] is one run of one agent. It does no IO, has no clock and draws chance only from
//! its own seeded generator, so that the model checker explores, the simulator breaks and the drill
//! scores the very code that runs in production. Whoever drives it promises what `call` says: one
//! answer to each call by its deadline, and a [`Event::Tick`] when [`Brain::next_wake`] comes.
//!
//! | file | subject |
//! |---|---|
//! | `election` | seats, standing, lease |
//! | `journal` | which control state is in force |
//! | `health` | probes to opinions to verdicts |
//! | `signals` | what AWS says of the own Region |
//! | `planner` | verdicts to wanted weights |
//! | `orders`, `steer`, `asks` | what people order, and what is asked of them |
//! | `databases` | who writes, and what a failover would lose |
//! | `runs` | runs of runbooks, carried on |
//! | `zones` | wanted weights to records, behind the fence |
//! | `answers` | whether name servers answer accordingly |
//! | `notices` | what people are told |
//! | `answered` | what comes of a call's answer |
//! | `safety` | the last look at a batch |
//! | `gates` | which Regions' gates are closed, with no record edited |
//! | `explain` | why |
//! | `view` | what people see |

mod advance;
mod answered;
mod answers;
mod asks;
mod batch;
pub mod breakage;
pub mod call;
pub mod databases;
mod decide;
mod difference;
mod drift;
mod election;
pub mod explain;
pub mod gates;
mod gather;
pub mod gauges;
pub mod genesis;
pub mod health;
pub mod invariants;
mod journal;
mod kept;
pub mod note;
mod notices;
mod orders;
mod pace;
pub mod planner;
#[cfg(test)]
mod planner_laws;
mod probing;
pub mod runs;
pub mod safety;
mod signals;
pub mod steer;
pub mod view;
mod zones;

#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_pcg::Pcg64Mcg;

use crate::domain::answers::AnswersReport;
use crate::domain::observation::{LeaderReport, ZoneReport};
use crate::domain::{
    AgentId, BootId, CallFailure, Fence, Fleet, Moment, Preflight, RegionId, Report, ServiceId,
    Target, ZoneId,
};

use answers::Answers;
use asks::Patience;
use breakage::{Breakage, broken};
use call::Outbox;
pub use call::{CallId, Command, Event, Outcome, ProbeId, Refusal, Request, Response};
use databases::Databases;
use election::Election;
use explain::Blocked;
use gather::Gathering;
use health::{Ballots, Row, Verdict};
use journal::Journal;
pub use note::Note;
use note::StepDown;
use orders::Orders;
use pace::{Pace, Urgency};
use probing::Probing;
use signals::Signals;
use zones::{Mandate, Zone};

/// Who this brain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The agent's name.
    pub agent: AgentId,
    /// Where it runs.
    pub region: RegionId,
    /// This run of it.
    pub boot: BootId,
}

/// A verdict as the brain keeps it: since when it stands.
#[derive(Debug, Clone)]
struct Standing {
    verdict: Verdict,
    /// See [`health::Judged::failing_ms`].
    failing_ms: u64,
    since: Moment,
}

/// See the module's opening.
#[derive(Debug, Clone)]
pub struct Brain {
    identity: Identity,
    fleet: Fleet,
    targets: Vec<Target>,
    out: Outbox,
    election: Election,
    journal: Journal,
    probing: Probing,
    gathering: Gathering,
    signals: Signals,
    orders: Orders,
    patience: Patience,
    databases: Databases,
    answers: Answers,
    runs: runs::Driver,
    notices: notices::Notices,
    standings: BTreeMap<Target, Standing>,
    zones: BTreeMap<ZoneId, Zone>,
    pace: Pace,
    blocked: Vec<Blocked>,
    gates: gates::Watch,
    doubts: gates::Doubts,
    /// Something that verdicts rest on has changed.
    stale_verdicts: bool,
    judge_at: Moment,
    stepped_at: Moment,
    /// Whether this agent's off switch is set.
    off: bool,
    /// What this agent last found in the way of a failover, for its report.
    preflight: Option<Preflight>,
    /// See [`Self::standing_in`].
    stands_in: bool,
    /// What to add to a moment of this clock to get milliseconds since 1970.
    wall_offset_ms: i64,
}

impl Brain {
    /// A brain that has just started. `seed` must differ from run to run in production (it spreads
    /// elections and probes) and be given in tests.
    ///
    /// # Panics
    /// When the fleet has a service whose zone it does not name: `config` refuses such a fleet.
    #[must_use]
    pub fn new(now: Moment, identity: Identity, fleet: Fleet, seed: u64) -> Self {
        let timing = fleet.timing.clone();
        let targets = fleet.targets();
        let zones: BTreeMap<ZoneId, Zone> = fleet
            .zones
            .iter()
            .filter(|(zone, _)| fleet.services_in(zone).next().is_some())
            .map(|(zone, name)| {
                let fence = Fence::record_name(&fleet.name, name)
                    .expect("config refuses a zone whose fence can't be named");
                (zone.clone(), Zone::new(now, zone.clone(), fence))
            })
            .collect();
        Self {
            election: Election::new(
                now,
                identity.agent.clone(),
                identity.boot,
                &fleet.seats,
                timing.clone(),
                Pcg64Mcg::seed_from_u64(seed),
            ),
            journal: Journal::new(now, fleet.name.clone(), identity.agent.clone(), timing),
            probing: Probing::new(now, &targets, &fleet, Pcg64Mcg::seed_from_u64(seed ^ 1)),
            gathering: Gathering::new(now, &identity, &fleet),
            signals: Signals::new(now, &identity.region, &fleet),
            orders: Orders::new(now, &fleet),
            patience: Patience::new(fleet.consent.approval_ms),
            databases: Databases::default(),
            answers: Answers::default(),
            runs: runs::Driver::default(),
            notices: notices::Notices::default(),
            standings: BTreeMap::new(),
            pace: Pace::new(now, zones.len()),
            zones,
            blocked: Vec::new(),
            gates: gates::Watch::new(&fleet),
            doubts: gates::Doubts::new(now),
            stale_verdicts: true,
            judge_at: now,
            stepped_at: now,
            off: false,
            preflight: None,
            stands_in: false,
            wall_offset_ms: 0,
            out: Outbox::default(),
            targets,
            identity,
            fleet,
        }
    }

    /// Makes it stand in for agents that are all dead, to carry out what a person orders. It leads
    /// as any other does, and what it leaves behind any other goes on with. But it stands in no
    /// Region: it votes on nothing and shows no gates; and it decides nothing by itself, since nobody
    /// else observes. It probes, so that a runbook's steps that look at endpoints can be taken by what
    /// is seen from where the person is. That agents which are not heard from are dead, and show no
    /// gates, is the person's word.
    #[must_use]
    pub fn standing_in(mut self) -> Self {
        self.doubts = self.doubts.taking_the_silent_for_dead();
        self.stands_in = true;
        self
    }

    /// Takes in an event, does all that is due, and says what is to be done outside.
    ///
    /// # Panics
    /// When `now` is earlier than at the step before: the clock is monotonic.
    pub fn step(&mut self, now: Moment, event: Event) -> Vec<Command> {
        assert!(now >= self.stepped_at, "the clock went back");
        self.stepped_at = now;
        // Before anything else: a leader whose lease has run out must not act on the answer that it
        // slept through.
        if self.election.lease_end().is_some_and(|end| now >= end)
            && !broken(Breakage::LeaseNotChecked)
        {
            let turn = self.election.step_down(now, &mut self.out, StepDown::LeaseEnded);
            self.turned(now, turn);
        }
        match event {
            Event::Tick => {}
            Event::WallClock { unix_ms } => {
                let now_ms = i64::try_from(now.as_ms()).unwrap_or(i64::MAX);
                self.wall_offset_ms = unix_ms.saturating_sub(now_ms);
            }
            Event::Switched { off } => self.switched(now, off),
            Event::Preflight(found) => {
                let before = self.preflight.as_ref().map(|found| &found.findings);
                if before != Some(&found.findings) {
                    self.gathering.report_soon(now);
                }
                self.preflight = Some(*found);
            }
            Event::Answered { call, outcome } => self.answered(now, call, outcome),
            Event::Probed { probe, sample } => {
                if self.probing.ended(now, probe, &sample, &self.fleet) {
                    self.stale_verdicts = true;
                    self.gathering.report_soon(now);
                }
            }
        }
        for call in self.out.overdue(now) {
            let failure = CallFailure::unknown("it was never answered");
            self.answered(now, call, Err(Refusal::Failed(failure)));
        }
        self.drive(now);
        self.tell_people(now);
        self.out.take()
    }

    /// When the brain next has something to do by itself.
    #[must_use]
    pub fn next_wake(&self) -> Moment {
        let mut wake = self
            .election
            .next_wake()
            .min(self.journal.next_wake(self.stepped_at, &self.election))
            .min(self.probing.next_wake())
            .min(self.gathering.next_wake(self.stepped_at))
            .min(self.signals.next_wake())
            .min(self.notices.next_wake())
            .min(self.judge_at);
        if self.acting() {
            wake = wake
                .min(self.orders.next_wake())
                .min(self.databases.next_wake())
                .min(self.answers.next_wake());
        }
        if self.acting() && !self.paused() {
            let zones = self.zones.values().map(Zone::next_wake).min().unwrap_or(Moment::NEVER);
            wake = wake.min(zones.max(self.pace.free_at(Urgency::TakesOut)));
        }
        // What was due at this step and is still not done waits for an answer, not for time.
        if wake <= self.stepped_at { self.stepped_at + Duration::from_millis(50) } else { wake }
    }

    /// Whether this agent leads and has committed under its epoch: only then it acts.
    #[must_use]
    pub fn acting(&self) -> bool {
        self.journal.in_force().is_some()
    }

    fn wall_unix_ms(&self, now: Moment) -> i64 {
        let now_ms = i64::try_from(now.as_ms()).unwrap_or(i64::MAX);
        now_ms.saturating_add(self.wall_offset_ms)
    }

    fn wall(&self, now: Moment) -> String {
        jiff::Timestamp::from_millisecond(self.wall_unix_ms(now))
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .to_string()
    }

    /// The off switch was looked at.
    fn switched(&mut self, now: Moment, off: bool) {
        if self.off == off {
            return;
        }
        self.off = off;
        self.out.note(Note::Switched { off });
        self.election.switch(off);
        self.gathering.report_soon(now);
        if off {
            let turn = self.election.step_down(now, &mut self.out, StepDown::SwitchedOff);
            self.turned(now, turn);
        }
    }

    /// Whether a person has ordered that nothing be changed.
    fn paused(&self) -> bool {
        let paused = |entry: &journal::Entry| entry.state.steering.pause.is_some();
        self.journal.in_force().is_some_and(paused) && !broken(Breakage::PauseIgnored)
    }

    fn drive(&mut self, now: Moment) {
        let turn = self.election.drive(now, &mut self.out);
        self.turned(now, turn);
        let progress = self.journal.drive(now, &self.election, &mut self.out);
        self.progressed(now, progress);
        self.watch_gates(now);
        self.probing.drive(now, &self.fleet, &mut self.out);
        self.gathering.drive_reading(now, &self.fleet, &mut self.out);
        self.read_signals(now);
        if self.acting() {
            self.orders.drive(now, &self.fleet, &mut self.out);
            let hurry = self.runs_active();
            self.databases.drive(now, &self.fleet, hurry, &mut self.out);
            if let Some(entry) = self.journal.in_force() {
                let wanted = (entry.reference.name, &entry.state.wanted);
                self.answers.drive(now, &self.fleet, wanted, &mut self.out);
            }
        }
        if self.stale_verdicts || now >= self.judge_at {
            self.judge(now);
            self.plan(now);
            self.watch_for_people(now);
            // A plan may be ready to be put beside the seats at once.
            let progress = self.journal.drive(now, &self.election, &mut self.out);
            self.progressed(now, progress);
        }
        self.act(now);
        self.carry_on(now);
        if self.gathering.report_due(now) {
            let report = self.report(now);
            self.gathering.publish(now, report, &self.fleet, &mut self.out);
        }
    }

    fn rows(&self, now: Moment) -> Vec<Row<'_>> {
        let own = Row {
            agent: &self.identity.agent,
            region: &self.identity.region,
            cells: self.probing.cells(),
            signals: self.signals.shown(),
            age_ms: 0,
        };
        let others = self.gathering.fresh(now, self.fleet.timing.stale_ms);
        std::iter::once(own).chain(others.filter(|row| *row.agent != self.identity.agent)).collect()
    }

    fn judge(&mut self, now: Moment) {
        self.stale_verdicts = false;
        self.probing.refresh_cells(now);
        if self.signals.refresh(now, &mut self.out) {
            self.gathering.report_soon(now);
        }
        let rows = self.rows(now);
        let ballots = Ballots::count(&rows, &self.fleet.regions, &self.targets);
        for (target, verdict, failing_ms) in ballots.verdicts() {
            match self.standings.get_mut(target) {
                Some(standing) => {
                    if standing.verdict.label() != verdict.label() {
                        standing.since = now;
                    }
                    (standing.verdict, standing.failing_ms) = (verdict, failing_ms);
                }
                None => {
                    let standing = Standing { verdict, failing_ms, since: now };
                    self.standings.insert(target.clone(), standing);
                }
            }
        }
        let stale_at = self.gathering.next_stale(now, self.fleet.timing.stale_ms);
        self.judge_at = stale_at.min(self.signals.next_stale(now));
        self.hear_gates(now);
    }

    fn act(&mut self, now: Moment) {
        if self.paused() {
            return;
        }
        let mandate = Mandate::of(&self.journal, &self.election, &self.gathering);
        let Some(mandate) = mandate else { return };
        let Self { zones, fleet, pace, out, .. } = self;
        zones::drive(zones, now, fleet, &mandate, pace, out);
    }

    /// What this leader says of the name servers' answers.
    fn answers_shown(&self) -> BTreeMap<ServiceId, AnswersReport> {
        self.answers.shown(&self.fleet, |at| self.wall(at))
    }

    /// What this leader says of its zones.
    fn zones_shown(&self) -> BTreeMap<ZoneId, ZoneReport> {
        let one = |(id, zone): (&ZoneId, &Zone)| (id.clone(), zone.report(|at| self.wall(at)));
        self.zones.iter().map(one).collect()
    }

    fn report(&mut self, now: Moment) -> Report {
        self.probing.refresh_cells(now);
        self.signals.refresh(now, &mut self.out);
        let leading = self.election.leading().map(|epoch| LeaderReport {
            epoch,
            committed: self.journal.in_force().map(|entry| entry.reference.name),
            seats: self.election.held(),
            zones: self.zones_shown(),
            blocked: self.blocked.iter().map(ToString::to_string).collect(),
            databases: self.databases_shown(now),
            answers: self.answers_shown(),
            waits: self.runs_wait(now),
        });
        Report {
            fleet: self.fleet.name.clone(),
            agent: self.identity.agent.clone(),
            region: self.identity.region.clone(),
            boot: self.identity.boot,
            seq: self.gathering.next_seq(),
            at: self.wall(now),
            cells: self.probing.cells().clone(),
            signals: self.signals.shown().clone(),
            probing: self.probing.report(now, self.wall_unix_ms(now) / 1000),
            heard: self.gathering.heard(),
            off: self.off,
            leading,
            gates: (self.fleet.gates.is_some() && !self.stands_in)
                .then(|| self.gates.position().report(now)),
            preflight: self.preflight.clone(),
        }
    }
}
