//! What was committed is never lost and never contradicted.
//!
//! Source: the journal. A state is committed once a majority of seats has pointed to it; from then
//! on, whatever is committed has a higher name, a name never has two contents, and a new leader's
//! first state takes over the newest one that was committed before it, or a newer one.

use std::collections::BTreeMap;

use crate::domain::digest::Digest;
use crate::domain::{RegionId, StateName};

use super::{Fact, Judge};

#[derive(Debug, Clone)]
pub(super) struct CommittedIsKept {
    seats: usize,
    shown: BTreeMap<RegionId, StateName>,
    committed: Option<StateName>,
    contents: BTreeMap<StateName, Digest>,
    adopts: BTreeMap<StateName, StateName>,
}

impl CommittedIsKept {
    pub(super) fn new(seats: usize) -> Self {
        Self {
            seats,
            shown: BTreeMap::new(),
            committed: None,
            contents: BTreeMap::new(),
            adopts: BTreeMap::new(),
        }
    }
}

impl Judge for CommittedIsKept {
    fn name(&self) -> &'static str {
        "committed is kept"
    }

    fn judge(&mut self, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::StatePut { name, digest, adopts, .. } => {
                self.adopts.extend(adopts.map(|from| (*name, from)));
                let known = self.contents.entry(*name).or_insert_with(|| digest.clone());
                if known == digest { Ok(()) } else { Err(format!("{name} has two contents")) }
            }
            Fact::SeatWritten { region, seat } => {
                let name = seat.committed.name;
                self.shown.insert(region.clone(), name);
                let holders = self.shown.values().filter(|shown| **shown == name).count();
                if holders * 2 <= self.seats {
                    return Ok(());
                }
                match self.committed {
                    Some(before) if name < before => {
                        Err(format!("{name} was committed after {before}"))
                    }
                    before => {
                        self.committed = Some(name);
                        self.follows(name, before)
                    }
                }
            }
            _ => Ok(()),
        }
    }
}

impl CommittedIsKept {
    /// A state that is committed must have been put beside a seat first, and a first one of an epoch
    /// must not leave out what was committed before.
    fn follows(&self, name: StateName, before: Option<StateName>) -> Result<(), String> {
        if name == StateName::GENESIS || before == Some(name) {
            return Ok(());
        }
        if !self.contents.contains_key(&name) {
            return Err(format!("{name} was committed without its document"));
        }
        match (self.adopts.get(&name), before) {
            (Some(from), Some(before)) if *from < before => {
                Err(format!("{name} took over {from}, though {before} had been committed"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::seat;
    use crate::domain::Epoch;

    fn name(epoch: u64, seq: u64) -> StateName {
        StateName { epoch: Epoch(epoch), seq }
    }

    fn put(name: StateName, content: &[u8]) -> Fact {
        adopting(name, content, None)
    }

    fn adopting(name: StateName, content: &[u8], adopts: Option<StateName>) -> Fact {
        Fact::StatePut { name, digest: Digest::of(content), wanted: BTreeMap::new(), adopts }
    }

    fn shows(region: &str, name: StateName) -> Fact {
        let mut seat = seat(name.epoch.0, 1);
        seat.committed.name = name;
        Fact::SeatWritten { region: region.parse().expect("valid"), seat }
    }

    #[test]
    fn a_lower_name_after_a_higher_one_is_caught() {
        let mut judge = CommittedIsKept::new(3);
        for fact in [
            put(name(2, 1), b"x"),
            put(name(1, 4), b"y"),
            shows("a", name(2, 1)),
            shows("b", name(2, 1)),
        ] {
            assert_eq!(judge.judge(&fact), Ok(()));
        }
        assert_eq!(judge.judge(&shows("a", name(1, 4))), Ok(()), "one seat is no majority");
        assert!(judge.judge(&shows("c", name(1, 4))).is_err());
    }

    #[test]
    fn a_name_with_two_contents_and_one_without_any_are_caught() {
        let mut judge = CommittedIsKept::new(3);
        assert!(judge.judge(&put(name(1, 1), b"x")).is_ok());
        assert!(judge.judge(&put(name(1, 1), b"x")).is_ok());
        assert!(judge.judge(&put(name(1, 1), b"y")).is_err());
        assert!(judge.judge(&shows("a", name(5, 1))).is_ok());
        assert!(judge.judge(&shows("b", name(5, 1))).is_err());
    }

    #[test]
    fn a_leader_that_takes_over_an_older_state_is_caught() {
        let mut judge = CommittedIsKept::new(3);
        let first = [
            put(name(1, 1), b"x"),
            put(name(1, 2), b"y"),
            shows("a", name(1, 2)),
            shows("b", name(1, 2)),
            shows("c", name(1, 1)),
            adopting(name(2, 1), b"z", Some(name(1, 1))),
            shows("b", name(2, 1)),
        ];
        for fact in first {
            assert_eq!(judge.judge(&fact), Ok(()));
        }
        assert!(judge.judge(&shows("c", name(2, 1))).is_err());
    }
}
