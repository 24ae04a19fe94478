//! No batch of ours empties a record set or leaves it with no weight above 0.
//!
//! Source: "never nothing". What a person did by hand before is not our doing.

use super::{Fact, Judge};

#[derive(Debug, Clone)]
pub(super) struct NeverNothing;

impl Judge for NeverNothing {
    fn name(&self) -> &'static str {
        "never nothing"
    }

    fn judge(&mut self, fact: &Fact) -> Result<(), String> {
        // A batch without a fence is a person's.
        let Fact::ZoneApplied { fence: Some(_), before, after, .. } = fact else { return Ok(()) };
        for (key, weights) in before {
            let left = after.get(key);
            if left.is_none_or(|left| left.len() < weights.len()) {
                return Err(format!("a record set of {key} was removed"));
            }
            let served = weights.values().any(|weight| *weight > 0);
            let serves = left.is_some_and(|left| left.values().any(|weight| *weight > 0));
            if served && !serves {
                return Err(format!("{key} was left with no weight above 0"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::record::{RecordKey, RecordType};
    use crate::domain::{Epoch, Fence};

    fn applied(before: &[(&str, u8)], after: &[(&str, u8)], fenced: bool) -> Fact {
        let key = RecordKey { name: "web.example.".parse().expect("valid"), rtype: RecordType::A };
        let weights = |list: &[(&str, u8)]| {
            let weights = list.iter().map(|(id, weight)| ((*id).to_owned(), *weight)).collect();
            BTreeMap::from([(key.clone(), weights)])
        };
        let fence = Fence { fleet: "f".parse().expect("valid"), epoch: Epoch(1), attempt: 1 };
        Fact::ZoneApplied {
            zone: "Z1".parse().expect("valid"),
            fence: fenced.then_some(fence),
            before: weights(before),
            after: weights(after),
        }
    }

    #[test]
    fn an_emptied_or_silenced_name_is_caught_unless_by_hand() {
        let both = [("a", 1), ("b", 1)];
        let judge = |fact| NeverNothing.judge(&fact).is_ok();
        assert!(judge(applied(&both, &[("a", 0), ("b", 1)], true)));
        assert!(!judge(applied(&both, &[("a", 0), ("b", 0)], true)));
        assert!(!judge(applied(&both, &[("b", 1)], true)));
        assert!(judge(applied(&both, &[("a", 0), ("b", 0)], false)));
        assert!(judge(applied(&[("a", 0)], &[("a", 0)], true)), "it was so before");
    }
}
