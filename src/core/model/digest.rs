//! When two states of the model are the same.
//!
//! A brain holds moments of its clock, counters that only rise and identities drawn afresh; states
//! that differ in nothing else have the same futures, and must be found to be the same lest the
//! model never end. What a value prints for debugging is read as a stream, in which moments become
//! distances from now, and beats, boots and calls become numbers by order of appearance. A field
//! that is added to the brain is thereby in the digest from its first day; what is left out is said
//! in [`super::state`], field by field, where the compiler sees it.

use std::fmt::{self, Debug, Write};
use std::hash::Hasher;

use super::LEASE_ROUNDS;

/// Moments further back than this are all alike. Longer than the longest sleep and a lease together,
/// so that no comparison that the brain makes can tell them apart.
const LONG_AGO_MS: u64 = 12_000;

/// Moments further ahead than this never come: what the model's fleet leaves out is due in weeks.
const NEVER_MS: u64 = 24 * 3600 * 1000;

/// For how long a candidate waits for a seat to be still: every lease of the model's fleet.
const WAIT_MS: u64 = LEASE_ROUNDS * 1000;

/// What matters of the moment that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matters {
    /// How far off it is.
    Distance,
    /// Only whether it has come: all that is done with it is to compare it with the present, so
    /// that one that has come has come for good, however long ago.
    Due,
    /// When a seat's beat was first seen: only by how much less than the wait that was. Once it is
    /// as long as the wait, any later sight of that beat ends the wait, however much longer it is.
    First,
    /// When it was last seen: only whether the wait is over. The next sight of the beat, or of
    /// another one, takes its place.
    Confirmed,
    /// Nothing: it only says when to wake, and the model's agents are woken in each round.
    Nothing,
}

/// What the number that comes next is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Plain,
    Moment,
    Boot,
    Beat,
    Call,
    Counter,
}

/// Takes in the debug form of values.
pub(super) struct Digest<'h, H: Hasher> {
    hasher: &'h mut H,
    now_ms: u64,
    next: Next,
    matters: Matters,
    /// When the beat was first seen of which the last sight comes next.
    first_ms: u64,
    boot: u64,
    boots: Vec<u64>,
    beats: Vec<(u64, u64)>,
    calls: Vec<u64>,
}

impl<'h, H: Hasher> Digest<'h, H> {
    pub(super) fn new(hasher: &'h mut H) -> Self {
        Self {
            hasher,
            now_ms: 0,
            next: Next::Plain,
            matters: Matters::Distance,
            first_ms: 0,
            boot: 0,
            boots: Vec::new(),
            beats: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// From here on, moments are those of a clock that shows this.
    pub(super) fn clock(&mut self, now: crate::domain::Moment) {
        self.now_ms = now.as_ms();
        self.calls.clear();
    }

    pub(super) fn add(&mut self, value: &impl Debug) {
        write!(self, "{value:?};").expect("a digest takes everything");
    }

    fn number(&mut self, value: u64) {
        let told = match self.next {
            Next::Plain => value,
            Next::Moment => self.moment(value),
            Next::Boot => {
                self.boot = value;
                place(&mut self.boots, value)
            }
            Next::Beat => place(&mut self.beats, (self.boot, value)),
            Next::Call => place(&mut self.calls, value),
            Next::Counter => 0,
        };
        self.next = Next::Plain;
        self.matters = Matters::Distance;
        self.hasher.write_u64(told);
    }

    fn moment(&mut self, ms: u64) -> u64 {
        let ms = match self.matters {
            Matters::Distance => ms,
            Matters::Due => ms.max(self.now_ms),
            Matters::First => {
                self.first_ms = ms;
                ms.max(self.now_ms.saturating_sub(WAIT_MS))
            }
            Matters::Confirmed => return u64::from(ms.saturating_sub(self.first_ms) >= WAIT_MS),
            Matters::Nothing => return 0,
        };
        if ms > self.now_ms + NEVER_MS {
            return u64::MAX;
        }
        (ms + LONG_AGO_MS).saturating_sub(self.now_ms) + 1_000_000
    }
}

fn place<T: PartialEq>(seen: &mut Vec<T>, value: T) -> u64 {
    let at = seen.iter().position(|other| *other == value).unwrap_or_else(|| {
        seen.push(value);
        seen.len() - 1
    });
    u64::try_from(at).unwrap_or(u64::MAX)
}

impl<H: Hasher> Write for Digest<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text {
            "Moment" => self.next = Next::Moment,
            "BootId" => self.next = Next::Boot,
            "CallId" => self.next = Next::Call,
            "count" => self.next = Next::Beat,
            // How many there have been so far: a fresh one is all that comes of it.
            "beats" | "calls" | "probes" => self.next = Next::Counter,
            "fetch_at" | "next_at" | "judge_at" | "stand_at" | "stand_from" | "settling"
            | "Due" => {
                self.matters = Matters::Due;
            }
            "first" => self.matters = Matters::First,
            "confirmed" => self.matters = Matters::Confirmed,
            "driven_at" => self.matters = Matters::Nothing,
            "(" | ": " => {}
            _ => {
                let number = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
                if number && let Ok(value) = text.parse() {
                    self.number(value);
                    return Ok(());
                }
                self.next = Next::Plain;
                self.hasher.write(text.as_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::hash::DefaultHasher;

    use super::*;
    use crate::domain::Moment;
    use crate::domain::seat::{Beat, BootId};

    fn digest(now_ms: u64, value: &impl Debug) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut digest = Digest::new(&mut hasher);
        digest.clock(Moment::from_ms(now_ms));
        digest.add(value);
        hasher.finish()
    }

    fn beats(counts: &[(u64, u64)]) -> Vec<Beat> {
        let beat = |(boot, count)| Beat { agent: "a".parse().expect("valid"), boot, count };
        counts.iter().map(|(boot, count)| beat((BootId(*boot), *count))).collect()
    }

    #[test]
    fn moments_are_distances_from_now() {
        let at = |ms| Some(Moment::from_ms(ms));
        assert_eq!(digest(50_000, &at(51_000)), digest(70_000, &at(71_000)));
        assert_ne!(digest(50_000, &at(51_000)), digest(50_000, &at(52_000)));
        assert_eq!(digest(50_000, &at(1)), digest(50_000, &at(2)), "both long ago");
        assert_ne!(digest(50_000, &Moment::NEVER), digest(50_000, &at(51_000)));
    }

    #[test]
    fn of_a_sight_of_a_seat_only_the_wait_for_it_matters() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "printed")]
        struct Seen {
            first: Moment,
            confirmed: Moment,
        }
        let seen = |first, confirmed| {
            let seen =
                Seen { first: Moment::from_ms(first), confirmed: Moment::from_ms(confirmed) };
            digest(50_000, &seen)
        };
        assert_eq!(seen(40_000, 44_000), seen(46_000, 49_500), "over");
        assert_ne!(seen(46_000, 49_500), seen(46_000, 48_000), "one more sight, and it is over");
        assert_eq!(seen(48_000, 48_000), seen(48_000, 49_000), "the next sight says more");
        assert_ne!(seen(48_000, 48_000), seen(49_000, 49_000));
    }

    #[test]
    fn beats_are_told_apart_but_not_counted() {
        assert_eq!(
            digest(0, &beats(&[(1, 5), (1, 7), (1, 5)])),
            digest(0, &beats(&[(3, 1), (3, 9), (3, 1)]))
        );
        assert_ne!(digest(0, &beats(&[(1, 5), (1, 7)])), digest(0, &beats(&[(1, 5), (1, 5)])));
        assert_ne!(digest(0, &beats(&[(1, 5), (2, 5)])), digest(0, &beats(&[(1, 5), (1, 6)])));
    }

    #[test]
    fn other_numbers_and_words_count() {
        assert_ne!(digest(0, &(1_u8, "a")), digest(0, &(2_u8, "a")));
        assert_ne!(digest(0, &(1_u8, "a")), digest(0, &(1_u8, "b")));
    }
}
