//! Capacity: could those who stay carry what the Region that is left had?
//!
//! By the declared weights and what each autoscaling group runs now, as the step `scale` counts it.
//! Whether its number may be set is tried with one that no group can have. Whether the account may run
//! that many is its quota's to say, where the files say how many vCPUs an instance has.

use std::collections::{BTreeMap, BTreeSet};

use super::look::{Looked, tried};
use super::{Who, lasting};
use crate::domain::capacity::{ScalingGroup, ScalingGroupId, to_carry};
use crate::domain::fleet::Placement;
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
    quotas(fleet, looked, &groups, &mut findings);
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

/// What a group needs to carry its services without a Region, by what it runs now.
fn needed(
    fleet: &Fleet,
    services: &BTreeSet<ServiceId>,
    shown: &ScalingGroup,
    left: &RegionId,
) -> u32 {
    let wanted = services.iter().map(|service| {
        let weights = fleet.services[service].regions.iter();
        let weight = |(_, placement): (_, &Placement)| u64::from(placement.weight.0);
        let all: u64 = weights.clone().map(weight).sum();
        let rest: u64 = weights.filter(|(region, _)| *region != left).map(weight).sum();
        to_carry(shown.desired, rest, all)
    });
    wanted.max().unwrap_or(0)
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
        let wanted = needed(fleet, services, shown, left);
        if wanted > shown.max {
            short.entry(wanted).or_default().insert(left);
        }
    }
    for (wanted, left) in short {
        findings.push(Finding::weakens(
            Area::Capacity,
            format!(
                "without {}, {group} would need {wanted} instances, and its most is {}",
                listed(&left),
                shown.max
            ),
            "Raise its MaxSize (and the account's quota), or know what load to shed first",
        ));
    }
}

fn listed(regions: &BTreeSet<&RegionId>) -> String {
    let regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
    regions.join(" or ")
}

/// Whether the account may run what the Region's groups would need, whichever other Region is left.
fn quotas(
    fleet: &Fleet,
    looked: &Looked,
    groups: &BTreeMap<ScalingGroupId, BTreeSet<ServiceId>>,
    findings: &mut Vec<Finding>,
) {
    let each = fleet.instance_vcpus();
    for (region, answer) in &looked.vcpus {
        let quota = match answer {
            Ok(quota) => quota,
            Err(failure) => {
                let what =
                    format!("the quota of vCPUs in {region} can't be read: {}", failure.what);
                let remedy = if lasting(failure) {
                    "Allow servicequotas:GetServiceQuota and GetAWSDefaultServiceQuota, and \
                     cloudwatch:GetMetricData"
                } else {
                    "Look whether the Region is reached"
                };
                findings.push(Finding::note(Area::Capacity, what, remedy));
                continue;
            }
        };
        let here: Vec<_> = groups
            .iter()
            .filter(|(group, _)| group.region == *region)
            .filter_map(|(group, services)| {
                let shown = looked.groups.get(group)?.as_ref().ok()?;
                Some((services, shown, u64::from(*each.get(group)?)))
            })
            .collect();
        let own: u64 = here.iter().map(|(_, shown, vcpus)| u64::from(shown.desired) * vcpus).sum();
        let used = quota.used.map_or(own, |used| own.max(used.into()));
        let free = u64::from(quota.most).saturating_sub(used);
        let mut short: BTreeMap<u64, BTreeSet<&RegionId>> = BTreeMap::new();
        for left in fleet.regions.iter().filter(|left| *left != region) {
            let more = here.iter().map(|(services, shown, vcpus)| {
                let more = needed(fleet, services, shown, left).saturating_sub(shown.desired);
                u64::from(more) * vcpus
            });
            let more: u64 = more.sum();
            if more > free {
                short.entry(more).or_default().insert(left);
            }
        }
        for (more, left) in short {
            findings.push(Finding::weakens(
                Area::Capacity,
                format!(
                    "without {}, {region} would need {more} vCPUs more, and of the account's quota of \
                     {} there are {free} left",
                    listed(&left),
                    quota.most
                ),
                "Ask for a higher quota of running on-demand standard instances (ec2, L-1216C47A)",
            ));
        }
    }
    let untold = groups.keys().filter(|group| !each.contains_key(group));
    let untold: Vec<String> = untold.map(ToString::to_string).collect();
    if !untold.is_empty() {
        findings.push(Finding::note(
            Area::Capacity,
            format!("whether the account's quota lets {} grow is not known", untold.join(", ")),
            "Say how many vCPUs an instance has, by instance_vcpus beside scaling_group",
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
