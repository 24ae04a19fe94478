//! The AWS endpoints: one listener for every service and Region, as `AWS_ENDPOINT_URL` wants it.
//!
//! A request tells by its signature's scope which service of which Region it is for, and by its
//! access key who sends it and from where. Between the two lies the modelled network: a request may
//! be cut on its way there (no effect) or its answer on the way back (an effect that nobody
//! confirms), and both look the same to the caller, since the connection merely hangs. A request
//! that was sent takes its effect once, also when its sender gives up meanwhile. One that arrives
//! may be treated amiss ([`crate::world::wire`]): then something comes back that is not its answer.
//!
//! Signatures are not checked.

mod amiss;
mod refusal;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response};
use tokio::net::TcpListener;

use super::request_log::{Line, Outcome, RequestLog};
use super::serve::{self, Reply, Turn, delay};
use super::shared::Shared;
use super::{autoscaling, cloudwatch, document, dynamodb, elbv2, quotas, rds, route53, sns, sts};
use crate::domain::{Moment, RegionId};
use crate::telemetry::clock::Stopwatch;
use crate::world::World;
use crate::world::dynamo::to_plain_json;
use crate::world::fault::AwsService;
use crate::world::log::{Caller, Happening};
use crate::world::network::Place;
use crate::world::roles::Roles;
use crate::world::wire::{self, Treatment};
use refusal::{Dialect, Refusal};
use scope::Scope;

/// Longest body that is read: four times a transaction's limit of 4 MB, for what JSON and Base64 add
/// to it ("Quotas in Amazon DynamoDB").
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// All endpoints.
pub(super) struct Endpoints {
    shared: Arc<Shared>,
    regions: BTreeSet<RegionId>,
    /// By access key.
    callers: BTreeMap<String, Caller>,
    log: RequestLog,
}

/// Whom a request is for.
#[derive(Debug, Clone)]
enum Addressee {
    Dynamodb(RegionId),
    Elb(RegionId),
    CloudWatch(RegionId),
    Rds(RegionId),
    Autoscaling(RegionId),
    Quotas(RegionId),
    Sns(RegionId),
    Sts(RegionId),
    Route53,
}

impl Addressee {
    fn place(&self) -> Place {
        match self {
            Self::Dynamodb(region)
            | Self::Elb(region)
            | Self::CloudWatch(region)
            | Self::Rds(region)
            | Self::Autoscaling(region)
            | Self::Quotas(region)
            | Self::Sns(region)
            | Self::Sts(region) => Place::Region(region.clone()),
            Self::Route53 => Place::Global,
        }
    }
}

/// A request that is on its way.
struct Call {
    caller: Caller,
    /// The access key that it is signed with.
    key: String,
    to: Addressee,
    method: String,
    path_and_query: String,
    target: String,
    operation: String,
    body: Bytes,
}

impl Call {
    /// What rules of the wire look at.
    fn seen(&self) -> wire::Call<'_> {
        let (service, region) = match &self.to {
            Addressee::Dynamodb(region) => (AwsService::Dynamodb, Some(region)),
            Addressee::Elb(region) => (AwsService::Elbv2, Some(region)),
            Addressee::CloudWatch(region) => (AwsService::Cloudwatch, Some(region)),
            Addressee::Rds(region) => (AwsService::Rds, Some(region)),
            Addressee::Autoscaling(region) => (AwsService::Autoscaling, Some(region)),
            Addressee::Quotas(region) => (AwsService::ServiceQuotas, Some(region)),
            Addressee::Sns(region) => (AwsService::Sns, Some(region)),
            Addressee::Sts(region) => (AwsService::Sts, Some(region)),
            Addressee::Route53 => (AwsService::Route53, None),
        };
        wire::Call { caller: &self.caller.name, region, service, operation: &self.operation }
    }

    fn dialect(&self) -> Dialect {
        match self.to {
            Addressee::Dynamodb(_) | Addressee::Quotas(_) => Dialect::Json,
            Addressee::Route53
            | Addressee::Elb(_)
            | Addressee::Rds(_)
            | Addressee::Autoscaling(_)
            | Addressee::Sns(_)
            | Addressee::Sts(_) => Dialect::Xml,
            Addressee::CloudWatch(_) => dialect_of(&self.path_and_query, &self.target),
        }
    }
}

/// The protocol of a request, where the service leaves it open.
fn dialect_of(path: &str, target: &str) -> Dialect {
    if cloudwatch::operation_in(path).is_some() {
        Dialect::Cbor
    } else if target.is_empty() {
        Dialect::Xml
    } else {
        Dialect::Json
    }
}

/// What became of a call.
struct Delivered {
    reply: Reply,
    status: Option<u16>,
    outcome: Outcome,
    amiss: Option<Treatment>,
}

impl Endpoints {
    pub(super) fn new(
        shared: Arc<Shared>,
        regions: BTreeSet<RegionId>,
        callers: BTreeMap<String, Caller>,
        log: RequestLog,
    ) -> Self {
        Self { shared, regions, callers, log }
    }

    /// Serves for as long as it is polled.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        serve::accept(listener, move |stream| {
            let endpoints = self.clone();
            async move {
                let handle = |request, turn| endpoints.clone().handle(request, turn);
                serve::connection(stream, handle).await;
            }
        })
        .await;
    }

    async fn handle(self: Arc<Self>, request: Request<Incoming>, turn: Turn) -> Reply {
        let watch = Stopwatch::start();
        let (parts, body) = request.into_parts();
        let target = header(&parts.headers, "x-amz-target");
        let by_target = dialect_of(parts.uri.path(), &target);
        let Some(scope) = Scope::of(&parts.headers) else {
            return Reply::Answer(Refusal::Unsigned.response(by_target).map(Full::new));
        };
        let mut line = Line {
            at_s: Line::seconds(self.shared.now()),
            caller: scope.key.clone(),
            place: None,
            service: scope.service.clone(),
            region: scope.region.clone(),
            operation: operation(parts.method.as_str(), parts.uri.path(), &target),
            status: None,
            ms: 0,
            outcome: Outcome::Answered,
            amiss: None,
        };
        let admitted = self.admit(&scope);
        let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
        let admitted = admitted.and_then(|admitted| match body {
            Ok(body) => Ok((admitted, body.to_bytes())),
            Err(error) => Err(Refusal::Body(error.to_string())),
        });
        match admitted {
            Err(refusal) => {
                let dialect = match scope.service.as_str() {
                    "dynamodb" | "servicequotas" => Dialect::Json,
                    "route53" => Dialect::Xml,
                    _ => by_target,
                };
                let response = refusal.response(dialect);
                line.status = Some(response.status().as_u16());
                line.ms = watch.elapsed_ms();
                self.log.add(line).await;
                Reply::Answer(response.map(Full::new))
            }
            // No such name: there is nobody to connect to.
            Ok(((_, None), _)) => Reply::Reset,
            Ok(((caller, Some(to)), body)) => {
                line.caller.clone_from(&caller.name);
                line.place = Some(caller.place.clone());
                let by_form = !matches!(
                    to,
                    Addressee::Dynamodb(_) | Addressee::Quotas(_) | Addressee::Route53
                );
                if by_form && let Some(form) = document::query::read(&body) {
                    line.operation = form.action;
                }
                let path_and_query = parts.uri.path_and_query().map_or("/", |p| p.as_str());
                let call = Call {
                    caller,
                    key: scope.key,
                    to,
                    method: parts.method.as_str().to_owned(),
                    path_and_query: path_and_query.to_owned(),
                    operation: line.operation.clone(),
                    target,
                    body,
                };
                // A task of its own: what was sent arrives, whether or not its sender still waits.
                let delivered = tokio::spawn(async move {
                    let Delivered { reply, status, outcome, amiss } =
                        self.deliver(&call, turn).await;
                    let ms = watch.elapsed_ms();
                    self.log.add(Line { status, outcome, amiss, ms, ..line }).await;
                    reply
                });
                delivered.await.unwrap_or(Reply::Silence)
            }
        }
    }

    /// Who asks, and whom; nobody when it is a Region that the fleet doesn't have.
    fn admit(&self, scope: &Scope) -> Result<(Caller, Option<Addressee>), Refusal> {
        let (key, _) = sts::parted(&scope.key);
        let caller = self.callers.get(key).ok_or(Refusal::UnknownKey)?.clone();
        let to = match scope.service.as_str() {
            "dynamodb" => self.region(scope).map(Addressee::Dynamodb),
            "elasticloadbalancing" => self.region(scope).map(Addressee::Elb),
            "monitoring" => self.region(scope).map(Addressee::CloudWatch),
            "rds" => self.region(scope).map(Addressee::Rds),
            "autoscaling" => self.region(scope).map(Addressee::Autoscaling),
            "servicequotas" => self.region(scope).map(Addressee::Quotas),
            "sns" => self.region(scope).map(Addressee::Sns),
            "sts" => self.region(scope).map(Addressee::Sts),
            "route53" => Some(Addressee::Route53),
            other => return Err(Refusal::UnknownService(other.to_owned())),
        };
        Ok((caller, to))
    }

    /// The Region of a signature, if the fleet has it.
    fn region(&self, scope: &Scope) -> Option<RegionId> {
        self.regions.iter().find(|region| region.as_str() == scope.region).cloned()
    }

    async fn deliver(&self, call: &Call, turn: Turn) -> Delivered {
        let (here, there) = (call.caller.place.clone(), call.to.place());
        let Some(way) = self.shared.visit(|world, _| world.network.path(&here, &there)) else {
            let (status, amiss, outcome) = (None, None, Outcome::CutOnTheWayThere);
            return Delivered { reply: Reply::Silence, status, outcome, amiss };
        };
        delay(turn.arrival(way)).await;
        let amiss = self.shared.visit(|world, _| world.wire.treat(&call.seen()));
        if let Some(Treatment::Delay { ms }) = amiss {
            delay(Duration::from_millis(ms.into())).await;
        }
        let (carried_out, way) = self.shared.visit(|world, now| {
            let carry = amiss.is_none_or(Treatment::takes_effect);
            (carry.then(|| carry_out(world, now, call)), world.network.path(&there, &here))
        });
        if carried_out.as_ref().is_some_and(|done| done.wrote) {
            self.shared.touch();
        }
        let answer = carried_out.map(|done| done.response);
        let (reply, status) = amiss::reply(amiss, answer, call.dialect());
        let Some(way) = way else {
            let outcome = Outcome::CutOnTheWayBack;
            return Delivered { reply: Reply::Silence, status, outcome, amiss };
        };
        delay(way).await;
        Delivered { reply, status, outcome: Outcome::Answered, amiss }
    }
}

/// What came of a call.
struct CarriedOut {
    response: Response<Bytes>,
    /// Whether it changed anything, or tried to.
    wrote: bool,
}

fn carry_out(world: &mut World, now: Moment, call: &Call) -> CarriedOut {
    let caller = &call.caller.name;
    match &call.to {
        Addressee::Dynamodb(region) => {
            let answer = dynamodb::handle(&mut world.dynamo, now, region, &call.target, &call.body);
            let wrote = !answer.puts.is_empty();
            for put in answer.puts {
                let item = to_plain_json(&put.item);
                let (region, caller) = (region.clone(), caller.clone());
                world.log.add(now, Happening::Put { region, table: put.table, caller, item });
            }
            CarriedOut { response: response(answer.status, answer.headers, answer.body), wrote }
        }
        Addressee::Elb(region) => carried(elbv2::handle(&world.elb, now, region, &call.body)),
        Addressee::CloudWatch(region) => {
            let path = call.path_and_query.split('?').next().unwrap_or_default();
            let (target, body) = (&call.target, &call.body);
            let model = &mut world.cloudwatch;
            carried(cloudwatch::handle(model, now, region, path, target, body))
        }
        Addressee::Rds(region) => {
            let World { rds, network, .. } = world;
            carried(rds::handle(rds, network, now, region, &call.body))
        }
        Addressee::Autoscaling(region) => {
            carried(autoscaling::handle(&mut world.autoscaling, now, region, &call.body))
        }
        Addressee::Quotas(region) => {
            carried(quotas::handle(&world.quotas, region, &call.target, &call.body))
        }
        Addressee::Sns(region) => carried(sns::handle(&mut world.sns, now, region, &call.body)),
        Addressee::Sts(_) => {
            let unix_ms = world.cloudwatch.unix_ms(now);
            carried(sts::handle(&world.roles, now, unix_ms, &call.key, &call.body))
        }
        Addressee::Route53 if !may(&world.roles, call) => {
            let response = Refusal::Denied(call.operation.clone()).response(Dialect::Xml);
            CarriedOut { response, wrote: false }
        }
        Addressee::Route53 => {
            let answer = route53::handle(
                &mut world.route53,
                now,
                &call.method,
                &call.path_and_query,
                &call.body,
            );
            let wrote = answer.changed.is_some();
            if let Some(changed) = answer.changed {
                world.log.add(now, changed.happening(caller));
            }
            CarriedOut { response: response(answer.status, answer.headers, answer.body), wrote }
        }
    }
}

fn carried(answer: document::WireAnswer) -> CarriedOut {
    let document::WireAnswer { status, headers, body, wrote } = answer;
    CarriedOut { response: response(status, headers, body), wrote }
}

/// Whether the caller may do to a zone what it asks for. Health checks are the caller's own.
fn may(roles: &Roles, call: &Call) -> bool {
    let (_, session) = sts::parted(&call.key);
    let path = call.path_and_query.split('?').next().unwrap_or_default();
    let mut parts = path.split('/').filter(|part| !part.is_empty()).skip(1);
    match (parts.next(), parts.next().map(str::parse)) {
        (Some("hostedzone"), Some(Ok(zone))) => roles.admits(&zone, session),
        (Some("healthcheck"), _) => true,
        _ => !roles.denied(),
    }
}

fn response(
    status: u16,
    headers: impl IntoIterator<Item = (&'static str, String)>,
    body: Vec<u8>,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status.try_into().expect("the models answer with known statuses");
    response.headers_mut().extend(headers.into_iter().map(|(name, value)| {
        let value = HeaderValue::try_from(value).expect("the models' headers are plain ASCII");
        (HeaderName::from_static(name), value)
    }));
    response
}

/// A header's text; empty when there is none.
fn header(headers: &hyper::HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// What is asked, in the API reference's words where they are short to find, else as it came.
fn operation(method: &str, path: &str, target: &str) -> String {
    if let Some((_, name)) = target.split_once('.') {
        return name.to_owned();
    }
    if let Some(name) = cloudwatch::operation_in(path) {
        return name.to_owned();
    }
    let mut parts = path.split('/').filter(|part| !part.is_empty()).skip(1);
    let name = match (method, parts.next(), parts.next(), parts.next()) {
        ("POST", Some("hostedzone"), Some(_), Some("rrset")) => "ChangeResourceRecordSets",
        ("GET", Some("hostedzone"), Some(_), Some("rrset")) => "ListResourceRecordSets",
        ("GET", Some("change"), Some(_), None) => "GetChange",
        ("GET", Some("hostedzone"), Some(_), None) => "GetHostedZone",
        ("GET", Some("hostedzone"), None, None) => "ListHostedZones",
        ("GET", Some("hostedzonesbyname"), None, None) => "ListHostedZonesByName",
        ("POST", Some("hostedzone"), None, None) => "CreateHostedZone",
        ("POST", Some("healthcheck"), None, None) => "CreateHealthCheck",
        ("GET", Some("healthcheck"), None, None) => "ListHealthChecks",
        ("GET", Some("healthcheck"), Some(_), None) => "GetHealthCheck",
        ("POST", Some("healthcheck"), Some(_), None) => "UpdateHealthCheck",
        ("GET", Some("healthcheck"), Some(_), Some("status")) => "GetHealthCheckStatus",
        _ => return format!("{method} {path}"),
    };
    name.to_owned()
}
