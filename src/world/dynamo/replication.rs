//! The way of a global table's changes from one Region to another.
//!
//! A direction is a queue: what was written first arrives first, after a lag that varies. While
//! nothing gets from the one Region to the other, it waits, and arrives when the way is back.

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::table::{Key, Version};
use crate::domain::Moment;

/// Lag unless set otherwise: "typically within a second or less" ("Global tables: multi-active,
/// multi-Region replication").
const LAG_DEFAULT: Duration = Duration::from_secs(1);
/// The lag of a change, in hundredths of the direction's.
const JITTER_PERCENT: std::ops::RangeInclusive<u32> = 50..=150;

/// A change on its way.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) table: String,
    /// Of which table of that name.
    pub(super) identity: u64,
    pub(super) key: Key,
    pub(super) version: Version,
}

/// From one Region to another.
#[derive(Debug, Clone)]
pub(super) struct Direction {
    lag: Duration,
    chance: Pcg64Mcg,
    queue: VecDeque<(Moment, Change)>,
    /// Changes that ever entered the queue.
    sent: u64,
    /// Whether nothing got through when it was last tried.
    stalled: bool,
    /// Whether nothing is to get through, whatever the network says.
    held: bool,
}

impl Direction {
    pub(super) fn new(chance: Pcg64Mcg) -> Self {
        Self {
            lag: LAG_DEFAULT,
            chance,
            queue: VecDeque::new(),
            sent: 0,
            stalled: false,
            held: false,
        }
    }

    /// Sets the lag of changes from now on. They still arrive after those before them.
    pub(super) fn set_lag(&mut self, lag: Duration) {
        self.lag = lag;
    }

    /// Holds up everything, or lets it go: what was held then arrives out of order, over the time
    /// that one change usually takes.
    pub(super) fn set_held(&mut self, now: Moment, held: bool) {
        let released = self.held && !held;
        self.held = held;
        if !released {
            return;
        }
        self.stalled = false;
        let lag_ms = u64::try_from(self.lag.as_millis()).unwrap_or(u64::MAX);
        for (due, _) in &mut self.queue {
            *due = now + Duration::from_millis(self.chance.random_range(0..=lag_ms));
        }
        self.queue.make_contiguous().sort_by_key(|(due, _)| *due);
    }

    pub(super) fn send(&mut self, now: Moment, change: Change) {
        let lag = self.lag * self.chance.random_range(JITTER_PERCENT) / 100;
        let due = self.queue.back().map_or(now + lag, |(before, _)| (now + lag).max(*before));
        self.queue.push_back((due, change));
        self.sent += 1;
    }

    /// Whether a change is to arrive now, if the network lets it.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.queue.front().is_some_and(|(due, _)| *due <= now)
    }

    /// Takes out what has arrived, in order; nothing while the network does not let it through.
    pub(super) fn receive(&mut self, now: Moment, open: bool) -> Vec<Change> {
        self.stalled = self.held || !open;
        if self.stalled {
            return Vec::new();
        }
        let arrived = self.queue.partition_point(|(due, _)| *due <= now);
        self.queue.drain(..arrived).map(|(_, change)| change).collect()
    }

    /// When the next change arrives; none while the direction is stalled.
    pub(super) fn next_due(&self) -> Option<Moment> {
        self.queue.front().filter(|_| !self.stalled).map(|(due, _)| *due)
    }

    /// Whether changes of this table are on their way.
    pub(super) fn carries(&self, table: &str, identity: u64) -> bool {
        self.queue.iter().any(|(_, change)| change.table == table && change.identity == identity)
    }

    /// How many changes were ever sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// How many of them have arrived.
    pub(super) fn delivered(&self) -> u64 {
        self.sent - u64::try_from(self.queue.len()).expect("a length fits 64 bits")
    }
}
