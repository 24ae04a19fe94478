//! An HTTP/1.1 server that can do what a failing network does: say nothing, or reset.
//!
//! Frameworks always answer; a modelled Region that is lost must not. So this sits on hyper itself,
//! for the AWS endpoints and the applications alike.

use std::error::Error as _;
use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
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

/// Serves one connection for as long as it lasts.
pub(super) async fn connection<F>(stream: TcpStream, handle: impl Fn(Request<Incoming>) -> F)
where
    F: Future<Output = Reply>,
{
    let service = service_fn(|request| {
        let reply = handle(request);
        // Pinned on the heap: the connection is polled by reference below.
        Box::pin(async move {
            match reply.await {
                Reply::Answer(response) => Ok(response),
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
