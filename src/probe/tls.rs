//! TLS as a new client of the service would meet it: the certificate is checked on every probe.
//!
//! The roots are the operating system's (`rustls-native-certs`), not a list compiled in: the AWS
//! SDK in the same process trusts the same ones, an operator with a private authority adds it where
//! every program finds it (or names it in `SSL_CERT_FILE`), and a distrusted authority goes with
//! the system's update instead of ours. Certificates are not looked up in revocation lists: public
//! authorities are giving up online checks, and a probe that depends on a third server measures
//! that server.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Broken, in_full};
use crate::domain::ProbeFailure;

/// Whose certificates are believed.
#[derive(Clone)]
pub struct Trust(Option<TlsConnector>);

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
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A resumed session shows no certificate, so one that expired would go unseen.
        config.resumption = Resumption::disabled();
        Ok(Self(Some(TlsConnector::from(Arc::new(config)))))
    }

    /// Nobody's: for fleets without https endpoints, which then need no authorities installed.
    /// Every probe over TLS fails.
    #[must_use]
    pub fn nobody() -> Self {
        Self(None)
    }

    /// Shakes hands, and checks that the certificate is good for this name.
    pub(super) async fn handshake(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Broken> {
        let Some(connector) = &self.0 else {
            return Err(Broken::new(ProbeFailure::Tls, "this agent trusts no authority"));
        };
        connector
            .connect(name, stream)
            .await
            .map_err(|error| Broken::new(ProbeFailure::Tls, in_full(&error)))
    }
}
