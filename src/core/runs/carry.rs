//! What a step can see, and what it can send.

use std::collections::BTreeMap;

use crate::core::Standing;
use crate::core::breakage::{Breakage, broken};
use crate::core::call::{Outbox, Purpose, Request};
use crate::core::databases::Databases;
use crate::core::explain::Blocked;
use crate::core::health::Verdict;
use crate::core::note::Note;
use crate::core::notices::Notices;
use crate::core::zones::Zone;
use crate::domain::control::Weights;
use crate::domain::database::WriteReach;
use crate::domain::notice::Notice;
use crate::domain::observation::{Cell, CellState};
use crate::domain::{DatabaseId, Fleet, Moment, RegionId, ServiceId, Target, ZoneId};
use crate::runbook::Action;

use super::webhook::CALL_MS;
use super::{Key, Runs};

/// The brain's knowledge, as far as steps look at it.
pub(in crate::core) struct World<'a> {
    pub(in crate::core) now: Moment,
    pub(in crate::core) fleet: &'a Fleet,
    pub(in crate::core) runs: &'a Runs,
    pub(in crate::core) wanted: &'a Weights,
    pub(in crate::core) paused: bool,
    pub(in crate::core) zones: &'a BTreeMap<ZoneId, Zone>,
    pub(in crate::core) standings: &'a BTreeMap<Target, Standing>,
    pub(in crate::core) databases: &'a Databases,
    pub(in crate::core) blocked: &'a [Blocked],
    pub(in crate::core) notices: &'a Notices,
    /// What this process itself sees of each target, where it stands in for all observers.
    pub(in crate::core) alone: Option<&'a BTreeMap<Target, Cell>>,
    /// The wall clock, for dates that people read.
    pub(in crate::core) wall_unix_ms: i64,
}

impl World<'_> {
    /// Whether a pause keeps this from beginning: all that changes something outside.
    pub(super) fn holds_back(&self, action: &Action) -> bool {
        self.paused
            && matches!(
                action,
                Action::CloseGate { .. }
                    | Action::OpenGate { .. }
                    | Action::ShiftTraffic { .. }
                    | Action::SwitchOver { .. }
                    | Action::Promote { .. }
                    | Action::Scale { .. }
                    | Action::Webhook { .. }
            )
    }

    /// The services that a step about a Region is about.
    pub(super) fn services(
        &self,
        region: &RegionId,
        service: Option<&ServiceId>,
    ) -> impl Iterator<Item = &ServiceId> {
        self.fleet
            .services
            .iter()
            .filter(move |(id, spec)| {
                spec.regions.contains_key(region) && service.is_none_or(|service| service == *id)
            })
            .map(|(id, _)| id)
    }

    /// Whether a service can write only beside its database's writer.
    pub(super) fn writes_beside(&self, service: &ServiceId) -> bool {
        let spec = self.fleet.services.get(service);
        let writes_to = spec.and_then(|spec| spec.writes_to.as_ref());
        writes_to.is_some_and(|to| to.reach == WriteReach::WriterRegion)
    }

    /// How it is.
    pub(super) fn verdict(&self, service: &ServiceId, region: &RegionId) -> Verdict {
        let target = Target { region: region.clone(), service: service.clone() };
        self.standings.get(&target).map_or(Verdict::Unknown, |standing| standing.verdict)
    }

    /// Why a service in a Region is not taken for healthy; none if it is. By the agreement of observers,
    /// or, where a person's command stands in for them, by what that sees itself.
    pub(super) fn ails(&self, service: &ServiceId, region: &RegionId) -> Option<String> {
        let Some(own) = self.alone else {
            let verdict = self.verdict(service, region);
            return (verdict != Verdict::Healthy)
                .then(|| format!("{service} in {region} is {}", verdict.label()));
        };
        let target = Target { region: region.clone(), service: service.clone() };
        let cell = own.get(&target);
        match cell.map_or(CellState::Unknown, |cell| cell.state) {
            CellState::Up => None,
            CellState::Unknown => Some(format!("{service} in {region} is being probed from here")),
            CellState::Suspect | CellState::Down | CellState::Recovering => {
                let how = cell.and_then(|cell| cell.failure);
                let how = how.map_or_else(String::new, |how| format!(": {how}"));
                Some(format!("{service} in {region} does not answer as it should from here{how}"))
            }
        }
    }

    /// Whether everything in a Region is healthy.
    pub(super) fn is_well(&self, region: &RegionId) -> bool {
        self.services(region, None).all(|service| self.verdict(service, region) == Verdict::Healthy)
    }

    /// For how long everything in the Region of a database's writer has failed; 0 if it has not.
    pub(super) fn failing_ms(&self, database: &DatabaseId) -> u64 {
        let known = self.databases.now(self.now, self.fleet, database);
        let Some(writer) = known.and_then(|cluster| cluster.writer()) else { return 0 };
        failing_ms(self.standings, self.fleet, writer)
    }
}

/// For how long everything in a Region has failed, as a majority has it; 0 if it has not.
pub(in crate::core) fn failing_ms(
    standings: &BTreeMap<Target, Standing>,
    fleet: &Fleet,
    region: &RegionId,
) -> u64 {
    let placed = fleet.services.iter().filter(|(_, spec)| spec.regions.contains_key(region));
    let each = placed.map(|(service, _)| {
        let target = Target { region: region.clone(), service: service.clone() };
        standings
            .get(&target)
            .filter(|standing| matches!(standing.verdict, Verdict::Down | Verdict::CutOff))
            .map_or(0, |standing| standing.failing_ms)
    });
    each.min().unwrap_or(0)
}

/// A way to send.
pub(in crate::core) struct Carry<'a> {
    pub(in crate::core) out: &'a mut Outbox,
    /// No call is started that could still be under way when the lease ends.
    pub(in crate::core) lease_end: Moment,
    /// Requests that were sent to move a writer.
    pub(in crate::core) moved: Vec<DatabaseId>,
    /// What people are to be told.
    pub(in crate::core) told: Vec<Notice>,
}

impl Carry<'_> {
    pub(super) fn note(&mut self, note: Note) {
        self.out.note(note);
    }

    /// Tells another system. It may be told twice, so that no lease has to last until it answers.
    pub(super) fn post(&mut self, now: Moment, (run, step, back): Key, request: Request) {
        self.out.call(now, CALL_MS, Purpose::Webhook { run, step, back }, request);
    }

    /// Asks about an autoscaling group, or to raise it; false if there is no time to raise it now.
    pub(super) fn send_scaling(&mut self, now: Moment, key: Key, request: Request) -> bool {
        let (group, changes) = match &request {
            Request::SetDesired { group, .. } => (group.clone(), true),
            Request::ReadGroup { group } => (group.clone(), false),
            _ => return false,
        };
        let limit_ms = super::scaling::CALL_MS;
        let end = now + std::time::Duration::from_millis(u64::from(limit_ms));
        if changes && end > self.lease_end && !broken(Breakage::CallsPastLease) {
            return false;
        }
        let (run, step, back) = key;
        self.out.call(now, limit_ms, Purpose::Scaling { run, step, back, group }, request);
        true
    }

    /// Sends a request to move a writer; false if there is no time for it now.
    pub(super) fn send_move(
        &mut self,
        world: &World<'_>,
        database: &DatabaseId,
        request: Request,
    ) -> bool {
        let limit_ms = world.fleet.timing.database_call_ms;
        let end = world.now + std::time::Duration::from_millis(u64::from(limit_ms));
        if end > self.lease_end && !broken(Breakage::CallsPastLease) {
            return false;
        }
        let purpose = Purpose::MoveWriter { database: database.clone() };
        self.out.call(world.now, limit_ms, purpose, request);
        self.moved.push(database.clone());
        true
    }
}
