//! An HTTP/1.1 server that can do what a failing network does: say nothing, reset, or break off.
//!
//! Frameworks always answer; a modelled Region that is lost must not. So this sits on hyper itself,
//! for the AWS endpoints and the applications alike.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long a connection hangs at most. Whoever asks gives up long before; those who don't should
/// not pile up.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Wait after a failed accept: as a rule the process is out of file descriptors, and the next try
/// would fail as well.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Reply {
    /// It is answered.
    Answer(Response<Full<Bytes>>),
    /// It is answered with the head and the first half of the body; then the connection ends.
    Truncated(Response<Bytes>),
    /// Nothing comes back: the connection hangs.
    Silence,
    /// The connection is reset.
    Reset,
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("nothing came back")]
    Silent,
    #[error("reset")]
    Reset,
    #[error("broken off")]
    BrokenOff,
}

/// A body of which the second half never comes. Its length is not told to hyper, which would
/// otherwise hold the head to it.
#[derive(Debug)]
struct Half {
    first: Option<Bytes>,
    waited: bool,
}

impl Body for Half {
    type Data = Bytes;
    type Error = Unanswered;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unanswered>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if !self.waited {
            // Once more around, so that what there is gets sent first.
            self.waited = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Unanswered::BrokenOff)))
    }
}

/// What a response carries.
type Content = Either<Full<Bytes>, Half>;

/// The answer with its whole length in its head, and half of it.
fn truncated(response: Response<Bytes>) -> Response<Content> {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, body.len().max(1).into());
    let first = Some(body.slice(..body.len() / 2)).filter(|first| !first.is_empty());
    Response::from_parts(parts, Either::Right(Half { first, waited: false }))
}

/// Accepts connections for as long as it is polled, and ends them when it is dropped.
pub(super) async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream));
                }
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Which request of its connection one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The first: the connection was made for it.
    First,
    /// A later one.
    Later,
}

impl Turn {
    /// The time from the wish to ask until the request arrives, at this distance one way. On
    /// loopback a connection costs nothing; far away it costs a round trip for TCP and one for TLS
    /// 1.3 (RFC 8446, 2) before the request can leave.
    pub(super) fn arrival(self, way: Duration) -> Duration {
        match self {
            Self::First => way * 5,
            Self::Later => way,
        }
    }
}

/// Serves one connection for as long as it lasts.
pub(super) async fn connection<F>(stream: TcpStream, handle: impl Fn(Request<Incoming>, Turn) -> F)
where
    F: Future<Output = Reply>,
{
    let asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        let turn = if asked.swap(true, Ordering::Relaxed) { Turn::Later } else { Turn::First };
        let reply = handle(request, turn);
        // Pinned on the heap: the connection is polled by reference below.
        Box::pin(async move {
            match reply.await {
                Reply::Answer(response) => Ok(response.map(Either::Left)),
                Reply::Truncated(response) => Ok(truncated(response)),
                Reply::Silence => {
                    tokio::time::sleep(SILENCE_MAX).await;
                    Err(Unanswered::Silent)
                }
                Reply::Reset => Err(Unanswered::Reset),
            }
        })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    let cause = ended.as_ref().err().and_then(|error| error.source()?.downcast_ref());
    if let Some(Unanswered::Reset) = cause {
        reset(stream);
    }
}

/// Ends a connection with an RST, as a host does on whose port nobody listens.
pub(super) fn reset(stream: TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!("a connection is closed instead of reset: {error}");
    }
}

/// Sleeps unless there is nothing to sleep: a timer's shortest sleep is a millisecond.
pub(super) async fn delay(span: Duration) {
    if !span.is_zero() {
        tokio::time::sleep(span).await;
    }
}
