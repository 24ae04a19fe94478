//! The epoch of a seat, and that of a zone's fence, never fall; and no fence is used twice.
//!
//! Source: no write lowers a seat's epoch; a batch swaps on the fence that its leader claimed. Two
//! fences alike would let a leader believe the wrong one of two batches.

use std::collections::BTreeMap;

use crate::domain::{Epoch, Fence, RegionId, ZoneId};

use super::{Fact, Judge};

#[derive(Debug, Clone, Default)]
pub(super) struct EpochsNeverFall {
    seats: BTreeMap<RegionId, Epoch>,
    zones: BTreeMap<ZoneId, Fence>,
}

impl Judge for EpochsNeverFall {
    fn name(&self) -> &'static str {
        "epochs never fall"
    }

    fn judge(&mut self, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::SeatWritten { region, seat } => {
                let before = self.seats.insert(region.clone(), seat.epoch);
                match before {
                    Some(before) if seat.epoch < before => {
                        Err(format!("the seat of {region} went from {before} to {}", seat.epoch))
                    }
                    _ => Ok(()),
                }
            }
            Fact::ZoneApplied { zone, fence: Some(fence), .. } => {
                let before = self.zones.insert(zone.clone(), fence.clone());
                match before {
                    Some(before)
                        if (fence.epoch, fence.attempt) <= (before.epoch, before.attempt)
                            && fence.epoch <= before.epoch =>
                    {
                        Err(format!("the fence of {zone} went from \"{before}\" to \"{fence}\""))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(epoch: u64, attempt: u64) -> Fact {
        Fact::ZoneApplied {
            zone: "Z1".parse().expect("valid"),
            fence: Some(Fence { fleet: "f".parse().expect("valid"), epoch: Epoch(epoch), attempt }),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
        }
    }

    #[test]
    fn a_fence_rises_by_epoch_or_by_attempt() {
        let mut judge = EpochsNeverFall::default();
        for (epoch, attempt, fine) in
            [(1, 5, true), (2, 6, true), (2, 7, true), (2, 7, false), (1, 9, false)]
        {
            assert_eq!(judge.judge(&applied(epoch, attempt)).is_ok(), fine, "{epoch} {attempt}");
        }
    }

    #[test]
    fn a_seat_that_falls_is_caught() {
        let mut judge = EpochsNeverFall::default();
        let written = |epoch| Fact::SeatWritten {
            region: "r".parse().expect("valid"),
            seat: crate::core::testing::seat(epoch, 1),
        };
        assert!(judge.judge(&written(3)).is_ok());
        assert!(judge.judge(&written(2)).is_err());
    }
}
