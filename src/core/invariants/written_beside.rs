//! Writes are never routed to a Region known not to write, where the service says that it writes
//! beside its database's writer only.
//!
//! Source: the fleet's files (`writes_from = "writer-region"`), and what RDS shows. Judged twice: a
//! decision by what it says that it knew, and a batch by the truth. A batch can't know at once that
//! the writer has moved, so only a Region that has not been the writer's for longer than anything
//! that a leader may still believe is one that it must not bring in. To stay where nobody can write
//! is no offence: there may be nowhere else to be. A failover pair comes in where it has its
//! primary.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::explain::Cause;
use crate::core::planner::Writes;
use crate::domain::database::WriteReach;
use crate::domain::record::RecordKey;
use crate::domain::{DatabaseId, Fleet, Moment, RegionId, ServiceId};

use super::{Fact, Judge, Known, Part};

/// Readings of RDS for which a leader believes what it read; one more for the batch to be sent and
/// to arrive.
const BELIEVED_READINGS: u64 = 4;

/// Services that can write only beside their database's writer.
pub(super) fn beside_writer(fleet: &Fleet) -> BTreeSet<ServiceId> {
    let beside = fleet.services.iter().filter(|(_, spec)| {
        spec.writes_to.as_ref().is_some_and(|to| to.reach == WriteReach::WriterRegion)
    });
    beside.map(|(service, _)| service.clone()).collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct WrittenBeside {
    /// Records of such services, and what they write to.
    records: BTreeMap<RecordKey, DatabaseId>,
    believed: Duration,
    /// Since when each database's writer has been in one Region and no other.
    writers: BTreeMap<DatabaseId, (RegionId, Moment)>,
}

impl WrittenBeside {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let services = beside_writer(fleet).into_iter().filter_map(|service| {
            let spec = fleet.services.get(&service)?;
            Some((spec.key(), spec.writes_to.as_ref()?.database.clone()))
        });
        let timing = &fleet.timing;
        let reading = timing.database_read_ms.saturating_add(timing.database_call_ms);
        Self {
            records: services.collect(),
            believed: Duration::from_millis(u64::from(reading).saturating_mul(BELIEVED_READINGS)),
            writers: BTreeMap::new(),
        }
    }

    fn batch(
        &self,
        at: Moment,
        key: &RecordKey,
        was: &BTreeMap<String, Part>,
        is: &BTreeMap<String, Part>,
    ) -> Result<(), String> {
        let Some(database) = self.records.get(key) else { return Ok(()) };
        let Some((writer, since)) = self.writers.get(database) else { return Ok(()) };
        let comes_in =
            |id: &&String| is[*id].serves() && was.get(*id).is_none_or(|part| !part.serves());
        let wrong = is.keys().filter(comes_in).find(|id| id.as_str() != writer.as_str());
        match wrong {
            Some(id) if at.since(*since) > self.believed => Err(format!(
                "{key} is routed to {id}, where it can't write: {database} has been written in \
                 {writer} since {since}"
            )),
            _ => Ok(()),
        }
    }
}

impl Judge for WrittenBeside {
    fn name(&self) -> &'static str {
        "writes go where they can be written"
    }

    fn judge(&mut self, at: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
        match fact {
            Fact::Writer { database, region: Some(region) } => {
                self.writers.insert(database.clone(), (region.clone(), at));
                Ok(())
            }
            Fact::Writer { database, region: None } => {
                self.writers.remove(database);
                Ok(())
            }
            Fact::Proposed { state, .. } => {
                let Cause::Decided { inputs, changes } = &state.cause else { return Ok(()) };
                changes.iter().try_for_each(|change| {
                    let placed = inputs.services.get(&change.service);
                    let placed = placed.and_then(|regions| regions.get(&change.region));
                    let known = placed.and_then(|placed| placed.writes);
                    let comes_in = change.to.serves() && change.from.is_some_and(|it| !it.serves());
                    if comes_in && known == Some(Writes::Elsewhere) {
                        return Err(format!("{}: {change}, where it can't write", state.name));
                    }
                    Ok(())
                })
            }
            Fact::ZoneApplied { by: Some(_), before, after, .. } => {
                after.iter().try_for_each(|(key, is)| match before.get(key) {
                    Some(was) => self.batch(at, key, was, is),
                    None => Ok(()),
                })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::{Case, fleet, id};
    use super::*;
    use crate::core::health::Verdict;
    use crate::domain::database::WritesTo;

    /// `web` writes beside the writer of `orders`.
    fn case() -> Case<WrittenBeside> {
        let mut fleet = fleet();
        for service in fleet.services.values_mut() {
            let reach = WriteReach::WriterRegion;
            service.writes_to = Some(WritesTo { database: id("orders"), reach, order: None });
        }
        Case::of(WrittenBeside::new(&fleet))
    }

    fn writer(region: Option<&str>) -> Fact {
        Fact::Writer { database: id("orders"), region: region.map(id) }
    }

    #[test]
    fn a_batch_that_brings_it_in_where_the_writer_long_is_not_is_caught() {
        let (alone, joined) = ([("a", 100), ("b", 0)], [("a", 100), ("b", 100)]);
        let comes_in = || Case::applied("x", (1, 1), &alone, &joined);
        let mut case = case();
        case.fine(writer(Some("a")));
        case.at(1000).fine(comes_in());
        case.at(600_000).broken(comes_in());
        case.fine(Case::applied("x", (1, 1), &joined, &joined));
        case.fine(Case::by_hand(&alone, &joined));
        case.fine(writer(None));
        case.fine(comes_in());
        case.fine(writer(Some("b")));
        case.at(1_200_000).fine(comes_in());
    }

    #[test]
    fn a_pair_whose_primary_comes_to_be_where_it_can_t_write_is_caught() {
        use Part::{Primary, Secondary};
        let (here, there) =
            ([("a", Primary), ("b", Secondary)], [("a", Secondary), ("b", Primary)]);
        let mut case = case();
        case.fine(writer(Some("a")));
        case.at(600_000).broken(Case::swapped("x", (1, 1), &here, &there));
        case.fine(Case::swapped("x", (1, 2), &there, &here));
        case.fine(Case::swapped("x", (1, 3), &here, &here));
    }

    #[test]
    fn a_decision_against_what_it_knew_is_caught() {
        let decided = |writes| {
            let mut fact = Case::decided("x", (1, 2), &[("b", Verdict::Healthy, 99_999, 0, 100)]);
            let Fact::Proposed { state, .. } = &mut fact else { panic!("a proposal") };
            let Cause::Decided { inputs, .. } = &mut Arc::make_mut(state).cause else {
                panic!("a decision")
            };
            for placed in inputs.services.values_mut().flat_map(BTreeMap::values_mut) {
                placed.writes = writes;
            }
            fact
        };
        case().fine(decided(None));
        case().fine(decided(Some(Writes::Here)));
        case().broken(decided(Some(Writes::Elsewhere)));
    }
}
