//! What was written: the writes that a volume holds, in order.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::domain::{Moment, RegionId};

/// Names a write, so that it can be looked for later: the writer's client draws it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WriteId(pub u64);

/// A write that a writer has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit {
    /// Which.
    pub write: WriteId,
    /// When.
    pub at: Moment,
    /// Whether the application was told.
    pub acknowledged: bool,
}

/// A write that the database no longer has: taken by a writer that was deposed by a failover, and
/// not replicated to the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The write.
    pub commit: Commit,
    /// Who had taken it.
    pub by: RegionId,
}

/// The writes of the present writer's volume. Those that every secondary has are but counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    everywhere: u64,
    newer: VecDeque<Commit>,
}

impl Timeline {
    pub(super) fn push(&mut self, commit: Commit) {
        assert!(
            self.newer.back().is_none_or(|last| last.at <= commit.at),
            "a volume's writes are in order"
        );
        self.newer.push_back(commit);
    }

    /// How many writes it holds.
    pub(super) fn count(&self) -> u64 {
        self.everywhere + u64::try_from(self.newer.len()).unwrap_or(u64::MAX)
    }

    /// When the newest was taken; none when no write is newer than what all have.
    pub(super) fn newest(&self) -> Option<Moment> {
        self.newer.back().map(|commit| commit.at)
    }

    /// When the newest of those taken by `until` was taken.
    pub(super) fn newest_by(&self, until: Moment) -> Option<Moment> {
        self.newer.iter().rev().map(|commit| commit.at).find(|at| *at <= until)
    }

    /// Counts what was taken by `until` as held everywhere.
    pub(super) fn settle(&mut self, until: Moment) {
        // One is kept, so that the newest can be told.
        while self.newer.len() > 1 && self.newer[1].at <= until {
            self.newer.pop_front();
            self.everywhere += 1;
        }
    }

    /// Cuts off what was taken after `until`, and hands it over.
    pub(super) fn fork(&mut self, until: Moment) -> Vec<Commit> {
        let kept = self.newer.partition_point(|commit| commit.at <= until);
        self.newer.split_off(kept).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(at_ms: &[u64]) -> Timeline {
        let mut timeline = Timeline::default();
        for (n, ms) in (1..).zip(at_ms) {
            let at = Moment::from_ms(*ms);
            timeline.push(Commit { write: WriteId(n), at, acknowledged: true });
        }
        timeline
    }

    #[test]
    fn what_all_have_is_counted_and_what_is_cut_off_is_handed_over() {
        let mut timeline = timeline(&[10, 20, 30, 40]);
        timeline.settle(Moment::from_ms(25));
        assert_eq!((timeline.count(), timeline.newest()), (4, Some(Moment::from_ms(40))));
        assert_eq!(timeline.newest_by(Moment::from_ms(35)), Some(Moment::from_ms(30)));
        let cut: Vec<u64> =
            timeline.fork(Moment::from_ms(30)).iter().map(|commit| commit.write.0).collect();
        assert_eq!((cut, timeline.count()), (vec![4], 3));
    }
}
