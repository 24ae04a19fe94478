//! The applications of one Region, behind what would be its load balancer: one listener that tells
//! services apart by the Host header.
//!
//! Each answers with JSON that names the Region and the service, and on the path of the service's
//! probe with a health page of the status and text that the probe wants. How an application is, and
//! whether anything gets through to it, is the world's to say; connections are kept for those who
//! want to, and hang with everything else when their Region is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::serve::{self, Reply, Turn, delay};
use super::shared::Shared;
use crate::domain::database::WriteReach;
use crate::domain::fleet::JsonPart;
use crate::domain::fleet::JsonScalar;
use crate::domain::{AgentId, Fleet, FleetName, GlobalClusterId, RegionId, Target};
use crate::world::apps::Reaction;
use crate::world::network::Place;

mod writes;

pub(super) use writes::WRITE_PATH;

/// The status of a well application.
const WELL: u16 = 200;

/// The applications of a Region.
pub(super) struct Apps {
    shared: Arc<Shared>,
    region: RegionId,
    fleet: FleetName,
    /// Where the fleet's agents stand.
    agents: Arc<BTreeMap<AgentId, RegionId>>,
    /// By the name that clients ask for, in lower case and without its final dot.
    by_host: BTreeMap<String, App>,
}

struct App {
    target: Target,
    writes_to: Option<(GlobalClusterId, WriteReach)>,
    health_path: String,
    health_status: u16,
    health_text: String,
    health_parts: Vec<JsonPart>,
}

impl Apps {
    pub(super) fn new(
        shared: Arc<Shared>,
        region: RegionId,
        fleet: &Fleet,
        agents: Arc<BTreeMap<AgentId, RegionId>>,
    ) -> Self {
        let here = fleet.services.iter().filter(|(_, spec)| spec.regions.contains_key(&region));
        let by_host = here
            .map(|(service, spec)| {
                let lowest = spec.probe.status.first().map_or(WELL, |(lowest, _)| *lowest);
                let app = App {
                    writes_to: fleet.written_by(spec),
                    target: Target { region: region.clone(), service: service.clone() },
                    health_path: spec.probe.path.clone(),
                    health_status: if spec.probe.accepts(WELL) { WELL } else { lowest },
                    health_text: spec.probe.body_contains.clone().unwrap_or_default(),
                    health_parts: spec.probe.json.clone(),
                };
                (host(spec.name.as_str()), app)
            })
            .collect();
        Self { shared, region, fleet: fleet.name.clone(), agents, by_host }
    }

    /// Serves for as long as it is polled.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        serve::accept(listener, move |stream| self.clone().connection(stream)).await;
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        if self.refuse_all() {
            serve::reset(stream);
        } else {
            serve::connection(stream, |request, turn| self.clone().handle(request, turn)).await;
        }
    }

    /// Whether nothing here takes connections, though the Region could be reached.
    fn refuse_all(&self) -> bool {
        self.shared.visit(|world, _| {
            let reached = !world.network.lost().contains(&self.region);
            let mut reactions = self.by_host.values().map(|app| world.apps.react(&app.target));
            reached && reactions.all(|reaction| reaction == Reaction::Refuse)
        })
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>, turn: Turn) -> Reply {
        let asker = self.place_of(request.headers());
        let here = Place::Region(self.region.clone());
        let Some(way) = self.shared.visit(|world, _| world.network.path(&asker, &here)) else {
            return Reply::Silence;
        };
        delay(turn.arrival(way)).await;
        let name = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let Some(app) = self.by_host.get(&host(name.unwrap_or_default())) else {
            return Reply::Answer(self.nobody());
        };
        let (status, after) = match self.shared.visit(|world, _| world.apps.serve(&app.target)) {
            Reaction::Refuse => return Reply::Reset,
            Reaction::Answer { status, after } => (status, after),
        };
        delay(after).await;
        let (path, asks_to_write) =
            (request.uri().path().to_owned(), request.method() == Method::POST);
        let answer = match &app.writes_to {
            Some(to) if asks_to_write && path == WRITE_PATH && status == WELL => {
                let write = writes::named(request.into_body()).await;
                writes::answer(&self.shared, &app.target, to, write).await
            }
            _ => app.answer(&path, status),
        };
        let Some(way) = self.shared.visit(|world, _| world.network.path(&here, &asker)) else {
            return Reply::Silence;
        };
        delay(way).await;
        Reply::Answer(answer)
    }

    /// Where whoever asks stands: an agent's probe in its Region, everybody else outside.
    fn place_of(&self, headers: &HeaderMap) -> Place {
        let agent = headers.get(USER_AGENT).and_then(|value| prober(value, &self.fleet));
        let region = agent.and_then(|agent| self.agents.get(&agent));
        region.map_or(Place::Outside, |region| Place::Region(region.clone()))
    }

    fn nobody(&self) -> Response<Full<Bytes>> {
        let names: Vec<_> = self.by_host.keys().map(String::as_str).collect();
        let (region, names) = (&self.region, names.join(", "));
        let text =
            format!("No service of that name in {region}. Say in the Host header: {names}\n");
        response(StatusCode::NOT_FOUND, "text/plain", text)
    }
}

impl App {
    fn answer(&self, path: &str, status: u16) -> Response<Full<Bytes>> {
        let healthy = status == WELL && path == self.health_path;
        let status = if healthy { self.health_status } else { status };
        let code =
            StatusCode::from_u16(status).expect("statuses of the model and of a checked fleet");
        let Target { region, service } = &self.target;
        let words = json!({ "region": region, "service": service, "status": status });
        if healthy && self.health_parts.is_empty() {
            response(code, "text/plain", format!("{words}\n{}\n", self.health_text))
        } else if healthy {
            let mut document = words;
            document["text"] = json!(self.health_text);
            for part in &self.health_parts {
                put(&mut document, &part.pointer, part.equals.first());
            }
            response(code, "application/json", format!("{document}\n"))
        } else {
            response(code, "application/json", format!("{words}\n"))
        }
    }
}

/// Puts a value where a pointer (RFC 6901) leads. Every step is made a key of an object: a reader
/// who follows the pointer finds it all the same.
fn put(document: &mut Value, pointer: &str, value: Option<&JsonScalar>) {
    let mut at = document;
    for key in pointer.split('/').skip(1) {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[key.replace("~1", "/").replace("~0", "~")];
    }
    *at = json!(value);
}

fn response(code: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A host's name without its port and final dot, in lower case.
fn host(text: &str) -> String {
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The agent whose probe says `regent/<version> (probe; <fleet>; <agent>)`.
fn prober(user_agent: &HeaderValue, fleet: &FleetName) -> Option<AgentId> {
    let (product, comment) = user_agent.to_str().ok()?.split_once(" (")?;
    let mut words = comment.strip_suffix(')')?.split("; ");
    let ours = product.starts_with("regent/")
        && words.next() == Some("probe")
        && words.next() == Some(fleet.as_str());
    words.next().filter(|_| ours)?.parse().ok()
}

#[cfg(test)]
mod tests;
