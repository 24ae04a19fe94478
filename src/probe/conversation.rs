//! HTTP on one connection, of either version, within bounds of size. The caller bounds the time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderValue;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;

use super::endpoint::Ask;
use super::progress::Progress;
use super::{Broken, in_full};
use crate::domain::ProbeFailure;
use crate::telemetry::Stopwatch;

/// Longest head of an answer: what an Application Load Balancer lets through (ELB User Guide,
/// "Quotas for your Application Load Balancers": entire response header 32 K) and as much again.
const HEAD_BYTES_MAX: u32 = 64 * 1024;
/// Most header fields of an answer: hyper's own default, said aloud.
const HEADERS_MAX: usize = 100;
/// What an HTTP/2 server may send before it is read: the protocol's own beginning (RFC 9113,
/// section 6.9.2), since health pages are small and thousands of connections are not.
const WINDOW_BYTES: u32 = 65_535;

/// What is spoken over: plain or secured.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection on which requests can be made. Dropping it closes the connection.
pub(super) struct Conversation {
    sender: Sender,
    listener: Arc<Listener>,
    /// Drives the connection; none once it runs.
    driver: Option<Driver>,
    opened: Stopwatch,
    /// When the certificate that it showed expires.
    pub(super) certificate_expiry_unix_s: Option<i64>,
    tasks: Tasks,
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Conversation {
    /// Begins to speak HTTP/2 or HTTP/1.1 on a stream.
    pub(super) async fn begin(
        stream: Box<dyn Stream>,
        http2: bool,
        certificate_expiry_unix_s: Option<i64>,
    ) -> Result<Self, Broken> {
        let listener = Arc::new(Listener::default());
        let stream = Watched { stream, listener: Arc::clone(&listener) };
        let tasks = Tasks::default();
        let (sender, driver): (_, Driver) = if http2 {
            let (sender, connection) = http2::Builder::new(tasks.spawner())
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES)
                .max_header_list_size(HEAD_BYTES_MAX)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(|error| broken(&error))?;
            // Its error, if any, reaches the request too, where it is judged. So below.
            (Sender::Http2(sender), Box::pin(async move { drop(connection.await) }))
        } else {
            let (sender, connection) = http1::Builder::new()
                .max_buf_size(HEAD_BYTES_MAX as usize)
                .max_headers(HEADERS_MAX)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(|error| broken(&error))?;
            (Sender::Http1(sender), Box::pin(async move { drop(connection.await) }))
        };
        let opened = Stopwatch::start();
        let driver = Some(driver);
        Ok(Self { sender, listener, driver, opened, certificate_expiry_unix_s, tasks })
    }

    /// Whether it was open when last looked at.
    pub(super) fn is_open(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => !sender.is_closed(),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Time since it was opened.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Makes a request and waits for the head of its answer. `last` says that none will follow.
    pub(super) async fn ask(
        &mut self,
        ask: &Ask,
        user_agent: &HeaderValue,
        last: bool,
        progress: &Arc<Progress>,
    ) -> Result<Response<Incoming>, Broken> {
        let mut request = Request::new(Empty::new());
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        // The body is searched as it comes, so it must not come compressed.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // A cache's memory of a healthy answer says nothing about now.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        match &mut self.sender {
            Sender::Http1(sender) => {
                headers.insert(HOST, ask.host_header.clone());
                if last {
                    headers.insert(CONNECTION, HeaderValue::from_static("close"));
                }
                *request.uri_mut() = Uri::from(ask.path.clone());
                if self.driver.is_none() {
                    sender.ready().await.map_err(|error| broken(&error))?;
                }
                self.listener.listen(progress);
                let answer = sender.send_request(request);
                // Not before the request is on its way: a server that speaks first would be met
                // differently from one time to the next.
                self.tasks.start(&mut self.driver);
                answer.await
            }
            Sender::Http2(sender) => {
                let scheme = if ask.tls_name.is_some() { "https" } else { "http" };
                *request.uri_mut() = Uri::builder()
                    .scheme(scheme)
                    .authority(ask.authority.clone())
                    .path_and_query(ask.path.clone())
                    .build()
                    .expect("each part is valid, and none is missing");
                self.tasks.start(&mut self.driver);
                sender.ready().await.map_err(|error| broken(&error))?;
                // The first bytes on the wire are the protocol's own, so the head's arrival counts.
                let answer = sender.send_request(request).await;
                if answer.is_ok() {
                    progress.byte_came();
                }
                answer
            }
        }
        .map_err(|error| broken(&error))
    }
}

/// Reads a body to its end, also when nothing is looked for in it: an answer that breaks off is not
/// a good answer. Keeps what came if asked to.
pub(super) async fn read(
    mut body: Incoming,
    bytes_max: u32,
    keep: bool,
) -> Result<Vec<u8>, Broken> {
    let most = u64::from(bytes_max);
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
        if keep {
            kept.extend_from_slice(data);
        }
    }
    Ok(kept)
}

fn broken(error: &hyper::Error) -> Broken {
    let why = in_full(error);
    if error.is_parse_too_large() {
        let bound =
            format!("(at most {HEADERS_MAX} header fields and {HEAD_BYTES_MAX} bytes are read)");
        return Broken::new(ProbeFailure::TooLarge, format!("{why} {bound}"));
    }
    let closed = error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || io_kind(error).is_some_and(is_closing);
    Broken::new(if closed { ProbeFailure::Closed } else { ProbeFailure::Protocol }, why)
}

/// The kind of the first I/O error among the causes.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

fn is_closing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof,
    };
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// The tasks that drive a connection, which end with it: nothing outlives a probe.
#[derive(Default)]
struct Tasks(Arc<Mutex<Vec<AbortHandle>>>);

impl Tasks {
    fn spawner(&self) -> Spawner {
        Spawner(Arc::clone(&self.0))
    }

    fn start(&self, driver: &mut Option<Driver>) {
        if let Some(driver) = driver.take() {
            self.spawner().spawn(driver);
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

/// Starts tasks that end with their connection. HTTP/2 starts one for each request.
#[derive(Clone)]
struct Spawner(Arc<Mutex<Vec<AbortHandle>>>);

impl Spawner {
    fn spawn<F>(&self, task: F)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(tokio::spawn(task).abort_handle());
    }
}

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}

/// Whom to tell that the first byte came.
#[derive(Default)]
struct Listener(Mutex<Option<Arc<Progress>>>);

impl Listener {
    fn listen(&self, progress: &Arc<Progress>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(progress));
    }

    fn tell(&self) {
        if let Some(progress) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            progress.byte_came();
        }
    }
}

/// A stream that tells when something was read from it. hyper itself tells only when a whole head
/// is there.
struct Watched {
    stream: Box<dyn Stream>,
    listener: Arc<Listener>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.listener.tell();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
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
