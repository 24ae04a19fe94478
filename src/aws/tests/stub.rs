//! A server that answers by script, rightly or wrongly, and keeps what it was asked.
//!
//! Written on bare sockets, since a proper HTTP server refuses to break off in the middle.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What is done with a request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Answered with this status and body.
    Answer(u16, String),
    /// Answered with a longer length than the body has; then closed.
    Truncated(String),
    /// The connection is closed before anything is read.
    CloseUnread,
    /// The request is read, then the connection closed.
    CloseRead,
    /// The request is read, and nothing follows.
    Hang,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Request line and headers.
    pub(super) head: String,
    /// The body.
    pub(super) body: String,
}

/// The server. Ends with the test's runtime.
pub(super) struct Stub {
    /// Its URL.
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
}

impl Stub {
    /// Follows the script, a reply for each request; the last one for all that come after.
    pub(super) async fn start(script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let (seen, count) = (asked.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                *count.lock().expect("no panic") += 1;
                tokio::spawn(serve(socket, script.clone(), seen.clone()));
            }
        });
        Self { url, asked, connections }
    }

    /// A URL where nobody listens.
    pub(super) async fn nowhere() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        format!("http://{}", listener.local_addr().expect("bound"))
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }

    /// Connections that were accepted so far.
    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic")
    }
}

fn next(script: &Mutex<VecDeque<Reply>>) -> Reply {
    let mut script = script.lock().expect("no panic");
    let reply = script.front().cloned().expect("a script has a reply");
    if script.len() > 1 {
        script.pop_front();
    }
    reply
}

async fn serve(
    socket: TcpStream,
    script: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Asked>>>,
) {
    let mut socket = BufReader::new(socket);
    if matches!(script.lock().expect("no panic").front(), Some(Reply::CloseUnread)) {
        next(&script);
        return;
    }
    while let Some(asked) = read(&mut socket).await {
        seen.lock().expect("no panic").push(asked);
        let (status, length, body) = match next(&script) {
            Reply::Answer(status, body) => (status, body.len(), body),
            Reply::Truncated(body) => (200, body.len() + 100, body),
            Reply::CloseUnread | Reply::CloseRead => return,
            Reply::Hang => return std::future::pending().await,
        };
        let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\n\r\n");
        let answer = [head.as_bytes(), body.as_bytes()].concat();
        if socket.write_all(&answer).await.is_err() || length != body.len() {
            return;
        }
    }
}

async fn read(socket: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("headers are text");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().expect("a number"));
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some(Asked { head, body: String::from_utf8(body).expect("bodies are text") })
}
