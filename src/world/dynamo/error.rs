//! How DynamoDB says no.

use std::sync::Arc;

use super::value::Item;

/// An error, as the page "Error handling with DynamoDB" names it; its text is the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DynamoError {
    /// The condition did not hold.
    #[error("The conditional request failed")]
    ConditionalCheckFailed {
        /// The item as it is, when the caller asked for it and there is one.
        item: Option<Arc<Item>>,
    },
    /// There is no such table, or it is not ready to be used.
    #[error("{0}")]
    ResourceNotFound(String),
    /// The table is being created, changed or deleted, or its name is taken.
    #[error("{0}")]
    ResourceInUse(String),
    /// The request makes no sense, or asks for what the model doesn't have.
    #[error("{0}")]
    Validation(String),
    /// Too many control-plane requests.
    #[error("Rate exceeded")]
    Throttling,
    /// Too many reads or writes.
    #[error(
        "The level of configured provisioned throughput for the table was exceeded. Consider \
         increasing your provisioning level with the UpdateTable API."
    )]
    ProvisionedThroughputExceeded,
    /// A transaction took no effect.
    #[error("{}", transaction_message(.reasons))]
    TransactionCanceled {
        /// For each of its writes why it stood in the way; none when it did not.
        reasons: Vec<Option<Box<DynamoError>>>,
    },
    /// A transaction's token was used before with other parameters.
    #[error("Client request token was used with different parameters")]
    IdempotentParameterMismatch,
}

impl DynamoError {
    /// A validation error with these words.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::Validation(message.into())
    }

    /// The error's name, without its namespace.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ConditionalCheckFailed { .. } => "ConditionalCheckFailedException",
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::ResourceInUse(_) => "ResourceInUseException",
            Self::Validation(_) => "ValidationException",
            Self::Throttling => "ThrottlingException",
            Self::ProvisionedThroughputExceeded => "ProvisionedThroughputExceededException",
            Self::TransactionCanceled { .. } => "TransactionCanceledException",
            Self::IdempotentParameterMismatch => "IdempotentParameterMismatchException",
        }
    }

    /// Its name among a transaction's reasons, which drop the suffix.
    #[must_use]
    pub fn reason_code(&self) -> &'static str {
        match self {
            Self::ConditionalCheckFailed { .. } => "ConditionalCheckFailed",
            Self::Throttling | Self::ProvisionedThroughputExceeded => "ThrottlingError",
            _ => "ValidationError",
        }
    }
}

fn transaction_message(reasons: &[Option<Box<DynamoError>>]) -> String {
    let codes: Vec<&str> = reasons
        .iter()
        .map(|reason| reason.as_ref().map_or("None", |why| why.reason_code()))
        .collect();
    format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    )
}
