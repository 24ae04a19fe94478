//! What each way of leaving a lost Region is worth, in figures, on the simulator and on loopback.
//!
//! One Region goes, and nothing else is wrong. It is left by gates alone (Route 53's control plane is
//! down), by records alone (the fleet has no gates), by both, or by what there is without any
//! controller: weighted records with plain health checks on the applications.
//!
//! Name servers are asked all the while. The last answer that leads to the lost Region tells what
//! the way itself takes; the last request that fails has the clients' time to live and patience on
//! top.

mod on_local;
mod on_sim;
mod plain;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::cast::{Cast, Miscast};
use crate::domain::{AgentId, Fleet, Moment, RegionId};
use crate::world::log::{ClientKind, Entry, Happening};

pub use on_local::leave_on_local;
pub use on_sim::leave_on_sim;

/// A way of leaving a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By the fleet's gates, while no record can be edited.
    Gates,
    /// By the records' weights.
    Records,
    /// By both.
    Both,
    /// By Route 53's health checks on the applications, at the pace of the gates'; nobody is in
    /// charge.
    Plain,
    /// The same at the pace that Route 53 takes unless told otherwise.
    Default,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 5] = [Self::Gates, Self::Records, Self::Both, Self::Plain, Self::Default];

    /// The way in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Gates => "gates alone, no record can be edited",
            Self::Records => "records alone",
            Self::Both => "gates and records",
            Self::Plain => "plain health checks, as often as the gates'",
            Self::Default => "plain health checks, every 30 s, three times",
        }
    }

    /// Whether the fleet has its gates.
    const fn is_gated(self) -> bool {
        matches!(self, Self::Gates | Self::Both)
    }

    /// Seconds between two checks of an application and how many must fail, where nobody else is in
    /// charge.
    fn plain_pace(self, fleet: &Fleet) -> Option<(u8, u8)> {
        match self {
            Self::Gates | Self::Records | Self::Both => None,
            Self::Plain => {
                fleet.gates.as_ref().map(|gates| (gates.interval_s, gates.failure_threshold))
            }
            Self::Default => Some(PACE_DEFAULT),
        }
    }

    /// How long a lost Region is watched, and a quiet one before: until well after the last client
    /// has left it.
    const fn watched(self) -> Duration {
        match self {
            Self::Gates | Self::Records | Self::Both | Self::Plain => Duration::from_secs(60),
            Self::Default => Duration::from_secs(120),
        }
    }
}

/// Seconds between two checks, and how many must fail (Route 53 API Reference, `HealthCheckConfig`).
const PACE_DEFAULT: (u8, u8) = (30, 3);

/// Time between two questions to the name servers, for each service.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Until every checker has asked often enough to be believed.
fn checked_after((interval_s, failure_threshold): (u8, u8)) -> Duration {
    Duration::from_secs(u64::from(interval_s) * (u64::from(failure_threshold) + 1))
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// From the loss to the last answer of a name server that led to the lost Region.
    pub last_wrong_answer_ms: u64,
    /// From the loss to the last failed request of a client that honours the TTL.
    pub last_failure_ms: u64,
    /// How many of their requests failed.
    pub failures: u64,
    /// Requests to Route 53's API, by operation, from the loss to the end beyond those of a quiet
    /// time as long.
    pub route53: Requests,
}

/// Requests by operation.
type Requests = BTreeMap<String, u64>;

/// What a run leaves to be judged.
struct Watched<'l> {
    /// When the Region went.
    struck: Moment,
    /// The last answer that led there.
    last_wrong_answer: Moment,
    /// Requests in a quiet time, and in one as long after the loss.
    quiet: &'l Requests,
    busy: &'l Requests,
    log: &'l [Entry],
}

impl Watched<'_> {
    fn left(&self) -> Left {
        let since = |at: Moment| u64::try_from(at.since(self.struck).as_millis());
        let failed = self.log.iter().filter(|entry| {
            entry.at >= self.struck
                && matches!(entry.happening, Happening::Failed { client: ClientKind::Orderly, .. })
        });
        let more = |(name, count): (&String, &u64)| {
            let more = count.saturating_sub(self.quiet.get(name).copied().unwrap_or(0));
            (more > 0).then(|| (name.clone(), more))
        };
        let last = failed.clone().next_back().map_or(self.struck, |entry| entry.at);
        Left {
            last_wrong_answer_ms: since(self.last_wrong_answer).unwrap_or(u64::MAX),
            last_failure_ms: since(last).unwrap_or(u64::MAX),
            failures: u64::try_from(failed.count()).unwrap_or(u64::MAX),
            route53: self.busy.iter().filter_map(more).collect(),
        }
    }
}

/// The Region to lose: one that serves and does not lead.
fn to_lose(
    fleet: &Fleet,
    agents: &BTreeMap<AgentId, RegionId>,
    leader: &AgentId,
) -> Result<RegionId, Miscast> {
    Ok(Cast::new(fleet, agents, leader)?.follower.region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::NotRun;
    use crate::world::distances::Distances;

    #[test]
    fn each_way_leads_clients_away_and_the_fleet_s_own_sooner_than_what_there_is_by_default() {
        let folder = std::path::Path::new("regions");
        let fleet = crate::config::load_dir(folder).expect("shipped").fleet;
        let leave = |way| leave_on_sim(&fleet, way, 1, Distances::Near);
        let ways = Way::ALL.map(|way| leave(way).expect("it comes to rest"));
        let [gates, records, both, plain, default] = &ways;
        for left in &ways {
            assert!(left.failures > 0 && left.last_wrong_answer_ms > 0, "{left:?}");
            assert!(left.last_wrong_answer_ms < left.last_failure_ms, "{left:?}");
        }
        for left in [gates, records, both, plain] {
            assert!(left.last_failure_ms < 30_000, "{left:?}");
        }
        assert!(both.last_failure_ms <= gates.last_failure_ms, "{both:?} {gates:?}");
        let sooner = |left: &Left| 2 * left.last_wrong_answer_ms < default.last_wrong_answer_ms;
        assert!([gates, records, both].into_iter().all(sooner), "{ways:?}");
        assert_eq!(default.route53, BTreeMap::new(), "nobody is in charge");
        let changes = records.route53.get("ChangeResourceRecordSets");
        assert!(changes.is_some_and(|count| *count <= 4), "{records:?}");

        let ungated = Fleet { gates: None, ..fleet.clone() };
        let refused = leave_on_sim(&ungated, Way::Both, 1, Distances::Near);
        assert!(matches!(refused, Err(NotRun::NoGates)), "{refused:?}");
    }
}
