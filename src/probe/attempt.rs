//! One attempt at one address: connect, shake hands, ask, follow redirects, judge.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION};
use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::conversation::{Conversation, Stream, read};
use super::endpoint::{Ask, Endpoint};
use super::progress::{Progress, Stage, ms};
use super::tls::Trust;
use super::{Broken, judge};
use crate::domain::fleet::{ConnectionPolicy, Protocol};
use crate::domain::{Phases, ProbeFailure};

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) outcome: Result<(), Broken>,
    /// All but the name's.
    pub(super) phases: Phases,
    pub(super) certificate_expiry_unix_s: Option<i64>,
}

/// What all attempts of a prober have in common.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) user_agent: HeaderValue,
    pub(super) trust: Trust,
}

impl Manner {
    /// Tries an address; never takes longer than `limit`. `named` is what the name took, which
    /// counts for how late the answer is.
    pub(super) async fn attempt(
        &self,
        endpoint: &Endpoint,
        address: SocketAddr,
        limit: Duration,
        named: Duration,
    ) -> Attempt {
        let progress = Arc::new(Progress::start());
        let mut visit = Visit { manner: self, endpoint, progress: &progress, expiry_unix_s: None };
        let outcome = timeout(limit, visit.run(address))
            .await
            .unwrap_or_else(|_| Err(progress.timed_out(limit)))
            .and_then(|()| in_time(endpoint, &progress, named))
            .map_err(|broken| Broken::new(broken.failure, format!("{address}: {}", broken.detail)));
        let certificate_expiry_unix_s = visit.expiry_unix_s;
        Attempt { outcome, phases: progress.phases(), certificate_expiry_unix_s }
    }
}

/// A right answer is judged by its times at last: each limit has its own words.
fn in_time(endpoint: &Endpoint, progress: &Progress, named: Duration) -> Result<(), Broken> {
    let spec = &endpoint.spec;
    let (connect, first_byte) = progress.took();
    let limits = [
        ("answered rightly in", Some(named + progress.elapsed()), Some(spec.latency_ms_max)),
        ("connected in", connect, spec.connect_ms_max),
        ("began to answer in", first_byte, spec.first_byte_ms_max),
    ];
    for (what, took, most) in limits {
        if let (Some(took), Some(most)) = (took, most)
            && took > Duration::from_millis(most.into())
        {
            let detail = format!("{what} {} ms, allowed are {most} ms", ms(took));
            return Err(Broken::new(ProbeFailure::Slow, detail));
        }
    }
    Ok(())
}

/// One attempt under way.
struct Visit<'a> {
    manner: &'a Manner,
    endpoint: &'a Endpoint,
    progress: &'a Arc<Progress>,
    expiry_unix_s: Option<i64>,
}

impl Visit<'_> {
    async fn run(&mut self, address: SocketAddr) -> Result<(), Broken> {
        let spec = &self.endpoint.spec;
        let mut ask = self.endpoint.ask.clone();
        if spec.protocol == Protocol::Tcp {
            self.connect(&ask, address).await?;
            return Ok(());
        }
        let mut followed = 0;
        loop {
            let own_port = ask.port == self.endpoint.ask.port;
            let port = if own_port { address.port() } else { ask.port };
            let at = SocketAddr::new(address.ip(), port);
            // Only the first request's connection is kept: it is the endpoint's own.
            let keep = followed == 0 && spec.connection == ConnectionPolicy::Reuse;
            let (conversation, answer) = self.ask(&ask, at, keep).await?;
            let status = answer.status();
            if spec.accepts(status.as_u16()) {
                let body =
                    read(answer.into_body(), spec.body_bytes_max, judge::wants_body(spec)).await?;
                if keep && conversation.is_open() {
                    self.endpoint.kept.keep(at, conversation);
                }
                return judge::body(spec, &body);
            }
            let location = answer.headers().get(LOCATION).filter(|_| status.is_redirection());
            let Some(location) = location else {
                return Err(Broken::new(ProbeFailure::Status, status.to_string()));
            };
            let location = String::from_utf8_lossy(location.as_bytes());
            let refused = |why: &str| {
                Broken::new(ProbeFailure::Redirect, format!("{status} to {location}: {why}"))
            };
            if spec.redirects_max == 0 {
                return Err(refused("redirects are not followed"));
            }
            if followed == spec.redirects_max {
                return Err(refused(&format!("more than {followed} redirects")));
            }
            ask = ask.redirected(&location).map_err(refused)?;
            followed += 1;
        }
    }

    /// The head of an answer, on a kept connection if there is one. One that was closed meanwhile is
    /// no failure of the endpoint's, which may close what is idle: then the request is made anew.
    async fn ask(
        &mut self,
        ask: &Ask,
        address: SocketAddr,
        keep: bool,
    ) -> Result<(Conversation, Response<Incoming>), Broken> {
        let user_agent = &self.manner.user_agent;
        let kept = if keep { self.endpoint.kept.take(address) } else { None };
        if let Some(mut conversation) = kept {
            self.progress.begin(Stage::Asking);
            self.expiry_unix_s = conversation.certificate_expiry_unix_s;
            match conversation.ask(ask, user_agent, false, self.progress).await {
                Err(broken)
                    if broken.failure == ProbeFailure::Closed && !self.progress.has_byte() => {}
                answer => return Ok((conversation, answer?)),
            }
        }
        let mut conversation = self.converse(ask, address).await?;
        let answer = conversation.ask(ask, user_agent, !keep, self.progress).await?;
        Ok((conversation, answer))
    }

    async fn converse(&mut self, ask: &Ask, address: SocketAddr) -> Result<Conversation, Broken> {
        let (stream, http2) = self.connect(ask, address).await?;
        Conversation::begin(stream, http2, self.expiry_unix_s).await
    }

    /// A stream to the address, secured if need be, and whether HTTP/2 is to be spoken on it.
    async fn connect(
        &mut self,
        ask: &Ask,
        address: SocketAddr,
    ) -> Result<(Box<dyn Stream>, bool), Broken> {
        let protocol = self.endpoint.spec.protocol;
        self.progress.begin(Stage::Connecting);
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| Broken::new(of_connecting(&error), error.to_string()))?;
        // A probe is one small request: nothing is gained by waiting to fill a packet, and a socket
        // that can't be told so works all the same.
        let _ = stream.set_nodelay(true);
        let Some(name) = &ask.tls_name else {
            self.progress.enter(Stage::Asking);
            return Ok((Box::new(stream), protocol == Protocol::Http2));
        };
        self.progress.enter(Stage::Securing);
        let secured = self.manner.trust.handshake(name.clone(), stream, protocol).await;
        let secured = secured.map_err(|refused| {
            self.expiry_unix_s = refused.expiry_unix_s.or(self.expiry_unix_s);
            refused.broken
        })?;
        self.expiry_unix_s = secured.expiry_unix_s;
        self.progress.enter(Stage::Asking);
        Ok((Box::new(secured.stream), secured.http2))
    }
}

/// What an error while connecting says about whose fault it is.
fn of_connecting(error: &io::Error) -> ProbeFailure {
    match Errno::from_io_error(error) {
        Some(
            // No route, or none of that family.
            Errno::NETUNREACH | Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT
            // No descriptor, no memory, no port.
            | Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
            // A firewall of this machine's own.
            | Errno::PERM | Errno::ACCESS,
        ) => ProbeFailure::Local,
        Some(Errno::TIMEDOUT) => ProbeFailure::ConnectTimeout,
        _ => ProbeFailure::Refused,
    }
}
