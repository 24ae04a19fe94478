//! The account's request rate.
//!
//! A token bucket over all API requests of the account. AWS has published two figures: five
//! requests a second (Route 53 Developer Guide, "Quotas", maximums on API requests) and, since,
//! ten a second with a bucket of 50 ("Throttling for Amazon Route 53 API requests"). The model
//! refills at the stricter rate and holds the bucket of the newer page: a controller that lives
//! with this lives with both. The buckets for each action and for single record changes are not
//! modelled.

use std::time::Duration;

use crate::domain::Moment;

/// Requests a second that can be kept up.
pub const REQUESTS_PER_SECOND: u64 = 5;

/// Requests that may come at once after a pause.
pub const REQUESTS_BURST: u64 = 50;

/// A request in the bucket's unit: the bucket gains `REQUESTS_PER_SECOND` of these each millisecond.
const REQUEST: u64 = 1000;

#[derive(Debug)]
pub(super) struct Throttle {
    /// Thousandths of requests that may still come.
    left: u64,
    filled_at: Moment,
    forced: bool,
}

impl Throttle {
    pub(super) fn full() -> Self {
        Self { left: REQUESTS_BURST * REQUEST, filled_at: Moment::ZERO, forced: false }
    }

    /// Refuses everything while on.
    pub(super) fn force(&mut self, on: bool) {
        self.forced = on;
    }

    /// Whether a request that arrives now is let through.
    pub(super) fn admits(&mut self, now: Moment) -> bool {
        let passed: Duration = now.since(self.filled_at);
        let gained = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let gained = gained.saturating_mul(REQUESTS_PER_SECOND);
        self.left = self.left.saturating_add(gained).min(REQUESTS_BURST * REQUEST);
        self.filled_at = self.filled_at.max(now);
        if self.forced || self.left < REQUEST {
            return false;
        }
        self.left -= REQUEST;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_burst_five_requests_a_second_get_through() {
        let mut throttle = Throttle::full();
        let start = Moment::from_ms(10_000);
        let let_through =
            |throttle: &mut Throttle, at| (0..100).filter(|_| throttle.admits(at)).count();
        assert_eq!(let_through(&mut throttle, start), 50);
        assert_eq!(let_through(&mut throttle, start + Duration::from_millis(199)), 0);
        assert_eq!(let_through(&mut throttle, start + Duration::from_millis(200)), 1);
        assert_eq!(let_through(&mut throttle, start + Duration::from_millis(1200)), 5);
        assert_eq!(let_through(&mut throttle, start + Duration::from_secs(3600)), 50);
    }

    #[test]
    fn a_forced_throttle_lets_nothing_through_until_it_is_lifted() {
        let mut throttle = Throttle::full();
        throttle.force(true);
        assert!(!throttle.admits(Moment::ZERO));
        throttle.force(false);
        assert!(throttle.admits(Moment::ZERO));
    }
}
