//! Probes of real sockets on loopback, one for each way in which an endpoint can fail.
//!
//! Where an outcome depends on time, the limits are so far apart that a slow machine changes
//! nothing: what must time out never comes, and what must come has [`PATIENT_MS`].

mod connections;
mod http2;
mod over_tls;
mod redirects;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::names::Names;
use super::*;
use crate::domain::Sample;
use crate::domain::fleet::{
    AddressFamily, ConnectionPolicy, JsonPart, JsonScalar, ProbeSpec, Protocol,
};

/// A limit that no test is meant to reach.
const PATIENT_MS: u32 = 30_000;
/// A limit that is meant to be reached.
const BRIEF_MS: u32 = 100;

pub(super) fn spec() -> ProbeSpec {
    ProbeSpec {
        protocol: Protocol::Auto,
        connection: ConnectionPolicy::Fresh,
        family: AddressFamily::Any,
        path: "/health".to_owned(),
        host: None,
        status: vec![(200, 299)],
        body_contains: None,
        json: Vec::new(),
        redirects_max: 0,
        connect_ms_max: None,
        first_byte_ms_max: None,
        latency_ms_max: PATIENT_MS,
        timeout_ms: PATIENT_MS,
        body_bytes_max: 64 * 1024,
    }
}

fn brief() -> ProbeSpec {
    ProbeSpec { timeout_ms: BRIEF_MS, ..spec() }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Serves every connection by this function.
async fn serve<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// Reads a request's head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a whole request"));
    }
    String::from_utf8(head).expect("a head is text")
}

/// Serves every request with these bytes, and closes.
async fn answer(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    serve(move |mut stream| {
        let bytes = bytes.clone();
        async move {
            head(&mut stream).await;
            // The probe may have seen enough and gone.
            let _ = stream.write_all(&bytes).await;
        }
    })
    .await
}

async fn probe_url(url: &str, spec: &ProbeSpec, trust: Trust) -> Sample {
    let endpoint = Endpoint::new(url, spec).expect("valid");
    Prober::new("regent-test/1", trust).expect("valid").probe(&endpoint).await
}

async fn probe(address: SocketAddr, spec: &ProbeSpec) -> Sample {
    probe_url(&format!("http://{address}"), spec, Trust::nobody()).await
}

#[track_caller]
fn assert_failed(sample: &Sample, failure: ProbeFailure, detail: &str) {
    assert_eq!(sample.failure, Some(failure), "{sample:?}");
    assert!(sample.detail.contains(detail), "{detail:?} is not in {sample:?}");
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

#[tokio::test]
async fn a_good_answer_is_a_success_with_what_each_phase_took() {
    let sample = probe(answer(GOOD).await, &spec()).await;
    assert_eq!(sample.failure, None, "{sample:?}");
    assert_eq!(sample.detail, "");
    let phases = sample.phases;
    let connect = phases.connect_ms.expect("connected");
    let first_byte = phases.first_byte_ms.expect("answered");
    // Each is cut to whole milliseconds.
    assert!(connect + first_byte <= phases.total_ms, "{sample:?}");
    assert_eq!((phases.name_ms, phases.tls_ms), (None, None), "neither was needed");
}

#[tokio::test]
async fn the_request_says_who_asks_for_what_and_that_the_connection_ends() {
    let (sender, mut heads) = mpsc::unbounded_channel();
    let address = serve(move |mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(head(&mut stream).await).expect("the test waits");
            let _ = stream.write_all(GOOD.as_bytes()).await;
        }
    })
    .await;
    let spec = ProbeSpec { host: Some("shop.example.com".to_owned()), ..spec() };
    assert_eq!(probe(address, &spec).await.failure, None);
    let head = heads.recv().await.expect("a request");
    assert!(head.starts_with("GET /health HTTP/1.1\r\n"), "{head}");
    for header in ["host: shop.example.com", "user-agent: regent-test/1", "connection: close"] {
        assert!(head.contains(&format!("\r\n{header}\r\n")), "{header} is not in {head}");
    }
}

#[tokio::test]
async fn every_probe_makes_a_connection_of_its_own() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let address = serve(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            // Would serve any number of requests.
            loop {
                head(&mut stream).await;
                stream.write_all(GOOD.as_bytes()).await.expect("written");
            }
        }
    })
    .await;
    let endpoint = Endpoint::new(&format!("http://{address}"), &spec()).expect("valid");
    let prober = Prober::new("regent-test/1", Trust::nobody()).expect("valid");
    for _ in 0..3 {
        assert_eq!(prober.probe(&endpoint).await.failure, None);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_refused_connection_says_who_refused() {
    let (listener, address) = listener().await;
    drop(listener);
    let sample = probe(address, &spec()).await;
    assert_failed(&sample, ProbeFailure::Refused, &address.to_string());
    assert_eq!((sample.phases.connect_ms, sample.phases.first_byte_ms), (None, None));
}

/// A listener whose queue is full, so that Linux drops what would begin another connection; and
/// what fills it.
#[cfg(target_os = "linux")]
async fn full_listener() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("valid")).expect("a free port");
    let listener = socket.listen(1).expect("listening");
    let address = listener.local_addr().expect("bound");
    let mut filling = Vec::new();
    let brief = Duration::from_millis(BRIEF_MS.into());
    while let Ok(stream) = tokio::time::timeout(brief, TcpStream::connect(address)).await {
        filling.push(stream.expect("connected"));
    }
    (listener, address, filling)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_never_comes_is_a_connect_timeout() {
    let (_listener, address, _filling) = full_listener().await;
    let sample = probe(address, &brief()).await;
    assert_failed(&sample, ProbeFailure::ConnectTimeout, "127.0.0.1");
    assert_eq!(sample.phases.connect_ms, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_swallows_packets_leaves_time_for_the_next() {
    let (_listener, full, _filling) = full_listener().await;
    let good = answer(GOOD).await;
    let names = Names::with(move |_, _| Box::pin(async move { Ok(vec![full, good]) }));
    let prober = Prober::with_names("regent-test/1", Trust::nobody(), names).expect("valid");
    let spec = ProbeSpec { timeout_ms: 2_000, ..spec() };
    let endpoint = Endpoint::new("http://web.example.com", &spec).expect("valid");
    let sample = prober.probe(&endpoint).await;
    assert_eq!(sample.failure, None, "{sample:?}");
}

#[tokio::test]
async fn an_address_that_refuses_is_passed_over() {
    let (listener, refused) = listener().await;
    drop(listener);
    let good = answer(GOOD).await;
    let names = Names::with(move |_, _| Box::pin(async move { Ok(vec![refused, good]) }));
    let prober = Prober::with_names("regent-test/1", Trust::nobody(), names).expect("valid");
    let endpoint = Endpoint::new("http://web.example.com", &spec()).expect("valid");
    assert_eq!(prober.probe(&endpoint).await.failure, None);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_name_failure_at_once_or_by_the_limit() {
    let says_no = Names::with(|_, _| Box::pin(async { Err(std::io::Error::other("NXDOMAIN")) }));
    let hangs = Names::with(|_, _| Box::pin(std::future::pending()));
    for (names, spec, detail) in
        [(says_no, spec(), "web.example.com: NXDOMAIN"), (hangs, brief(), "did not answer")]
    {
        let prober = Prober::with_names("regent-test/1", Trust::nobody(), names).expect("valid");
        let endpoint = Endpoint::new("http://web.example.com", &spec).expect("valid");
        assert_failed(&prober.probe(&endpoint).await, ProbeFailure::Name, detail);
    }
}

#[tokio::test]
async fn one_that_accepts_and_never_answers_is_an_answer_timeout() {
    let address = serve(|stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let sample = probe(address, &brief()).await;
    assert_failed(&sample, ProbeFailure::AnswerTimeout, "no answer began");
    assert!(
        sample.phases.connect_ms.is_some() && sample.phases.first_byte_ms.is_none(),
        "{sample:?}"
    );
}

#[tokio::test]
async fn one_that_drips_is_an_answer_timeout_however_steadily_it_drips() {
    let address = serve(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let spec = ProbeSpec { timeout_ms: 1_000, body_bytes_max: u32::MAX, ..spec() };
    let sample = probe(address, &spec).await;
    assert_failed(&sample, ProbeFailure::AnswerTimeout, "the answer began");
    assert!(sample.phases.first_byte_ms.is_some(), "{sample:?}");
}

#[tokio::test]
async fn one_that_closes_in_the_middle_is_told_from_one_that_is_not_http() {
    for bytes in [
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let sample = probe(answer(bytes).await, &spec()).await;
        assert_failed(&sample, ProbeFailure::Closed, "");
        assert!(!sample.detail.is_empty(), "{bytes:?}");
    }
    for bytes in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "\0\u{1}\u{2}\u{3}\r\n\r\n",
    ] {
        let sample = probe(answer(bytes).await, &spec()).await;
        assert_failed(&sample, ProbeFailure::Protocol, "");
        assert!(!sample.detail.is_empty(), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_status_out_of_the_range_is_a_wrong_status_whatever_the_body() {
    let address = answer("HTTP/1.1 503 Oh no\r\ncontent-length: 4\r\n\r\nfine").await;
    let sample = probe(address, &spec()).await;
    assert_failed(&sample, ProbeFailure::Status, "503 Service Unavailable");
    assert_eq!(
        probe(address, &ProbeSpec { status: vec![(503, 503)], ..spec() }).await.failure,
        None
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_failure_says_where_it_leads() {
    let visits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&visits);
    let elsewhere = serve(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async {}
    })
    .await;
    let redirect =
        format!("HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
    let address = answer(redirect).await;
    assert_failed(&probe(address, &spec()).await, ProbeFailure::Redirect, "302 Found to http://");
    assert_eq!(
        probe(address, &ProbeSpec { status: vec![(200, 399)], ..spec() }).await.failure,
        None
    );
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_without_the_text_is_a_wrong_body() {
    let wants = |text: &str| ProbeSpec { body_contains: Some(text.to_owned()), ..spec() };
    let address = answer(GOOD).await;
    assert_eq!(probe(address, &wants("in")).await.failure, None);
    assert_failed(&probe(address, &wants("great")).await, ProbeFailure::Body, "\"great\"");

    // Also when the text is spread over chunks.
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nfi\r\n2\r\nne\r\n0\r\n\r\n";
    assert_eq!(probe(answer(chunked).await, &wants("fine")).await.failure, None);
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_too_large_by_its_length_or_by_its_bytes() {
    let bound = |body_bytes_max| ProbeSpec { body_bytes_max, ..spec() };
    let address = answer(GOOD).await;
    assert_eq!(probe(address, &bound(4)).await.failure, None);
    assert_failed(&probe(address, &bound(3)).await, ProbeFailure::TooLarge, "3 bytes");

    // One that is announced is not waited for.
    let announced = serve(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    assert_failed(&probe(announced, &spec()).await, ProbeFailure::TooLarge, "65536 bytes");

    let endless = serve(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'.'; 1024]).await.is_ok() {}
    })
    .await;
    // Bounded also when nothing is looked for.
    assert_failed(&probe(endless, &spec()).await, ProbeFailure::TooLarge, "65536 bytes");
    let wants = ProbeSpec { body_contains: Some("..".to_owned()), ..spec() };
    assert_failed(&probe(endless, &wants).await, ProbeFailure::TooLarge, "65536 bytes");
}

#[tokio::test]
async fn a_right_answer_that_comes_late_is_slow_and_a_wrong_one_is_wrong() {
    let late = |text: &'static str| {
        serve(move |mut stream| async move {
            head(&mut stream).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            let _ = stream.write_all(text.as_bytes()).await;
        })
    };
    let spec = ProbeSpec { latency_ms_max: 10, ..spec() };
    let sample = probe(late(GOOD).await, &spec).await;
    assert_failed(&sample, ProbeFailure::Slow, "allowed are 10 ms");
    assert!(sample.phases.first_byte_ms.is_some(), "{sample:?}");
    let wrong = late("HTTP/1.1 500 Oh no\r\ncontent-length: 0\r\n\r\n").await;
    assert_failed(&probe(wrong, &spec).await, ProbeFailure::Status, "500");
}

#[tokio::test]
async fn a_flood_of_headers_is_too_large_and_is_not_read_to_its_end() {
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(200_000));
    for headers in [many, long] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
        let sample = probe(answer(bytes).await, &spec()).await;
        assert_failed(&sample, ProbeFailure::TooLarge, "100 header fields and 65536 bytes");
    }
    let endless = serve(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'y'; 1024]).await.is_ok() {}
    })
    .await;
    assert_failed(&probe(endless, &spec()).await, ProbeFailure::TooLarge, "too large");
}

#[tokio::test]
async fn headers_that_drip_are_an_answer_timeout() {
    let address = serve(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(b"y").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let spec = ProbeSpec { timeout_ms: 1_000, ..spec() };
    assert_failed(&probe(address, &spec).await, ProbeFailure::AnswerTimeout, "the answer began");
}

#[tokio::test]
async fn interim_answers_without_end_are_an_answer_timeout() {
    let address = serve(|mut stream| async move {
        head(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let spec = ProbeSpec { timeout_ms: 1_000, ..spec() };
    assert_failed(&probe(address, &spec).await, ProbeFailure::AnswerTimeout, "");
}

#[tokio::test]
async fn a_health_document_s_unhealthy_part_is_named() {
    let document = r#"{"checks": {"database": "down", "queue": "up"}}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", document.len());
    let address = answer(head + document).await;
    let wants = |name: &str| {
        let equals = vec![JsonScalar::Text("up".to_owned())];
        let pointer = format!("/checks/{name}");
        let json = vec![JsonPart { name: name.to_owned(), pointer, equals }];
        ProbeSpec { json, ..spec() }
    };
    assert_eq!(probe(address, &wants("queue")).await.failure, None);
    let sample = probe(address, &wants("database")).await;
    assert_failed(&sample, ProbeFailure::Json, r#"database is "down""#);
}

#[tokio::test]
async fn any_of_several_ranges_of_statuses_is_healthy() {
    let address = answer("HTTP/1.1 304 Not Modified\r\n\r\n").await;
    let of = |status: &[(u16, u16)]| ProbeSpec { status: status.to_vec(), ..spec() };
    assert_eq!(probe(address, &of(&[(200, 299), (304, 304)])).await.failure, None);
    assert_failed(
        &probe(address, &of(&[(200, 303), (305, 599)])).await,
        ProbeFailure::Status,
        "304",
    );
}

#[tokio::test]
async fn a_first_byte_that_comes_late_is_slow_though_the_whole_is_in_time() {
    let address = serve(|mut stream| async move {
        head(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = stream.write_all(GOOD.as_bytes()).await;
    })
    .await;
    let spec = ProbeSpec { first_byte_ms_max: Some(10), ..spec() };
    assert_failed(&probe(address, &spec).await, ProbeFailure::Slow, "began to answer in");
}

#[test]
fn a_detail_is_one_short_line() {
    let broken = Broken::new(ProbeFailure::Tls, "a\r\n\u{1b}[31m".to_owned() + &"x".repeat(9_000));
    assert!(broken.detail.starts_with("a   [31mxx"), "{}", broken.detail);
    assert_eq!(broken.detail.chars().count(), DETAIL_CHARS_MAX);
}

#[test]
fn a_user_agent_that_would_break_the_request_is_refused() {
    assert!(Prober::new("regent/1 (eu-west-1)", Trust::nobody()).is_ok());
    assert!(Prober::new("regent\r\nx: y", Trust::nobody()).is_err());
}
