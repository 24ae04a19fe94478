//! The clocks: one that leases and probes are measured on, and one for people.
//!
//! A lease that its holder believes to have while the others have waited it out is the one error
//! that the protocol can't forgive, so the clock must go on counting while the machine is
//! suspended (a paused virtual machine, a closed laptop). `std::time::Instant` does not: it is
//! `CLOCK_MONOTONIC` on Linux and `CLOCK_UPTIME_RAW` on macOS, and both stand still meanwhile.
//!
//! | system | clock | counts while suspended |
//! |---|---|---|
//! | Linux | `CLOCK_BOOTTIME` | yes (clock_gettime(2)) |
//! | macOS | `CLOCK_MONOTONIC` | yes (clock_gettime(3): "will continue to increment while the system is asleep") |
//!
//! On macOS `CLOCK_MONOTONIC_RAW` counts as well, in nanoseconds and without being slewed, but
//! cannot be reached without `unsafe` code; microseconds are enough here. Beware that the two names
//! mean the opposite on Linux, where no `MONOTONIC` clock counts.
//!
//! The wall clock is never compared with anything and decides nothing.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::domain::Moment;

#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// This moment, on a clock that never goes back and counts while the machine is suspended.
#[must_use]
pub fn now() -> Moment {
    Moment::from_ms(now_us() / 1000)
}

fn now_us() -> u64 {
    let time = clock_gettime(CLOCK);
    let seconds = u64::try_from(time.tv_sec).expect("the clock counts up from zero at boot");
    let nanos = u64::try_from(time.tv_nsec).expect("nanoseconds are never negative");
    seconds * 1_000_000 + nanos / 1000
}

/// The time of day in UTC as RFC 3339 with milliseconds, for people only: it may jump either way.
#[must_use]
pub fn wall() -> String {
    format!("{:.3}", wall_now())
}

/// The time of day in milliseconds since 1970, for people only.
#[must_use]
pub fn wall_unix_ms() -> i64 {
    wall_now().as_millisecond()
}

fn wall_now() -> jiff::Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the wall clock, for people")]
    jiff::Timestamp::now()
}

/// Measures a span in microseconds, on the same clock as [`now`].
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started_us: u64,
}

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self { started_us: now_us() }
    }

    /// Time since the start, to the microsecond.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(now_us().saturating_sub(self.started_us))
    }

    /// Whole milliseconds since the start; [`u32::MAX`] when it has been longer than 49 days.
    #[must_use]
    pub fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.elapsed().as_millis()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let mut before = now();
        for _ in 0..10_000 {
            let after = now();
            assert!(after >= before);
            before = after;
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_clock_is_the_one_that_counts_from_boot_with_suspensions() {
        // The two differ only on a machine that has been suspended; what can be told everywhere is
        // that `now` lies between two readings of the right one.
        let before = clock_gettime(ClockId::Boottime);
        let now = now_us();
        let after = clock_gettime(ClockId::Boottime);
        let us = |time: rustix::time::Timespec| {
            u64::try_from(time.tv_sec).expect("positive") * 1_000_000
                + u64::try_from(time.tv_nsec).expect("positive") / 1000
        };
        assert!((us(before)..=us(after)).contains(&now));
    }

    #[test]
    fn a_stopwatch_sees_a_clock_that_moves() {
        let watch = Stopwatch::start();
        while watch.elapsed() == Duration::ZERO {
            std::hint::spin_loop();
        }
        let (earlier, later) = (watch.elapsed(), watch.elapsed());
        assert!(earlier > Duration::ZERO && later >= earlier);
    }

    #[test]
    fn wall_time_is_rfc_3339_in_utc_with_milliseconds() {
        let text = wall();
        assert!(text.parse::<jiff::Timestamp>().is_ok(), "{text}");
        assert!(text.ends_with('Z'), "{text}");
        assert_eq!(text.len(), "2026-01-02T03:04:05.678Z".len(), "{text}");
    }
}
