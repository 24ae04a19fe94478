//! From the world's log, and from what brains do, to the facts that invariants judge.
//!
//! The log alone gives most of them, so that a run on loopback is judged by the same code
//! ([`judge_log`]); what brains do and what is true of the applications is known to the simulator
//! only. Documents are read once, and reports only when a decision rests on them: quiet seconds cost
//! next to nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::core::explain::State;
use crate::core::gauges::Queues;
use crate::core::invariants::{
    Act, Fact, Invariants, Part, RecordParts, Saying, Violation, note_part,
};
use crate::core::{Brain, Command, Request};
use crate::domain::digest::Digest;
use crate::domain::fleet::Tables;
use crate::domain::record::{RecordChange, RecordKey, RecordType};
use crate::domain::{
    AgentId, BootId, CellState, DatabaseId, Epoch, Fence, Fleet, GlobalClusterId, Moment, RegionId,
    Report, Target, ZoneId,
};
use crate::ports::items;
use crate::world::World;
use crate::world::log::{Entry, Happening, OPERATOR};

use super::reach::Reach;

/// How long after its writing a report may still be believed, in times that it stays fresh: it may
/// be read late through a lagging replica.
const BELIEVED_STALES: u32 = 2;

/// Follows a run, and keeps what it takes to tell the next fact.
#[derive(Debug)]
pub(super) struct Facts {
    tables: Tables,
    believed: Duration,
    /// How much of the log was read.
    read: usize,
    /// What batches add up to.
    parts: BTreeMap<ZoneId, RecordParts>,
    /// The reports of each agent that may still be believed, with the time of their writing.
    reports: BTreeMap<String, VecDeque<(Moment, String)>>,
    /// States that were proposed, by their documents' fingerprints.
    proposed: BTreeMap<Digest, Arc<State>>,
    /// The document put last: it is put beside one seat after another.
    last_put: Option<Digest>,
    acting: BTreeMap<AgentId, (BootId, Epoch, Moment)>,
    queues: BTreeMap<AgentId, Queues>,
    /// Databases with their global clusters, and where each writer was last seen to be in truth.
    writers: BTreeMap<DatabaseId, (GlobalClusterId, Option<RegionId>)>,
    /// What is true; none where that is not known.
    reach: Option<Reach>,
    ready: VecDeque<(Moment, Fact)>,
}

impl Facts {
    /// Of a run whose log is all that is known, from its beginning.
    fn of_log(fleet: &Fleet) -> Self {
        let mut parts: BTreeMap<ZoneId, RecordParts> = BTreeMap::new();
        for service in fleet.services.values() {
            // As `init` leaves them.
            let own = service.regions.iter().map(|(region, place)| (region.clone(), place.weight));
            let shares = service.record_shares(&own.collect());
            let of_name = shares.into_iter().filter_map(|(region, share)| {
                let routing = service.record_routing(region.as_str(), share);
                Some((region.to_string(), Part::of(&routing)?))
            });
            let of_zone = parts.entry(service.zone.clone()).or_default();
            of_zone.insert(service.key(), of_name.collect());
        }
        Self {
            tables: fleet.tables.clone(),
            believed: Duration::from_millis(fleet.timing.stale_ms.into()) * BELIEVED_STALES,
            read: 0,
            parts,
            reports: BTreeMap::new(),
            proposed: BTreeMap::new(),
            last_put: None,
            acting: BTreeMap::new(),
            queues: BTreeMap::new(),
            writers: BTreeMap::new(),
            reach: None,
            ready: VecDeque::new(),
        }
    }

    /// Of a simulated run that begins now, with the records and the applications as they are.
    pub(super) fn begin(world: &World, fleet: &Fleet, now: Moment) -> Self {
        let mut facts = Self::of_log(fleet);
        facts.read = world.log.entries().len();
        for zone in fleet.zones.keys() {
            let mut parts = RecordParts::new();
            for record in world.route53.records(zone).filter_map(|r| r.to_record_set()) {
                note_part(&mut parts, &record);
            }
            facts.parts.insert(zone.clone(), parts);
        }
        for (database, spec) in &fleet.databases {
            facts.writers.insert(database.clone(), (spec.global_cluster.clone(), None));
        }
        let mut reach = Reach::new(fleet);
        reach.look(now, world, &mut facts.ready);
        facts.reach = Some(reach);
        facts
    }

    /// The log begins anew: what it had was read.
    pub(super) fn forget(&mut self) {
        self.read = 0;
    }

    /// Takes in what a brain is about and what it has just commanded. `when` turns moments of its
    /// clock into true ones.
    pub(super) fn stepped(
        &mut self,
        now: Moment,
        (agent, boot): (&AgentId, BootId),
        brain: &Brain,
        commands: &[Command],
        when: impl Fn(Moment) -> Moment,
    ) {
        let acts = brain.acts_until().map(|(epoch, until)| (boot, epoch, when(until)));
        if acts.as_ref() != self.acting.get(agent) {
            let fact = match acts {
                Some((boot, epoch, until)) => {
                    self.acting.insert(agent.clone(), (boot, epoch, until));
                    Fact::Leads { agent: agent.clone(), boot, epoch, until }
                }
                None => {
                    self.acting.remove(agent);
                    Fact::Rests { agent: agent.clone() }
                }
            };
            self.ready.push_back((now, fact));
        }
        self.queues_of(now, agent, brain.queues());
        for command in commands {
            let Command::Call { request, deadline, .. } = command else { continue };
            let (epoch, act) = match request {
                Request::PutState { name, document, .. } => {
                    self.propose(now, document);
                    (name.epoch, Act::Put(*name))
                }
                Request::ChangeZone { batch } => {
                    let Some(fence) = fence_set(&batch.changes) else { continue };
                    (fence.epoch, Act::Change(batch.zone.clone()))
                }
                _ => continue,
            };
            let (agent, deadline) = (agent.clone(), when(*deadline));
            self.ready.push_back((now, Fact::Sent { agent, epoch, act, deadline }));
        }
    }

    /// What the simulator itself knows: of requests to move a writer, and of gates.
    pub(super) fn tell(&mut self, now: Moment, fact: Fact) {
        self.ready.push_back((now, fact));
    }

    fn queues_of(&mut self, now: Moment, agent: &AgentId, queues: Queues) {
        if let Some(longest) = self.queues.get_mut(agent) {
            if queues.calls <= longest.calls && queues.probes <= longest.probes {
                return;
            }
            longest.calls = longest.calls.max(queues.calls);
            longest.probes = longest.probes.max(queues.probes);
        } else {
            self.queues.insert(agent.clone(), queues);
        }
        self.ready.push_back((now, Fact::Queued { agent: agent.clone(), queues }));
    }

    /// The facts since the last call, with the moment of each.
    pub(super) fn next(
        &mut self,
        now: Moment,
        world: &World,
    ) -> impl Iterator<Item = (Moment, Fact)> + use<'_> {
        let entries = world.log.entries();
        while let Some(entry) = entries.get(self.read) {
            self.read += 1;
            self.note(entry);
        }
        if let Some(reach) = &mut self.reach {
            reach.look(now, world, &mut self.ready);
        }
        self.look_at_writers(now, world);
        self.ready.drain(..)
    }

    /// Tells where each database is written in truth, when that has changed.
    fn look_at_writers(&mut self, now: Moment, world: &World) {
        for (database, (cluster, last)) in &mut self.writers {
            let global = world.rds.global(cluster).filter(|global| global.moving_to().is_none());
            let writer = global.map(|global| global.writer());
            if writer != last.as_ref() {
                *last = writer.cloned();
                let (database, region) = (database.clone(), last.clone());
                self.ready.push_back((now, Fact::Writer { database, region }));
            }
        }
    }

    fn note(&mut self, entry: &Entry) {
        let fact = match &entry.happening {
            Happening::Put { region, table, item, .. } => {
                let id = item.get(items::SEATS_KEY).and_then(|id| id.as_str());
                let document = item.get(items::DOCUMENT).and_then(|document| document.as_str());
                if *table == self.tables.board {
                    self.reported(entry.at, item, id, document);
                    None
                } else if *table != self.tables.seats {
                    None
                } else if id == Some(items::SEAT_ID) {
                    let seat = items::seat_in_json(item);
                    seat.map(|seat| Fact::SeatWritten { region: region.clone(), seat })
                } else {
                    document.and_then(|document| self.put(entry.at, document))
                }
            }
            Happening::ZoneChanged { zone, caller, changes, .. } => {
                Some(self.applied(zone, caller, changes))
            }
            _ => None,
        };
        self.ready.extend(fact.map(|fact| (entry.at, fact)));
    }

    fn reported(
        &mut self,
        at: Moment,
        item: &serde_json::Value,
        agent: Option<&str>,
        document: Option<&str>,
    ) {
        if item.get(items::BOARD_HASH).and_then(|kind| kind.as_str()) != Some(items::KIND_REPORT) {
            return;
        }
        let (Some(agent), Some(document)) = (agent, document) else { return };
        if !self.reports.contains_key(agent) {
            self.reports.insert(agent.to_owned(), VecDeque::new());
        }
        let Some(reports) = self.reports.get_mut(agent) else { return };
        while reports.front().is_some_and(|(then, _)| at.since(*then) > self.believed) {
            reports.pop_front();
        }
        reports.push_back((at, document.to_owned()));
    }

    fn put(&mut self, at: Moment, document: &str) -> Option<Fact> {
        let (digest, state) = self.propose(at, document)?;
        if self.last_put.replace(digest).as_ref() == Some(&digest) {
            return None;
        }
        Some(Fact::StatePut { state, digest })
    }

    /// The state in a document, which is a proposal when it is seen for the first time.
    fn propose(&mut self, at: Moment, document: &str) -> Option<(Digest, Arc<State>)> {
        let digest = Digest::of(document.as_bytes());
        if let Some(state) = self.proposed.get(&digest) {
            return Some((digest, state.clone()));
        }
        let state: Arc<State> = Arc::new(serde_json::from_str(document).ok()?);
        self.proposed.insert(digest, state.clone());
        let changed: BTreeSet<Target> = state
            .cause
            .changes()
            .iter()
            .map(|change| Target { region: change.region.clone(), service: change.service.clone() })
            .collect();
        let said = if changed.is_empty() { BTreeSet::new() } else { self.said(at, &changed) };
        let fact = Fact::Proposed { state: state.clone(), said: Some(said) };
        self.ready.push_back((at, fact));
        Some((digest, state))
    }

    /// What the reports that may still be believed say of these targets.
    fn said(&self, at: Moment, targets: &BTreeSet<Target>) -> BTreeSet<Saying> {
        self.reports
            .values()
            .flatten()
            .filter(|(then, _)| at.since(*then) <= self.believed)
            .filter_map(|(_, document)| serde_json::from_str::<Report>(document).ok())
            .flat_map(|report| {
                let Report { agent, region, cells, signals, .. } = report;
                // A complaint of AWS's is the word of the agent that read it.
                let complaints = signals.into_iter().filter(|(_, signals)| signals.complains());
                let (by, home) = (agent.clone(), region.clone());
                let complaints = complaints.map(move |(service, _)| Saying {
                    agent: by.clone(),
                    region: home.clone(),
                    target: Target { region: home.clone(), service },
                    state: CellState::Down,
                });
                let complaints = complaints.filter(|saying| targets.contains(&saying.target));
                let seen = cells.into_iter().filter(|(target, _)| targets.contains(target)).map(
                    move |(target, cell)| Saying {
                        agent: agent.clone(),
                        region: region.clone(),
                        target,
                        state: cell.state,
                    },
                );
                seen.chain(complaints)
            })
            .collect()
    }

    fn applied(&mut self, zone: &ZoneId, caller: &str, changes: &[RecordChange]) -> Fact {
        let present = self.parts.entry(zone.clone()).or_default();
        let touched: BTreeSet<_> = changes
            .iter()
            .map(|change| match change {
                RecordChange::Delete(record) | RecordChange::Create(record) => &record.key,
            })
            .collect();
        let of_touched = |present: &RecordParts| -> RecordParts {
            let parts = |key: &RecordKey| Some((key.clone(), present.get(key)?.clone()));
            touched.iter().copied().filter_map(parts).collect()
        };
        // Route 53 deletes exactly what is named, so this is what stood there: also what somebody
        // had made of it meanwhile whose edits no log tells.
        for change in changes {
            if let RecordChange::Delete(record) = change {
                note_part(present, record);
            }
        }
        let before = of_touched(present);
        for change in changes {
            match change {
                RecordChange::Delete(record) => {
                    if let (Some(parts), Some(id)) =
                        (present.get_mut(&record.key), record.routing.set_identifier())
                    {
                        parts.remove(id);
                    }
                }
                RecordChange::Create(record) => note_part(present, record),
            }
        }
        let after = of_touched(present);
        let by = if caller == OPERATOR { None } else { caller.parse().ok() };
        Fact::ZoneApplied { zone: zone.clone(), by, fence: fence_set(changes), before, after }
    }
}

/// The fence that a batch sets.
fn fence_set(changes: &[RecordChange]) -> Option<Fence> {
    changes.iter().find_map(|change| match change {
        RecordChange::Create(record) if record.key.rtype == RecordType::Txt => {
            Fence::in_record(record)
        }
        RecordChange::Create(_) | RecordChange::Delete(_) => None,
    })
}

/// Judges a run by its log alone, from its beginning: by what was written and applied, not by what
/// only a simulator knows.
#[must_use]
pub fn judge_log(fleet: &Fleet, log: &[Entry]) -> Vec<Violation> {
    let mut facts = Facts::of_log(fleet);
    let mut invariants = Invariants::new(fleet);
    for entry in log {
        facts.note(entry);
        for (at, fact) in facts.ready.drain(..) {
            invariants.judge(at, &fact);
        }
    }
    invariants.broken().to_vec()
}

#[cfg(test)]
mod tests;
