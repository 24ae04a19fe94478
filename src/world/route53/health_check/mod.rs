//! Health checks: many checkers of each endpoint, and checks that count other checks.
//!
//! The model decides when which checker asks and what its answers mean; it sends nothing itself.
//! Whoever runs it takes the requests that are due ([`HealthChecks::due`]), carries them out, on
//! sockets or in the simulator's network, and tells what each met with ([`HealthChecks::told`]).
//!
//! This part belongs to the data plane: it goes on while the API is throttled or down.

mod checker;
mod config;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

pub use checker::{ANSWER_MAX, BODY_BYTES_MAX, CONNECT_MAX, Met, Observation, TCP_CONNECT_MAX};
pub use config::{
    CHILDREN_MAX, CheckConfig, CheckUpdate, EndpointConfig, FAILURE_THRESHOLD_DEFAULT,
    FAILURE_THRESHOLD_MAX, INTERVALS_S, Spoken, Subject,
};

use self::checker::Checker;
use super::error::Route53Error;
use crate::domain::Moment;
use crate::world::generator;

/// Checkers of each endpoint. AWS has them in eight Regions by default (Route 53 API Reference,
/// `HealthCheckConfig`, Regions), and more than one in each; how many is not said.
pub const CHECKERS: usize = 16;

/// An endpoint is healthy when more checkers than this share, in percent, say so (Route 53
/// Developer Guide, "How Amazon Route 53 determines whether a health check is healthy").
const HEALTHY_PERCENT: usize = 18;

/// Most checks in an account unless AWS raises it (Route 53 Developer Guide, "Quotas").
pub const CHECKS_MAX: usize = 200;

/// Most checks on a page (Route 53 API Reference, `ListHealthChecks`).
pub const CHECKS_PAGE_MAX: usize = 100;

/// Longest caller reference, in characters (Route 53 API Reference, `CreateHealthCheck`).
const REFERENCE_CHARS_MAX: usize = 64;

/// Where the checkers are, for listings (Route 53 API Reference, `HealthCheckConfig`, Regions).
const PLACES: [&str; 8] = [
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
];

/// A check as the API tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInfo {
    /// Its ID.
    pub id: String,
    /// What its creator gave, so as not to create it twice.
    pub caller_reference: String,
    /// Rises with each update, from 1.
    pub version: u64,
    /// Its settings.
    pub config: CheckConfig,
}

/// A page of checks, in the order of their IDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPage {
    /// The checks.
    pub checks: Vec<CheckInfo>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
    /// How many a page was to have.
    pub items_max: usize,
}

/// What one checker says, for `GetHealthCheckStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckerReport {
    /// Where it is.
    pub place: &'static str,
    /// What it last saw; none if it hasn't asked yet.
    pub last: Option<Observation>,
}

/// A request that a checker is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Whose.
    pub check: String,
    /// Which checker.
    pub checker: usize,
    /// Of what, and how.
    pub endpoint: EndpointConfig,
}

#[derive(Debug)]
struct Check {
    caller_reference: String,
    version: u64,
    config: CheckConfig,
    /// None for a calculated check.
    checkers: Vec<Checker>,
}

/// All checks of the account.
#[derive(Debug)]
pub struct HealthChecks {
    checks: BTreeMap<String, Check>,
    /// When which checker of which check asks next; one whose request is under way is not in it.
    agenda: BTreeSet<(Moment, String, usize)>,
    phases: Pcg64Mcg,
    /// How many times faster than AWS's the checkers are.
    pace: u32,
}

impl HealthChecks {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            checks: BTreeMap::new(),
            agenda: BTreeSet::new(),
            phases: generator(seed, "route53/checkers"),
            pace: 1,
        }
    }

    /// Makes checkers so many times faster than AWS's, for whoever would wait for them in real time.
    ///
    /// # Panics
    /// When `pace` is 0.
    pub fn set_pace(&mut self, pace: u32) {
        assert!(pace > 0, "checkers that never ask");
        self.pace = pace;
    }

    fn interval(&self, endpoint: &EndpointConfig) -> Duration {
        Duration::from_secs(u64::from(endpoint.interval_s)) / self.pace
    }

    pub(super) fn exists(&self, id: &str) -> bool {
        self.checks.contains_key(id)
    }

    /// What name servers take a check for. One that is gone counts as healthy.
    #[must_use]
    pub fn is_healthy(&self, id: &str) -> bool {
        let Some(check) = self.checks.get(id) else { return true };
        let healthy = match &check.config.subject {
            _ if check.config.disabled => true,
            Subject::Endpoint(_) => {
                let say_so = check.checkers.iter().filter(|checker| checker.healthy).count();
                say_so * 100 > HEALTHY_PERCENT * check.checkers.len()
            }
            Subject::Calculated { threshold, children } => {
                let healthy = children.iter().filter(|child| self.is_healthy(child)).count();
                healthy >= usize::from(*threshold)
            }
        };
        healthy != check.config.inverted
    }

    /// Every check with what name servers take it for.
    pub fn all(&self) -> impl Iterator<Item = (CheckInfo, bool)> {
        self.checks.iter().map(|(id, check)| (check.info(id), self.is_healthy(id)))
    }

    /// When the next request is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Moment> {
        self.agenda.first().map(|(at, ..)| *at)
    }

    /// The requests that are due by now. Each is to be answered with [`Self::told`], for only then
    /// its checker asks again.
    pub fn due(&mut self, now: Moment) -> Vec<Due> {
        let mut due = Vec::new();
        while self.agenda.first().is_some_and(|(at, ..)| *at <= now) {
            let Some((_, check, checker)) = self.agenda.pop_first() else { break };
            let Some(endpoint) = self.asked(&check).cloned() else { continue };
            if let Some(of) = self.checker(&check, checker) {
                of.asking = true;
                due.push(Due { check, checker, endpoint });
            }
        }
        due
    }

    /// Takes in what a request met with.
    pub fn told(&mut self, now: Moment, check: &str, checker: usize, met: &Met) {
        let Some(endpoint) = self.asked(check).cloned() else { return };
        let Some(of) = self.checker(check, checker).filter(|checker| checker.asking) else {
            return;
        };
        of.asking = false;
        of.take(now, &endpoint, met);
        let interval = self.interval(&endpoint);
        self.agenda.insert((now + interval, check.to_owned(), checker));
    }

    fn checker(&mut self, check: &str, checker: usize) -> Option<&mut Checker> {
        self.checks.get_mut(check)?.checkers.get_mut(checker)
    }

    /// The endpoint of a check that is not disabled.
    fn asked(&self, check: &str) -> Option<&EndpointConfig> {
        match &self.checks.get(check)?.config {
            CheckConfig { subject: Subject::Endpoint(endpoint), disabled: false, .. } => {
                Some(endpoint)
            }
            _ => None,
        }
    }

    pub(super) fn create(
        &mut self,
        now: Moment,
        caller_reference: &str,
        config: CheckConfig,
        id: String,
    ) -> Result<CheckInfo, Route53Error> {
        if !(1..=REFERENCE_CHARS_MAX).contains(&caller_reference.chars().count()) {
            return Err(Route53Error::input(format!(
                "A CallerReference has 1 to {REFERENCE_CHARS_MAX} characters"
            )));
        }
        let same = self.checks.iter().find(|(_, c)| c.caller_reference == caller_reference);
        if let Some((id, check)) = same {
            return if check.config == config {
                Ok(check.info(id))
            } else {
                Err(Route53Error::HealthCheckAlreadyExists)
            };
        }
        config.check()?;
        self.check_children(&config)?;
        if self.checks.len() >= CHECKS_MAX {
            return Err(Route53Error::TooManyHealthChecks);
        }
        let checkers = match config.subject {
            Subject::Endpoint(_) => vec![Checker::new(); CHECKERS],
            Subject::Calculated { .. } => Vec::new(),
        };
        let caller_reference = caller_reference.to_owned();
        let check = Check { caller_reference, version: 1, config, checkers };
        let info = check.info(&id);
        self.checks.insert(id.clone(), check);
        self.schedule(now, &id);
        Ok(info)
    }

    /// Lets every checker begin, each at its own phase.
    fn schedule(&mut self, now: Moment, id: &str) {
        let Some(endpoint) = self.asked(id) else { return };
        let interval_ms = u64::try_from(self.interval(endpoint).as_millis()).unwrap_or(u64::MAX);
        for checker in 0..CHECKERS {
            let phase = Duration::from_millis(self.phases.random_range(0..interval_ms.max(1)));
            if let Some(of) = self.checker(id, checker) {
                of.asking = false;
            }
            self.agenda.insert((now + phase, id.to_owned(), checker));
        }
    }

    /// A calculated check's children are there, and are not calculated: nobody here nests them.
    fn check_children(&self, config: &CheckConfig) -> Result<(), Route53Error> {
        let Subject::Calculated { children, .. } = &config.subject else { return Ok(()) };
        for child in children {
            match self.checks.get(child).map(|check| &check.config.subject) {
                Some(Subject::Endpoint(_)) => {}
                Some(Subject::Calculated { .. }) => {
                    return Err(Route53Error::input(format!(
                        "The child health check {child} is calculated: that is not modelled"
                    )));
                }
                None => {
                    return Err(Route53Error::input(format!(
                        "The child health check {child} does not exist"
                    )));
                }
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, id: &str) -> Result<CheckInfo, Route53Error> {
        let missing = || Route53Error::NoSuchHealthCheck { id: id.to_owned() };
        self.checks.get(id).map(|check| check.info(id)).ok_or_else(missing)
    }

    pub(super) fn list(&self, marker: Option<&str>, items_max: Option<usize>) -> CheckPage {
        let items_max = items_max.unwrap_or(CHECKS_PAGE_MAX).clamp(1, CHECKS_PAGE_MAX);
        let from = marker.unwrap_or_default().to_owned();
        let mut rest = self.checks.range(from..);
        let checks = rest.by_ref().take(items_max).map(|(id, check)| check.info(id)).collect();
        CheckPage { checks, next: rest.next().map(|(id, _)| id.clone()), items_max }
    }

    pub(super) fn update(
        &mut self,
        now: Moment,
        id: &str,
        update: &CheckUpdate,
    ) -> Result<CheckInfo, Route53Error> {
        let present = self.get(id)?;
        if update.version.is_some_and(|seen| seen != present.version) {
            return Err(Route53Error::HealthCheckVersionMismatch);
        }
        let config = present.config.updated(update)?;
        self.check_children(&config)?;
        let resumed = present.config.disabled && !config.disabled;
        let check = self.checks.get_mut(id).expect("it was read above");
        check.version += 1;
        check.config = config;
        let info = check.info(id);
        if resumed {
            self.agenda.retain(|(_, other, _)| other != id);
            self.schedule(now, id);
        }
        Ok(info)
    }

    /// What each checker last saw of the endpoint itself: not inverted.
    pub(super) fn status(&self, id: &str) -> Result<Vec<CheckerReport>, Route53Error> {
        let missing = || Route53Error::NoSuchHealthCheck { id: id.to_owned() };
        let check = self.checks.get(id).ok_or_else(missing)?;
        if check.checkers.is_empty() {
            return Err(Route53Error::input(
                "GetHealthCheckStatus is not supported for calculated health checks",
            ));
        }
        let places = PLACES.iter().cycle();
        let reports = places.zip(&check.checkers);
        Ok(reports.map(|(place, c)| CheckerReport { place, last: c.last.clone() }).collect())
    }
}

impl Check {
    fn info(&self, id: &str) -> CheckInfo {
        CheckInfo {
            id: id.to_owned(),
            caller_reference: self.caller_reference.clone(),
            version: self.version,
            config: self.config.clone(),
        }
    }
}
