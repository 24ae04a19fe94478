//! What people see of a fleet: one picture, whoever draws it.
//!
//! An agent draws it from what its brain knows; `regent status` draws the same picture from the
//! tables alone, so that it can be had when every agent is dead.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::DatabaseId;
use crate::domain::answers::AnswersReport;
use crate::domain::gate::Gate;
use crate::domain::health_check::CheckSight;
use crate::domain::observation::{Cell, DatabaseReport, GateReport, ProbingReport, ZoneReport};
use crate::domain::seat::Seat;
use crate::domain::signal::ServiceSignals;
use crate::domain::steering::Steering;
use crate::domain::{
    AgentId, CellState, Epoch, Fleet, Moment, Preflight, RegionId, ServiceId, StateName, Target,
    Weight, ZoneId,
};

use super::explain::{Change, State};
use super::health::{Ballots, Row, Verdict, Vote, signals_of};
use super::runs::view::RunView;
use super::{Brain, gates};

/// A seat as it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatView {
    /// Whose.
    pub region: RegionId,
    /// Its epoch, holder and pointer; none if it could not be read.
    pub epoch: Option<Epoch>,
    /// Who took it last.
    pub holder: Option<AgentId>,
    /// The control state that it points to.
    pub committed: Option<StateName>,
    /// Why it counts for nothing, if so.
    pub trouble: Option<String>,
}

/// The control state in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateView {
    /// Its name.
    pub name: StateName,
    /// Who proposed it.
    pub by: AgentId,
    /// When, by the proposer's wall clock.
    pub at: String,
    /// What it changed, and why.
    pub changes: Vec<Change>,
    /// What people have ordered, and what is asked of them.
    #[serde(default, skip_serializing_if = "Steering::is_empty")]
    pub steering: Steering,
    /// Runs of runbooks: those under way, and the last ones that ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runs: BTreeMap<String, RunView>,
}

/// A service in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementView {
    /// Where.
    pub region: RegionId,
    /// The weight of the record while all is well.
    pub share: Weight,
    /// The weight that the record is to have by what is committed.
    pub wanted: Option<Weight>,
    /// The committed weight itself: of a failover pair, the Region that stands by has one too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Weight>,
    /// The weight in the record, if it was read.
    pub actual: Option<u8>,
    /// How it is.
    pub verdict: Verdict,
    /// For `down` and `cut_off`: for how long a majority has had it failing, in milliseconds.
    pub failing_ms: u64,
    /// Each Region's vote.
    pub votes: BTreeMap<RegionId, Vote>,
    /// What AWS says of it, as the Region's own agent reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<ServiceSignals>,
    /// Probes of this fleet that reach it in a minute, told beside the requests that still arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes_per_minute: Option<u64>,
}

impl PlacementView {
    /// Requests a minute that still arrive, where none are meant to and beside the fleet's own
    /// probes; none while it is not known. Once it is 0, the Region is drained of this service.
    #[must_use]
    pub fn left_over(&self) -> Option<u64> {
        let arriving = self.signals.as_ref()?.arriving?;
        let probes = self.probes_per_minute?;
        // A load balancer that tells of no request while the probes reach it counts elsewhere.
        if arriving.minute_unix_s.is_none() && probes > 0 {
            return None;
        }
        // Probes are at regular times, and a minute begins between two of them: one more or less of
        // each observer, and some for first failures that were asked again.
        let expected = probes + probes / 10;
        Some(arriving.per_minute.saturating_sub(expected))
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceView {
    /// Which.
    pub service: ServiceId,
    /// Its record's name and type.
    pub record: String,
    /// Its Regions.
    pub regions: Vec<PlacementView>,
}

/// An observer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserverView {
    /// Who.
    pub agent: AgentId,
    /// Where.
    pub region: RegionId,
    /// Milliseconds since its report was seen to rise (or, drawn from the tables alone, since it
    /// was written by its own clock); none if it never was.
    pub age_ms: Option<u64>,
    /// Whether its votes count.
    pub fresh: bool,
    /// Whether its off switch is set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// What it says of its probes as a whole.
    #[serde(default, skip_serializing_if = "ProbingReport::is_empty")]
    pub probing: ProbingReport,
    /// What it last found in the way of a failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
}

/// A cell with its place in the matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellView {
    /// Who sees.
    pub observer: AgentId,
    /// What.
    #[serde(flatten)]
    pub target: Target,
    /// The opinion.
    #[serde(flatten)]
    pub cell: Cell,
}

/// A gate, and who shuts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// Which.
    pub gate: Gate,
    /// Whether the control state in force closes it; none if that is not known.
    pub wanted_closed: Option<bool>,
    /// Agents that show it closed, of those that are heard from and don't stand in its Region.
    pub closed_by: Vec<AgentId>,
    /// Agents of other Regions that are not heard from: what they show is not known.
    pub unknown: Vec<AgentId>,
    /// Regions that must show it closed.
    pub closers: u16,
    /// Whether enough do.
    pub shut: bool,
    /// What Route 53's checkers last saw in each Region, as the leader read it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<RegionId, CheckSight>,
}

/// The leader as the seats show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderView {
    /// Who.
    pub agent: AgentId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The seats that show it.
    pub seats: Vec<RegionId>,
    /// Each zone, as it says itself.
    pub zones: BTreeMap<ZoneId, ZoneReport>,
    /// What it would do but can't, and why.
    pub blocked: Vec<String>,
    /// Each database, as it says itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<DatabaseId, DatabaseReport>,
    /// What name servers answer for each service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<ServiceId, AnswersReport>,
    /// What each step that is under way waits for, by run and step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waits: BTreeMap<String, BTreeMap<String, String>>,
}

/// The whole picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The fleet's name.
    pub fleet: String,
    /// When it was drawn, by the drawer's wall clock.
    pub at: String,
    /// Seats that make a majority.
    pub majority: usize,
    /// The leader, if a majority of seats shows one.
    pub leader: Option<LeaderView>,
    /// The seats.
    pub seats: Vec<SeatView>,
    /// The control state in force, if it is known.
    pub state: Option<StateView>,
    /// The services.
    pub services: Vec<ServiceView>,
    /// The observers.
    pub observers: Vec<ObserverView>,
    /// The observer × target matrix.
    pub matrix: Vec<CellView>,
    /// The gates, if the fleet has some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateView>,
    /// What could not be read, when it was drawn from the tables.
    pub troubles: Vec<String>,
}

/// A seat for the picture: what it shows, or why it counts for nothing.
#[derive(Debug, Clone)]
pub struct SeatSource {
    /// Whose.
    pub region: RegionId,
    /// What it shows.
    pub seat: Option<Seat>,
    /// Why it counts for nothing.
    pub trouble: Option<String>,
}

/// An observer for the picture.
#[derive(Debug, Clone)]
pub struct ObserverSource<'a> {
    /// Its newest report's row.
    pub row: Row<'a>,
    /// See [`ObserverView::age_ms`].
    pub age_ms: Option<u64>,
    /// Whether its votes count.
    pub fresh: bool,
    /// Whether its off switch is set.
    pub off: bool,
    /// What it says of its probes as a whole.
    pub probing: ProbingReport,
    /// What it says of its gates.
    pub gates: Option<GateReport>,
    /// What it last found in the way of a failover.
    pub preflight: Option<Preflight>,
    /// What it says of its leading.
    pub leading: Option<&'a crate::domain::observation::LeaderReport>,
}

/// What a picture is drawn from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The fleet as configured.
    pub fleet: &'a Fleet,
    /// The drawer's wall clock.
    pub at: String,
    /// The seats.
    pub seats: Vec<SeatSource>,
    /// The control state in force.
    pub state: Option<&'a State>,
    /// The observers.
    pub observers: Vec<ObserverSource<'a>>,
    /// Weights in the records by service and Region.
    pub actual: BTreeMap<(ServiceId, RegionId), u8>,
    /// What could not be read.
    pub troubles: Vec<String>,
}

/// Probes that reach a target in a minute: those of the Regions that find it answering.
fn probes_per_minute(fleet: &Fleet, votes: &BTreeMap<RegionId, Vote>) -> u64 {
    let reaching = votes.values().filter(|vote| **vote == Vote::Up).count();
    let each = 60_000 / u64::from(fleet.timing.probe_interval_ms.max(1));
    u64::try_from(reaching).unwrap_or(u64::MAX).saturating_mul(each)
}

/// Draws the picture.
#[must_use]
pub fn draw(sources: Sources<'_>) -> View {
    let fleet = sources.fleet;
    let rows: Vec<Row<'_>> = sources
        .observers
        .iter()
        .filter(|observer| observer.fresh)
        .map(|observer| observer.row.clone())
        .collect();
    let targets = fleet.targets();
    let ballots = Ballots::count(&rows, &fleet.regions, &targets);
    let placement = |service: &ServiceId, region: &RegionId, share: Weight| {
        let target = Target { region: region.clone(), service: service.clone() };
        let judged = ballots.judge(&target).expect("every placement is a target");
        let spec = fleet.services.get(service);
        let committed = sources.state.and_then(|state| state.wanted.get(service));
        let wanted = spec.zip(committed).map(|(spec, wanted)| spec.record_shares(wanted));
        let signals = signals_of(&rows, &target).next();
        PlacementView {
            region: region.clone(),
            share,
            wanted: wanted.and_then(|wanted| wanted.get(region).copied()),
            committed: committed.and_then(|committed| committed.get(region).copied()),
            actual: sources.actual.get(&(service.clone(), region.clone())).copied(),
            verdict: judged.verdict,
            failing_ms: judged.failing_ms,
            probes_per_minute: signals
                .is_some_and(|signals| signals.arriving.is_some())
                .then(|| probes_per_minute(fleet, &judged.votes)),
            votes: judged.votes,
            signals: signals.cloned(),
        }
    };
    let services = fleet
        .services
        .iter()
        .map(|(service, spec)| {
            let declared =
                spec.regions.iter().map(|(region, place)| (region.clone(), place.weight));
            let shares = spec.record_shares(&declared.collect());
            let placed = shares.iter().map(|(region, share)| placement(service, region, *share));
            ServiceView {
                service: service.clone(),
                record: spec.key().to_string(),
                regions: placed.collect(),
            }
        })
        .collect();
    let mut view = View {
        fleet: fleet.name.to_string(),
        at: sources.at.clone(),
        majority: fleet.seat_majority(),
        leader: leader(&sources),
        seats: sources.seats.iter().map(seat_view).collect(),
        state: sources.state.map(|state| StateView {
            name: state.name,
            by: state.by.clone(),
            at: state.at.clone(),
            changes: state.cause.changes().to_vec(),
            steering: state.steering.clone(),
            runs: state
                .runs
                .iter()
                .map(|(name, kept)| {
                    let drawn = RunView::of(name, kept, &state.runs, &sources.at);
                    (name.clone(), drawn)
                })
                .collect(),
        }),
        services,
        observers: sources
            .observers
            .iter()
            .map(|observer| ObserverView {
                agent: observer.row.agent.clone(),
                region: observer.row.region.clone(),
                age_ms: observer.age_ms,
                fresh: observer.fresh,
                off: observer.off,
                probing: observer.probing.clone(),
                preflight: observer.preflight.clone(),
            })
            .collect(),
        matrix: sources.observers.iter().flat_map(cell_views).collect(),
        gates: gate_views(&sources),
        troubles: sources.troubles,
    };
    view.tell_waits();
    view
}

impl View {
    /// Tells with each step what the leader says that it waits for.
    fn tell_waits(&mut self) {
        let (Some(leader), Some(state)) = (&self.leader, &mut self.state) else { return };
        for (name, steps) in &leader.waits {
            let Some(run) = state.runs.get_mut(name) else { continue };
            for step in run.steps.iter_mut().filter(|step| step.status.is_under_way()) {
                step.waits_for = steps.get(&step.step).cloned();
            }
        }
    }
}

fn gate_views(sources: &Sources<'_>) -> Vec<GateView> {
    let Some(gates) = &sources.fleet.gates else { return Vec::new() };
    let wanted = sources.state.map(|state| gates::closed(sources.fleet, &state.wanted));
    let one = |gate: Gate| {
        let others = || {
            let elsewhere = |observer: &&ObserverSource<'_>| {
                let region = observer.row.region;
                *region != gate.region && gates.endpoints.contains_key(region)
            };
            sources.observers.iter().filter(elsewhere)
        };
        let closes = |observer: &&ObserverSource<'_>| {
            let says = observer.gates.as_ref().filter(|_| observer.fresh);
            says.is_some_and(|says| says.closed.contains(&gate))
        };
        let name = |observer: &ObserverSource<'_>| observer.row.agent.clone();
        let closing: BTreeSet<&RegionId> =
            others().filter(closes).map(|observer| observer.row.region).collect();
        GateView {
            wanted_closed: wanted.as_ref().map(|wanted| wanted.contains(&gate)),
            closed_by: others().filter(closes).map(name).collect(),
            unknown: others().filter(|observer| !observer.fresh).map(name).collect(),
            closers: gates.closers,
            shut: gates::answers::shut(gates.closers, closing.len()),
            seen: seen(sources, &gate),
            gate,
        }
    };
    gates::all(sources.fleet).into_iter().map(one).collect()
}

/// What checkers see of a gate: only a leader asks, and of two that did the later one counts.
fn seen(sources: &Sources<'_>, gate: &Gate) -> BTreeMap<RegionId, CheckSight> {
    let told = sources.observers.iter().filter(|observer| observer.fresh);
    let told = told.filter_map(|observer| observer.preflight.as_ref());
    let newest = told.filter(|found| found.sights.contains_key(gate)).max_by_key(|found| &found.at);
    newest.and_then(|found| found.sights.get(gate)).cloned().unwrap_or_default()
}

fn seat_view(source: &SeatSource) -> SeatView {
    let seat = source.seat.as_ref();
    SeatView {
        region: source.region.clone(),
        epoch: seat.map(|seat| seat.epoch),
        holder: seat.and_then(|seat| seat.holder.clone()),
        committed: seat.map(|seat| seat.committed.name),
        trouble: source.trouble.clone(),
    }
}

fn cell_views<'a>(observer: &'a ObserverSource<'a>) -> impl Iterator<Item = CellView> + 'a {
    observer.row.cells.iter().map(|(target, cell)| CellView {
        observer: observer.row.agent.clone(),
        target: target.clone(),
        cell: if observer.fresh {
            cell.clone()
        } else {
            Cell { state: CellState::Unknown, ..cell.clone() }
        },
    })
}

/// The holder that a majority of seats shows under one epoch. That it *holds* them says nothing of
/// its lease: a dead leader's name stands there until somebody else takes the seats.
fn leader(sources: &Sources<'_>) -> Option<LeaderView> {
    let mut held: BTreeMap<(Epoch, &AgentId), Vec<RegionId>> = BTreeMap::new();
    for source in sources.seats.iter().filter(|source| source.trouble.is_none()) {
        if let Some(seat) = &source.seat
            && let Some(holder) = &seat.holder
        {
            held.entry((seat.epoch, holder)).or_default().push(source.region.clone());
        }
    }
    let ((epoch, agent), seats) =
        held.into_iter().find(|(_, seats)| seats.len() >= sources.fleet.seat_majority())?;
    let report = sources
        .observers
        .iter()
        .filter(|observer| observer.row.agent == agent)
        .find_map(|observer| observer.leading.filter(|leading| leading.epoch == epoch));
    Some(LeaderView {
        agent: agent.clone(),
        epoch,
        seats,
        zones: report.map(|report| report.zones.clone()).unwrap_or_default(),
        blocked: report.map(|report| report.blocked.clone()).unwrap_or_default(),
        databases: report.map(|report| report.databases.clone()).unwrap_or_default(),
        answers: report.map(|report| report.answers.clone()).unwrap_or_default(),
        waits: report.map(|report| report.waits.clone()).unwrap_or_default(),
    })
}

/// What only the agent itself knows: for its own metrics and readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inner {
    /// The epoch under which it leads, if it does.
    pub leading: Option<Epoch>,
    /// Whether it has committed under that epoch, and so acts.
    pub acting: bool,
    /// What is left of its lease, in milliseconds.
    pub lease_left_ms: u64,
    /// Seats heard from within the last lease.
    pub seats_heard: usize,
}

impl Brain {
    /// The fleet as this brain knows it.
    #[must_use]
    pub fn view(&self, now: Moment) -> View {
        let stale_ms = u64::from(self.fleet.timing.stale_ms);
        let own = ObserverSource {
            row: Row {
                agent: &self.identity.agent,
                region: &self.identity.region,
                cells: self.probing.cells(),
                signals: self.signals.shown(),
                age_ms: 0,
            },
            age_ms: Some(0),
            fresh: true,
            off: self.off,
            probing: self.probing.report(now, self.wall_unix_ms(now) / 1000),
            gates: self.fleet.gates.as_ref().map(|_| self.gates.position().report(now)),
            preflight: self.preflight.clone(),
            leading: None,
        };
        let others = self.gathering.ages(now, self.fleet.timing.stale_ms).map(|(report, age)| {
            let age_ms = age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
            ObserverSource {
                row: Row {
                    agent: &report.agent,
                    region: &report.region,
                    cells: &report.cells,
                    signals: &report.signals,
                    age_ms: age_ms.unwrap_or(0),
                },
                age_ms,
                fresh: age_ms.is_some_and(|age_ms| age_ms < stale_ms),
                off: report.off,
                probing: report.probing.clone(),
                gates: report.gates.clone(),
                preflight: report.preflight.clone(),
                leading: report.leading.as_ref(),
            }
        });
        let mut view = draw(Sources {
            fleet: &self.fleet,
            at: self.wall(now),
            seats: self
                .election
                .shown()
                .map(|(region, seat, lost)| SeatSource {
                    region: region.clone(),
                    seat: seat.cloned(),
                    trouble: lost.map(|lost| lost.to_string()),
                })
                .collect(),
            state: self.journal.committed().map(|entry| &entry.state),
            observers: std::iter::once(own).chain(others).collect(),
            actual: self.actual(),
            troubles: Vec::new(),
        });
        if let Some(leader) = &mut view.leader
            && self.election.leading() == Some(leader.epoch)
        {
            leader.zones = self.zones_shown();
            leader.blocked = self.blocked.iter().map(ToString::to_string).collect();
            leader.databases = self.databases_shown(now);
            leader.answers = self.answers_shown();
            leader.waits = self.runs_wait(now);
            view.tell_waits();
        }
        view
    }

    /// What only this agent knows of itself.
    #[must_use]
    pub fn inner(&self, now: Moment) -> Inner {
        let lease = std::time::Duration::from_millis(u64::from(self.fleet.timing.lease_ms));
        let left =
            self.election.lease_end().map_or(std::time::Duration::ZERO, |end| end.since(now));
        // Asked between the lease's end and the step that notices it: the brain does not act on such
        // a lease, and doesn't claim to lead by it either.
        let leads = !left.is_zero();
        Inner {
            leading: self.election.leading().filter(|_| leads),
            acting: self.acting() && leads,
            lease_left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            seats_heard: self.election.heard_since(now - lease),
        }
    }

    /// Weights as this leader last read them in the records.
    fn actual(&self) -> BTreeMap<(ServiceId, RegionId), u8> {
        let mut actual = BTreeMap::new();
        for (service, spec) in &self.fleet.services {
            let Some(zone) = self.zones.get(&spec.zone) else { continue };
            for region in spec.regions.keys() {
                let place = (spec.key(), region.to_string());
                if let Some(weight) = zone.actual.get(&place) {
                    actual.insert((service.clone(), region.clone()), *weight);
                }
            }
        }
        actual
    }
}
