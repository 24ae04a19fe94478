//! Who plays which part: `@leader`, `@follower` and `@writer` in chaos files.
//!
//! Who leads is known only when the fleet runs. The runner looks once, just before the first fault
//! strikes, and from then on the parts are fixed: `@leader` still means the Region that led then
//! when it is put back a minute later. One part goes from hand to hand: `@leading` is the agent that
//! leads when the entry's turn comes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::{AgentId, Fleet, InvalidName, RegionId};
use crate::world::network::Place;
use crate::world::rds::Rds;

/// A Region by name or by part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum RegionRef {
    /// This one.
    Named(RegionId),
    /// That of the agent that led when the first fault struck.
    Leader,
    /// The first one in order, of those that serve, that isn't the leader's.
    Follower,
    /// Where the fleet's first database was written when the first fault struck.
    Writer,
}

/// An agent by name or by part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum AgentRef {
    /// This one.
    Named(AgentId),
    /// The one that led when the first fault struck.
    Leader,
    /// The first one in the follower's Region.
    Follower,
    /// The one that leads when the entry's turn comes, or led last.
    Leading,
}

/// A place whose Region may be a part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum PlaceRef {
    /// A Region.
    Region(RegionRef),
    /// Route 53's control plane.
    Global,
    /// Route 53's health checkers.
    Checkers,
    /// Clients and people.
    Outside,
}

/// Why a text with a leading `@` names no part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRef {
    /// Not one of the parts.
    #[error(
        "there is no part {0:?}; write \"@leader\", \"@follower\" (or \"@other\"), \
         \"@writer\" (a Region), \"@leading\" (an agent), or a name"
    )]
    Part(String),
    /// Not a name either.
    #[error("{0}; write a name, \"@leader\" or \"@follower\"")]
    Name(#[from] InvalidName),
}

macro_rules! reference {
    ($type:ident, $part:literal => $variant:ident) => {
        impl TryFrom<String> for $type {
            type Error = InvalidRef;
            fn try_from(text: String) -> Result<Self, InvalidRef> {
                match text.as_str() {
                    "@leader" => Ok(Self::Leader),
                    "@follower" | "@other" => Ok(Self::Follower),
                    $part => Ok(Self::$variant),
                    part if part.starts_with('@') => Err(InvalidRef::Part(text)),
                    name => Ok(Self::Named(FromStr::from_str(name)?)),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Named(name) => name.fmt(f),
                    Self::Leader => f.pad("@leader"),
                    Self::Follower => f.pad("@follower"),
                    Self::$variant => f.pad($part),
                }
            }
        }
    };
}

reference!(RegionRef, "@writer" => Writer);
reference!(AgentRef, "@leading" => Leading);

impl TryFrom<String> for PlaceRef {
    type Error = InvalidRef;
    fn try_from(text: String) -> Result<Self, InvalidRef> {
        match text.as_str() {
            "outside" => Ok(Self::Outside),
            "global" => Ok(Self::Global),
            "checkers" => Ok(Self::Checkers),
            _ => Ok(Self::Region(text.try_into()?)),
        }
    }
}

/// An agent and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub agent: AgentId,
    /// Where.
    pub region: RegionId,
}

/// Who plays which part, from the first fault to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cast {
    /// Led when the first fault struck.
    pub leader: Member,
    /// Stands in the first serving Region that isn't the leader's.
    pub follower: Member,
    /// Where the fleet's first database was written then; none where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<RegionId>,
    /// Leads now, as far as the runner knows.
    #[serde(skip)]
    pub(super) leading: Option<AgentId>,
}

/// Why the parts can't be given out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Miscast {
    /// The leader is none of the agents.
    #[error(
        "{0} leads the fleet but is none of the agents on this stage: is another fleet writing to \
         these tables?"
    )]
    UnknownLeader(AgentId),
    /// The leader's Region is the only one.
    #[error("no Region but the leader's {0} serves: a drill needs a fleet of several Regions")]
    NoOther(RegionId),
    /// Nobody to play the follower.
    #[error("no agent runs in {0}, the first serving Region that isn't the leader's: start one")]
    NoAgent(RegionId),
}

impl Cast {
    /// Gives out the parts: `leader` is who leads, `agents` everybody with their Regions.
    ///
    /// # Errors
    /// When the leader is unknown, or there is nobody to be the follower.
    pub fn new(
        fleet: &Fleet,
        agents: &BTreeMap<AgentId, RegionId>,
        leader: &AgentId,
    ) -> Result<Self, Miscast> {
        let home = agents.get(leader).ok_or_else(|| Miscast::UnknownLeader(leader.clone()))?;
        let serves = |region: &RegionId| {
            fleet
                .services
                .values()
                .any(|service| service.regions.get(region).is_some_and(|at| at.weight.serves()))
        };
        let other = fleet
            .regions
            .iter()
            .find(|region| *region != home && serves(region))
            .ok_or_else(|| Miscast::NoOther(home.clone()))?;
        let follower = agents
            .iter()
            .find_map(|(agent, region)| (region == other).then_some(agent))
            .ok_or_else(|| Miscast::NoAgent(other.clone()))?;
        Ok(Self {
            leader: Member { agent: leader.clone(), region: home.clone() },
            follower: Member { agent: follower.clone(), region: other.clone() },
            writer: None,
            leading: None,
        })
    }

    /// The same, on a fleet whose databases stand so.
    #[must_use]
    pub(super) fn with_writer(self, fleet: &Fleet, rds: &Rds) -> Self {
        let first = fleet.databases.values().next();
        let global = first.and_then(|database| rds.global(&database.global_cluster));
        Self { writer: global.map(|global| global.writer().clone()), ..self }
    }

    /// The Region that is meant.
    ///
    /// # Panics
    /// When the writer of a fleet without a database is meant: [`super::Scenario::check`] refuses it.
    #[must_use]
    pub fn region(&self, reference: &RegionRef) -> RegionId {
        match reference {
            RegionRef::Named(region) => region.clone(),
            RegionRef::Leader => self.leader.region.clone(),
            RegionRef::Follower => self.follower.region.clone(),
            RegionRef::Writer => self.writer.clone().expect("a fleet with a database"),
        }
    }

    /// The agent that is meant.
    #[must_use]
    pub fn agent(&self, reference: &AgentRef) -> AgentId {
        match reference {
            AgentRef::Named(agent) => agent.clone(),
            AgentRef::Leader => self.leader.agent.clone(),
            AgentRef::Follower => self.follower.agent.clone(),
            AgentRef::Leading => self.leading.as_ref().unwrap_or(&self.leader.agent).clone(),
        }
    }

    /// The place that is meant.
    #[must_use]
    pub fn place(&self, reference: &PlaceRef) -> Place {
        match reference {
            PlaceRef::Region(region) => Place::Region(self.region(region)),
            PlaceRef::Global => Place::Global,
            PlaceRef::Checkers => Place::Checkers,
            PlaceRef::Outside => Place::Outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::fixture::{agents, fleet};

    fn name<T: FromStr<Err = InvalidName>>(text: &str) -> T {
        text.parse().expect("valid")
    }

    #[test]
    fn the_follower_is_the_first_serving_region_that_is_not_the_leaders() {
        for (leader, follower) in
            [("eu-west-1", "us-east-1"), ("us-east-1", "eu-west-1"), ("us-west-2", "eu-west-1")]
        {
            let cast = Cast::new(&fleet(), &agents(), &name(leader)).expect("three Regions");
            assert_eq!(cast.region(&RegionRef::Leader), name(leader));
            assert_eq!(cast.region(&RegionRef::Follower), name(follower));
            assert_eq!(cast.agent(&AgentRef::Follower), name(follower));
        }
    }

    #[test]
    fn a_witness_is_never_the_follower() {
        let mut fleet = fleet();
        for service in fleet.services.values_mut() {
            service.regions.remove(&name::<RegionId>("eu-west-1"));
        }
        let cast = Cast::new(&fleet, &agents(), &name("us-west-2")).expect("two serve");
        assert_eq!(cast.follower.region, name("us-east-1"));
    }

    #[test]
    fn a_leader_that_nobody_knows_and_a_region_without_an_agent_are_said() {
        let stranger = Cast::new(&fleet(), &agents(), &name("mars"));
        assert_eq!(stranger, Err(Miscast::UnknownLeader(name("mars"))));
        let mut few = agents();
        few.remove(&name::<AgentId>("eu-west-1"));
        let nobody = Cast::new(&fleet(), &few, &name("us-east-1"));
        assert_eq!(nobody, Err(Miscast::NoAgent(name("eu-west-1"))));
    }

    #[test]
    fn an_unknown_part_is_refused() {
        let error = RegionRef::try_from("@boss".to_owned()).expect_err("no such part");
        assert!(error.to_string().contains("@leader"), "{error}");
        assert!(PlaceRef::try_from("@boss".to_owned()).is_err());
        assert_eq!(PlaceRef::try_from("global".to_owned()), Ok(PlaceRef::Global));
    }
}
