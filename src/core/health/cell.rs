//! One observer's opinion of one target, and when to probe it next.
//!
//! A first failure is confirmed by a burst of quick probes instead of by waiting for the next
//! turns, and so is a first success after failures: the opinion is sharp within a second, and one
//! lucky or unlucky probe decides nothing. Down and up have thresholds of their own.
//!
//! In quiet times a target's turns lie on a grid of its own, a whole number of intervals after the
//! first. A probe that was started late doesn't shift those after it, and after a burst a target
//! returns to its place: so thousands of targets stay spread over the interval, however long they
//! are probed and however many of them failed at once.
//!
//! Probes of one target may overlap: a black hole answers none of them, and waiting for one timeout
//! after another would triple the time to an opinion.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::core::call::ProbeId;
use crate::domain::fleet::Timing;
use crate::domain::observation::{Cell, ProbeFailure};
use crate::domain::{CellState, Moment, Sample};

/// Samples that the ratio is taken over.
const WINDOW: usize = 20;

/// Most probes of one target under way at once. More can't be needed: thresholds are small.
const IN_FLIGHT_MAX: usize = 8;

/// While an opinion is settling, how many times as often a target is probed as in quiet times, at
/// the most: a target in trouble must not be flooded by its observers.
const WATCHFUL_FACTOR: u32 = 4;

/// For how many dwells a target that went down is watched closely: long enough that a blip's end
/// is seen before the dwell is over.
const WATCHFUL_DWELLS: u32 = 2;

#[derive(Debug, Clone)]
pub(in crate::core) struct TargetWatch {
    state: CellState,
    since: Moment,
    /// Start of the first failed probe since the target was last up.
    failing_since: Option<Moment>,
    /// Whether it was down since it was last up: then a single failure makes it down again.
    was_down: bool,
    failures: u16,
    successes: u16,
    samples: VecDeque<Option<u32>>,
    last_failure: Option<ProbeFailure>,
    in_flight: BTreeMap<ProbeId, Moment>,
    /// Probes of a burst still to be started.
    burst_left: u16,
    next_at: Moment,
    /// A point of its grid.
    grid: Moment,
}

impl TargetWatch {
    /// A target of which nothing is known. First probes are spread by `offset_ms`, so that many
    /// targets are not all probed in one instant.
    pub(in crate::core) fn new(now: Moment, offset_ms: u32, timing: &Timing) -> Self {
        let first = now + Duration::from_millis(u64::from(offset_ms));
        Self {
            state: CellState::Unknown,
            since: now,
            failing_since: None,
            was_down: false,
            failures: 0,
            successes: 0,
            samples: VecDeque::with_capacity(WINDOW),
            last_failure: None,
            in_flight: BTreeMap::new(),
            burst_left: timing.up_after.max(timing.down_after),
            next_at: first,
            grid: first,
        }
    }

    #[cfg(test)]
    fn state(&self) -> CellState {
        self.state
    }

    /// When the next probe is to start.
    pub(in crate::core) fn next_at(&self) -> Moment {
        if self.in_flight.len() >= IN_FLIGHT_MAX { Moment::NEVER } else { self.next_at }
    }

    /// Forgets a probe that was never answered.
    pub(in crate::core) fn forget(&mut self, probe: ProbeId) {
        self.in_flight.remove(&probe);
    }

    /// Says that a probe was started, and plans the one after it.
    pub(in crate::core) fn started(
        &mut self,
        now: Moment,
        probe: ProbeId,
        timing: &Timing,
        dwell_ms: u32,
    ) {
        assert!(self.in_flight.len() < IN_FLIGHT_MAX, "more probes under way than the bound");
        self.in_flight.insert(probe, now);
        self.burst_left = self.burst_left.saturating_sub(1);
        self.next_at = self.after(now, timing, dwell_ms);
    }

    /// The turn after one that is taken now.
    fn after(&mut self, now: Moment, timing: &Timing, dwell_ms: u32) -> Moment {
        let settling = match self.state {
            CellState::Unknown | CellState::Up => false,
            CellState::Suspect | CellState::Recovering => true,
            CellState::Down => {
                let watch_ms = u64::from(dwell_ms) * u64::from(WATCHFUL_DWELLS);
                now.since(self.failing_since.unwrap_or(now)) < Duration::from_millis(watch_ms)
            }
        };
        if self.burst_left > 0 {
            now + Duration::from_millis(timing.burst_interval_ms.into())
        } else if settling {
            let spacing_ms =
                (timing.probe_interval_ms / WATCHFUL_FACTOR).max(timing.burst_interval_ms);
            now + Duration::from_millis(spacing_ms.into())
        } else {
            let interval_ms = u64::from(timing.probe_interval_ms.max(1));
            let turns = now.as_ms().saturating_sub(self.grid.as_ms()) / interval_ms + 1;
            self.grid = self.grid + Duration::from_millis(interval_ms.saturating_mul(turns));
            self.grid
        }
    }

    /// Takes in a probe's result; true when the opinion changed.
    pub(in crate::core) fn ended(
        &mut self,
        now: Moment,
        probe: ProbeId,
        sample: &Sample,
        timing: &Timing,
    ) -> bool {
        let Some(started) = self.in_flight.remove(&probe) else { return false };
        if self.samples.len() == WINDOW {
            self.samples.pop_front();
        }
        // The ratio is what a client sees who takes one address; the streak, whether any answers.
        let well = sample.failure.is_none() && sample.passed_over.is_none();
        self.samples.push_back(well.then_some(sample.phases.total_ms));
        let before = self.state;
        match sample.failure {
            Some(failure) => {
                self.last_failure = Some(failure);
                self.failures = self.failures.saturating_add(1);
                self.successes = 0;
                self.failing_since = Some(self.failing_since.map_or(started, |at| at.min(started)));
                self.after_failure(timing);
            }
            None => {
                self.successes = self.successes.saturating_add(1);
                self.failures = 0;
                self.after_success(timing);
            }
        }
        if self.state == before {
            return false;
        }
        self.since = now;
        match self.state {
            // A burst confirms; it starts now rather than at the next turn.
            CellState::Suspect => self.burst(now, timing.down_after),
            CellState::Recovering => self.burst(now, timing.up_after),
            CellState::Up => {
                if self.was_down {
                    // The ratio tells how it answers while it is up. An outage that is over must
                    // not make it look degraded for the length of the window.
                    let fresh = self.samples.len().saturating_sub(usize::from(self.successes));
                    self.samples.drain(..fresh);
                }
                self.failing_since = None;
                self.was_down = false;
                self.last_failure = None;
            }
            CellState::Down => self.was_down = true,
            CellState::Unknown => {}
        }
        true
    }

    fn burst(&mut self, now: Moment, wanted: u16) {
        self.burst_left = wanted.saturating_sub(1);
        if self.burst_left > 0 {
            self.next_at = now;
        }
    }

    fn after_failure(&mut self, timing: &Timing) {
        let confirmed = self.failures >= timing.down_after || self.was_down;
        self.state = match self.state {
            _ if confirmed => CellState::Down,
            CellState::Unknown => CellState::Unknown,
            _ => CellState::Suspect,
        };
    }

    fn after_success(&mut self, timing: &Timing) {
        let confirmed = self.successes >= timing.up_after;
        self.state = match self.state {
            CellState::Up => CellState::Up,
            _ if confirmed => CellState::Up,
            CellState::Unknown => CellState::Unknown,
            _ => CellState::Recovering,
        };
    }

    /// The cell as it is published.
    pub(in crate::core) fn cell(&self, now: Moment) -> Cell {
        let mut latencies: Vec<u32> = self.samples.iter().flatten().copied().collect();
        latencies.sort_unstable();
        let failed = self.samples.iter().filter(|sample| sample.is_none()).count();
        let count = |n: usize| u16::try_from(n).expect("the window is small");
        let since = match self.state {
            CellState::Suspect | CellState::Down => self.failing_since.unwrap_or(self.since),
            CellState::Unknown | CellState::Up | CellState::Recovering => self.since,
        };
        Cell {
            state: self.state,
            for_ms: u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX),
            failed: count(failed),
            window: count(self.samples.len()),
            failure: self.last_failure,
            latency_ms: latencies.get(latencies.len() / 2).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::timing;
    use crate::domain::Phases;

    fn sample(ok: bool) -> Sample {
        Sample {
            failure: (!ok).then_some(ProbeFailure::Status),
            phases: Phases { total_ms: 5, ..Phases::default() },
            ..Sample::default()
        }
    }

    /// Runs probes one after another, each answered at once, and gives the states after each.
    fn run(results: &[bool]) -> Vec<CellState> {
        let timing = timing();
        let mut now = Moment::ZERO;
        let mut watch = TargetWatch::new(now, 0, &timing);
        let mut states = Vec::new();
        for (n, ok) in results.iter().enumerate() {
            now = now.max(watch.next_at());
            let probe = ProbeId(n as u64);
            watch.started(now, probe, &timing, 2000);
            watch.ended(now, probe, &sample(*ok), &timing);
            states.push(watch.state());
        }
        states
    }

    use CellState::{Down, Recovering, Suspect, Unknown, Up};

    #[test]
    fn nothing_is_believed_before_the_threshold() {
        assert_eq!(run(&[true, true, true]), [Unknown, Unknown, Up]);
        assert_eq!(run(&[false, false, false]), [Unknown, Unknown, Down]);
    }

    #[test]
    fn one_failure_is_suspected_confirmed_or_forgotten() {
        let up = [true, true, true];
        let after = |more: &[bool]| run(&[&up[..], more].concat())[3..].to_vec();
        assert_eq!(after(&[false, false, false]), [Suspect, Suspect, Down]);
        assert_eq!(after(&[false, true, true, true]), [Suspect, Recovering, Recovering, Up]);
        assert_eq!(after(&[false, true, false, false]), [Suspect, Recovering, Suspect, Suspect]);
    }

    #[test]
    fn an_outage_that_is_over_does_not_make_it_look_degraded() {
        let timing = timing();
        let mut watch = TargetWatch::new(Moment::ZERO, 0, &timing);
        let results = [true, true, true, false, false, false, true, true, true];
        for (n, ok) in results.iter().enumerate() {
            let now = watch.next_at();
            watch.started(now, ProbeId(n as u64), &timing, 2000);
            watch.ended(now, ProbeId(n as u64), &sample(*ok), &timing);
        }
        let cell = watch.cell(watch.next_at());
        assert_eq!((cell.state, cell.failed, cell.window), (Up, 0, 3));
    }

    #[test]
    fn one_lucky_probe_does_not_clear_a_suspicion() {
        let states = run(&[true, true, true, false, false, false, true, false]);
        assert_eq!(states[5..], [Down, Recovering, Down], "down again at once, with no new burst");
    }

    #[test]
    fn a_black_hole_is_confirmed_without_waiting_for_one_timeout_after_another() {
        let timing = timing();
        let mut watch = TargetWatch::new(Moment::ZERO, 0, &timing);
        for n in 0..3 {
            watch.started(Moment::ZERO, ProbeId(n), &timing, 2000);
            watch.ended(Moment::ZERO, ProbeId(n), &sample(true), &timing);
        }
        assert_eq!(watch.state(), Up);
        // The first failure comes after the whole timeout; both others of the burst start at once.
        let at = |ms| Moment::from_ms(ms);
        watch.started(at(1000), ProbeId(10), &timing, 2000);
        watch.ended(at(1800), ProbeId(10), &sample(false), &timing);
        assert_eq!(watch.next_at(), at(1800));
        watch.started(at(1800), ProbeId(11), &timing, 2000);
        assert!(
            watch.next_at()
                <= at(1800) + Duration::from_millis(u64::from(timing.burst_interval_ms))
        );
        watch.started(watch.next_at(), ProbeId(12), &timing, 2000);
        watch.ended(at(2600), ProbeId(11), &sample(false), &timing);
        assert!(watch.ended(at(2750), ProbeId(12), &sample(false), &timing));
        assert_eq!(watch.state(), Down);
        assert_eq!(
            watch.cell(at(3000)).for_ms,
            2000,
            "counted from the first failed probe's start"
        );
    }

    #[test]
    fn probes_that_are_never_answered_do_not_stop_the_probing_for_ever() {
        let timing = timing();
        let mut watch = TargetWatch::new(Moment::ZERO, 0, &timing);
        for n in 0..IN_FLIGHT_MAX as u64 {
            let now = watch.next_at();
            watch.started(now, ProbeId(n), &timing, 2000);
        }
        assert_eq!(watch.next_at(), Moment::NEVER);
        watch.forget(ProbeId(0));
        assert!(watch.next_at() < Moment::NEVER);
    }

    #[test]
    fn an_address_that_was_passed_over_counts_in_the_ratio_and_never_makes_it_down() {
        let timing = timing();
        let mut watch = TargetWatch::new(Moment::ZERO, 0, &timing);
        for n in 0..30 {
            let now = watch.next_at();
            watch.started(now, ProbeId(n), &timing, 2000);
            let passed_over = (n % 3 == 0).then_some(ProbeFailure::Refused);
            let sample = Sample { passed_over, ..sample(true) };
            watch.ended(now, ProbeId(n), &sample, &timing);
        }
        let cell = watch.cell(watch.next_at());
        assert_eq!((cell.state, cell.failed, cell.window), (Up, 6, 20));
    }

    #[test]
    fn turns_keep_to_the_grid_after_late_starts_and_after_a_burst() {
        let timing = timing();
        let mut watch = TargetWatch::new(Moment::ZERO, 70, &timing);
        let mut probe = 0;
        let mut start = |watch: &mut TargetWatch, at: Moment, ok: bool| {
            probe += 1;
            watch.started(at, ProbeId(probe), &timing, 2000);
            watch.ended(at, ProbeId(probe), &sample(ok), &timing);
        };
        for _ in 0..3 {
            let at = watch.next_at();
            start(&mut watch, at, true);
        }
        assert_eq!(watch.next_at(), Moment::from_ms(1070));
        for late_ms in [0, 3, 999, 1, 2500] {
            let due = watch.next_at();
            start(&mut watch, due + Duration::from_millis(late_ms), true);
            let next = watch.next_at();
            assert_eq!(next.as_ms() % 1000, 70, "after {late_ms} ms");
            assert!(next.since(due + Duration::from_millis(late_ms)) <= Duration::from_secs(1));
        }
        let due = watch.next_at();
        start(&mut watch, due, false);
        for _ in 0..6 {
            let at = watch.next_at() + Duration::from_millis(1);
            start(&mut watch, at, true);
        }
        assert_eq!((watch.state(), watch.next_at().as_ms() % 1000), (Up, 70));
    }

    #[test]
    fn quiet_targets_are_probed_at_the_interval_and_troubled_ones_more_often() {
        let timing = timing();
        let mut watch = TargetWatch::new(Moment::ZERO, 0, &timing);
        for n in 0..4 {
            let now = watch.next_at();
            watch.started(now, ProbeId(n), &timing, 2000);
            watch.ended(now, ProbeId(n), &sample(true), &timing);
        }
        let now = watch.next_at();
        watch.started(now, ProbeId(9), &timing, 2000);
        assert_eq!(now.as_ms() % u64::from(timing.probe_interval_ms), 0);
        assert_eq!(watch.next_at().since(now).as_millis(), u128::from(timing.probe_interval_ms));
        watch.ended(now, ProbeId(9), &sample(false), &timing);
        assert_eq!(watch.next_at(), now);
    }
}
