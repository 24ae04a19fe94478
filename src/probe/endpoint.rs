//! What is probed, made ready: a URL and a specification that fit together.
//!
//! Checked once, before the first probe. A URL that nobody could connect to is a mistake in the
//! configuration, and must not look like an endpoint that is down.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::{Authority, PathAndQuery};
use tokio_rustls::rustls::pki_types::ServerName;

use super::kept::Kept;
use super::turns::Turns;
use crate::domain::fleet::{ProbeSpec, Protocol};

/// An endpoint, ready to be probed.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Name or address to connect to, without the brackets of IPv6.
    pub(super) host: String,
    pub(super) ask: Ask,
    pub(super) spec: ProbeSpec,
    pub(super) timeout: Duration,
    /// Whose turn it is, of a name's addresses.
    pub(super) turns: Arc<Turns>,
    /// Connections kept from one probe to the next.
    pub(super) kept: Arc<Kept>,
}

/// What one request asks for, on whichever address.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) port: u16,
    /// Set over TLS: the name that the certificate must be good for.
    pub(super) tls_name: Option<ServerName<'static>>,
    /// The Host header, or HTTP/2's authority.
    pub(super) host_header: HeaderValue,
    pub(super) authority: Authority,
    pub(super) path: PathAndQuery,
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
    /// Makes an endpoint of a base URL and how it is to be probed: `http` or `https`, or, where the
    /// protocol is TCP, `tcp` or `tls` with a port.
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
        let tcp = spec.protocol == Protocol::Tcp;
        let (tls, by_scheme) = match (url.scheme_str(), tcp) {
            (Some("http"), false) => (false, Some(80)),
            (Some("https"), false) => (true, Some(443)),
            (Some("tcp"), true) => (false, None),
            (Some("tls"), true) => (true, None),
            (_, false) => return Err(wrong("it must begin with http:// or https://")),
            (_, true) => return Err(wrong("it must begin with tcp:// or tls://")),
        };
        let authority = url.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it must hold no user and no password"));
        }
        let host = bare(authority.host());
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let port = port_of(authority, by_scheme)
            .ok_or_else(|| wrong("it must have a port, from 1 to 65535"))?;
        let (host_header, shown) = host_header(authority, spec.host.as_deref())?;
        let tls_name = tls.then(|| tls_name(&shown)).transpose()?;
        let path = joined(url.path(), &spec.path)?;
        Ok(Self {
            host: host.to_owned(),
            ask: Ask { port, tls_name, host_header, authority: shown, path },
            timeout: Duration::from_millis(spec.timeout_ms.into()),
            spec: spec.clone(),
            turns: Arc::default(),
            kept: Arc::default(),
        })
    }

    /// Whether it is probed over TLS, so that the prober needs roots to trust. A redirect may lead
    /// there too.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.ask.tls_name.is_some()
    }

    /// Whether TLS may be needed in the course of a probe.
    #[must_use]
    pub fn may_need_tls(&self) -> bool {
        self.is_tls() || self.spec.redirects_max > 0
    }
}

impl Ask {
    /// What to ask for after having been sent to this location; or why it is not gone to.
    ///
    /// Only to the same host: behind another name may stand another Region, whose health is not
    /// asked for. And not from TLS to plain text: a certificate that nobody looks at any more would
    /// go unseen.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, &'static str> {
        let location = location.split('#').next().unwrap_or_default();
        let absolute = match location.strip_prefix("//") {
            Some(rest) => {
                format!("{}://{rest}", if self.tls_name.is_some() { "https" } else { "http" })
            }
            None => location.to_owned(),
        };
        if !absolute.contains("://") {
            let path = if absolute.starts_with('/') {
                absolute
            } else {
                let base = self.path.path().rsplit_once('/').map_or("", |(base, _)| base);
                format!("{base}/{absolute}")
            };
            let path = path.parse().map_err(|_| "its path can't be asked for")?;
            return Ok(Self { path, ..self.clone() });
        }
        let url: Uri = absolute.parse().map_err(|_| "it is not a URL")?;
        let authority = url.authority().ok_or("it names no host")?.clone();
        if !authority.host().eq_ignore_ascii_case(self.authority.host()) {
            return Err("it is another host");
        }
        let (tls, by_scheme) = match url.scheme_str() {
            Some("https") => (true, 443),
            Some("http") if self.tls_name.is_none() => (false, 80),
            Some("http") => return Err("it leads from TLS to plain text"),
            _ => return Err("it is neither http nor https"),
        };
        let port = port_of(&authority, Some(by_scheme)).ok_or("its port is none")?;
        let tls_name = tls
            .then(|| tls_name(&authority))
            .transpose()
            .map_err(|_| "no certificate can be good for it")?;
        let host_header =
            HeaderValue::from_str(authority.as_str()).map_err(|_| "its host can't be asked for")?;
        let path = url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { port, tls_name, host_header, authority, path })
    }
}

fn tls_name(authority: &Authority) -> Result<ServerName<'static>, InvalidEndpoint> {
    let name = bare(authority.host()).to_owned();
    ServerName::try_from(name.clone()).map_err(|_| InvalidEndpoint {
        part: "host",
        text: name,
        reason: "no certificate can be good for it: it must be a DNS name or an IP address",
    })
}

/// A host without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The port behind the host, or the scheme's own; none when what stands there is no port. (The URL
/// type takes any digits, and then tells of no port at all.)
fn port_of(authority: &Authority, by_scheme: Option<u16>) -> Option<u16> {
    match &authority.as_str()[authority.host().len()..] {
        "" => by_scheme,
        text => text.strip_prefix(':')?.parse().ok().filter(|&port| port != 0),
    }
}

/// The Host header's value, as a header and taken apart.
fn host_header(
    url: &Authority,
    given: Option<&str>,
) -> Result<(HeaderValue, Authority), InvalidEndpoint> {
    let text = given.unwrap_or(url.as_str());
    let wrong = || InvalidEndpoint {
        part: "host",
        text: text.to_owned(),
        reason: "it must be a name or an address, with or without a port",
    };
    let host: Authority = text.parse().map_err(|_| wrong())?;
    if host.host().is_empty() || text.contains('@') || port_of(&host, Some(80)).is_none() {
        return Err(wrong());
    }
    Ok((HeaderValue::from_str(text).map_err(|_| wrong())?, host))
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
        assert_eq!((endpoint.host.as_str(), endpoint.ask.port), ("web.example.com", 8080));
        assert_eq!(endpoint.ask.host_header, "web.example.com:8080");
        assert_eq!(endpoint.ask.path, "/app/health");
        assert!(!endpoint.is_tls());
    }

    #[test]
    fn a_host_changes_what_is_asked_for_but_not_where() {
        let spec = ProbeSpec { host: Some("shop.example.com".to_owned()), ..spec() };
        let endpoint = Endpoint::new("https://lb-1.example.net", &spec).expect("valid");
        assert_eq!((endpoint.host.as_str(), endpoint.ask.port), ("lb-1.example.net", 443));
        assert_eq!(endpoint.ask.host_header, "shop.example.com");
        let name = ServerName::try_from("shop.example.com").expect("valid");
        assert_eq!(endpoint.ask.tls_name, Some(name));
    }

    #[test]
    fn an_ipv6_address_loses_its_brackets_for_connecting_and_keeps_them_for_asking() {
        let endpoint = Endpoint::new("https://[::1]:8443", &spec()).expect("valid");
        assert_eq!((endpoint.host.as_str(), endpoint.ask.port), ("::1", 8443));
        assert_eq!(endpoint.ask.host_header, "[::1]:8443");
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

    #[test]
    fn tcp_needs_a_port_and_a_scheme_of_its_own() {
        let tcp = ProbeSpec { protocol: Protocol::Tcp, ..spec() };
        let endpoint = Endpoint::new("tls://db.example.com:5432", &tcp).expect("valid");
        assert!(endpoint.is_tls() && endpoint.ask.port == 5432);
        assert!(!Endpoint::new("tcp://db.example.com:5432", &tcp).expect("valid").is_tls());
        for (url, spec, reason) in [
            ("tcp://db.example.com", &tcp, "port"),
            ("http://db.example.com", &tcp, "tcp://"),
            ("tcp://db.example.com:5432", &spec(), "http://"),
        ] {
            let error = Endpoint::new(url, spec).expect_err(url).to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn a_redirect_leads_to_the_same_host_and_never_back_from_tls() {
        let ask = |url| Endpoint::new(url, &spec()).expect("valid").ask;
        let plain = ask("http://web.example.com:8080/app");
        let to = |location: &str| {
            let ask = plain.redirected(location)?;
            let tls = ask.tls_name.is_some();
            Ok::<_, &str>((tls, ask.host_header, ask.port, ask.path.as_str().to_owned()))
        };
        let here = HeaderValue::from_static("web.example.com:8080");
        let bare = HeaderValue::from_static("WEB.example.com");
        assert_eq!(to("/up?x=1#y"), Ok((false, here.clone(), 8080, "/up?x=1".to_owned())));
        assert_eq!(to("up"), Ok((false, here, 8080, "/app/up".to_owned())));
        assert_eq!(to("https://WEB.example.com"), Ok((true, bare.clone(), 443, "/".to_owned())));
        assert_eq!(to("//WEB.example.com/a"), Ok((false, bare, 80, "/a".to_owned())));
        for (location, reason) in [
            ("http://other.example.com/", "another host"),
            ("https://web.example.com.evil.test/", "another host"),
            ("ftp://web.example.com/", "neither"),
            ("http://web.example.com:0/", "port"),
            ("/a b", "path"),
        ] {
            let error = to(location).expect_err(location);
            assert!(error.contains(reason), "{location}: {error}");
        }
        let secured = ask("https://web.example.com");
        assert!(secured.redirected("http://web.example.com/").is_err());
        assert!(secured.redirected("https://web.example.com/").is_ok());
    }
}
