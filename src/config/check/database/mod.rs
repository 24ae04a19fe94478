//! Rules on databases: what `fleet.toml` says of one, its members in the Regions' files, and who
//! writes to it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use super::{Databases, Folder, Placements, Services, listed};
use crate::domain::database::{
    ClusterArn, DatabaseSpec, Eligibility, MemberSpec, MoveOrder, WriteReach, WritesTo,
};
use crate::domain::{DatabaseId, GlobalClusterId, RegionId};

/// Length of a period of CloudWatch in which a secondary's lag is measured (Aurora User Guide,
/// "Cluster-level metrics for Amazon Aurora").
const PERIOD_MS: u32 = 60_000;

/// Members that a move can be between.
const ELIGIBLE_MIN: usize = 2;

const NAME_REMEDY: &str = "choose another name";

/// Databases as `fleet.toml` describes them, with no member yet; none where something is wrong.
pub(super) fn databases(raw: &raw::Fleet, source: &Source, findings: &mut Findings) -> Databases {
    let mut databases = Databases::new();
    let mut claims: BTreeMap<String, DatabaseId> = BTreeMap::new();
    for (text, database) in &raw.databases {
        let place = source.place(&["databases", text]);
        let Some(id) = findings.take(text.parse::<DatabaseId>(), place, NAME_REMEDY) else {
            continue;
        };
        // RDS keeps identifiers in small letters: two that differ by those alone are one.
        let claim = database.global_cluster.to_ascii_lowercase();
        if let Some(other) = claims.insert(claim, id.clone()) {
            findings.refuse(
                source.place(&["databases", text, "global_cluster"]),
                format!("{other} and {id} are both the global cluster {}", database.global_cluster),
                "keep one of them: two would move one writer",
            );
        }
        let spec = one(text, database, source, findings);
        databases.insert(id, spec);
    }
    databases
}

fn one(
    id: &str,
    raw: &raw::Database,
    source: &Source,
    findings: &mut Findings,
) -> Option<DatabaseSpec> {
    let before = findings.count();
    let place = |key| source.place(&["databases", id, key]);
    let global_cluster: Option<GlobalClusterId> = findings.take(
        global_cluster(&raw.global_cluster),
        place("global_cluster"),
        "write the global cluster's identifier",
    );
    if raw.loss_budget_ms < PERIOD_MS {
        findings.refuse(
            place("loss_budget_ms"),
            format!(
                "loss_budget_ms = {} can never be shown to be met: CloudWatch measures the lag once \
                 in {PERIOD_MS} ms, and what was written since counts as lost",
                raw.loss_budget_ms
            ),
            format!("make it at least {PERIOD_MS}; below about 180000 most failovers will wait for \
                     a person"),
        );
    }
    if raw.secondaries_wanted == 0 {
        findings.refuse(
            place("secondaries_wanted"),
            "secondaries_wanted = 0 would call a database protected that nobody follows",
            "make it at least 1",
        );
    }
    let spec = DatabaseSpec {
        global_cluster: global_cluster?,
        members: BTreeMap::new(),
        loss_budget_ms: raw.loss_budget_ms,
        order: raw.order,
        secondaries_wanted: raw.secondaries_wanted,
    };
    (findings.count() == before).then_some(spec)
}

/// (RDS API Reference, "CreateGlobalCluster" and "CreateDBCluster": the constraints of
/// identifiers.)
fn global_cluster(text: &str) -> Result<GlobalClusterId, String> {
    let id: GlobalClusterId = text.parse().map_err(|error| format!("{error}"))?;
    if !text.starts_with(|c: char| c.is_ascii_alphabetic())
        || text.ends_with('-')
        || text.contains("--")
    {
        return Err(format!(
            "{text:?} can't name a global cluster: it begins with a letter, doesn't end with a \
             hyphen and has no two in a row"
        ));
    }
    Ok(id)
}

/// Where a service writes to; none when something is wrong with that.
pub(super) fn writes_to<'k>(
    service: &str,
    raw: &raw::Service,
    mut known: impl Iterator<Item = &'k String>,
    source: &Source,
    findings: &mut Findings,
) -> Option<Option<WritesTo>> {
    let place = |key| source.place(&["services", service, key]);
    let Some(text) = &raw.writes_to else {
        if raw.writes_from.is_some() {
            findings.refuse(
                place("writes_from"),
                format!("{service} says from where it writes, and not to what"),
                "add writes_to, or remove the line",
            );
            return None;
        }
        if raw.order.is_some() {
            findings.refuse(
                place("order"),
                format!("{service} says in which order it leaves a writer's Region, and writes to nothing"),
                "add writes_to, or remove the line",
            );
            return None;
        }
        return Some(None);
    };
    let database: DatabaseId = findings.take(text.parse(), place("writes_to"), NAME_REMEDY)?;
    if !known.any(|known| known == text) {
        findings.refuse(
            place("writes_to"),
            format!("the database {database} is unknown"),
            format!("describe it under [databases.{database}], or correct the name"),
        );
        return None;
    }
    let reach = raw.writes_from.unwrap_or_default();
    if (reach, raw.order) == (WriteReach::WriterRegion, Some(MoveOrder::TrafficFirst)) {
        findings.refuse(
            place("order"),
            format!("{service} writes beside the writer only: its traffic can't move first"),
            "remove the line: it follows the writer",
        );
        return None;
    }
    Some(Some(WritesTo { database, reach, order: raw.order }))
}

/// Adds the members that the Regions' files name. Without `fleet.toml` they are judged by
/// themselves.
pub(super) fn members(
    folder: &Folder,
    mut databases: Option<&mut Databases>,
    findings: &mut Findings,
) {
    let mut claims: BTreeMap<ClusterArn, &str> = BTreeMap::new();
    for (stem, read) in &folder.regions {
        let (Some(raw), Ok(region)) = (&read.raw, stem.parse::<RegionId>()) else { continue };
        for (text, member) in &raw.databases {
            let Some(cluster) = cluster(&region, text, member, &read.source, findings) else {
                forget(databases.as_deref_mut(), text);
                continue;
            };
            if let Some(other) = claims.insert(cluster.clone(), text) {
                findings.refuse(
                    read.source.place(&["databases", text, "cluster"]),
                    format!("{other} and {text} have the same member {cluster}"),
                    "name each cluster once",
                );
            }
            let Some(databases) = databases.as_deref_mut() else { continue };
            let spec = text.parse().ok().and_then(|id: DatabaseId| databases.get_mut(&id));
            match spec {
                None => findings.refuse(
                    read.source.place(&["databases", text]),
                    format!("fleet.toml has no database {text}"),
                    "correct the name, or describe the database there",
                ),
                Some(None) => {}
                Some(Some(spec)) => {
                    let eligibility = member.eligibility;
                    spec.members.insert(region.clone(), MemberSpec { cluster, eligibility });
                }
            }
        }
    }
}

/// A database of which a member is wrong is judged no further: its members would look too few.
fn forget(databases: Option<&mut Databases>, text: &str) {
    if let (Some(databases), Ok(id)) = (databases, text.parse::<DatabaseId>())
        && let Some(spec) = databases.get_mut(&id)
    {
        *spec = None;
    }
}

fn cluster(
    region: &RegionId,
    database: &str,
    raw: &raw::Member,
    source: &Source,
    findings: &mut Findings,
) -> Option<ClusterArn> {
    let place = source.place(&["databases", database, "cluster"]);
    let arn: ClusterArn =
        findings.take(raw.cluster.parse(), place.clone(), "copy it from the cluster's page")?;
    if arn.region() != region {
        findings.refuse(
            place,
            format!("cluster is in {}, and this is the file of {region}", arn.region()),
            "name the member of this Region: a copied file that was not adapted would move the \
             writer elsewhere",
        );
        return None;
    }
    Some(arn)
}

/// Rules that need a database's members, and who serves what.
pub(super) fn together(
    source: &Source,
    databases: &Databases,
    services: &Services,
    regions: &BTreeMap<RegionId, Placements>,
    findings: &mut Findings,
) {
    for (id, spec) in databases {
        let Some(spec) = spec else { continue };
        let place = |key| source.place(&["databases", id.as_str(), key]);
        if spec.members.len() < ELIGIBLE_MIN {
            let (has, where_) = match spec.members.keys().next() {
                None => ("no member".to_owned(), "at least two Regions"),
                Some(only) => (format!("one member, in {only}"), "a second Region"),
            };
            findings.refuse(
                source.place(&["databases", id.as_str()]),
                format!("{id} has {has}: nothing to fail over to"),
                format!("add [databases.{id}] to the files of {where_}"),
            );
            continue;
        }
        eligible(id, spec, source, findings);
        if usize::from(spec.secondaries_wanted) >= spec.members.len() {
            findings.refuse(
                place("secondaries_wanted"),
                format!(
                    "secondaries_wanted = {} can't be had of {} members, of which one writes",
                    spec.secondaries_wanted,
                    spec.members.len()
                ),
                format!("make it at most {}", spec.members.len() - 1),
            );
        }
        let accounts: BTreeMap<&str, &RegionId> = spec
            .members
            .iter()
            .map(|(region, member)| (member.cluster.account(), region))
            .collect();
        if accounts.len() > 1 {
            findings.refuse(
                source.place(&["databases", id.as_str()]),
                format!(
                    "the members of {id} are in different accounts: {}",
                    listed(accounts.keys())
                ),
                "correct the ARNs: a global cluster is in one account",
            );
        }
    }
    near_writers(source, databases, services, regions, findings);
}

fn eligible(id: &DatabaseId, spec: &DatabaseSpec, source: &Source, findings: &mut Findings) {
    let may = |member: &MemberSpec| member.eligibility != Eligibility::Never;
    let eligible: Vec<&RegionId> =
        spec.members.iter().filter(|(_, member)| may(member)).map(|(region, _)| region).collect();
    let what = match eligible.as_slice() {
        [] => format!("no member of {id} may become its writer"),
        [only] => {
            format!("only {only} may become the writer of {id}: from there it can't be moved")
        }
        _ => return,
    };
    findings.refuse(
        source.place(&["databases", id.as_str()]),
        what,
        "make another member neutral or avoid rather than never",
    );
}

/// A service that can write only beside the writer must be wherever the writer may go.
fn near_writers(
    source: &Source,
    databases: &Databases,
    services: &Services,
    regions: &BTreeMap<RegionId, Placements>,
    findings: &mut Findings,
) {
    for (service, described) in services {
        let Some(writes_to) = described.as_ref().and_then(|service| service.writes_to.as_ref())
        else {
            continue;
        };
        let Some(Some(spec)) = databases.get(&writes_to.database) else { continue };
        if writes_to.reach == WriteReach::EveryRegion {
            continue;
        }
        let without = spec.members.iter().filter(|(region, member)| {
            member.eligibility != Eligibility::Never
                && !regions.get(region).is_some_and(|placed| placed.contains_key(service))
        });
        let without: Vec<&RegionId> = without.map(|(region, _)| region).collect();
        if !without.is_empty() {
            findings.refuse(
                source.place(&["services", service.as_str(), "writes_from"]),
                format!(
                    "{service} writes only in the writer's Region, and {} may become the writer \
                     where {service} is not served: nobody could write then",
                    listed(&without)
                ),
                "serve it there, make that member eligibility = \"never\", or let it write from \
                 every Region",
            );
        }
    }
}
