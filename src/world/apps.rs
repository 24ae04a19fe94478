//! The applications: one for each service in each Region, behind something like a load balancer.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{RegionId, ServiceId, Target};

/// How an application is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Answers 200.
    #[default]
    Well,
    /// Answers 200, late.
    Slow {
        /// How late, in milliseconds.
        delay_ms: u32,
    },
    /// Answers 503.
    Failing,
    /// Refuses connections.
    Dead,
}

/// What an application does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Answers with this status after this time.
    Answer {
        /// The HTTP status.
        status: u16,
        /// How long it takes.
        after: Duration,
    },
    /// Refuses the connection.
    Refuse,
}

/// How long a well application takes.
const WELL: Duration = Duration::from_millis(2);

/// All applications.
#[derive(Debug, Clone, Default)]
pub struct Apps {
    conditions: BTreeMap<Target, Condition>,
    /// Requests that have come, by application.
    requests: BTreeMap<Target, u64>,
    changes: u64,
}

impl Apps {
    /// Adds an application, well.
    pub fn add(&mut self, target: Target) {
        self.changes += 1;
        self.conditions.insert(target, Condition::Well);
    }

    /// How often one of them was changed: for those who need to look again only then.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How an application is; one that was never added is dead.
    #[must_use]
    pub fn condition(&self, target: &Target) -> Condition {
        self.conditions.get(target).copied().unwrap_or(Condition::Dead)
    }

    /// Every application.
    pub fn conditions(&self) -> impl Iterator<Item = (&Target, Condition)> {
        self.conditions.iter().map(|(target, condition)| (target, *condition))
    }

    /// Sets how the service (or every service) of a Region is; the number of those that it touched.
    pub fn set(
        &mut self,
        region: &RegionId,
        service: Option<&ServiceId>,
        condition: Condition,
    ) -> usize {
        self.changes += 1;
        let mut touched = 0;
        for (target, present) in &mut self.conditions {
            if target.region == *region && service.is_none_or(|service| *service == target.service)
            {
                *present = condition;
                touched += 1;
            }
        }
        touched
    }

    /// A request comes: it is counted. What the application does with it.
    pub fn serve(&mut self, target: &Target) -> Reaction {
        match self.requests.get_mut(target) {
            Some(count) => *count += 1,
            None => drop(self.requests.insert(target.clone(), 1)),
        }
        self.react(target)
    }

    /// How many requests have come to an application.
    #[must_use]
    pub fn requests(&self, target: &Target) -> u64 {
        self.requests.get(target).copied().unwrap_or(0)
    }

    /// What an application would do with a request now.
    #[must_use]
    pub fn react(&self, target: &Target) -> Reaction {
        match self.condition(target) {
            Condition::Well => Reaction::Answer { status: 200, after: WELL },
            Condition::Slow { delay_ms } => {
                Reaction::Answer { status: 200, after: Duration::from_millis(u64::from(delay_ms)) }
            }
            Condition::Failing => Reaction::Answer { status: 503, after: WELL },
            Condition::Dead => Reaction::Refuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_without_a_service_touches_the_whole_region_and_no_other() {
        let mut apps = Apps::default();
        let target = |region: &str, service: &str| Target {
            region: region.parse().expect("valid"),
            service: service.parse().expect("valid"),
        };
        for (region, service) in [("a", "web"), ("a", "api"), ("b", "web")] {
            apps.add(target(region, service));
        }
        let a = "a".parse().expect("valid");
        assert_eq!(apps.set(&a, None, Condition::Failing), 2);
        assert_eq!(apps.condition(&target("b", "web")), Condition::Well);
        let web = "web".parse().expect("valid");
        assert_eq!(apps.set(&a, Some(&web), Condition::Well), 1);
        assert_eq!(apps.condition(&target("a", "api")), Condition::Failing);
        assert_eq!(apps.react(&target("c", "web")), Reaction::Refuse);
    }
}
