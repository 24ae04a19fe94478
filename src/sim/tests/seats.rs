//! Seats and states that somebody else has had a hand in.

use super::*;
use crate::core::note::StepDown;
use crate::world::dynamo::operation::PutItem;
use crate::world::dynamo::{AttributeValue, Item, Operation};

/// Overwrites attributes of an item in a seat's table, as somebody else's write does.
fn overwrite(sim: &mut Sim, region: &RegionId, id: &str, with: &[(&str, AttributeValue)]) {
    let table = sim.fleet().tables.seats.clone();
    let key = Item::from([("id".to_owned(), AttributeValue::text(id.to_owned()))]);
    let present = sim.world().dynamo.peek(region, &table, &key).expect("it is there");
    let mut item = present.clone();
    for (name, value) in with {
        item.insert((*name).to_owned(), value.clone());
    }
    let put = PutItem { table, item, ..PutItem::default() };
    let now = sim.now();
    sim.world_mut().dynamo.call(now, region, Operation::PutItem(put)).expect("accepted");
}

fn stepped_down(sim: &Sim, wanted: StepDown) -> Vec<AgentId> {
    let of = |(_, agent, note): &(Moment, AgentId, Note)| {
        matches!(note, Note::SteppedDown { why, .. } if *why == wanted).then(|| agent.clone())
    };
    sim.notes().iter().filter_map(of).collect()
}

#[test]
fn a_seat_taken_in_vain_above_the_leader_is_part_of_the_quorum_again() {
    let mut sim = sim(21);
    settle(&mut sim);
    let (leader, epoch) = sim.leaders()[0].clone();
    let seat = follower(&sim);
    let raised = Epoch(epoch.0 + 4);
    let took = [
        ("epoch", AttributeValue::number(raised.0)),
        ("holder", AttributeValue::text("somebody".to_owned())),
        ("beat", AttributeValue::text("somebody/0000000000000007/1".to_owned())),
    ];
    overwrite(&mut sim, &seat, "seat", &took);
    let limit = sim.now() + Duration::from_secs(30);
    let whole = |sim: &Sim| {
        let leaders = sim.leaders();
        let [(leader, epoch)] = &leaders[..] else { return false };
        let view = sim.view(leader).expect("alive");
        *epoch > raised && view.leader.is_some_and(|leader| leader.seats.len() == 3)
    };
    assert!(sim.run_until_that(limit, whole), "{:#?}", sim.notes());
    assert_eq!(stepped_down(&sim, StepDown::Outgrown), [leader]);
    assert!(sim.run_until_that(limit + Duration::from_secs(30), Sim::settled));
    assert_eq!(sim.violations(), []);
}

#[test]
fn a_leader_that_can_t_read_the_control_state_makes_room_for_another() {
    let mut sim = sim(22);
    settle(&mut sim);
    let (leader, _) = sim.leaders()[0].clone();
    let name = sim.view(&leader).expect("alive").state.expect("in force").name;
    sim.strike(&Fault::KillAgent { agent: leader });
    // The seats point to a state that is nowhere.
    let missing = [("state_seq", AttributeValue::number(name.seq + 1))];
    for region in sim.fleet().seats.clone() {
        overwrite(&mut sim, &region, "seat", &missing);
    }
    sim.run_until(sim.now() + Duration::from_secs(120));
    assert_eq!(sim.leaders(), [], "nobody acts on a state that nobody can read");
    let gave_up = stepped_down(&sim, StepDown::JournalDamaged);
    assert!(gave_up.len() >= 4, "{gave_up:?}");
    assert!(gave_up.windows(2).all(|pair| pair[0] != pair[1]), "in turns: {gave_up:?}");
}
