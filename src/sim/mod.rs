//! Many brains in one world under one seed, in virtual time and one thread.
//!
//! The brains are the real ones, the world is the one that `local` serves; what the simulator adds
//! is the passing of time: a queue of what arrives when. The same seed gives the same run, to the
//! byte. Invariants are judged as the run goes.

mod clients;
#[cfg(test)]
mod conformance;
mod facts;
mod ports;
mod reach;
mod setup;
mod signals;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::core::breakage::{Breakage, broken};
use crate::core::invariants::{Invariants, Violation};
use crate::core::view::View;
use crate::core::{
    Brain, CallId, Command, Event, Identity, Note, Outcome, ProbeId, Refusal, Request,
};
use crate::domain::observation::{Phases, ZoneStage};
use crate::domain::seat::BootId;
use crate::domain::{
    AgentId, CallFailure, Epoch, Fleet, Moment, ProbeFailure, RegionId, Sample, Target,
};
use crate::world::apps::Reaction;
use crate::world::client::Account;
use crate::world::fault::Fault;
use crate::world::log::{ClientKind, Entry};
use crate::world::network::Place;
use crate::world::wire::Treatment;
use crate::world::{World, generator};

use clients::SimClient;
use facts::Facts;
pub use facts::judge_log;
use ports::{Ports, ReadBefore};
use setup::Addresses;

/// Time between two requests of one client.
const CLIENT_EVERY: Duration = Duration::from_millis(200);

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// Everything that is drawn is drawn from this.
    pub seed: u64,
    /// How long a write to the board takes to another Region, give or take half of it.
    pub lag: Duration,
    /// Shortest and longest time until a change of records is on every name server.
    pub propagation: (Duration, Duration),
    /// One-way distance between two Regions.
    pub distance: Duration,
    /// Clients of each kind and service.
    pub clients_per_kind: u16,
}

impl Default for Options {
    /// As the fleet on loopback: near, with the board's usual second.
    fn default() -> Self {
        Self {
            seed: 1,
            lag: Duration::from_secs(1),
            propagation: (Duration::from_millis(300), Duration::from_millis(1500)),
            distance: Duration::from_millis(1),
            clients_per_kind: 4,
        }
    }
}

#[derive(Debug)]
enum Due {
    Wake { agent: AgentId, boot: BootId },
    Arrive { agent: AgentId, boot: BootId, call: CallId, deadline: Moment, request: Request },
    Land { agent: AgentId, boot: BootId, call: CallId, deadline: Moment, request: Request },
    Answer { agent: AgentId, boot: BootId, call: CallId, outcome: Outcome },
    Probe { agent: AgentId, boot: BootId, probe: ProbeId, target: Target, sent: Moment },
    Probed { agent: AgentId, boot: BootId, probe: ProbeId, sample: Sample },
    ClientTurn { client: usize },
    ClientEnd { client: usize, account: Account },
}

#[derive(Debug)]
struct SimAgent {
    region: RegionId,
    brain: Option<Brain>,
    boot: BootId,
    wake_at: Moment,
}

/// A run.
#[derive(Debug)]
pub struct Sim {
    fleet: Fleet,
    options: Options,
    now: Moment,
    world: World,
    addresses: Addresses,
    agents: BTreeMap<AgentId, SimAgent>,
    boots: u64,
    clients: Vec<SimClient>,
    queue: BTreeMap<(Moment, u64), Due>,
    queued: u64,
    jitter: Pcg64Mcg,
    read_before: ReadBefore,
    facts: Facts,
    invariants: Invariants,
    notes: Vec<(Moment, AgentId, Note)>,
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
        let addresses = setup::set_up(&mut world, &fleet, options.seed);
        let mut sim = Self {
            now: setup::READY_AT,
            facts: Facts::begin(&world, &fleet, setup::READY_AT),
            invariants: Invariants::new(&fleet),
            jitter: generator(options.seed, "sim/jitter"),
            agents: BTreeMap::new(),
            boots: 0,
            clients: Vec::new(),
            queue: BTreeMap::new(),
            queued: 0,
            notes: Vec::new(),
            read_before: ReadBefore::new(),
            world,
            addresses,
            fleet,
            options,
        };
        for region in sim.fleet.regions.clone() {
            let agent: AgentId = region.as_str().parse().expect("a Region's code is a valid name");
            let entry = SimAgent { region, brain: None, boot: BootId(0), wake_at: Moment::NEVER };
            sim.agents.insert(agent.clone(), entry);
            sim.start_agent(&agent);
        }
        sim.add_clients();
        sim
    }

    fn add_clients(&mut self) {
        let kinds = [ClientKind::Orderly, ClientKind::KeepsAlive, ClientKind::IgnoresTtl];
        for (id, service) in &self.fleet.services {
            for kind in kinds {
                for _ in 0..self.options.clients_per_kind {
                    let name = (&service.name).into();
                    let rtype = service.rtype.into();
                    self.clients.push(SimClient::new(id.clone(), name, rtype, kind));
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
        self.agents.get(agent)?.brain.as_ref().map(|brain| brain.view(self.now))
    }

    /// Who acts as leader now.
    #[must_use]
    pub fn leaders(&self) -> Vec<(AgentId, Epoch)> {
        self.agents
            .iter()
            .filter_map(|(agent, state)| {
                let inner = state.brain.as_ref()?.inner(self.now);
                let epoch = inner.leading?;
                (inner.acting && inner.lease_left_ms > 0).then(|| (agent.clone(), epoch))
            })
            .collect()
    }

    /// Whether the fleet is as it is on a quiet day: every agent alive, one of them acting as
    /// leader, all verdicts healthy, all records as wanted and on every name server.
    #[must_use]
    pub fn settled(&self) -> bool {
        let [(leader, _)] = &self.leaders()[..] else { return false };
        let Some(view) = self.view(leader) else { return false };
        self.agents.values().all(|agent| agent.brain.is_some())
            && view.leader.is_some_and(|leader| {
                !leader.zones.is_empty()
                    && leader.zones.values().all(|zone| zone.stage == ZoneStage::InStep)
            })
            && view.services.iter().flat_map(|service| &service.regions).all(|place| {
                place.verdict == crate::core::health::Verdict::Healthy
                    && place.actual == Some(place.share.0)
            })
    }

    /// Changes the world, or an agent.
    pub fn strike(&mut self, fault: &Fault) {
        match fault {
            Fault::KillAgent { agent } => {
                if let Some(state) = self.agents.get_mut(agent) {
                    state.brain = None;
                }
            }
            Fault::StartAgent { agent } => self.start_agent(agent),
            _ => {}
        }
        self.world.strike(self.now, fault);
    }

    fn start_agent(&mut self, agent: &AgentId) {
        self.boots += 1;
        let boot = BootId(self.boots);
        let offset = Duration::from_millis(self.jitter.random_range(0..1000));
        let start = self.now + offset;
        let Some(state) = self.agents.get_mut(agent) else { return };
        if state.brain.is_some() {
            return;
        }
        let identity = Identity { agent: agent.clone(), region: state.region.clone(), boot };
        let seed = self.options.seed.wrapping_mul(1_000_003).wrapping_add(self.boots);
        state.boot = boot;
        state.brain = Some(Brain::new(self.now, identity, self.fleet.clone(), seed));
        state.wake_at = start;
        self.enqueue(start, Due::Wake { agent: agent.clone(), boot });
    }

    fn enqueue(&mut self, at: Moment, due: Due) {
        assert!(at >= self.now, "nothing happens in the past");
        self.queued += 1;
        self.queue.insert((at, self.queued), due);
    }

    /// Runs until this moment.
    pub fn run_until(&mut self, until: Moment) {
        while let Some((&(at, _), _)) = self.queue.first_key_value()
            && at <= until
        {
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
        let Some(((at, _), due)) = self.queue.pop_first() else { return };
        self.now = at;
        match due {
            Due::Wake { agent, boot } => {
                if self.agents.get(&agent).is_some_and(|state| state.wake_at == at) {
                    self.tell(&agent, boot, Event::Tick);
                }
            }
            Due::Arrive { agent, boot, call, deadline, request } => {
                self.arrive(agent, boot, call, deadline, request);
            }
            Due::Land { agent, boot, call, deadline, request } => {
                self.land(agent, boot, call, deadline, request, None);
            }
            Due::Answer { agent, boot, call, outcome } => {
                self.tell(&agent, boot, Event::Answered { call, outcome });
            }
            Due::Probe { agent, boot, probe, target, sent } => {
                self.probe_arrives(agent, boot, probe, &target, sent);
            }
            Due::Probed { agent, boot, probe, sample } => {
                self.tell(&agent, boot, Event::Probed { probe, sample });
            }
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
        for (at, fact) in self.facts.next(self.now, &self.world) {
            self.invariants.judge(at, &fact);
        }
    }

    /// Steps a brain, and sends out what it commands. An event for an earlier run is dropped.
    fn tell(&mut self, agent: &AgentId, boot: BootId, event: Event) {
        let Some(state) = self.agents.get_mut(agent).filter(|state| state.boot == boot) else {
            return;
        };
        let Some(brain) = &mut state.brain else { return };
        let commands = brain.step(self.now, event);
        self.facts.stepped(self.now, (agent, boot), brain, &commands, |moment| moment);
        let wake = brain.next_wake().max(self.now + Duration::from_millis(1));
        if wake != state.wake_at && wake != Moment::NEVER {
            state.wake_at = wake;
            self.enqueue(wake, Due::Wake { agent: agent.clone(), boot });
        }
        for command in commands {
            match command {
                Command::Call { call, deadline, request } => {
                    self.send(agent, boot, call, deadline, request);
                }
                Command::Probe { probe, target } => self.send_probe(agent, boot, probe, target),
                Command::Note(note) => self.notes.push((self.now, agent.clone(), note)),
            }
        }
    }

    fn delay(&mut self, from: &Place, to: &Place) -> Option<Duration> {
        let path = self.world.network.path(from, to)?;
        let path_us = u64::try_from(path.as_micros()).unwrap_or(u64::MAX);
        let extra_us = self.jitter.random_range(0..=path_us / 5);
        Some(path + Duration::from_micros(extra_us))
    }

    fn place(&self, agent: &AgentId) -> Place {
        self.agents.get(agent).map_or(Place::Outside, |state| Place::Region(state.region.clone()))
    }

    fn lost(request_has_effect: bool) -> Outcome {
        let what = "no answer by the deadline".to_owned();
        let unknown = request_has_effect && !broken(Breakage::UnknownTakenAsFailed);
        Err(Refusal::Failed(if unknown {
            CallFailure::unknown(what)
        } else {
            CallFailure::transient(what)
        }))
    }

    fn send(
        &mut self,
        agent: &AgentId,
        boot: BootId,
        call: CallId,
        deadline: Moment,
        request: Request,
    ) {
        let (from, to) = (self.place(agent), ports::place_of(&request));
        let agent = agent.clone();
        match self.delay(&from, &to) {
            Some(delay) if self.now + delay < deadline => {
                let due = Due::Arrive { agent, boot, call, deadline, request };
                self.enqueue(self.now + delay, due);
            }
            _ => {
                let outcome = Self::lost(ports::has_effect(&request));
                self.enqueue(deadline, Due::Answer { agent, boot, call, outcome });
            }
        }
    }

    fn arrive(
        &mut self,
        agent: AgentId,
        boot: BootId,
        call: CallId,
        deadline: Moment,
        request: Request,
    ) {
        match self.world.wire.treat(&ports::seen(&request, agent.as_str())) {
            Some(Treatment::Delay { ms }) => {
                let at = self.now + Duration::from_millis(ms.into());
                if at >= deadline {
                    let outcome = Self::lost(ports::has_effect(&request));
                    let agent = agent.clone();
                    self.enqueue(deadline, Due::Answer { agent, boot, call, outcome });
                }
                self.enqueue(at, Due::Land { agent, boot, call, deadline, request });
            }
            treatment => self.land(agent, boot, call, deadline, request, treatment),
        }
    }

    /// Carries a request out as far as its treatment lets it, and sends the answer on its way. One
    /// that was held up beyond its deadline takes its effect all the same: its sender has been told
    /// that there is no answer.
    fn land(
        &mut self,
        agent: AgentId,
        boot: BootId,
        call: CallId,
        deadline: Moment,
        request: Request,
        treatment: Option<Treatment>,
    ) {
        let (from, to) = (self.place(&agent), ports::place_of(&request));
        let has_effect = ports::has_effect(&request);
        let ports = Ports {
            world: &mut self.world,
            now: self.now,
            caller: agent.as_str(),
            tables: &self.fleet.tables,
            read_before: &mut self.read_before,
        };
        let outcome = ports.treat(request, treatment);
        if self.now >= deadline {
            return;
        }
        match self.delay(&to, &from) {
            Some(delay) if self.now + delay < deadline => {
                self.enqueue(self.now + delay, Due::Answer { agent, boot, call, outcome });
            }
            _ => {
                let outcome = Self::lost(has_effect);
                self.enqueue(deadline.max(self.now), Due::Answer { agent, boot, call, outcome });
            }
        }
    }

    fn send_probe(&mut self, agent: &AgentId, boot: BootId, probe: ProbeId, target: Target) {
        let (from, to) = (self.place(agent), Place::Region(target.region.clone()));
        let timeout = self.timeout(&target);
        let (agent, sent) = (agent.clone(), self.now);
        match self.delay(&from, &to) {
            // Connecting and the TLS handshake take a round trip each, the request another way.
            Some(delay) if delay * 5 < timeout => {
                let due = Due::Probe { agent, boot, probe, target, sent };
                self.enqueue(self.now + delay * 5, due);
            }
            _ => {
                let sample = failed(ProbeFailure::ConnectTimeout, timeout);
                self.enqueue(self.now + timeout, Due::Probed { agent, boot, probe, sample });
            }
        }
    }

    fn timeout(&self, target: &Target) -> Duration {
        let spec = self.fleet.services.get(&target.service).map(|service| &service.probe);
        Duration::from_millis(spec.map_or(0, |spec| spec.timeout_ms.into()))
    }

    fn probe_arrives(
        &mut self,
        agent: AgentId,
        boot: BootId,
        probe: ProbeId,
        target: &Target,
        sent: Moment,
    ) {
        let (here, there) = (self.place(&agent), Place::Region(target.region.clone()));
        let timeout = self.timeout(target);
        let passed = self.now.since(sent);
        let latest = sent + timeout;
        let back = self.delay(&there, &here);
        let (at, sample) = match (self.world.apps.react(target), back) {
            (_, None) => (latest, failed(ProbeFailure::AnswerTimeout, timeout)),
            (Reaction::Refuse, Some(back)) => {
                (self.now + back, failed(ProbeFailure::Refused, passed + back))
            }
            (Reaction::Answer { status, after }, Some(back)) => {
                let total = passed + after + back;
                if total >= timeout {
                    (latest, failed(ProbeFailure::AnswerTimeout, timeout))
                } else {
                    let spec = self.fleet.services.get(&target.service).map(|s| &s.probe);
                    let right = spec.is_some_and(|spec| spec.accepts(status));
                    let late = spec.is_some_and(|spec| {
                        total > Duration::from_millis(spec.latency_ms_max.into())
                    });
                    let failure = match (right, late) {
                        (false, _) => Some(ProbeFailure::Status),
                        (true, true) => Some(ProbeFailure::Slow),
                        (true, false) => None,
                    };
                    (self.now + after + back, sample(failure, total))
                }
            }
        };
        self.enqueue(at.max(self.now), Due::Probed { agent, boot, probe, sample });
    }
}

fn sample(failure: Option<ProbeFailure>, total: Duration) -> Sample {
    let total_ms = u32::try_from(total.as_millis()).unwrap_or(u32::MAX);
    let phases = Phases { total_ms, ..Phases::default() };
    Sample { failure, phases, ..Sample::default() }
}

fn failed(failure: ProbeFailure, total: Duration) -> Sample {
    sample(Some(failure), total)
}

#[cfg(test)]
mod tests;
