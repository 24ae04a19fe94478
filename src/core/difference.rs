//! What must change in a zone's records so that they are as committed.
//!
//! A function of what was read, what is wanted and what is known of other people's edits: it sends
//! nothing.

use std::collections::BTreeMap;

use crate::domain::control::Weights;
use crate::domain::fleet::Service;
use crate::domain::record::{RecordChange, RecordSet, Routing};
use crate::domain::{Fleet, Moment, RegionId, Weight, ZoneId};

use super::batch::Size;
use super::breakage::{Breakage, broken};
use super::call::Outbox;
use super::drift::{Drift, Remedy};
use super::safety;

#[derive(Debug, Clone, Default)]
pub(super) struct Difference {
    pub(super) changes: Vec<RecordChange>,
    /// Of the changes.
    size: Size,
    /// The changed weights in words.
    pub(super) what: Vec<String>,
    /// What can't be brought about.
    pub(super) odd: Vec<String>,
    /// Whether something is left as somebody else made it.
    pub(super) left: bool,
}

/// What must change in the records so that they have the wanted weights. A name that changes has
/// *all* its weighted records deleted as read and created again: whoever edits one of them in
/// between makes the batch fail.
pub(super) fn difference(
    now: Moment,
    fleet: &Fleet,
    zone: &ZoneId,
    wanted: &Weights,
    records: &[RecordSet],
    drift: &mut Drift,
    out: &mut Outbox,
) -> Difference {
    let mut result = Difference::default();
    // What takes a Region out goes first: a batch has its limits, and Route 53 takes few of them.
    let mut services: Vec<_> = fleet.services_in(zone).collect();
    services.sort_by_key(|(id, _)| {
        !wanted.get(*id).is_some_and(|shares| shares.values().any(|weight| !weight.serves()))
    });
    for (id, service) in services {
        let Some(wanted) = wanted.get(id) else { continue };
        let wanted = &shares(service, wanted);
        let key = service.key();
        let of_key: Vec<&RecordSet> = records.iter().filter(|r| r.key == key).collect();
        let mut new = Vec::new();
        let mut what = Vec::new();
        let mut missing: Vec<&str> = wanted.keys().map(|region| region.as_str()).collect();
        let mut foreign = false;
        for record in &of_key {
            let is = record.routing.set_identifier().zip(record.routing.weight());
            let Some((set_identifier, weight)) = is.filter(|_| of_policy(record, service)) else {
                foreign = true;
                continue;
            };
            missing.retain(|region| *region != set_identifier);
            let mut record = (*record).clone();
            let target = set_identifier.parse().ok().and_then(|region| wanted.get(&region));
            if let Some(target) = target
                && *target != weight
            {
                what.push(format!("{id} {set_identifier} {weight}→{target}"));
                record.routing = service.record_routing(set_identifier, *target);
            }
            new.push(record);
        }
        let policy = service.drift.unwrap_or(fleet.records.drift);
        let restored = match drift.look(now, policy, &key, wanted, &of_key, out) {
            Remedy::Leave => {
                result.left = true;
                continue;
            }
            Remedy::Bring(restored) => restored,
        };
        if foreign {
            let policy = if service.routing.is_weighted() { "weighted" } else { "a failover pair" };
            result.odd.push(format!(
                "{key} has records that are not {policy}: left alone. `regent init` takes them over"
            ));
            continue;
        }
        for mut record in restored {
            let Some(set_identifier) = record.routing.set_identifier().map(str::to_owned) else {
                continue;
            };
            let region = set_identifier.parse().ok();
            let Some(target) = region.and_then(|region| wanted.get(&region)) else { continue };
            missing.retain(|region| *region != set_identifier);
            record.routing = service.record_routing(&set_identifier, *target);
            what.push(format!("{id} {set_identifier} made again with {target}"));
            new.push(record);
        }
        if !missing.is_empty() {
            let missing = missing.join(", ");
            result.odd.push(format!("{key} has no record for {missing}"));
        }
        if what.is_empty() {
            drift.in_step(now, &key, wanted, &of_key);
            continue;
        }
        let present: Vec<RecordSet> = of_key.into_iter().cloned().collect();
        let deletes = present.iter().cloned().map(RecordChange::Delete);
        let changes: Vec<_> = deletes.chain(new.into_iter().map(RecordChange::Create)).collect();
        // One name that can't be changed safely must not hold up the others of its zone.
        if let Err(reason) = safety::check_batch(&present, &changes) {
            result.odd.push(format!("{} was not changed, since {reason}", what.join(", ")));
            continue;
        }
        let with_it = result.size + Size::of(&changes);
        if !with_it.fits() {
            // Goes with the next batch, after this one was read back; if it ever can.
            if !Size::of(&changes).fits() {
                result.odd.push(format!("{key} has too many records for one batch: left alone"));
            }
            continue;
        }
        result.size = with_it;
        result.what.extend(what);
        result.changes.extend(changes);
    }
    result
}

/// What a service's records are to say.
fn shares(service: &Service, wanted: &BTreeMap<RegionId, Weight>) -> BTreeMap<RegionId, Weight> {
    let by = |serves: fn(Weight) -> bool| {
        let weight = |weight: Weight| if serves(weight) { Routing::PRIMARY } else { Weight::ZERO };
        wanted.iter().map(|(region, wanted)| (region.clone(), weight(*wanted))).collect()
    };
    let of_pair = |breakage| broken(breakage) && !service.routing.is_weighted();
    if of_pair(Breakage::PairNotSwapped) {
        return service.record_shares(&by(|_| true));
    }
    if of_pair(Breakage::PairLedFromOutside) {
        return service.record_shares(&by(|weight| !weight.serves()));
    }
    service.record_shares(wanted)
}

/// Whether a record is one of the kind by which the service's Regions share the answers.
fn of_policy(record: &RecordSet, service: &Service) -> bool {
    match record.routing {
        Routing::Weighted { .. } => service.routing.is_weighted(),
        Routing::Failover { .. } => !service.routing.is_weighted(),
        Routing::Simple | Routing::Other { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{gated_fleet, weights};
    use crate::domain::fleet::RoutingPolicy;
    use crate::domain::gate::GateScope;
    use crate::domain::record::RecordData;

    #[test]
    fn a_failover_pair_swaps_its_roles_in_one_batch_and_is_never_without_a_primary() {
        let mut fleet = gated_fleet(GateScope::Region);
        let zone: ZoneId = "Z1".parse().expect("valid");
        fleet.zones.insert(zone.clone(), "example.".parse().expect("valid"));
        fleet.services.retain(|id, _| id.as_str() == "web");
        let spec = fleet.services.values_mut().next().expect("one");
        spec.routing = RoutingPolicy::Failover { primary: "r1".parse().expect("valid") };
        let spec = spec.clone();
        let record = |region: &str, primary| RecordSet {
            key: spec.key(),
            routing: Routing::Failover { set_identifier: region.to_owned(), primary },
            data: RecordData::Plain { ttl_s: 60, values: vec!["192.0.2.1".to_owned()] },
            health_check: Some(format!("gate-{region}")),
        };
        let pair = |first| vec![record("r1", first), record("r2", !first)];
        let made = |but: &[(&str, &str, u8)], records: &[RecordSet]| {
            let wanted = weights(&fleet, but);
            let (mut drift, mut out) = (Drift::default(), Outbox::default());
            let now = Moment::from_ms(1);
            difference(now, &fleet, &zone, &wanted, records, &mut drift, &mut out)
        };
        // Both in service: the first leads, and the other stands by.
        assert!(made(&[], &pair(true)).changes.is_empty());
        let swap = made(&[("web", "r1", 0)], &pair(true));
        let deletes = pair(true).into_iter().map(RecordChange::Delete);
        let creates = pair(false).into_iter().map(RecordChange::Create);
        assert_eq!(swap.changes, deletes.chain(creates).collect::<Vec<_>>());
        assert_eq!(swap.what, ["web r1 100→0", "web r2 0→100"]);
        assert!(made(&[("web", "r1", 0)], &pair(false)).changes.is_empty());
        // The stand-by's own loss moves nothing: its gate says it.
        assert!(made(&[("web", "r2", 0)], &pair(true)).changes.is_empty());
        let back = made(&[], &pair(false));
        assert_eq!(back.what, ["web r1 0→100", "web r2 100→0"]);
        // Weighted records are not a pair yet.
        let weighted = crate::core::testing::weighted_record("r1", 1);
        let odd = made(&[], &[RecordSet { key: spec.key(), ..weighted }]);
        assert!(odd.changes.is_empty() && odd.odd[0].contains("are not a failover pair"));
    }

    #[test]
    fn what_takes_a_region_out_is_in_the_first_batch_however_many_others_change() {
        let mut fleet = gated_fleet(GateScope::Region);
        let one = fleet.services.values().next().expect("one").clone();
        let zone: ZoneId = "Z1".parse().expect("valid");
        fleet.zones.insert(zone.clone(), "example.".parse().expect("valid"));
        fleet.services = (0..400)
            .map(|n| {
                let mut service = one.clone();
                service.name = format!("s{n:03}.example.").parse().expect("valid");
                (format!("s{n:03}").parse().expect("valid"), service)
            })
            .collect();
        let records: Vec<RecordSet> = fleet
            .services
            .values()
            .flat_map(|service| {
                service.regions.keys().map(|region| RecordSet {
                    key: service.key(),
                    routing: Routing::Weighted {
                        set_identifier: region.to_string(),
                        weight: Weight(7),
                    },
                    data: crate::domain::record::RecordData::Plain {
                        ttl_s: 60,
                        values: vec!["192.0.2.1".to_owned()],
                    },
                    health_check: None,
                })
            })
            .collect();
        let wanted = weights(&fleet, &[("s399", "r1", 0)]);
        let now = Moment::from_ms(1);
        let (mut drift, mut out) = (Drift::default(), Outbox::default());
        let made = difference(now, &fleet, &zone, &wanted, &records, &mut drift, &mut out);
        assert!(made.what.len() < 800, "not all of them fit: {}", made.what.len());
        assert_eq!(made.what[0], "s399 r1 7→0");
    }
}
