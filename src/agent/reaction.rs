//! How long the fleet takes to answer a failure: from its start to the decision, to the change of
//! records, and to the change's arrival on the name servers.
//!
//! Only the leader knows all of these, and only for what it decided itself. A failure that its
//! leader did not survive is measured by the drills, which see the whole fleet.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::explain::{Change, Reason};
use crate::domain::{Moment, ServiceId, Target, ZoneId};

/// What is measured, as metric labels.
pub(super) const DECIDED: &str = "decided";
pub(super) const CHANGED: &str = "changed";
pub(super) const INSYNC: &str = "insync";
pub(super) const ANSWERED: &str = "answered";

/// A decision's way to a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Decided,
    Changed,
}

/// The failures that are being answered.
#[derive(Debug)]
pub(super) struct Reaction {
    zone_of: BTreeMap<ServiceId, ZoneId>,
    /// For each zone that is to change: when the failure began, and how far the answer is.
    under_way: BTreeMap<ZoneId, (Moment, Stage)>,
    /// For each service whose name servers are still to answer accordingly: when the failure began.
    unanswered: BTreeMap<ServiceId, Moment>,
}

impl Reaction {
    pub(super) fn new(zone_of: BTreeMap<ServiceId, ZoneId>) -> Self {
        Self { zone_of, under_way: BTreeMap::new(), unanswered: BTreeMap::new() }
    }

    /// Changes were committed. `failing` tells for how long a target has failed, if it does. Returns
    /// the time since the oldest failure that they answer, if they answer any.
    pub(super) fn decided(
        &mut self,
        now: Moment,
        changes: &[Change],
        failing: impl Fn(&Target) -> Option<Duration>,
    ) -> Option<Duration> {
        let mut longest = None;
        for change in changes {
            if !matches!(change.reason, Reason::Down | Reason::CutOff) {
                continue;
            }
            let target = Target { region: change.region.clone(), service: change.service.clone() };
            let (Some(took), Some(zone)) = (failing(&target), self.zone_of.get(&change.service))
            else {
                continue;
            };
            longest = longest.max(Some(took));
            let began = now - took;
            let first = self.unanswered.entry(change.service.clone()).or_insert(began);
            *first = (*first).min(began);
            let before = self.under_way.get(zone).map_or(began, |(before, _)| *before);
            self.under_way.insert(zone.clone(), (before.min(began), Stage::Decided));
        }
        longest
    }

    /// A batch was accepted. Returns the time since the failure that it answers, if any.
    pub(super) fn changed(&mut self, now: Moment, zone: &ZoneId) -> Option<Duration> {
        let (began, stage) = self.under_way.get_mut(zone)?;
        let first = *stage == Stage::Decided;
        *stage = Stage::Changed;
        first.then(|| now.since(*began))
    }

    /// The zone's last batch is on every name server. Returns the time since the failure that it
    /// answers, if any.
    pub(super) fn insync(&mut self, now: Moment, zone: &ZoneId) -> Option<Duration> {
        match self.under_way.get(zone) {
            Some((began, Stage::Changed)) => {
                let took = now.since(*began);
                self.under_way.remove(zone);
                Some(took)
            }
            Some((_, Stage::Decided)) | None => None,
        }
    }

    /// Name servers were found to answer as wanted, in a look that began then. Returns the time since
    /// the failure that this answers, if any.
    pub(super) fn answered(&mut self, now: Moment, service: &ServiceId) -> Option<Duration> {
        self.unanswered.remove(service).map(|began| now.since(began))
    }

    /// This agent leads no more: the rest is somebody else's.
    pub(super) fn over(&mut self) {
        self.unanswered.clear();
        self.under_way.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Weight;

    fn change(reason: Reason) -> Change {
        Change {
            service: "web".parse().expect("valid"),
            region: "r1".parse().expect("valid"),
            from: Some(Weight(100)),
            to: Weight::ZERO,
            reason,
        }
    }

    fn reaction() -> (Reaction, ZoneId) {
        let zone: ZoneId = "Z1".parse().expect("valid");
        let zone_of = BTreeMap::from([("web".parse().expect("valid"), zone.clone())]);
        (Reaction::new(zone_of), zone)
    }

    fn at(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn every_phase_is_counted_once_from_the_start_of_the_failure() {
        let (mut reaction, zone) = reaction();
        let decided = reaction.decided(at(9_000), &[change(Reason::Down)], |_| ms(2_400));
        assert_eq!(decided, ms(2_400));
        assert_eq!(reaction.insync(at(9_050), &zone), None, "of the batch before");
        assert_eq!(reaction.changed(at(9_100), &zone), ms(2_500));
        assert_eq!(reaction.changed(at(9_300), &zone), None, "a second batch answers nothing new");
        assert_eq!(reaction.insync(at(10_000), &zone), ms(3_400));
        assert_eq!(reaction.insync(at(11_000), &zone), None);
        let web = "web".parse().expect("valid");
        assert_eq!(reaction.answered(at(12_000), &web), ms(5_400));
        assert_eq!(reaction.answered(at(13_000), &web), None);
    }

    #[test]
    fn what_answers_no_failure_is_not_counted() {
        let (mut reaction, zone) = reaction();
        let recovered = reaction.decided(at(9_000), &[change(Reason::Recovered)], |_| ms(2_400));
        assert_eq!(recovered, None);
        assert_eq!(reaction.decided(at(9_000), &[change(Reason::Down)], |_| None), None);
        assert_eq!(reaction.changed(at(9_100), &zone), None);
    }

    #[test]
    fn a_leader_that_stepped_down_counts_nothing_more() {
        let (mut reaction, zone) = reaction();
        reaction.decided(at(9_000), &[change(Reason::CutOff)], |_| ms(2_400));
        reaction.over();
        assert_eq!(reaction.changed(at(9_100), &zone), None);
    }
}
