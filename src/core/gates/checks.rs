//! What gates are made of in Route 53: watches of every other Region's gate endpoint, and a count of
//! them for each gate.
//!
//! A check is known by what it asks for, not by who made it. Pure: `init` makes and mends what is
//! missing here, and a preflight tells of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::gate::{Gate, Gates};
use crate::domain::health_check::{CheckFound, CheckId, CheckSpec, WatchSpec};
use crate::domain::{Fleet, RegionId};

/// What one gate is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which.
    pub gate: Gate,
    /// How many of the watches must be open.
    pub threshold: u16,
    /// By the Region whose agents are asked.
    pub watches: BTreeMap<RegionId, WatchSpec>,
}

/// What every gate of the fleet is made of.
///
/// # Panics
/// When too few could ever shut a Region: `config` refuses such a fleet.
#[must_use]
pub fn wanted(fleet: &Fleet) -> Vec<Wanted> {
    let Some(gates) = &fleet.gates else { return Vec::new() };
    let made = super::all(fleet).into_iter().map(|gate| Wanted {
        threshold: gates
            .health_threshold(&gate.region)
            .expect("config refuses a Region that too few can shut"),
        watches: watches(fleet, gates, &gate),
        gate,
    });
    made.collect()
}

fn watches(fleet: &Fleet, gates: &Gates, gate: &Gate) -> BTreeMap<RegionId, WatchSpec> {
    let watch = |observer: &RegionId| {
        let spec = WatchSpec {
            endpoint: gates.endpoints[observer].clone(),
            path: gate.path(),
            searched: gate.searched(&fleet.name),
            interval_s: gates.interval_s,
            failure_threshold: gates.failure_threshold,
        };
        (observer.clone(), spec)
    };
    gates.observers(&gate.region).map(watch).collect()
}

impl Wanted {
    /// The watch of an observer among what is there: the very same, or one that can be made so.
    #[must_use]
    pub fn watch<'f>(
        &self,
        found: &'f [CheckFound],
        observer: &RegionId,
    ) -> Option<&'f CheckFound> {
        let wanted = self.watches.get(observer)?;
        let fits = |fit: &dyn Fn(&WatchSpec) -> bool| {
            found.iter().find(|check| match &check.spec {
                CheckSpec::Watch(watch) => fit(watch),
                CheckSpec::Count { .. } => false,
            })
        };
        fits(&|watch| watch == wanted).or_else(|| fits(&|watch| watch.can_become(wanted)))
    }

    /// The count among what is there: one whose children all ask for this gate.
    #[must_use]
    pub fn count<'f>(&self, found: &'f [CheckFound]) -> Option<&'f CheckFound> {
        let searched = self.watches.values().next().map(|watch| &watch.searched)?;
        let of_this: BTreeSet<&CheckId> = found
            .iter()
            .filter(|check| match &check.spec {
                CheckSpec::Watch(watch) => watch.searched == *searched,
                CheckSpec::Count { .. } => false,
            })
            .map(|check| &check.id)
            .collect();
        found.iter().find(|check| match &check.spec {
            CheckSpec::Count { children, .. } => {
                !children.is_empty() && children.iter().all(|child| of_this.contains(child))
            }
            CheckSpec::Watch(_) => false,
        })
    }

    /// What the count is to be, once every watch is there.
    #[must_use]
    pub fn count_spec(&self, found: &[CheckFound]) -> Option<CheckSpec> {
        let child = |observer| self.watch(found, observer).map(|check| check.id.clone());
        let children: Option<BTreeSet<CheckId>> = self.watches.keys().map(child).collect();
        Some(CheckSpec::Count { threshold: self.threshold, children: children? })
    }
}
