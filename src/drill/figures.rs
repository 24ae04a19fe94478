//! The drill in figures: how long each stage of the failover took, and what clients saw of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::databases::Writes;
use super::story::Story;
use crate::domain::RegionId;
use crate::world::log::ClientKind;

/// The figures. Times are milliseconds since the first fault; none where it never happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// The first report that showed something failing which didn't before.
    pub detect_ms: Option<u64>,
    /// A majority of seats held a new leader.
    pub elect_ms: Option<u64>,
    /// The first state with other weights was committed: a majority of seats pointed to it.
    pub decide_ms: Option<u64>,
    /// The first batch that changed a weight was applied.
    pub act_ms: Option<u64>,
    /// What clients went through, by kind.
    pub recover: BTreeMap<ClientKind, Recovery>,
    /// Requests since the first fault, by kind of client and Region.
    pub clients: Vec<Tally>,
    /// Requests that had failed before anything was broken: not the drill's doing.
    pub failed_before: u64,
    /// What became of clients' writes; none when nobody was ever told of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<Writes>,
}

/// What one kind of client went through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Recovery {
    /// Requests that failed.
    pub failed: u64,
    /// When the last of them did: the time to recover, if others were served since.
    pub last_failure_ms: Option<u64>,
    /// Requests served after the last failure.
    pub served_since: u64,
}

/// Requests of one kind of client at one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The kind of client.
    pub client: ClientKind,
    /// The Region; none for requests that got no address.
    pub region: Option<RegionId>,
    /// Answered as they should be.
    pub served: u64,
    /// Not.
    pub failed: u64,
}

impl Figures {
    pub(super) fn of(story: &Story) -> Self {
        let ms = |stamp| story.since_ms(stamp);
        let decided = story
            .decisions
            .iter()
            .filter(|decision| !decision.moves.is_empty())
            .filter_map(|decision| decision.committed)
            .find(|stamp| !story.is_before(*stamp));
        Self {
            detect_ms: story.sights.first().map(|sight| ms(sight.stamp)),
            elect_ms: story.new_leaders.first().map(|(stamp, _)| ms(*stamp)),
            decide_ms: decided.map(ms),
            act_ms: story.first_action().map(|batch| ms(batch.stamp)),
            recover: recoveries(story),
            clients: tallies(story),
            failed_before: story.failed_before,
            writes: story.databases.writes(),
        }
    }
}

fn recoveries(story: &Story) -> BTreeMap<ClientKind, Recovery> {
    let mut recoveries = BTreeMap::<ClientKind, Recovery>::new();
    for request in &story.requests {
        let recovery = recoveries.entry(request.client).or_default();
        if request.failure.is_some() {
            recovery.failed += 1;
            recovery.last_failure_ms = Some(story.since_ms(request.stamp));
            recovery.served_since = 0;
        } else {
            recovery.served_since += 1;
        }
    }
    recoveries
}

fn tallies(story: &Story) -> Vec<Tally> {
    let mut counts = BTreeMap::<(ClientKind, Option<RegionId>), (u64, u64)>::new();
    for request in &story.requests {
        let (served, failed) = counts.entry((request.client, request.region.clone())).or_default();
        *if request.failure.is_some() { failed } else { served } += 1;
    }
    counts
        .into_iter()
        .map(|((client, region), (served, failed))| Tally { client, region, served, failed })
        .collect()
}
