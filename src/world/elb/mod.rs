//! The load balancers of every Region: target groups, their targets, and the checks of both.
//!
//! As Elastic Load Balancing documents it ("Health checks for Application Load Balancer target
//! groups"): each target is asked every interval, goes out of service after so many failures in a
//! row and comes back after so many successes. A check finds what the application of the group's
//! service does at that moment, unless the target itself is broken. With no healthy target a load
//! balancer fails open, so that clients get whatever the application answers: the model leaves
//! clients alone.
//!
//! What a group's checks find is published to CloudWatch by [`Elb::advance`]'s caller.

mod error;
mod target;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::signal::{MetricId, TargetGroupArn, TargetHealth};
use crate::domain::{Moment, RegionId, ServiceId, Target};

use super::apps::{Apps, Reaction};

pub use error::ElbError;
pub use target::{RegisteredTarget, TargetId, TargetReason, TargetState};

/// How targets are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time between two checks of a target.
    pub interval: Duration,
    /// A check without an answer by then has failed.
    pub timeout: Duration,
    /// Successes in a row that make a target healthy.
    pub healthy_after: u16,
    /// Failures in a row that make it unhealthy.
    pub unhealthy_after: u16,
    /// Whether targets are checked at all.
    pub enabled: bool,
}

impl HealthCheck {
    /// The defaults of a group of instances behind an Application Load Balancer (Elastic Load
    /// Balancing API Reference, "CreateTargetGroup").
    pub const DEFAULT: Self = Self {
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        healthy_after: 5,
        unhealthy_after: 2,
        enabled: true,
    };

    /// The quickest that AWS allows (same page): 5 s, and two in a row for either.
    pub const QUICKEST: Self = Self {
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        healthy_after: 2,
        unhealthy_after: 2,
        enabled: true,
    };
}

/// How long a target that was taken out keeps draining (the default of the group's attribute
/// `deregistration_delay.timeout_seconds`).
const DRAINING: Duration = Duration::from_secs(300);

/// Time between two points of the metrics (Elastic Load Balancing, "CloudWatch metrics for your
/// Application Load Balancer": in 60-second intervals).
const PUBLISH_EVERY: Duration = Duration::from_secs(60);

/// Where its metrics are.
const NAMESPACE: &str = "AWS/ApplicationELB";

/// A target group with its load balancer.
#[derive(Debug, Clone)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// Where its requests go.
    pub app: Target,
    /// Its checks.
    pub check: HealthCheck,
    /// Whether a load balancer sends requests to it.
    pub in_use: bool,
    targets: BTreeMap<TargetId, RegisteredTarget>,
    next_check: Moment,
    /// Requests of its application up to the last point that was published.
    told: u64,
}

/// A value to publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// Where.
    pub region: RegionId,
    /// Of which metric.
    pub metric: MetricId,
    /// The value.
    pub value: f64,
}

/// Elastic Load Balancing in every Region.
#[derive(Debug, Clone, Default)]
pub struct Elb {
    groups: BTreeMap<TargetGroupArn, TargetGroup>,
    next_publication: Moment,
    changes: u64,
}

impl TargetGroup {
    /// The targets, in order.
    pub fn targets(&self) -> impl Iterator<Item = &RegisteredTarget> {
        self.targets.values()
    }

    /// The load balancer's name: that of the group.
    #[must_use]
    pub fn balancer_name(&self) -> &str {
        self.arn.name()
    }

    /// The load balancer's part after `loadbalancer/`: CloudWatch's dimension `LoadBalancer`.
    #[must_use]
    pub fn balancer_resource(&self) -> String {
        format!("app/{}", self.arn.resource().trim_start_matches("targetgroup/"))
    }

    /// The load balancer's ARN.
    #[must_use]
    pub fn balancer_arn(&self) -> String {
        let scope = self.arn.as_str().trim_end_matches(self.arn.resource());
        format!("{scope}loadbalancer/{}", self.balancer_resource())
    }

    /// The load balancer's DNS name.
    #[must_use]
    pub fn balancer_dns(&self) -> String {
        format!("{}.{}.elb.amazonaws.com", self.arn.name(), self.arn.region())
    }

    /// The zones that have a target.
    #[must_use]
    pub fn zones(&self) -> Vec<&str> {
        let mut zones: Vec<&str> = self.targets().map(|target| target.zone.as_str()).collect();
        zones.sort_unstable();
        zones.dedup();
        zones
    }

    /// Checks every target; whether that changed the state of any.
    fn check(&mut self, now: Moment, reaction: Reaction) -> bool {
        self.targets.retain(|_, target| target.drained_at.is_none_or(|at| at > now));
        if !self.in_use || !self.check.enabled {
            return false;
        }
        let found = match reaction {
            Reaction::Answer { after, .. } if after >= self.check.timeout => {
                Err(TargetReason::Timeout)
            }
            Reaction::Answer { status: 200, .. } => Ok(()),
            Reaction::Answer { status, .. } => Err(TargetReason::ResponseCodeMismatch { status }),
            Reaction::Refuse => Err(TargetReason::FailedHealthChecks),
        };
        let mut changed = false;
        for target in self.targets.values_mut() {
            changed |= target.checked(found, &self.check);
        }
        changed
    }

    /// The health of all targets, by zone and reason.
    #[must_use]
    pub fn health(&self) -> TargetHealth {
        let mut health = TargetHealth::default();
        for target in self.targets() {
            let zone = health.zones.entry(target.zone.clone()).or_default();
            let state = target.state(self);
            match state {
                TargetState::Healthy => zone.healthy += 1,
                TargetState::Unhealthy(_) => zone.unhealthy += 1,
                TargetState::Initial(_)
                | TargetState::Draining
                | TargetState::Unused(_)
                | TargetState::Unavailable => zone.aside += 1,
            }
            if let Some(reason) = state.reason().map(TargetReason::code) {
                *zone.reasons.entry(reason.to_owned()).or_default() += 1;
            }
        }
        health
    }
}

impl Elb {
    /// Adds a group whose requests go to this application, with a load balancer before it.
    pub fn add_group(&mut self, now: Moment, arn: TargetGroupArn, app: Target, check: HealthCheck) {
        let group = TargetGroup {
            arn: arn.clone(),
            app,
            check,
            in_use: true,
            targets: BTreeMap::new(),
            next_check: now + check.interval,
            told: 0,
        };
        self.groups.insert(arn, group);
    }

    /// Registers a target. It is not in service before it has passed a check.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn register(
        &mut self,
        arn: &TargetGroupArn,
        id: TargetId,
        zone: &str,
    ) -> Result<(), ElbError> {
        let group = self.group_mut(arn)?;
        group.targets.insert(id.clone(), RegisteredTarget::new(id, zone));
        Ok(())
    }

    /// Registers a target that passed its checks long ago.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn register_in_service(
        &mut self,
        arn: &TargetGroupArn,
        id: TargetId,
        zone: &str,
    ) -> Result<(), ElbError> {
        let group = self.group_mut(arn)?;
        group.targets.insert(id.clone(), RegisteredTarget::in_service(id, zone));
        Ok(())
    }

    /// Takes the load balancer from a group: nobody sends requests to it any more.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn take_from_balancer(&mut self, arn: &TargetGroupArn) -> Result<(), ElbError> {
        self.group_mut(arn)?.in_use = false;
        Ok(())
    }

    /// Takes a target out: it drains, and is gone then.
    ///
    /// # Errors
    /// When there is no such group, or it has no such target.
    pub fn deregister(
        &mut self,
        now: Moment,
        arn: &TargetGroupArn,
        id: &TargetId,
    ) -> Result<(), ElbError> {
        let group = self.group_mut(arn)?;
        let target = group
            .targets
            .get_mut(id)
            .ok_or_else(|| ElbError::InvalidTarget { id: id.id.clone() })?;
        target.drained_at = Some(now + DRAINING);
        Ok(())
    }

    /// Every group of a Region.
    pub fn groups(&self, region: &RegionId) -> impl Iterator<Item = &TargetGroup> {
        self.groups.values().filter(move |group| group.arn.region() == region)
    }

    /// A group of a Region.
    ///
    /// # Errors
    /// When there is none: also when it is another Region's.
    pub fn group(&self, region: &RegionId, arn: &str) -> Result<&TargetGroup, ElbError> {
        let found = self.groups.values().find(|group| group.arn.as_str() == arn);
        let found = found.filter(|group| group.arn.region() == region);
        found.ok_or_else(|| ElbError::TargetGroupNotFound { arn: arn.to_owned() })
    }

    /// Counts the times that checks have changed the state of a target.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether targets are checked and not one of them is healthy.
    #[must_use]
    pub fn none_healthy(&self, arn: &TargetGroupArn) -> bool {
        self.groups.get(arn).is_some_and(|group| {
            let mut unhealthy = false;
            for state in group.targets().map(|target| target.state(group)) {
                match state {
                    TargetState::Healthy => return false,
                    TargetState::Unhealthy(_) => unhealthy = true,
                    _ => {}
                }
            }
            unhealthy
        })
    }

    fn group_mut(&mut self, arn: &TargetGroupArn) -> Result<&mut TargetGroup, ElbError> {
        let missing = || ElbError::TargetGroupNotFound { arn: arn.to_string() };
        self.groups.get_mut(arn).ok_or_else(missing)
    }

    /// Turns a group's checks, or its load balancer, on or off.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn set_checked(
        &mut self,
        arn: &TargetGroupArn,
        enabled: bool,
        in_use: bool,
    ) -> Result<(), ElbError> {
        let group = self.group_mut(arn)?;
        group.check.enabled = enabled;
        group.in_use = in_use;
        Ok(())
    }

    /// Breaks so many targets of a service (or of every service) in a Region, the first ones in
    /// order, and mends the others. Their checks will find out. The number of groups touched.
    pub fn break_targets(
        &mut self,
        region: &RegionId,
        service: Option<&ServiceId>,
        count: u32,
    ) -> usize {
        let broken = usize::try_from(count).unwrap_or(usize::MAX);
        let mut touched = 0;
        for group in self.groups.values_mut() {
            let meant = service.is_none_or(|service| *service == group.app.service);
            if group.app.region == *region && meant {
                touched += 1;
                for (n, target) in group.targets.values_mut().enumerate() {
                    target.broken = n < broken;
                }
            }
        }
        touched
    }

    /// Carries out the checks that are due; what is to be published of them.
    pub fn advance(&mut self, now: Moment, apps: &Apps) -> Vec<Publication> {
        for group in self.groups.values_mut() {
            let reaction = apps.react(&group.app);
            // As many as fit into the time that passed: nothing changed in between, or this would
            // have been called there.
            while group.next_check <= now {
                let at = group.next_check;
                self.changes += u64::from(group.check(at, reaction));
                group.next_check = at + group.check.interval;
            }
        }
        let mut published = Vec::new();
        while self.next_publication <= now {
            // The world may have stood still for long: only the newest point is worth having.
            self.next_publication = self.next_publication + PUBLISH_EVERY;
            if self.next_publication > now {
                let groups = self.groups.values_mut();
                published.extend(groups.flat_map(|group| {
                    let arrived = arrived(group, apps.requests(&group.app));
                    publications(group).into_iter().chain(arrived)
                }));
            }
        }
        published
    }
}

/// The requests since the last point, to each target on the average; nothing if there were none.
fn arrived(group: &mut TargetGroup, requests: u64) -> Option<Publication> {
    let new = requests - std::mem::replace(&mut group.told, requests);
    let targets = group.targets().filter(|target| target.state(group) == TargetState::Healthy);
    let targets = u32::try_from(targets.count().max(1)).unwrap_or(u32::MAX);
    let dimensions = [("TargetGroup".to_owned(), group.arn.resource().to_owned())].into();
    (new > 0 && group.in_use).then(|| Publication {
        region: group.arn.region().clone(),
        metric: MetricId {
            namespace: NAMESPACE.to_owned(),
            name: "RequestCountPerTarget".to_owned(),
            dimensions,
        },
        value: f64::from(u32::try_from(new).unwrap_or(u32::MAX)) / f64::from(targets),
    })
}

fn publications(group: &TargetGroup) -> [Publication; 2] {
    let health = group.health();
    let counts =
        [("HealthyHostCount", health.healthy()), ("UnHealthyHostCount", health.unhealthy())];
    counts.map(|(name, count)| {
        let dimensions = BTreeMap::from([
            ("LoadBalancer".to_owned(), group.balancer_resource()),
            ("TargetGroup".to_owned(), group.arn.resource().to_owned()),
        ]);
        let namespace = NAMESPACE.to_owned();
        Publication {
            region: group.arn.region().clone(),
            metric: MetricId { namespace, name: name.to_owned(), dimensions },
            value: f64::from(count),
        }
    })
}
