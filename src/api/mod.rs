//! HTTP on loopback: metrics, health, readiness, and the agent's view of the fleet.
//!
//! Reading only. Nothing that is asked here changes anything, and nothing here is meant to be
//! reached from outside the machine; the endpoint for Route 53's health checkers is another matter
//! and has a port of its own ([`gate`]).
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | the metrics, in Prometheus' text format; 503 if its loop does not answer |
//! | `/healthz` | 200 while the agent's loop answers |
//! | `/readyz` | 200 while it hears a majority of seats, 503 otherwise, with the reason |
//! | `/v1/fleet` | the fleet as the agent sees it, as JSON |

pub mod gate;
mod shown;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::core::view::{Inner, View};
use crate::telemetry::metrics::{CONTENT_TYPE, Metrics};

/// How long the loop may take to answer before it counts as stuck. It answers in microseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// Whom the interface asks.
#[async_trait]
pub trait Asked: Send + Sync + 'static {
    /// The fleet as it is seen; none when nobody answers any more.
    async fn view(&self) -> Option<View>;
    /// What the agent knows of itself.
    async fn inner(&self) -> Option<Inner>;
}

struct Shared {
    asked: Box<dyn Asked>,
    metrics: Arc<Metrics>,
    majority: usize,
}

/// Serves until `stop` resolves. `majority` is the number of seats that readiness asks for.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    asked: impl Asked,
    metrics: Arc<Metrics>,
    majority: usize,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let shared = Arc::new(Shared { asked: Box::new(asked), metrics, majority });
    axum::serve(listener, router(shared)).with_graceful_shutdown(stop).await
}

/// Opens the listener; port 0 means any free one.
///
/// # Errors
/// When the address can't be had.
pub async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/v1/fleet", get(fleet))
        .with_state(shared)
}

async fn within<T>(answer: impl Future<Output = Option<T>>) -> Result<T, Response> {
    match tokio::time::timeout(ANSWER_LIMIT, answer).await {
        Ok(Some(value)) => Ok(value),
        _ => {
            Err((StatusCode::SERVICE_UNAVAILABLE, "the agent's loop does not answer\n")
                .into_response())
        }
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    // Gauges are brought up to date when they are asked for. Without that they would go on to say
    // that a stuck agent leads: it is better to have none.
    match (within(shared.asked.view()).await, within(shared.asked.inner()).await) {
        (Ok(view), Ok(inner)) => shown::show(&shared.metrics, &view, &inner),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal,
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], shared.metrics.render()).into_response()
}

async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    match within(shared.asked.inner()).await {
        Ok(_) => "ok\n".into_response(),
        Err(refusal) => refusal,
    }
}

async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    match within(shared.asked.inner()).await {
        Ok(inner) if inner.seats_heard >= shared.majority => "ready\n".into_response(),
        Ok(inner) => {
            let (heard, wanted) = (inner.seats_heard, shared.majority);
            let why = format!("hears {heard} seats, a majority is {wanted}\n");
            (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
        }
        Err(refusal) => refusal,
    }
}

async fn fleet(State(shared): State<Arc<Shared>>) -> Response {
    match within(shared.asked.view()).await {
        Ok(view) => Json(view).into_response(),
        Err(refusal) => refusal,
    }
}
