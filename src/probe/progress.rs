//! How far an attempt has come, and what each phase of it took: what remains to be told when time
//! runs out.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Broken;
use crate::domain::{Phases, ProbeFailure};
use crate::telemetry::Stopwatch;

/// What an attempt is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for a connection.
    Connecting,
    /// Shakes hands.
    Securing,
    /// Has asked, or is about to.
    Asking,
    /// Reads the answer.
    Reading,
}

/// The progress of one attempt.
#[derive(Debug)]
pub(super) struct Progress {
    watch: Stopwatch,
    laps: Mutex<Laps>,
}

#[derive(Debug)]
struct Laps {
    stage: Stage,
    began: Duration,
    connect: Option<Duration>,
    tls: Option<Duration>,
    first_byte: Option<Duration>,
}

impl Progress {
    pub(super) fn start() -> Self {
        let laps = Laps {
            stage: Stage::Connecting,
            began: Duration::ZERO,
            connect: None,
            tls: None,
            first_byte: None,
        };
        Self { watch: Stopwatch::start(), laps: Mutex::new(laps) }
    }

    /// Ends the present stage and begins another. What a stage takes adds up when a redirect leads
    /// through it again.
    pub(super) fn enter(&self, stage: Stage) {
        let now = self.watch.elapsed();
        let mut laps = self.laps.lock().unwrap_or_else(PoisonError::into_inner);
        let took = now.saturating_sub(laps.began);
        let sum = match laps.stage {
            Stage::Connecting => Some(&mut laps.connect),
            Stage::Securing => Some(&mut laps.tls),
            Stage::Asking => Some(&mut laps.first_byte),
            Stage::Reading => None,
        };
        if let Some(sum) = sum {
            *sum = Some(sum.unwrap_or_default() + took);
        }
        (laps.stage, laps.began) = (stage, now);
    }

    /// Begins a stage without counting what was done before it: to connect anew after a redirect, to
    /// ask at once on a connection that is there.
    pub(super) fn begin(&self, stage: Stage) {
        let now = self.watch.elapsed();
        let mut laps = self.laps.lock().unwrap_or_else(PoisonError::into_inner);
        (laps.stage, laps.began) = (stage, now);
    }

    /// Says that a byte of the answer came. Only the first counts.
    pub(super) fn byte_came(&self) {
        let stage = self.laps.lock().unwrap_or_else(PoisonError::into_inner).stage;
        if stage == Stage::Asking {
            self.enter(Stage::Reading);
        }
    }

    /// Whether a byte of the present answer came.
    pub(super) fn has_byte(&self) -> bool {
        self.laps.lock().unwrap_or_else(PoisonError::into_inner).stage == Stage::Reading
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    /// Time to the connection and from the request to the first byte, as far as it came.
    pub(super) fn took(&self) -> (Option<Duration>, Option<Duration>) {
        let laps = self.laps.lock().unwrap_or_else(PoisonError::into_inner);
        (laps.connect, laps.first_byte)
    }

    /// The phases so far.
    pub(super) fn phases(&self) -> Phases {
        let laps = self.laps.lock().unwrap_or_else(PoisonError::into_inner);
        Phases {
            name_ms: None,
            connect_ms: laps.connect.map(ms),
            tls_ms: laps.tls.map(ms),
            first_byte_ms: laps.first_byte.map(ms),
            total_ms: ms(self.watch.elapsed()),
        }
    }

    /// Where it was when time ran out.
    pub(super) fn timed_out(&self, limit: Duration) -> Broken {
        let stage = self.laps.lock().unwrap_or_else(PoisonError::into_inner).stage;
        let limit = limit.as_millis();
        let (failure, what) = match stage {
            Stage::Connecting => (ProbeFailure::ConnectTimeout, "no connection"),
            Stage::Securing => (ProbeFailure::TlsTimeout, "connected; no TLS handshake"),
            Stage::Asking => (ProbeFailure::AnswerTimeout, "connected; no answer began"),
            Stage::Reading => (ProbeFailure::AnswerTimeout, "the answer began and had not ended"),
        };
        Broken::new(failure, format!("{what} within {limit} ms"))
    }
}

/// Whole milliseconds; [`u32::MAX`] when it was longer than 49 days.
pub(super) fn ms(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
