//! What people do by hand: edits in the Route 53 console, a seat deleted or made anew.

use crate::core::genesis::{genesis, unborn_seat};
use crate::core::invariants::Part;
use crate::domain::record::{RecordData, RecordKey, RecordSet, RecordType, Routing};
use crate::domain::{AgentId, Epoch, Fence, FleetName, RegionId, ServiceId, Weight, ZoneId};
use crate::ports::items;
use crate::world::dynamo::operation::{DeleteItem, PutItem};
use crate::world::dynamo::{AttributeValue, Item, Operation};
use crate::world::route53::{Action, ModelChange, ModelRecordSet};

use super::engine::Sim;
use super::ports::to_world;

/// The fleet whose fence somebody puts into a zone by mistake.
fn other_fleet() -> FleetName {
    "other".parse().expect("letters")
}

fn change(action: Action, record: &RecordSet) -> ModelChange {
    let record = ModelRecordSet::try_from(record).expect("it was read from the model");
    ModelChange { action, record }
}

impl Sim {
    fn find(&self, zone: &ZoneId, wanted: impl Fn(&RecordSet) -> bool) -> Option<RecordSet> {
        let mut records = self.world.route53.records(zone).filter_map(|r| r.to_record_set());
        records.find(|record| wanted(record))
    }

    /// Edits a zone; whether it was taken. A console that is throttled, or a zone that is busy: the
    /// person gives up.
    fn by_hand(&mut self, zone: &ZoneId, changes: &[ModelChange]) -> bool {
        self.world.route53.change_record_sets(self.now, zone, changes, None).is_ok()
    }

    fn fence_record(&self, zone: &ZoneId) -> Option<RecordSet> {
        let name = Fence::record_name(&self.fleet.name, self.fleet.zones.get(zone)?).ok()?;
        self.find(zone, |record| record.key.name == name && record.key.rtype == RecordType::Txt)
    }

    /// Gives a record another weight. One of a failover pair has none: it is made the primary, or
    /// with 0 the secondary.
    pub(super) fn edit_weight(&mut self, service: &ServiceId, region: &RegionId, weight: Weight) {
        let Some(spec) = self.fleet.services.get(service) else { return };
        let (zone, key) = (spec.zone.clone(), spec.key());
        let ours = |record: &RecordSet| {
            record.key == key && record.routing.set_identifier() == Some(region.as_str())
        };
        let Some(old) = self.find(&zone, ours) else { return };
        if let Routing::Failover { primary, .. } = old.routing {
            if primary != weight.serves() {
                self.swap_roles(&zone, &key);
            }
            return;
        }
        let routing = Routing::Weighted { set_identifier: region.to_string(), weight };
        if old.routing == routing {
            return;
        }
        let new = RecordSet { routing, ..old.clone() };
        if self.by_hand(&zone, &[change(Action::Delete, &old), change(Action::Create, &new)]) {
            self.edits += 1;
        }
    }

    /// Swaps the roles of a failover pair.
    fn swap_roles(&mut self, zone: &ZoneId, key: &RecordKey) {
        let records = self.world.route53.records(zone).filter_map(|r| r.to_record_set());
        let pair: Vec<RecordSet> = records.filter(|record| record.key == *key).collect();
        let swapped = pair.iter().cloned().map(|mut record| {
            if let Routing::Failover { primary, .. } = &mut record.routing {
                *primary = !*primary;
            }
            record
        });
        let creates = swapped.map(|record| change(Action::Create, &record));
        let deletes = pair.iter().map(|record| change(Action::Delete, record));
        let changes: Vec<ModelChange> = deletes.chain(creates).collect();
        if self.by_hand(zone, &changes) {
            self.edits += 1;
            self.coverage.count("a failover pair was swapped by hand");
        }
    }

    pub(super) fn delete_fence(&mut self, zone: &ZoneId) {
        if let Some(old) = self.fence_record(zone) {
            self.by_hand(zone, &[change(Action::Delete, &old)]);
        }
    }

    /// Puts another fleet's fence where ours is; its attempt keeps our fence's for the way back.
    pub(super) fn put_foreign_fence(&mut self, zone: &ZoneId) {
        let Some(old) = self.fence_record(zone) else { return };
        let foreign = Fence { fleet: other_fleet(), epoch: Epoch(1), attempt: 1 };
        let new = foreign.record_set(&old.key.name);
        let changes = [change(Action::Delete, &old), change(Action::Create, &new)];
        if self.by_hand(zone, &changes) {
            self.taken_out.insert(zone.clone(), old);
        }
    }

    /// Undoes it: puts back what stood there, which nobody can have moved on from meanwhile.
    pub(super) fn take_out_foreign_fence(&mut self, zone: &ZoneId) {
        let Some(ours) = self.taken_out.get(zone).cloned() else { return };
        let Some(present) = self.fence_record(zone) else { return };
        if Fence::in_record(&present).is_some_and(|fence| fence.fleet == other_fleet()) {
            let changes = [change(Action::Delete, &present), change(Action::Create, &ours)];
            if self.by_hand(zone, &changes) {
                self.taken_out.remove(zone);
            }
        }
    }

    /// Deletes a seat's item.
    pub(super) fn delete_seat(&mut self, seat: &RegionId) {
        let delete = DeleteItem {
            table: self.fleet.tables.seats.clone(),
            key: Item::from([(items::SEATS_KEY.to_owned(), AttributeValue::text(items::SEAT_ID))]),
            ..DeleteItem::default()
        };
        // Throttled: then nobody has deleted it.
        let _ = self.world.dynamo.call(self.now, seat, Operation::DeleteItem(delete));
    }

    /// Makes a seat's item anew, as if there had been no fleet before: by a person who takes it for
    /// lost and runs `init` over it.
    pub(super) fn recreate_seat(&mut self, seat: &RegionId) {
        let by: AgentId = "init".parse().expect("letters");
        let incarnation = self.options.seed ^ u64::from(u32::MAX);
        let made = genesis(&self.fleet, by.clone(), String::new(), || incarnation);
        let mut unborn = unborn_seat(&made, seat, &by);
        unborn.incarnation.0.push_str("-anew");
        for item in
            [items::state_item(made.reference.name, &made.document), items::seat_item(&unborn)]
        {
            let put = PutItem {
                table: self.fleet.tables.seats.clone(),
                item: to_world(&item),
                ..PutItem::default()
            };
            let _ = self.world.dynamo.call(self.now, seat, Operation::PutItem(put));
        }
    }

    /// Whether the records have the weights of the files, and failover pairs their roles, on every
    /// name server, and each name has an answer: what clients are told in the end.
    pub(super) fn served_as_configured(&self) -> Result<(), String> {
        for (id, spec) in &self.fleet.services {
            let key = spec.key();
            let own = spec.regions.iter().map(|(region, place)| (region.clone(), place.weight));
            let shares = spec.record_shares(&own.collect());
            for (region, share) in shares {
                let mut served =
                    self.world.route53.served(&spec.zone).filter_map(|r| r.to_record_set());
                let found = served.find(|record| {
                    record.key == key && record.routing.set_identifier() == Some(region.as_str())
                });
                let Some(found) = found else {
                    return Err(format!("{id} has no record for {region}"));
                };
                let Some(part) = Part::of(&found.routing) else {
                    return Err(format!("{id} in {region} is of another policy"));
                };
                let as_configured = found.routing == spec.record_routing(region.as_str(), share);
                if !as_configured || !matches!(found.data, RecordData::Plain { .. }) {
                    return Err(format!("{id} in {region} is served as {part}"));
                }
            }
        }
        Ok(())
    }
}
