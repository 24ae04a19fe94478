//! Capacity: could those who stay carry what the Region that is left had?
//!
//! By the declared weights and what each autoscaling group runs now, as the step `scale` counts it.
//! Whether its number may be set is tried with one that no group can have.

use std::collections::{BTreeMap, BTreeSet};

use super::look::{Looked, tried};
use super::{Who, lasting};
use crate::domain::capacity::{ScalingGroup, ScalingGroupId, to_carry};
use crate::domain::preflight::{Area, Finding};
use crate::domain::{Fleet, RegionId, ServiceId};

pub(super) fn judge(fleet: &Fleet, looked: &Looked, who: Who) -> Vec<Finding> {
    let mut findings = Vec::new();
    let groups = fleet.scaling_groups();
    for (group, services) in &groups {
        match looked.groups.get(group) {
            Some(Ok(shown)) => {
                in_service(group, shown, &mut findings);
                room(fleet, group, services, shown, &mut findings);
            }
            Some(Err(failure)) => {
                let what = format!("the autoscaling group {group} can't be read: {}", failure.what);
                let remedy = if lasting(failure) {
                    "See that it is there, and autoscaling:DescribeAutoScalingGroups allowed"
                } else {
                    "Look whether the Region is reached"
                };
                findings.push(Finding::weakens(Area::Capacity, what, remedy));
            }
            None => {}
        }
        if let Some(Err(failure)) = looked.group_trials.get(group).map(tried)
            && lasting(&failure)
        {
            findings.push(who.may_not(
                Area::Capacity,
                format!("{group} may not be raised: {}", failure.what),
                "Allow autoscaling:SetDesiredCapacity: until then a runbook's step `scale` fails"
                    .to_owned(),
            ));
        }
    }
    if !groups.is_empty() {
        without_group(fleet, &mut findings);
    }
    findings
}

fn in_service(group: &ScalingGroupId, shown: &ScalingGroup, findings: &mut Vec<Finding>) {
    let ScalingGroup { desired, in_service, .. } = shown;
    if in_service < desired {
        findings.push(Finding::note(
            Area::Capacity,
            format!("{group} wants {desired} instances, of which {in_service} are in service"),
            "Look at its scaling activities if that stays so",
        ));
    }
}

/// Whether the group's most is enough, whichever Region is left.
fn room(
    fleet: &Fleet,
    group: &ScalingGroupId,
    services: &BTreeSet<ServiceId>,
    shown: &ScalingGroup,
    findings: &mut Vec<Finding>,
) {
    let mut short: BTreeMap<u32, BTreeSet<&RegionId>> = BTreeMap::new();
    for left in fleet.regions.iter().filter(|region| **region != group.region) {
        let wanted = services.iter().map(|service| {
            let weights = fleet.services[service].regions.iter();
            let weight = |(_, placement): (_, &crate::domain::fleet::Placement)| {
                u64::from(placement.weight.0)
            };
            let all: u64 = weights.clone().map(weight).sum();
            let rest: u64 = weights.filter(|(region, _)| *region != left).map(weight).sum();
            to_carry(shown.desired, rest, all)
        });
        let wanted = wanted.max().unwrap_or(0);
        if wanted > shown.max {
            short.entry(wanted).or_default().insert(left);
        }
    }
    for (wanted, left) in short {
        let left: Vec<&str> = left.into_iter().map(RegionId::as_str).collect();
        findings.push(Finding::weakens(
            Area::Capacity,
            format!(
                "without {}, {group} would need {wanted} instances, and its most is {}",
                left.join(" or "),
                shown.max
            ),
            "Raise its MaxSize (and the account's quota), or know what load to shed first",
        ));
    }
}

/// Placements without a group, where others have one: nobody would raise them.
fn without_group(fleet: &Fleet, findings: &mut Vec<Finding>) {
    for (service, spec) in &fleet.services {
        let without =
            spec.regions.iter().filter(|(_, placement)| placement.scaling_group.is_none());
        let without: Vec<&str> = without.map(|(region, _)| region.as_str()).collect();
        if !without.is_empty() {
            findings.push(Finding::note(
                Area::Capacity,
                format!("no scaling_group is named for {service} in {}", without.join(", ")),
                "Name it in the Region's file, or see yourself to its capacity",
            ));
        }
    }
}
