//! Judging a batch of changes: whole or not at all.
//!
//! Changes are tried in their order on a copy of the zone, so that a DELETE makes room for a CREATE
//! behind it and not the other way round; each that fails leaves one message in Route 53's words.
//! What only holds of the whole (the apex keeps its NS and SOA, an alias has a target) is looked at
//! when all have been tried. The copy becomes the zone only if there is no message.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Route53Error;
use super::health_check::HealthChecks;
use super::owner::OwnerName;
use super::record::{
    Action, Key, ModelChange, ModelRecordSet, ModelRecordType, ModelRouting, Records, of_name,
    of_type,
};
use super::value;
use crate::domain::ZoneId;
use crate::domain::record::{RecordChange, RecordData};

/// Most ResourceRecord elements in a batch; an alias counts as one, those of an UPSERT count twice,
/// those of a CREATE and of a DELETE once (Route 53 Developer Guide, "Quotas", number of elements
/// and characters in ChangeResourceRecordSets requests).
pub const RECORDS_MAX: usize = 1000;

/// Most characters in all Value elements of a batch, counted likewise (same page).
pub const VALUE_CHARS_MAX: usize = 32_000;

/// Largest time to live (Route 53 API Reference, `ResourceRecordSet`).
pub const TTL_S_MAX: u32 = 2_147_483_647;

/// Longest set identifier, in characters (same page).
pub const SET_IDENTIFIER_CHARS_MAX: usize = 128;

/// What judges a batch besides the batch.
pub(super) struct Bench<'a> {
    pub(super) zone: &'a ZoneId,
    pub(super) apex: &'a OwnerName,
    pub(super) records: &'a Records,
    pub(super) health_checks: &'a HealthChecks,
}

/// What an accepted batch does.
pub(super) struct Verdict {
    /// The zone afterwards.
    pub(super) records: Records,
    /// The last word on each record set that the batch names: what it becomes, or that it goes.
    pub(super) effects: BTreeMap<Key, Option<ModelRecordSet>>,
    /// The batch in regent's words: an UPSERT is the DELETE of what it replaced and a CREATE.
    pub(super) log: Vec<RecordChange>,
}

impl Bench<'_> {
    pub(super) fn judge(&self, changes: &[ModelChange]) -> Result<Verdict, Route53Error> {
        self.check_input(changes)?;
        let mut trial = Trial {
            bench: self,
            records: self.records.clone(),
            effects: BTreeMap::new(),
            last: BTreeMap::new(),
            log: Vec::new(),
        };
        let mut messages = over_limits(changes);
        if messages.is_empty() {
            messages.extend(changes.iter().filter_map(|change| trial.attempt(change).err()));
        }
        if messages.is_empty() {
            messages = trial.flaws(changes);
        }
        if !messages.is_empty() {
            return Err(Route53Error::InvalidChangeBatch { messages });
        }
        Ok(Verdict { records: trial.records, effects: trial.effects, log: trial.log })
    }

    /// What Route 53 refuses before it looks at the zone.
    fn check_input(&self, changes: &[ModelChange]) -> Result<(), Route53Error> {
        if changes.is_empty() {
            return Err(Route53Error::input("Invalid request: the batch holds no Change"));
        }
        for ModelChange { record, .. } in changes {
            if let RecordData::Plain { ttl_s, values } = &record.data {
                if *ttl_s > TTL_S_MAX {
                    return Err(Route53Error::input(format!(
                        "Value '{ttl_s}' is not facet-valid with respect to maxInclusive '{TTL_S_MAX}' for type 'TTL'."
                    )));
                }
                if values.is_empty() {
                    return Err(Route53Error::input(format!(
                        "The content of element 'ResourceRecords' of {} {} is not complete: it must hold a ResourceRecord",
                        record.name, record.rtype
                    )));
                }
            }
            if let Some(id) = record.routing.set_identifier()
                && !(1..=SET_IDENTIFIER_CHARS_MAX).contains(&id.chars().count())
            {
                return Err(Route53Error::input(format!(
                    "Value '{id}' is not facet-valid: a SetIdentifier has 1 to {SET_IDENTIFIER_CHARS_MAX} characters"
                )));
            }
            if let Some(id) = &record.health_check
                && !self.health_checks.exists(id)
            {
                return Err(Route53Error::NoSuchHealthCheck { id: id.clone() });
            }
        }
        Ok(())
    }
}

fn over_limits(changes: &[ModelChange]) -> Vec<String> {
    let (mut records, mut chars) = (0, 0);
    for ModelChange { action, record } in changes {
        let times = if *action == Action::Upsert { 2 } else { 1 };
        match &record.data {
            RecordData::Plain { values, .. } => {
                records += times * values.len();
                chars += times * values.iter().map(|value| value.chars().count()).sum::<usize>();
            }
            RecordData::Alias { .. } => records += times,
        }
    }
    let mut messages = Vec::new();
    if records > RECORDS_MAX {
        messages.push(format!("Number of records limit of {RECORDS_MAX} exceeded."));
    }
    if chars > VALUE_CHARS_MAX {
        messages.push(format!("Number of characters limit of {VALUE_CHARS_MAX} exceeded."));
    }
    messages
}

/// A batch being tried.
struct Trial<'a> {
    bench: &'a Bench<'a>,
    records: Records,
    effects: BTreeMap<Key, Option<ModelRecordSet>>,
    /// The last action on each record set that the batch named so far.
    last: BTreeMap<Key, Action>,
    log: Vec<RecordChange>,
}

impl Trial<'_> {
    fn attempt(&mut self, ModelChange { action, record }: &ModelChange) -> Result<(), String> {
        let key = record.key();
        match (self.last.insert(key.clone(), *action), action) {
            (None, _) | (Some(Action::Delete), Action::Create | Action::Upsert) => {}
            (Some(Action::Delete), Action::Delete) if !self.records.contains_key(&key) => {
                return Err(format!("Tried to delete {} but it was not found", named(record)));
            }
            (Some(_), _) => {
                return Err(format!(
                    "The request contains an invalid set of changes for a resource record set '{} {}'",
                    record.rtype, record.name
                ));
            }
        }
        match action {
            Action::Delete => self.delete(key, record),
            Action::Create if self.records.contains_key(&key) => {
                Err(format!("Tried to create {} but it already exists", named(record)))
            }
            Action::Create | Action::Upsert => self.put(key, record),
        }
    }

    fn delete(&mut self, key: Key, record: &ModelRecordSet) -> Result<(), String> {
        let Some(found) = self.records.get(&key) else {
            return Err(format!("Tried to delete {} but it was not found", named(record)));
        };
        if !found.is_same(record) {
            return Err(format!(
                "Tried to delete {} but the values provided do not match the current values",
                named(record)
            ));
        }
        self.records.remove(&key);
        self.effects.insert(key, None);
        self.log.extend(record.to_record_set().map(RecordChange::Delete));
        Ok(())
    }

    fn put(&mut self, key: Key, record: &ModelRecordSet) -> Result<(), String> {
        self.check_place(record)?;
        check_data(record)?;
        check_pair(record)?;
        self.check_neighbours(&key, record)?;
        let replaced = self.records.insert(key.clone(), record.clone());
        self.effects.insert(key, Some(record.clone()));
        let replaced = replaced.and_then(|replaced| replaced.to_record_set());
        self.log.extend(replaced.map(RecordChange::Delete));
        self.log.extend(record.to_record_set().map(RecordChange::Create));
        Ok(())
    }

    /// Whether the name may stand in this zone, with this type.
    fn check_place(&self, record: &ModelRecordSet) -> Result<(), String> {
        let (name, apex) = (&record.name, self.bench.apex);
        if !name.is_within(apex) {
            return Err(format!("RRSet with DNS name {name} is not permitted in zone {apex}"));
        }
        if record.rtype == ModelRecordType::Cname && name == apex {
            return Err(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {apex}"
            ));
        }
        if record.rtype == ModelRecordType::Soa && name != apex {
            return Err("A HostedZone must contain exactly one SOA record.".to_owned());
        }
        Ok(())
    }

    /// Whether the record set gets along with the others of its name.
    fn check_neighbours(&self, key: &Key, record: &ModelRecordSet) -> Result<(), String> {
        let (name, rtype, apex) = (&record.name, record.rtype, self.bench.apex);
        let cname = ModelRecordType::Cname;
        if rtype == cname && of_name(&self.records, name).any(|other| other.rtype != cname) {
            return Err(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {apex}"
            ));
        }
        if rtype != cname && of_type(&self.records, name, cname).next().is_some() {
            return Err(format!(
                "RRSet of type {rtype} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone {apex}"
            ));
        }
        let kind = record.routing.kind();
        let mut others = of_type(&self.records, name, rtype).filter(|other| other.key() != *key);
        let Some(id) = record.routing.set_identifier() else {
            return match others.next() {
                None => Ok(()),
                Some(_) => Err(format!(
                    "RRSet with DNS name {name}, type {rtype} cannot be created as other RRSets exist with the same name and type."
                )),
            };
        };
        let refused = |why: &str| {
            Err(format!(
                "RRSet with DNS name {name}, type {rtype}, SetIdentifier {id} cannot be created as a {why} exists with the same name and type."
            ))
        };
        for other in others {
            if other.routing.kind() != kind {
                return refused(&format!("non-{kind} set"));
            }
            match (&record.routing, &other.routing) {
                (
                    ModelRouting::Failover { primary: new, .. },
                    ModelRouting::Failover { primary: old, .. },
                ) if new == old => {
                    return refused(if *new { "PRIMARY set" } else { "SECONDARY set" });
                }
                (
                    ModelRouting::Latency { region: new, .. },
                    ModelRouting::Latency { region: old, .. },
                ) if new == old => return refused("latency set of the same Region"),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is wrong with the zone as a whole once every change has been made.
    fn flaws(&self, changes: &[ModelChange]) -> Vec<String> {
        let mut messages = Vec::new();
        let at_apex = |rtype| of_type(&self.records, self.bench.apex, rtype).next().is_some();
        if !at_apex(ModelRecordType::Soa) {
            messages.push("A HostedZone must contain exactly one SOA record.".to_owned());
        }
        if !at_apex(ModelRecordType::Ns) {
            messages.push(
                "A HostedZone must contain at least one NS record for the zone itself.".to_owned(),
            );
        }
        messages.extend(changes.iter().filter_map(|change| match change.action {
            Action::Delete => None,
            Action::Create | Action::Upsert => self.dangling(&change.record),
        }));
        messages
    }

    /// What is wrong with an alias into this very zone.
    fn dangling(&self, record: &ModelRecordSet) -> Option<String> {
        let RecordData::Alias { target_zone, target_name, .. } = &record.data else {
            return None;
        };
        if target_zone != self.bench.zone.as_str() {
            return None;
        }
        let (target, rtype) = (OwnerName::from(target_name), record.rtype);
        let why = if !target.is_within(self.bench.apex) {
            "the alias target name does not lie within the target zone"
        } else if of_type(&self.records, &target, rtype).next().is_none() {
            "that target was not found"
        } else {
            return None;
        };
        Some(format!(
            "Tried to create an alias that targets {target}, type {rtype} in zone {target_zone}, but {why}"
        ))
    }
}

/// Whether the answer may be one of this type.
fn check_data(record: &ModelRecordSet) -> Result<(), String> {
    let (name, rtype) = (&record.name, record.rtype);
    let RecordData::Plain { values, .. } = &record.data else {
        // Route 53 Developer Guide, "Values specific for simple alias records", "Record type".
        return match rtype {
            ModelRecordType::Ns | ModelRecordType::Soa => {
                Err(format!("RRSet of type {rtype} with DNS name {name} can't be an alias"))
            }
            _ => Ok(()),
        };
    };
    if let Some(problem) = values.iter().find_map(|value| value::problem(rtype, value)) {
        return Err(problem);
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = values.iter().find(|value| !seen.insert(*value)) {
        return Err(format!("Duplicate Resource Record: '{twice}'"));
    }
    let single = matches!(rtype, ModelRecordType::Cname | ModelRecordType::Soa);
    if single && values.len() > 1 {
        return Err(format!(
            "RRSet of type {rtype} with DNS name {name} must hold exactly one ResourceRecord"
        ));
    }
    Ok(())
}

/// Whether a primary says when it is not to be answered (Route 53 API Reference, `ResourceRecordSet`,
/// `Failover`).
fn check_pair(record: &ModelRecordSet) -> Result<(), String> {
    let checked = record.health_check.is_some() || matches!(record.data, RecordData::Alias { .. });
    if matches!(record.routing, ModelRouting::Failover { primary: true, .. }) && !checked {
        return Err(
            "A non-alias primary ResourceRecordSet must have an associated health check".to_owned()
        );
    }
    Ok(())
}

/// A record set as Route 53's messages name it.
fn named(record: &ModelRecordSet) -> String {
    let (name, rtype) = (&record.name, record.rtype);
    match record.routing.set_identifier() {
        None => format!("resource record set [name='{name}', type='{rtype}']"),
        Some(id) => {
            format!("resource record set [name='{name}', type='{rtype}', set identifier='{id}']")
        }
    }
}
