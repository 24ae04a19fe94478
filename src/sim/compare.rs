//! What each way of leaving a lost Region is worth, in figures.
//!
//! One Region goes, and nothing else is wrong. It is left by gates alone (Route 53's control plane is
//! down), by records alone (the fleet has no gates), by both, or by what there is without any
//! controller: weighted records with plain health checks on the applications.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::domain::record::Routing;
use crate::domain::{Fleet, Moment, RecordSet};
use crate::world::World;
use crate::world::apps::Reaction;
use crate::world::fault::Fault;
use crate::world::log::{ClientKind, Happening};
use crate::world::network::Place;
use crate::world::route53::{
    Action, CheckConfig, Due, EndpointConfig, Met, ModelChange, ModelRecordSet, Spoken, Subject,
};

use super::engine::Sim;
use super::setup::{Addresses, target};
use super::{Options, ways};

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
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// From the loss to the last failed request of a client that honours the TTL.
    pub last_failure_ms: u64,
    /// How many of their requests failed.
    pub failures: u64,
    /// Requests to Route 53, by operation, that the fleet made from the loss to the end beyond those
    /// of a quiet time as long.
    pub route53: BTreeMap<String, u64>,
}

/// How long a lost Region is watched, and a quiet one before.
const WATCHED: Duration = Duration::from_secs(120);

/// Seconds between two checks, and how many must fail (Route 53 API Reference, `HealthCheckConfig`).
const PACE_DEFAULT: (u8, u8) = (30, 3);

/// Until every check has been asked often enough to be believed.
const CHECKED_AFTER: Duration = Duration::from_secs(120);

/// Loses a Region that does not lead, and has it left in this way. None when the fleet did not come
/// to rest before, or has no gates to compare.
#[must_use]
pub fn leave(fleet: &Fleet, way: Way, seed: u64) -> Option<Left> {
    fleet.gates.as_ref()?;
    let mut fleet_now = fleet.clone();
    if !matches!(way, Way::Gates | Way::Both) {
        fleet_now.gates = None;
    }
    let mut sim = Sim::new(fleet_now, Options { seed, ..Options::default() });
    let limit = sim.now() + Duration::from_secs(120);
    if !sim.run_until_that(limit, Sim::settled) {
        return None;
    }
    let (leader, _) = sim.leaders().first()?.clone();
    let mut served = fleet.services.values().flat_map(|service| service.regions.keys());
    let lost = served.find(|region| region.as_str() != leader.as_str())?.clone();
    let pace = fleet.gates.as_ref().map(|gates| (gates.interval_s, gates.failure_threshold))?;
    match way {
        Way::Plain => sim.watch_applications(fleet, pace),
        Way::Default => sim.watch_applications(fleet, PACE_DEFAULT),
        Way::Gates | Way::Records | Way::Both => {}
    }
    sim.run_until(sim.now() + CHECKED_AFTER);
    let quiet = route53_requests(&mut sim);
    if way == Way::Gates {
        sim.strike(&Fault::ControlPlane { down: true });
    }
    let struck = sim.now();
    sim.strike(&Fault::Lose { region: lost });
    let busy = route53_requests(&mut sim);
    Some(told(&sim, struck, &quiet, &busy))
}

/// Requests to Route 53 while the fleet runs on for a while.
fn route53_requests(sim: &mut Sim) -> BTreeMap<String, u64> {
    let before = sim.route53_requests.clone();
    sim.run_until(sim.now() + WATCHED);
    let since = |(name, count): (&String, &u64)| {
        (name.clone(), count - before.get(name).copied().unwrap_or(0))
    };
    sim.route53_requests.iter().map(since).collect()
}

fn told(
    sim: &Sim,
    struck: Moment,
    quiet: &BTreeMap<String, u64>,
    busy: &BTreeMap<String, u64>,
) -> Left {
    let failed = sim.log().iter().filter(|entry| {
        entry.at >= struck
            && matches!(entry.happening, Happening::Failed { client: ClientKind::Orderly, .. })
    });
    let more = |(name, count): (&String, &u64)| {
        let more = count.saturating_sub(quiet.get(name).copied().unwrap_or(0));
        // Questions to name servers are not its API's.
        (more > 0 && name != ways::DNS).then(|| (name.clone(), more))
    };
    let last = failed.clone().next_back().map_or(Duration::ZERO, |entry| entry.at.since(struck));
    Left {
        last_failure_ms: u64::try_from(last.as_millis()).unwrap_or(u64::MAX),
        failures: u64::try_from(failed.count()).unwrap_or(u64::MAX),
        route53: busy.iter().filter_map(more).collect(),
    }
}

impl Sim {
    /// Puts the agents away, and has Route 53 check the applications themselves, as it would be done
    /// without a controller.
    fn watch_applications(&mut self, fleet: &Fleet, pace: (u8, u8)) {
        let agents: Vec<_> = self.agents.iter().map(|agent| agent.id.clone()).collect();
        for agent in agents {
            self.strike(&Fault::KillAgent { agent });
        }
        for zone in fleet.zones.keys() {
            let records: Vec<ModelRecordSet> = self.world.route53.records(zone).cloned().collect();
            let guarded = records.into_iter().filter_map(|before| {
                let health_check = Some(self.check_application(fleet, &before, pace)?);
                let after = ModelRecordSet { health_check, ..before.clone() };
                Some([(Action::Delete, before), (Action::Create, after)])
            });
            let changes: Vec<ModelChange> =
                guarded.flatten().map(|(action, record)| ModelChange { action, record }).collect();
            let changed = self.world.route53.change_record_sets(self.now, zone, &changes, None);
            changed.expect("the records that were read, with a check each");
        }
        self.check_gates();
    }

    /// Makes the check of the application behind a record, if it is a service's.
    fn check_application(
        &mut self,
        fleet: &Fleet,
        record: &ModelRecordSet,
        (interval_s, failure_threshold): (u8, u8),
    ) -> Option<String> {
        let RecordSet { key, routing: Routing::Weighted { set_identifier, .. }, .. } =
            record.to_record_set()?
        else {
            return None;
        };
        let (service, spec) = fleet.services.iter().find(|(_, spec)| spec.key() == key)?;
        let mut addresses = self.addresses.iter();
        let ((_, address), _) = addresses
            .find(|((of, _), region)| of == service && region.as_str() == set_identifier)?;
        let path = Some(spec.probe.path.clone());
        let subject = Subject::Endpoint(EndpointConfig {
            spoken: Spoken::Http { tls: false, path, search: None },
            address: Some(*address),
            host: Some(spec.name.as_str().trim_end_matches('.').to_owned()),
            port: 80,
            interval_s,
            failure_threshold,
        });
        let config = CheckConfig { subject, inverted: false, disabled: false };
        let reference = format!("{service} in {set_identifier}");
        let made = self.world.route53.create_health_check(self.now, &reference, config);
        Some(made.expect("the account takes a check for each application").id)
    }
}

/// What a checker meets at an application.
pub(super) fn meet_application(world: &World, addresses: &Addresses, due: &Due) -> Option<Met> {
    let address = due.endpoint.address?;
    let ((service, _), region) = addresses.iter().find(|((_, at), _)| *at == address)?;
    let there = Place::Region(region.clone());
    let way = |from, to| world.network.path(from, to).is_some();
    if !way(&Place::Checkers, &there) || !way(&there, &Place::Checkers) {
        return Some(Met::Nothing { why: "The connection timed out".to_owned() });
    }
    Some(match world.apps.react(&target(region, service)) {
        Reaction::Refuse => Met::Nothing { why: "The connection was refused".to_owned() },
        Reaction::Answer { status, .. } => Met::at_once(status, ""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_leads_clients_away_and_the_fleet_s_own_sooner_than_what_there_is_by_default() {
        let folder = std::path::Path::new("regions");
        let fleet = crate::config::load_dir(folder).expect("shipped").fleet;
        let ways = Way::ALL.map(|way| leave(&fleet, way, 1).expect("it comes to rest"));
        let [gates, records, both, plain, default] = &ways;
        for left in [gates, records, both, plain] {
            assert!(left.failures > 0 && left.last_failure_ms < 30_000, "{left:?}");
        }
        assert!(both.last_failure_ms <= gates.last_failure_ms, "{both:?} {gates:?}");
        let sooner = |left: &Left| 2 * left.last_failure_ms < default.last_failure_ms;
        assert!([gates, records, both].into_iter().all(sooner), "{ways:?}");
        assert_eq!(default.route53, BTreeMap::new(), "nobody is in charge");
        let changes = records.route53.get("ChangeResourceRecordSets");
        assert!(changes.is_some_and(|count| *count <= 4), "{records:?}");

        let ungated = Fleet { gates: None, ..fleet };
        assert_eq!(leave(&ungated, Way::Both, 1), None);
    }
}
