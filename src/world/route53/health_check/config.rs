//! What a health check checks: its settings as the API takes and tells them.
//!
//! Endpoints and calculated checks. Checks of CloudWatch alarms and routing controls are not
//! modelled, nor is the choice of checkers' Regions.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::error::Route53Error;

/// Longest path, host name and text, in characters (Route 53 API Reference, `HealthCheckConfig`).
const TEXT_CHARS_MAX: usize = 255;

/// Most children of a calculated check (Route 53 Developer Guide, "Quotas", health checks).
pub const CHILDREN_MAX: usize = 255;

/// The failure threshold's range and default (Route 53 API Reference, `HealthCheckConfig`).
pub const FAILURE_THRESHOLD_MAX: u8 = 10;
/// As above.
pub const FAILURE_THRESHOLD_DEFAULT: u8 = 3;

/// The two request intervals, of which the longer is the default (same page).
pub const INTERVALS_S: [u8; 2] = [10, 30];

/// What is spoken to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// HTTP or HTTPS: a status from 200 to 399 passes, and with a text to look for only when it is
    /// found near the body's beginning.
    Http {
        /// Over TLS. Certificates are not looked at.
        tls: bool,
        /// The path, with its query.
        path: Option<String>,
        /// The text.
        search: Option<String>,
    },
    /// A connection that is accepted passes.
    Tcp,
}

/// An endpoint and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    /// What is spoken.
    pub spoken: Spoken,
    /// Its address; the host name is resolved before each request if none.
    pub address: Option<IpAddr>,
    /// The Host header, and what is resolved without an address.
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
    /// Seconds from an answer to the next request, for each checker: 10 or 30.
    pub interval_s: u8,
    /// Requests in a row that must fail, or pass, to change a checker's mind.
    pub failure_threshold: u8,
}

/// What a check rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Requests to an endpoint.
    Endpoint(EndpointConfig),
    /// Other checks.
    Calculated {
        /// So many must be healthy; 0 is always healthy, more than there are children never.
        threshold: u16,
        /// Their IDs.
        children: BTreeSet<String>,
    },
}

/// A health check's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckConfig {
    /// What it rests on.
    pub subject: Subject,
    /// Whether healthy reads unhealthy, and the other way round.
    pub inverted: bool,
    /// Whether nothing is asked any more; then what it rests on counts as healthy.
    pub disabled: bool,
}

/// What `UpdateHealthCheck` may change; what is left out stays. The type and the interval can't be
/// changed (Route 53 API Reference, `HealthCheckConfig`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckUpdate {
    /// The version that the caller has seen.
    pub version: Option<u64>,
    /// See [`EndpointConfig::address`].
    pub address: Option<IpAddr>,
    /// See [`EndpointConfig::host`].
    pub host: Option<String>,
    /// See [`EndpointConfig::port`].
    pub port: Option<u16>,
    /// See [`Spoken::Http`].
    pub path: Option<String>,
    /// See [`Spoken::Http`].
    pub search: Option<String>,
    /// See [`EndpointConfig::failure_threshold`].
    pub failure_threshold: Option<u8>,
    /// See [`Subject::Calculated`].
    pub threshold: Option<u16>,
    /// See [`Subject::Calculated`].
    pub children: Option<BTreeSet<String>>,
    /// See [`CheckConfig::inverted`].
    pub inverted: Option<bool>,
    /// See [`CheckConfig::disabled`].
    pub disabled: Option<bool>,
}

impl CheckConfig {
    /// What must hold of the settings alone.
    pub(super) fn check(&self) -> Result<(), Route53Error> {
        let refuse = |why: String| Err(Route53Error::input(why));
        match &self.subject {
            Subject::Endpoint(endpoint) => endpoint.check(),
            Subject::Calculated { threshold, children } => {
                if children.len() > CHILDREN_MAX {
                    return refuse(format!(
                        "A calculated health check has at most {CHILDREN_MAX} ChildHealthChecks"
                    ));
                }
                if *threshold > 256 {
                    return refuse(format!(
                        "Value '{threshold}' is not facet-valid with respect to maxInclusive '256' for type 'HealthThreshold'."
                    ));
                }
                Ok(())
            }
        }
    }

    /// These settings with what an update changes.
    pub(super) fn updated(&self, update: &CheckUpdate) -> Result<Self, Route53Error> {
        let mut new = self.clone();
        let foreign = match &mut new.subject {
            Subject::Endpoint(endpoint) => {
                endpoint.update(update)?;
                update.threshold.is_some() || update.children.is_some()
            }
            Subject::Calculated { threshold, children } => {
                *threshold = update.threshold.unwrap_or(*threshold);
                if let Some(new) = &update.children {
                    children.clone_from(new);
                }
                update.address.is_some()
                    || update.host.is_some()
                    || update.port.is_some()
                    || update.path.is_some()
                    || update.search.is_some()
                    || update.failure_threshold.is_some()
            }
        };
        if foreign {
            return Err(Route53Error::input(
                "The request names a setting that a health check of this Type does not have",
            ));
        }
        new.inverted = update.inverted.unwrap_or(new.inverted);
        new.disabled = update.disabled.unwrap_or(new.disabled);
        new.check()?;
        Ok(new)
    }
}

impl EndpointConfig {
    fn check(&self) -> Result<(), Route53Error> {
        let refuse = |why: String| Err(Route53Error::input(why));
        if self.address.is_none() && self.host.is_none() {
            return refuse("Either IPAddress or FullyQualifiedDomainName is needed".to_owned());
        }
        if !INTERVALS_S.contains(&self.interval_s) {
            return refuse(format!("Invalid RequestInterval {}: it is 10 or 30", self.interval_s));
        }
        if !(1..=FAILURE_THRESHOLD_MAX).contains(&self.failure_threshold) {
            return refuse(format!(
                "Invalid FailureThreshold {}: it is 1 to {FAILURE_THRESHOLD_MAX}",
                self.failure_threshold
            ));
        }
        if self.port == 0 {
            return refuse("Invalid Port 0: it is 1 to 65535".to_owned());
        }
        let (path, search) = match &self.spoken {
            Spoken::Http { path, search, .. } => (path.as_ref(), search.as_ref()),
            Spoken::Tcp => (None, None),
        };
        let texts = [
            ("FullyQualifiedDomainName", self.host.as_ref()),
            ("ResourcePath", path),
            ("SearchString", search),
        ];
        for (name, text) in texts {
            if text.is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
                return refuse(format!("{name} is longer than {TEXT_CHARS_MAX} characters"));
            }
        }
        if search.is_some_and(|search| search.is_empty()) {
            return refuse("SearchString is empty".to_owned());
        }
        Ok(())
    }

    fn update(&mut self, update: &CheckUpdate) -> Result<(), Route53Error> {
        self.address = update.address.or(self.address);
        self.host = update.host.clone().or_else(|| self.host.take());
        self.port = update.port.unwrap_or(self.port);
        self.failure_threshold = update.failure_threshold.unwrap_or(self.failure_threshold);
        match &mut self.spoken {
            Spoken::Http { path, search, .. } => {
                *path = update.path.clone().or_else(|| path.take());
                if update.search.is_some() && search.is_none() {
                    return Err(Route53Error::input("This Type has no SearchString"));
                }
                *search = update.search.clone().or_else(|| search.take());
            }
            Spoken::Tcp if update.path.is_some() || update.search.is_some() => {
                return Err(Route53Error::input("TCP has neither path nor SearchString"));
            }
            Spoken::Tcp => {}
        }
        Ok(())
    }
}
