//! The last look at a batch before it is sent: never nothing.
//!
//! Judged on the records as they were read, which the batch itself guards: it deletes and creates
//! *every* weighted record of a name that it touches, so that a hand edit of any of them in between
//! rejects the whole batch; a failover pair keeps both of its records, one of them the primary. Independent of the planner on purpose: a wrong plan stops here.

use std::collections::BTreeMap;

use crate::domain::record::{RecordChange, RecordKey, RecordSet};

/// Why a batch may not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// No record of that name and type would have a weight above 0, or be the primary.
    #[error("it would leave {0} with no weight above 0, or no primary")]
    AllZero(RecordKey),
    /// Records of that name and type would be fewer than before.
    #[error("it would remove a record set of {0}")]
    Removes(RecordKey),
}

fn weighted(
    records: &BTreeMap<(RecordKey, Option<String>), RecordSet>,
) -> BTreeMap<&RecordKey, (usize, usize)> {
    let mut counts: BTreeMap<&RecordKey, (usize, usize)> = BTreeMap::new();
    for record in records.values() {
        if let Some(weight) = record.routing.weight() {
            let (all, serving) = counts.entry(&record.key).or_default();
            *all += 1;
            *serving += usize::from(weight.serves());
        }
    }
    counts
}

fn identity(record: &RecordSet) -> (RecordKey, Option<String>) {
    (record.key.clone(), record.routing.set_identifier().map(str::to_owned))
}

/// Checks what `changes` make of `records`.
///
/// # Errors
/// The first rule that the result would break. What was broken before and stays so is not the
/// batch's doing.
pub fn check_batch(records: &[RecordSet], changes: &[RecordChange]) -> Result<(), Unsafe> {
    let before: BTreeMap<_, _> =
        records.iter().map(|record| (identity(record), record.clone())).collect();
    let mut after = before.clone();
    for change in changes {
        match change {
            RecordChange::Delete(record) => drop(after.remove(&identity(record))),
            RecordChange::Create(record) => drop(after.insert(identity(record), record.clone())),
        }
    }
    let counts_after = weighted(&after);
    for (key, (all, serving)) in weighted(&before) {
        let (all_after, serving_after) = counts_after.get(key).copied().unwrap_or_default();
        if all_after < all {
            return Err(Unsafe::Removes(key.clone()));
        }
        if serving_after == 0 && serving > 0 {
            return Err(Unsafe::AllZero(key.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::weighted_record;
    use crate::domain::record::Routing;

    #[test]
    fn the_last_weight_above_zero_stays() {
        let records = [weighted_record("a", 100), weighted_record("b", 0)];
        let to = |record: &RecordSet, weight| {
            let Routing::Weighted { set_identifier, .. } = &record.routing else { panic!() };
            [
                RecordChange::Delete(record.clone()),
                RecordChange::Create(weighted_record(set_identifier, weight)),
            ]
        };
        assert!(matches!(check_batch(&records, &to(&records[0], 0)), Err(Unsafe::AllZero(_))));
        assert_eq!(check_batch(&records, &to(&records[0], 1)), Ok(()));
        let both = [to(&records[0], 0), to(&records[1], 5)].concat();
        assert_eq!(check_batch(&records, &both), Ok(()));
    }

    #[test]
    fn no_record_set_is_removed() {
        let records = [weighted_record("a", 100), weighted_record("b", 100)];
        let changes = [RecordChange::Delete(records[0].clone())];
        assert!(matches!(check_batch(&records, &changes), Err(Unsafe::Removes(_))));
    }
}
