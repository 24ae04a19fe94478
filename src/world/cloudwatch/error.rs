//! What CloudWatch refuses, with its codes.

/// A refusal (CloudWatch API Reference, the errors of each action).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CloudWatchError {
    /// No such alarm.
    #[error("{message}")]
    ResourceNotFound {
        /// Which.
        message: String,
    },
    /// A parameter's value makes no sense.
    #[error("{message}")]
    InvalidParameterValue {
        /// Why.
        message: String,
    },
    /// A parameter that must be there is not.
    #[error("The parameter {parameter} is required.")]
    MissingParameter {
        /// Which.
        parameter: String,
    },
    /// The action is not modelled.
    #[error("Could not find operation {action}")]
    InvalidAction {
        /// What was asked for.
        action: String,
    },
    /// The body is not of the protocol.
    #[error("{message}")]
    Serialization {
        /// Why.
        message: String,
    },
}

impl CloudWatchError {
    /// The code as the Query protocol has it, which newer ones repeat in `x-amzn-query-error`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ResourceNotFound { .. } => "ResourceNotFound",
            Self::InvalidParameterValue { .. } => "InvalidParameterValue",
            Self::MissingParameter { .. } => "MissingParameter",
            Self::InvalidAction { .. } => "InvalidAction",
            Self::Serialization { .. } => "SerializationException",
        }
    }

    /// The name of the error's shape, as CBOR and JSON have it.
    #[must_use]
    pub fn shape(&self) -> &'static str {
        match self {
            Self::ResourceNotFound { .. } => "ResourceNotFound",
            Self::InvalidParameterValue { .. } => "InvalidParameterValueException",
            Self::MissingParameter { .. } => "MissingRequiredParameterException",
            Self::InvalidAction { .. } => "UnknownOperationException",
            Self::Serialization { .. } => "SerializationException",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::ResourceNotFound { .. } => 404,
            Self::InvalidParameterValue { .. }
            | Self::MissingParameter { .. }
            | Self::InvalidAction { .. }
            | Self::Serialization { .. } => 400,
        }
    }
}
