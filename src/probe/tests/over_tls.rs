//! Probes over TLS: each way in which a certificate or a handshake can be wrong.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};

use super::*;

pub(super) const NAME: &str = "shop.example.com";

/// Shakes hands with a certificate that signs itself, offering these protocols; and the certificate,
/// to be trusted.
pub(super) fn acceptor(
    change: impl FnOnce(&mut CertificateParams),
    protocols: &[&[u8]],
) -> (TlsAcceptor, CertificateDer<'static>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).expect("a valid name");
    change(&mut params);
    let certificate = params.self_signed(&key).expect("signed").der().clone();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("the key fits the certificate");
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), certificate)
}

/// Serves with a certificate that signs itself; returns it to be trusted.
async fn serve_tls(
    change: impl FnOnce(&mut CertificateParams),
) -> (SocketAddr, CertificateDer<'static>) {
    let (address, certificate, _) = serve_tls_counting(change).await;
    (address, certificate)
}

/// As [`serve_tls`], and tells of each handshake whether it was a full one.
async fn serve_tls_counting(
    change: impl FnOnce(&mut CertificateParams),
) -> (SocketAddr, CertificateDer<'static>, mpsc::UnboundedReceiver<HandshakeKind>) {
    let (acceptor, certificate) = acceptor(change, &[]);
    let (sender, handshakes) = mpsc::unbounded_channel();
    let address = serve(move |stream| {
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            if let Some(kind) = stream.get_ref().1.handshake_kind() {
                // Most tests don't count.
                let _ = sender.send(kind);
            }
            head(&mut stream).await;
            let _ = stream.write_all(GOOD.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    (address, certificate, handshakes)
}

async fn probe_tls(address: SocketAddr, host: &str, trust: Trust) -> Sample {
    let spec = ProbeSpec { host: Some(host.to_owned()), ..spec() };
    probe_url(&format!("https://{address}"), &spec, trust).await
}

pub(super) fn trusting(certificate: CertificateDer<'static>) -> Trust {
    Trust::of([certificate]).expect("a certificate")
}

#[tokio::test]
async fn a_certificate_that_is_trusted_and_good_for_the_host_is_a_success() {
    let (address, certificate) = serve_tls(|_| {}).await;
    let sample = probe_tls(address, NAME, trusting(certificate)).await;
    assert_eq!(sample.failure, None, "{sample:?}");
    assert!(sample.phases.first_byte_ms.is_some());
}

#[tokio::test]
async fn every_probe_sees_the_certificate_anew() {
    let (address, certificate, mut handshakes) = serve_tls_counting(|_| {}).await;
    let spec = ProbeSpec { host: Some(NAME.to_owned()), ..spec() };
    let endpoint = Endpoint::new(&format!("https://{address}"), &spec).expect("valid");
    let prober = Prober::new("regent-test/1", trusting(certificate)).expect("valid");
    for _ in 0..2 {
        assert_eq!(prober.probe(&endpoint).await.failure, None);
        assert_ne!(handshakes.recv().await, Some(HandshakeKind::Resumed));
    }
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_a_wrong_certificate() {
    let (address, _) = serve_tls(|_| {}).await;
    let (_, other) = serve_tls(|_| {}).await;
    let sample = probe_tls(address, NAME, trusting(other)).await;
    assert_failed(&sample, ProbeFailure::Certificate, "invalid peer certificate");
    assert!(
        sample.phases.connect_ms.is_some() && sample.phases.first_byte_ms.is_none(),
        "{sample:?}"
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_wrong_certificate() {
    let (address, certificate) = serve_tls(|_| {}).await;
    let sample = probe_tls(address, "bank.example.com", trusting(certificate)).await;
    assert_failed(&sample, ProbeFailure::Certificate, "name");
}

#[tokio::test]
async fn an_expired_certificate_is_a_wrong_certificate() {
    let (address, certificate) = serve_tls(|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    })
    .await;
    let sample = probe_tls(address, NAME, trusting(certificate)).await;
    assert_failed(&sample, ProbeFailure::Certificate, "expired");
    let at: jiff::Timestamp = "2021-01-01T00:00:00Z".parse().expect("valid");
    assert_eq!(sample.certificate_expiry_unix_s, Some(at.as_second()), "and since when");
}

#[tokio::test]
async fn one_that_closes_in_the_middle_of_the_handshake_is_a_tls_failure() {
    let (_, certificate) = serve_tls(|_| {}).await;
    let address = serve(|mut stream| async move {
        let _ = stream.read_u8().await;
        // The beginning of a handshake record, and no more.
        let _ = stream.write_all(&[0x16, 3, 3, 0, 0x7a, 2]).await;
    })
    .await;
    let sample = probe_tls(address, NAME, trusting(certificate)).await;
    assert_failed(&sample, ProbeFailure::Tls, "");
}

#[tokio::test]
async fn a_handshake_that_drips_is_a_tls_timeout_however_steadily_it_drips() {
    let (_, certificate) = serve_tls(|_| {}).await;
    let address = serve(|mut stream| async move {
        // A record as long as may be, a byte at a time.
        let record = [0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc, 3, 3];
        for byte in record.into_iter().chain(std::iter::repeat(0)) {
            if stream.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let url = format!("https://{address}");
    let sample = probe_url(&url, &brief(), trusting(certificate)).await;
    assert_failed(&sample, ProbeFailure::TlsTimeout, "TLS handshake");
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_failure() {
    let (_, certificate) = serve_tls(|_| {}).await;
    let address = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let sample = probe_tls(address, NAME, trusting(certificate)).await;
    assert_failed(&sample, ProbeFailure::Tls, "");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_a_tls_timeout() {
    let (_, certificate) = serve_tls(|_| {}).await;
    let address = serve(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let url = format!("https://{address}");
    let sample = probe_url(&url, &brief(), trusting(certificate)).await;
    assert_failed(&sample, ProbeFailure::TlsTimeout, "TLS handshake");
}

#[tokio::test]
async fn a_prober_that_trusts_nobody_says_so() {
    let (address, _) = serve_tls(|_| {}).await;
    let sample = probe_tls(address, NAME, Trust::nobody()).await;
    assert_failed(&sample, ProbeFailure::Tls, "trusts no authority");
    assert!(Trust::of([]).is_err(), "no roots are no trust");
}
