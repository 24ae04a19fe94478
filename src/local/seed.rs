//! The world as it is before regent comes: applications that run, zones whose records the operator
//! made, and no tables.

use std::time::Duration;

use crate::domain::{Fleet, Moment, Target, ZoneId};
use crate::world::World;
use crate::world::route53::{
    Action, ModelChange, ModelRecordSet, ModelRecordType, ModelRouting, OwnerName, Route53Error,
};

/// Records in one batch, well below Route 53's limits of records and characters.
const BATCH_RECORDS: usize = 100;

/// How long tables and replicas take to create. AWS takes longer, but that is waited for once in a
/// fleet's life, and here at each start.
const CREATION: Duration = Duration::from_millis(200);

/// How long a launched instance is pending: shorter than with AWS, so that nobody waits a minute for
/// a demonstration.
const LAUNCH: Duration = Duration::from_secs(5);

/// A fleet's world at its zero.
pub(super) fn world(
    seed: u64,
    fleet: &Fleet,
    lag: Duration,
    propagation: (Duration, Duration),
) -> Result<World, Route53Error> {
    let mut world = World::new(seed, fleet.regions.iter().cloned());
    for from in &fleet.regions {
        for to in &fleet.regions {
            world.dynamo.set_lag(from, to, lag);
        }
    }
    world.dynamo.set_creation(CREATION, CREATION);
    world.autoscaling.set_launch(LAUNCH);
    for Target { region, service } in fleet.targets() {
        world.apps.add(Target { region, service });
    }
    world.outfit(Moment::ZERO, fleet);
    // What the operator did long ago is served by now.
    world.route53.set_propagation(Duration::ZERO, Duration::ZERO);
    for (zone, name) in &fleet.zones {
        world.route53.create_zone(zone, name)?;
        for batch in records(fleet, zone).chunks(BATCH_RECORDS) {
            world.route53.change_record_sets(Moment::ZERO, zone, batch, None)?;
        }
    }
    world.advance(Moment::ZERO);
    world.route53.set_propagation(propagation.0, propagation.1);
    Ok(world)
}

/// The weighted records of a zone's services, with the configured weights.
fn records(fleet: &Fleet, zone: &ZoneId) -> Vec<ModelChange> {
    let services = fleet.services_in(zone).flat_map(|(_, service)| {
        // A pair's primary needs a health check, which `init` makes: until then it is weighted.
        let shares = service.declared_shares();
        service.regions.iter().map(move |(region, placement)| ModelRecordSet {
            name: OwnerName::from(&service.name),
            rtype: ModelRecordType::A,
            routing: ModelRouting::Weighted {
                set_identifier: region.as_str().to_owned(),
                weight: shares.get(region).copied().unwrap_or_default(),
            },
            data: placement.data.clone(),
            health_check: None,
        })
    });
    services.map(|record| ModelChange { action: Action::Create, record }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::testing;

    #[test]
    fn the_operators_records_are_served_from_the_first_moment_on() {
        let fleet = testing::fleet();
        let second = Duration::from_secs(1);
        let world = world(1, &fleet, second, (second, second)).expect("a valid fleet");
        assert_eq!(
            super::super::reading::served(&world, &fleet),
            testing::weights(&[("r1", 100), ("r2", 100)])
        );
        assert!(world.log.entries().is_empty(), "nothing has happened yet");
        assert_eq!(world.apps.conditions().count(), 2);
    }
}
