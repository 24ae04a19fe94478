//! What name servers answer, by weights and gates together.
//!
//! From the Route 53 Developer Guide, "How Amazon Route 53 chooses records when health checking is
//! configured": of the healthy records those with a weight above 0 are answered; when none of these
//! is healthy, the healthy ones of weight 0; when no record is healthy, as if all were. Therefore a
//! drained Region needs both, weight 0 and a closed gate, and health checks alone can't keep the
//! last Region in.

use std::fmt;

use crate::domain::gate::Gates;
use crate::domain::{Fleet, RegionId};

/// One Region's record of a name, as far as it matters for who is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether its weight is above 0.
    pub serves: bool,
    /// Whether too few gates are closed to shut it.
    pub healthy: bool,
}

/// Which of a name's records are answered in the long run: one of them each time.
#[must_use]
pub fn answered(records: &[Standing]) -> Vec<bool> {
    let tier = |chosen: fn(&Standing) -> bool| -> Option<Vec<bool>> {
        records.iter().any(chosen).then(|| records.iter().map(chosen).collect())
    };
    tier(|record| record.healthy && record.serves)
        .or_else(|| tier(|record| record.healthy))
        .or_else(|| tier(|record| record.serves))
        .unwrap_or_else(|| vec![true; records.len()])
}

/// Whether the primary of a failover pair is answered, and not the secondary (Route 53 Developer Guide,
/// "How Amazon Route 53 chooses records when health checking is configured", failover records).
#[must_use]
pub const fn primary_is_answered(primary_healthy: bool, secondary_healthy: bool) -> bool {
    primary_healthy || !secondary_healthy
}

/// Whether so many closed gates of other Regions shut a Region.
#[must_use]
pub fn shut(closers: u16, closed: usize) -> bool {
    closed >= usize::from(closers)
}

/// How well a Region's gate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Whose gate.
    pub region: RegionId,
    /// Regions whose agents can shut it.
    pub observers: usize,
    /// How many it takes.
    pub closers: u16,
}

impl Reach {
    /// How many of the observers may be silent and the gate can still be closed.
    #[must_use]
    pub fn spare(&self) -> Option<usize> {
        self.observers.checked_sub(usize::from(self.closers))
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { region, observers, closers } = self;
        write!(f, "{region}: {closers} of {observers} other Regions shut it")?;
        match self.spare() {
            None => f.write_str("; they are too few, it can't be shut by gates"),
            Some(0) => f.write_str("; with one of them silent, its records alone must do"),
            Some(spare) => write!(f, "; also with {spare} of them silent"),
        }
    }
}

/// How well each serving Region's gate stands in a fleet.
pub fn reach<'a>(fleet: &'a Fleet, gates: &'a Gates) -> impl Iterator<Item = Reach> + 'a {
    let serving = |region: &&RegionId| {
        fleet.services.values().any(|service| service.regions.contains_key(*region))
    };
    fleet.regions.iter().filter(serving).map(|region| Reach {
        region: region.clone(),
        observers: gates.observers(region).count(),
        closers: gates.closers,
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Subsets of the first so many, as bits.
    fn subsets(of: usize) -> impl Iterator<Item = u32> {
        0..1_u32 << of
    }

    fn has(set: u32, one: usize) -> bool {
        set & (1 << one) != 0
    }

    /// Every combination of what is decided for a pair, what its records say by then, and whose gates
    /// enough agents are alive to close.
    #[test]
    fn every_combination_of_a_failover_pair() {
        let mut text = "in service  primary  can be shut  answered\n".to_owned();
        for (in_service, first, second) in
            [("both", true, true), ("first", true, false), ("second", false, true)]
        {
            let decided_first = first;
            for primary_is_first in [true, false] {
                for closable in subsets(2) {
                    let healthy = |serves: bool, n: usize| serves || !has(closable, n);
                    let (first, second) = (healthy(first, 0), healthy(second, 1));
                    let first_answers = if primary_is_first {
                        primary_is_answered(first, second)
                    } else {
                        !primary_is_answered(second, first)
                    };
                    let brought_about = primary_is_first == decided_first;
                    let drained = if decided_first { in_service == "first" } else { true };
                    let shut = has(closable, usize::from(decided_first));
                    let right = first_answers == decided_first;
                    // The records alone do it, and so do the gates alone, where there is one to close.
                    assert!(right || !brought_about, "{in_service} {closable:b}");
                    assert!(right || !(drained && shut), "{in_service} {closable:b}");
                    let name = |first: bool| if first { "first" } else { "second" };
                    let shut = ["none", "first", "second", "either"];
                    let shut = shut[usize::try_from(closable).expect("below four")];
                    let late = if right { "" } else { ", until the records follow" };
                    writeln!(
                        text,
                        "{in_service:<10}  {:<7}  {shut:<11}  {}{late}",
                        name(primary_is_first),
                        name(first_answers),
                    )
                    .expect("String");
                }
            }
        }
        insta::assert_snapshot!("pairs_table", text);
    }

    #[test]
    fn a_drained_region_needs_weight_zero_and_a_closed_gate() {
        let record = |serves, healthy| Standing { serves, healthy };
        let (well, failed) = (record(true, true), record(true, false));
        let only_zero = record(false, true);
        assert_eq!(answered(&[well, only_zero]), [true, false]);
        assert_eq!(answered(&[failed, only_zero]), [false, true], "weight 0 is answered after all");
        assert_eq!(answered(&[failed, record(false, false)]), [true, false], "as if all were well");
        assert_eq!(answered(&[record(false, false), record(false, false)]), [true, true]);
        assert_eq!(answered(&[]), [true; 0]);
    }

    /// The model of Route 53 answers as the arithmetic says, for every tier of three records.
    #[test]
    fn the_modelled_route_53_answers_so() {
        use std::collections::BTreeSet;
        use std::time::Duration;

        use crate::domain::record::RecordData;
        use crate::domain::{Moment, Weight, ZoneId};
        use crate::world::route53::{
            Action, CheckConfig, ModelChange, ModelRecordSet, ModelRecordType, ModelRouting,
            OwnerName, Route53, Subject,
        };

        const REGIONS: usize = 3;
        for healthy in subsets(REGIONS) {
            for zero in subsets(REGIONS) {
                let mut route53 = Route53::new(5);
                let now = Moment::from_ms(1000);
                let zone: ZoneId = "Z1".parse().expect("valid");
                route53.create_zone(&zone, &"example.com".parse().expect("valid")).expect("new");
                let name: OwnerName = "www.example.com".parse().expect("valid");
                let changes: Vec<ModelChange> = (0..REGIONS)
                    .map(|n| {
                        let threshold = u16::from(!has(healthy, n));
                        let subject = Subject::Calculated { threshold, children: BTreeSet::new() };
                        let config = CheckConfig { subject, inverted: false, disabled: false };
                        let check = route53.create_health_check(now, &format!("r{n}"), config);
                        let weight = if has(zero, n) { Weight::ZERO } else { Weight(100) };
                        let values = vec![format!("192.0.2.{n}")];
                        ModelChange {
                            action: Action::Create,
                            record: ModelRecordSet {
                                name: name.clone(),
                                rtype: ModelRecordType::A,
                                routing: ModelRouting::Weighted {
                                    set_identifier: format!("r{n}"),
                                    weight,
                                },
                                data: RecordData::Plain { ttl_s: 60, values },
                                health_check: Some(check.expect("valid").id),
                            },
                        }
                    })
                    .collect();
                route53.change_record_sets(now, &zone, &changes, None).expect("valid");
                let later = now + Duration::from_secs(60);
                let seen: BTreeSet<String> = (0..100)
                    .flat_map(|_| route53.answer(later, &name, ModelRecordType::A).addresses())
                    .map(|address| address.to_string())
                    .collect();
                let records: Vec<Standing> = (0..REGIONS)
                    .map(|n| Standing { serves: !has(zero, n), healthy: has(healthy, n) })
                    .collect();
                let expected = answered(&records).into_iter().enumerate().filter(|(_, is)| *is);
                let expected: BTreeSet<String> =
                    expected.map(|(n, _)| format!("192.0.2.{n}")).collect();
                assert_eq!(seen, expected, "healthy {healthy:03b}, weight 0 {zero:03b}");
            }
        }
    }
}
