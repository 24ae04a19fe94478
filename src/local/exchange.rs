//! One connection of an HTTP/1.1 client.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Longest answer that is read.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Nobody listens, or can be reached.
    #[error("can't connect to {to}: {error}")]
    Connect {
        /// Whom.
        to: SocketAddr,
        /// The system's words.
        error: io::Error,
    },
    /// The connection broke, or the answer is not HTTP.
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    /// The answer is cut off, or too long.
    #[error("the answer broke off: {0}")]
    Body(String),
}

/// An open connection; closed when it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    pub(super) async fn open(to: SocketAddr) -> Result<Self, ExchangeError> {
        let connect = |error| ExchangeError::Connect { to, error };
        let stream = TcpStream::connect(to).await.map_err(connect)?;
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Whatever breaks it, the request that was under way tells.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { requests, driver })
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, ExchangeError> {
        self.requests.ready().await?;
        let (parts, body) = self.requests.send_request(request).await?.into_parts();
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
            let too_long = error.is::<LengthLimitError>();
            let why = if too_long { "it is too long".to_owned() } else { error.to_string() };
            ExchangeError::Body(why)
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
