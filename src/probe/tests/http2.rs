//! Probes over HTTP/2, and which protocol is spoken when either may be.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;

use super::over_tls::{NAME, acceptor, trusting};
use super::*;

type Answer = Response<BoxBody<Bytes, Infallible>>;

fn good() -> Answer {
    Response::new(Full::new(Bytes::from_static(b"fine")).boxed())
}

/// Speaks HTTP/2 on a stream, answering by this function.
async fn speak<S>(stream: S, answer: impl Fn(&Request<Incoming>) -> Answer + Send + Copy + 'static)
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| async move { Ok::<_, Infallible>(answer(&request)) });
    // A probe that has seen enough goes, which is an error to the server.
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Serves HTTP/2 without TLS.
async fn serve_http2(
    answer: impl Fn(&Request<Incoming>) -> Answer + Send + Copy + 'static,
) -> SocketAddr {
    serve(move |stream| speak(stream, answer)).await
}

fn http2() -> ProbeSpec {
    ProbeSpec { protocol: Protocol::Http2, ..spec() }
}

#[tokio::test]
async fn http2_without_tls_is_spoken_with_prior_knowledge() {
    let address = serve_http2(|request| {
        let asked = request.uri().to_string();
        let right = request.version() == Version::HTTP_2
            && asked == "http://shop.example.com/health"
            && !request.headers().contains_key("host");
        let mut answer = good();
        *answer.status_mut() = if right { 200 } else { 400 }.try_into().expect("valid");
        answer
    })
    .await;
    let spec = ProbeSpec {
        host: Some("shop.example.com".to_owned()),
        body_contains: Some("fine".to_owned()),
        ..http2()
    };
    let sample = probe(address, &spec).await;
    assert_eq!(sample.failure, None, "{sample:?}");
    assert!(sample.phases.connect_ms.is_some() && sample.phases.first_byte_ms.is_some());
}

/// Serves over TLS what the handshake chose, and tells which it was.
async fn serve_either(
    offered: &[&[u8]],
) -> (SocketAddr, Trust, mpsc::UnboundedReceiver<Option<Vec<u8>>>) {
    let (acceptor, certificate) = acceptor(|_| {}, offered);
    let (sender, chosen) = mpsc::unbounded_channel();
    let address = serve(move |stream| {
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
            let http2 = protocol.as_deref() == Some(b"h2");
            sender.send(protocol).expect("the test waits");
            if http2 {
                speak(stream, |_| good()).await;
            } else {
                head(&mut stream).await;
                let _ = stream.write_all(GOOD.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    })
    .await;
    (address, trusting(certificate), chosen)
}

#[tokio::test]
async fn over_tls_the_server_chooses_unless_one_protocol_is_asked_for() {
    let (both, one): (&[&[u8]], &[&[u8]]) = (&[b"h2", b"http/1.1"], &[b"http/1.1"]);
    for (offered, protocol, expected) in [
        (both, Protocol::Auto, Some(b"h2".to_vec())),
        (both, Protocol::Http1, Some(b"http/1.1".to_vec())),
        (both, Protocol::Http2, Some(b"h2".to_vec())),
        (one, Protocol::Auto, Some(b"http/1.1".to_vec())),
        (&[], Protocol::Auto, None),
    ] {
        let (address, trust, mut chosen) = serve_either(offered).await;
        let spec = ProbeSpec { protocol, host: Some(NAME.to_owned()), ..spec() };
        let sample = probe_url(&format!("https://{address}"), &spec, trust).await;
        assert_eq!(sample.failure, None, "{protocol:?}: {sample:?}");
        assert_eq!(chosen.recv().await, Some(expected), "{protocol:?}");
        assert!(sample.phases.tls_ms.is_some(), "{sample:?}");
    }
}

#[tokio::test]
async fn a_server_that_can_not_speak_http2_fails_when_it_is_asked_for() {
    let spec = ProbeSpec { host: Some(NAME.to_owned()), ..http2() };
    let (address, trust, _) = serve_either(&[b"http/1.1"]).await;
    let sample = probe_url(&format!("https://{address}"), &spec, trust).await;
    assert_failed(&sample, ProbeFailure::Tls, "");
    let (address, trust, _chosen) = serve_either(&[]).await;
    let sample = probe_url(&format!("https://{address}"), &spec, trust).await;
    assert_failed(&sample, ProbeFailure::Protocol, "did not choose HTTP/2");
    // And without TLS, where nothing was chosen.
    assert!(probe(answer(GOOD).await, &http2()).await.failure.is_some());
}

#[tokio::test]
async fn one_that_never_answers_over_http2_is_an_answer_timeout() {
    let address = serve(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let spec = ProbeSpec { protocol: Protocol::Http2, ..brief() };
    assert_failed(&probe(address, &spec).await, ProbeFailure::AnswerTimeout, "no answer began");
}

#[tokio::test]
async fn one_that_closes_before_its_http2_answer_closed_early() {
    let address = serve(|mut stream| async move {
        let _ = stream.read_u8().await;
        // Settings, and no more.
        let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    })
    .await;
    assert_failed(&probe(address, &http2()).await, ProbeFailure::Closed, "");
}

/// A body that never ends.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'.'; 1024])))))
    }
}

#[tokio::test]
async fn an_endless_body_over_http2_is_too_large() {
    let address = serve_http2(|_| Response::new(Endless.boxed())).await;
    assert_failed(&probe(address, &http2()).await, ProbeFailure::TooLarge, "65536 bytes");
}

#[tokio::test]
async fn a_flood_of_headers_over_http2_fails_and_is_not_read_to_its_end() {
    let address = serve_http2(|_| {
        let mut answer = good();
        for n in 0..100 {
            let name: hyper::header::HeaderName = format!("x-{n}").parse().expect("valid");
            let value = "y".repeat(1_000).parse().expect("valid");
            answer.headers_mut().insert(name, value);
        }
        answer
    })
    .await;
    // The protocol's library ends the stream, and does not tell why.
    assert_failed(&probe(address, &http2()).await, ProbeFailure::Protocol, "stream error");
}

#[tokio::test]
async fn what_is_not_http2_is_a_broken_answer() {
    let address = serve(|mut stream| async move {
        let _ = stream.read_u8().await;
        let _ = stream.write_all(&[b'?'; 64]).await;
        std::future::pending::<()>().await;
    })
    .await;
    assert_failed(&probe(address, &http2()).await, ProbeFailure::Protocol, "");
}
