//! The prober: name, addresses, and what is told of them, within one time limit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::timeout;

use super::Broken;
use super::attempt::Manner;
use super::endpoint::Endpoint;
use super::names::Names;
use super::progress::ms;
use super::tls::Trust;
use super::turns::{self, Taken};
use crate::domain::fleet::AddressFamily;
use crate::domain::{Phases, ProbeFailure, Sample};
use crate::telemetry::Stopwatch;

/// Probes endpoints. Cheap to clone; what is shared is the look-ups under way.
#[derive(Clone)]
pub struct Prober {
    manner: Manner,
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
        Ok(Self { manner: Manner { user_agent, trust }, names: Arc::new(names) })
    }

    /// Probes an endpoint once, and never takes longer than its timeout.
    ///
    /// Times run on the clock that goes on while the machine is suspended; the timeout itself does
    /// not, so a probe interrupted by a suspension ends as slow or timed out and has to be made
    /// again. Dropping the future closes the connection.
    pub async fn probe(&self, endpoint: &Endpoint) -> Sample {
        let watch = Stopwatch::start();
        let limit = endpoint.timeout;
        let resolved = timeout(limit, self.names.resolve(&endpoint.host, endpoint.ask.port)).await;
        let named = watch.elapsed();
        let found = match resolved {
            Err(_) => Err(format!("the resolver did not answer in {} ms", limit.as_millis())),
            Ok(Err(why)) => Err(why),
            Ok(Ok(addresses)) => {
                let order = endpoint.turns.next(of_family(addresses, endpoint.spec.family));
                if order.is_empty() {
                    Err("no address of that family".to_owned())
                } else {
                    Ok(order)
                }
            }
        };
        let order = match found {
            Ok(order) => order,
            Err(why) => {
                let broken = Broken::new(ProbeFailure::Name, format!("{}: {why}", endpoint.host));
                let phases = Phases { total_ms: watch.elapsed_ms(), ..Phases::default() };
                return Sample {
                    failure: Some(broken.failure),
                    detail: broken.detail,
                    phases,
                    ..Sample::default()
                };
            }
        };
        let is_name = endpoint.host.parse::<std::net::IpAddr>().is_err();
        let taken = turns::take(&order, patience(limit, named), |address| {
            let left = limit.saturating_sub(watch.elapsed());
            self.manner.attempt(endpoint, address, left, named)
        })
        .await;
        sample(taken, is_name.then_some(named))
    }
}

fn of_family(addresses: Vec<SocketAddr>, family: AddressFamily) -> Vec<SocketAddr> {
    let fits = |address: &SocketAddr| match family {
        AddressFamily::Any => true,
        AddressFamily::Ipv4 => address.is_ipv4(),
        AddressFamily::Ipv6 => address.is_ipv6(),
    };
    addresses.into_iter().filter(fits).collect()
}

/// How long one address may be silent before the others are tried as well: half of what is left, so
/// that either half is enough for a handshake wherever the whole was meant to be enough for two.
fn patience(limit: Duration, named: Duration) -> Duration {
    limit.saturating_sub(named) / 2
}

fn sample(taken: Taken, named: Option<Duration>) -> Sample {
    let Taken { address, attempt, passed_over } = taken;
    let (failure, detail) = match attempt.outcome {
        Err(Broken { failure, detail }) => (Some(failure), detail),
        Ok(()) => {
            (None, passed_over.as_ref().map(|broken| broken.detail.clone()).unwrap_or_default())
        }
    };
    let name_ms = named.map(ms);
    let total_ms = attempt.phases.total_ms.saturating_add(name_ms.unwrap_or(0));
    Sample {
        failure,
        detail,
        address: Some(address.ip()),
        passed_over: passed_over.map(|broken| broken.failure),
        phases: Phases { name_ms, total_ms, ..attempt.phases },
        certificate_expiry_unix_s: attempt.certificate_expiry_unix_s,
        waited_ms: 0,
    }
}
