//! The brain's hands on gates: what it takes in of its own and of others', and what it says of them.

use std::collections::BTreeSet;

use crate::core::Brain;
use crate::core::breakage::{Breakage, broken};
use crate::domain::{AgentId, Moment, Target};

use super::Position;

impl Brain {
    /// What this agent says of the other Regions' gates, for as long as it says.
    #[must_use]
    pub fn gates(&self) -> &Position {
        self.gates.position()
    }

    /// Follows the newest state that a majority of seats is known to hold.
    pub(in crate::core) fn watch_gates(&mut self, now: Moment) {
        let mut committed = self.journal.committed();
        let mut confirmed = committed.and_then(|entry| self.election.confirmed(&entry.reference));
        if broken(Breakage::GateBeforeCommit)
            && let Some(proposed) = self.journal.proposed()
        {
            (committed, confirmed) = (Some(proposed), Some(now));
        }
        let committed = committed.map(|entry| (&entry.reference, &entry.state.wanted));
        if self.gates.observe(&self.fleet, committed, confirmed) && self.fleet.gates.is_some() {
            self.gathering.report_soon(now);
        }
    }

    /// Takes in what every agent says of its gates, this one's included.
    pub(in crate::core) fn hear_gates(&mut self, now: Moment) {
        if self.fleet.gates.is_none() {
            return;
        }
        let own = self.gates.position().report(now);
        self.doubts.hear(now, &self.identity.agent, &self.identity.region, &own);
        let stale_ms = self.fleet.timing.stale_ms;
        for report in self.gathering.believed(now, stale_ms) {
            if let Some(gates) = &report.gates {
                self.doubts.hear(now, &report.agent, &report.region, gates);
            }
        }
        let fresh = self.heard_from(now);
        self.judge_at = self.judge_at.min(self.doubts.next_end(now, &self.fleet, &fresh));
    }

    /// Agents that are heard from now.
    pub(in crate::core) fn heard_from(&self, now: Moment) -> BTreeSet<AgentId> {
        let others = self.gathering.believed(now, self.fleet.timing.stale_ms);
        let others = others.filter(|report| report.gates.is_some());
        others.map(|report| report.agent.clone()).chain([self.identity.agent.clone()]).collect()
    }

    /// See [`super::Doubts::in_doubt`].
    pub(in crate::core) fn gate_in_doubt(
        &self,
        now: Moment,
        heard_from: &BTreeSet<AgentId>,
        target: &Target,
    ) -> bool {
        self.fleet.gates.as_ref().filter(|_| !broken(Breakage::ShutIsCountedOn)).is_some_and(
            |gates| {
                let gate = super::gate(gates.scope, &target.region, &target.service);
                self.doubts.in_doubt(now, gates, heard_from, &gate)
            },
        )
    }
}
