//! The queue, and stepping the brains: what a run does from one event to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::core::invariants::{Invariants, Violation};
use crate::core::view::View;
use crate::core::{Brain, CallId, Command, Event, Identity, Note, Outcome, ProbeId, Request};
use crate::domain::gate::Gate;
use crate::domain::observation::ZoneStage;
use crate::domain::seat::BootId;
use crate::domain::{
    AgentId, Epoch, Fleet, GlobalClusterId, Moment, RecordSet, RegionId, Sample, Target, ZoneId,
};
use crate::world::client::Account;
use crate::world::fault::Fault;
use crate::world::log::{ClientKind, Entry};
use crate::world::network::Place;
use crate::world::{World, generator};

use super::Options;
use super::agents::{Pause, SimAgent};
use super::calls::OnItsWay;
use super::clients::SimClient;
use super::coverage::Coverage;
use super::facts::Facts;
use super::oracle::Oracle;
use super::ports::ReadBefore;
use super::queue::Queue;
use super::setup::{self, Addresses};
use super::ways;

/// Time between two requests of one client.
const CLIENT_EVERY: Duration = Duration::from_millis(200);

/// More events than this at one moment, and a run would never end. Whole fleets start or heal at one
/// moment with some hundred.
const AT_ONCE_MAX: u64 = 100_000;

/// Entries of a log that is not kept, before it is forgotten.
const LOG_MAX: usize = 256;

/// Something that is due, at somebody.
#[derive(Debug)]
pub(super) enum Due {
    Wake { agent: usize, boot: BootId },
    Depart { agent: usize, boot: BootId, call: CallId, deadline: Moment, request: Request },
    Arrive(Box<OnItsWay>),
    Answer { agent: usize, boot: BootId, call: CallId, outcome: Outcome },
    Probe { agent: usize, boot: BootId, probe: ProbeId, target: Target, sent: Moment },
    Probed { agent: usize, boot: BootId, probe: ProbeId, sample: Sample },
    ClientTurn { client: usize },
    ClientEnd { client: usize, account: Account },
    Checkers,
}

/// A run.
#[derive(Debug)]
pub struct Sim {
    pub(super) fleet: Fleet,
    pub(super) options: Options,
    pub(super) now: Moment,
    pub(super) world: World,
    pub(super) addresses: Addresses,
    pub(super) agents: Vec<SimAgent>,
    boots: u64,
    clients: Vec<SimClient>,
    queue: Queue<Due>,
    pub(super) jitter: Pcg64Mcg,
    pub(super) read_before: ReadBefore,
    pub(super) facts: Facts,
    /// Requests to move a writer that are on their way, by cluster.
    pub(super) moves: BTreeMap<GlobalClusterId, usize>,
    pub(super) invariants: Invariants,
    pub(super) notes: Vec<(Moment, AgentId, Note)>,
    pub(super) coverage: Coverage,
    pub(super) oracle: Oracle,
    /// Changes of zones that the log has forgotten.
    pub(super) changed: Vec<Entry>,
    /// Requests to Route 53 that have arrived, by operation.
    pub(super) route53_requests: BTreeMap<String, u64>,
    /// How many events there were.
    pub(super) events: u64,
    /// How many of them at the present moment.
    at_once: u64,
    /// When time stood still: the agents had ever more to do at one moment.
    pub(super) stood_still: Option<Moment>,
    /// Weights that were edited by hand.
    pub(super) edits: u64,
    /// Orders that people gave.
    pub(super) orders: u64,
    /// Fences that somebody replaced by hand, to be put back.
    pub(super) taken_out: BTreeMap<ZoneId, RecordSet>,
    /// The health checks that records carry, by gate.
    pub(super) checks: BTreeMap<Gate, String>,
    /// Gates that name servers take for shut.
    pub(super) shut: BTreeSet<Gate>,
}

impl Sim {
    /// A fleet as `init` leaves it, with one agent in each Region, about to start.
    #[must_use]
    pub fn new(fleet: Fleet, options: Options) -> Self {
        let mut world = World::new(options.seed, fleet.regions.iter().cloned());
        world.route53.set_propagation(options.propagation.0, options.propagation.1);
        for a in &fleet.regions {
            for b in fleet.regions.iter().filter(|b| *b != a) {
                world.dynamo.set_lag(a, b, options.lag);
                let (a, b) = (Place::Region(a.clone()), Place::Region(b.clone()));
                world.network.set_distance(&a, &b, options.distance);
            }
        }
        let (addresses, checks) = setup::set_up(&mut world, &fleet, options.seed);
        let mut sim = Self {
            now: setup::READY_AT,
            facts: Facts::begin(&world, &fleet, setup::READY_AT),
            invariants: Invariants::new(&fleet),
            jitter: generator(options.seed, "sim/jitter"),
            agents: Vec::new(),
            boots: 0,
            clients: Vec::new(),
            queue: Queue::default(),
            notes: Vec::new(),
            coverage: Coverage::new(fleet.seats.len()),
            oracle: Oracle::new(fleet.seats.len()),
            changed: Vec::new(),
            route53_requests: BTreeMap::new(),
            events: 0,
            at_once: 0,
            stood_still: None,
            edits: 0,
            orders: 0,
            moves: BTreeMap::new(),
            taken_out: BTreeMap::new(),
            shut: BTreeSet::new(),
            checks,
            read_before: ReadBefore::default(),
            world,
            addresses,
            fleet,
            options,
        };
        for region in sim.fleet.regions.clone() {
            let agent: AgentId = region.as_str().parse().expect("a Region's code is a valid name");
            sim.agents.push(SimAgent::new(agent, region, sim.fleet.clone()));
            sim.start_agent(sim.agents.len() - 1);
        }
        sim.add_clients();
        sim.let_checkers_ask();
        sim
    }

    fn add_clients(&mut self) {
        let kinds = [ClientKind::Orderly, ClientKind::KeepsAlive, ClientKind::IgnoresTtl];
        for (id, service) in &self.fleet.services {
            for kind in kinds {
                for _ in 0..self.options.clients_per_kind {
                    let name = (&service.name).into();
                    let rtype = service.rtype.into();
                    let to = self.fleet.written_by(service);
                    let client = SimClient::new(id.clone(), name, rtype, kind);
                    self.clients.push(client.writing(to, self.clients.len()));
                }
            }
        }
        for client in 0..self.clients.len() {
            let offset_ms = self.jitter.random_range(0..200);
            let at = self.now + Duration::from_millis(offset_ms);
            self.enqueue(at, Due::ClientTurn { client });
        }
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The fleet.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The world, for those who look.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The world, for those who meddle: a hand edit, a throttle.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Where applications listen: whose, and in which Region.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Every agent's Region.
    #[must_use]
    pub fn places(&self) -> BTreeMap<AgentId, RegionId> {
        self.agents.iter().map(|agent| (agent.id.clone(), agent.region.clone())).collect()
    }

    /// Requests to Route 53's API that have arrived, by operation.
    #[must_use]
    pub fn route53_requests(&self) -> BTreeMap<String, u64> {
        let mut requests = self.route53_requests.clone();
        // Questions to name servers are not its API's.
        requests.remove(ways::DNS);
        requests
    }

    /// What happened.
    #[must_use]
    pub fn log(&self) -> &[Entry] {
        self.world.log.entries()
    }

    /// What the brains said, and when.
    #[must_use]
    pub fn notes(&self) -> &[(Moment, AgentId, Note)] {
        &self.notes
    }

    /// Invariants that were broken.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.invariants.broken()
    }

    /// The fleet as an agent sees it; none while it is dead.
    #[must_use]
    pub fn view(&self, agent: &AgentId) -> Option<View> {
        let agent = &self.agents[self.agent(agent)?];
        agent.brain.as_ref().map(|brain| brain.view(agent.clock.read(self.now)))
    }

    pub(super) fn agent(&self, id: &AgentId) -> Option<usize> {
        self.agents.iter().position(|agent| agent.id == *id)
    }

    /// Who acts as leader now.
    #[must_use]
    pub fn leaders(&self) -> Vec<(AgentId, Epoch)> {
        let acting = |agent: &SimAgent| Some((agent.id.clone(), agent.acts(self.now)?));
        self.agents.iter().filter_map(acting).collect()
    }

    /// Whether the fleet is as it is on a quiet day: every agent alive, one of them acting as
    /// leader, all verdicts healthy, all records as wanted and on every name server. Of a failover
    /// pair the records don't say whether the secondary is in service: it must be so by decision.
    #[must_use]
    pub fn settled(&self) -> bool {
        let [(leader, _)] = &self.leaders()[..] else { return false };
        let Some(view) = self.view(leader) else { return false };
        self.agents.iter().all(|agent| agent.brain.is_some() || agent.stands_in)
            && view.leader.is_some_and(|leader| {
                !leader.zones.is_empty()
                    && leader.zones.values().all(|zone| zone.stage == ZoneStage::InStep)
            })
            && view.services.iter().all(|service| {
                let Some(spec) = self.fleet.services.get(&service.service) else { return false };
                service.regions.iter().all(|place| {
                    let declared = spec.regions.get(&place.region).map(|at| at.weight);
                    place.verdict == crate::core::health::Verdict::Healthy
                        && place.actual == Some(place.share.0)
                        && place.committed.is_none_or(|committed| Some(committed) == declared)
                })
            })
    }

    /// Changes the world, or an agent.
    pub fn strike(&mut self, fault: &Fault) {
        match fault {
            Fault::KillAgent { agent } => {
                if let Some(agent) = self.agent(agent) {
                    self.kill_agent(agent);
                }
            }
            Fault::StartAgent { agent } => {
                if let Some(agent) = self.agent(agent) {
                    self.start_agent(agent);
                }
            }
            _ => {}
        }
        self.world.strike(self.now, fault);
    }

    pub(super) fn kill_agent(&mut self, agent: usize) {
        let agent = &mut self.agents[agent];
        agent.brain = None;
        agent.mandate = None;
        agent.pause = None;
    }

    pub(super) fn start_agent(&mut self, agent: usize) {
        self.boots += 1;
        let boot = BootId(self.boots);
        let offset = Duration::from_millis(self.jitter.random_range(0..1000));
        let start = self.now + offset;
        let seed = self.options.seed.wrapping_mul(1_000_003).wrapping_add(self.boots);
        let state = &mut self.agents[agent];
        if state.brain.is_some() {
            return;
        }
        let identity = Identity { agent: state.id.clone(), region: state.region.clone(), boot };
        let local = state.clock.read(self.now);
        state.boot = boot;
        let brain = Brain::new(local, identity, state.fleet.clone(), seed);
        state.brain = Some(if state.stands_in { brain.standing_in() } else { brain });
        state.wake_at = start;
        self.enqueue(start, Due::Wake { agent, boot });
    }

    /// A person's command line begins to stand in for the agents; how to call it from then on.
    #[cfg(test)]
    pub(super) fn stand_in(&mut self) -> AgentId {
        let id = AgentId::try_from("break-glass.ada".to_owned()).expect("letters");
        self.agents.push(SimAgent::outsider(id.clone(), self.fleet.clone()));
        self.start_agent(self.agents.len() - 1);
        id
    }

    /// Stops an agent where it is, with its memory.
    pub(super) fn pause_agent(&mut self, agent: usize, drops: bool) {
        let agent = &mut self.agents[agent];
        if agent.brain.is_some() && agent.pause.is_none() {
            agent.pause = Some(Pause { drops, waiting: Vec::new() });
        }
    }

    /// Lets it go on: what waited for it comes first, in order.
    pub(super) fn resume_agent(&mut self, agent: usize) {
        let Some(pause) = self.agents[agent].pause.take() else { return };
        if self.agents[agent].mandate.is_some_and(|(_, end)| end <= self.now) {
            self.coverage.count("a leader woke up after its lease");
        }
        for due in pause.waiting {
            self.enqueue(self.now, due);
        }
        self.wake_anew(agent, self.now);
    }

    /// Sets the next wake-up, after the agent's clock was changed or it was paused.
    pub(super) fn wake_anew(&mut self, agent: usize, at: Moment) {
        let boot = self.agents[agent].boot;
        self.agents[agent].wake_at = at;
        self.enqueue(at, Due::Wake { agent, boot });
    }

    pub(super) fn enqueue(&mut self, at: Moment, due: Due) {
        assert!(at >= self.now, "nothing happens in the past");
        self.queue.put(at, due);
    }

    /// Runs until this moment.
    pub fn run_until(&mut self, until: Moment) {
        while self.stood_still.is_none() && self.queue.next_at().is_some_and(|at| at <= until) {
            self.next();
        }
        self.now = self.now.max(until);
    }

    /// Runs until the condition holds, or until this moment; whether it holds.
    pub fn run_until_that(
        &mut self,
        until: Moment,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> bool {
        let step = Duration::from_millis(50);
        while self.now < until {
            if condition(self) {
                return true;
            }
            self.run_until(self.now + step);
        }
        condition(self)
    }

    fn next(&mut self) {
        let Some((at, due)) = self.queue.take() else { return };
        self.at_once = if at == self.now { self.at_once + 1 } else { 0 };
        if self.at_once > AT_ONCE_MAX {
            self.stood_still = Some(at);
        }
        self.now = at;
        self.events += 1;
        let Some(due) = self.unless_paused(due) else { return };
        match due {
            Due::Wake { agent, boot } => {
                if self.agents[agent].wake_at == at {
                    self.tell(agent, boot, Event::Tick);
                }
            }
            Due::Depart { agent, boot, call, deadline, request } => {
                self.depart(agent, boot, call, deadline, request);
            }
            Due::Arrive(on_its_way) => self.arrive(*on_its_way),
            Due::Answer { agent, boot, call, outcome } => {
                self.tell(agent, boot, Event::Answered { call, outcome });
            }
            Due::Probe { agent, boot, probe, target, sent } => {
                self.probe_arrives(agent, boot, probe, &target, sent);
            }
            Due::Probed { agent, boot, probe, sample } => {
                self.tell(agent, boot, Event::Probed { probe, sample });
            }
            Due::Checkers => self.let_checkers_ask(),
            Due::ClientTurn { client } => {
                let (account, took) =
                    self.clients[client].turn(self.now, &mut self.world, &self.addresses);
                self.enqueue(self.now + took, Due::ClientEnd { client, account });
            }
            Due::ClientEnd { client, account } => {
                let happening = self.clients[client].ended(account);
                self.world.log.add(self.now, happening);
                self.enqueue(self.now + CLIENT_EVERY, Due::ClientTurn { client });
            }
        }
        self.judge_facts();
    }

    /// Judges what was written since the last look.
    pub(super) fn judge_facts(&mut self) {
        for (at, fact) in self.facts.next(self.now, &self.world) {
            self.coverage.fact(&fact);
            self.oracle.fact(&fact);
            self.invariants.judge(at, &fact);
        }
        if !self.options.keep_log && self.world.log.entries().len() >= LOG_MAX {
            self.facts.forget();
            let entries = self.world.log.forget();
            self.changed.extend(entries.into_iter().filter(|entry| entry.is_of_a_zone()));
        }
    }

    /// Keeps what reaches a paused agent until it goes on, or loses it.
    fn unless_paused(&mut self, due: Due) -> Option<Due> {
        let (agent, boot) = match &due {
            Due::Wake { agent, boot }
            | Due::Depart { agent, boot, .. }
            | Due::Answer { agent, boot, .. }
            | Due::Probed { agent, boot, .. } => (*agent, *boot),
            Due::Arrive(_)
            | Due::Probe { .. }
            | Due::ClientTurn { .. }
            | Due::ClientEnd { .. }
            | Due::Checkers => return Some(due),
        };
        let state = &mut self.agents[agent];
        if state.boot != boot {
            return None;
        }
        let Some(pause) = &mut state.pause else { return Some(due) };
        if !pause.drops && !matches!(due, Due::Wake { .. }) {
            pause.waiting.push(due);
        }
        None
    }

    /// Steps a brain, and sends out what it commands. An event for an earlier run is dropped.
    fn tell(&mut self, agent: usize, boot: BootId, event: Event) {
        let state = &mut self.agents[agent];
        if state.boot != boot {
            return;
        }
        let Some(brain) = &mut state.brain else { return };
        let local = state.clock.read(self.now);
        let mut commands = brain.step(local, event);
        if let Some(unix_ms) = state.wall_ms.take() {
            commands.extend(brain.step(local, Event::WallClock { unix_ms }));
        }
        let in_true = |local| state.clock.when(local);
        self.facts.stepped(self.now, (&state.id, boot), brain, &commands, in_true);
        let wake = brain.next_wake();
        let wake = state.clock.when(wake).max(self.now + Duration::from_millis(1));
        if state.mandate.is_some() || brain.acting() {
            state.note_mandate(self.now);
            self.watch_acting(agent);
        }
        let state = &mut self.agents[agent];
        if wake != state.wake_at && wake != Moment::NEVER {
            state.wake_at = wake;
            self.enqueue(wake, Due::Wake { agent, boot });
        }
        for command in commands {
            match command {
                Command::Call { call, deadline, request } => {
                    self.send(agent, boot, call, deadline, request);
                }
                Command::Probe { probe, target } => self.send_probe(agent, boot, probe, target),
                Command::Note(note) => self.hear(agent, note),
            }
        }
    }

    /// Notes whether others act while this agent does, in true time.
    pub(super) fn watch_acting(&mut self, agent: usize) {
        let acts = |other: &SimAgent| other.acts(self.now).is_some();
        let one = &self.agents[agent];
        let alone =
            !acts(one) || !self.agents.iter().any(|other| other.id != one.id && acts(other));
        if alone {
            return;
        }
        self.coverage.count("two acted at once, their clocks beyond the margin");
    }

    fn hear(&mut self, agent: usize, note: Note) {
        let id = self.agents[agent].id.clone();
        self.coverage.note(&note);
        self.oracle.told(self.now, &id, &note);
        self.notes.push((self.now, id, note));
    }
}
