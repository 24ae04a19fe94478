//! What may befall a call on its way, on the far side, and on the way back.
//!
//! Each call's fate is drawn from the run's seed and the call's own name, never from a generator
//! that calls share: a plan with one trouble less then deals the same fates to the calls that are
//! still made, which is what lets a failing plan be made smaller.

use serde::{Deserialize, Serialize};

/// Draws from a name: splitmix64, of which each output is a fair draw for another input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lot(u64);

impl Lot {
    pub(super) fn new(seed: u64, name: [u64; 3]) -> Self {
        let mut lot = Self(seed);
        for part in name {
            lot.0 = lot.0.rotate_left(17) ^ part;
            lot.next();
        }
        lot
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number up to and including this.
    pub(super) fn up_to(&mut self, most: u64) -> u64 {
        if most == 0 { 0 } else { self.next() % (most + 1) }
    }
}

/// How many calls in 10,000 meet which fate, and how long what is late takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fates {
    /// Throttled: no effect, and the caller knows it.
    pub throttled: u16,
    /// Refused as denied: no effect, and the caller is told that asking again won't help.
    pub denied: u16,
    /// The request is lost: a timeout without effect.
    pub request_lost: u16,
    /// The answer is lost: a timeout with effect.
    pub answer_lost: u16,
    /// The answer comes in time, the effect was long ago by then, or comes twice: the request is
    /// sent again by something on the way.
    pub repeated: u16,
    /// The request is accepted and stalls: a timeout whose effect comes long after.
    pub late: u16,
    /// How late at most, in milliseconds.
    pub late_ms_max: u32,
    /// The message takes longer than usual, and others overtake it.
    pub delayed: u16,
    /// How much longer at most, in milliseconds.
    pub delay_ms_max: u32,
    /// The agent's process gets round to sending only later, if its deadline has not passed.
    pub sluggish: u16,
    /// How much later at most, in milliseconds.
    pub sluggish_ms_max: u32,
    /// Probes that get lost, in 10,000.
    pub probe_lost: u16,
}

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing out of the ordinary.
    Served,
    Throttled,
    Denied,
    RequestLost,
    AnswerLost,
    /// Arrives a second time, this much after the first.
    Repeated {
        after_ms: u64,
    },
    /// Arrives this much later.
    Late {
        by_ms: u64,
    },
    /// Takes this much longer, there.
    Delayed {
        by_ms: u64,
    },
}

impl Fates {
    fn odds(&self) -> [u16; 7] {
        [
            self.throttled,
            self.denied,
            self.request_lost,
            self.answer_lost,
            self.repeated,
            self.late,
            self.delayed,
        ]
    }

    pub(super) fn draw(&self, lot: &mut Lot) -> Fate {
        let drawn = lot.up_to(9_999);
        let mut sum = 0;
        let hit = self.odds().iter().position(|odds| {
            sum += u64::from(*odds);
            drawn < sum
        });
        let late_ms = u64::from(self.late_ms_max);
        match hit {
            None => Fate::Served,
            Some(0) => Fate::Throttled,
            Some(1) => Fate::Denied,
            Some(2) => Fate::RequestLost,
            Some(3) => Fate::AnswerLost,
            Some(4) => Fate::Repeated { after_ms: lot.up_to(late_ms) },
            Some(5) => Fate::Late { by_ms: lot.up_to(late_ms) },
            Some(_) => Fate::Delayed { by_ms: lot.up_to(u64::from(self.delay_ms_max)) },
        }
    }
}

impl Fate {
    /// Its name in counters.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Throttled => "call throttled",
            Self::Denied => "call denied",
            Self::RequestLost => "request lost",
            Self::AnswerLost => "answer lost",
            Self::Repeated { .. } => "request repeated",
            Self::Late { .. } => "effect long after",
            Self::Delayed { .. } => "message delayed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_are_dealt_by_their_odds_and_the_same_to_the_same_call() {
        let fates = Fates { throttled: 1000, late: 2000, late_ms_max: 50, ..Fates::default() };
        let fate = |call| fates.draw(&mut Lot::new(7, [1, 2, call]));
        let all: Vec<Fate> = (0..10_000).map(fate).collect();
        let count = |name| all.iter().filter(|fate| fate.name() == name).count();
        assert!((900..1100).contains(&count("call throttled")), "{}", count("call throttled"));
        assert!((1850..2150).contains(&count("effect long after")));
        assert_eq!(count("call denied"), 0);
        assert_eq!(fate(17), all[17]);
    }
}
