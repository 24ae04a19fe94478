//! Which target to probe when, over all targets.
//!
//! Targets wait in the order of their turns, so that a step costs the same whether there are ten or
//! ten thousand. A turn that comes late is taken late, not dropped silently: it is counted, with the
//! turns that were lost meanwhile, and the target then keeps its place in the schedule.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::domain::observation::{Ailing, Cell, Expiring, ProbingReport};
use crate::domain::{Fleet, Moment, Phases, Sample, Target};

use super::call::{Outbox, ProbeId};
use super::health::aside::Aside;
use super::health::cell::TargetWatch;
use super::note::Note;

/// A probe is late when it starts more than this part of the interval after it was due: enough to
/// matter for how soon a failure is seen.
const LATE_PART: u32 = 4;

/// Most probes under way at once, over all targets. Each holds a socket or two; systemd gives a
/// service 524,288 by default (systemd.exec(5), "LimitNOFILE="), a shell often 1,024, which the
/// agent raises as far as it may. What waits for a place is late, and counted.
const OPEN_MAX: usize = 4096;

/// How long after its start a probe counts as never to be answered: many times any time limit.
const OVERDUE: Duration = Duration::from_secs(60);

/// How soon a certificate must expire to be told of. Whoever renews by machine does so a month
/// before the end, or at two thirds of a short life; with two weeks left, that has failed.
const EXPIRING_S: i64 = 14 * 24 * 60 * 60;

/// This agent's row of the matrix in the making.
#[derive(Debug, Clone)]
pub(super) struct Probing {
    tracked: Vec<Tracked>,
    /// Turns to come, with the index of their target.
    due: BTreeSet<(Moment, usize)>,
    /// Probes under way. Their numbers rise, so the first is the oldest.
    open: BTreeMap<ProbeId, Open>,
    cells: BTreeMap<Target, Cell>,
    started: Recent,
    late: Recent,
    /// Found late since the last step, and still to be told.
    late_untold: usize,
}

#[derive(Debug, Clone)]
struct Tracked {
    target: Target,
    watch: TargetWatch,
    aside: Aside,
    /// Where it stands among the turns to come.
    due: Moment,
}

#[derive(Debug, Clone)]
struct Open {
    index: usize,
    started: Moment,
    /// How long after its turn it was started, if that was not late yet.
    behind: Option<Duration>,
}

impl Probing {
    pub(super) fn new(now: Moment, targets: &[Target], fleet: &Fleet, mut rng: Pcg64Mcg) -> Self {
        let tracked: Vec<Tracked> = targets
            .iter()
            .map(|target| {
                let offset_ms = rng.random_range(0..fleet.timing.probe_interval_ms);
                let watch = TargetWatch::new(now, offset_ms, &fleet.timing);
                let due = watch.next_at();
                Tracked { target: target.clone(), watch, aside: Aside::default(), due }
            })
            .collect();
        Self {
            due: tracked.iter().enumerate().map(|(index, one)| (one.due, index)).collect(),
            tracked,
            open: BTreeMap::new(),
            cells: BTreeMap::new(),
            started: Recent::default(),
            late: Recent::default(),
            late_untold: 0,
        }
    }

    /// Takes in a result; true when the opinion of its target changed.
    pub(super) fn ended(
        &mut self,
        now: Moment,
        probe: ProbeId,
        sample: &Sample,
        fleet: &Fleet,
    ) -> bool {
        let Some(open) = self.open.remove(&probe) else { return false };
        let waited = Duration::from_millis(sample.waited_ms.into());
        if open.behind.is_some_and(|behind| behind + waited > late_after(fleet)) {
            self.found_late(now, 1);
        }
        let tracked = &mut self.tracked[open.index];
        tracked.aside.take(sample);
        let changed = tracked.watch.ended(now, probe, sample, &fleet.timing);
        self.reschedule(open.index);
        changed
    }

    /// Starts the probes that are due.
    pub(super) fn drive(&mut self, now: Moment, fleet: &Fleet, out: &mut Outbox) {
        self.forget_overdue(now);
        while let Some((at, index)) = self.due.first().copied()
            && at <= now
            && self.open.len() < OPEN_MAX
        {
            let behind = now.since(at);
            let late = behind > late_after(fleet);
            if late {
                let interval_ms = u128::from(fleet.timing.probe_interval_ms.max(1));
                let lost = usize::try_from(behind.as_millis() / interval_ms).unwrap_or(usize::MAX);
                self.found_late(now, lost.saturating_add(1));
            }
            self.started.add(now, 1);
            let tracked = &mut self.tracked[index];
            let probe = out.probe(tracked.target.clone());
            let behind = (!late).then_some(behind);
            self.open.insert(probe, Open { index, started: now, behind });
            tracked.watch.started(now, probe, &fleet.timing, fleet.rules.dwell_ms);
            self.reschedule(index);
        }
        if self.late_untold > 0 {
            out.note(Note::ProbesLate { count: std::mem::take(&mut self.late_untold) });
        }
    }

    fn found_late(&mut self, now: Moment, count: usize) {
        self.late.add(now, count);
        self.late_untold = self.late_untold.saturating_add(count);
    }

    /// Forgets probes that were never answered, against the promise, lest their targets are never
    /// probed again and their last states stand for ever.
    fn forget_overdue(&mut self, now: Moment) {
        while let Some(oldest) = self.open.first_entry()
            && now.since(oldest.get().started) >= OVERDUE
        {
            let (probe, open) = oldest.remove_entry();
            self.tracked[open.index].watch.forget(probe);
            self.reschedule(open.index);
        }
    }

    /// Moves a target to where its watch wants it.
    fn reschedule(&mut self, index: usize) {
        let tracked = &mut self.tracked[index];
        let due = tracked.watch.next_at();
        if due != tracked.due {
            self.due.remove(&(tracked.due, index));
            tracked.due = due;
            if due < Moment::NEVER {
                self.due.insert((due, index));
            }
        }
    }

    /// Probes that have not ended yet.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    pub(super) fn next_wake(&self) -> Moment {
        let overdue =
            self.open.values().next().map_or(Moment::NEVER, |open| open.started + OVERDUE);
        let due = self.due.first().filter(|_| self.open.len() < OPEN_MAX);
        due.map_or(Moment::NEVER, |(at, _)| *at).min(overdue)
    }

    /// Brings [`Self::cells`] up to this moment.
    pub(super) fn refresh_cells(&mut self, now: Moment) {
        for one in &self.tracked {
            self.cells.insert(one.target.clone(), one.watch.cell(now));
        }
    }

    /// The cells as of the last refresh.
    pub(super) fn cells(&self) -> &BTreeMap<Target, Cell> {
        &self.cells
    }

    /// What there is to say of the probes as a whole. `wall_unix_s` is the time of day.
    pub(super) fn report(&self, now: Moment, wall_unix_s: i64) -> ProbingReport {
        let ailing = self.tracked.iter().flat_map(|one| {
            one.aside.ailing().map(|(address, failure)| Ailing {
                target: one.target.clone(),
                address,
                failure,
            })
        });
        let mut expiring: Vec<(i64, &Target)> = self
            .tracked
            .iter()
            .filter_map(|one| Some((one.aside.expiry_unix_s()?, &one.target)))
            .filter(|(expiry, _)| *expiry < wall_unix_s.saturating_add(EXPIRING_S))
            .collect();
        expiring.sort_unstable();
        ProbingReport {
            started: self.started.sum(now),
            late: self.late.sum(now),
            phases: medians(self.tracked.iter().filter_map(|one| one.aside.phases())),
            ailing: ailing.take(ProbingReport::LISTED_MAX).collect(),
            expiring: expiring
                .into_iter()
                .take(ProbingReport::LISTED_MAX)
                .map(|(expiry_unix_s, target)| Expiring { target: target.clone(), expiry_unix_s })
                .collect(),
        }
    }
}

fn late_after(fleet: &Fleet) -> Duration {
    Duration::from_millis(fleet.timing.probe_interval_ms.into()) / LATE_PART
}

/// The median of each phase, over those that came to it.
fn medians(all: impl Iterator<Item = Phases>) -> Option<Phases> {
    let all: Vec<Phases> = all.collect();
    let median = |phase: fn(&Phases) -> Option<u32>| {
        let mut times: Vec<u32> = all.iter().filter_map(phase).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    };
    Some(Phases {
        name_ms: median(|phases| phases.name_ms),
        connect_ms: median(|phases| phases.connect_ms),
        tls_ms: median(|phases| phases.tls_ms),
        first_byte_ms: median(|phases| phases.first_byte_ms),
        total_ms: median(|phases| Some(phases.total_ms))?,
    })
}

/// Counts what happened in this minute and the one before.
#[derive(Debug, Clone, Default)]
struct Recent {
    minute: u64,
    now: u32,
    before: u32,
}

impl Recent {
    fn minute(at: Moment) -> u64 {
        at.as_ms() / 60_000
    }

    fn add(&mut self, at: Moment, count: usize) {
        let minute = Self::minute(at);
        if minute != self.minute {
            self.before = if minute == self.minute + 1 { self.now } else { 0 };
            (self.minute, self.now) = (minute, 0);
        }
        self.now = self.now.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }

    fn sum(&self, at: Moment) -> u32 {
        match Self::minute(at).saturating_sub(self.minute) {
            0 => self.now.saturating_add(self.before),
            1 => self.now,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
