//! One agent of the model: its brain, its clock, what it still has to send.

use std::collections::VecDeque;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use crate::core::call::{CallId, Outcome, Request};
use crate::core::{Brain, Identity};
use crate::domain::seat::BootId;
use crate::domain::{AgentId, Epoch, Fleet, Moment, RegionId};

use super::digest::Digest;
use super::flying::has_effect;

/// One agent, or what is left of it.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) id: AgentId,
    pub(super) home: RegionId,
    pub(super) fleet: usize,
    pub(super) config: Arc<Fleet>,
    /// None while it is dead.
    pub(super) brain: Option<Arc<Brain>>,
    pub(super) boot: u64,
    /// By how much its clock has run ahead of the others'.
    pub(super) ahead: Duration,
    /// Since when it sleeps.
    pub(super) asleep: Option<Moment>,
    /// Calls of its last step that are still to be sent, in order.
    pub(super) todo: VecDeque<Call>,
    /// What was last said of its leading.
    pub(super) acts: Option<(BootId, Epoch, Moment)>,
    /// Answers that came while it slept.
    pub(super) inbox: Vec<(CallId, Outcome)>,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: CallId,
    pub(super) deadline: Moment,
    pub(super) request: Request,
}

impl Agent {
    pub(super) fn new(
        id: &str,
        home: RegionId,
        fleet: usize,
        config: Arc<Fleet>,
        boot: u64,
    ) -> Self {
        let mut agent = Self {
            id: id.parse().expect("a valid name"),
            home,
            fleet,
            config,
            brain: None,
            boot,
            ahead: Duration::ZERO,
            asleep: None,
            todo: VecDeque::new(),
            acts: None,
            inbox: Vec::new(),
        };
        agent.start(Moment::ZERO);
        agent
    }

    /// Starts it, as a new run.
    pub(super) fn start(&mut self, now: Moment) {
        self.boot += 100;
        let boot = BootId(self.boot);
        let identity = Identity { agent: self.id.clone(), region: self.home.clone(), boot };
        // Nothing in the model rests on what a brain draws: it stands at once, and never probes.
        let brain = Brain::new(now + self.ahead, identity, (*self.config).clone(), 1);
        self.brain = Some(Arc::new(brain));
    }

    pub(super) fn digest<H: Hasher>(&self, now: Moment, digest: &mut Digest<'_, H>) {
        digest.clock(now + self.ahead);
        digest.add(&(self.ahead, &self.asleep, &self.inbox, &self.todo));
        let Some(brain) = &self.brain else { return };
        let Brain {
            // Never changes.
            identity: _,
            targets: _,
            stands_in: _,
            // Nothing is probed, gathered or ordered in the model, and reports are answered at once.
            probing: _,
            gathering: _,
            signals: _,
            orders: _,
            databases: _,
            answers: _,
            runs: _,
            notices: _,
            patience: _,
            standings: _,
            // Nobody switches it off.
            off: _,
            // One zone is not paced.
            pace: _,
            // Set before each step.
            wall_offset_ms: _,
            // For people.
            blocked: _,
            // Follow from the journal and the seats; nobody in the model looks at them.
            gates: _,
            doubts: _,
            out,
            fleet,
            election,
            journal,
            zones,
            stale_verdicts,
            judge_at,
            stepped_at: _,
            // Told on; nothing rests on it.
            preflight: _,
        } = &**brain;
        for service in fleet.services.values() {
            for placement in service.regions.values() {
                digest.add(&placement.weight);
            }
        }
        digest.add(&(out, election, journal, zones));
        digest.add(&(stale_verdicts, judge_at));
    }

    /// Whether it is more than a follower.
    pub(super) fn stands_or_leads(&self) -> bool {
        let Some(brain) = &self.brain else { return false };
        brain.election.leading().is_some() || self.todo.iter().any(|call| has_effect(&call.request))
    }

    /// Under which epoch, and until when in true time, it acts if it hears of nothing more.
    pub(super) fn acts_until(&self) -> Option<(BootId, Epoch, Moment)> {
        let (epoch, until) = self.brain.as_ref()?.acts_until()?;
        Some((BootId(self.boot), epoch, until - self.ahead))
    }
}
