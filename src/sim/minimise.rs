//! A smaller plan that fails in the same way.
//!
//! Delta debugging over the troubles: halves, then quarters, then one by one are left out as long as
//! the run still fails of the same kind. Then whole kinds of fates go, the run is cut short, clocks
//! are set right, and services go, or become weighted ones that were failover pairs.

use super::plan::{Episode, Plan, service};
use super::trial::{Failure, Trial};

/// Makes a failing plan smaller. None when it does not fail. Says of each smaller one that it found.
pub fn minimise(plan: &Plan, mut found: impl FnMut(&Plan, &Failure)) -> Option<(Plan, Failure)> {
    let failure = Trial::run(plan).failure?;
    let mut best = Best { plan: plan.clone(), failure, found: &mut found };
    loop {
        let before = best.plan.clone();
        best.fewer_episodes();
        best.fewer_fates();
        best.calmer();
        best.shorter();
        if best.plan == before {
            return Some((best.plan, best.failure));
        }
    }
}

struct Best<'f> {
    plan: Plan,
    failure: Failure,
    found: &'f mut dyn FnMut(&Plan, &Failure),
}

impl Best<'_> {
    fn try_plan(&mut self, plan: Plan) -> bool {
        if plan == self.plan {
            return false;
        }
        match Trial::run(&plan).failure {
            Some(failure) if failure.kind() == self.failure.kind() => {
                (self.found)(&plan, &failure);
                (self.plan, self.failure) = (plan, failure);
                true
            }
            _ => false,
        }
    }

    fn fewer_episodes(&mut self) {
        let mut size = self.plan.episodes.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.plan.episodes.len() {
                let mut episodes: Vec<Episode> = self.plan.episodes.clone();
                episodes.drain(at..(at + size).min(episodes.len()));
                if !self.try_plan(Plan { episodes, ..self.plan.clone() }) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    fn fewer_fates(&mut self) {
        let kinds: [fn(&mut super::Fates) -> &mut u16; 9] = [
            |fates| &mut fates.throttled,
            |fates| &mut fates.denied,
            |fates| &mut fates.request_lost,
            |fates| &mut fates.answer_lost,
            |fates| &mut fates.repeated,
            |fates| &mut fates.late,
            |fates| &mut fates.delayed,
            |fates| &mut fates.sluggish,
            |fates| &mut fates.probe_lost,
        ];
        for kind in kinds {
            let mut plan = self.plan.clone();
            *kind(&mut plan.fates) = 0;
            self.try_plan(plan);
        }
    }

    fn calmer(&mut self) {
        let mut plan = self.plan.clone();
        plan.clocks_ppm.fill(0);
        self.try_plan(plan);
        while self.plan.shape.services.len() > usize::from(self.plan.shape.zones) {
            let mut plan = self.plan.clone();
            plan.shape.pairs.remove(&service(plan.shape.services.len()));
            plan.shape.services.pop();
            if !self.try_plan(plan) {
                break;
            }
        }
        for pair in self.plan.shape.pairs.keys().cloned().collect::<Vec<_>>() {
            let mut plan = self.plan.clone();
            plan.shape.pairs.remove(&pair);
            self.try_plan(plan);
        }
    }

    fn shorter(&mut self) {
        for part in [4, 2] {
            let mut plan = self.plan.clone();
            plan.length_ms /= part;
            self.try_plan(plan);
        }
        for n in 0..self.plan.episodes.len() {
            let mut plan = self.plan.clone();
            plan.episodes[n].for_ms /= 2;
            self.try_plan(plan);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Size, draw};

    #[test]
    fn a_run_in_which_nothing_is_wrong_has_no_smaller_one() {
        let plan = draw(1, Size::Short);
        assert!(minimise(&plan, |_, _| panic!("nothing fails")).is_none());
    }

    #[test]
    fn what_has_nothing_to_do_with_the_failure_is_left_out() {
        let mut drawn = (1..).map(|seed| draw(seed, Size::Short));
        let mut plan = drawn.find(|plan| !plan.shape.pairs.is_empty()).expect("some have pairs");
        // Nothing that heals brings a majority of the seats back.
        for n in 1..=plan.shape.seats / 2 + 1 {
            let region = crate::sim::plan::region(n.into());
            let trouble = crate::sim::Trouble::LoseSeat { region };
            plan.episodes.push(Episode { at_ms: 1000, for_ms: 0, trouble });
        }
        let seats = usize::from(plan.shape.seats / 2 + 1);
        let (smaller, failure) = minimise(&plan, |_, _| {}).expect("it fails");
        assert_eq!(failure.kind(), "heals");
        assert_eq!(smaller.episodes.len(), seats, "{:?}", smaller.episodes);
        assert!(smaller.shape.pairs.is_empty(), "{:?}", smaller.shape.pairs);
        assert_eq!(Plan::from_toml(&smaller.to_toml()).as_ref(), Ok(&smaller));
    }
}
