//! What becomes of the records that a service's name has already.
//!
//! Adoption changes no answer: whoever is answered before the batch is answered after it, in the same
//! shares, and a leader brings the weights to the fleet's own once there is one. Values are kept as
//! they were found; a set identifier becomes the Region's code, a time to live that of the files.
//!
//! One batch deletes every record of the name exactly as it was read and creates what is to stand there,
//! so that no moment is without an answer, and an edit in between makes it fail whole. What isn't
//! understood is refused with the reason: a record that leads where no file says, another routing
//! policy, two records for one Region.

use std::collections::BTreeMap;
use std::time::Duration;

use super::act::WRITE_LIMIT;
use super::attach::next_fence;
use super::found::LOOK_LIMIT;
use crate::agent::Outside;
use crate::domain::fleet::{Placement, Service};
use crate::domain::record::{RecordChange, RecordData, RecordKey, RecordSet, Routing};
use crate::domain::{CallFailure, RegionId, ServiceId, Weight, ZoneBatch, ZoneRead, zone};
use crate::ports::Answer;

/// Before each batch: Route 53 takes five requests a second from an account, a name takes three, and a
/// leader needs some of them.
const PAUSE: Duration = Duration::from_millis(800);

/// The weight of a Region that answers while its file says 0, until a leader decides.
const LEAST: Weight = Weight(1);

/// A name's records, as they are and as they shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Adoption {
    pub(super) service: ServiceId,
    pub(super) key: RecordKey,
    /// Sorted.
    before: Vec<RecordSet>,
    /// Sorted.
    pub(super) after: Vec<RecordSet>,
}

/// What is to be done about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Its records are as they should be.
    AsWanted,
    /// They can be made so.
    Adopt(Adoption),
    /// Nobody but a person can.
    Refused(String),
}

/// Looks at a service's records.
pub(super) fn look(service: &ServiceId, spec: &Service, read: &ZoneRead) -> Outlook {
    let key = spec.key();
    let mut before: Vec<RecordSet> =
        read.records.iter().filter(|record| record.key == key).cloned().collect();
    before.sort();
    let led = match regions_of(spec, &before) {
        Ok(led) => led,
        Err(why) => return Outlook::Refused(format!("{key}: {why}")),
    };
    let alone = before.is_empty();
    let pair = |record: &RecordSet| matches!(record.routing, Routing::Failover { .. });
    // A pair stays one; whatever else there is becomes weighted, and a pair later if it is to be one.
    let paired = !alone && !spec.routing.is_weighted() && before.iter().all(pair);
    let own = spec.declared_shares();
    let mut after: Vec<RecordSet> = spec
        .regions
        .iter()
        .map(|(region, place)| {
            let weighted = |weight, data, health_check| RecordSet {
                key: key.clone(),
                routing: if paired {
                    spec.record_routing(region.as_str(), weight)
                } else {
                    Routing::Weighted { set_identifier: region.to_string(), weight }
                },
                data,
                health_check,
            };
            match led.get(region) {
                None if alone => weighted(own[region], place.data.clone(), None),
                // Nobody is sent where nobody was sent before.
                None => weighted(Weight::ZERO, place.data.clone(), None),
                Some(record) => weighted(
                    weight(&record.routing, place),
                    data(record, region, place),
                    record.health_check.clone(),
                ),
            }
        })
        .collect();
    after.sort();
    if before == after {
        return Outlook::AsWanted;
    }
    Outlook::Adopt(Adoption { service: service.clone(), key, before, after })
}

/// Which record leads to each Region; a simple one may lead to several. Every record leads to one.
fn regions_of<'r>(
    spec: &Service,
    present: &'r [RecordSet],
) -> Result<BTreeMap<RegionId, &'r RecordSet>, String> {
    let mut led: BTreeMap<RegionId, &RecordSet> = BTreeMap::new();
    let mut strangers = Vec::new();
    for record in present {
        match &record.routing {
            Routing::Simple => {
                let regions = spec.regions.iter().filter(|(_, at)| record.data.holds(&at.data));
                led.extend(regions.map(|(region, _)| (region.clone(), record)));
                if !covered(&record.data, spec) {
                    return Err(unknown(record));
                }
            }
            Routing::Other { set_identifier } => {
                return Err(format!(
                    "the record {set_identifier:?} has a routing policy that regent doesn't steer \
                     (latency, geography, several values, or a traffic policy's own). Make the records \
                     of this name weighted or simple first, or give the service another name"
                ));
            }
            Routing::Weighted { set_identifier, .. } | Routing::Failover { set_identifier, .. } => {
                match spec.regions.keys().find(|region| region.as_str() == set_identifier) {
                    Some(region) => drop(led.insert(region.clone(), record)),
                    None => strangers.push(record),
                }
            }
        }
    }
    for record in strangers {
        let leads = || spec.regions.iter().filter(|(_, at)| record.data.same_target(&at.data));
        let Some((region, _)) = leads().find(|(region, _)| !led.contains_key(*region)) else {
            return Err(match leads().next() {
                None => unknown(record),
                Some((region, _)) => format!(
                    "both {} and {} lead to {region}, and a Region has one record: remove one of them \
                     by hand, after giving its weight to the other",
                    called(led.get(region).copied().unwrap_or(record)),
                    called(record)
                ),
            });
        };
        led.insert(region.clone(), record);
    }
    Ok(led)
}

/// Whether some Region's file names each value of a simple record.
fn covered(data: &RecordData, spec: &Service) -> bool {
    match data {
        RecordData::Plain { ttl_s, values } => values.iter().all(|value| {
            let one = RecordData::Plain { ttl_s: *ttl_s, values: vec![value.clone()] };
            spec.regions.values().any(|at| data.holds(&at.data) && at.data.holds(&one))
        }),
        RecordData::Alias { .. } => spec.regions.values().any(|at| data.same_target(&at.data)),
    }
}

fn unknown(record: &RecordSet) -> String {
    format!(
        "{} leads to {}, which is not what any Region's file says (or not whole). Name it in a Region's \
         file, or remove it by hand once nobody needs it",
        called(record),
        record.data
    )
}

fn called(record: &RecordSet) -> String {
    record
        .routing
        .set_identifier()
        .map_or_else(|| "its simple record".to_owned(), |id| format!("the record {id:?}"))
}

/// The weight with which a record's Region goes on being answered as it is.
fn weight(routing: &Routing, place: &Placement) -> Weight {
    match routing {
        Routing::Weighted { weight, .. } => *weight,
        Routing::Failover { primary: false, .. } => Weight::ZERO,
        Routing::Simple | Routing::Failover { .. } | Routing::Other { .. } => {
            place.weight.max(LEAST)
        }
    }
}

/// What the Region's record answers with from now on: what it does now, for as long as the files say.
fn data(found: &RecordSet, region: &RegionId, place: &Placement) -> RecordData {
    match (&found.data, &place.data) {
        // The fleet's own record that leads elsewhere: told, and left to a person.
        _ if found.routing.set_identifier() == Some(region.as_str())
            && !found.data.same_target(&place.data) =>
        {
            found.data.clone()
        }
        (RecordData::Plain { values, .. }, RecordData::Plain { ttl_s, .. })
            if found.data.same_target(&place.data) =>
        {
            RecordData::Plain { ttl_s: *ttl_s, values: values.clone() }
        }
        (
            RecordData::Alias { target_zone, target_name, .. },
            RecordData::Alias { evaluate_target_health, .. },
        ) => RecordData::Alias {
            target_zone: target_zone.clone(),
            target_name: target_name.clone(),
            evaluate_target_health: *evaluate_target_health,
        },
        // One Region's part of a simple record.
        _ => place.data.clone(),
    }
}

impl Adoption {
    /// Each change, for people to look at before it is made.
    pub(super) fn lines(&self) -> Vec<String> {
        let gone = self.before.iter().filter(|record| !self.after.contains(record));
        let come = self.after.iter().filter(|record| !self.before.contains(record));
        let stays = self.before.iter().filter(|record| self.after.contains(record));
        let gone = gone.map(|record| format!("- {}", shown(record)));
        let come = come.map(|record| format!("+ {}", shown(record)));
        let stays = stays.map(|record| format!("  {}, as it is", shown(record)));
        gone.chain(come).chain(stays).collect()
    }

    /// What a person should know of it.
    pub(super) fn remark(&self, spec: &Service) -> Option<String> {
        let own = spec.declared_shares();
        let now = self.after.iter().filter_map(|record| {
            Some((record.routing.set_identifier()?.parse().ok()?, record.routing.weight()?))
        });
        let now: BTreeMap<RegionId, Weight> = now.collect();
        if now == own {
            return None;
        }
        let list = |weights: BTreeMap<RegionId, Weight>| {
            let one = |(region, weight): (RegionId, Weight)| format!("{region} {weight}");
            weights.into_iter().map(one).collect::<Vec<_>>().join(", ")
        };
        Some(format!(
            "{}: nothing moves by this ({}); a leader then brings the weights to what the fleet wants \
             (by the files {})",
            self.key,
            list(now),
            list(own)
        ))
    }
}

/// A record in a line.
pub(super) fn shown(record: &RecordSet) -> String {
    let how = match &record.routing {
        Routing::Simple => "simple".to_owned(),
        Routing::Weighted { set_identifier, weight } => {
            format!("{set_identifier} weight {weight}")
        }
        Routing::Failover { set_identifier, primary } => {
            format!("{set_identifier} {}", if *primary { "primary" } else { "secondary" })
        }
        Routing::Other { set_identifier } => set_identifier.clone(),
    };
    let check = record.health_check.as_ref();
    let check = check.map_or_else(String::new, |id| format!(", health check {id}"));
    format!("{how}: {}{check}", record.data)
}

/// Sends the batch, if the records still are what the plan was made for.
pub(super) async fn carry_out(
    outside: &Outside,
    of_zone: &zone::Wanted,
    adoption: &Adoption,
) -> Answer<()> {
    let Adoption { service, key, before, after } = adoption;
    tokio::time::sleep(PAUSE).await;
    let read = outside
        .records
        .read_zone(&of_zone.zone, &of_zone.fence, std::slice::from_ref(key), LOOK_LIMIT)
        .await?;
    let mut present: Vec<RecordSet> =
        read.records.iter().filter(|record| record.key == *key).cloned().collect();
    present.sort();
    if present == *after {
        return Ok(());
    }
    if present != *before {
        return Err(CallFailure::conflict(format!(
            "the records of {key} have changed since they were looked at: nothing was done to them"
        )));
    }
    let (next, mut changes) = next_fence(of_zone, &read)?;
    changes.extend(before.iter().cloned().map(RecordChange::Delete));
    changes.extend(after.iter().cloned().map(RecordChange::Create));
    let comment = format!("{next}: regent init: records of {service}");
    let batch = ZoneBatch { zone: of_zone.zone.clone(), changes, comment };
    outside.records.change_zone(&batch, WRITE_LIMIT).await.map(drop)
}
