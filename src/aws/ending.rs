//! From the SDK's error to how the call ended, and to a sentence for people.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::classify::Ending;

/// How the call ended. `maybe_sent` is the witness's word: false only when the request certainly
/// never had a connection.
pub(super) fn ending<E>(error: &SdkError<E, HttpResponse>, maybe_sent: bool) -> Ending<'_>
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::ConstructionFailure(_) => Ending::NotBuilt,
        SdkError::TimeoutError(_) if maybe_sent => Ending::CutOff,
        SdkError::DispatchFailure(_) if maybe_sent => Ending::Lost,
        // Credentials and endpoints are looked up in here too: the SDK reports their failures as
        // failures to dispatch.
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => Ending::NotSent,
        SdkError::ServiceError(refusal) => {
            let status = refusal.raw().status().as_u16();
            match refusal.err().code() {
                Some(code) if !code.is_empty() => Ending::Refused { status, code },
                // The SDK files an answer whose body it can't parse under service errors.
                _ => Ending::Garbled,
            }
        }
        // Broken off within the body, or a kind that this SDK does not have yet.
        _ => Ending::Garbled,
    }
}

/// What came back, in a sentence: status and code of a refusal, else the chain of causes.
pub(super) fn describe<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let mut text = match (error, status) {
        (SdkError::ServiceError(refusal), Some(status)) => {
            if let Some(code) = refusal.err().code() {
                let message = refusal.err().message().unwrap_or("no message");
                return format!("{code} (HTTP {status}): {message}");
            }
            format!("an answer that can't be read (HTTP {status})")
        }
        (_, Some(status)) => format!("an answer that can't be read (HTTP {status})"),
        (_, None) => error.to_string(),
    };
    // Wrappers repeat what they wrap: each cause is said once.
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    // Some causes are lists over several lines; a failure is one line in a log.
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
