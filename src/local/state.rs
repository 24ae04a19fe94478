//! A running fleet at a glance, as `GET /v1/state` tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agents::AgentCondition;
use super::clients::ClientCount;
use super::reading::Leader;
use crate::domain::control::Weights;
use crate::domain::{AgentId, Moment, RegionId, ServiceId};
use crate::world::apps::Condition;
use crate::world::network::Place;
use crate::world::wire::Rule;

/// A running fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The world's time.
    pub at: Moment,
    /// Regions that are off the network.
    pub lost: Vec<RegionId>,
    /// Directions that are cut.
    pub cuts: Vec<Cut>,
    /// What happens to single calls to AWS.
    pub wire: Vec<Rule>,
    /// How each application is.
    pub apps: Vec<AppState>,
    /// How each agent is.
    pub agents: BTreeMap<AgentId, AgentState>,
    /// Who holds a majority of seats.
    pub leader: Option<Leader>,
    /// The weights that are decided; none before a leader has committed any.
    pub wanted: Option<Weights>,
    /// The weights that the name servers answer by.
    pub served: Weights,
    /// How clients fared since the start.
    pub clients: Vec<ClientCount>,
    /// Entries in the world's log.
    pub log_entries: usize,
}

/// A direction in which nothing gets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// From here.
    pub from: Place,
    /// To there.
    pub to: Place,
}

/// How an application is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppState {
    /// Where it runs.
    pub region: RegionId,
    /// Which it is.
    pub service: ServiceId,
    /// How it is.
    pub condition: Condition,
}

/// How an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentState {
    /// Where it stands.
    pub region: RegionId,
    /// How it is.
    #[serde(flatten)]
    pub condition: AgentCondition,
}
