//! The gate endpoint: what Route 53's health checkers ask, on a port of its own.
//!
//! It is the one part of an agent that the internet reaches, so it can do one thing: tell of one
//! gate. No other route, no body read, one short request a connection, few connections at once, a
//! few seconds for each. Whoever floods it keeps gates *open*, for a check that gets no token reads
//! as open; and the security group should let nobody in but the checkers.
//!
//! It does not ask the agent's loop. It reads the position that the loop left, which carries the
//! moment at which it lapses: a loop that is stuck closes nothing for longer than one that is cut
//! off. TLS is not spoken here; a load balancer may end it in front, and checkers look at no
//! certificate.
//!
//! | asked | answer |
//! |---|---|
//! | `GET /gate/<region>` (or `/gate/<region>/<service>`), closed | 200, `regent-gate <fleet> <region> closed <epoch>` |
//! | the same, open | 200, `regent-gate <fleet> <region> open` |
//! | anything else | 404 |

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::core::gates::{self, Position};
use crate::domain::gate::Gate;
use crate::domain::{Fleet, FleetName, Moment};
use crate::telemetry::clock;

/// Connections at once. Sixteen or so checkers of each check come every ten seconds and stay for
/// milliseconds; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 256;

/// Longest time from the connection to the end of the request's head: checkers send it at once.
const HEAD_LIMIT: Duration = Duration::from_secs(2);

/// Longest time for a connection as a whole: beyond it the checker has given up (Route 53 Developer
/// Guide, "How Amazon Route 53 determines whether a health check is healthy").
const CONNECTION_LIMIT: Duration = Duration::from_secs(5);

/// Longest request that is read: the smallest that the HTTP library allows. A checker's has some
/// 200 bytes.
const REQUEST_BYTES_MAX: usize = 8192;

/// Most headers of a request; a checker sends five, a load balancer adds a few.
const HEADERS_MAX: usize = 32;

/// Wait after a failed accept: as a rule the process is out of file descriptors, and the next try
/// would fail as well.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What the endpoint knows: the fleet's gates, and the position that the agent's loop left.
#[derive(Debug, Clone)]
pub struct Shown {
    fleet: FleetName,
    gates: Arc<BTreeSet<Gate>>,
    position: watch::Receiver<Position>,
}

impl Shown {
    /// Of this fleet's gates.
    #[must_use]
    pub fn new(fleet: &Fleet, position: watch::Receiver<Position>) -> Self {
        let gates = Arc::new(gates::all(fleet));
        Self { fleet: fleet.name.clone(), gates, position }
    }

    /// The answer to a path; none when it asks for no gate of this fleet.
    fn answer(&self, now: Moment, path: &str) -> Option<String> {
        let gate = Gate::of_path(path).filter(|gate| self.gates.contains(gate))?;
        let closed_by = self.position.borrow().closes(now, &gate);
        Some(gate.told(&self.fleet, closed_by.map(|state| state.epoch)))
    }
}

/// Serves until `stop` resolves.
pub async fn serve(listener: TcpListener, shown: Shown, stop: impl Future<Output = ()>) {
    serve_few(CONNECTIONS_MAX, listener, shown, stop).await;
}

async fn serve_few(
    connections_max: usize,
    listener: TcpListener,
    shown: Shown,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        // A place first: who finds none is left in the queue rather than taken and dropped.
        let place = tokio::select! {
            () = &mut stop => return,
            Ok(place) = places.clone().acquire_owned() => place,
            Some(_) = connections.join_next() => continue,
        };
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let shown = shown.clone();
                connections.spawn(async move {
                    let _place = place;
                    // Who is too slow is cut off; who breaks off, has gone.
                    let _ = tokio::time::timeout(CONNECTION_LIMIT, converse(stream, shown)).await;
                });
            }
            Err(error) => {
                tracing::warn!("a checker's connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, shown: Shown) -> hyper::Result<()> {
    let service = service_fn(|request: Request<_>| {
        let response = respond(&shown, clock::now(), &request);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(REQUEST_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn respond<B>(shown: &Shown, now: Moment, request: &Request<B>) -> Response<Full<Bytes>> {
    let asked = request.method() == Method::GET;
    let answer = asked.then(|| shown.answer(now, request.uri().path())).flatten();
    let (status, text) = match answer {
        Some(text) => (StatusCode::OK, text),
        None => (StatusCode::NOT_FOUND, "no such gate\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::domain::{Epoch, StateName};

    fn gate(text: &str) -> Gate {
        text.parse().expect("valid")
    }

    /// Gates of `r1` and `r2`, of which the first is closed until then.
    fn shown(until: Moment) -> Shown {
        let position = Position {
            state: Some(StateName { epoch: Epoch(7), seq: 2 }),
            closed: Arc::new(BTreeSet::from([gate("r1")])),
            until,
        };
        Shown {
            fleet: "demo".parse().expect("valid"),
            gates: Arc::new(BTreeSet::from([gate("r1"), gate("r2"), gate("r2/web")])),
            position: watch::channel(position).1,
        }
    }

    #[test]
    fn only_a_closed_gate_of_the_fleet_has_a_token_and_only_while_the_position_lasts() {
        let until = Moment::from_ms(5000);
        let shown = shown(until);
        let answer = |ms, path: &str| shown.answer(Moment::from_ms(ms), path);
        assert_eq!(answer(4999, "/gate/r1").as_deref(), Some("regent-gate demo r1 closed 7\n"));
        assert_eq!(answer(5000, "/gate/r1").as_deref(), Some("regent-gate demo r1 open\n"));
        assert_eq!(answer(0, "/gate/r2").as_deref(), Some("regent-gate demo r2 open\n"));
        assert_eq!(answer(0, "/gate/r2/web").as_deref(), Some("regent-gate demo r2/web open\n"));
        for path in ["/gate/r9", "/gate/r1/web", "/gate/", "/", "/metrics", "/healthz"] {
            assert_eq!(answer(0, path), None, "{path}");
        }
    }

    const PLACES: usize = 4;

    async fn served() -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shown = shown(clock::now() + Duration::from_secs(3600));
        (address, tokio::spawn(serve_few(PLACES, listener, shown, std::future::pending())))
    }

    /// All that comes back until the endpoint ends the connection.
    async fn asked(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("accepted");
        // The endpoint may refuse a request before it was sent to its end.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: gate.example\r\nUser-Agent: checker\r\n\r\n")
    }

    #[tokio::test]
    async fn a_checker_gets_the_token_and_nothing_else_is_served() {
        let (address, task) = served().await;
        let closed = asked(address, &get("/gate/r1")).await;
        assert!(closed.starts_with("HTTP/1.1 200 OK\r\n"), "{closed}");
        assert!(closed.ends_with("\r\n\r\nregent-gate demo r1 closed 7\n"), "{closed}");
        assert!(closed.contains("no-store") && closed.contains("connection: close"), "{closed}");
        let open = asked(address, &get("/gate/r2?x=1")).await;
        assert!(open.ends_with("regent-gate demo r2 open\n"), "{open}");
        for path in ["/metrics", "/healthz", "/v1/fleet", "/gate/r9", "/gate/r1/../r1"] {
            let answer = asked(address, &get(path)).await;
            assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
            assert!(!answer.contains("closed"), "{path}: {answer}");
        }
        let post = get("/gate/r1").replace("GET", "POST");
        assert!(asked(address, &post).await.starts_with("HTTP/1.1 404 "));
        task.abort();
    }

    #[tokio::test]
    async fn requests_that_are_too_big_get_no_token() {
        let (address, task) = served().await;
        let long = get("/gate/r1").replace("checker", &"x".repeat(64 * 1024));
        let many = get("/gate/r1").replace("User-Agent", &"X: y\r\n".repeat(200));
        for request in [long, many] {
            let answer = asked(address, &request).await;
            assert!(!answer.contains("closed"), "{answer}");
        }
        task.abort();
    }

    #[tokio::test]
    async fn whoever_says_nothing_makes_room_for_others() {
        let (address, task) = served().await;
        let mut silent = Vec::new();
        for _ in 0..PLACES {
            silent.push(TcpStream::connect(address).await.expect("accepted"));
        }
        let answer = asked(address, &get("/gate/r1")).await;
        assert!(answer.ends_with("closed 7\n"), "{answer}");
        task.abort();
    }
}
