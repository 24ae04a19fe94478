//! Agents with clocks of their own, that can be killed, started and paused.
//!
//! A paused agent does nothing while its clock goes on: what reaches it waits, or is lost, and it
//! sends nothing. It then wakes up in a later world with an old view, which is what leases and
//! fences are for.

use crate::core::Brain;
use crate::domain::seat::BootId;
use crate::domain::{AgentId, Epoch, Fleet, Moment, RegionId};
use crate::world::network::Place;

use super::engine::Due;

/// Millionths, the unit of a clock's rate.
const MILLION: u64 = 1_000_000;

/// A clock that may run fast or slow, and jump forward; it never goes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct SimClock {
    set_at: Moment,
    showed: Moment,
    /// Local milliseconds in a million true ones.
    rate: u64,
}

impl Default for SimClock {
    fn default() -> Self {
        Self { set_at: Moment::ZERO, showed: Moment::ZERO, rate: MILLION }
    }
}

fn ms(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl SimClock {
    /// What it shows at a true moment.
    pub(super) fn read(&self, now: Moment) -> Moment {
        if self.rate == MILLION {
            return Moment::from_ms(self.showed.as_ms() + ms(now.since(self.set_at)));
        }
        let passed = u128::from(ms(now.since(self.set_at))) * u128::from(self.rate);
        let passed = u64::try_from(passed / u128::from(MILLION)).unwrap_or(u64::MAX);
        Moment::from_ms(self.showed.as_ms().saturating_add(passed))
    }

    /// The first true moment at which it shows this, unless it is changed before.
    pub(super) fn when(&self, shown: Moment) -> Moment {
        if shown == Moment::NEVER {
            return Moment::NEVER;
        }
        let left = ms(shown.since(self.showed));
        let passed = if self.rate == MILLION {
            left
        } else {
            let passed = (u128::from(left) * u128::from(MILLION)).div_ceil(u128::from(self.rate));
            u64::try_from(passed).unwrap_or(u64::MAX)
        };
        Moment::from_ms(self.set_at.as_ms().saturating_add(passed))
    }

    /// Lets it run at another rate from now on, so many millionths fast (or slow).
    pub(super) fn run_at(&mut self, now: Moment, fast_ppm: i32) {
        let rate = i64::try_from(MILLION).expect("a million") + i64::from(fast_ppm);
        *self = Self {
            set_at: now,
            showed: self.read(now),
            rate: u64::try_from(rate).expect("no clock runs backwards"),
        };
    }

    /// Lets it jump forward.
    pub(super) fn jump(&mut self, now: Moment, by_ms: u32) {
        let showed = self.read(now).as_ms() + u64::from(by_ms);
        *self = Self { set_at: now, showed: Moment::from_ms(showed), rate: self.rate };
    }
}

/// An agent.
#[derive(Debug)]
pub(super) struct SimAgent {
    pub(super) id: AgentId,
    pub(super) region: RegionId,
    pub(super) place: Place,
    pub(super) brain: Option<Brain>,
    pub(super) boot: BootId,
    /// The files that it reads when it starts.
    pub(super) fleet: Fleet,
    pub(super) clock: SimClock,
    /// When it is to be woken, in true time; wake-ups at other moments are void.
    pub(super) wake_at: Moment,
    pub(super) pause: Option<Pause>,
    /// What it may act upon as leader, as of its last step: the epoch, and the lease's true end.
    pub(super) mandate: Option<(Epoch, Moment)>,
    /// A wall clock that shows nonsense, to be told at its next step.
    pub(super) wall_ms: Option<i64>,
    /// Whether it stands in for the others, from outside: a person's command line.
    pub(super) stands_in: bool,
}

/// A pause.
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// Whether what reaches it meanwhile is lost: a machine restored from an image, with its memory
    /// and without its connections.
    pub(super) drops: bool,
    pub(super) waiting: Vec<Due>,
}

impl SimAgent {
    pub(super) fn new(id: AgentId, region: RegionId, fleet: Fleet) -> Self {
        Self {
            id,
            place: Place::Region(region.clone()),
            region,
            brain: None,
            boot: BootId(0),
            fleet,
            clock: SimClock::default(),
            wake_at: Moment::NEVER,
            pause: None,
            mandate: None,
            wall_ms: None,
            stands_in: false,
        }
    }

    /// A person's command line that stands in for the agents.
    #[cfg(test)]
    pub(super) fn outsider(id: AgentId, fleet: Fleet) -> Self {
        let nowhere = crate::domain::RegionId::try_from("outside".to_owned()).expect("letters");
        Self { place: Place::Outside, stands_in: true, ..Self::new(id, nowhere, fleet) }
    }

    /// The epoch under which it may act at this moment, by its own clock, were it given a step.
    pub(super) fn acts(&self, now: Moment) -> Option<Epoch> {
        if self.brain.is_none() || self.pause.is_some() {
            return None;
        }
        self.mandate.filter(|(_, end)| now < *end).map(|(epoch, _)| epoch)
    }

    /// Notes what it may do, after a step.
    pub(super) fn note_mandate(&mut self, now: Moment) {
        self.mandate = self.brain.as_ref().filter(|brain| brain.acting()).and_then(|brain| {
            let local = self.clock.read(now);
            let inner = brain.inner(local);
            let left = std::time::Duration::from_millis(inner.lease_left_ms);
            Some((inner.leading?, self.clock.when(local + left)))
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_clock_shows_what_was_waited_for_and_not_a_millisecond_earlier(
            ppm in -50_000..50_000_i32, set_at in 0..1_000_000_u64, wait in 0..1_000_000_u64
        ) {
            let mut clock = SimClock::default();
            clock.run_at(Moment::from_ms(set_at), ppm);
            let shown = Moment::from_ms(set_at + wait);
            let when = clock.when(shown);
            prop_assert!(clock.read(when) >= shown);
            if wait > 0 {
                let before = Moment::from_ms(when.as_ms() - 1);
                prop_assert!(clock.read(before) < shown);
            }
        }

        #[test]
        fn a_clock_never_goes_back(
            changes in proptest::collection::vec((0..5000_u64, -50_000..50_000_i32, 0..2000_u32), 1..20)
        ) {
            let mut clock = SimClock::default();
            let (mut now, mut shown) = (0, Moment::ZERO);
            for (wait, ppm, jump) in changes {
                now += wait;
                let at = Moment::from_ms(now);
                prop_assert!(clock.read(at) >= shown);
                clock.run_at(at, ppm);
                clock.jump(at, jump);
                shown = clock.read(at);
            }
        }
    }
}
