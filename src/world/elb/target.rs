//! One registered target: what its checks have found, and what is said of it.

use super::{HealthCheck, TargetGroup};
use crate::domain::Moment;

/// Names a target: one instance may be registered on several ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetId {
    /// The instance, or the address.
    pub id: String,
    /// The port.
    pub port: u16,
}

/// Why a target is not healthy (Elastic Load Balancing API Reference, "TargetHealth").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetReason {
    /// Not yet checked.
    RegistrationInProgress,
    /// Not yet checked often enough.
    InitialHealthChecking,
    /// Another status than those that mean healthy.
    ResponseCodeMismatch {
        /// Which.
        status: u16,
    },
    /// No answer in time.
    Timeout,
    /// No connection, or an answer that is none.
    FailedHealthChecks,
    /// None of the group's.
    NotRegistered,
    /// The group has no load balancer.
    NotInUse,
    /// It is being taken out.
    DeregistrationInProgress,
    /// The group's checks are off.
    HealthCheckDisabled,
}

impl TargetReason {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RegistrationInProgress => "Elb.RegistrationInProgress",
            Self::InitialHealthChecking => "Elb.InitialHealthChecking",
            Self::ResponseCodeMismatch { .. } => "Target.ResponseCodeMismatch",
            Self::Timeout => "Target.Timeout",
            Self::FailedHealthChecks => "Target.FailedHealthChecks",
            Self::NotRegistered => "Target.NotRegistered",
            Self::NotInUse => "Target.NotInUse",
            Self::DeregistrationInProgress => "Target.DeregistrationInProgress",
            Self::HealthCheckDisabled => "Target.HealthCheckDisabled",
        }
    }

    /// The description beside the code.
    #[must_use]
    pub fn description(self) -> String {
        match self {
            Self::RegistrationInProgress => "Target registration is in progress".to_owned(),
            Self::InitialHealthChecking => "Initial health checks in progress".to_owned(),
            Self::ResponseCodeMismatch { status } => {
                format!("Health checks failed with these codes: [{status}]")
            }
            Self::Timeout => "Request timed out".to_owned(),
            Self::FailedHealthChecks => "Health checks failed".to_owned(),
            Self::NotRegistered => "Target is not registered to the target group".to_owned(),
            Self::NotInUse => {
                "Target group is not configured to receive traffic from the load balancer"
                    .to_owned()
            }
            Self::DeregistrationInProgress => "Target deregistration is in progress".to_owned(),
            Self::HealthCheckDisabled => "Health checks are disabled for this target group".into(),
        }
    }
}

/// State of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    /// Passes its checks.
    Healthy,
    /// Fails them.
    Unhealthy(TargetReason),
    /// Not in service yet.
    Initial(TargetReason),
    /// On its way out.
    Draining,
    /// Gets no requests.
    Unused(TargetReason),
    /// Not checked.
    Unavailable,
}

impl TargetState {
    /// The state on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unhealthy(_) => "unhealthy",
            Self::Initial(_) => "initial",
            Self::Draining => "draining",
            Self::Unused(_) => "unused",
            Self::Unavailable => "unavailable",
        }
    }

    /// Why it is so; none for a healthy one.
    #[must_use]
    pub fn reason(self) -> Option<TargetReason> {
        match self {
            Self::Healthy => None,
            Self::Unhealthy(reason) | Self::Initial(reason) | Self::Unused(reason) => Some(reason),
            Self::Draining => Some(TargetReason::DeregistrationInProgress),
            Self::Unavailable => Some(TargetReason::HealthCheckDisabled),
        }
    }
}

/// A target of a group.
#[derive(Debug, Clone)]
pub struct RegisteredTarget {
    /// Its name.
    pub id: TargetId,
    /// Its availability zone.
    pub zone: String,
    pub(super) broken: bool,
    pub(super) drained_at: Option<Moment>,
    /// What the checks have made of it.
    standing: TargetState,
    streak: u16,
    last_failure: Option<TargetReason>,
}

impl RegisteredTarget {
    pub(super) fn new(id: TargetId, zone: &str) -> Self {
        Self {
            id,
            zone: zone.to_owned(),
            broken: false,
            drained_at: None,
            standing: TargetState::Initial(TargetReason::RegistrationInProgress),
            streak: 0,
            last_failure: None,
        }
    }

    pub(super) fn in_service(id: TargetId, zone: &str) -> Self {
        Self { standing: TargetState::Healthy, ..Self::new(id, zone) }
    }

    /// Its state, as a member of its group.
    #[must_use]
    pub fn state(&self, group: &TargetGroup) -> TargetState {
        if self.drained_at.is_some() {
            TargetState::Draining
        } else if !group.in_use {
            TargetState::Unused(TargetReason::NotInUse)
        } else if !group.check.enabled {
            TargetState::Unavailable
        } else {
            self.standing
        }
    }

    /// Takes in a check. The first success is enough for a new target ("After your target is
    /// registered, it must pass one health check to be considered healthy").
    ///
    /// Whether that changed its state.
    pub(super) fn checked(&mut self, found: Result<(), TargetReason>, check: &HealthCheck) -> bool {
        let found = if self.broken { Err(TargetReason::FailedHealthChecks) } else { found };
        let same = found.err().is_some() == self.last_failure.is_some();
        self.streak = if same { self.streak.saturating_add(1) } else { 1 };
        self.last_failure = found.err();
        let standing = match (self.standing, found) {
            (TargetState::Initial(_), Ok(())) => TargetState::Healthy,
            (TargetState::Unhealthy(_), Ok(())) if self.streak >= check.healthy_after => {
                TargetState::Healthy
            }
            (_, Err(reason)) if self.streak >= check.unhealthy_after => {
                TargetState::Unhealthy(reason)
            }
            (TargetState::Initial(_), Err(_)) => {
                TargetState::Initial(TargetReason::InitialHealthChecking)
            }
            (standing, _) => standing,
        };
        std::mem::replace(&mut self.standing, standing) != standing
    }
}
