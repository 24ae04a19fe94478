//! What those who ask and strike a running fleet share: its world, its agents, its clients' counts.

use std::sync::Arc;

use super::agents::Agents;
use super::clients::{ClientCount, Tally};
use super::control::LogPage;
use super::databases;
use super::reading::{self, Leader};
use super::shared::Shared;
use super::state::{AgentState, AppState, Cut, State};
use super::strike::{self, StrikeError};
use crate::domain::Fleet;
use crate::domain::control::Weights;
use crate::world::fault::Fault;

/// A running fleet, without what keeps it running.
pub(super) struct Running {
    shared: Arc<Shared>,
    agents: Agents,
    fleet: Fleet,
    tally: Arc<Tally>,
}

impl Running {
    pub(super) fn new(
        shared: Arc<Shared>,
        agents: Agents,
        fleet: Fleet,
        tally: Arc<Tally>,
    ) -> Self {
        Self { shared, agents, fleet, tally }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn agents(&self) -> &Agents {
        &self.agents
    }

    pub(super) async fn strike(&self, fault: &Fault) -> Result<(), StrikeError> {
        strike::strike(&self.shared, &self.agents, &self.fleet, fault).await
    }

    pub(super) fn leader(&self) -> Option<Leader> {
        self.shared.visit(|world, _| reading::leader(world, &self.fleet))
    }

    pub(super) fn served(&self) -> Weights {
        self.shared.visit(|world, _| reading::served(world, &self.fleet))
    }

    pub(super) fn counts(&self) -> Vec<ClientCount> {
        self.tally.counts()
    }

    pub(super) fn settled(&self) -> bool {
        let decided_and_served = self.shared.visit(|world, _| {
            let leader = reading::leader(world, &self.fleet)?;
            let committed = reading::committed(world, &self.fleet)?;
            let wanted = reading::wanted(world, &self.fleet)?;
            let served = reading::served(world, &self.fleet);
            Some(committed.name.epoch == leader.epoch && wanted == served)
        });
        decided_and_served == Some(true) && self.agents.all_run()
    }

    pub(super) fn log_page(&self, from: usize, entries_max: usize) -> LogPage {
        self.shared.visit(|world, _| {
            let all = world.log.entries();
            let from = from.min(all.len());
            let next = (from + entries_max).min(all.len());
            LogPage { entries: all[from..next].to_vec(), next }
        })
    }

    pub(super) fn state(&self) -> State {
        let mut conditions = self.agents.conditions();
        let agents = self.agents.places().iter().filter_map(|(agent, region)| {
            let condition = conditions.remove(agent)?;
            Some((agent.clone(), AgentState { region: region.clone(), condition }))
        });
        let agents = agents.collect();
        let clients = self.counts();
        let writes = self.tally.writes();
        self.shared.visit(|world, at| State {
            at,
            lost: world.network.lost().iter().cloned().collect(),
            cuts: world
                .network
                .cuts()
                .iter()
                .map(|(from, to)| Cut { from: from.clone(), to: to.clone() })
                .collect(),
            wire: world.wire.rules().cloned().collect(),
            apps: world
                .apps
                .conditions()
                .map(|(target, condition)| AppState {
                    region: target.region.clone(),
                    service: target.service.clone(),
                    condition,
                })
                .collect(),
            targets: reading::targets(world, &self.fleet),
            alarms: reading::alarms(world, &self.fleet),
            agents,
            leader: reading::leader(world, &self.fleet),
            wanted: reading::wanted(world, &self.fleet),
            served: reading::served(world, &self.fleet),
            clients,
            databases: databases::states(world),
            writes,
            notices: reading::told(world),
            log_entries: world.log.entries().len(),
        })
    }
}
