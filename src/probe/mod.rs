//! One probe of one endpoint: is it answering as it should, right now, from here?
//!
//! [`Prober::probe`] is one probe and no more. When to probe, how often, and what a failure means
//! are the brain's business.
//!
//! - **Each probe makes its own connection**, unless the configuration says otherwise. A kept
//!   connection goes on working when a load balancer accepts no new ones, when its name no longer
//!   resolves, when a certificate has expired: everything that a new client would stumble over. So
//!   names are resolved, connections made and certificates checked each time, and TLS sessions are
//!   not resumed.
//! - **Each of a name's addresses has its turn** (`turns`): one that is dead is told of, though the
//!   others hide it from most clients.
//! - **Redirects are not followed** unless the configuration says so, and then to the same host
//!   only: what stands behind another may be in another Region, whose health is not asked for here.
//! - **Everything is bounded**: the time, the head, the body, the redirects, the addresses that are
//!   tried, and the text kept for people. A hostile endpoint can make its own probe fail and nothing
//!   else.
//!
//! | file | subject |
//! |---|---|
//! | `endpoint` | what is asked, checked once |
//! | `names`, `turns` | addresses, and which of them is tried |
//! | `attempt` | one attempt at one address |
//! | `tls`, `expiry` | trust, and how long a certificate is good |
//! | `conversation`, `kept` | HTTP on a connection, and connections that are kept |
//! | `judge` | whether an answer is a healthy one |
//! | `progress` | what each phase took, and where time ran out |

mod attempt;
mod conversation;
mod endpoint;
mod expiry;
mod judge;
mod kept;
mod names;
mod prober;
mod progress;
mod tls;
mod turns;

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
