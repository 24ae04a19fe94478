//! Webhooks over HTTP/1.1, plain or over TLS: one request, one connection.
//!
//! What is sent is not signed: the receiver knows a sender by a path or a query that only the two
//! know, and by TLS whom it talks to.

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::domain::CallFailure;
use crate::domain::webhook::Reply;
use crate::ports::{Answer, Webhooks};
use crate::probe::{NoRoots, Trust};

/// What is read of an answer: what fits a line of a log.
const SAID_BYTES_MAX: usize = 1024;

/// See the file's opening.
#[derive(Default)]
pub struct HttpWebhooks {
    /// Read when the first secured address is called: it takes time.
    trust: OnceLock<Trust>,
}

/// Where a webhook goes.
struct Address {
    secured: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Address {
    fn of(url: &str) -> Result<Self, CallFailure> {
        let wrong = |why: &str| CallFailure::permanent(format!("{url:?} can't be called: {why}"));
        let uri: Uri = url.parse().map_err(|_| wrong("it is no URL"))?;
        let secured = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a password in a URL ends up in logs: put a secret into its path"));
        }
        Ok(Self {
            secured,
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(if secured { 443 } else { 80 }),
            authority: authority.to_string(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }
}

#[async_trait]
impl Webhooks for HttpWebhooks {
    async fn post(&self, url: &str, key: &str, body: &str, limit: Duration) -> Answer<Reply> {
        let address = Address::of(url)?;
        let request = Request::post(&address.path)
            .header(HOST, &address.authority)
            .header(USER_AGENT, concat!("regent/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
            .header(CONNECTION, "close")
            .header("idempotency-key", key)
            .body(Full::new(Bytes::from(body.to_owned())))
            .map_err(|error| CallFailure::permanent(format!("{url:?}: {error}")))?;
        let mut sent = false;
        let conversation = self.converse(&address, request, &mut sent);
        let result = tokio::time::timeout(limit, conversation).await;
        match result {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(what)) if sent => Err(CallFailure::unknown(format!("{url}: {what}"))),
            Ok(Err(what)) => Err(CallFailure::transient(format!("{url}: {what}"))),
            Err(_) => {
                let what = format!("{url}: no answer within {} ms", limit.as_millis());
                Err(if sent { CallFailure::unknown(what) } else { CallFailure::transient(what) })
            }
        }
    }
}

impl HttpWebhooks {
    fn trust(&self) -> Result<&Trust, NoRoots> {
        if let Some(known) = self.trust.get() {
            return Ok(known);
        }
        let found = Trust::of_system()?;
        Ok(self.trust.get_or_init(|| found))
    }

    async fn converse(
        &self,
        address: &Address,
        request: Request<Full<Bytes>>,
        sent: &mut bool,
    ) -> Result<Reply, String> {
        let stream = TcpStream::connect((address.host.as_str(), address.port))
            .await
            .map_err(|error| error.to_string())?;
        if !address.secured {
            return ask(stream, request, sent).await;
        }
        let name = ServerName::try_from(address.host.clone()).map_err(|error| error.to_string())?;
        let trust = self.trust().map_err(|error| error.to_string())?;
        let tls = trust.connector().ok_or("this agent trusts no authority")?;
        let stream = tls.connect(name, stream).await.map_err(|error| error.to_string())?;
        ask(stream, request, sent).await
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
    sent: &mut bool,
) -> Result<Reply, String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // Its error reaches the request too, where it is told.
    let driver = tokio::spawn(async move { drop(connection.await) });
    *sent = true;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    // The status is the answer; what is said with it is for people, and may break off.
    let body = Limited::new(answer.into_body(), SAID_BYTES_MAX).collect().await;
    let said = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).trim().to_owned());
    driver.abort();
    Ok(Reply { status, said: said.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::domain::FailureClass;

    /// Long: it only ends a test that has failed.
    const LIMIT: Duration = Duration::from_secs(60);

    /// Answers one request with this, and hands the request over.
    async fn receiver(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}/hooks/s3cret?x=1", listener.local_addr().expect("bound"));
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("it is called");
            let mut heard = String::new();
            while !heard.ends_with('}') {
                let mut bytes = [0; 1024];
                let count = stream.read(&mut bytes).await.expect("it sends");
                assert!(count > 0, "it broke off: {heard}");
                heard += std::str::from_utf8(&bytes[..count]).expect("UTF-8");
            }
            stream.write_all(answer.as_bytes()).await.expect("it listens");
            heard
        });
        (url, heard)
    }

    #[tokio::test]
    async fn a_document_is_posted_with_its_key_and_the_answer_is_given_whatever_it_is() {
        for (answer, status, said) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
            ("HTTP/1.1 409 Conflict\r\ncontent-length: 6\r\n\r\nfreeze", 409, "freeze"),
            ("HTTP/1.1 503 Unavailable\r\ncontent-length: 0\r\n\r\n", 503, ""),
        ] {
            let (url, heard) = receiver(answer).await;
            let hooks = HttpWebhooks::default();
            let reply = hooks.post(&url, "run/step/1", "{\"run\":\"x\"}", LIMIT).await;
            assert_eq!(reply, Ok(Reply { status, said: said.to_owned() }));
            let heard = heard.await.expect("it heard");
            assert!(heard.starts_with("POST /hooks/s3cret?x=1 HTTP/1.1\r\n"), "{heard}");
            assert!(heard.contains("idempotency-key: run/step/1\r\n"), "{heard}");
            assert!(heard.ends_with("\r\n\r\n{\"run\":\"x\"}"), "{heard}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_unknown_and_nobody_there_is_not() {
        let hooks = HttpWebhooks::default();
        let (url, _heard) = receiver("HTTP/1.1 2").await;
        let broken = hooks.post(&url, "k", "{}", LIMIT).await.expect_err("no answer");
        assert_eq!(broken.class, FailureClass::Unknown, "{broken}");
        let nobody = hooks.post("http://127.0.0.1:1/", "k", "{}", LIMIT).await;
        assert_eq!(nobody.expect_err("nobody").class, FailureClass::Transient);
        for url in ["hooks.example/x", "ftp://hooks.example/x", "http://me:secret@hooks.example/"] {
            let wrong = hooks.post(url, "k", "{}", LIMIT).await.expect_err("no such address");
            assert_eq!(wrong.class, FailureClass::Permanent, "{wrong}");
        }
    }
}
