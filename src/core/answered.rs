//! What comes of a call's answer: to whom it goes, and what the turn of an election or a commit
//! changes for everybody else.

use crate::domain::{Moment, ZoneId};

use super::Brain;
use super::call::{CallId, Outcome, Purpose, Request};
use super::election::Turn;
use super::journal::Progress;
use super::note::Note;
use super::zones::Mandate;

impl Brain {
    pub(super) fn answered(&mut self, now: Moment, call: CallId, outcome: Outcome) {
        let Some(purpose) = self.out.close(call) else { return };
        match purpose {
            Purpose::Seat { seat } => {
                let turn = self.election.answered(now, &seat, outcome, &mut self.out);
                self.turned(now, turn);
            }
            Purpose::PutState { seat, name } => {
                let journal = &mut self.journal;
                let (election, out) = (&mut self.election, &mut self.out);
                let progress = journal.put_answered(now, &seat, name, &outcome, election, out);
                self.progressed(now, progress);
            }
            Purpose::FetchState { name, .. } => {
                let at = self.wall(now);
                let election = &mut self.election;
                self.journal.fetch_answered(now, name, outcome, election, &mut self.out, at);
            }
            Purpose::Publish => self.gathering.published(now, &outcome, &mut self.out),
            Purpose::Gather { replica } => {
                if self.gathering.gathered(now, &replica, outcome, &mut self.out) {
                    self.stale_verdicts = true;
                }
            }
            Purpose::Orders { replica } => {
                let (fleet, out) = (&self.fleet, &mut self.out);
                let handled = self.journal.in_force().map(|entry| &entry.state.steering.handled);
                self.stale_verdicts |=
                    self.orders.read(now, fleet, &replica, outcome, handled, out);
            }
            // It shows again if it was not removed.
            Purpose::OrderRemoved => {}
            Purpose::Database { database, what } => {
                self.databases.answered(&database, &what, outcome);
                self.stale_verdicts = true;
            }
            Purpose::MoveWriter { database } => {
                self.databases.move_answered(now, &database, &outcome);
                self.stale_verdicts = true;
            }
            Purpose::Names { service, asked_at } => {
                let (answers, out) = (&mut self.answers, &mut self.out);
                if answers.answered(now, &service, asked_at, outcome, out) {
                    self.gathering.report_soon(now);
                }
            }
            Purpose::Webhook { run, step, back } => {
                self.runs.webhook_answered(now, (run, step, back), outcome);
                self.stale_verdicts = true;
            }
            Purpose::Scaling { run, step, back, group } => {
                self.runs.scaling_answered(&(run, step, back), &group, outcome);
                self.stale_verdicts = true;
            }
            Purpose::Notice { id } => {
                let (fleet, out) = (&self.fleet, &mut self.out);
                self.notices.answered(now, fleet, id, &outcome, out);
                self.stale_verdicts = true;
            }
            Purpose::Signal(signal) => {
                self.signals.answered(now, &signal, outcome);
                self.stale_verdicts = true;
            }
            Purpose::History { name } => {
                if let Err(refusal) = outcome {
                    let what = format!("history of {name} was not kept: {}", refusal.class());
                    self.out.note(Note::Trouble { what });
                }
            }
            Purpose::Zone { zone } => self.zone_answered(now, &zone, call, outcome),
            Purpose::ZoneChange { zone, change } => {
                if let Some(zone) = self.zones.get_mut(&zone) {
                    zone.change_answered(now, &change, &outcome, &mut self.out);
                }
            }
        }
    }

    fn zone_answered(&mut self, now: Moment, zone: &ZoneId, call: CallId, outcome: Outcome) {
        let mandate = Mandate::of(&self.journal, &self.election, &self.gathering);
        let Some(mandate) = mandate else { return };
        if let Some(zone) = self.zones.get_mut(zone) {
            zone.answered(now, &self.fleet, &mandate, call, outcome, &mut self.out);
        }
    }

    pub(super) fn turned(&mut self, now: Moment, turn: Option<Turn>) {
        match turn {
            None => {}
            Some(Turn::Elected { epoch, states }) => {
                let at = self.wall(now);
                let progress = self.journal.elected(now, epoch, &states, at);
                self.progressed(now, progress);
                self.gathering.report_soon(now);
            }
            Some(Turn::SteppedDown) => {
                self.journal.step_down();
                self.blocked.clear();
                self.orders.forget();
                self.patience.forget();
                self.databases.forget();
                self.answers.forget();
                self.runs.forget();
                self.notices.forget();
                self.zones.values_mut().for_each(|zone| zone.forget(now));
                self.gathering.report_soon(now);
            }
        }
    }

    pub(super) fn progressed(&mut self, now: Moment, progress: Option<Progress>) {
        match progress {
            None => {}
            Some(Progress::StepDown(why)) => {
                let turn = self.election.step_down(now, &mut self.out, why);
                self.turned(now, turn);
            }
            Some(Progress::Committed) => {
                if self.paused() {
                    // What was under way is no more awaited, and nothing is begun before a resume.
                    self.zones.values_mut().for_each(|zone| zone.pause(now));
                }
                for zone in self.zones.values_mut() {
                    zone.hurry(now);
                }
                self.stale_verdicts = true;
                self.gathering.report_soon(now);
                if let Some(entry) = self.journal.in_force() {
                    let name = entry.reference.name;
                    let document = entry.document.clone();
                    let replica = self.gathering.replica().clone();
                    let limit_ms = self.fleet.timing.table_call_ms;
                    let request = Request::RecordHistory { replica, name, document };
                    self.out.call(now, limit_ms, Purpose::History { name }, request);
                }
            }
        }
    }
}
