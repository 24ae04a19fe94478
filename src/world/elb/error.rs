//! What Elastic Load Balancing refuses, with its codes.

/// A refusal (Elastic Load Balancing API Reference, "Common errors" and those of each action).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElbError {
    /// No such target group in this Region.
    #[error("One or more target groups not found: {arn}")]
    TargetGroupNotFound {
        /// What was asked for.
        arn: String,
    },
    /// No such load balancer in this Region.
    #[error("One or more load balancers not found: {name}")]
    LoadBalancerNotFound {
        /// What was asked for.
        name: String,
    },
    /// The target is none of the group's.
    #[error("The following targets are not registered with the target group: {id}")]
    InvalidTarget {
        /// What was asked for.
        id: String,
    },
    /// The request makes no sense.
    #[error("{message}")]
    Validation {
        /// Why.
        message: String,
    },
    /// The action is not modelled.
    #[error("The action {action} is not valid for this endpoint.")]
    InvalidAction {
        /// What was asked for.
        action: String,
    },
}

impl ElbError {
    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TargetGroupNotFound { .. } => "TargetGroupNotFound",
            Self::LoadBalancerNotFound { .. } => "LoadBalancerNotFound",
            Self::InvalidTarget { .. } => "InvalidTarget",
            Self::Validation { .. } => "ValidationError",
            Self::InvalidAction { .. } => "InvalidAction",
        }
    }
}
