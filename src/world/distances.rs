//! How far apart things are, and how slow: on one machine, or as AWS Regions are.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::network::{Network, Place};
use super::rds::Pace;
use crate::domain::RegionId;

/// A choice of distances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distances {
    /// A millisecond each way, between all places.
    #[default]
    Near,
    /// As between the Regions of these names.
    Life,
}

/// Where Route 53 has its control plane (Route 53 Developer Guide, "Resilience in Amazon Route 53").
const ROUTE53_HOME: &str = "us-east-1";

/// Round trips between Regions in milliseconds. Rounded medians as CloudPing.co shows them for TCP
/// between AWS Regions; the monthly averages that IBM Cloud publishes between its own sites at the
/// same places ("Network latency", August 2024) are within a tenth: Washington to London 75,
/// Washington to Sydney 214, London to Sydney 261.
const ROUND_TRIPS_MS: [(&str, &str, u64); 15] = [
    ("ap-northeast-1", "ap-southeast-2", 110),
    ("ap-northeast-1", "eu-central-1", 225),
    ("ap-northeast-1", "eu-west-1", 210),
    ("ap-northeast-1", "us-east-1", 150),
    ("ap-northeast-1", "us-west-2", 100),
    ("ap-southeast-2", "eu-central-1", 250),
    ("ap-southeast-2", "eu-west-1", 260),
    ("ap-southeast-2", "us-east-1", 200),
    ("ap-southeast-2", "us-west-2", 140),
    ("eu-central-1", "eu-west-1", 25),
    ("eu-central-1", "us-east-1", 92),
    ("eu-central-1", "us-west-2", 145),
    ("eu-west-1", "us-east-1", 70),
    ("eu-west-1", "us-west-2", 120),
    ("us-east-1", "us-west-2", 65),
];

/// Between Regions that the table doesn't have: as far as its farthest, to err on the slow side.
const ROUND_TRIP_MS_UNKNOWN: u64 = 260;

/// Between people and a Region, wherever both are: a weighted answer sends them near and far.
const ROUND_TRIP_MS_OUTSIDE: u64 = 100;

/// Between an agent in the control plane's own Region and the control plane.
const ROUND_TRIP_MS_WITHIN: u64 = 2;

/// The time to live that records have where distances are as in life: an alias to a load balancer
/// has it, and Route 53 advises no more for records that move on failure (Route 53 API Reference,
/// `ResourceRecordSet`).
const TTL_S: u32 = 60;

impl Distances {
    /// Puts the places of a network apart.
    pub fn apply<'r>(
        self,
        network: &mut Network,
        regions: impl IntoIterator<Item = &'r RegionId> + Clone,
    ) {
        let Self::Life = self else { return };
        let one_way = |round_trip_ms| Duration::from_millis(round_trip_ms) / 2;
        let outside = one_way(ROUND_TRIP_MS_OUTSIDE);
        network.set_distance(&Place::Outside, &Place::Global, outside);
        for a in regions.clone() {
            let here = Place::Region(a.clone());
            network.set_distance(&here, &Place::Outside, outside);
            network.set_distance(&here, &Place::Checkers, outside);
            let home = one_way(round_trip_ms(a.as_str(), ROUTE53_HOME));
            network.set_distance(&here, &Place::Global, home);
            for b in regions.clone().into_iter().filter(|b| *b != a) {
                let there = Place::Region(b.clone());
                network.set_distance(&here, &there, one_way(round_trip_ms(a.as_str(), b.as_str())));
            }
        }
    }

    /// How long databases take for what they do.
    #[must_use]
    pub const fn pace(self) -> Pace {
        match self {
            Self::Near => Pace::QUICK,
            Self::Life => Pace::LIFE,
        }
    }

    /// The time to live that records get in place of their own, if any.
    #[must_use]
    pub const fn ttl_s(self) -> Option<u32> {
        match self {
            Self::Near => None,
            Self::Life => Some(TTL_S),
        }
    }
}

fn round_trip_ms(a: &str, b: &str) -> u64 {
    if a == b {
        return ROUND_TRIP_MS_WITHIN;
    }
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    ROUND_TRIPS_MS
        .iter()
        .find_map(|(one, other, ms)| ((*one, *other) == (first, second)).then_some(*ms))
        .unwrap_or(ROUND_TRIP_MS_UNKNOWN)
}

impl fmt::Display for Distances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Near => "near",
            Self::Life => "life",
        })
    }
}

impl FromStr for Distances {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "near" => Ok(Self::Near),
            "life" => Ok(Self::Life),
            _ => Err(format!("there are no distances {text:?}; use near or life")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_each_pair_once() {
        for (one, other, ms) in ROUND_TRIPS_MS {
            assert!(one < other, "{one} {other}");
            assert!(ms <= ROUND_TRIP_MS_UNKNOWN, "{one} {other}");
        }
        assert!(ROUND_TRIPS_MS.is_sorted_by_key(|(one, other, _)| (*one, *other)));
    }

    #[test]
    fn regions_are_as_far_apart_as_in_life_and_the_control_plane_is_in_one_of_them() {
        let regions: Vec<RegionId> = ["ap-southeast-2", "eu-west-1", "us-east-1", "mars-1"]
            .map(|name| name.parse().expect("valid"))
            .into();
        let place = |name: &str| Place::Region(name.parse().expect("valid"));
        let mut network = Network::default();
        Distances::Life.apply(&mut network, &regions);
        let ms = |from: &Place, to: &Place| network.path(from, to).expect("whole").as_millis();
        assert_eq!(ms(&place("eu-west-1"), &place("ap-southeast-2")), 130);
        assert_eq!(ms(&place("ap-southeast-2"), &place("eu-west-1")), 130);
        assert_eq!(ms(&place("mars-1"), &place("eu-west-1")), 130);
        assert_eq!(ms(&place("ap-southeast-2"), &Place::Global), 100);
        assert_eq!(ms(&place("us-east-1"), &Place::Global), 1);
        assert_eq!(ms(&Place::Outside, &place("us-east-1")), 50);
        assert_eq!(ms(&place("us-east-1"), &place("us-east-1")), 0);
    }
}
