//! One of the many checkers of an endpoint: what it makes of an answer, and when it changes its
//! mind.
//!
//! Checkers don't coordinate (Route 53 Developer Guide, "How Amazon Route 53 determines whether a
//! health check is healthy"): each asks at its own phase, counts its own streak, and waits the
//! interval from an answer to the next request.

use std::time::Duration;

use super::config::{EndpointConfig, Spoken};
use crate::domain::Moment;

/// Longest time until an HTTP endpoint accepts a connection (same page).
pub const CONNECT_MAX: Duration = Duration::from_secs(4);

/// Longest time until a TCP endpoint does (same page).
pub const TCP_CONNECT_MAX: Duration = Duration::from_secs(10);

/// Longest time from the connection to the status, and from the status to the body (same page).
pub const ANSWER_MAX: Duration = Duration::from_secs(2);

/// The text that is looked for must lie within so many bytes of the body (same page).
pub const BODY_BYTES_MAX: usize = 5120;

/// What a checker's request met with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// An answer.
    Answer {
        /// Until the connection was accepted.
        connected_after: Duration,
        /// From there until the status came.
        status_after: Duration,
        /// From there until as much of the body came as is looked at.
        body_after: Duration,
        /// The HTTP status; any number for TCP.
        status: u16,
        /// The body's beginning.
        body: Vec<u8>,
    },
    /// No connection, or one that broke.
    Nothing {
        /// Why, for people.
        why: String,
    },
}

impl Met {
    /// An answer in no time.
    #[must_use]
    pub fn at_once(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let none = Duration::ZERO;
        Self::Answer {
            connected_after: none,
            status_after: none,
            body_after: none,
            status,
            body: body.into(),
        }
    }

    /// Whether it passes; with words as `GetHealthCheckStatus` has them.
    pub(super) fn judge(&self, endpoint: &EndpointConfig) -> (bool, String) {
        let fail = |why: &str| (false, format!("Failure: {why}"));
        let (connected_after, status_after, body_after, status, body) = match self {
            Self::Nothing { why } => return fail(why),
            Self::Answer { connected_after, status_after, body_after, status, body } => {
                (*connected_after, *status_after, *body_after, *status, body)
            }
        };
        let Spoken::Http { search, .. } = &endpoint.spoken else {
            return if connected_after <= TCP_CONNECT_MAX {
                (true, "Success: TCP connection was established".to_owned())
            } else {
                fail("The connection timed out")
            };
        };
        if connected_after > CONNECT_MAX {
            return fail("The connection timed out");
        }
        if status_after > ANSWER_MAX {
            return fail("The endpoint did not answer in time");
        }
        if !(200..400).contains(&status) {
            return fail(&format!("HTTP Status Code {status}"));
        }
        if let Some(search) = search {
            if body_after > ANSWER_MAX {
                return fail("The body did not come in time");
            }
            let looked_at = &body[..body.len().min(BODY_BYTES_MAX)];
            if !looked_at.windows(search.len()).any(|part| part == search.as_bytes()) {
                return fail(&format!("HTTP Status Code {status}. String match failed"));
            }
        }
        (true, format!("Success: HTTP Status Code {status}, OK"))
    }
}

/// What a checker last saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When.
    pub at: Moment,
    /// What, in words.
    pub status: String,
}

/// See the file's opening.
#[derive(Debug, Clone)]
pub(super) struct Checker {
    /// Its mind. Healthy at first: a new check counts as healthy until there is enough data.
    pub(super) healthy: bool,
    /// Results in a row that speak against its mind.
    against: u8,
    /// Whether a request is under way: an answer to one that was given up counts for nothing.
    pub(super) asking: bool,
    pub(super) last: Option<Observation>,
}

impl Checker {
    pub(super) fn new() -> Self {
        Self { healthy: true, against: 0, asking: false, last: None }
    }

    pub(super) fn take(&mut self, now: Moment, endpoint: &EndpointConfig, met: &Met) {
        let (passed, status) = met.judge(endpoint);
        self.last = Some(Observation { at: now, status });
        if passed == self.healthy {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        if self.against >= endpoint.failure_threshold {
            (self.healthy, self.against) = (passed, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(search: Option<&str>) -> EndpointConfig {
        EndpointConfig {
            spoken: Spoken::Http { tls: true, path: None, search: search.map(str::to_owned) },
            address: None,
            host: Some("gate.example.net".to_owned()),
            port: 443,
            interval_s: 10,
            failure_threshold: 3,
        }
    }

    fn passes(search: Option<&str>, met: &Met) -> bool {
        met.judge(&endpoint(search)).0
    }

    #[test]
    fn any_status_from_200_to_399_passes_without_a_text_to_look_for() {
        for (status, pass) in [(199, false), (200, true), (302, true), (399, true), (400, false)] {
            assert_eq!(passes(None, &Met::at_once(status, "")), pass, "{status}");
        }
        assert!(!passes(None, &Met::Nothing { why: "refused".to_owned() }));
    }

    #[test]
    fn the_text_must_lie_whole_in_the_first_5120_bytes_and_as_it_is_written() {
        let body = |before: usize| Met::at_once(200, format!("{}closed", "x".repeat(before)));
        assert!(passes(Some("closed"), &body(5114)));
        assert!(!passes(Some("closed"), &body(5115)));
        assert!(!passes(Some("Closed"), &body(0)), "case counts");
        assert!(!passes(Some("closed"), &Met::at_once(503, "closed")), "and so does the status");
    }

    #[test]
    fn four_seconds_to_connect_two_to_answer_two_more_for_the_body() {
        let met = |connect, status, body| Met::Answer {
            connected_after: Duration::from_millis(connect),
            status_after: Duration::from_millis(status),
            body_after: Duration::from_millis(body),
            status: 200,
            body: b"closed".to_vec(),
        };
        assert!(passes(Some("closed"), &met(4000, 2000, 2000)));
        assert!(!passes(Some("closed"), &met(4001, 0, 0)));
        assert!(!passes(Some("closed"), &met(0, 2001, 0)));
        assert!(!passes(Some("closed"), &met(0, 0, 2001)));
        assert!(passes(None, &met(0, 0, 2001)), "nobody waits for a body without a text");
        let tcp = EndpointConfig { spoken: Spoken::Tcp, ..endpoint(None) };
        assert!(met(10_000, 0, 0).judge(&tcp).0);
        assert!(!met(10_001, 0, 0).judge(&tcp).0);
    }

    #[test]
    fn a_mind_is_changed_by_a_streak_and_not_by_its_sum() {
        let (pass, fail) = (Met::at_once(200, ""), Met::at_once(500, ""));
        let mut checker = Checker::new();
        let mut take = |met: &Met| {
            checker.take(Moment::ZERO, &endpoint(None), met);
            checker.healthy
        };
        assert!(take(&fail) && take(&fail) && take(&pass), "the streak is broken");
        assert!(take(&fail) && take(&fail) && !take(&fail));
        assert!(!take(&pass) && !take(&pass) && take(&pass));
    }
}
