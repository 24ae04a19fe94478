//! Which weights are wanted, given what is known.
//!
//! A pure function: the same inputs give the same plan, today and in a replay. This first planner
//! knows two moves. A Region that is down or cut off for the dwell goes to weight 0, unless too few
//! would be left in service or most look bad at once. A Region at 0 that was healthy for long
//! enough gets its configured share back in one step.
//!
//! It does not know records, fences or leases: `zones` brings about what is committed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::fleet::Rules;
use crate::domain::{RegionId, ServiceId, Weight};

use super::explain::{Blocked, Change, Obstacle, Reason};
use super::health::Verdict;

/// Everything that the planner looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// What is allowed.
    pub rules: Rules,
    /// Each service in each of its Regions.
    pub services: BTreeMap<ServiceId, BTreeMap<RegionId, Placed>>,
}

/// A service in one Region, as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Its configured weight.
    pub share: Weight,
    /// The weight wanted so far; none if no state has it yet.
    pub wanted: Option<Weight>,
    /// How it is.
    pub verdict: Verdict,
    /// For how long, in milliseconds: for `Down` and `CutOff` since the start of the first failed
    /// probe, as a quorum of observers has it; for the others since the leader first found it so.
    pub for_ms: u64,
}

impl Placed {
    fn in_service(&self) -> bool {
        self.wanted.unwrap_or(self.share).serves()
    }
}

/// What to do, and what can't be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Weights that change.
    pub changes: Vec<Change>,
    /// Changes that something is in the way of.
    pub blocked: Vec<Blocked>,
}

/// Plans for every service.
#[must_use]
pub fn plan(inputs: &Inputs) -> Plan {
    let mut plan = Plan::default();
    for (service, regions) in &inputs.services {
        plan_service(service, regions, &inputs.rules, &mut plan);
    }
    plan
}

fn plan_service(
    service: &ServiceId,
    regions: &BTreeMap<RegionId, Placed>,
    rules: &Rules,
    plan: &mut Plan,
) {
    let mut change = |region: &RegionId, placed: &Placed, to: Weight, reason: Reason| {
        plan.changes.push(Change {
            service: service.clone(),
            region: region.clone(),
            from: placed.wanted,
            to,
            reason,
        });
    };
    let mut blocked = Vec::new();
    let mut block = |region: &RegionId, to: Weight, by: Obstacle| {
        blocked.push(Blocked { service: service.clone(), region: region.clone(), to, by });
    };

    // Those that come in are settled first: they count for those that go out.
    let mut serving: usize = 0;
    let mut leaving = Vec::new();
    for (region, placed) in regions {
        let bad = match placed.verdict {
            Verdict::Down => Some(Reason::Down),
            Verdict::CutOff => Some(Reason::CutOff),
            Verdict::Healthy | Verdict::Degraded { .. } | Verdict::Unknown => None,
        };
        if placed.in_service() {
            serving += 1;
            match bad {
                Some(reason) => leaving.push((region, placed, reason)),
                None if placed.wanted == Some(placed.share) => {}
                None if !placed.share.serves() => {
                    // Taken out by configuration: as any other leaving, but by people's will.
                    leaving.push((region, placed, Reason::Configured));
                }
                None => change(region, placed, placed.share, Reason::Configured),
            }
        } else if placed.wanted.is_none() {
            change(region, placed, placed.share, Reason::Configured);
        } else if placed.share.serves() {
            match placed.verdict {
                Verdict::Healthy if placed.for_ms >= u64::from(rules.return_after_ms) => {
                    serving += 1;
                    change(region, placed, placed.share, Reason::Recovered);
                }
                Verdict::Healthy => block(region, placed.share, Obstacle::NotHealthyLongEnough),
                _ => block(region, placed.share, Obstacle::NotHealthy),
            }
        }
    }

    // More than half of what serves can't well fail at one moment; our own view of it can.
    let bad = leaving.iter().filter(|(_, _, reason)| *reason != Reason::Configured).count();
    let most_look_bad = bad * 2 > serving && serving > 1;
    for (region, placed, reason) in leaving {
        let of_health = reason != Reason::Configured;
        if serving <= usize::from(rules.fewest_in_service) {
            block(region, Weight::ZERO, Obstacle::FewestInService);
        } else if of_health && most_look_bad {
            block(region, Weight::ZERO, Obstacle::MostLookBad);
        } else if of_health && placed.for_ms < u64::from(rules.dwell_ms) {
            block(region, Weight::ZERO, Obstacle::Dwell);
        } else {
            serving -= 1;
            change(region, placed, Weight::ZERO, reason);
        }
    }
    plan.blocked.append(&mut blocked);
}
