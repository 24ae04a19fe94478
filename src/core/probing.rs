//! Which target to probe when, over all targets.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::domain::observation::Cell;
use crate::domain::{Fleet, Moment, Sample, Target};

use super::call::{Outbox, ProbeId};
use super::health::cell::TargetWatch;
use super::note::Note;

/// A probe is late when it starts more than this part of the interval after it was due: enough to
/// matter for how soon a failure is seen.
const LATE_PART: u64 = 4;

/// This agent's row of the matrix in the making.
#[derive(Debug, Clone)]
pub(super) struct Probing {
    watches: BTreeMap<Target, TargetWatch>,
    open: BTreeMap<ProbeId, Target>,
    cells: BTreeMap<Target, Cell>,
}

impl Probing {
    pub(super) fn new(now: Moment, targets: &[Target], fleet: &Fleet, mut rng: Pcg64Mcg) -> Self {
        let watches = targets
            .iter()
            .map(|target| {
                let offset_ms = rng.random_range(0..fleet.timing.probe_interval_ms);
                (target.clone(), TargetWatch::new(now, offset_ms, &fleet.timing))
            })
            .collect();
        Self { watches, open: BTreeMap::new(), cells: BTreeMap::new() }
    }

    /// Takes in a result; true when the opinion of its target changed.
    pub(super) fn ended(
        &mut self,
        now: Moment,
        probe: ProbeId,
        sample: &Sample,
        fleet: &Fleet,
    ) -> bool {
        let Some(target) = self.open.remove(&probe) else { return false };
        self.watches
            .get_mut(&target)
            .is_some_and(|watch| watch.ended(now, probe, sample, &fleet.timing))
    }

    /// Starts the probes that are due.
    pub(super) fn drive(&mut self, now: Moment, fleet: &Fleet, out: &mut Outbox) {
        let late = Duration::from_millis(u64::from(fleet.timing.probe_interval_ms) / LATE_PART);
        let mut count = 0;
        for (target, watch) in &mut self.watches {
            for probe in watch.forget_overdue(now) {
                self.open.remove(&probe);
            }
            if watch.next_at() <= now {
                count += usize::from(now.since(watch.next_at()) > late);
                let probe = out.probe(target.clone());
                self.open.insert(probe, target.clone());
                watch.started(now, probe, &fleet.timing, fleet.rules.dwell_ms);
            }
        }
        if count > 0 {
            out.note(Note::ProbesLate { count });
        }
    }

    pub(super) fn next_wake(&self) -> Moment {
        self.watches.values().map(TargetWatch::next_at).min().unwrap_or(Moment::NEVER)
    }

    /// Brings [`Self::cells`] up to this moment.
    pub(super) fn refresh_cells(&mut self, now: Moment) {
        for (target, watch) in &self.watches {
            self.cells.insert(target.clone(), watch.cell(now));
        }
    }

    /// The cells as of the last refresh.
    pub(super) fn cells(&self) -> &BTreeMap<Target, Cell> {
        &self.cells
    }
}
