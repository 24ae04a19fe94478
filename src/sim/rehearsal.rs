//! What a healed fleet with failover pairs is asked to do at the end of a run: swap each, and back.
//!
//! Judges see what was done, and never what was left undone; and a pair that nobody ever swapped
//! ends as it is to end. So people drain the first Region of each pair, and within a fleet's own
//! times the records must lead to the other one and name servers answer with it; then they let it
//! in again, and all must be as configured once more.

use std::collections::BTreeSet;

use crate::core::invariants::Part;
use crate::domain::order::Verb;
use crate::domain::{RegionId, ServiceId};
use crate::world::route53::OwnerName;

use super::engine::Sim;
use super::trial::{Failure, TIDY_EVERY, Trial};

impl Trial<'_> {
    /// Swaps each failover pair of the plan, and swaps it back.
    pub(super) fn rehearse(&mut self) -> Result<(), Failure> {
        let pairs = &self.plan.shape.pairs;
        if pairs.is_empty() {
            return Ok(());
        }
        self.sim.coverage.rehearses = true;
        let limit = self.sim.now() + self.patience();
        let mut turns: u32 = 0;
        while let Some((service, first)) = pairs.iter().find(|pair| !self.sim.has_left(*pair)) {
            if self.sim.now() >= limit {
                let why = format!("{first} was drained, and {service} still leads there");
                return Err(Failure::Stuck { at: self.sim.now(), why });
            }
            // Once more now and then: a run that is undone meanwhile may have let one in again.
            if turns.is_multiple_of(TIDY_EVERY) {
                for (service, region) in pairs {
                    let (region, service) = (region.clone(), Some(service.clone()));
                    let reason = "a rehearsal".to_owned();
                    self.sim.order(Verb::Drain { region, service, reason });
                }
            }
            turns += 1;
            self.sim.run_until(self.sim.now() + std::time::Duration::from_secs(1));
            self.judged()?;
        }
        for (service, region) in pairs {
            let (region, service) = (region.clone(), Some(service.clone()));
            self.sim.order(Verb::Undrain { region, service });
        }
        let limit = self.sim.now() + self.patience();
        if !self.wait(limit)? {
            let why = format!("after a rehearsal, {}", self.why());
            return Err(Failure::Stuck { at: self.sim.now(), why });
        }
        Ok(())
    }
}

impl Sim {
    fn order(&mut self, verb: Verb) {
        let replica = self.fleet.regions.first().expect("a fleet has Regions").clone();
        self.give_order(&replica, verb);
    }

    /// Whether a pair leads elsewhere by its records on every name server, and is answered so.
    fn has_left(&mut self, (service, first): (&ServiceId, &RegionId)) -> bool {
        let Some(spec) = self.fleet.services.get(service) else { return false };
        let (key, name, rtype) = (spec.key(), OwnerName::from(&spec.name), spec.rtype.into());
        let records = self.world.route53.served(&spec.zone).filter_map(|r| r.to_record_set());
        let by_records = records.filter(|record| record.key == key).any(|record| {
            Part::of(&record.routing) == Some(Part::Primary)
                && record.routing.set_identifier() != Some(first.as_str())
        });
        let addresses = self.world.route53.answer(self.now, &name, rtype).addresses();
        let answered: BTreeSet<Option<&RegionId>> = addresses
            .into_iter()
            .map(|address| self.addresses.get(&(service.clone(), address)))
            .collect();
        by_records && !answered.is_empty() && !answered.contains(&Some(first))
    }
}
