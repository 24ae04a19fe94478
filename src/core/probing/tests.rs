//! Thousands of targets on a clock that the test moves.

use rand::SeedableRng as _;

use super::*;
use crate::core::call::Command;
use crate::core::testing::probed_fleet;
use crate::domain::ProbeFailure;

/// A prober of that many targets, whose answers take a while, and what it started.
struct Bench {
    fleet: Fleet,
    probing: Probing,
    out: Outbox,
    now: Moment,
    /// Answers on their way.
    answers: BTreeMap<(Moment, ProbeId), Sample>,
    starts: BTreeMap<Target, Vec<Moment>>,
    late: usize,
}

impl Bench {
    fn new(targets: usize) -> Self {
        let fleet = probed_fleet(targets);
        let rng = Pcg64Mcg::seed_from_u64(7);
        let probing = Probing::new(Moment::ZERO, &fleet.targets(), &fleet, rng);
        assert_eq!(probing.tracked.len(), targets);
        Self {
            fleet,
            probing,
            out: Outbox::default(),
            now: Moment::ZERO,
            answers: BTreeMap::new(),
            starts: BTreeMap::new(),
            late: 0,
        }
    }

    /// Lets time pass until `end`, stepping when the prober asks for it and when an answer comes,
    /// but never sooner than `least` after the step before.
    fn run(&mut self, end: Moment, least: Duration, takes: Duration, sample: &Sample) {
        loop {
            let first_answer = self.answers.keys().next().map_or(Moment::NEVER, |(at, _)| *at);
            let next = self.probing.next_wake().min(first_answer).max(self.now + least);
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            while let Some(entry) = self.answers.first_entry()
                && entry.key().0 <= self.now
            {
                let ((_, probe), sample) = entry.remove_entry();
                self.probing.ended(self.now, probe, &sample, &self.fleet);
            }
            self.step(takes, sample);
        }
    }

    fn step(&mut self, takes: Duration, sample: &Sample) {
        self.probing.drive(self.now, &self.fleet, &mut self.out);
        for command in self.out.take() {
            match command {
                Command::Probe { probe, target } => {
                    self.starts.entry(target).or_default().push(self.now);
                    self.answers.insert((self.now + takes, probe), sample.clone());
                }
                Command::Note(Note::ProbesLate { count }) => self.late += count,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Starts of each target since a moment, told by their place in the interval.
    fn places(&self, since: Moment) -> BTreeMap<&Target, BTreeSet<u64>> {
        let place = |at: &Moment| at.as_ms() % 1000;
        let of = |starts: &[Moment]| starts.iter().filter(|at| **at >= since).map(place).collect();
        self.starts.iter().map(|(target, starts)| (target, of(starts))).collect()
    }
}

const ANSWERS: Duration = Duration::from_millis(120);
const AT_ONCE: Duration = Duration::from_millis(1);

fn at(ms: u64) -> Moment {
    Moment::from_ms(ms)
}

fn good() -> Sample {
    Sample { phases: Phases { total_ms: 120, ..Phases::default() }, ..Sample::default() }
}

#[test]
fn thousands_of_targets_keep_their_places_in_the_schedule_for_minutes() {
    let mut bench = Bench::new(6000);
    bench.run(at(120_000), AT_ONCE, ANSWERS, &good());
    assert_eq!(bench.late, 0);
    for (target, starts) in &bench.starts {
        let quiet = starts.iter().filter(|start| (at(2_000)..at(120_000)).contains(start)).count();
        assert_eq!(quiet, 118, "{target}");
    }
    for (target, places) in bench.places(at(2_000)) {
        assert_eq!(places.len(), 1, "{target} drifts: {places:?}");
    }
    let report = bench.probing.report(bench.now, 0);
    assert!(report.started > 6000 * 60 && report.late == 0, "{report:?}");
    assert_eq!(report.phases.map(|phases| phases.total_ms), Some(120));
}

#[test]
fn steps_that_come_late_shift_no_turn() {
    let mut bench = Bench::new(1000);
    // Every step comes up to 40 ms late: not late enough to be counted, and never adding up.
    bench.run(at(60_000), Duration::from_millis(40), ANSWERS, &good());
    assert_eq!(bench.late, 0);
    for (target, starts) in &bench.starts {
        let quiet = starts.iter().filter(|start| (at(2_000)..at(60_000)).contains(start)).count();
        assert!((57..=58).contains(&quiet), "{target}: {quiet}");
    }
}

#[test]
fn a_pause_is_counted_turn_by_turn_and_nothing_is_made_up_for() {
    let mut bench = Bench::new(1000);
    bench.run(at(10_000), AT_ONCE, ANSWERS, &good());
    let before: usize = bench.starts.values().map(Vec::len).sum();
    // Nothing runs for five seconds.
    bench.now = at(15_000);
    bench.step(ANSWERS, &good());
    let caught_up: usize = bench.starts.values().map(Vec::len).sum();
    assert!(caught_up - before <= 1000, "one probe each, however many turns were lost");
    assert!((4_700..=5_000).contains(&bench.late), "five turns of each: {}", bench.late);
    let counted = bench.late;
    bench.run(at(25_000), AT_ONCE, ANSWERS, &good());
    assert_eq!(bench.late, counted, "and then on time again");
    assert_eq!(bench.probing.report(bench.now, 0).late as usize, counted);
    for (target, places) in bench.places(at(16_000)) {
        assert_eq!(places.len(), 1, "{target}");
    }
    assert_eq!(bench.probing.report(at(200_000), 0).late, 0, "what is long past is not shown");
}

#[test]
fn all_failing_at_once_leaves_them_spread_afterwards() {
    let mut bench = Bench::new(500);
    bench.run(at(5_000), AT_ONCE, ANSWERS, &good());
    let before = bench.places(at(3_000)).into_iter().map(|(t, p)| (t.clone(), p));
    let before: BTreeMap<Target, BTreeSet<u64>> = before.collect();
    let failed = Sample { failure: Some(ProbeFailure::Refused), ..good() };
    bench.run(at(15_000), AT_ONCE, ANSWERS, &failed);
    bench.run(at(20_000), AT_ONCE, ANSWERS, &good());
    bench.run(at(30_000), AT_ONCE, ANSWERS, &good());
    for (target, places) in bench.places(at(21_000)) {
        assert_eq!(places, before[target], "{target}");
    }
}

#[test]
fn what_is_under_way_is_bounded_and_what_waits_is_late() {
    let mut bench = Bench::new(OPEN_MAX + 500);
    // Nothing is ever answered.
    bench.run(at(3_000), AT_ONCE, Duration::from_secs(3600), &good());
    assert_eq!(bench.probing.open.len(), OPEN_MAX);
    assert_eq!(bench.late, 0, "what was not started can't be counted yet");
    // Those never answered are given up in time, and those that waited are late.
    bench.run(at(64_000), AT_ONCE, Duration::from_secs(3600), &good());
    assert!(bench.late > 500, "{}", bench.late);
    assert!(bench.probing.open.len() <= OPEN_MAX);
}

#[test]
fn a_probe_that_waited_in_this_machine_is_late_too() {
    let mut bench = Bench::new(10);
    bench.run(at(10_000), AT_ONCE, ANSWERS, &good());
    assert_eq!(bench.late, 0);
    let waited = Sample { waited_ms: 251, ..good() };
    bench.run(at(12_000), AT_ONCE, ANSWERS, &waited);
    assert!((10..=20).contains(&bench.late), "{}", bench.late);
}

#[test]
fn certificates_that_expire_soon_are_told_of_the_soonest_first_and_in_bounds() {
    let mut bench = Bench::new(30);
    let wall = 1_000_000_000;
    for (index, one) in bench.probing.tracked.iter_mut().enumerate() {
        let days = i64::try_from(40 - index).expect("few");
        let expiry = wall + days * 24 * 60 * 60 - 1;
        one.aside.take(&Sample { certificate_expiry_unix_s: Some(expiry), ..good() });
    }
    let expiring = bench.probing.report(bench.now, wall).expiring;
    assert_eq!(expiring.len(), 4, "of 40 down to 11 days, those up to 14");
    assert!(expiring.is_sorted_by_key(|one| one.expiry_unix_s));
    let all = bench.probing.report(bench.now, wall + 365 * 24 * 60 * 60).expiring;
    assert_eq!(all.len(), ProbingReport::LISTED_MAX);
    assert!(bench.probing.report(bench.now, 0).expiring.is_empty(), "before the time is known");
}
