//! Route 53's wire protocol over the modelled Route 53: REST with XML bodies, version 2013-04-01.
//!
//! Requests in, answers out, no sockets: whoever serves it knows the caller and the clock. It
//! speaks what the Rust SDK and the `aws` command line send, for the operations that the model has.
//! Signatures are not checked.
//!
//! Errors are always wrapped in `ErrorResponse`, also a refused batch. The API Reference shows
//! that one as a bare `InvalidChangeBatch` element with its messages, but the Rust SDK and botocore
//! both find an error's code only in the wrapped form, and that is what AWS serves them: one
//! `Message` with all of them in square brackets.

mod health_check;
#[cfg(test)]
mod laws;
mod location;
mod request;
mod response;
#[cfg(test)]
mod tests;

use self::location::Location;
use self::response::{
    CreateZoneXml, ErrorXml, GetChangeXml, GetZoneXml, ListByNameXml, ListRecordsXml, ListZonesXml,
    to_xml,
};
use crate::domain::digest::Digest;
use crate::domain::record::{ChangeId, RecordChange};
use crate::domain::zone::TRIAL;
use crate::domain::{Moment, ZoneId};
use crate::world::log::Happening;
use crate::world::route53::{OwnerName, RecordStart, Route53, Route53Error};

/// The version that begins every path.
const API_VERSION: &str = "2013-04-01";

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, besides those that any HTTP server sets by itself.
    pub headers: Vec<(&'static str, String)>,
    /// The body: XML.
    pub body: Vec<u8>,
    /// What to log, when the request was a batch.
    pub changed: Option<Changed>,
}

/// What came of a batch of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It was accepted.
    Accepted {
        /// Which zone.
        zone: ZoneId,
        /// The change's ID.
        change: ChangeId,
        /// The batch in regent's words.
        changes: Vec<RecordChange>,
    },
    /// It was refused for what it said or for what the zone held. Throttled requests are not
    /// among these: nobody looked at them.
    Refused {
        /// Which zone.
        zone: ZoneId,
        /// Route 53's words.
        why: String,
    },
}

impl Changed {
    /// The entry for the world's log.
    #[must_use]
    pub fn happening(self, caller: &str) -> Happening {
        let caller = caller.to_owned();
        match self {
            Self::Accepted { zone, change, changes } => {
                Happening::ZoneChanged { zone, caller, change, changes }
            }
            Self::Refused { zone, why } => Happening::ZoneRejected { zone, caller, why },
        }
    }
}

/// Serves one request.
#[must_use]
pub fn handle(
    route53: &mut Route53,
    now: Moment,
    method: &str,
    path_and_query: &str,
    body: &[u8],
) -> WireAnswer {
    let location = Location::of(path_and_query);
    let segments: Vec<&str> = location.segments.iter().map(String::as_str).collect();
    let request_id = request_id(now, path_and_query, body);
    let mut changed = None;
    let reply = match (method, segments.as_slice()) {
        ("POST", [API_VERSION, "hostedzone", zone, "rrset"]) => {
            change_record_sets(route53, now, zone, body, &mut changed)
        }
        ("GET", [API_VERSION, "hostedzone", zone, "rrset"]) => {
            list_record_sets(route53, now, zone, &location)
        }
        ("GET", [API_VERSION, "change", id]) => get_change(route53, now, id),
        ("GET", [API_VERSION, "hostedzone", zone]) => get_zone(route53, now, zone),
        ("GET", [API_VERSION, "hostedzone"]) => list_zones(route53, now, &location),
        ("GET", [API_VERSION, "hostedzonesbyname"]) => list_zones_by_name(route53, now, &location),
        ("POST", [API_VERSION, "hostedzone"]) => create_zone(route53, now, body),
        ("POST", [API_VERSION, "healthcheck"]) => health_check::create(route53, now, body),
        ("GET", [API_VERSION, "healthcheck"]) => health_check::list(route53, now, &location),
        ("GET", [API_VERSION, "healthcheck", id]) => health_check::get(route53, now, id),
        ("POST", [API_VERSION, "healthcheck", id]) => health_check::update(route53, now, id, body),
        ("GET", [API_VERSION, "healthcheck", id, "status"]) => {
            health_check::status(route53, now, id)
        }
        _ => Err(Route53Error::InvalidInput {
            message: format!("{method} {path_and_query} is no operation of this Route 53"),
        }),
    };
    let reply = reply.unwrap_or_else(|error| Reply {
        status: error.status(),
        location: None,
        xml: to_xml(&ErrorXml::new(&error, &request_id)),
    });
    let mut headers =
        vec![("content-type", "text/xml".to_owned()), ("x-amzn-requestid", request_id)];
    headers.extend(reply.location.map(|location| ("location", location)));
    WireAnswer { status: reply.status, headers, body: reply.xml.into_bytes(), changed }
}

/// An answer without the request's ID.
struct Reply {
    status: u16,
    location: Option<String>,
    xml: String,
}

impl Reply {
    fn ok(xml: String) -> Self {
        Self { status: 200, location: None, xml }
    }
}

fn change_record_sets(
    route53: &mut Route53,
    now: Moment,
    zone: &str,
    body: &[u8],
    changed: &mut Option<Changed>,
) -> Result<Reply, Route53Error> {
    let zone = zone_id(zone)?;
    let mut meant = false;
    let accepted = request::changes(body).and_then(|batch| {
        // A preflight's batch is refused as it was meant to be: nobody's plan has failed.
        meant = batch.comment.as_deref().is_some_and(|comment| comment.starts_with(TRIAL));
        route53.change_record_sets(now, &zone, &batch.changes, batch.comment.as_deref())
    });
    match accepted {
        Ok(accepted) => {
            let (change, changes) = (accepted.info.id.clone(), accepted.changes);
            *changed = Some(Changed::Accepted { zone, change, changes });
            Ok(Reply::ok(to_xml(&GetChangeXml::changed(&accepted.info))))
        }
        Err(error) => {
            let looked_at = !matches!(
                error,
                Route53Error::Throttling
                    | Route53Error::ServiceUnavailable
                    | Route53Error::NoSuchHostedZone { .. }
            );
            let why = error.to_string();
            *changed = (looked_at && !meant).then_some(Changed::Refused { zone, why });
            Err(error)
        }
    }
}

fn list_record_sets(
    route53: &mut Route53,
    now: Moment,
    zone: &str,
    location: &Location,
) -> Result<Reply, Route53Error> {
    let zone = zone_id(zone)?;
    let rtype = location.parse("type")?;
    let set_identifier = location.get("identifier").map(str::to_owned);
    let start = match location.parse::<OwnerName>("name")? {
        Some(name) => Some(RecordStart { name, rtype, set_identifier }),
        None if rtype.is_none() && set_identifier.is_none() => None,
        None => {
            let message = "A record type or identifier was given without a record name";
            return Err(Route53Error::InvalidInput { message: message.to_owned() });
        }
    };
    let items_max = location.parse("maxitems")?;
    let page = route53.list_record_sets(now, &zone, start.as_ref(), items_max)?;
    Ok(Reply::ok(to_xml(&ListRecordsXml::new(&page))))
}

fn get_change(route53: &mut Route53, now: Moment, id: &str) -> Result<Reply, Route53Error> {
    let info = route53.get_change(now, &ChangeId(id.to_owned()))?;
    Ok(Reply::ok(to_xml(&GetChangeXml::found(&info))))
}

fn get_zone(route53: &mut Route53, now: Moment, zone: &str) -> Result<Reply, Route53Error> {
    let zone = route53.get_zone(now, &zone_id(zone)?)?;
    Ok(Reply::ok(to_xml(&GetZoneXml::new(&zone))))
}

fn list_zones(
    route53: &mut Route53,
    now: Moment,
    location: &Location,
) -> Result<Reply, Route53Error> {
    let marker = location.parse::<ZoneId>("marker")?;
    let page = route53.list_zones(now, marker.as_ref(), location.parse("maxitems")?)?;
    Ok(Reply::ok(to_xml(&ListZonesXml::new(&page, marker.as_ref()))))
}

fn list_zones_by_name(
    route53: &mut Route53,
    now: Moment,
    location: &Location,
) -> Result<Reply, Route53Error> {
    let name = location.parse::<OwnerName>("dnsname")?;
    let id = location.parse::<ZoneId>("hostedzoneid")?;
    let items_max = location.parse("maxitems")?;
    let page = route53.list_zones_by_name(now, name.as_ref(), id.as_ref(), items_max)?;
    Ok(Reply::ok(to_xml(&ListByNameXml::new(&page, name.as_ref(), id.as_ref()))))
}

fn create_zone(route53: &mut Route53, now: Moment, body: &[u8]) -> Result<Reply, Route53Error> {
    let asked = request::new_zone(body)?;
    let (zone, change) = route53.create_hosted_zone(
        now,
        &asked.name,
        &asked.caller_reference,
        asked.comment.as_deref(),
    )?;
    let location = format!("https://route53.amazonaws.com/{API_VERSION}/hostedzone/{}", zone.id);
    let xml = to_xml(&CreateZoneXml::new(&zone, &change));
    Ok(Reply { status: 201, location: Some(location), xml })
}

/// The zone's ID; a text that can't be one is that of no zone.
fn zone_id(text: &str) -> Result<ZoneId, Route53Error> {
    text.parse().map_err(|_| Route53Error::NoSuchHostedZone { id: text.to_owned() })
}

/// An ID in the form of AWS's that is the same for the same request at the same moment.
fn request_id(now: Moment, path_and_query: &str, body: &[u8]) -> String {
    let mut seen = format!("{} {path_and_query} ", now.as_ms()).into_bytes();
    seen.extend_from_slice(body);
    let digest = Digest::of(&seen).to_string();
    let part = |range: std::ops::Range<usize>| digest.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}
