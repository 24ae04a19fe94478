//! The brain's part in runs of runbooks: logging what has happened, sending what is to be sent, and
//! starting by itself what the fleet's rules call for.

use std::collections::BTreeMap;

use crate::domain::Moment;
use crate::domain::observation::DatabaseReport;
use crate::domain::{DatabaseId, RegionId};
use crate::runbook::{Entry, Event};

use super::Brain;
use super::explain::{Cause, RunEvent, State};
use super::note::Note;
use super::runs::{self, Carry, Consent, Driver, World, failing_ms};

/// What steps may look at. A macro, since a run is driven while the rest of the brain is looked at.
macro_rules! world {
    ($brain:ident, $now:ident, $state:ident) => {
        World {
            now: $now,
            fleet: &$brain.fleet,
            runs: &$state.runs,
            wanted: &$state.wanted,
            paused: $state.steering.pause.is_some(),
            zones: &$brain.zones,
            standings: &$brain.standings,
            databases: &$brain.databases,
            blocked: &$brain.blocked,
            notices: &$brain.notices,
            alone: $brain.stands_in.then(|| $brain.probing.cells()),
            wall_unix_ms: $brain.wall_unix_ms($now),
        }
    };
}

impl Brain {
    /// Whether a run is under way.
    pub(super) fn runs_active(&self) -> bool {
        self.journal.in_force().is_some_and(|entry| {
            entry.state.runs.values().any(|kept| !kept.run.status().is_final())
        })
    }

    /// Proposes what has happened to runs and what is to begin; true when it did.
    pub(super) fn advance_runs(&mut self, now: Moment) -> bool {
        let Some(entry) = self.journal.in_force() else { return false };
        let state = &entry.state;
        if state.runs.is_empty() && self.fleet.databases.is_empty() {
            return false;
        }
        self.databases.watch_doubts(now, &state.runs);
        let world = world!(self, now, state);
        let consent =
            Consent { fleet: &self.fleet, steering: &state.steering, databases: &self.databases };
        let at = self.wall(now);
        let events = self.runs.turn(&world, &consent);
        if events.is_empty() {
            let look = Driver::next_look(now, &state.runs);
            self.judge_at = self.judge_at.min(look);
            return self.start_by_rule(now, &at);
        }
        self.tell_runs(&events);
        let made = events.clone();
        let (stamp, fleet) = (at.clone(), &self.fleet);
        let change = |state: &mut State| {
            for RunEvent { run, event } in made {
                let (Some(kept), Some(event)) = (state.runs.get_mut(&run), event) else { continue };
                runs::apply_effect(&mut state.steering, &kept.run, &event, &stamp, fleet);
                let logged = kept.run.append(Entry::at(stamp.clone(), event));
                assert!(logged.is_ok(), "tried on a copy of it: {logged:?}");
            }
        };
        self.journal.propose(now, change, Cause::Ran { events }, at);
        true
    }

    /// Tells people what is about to be committed.
    fn tell_runs(&mut self, events: &[RunEvent]) {
        let Some(entry) = self.journal.in_force() else { return };
        let mut notes = Vec::new();
        for RunEvent { run, event } in events {
            let (Some(kept), Some(event)) = (entry.state.runs.get(run), event) else { continue };
            notes.push(Note::Ran {
                what: runs::words(run, &kept.run, event),
                needs_person: matches!(event, Event::Asked { .. }),
            });
        }
        for note in notes {
            self.out.note(note);
        }
    }

    /// Starts a failover that the fleet's rules call for; true when it did.
    fn start_by_rule(&mut self, now: Moment, at: &str) -> bool {
        let Some(entry) = self.journal.in_force() else { return false };
        let state = &entry.state;
        if state.steering.pause.is_some() || self.stands_in {
            return false;
        }
        let failing = |region: &RegionId| failing_ms(&self.standings, &self.fleet, region);
        let wanted =
            runs::called_for(now, &self.fleet, state, &self.databases, &self.runs, failing);
        let Some((name, kept)) = wanted else { return false };
        let event = RunEvent { run: name.clone(), event: None };
        let what = format!("{name} is started: {}", kept.reason);
        let kept = runs::Kept { at: at.to_owned(), ..kept };
        self.out.note(Note::Ran { what, needs_person: false });
        let change = |state: &mut State| {
            state.runs.insert(name, kept);
        };
        self.journal.propose(now, change, Cause::Ran { events: vec![event] }, at.to_owned());
        true
    }

    /// Sends what steps under way want sent.
    pub(super) fn carry_on(&mut self, now: Moment) {
        let (Some(entry), Some(lease_end)) = (self.journal.in_force(), self.election.lease_end())
        else {
            return;
        };
        let state = &entry.state;
        if state.runs.is_empty() {
            return;
        }
        let world = world!(self, now, state);
        let mut carry =
            Carry { out: &mut self.out, lease_end, moved: Vec::new(), told: Vec::new() };
        self.runs.act(&world, &mut carry);
        let Carry { moved, told, .. } = carry;
        for database in moved {
            self.databases.moving(now, &database);
        }
        for notice in told.into_iter().filter(|_| !self.fleet.topics.is_empty()) {
            self.notices.add(now, notice, &mut self.out);
        }
    }

    /// What each step that is under way waits for, by run and step.
    pub(super) fn runs_wait(&self, now: Moment) -> BTreeMap<String, BTreeMap<String, String>> {
        let Some(entry) = self.journal.in_force() else { return BTreeMap::new() };
        let state = &entry.state;
        self.runs.waits(&world!(self, now, state))
    }

    /// What people see of the databases.
    pub(super) fn databases_shown(&self, now: Moment) -> BTreeMap<DatabaseId, DatabaseReport> {
        self.databases.report(now, &self.fleet, |database| {
            let known = self.databases.now(now, &self.fleet, database);
            let writer = known.and_then(|cluster| cluster.writer());
            writer.map_or(0, |writer| failing_ms(&self.standings, &self.fleet, writer))
        })
    }
}
