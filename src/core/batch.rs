//! How much of a batch of record changes Route 53 takes.
//!
//! Counted as Route 53 counts, for the changes that we send: a DELETE and a CREATE once each. (An
//! UPSERT would count twice; we send none, since it overwrites what it hasn't read.)

use std::ops::Add;

use crate::domain::record::{RecordChange, RecordData};

/// ResourceRecord elements in a batch (Route 53 Developer Guide, "Quotas", number of elements and
/// characters in `ChangeResourceRecordSets` requests: 1,000), less the fence's old and new value.
const ELEMENTS_MAX: usize = 998;

/// Characters in all values of a batch (same page: 32,000), less more than two fences have: the
/// longest names two numbers and a fleet of 63 letters at most.
const CHARACTERS_MAX: usize = 31_500;

/// What changes add to a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    elements: usize,
    characters: usize,
}

impl Size {
    /// Of these changes.
    pub(super) fn of(changes: &[RecordChange]) -> Self {
        changes.iter().map(Self::of_one).fold(Self::default(), Self::add)
    }

    fn of_one(change: &RecordChange) -> Self {
        let (RecordChange::Delete(record) | RecordChange::Create(record)) = change;
        match &record.data {
            RecordData::Plain { values, .. } => Self {
                elements: values.len(),
                characters: values.iter().map(|value| value.chars().count()).sum(),
            },
            // An alias has no values, and still counts as one.
            RecordData::Alias { .. } => Self { elements: 1, characters: 0 },
        }
    }

    /// Whether there is room for it beside the fence.
    pub(super) fn fits(self) -> bool {
        self.elements <= ELEMENTS_MAX && self.characters <= CHARACTERS_MAX
    }
}

impl Add for Size {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            characters: self.characters + other.characters,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{Fence, RecordKey, RecordSet, RecordType, Routing};
    use crate::domain::{Epoch, Weight};

    fn record(data: RecordData) -> RecordSet {
        RecordSet {
            key: RecordKey {
                name: "web.example.com".parse().expect("valid"),
                rtype: RecordType::A,
            },
            routing: Routing::Weighted { set_identifier: "a".to_owned(), weight: Weight(1) },
            data,
            health_check: None,
        }
    }

    fn plain(values: usize, length: usize) -> RecordSet {
        record(RecordData::Plain { ttl_s: 60, values: vec!["x".repeat(length); values] })
    }

    fn size(records: &[RecordSet]) -> Size {
        let deletes = records.iter().cloned().map(RecordChange::Delete);
        let creates = records.iter().cloned().map(RecordChange::Create);
        Size::of(&deletes.chain(creates).collect::<Vec<_>>())
    }

    #[test]
    fn values_are_counted_and_not_records() {
        assert!(size(&vec![plain(1, 9); 499]).fits());
        assert!(!size(&vec![plain(1, 9); 500]).fits());
        assert!(size(&vec![plain(4, 9); 124]).fits());
        assert!(!size(&vec![plain(4, 9); 125]).fits(), "1,000 values, and a fence");
        let alias = record(RecordData::Alias {
            target_zone: "Z".to_owned(),
            target_name: "lb.example.net".parse().expect("valid"),
            evaluate_target_health: true,
        });
        assert!(size(&vec![alias.clone(); 499]).fits());
        assert!(!size(&vec![alias; 500]).fits());
    }

    #[test]
    fn long_values_fill_a_batch_before_many_do() {
        assert!(size(&vec![plain(1, 255); 61]).fits());
        assert!(!size(&vec![plain(1, 255); 62]).fits());
    }

    #[test]
    fn the_longest_fence_has_its_room() {
        let fleet = "f".repeat(63).parse().expect("the longest name");
        let fence = Fence { fleet, epoch: Epoch(u64::MAX), attempt: u64::MAX };
        let swap = size(&[fence.record_set(&"f.example.com".parse().expect("valid"))]);
        assert!(swap.elements <= 1_000 - ELEMENTS_MAX);
        assert!(swap.characters <= 32_000 - CHARACTERS_MAX);
    }
}
