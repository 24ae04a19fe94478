//! What Auto Scaling refuses, with its codes.

/// A refusal (Amazon EC2 Auto Scaling API Reference, the errors of each action and "Common errors").
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AutoscalingError {
    /// The request makes no sense for the group, or there is no such group.
    #[error("{message}")]
    Validation {
        /// Why.
        message: String,
    },
    /// The group was changed a moment ago, and the caller honours its cooldown.
    #[error("The specified scaling activity is in progress.")]
    ScalingActivityInProgress,
    /// The action is not modelled.
    #[error("Could not find operation {action} for version 2011-01-01")]
    InvalidAction {
        /// What was asked for.
        action: String,
    },
}

impl AutoscalingError {
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::Validation { message: message.into() }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Validation { .. } => "ValidationError",
            Self::ScalingActivityInProgress => "ScalingActivityInProgress",
            Self::InvalidAction { .. } => "InvalidAction",
        }
    }
}
