//! Health checks in virtual time: gates made as `init` makes them, and checkers that ask the agents, or
//! applications where a check is of one.
//!
//! A checker's request takes no time here, which is short beside ten seconds. It meets what a real
//! one would: silence where the network lets nothing through or the agent is paused, a refusal where
//! the agent is dead, and else what the brain's gates show by its own clock.

use std::collections::BTreeMap;

use crate::core::gates;
use crate::core::invariants::Fact;
use crate::domain::gate::Gate;
use crate::domain::{Fleet, Moment};
use crate::world::World;
use crate::world::apps::Reaction;
use crate::world::network::Place;
use crate::world::route53::{CheckConfig, Due, EndpointConfig, Met, Spoken, Subject};

use super::engine::{self, Sim};
use super::setup::target;

/// Makes the fleet's health checks; the IDs of those that records are to carry.
pub(super) fn create_checks(world: &mut World, fleet: &Fleet) -> BTreeMap<Gate, String> {
    let Some(gates) = &fleet.gates else { return BTreeMap::new() };
    let mut made = BTreeMap::new();
    let mut create = |reference: String, config| {
        let made = world.route53.create_health_check(Moment::ZERO, &reference, config);
        made.expect("a new account takes the checks of a fleet that is simulated").id
    };
    for gate in gates::all(fleet) {
        let children = gates.observers(&gate.region).map(|observer| {
            let at = &gates.endpoints[observer];
            let endpoint = EndpointConfig {
                spoken: Spoken::Http {
                    tls: at.tls,
                    path: Some(gate.path()),
                    search: Some(gate.searched(&fleet.name)),
                },
                address: at.address,
                host: at.host.clone(),
                port: at.port,
                interval_s: gates.interval_s,
                failure_threshold: gates.failure_threshold,
            };
            let subject = Subject::Endpoint(endpoint);
            let config = CheckConfig { subject, inverted: true, disabled: false };
            create(format!("{gate} by {observer}"), config)
        });
        let children = children.collect();
        let threshold = gates.health_threshold(&gate.region).unwrap_or(0);
        let subject = Subject::Calculated { threshold, children };
        let config = CheckConfig { subject, inverted: false, disabled: false };
        let id = create(gate.to_string(), config);
        made.insert(gate, id);
    }
    made
}

impl Sim {
    /// Lets checkers ask that are due, and says when the next ones are. Whoever makes a check calls
    /// it once, and the rest follows.
    pub fn let_checkers_ask(&mut self) {
        for due in self.world.route53.health_checks.due(self.now) {
            let met = self.meet(&due);
            self.world.route53.health_checks.told(self.now, &due.check, due.checker, &met);
        }
        self.see_gates();
        if let Some(next) = self.world.route53.health_checks.next_due() {
            self.enqueue(next.max(self.now), engine::Due::Checkers);
        }
    }

    /// Tells what name servers have come to go by.
    fn see_gates(&mut self) {
        for (gate, check) in &self.checks {
            let shut = !self.world.route53.health_checks.is_healthy(check);
            let was = self.shut.contains(gate);
            if shut == was {
                continue;
            }
            if shut {
                self.shut.insert(gate.clone());
                self.coverage.count("a gate was shut");
            } else {
                self.shut.remove(gate);
            }
            self.facts.tell(self.now, Fact::GateSeen { gate: gate.clone(), shut });
        }
    }

    /// What a checker meets at an application; none where there is no application.
    fn meet_application(&self, due: &Due) -> Option<Met> {
        let address = due.endpoint.address?;
        let ((service, _), region) = self.addresses.iter().find(|((_, at), _)| *at == address)?;
        let there = Place::Region(region.clone());
        let way = |from, to| self.world.network.path(from, to).is_some();
        if !way(&Place::Checkers, &there) || !way(&there, &Place::Checkers) {
            return Some(Met::Nothing { why: "The connection timed out".to_owned() });
        }
        Some(match self.world.apps.react(&target(region, service)) {
            Reaction::Refuse => Met::Nothing { why: "The connection was refused".to_owned() },
            Reaction::Answer { status, .. } => Met::at_once(status, ""),
        })
    }

    fn meet(&mut self, due: &Due) -> Met {
        if let Some(met) = self.meet_application(due) {
            return met;
        }
        let nothing = |why: &str| Met::Nothing { why: why.to_owned() };
        let endpoint = &due.endpoint;
        let gates = self.fleet.gates.as_ref();
        let observer = gates.and_then(|gates| {
            gates.region_at(endpoint.host.as_deref(), endpoint.address, endpoint.port)
        });
        let Spoken::Http { path: Some(path), .. } = &endpoint.spoken else {
            return nothing("The host name could not be resolved");
        };
        let (Some(observer), Some(gate)) = (observer, Gate::of_path(path)) else {
            return nothing("The host name could not be resolved");
        };
        let (checkers, there) = (Place::Checkers, Place::Region(observer.clone()));
        let way = |from, to| self.world.network.path(from, to).is_some();
        let agent = self.agents.iter().find(|agent| agent.region == *observer);
        let Some(agent) = agent.filter(|_| way(&checkers, &there) && way(&there, &checkers)) else {
            return nothing("The connection timed out");
        };
        if agent.pause.is_some() {
            return nothing("The endpoint did not answer in time");
        }
        let Some(brain) = &agent.brain else { return nothing("The connection was refused") };
        let shown = brain.gates().closes(agent.clock.read(self.now), &gate);
        if let Some(state) = shown {
            let (agent, gate) = (agent.id.clone(), gate.clone());
            self.facts.tell(self.now, Fact::GateShown { agent, gate, state });
        }
        Met::at_once(200, gate.told(&self.fleet.name, shown.map(|state| state.epoch)))
    }
}
