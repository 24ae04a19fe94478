//! The prober: name, connection, TLS, request, within one time limit, and what is told of it.

use std::sync::{Arc, OnceLock};

use hyper::header::HeaderValue;
use tokio::time::timeout;

use super::Broken;
use super::dial::dial;
use super::endpoint::Endpoint;
use super::exchange::exchange;
use super::names::Names;
use super::tls::Trust;
use crate::domain::{ProbeFailure, Sample};
use crate::telemetry::Stopwatch;

/// Probes endpoints. Cheap to clone; what is shared is the look-ups under way.
#[derive(Clone)]
pub struct Prober {
    user_agent: HeaderValue,
    trust: Trust,
    names: Arc<Names>,
}

/// A User-Agent that can't stand in a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the User-Agent {0:?} is not valid: it must be visible ASCII, spaces included")]
pub struct InvalidUserAgent(pub String);

impl Prober {
    /// A prober that calls itself by this name (so that the owners of an endpoint can tell who
    /// asks, and leave probes out of their statistics), and believes these certificates.
    ///
    /// # Errors
    /// When the name can't stand in a header.
    pub fn new(user_agent: &str, trust: Trust) -> Result<Self, InvalidUserAgent> {
        Self::with_names(user_agent, trust, Names::of_system())
    }

    /// A prober with a resolver of its own.
    pub(super) fn with_names(
        user_agent: &str,
        trust: Trust,
        names: Names,
    ) -> Result<Self, InvalidUserAgent> {
        let user_agent = HeaderValue::from_str(user_agent)
            .map_err(|_| InvalidUserAgent(user_agent.to_owned()))?;
        Ok(Self { user_agent, trust, names: Arc::new(names) })
    }

    /// Probes an endpoint once, over a new connection, and never takes longer than its timeout.
    ///
    /// All times of the sample run from the start of the probe, name resolution included, on the
    /// clock that goes on while the machine is suspended; the timeout itself does not, so a probe
    /// interrupted by a suspension ends as slow or timed out and has to be made again. Dropping the
    /// future closes the connection.
    pub async fn probe(&self, endpoint: &Endpoint) -> Sample {
        let progress = Progress::start();
        let outcome = timeout(endpoint.timeout, self.attempt(endpoint, &progress))
            .await
            .unwrap_or_else(|_| Err(progress.timed_out(endpoint)));
        let total = progress.watch.elapsed();
        let total_ms = progress.watch.elapsed_ms();
        let outcome = outcome.and_then(|()| {
            if total.as_micros() > u128::from(endpoint.latency_ms_max) * 1000 {
                let most = endpoint.latency_ms_max;
                let detail = format!("answered rightly in {total_ms} ms, allowed are {most} ms");
                return Err(Broken::new(ProbeFailure::Slow, detail));
            }
            Ok(())
        });
        let (failure, detail) = match outcome {
            Ok(()) => (None, String::new()),
            Err(Broken { failure, detail }) => (Some(failure), detail),
        };
        Sample {
            failure,
            detail,
            connect_ms: progress.connect_ms.get().copied(),
            first_byte_ms: progress.first_byte_ms.get().copied(),
            total_ms,
        }
    }

    async fn attempt(&self, endpoint: &Endpoint, progress: &Progress) -> Result<(), Broken> {
        let addresses =
            self.names.resolve(&endpoint.host, endpoint.port).await.map_err(|why| {
                Broken::new(ProbeFailure::Name, format!("{}: {why}", endpoint.host))
            })?;
        progress.reached(&progress.resolved_ms);
        let left = endpoint.timeout.saturating_sub(progress.watch.elapsed());
        let stream = dial(&addresses, left).await?;
        progress.reached(&progress.connect_ms);
        let first_byte = || progress.reached(&progress.first_byte_ms);
        match &endpoint.tls_name {
            None => exchange(stream, endpoint, &self.user_agent, first_byte).await,
            Some(name) => {
                let stream = self.trust.handshake(name.clone(), stream).await?;
                progress.reached(&progress.secured_ms);
                exchange(stream, endpoint, &self.user_agent, first_byte).await
            }
        }
    }
}

/// How far a probe has come, and when: what remains to be told when time runs out.
struct Progress {
    watch: Stopwatch,
    resolved_ms: OnceLock<u32>,
    connect_ms: OnceLock<u32>,
    secured_ms: OnceLock<u32>,
    first_byte_ms: OnceLock<u32>,
}

impl Progress {
    fn start() -> Self {
        Self {
            watch: Stopwatch::start(),
            resolved_ms: OnceLock::new(),
            connect_ms: OnceLock::new(),
            secured_ms: OnceLock::new(),
            first_byte_ms: OnceLock::new(),
        }
    }

    fn reached(&self, stage: &OnceLock<u32>) {
        let ms = self.watch.elapsed_ms();
        assert!(stage.set(ms).is_ok(), "a probe passes each stage once");
    }

    fn timed_out(&self, endpoint: &Endpoint) -> Broken {
        let limit = endpoint.timeout.as_millis();
        if self.resolved_ms.get().is_none() {
            let detail = format!("{}: the resolver did not answer in {limit} ms", endpoint.host);
            return Broken::new(ProbeFailure::Name, detail);
        }
        let Some(connected) = self.connect_ms.get() else {
            return Broken::new(
                ProbeFailure::ConnectTimeout,
                format!("{}: no connection in {limit} ms", endpoint.host),
            );
        };
        let detail = if let Some(began) = self.first_byte_ms.get() {
            format!("the answer began after {began} ms and had not ended after {limit} ms")
        } else if endpoint.is_tls() && self.secured_ms.get().is_none() {
            format!("connected after {connected} ms; no TLS handshake in {limit} ms")
        } else {
            format!("connected after {connected} ms; no answer began in {limit} ms")
        };
        Broken::new(ProbeFailure::AnswerTimeout, detail)
    }
}
