//! What is probed, made ready: a URL and a specification that fit together.
//!
//! Checked once, before the first probe. A URL that nobody could connect to is a mistake in the
//! configuration, and must not look like an endpoint that is down.

use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::{Authority, PathAndQuery};
use tokio_rustls::rustls::pki_types::ServerName;

use crate::domain::fleet::ProbeSpec;

/// An endpoint, ready to be probed.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Name or address to connect to, without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    /// Set for https: the name that the certificate must be good for.
    pub(super) tls_name: Option<ServerName<'static>>,
    pub(super) host_header: HeaderValue,
    pub(super) path: PathAndQuery,
    /// Lowest and highest status that mean healthy.
    pub(super) status: (u16, u16),
    pub(super) body_contains: Option<String>,
    pub(super) body_bytes_max: u32,
    pub(super) latency_ms_max: u32,
    pub(super) timeout: Duration,
}

/// An endpoint that can't be probed as it is described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the probe's {part} {text:?} is not valid: {reason}")]
pub struct InvalidEndpoint {
    /// Which part: the URL, the Host header or the path.
    pub part: &'static str,
    /// As given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Endpoint {
    /// Makes an endpoint of a base URL (`http` or `https`) and how it is to be probed.
    ///
    /// The specification's path is appended to the URL's. Its host, if it has one, becomes the Host
    /// header and, with TLS, the name that is asked for and that the certificate must be good for;
    /// the connection still goes where the URL points. So one can probe a load balancer by its own
    /// name in the way that clients of the service use it.
    ///
    /// # Errors
    /// Says which part is wrong, and how.
    pub fn new(base_url: &str, spec: &ProbeSpec) -> Result<Self, InvalidEndpoint> {
        let wrong = |reason| InvalidEndpoint { part: "URL", text: base_url.to_owned(), reason };
        if base_url.contains(['?', '#']) {
            return Err(wrong(
                "a base URL has no query and no fragment; put a query into the path",
            ));
        }
        let url: Uri = base_url.parse().map_err(|_| wrong("it is not a URL"))?;
        let tls = match url.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("it must begin with http:// or https://")),
        };
        let authority = url.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it must hold no user and no password"));
        }
        let host = bare(authority.host());
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let port = port_of(authority, if tls { 443 } else { 80 })
            .ok_or_else(|| wrong("its port must be from 1 to 65535"))?;
        let (host_header, name) = host_header(authority, spec.host.as_deref())?;
        let tls_name = if tls {
            Some(ServerName::try_from(name.clone()).map_err(|_| InvalidEndpoint {
                part: "host",
                text: name,
                reason: "no certificate can be good for it: it must be a DNS name or an IP address",
            })?)
        } else {
            None
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls_name,
            host_header,
            path: joined(url.path(), &spec.path)?,
            status: spec.status,
            body_contains: spec.body_contains.clone(),
            body_bytes_max: spec.body_bytes_max,
            latency_ms_max: spec.latency_ms_max,
            timeout: Duration::from_millis(spec.timeout_ms.into()),
        })
    }

    /// Whether it is probed over TLS, so that the prober needs roots to trust.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls_name.is_some()
    }
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The port behind the host, or the scheme's own; none when what stands there is no port. (The URL
/// type takes any digits, and then tells of no port at all.)
fn port_of(authority: &Authority, by_scheme: u16) -> Option<u16> {
    match &authority.as_str()[authority.host().len()..] {
        "" => Some(by_scheme),
        text => text.strip_prefix(':')?.parse().ok().filter(|&port| port != 0),
    }
}

/// The Host header's value, and the host's name in it.
fn host_header(
    url: &Authority,
    given: Option<&str>,
) -> Result<(HeaderValue, String), InvalidEndpoint> {
    let text = given.unwrap_or(url.as_str());
    let wrong = || InvalidEndpoint {
        part: "host",
        text: text.to_owned(),
        reason: "it must be a name or an address, with or without a port",
    };
    let host: Authority = text.parse().map_err(|_| wrong())?;
    if host.host().is_empty() || text.contains('@') || port_of(&host, 80).is_none() {
        return Err(wrong());
    }
    Ok((HeaderValue::from_str(text).map_err(|_| wrong())?, bare(host.host()).to_owned()))
}

/// The specification's path behind the URL's.
fn joined(base: &str, path: &str) -> Result<PathAndQuery, InvalidEndpoint> {
    let wrong = |reason| InvalidEndpoint { part: "path", text: path.to_owned(), reason };
    if !path.starts_with('/') {
        return Err(wrong("it must begin with a slash"));
    }
    if path.contains('#') {
        return Err(wrong("a fragment is never sent to a server"));
    }
    format!("{}{path}", base.trim_end_matches('/'))
        .parse()
        .map_err(|_| wrong("characters such as spaces must be percent-encoded"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::spec;

    #[test]
    fn the_url_says_where_to_connect_and_the_specification_what_to_ask() {
        let endpoint = Endpoint::new("http://web.example.com:8080/app/", &spec()).expect("valid");
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("web.example.com", 8080));
        assert_eq!(endpoint.host_header, "web.example.com:8080");
        assert_eq!(endpoint.path, "/app/health");
        assert!(!endpoint.is_tls());
    }

    #[test]
    fn a_host_changes_what_is_asked_for_but_not_where() {
        let spec = ProbeSpec { host: Some("shop.example.com".to_owned()), ..spec() };
        let endpoint = Endpoint::new("https://lb-1.example.net", &spec).expect("valid");
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("lb-1.example.net", 443));
        assert_eq!(endpoint.host_header, "shop.example.com");
        let name = ServerName::try_from("shop.example.com").expect("valid");
        assert_eq!(endpoint.tls_name, Some(name));
    }

    #[test]
    fn an_ipv6_address_loses_its_brackets_for_connecting_and_keeps_them_for_asking() {
        let endpoint = Endpoint::new("https://[::1]:8443", &spec()).expect("valid");
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("::1", 8443));
        assert_eq!(endpoint.host_header, "[::1]:8443");
    }

    #[test]
    fn a_url_that_nobody_can_probe_is_refused_with_the_reason() {
        for (url, reason) in [
            ("web.example.com", "http://"),
            ("ftp://web.example.com", "http://"),
            ("http://", "not a URL"),
            ("http://web.example.com:0", "port"),
            ("http://web.example.com:", "port"),
            ("http://web.example.com:70000", "port"),
            ("http://me:secret@web.example.com", "password"),
            ("http://web.example.com?x=1", "query"),
            ("http://web.example.com/#x", "fragment"),
            ("https://a_b..c", "certificate"),
        ] {
            let error = Endpoint::new(url, &spec()).expect_err(url).to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn a_path_or_host_that_would_break_the_request_is_refused() {
        for path in ["", "health", "/a b", "/a#b", "/a\r\nx: y"] {
            let spec = ProbeSpec { path: path.to_owned(), ..spec() };
            let error = Endpoint::new("http://a", &spec).expect_err(path);
            assert_eq!(error.part, "path", "{path:?}");
        }
        for host in ["", "a b", "a\r\nx: y", "me@a", "a/b", "a:70000"] {
            let spec = ProbeSpec { host: Some(host.to_owned()), ..spec() };
            let error = Endpoint::new("http://a", &spec).expect_err(host);
            assert_eq!(error.part, "host", "{host:?}");
        }
    }
}
