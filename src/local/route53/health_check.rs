//! Health checks on the wire: requests' XML bodies and answers', and the operations between them.
//!
//! Checks of alarms and routing controls, the choice of checkers' Regions, and the resetting of
//! single settings are not modelled and are refused by name.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Reply;
use super::location::Location;
use super::request::{input, parse};
use super::response::{Document, timestamp, to_xml};
use crate::domain::Moment;
use crate::world::route53::{
    CheckConfig, CheckInfo, CheckPage, CheckUpdate, CheckerReport, EndpointConfig,
    FAILURE_THRESHOLD_DEFAULT, Route53, Route53Error, Spoken, Subject,
};

/// The interval of a check that names none (Route 53 API Reference, `HealthCheckConfig`).
const INTERVAL_S_DEFAULT: u8 = 30;

/// The settings as they are sent and told. In an update all are optional.
#[derive(Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
struct ConfigXml {
    #[serde(rename = "IPAddress", skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fully_qualified_domain_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_interval: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_threshold: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measure_latency: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inverted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_threshold: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    child_health_checks: Option<ChildrenXml>,
    #[serde(rename = "EnableSNI", skip_serializing_if = "Option::is_none")]
    enable_sni: Option<bool>,
    #[serde(skip_serializing)]
    regions: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    alarm_identifier: Option<IgnoredAny>,
    #[serde(skip_serializing)]
    routing_control_arn: Option<IgnoredAny>,
}

#[derive(Deserialize, Serialize)]
struct ChildrenXml {
    #[serde(rename = "ChildHealthCheck", default)]
    children: Vec<String>,
}

/// `CreateHealthCheck`.
pub(super) fn create(
    route53: &mut Route53,
    now: Moment,
    body: &[u8],
) -> Result<Reply, Route53Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct RequestXml {
        caller_reference: String,
        health_check_config: ConfigXml,
    }
    let request: RequestXml = parse(body)?;
    let config = request.health_check_config.into_config()?;
    let info = route53.create_health_check(now, &request.caller_reference, config)?;
    let location = format!("https://route53.amazonaws.com/2013-04-01/healthcheck/{}", info.id);
    let xml = to_xml(&OneXml::<CREATED>::new(&info));
    Ok(Reply { status: 201, location: Some(location), xml })
}

/// `GetHealthCheck`.
pub(super) fn get(route53: &mut Route53, now: Moment, id: &str) -> Result<Reply, Route53Error> {
    let info = route53.get_health_check(now, id)?;
    Ok(Reply::ok(to_xml(&OneXml::<FOUND>::new(&info))))
}

/// `ListHealthChecks`.
pub(super) fn list(
    route53: &mut Route53,
    now: Moment,
    location: &Location,
) -> Result<Reply, Route53Error> {
    let marker = location.get("marker");
    let page = route53.list_health_checks(now, marker, location.parse("maxitems")?)?;
    Ok(Reply::ok(to_xml(&ListXml::new(&page, marker))))
}

/// `UpdateHealthCheck`.
pub(super) fn update(
    route53: &mut Route53,
    now: Moment,
    id: &str,
    body: &[u8],
) -> Result<Reply, Route53Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct VersionXml {
        health_check_version: Option<u64>,
        reset_elements: Option<IgnoredAny>,
    }
    let VersionXml { health_check_version, reset_elements } = parse(body)?;
    if reset_elements.is_some() {
        return Err(input("ResetElements are not modelled"));
    }
    let settings: ConfigXml = parse(body)?;
    let update = settings.into_update(health_check_version)?;
    let info = route53.update_health_check(now, id, &update)?;
    Ok(Reply::ok(to_xml(&OneXml::<UPDATED>::new(&info))))
}

/// `GetHealthCheckStatus`.
pub(super) fn status(route53: &mut Route53, now: Moment, id: &str) -> Result<Reply, Route53Error> {
    let reports = route53.health_check_status(now, id)?;
    Ok(Reply::ok(to_xml(&StatusXml::new(&reports))))
}

impl ConfigXml {
    fn refuse_what_is_not_modelled(&self) -> Result<(), Route53Error> {
        let found = [
            ("Regions", self.regions.is_some()),
            ("AlarmIdentifier", self.alarm_identifier.is_some()),
            ("RoutingControlArn", self.routing_control_arn.is_some()),
        ];
        match found.iter().find(|(_, is)| *is) {
            Some((name, _)) => Err(input(format!("{name} of a health check is not modelled"))),
            None => Ok(()),
        }
    }

    fn address(&self) -> Result<Option<std::net::IpAddr>, Route53Error> {
        let parsed = self.ip_address.as_ref().map(|text| text.parse());
        parsed.transpose().map_err(|error| input(format!("Invalid IPAddress: {error}")))
    }

    fn into_config(self) -> Result<CheckConfig, Route53Error> {
        self.refuse_what_is_not_modelled()?;
        let address = self.address()?;
        let kind = self.r#type.as_deref().unwrap_or_default();
        let http = |tls, matched| match (&self.search_string, matched) {
            (Some(_), false) => Err(input("SearchString is for the types with _STR_MATCH")),
            (None, true) => Err(input(format!("Type {kind} needs a SearchString"))),
            (search, _) => {
                let (path, search) = (self.resource_path.clone(), search.clone());
                Ok(Spoken::Http { tls, path, search })
            }
        };
        let spoken = match kind {
            "HTTP" => Some(http(false, false)?),
            "HTTPS" => Some(http(true, false)?),
            "HTTP_STR_MATCH" => Some(http(false, true)?),
            "HTTPS_STR_MATCH" => Some(http(true, true)?),
            "TCP" => Some(Spoken::Tcp),
            "CALCULATED" => None,
            other => {
                return Err(input(format!("A health check of Type {other:?} is not modelled")));
            }
        };
        let subject = match spoken {
            None => Subject::Calculated {
                threshold: self.health_threshold.unwrap_or(0),
                children: self.children().unwrap_or_default(),
            },
            Some(spoken) => {
                let port = match (self.port, &spoken) {
                    (Some(port), _) => port,
                    (None, Spoken::Http { tls: true, .. }) => 443,
                    (None, Spoken::Http { tls: false, .. }) => 80,
                    (None, Spoken::Tcp) => return Err(input("TCP needs a Port")),
                };
                Subject::Endpoint(EndpointConfig {
                    spoken,
                    address,
                    host: self.fully_qualified_domain_name.clone(),
                    port,
                    interval_s: self.request_interval.unwrap_or(INTERVAL_S_DEFAULT),
                    failure_threshold: self.failure_threshold.unwrap_or(FAILURE_THRESHOLD_DEFAULT),
                })
            }
        };
        let (inverted, disabled) = (self.inverted.unwrap_or(false), self.disabled.unwrap_or(false));
        Ok(CheckConfig { subject, inverted, disabled })
    }

    fn into_update(self, version: Option<u64>) -> Result<CheckUpdate, Route53Error> {
        self.refuse_what_is_not_modelled()?;
        Ok(CheckUpdate {
            version,
            address: self.address()?,
            children: self.children(),
            host: self.fully_qualified_domain_name,
            port: self.port,
            path: self.resource_path,
            search: self.search_string,
            failure_threshold: self.failure_threshold,
            threshold: self.health_threshold,
            inverted: self.inverted,
            disabled: self.disabled,
        })
    }

    fn children(&self) -> Option<BTreeSet<String>> {
        self.child_health_checks.as_ref().map(|xml| xml.children.iter().cloned().collect())
    }
}

impl From<&CheckConfig> for ConfigXml {
    fn from(config: &CheckConfig) -> Self {
        let mut xml = Self {
            inverted: Some(config.inverted),
            disabled: Some(config.disabled),
            ..Self::default()
        };
        match &config.subject {
            Subject::Calculated { threshold, children } => {
                xml.r#type = Some("CALCULATED".to_owned());
                xml.health_threshold = Some(*threshold);
                let children = children.iter().cloned().collect();
                xml.child_health_checks = Some(ChildrenXml { children });
            }
            Subject::Endpoint(endpoint) => {
                let kind = match &endpoint.spoken {
                    Spoken::Tcp => "TCP",
                    Spoken::Http { tls: false, search: None, .. } => "HTTP",
                    Spoken::Http { tls: true, search: None, .. } => "HTTPS",
                    Spoken::Http { tls: false, search: Some(_), .. } => "HTTP_STR_MATCH",
                    Spoken::Http { tls: true, search: Some(_), .. } => "HTTPS_STR_MATCH",
                };
                xml.r#type = Some(kind.to_owned());
                if let Spoken::Http { tls, path, search } = &endpoint.spoken {
                    xml.resource_path.clone_from(path);
                    xml.search_string.clone_from(search);
                    xml.enable_sni = Some(*tls);
                }
                xml.ip_address = endpoint.address.map(|address| address.to_string());
                xml.fully_qualified_domain_name.clone_from(&endpoint.host);
                xml.port = Some(endpoint.port);
                xml.request_interval = Some(endpoint.interval_s);
                xml.failure_threshold = Some(endpoint.failure_threshold);
                xml.measure_latency = Some(false);
            }
        }
        xml
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckXml {
    id: String,
    caller_reference: String,
    health_check_config: ConfigXml,
    health_check_version: u64,
}

impl From<&CheckInfo> for CheckXml {
    fn from(info: &CheckInfo) -> Self {
        Self {
            id: info.id.clone(),
            caller_reference: info.caller_reference.clone(),
            health_check_config: (&info.config).into(),
            health_check_version: info.version,
        }
    }
}

const CREATED: u8 = 0;
const FOUND: u8 = 1;
const UPDATED: u8 = 2;

/// The same body under three roots.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OneXml<const OPERATION: u8> {
    health_check: CheckXml,
}

impl<const OPERATION: u8> OneXml<OPERATION> {
    fn new(info: &CheckInfo) -> Self {
        Self { health_check: info.into() }
    }
}

impl<const OPERATION: u8> Document for OneXml<OPERATION> {
    const ROOT: &'static str = match OPERATION {
        CREATED => "CreateHealthCheckResponse",
        UPDATED => "UpdateHealthCheckResponse",
        _ => "GetHealthCheckResponse",
    };
}

#[derive(Serialize)]
struct ChecksXml {
    #[serde(rename = "HealthCheck")]
    checks: Vec<CheckXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListXml {
    health_checks: ChecksXml,
    marker: String,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    max_items: usize,
}

impl ListXml {
    fn new(page: &CheckPage, marker: Option<&str>) -> Self {
        Self {
            health_checks: ChecksXml { checks: page.checks.iter().map(CheckXml::from).collect() },
            marker: marker.unwrap_or_default().to_owned(),
            is_truncated: page.next.is_some(),
            next_marker: page.next.clone(),
            max_items: page.items_max,
        }
    }
}

impl Document for ListXml {
    const ROOT: &'static str = "ListHealthChecksResponse";
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusXml {
    health_check_observations: ObservationsXml,
}

#[derive(Serialize)]
struct ObservationsXml {
    #[serde(rename = "HealthCheckObservation")]
    observations: Vec<ObservationXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ObservationXml {
    region: &'static str,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_report: Option<ReportXml>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReportXml {
    status: String,
    checked_time: String,
}

impl StatusXml {
    fn new(reports: &[CheckerReport]) -> Self {
        let observations = reports
            .iter()
            .zip(1_u8..)
            .map(|(report, n)| ObservationXml {
                region: report.place,
                // Of the block for documentation: the checkers here have no addresses.
                ip_address: format!("192.0.2.{n}"),
                status_report: report.last.as_ref().map(|last| ReportXml {
                    status: last.status.clone(),
                    checked_time: timestamp(last.at),
                }),
            })
            .collect();
        Self { health_check_observations: ObservationsXml { observations } }
    }
}

impl Document for StatusXml {
    const ROOT: &'static str = "GetHealthCheckStatusResponse";
}
