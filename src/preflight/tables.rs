//! Seats and the board.

use super::look::Looked;
use super::{Who, lasting};
use crate::domain::preflight::{Area, Finding};
use crate::domain::{CallFailure, Fleet, RegionId};
use crate::ports::SwapRefused;

/// Can a majority of seats be read and written?
pub(super) fn seats(fleet: &Fleet, looked: &Looked, who: Who) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut usable = 0;
    for (region, seat) in &looked.seats {
        let denied = match looked.seat_trials.get(region) {
            Some(Err(SwapRefused::Failed(failure))) => Some(failure),
            // Found: the write was let in, and refused for its condition.
            Some(Err(SwapRefused::Found(_)) | Ok(())) | None => None,
        };
        match (seat, denied) {
            (Ok(Some(_)), None) => usable += 1,
            (Ok(Some(_)), Some(failure)) => {
                usable += usize::from(who == Who::Person);
                findings.push(unwritable(region, failure, who));
            }
            (Ok(None), _) => findings.push(Finding::weakens(
                Area::Seats,
                format!("there is no seat in {region}"),
                "`regent init` says what can be done",
            )),
            (Err(failure), _) => findings.push(Finding::weakens(
                Area::Seats,
                format!("the seat in {region} can't be read: {}", failure.what),
                "Look whether the Region is reached, and dynamodb:GetItem allowed",
            )),
        }
    }
    let majority = fleet.seat_majority();
    if usable < majority {
        findings.push(Finding::stops(
            Area::Seats,
            format!(
                "only {usable} of {} seats can be used, and a majority is {majority}",
                fleet.seats.len()
            ),
            "Nobody can lead with these alone: mend what is named beside this",
        ));
    }
    findings
}

fn unwritable(region: &RegionId, failure: &CallFailure, who: Who) -> Finding {
    let what = format!("the seat in {region} can't be written: {}", failure.what);
    if lasting(failure) {
        who.may_not(
            Area::Seats,
            what,
            "Allow dynamodb:PutItem on the seats' table there".to_owned(),
        )
    } else {
        Finding::weakens(Area::Seats, what, "Look whether the Region is reached")
    }
}

/// Can the board's replicas be read?
pub(super) fn board(looked: &Looked) -> Vec<Finding> {
    let failed: Vec<(&RegionId, &CallFailure)> = looked
        .board
        .iter()
        .filter_map(|(region, answer)| answer.as_ref().err().map(|failure| (region, failure)))
        .collect();
    let all = failed.len() == looked.board.len();
    let finding = |(region, failure): &(&RegionId, &CallFailure)| {
        let what = format!("the board in {region} can't be read: {}", failure.what);
        let remedy = "Look whether the Region is reached, and dynamodb:Query allowed";
        if all {
            Finding::stops(Area::Board, what, remedy)
        } else {
            Finding::weakens(Area::Board, what, remedy)
        }
    };
    failed.iter().map(finding).collect()
}
