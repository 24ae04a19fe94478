//! Who can reach whom, and how far apart they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::RegionId;

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Inside a Region.
    Region(RegionId),
    /// An AWS control plane that belongs to no Region of the fleet: Route 53's.
    Global,
    /// Where Route 53's health checkers ask from.
    Checkers,
    /// Anywhere else: clients, people.
    Outside,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => region.fmt(f),
            Self::Global => f.pad("global"),
            Self::Checkers => f.pad("checkers"),
            Self::Outside => f.pad("outside"),
        }
    }
}

/// One-way distance between two Regions when none was set: loopback, as good as nothing.
const DISTANCE_DEFAULT: Duration = Duration::from_millis(1);

/// The network between places.
#[derive(Debug, Clone, Default)]
pub struct Network {
    lost: BTreeSet<RegionId>,
    cuts: BTreeSet<(Place, Place)>,
    distances: BTreeMap<(Place, Place), Duration>,
    changes: u64,
}

impl Network {
    /// The one-way delay from one place to another right now; none when nothing gets through.
    #[must_use]
    pub fn path(&self, from: &Place, to: &Place) -> Option<Duration> {
        if self.is_lost(from) || self.is_lost(to) {
            return None;
        }
        let way = (from.clone(), to.clone());
        if self.cuts.contains(&way) {
            return None;
        }
        if from == to {
            return Some(Duration::ZERO);
        }
        Some(self.distances.get(&way).copied().unwrap_or(DISTANCE_DEFAULT))
    }

    /// How often it was changed: for those who need to look again only then.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn is_lost(&self, place: &Place) -> bool {
        matches!(place, Place::Region(region) if self.lost.contains(region))
    }

    /// Takes a Region off the network, with all that is in it.
    pub fn lose(&mut self, region: &RegionId) {
        self.changes += 1;
        self.lost.insert(region.clone());
    }

    /// Puts a lost Region back.
    pub fn restore(&mut self, region: &RegionId) {
        self.changes += 1;
        self.lost.remove(region);
    }

    /// Regions that are off the network.
    #[must_use]
    pub fn lost(&self) -> &BTreeSet<RegionId> {
        &self.lost
    }

    /// Stops what goes from one place to another; the way back stays as it is. What crosses within
    /// a place is cut by naming it twice.
    pub fn cut(&mut self, from: &Place, to: &Place) {
        self.changes += 1;
        self.cuts.insert((from.clone(), to.clone()));
    }

    /// Undoes a cut of this direction.
    pub fn mend(&mut self, from: &Place, to: &Place) {
        self.changes += 1;
        self.cuts.remove(&(from.clone(), to.clone()));
    }

    /// Undoes all cuts.
    pub fn mend_all(&mut self) {
        self.changes += 1;
        self.cuts.clear();
    }

    /// Directions that are cut.
    #[must_use]
    pub fn cuts(&self) -> &BTreeSet<(Place, Place)> {
        &self.cuts
    }

    /// Sets the one-way distance between two places, in both directions.
    pub fn set_distance(&mut self, a: &Place, b: &Place, one_way: Duration) {
        self.changes += 1;
        self.distances.insert((a.clone(), b.clone()), one_way);
        self.distances.insert((b.clone(), a.clone()), one_way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Place {
        Place::Region(name.parse().expect("valid"))
    }

    #[test]
    fn a_cut_has_a_direction_and_a_lost_region_has_none() {
        let (a, b) = (region("a"), region("b"));
        let mut network = Network::default();
        network.cut(&a, &b);
        assert_eq!(network.path(&a, &b), None);
        assert!(network.path(&b, &a).is_some());
        network.mend(&a, &b);
        assert!(network.path(&a, &b).is_some());

        network.lose(&"b".parse().expect("valid"));
        for way in [(&a, &b), (&b, &a), (&b, &b), (&Place::Outside, &b)] {
            assert_eq!(network.path(way.0, way.1), None);
        }
        assert!(network.path(&a, &Place::Global).is_some());
    }
}
