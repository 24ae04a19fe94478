//! Amazon EC2 Auto Scaling in every Region: groups, and instances that take their time to come.
//!
//! As the service documents it ("SetDesiredCapacity", "Auto Scaling instance lifecycle"): a number
//! that is set is wanted at once, launched instances are pending for a while and then in service,
//! and ones too many are ended at once. A number outside the group's limits is refused. Where the
//! Region has no room left, instances stay pending for ever and the number is wanted all the same.
//!
//! Not modelled are policies, schedules, and checks that replace instances.

mod error;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::capacity::{ScalingGroupId, ScalingGroupName};
use crate::domain::{Moment, RegionId};

pub use error::AutoscalingError;

/// How long a launched instance is pending, unless said otherwise: a machine boots and its
/// application starts.
const LAUNCH: Duration = Duration::from_secs(45);

/// How long after a change `HonorCooldown` refuses another (the default of `DefaultCooldown`).
const COOLDOWN: Duration = Duration::from_secs(300);

/// The most instances that a modelled group may have: each of them is kept.
const INSTANCES_MAX: u32 = 1000;

/// An instance of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its ID.
    pub id: String,
    /// When it is in service; none while the Region has no room for it.
    pub in_service_at: Option<Moment>,
}

/// An autoscaling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name and where it is.
    pub id: ScalingGroupId,
    /// Fewest instances.
    pub min: u32,
    /// Instances wanted.
    pub desired: u32,
    /// Most instances.
    pub max: u32,
    instances: Vec<Instance>,
    launched: u64,
    changed_at: Option<Moment>,
}

impl Group {
    /// Its instances, the oldest first, and whether each is in service.
    pub fn instances(&self, now: Moment) -> impl Iterator<Item = (&Instance, bool)> {
        self.instances
            .iter()
            .map(move |instance| (instance, instance.in_service_at.is_some_and(|at| at <= now)))
    }

    /// How many instances are in service.
    #[must_use]
    pub fn in_service(&self, now: Moment) -> u32 {
        let count = self.instances(now).filter(|(_, in_service)| *in_service).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Launches what is missing, and ends the youngest of what is too many.
    fn fill(&mut self, in_service_at: Option<Moment>) {
        let wanted = usize::try_from(self.desired).unwrap_or(usize::MAX);
        self.instances.truncate(wanted);
        while self.instances.len() < wanted {
            self.launched += 1;
            let id = format!("i-{:017x}", self.launched);
            self.instances.push(Instance { id, in_service_at });
        }
    }
}

/// Auto Scaling in every Region.
#[derive(Debug, Clone)]
pub struct Autoscaling {
    groups: BTreeMap<ScalingGroupId, Group>,
    launch: Duration,
    full: BTreeSet<RegionId>,
}

impl Default for Autoscaling {
    fn default() -> Self {
        Self { groups: BTreeMap::new(), launch: LAUNCH, full: BTreeSet::new() }
    }
}

impl Autoscaling {
    /// Says how long a launched instance is pending.
    pub fn set_launch(&mut self, launch: Duration) {
        self.launch = launch;
    }

    /// Adds a group whose instances have been in service for long.
    ///
    /// # Errors
    /// When the numbers don't fit each other.
    pub fn add(
        &mut self,
        now: Moment,
        id: ScalingGroupId,
        (min, desired, max): (u32, u32, u32),
    ) -> Result<(), AutoscalingError> {
        if min > desired || desired > max || max > INSTANCES_MAX {
            return Err(AutoscalingError::validation(format!(
                "{min} <= {desired} <= {max} <= {INSTANCES_MAX} must hold of a group's sizes"
            )));
        }
        let (instances, launched, changed_at) = (Vec::new(), 0, None);
        let mut group =
            Group { id: id.clone(), min, desired, max, instances, launched, changed_at };
        group.fill(Some(now));
        self.groups.insert(id, group);
        Ok(())
    }

    /// Takes a group away, with its instances.
    pub fn remove(&mut self, id: &ScalingGroupId) {
        self.groups.remove(id);
    }

    /// Whether the Region has no room for another instance (`InsufficientInstanceCapacity`). Those
    /// that wait come once it has.
    pub fn set_full(&mut self, now: Moment, region: &RegionId, full: bool) {
        if full {
            self.full.insert(region.clone());
            return;
        }
        self.full.remove(region);
        let at = now + self.launch;
        for group in self.groups.values_mut().filter(|group| group.id.region == *region) {
            for instance in &mut group.instances {
                instance.in_service_at.get_or_insert(at);
            }
        }
    }

    /// Every group of a Region.
    pub fn groups(&self, region: &RegionId) -> impl Iterator<Item = &Group> {
        self.groups.values().filter(move |group| group.id.region == *region)
    }

    /// A group by its name; none if the Region has none such.
    #[must_use]
    pub fn group(&self, id: &ScalingGroupId) -> Option<&Group> {
        self.groups.get(id)
    }

    /// `SetDesiredCapacity`.
    ///
    /// # Errors
    /// When there is no such group, the number is outside its limits, or the group is to be left
    /// alone for a while after its last change and the caller honours that.
    pub fn set_desired(
        &mut self,
        now: Moment,
        region: &RegionId,
        name: &str,
        desired: u32,
        honor_cooldown: bool,
    ) -> Result<(), AutoscalingError> {
        let full = self.full.contains(region);
        let found = name
            .parse::<ScalingGroupName>()
            .ok()
            .and_then(|name| self.groups.get_mut(&ScalingGroupId { region: region.clone(), name }));
        let group = found.ok_or_else(|| {
            AutoscalingError::validation("AutoScalingGroup name not found - null")
        })?;
        if desired > group.max {
            return Err(AutoscalingError::validation(format!(
                "New SetDesiredCapacity value {desired} is above max value {} for the \
                 AutoScalingGroup.",
                group.max
            )));
        }
        if desired < group.min {
            return Err(AutoscalingError::validation(format!(
                "New SetDesiredCapacity value {desired} is below min value {} for the \
                 AutoScalingGroup.",
                group.min
            )));
        }
        if honor_cooldown && group.changed_at.is_some_and(|at| now.since(at) < COOLDOWN) {
            return Err(AutoscalingError::ScalingActivityInProgress);
        }
        if desired != group.desired {
            group.changed_at = Some(now);
            group.desired = desired;
            group.fill((!full).then_some(now + self.launch));
        }
        Ok(())
    }
}
