//! A run's facts, picked out of its log in one pass.
//!
//! What the timeline, the figures and the verdicts all rest on. Facts before the first fault are
//! kept where something after it is told by comparison: the leader, the weights, what was failing
//! already.

use std::collections::{BTreeMap, BTreeSet};

use super::databases::Databases;
use super::orders::State;
use super::runs::{Runs, Shown};
use super::scenario::{Run, Scenario};
use super::seats::{Leader, Seats};
use super::zones::{Effect, Move, Zones};
use crate::domain::control::Weights;
use crate::domain::observation::{CellState, Report, Target};
use crate::domain::{AgentId, Moment, ProbeFailure, RegionId, StateName, Weight, ZoneId};
use crate::ports::items;
use crate::world::fault::Fault;
use crate::world::log::{ClientKind, Happening};

/// When something happened: the log's order decides within a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub(super) at: Moment,
    pub(super) index: usize,
}

/// A target that an observer's report shows as failing, and did not before.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) stamp: Stamp,
    pub(super) observer: AgentId,
    pub(super) target: Target,
    pub(super) state: CellState,
    pub(super) failure: Option<ProbeFailure>,
}

/// A control state, from its first writing.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) name: StateName,
    pub(super) by: AgentId,
    pub(super) put: Stamp,
    /// When a majority of seats pointed to it first.
    pub(super) committed: Option<Stamp>,
    /// Against the state committed when it was written.
    pub(super) moves: Vec<Move>,
    wanted: Weights,
    shown: Shown,
}

/// An applied batch.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) stamp: Stamp,
    pub(super) zone: ZoneId,
    pub(super) caller: String,
    pub(super) effect: Effect,
    /// The weights after it.
    pub(super) weights: Weights,
}

/// A batch that a zone refused.
#[derive(Debug, Clone)]
pub(super) struct Rejection {
    pub(super) stamp: Stamp,
    pub(super) zone: ZoneId,
    pub(super) caller: String,
    pub(super) why: String,
}

/// A client's request, after the first fault.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) stamp: Stamp,
    pub(super) client: ClientKind,
    pub(super) region: Option<RegionId>,
    /// How it failed, if it did.
    pub(super) failure: Option<String>,
}

/// The facts of a run.
#[derive(Debug)]
pub(super) struct Story {
    /// When the first fault struck, or was to strike.
    pub(super) fault_at: Moment,
    pub(super) faults: Vec<(Stamp, Fault)>,
    pub(super) leader_before: Option<Leader>,
    /// Leaders of a higher epoch than the one before, in order.
    pub(super) new_leaders: Vec<(Stamp, Leader)>,
    pub(super) two_leaders: Option<(Leader, Leader)>,
    /// After the first fault, in order.
    pub(super) sights: Vec<Sight>,
    /// All, in order of writing.
    pub(super) decisions: Vec<Decision>,
    /// All, before the first fault too.
    pub(super) batches: Vec<Batch>,
    pub(super) rejections: Vec<Rejection>,
    /// The weights before any batch.
    weights_first: Weights,
    pub(super) requests: Vec<Request>,
    /// Requests that had failed before anything was broken.
    pub(super) failed_before: u64,
    pub(super) databases: Databases,
    /// What became of runs and orders, before the first fault too.
    pub(super) runs: Runs,
}

impl Story {
    pub(super) fn read(scenario: &Scenario, run: &Run) -> Self {
        let first = run.log.iter().position(|entry| {
            entry.at >= run.started && matches!(entry.happening, Happening::Fault { .. })
        });
        let fault_at = match first.and_then(|index| run.log.get(index)) {
            Some(entry) => entry.at,
            None => run.started + std::time::Duration::from_millis(scenario.first_ms().into()),
        };
        let zones = Zones::new(&run.fleet);
        let mut teller = Teller {
            story: Self {
                fault_at,
                faults: Vec::new(),
                leader_before: None,
                new_leaders: Vec::new(),
                two_leaders: None,
                sights: Vec::new(),
                decisions: Vec::new(),
                batches: Vec::new(),
                rejections: Vec::new(),
                weights_first: zones.weights(),
                requests: Vec::new(),
                failed_before: 0,
                databases: Databases::default(),
                runs: Runs::default(),
            },
            run,
            seats: Seats::new(&run.fleet),
            committed: zones.weights(),
            zones,
            failing: BTreeMap::new(),
        };
        for (index, entry) in run.log.iter().enumerate() {
            let stamp = Stamp { at: entry.at, index };
            let after = first.map_or(entry.at >= fault_at, |first| index >= first);
            teller.note(stamp, &entry.happening, after);
        }
        teller.story.two_leaders = teller.seats.two_leaders();
        teller.story
    }

    /// Milliseconds since the first fault.
    pub(super) fn since_ms(&self, stamp: Stamp) -> u64 {
        stamp.at.as_ms().saturating_sub(self.fault_at.as_ms())
    }

    /// Whether it happened before the first fault. The fault itself is the first thing after.
    pub(super) fn is_before(&self, stamp: Stamp) -> bool {
        match self.faults.first() {
            Some((first, _)) => stamp < *first,
            None => stamp.at < self.fault_at,
        }
    }

    /// Batches since the first fault.
    pub(super) fn batches_after(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().filter(|batch| !self.is_before(batch.stamp))
    }

    /// The first batch since the first fault that changed a weight.
    pub(super) fn first_action(&self) -> Option<&Batch> {
        self.batches_after().find(|batch| !batch.effect.moves.is_empty())
    }

    /// The weights when the first fault struck.
    pub(super) fn weights_before(&self) -> &Weights {
        self.batches
            .iter()
            .rfind(|batch| self.is_before(batch.stamp))
            .map_or(&self.weights_first, |batch| &batch.weights)
    }
}

/// The pass over the log: the story so far, and what it takes to tell the next fact.
struct Teller<'r> {
    story: Story,
    run: &'r Run,
    seats: Seats,
    zones: Zones<'r>,
    /// The weights of the newest committed state.
    committed: Weights,
    /// What each observer's last report showed as failing, and how.
    failing: BTreeMap<AgentId, BTreeSet<(Target, CellState)>>,
}

impl Teller<'_> {
    fn note(&mut self, stamp: Stamp, happening: &Happening, after: bool) {
        match happening {
            Happening::Fault { fault } => {
                if after {
                    self.story.faults.push((stamp, fault.clone()));
                }
            }
            Happening::Put { table, item, .. } => {
                if self.seats.note(happening) {
                    self.seat(stamp, after);
                } else if *table == self.run.fleet.tables.seats {
                    self.state(stamp, item);
                } else if *table == self.run.fleet.tables.board {
                    self.report(stamp, item, after);
                }
            }
            Happening::ZoneChanged { zone, caller, changes, .. } => {
                let effect = self.zones.apply(zone, changes);
                self.story.batches.push(Batch {
                    stamp,
                    zone: zone.clone(),
                    caller: caller.clone(),
                    effect,
                    weights: self.zones.weights(),
                });
            }
            Happening::ZoneRejected { zone, caller, why } => {
                let (zone, caller, why) = (zone.clone(), caller.clone(), why.clone());
                self.story.rejections.push(Rejection { stamp, zone, caller, why });
            }
            Happening::Served { region, client, .. } => {
                if after {
                    let (client, region) = (*client, Some(region.clone()));
                    self.story.requests.push(Request { stamp, client, region, failure: None });
                }
            }
            Happening::Failed { region, client, why, .. } => {
                if after {
                    let (client, region, failure) = (*client, region.clone(), Some(why.clone()));
                    self.story.requests.push(Request { stamp, client, region, failure });
                } else {
                    self.story.failed_before += 1;
                }
            }
            Happening::Wrote { .. }
            | Happening::NotWritten { .. }
            | Happening::WriterMoving { .. }
            | Happening::WriterMoved { .. }
            | Happening::WriterStays { .. }
            | Happening::WritesLost { .. } => self.story.databases.note(stamp, happening, after),
        }
    }

    fn seat(&mut self, stamp: Stamp, after: bool) {
        if let Some(leader) = self.seats.leader() {
            if !after {
                self.story.leader_before = Some(leader);
            } else if self
                .story
                .new_leaders
                .last()
                .map(|(_, last)| last)
                .or(self.story.leader_before.as_ref())
                .is_none_or(|last| *last != leader)
            {
                self.story.new_leaders.push((stamp, leader));
            }
        }
        let Some(name) = self.seats.committed() else { return };
        let mut decisions = self.story.decisions.iter_mut();
        if let Some(decision) =
            decisions.find(|decision| decision.name == name && decision.committed.is_none())
        {
            decision.committed = Some(stamp);
            self.committed.clone_from(&decision.wanted);
            self.story.runs.committed(stamp, &decision.shown);
        }
    }

    fn state(&mut self, stamp: Stamp, item: &serde_json::Value) {
        let Some(state) = document::<State>(item) else { return };
        if self.story.decisions.iter().any(|decision| decision.name == state.name) {
            return;
        }
        let shown = Shown::of(&state);
        self.story.decisions.push(Decision {
            name: state.name,
            by: state.by,
            put: stamp,
            committed: None,
            moves: moves(&self.committed, &state.wanted),
            shown,
            wanted: state.wanted,
        });
    }

    fn report(&mut self, stamp: Stamp, item: &serde_json::Value, after: bool) {
        if item.get(items::BOARD_HASH).is_none_or(|kind| kind != items::KIND_REPORT) {
            return;
        }
        let Some(report) = document::<Report>(item) else { return };
        let before = self.failing.remove(&report.agent).unwrap_or_default();
        let mut now = BTreeSet::new();
        for (target, cell) in report.cells {
            if !matches!(cell.state, CellState::Suspect | CellState::Down) {
                continue;
            }
            let key = (target, cell.state);
            if after && !before.contains(&key) {
                self.story.sights.push(Sight {
                    stamp,
                    observer: report.agent.clone(),
                    target: key.0.clone(),
                    state: cell.state,
                    failure: cell.failure,
                });
            }
            now.insert(key);
        }
        self.failing.insert(report.agent, now);
    }
}

fn document<T: serde::de::DeserializeOwned>(item: &serde_json::Value) -> Option<T> {
    serde_json::from_str(item.get(items::DOCUMENT)?.as_str()?).ok()
}

/// What changes from one set of weights to another.
fn moves(from: &Weights, to: &Weights) -> Vec<Move> {
    let flat = |weights: &Weights| -> BTreeMap<(String, String), Weight> {
        weights
            .iter()
            .flat_map(|(service, regions)| {
                regions
                    .iter()
                    .map(|(region, weight)| ((service.to_string(), region.to_string()), *weight))
            })
            .collect()
    };
    let (from, to) = (flat(from), flat(to));
    let keys: BTreeSet<_> = from.keys().chain(to.keys()).collect();
    keys.into_iter()
        .filter(|key| from.get(*key) != to.get(*key))
        .map(|key| Move {
            what: key.0.clone(),
            region: key.1.clone(),
            from: from.get(key).copied(),
            to: to.get(key).copied(),
        })
        .collect()
}
