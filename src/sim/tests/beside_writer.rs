//! A service that can write only beside its database's writer goes where the writer goes.

use super::runs::{runs, see_through, switch_over, writer};
use super::*;
use crate::domain::ServiceId;
use crate::domain::database::WriteReach;

/// A fleet of which the service that writes can do so only beside the writer; the service.
fn beside(seed: u64) -> (Sim, ServiceId) {
    let mut fleet = fleet();
    let mut services = fleet.services.iter_mut();
    let (id, writes_to) = services
        .find_map(|(id, service)| Some((id.clone(), service.writes_to.as_mut()?)))
        .expect("one of the shipped services writes");
    writes_to.reach = WriteReach::WriterRegion;
    let mut sim = Sim::new(fleet, Options { seed, ..Options::default() });
    let at = writer(&sim, "orders");
    let limit = sim.now() + Duration::from_secs(120);
    let there = |sim: &Sim| served(sim, &id) == [at.clone()];
    assert!(sim.run_until_that(limit, there), "{:?}: {:#?}", served(&sim, &id), sim.notes());
    assert_eq!(sim.violations(), []);
    (sim, id)
}

/// The Regions whose record of a service has a weight.
fn served(sim: &Sim, service: &ServiceId) -> Vec<RegionId> {
    let spec = &sim.fleet().services[service];
    let records = sim.world().route53.records(&spec.zone);
    let mut found: Vec<RegionId> = records
        .filter_map(crate::world::route53::ModelRecordSet::to_record_set)
        .filter(|record| record.key == spec.key())
        .filter_map(|record| match record.routing {
            crate::domain::record::Routing::Weighted { set_identifier, weight }
                if weight.serves() =>
            {
                set_identifier.parse().ok()
            }
            _ => None,
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_switchover_takes_the_service_along() {
    let (mut sim, service) = beside(1);
    let to = switch_over(&mut sim);
    let there = |sim: &Sim| served(sim, &service) == [to.clone()];
    let limit = sim.now() + Duration::from_secs(120);
    assert!(sim.run_until_that(limit, there), "{:?}", served(&sim, &service));
    assert_eq!(sim.violations(), []);
}

#[test]
fn when_the_writer_s_region_is_lost_the_service_stays_until_the_writer_has_moved() {
    let (mut sim, service) = beside(2);
    let lost = writer(&sim, "orders");
    sim.run_until(sim.now() + Duration::from_secs(200));
    sim.strike(&Fault::Lose { region: lost.clone() });
    let started = |sim: &Sim| !runs(sim).is_empty();
    let limit = sim.now() + Duration::from_secs(180);
    assert!(sim.run_until_that(limit, started), "{:#?}", sim.notes());
    let name = runs(&sim).into_keys().next().expect("it is started");
    let run = see_through(&mut sim, &name, true);
    assert_eq!(run.status, "done", "{run:#?}");
    let now = writer(&sim, "orders");
    assert_ne!(now, lost);
    let there = |sim: &Sim| served(sim, &service) == [now.clone()];
    let limit = sim.now() + Duration::from_secs(120);
    assert!(sim.run_until_that(limit, there), "{:?}", served(&sim, &service));
    assert_eq!(sim.violations(), []);
}
