//! Connections: fresh or kept, several addresses, IPv6, and TCP alone.

use super::over_tls::{NAME, acceptor, trusting};
use super::*;
use crate::domain::Phases;

fn reuse() -> ProbeSpec {
    ProbeSpec { connection: ConnectionPolicy::Reuse, ..spec() }
}

/// Serves `requests` on each connection and then closes it; counts the connections.
async fn serve_some(requests: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = serve(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            for _ in 0..requests {
                if !head(&mut stream).await.contains("connection: close") {
                    let _ = stream.write_all(GOOD.as_bytes()).await;
                }
            }
        }
    })
    .await;
    (address, connections)
}

fn prober(trust: Trust) -> Prober {
    Prober::new("regent-test/1", trust).expect("valid")
}

/// A prober to whom every name has these addresses.
fn prober_of(addresses: Vec<SocketAddr>) -> Prober {
    let names = Names::with(move |_, _| {
        let addresses = addresses.clone();
        Box::pin(async move { Ok(addresses) })
    });
    Prober::with_names("regent-test/1", Trust::nobody(), names).expect("valid")
}

#[tokio::test]
async fn a_kept_connection_serves_the_next_probes_and_needs_no_connecting() {
    let (address, connections) = serve_some(usize::MAX).await;
    let endpoint = Endpoint::new(&format!("http://{address}"), &reuse()).expect("valid");
    let prober = prober(Trust::nobody());
    for probe in 0..3 {
        let sample = prober.probe(&endpoint).await;
        assert_eq!(sample.failure, None, "{sample:?}");
        assert_eq!(sample.phases.connect_ms.is_some(), probe == 0, "{sample:?}");
        assert!(sample.phases.first_byte_ms.is_some(), "{sample:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_no_failure() {
    let (address, connections) = serve_some(1).await;
    let endpoint = Endpoint::new(&format!("http://{address}"), &reuse()).expect("valid");
    let prober = prober(Trust::nobody());
    for _ in 0..4 {
        let sample = prober.probe(&endpoint).await;
        assert_eq!(sample.failure, None, "{sample:?}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_connection_is_not_kept_after_a_failure() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = serve(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            loop {
                head(&mut stream).await;
                let bad = "HTTP/1.1 503 Oh no\r\ncontent-length: 0\r\n\r\n";
                if stream.write_all(bad.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let endpoint = Endpoint::new(&format!("http://{address}"), &reuse()).expect("valid");
    let prober = prober(Trust::nobody());
    for _ in 0..2 {
        assert_failed(&prober.probe(&endpoint).await, ProbeFailure::Status, "503");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_kept_tls_connection_still_tells_when_its_certificate_expires() {
    let (acceptor, certificate) = acceptor(|_| {}, &[]);
    let address = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            loop {
                head(&mut stream).await;
                if stream.write_all(GOOD.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let spec = ProbeSpec { host: Some(NAME.to_owned()), ..reuse() };
    let endpoint = Endpoint::new(&format!("https://{address}"), &spec).expect("valid");
    let prober = prober(trusting(certificate));
    let first = prober.probe(&endpoint).await;
    let second = prober.probe(&endpoint).await;
    assert_eq!((first.failure, second.failure), (None, None), "{first:?} {second:?}");
    assert!(first.phases.tls_ms.is_some() && second.phases.tls_ms.is_none());
    assert!(first.certificate_expiry_unix_s.is_some());
    assert_eq!(first.certificate_expiry_unix_s, second.certificate_expiry_unix_s);
}

#[tokio::test]
async fn each_address_has_its_turn_and_the_dead_one_is_named() {
    let (good, other) = (answer(GOOD).await, answer(GOOD).await);
    let (listener, dead) = listener().await;
    drop(listener);
    let prober = prober_of(vec![good, dead, other]);
    let endpoint = Endpoint::new("http://web.example.com", &spec()).expect("valid");
    let mut passed_over = 0;
    for _ in 0..6 {
        let sample = prober.probe(&endpoint).await;
        assert_eq!(sample.failure, None, "{sample:?}");
        assert!(sample.phases.name_ms.is_some(), "{sample:?}");
        if let Some(failure) = sample.passed_over {
            assert_eq!(failure, ProbeFailure::Refused);
            assert!(sample.detail.contains(&dead.to_string()), "{sample:?}");
            passed_over += 1;
        }
    }
    assert_eq!(passed_over, 2, "the dead one had every third turn");
}

#[tokio::test]
async fn when_every_address_fails_each_is_named() {
    let (one, two) = (listener().await.1, answer("HTTP/1.1 500 Oh no\r\n\r\n").await);
    let prober = prober_of(vec![one, two]);
    let endpoint = Endpoint::new("http://web.example.com", &spec()).expect("valid");
    let sample = prober.probe(&endpoint).await;
    assert!(sample.failure.is_some() && sample.passed_over.is_none(), "{sample:?}");
    assert!(sample.detail.contains("127.0.0.1"), "{sample:?}");
    assert!(sample.detail.contains("wrong status") || sample.detail.contains("500"), "{sample:?}");
}

#[tokio::test]
async fn ipv6_is_probed_like_ipv4_and_either_alone_if_asked_for() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        eprintln!("not tested: this machine has no IPv6, not even on loopback");
        return;
    };
    let six = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            head(&mut stream).await;
            let _ = stream.write_all(GOOD.as_bytes()).await;
        }
    });
    let sample = probe(six, &spec()).await;
    assert_eq!((sample.failure, sample.address), (None, Some(six.ip())), "{sample:?}");

    let prober = prober_of(vec![answer(GOOD).await, six]);
    for (family, is_six) in [(AddressFamily::Ipv4, false), (AddressFamily::Ipv6, true)] {
        let spec = ProbeSpec { family, ..spec() };
        let endpoint = Endpoint::new("http://web.example.com", &spec).expect("valid");
        for _ in 0..2 {
            let sample = prober.probe(&endpoint).await;
            assert_eq!(sample.failure, None, "{sample:?}");
            assert_eq!(sample.address.map(|address| address.is_ipv6()), Some(is_six));
        }
    }
    let four_only = prober_of(vec![answer(GOOD).await]);
    let spec = ProbeSpec { family: AddressFamily::Ipv6, ..spec() };
    let endpoint = Endpoint::new("http://web.example.com", &spec).expect("valid");
    assert_failed(
        &four_only.probe(&endpoint).await,
        ProbeFailure::Name,
        "no address of that family",
    );
}

fn tcp() -> ProbeSpec {
    ProbeSpec { protocol: Protocol::Tcp, ..spec() }
}

#[tokio::test]
async fn tcp_alone_is_healthy_when_a_connection_is_accepted() {
    let (listener, address) = listener().await;
    let url = format!("tcp://{address}");
    let sample = probe_url(&url, &tcp(), Trust::nobody()).await;
    assert_eq!(sample.failure, None, "{sample:?}");
    assert!(sample.phases.connect_ms.is_some());
    assert_eq!(Phases { connect_ms: None, total_ms: 0, ..sample.phases }, Phases::default());
    drop(listener);
    let sample = probe_url(&url, &tcp(), Trust::nobody()).await;
    assert_failed(&sample, ProbeFailure::Refused, &address.to_string());
}

#[tokio::test]
async fn tcp_with_tls_is_healthy_when_the_certificate_is_right() {
    let (acceptor, certificate) = acceptor(|_| {}, &[]);
    let address = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move { drop(acceptor.accept(stream).await) }
    })
    .await;
    let url = format!("tls://{address}");
    let named = |name: &str| ProbeSpec { host: Some(name.to_owned()), ..tcp() };
    let sample = probe_url(&url, &named(NAME), trusting(certificate.clone())).await;
    assert_eq!(sample.failure, None, "{sample:?}");
    assert!(sample.phases.tls_ms.is_some() && sample.certificate_expiry_unix_s.is_some());
    let sample = probe_url(&url, &named("bank.example.com"), trusting(certificate)).await;
    assert_failed(&sample, ProbeFailure::Certificate, "name");
}
