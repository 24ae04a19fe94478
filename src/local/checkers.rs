//! Route 53's health checkers on this machine: real requests to the agents' gate endpoints and to
//! applications, with the modelled network between them.
//!
//! The name that a gate's check asks for stands for a load balancer in front of its Region's agent,
//! and leads to wherever that agent listens. A check of an application has its address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
use crate::domain::{Fleet, Moment, RegionId};
use crate::telemetry::clock::Stopwatch;
use crate::world::network::Place;
use crate::world::route53::{
    ANSWER_MAX, BODY_BYTES_MAX, CONNECT_MAX, Due, EndpointConfig, Met, Spoken,
};

/// How many times faster the checkers here are than Route 53's: ten seconds take one, so that nobody
/// waits for a demonstration, as with the propagation of records.
pub(super) const PACE: u32 = 10;

/// Longest pause between two looks at what is due: a check that was just made begins with it.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Who may be asked: the agents for gates, and the applications for themselves.
pub(super) struct Asked {
    gates: Option<Gates>,
    urls: GateUrls,
    apps: BTreeMap<IpAddr, RegionId>,
}

impl Asked {
    pub(super) fn new(
        fleet: &Fleet,
        addresses: &BTreeMap<RegionId, Ipv4Addr>,
        urls: GateUrls,
    ) -> Self {
        let app =
            |(region, address): (&RegionId, &Ipv4Addr)| (IpAddr::V4(*address), region.clone());
        Self { gates: fleet.gates.clone(), urls, apps: addresses.iter().map(app).collect() }
    }

    /// The Region that a check asks in, and who is to be connected to there, unless nobody listens.
    fn find(&self, endpoint: &EndpointConfig) -> Option<(RegionId, Option<SocketAddr>)> {
        let EndpointConfig { host, address, port, .. } = endpoint;
        let gates = self.gates.as_ref();
        if let Some(observer) =
            gates.and_then(|gates| gates.region_at(host.as_deref(), *address, *port))
        {
            let url = self.urls.of(observer);
            let at = url.and_then(|url| url.trim_start_matches("http://").parse().ok());
            return Some((observer.clone(), at));
        }
        let address = (*address)?;
        let region = self.apps.get(&address)?;
        Some((region.clone(), Some(SocketAddr::new(address, *port))))
    }
}

/// Checks for as long as it is polled.
pub(super) async fn run(shared: Arc<Shared>, asked: Asked) {
    let street = Arc::new(Street { shared, asked });
    let mut requests = JoinSet::new();
    loop {
        let (due, pause) = street.shared.visit(|world, now| {
            let checks = &mut world.route53.health_checks;
            let due = checks.due(now);
            (due, checks.next_due().map_or(LOOK_EVERY, |at| at.since(now).min(LOOK_EVERY)))
        });
        for due in due {
            let street = Arc::clone(&street);
            requests.spawn(async move {
                let met = street.ask(&due).await;
                street.tell(&due, &met);
            });
        }
        tokio::select! {
            () = tokio::time::sleep(pause.max(Duration::from_millis(1))) => {}
            Some(_) = requests.join_next() => {}
        }
    }
}

struct Street {
    shared: Arc<Shared>,
    asked: Asked,
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
        let asking = async {
            let (Some((region, at)), Spoken::Http { path, .. }) =
                (self.asked.find(&due.endpoint), &due.endpoint.spoken)
            else {
                return Err("The host name could not be resolved".to_owned());
            };
            let host = due.endpoint.host.as_deref().unwrap_or(region.as_str());
            self.get(&region, at, host, path.as_deref().unwrap_or("/")).await
        };
        match tokio::time::timeout(CONNECT_MAX + ANSWER_MAX, asking).await {
            Ok(Ok(met)) => met,
            Ok(Err(why)) => Met::Nothing { why },
            Err(_) => Met::Nothing { why: "The connection timed out".to_owned() },
        }
    }

    async fn get(
        &self,
        region: &RegionId,
        at: Option<SocketAddr>,
        host: &str,
        path: &str,
    ) -> Result<Met, String> {
        let there = Place::Region(region.clone());
        let way = self.shared.visit(|world, _| {
            let to = world.network.path(&Place::Checkers, &there)?;
            Some((to, world.network.path(&there, &Place::Checkers)?))
        });
        // Nothing says no where packets vanish.
        let Some((to, back)) = way else { return std::future::pending().await };
        let watch = Stopwatch::start();
        tokio::time::sleep(to).await;
        let at = at.ok_or("The connection was refused")?;
        let mut connection = Connection::open(at).await.map_err(|error| error.to_string())?;
        let connected_after = watch.elapsed();
        let request = Request::get(path).header(HOST, host).body(Full::new(Bytes::new()));
        let request = request.map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::super::apps::Apps;
    use super::super::{seed, testing};
    use super::*;
    use crate::world::fault::Fault;
    use crate::world::route53::{CheckConfig, Subject};

    #[tokio::test]
    async fn an_application_is_asked_over_a_socket_and_its_check_turns_with_it() {
        let fleet = testing::fleet();
        let (service, spec) = fleet.services.iter().next().expect("it serves");
        let mut world = seed::world(1, &fleet, Duration::ZERO, Default::default()).expect("valid");
        world.route53.health_checks.set_pace(PACE);
        let shared = Arc::new(Shared::new(world));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let at = listener.local_addr().expect("bound");
        let region = testing::region("r1");
        let agents = Arc::new(testing::agents());
        let apps = Apps::new(shared.clone(), region.clone(), &fleet, agents);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::new(apps).serve(listener));
        let addresses = BTreeMap::from([(region.clone(), Ipv4Addr::LOCALHOST)]);
        let asked = Asked::new(&fleet, &addresses, GateUrls::default());
        tasks.spawn(run(shared.clone(), asked));

        let subject = Subject::Endpoint(EndpointConfig {
            spoken: Spoken::Http { tls: false, path: Some(spec.probe.path.clone()), search: None },
            address: Some(at.ip()),
            host: Some(spec.name.as_str().trim_end_matches('.').to_owned()),
            port: at.port(),
            interval_s: 10,
            failure_threshold: 1,
        });
        let config = CheckConfig { subject, inverted: false, disabled: false };
        let made = shared.visit(|world, now| world.route53.create_health_check(now, "web", config));
        let check = made.expect("an empty account").id;
        let mut changes = shared.changes();
        let mut turns = async |to: bool| {
            while shared.visit(|world, _| world.route53.health_checks.is_healthy(&check)) != to {
                let changed = tokio::time::timeout(Duration::from_secs(30), changes.changed());
                changed.await.expect("a checker asks every second").expect("its sender is here");
            }
        };
        let service = Some(service.clone());
        for down in [
            Fault::Fail { region: region.clone(), service: service.clone() },
            Fault::Kill { region: region.clone(), service: service.clone() },
        ] {
            turns(true).await;
            shared.alter(|world, now| world.strike(now, &down));
            turns(false).await;
            let mend = Fault::Mend { region: region.clone(), service: service.clone() };
            shared.alter(|world, now| world.strike(now, &mend));
        }
        turns(true).await;
    }
}
