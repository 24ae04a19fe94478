//! Which Regions may still be shut at the name servers, whatever is wanted for them.
//!
//! PROTOCOL rule 17: an agent that is not heard from may show its gates in either position until its
//! holding time is over; and whatever an agent shows, Route 53's checkers notice later. A Region
//! that enough others may be shutting is in doubt: it is not counted upon where people want another
//! one out. (It holds up nothing that health asks for: to take out what fails makes nothing worse,
//! since Route 53 answers with what is left as soon as all else reads shut.)

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::gate::{Gate, Gates};
use crate::domain::observation::GateReport;
use crate::domain::{AgentId, Fleet, Moment, RegionId};

use super::answers;

/// What is known of one agent's gates.
#[derive(Debug, Clone)]
struct Known {
    region: RegionId,
    heard: Moment,
    /// When each gate was last seen closed.
    closed: BTreeMap<Gate, Moment>,
}

/// See the file's opening.
#[derive(Debug, Clone)]
pub(in crate::core) struct Doubts {
    began: Moment,
    agents: BTreeMap<AgentId, Known>,
    /// Whether a person has said that whoever is not heard from is dead, and so shows no gates.
    silent_are_dead: bool,
}

impl Doubts {
    pub(in crate::core) fn new(now: Moment) -> Self {
        Self { began: now, agents: BTreeMap::new(), silent_are_dead: false }
    }

    /// Goes by a person's word that no agent is alive but those that are heard from.
    pub(in crate::core) fn taking_the_silent_for_dead(self) -> Self {
        Self { silent_are_dead: true, ..self }
    }

    /// Takes in what an agent that is heard from says of its gates.
    pub(in crate::core) fn hear(
        &mut self,
        now: Moment,
        agent: &AgentId,
        region: &RegionId,
        report: &GateReport,
    ) {
        let known = self.agents.entry(agent.clone()).or_insert_with(|| Known {
            region: region.clone(),
            heard: now,
            closed: BTreeMap::new(),
        });
        known.heard = now;
        for gate in &report.closed {
            known.closed.insert(gate.clone(), now);
        }
    }

    /// Whether name servers may still take a gate's Region for shut. `fresh` are the agents that are
    /// heard from now.
    pub(in crate::core) fn in_doubt(
        &self,
        now: Moment,
        gates: &Gates,
        fresh: &BTreeSet<AgentId>,
        gate: &Gate,
    ) -> bool {
        let observers = gates.observers(&gate.region);
        let may_shut = observers.filter(|region| self.until(gates, fresh, region, gate) > now);
        answers::shut(gates.closers, may_shut.count())
    }

    /// Until when a Region's agents may, as the checkers see it, shut a gate.
    fn until(
        &self,
        gates: &Gates,
        fresh: &BTreeSet<AgentId>,
        region: &RegionId,
        gate: &Gate,
    ) -> Moment {
        let noticed = Duration::from_millis(u64::from(gates.noticed_ms_max()));
        let doubt_ms = if self.silent_are_dead { 0 } else { gates.doubt_ms() };
        let doubt = Duration::from_millis(doubt_ms);
        let there = self.agents.iter().filter(|(_, known)| known.region == *region);
        let of_agent = |(agent, known): (&AgentId, &Known)| {
            let seen = known.closed.get(gate).map_or(Moment::ZERO, |at| *at + noticed);
            let silent = if fresh.contains(agent) { Moment::ZERO } else { known.heard + doubt };
            seen.max(silent)
        };
        // One that was never heard from may have been there before this brain was.
        there.map(of_agent).max().unwrap_or(self.began + doubt)
    }

    /// When the next doubt ends, if any is left: then there is something to judge again.
    pub(in crate::core) fn next_end(
        &self,
        now: Moment,
        fleet: &Fleet,
        fresh: &BTreeSet<AgentId>,
    ) -> Moment {
        let Some(gates) = &fleet.gates else { return Moment::NEVER };
        let all = super::all(fleet);
        let ends =
            all.iter().filter(|gate| self.in_doubt(now, gates, fresh, gate)).flat_map(|gate| {
                let observers = gates.observers(&gate.region);
                observers
                    .map(|region| self.until(gates, fresh, region, gate))
                    .filter(|end| *end > now)
            });
        ends.min().unwrap_or(Moment::NEVER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::gated_fleet;
    use crate::domain::gate::GateScope;

    fn id(name: &str) -> AgentId {
        name.parse().expect("valid")
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_ms(seconds * 1000)
    }

    fn says(closed: &[&str]) -> GateReport {
        let closed = closed.iter().map(|gate| gate.parse().expect("valid")).collect();
        GateReport { state: None, closed }
    }

    /// Agents of `r1`, `r2` and `r3` with a hold of 600 s and 54 s until checkers have noticed.
    struct Scene {
        gates: Gates,
        doubts: Doubts,
    }

    impl Scene {
        fn new() -> Self {
            let gates = gated_fleet(GateScope::Region).gates.expect("with gates");
            Self { gates, doubts: Doubts::new(at(0)) }
        }

        fn hear(&mut self, seconds: u64, agent: &str, closed: &[&str]) {
            let region = agent.parse().expect("valid");
            self.doubts.hear(at(seconds), &id(agent), &region, &says(closed));
        }

        fn r1(&self, seconds: u64, fresh: &[&str]) -> bool {
            let fresh = fresh.iter().map(|name| id(name)).collect();
            let r1 = "r1".parse().expect("valid");
            self.doubts.in_doubt(at(seconds), &self.gates, &fresh, &r1)
        }
    }

    #[test]
    fn whoever_was_never_heard_may_shut_until_the_hold_and_the_checkers_time_are_over() {
        let scene = Scene::new();
        assert!(scene.r1(653, &[]));
        assert!(!scene.r1(654, &[]));
    }

    #[test]
    fn agents_that_are_heard_and_say_open_leave_no_doubt_and_one_alone_raises_none() {
        let mut scene = Scene::new();
        scene.hear(10, "r2", &[]);
        assert!(!scene.r1(10, &["r2"]), "r3 alone can't shut it");
        scene.hear(10, "r3", &[]);
        assert!(!scene.r1(10, &["r2", "r3"]));
        assert!(scene.r1(20, &[]), "both fell silent: either position");
        assert!(!scene.r1(20, &["r3"]));
        assert!(scene.r1(663, &[]) && !scene.r1(664, &[]));
    }

    #[test]
    fn a_gate_that_was_opened_is_in_doubt_until_the_checkers_have_noticed() {
        let mut scene = Scene::new();
        for agent in ["r2", "r3"] {
            scene.hear(10, agent, &["r1"]);
        }
        for agent in ["r2", "r3"] {
            scene.hear(12, agent, &[]);
        }
        assert!(scene.r1(63, &["r2", "r3"]));
        assert!(!scene.r1(64, &["r2", "r3"]));
    }

    #[test]
    fn the_end_of_a_doubt_is_known_in_advance() {
        let mut scene = Scene::new();
        let fleet = gated_fleet(GateScope::Region);
        for agent in ["r1", "r2", "r3"] {
            scene.hear(10, agent, if agent == "r1" { &[] } else { &["r1"] });
        }
        let fresh = ["r1", "r2", "r3"].map(id).into();
        assert_eq!(scene.doubts.next_end(at(11), &fleet, &fresh), at(64));
        assert_eq!(scene.doubts.next_end(at(64), &fleet, &fresh), Moment::NEVER);
    }
}
