//! What may be concluded from the way a call to AWS ended.
//!
//! Pure and total, so that it can be read as a table and tested as one. The dangerous mistake is to
//! call a write *failed* that may have taken effect: whatever is not certain is unknown.

use crate::domain::FailureClass;

/// Whether a call can have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes nothing: however it ends, it may be asked again.
    Read,
    /// It changes something: a lost answer leaves open whether it did.
    Write,
}

/// How a call ended that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending<'a> {
    /// The SDK could not even form the request: the same input will fail again.
    NotBuilt,
    /// No connection was had for the request (no credentials, no such host, refused, handshake or
    /// time limit before there was a connection): certainly nothing was sent.
    NotSent,
    /// There was a connection, and the time limit came before the answer.
    CutOff,
    /// There was a connection, and it broke before the answer.
    Lost,
    /// An answer came that makes no sense: truncated, not of the protocol, without an error code.
    Garbled,
    /// AWS refused, with an error code.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error's code, such as `ThrottlingException`.
        code: &'a str,
    },
}

/// Codes of refusals at the door for reasons that pass: too many requests, another request under
/// way, credentials that ran out while the request travelled. Nothing was executed, whatever the
/// HTTP status that they come with. (DynamoDB Developer Guide, "Error handling with DynamoDB";
/// Route 53 API Reference, "Common errors" and the errors of `ChangeResourceRecordSets`; DynamoDB
/// API Reference for `ReplicatedWriteConflictException`; EC2 Auto Scaling API Reference,
/// "SetDesiredCapacity", for `ResourceContention` and `ScalingActivityInProgress`.)
const PASSING: [&str; 20] = [
    "BandwidthLimitExceeded",
    "ExpiredToken",
    "ExpiredTokenException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestExpired",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeTooSkewed",
    "ResourceContention",
    "ScalingActivityInProgress",
    "SlowDown",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes that say: what is stored is not what the request assumed.
const CONFLICTS: [&str; 8] = [
    "ConditionalCheckFailedException",
    "HealthCheckAlreadyExists",
    "HealthCheckVersionMismatch",
    "InvalidChangeBatch",
    // Another move is under way, a member is not well, the roles are not as they were read (RDS API
    // Reference, the errors of `SwitchoverGlobalCluster` and `FailoverGlobalCluster`).
    "InvalidDBClusterStateFault",
    "InvalidGlobalClusterStateFault",
    "NoSuchChange",
    "ResourceInUseException",
];

/// The class of a failure.
pub(super) fn classify(kind: Kind, ending: Ending<'_>) -> FailureClass {
    let unsure = match kind {
        Kind::Read => FailureClass::Transient,
        Kind::Write => FailureClass::Unknown,
    };
    match ending {
        Ending::NotBuilt => FailureClass::Permanent,
        Ending::NotSent => FailureClass::Transient,
        Ending::CutOff | Ending::Lost | Ending::Garbled => unsure,
        Ending::Refused { code, .. } if PASSING.contains(&code) => FailureClass::Transient,
        Ending::Refused { code, .. } if CONFLICTS.contains(&code) => FailureClass::Conflict,
        // The service refused, and says that it is the caller's fault: nothing was executed.
        Ending::Refused { status: 400..=499, .. } => FailureClass::Permanent,
        // A server error may come after the write was done ("Error handling with DynamoDB": a
        // write that ended in a 500 may have succeeded or failed). A code under any other status
        // is no answer that AWS documents.
        Ending::Refused { .. } => unsure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureClass::{Conflict, Permanent, Transient, Unknown};

    fn refused(status: u16, code: &str) -> Ending<'_> {
        Ending::Refused { status, code }
    }

    #[test]
    fn each_ending_has_its_class_for_reads_and_for_writes() {
        let table = [
            (Ending::NotBuilt, Permanent, Permanent),
            (Ending::NotSent, Transient, Transient),
            (Ending::CutOff, Transient, Unknown),
            (Ending::Lost, Transient, Unknown),
            (Ending::Garbled, Transient, Unknown),
            (refused(400, "ThrottlingException"), Transient, Transient),
            (refused(400, "ProvisionedThroughputExceededException"), Transient, Transient),
            (refused(400, "PriorRequestNotComplete"), Transient, Transient),
            (refused(400, "ReplicatedWriteConflictException"), Transient, Transient),
            (refused(503, "SlowDown"), Transient, Transient),
            (refused(503, "Throttling"), Transient, Transient),
            (refused(400, "ConditionalCheckFailedException"), Conflict, Conflict),
            (refused(400, "InvalidChangeBatch"), Conflict, Conflict),
            (refused(409, "HealthCheckVersionMismatch"), Conflict, Conflict),
            (refused(400, "InvalidGlobalClusterStateFault"), Conflict, Conflict),
            (refused(400, "InvalidDBClusterStateFault"), Conflict, Conflict),
            (refused(404, "GlobalClusterNotFoundFault"), Permanent, Permanent),
            (refused(404, "DBClusterNotFoundFault"), Permanent, Permanent),
            (refused(503, "ServiceUnavailable"), Transient, Unknown),
            (refused(400, "AccessDeniedException"), Permanent, Permanent),
            (refused(403, "AccessDenied"), Permanent, Permanent),
            (refused(400, "UnrecognizedClientException"), Permanent, Permanent),
            (refused(400, "ValidationException"), Permanent, Permanent),
            (refused(400, "ResourceNotFoundException"), Permanent, Permanent),
            (refused(404, "NoSuchHostedZone"), Permanent, Permanent),
            (refused(500, "InternalServerError"), Transient, Unknown),
            (refused(503, "ServiceUnavailable"), Transient, Unknown),
            (refused(504, "AccessDeniedException"), Transient, Unknown),
            (refused(200, "Strange"), Transient, Unknown),
        ];
        for (ending, read, write) in table {
            assert_eq!(classify(Kind::Read, ending), read, "read: {ending:?}");
            assert_eq!(classify(Kind::Write, ending), write, "write: {ending:?}");
        }
    }

    #[test]
    fn a_read_is_never_unknown_and_a_lost_write_never_anything_else() {
        for ending in [Ending::CutOff, Ending::Lost, Ending::Garbled] {
            assert_ne!(classify(Kind::Read, ending), Unknown);
            assert_eq!(classify(Kind::Write, ending), Unknown);
        }
    }
}
