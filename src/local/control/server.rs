//! The near end of the control interface: carries faults out, tells the state and the log.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State as Shelf};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::{LogPage, Refused};
use crate::local::agents::AgentError;
use crate::local::running::Running;
use crate::local::state::State;
use crate::local::strike::StrikeError;
use crate::world::fault::Fault;

/// Entries in one answer.
const LOG_PAGE_MAX: usize = 10_000;

/// Serves for as long as it is polled.
pub(in crate::local) async fn serve(listener: TcpListener, running: Arc<Running>) {
    let router = Router::new()
        .route("/v1/fault", post(fault))
        .route("/v1/state", get(state))
        .route("/v1/log", get(log))
        .with_state(running);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!("the control interface ended: {error}");
    }
}

async fn fault(
    Shelf(running): Shelf<Arc<Running>>,
    fault: Result<Json<Fault>, JsonRejection>,
) -> Response {
    let Json(fault) = match fault {
        Ok(fault) => fault,
        Err(rejection) => return refuse(rejection.status(), rejection.body_text()),
    };
    // A task of its own: a fault that was asked for is done, whether or not the asker still waits.
    let struck = tokio::spawn(async move { running.strike(&fault).await }).await;
    match struck {
        Ok(Ok(())) => Json(serde_json::json!({})).into_response(),
        Ok(Err(error)) => {
            let status = match &error {
                StrikeError::Agent(AgentError::Running(_) | AgentError::NotRunning(_)) => {
                    StatusCode::CONFLICT
                }
                StrikeError::Agent(AgentError::NotStarted { .. }) => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
                _ => StatusCode::NOT_FOUND,
            };
            refuse(status, error.to_string())
        }
        Err(broken) => refuse(StatusCode::INTERNAL_SERVER_ERROR, broken.to_string()),
    }
}

fn refuse(status: StatusCode, error: String) -> Response {
    (status, Json(Refused { error })).into_response()
}

async fn state(Shelf(running): Shelf<Arc<Running>>) -> Json<State> {
    Json(running.state())
}

#[derive(Debug, Deserialize)]
struct From {
    #[serde(default)]
    from: usize,
}

async fn log(
    Shelf(running): Shelf<Arc<Running>>,
    Query(From { from }): Query<From>,
) -> Json<LogPage> {
    Json(running.log_page(from, LOG_PAGE_MAX))
}
