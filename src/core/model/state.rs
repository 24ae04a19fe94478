//! One state of the model: brains, world, calls in flight, faults still allowed.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::core::Note;
use crate::core::call::{Command, Event, Outcome, Request, Response};
use crate::core::explain::Cause;
use crate::core::invariants::{Act, Fact, Invariants};
use crate::domain::record::ChangeStatus;
use crate::domain::seat::Seat;
use crate::domain::{AgentId, Epoch, Moment, RegionId};

use super::agent::{Agent, Call};
use super::digest::Digest;
use super::flying::{Flying, MET_BY_FENCE, fence_set, has_effect};
use super::world::World;
use super::{Faults, LEASE_ROUNDS, ROUND};

/// A batch that no fence guards: what the second property is about.
pub(super) const UNFENCED: &str = "a batch went without its fence";

/// See the file's opening.
#[derive(Clone)]
pub(super) struct State {
    pub(super) now: Moment,
    /// Whose turn it is in this round.
    pub(super) turn: usize,
    /// Whether it has had it, and only has calls left to send.
    ticked: bool,
    pub(super) agents: Vec<Agent>,
    pub(super) world: World,
    pub(super) flying: Vec<Flying>,
    pub(super) left: Faults,
    /// One for each fleet.
    pub(super) judges: Vec<Arc<Invariants>>,
    /// What the last action brought about, for the properties that ask whether it ever does.
    pub(super) happened: BTreeSet<&'static str>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let leads: Vec<String> = self.acting().iter().map(|(a, e)| format!("{a} in {e}")).collect();
        write!(
            f,
            "{} turn {} acting {leads:?} left {:?} happened {:?}",
            self.now, self.turn, self.left, self.happened
        )?;
        for judge in &self.judges {
            for violation in judge.broken() {
                write!(f, " VIOLATION {violation}")?;
            }
        }
        Ok(())
    }
}

/// As alike as their digests.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let digest = |state: &Self| {
            let mut hasher = std::hash::DefaultHasher::new();
            state.hash(&mut hasher);
            hasher.finish()
        };
        digest(self) == digest(other)
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let mut digest = Digest::new(hasher);
        digest.clock(self.now);
        // What else has happened is noted when it happens, and no state's future rests on it.
        let unfenced = self.happened.contains(UNFENCED);
        digest.add(&(self.turn, self.ticked, &self.left, unfenced, &self.world));
        for agent in &self.agents {
            agent.digest(self.now, &mut digest);
        }
        digest.clock(self.now);
        for call in &self.flying {
            digest.add(&(call.agent, call.boot == self.agents[call.agent].boot, call.open));
            digest.add(&(
                &call.request,
                &call.answer,
                // One that has passed while its caller slept ends the call when the caller wakes.
                call.open.then_some((call.id, call.deadline.max(self.now))),
            ));
        }
        for judge in &self.judges {
            digest.add(judge);
        }
    }
}

impl State {
    pub(super) fn new(
        agents: Vec<Agent>,
        world: World,
        left: Faults,
        judges: Vec<Arc<Invariants>>,
    ) -> Self {
        Self {
            now: Moment::ZERO,
            turn: 0,
            ticked: false,
            agents,
            world,
            flying: Vec::new(),
            left,
            judges,
            happened: BTreeSet::new(),
        }
    }

    /// Who acts as leader now.
    pub(super) fn acting(&self) -> Vec<(AgentId, Epoch)> {
        let acts = |agent: &Agent| {
            let (_, epoch, _) = agent.acts_until().filter(|(.., until)| *until > self.now)?;
            Some((agent.id.clone(), epoch))
        };
        self.agents.iter().filter_map(acts).collect()
    }

    /// Tells the judges if it has changed whether an agent leads, or until when.
    fn tell_leading(&mut self, who: usize) {
        let acts = self.agents[who].acts_until();
        if acts == self.agents[who].acts {
            return;
        }
        self.agents[who].acts = acts;
        let agent = self.agents[who].id.clone();
        if acts.is_some() && self.agents[who].config.seats.len() < self.world.tables[0].len() {
            self.happened.insert("one with other seats leads");
        }
        let fact = match acts {
            Some((boot, epoch, until)) => Fact::Leads { agent, boot, epoch, until },
            None => Fact::Rests { agent },
        };
        self.judge(self.agents[who].fleet, &fact);
    }

    pub(super) fn violations(&self) -> usize {
        self.judges.iter().map(|judge| judge.broken().len()).sum()
    }

    pub(super) fn highest_epoch(&self) -> Epoch {
        let tables = self.world.tables.iter().flat_map(|tables| tables.values());
        let seats = tables.filter_map(|table| table.seat.as_ref());
        seats.map(|seat: &Seat| seat.epoch).max().unwrap_or(Epoch::ZERO)
    }

    /// The agent that has calls to send.
    pub(super) fn sending(&self) -> Option<usize> {
        self.agents.iter().position(|agent| !agent.todo.is_empty())
    }

    /// Whether every agent of the first fleet is awake and has seen what this seat shows.
    pub(super) fn all_have_seen(&self, region: &RegionId) -> bool {
        let Some(shown) = &self.world.table(0, region).seat else { return false };
        self.agents.iter().filter(|agent| agent.fleet == 0).all(|agent| {
            let Some(brain) = agent.brain.as_ref().filter(|_| agent.asleep.is_none()) else {
                return false;
            };
            let mut seats = brain.election.shown();
            seats.any(|(seat, seen, _)| seat == region && seen == Some(shown))
        })
    }

    fn judge(&mut self, fleet: usize, fact: &Fact) {
        Arc::make_mut(&mut self.judges[fleet]).judge(self.now, fact);
    }

    /// Steps a brain, and answers at once what the model leaves out.
    pub(super) fn step(&mut self, who: usize, event: Event) {
        let now = self.now;
        let agent = &mut self.agents[who];
        let Some(brain) = &mut agent.brain else { return };
        let local = now + agent.ahead;
        let brain = Arc::make_mut(brain);
        brain.standings.clear();
        brain.wall_offset_ms = -i64::try_from(local.as_ms()).expect("a short run");
        let mut quiet = Vec::new();
        let from = agent.todo.len();
        for command in brain.step(local, event) {
            match command {
                Command::Call { call, deadline, request } => match request {
                    Request::Publish { .. } | Request::RecordHistory { .. } => {
                        quiet.push((call, Ok(Response::Done)));
                    }
                    Request::Gather { .. } => quiet.push((call, Ok(Response::Reports(Vec::new())))),
                    Request::ReadOrders { .. } => {
                        quiet.push((call, Ok(Response::Orders(Vec::new()))));
                    }
                    Request::ReadChange { .. } => {
                        quiet.push((call, Ok(Response::Change(ChangeStatus::Insync))));
                    }
                    request => {
                        let deadline = now + deadline.since(local);
                        agent.todo.push_back(Call { id: call, deadline, request });
                    }
                },
                Command::Probe { .. } => unreachable!("no probe is due in the model"),
                Command::Note(note) => notice(&note, &mut self.happened),
            }
        }
        self.tell_leading(who);
        self.tell_sent(who, from);
        for (call, outcome) in quiet {
            self.step(who, Event::Answered { call, outcome });
        }
    }

    /// Tells the judges of calls from this one on that only a leader may send, and of what is
    /// thereby proposed.
    fn tell_sent(&mut self, who: usize, from: usize) {
        let (fleet, agent) = (self.agents[who].fleet, self.agents[who].id.clone());
        let acts: Vec<(Epoch, Act, Moment)> = self.agents[who]
            .todo
            .iter()
            .skip(from)
            .filter_map(|call| match &call.request {
                Request::PutState { name, .. } => {
                    Some((name.epoch, Act::Put(*name), call.deadline))
                }
                Request::ChangeZone { batch } => {
                    let (_, fence) = fence_set(batch)?;
                    Some((fence.epoch, Act::Change(batch.zone.clone()), call.deadline))
                }
                _ => None,
            })
            .collect();
        let mut documents =
            self.agents[who].todo.iter().skip(from).filter_map(|call| match &call.request {
                Request::PutState { document, .. } => Some(document),
                _ => None,
            });
        // An agent has one proposal at a time: its documents are all the same.
        if let Some(document) = documents.next() {
            let state = serde_json::from_str(document).expect("a brain writes what it can read");
            self.judge(fleet, &Fact::Proposed { state: Arc::new(state), said: None });
        }
        for (epoch, act, deadline) in acts {
            let agent = agent.clone();
            self.judge(fleet, &Fact::Sent { agent, epoch, act, deadline });
        }
    }

    pub(super) fn carry_out(&mut self, who: usize, request: &Request) -> Outcome {
        let fleet = self.agents[who].fleet;
        let mut facts = Vec::new();
        self.notice_before(request);
        let outcome = self.world.carry_out(fleet, &self.agents[who].id, request, &mut facts);
        for fact in facts {
            self.notice_fact(fleet, &fact);
            self.judge(fleet, &fact);
        }
        outcome
    }

    /// The next call of the agent that sends.
    pub(super) fn next_call(&mut self, who: usize) -> Call {
        self.agents[who].todo.pop_front().expect("it has calls to send")
    }

    /// Goes on to the next point at which something may go otherwise.
    pub(super) fn go_on(&mut self, reads_too: bool) {
        loop {
            match self.sending() {
                Some(who) if !reads_too && !has_effect(&self.agents[who].todo[0].request) => {
                    self.carry(who);
                }
                None if self.agents[self.turn].asleep.is_some() && !self.wakes() => self.skip(),
                _ => return,
            }
        }
    }

    /// Whether the agent whose turn comes has slept past its lease.
    fn wakes(&self) -> bool {
        let Some(since) = self.agents[self.turn].asleep else { return false };
        let next = if self.turn == 0 { self.now + ROUND } else { self.now };
        next.since(since).as_secs() > LEASE_ROUNDS
    }

    /// It arrives and is answered.
    pub(super) fn carry(&mut self, who: usize) {
        let call = self.next_call(who);
        let outcome = self.carry_out(who, &call.request);
        self.step(who, Event::Answered { call: call.id, outcome });
        self.pass_on(who);
    }

    /// The agent's turn: what was not answered in time is unknown, then time has passed.
    pub(super) fn take_turn(&mut self, who: usize) {
        self.begin_round();
        self.ticked = true;
        if self.agents[who].brain.is_none() {
            let now = self.now;
            self.agents[who].start(now);
        }
        self.expire(who);
        self.step(who, Event::Tick);
        self.pass_on(who);
    }

    fn begin_round(&mut self) {
        if self.turn == 0 && !self.ticked {
            self.now = self.now + ROUND;
        }
    }

    /// The turn goes to the next agent once this one has nothing more to send.
    pub(super) fn pass_on(&mut self, who: usize) {
        if self.agents[who].todo.is_empty() && self.turn == who && self.ticked {
            self.next_turn();
        }
        self.tidy();
    }

    fn next_turn(&mut self) {
        self.ticked = false;
        self.turn = (self.turn + 1) % self.agents.len();
    }

    /// Its turn goes by without it.
    pub(super) fn skip(&mut self) {
        self.begin_round();
        self.next_turn();
    }

    pub(super) fn crash(&mut self, who: usize) {
        let agent = &mut self.agents[who];
        agent.brain = None;
        agent.todo.clear();
        agent.inbox.clear();
        agent.asleep = None;
        for call in &mut self.flying {
            if call.agent == who {
                call.open = false;
                call.answer = None;
            }
        }
        self.tell_leading(who);
        if self.turn == who {
            self.skip();
        }
        self.tidy();
    }

    /// It falls asleep; what it was about to send has gone out, and the answers wait for it.
    pub(super) fn fall_asleep(&mut self, who: usize) {
        let calls: Vec<Call> = self.agents[who].todo.drain(..).collect();
        for call in calls {
            let outcome = self.carry_out(who, &call.request);
            self.agents[who].inbox.push((call.id, outcome));
        }
        self.agents[who].asleep = Some(self.now);
        if self.turn == who {
            self.skip();
        }
    }

    /// It wakes in its turn, to the answers first or to the clock first.
    pub(super) fn wake(&mut self, who: usize, answers_first: bool) {
        self.begin_round();
        self.ticked = true;
        self.agents[who].asleep = None;
        let led = self.agents[who].brain.as_ref().is_some_and(|b| b.election.leading().is_some());
        if led && self.acting().iter().any(|(id, _)| *id != self.agents[who].id) {
            self.happened.insert("a leader wakes to find another one acting");
        }
        if !answers_first {
            self.step(who, Event::Tick);
        }
        for (call, outcome) in std::mem::take(&mut self.agents[who].inbox) {
            self.step(who, Event::Answered { call, outcome });
        }
        self.expire(who);
        if answers_first {
            self.step(who, Event::Tick);
        }
        self.pass_on(who);
    }

    /// Its clock gains what the lease's margin allows for.
    pub(super) fn slip(&mut self, who: usize) {
        let margin_ms = self.agents[who].config.timing.lease_margin_ms;
        self.agents[who].ahead += Duration::from_millis(margin_ms.into());
    }

    /// People, or the Regions' health, want another weight: this agent learns of it.
    pub(super) fn change_mind(&mut self, who: usize) {
        let Some(brain) = &mut self.agents[who].brain else { return };
        let brain = Arc::make_mut(brain);
        for service in brain.fleet.services.values_mut() {
            if let Some(placement) = service.regions.values_mut().next() {
                placement.weight.0 = if placement.weight.0 == 100 { 50 } else { 100 };
            }
        }
        brain.stale_verdicts = true;
    }

    fn notice_before(&mut self, request: &Request) {
        if let Request::ChangeZone { batch } = request {
            let Some((name, fence)) = fence_set(batch) else {
                self.happened.insert(UNFENCED);
                return;
            };
            if self.world.fence(&name).is_some_and(|found| found.epoch > fence.epoch) {
                self.happened.insert(MET_BY_FENCE);
            }
        }
    }

    fn notice_fact(&mut self, fleet: usize, fact: &Fact) {
        match fact {
            Fact::StatePut { state, .. } => {
                if let Cause::Adopted { from } = state.cause {
                    let pointing = self.world.pointing_to(fleet, from);
                    if pointing * 2 <= self.world.tables[fleet].len() {
                        self.happened.insert("a successor takes over a plan that was half-way");
                    }
                }
                if state.name.seq >= 3 {
                    self.happened.insert("a third state of one epoch is put down");
                }
            }
            Fact::ZoneApplied { before, after, .. } if before != after => {
                self.happened.insert("weights change");
            }
            _ => {}
        }
    }
}

fn notice(note: &Note, happened: &mut BTreeSet<&'static str>) {
    let what = match note {
        Note::Elected { epoch: Epoch(2), .. } => "somebody is elected in epoch 2",
        Note::Elected { epoch: Epoch(3), .. } => "somebody is elected in epoch 3",
        Note::Committed { name, .. } if name.epoch == Epoch(3) => "a state of epoch 3 is committed",
        Note::ZoneClaimed { epoch: Epoch(3), .. } => "a zone is claimed in epoch 3",
        Note::NotElected { .. } => "a candidate is not elected",
        Note::SteppedDown { .. } => "a leader steps down",
        Note::SeatLost { .. } => "a seat is found lost",
        Note::ZoneHeld { .. } => "a zone is held",
        Note::ZoneOdd { .. } => "a zone is found odd",
        Note::SeatSetDiffers { .. } => "seats of other files are told of",
        _ => return,
    };
    happened.insert(what);
}
