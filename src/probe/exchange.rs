//! One request and its answer on a connection, within bounds of size. The caller bounds the time.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::HeaderValue;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::endpoint::Endpoint;
use super::{Broken, in_full};
use crate::domain::ProbeFailure;

/// Longest head of an answer: what an Application Load Balancer lets through (ELB User Guide,
/// "Quotas for your Application Load Balancers": entire response header 32 K) and as much again.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most header fields of an answer: hyper's own default, said aloud.
const HEADERS_MAX: usize = 100;

/// Asks, reads the answer to its end, and judges it. `first_byte` is called once, when the answer
/// begins.
///
/// The order of judgement is that of arrival: a wrong status ends the probe before the body.
pub(super) async fn exchange<S>(
    stream: S,
    endpoint: &Endpoint,
    user_agent: &HeaderValue,
    first_byte: impl FnMut() + Unpin,
) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = Watched { stream, first_byte, seen: false };
    let (sender, connection) = Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let mut verdict = pin!(ask(sender, request(endpoint, user_agent), endpoint));
    // Driven here rather than in a task of its own, so that nothing outlives the probe.
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        verdict = &mut verdict => return verdict,
        // Its error, if any, reaches the other side too, where it is judged.
        _ = &mut connection => {}
    }
    verdict.await
}

fn request(endpoint: &Endpoint, user_agent: &HeaderValue) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = Uri::from(endpoint.path.clone());
    let headers = request.headers_mut();
    headers.insert(HOST, endpoint.host_header.clone());
    headers.insert(USER_AGENT, user_agent.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // The body is searched as it comes, so it must not come compressed.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // A cache's memory of a healthy answer says nothing about now.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    request
}

async fn ask(
    mut sender: SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    endpoint: &Endpoint,
) -> Result<(), Broken> {
    let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let (lowest, highest) = endpoint.status;
    let status = answer.status();
    if !(lowest..=highest).contains(&status.as_u16()) {
        return Err(Broken::new(ProbeFailure::Status, status.to_string()));
    }
    let body = read(answer.into_body(), endpoint).await?;
    match &endpoint.body_contains {
        Some(text) if !String::from_utf8_lossy(&body).contains(text) => Err(Broken::new(
            ProbeFailure::Body,
            format!("{text:?} is not in the {} bytes that came", body.len()),
        )),
        _ => Ok(()),
    }
}

/// Reads the body to its end, also when nothing is looked for in it: an answer that breaks off is
/// not a good answer. Keeps only what will be searched.
async fn read(mut body: Incoming, endpoint: &Endpoint) -> Result<Vec<u8>, Broken> {
    let most = u64::from(endpoint.body_bytes_max);
    let too_large =
        || Broken::new(ProbeFailure::TooLarge, format!("the body is longer than {most} bytes"));
    if body.size_hint().lower() > most {
        return Err(too_large());
    }
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        length += u64::try_from(data.len()).expect("a length fits 64 bits");
        if length > most {
            return Err(too_large());
        }
        if endpoint.body_contains.is_some() {
            kept.extend_from_slice(data);
        }
    }
    Ok(kept)
}

fn broken(error: &hyper::Error) -> Broken {
    let why = in_full(error);
    let bound = if error.is_parse_too_large() {
        format!(" (at most {HEADERS_MAX} header fields and {HEAD_BYTES_MAX} bytes are read)")
    } else {
        String::new()
    };
    Broken::new(ProbeFailure::Protocol, why + &bound)
}

/// A stream that tells when the first byte was read from it. hyper itself tells only when a whole
/// head is there.
struct Watched<S, F> {
    stream: S,
    first_byte: F,
    seen: bool,
}

impl<S: AsyncRead + Unpin, F: FnMut() + Unpin> AsyncRead for Watched<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if !self.seen && buffer.filled().len() > before {
            self.seen = true;
            (self.first_byte)();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin, F: Unpin> AsyncWrite for Watched<S, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
