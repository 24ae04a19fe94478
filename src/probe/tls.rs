//! TLS as a new client of the service would meet it: the certificate is checked on every probe.
//!
//! The roots are the operating system's (`rustls-native-certs`), not a list compiled in: the AWS
//! SDK in the same process trusts the same ones, an operator with a private authority adds it where
//! every program finds it (or names it in `SSL_CERT_FILE`), and a distrusted authority goes with
//! the system's update instead of ours. Certificates are not looked up in revocation lists: public
//! authorities are giving up online checks, and a probe that depends on a third server measures
//! that server.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use super::expiry::expiry_unix_s;
use super::{Broken, in_full};
use crate::domain::ProbeFailure;
use crate::domain::fleet::Protocol;

/// Names of the protocols in the handshake (RFC 7301).
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

/// Whose certificates are believed.
#[derive(Clone)]
pub struct Trust(Option<Connectors>);

/// One for each set of protocols that is offered: a server may choose only among those.
#[derive(Clone)]
struct Connectors {
    auto: TlsConnector,
    http1: TlsConnector,
    http2: TlsConnector,
    /// Offers none, for whatever stands behind the handshake.
    tcp: TlsConnector,
}

/// A secured connection.
pub(super) struct Secured {
    pub(super) stream: TlsStream<TcpStream>,
    /// Whether the server chose HTTP/2.
    pub(super) http2: bool,
    /// When its certificate expires.
    pub(super) expiry_unix_s: Option<i64>,
}

/// A handshake that failed.
pub(super) struct Refused {
    pub(super) broken: Broken,
    /// When the certificate expired, if that was why.
    pub(super) expiry_unix_s: Option<i64>,
}

/// No certificate authority to trust was found.
#[derive(Debug, thiserror::Error)]
#[error(
    "no certificate authority to trust was found on this machine{found}: install the system's CA \
     certificates (package ca-certificates), or name a file of them in SSL_CERT_FILE"
)]
pub struct NoRoots {
    found: String,
}

impl Trust {
    /// The authorities that the operating system trusts.
    ///
    /// Reads files: call it once, at the start.
    ///
    /// # Errors
    /// When there are none: every probe over TLS would fail, and that is not the endpoints' doing.
    pub fn of_system() -> Result<Self, NoRoots> {
        let loaded = rustls_native_certs::load_native_certs();
        Self::of(loaded.certs).map_err(|_| NoRoots {
            found: loaded.errors.iter().map(|error| format!(" ({})", in_full(error))).collect(),
        })
    }

    /// These authorities alone. Those that can't be read are left out, as every TLS client does:
    /// a system's store holds old oddities.
    ///
    /// # Errors
    /// When none is left.
    pub fn of(
        authorities: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, NoRoots> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities);
        if roots.is_empty() {
            return Err(NoRoots { found: String::new() });
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the cipher suites of every version that is built in")
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A resumed session shows no certificate, so one that expired would go unseen.
        config.resumption = Resumption::disabled();
        let offering = |protocols: &[&[u8]]| {
            let mut config = config.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            TlsConnector::from(Arc::new(config))
        };
        Ok(Self(Some(Connectors {
            auto: offering(&[HTTP2, HTTP1]),
            http1: offering(&[HTTP1]),
            http2: offering(&[HTTP2]),
            tcp: offering(&[]),
        })))
    }

    /// Nobody's: for fleets without https endpoints, which then need no authorities installed.
    /// Every probe over TLS fails.
    #[must_use]
    pub fn nobody() -> Self {
        Self(None)
    }

    /// For connections that are no probes: the same authorities, and no protocol is offered. None if
    /// nobody is trusted.
    #[must_use]
    pub fn connector(&self) -> Option<&TlsConnector> {
        self.0.as_ref().map(|connectors| &connectors.tcp)
    }

    /// Shakes hands, and checks that the certificate is good for this name.
    pub(super) async fn handshake(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
        protocol: Protocol,
    ) -> Result<Secured, Refused> {
        let Some(connectors) = &self.0 else {
            let broken = Broken::new(ProbeFailure::Tls, "this agent trusts no authority");
            return Err(Refused { broken, expiry_unix_s: None });
        };
        let connector = match protocol {
            Protocol::Auto => &connectors.auto,
            Protocol::Http1 => &connectors.http1,
            Protocol::Http2 => &connectors.http2,
            Protocol::Tcp => &connectors.tcp,
        };
        let stream = connector.connect(name, stream).await.map_err(|error| refused(&error))?;
        let (_, session) = stream.get_ref();
        let http2 = session.alpn_protocol() == Some(HTTP2);
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let expiry_unix_s = shown.and_then(|certificate| expiry_unix_s(certificate));
        if protocol == Protocol::Http2 && !http2 {
            let broken = Broken::new(ProbeFailure::Protocol, "the server did not choose HTTP/2");
            return Err(Refused { broken, expiry_unix_s });
        }
        Ok(Secured { stream, http2, expiry_unix_s })
    }
}

fn refused(error: &io::Error) -> Refused {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    let (failure, expiry_unix_s) = match cause {
        Some(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            (ProbeFailure::Certificate, i64::try_from(not_after.as_secs()).ok())
        }
        Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => {
            (ProbeFailure::Certificate, None)
        }
        _ => (ProbeFailure::Tls, None),
    };
    Refused { broken: Broken::new(failure, in_full(error)), expiry_unix_s }
}
