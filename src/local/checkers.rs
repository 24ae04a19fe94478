//! Route 53's health checkers on this machine: real requests to the agents' gate endpoints, with the
//! modelled network between them.
//!
//! The name that a check asks for stands for a load balancer in front of its Region's agent, and
//! leads to wherever that agent listens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;
use tokio::task::JoinSet;

use super::agents::GateUrls;
use super::exchange::Connection;
use super::shared::Shared;
use crate::domain::gate::Gates;
use crate::domain::{Moment, RegionId};
use crate::telemetry::clock::Stopwatch;
use crate::world::network::Place;
use crate::world::route53::{ANSWER_MAX, BODY_BYTES_MAX, CONNECT_MAX, Due, Met, Spoken};

/// How many times faster the checkers here are than Route 53's: ten seconds take one, so that nobody
/// waits for a demonstration, as with the propagation of records.
pub(super) const PACE: u32 = 10;

/// Longest pause between two looks at what is due: a check that was just made begins with it.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Checks for as long as it is polled.
pub(super) async fn run(shared: Arc<Shared>, gates: Gates, urls: GateUrls) {
    let street = Arc::new(Street { shared, gates, urls });
    let mut asked = JoinSet::new();
    loop {
        let (due, pause) = street.shared.visit(|world, now| {
            let checks = &mut world.route53.health_checks;
            let due = checks.due(now);
            (due, checks.next_due().map_or(LOOK_EVERY, |at| at.since(now).min(LOOK_EVERY)))
        });
        for due in due {
            let street = Arc::clone(&street);
            asked.spawn(async move {
                let met = street.ask(&due).await;
                street.tell(&due, &met);
            });
        }
        tokio::select! {
            () = tokio::time::sleep(pause.max(Duration::from_millis(1))) => {}
            Some(_) = asked.join_next() => {}
        }
    }
}

struct Street {
    shared: Arc<Shared>,
    gates: Gates,
    urls: GateUrls,
}

impl Street {
    fn tell(&self, due: &Due, met: &Met) {
        let turned = self.shared.visit(|world, now: Moment| {
            let checks = &mut world.route53.health_checks;
            let before = checks.is_healthy(&due.check);
            checks.told(now, &due.check, due.checker, met);
            checks.is_healthy(&due.check) != before
        });
        if turned {
            self.shared.touch();
        }
    }

    async fn ask(&self, due: &Due) -> Met {
        let endpoint = &due.endpoint;
        let observer =
            self.gates.region_at(endpoint.host.as_deref(), endpoint.address, endpoint.port);
        let (Some(observer), Spoken::Http { path, .. }) = (observer, &endpoint.spoken) else {
            return Met::Nothing { why: "nobody serves it".to_owned() };
        };
        let whole = CONNECT_MAX + ANSWER_MAX;
        let asking = self.get(observer, path.as_deref().unwrap_or("/"));
        match tokio::time::timeout(whole, asking).await {
            Ok(Ok(met)) => met,
            Ok(Err(why)) => Met::Nothing { why },
            Err(_) => Met::Nothing { why: "The connection timed out".to_owned() },
        }
    }

    async fn get(&self, observer: &RegionId, path: &str) -> Result<Met, String> {
        let there = Place::Region(observer.clone());
        let way = self.shared.visit(|world, _| {
            let to = world.network.path(&Place::Checkers, &there)?;
            Some((to, world.network.path(&there, &Place::Checkers)?))
        });
        // Nothing says no where packets vanish.
        let Some((to, back)) = way else { return std::future::pending().await };
        let watch = Stopwatch::start();
        tokio::time::sleep(to).await;
        let url = self.urls.of(observer).ok_or("The connection was refused")?;
        let address: SocketAddr = url
            .trim_start_matches("http://")
            .parse()
            .map_err(|error| format!("{url} is no address: {error}"))?;
        let mut connection = Connection::open(address).await.map_err(|error| error.to_string())?;
        let connected_after = watch.elapsed();
        let request = Request::get(path).header(HOST, observer.as_str());
        let request = request.body(Full::new(Bytes::new())).map_err(|error| error.to_string())?;
        let response = connection.exchange(request).await.map_err(|error| error.to_string())?;
        tokio::time::sleep(back).await;
        let (status, body) = (response.status().as_u16(), response.body());
        Ok(Met::Answer {
            connected_after,
            status_after: watch.elapsed().saturating_sub(connected_after),
            body_after: Duration::ZERO,
            status,
            body: body[..body.len().min(BODY_BYTES_MAX)].to_vec(),
        })
    }
}
