//! One call to AWS under one time limit: how often it is sent, how long it may take, what is
//! logged about it, how its failure is sorted.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::classify::{Ending, Kind, classify};
use super::ending::{describe, ending};
use super::witness::Witness;
use crate::domain::{CallFailure, FailureClass};
use crate::telemetry::clock::Stopwatch;

/// Time to a connection: name, TCP, TLS. Between the Regions farthest apart that is about four
/// round trips of 300 ms; two seconds leave room for one lost SYN as well (sent again after 1 s,
/// RFC 6298). The SDK's own is 3.1 s. It must be the *same for every call*: the SDK keeps a pool of
/// connections for each pair of connect and read timeouts, so that a timeout that followed the
/// limit would open a cold connection for nearly every call.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends of a read at most. The second one is for a pooled connection that the far side had just
/// closed, and for a single 5xx. Not more: the brain asks again within seconds, and a throttle
/// that is retried away here could not be seen.
const READ_ATTEMPTS_MAX: u32 = 2;

/// Wait before the second send of a read, before jitter: short, since limits are about a second.
const READ_BACKOFF: Duration = Duration::from_millis(50);

/// A call that is about to be made.
#[derive(Debug)]
pub(super) struct Call<'a> {
    operation: &'static str,
    place: &'a str,
    kind: Kind,
    limit: Duration,
    witness: Witness,
}

/// A call that failed.
#[derive(Debug)]
pub(super) struct Failed<E> {
    /// Sorted, for the port's caller.
    pub(super) failure: CallFailure,
    /// The service's own error, when that is what came.
    pub(super) error: Option<E>,
}

impl<E> From<Failed<E>> for CallFailure {
    fn from(failed: Failed<E>) -> Self {
        failed.failure
    }
}

impl<'a> Call<'a> {
    /// A call without effect.
    pub(super) fn read(operation: &'static str, place: &'a str, limit: Duration) -> Self {
        Self { operation, place, kind: Kind::Read, limit, witness: Witness::default() }
    }

    /// A call with an effect: sent once.
    pub(super) fn write(operation: &'static str, place: &'a str, limit: Duration) -> Self {
        Self { operation, place, kind: Kind::Write, limit, witness: Witness::default() }
    }

    /// The interceptor that watches this call.
    pub(super) fn witness(&self) -> Witness {
        self.witness.clone()
    }

    /// How often it may be sent. Writes once, conditional or not: a second send of a swap whose
    /// first took effect would be told "conflict", and a report that did not get through is
    /// superseded by the next one anyway.
    ///
    /// Below the SDK, hyper sends a request again on another connection only when the first one was
    /// closed before any of the request was written, so that one send is still one request.
    fn retries(&self) -> RetryConfig {
        match self.kind {
            Kind::Write => RetryConfig::disabled(),
            Kind::Read => RetryConfig::standard()
                .with_max_attempts(READ_ATTEMPTS_MAX)
                .with_initial_backoff(READ_BACKOFF),
        }
    }

    /// The limits. No attempt has a limit of its own: to a far Region a cold connection alone can
    /// take most of the limit, and half of it for each of two attempts might suffice for neither.
    fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .disable_read_timeout()
            .disable_operation_attempt_timeout()
            .operation_timeout(self.limit)
            .build()
    }

    /// This call's settings for a DynamoDB client.
    pub(super) fn dynamodb(&self) -> aws_sdk_dynamodb::config::Builder {
        aws_sdk_dynamodb::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// This call's settings for a Route 53 client.
    pub(super) fn route53(&self) -> aws_sdk_route53::config::Builder {
        aws_sdk_route53::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// This call's settings for an Elastic Load Balancing client.
    pub(super) fn elb(&self) -> aws_sdk_elasticloadbalancingv2::config::Builder {
        aws_sdk_elasticloadbalancingv2::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// This call's settings for a CloudWatch client.
    pub(super) fn cloudwatch(&self) -> aws_sdk_cloudwatch::config::Builder {
        aws_sdk_cloudwatch::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// This call's settings for an RDS client.
    pub(super) fn rds(&self) -> aws_sdk_rds::config::Builder {
        aws_sdk_rds::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// This call's settings for an Auto Scaling client.
    pub(super) fn autoscaling(&self) -> aws_sdk_autoscaling::config::Builder {
        aws_sdk_autoscaling::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// This call's settings for a Service Quotas client.
    pub(super) fn quotas(&self) -> aws_sdk_servicequotas::config::Builder {
        aws_sdk_servicequotas::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// This call's settings for an SNS client.
    pub(super) fn sns(&self) -> aws_sdk_sns::config::Builder {
        aws_sdk_sns::config::Builder::new()
            .retry_config(self.retries())
            .timeout_config(self.timeouts())
    }

    /// Carries the call out. The SDK keeps to the limit by itself; the timer here is the backstop
    /// for whatever it does outside its own.
    pub(super) async fn run<T, E>(
        &self,
        sending: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failed<E>>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let began = Stopwatch::start();
        let answer = match tokio::time::timeout(self.limit, sending).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let ending = ending(&error, self.witness.maybe_sent());
                let failure = self.failure(ending, &describe(&error));
                let error = match error {
                    SdkError::ServiceError(refusal) => Some(refusal.into_err()),
                    _ => None,
                };
                Err(Failed { failure, error })
            }
            Err(_) => Err(Failed { failure: self.cut_off(), error: None }),
        };
        let class = answer.as_ref().err().map(|failed| failed.failure.class);
        self.log(began.elapsed(), class);
        answer
    }

    fn failure(&self, ending: Ending<'_>, what: &str) -> CallFailure {
        let Self { operation, place, .. } = self;
        CallFailure::new(classify(self.kind, ending), format!("{operation} in {place}: {what}"))
    }

    fn cut_off(&self) -> CallFailure {
        let (ending, how) = if self.witness.maybe_sent() {
            (Ending::CutOff, "no answer")
        } else {
            (Ending::NotSent, "no connection")
        };
        self.failure(ending, &format!("{how} within {:?}", self.limit))
    }

    /// An answer that came, and that says nothing of what was asked for.
    pub(super) fn senseless(&self, what: &str) -> CallFailure {
        self.failure(Ending::Garbled, &format!("an answer that makes no sense: {what}"))
    }

    fn log(&self, duration: Duration, class: Option<FailureClass>) {
        tracing::debug!(
            operation = self.operation,
            region = self.place,
            attempts = self.witness.attempts(),
            duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            class = class.map_or_else(|| "done".to_owned(), |class| class.to_string()),
            "AWS call"
        );
    }
}

/// Bounds a read of several calls by one limit: however many pages there are, one answer by then.
pub(super) async fn within<T>(
    what: &str,
    place: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, CallFailure>>,
) -> Result<T, CallFailure> {
    // A read has no effect: cut off, it may simply be asked again.
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(CallFailure::transient(format!("{what} in {place}: not finished within {limit:?}")))
    })
}
