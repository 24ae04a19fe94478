//! The lease's holder stops by itself in time.
//!
//! Source: PROTOCOL rules 7 and 8. The lease runs from the start of a round of writes that a
//! majority of seats acknowledged, less the margin; no call is started that could still be under
//! way when it ends. A write starts before it takes effect, so the end can't be later than a lease
//! less the margin after the effects that a majority of seats shows: which is how it is judged,
//! without believing the holder's own arithmetic. Half of the margin is the holder's own, for a slow
//! clock; the other half is for the fast ones of those who wait.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{AgentId, Epoch, Fleet, Moment, RegionId};

use super::fact::Act;
use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct LeaseEndsInTime {
    majority: usize,
    margin: Duration,
    /// The last write to each seat: by whom, under which epoch, and when the lease ends that it
    /// gives.
    written: BTreeMap<RegionId, (AgentId, Epoch, Moment)>,
}

impl LeaseEndsInTime {
    pub(super) fn new(fleet: &Fleet) -> Self {
        Self {
            majority: fleet.seat_majority(),
            margin: Duration::from_millis(fleet.timing.lease_margin_ms.into()),
            written: BTreeMap::new(),
        }
    }

    /// When the lease of this agent ends at the latest; none if it has no majority.
    fn end(&self, agent: &AgentId, epoch: Epoch) -> Option<Moment> {
        let mut ends: Vec<Moment> = self
            .written
            .values()
            .filter(|(by, under, _)| by == agent && *under == epoch)
            .map(|(_, _, end)| *end)
            .collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        ends.get(self.majority - 1).copied()
    }

    fn within(
        &self,
        agent: &AgentId,
        epoch: Epoch,
        until: Moment,
        what: &dyn std::fmt::Display,
    ) -> Result<(), String> {
        match self.end(agent, epoch) {
            Some(end) if until <= end => Ok(()),
            Some(end) => Err(format!(
                "{agent} {what} until {until} in epoch {epoch}, but by its writes to the seats its \
                 lease ends at {end}"
            )),
            None => Err(format!(
                "{agent} {what} until {until} in epoch {epoch}, but no majority of seats holds its \
                 writes"
            )),
        }
    }
}

impl Judge for LeaseEndsInTime {
    fn name(&self) -> &'static str {
        "the lease ends in time"
    }

    fn judge(&mut self, at: Moment, fact: &Fact, known: &Known) -> Result<(), String> {
        match fact {
            Fact::SeatWritten { region, seat } => {
                let lease = Duration::from_millis(seat.lease_ms.into());
                let end = at + lease.saturating_sub(self.margin / 2);
                self.written.insert(region.clone(), (seat.beat.agent.clone(), seat.epoch, end));
                Ok(())
            }
            _ if !known.clocks_keep => Ok(()),
            Fact::Leads { agent, epoch, until, .. } => {
                self.within(agent, *epoch, *until, &"means to act")
            }
            Fact::Sent { agent, epoch, act: act @ Act::Change(_), deadline } => {
                self.within(agent, *epoch, *deadline, &format!("has {act} under way"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, fleet};
    use super::*;

    /// `a` took two seats of three at 1000 and 1010.
    fn taken() -> Case<LeaseEndsInTime> {
        // A lease of 5 s with a margin of half a second.
        let mut case = Case::of(LeaseEndsInTime::new(&fleet()));
        case.at(1000).fine(Case::held("a", 1, "a"));
        case.at(1010).fine(Case::held("b", 1, "a"));
        case
    }

    #[test]
    fn a_lease_that_runs_from_the_writes_of_a_majority_is_fine() {
        taken().at(1020).fine(Case::leads("a", 1, 1, 5750));
        taken().at(1020).broken(Case::leads("a", 1, 1, 5751));
        taken().at(1020).broken(Case::leads("a", 2, 1, 5000));
        taken().at(1020).broken(Case::leads("b", 1, 1, 5000));
    }

    #[test]
    fn a_batch_that_may_land_after_the_lease_is_caught() {
        taken().at(3000).fine(Case::sends("a", 1, 5750));
        taken().at(3001).broken(Case::sends("a", 1, 5751));
    }

    #[test]
    fn a_renewal_of_one_seat_prolongs_nothing_and_a_lost_one_ends_it() {
        let mut case = taken();
        case.at(2000).fine(Case::held("a", 1, "a"));
        case.at(2000).broken(Case::leads("a", 1, 1, 6000));
        case.at(2000).fine(Case::leads("a", 1, 1, 5760));
        case.at(2000).fine(Case::held("b", 2, "b"));
        case.at(2000).broken(Case::leads("a", 1, 1, 5000));
    }
}
