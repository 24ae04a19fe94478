//! The epoch of a seat, and that of a zone's fence, never fall; no fence is used twice; and no
//! change goes past the fence.
//!
//! Source: PROTOCOL rules 5, 12 and 13: no write lowers a seat's epoch; a batch swaps on the fence
//! that its leader claimed, and every attempt has a fresh number. Two fences alike would let a
//! leader believe the wrong one of two batches. What a person does to a fence by hand is not judged.

use std::collections::BTreeMap;

use crate::domain::{Epoch, Fence, Moment, RegionId, ZoneId};

use super::{Fact, Judge, Known};

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct EpochsNeverFall {
    seats: BTreeMap<RegionId, Epoch>,
    zones: BTreeMap<ZoneId, Fence>,
}

impl Judge for EpochsNeverFall {
    fn name(&self) -> &'static str {
        "epochs never fall"
    }

    fn judge(&mut self, _: Moment, fact: &Fact, _: &Known) -> Result<(), String> {
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
            Fact::ZoneApplied { zone, by: Some(agent), fence, .. } => {
                let Some(fence) = fence else {
                    return Err(format!("{agent} changed {zone} without its fence"));
                };
                let before = self.zones.insert(zone.clone(), fence.clone());
                match before {
                    Some(before)
                        if (fence.epoch, fence.attempt) <= (before.epoch, before.attempt) =>
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
    use super::super::testing::Case;
    use super::*;

    #[test]
    fn a_fence_rises_by_epoch_or_by_attempt() {
        let mut case = Case::of(EpochsNeverFall::default());
        for (epoch, attempt) in [(1, 5), (2, 6), (2, 7)] {
            case.fine(Case::applied("a", (epoch, attempt), &[], &[]));
        }
        case.broken(Case::applied("a", (2, 7), &[], &[]));
        case.broken(Case::applied("a", (1, 9), &[], &[]));
    }

    #[test]
    fn a_change_past_the_fence_is_caught_unless_by_hand() {
        let mut case = Case::of(EpochsNeverFall::default());
        let mut unfenced = Case::applied("a", (1, 1), &[], &[]);
        let Fact::ZoneApplied { fence, .. } = &mut unfenced else { panic!("it is one") };
        *fence = None;
        case.broken(unfenced);
        case.fine(Case::by_hand(&[], &[]));
    }

    #[test]
    fn a_seat_that_falls_is_caught() {
        let mut case = Case::of(EpochsNeverFall::default());
        case.fine(Case::held("a", 3, "x"));
        case.fine(Case::held("b", 2, "x"));
        case.broken(Case::held("a", 2, "x"));
    }
}
