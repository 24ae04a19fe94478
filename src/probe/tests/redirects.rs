//! Redirects: followed as far as is allowed, and never to another host.

use super::over_tls::{NAME, acceptor, trusting};
use super::*;

/// Answers by path, and counts the requests.
async fn serve_paths(
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let requests = Arc::new(AtomicUsize::new(0));
    let (count, answer) = (Arc::clone(&requests), Arc::new(answer));
    let address = serve(move |mut stream| {
        let (count, answer) = (Arc::clone(&count), Arc::clone(&answer));
        async move {
            let head = head(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
            let path = head.split(' ').nth(1).unwrap_or_default();
            let _ = stream.write_all(answer(path).as_bytes()).await;
        }
    })
    .await;
    (address, requests)
}

fn sent_to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
}

fn following(redirects_max: u8) -> ProbeSpec {
    ProbeSpec { redirects_max, ..spec() }
}

#[tokio::test]
async fn a_redirect_to_the_same_host_is_followed_where_it_is_allowed() {
    let (address, requests) = serve_paths(|path| match path {
        "/health" => sent_to("/a/up?x=1"),
        "/a/up?x=1" => sent_to("down"),
        "/a/down" => GOOD.to_owned(),
        other => panic!("{other}"),
    })
    .await;
    assert_eq!(probe(address, &following(2)).await.failure, None);
    assert_eq!(requests.load(Ordering::SeqCst), 3);
    let sample = probe(address, &following(1)).await;
    assert_failed(&sample, ProbeFailure::Redirect, "302 Found to down: more than 1 redirects");
}

#[tokio::test]
async fn a_redirect_loop_ends_at_the_bound() {
    let (address, requests) = serve_paths(|path| sent_to(path)).await;
    let sample = probe(address, &following(3)).await;
    assert_failed(&sample, ProbeFailure::Redirect, "302 Found to /health: more than 3 redirects");
    assert_eq!(requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let elsewhere = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&elsewhere);
    let other = serve(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async {}
    })
    .await;
    // The same machine under another name.
    let location = format!("http://localhost:{}/", other.port());
    let (address, _) = serve_paths(move |_| sent_to(&location)).await;
    let sample = probe(address, &following(3)).await;
    assert_failed(&sample, ProbeFailure::Redirect, "it is another host");
    assert_eq!(elsewhere.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_says_where_it_wanted_to() {
    for location in ["http://", "\u{1}", "gopher://x", "/a b"] {
        let (address, _) = serve_paths(move |_| sent_to(location)).await;
        let sample = probe(address, &following(3)).await;
        assert!(
            matches!(sample.failure, Some(ProbeFailure::Redirect | ProbeFailure::Protocol)),
            "{location:?}: {sample:?}"
        );
    }
    let nowhere = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n";
    let sample = probe(answer(nowhere).await, &following(3)).await;
    assert_failed(&sample, ProbeFailure::Status, "302 Found");
}

#[tokio::test]
async fn a_redirect_from_plain_text_to_tls_is_followed_and_its_certificate_judged() {
    let (acceptor, certificate) = acceptor(|_| {}, &[]);
    let secured = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            head(&mut stream).await;
            let _ = stream.write_all(GOOD.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let location = format!("https://{NAME}:{}/", secured.port());
    let (address, _) = serve_paths(move |_| sent_to(&location)).await;
    let spec = ProbeSpec { host: Some(NAME.to_owned()), ..following(1) };
    let url = format!("http://{address}");
    let sample = probe_url(&url, &spec, trusting(certificate)).await;
    assert_eq!(sample.failure, None, "{sample:?}");
    assert!(sample.phases.tls_ms.is_some() && sample.certificate_expiry_unix_s.is_some());
    let (_, stranger) = super::over_tls::acceptor(|_| {}, &[]);
    let sample = probe_url(&url, &spec, trusting(stranger)).await;
    assert_failed(&sample, ProbeFailure::Certificate, "");
}
