//! What one agent knows of one seat, and the one call that it may have under way there.
//!
//! A seat's calls are strictly one after another, so that each answer is newer than the one before
//! it. A swap whose outcome is unknown is read back before anything else is sent: its own beat
//! there means that it took effect.

use std::time::Duration;

use crate::core::breakage::{Breakage, broken};
use crate::core::note::Lost;
use crate::domain::seat::{Incarnation, Seat};
use crate::domain::{Epoch, Moment, StateName};

/// A seat's content as this agent saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) seat: Seat,
    /// Receipt of the first answer that showed this beat: waiting counts from here.
    pub(super) first: Moment,
    /// Receipt of the newest answer that showed it.
    pub(super) confirmed: Moment,
}

/// A swap that was sent.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) new: Seat,
    /// When: the lease runs from here, never from the acknowledgement.
    pub(super) at: Moment,
}

/// The call under way.
#[derive(Debug, Clone)]
pub(super) enum Busy {
    Reading,
    Swapping(Box<Sent>),
}

/// See the file's opening.
#[derive(Debug, Clone)]
pub(super) struct SeatWatch {
    pub(super) seen: Option<Seen>,
    pub(super) lost: Option<Lost>,
    pub(super) busy: Option<Busy>,
    /// A swap that may or may not have taken effect.
    pub(super) unresolved: Option<Box<Sent>>,
    /// When the next call is due.
    pub(super) next_at: Moment,
    /// The highest epoch and state ever shown here. A seat that shows less has gone back.
    floor: (Epoch, StateName),
}

impl SeatWatch {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            seen: None,
            lost: None,
            busy: None,
            unresolved: None,
            next_at: now,
            floor: (Epoch::ZERO, StateName::GENESIS),
        }
    }

    /// Takes in what the seat was read to hold. Gives the reason when the seat is thereby found
    /// lost.
    pub(super) fn observe(
        &mut self,
        now: Moment,
        found: Option<Seat>,
        incarnation: Option<&Incarnation>,
    ) -> Option<Lost> {
        let Some(seat) = found else {
            if broken(Breakage::EmptyIsFree) {
                return None;
            }
            // A seat never seen may be one that `init` has yet to create: it counts for nothing
            // now, and may appear. One that was seen and is gone stays lost for this run.
            let first_time = self.lost.is_none();
            self.lost = Some(Lost::Missing);
            return first_time.then_some(Lost::Missing);
        };
        let lost = if self.seen.is_some() && self.lost == Some(Lost::Missing) {
            Some(Lost::Missing)
        } else if incarnation.is_some_and(|expected| *expected != seat.incarnation)
            && !broken(Breakage::RecreatedCounts)
        {
            Some(Lost::Recreated)
        } else if !broken(Breakage::GoneBackCounts)
            && (self.lost == Some(Lost::GoneBack)
                || seat.epoch < self.floor.0
                || seat.committed.name < self.floor.1)
        {
            Some(Lost::GoneBack)
        } else {
            None
        };
        let news = lost.filter(|_| self.lost != lost);
        self.lost = lost;
        if lost.is_none() {
            self.floor = (seat.epoch, seat.committed.name);
        }
        match &mut self.seen {
            Some(seen) if seen.seat.beat == seat.beat => seen.confirmed = now,
            _ => self.seen = Some(Seen { seat, first: now, confirmed: now }),
        }
        news
    }

    /// Judges what was seen by an incarnation that was learned only now. Gives the reason when the
    /// seat is thereby found lost.
    pub(super) fn judge_again(&mut self, expected: &Incarnation) -> Option<Lost> {
        let recreated = self.seen.as_ref().is_some_and(|seen| seen.seat.incarnation != *expected);
        match (recreated, self.lost) {
            (true, None) => {
                self.lost = Some(Lost::Recreated);
                self.lost
            }
            // It was measured by another roster.
            (false, Some(Lost::Recreated)) => {
                self.lost = None;
                None
            }
            _ => None,
        }
    }

    /// Whether no call is under way and none is unresolved: what was seen is what a swap expects.
    pub(super) fn idle(&self) -> bool {
        self.busy.is_none() && self.unresolved.is_none()
    }

    /// What the seat holds, if it counts.
    pub(super) fn counting(&self) -> Option<&Seen> {
        if self.lost.is_some() { None } else { self.seen.as_ref() }
    }

    /// Whether the seat was seen unchanged for a whole lease, this agent's or its holder's,
    /// whichever is longer: read again after the lease had passed since the first sight, so that
    /// one who can't read it any more does not count it.
    pub(super) fn waited(&self, lease: Duration) -> bool {
        self.counting().is_some_and(|seen| {
            let lease = lease.max(Duration::from_millis(u64::from(seen.seat.lease_ms)));
            seen.confirmed.since(seen.first) >= lease || broken(Breakage::StandAtOnce)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::seat;

    fn at(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    const LEASE: Duration = Duration::from_millis(5000);

    #[test]
    fn the_wait_counts_from_the_first_sight_and_needs_a_second_one() {
        let mut watch = SeatWatch::new(at(0));
        watch.observe(at(1000), Some(seat(1, 1)), None);
        assert!(!watch.waited(LEASE));
        watch.observe(at(5999), Some(seat(1, 1)), None);
        assert!(!watch.waited(LEASE));
        watch.observe(at(6000), Some(seat(1, 1)), None);
        assert!(watch.waited(LEASE));
        watch.observe(at(6001), Some(seat(1, 2)), None);
        assert!(!watch.waited(LEASE), "a new beat starts the wait anew");
    }

    #[test]
    fn the_holder_s_lease_is_waited_for_when_it_is_the_longer_one() {
        let mut held = seat(1, 1);
        held.lease_ms = 9000;
        let mut watch = SeatWatch::new(at(0));
        watch.observe(at(0), Some(held.clone()), None);
        watch.observe(at(8999), Some(held.clone()), None);
        assert!(!watch.waited(LEASE));
        watch.observe(at(9000), Some(held), None);
        assert!(watch.waited(LEASE));
    }

    #[test]
    fn a_seat_seen_before_the_seat_set_was_known_is_judged_when_it_is() {
        let mut watch = SeatWatch::new(at(0));
        watch.observe(at(1), Some(seat(5, 1)), None);
        let other = Incarnation("another".to_owned());
        assert_eq!(watch.judge_again(&other), Some(Lost::Recreated));
        assert!(watch.counting().is_none());
        assert_eq!(watch.judge_again(&other), None, "told once");
    }

    #[test]
    fn empty_is_lost_not_free() {
        let mut watch = SeatWatch::new(at(0));
        assert_eq!(watch.observe(at(1), None, None), Some(Lost::Missing));
        assert_eq!(watch.observe(at(2), None, None), None, "told once");
        assert!(!watch.waited(Duration::ZERO));
        watch.observe(at(3), Some(seat(0, 1)), None);
        assert!(watch.counting().is_some(), "one that was never seen may be created yet");
        watch.observe(at(4), None, None);
        watch.observe(at(5), Some(seat(0, 1)), None);
        assert!(watch.counting().is_none(), "one that vanished stays lost");
    }

    #[test]
    fn a_seat_that_goes_back_or_was_made_anew_counts_for_nothing() {
        let mut watch = SeatWatch::new(at(0));
        watch.observe(at(1), Some(seat(5, 1)), None);
        assert_eq!(watch.observe(at(2), Some(seat(4, 2)), None), Some(Lost::GoneBack));
        watch.observe(at(3), Some(seat(6, 3)), None);
        assert!(watch.counting().is_none());

        let mut watch = SeatWatch::new(at(0));
        let other = Incarnation("another".to_owned());
        assert_eq!(watch.observe(at(1), Some(seat(5, 1)), Some(&other)), Some(Lost::Recreated));
        assert!(watch.counting().is_none());
    }
}
