//! Why Route 53 refused a request: its error codes, HTTP statuses and words.

/// An error that Route 53 answers with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Route53Error {
    /// Too many requests for the account.
    #[error("Rate exceeded")]
    Throttling,
    /// A batch came while an earlier one of the same zone was still being processed.
    #[error("The request was rejected because Route 53 was still processing a prior request.")]
    PriorRequestNotComplete,
    /// There is no such zone.
    #[error("No hosted zone found with ID: {id}")]
    NoSuchHostedZone {
        /// As asked for.
        id: String,
    },
    /// There is no such change.
    #[error("Could not find resource with ID: {id}")]
    NoSuchChange {
        /// As asked for.
        id: String,
    },
    /// A record names a health check that doesn't exist.
    #[error("No health check exists with the ID: {id}")]
    NoSuchHealthCheck {
        /// As named.
        id: String,
    },
    /// A health check was created before with this caller reference, and other settings.
    #[error("A health check with this caller reference and other settings already exists.")]
    HealthCheckAlreadyExists,
    /// The health check was changed since the caller read it.
    #[error("The health check was updated since its version was read.")]
    HealthCheckVersionMismatch,
    /// The account has as many health checks as it may have.
    #[error("Limits Exceeded: the account has reached its maximum of active health checks.")]
    TooManyHealthChecks,
    /// The control plane is down.
    #[error("Service Unavailable. Please try again later.")]
    ServiceUnavailable,
    /// The request can't be understood, or a field is out of its range.
    #[error("{message}")]
    InvalidInput {
        /// What is wrong.
        message: String,
    },
    /// A name for a zone is not one.
    #[error("{message}")]
    InvalidDomainName {
        /// What is wrong.
        message: String,
    },
    /// A zone was created before with this caller reference.
    #[error("A hosted zone has already been created with the specified caller reference.")]
    HostedZoneAlreadyExists,
    /// At least one change of a batch can't be made, so none was.
    #[error("[{}]", messages.join(", "))]
    InvalidChangeBatch {
        /// One message for each failed change.
        messages: Vec<String>,
    },
}

impl Route53Error {
    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Throttling => "Throttling",
            Self::PriorRequestNotComplete => "PriorRequestNotComplete",
            Self::NoSuchHostedZone { .. } => "NoSuchHostedZone",
            Self::NoSuchChange { .. } => "NoSuchChange",
            Self::NoSuchHealthCheck { .. } => "NoSuchHealthCheck",
            Self::HealthCheckAlreadyExists => "HealthCheckAlreadyExists",
            Self::HealthCheckVersionMismatch => "HealthCheckVersionMismatch",
            Self::TooManyHealthChecks => "TooManyHealthChecks",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::InvalidInput { .. } => "InvalidInput",
            Self::InvalidDomainName { .. } => "InvalidDomainName",
            Self::HostedZoneAlreadyExists => "HostedZoneAlreadyExists",
            Self::InvalidChangeBatch { .. } => "InvalidChangeBatch",
        }
    }

    /// The HTTP status (Route 53 API Reference, the errors of each action).
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NoSuchHostedZone { .. }
            | Self::NoSuchChange { .. }
            | Self::NoSuchHealthCheck { .. } => 404,
            Self::HostedZoneAlreadyExists
            | Self::HealthCheckAlreadyExists
            | Self::HealthCheckVersionMismatch => 409,
            Self::ServiceUnavailable => 503,
            _ => 400,
        }
    }

    pub(super) fn input(message: impl Into<String>) -> Self {
        Self::InvalidInput { message: message.into() }
    }
}
