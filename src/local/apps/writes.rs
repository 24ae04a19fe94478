//! An application that writes: to the database's writer, wherever that is, by the world's model.
//!
//! The application is told by the database or waits in vain; it never guesses. What it tells its
//! client is the truth as far as it goes: *taken* only when the writer said so.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use serde_json::json;

use super::response;
use crate::domain::database::WriteReach;
use crate::domain::{GlobalClusterId, Target};
use crate::local::serve::delay;
use crate::local::shared::Shared;
use crate::world::World;
use crate::world::network::Place;
use crate::world::rds::{Refused, WriteId, Written};

/// Where clients send writes: `POST`, with the write's name (a whole number) as the body.
pub(in crate::local) const WRITE_PATH: &str = "/write";

/// Longest body of a write: no number is longer.
const BODY_BYTES_MAX: usize = 64;

/// How long an application waits for a database that can't be reached.
const PATIENCE: Duration = Duration::from_secs(1);

/// The name of a write; none when the body is none.
pub(super) async fn named(body: Incoming) -> Option<WriteId> {
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.ok()?.to_bytes();
    std::str::from_utf8(&body).ok()?.trim().parse().ok().map(WriteId)
}

/// Writes, and says how that went.
pub(super) async fn answer(
    shared: &Shared,
    target: &Target,
    to: &(GlobalClusterId, WriteReach),
    write: Option<WriteId>,
) -> Response<Full<Bytes>> {
    let Some(write) = write else {
        let text = json!({ "error": "send a whole number: the write's name" });
        return response(StatusCode::BAD_REQUEST, "application/json", format!("{text}\n"));
    };
    let written = carry_out(shared, target, to, write).await;
    let (region, service) = (&target.region, &target.service);
    let (status, words) = match &written {
        Ok(Written { by }) => (
            StatusCode::OK,
            json!({ "region": region, "service": service, "write": write, "by": by }),
        ),
        Err(refused) => (
            match refused {
                Refused::ReadOnly(_) | Refused::NoDatabase(_) => StatusCode::SERVICE_UNAVAILABLE,
                Refused::Unreachable(_) | Refused::Unanswered(_) => StatusCode::GATEWAY_TIMEOUT,
            },
            json!({ "region": region, "service": service, "write": write,
                    "error": refused.to_string() }),
        ),
    };
    response(status, "application/json", format!("{words}\n"))
}

async fn carry_out(
    shared: &Shared,
    target: &Target,
    (cluster, reach): &(GlobalClusterId, WriteReach),
    write: WriteId,
) -> Result<Written, Refused> {
    let from = &target.region;
    let to = shared.visit(|world, now| world.rds.writer_for(now, from, cluster, *reach))?;
    let (here, there) = (Place::Region(from.clone()), Place::Region(to.clone()));
    let way = shared.visit(|world, _| world.network.path(&here, &there));
    delay(way.unwrap_or(PATIENCE)).await;
    let written = shared.visit(|world, now| {
        let World { rds, network, .. } = world;
        rds.write(now, network, from, &to, cluster, write)
    });
    let back = match &written {
        Err(Refused::Unanswered(_)) => PATIENCE,
        _ => shared.visit(|world, _| world.network.path(&there, &here)).unwrap_or_default(),
    };
    delay(back).await;
    written
}
