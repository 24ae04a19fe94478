//! Health checks that this fleet's gates once needed, and that nothing needs any more: of a Region
//! that was removed, of a type or an interval that was changed.
//!
//! AWS goes on to charge for them. They are told with the command that deletes each, and never
//! deleted here: Route 53 deletes a check that a record still carries, of whichever zone, and what
//! that record is then taken for can't be foretold (Route 53 API Reference, `DeleteHealthCheck`).

use std::collections::BTreeSet;

use super::gates::Wanted;
use crate::domain::Fleet;
use crate::domain::gate::Gate;
use crate::domain::health_check::{CheckFound, CheckId, CheckSpec};

/// What is to be told of each, counts first: they hold on to their watches. `carried` are the
/// checks at the fleet's records, `done` says whether all else is as it should be by now.
pub(super) fn told(
    fleet: &Fleet,
    wanted: &[Wanted],
    found: &[CheckFound],
    carried: &BTreeSet<String>,
    done: bool,
) -> Vec<String> {
    let needed = needed(fleet, wanted, found, carried);
    let ours = found.iter().filter(|check| !needed.contains(&check.id));
    let mut unused: Vec<(bool, String, &CheckId)> = ours
        .filter_map(|check| {
            let watch = matches!(check.spec, CheckSpec::Watch(_));
            Some((watch, described(fleet, found, check)?, &check.id))
        })
        .collect();
    unused.sort();
    let since = if done { "is no longer used" } else { "is no longer used once this is done" };
    let told = unused.into_iter().map(|(_, what, id)| {
        format!(
            "{what} {since}, and AWS goes on to charge for it. If no other record carries it: aws \
             route53 delete-health-check --health-check-id {id}"
        )
    });
    told.collect()
}

/// What a check of this fleet's is; none for one that is somebody else's.
fn described(fleet: &Fleet, found: &[CheckFound], check: &CheckFound) -> Option<String> {
    Some(match &check.spec {
        CheckSpec::Watch(watch) => {
            let gate = Gate::of_searched(&fleet.name, &watch.searched)?;
            let (endpoint, every_s) = (&watch.endpoint, watch.interval_s);
            format!("the health check of {gate}'s gate at {endpoint}, every {every_s} s,")
        }
        CheckSpec::Count { .. } => {
            let gate = counted(fleet, found, check)?;
            format!("the health check that counts {gate}'s gates")
        }
    })
}

/// The gate that a count is of: all its children are watches of this fleet's.
fn counted(fleet: &Fleet, found: &[CheckFound], count: &CheckFound) -> Option<Gate> {
    let CheckSpec::Count { children, .. } = &count.spec else { return None };
    let gate = |child: &CheckId| {
        let watch = found.iter().find(|check| check.id == *child)?;
        let CheckSpec::Watch(watch) = &watch.spec else { return None };
        Gate::of_searched(&fleet.name, &watch.searched)
    };
    let gates: Option<Vec<Gate>> = children.iter().map(gate).collect();
    gates?.into_iter().next()
}

/// Every check that the fleet's gates are made of, that a record carries, or that somebody counts.
fn needed(
    fleet: &Fleet,
    wanted: &[Wanted],
    found: &[CheckFound],
    carried: &BTreeSet<String>,
) -> BTreeSet<CheckId> {
    let mut needed = BTreeSet::new();
    let mut mended = BTreeSet::new();
    for one in wanted {
        let watches = one.watches.keys().filter_map(|observer| one.watch(found, observer));
        needed.extend(watches.map(|check| check.id.clone()));
        mended.extend(one.count(found).map(|check| check.id.clone()));
    }
    needed.extend(mended.iter().cloned());
    for check in found {
        let CheckSpec::Count { children, .. } = &check.spec else { continue };
        let theirs = counted(fleet, found, check).is_none();
        let kept = carried.contains(&check.id.0) && !mended.contains(&check.id);
        if theirs || kept {
            needed.insert(check.id.clone());
            needed.extend(children.iter().cloned());
        }
    }
    needed.extend(carried.iter().cloned().map(CheckId));
    needed
}
