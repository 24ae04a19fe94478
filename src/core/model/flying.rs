//! Calls in flight: those that neither came nor went as they should.

use crate::core::breakage::{Breakage, broken};
use crate::core::call::{CallId, Event, Outcome, Refusal, Request};
use crate::domain::record::{DnsName, RecordChange};
use crate::domain::{CallFailure, Fence, Moment, ZoneBatch};

use super::Faults;
use super::agent::Call;
use super::state::State;

/// What has happened when a late batch finds a later leader's fence.
pub(super) const MET_BY_FENCE: &str = "the fence meets a late batch of a deposed leader";

/// A call that neither came nor went as it should.
#[derive(Debug, Clone)]
pub(super) struct Flying {
    pub(super) agent: usize,
    pub(super) boot: u64,
    pub(super) id: CallId,
    pub(super) deadline: Moment,
    /// Still to take effect.
    pub(super) request: Option<Request>,
    /// Still to be answered.
    pub(super) answer: Option<Outcome>,
    /// Whether its caller still waits for it.
    pub(super) open: bool,
    has_effect: bool,
}

impl State {
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

    pub(super) fn expire(&mut self, who: usize) {
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

    /// Drops what can have no consequence: calls that nobody waits for and that would be refused, or
    /// change nothing. Beats, fences and names of states are never used twice, so what is refused now
    /// is refused for ever, and a document that is there stays there; unless a seat can go back, or a
    /// rule is broken.
    pub(super) fn tidy(&mut self) {
        let Faults { keep_refused, recreate, .. } = self.left;
        let (world, agents) = (&self.world, &self.agents);
        let mut met_by_fence = false;
        self.flying.retain(|call| {
            let owner = &agents[call.agent];
            if call.open && call.boot == owner.boot {
                return true;
            }
            match &call.request {
                None => false,
                Some(_) if keep_refused => true,
                Some(Request::SwapSeat { seat, expected, .. }) => {
                    let there = world.table(owner.fleet, seat).seat.as_ref();
                    there.is_some_and(|seat| seat.beat == *expected)
                }
                // A table that is made anew has none.
                Some(Request::PutState { .. }) if recreate > 0 => true,
                Some(Request::PutState { seat, name, .. }) => {
                    !world.table(owner.fleet, seat).states.contains_key(name)
                }
                Some(Request::ChangeZone { batch }) => {
                    let Some((name, fence)) = fence_set(batch) else { return true };
                    let deletes = |change: &RecordChange| match change {
                        RecordChange::Delete(old) => world.records.contains(old),
                        RecordChange::Create(_) => true,
                    };
                    let may_land = broken(Breakage::UpsertRecords)
                        || broken(Breakage::AttemptReused)
                        || batch.changes.iter().filter(|it| is_of(it, &name)).all(deletes);
                    let found = world.fence(&name).filter(|_| !may_land);
                    met_by_fence |= found.is_some_and(|found| found.epoch > fence.epoch);
                    may_land
                }
                Some(request) => has_effect(request),
            }
        });
        if met_by_fence {
            self.happened.insert(MET_BY_FENCE);
        }
    }
}

/// Whether a change is of this name's record.
fn is_of(change: &RecordChange, name: &DnsName) -> bool {
    let (RecordChange::Create(record) | RecordChange::Delete(record)) = change;
    record.key.name == *name
}

/// The fence that a batch sets, with its record's name.
pub(super) fn fence_set(batch: &ZoneBatch) -> Option<(DnsName, Fence)> {
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
