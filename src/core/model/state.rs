//! One state of the model: brains, world, calls in flight, faults still allowed.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use crate::core::Note;
use crate::core::breakage::{Breakage, broken};
use crate::core::call::{CallId, Command, Event, Outcome, Refusal, Request, Response};
use crate::core::explain::Cause;
use crate::core::invariants::{Act, Fact, Invariants};
use crate::domain::record::{ChangeStatus, DnsName, RecordChange};
use crate::domain::seat::Seat;
use crate::domain::{AgentId, CallFailure, Epoch, Fence, Moment, RegionId, ZoneBatch};

use super::agent::{Agent, Call};
use super::digest::Digest;
use super::world::World;
use super::{Faults, LEASE_ROUNDS, ROUND};

/// A call that neither came nor went as it should.
#[derive(Debug, Clone)]
pub(super) struct Flying {
    agent: usize,
    boot: u64,
    id: CallId,
    deadline: Moment,
    /// Still to take effect.
    pub(super) request: Option<Request>,
    /// Still to be answered.
    pub(super) answer: Option<Outcome>,
    /// Whether its caller still waits for it.
    open: bool,
    has_effect: bool,
}

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
        digest.add(&(self.turn, self.ticked, &self.left, &self.happened, &self.world));
        for agent in &self.agents {
            agent.digest(self.now, &mut digest);
        }
        digest.clock(self.now);
        for call in &self.flying {
            digest.add(&(call.agent, call.boot == self.agents[call.agent].boot, call.open));
            digest.add(&(
                &call.request,
                &call.answer,
                call.open.then_some((call.id, call.deadline)),
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
    fn step(&mut self, who: usize, event: Event) {
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

    /// Tells the judges of calls from this one on that only a leader may send.
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
        for (epoch, act, deadline) in acts {
            let agent = agent.clone();
            self.judge(fleet, &Fact::Sent { agent, epoch, act, deadline });
        }
    }

    fn carry_out(&mut self, who: usize, request: &Request) -> Outcome {
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
    fn next_call(&mut self, who: usize) -> Call {
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

    /// It never arrives.
    pub(super) fn send_lost(&mut self, who: usize) {
        let call = self.next_call(who);
        self.fly(who, call, None, None);
    }

    /// It is under way for long, and its answer is lost.
    pub(super) fn send_late(&mut self, who: usize) {
        let call = self.next_call(who);
        let request = Some(call.request.clone());
        self.fly(who, call, request, None);
    }

    /// It arrives, and its answer is under way for long.
    pub(super) fn send_slow(&mut self, who: usize) {
        let call = self.next_call(who);
        let outcome = self.carry_out(who, &call.request);
        self.fly(who, call, None, Some(outcome));
    }

    fn fly(&mut self, who: usize, call: Call, request: Option<Request>, answer: Option<Outcome>) {
        self.flying.push(Flying {
            agent: who,
            boot: self.agents[who].boot,
            id: call.id,
            deadline: call.deadline,
            has_effect: has_effect(&call.request),
            request,
            answer,
            open: true,
        });
        self.pass_on(who);
    }

    pub(super) fn land(&mut self, nth: usize) {
        let Some(request) = self.flying[nth].request.take() else { return };
        let who = self.flying[nth].agent;
        let outcome = self.carry_out(who, &request);
        if outcome.is_ok() && matches!(request, Request::SwapSeat { .. }) {
            self.happened.insert("a late swap takes effect");
        }
    }

    pub(super) fn deliver(&mut self, nth: usize) {
        let call = self.flying.remove(nth);
        let Some(outcome) = call.answer else { return };
        self.step(call.agent, Event::Answered { call: call.id, outcome });
        self.pass_on(call.agent);
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

    fn expire(&mut self, who: usize) {
        let (now, boot) = (self.now, self.agents[who].boot);
        let mut unknown = Vec::new();
        for call in &mut self.flying {
            if call.agent == who && call.boot == boot && call.open && call.deadline <= now {
                call.open = false;
                call.answer = None;
                unknown.push((call.id, call.has_effect));
            }
        }
        for (call, has_effect) in unknown {
            let what = "no answer by the deadline";
            let failure = if has_effect && !broken(Breakage::UnknownTakenAsFailed) {
                CallFailure::unknown(what)
            } else {
                CallFailure::transient(what)
            };
            self.step(who, Event::Answered { call, outcome: Err(Refusal::Failed(failure)) });
        }
    }

    /// The turn goes to the next agent once this one has nothing more to send.
    fn pass_on(&mut self, who: usize) {
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

    /// Drops what can have no consequence: calls that nobody waits for and that would be refused.
    /// Beats and fences are never reused, so what is refused now is refused for ever; unless a seat
    /// can go back, or a rule is broken.
    fn tidy(&mut self) {
        let keep_refused = self.left.keep_refused;
        let world = &self.world;
        let agents = &self.agents;
        self.flying.retain(|call| {
            let owner = &agents[call.agent];
            let lands = match &call.request {
                Some(Request::SwapSeat { seat, expected, .. }) => {
                    keep_refused
                        || world.tables[owner.fleet]
                            .get(seat)
                            .and_then(|table| table.seat.as_ref())
                            .is_some_and(|seat| seat.beat == *expected)
                }
                Some(request) => has_effect(request),
                None => false,
            };
            lands || (call.open && call.boot == owner.boot)
        });
    }

    fn notice_before(&mut self, request: &Request) {
        if let Request::ChangeZone { batch } = request {
            let Some((name, fence)) = fence_set(batch) else {
                self.happened.insert("a batch went without its fence");
                return;
            };
            if self.world.fence(&name).is_some_and(|found| found.epoch > fence.epoch) {
                self.happened.insert("the fence meets a late batch of a deposed leader");
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

/// The fence that a batch sets, with its record's name.
fn fence_set(batch: &ZoneBatch) -> Option<(DnsName, Fence)> {
    batch.changes.iter().find_map(|change| match change {
        RecordChange::Create(record) => {
            Fence::in_record(record).map(|fence| (record.key.name.clone(), fence))
        }
        RecordChange::Delete(_) => None,
    })
}

pub(super) fn has_effect(request: &Request) -> bool {
    matches!(
        request,
        Request::SwapSeat { .. } | Request::PutState { .. } | Request::ChangeZone { .. }
    )
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
        _ => return,
    };
    happened.insert(what);
}
