//! Which targets truly answer as they should, asked from where: read off the world itself, never
//! off a probe.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::signals::Inside;
use crate::core::invariants::Fact;
use crate::domain::fleet::ProbeSpec;
use crate::domain::{Fleet, Moment, RegionId, ServiceId, Target};
use crate::world::World;
use crate::world::apps::Reaction;
use crate::world::network::Place;

/// Connecting and the TLS handshake take a round trip each, the request another way, and the answer
/// the way back.
const WAYS: u32 = 6;

/// What was true when it was last looked at.
#[derive(Debug)]
pub(super) struct Reach {
    probes: BTreeMap<ServiceId, ProbeSpec>,
    fine: BTreeMap<(RegionId, Target), bool>,
    signals: Inside,
    /// The changes of network, applications and signals up to then.
    seen: [u64; 4],
}

impl Reach {
    /// Nothing is fine yet.
    pub(super) fn new(fleet: &Fleet) -> Self {
        let probes = fleet.services.iter().map(|(id, spec)| (id.clone(), spec.probe.clone()));
        let pairs = fleet.targets().into_iter().flat_map(|target| {
            fleet.regions.iter().map(move |from| ((from.clone(), target.clone()), false))
        });
        let signals = Inside::new(fleet);
        Self { probes: probes.collect(), fine: pairs.collect(), signals, seen: [0; 4] }
    }

    /// Looks at the world if anything was done to it, and tells what is otherwise than before.
    pub(super) fn look(&mut self, at: Moment, world: &World, facts: &mut VecDeque<(Moment, Fact)>) {
        let changes = [
            world.network.changes(),
            world.apps.changes(),
            world.elb.changes(),
            world.cloudwatch.changes(),
        ];
        if std::mem::replace(&mut self.seen, changes) == changes {
            return;
        }
        for ((from, target), fine) in &mut self.fine {
            let is = self
                .probes
                .get(&target.service)
                .is_some_and(|probe| answers(world, from, target, probe));
            // From inside, what AWS complains of is not fine, whatever is answered.
            let is = is && !(*from == target.region && self.signals.complain(world, target));
            if is != *fine {
                *fine = is;
                let (from, target) = (from.clone(), target.clone());
                facts.push_back((at, Fact::Reach { from, target, fine: is }));
            }
        }
    }
}

/// Whether a probe sent now, or any other while nothing changes, is answered as it should be; one
/// that may come too late by the chance of the way does not count.
fn answers(world: &World, from: &RegionId, target: &Target, probe: &ProbeSpec) -> bool {
    let (here, there) = (Place::Region(from.clone()), Place::Region(target.region.clone()));
    let ways = (world.network.path(&here, &there), world.network.path(&there, &here));
    let (Some(to), Some(back)) = ways else { return false };
    let Reaction::Answer { status, after } = world.apps.react(target) else { return false };
    // A way may take a fifth longer than its distance.
    let longest = after + to.max(back) * WAYS * 6 / 5 + Duration::from_millis(1);
    let limit = Duration::from_millis(probe.latency_ms_max.min(probe.timeout_ms).into());
    probe.accepts(status) && longest < limit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::fault::Fault;

    #[test]
    fn a_cut_a_slow_and_a_failing_application_end_its_being_fine() {
        let fleet =
            crate::config::load_dir(std::path::Path::new("regions")).expect("shipped").fleet;
        let region: RegionId = "eu-west-1".parse().expect("valid");
        let other = Place::Region("us-east-1".parse().expect("valid"));
        let service = Some("api".parse().expect("valid"));
        let mut world = World::new(1, fleet.regions.iter().cloned());
        for target in fleet.targets() {
            world.apps.add(target);
        }
        let mut reach = Reach::new(&fleet);
        let mut turned = |world: &World| {
            let mut facts = VecDeque::new();
            reach.look(Moment::ZERO, world, &mut facts);
            facts.len()
        };
        assert_eq!(turned(&world), 3 * 6, "all of them, from everywhere");
        assert_eq!(turned(&world), 0);
        let home = Place::Region(region.clone());
        world.strike(Moment::ZERO, &Fault::Cut { from: other, to: home, both: false });
        assert_eq!(turned(&world), 4, "two services each way: no answer comes back either");
        world.strike(Moment::ZERO, &Fault::Heal);
        assert_eq!(turned(&world), 4);
        let slow =
            |delay_ms| Fault::Slow { region: region.clone(), service: service.clone(), delay_ms };
        let limit_ms = fleet.services.values().next().expect("api").probe.latency_ms_max;
        world.strike(Moment::ZERO, &slow(limit_ms - 100));
        assert_eq!(turned(&world), 0, "late, but in time");
        world.strike(Moment::ZERO, &slow(limit_ms));
        assert_eq!(turned(&world), 3);
        world.strike(Moment::ZERO, &Fault::Fail { region: region.clone(), service: None });
        assert_eq!(turned(&world), 3, "the other service");
    }
}
