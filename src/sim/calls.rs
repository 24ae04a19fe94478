//! A request's way there and back.
//!
//! The caller is answered by its deadline, always: with what came, or with *unknown*. The effect
//! keeps to no deadline. What was accepted and stalls lands when it lands, long after its sender
//! has been deposed.

use std::time::Duration;

use crate::core::breakage::{Breakage, broken};
use crate::core::invariants::Fact;
use crate::core::{CallId, Outcome, Refusal, Request};
use crate::domain::seat::BootId;
use crate::domain::{CallFailure, FailureClass, GlobalClusterId, Moment, RegionId};
use crate::world::fault::AwsService;
use crate::world::network::Place;
use crate::world::wire::Treatment;

use super::engine::{Due, Sim};
use super::fate::{Fate, Lot};
use super::ports::Ports;
use super::ways;

/// A request that has been sent.
#[derive(Debug)]
pub(super) struct OnItsWay {
    pub(super) agent: usize,
    pub(super) boot: BootId,
    pub(super) call: CallId,
    /// In true time.
    pub(super) deadline: Moment,
    pub(super) request: Request,
    pub(super) fate: Fate,
    pub(super) lot: Lot,
    /// Whether its sender is told, or has been told already that nobody knows.
    pub(super) answered: bool,
    /// Whether the wire's rules have let it through.
    pub(super) treated: bool,
}

/// The cluster whose writer a request moves, and where to.
fn moves(request: &Request) -> Option<(&GlobalClusterId, &RegionId)> {
    match request {
        Request::SwitchOver { cluster, target, .. } | Request::FailOver { cluster, target } => {
            Some((cluster, target.region()))
        }
        _ => None,
    }
}

/// What a caller is told at its deadline.
fn lost(request_has_effect: bool) -> Outcome {
    let what = "no answer by the deadline".to_owned();
    let unknown = request_has_effect && !broken(Breakage::UnknownTakenAsFailed);
    Err(Refusal::Failed(if unknown {
        CallFailure::unknown(what)
    } else {
        CallFailure::transient(what)
    }))
}

impl Sim {
    /// The way's length now, with some jitter; none when nothing gets through.
    pub(super) fn way(&self, from: &Place, to: &Place, lot: &mut Lot) -> Option<Duration> {
        let path = self.world.network.path(from, to)?;
        let path_us = u64::try_from(path.as_micros()).unwrap_or(u64::MAX);
        Some(path + Duration::from_micros(lot.up_to(path_us / 5)))
    }

    /// The place where an agent is.
    pub(super) fn place(&self, agent: usize) -> &Place {
        &self.agents[agent].place
    }

    /// Carries a command out: at once, or after the agent's process got round to it.
    pub(super) fn send(
        &mut self,
        agent: usize,
        boot: BootId,
        call: CallId,
        deadline: Moment,
        request: Request,
    ) {
        let fates = &self.options.fates;
        let mut lot = Lot::new(self.options.seed, [self.name_of(agent, 1), boot.0, call.0]);
        if fates.sluggish > 0 && lot.up_to(9_999) < u64::from(fates.sluggish) {
            let wait = Duration::from_millis(lot.up_to(u64::from(fates.sluggish_ms_max)));
            self.coverage.count_fault("sender sluggish");
            let due = Due::Depart { agent, boot, call, deadline, request };
            return self.enqueue(self.now + wait, due);
        }
        self.depart(agent, boot, call, deadline, request);
    }

    /// A name for lots: the agent's place in the fleet, and what the lot is for.
    pub(super) fn name_of(&self, agent: usize, purpose: u64) -> u64 {
        u64::try_from(agent).expect("a fleet is small") << 8 | purpose
    }

    /// The request leaves its agent, unless its deadline has passed meanwhile. `deadline` is in the
    /// agent's time.
    pub(super) fn depart(
        &mut self,
        agent: usize,
        boot: BootId,
        call: CallId,
        deadline: Moment,
        request: Request,
    ) {
        let clock = &self.agents[agent].clock;
        if clock.read(self.now) >= deadline {
            let what = "it was not sent: its deadline had passed";
            let outcome = Err(Refusal::Failed(CallFailure::transient(what)));
            return self.enqueue(self.now, Due::Answer { agent, boot, call, outcome });
        }
        let deadline = clock.when(deadline).max(self.now);
        if let Request::ChangeZone { batch } = &request {
            self.oracle.sent(self.now, batch);
            self.watch_acting(agent);
        }
        let mut lot = Lot::new(self.options.seed, [self.name_of(agent, 0), boot.0, call.0]);
        let fate = self.options.fates.draw(&mut lot);
        let has_effect = ways::has_effect(&request);
        if fate != Fate::Served {
            self.coverage.count_fault(fate.name());
        }
        let (from, to) = (self.place(agent), ways::place_of(&request));
        let way = if fate == Fate::RequestLost { None } else { self.way(from, &to, &mut lot) };
        let arrives = way.map(|way| {
            self.now
                + way
                + match fate {
                    Fate::Late { by_ms } | Fate::Delayed { by_ms } => Duration::from_millis(by_ms),
                    _ => Duration::ZERO,
                }
        });
        let answered = arrives.is_some_and(|at| at < deadline) && fate != Fate::AnswerLost;
        if !answered {
            let outcome = lost(has_effect);
            self.enqueue(deadline, Due::Answer { agent, boot, call, outcome });
        }
        let Some(at) = arrives.filter(|_| answered || has_effect) else { return };
        let copies = if has_effect && matches!(fate, Fate::Repeated { .. }) { 2 } else { 1 };
        self.move_sent(&request, copies);
        if let (Fate::Repeated { after_ms }, true) = (fate, has_effect) {
            let again = OnItsWay {
                agent,
                boot,
                call,
                deadline,
                request: request.clone(),
                fate,
                lot,
                answered: false,
                treated: false,
            };
            self.enqueue(at + Duration::from_millis(after_ms), Due::Arrive(Box::new(again)));
        }
        let treated = false;
        let first = OnItsWay { agent, boot, call, deadline, request, fate, lot, answered, treated };
        self.enqueue(at, Due::Arrive(Box::new(first)));
    }

    /// So many copies of a request to move a writer are on their way.
    fn move_sent(&mut self, request: &Request, copies: usize) {
        let Some((cluster, to)) = moves(request) else { return };
        *self.moves.entry(cluster.clone()).or_default() += copies;
        let fact = Fact::PromotionSent { cluster: cluster.to_string(), to: to.clone() };
        self.coverage.count("a writer's move was sent");
        self.facts.tell(self.now, fact);
    }

    /// One of them has landed.
    fn move_landed(&mut self, cluster: &GlobalClusterId, late: bool, taken: bool) {
        if taken {
            self.coverage.count("a writer's move was accepted");
        }
        if late {
            self.coverage.count("a writer's move landed after its deadline");
        }
        let left = self.moves.entry(cluster.clone()).or_default();
        *left = left.saturating_sub(1);
        if *left == 0 {
            let fact = Fact::PromotionResolved { cluster: cluster.to_string() };
            self.facts.tell(self.now, fact);
        }
    }

    /// A request arrives, and is treated by the rules of the wire. One that is held up beyond its
    /// deadline takes its effect all the same.
    pub(super) fn arrive(&mut self, mut on_its_way: OnItsWay) {
        let mut treatment = None;
        if !std::mem::replace(&mut on_its_way.treated, true) {
            let caller = self.agents[on_its_way.agent].id.as_str();
            let seen = ways::seen(&on_its_way.request, caller);
            if let Some(call) = seen.as_ref().filter(|call| call.service == AwsService::Route53) {
                *self.route53_requests.entry(call.operation.to_owned()).or_default() += 1;
            }
            treatment = seen.and_then(|call| self.world.wire.treat(&call));
        }
        if let Some(Treatment::Delay { ms }) = treatment {
            let at = self.now + Duration::from_millis(ms.into());
            let OnItsWay { agent, boot, call, deadline, .. } = on_its_way;
            if at >= deadline && std::mem::replace(&mut on_its_way.answered, false) {
                let outcome = lost(ways::has_effect(&on_its_way.request));
                self.enqueue(deadline, Due::Answer { agent, boot, call, outcome });
            }
            return self.enqueue(at, Due::Arrive(Box::new(on_its_way)));
        }
        self.land(on_its_way, treatment);
    }

    /// A request takes its effect, as far as its fate and its treatment let it, and its answer goes
    /// on its way.
    fn land(&mut self, on_its_way: OnItsWay, treatment: Option<Treatment>) {
        let OnItsWay { agent, boot, call, deadline, request, fate, mut lot, answered, .. } =
            on_its_way;
        let to = ways::place_of(&request);
        let has_effect = ways::has_effect(&request);
        let late = self.now > deadline && has_effect;
        let watched = self.oracle.key(&request);
        let swapped = matches!(request, Request::SwapSeat { .. });
        let moves = moves(&request).map(|(cluster, _)| cluster.clone());
        let outcome = match fate {
            Fate::Throttled => Err(Refusal::Failed(CallFailure::transient("Rate exceeded"))),
            Fate::Denied => Err(Refusal::Failed(CallFailure::permanent("access denied"))),
            _ => {
                let ports = Ports {
                    world: &mut self.world,
                    now: self.now,
                    caller: self.agents[agent].id.as_str(),
                    tables: &self.fleet.tables,
                    read_before: &mut self.read_before,
                };
                ports.treat(request, treatment)
            }
        };
        if let Some(cluster) = moves {
            self.move_landed(&cluster, late, outcome.is_ok());
        }
        if late {
            self.coverage.landed_late(swapped, watched.is_some(), outcome.is_ok());
        }
        if !late && !answered && outcome.is_ok() {
            self.coverage.count("a timed-out write had taken effect");
        }
        if let Some(key) = watched {
            if key.1 < self.coverage.epoch_max() {
                self.coverage.count(match &outcome {
                    Err(refusal) if refusal.class() == FailureClass::Conflict => {
                        "a fence rejected a deposed leader's batch"
                    }
                    Err(_) => "a deposed leader's batch was refused",
                    Ok(_) => "a predecessor's batch landed before the claim",
                });
            }
            self.oracle.landed(self.now, &key, &outcome);
        }
        if !answered {
            return;
        }
        match self.way(&to, self.place(agent), &mut lot) {
            Some(way) if self.now + way < deadline => {
                self.enqueue(self.now + way, Due::Answer { agent, boot, call, outcome });
            }
            _ => {
                let outcome = lost(has_effect);
                let at = deadline.max(self.now);
                self.enqueue(at, Due::Answer { agent, boot, call, outcome });
            }
        }
    }
}
