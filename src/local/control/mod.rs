//! The control interface of a running fleet, and its other end for `regent local`.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/fault` with a [`Fault`] as JSON | 200 once it is carried out; 4xx with the reason |
//! | `GET /v1/state` | the fleet at a glance: [`State`] |
//! | `GET /v1/log?from=N` | the world's log from entry N on: [`LogPage`] |
//!
//! On loopback, for whoever may use this machine; it changes nothing but a model.

mod server;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::request::Builder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::exchange::{Connection, ExchangeError};
use super::state::State;
use crate::world::fault::Fault;
use crate::world::log::Entry;
pub(super) use server::serve;

/// How long an answer may take: an agent that is started may take a while.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A part of the world's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Entries, in order.
    pub entries: Vec<Entry>,
    /// Where the next page begins. The log's end is reached when a page is empty.
    pub next: usize,
}

/// What is said when something is refused.
#[derive(Debug, Serialize, Deserialize)]
struct Refused {
    error: String,
}

/// Why the control interface can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The URL is not one that `regent up` gives out.
    #[error("{0:?} is no control interface's URL: it must be http://<address>:<port>")]
    Url(String),
    /// It doesn't answer.
    #[error("the local fleet at {url} does not answer: {error}. Is `regent up` still running?")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        error: ExchangeError,
    },
    /// It takes too long.
    #[error("the local fleet at {0} did not answer in time: it is stuck, or this machine is")]
    Late(String),
    /// It refused, with a reason.
    #[error("{0}")]
    Refused(String),
    /// It answers something else.
    #[error("{url} does not answer as a local fleet does: {why}")]
    Odd {
        /// Who.
        url: String,
        /// What it says.
        why: String,
    },
}

/// Has a fault carried out.
///
/// # Errors
/// When the fleet refuses it or can't be reached.
pub async fn strike(url: &str, fault: &Fault) -> Result<(), ControlError> {
    let body = serde_json::to_vec(fault).expect("a fault can be written as JSON");
    let request = Request::post("/v1/fault").header(CONTENT_TYPE, "application/json");
    let _: serde_json::Value = ask(url, request, body).await?;
    Ok(())
}

/// The fleet at a glance.
///
/// # Errors
/// When it can't be reached.
pub async fn state(url: &str) -> Result<State, ControlError> {
    ask(url, Request::get("/v1/state"), Vec::new()).await
}

/// A page of the world's log, from an entry on.
///
/// # Errors
/// When the fleet can't be reached.
pub async fn log(url: &str, from: usize) -> Result<LogPage, ControlError> {
    ask(url, Request::get(format!("/v1/log?from={from}")), Vec::new()).await
}

async fn ask<T: DeserializeOwned>(
    url: &str,
    request: Builder,
    body: Vec<u8>,
) -> Result<T, ControlError> {
    let invalid = || ControlError::Url(url.to_owned());
    let address = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let address: SocketAddr = address.and_then(|a| a.parse().ok()).ok_or_else(invalid)?;
    let request = request.header(HOST, address.to_string()).body(Full::new(Bytes::from(body)));
    let request = request.expect("a path and an address make a request");
    let answer = async {
        let mut connection = Connection::open(address).await?;
        connection.exchange(request).await
    };
    let answer = tokio::time::timeout(ANSWER_LIMIT, answer)
        .await
        .map_err(|_| ControlError::Late(url.to_owned()))?
        .map_err(|error| ControlError::Unreachable { url: url.to_owned(), error })?;
    let odd = |why: String| ControlError::Odd { url: url.to_owned(), why };
    if answer.status().is_success() {
        return serde_json::from_slice(answer.body()).map_err(|error| odd(error.to_string()));
    }
    match serde_json::from_slice::<Refused>(answer.body()) {
        Ok(refused) => Err(ControlError::Refused(refused.error)),
        Err(_) => Err(odd(format!("status {}", answer.status()))),
    }
}
