//! One probe of one HTTP endpoint: is it answering as it should, right now, from here?
//!
//! [`Prober::probe`] is one probe and no more. When to probe, how often, and what a failure means
//! are the brain's business; so a probe never retries, and it keeps nothing from one to the next.
//!
//! - **Each probe makes its own connection.** A kept connection goes on working when a load
//!   balancer accepts no new ones, when its name no longer resolves, when a certificate has
//!   expired: everything that a new client would stumble over. So names are resolved, connections
//!   made and certificates checked each time, and TLS sessions are not resumed.
//! - **Redirects are not followed.** A 3xx is a status like another, healthy if the specification
//!   says so: what stands behind it may be in another Region, whose health is not asked for here.
//! - **Everything is bounded**: the time, the head, the body, the addresses that are tried, and the
//!   text kept for people. A hostile endpoint can make its own probe fail and nothing else.
//! - HTTP/1.1 only, as Route 53's own health checkers speak it.

mod dial;
mod endpoint;
mod exchange;
mod names;
mod prober;
mod tls;

#[cfg(test)]
mod tests;

pub use endpoint::{Endpoint, InvalidEndpoint};
pub use prober::{InvalidUserAgent, Prober};
pub use tls::{NoRoots, Trust};

use crate::domain::ProbeFailure;

/// Longest text kept of what went wrong, in characters: a line of a table. It ends up in logs and
/// in reports, and part of it may be the endpoint's words.
const DETAIL_CHARS_MAX: usize = 200;

/// Why a probe failed, before its times are added.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Broken {
    failure: ProbeFailure,
    detail: String,
}

impl Broken {
    /// A failure with its detail, cut to a line without control characters.
    fn new(failure: ProbeFailure, detail: impl AsRef<str>) -> Self {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let detail = detail.as_ref().chars().take(DETAIL_CHARS_MAX).map(plain).collect();
        Self { failure, detail }
    }
}

/// An error with everything that it says caused it: the outermost alone is seldom of use.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
