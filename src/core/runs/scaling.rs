//! Raising autoscaling groups so that those who stay can carry what comes.
//!
//! How many instances are enough follows from how many there were *before* anything was raised. That
//! is found once, and logged with the run before a group is touched: a later attempt, or a successor,
//! which finds a group already raised must not take that for what it had. From there each turn
//! compares what AWS shows with the goal and asks for what is missing, so that an answer that was
//! lost costs a reading and no more.
//!
//! Auto Scaling takes no fencing token, and a number is set without a condition: one that lands late,
//! when a policy has gone further meanwhile, takes that back until the policy looks again. Groups
//! are never asked to shrink, and never beyond the limits that their owners gave them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::call::{Outcome, Refusal, Request, Response};
use crate::domain::capacity::{ScalingGroup, ScalingGroupId, to_carry};
use crate::domain::{FailureClass, Moment, RegionId, ServiceId};
use crate::runbook::action::{Enough, Place};
use crate::runbook::{Event, Run};

use super::doing::Look;
use super::{Carry, Key, World};

/// Limit of one call: a control plane's, as far away as any.
pub(super) const CALL_MS: u32 = 2_500;

/// Time between two readings of a group whose instances are waited for. They take a minute or more,
/// and an account's calls are counted.
const READ_EVERY: Duration = Duration::from_secs(3);

/// What is to be scaled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) place: &'a Place,
    pub(super) service: Option<&'a ServiceId>,
    pub(super) at_least: Enough,
}

/// What a reading showed, or why there is none.
type Shown = Result<ScalingGroup, (FailureClass, String)>;

/// What was heard of a group.
#[derive(Debug, Clone, Default)]
struct Heard {
    /// When the call under way was sent, and whether it is to raise the group.
    asked: Option<(Moment, bool)>,
    /// When the newest reading was asked for, and what it showed. Dropped when the group is changed.
    read: Option<(Moment, Shown)>,
    /// Why AWS would not raise it, where asking again would change nothing.
    refused: Option<String>,
}

/// One attempt at scaling: see the file's opening.
#[derive(Debug, Clone, Default)]
pub(super) struct Scaling(BTreeMap<ScalingGroupId, Heard>);

impl Wanted<'_> {
    fn is_there(&self, region: &RegionId) -> bool {
        match self.place {
            Place::In(there) => region == there,
            Place::Outside(but) => region != but,
        }
    }

    fn is_meant(&self, service: &ServiceId) -> bool {
        self.service.is_none_or(|one| one == service)
    }

    /// The groups that are to be raised, with the services for which they are.
    fn groups(&self, world: &World<'_>) -> BTreeMap<ScalingGroupId, BTreeSet<ServiceId>> {
        let mut groups = world.fleet.scaling_groups();
        groups.retain(|group, services| {
            services.retain(|service| self.is_meant(service));
            self.is_there(&group.region) && !services.is_empty()
        });
        groups
    }

    /// The groups that are read: those, and the ones that they are compared with.
    fn read(&self, world: &World<'_>) -> BTreeSet<ScalingGroupId> {
        let mut read: BTreeSet<ScalingGroupId> = self.groups(world).into_keys().collect();
        if let (Place::In(_), Enough::Carry) = (self.place, self.at_least) {
            let groups = world.fleet.scaling_groups().into_iter();
            let compared = groups.filter(|(group, services)| {
                services.iter().any(|it| self.is_meant(it) && weight(world, it, &group.region) > 0)
            });
            read.extend(compared.map(|(group, _)| group));
        }
        read
    }

    /// Services in Regions that are meant and name no group.
    fn without_group(&self, world: &World<'_>) -> Vec<String> {
        let services = world.fleet.services.iter().filter(|(service, _)| self.is_meant(service));
        let placed = services.flat_map(|(service, spec)| {
            let regions = spec.regions.iter().filter(|(region, placement)| {
                self.is_there(region) && placement.scaling_group.is_none()
            });
            regions.map(move |(region, _)| format!("{service} in {region}"))
        });
        placed.collect()
    }
}

/// What a service's record in a Region weighs by what is committed.
fn weight(world: &World<'_>, service: &ServiceId, region: &RegionId) -> u64 {
    let wanted = world.wanted.get(service).and_then(|regions| regions.get(region));
    wanted.map_or(0, |weight| u64::from(weight.0))
}

/// What all of a service's records weigh together.
fn total(world: &World<'_>, service: &ServiceId) -> u64 {
    world.wanted.get(service).map_or(0, |regions| regions.values().map(|w| u64::from(w.0)).sum())
}

/// What was found of a group before it was raised, and what it is to have: of the run's log.
fn noted(run: &Run, step: usize, group: &ScalingGroupId) -> Option<(u32, u32)> {
    let name = group.to_string();
    run.log().iter().find_map(|entry| match &entry.event {
        Event::Noted { step: of, about, was, goal } if *of == step && *about == name => {
            Some((*was, *goal))
        }
        _ => None,
    })
}

impl Scaling {
    /// The group as it was read last.
    fn shown(&self, group: &ScalingGroupId) -> Option<&ScalingGroup> {
        self.0.get(group)?.read.as_ref()?.1.as_ref().ok()
    }

    /// Whether nothing more will be known of a group by waiting.
    fn is_known(&self, group: &ScalingGroupId) -> bool {
        let read = self.0.get(group).and_then(|heard| heard.read.as_ref());
        matches!(read, Some((_, Ok(_) | Err((FailureClass::Permanent, _)))))
    }

    /// What is found of groups for the first time.
    pub(super) fn notes(
        &self,
        world: &World<'_>,
        run: &Run,
        step: usize,
        wanted: Wanted<'_>,
    ) -> Vec<Event> {
        let compared_with_all =
            matches!((wanted.place, wanted.at_least), (Place::In(_), Enough::Carry));
        if compared_with_all && !wanted.read(world).iter().all(|group| self.is_known(group)) {
            return Vec::new();
        }
        let groups = wanted.groups(world).into_iter();
        let new = groups.filter(|(group, _)| noted(run, step, group).is_none());
        new.filter_map(|(group, services)| {
            let was = self.shown(&group)?.desired;
            let goal = self.goal(world, &group, was, &services, wanted);
            Some(Event::Noted { step, about: group.to_string(), was, goal })
        })
        .collect()
    }

    /// How many instances are enough for a group that has so many.
    fn goal(
        &self,
        world: &World<'_>,
        group: &ScalingGroupId,
        was: u32,
        services: &BTreeSet<ServiceId>,
        wanted: Wanted<'_>,
    ) -> u32 {
        let enough = |service: &ServiceId| match (wanted.at_least, wanted.place) {
            (Enough::Instances(count), _) => count,
            (Enough::Carry, Place::Outside(left)) => {
                let all = total(world, service);
                let rest = all.saturating_sub(weight(world, service, left));
                if weight(world, service, &group.region) == 0 {
                    was
                } else {
                    to_carry(was, rest, all)
                }
            }
            (Enough::Carry, Place::In(_)) => self.like_the_others(world, group, was, service),
        };
        services.iter().map(enough).max().unwrap_or(was).max(was)
    }

    /// How many a Region needs that is to get its declared share back, by those who carry it now.
    fn like_the_others(
        &self,
        world: &World<'_>,
        group: &ScalingGroupId,
        was: u32,
        service: &ServiceId,
    ) -> u32 {
        let (mut instances, mut carried) = (0_u32, 0_u64);
        for region in world.fleet.services[service].regions.keys().filter(|it| **it != group.region)
        {
            let own = weight(world, service, region);
            let shown = world.fleet.scaling_group(service, region);
            if let Some(shown) = shown.and_then(|group| self.shown(&group)).filter(|_| own > 0) {
                instances = instances.saturating_add(shown.desired);
                carried += own;
            }
        }
        let declared = u64::from(world.fleet.services[service].regions[&group.region].weight.0);
        let now = total(world, service);
        let after = now.saturating_sub(weight(world, service, &group.region)) + declared;
        if carried == 0 || after == 0 {
            return was;
        }
        // `instances` carry `carried` of `now`; this group is to carry `declared` of `after`.
        let exact = u128::from(instances) * u128::from(now) * u128::from(declared);
        let enough = exact.div_ceil(u128::from(carried) * u128::from(after));
        u32::try_from(enough).unwrap_or(u32::MAX)
    }

    /// How it stands.
    pub(super) fn look(
        &self,
        world: &World<'_>,
        run: &Run,
        step: usize,
        wanted: Wanted<'_>,
    ) -> Look {
        let groups = wanted.groups(world);
        let without = wanted.without_group(world);
        if groups.is_empty() {
            return Look::Done(Some(format!(
                "nothing was raised: the files name no scaling_group for {}",
                without.join(", ")
            )));
        }
        let (mut done, mut waits, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for group in groups.keys() {
            match self.stands(run, step, group) {
                Look::Done(told) => done.extend(told),
                Look::Failed(why) => failed.push(why),
                Look::Wait(why) | Look::Unknown(why) => waits.push(why),
                Look::Send(_) => unreachable!("it is sent by `act`"),
            }
        }
        if !waits.is_empty() {
            return Look::Wait(waits.join("; "));
        }
        if !failed.is_empty() {
            return Look::Failed(failed.join("; "));
        }
        if !without.is_empty() {
            done.push(format!("the files name no scaling_group for {}", without.join(", ")));
        }
        Look::Done(Some(done.join("; ")))
    }

    fn stands(&self, run: &Run, step: usize, group: &ScalingGroupId) -> Look {
        let heard = self.0.get(group);
        if let Some(why) = heard.and_then(|heard| heard.refused.as_ref()) {
            return Look::Failed(format!("{group} could not be raised: {why}"));
        }
        let shown = match heard.and_then(|heard| heard.read.as_ref()) {
            None => return Look::Wait(format!("{group} is being read")),
            Some((_, Err((FailureClass::Permanent, why)))) => {
                return Look::Failed(format!("{group} can't be read: {why}"));
            }
            Some((_, Err((_, why)))) => {
                return Look::Wait(format!("{group} is read again: {why}"));
            }
            Some((_, Ok(shown))) => shown,
        };
        let Some((was, goal)) = noted(run, step, group) else {
            return Look::Wait(format!("what {group} has is being kept"));
        };
        let reach = goal.min(shown.max);
        if shown.desired < reach {
            return Look::Wait(format!(
                "{group} is being raised from {} to {reach}",
                shown.desired
            ));
        }
        if shown.in_service < reach {
            let ScalingGroup { in_service, desired, .. } = shown;
            return Look::Wait(format!(
                "{group} wants {desired} instances, of which {in_service} are in service; {reach} \
                 are waited for"
            ));
        }
        let short = if goal > shown.max {
            format!(" (its most; {goal} would carry the traffic: raise its limit)")
        } else {
            String::new()
        };
        Look::Done(Some(if reach > was {
            format!("{group} was raised from {was} to {reach}{short}")
        } else {
            format!("{group} has {}, which is enough{short}", shown.in_service)
        }))
    }

    /// Sends what is to be sent.
    pub(super) fn act(
        &mut self,
        world: &World<'_>,
        key: &Key,
        run: &Run,
        wanted: Wanted<'_>,
        carry: &mut Carry<'_>,
    ) {
        let now = world.now;
        let raised = wanted.groups(world);
        for group in wanted.read(world) {
            let heard = self.0.entry(group.clone()).or_default();
            if heard.asked.is_some() || heard.refused.is_some() {
                continue;
            }
            let shown = heard.read.as_ref().and_then(|(_, read)| read.as_ref().ok());
            let noted = noted(run, key.1, &group).filter(|_| raised.contains_key(&group));
            let missing = shown.zip(noted).and_then(|(shown, (_, goal))| {
                let reach = goal.min(shown.max);
                (shown.desired < reach).then_some(reach)
            });
            let request = match missing {
                Some(_) if world.paused => continue,
                Some(desired) => Request::SetDesired { group: group.clone(), desired },
                None if heard.read.as_ref().is_some_and(|(at, _)| now.since(*at) < READ_EVERY) => {
                    continue;
                }
                None => Request::ReadGroup { group: group.clone() },
            };
            if carry.send_scaling(now, key.clone(), request) {
                heard.asked = Some((now, missing.is_some()));
            }
        }
    }

    /// A call about a group was answered.
    pub(super) fn answered(&mut self, group: &ScalingGroupId, outcome: Outcome) {
        let Some(heard) = self.0.get_mut(group) else { return };
        let Some((asked_at, to_raise)) = heard.asked.take() else { return };
        match outcome {
            Ok(Response::Group(shown)) => heard.read = Some((asked_at, Ok(shown))),
            // Whatever was shown before is no longer so.
            Ok(_) => heard.read = None,
            Err(refusal) => {
                let (class, what) = match refusal {
                    Refusal::Failed(failure) => (failure.class, failure.what),
                    refusal @ Refusal::Found(_) => (refusal.class(), refusal.to_string()),
                };
                if to_raise && class == FailureClass::Permanent {
                    heard.refused = Some(what.clone());
                }
                heard.read = Some((asked_at, Err((class, what))));
            }
        }
    }
}
