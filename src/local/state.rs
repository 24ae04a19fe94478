//! A running fleet at a glance, as `GET /v1/state` tells it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agents::AgentCondition;
use super::clients::ClientCount;
use super::databases::{DatabaseState, WriteCount};
use super::reading::Leader;
use crate::domain::control::Weights;
use crate::domain::signal::{AlarmName, AlarmState, TargetHealth};
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
    /// What each load balancer finds of its targets.
    pub targets: Vec<Targets>,
    /// How each CloudWatch alarm is.
    pub alarms: Vec<Alarm>,
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
    /// How each database is.
    pub databases: Vec<DatabaseState>,
    /// How clients' writes fared since the start.
    pub writes: Vec<WriteCount>,
    /// What people were told lately, the newest last.
    pub notices: Vec<Told>,
    /// Entries in the world's log.
    pub log_entries: usize,
}

/// A message that a topic took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When.
    pub at: Moment,
    /// Through the topic of this Region.
    pub via: RegionId,
    /// Its attributes: among them `level`, and the `key` by which receivers drop repeats.
    pub attributes: BTreeMap<String, String>,
    /// One line.
    pub subject: String,
    /// The rest.
    pub body: String,
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

/// What a load balancer finds of its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// Where it is.
    pub region: RegionId,
    /// Which service it is of.
    pub service: ServiceId,
    /// What it finds.
    pub health: TargetHealth,
}

/// How an alarm is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Where it is.
    pub region: RegionId,
    /// Its name.
    pub name: AlarmName,
    /// Its state.
    pub state: AlarmState,
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
