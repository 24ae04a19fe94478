//! What RDS refuses, with its codes.

/// A refusal (RDS API Reference, the errors of each action, and "Common errors").
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RdsError {
    /// No such global cluster that this Region knows.
    #[error("Global cluster {id} not found")]
    GlobalClusterNotFound {
        /// What was asked for.
        id: String,
    },
    /// No such cluster.
    #[error("DBCluster {id} not found")]
    ClusterNotFound {
        /// What was asked for.
        id: String,
    },
    /// The global cluster is not in a state for this.
    #[error("{message}")]
    InvalidGlobalClusterState {
        /// Why.
        message: String,
    },
    /// A member is not in a state for this.
    #[error("{message}")]
    InvalidClusterState {
        /// Why.
        message: String,
    },
    /// Two parameters that don't go together.
    #[error("{message}")]
    InvalidParameterCombination {
        /// Why.
        message: String,
    },
    /// A parameter's value makes no sense.
    #[error("{message}")]
    InvalidParameterValue {
        /// Why.
        message: String,
    },
    /// A parameter that must be there is not.
    #[error("The request must contain the parameter {parameter}.")]
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
}

impl RdsError {
    /// The code on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::GlobalClusterNotFound { .. } => "GlobalClusterNotFoundFault",
            Self::ClusterNotFound { .. } => "DBClusterNotFoundFault",
            Self::InvalidGlobalClusterState { .. } => "InvalidGlobalClusterStateFault",
            Self::InvalidClusterState { .. } => "InvalidDBClusterStateFault",
            Self::InvalidParameterCombination { .. } => "InvalidParameterCombination",
            Self::InvalidParameterValue { .. } => "InvalidParameterValue",
            Self::MissingParameter { .. } => "MissingParameter",
            Self::InvalidAction { .. } => "InvalidAction",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::GlobalClusterNotFound { .. } | Self::ClusterNotFound { .. } => 404,
            _ => 400,
        }
    }
}
