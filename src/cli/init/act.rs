//! Carrying out a step of the plan.

use std::time::Duration;

use super::plan::Step;
use super::{adopt, attach, pair};
use crate::agent::Outside;
use crate::domain::{Fleet, zone};
use crate::ports::Answer;

/// Limit of making a table: it takes seconds as a rule.
const TABLE_LIMIT: Duration = Duration::from_secs(60);

/// Limit of making the board: each replica takes minutes rather than seconds (DynamoDB Developer
/// Guide, "Tutorials: Creating global tables"), and they are made one after another.
const BOARD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Limit of a write.
pub(super) const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Does it. Safe to repeat after any failure: each write is conditional on nothing being there.
pub(super) async fn act(fleet: &Fleet, outside: &Outside, step: &Step) -> Answer<()> {
    match step {
        Step::SeatsTable { region, .. } => {
            outside.registers.create_table(region, TABLE_LIMIT).await.map(drop)
        }
        Step::Board { home, .. } => {
            let replicas: Vec<_> =
                fleet.regions.iter().filter(|region| *region != home).cloned().collect();
            outside.observations.create_table(home, &replicas, BOARD_LIMIT).await.map(drop)
        }
        Step::Genesis { region, document } => {
            let name = crate::domain::StateName::GENESIS;
            outside.registers.put_state(region, name, document, WRITE_LIMIT).await
        }
        Step::Seat { region, seat } => {
            outside.registers.create_seat(region, seat, WRITE_LIMIT).await
        }
        Step::Fence { batch, .. } => {
            outside.records.change_zone(batch, WRITE_LIMIT).await.map(drop)
        }
        Step::Adopt { zone, adoption } => {
            let wanted = zone::wanted(fleet).into_iter().find(|wanted| wanted.zone == *zone);
            let wanted = wanted.expect("the plan is of the fleet's zones");
            adopt::carry_out(outside, &wanted, adoption).await
        }
        Step::Watch { gate, observer, spec, mends } => {
            attach::watch(fleet, outside, gate, observer, spec, mends.as_ref()).await
        }
        Step::Count { wanted, .. } => attach::count(fleet, outside, wanted).await,
        Step::Pair { zone, pairing } => {
            let wanted = zone::wanted(fleet).into_iter().find(|wanted| wanted.zone == *zone);
            let wanted = wanted.expect("the plan is of the fleet's zones");
            let spec = fleet.services.get(&pairing.service).expect("it is one of the fleet's");
            pair::carry_out(outside, &wanted, spec, pairing).await
        }
        Step::Attach { zone, records } => attach::attach(fleet, outside, zone, records).await,
    }
}
