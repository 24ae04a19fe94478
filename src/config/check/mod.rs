//! What a fleet must be, rule by rule.
//!
//! A check notes every problem that it finds and gives back what it could make of the rest, so that
//! later checks can go on. What is none here has its problem noted already; a check that needs it
//! stays silent rather than complain about a consequence.

mod consent;
mod database;
mod fleet;
mod gates;
mod probe;
mod record;
mod region;
mod signals;
mod timing;
mod together;
mod topics;

use std::collections::BTreeMap;

use super::problem::Findings;
use super::raw;
use super::source::Source;
use crate::domain::database::DatabaseSpec;
use crate::domain::fleet::{Placement, Service};
use crate::domain::{DatabaseId, Fleet, RegionId, ServiceId};

/// A file, and what was read from it if it could be read.
pub(super) struct Read<T> {
    pub(super) source: Source,
    pub(super) raw: Option<T>,
}

/// A fleet's files, of which some may have been unreadable.
pub(super) struct Folder {
    pub(super) fleet: Option<Read<raw::Fleet>>,
    /// By file name without `.toml`.
    pub(super) regions: BTreeMap<String, Read<raw::Region>>,
    /// Whether every file could be read. If not, nothing is said about what is missing.
    pub(super) whole: bool,
}

/// Services as `fleet.toml` describes them, with no Region yet; none where something is wrong.
type Services = BTreeMap<ServiceId, Option<Service>>;

/// Databases as `fleet.toml` describes them; none where something is wrong. Members are added from
/// the Regions' files.
type Databases = BTreeMap<DatabaseId, Option<DatabaseSpec>>;

/// What a Region's file puts into the Region; none where something is wrong.
type Placements = BTreeMap<ServiceId, Option<Placement>>;

/// Judges a folder. None if and only if there are findings.
pub(super) fn folder(folder: &Folder, findings: &mut Findings) -> Option<Fleet> {
    let mut head = folder
        .fleet
        .as_ref()
        .and_then(|read| Some((read.raw.as_ref()?, &read.source)))
        .map(|(raw, source)| (raw, source, fleet::check(raw, source, findings)));
    let services = head.as_ref().map(|(_, _, head)| &head.services);

    let declared = region::by_declared_name(&folder.regions);
    let mut regions: BTreeMap<RegionId, Placements> = BTreeMap::new();
    let mut endpoints = BTreeMap::new();
    for (stem, read) in &folder.regions {
        if let Some(raw) = &read.raw
            && let Some((id, placements)) =
                region::check(stem, raw, &read.source, &declared, services, findings)
        {
            if raw.gate.is_some() {
                endpoints.insert(id.clone(), gates::endpoint(raw, &read.source, findings));
            }
            regions.insert(id, placements);
        }
    }

    let declared = head.as_mut().map(|(_, _, head)| &mut head.databases);
    database::members(folder, declared, findings);

    let (raw, source, head) = head?;
    let seats = together::seats(raw, source, folder, findings);
    if folder.whole {
        together::serving(raw, source, &head.services, &regions, findings);
        together::pairs(raw, source, &head.services, &regions, findings);
        database::together(source, &head.databases, &head.services, &regions, findings);
    }
    together::equal_ttls(folder, &regions, findings);
    let topics = topics::check(folder, findings);
    let gates = gates::check(raw, source, folder, endpoints, &regions, findings);
    if !folder.whole || findings.count() > 0 {
        return None;
    }

    let mut services = BTreeMap::new();
    for (id, service) in head.services {
        let mut service = service?;
        for (region, placements) in &regions {
            if let Some(placement) = placements.get(&id) {
                service.regions.insert(region.clone(), placement.clone()?);
            }
        }
        services.insert(id, service);
    }
    let mut databases = BTreeMap::new();
    for (id, database) in head.databases {
        databases.insert(id, database?);
    }
    Some(Fleet {
        name: head.name?,
        seats,
        regions: regions.into_keys().collect(),
        services,
        databases,
        zones: head.zones,
        roles: head.roles,
        timing: head.timing,
        rules: head.rules,
        consent: head.consent,
        tables: head.tables?,
        gates,
        records: head.records,
        topics,
    })
}

/// Names as people read them in a sentence: `a, b and c`.
fn listed<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}
