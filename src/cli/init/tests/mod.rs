//! `init` in each situation that it may find.

mod adopt;
mod gates;
mod live;

use super::found::{Found, SeatFound, ZoneFound};
use super::plan::{Plan, Step, plan};
use super::*;
use crate::cli::testing::{Tables, fleet, printed};
use crate::core::genesis::unborn_seat;
use crate::domain::RecordSet;
use crate::domain::record::{RecordData, Routing};
use crate::domain::{CallFailure, Epoch, Fence, RegionId, Seat, Weight, ZoneRead};

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

fn fresh(draw: u64) -> Genesis {
    let mut drawn = draw;
    genesis(&fleet(), author(), "2026-01-01T00:00:00Z".to_owned(), || {
        drawn += 1;
        drawn
    })
}

fn weighted(set_identifier: &str) -> RecordSet {
    let service = fleet().services.into_values().next().expect("one service");
    RecordSet {
        key: service.key(),
        routing: Routing::Weighted {
            set_identifier: set_identifier.to_owned(),
            weight: Weight(100),
        },
        data: service.regions[&region(set_identifier)].data.clone(),
        health_check: None,
    }
}

fn fence_of(fleet: &str) -> RecordSet {
    let fence = Fence { fleet: fleet.parse().expect("valid"), epoch: Epoch(0), attempt: 0 };
    fence.record_set(&"_regent-demo.example.com".parse().expect("valid"))
}

fn zone(fence: Option<RecordSet>) -> ZoneFound {
    let name = "example.com".parse().expect("valid");
    ZoneFound {
        name,
        private: false,
        read: ZoneRead { fence, records: vec![weighted("r1"), weighted("r2")] },
        in_the_way: Vec::new(),
    }
}

/// Nothing is there but the zone and its records.
fn empty() -> Found {
    let fleet = fleet();
    Found {
        seats: fleet.seats.iter().map(|seat| (seat.clone(), SeatFound::NoTable)).collect(),
        board: fleet.regions.iter().map(|region| (region.clone(), Ok(false))).collect(),
        zones: fleet.zones.keys().map(|id| (id.clone(), Ok(zone(None)))).collect(),
        checks: None,
    }
}

fn there(genesis: &Genesis, name: &str, change: impl FnOnce(&mut Seat)) -> SeatFound {
    let mut seat = unborn_seat(genesis, &region(name), &author());
    change(&mut seat);
    SeatFound::There { seat: Box::new(seat), genesis: Some(genesis.document.clone()) }
}

/// All is there, as `init` left it.
fn complete(genesis: &Genesis) -> Found {
    let mut found = empty();
    for (name, seat) in &mut found.seats {
        *seat = there(genesis, name.as_str(), |_| ());
    }
    found.board.values_mut().for_each(|board| *board = Ok(true));
    found.zones.values_mut().for_each(|found| *found = Ok(zone(Some(fence_of("demo")))));
    found
}

fn shown(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(ToString::to_string).collect()
}

/// Checks that nothing is done, for a reason with this in it.
fn refused(found: &Found, why: &str) {
    let plan = plan(&fleet(), found, &fresh(9));
    assert!(plan.steps.is_empty(), "{plan:?}");
    assert!(plan.refusals.iter().any(|refusal| refusal.contains(why)), "{plan:?}");
}

#[test]
fn where_nothing_is_everything_is_created_tables_first() {
    let plan = plan(&fleet(), &empty(), &fresh(0));
    assert_eq!((plan.refusals.len(), plan.remarks.len()), (0, 0), "{plan:?}");
    insta::assert_snapshot!("init_plan", shown(&plan).join("\n"));
}

#[test]
fn where_all_is_there_nothing_is_done() {
    let done = plan(&fleet(), &complete(&fresh(0)), &fresh(9));
    assert_eq!(done, Plan::default());
}

#[test]
fn an_earlier_run_that_stopped_is_gone_on_with_from_its_own_first_state() {
    let earlier = fresh(0);
    let mut found = complete(&earlier);
    let document = Some(earlier.document.clone());
    found.seats.insert(region("r2"), SeatFound::NoSeat { genesis: document });
    found.seats.insert(region("r3"), SeatFound::NoSeat { genesis: None });
    let plan = plan(&fleet(), &found, &fresh(9));
    assert_eq!(
        shown(&plan),
        [
            "put the first control state beside the seat in r3",
            "create the seat in r2",
            "create the seat in r3",
        ]
    );
    for step in &plan.steps {
        match step {
            Step::Genesis { document, .. } => assert_eq!(*document, earlier.document),
            Step::Seat { region, seat } => {
                assert_eq!(seat.committed, earlier.reference);
                assert_eq!(Some(&seat.incarnation), earlier.state.seats.get(region));
            }
            _ => panic!("{step}"),
        }
    }
}

#[test]
fn a_seat_missing_from_a_fleet_that_was_led_is_lost_and_not_created() {
    for how in [(|seat: &mut Seat| seat.epoch = Epoch(1)) as fn(&mut Seat), |seat| {
        seat.committed.name.seq = 1
    }] {
        let genesis = fresh(0);
        let mut found = complete(&genesis);
        found.seats.insert(region("r1"), there(&genesis, "r1", how));
        found.seats.insert(region("r2"), SeatFound::NoTable);
        refused(&found, "the seat in r2 is lost");
    }
}

#[test]
fn where_every_seat_is_gone_the_zone_s_fence_still_tells_that_the_fleet_was_led() {
    let mut found = empty();
    let fence = Fence { fleet: fleet().name, epoch: Epoch(40), attempt: 7 };
    let record = fence.record_set(&"_regent-demo.example.com".parse().expect("valid"));
    let id = fleet().zones.into_keys().next().expect("one zone");
    found.zones.insert(id, Ok(zone(Some(record))));
    refused(&found, "the fleet has had a leader");
}

#[test]
fn a_seat_that_cannot_be_read_stops_everything() {
    let mut found = empty();
    let failure = CallFailure::unknown("no answer");
    found.seats.insert(region("r2"), SeatFound::Unreadable(failure));
    refused(&found, "the seat in r2 can't be read (unknown: no answer)");
}

#[test]
fn what_belongs_to_others_is_refused() {
    let genesis = fresh(0);
    let mut of_another_fleet = complete(&genesis);
    let document = genesis.document.replace("\"demo\"", "\"shop\"");
    of_another_fleet.seats.insert(region("r1"), SeatFound::NoSeat { genesis: Some(document) });
    of_another_fleet.seats.insert(region("r2"), SeatFound::NoTable);
    of_another_fleet.seats.insert(region("r3"), SeatFound::NoTable);
    refused(&of_another_fleet, "belong to the fleet \"shop\"");

    let mut of_two_runs = empty();
    for (name, draw) in [("r1", 0), ("r2", 50)] {
        let document = Some(fresh(draw).document);
        of_two_runs.seats.insert(region(name), SeatFound::NoSeat { genesis: document });
    }
    refused(&of_two_runs, "not made together");

    let mut made_anew = complete(&genesis);
    let anew = there(&genesis, "r1", |seat| seat.incarnation.0 = "other".to_owned());
    made_anew.seats.insert(region("r1"), anew);
    refused(&made_anew, "the seat in r1 was not made with");
}

#[test]
fn seats_whose_first_state_is_gone_everywhere_are_not_added_to() {
    let mut found = empty();
    let SeatFound::There { seat, .. } = there(&fresh(0), "r1", |_| ()) else { panic!("a seat") };
    found.seats.insert(region("r1"), SeatFound::There { seat, genesis: None });
    refused(&found, "gone from every table");
}

#[test]
fn a_zone_of_another_name_or_fleet_or_with_something_else_for_a_fence_is_refused() {
    let found_with = |zone: crate::ports::Answer<ZoneFound>| {
        let mut found = empty();
        found.zones.values_mut().for_each(|found| *found = zone.clone());
        found
    };
    let mut renamed = zone(None);
    renamed.name = "example.org".parse().expect("valid");
    refused(&found_with(Ok(renamed)), "is named example.org. and not example.com.");
    refused(&found_with(Ok(zone(Some(fence_of("shop"))))), "fenced by the fleet shop");
    let mut odd = fence_of("demo");
    odd.data = RecordData::Plain { ttl_s: 60, values: vec!["\"v=spf1\"".to_owned()] };
    refused(&found_with(Ok(zone(Some(odd)))), "is not a fence: delete it");
    refused(&found_with(Err(CallFailure::permanent("denied"))), "permanent: denied");
}

#[test]
fn a_fence_missing_from_a_fleet_that_was_led_is_left_to_the_leader() {
    let genesis = fresh(0);
    let mut found = complete(&genesis);
    for (name, seat) in &mut found.seats {
        *seat = there(&genesis, name.as_str(), |seat| seat.epoch = Epoch(3));
    }
    found.zones.values_mut().for_each(|found| *found = Ok(zone(None)));
    let plan = plan(&fleet(), &found, &fresh(9));
    assert!(plan.steps.is_empty() && plan.refusals.is_empty(), "{plan:?}");
    assert!(plan.remarks[0].contains("the next leader makes one"), "{plan:?}");
}

#[test]
fn replicas_are_added_from_where_the_board_is() {
    let mut found = complete(&fresh(0));
    found.board.insert(region("r1"), Ok(false));
    assert_eq!(
        shown(&plan(&fleet(), &found, &fresh(9))),
        ["create the global table demo-board in r1 (its home is r2)"]
    );
}

fn tables() -> Tables {
    let tables = Tables::default();
    let zone = zone(None);
    tables.stored().zones.insert("Z1".parse().expect("valid"), (zone.name, zone.read));
    tables
}

/// Runs `init` without asking.
fn init(tables: &Tables, draw: u64, json: bool) -> (String, Result<(), Failure>) {
    run_with(tables, draw, json, Mode::Act, |_| panic!("nobody is asked"))
}

fn run_with(
    tables: &Tables,
    draw: u64,
    json: bool,
    mode: Mode,
    ask: impl FnOnce(&mut Screen<'_>) -> Result<bool, Failure>,
) -> (String, Result<(), Failure>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    printed(json, |screen| {
        let fresh = fresh(draw);
        let (fleet, outside) = (fleet(), tables.outside());
        runtime.block_on(provision(&fleet, &outside, &fresh, mode, screen, ask))
    })
}

#[test]
fn a_second_run_finds_nothing_to_do() {
    let tables = tables();
    let (text, result) = init(&tables, 0, false);
    assert!(result.is_ok(), "{text}");
    assert_eq!(tables.stored().seats.len(), 3);
    let stored = tables.stored().clone();
    let (text, result) = init(&tables, 50, false);
    assert!(result.is_ok());
    assert_eq!(text, "nothing to do: the fleet has all that it needs\n");
    assert_eq!(*tables.stored(), stored);
}

#[test]
fn a_run_that_stops_after_any_step_is_finished_by_the_next_and_leaves_the_same() {
    let whole = tables();
    assert!(init(&whole, 0, false).1.is_ok());
    let steps = plan(&fleet(), &empty(), &fresh(0)).steps.len();
    for writes in 0..steps {
        let tables = tables();
        tables.stored().writes_left = Some(writes);
        let (_, result) = init(&tables, 0, false);
        let Err(Failure::Failed(error)) = result else { panic!("it must fail") };
        assert!(error.to_string().contains("Run `regent init` again"), "{error}");
        tables.stored().writes_left = None;
        // Before the first state was put anywhere, the later run uses its own.
        let earlier = tables.stored().documents.is_empty();
        assert!(init(&tables, if earlier { 0 } else { 50 }, false).1.is_ok());
        assert_eq!(*tables.stored(), *whole.stored(), "stopped after {writes}");
    }
}

#[test]
fn a_dry_run_and_a_refused_question_write_nothing() {
    let tables = tables();
    let before = tables.stored().clone();
    let (text, result) = run_with(&tables, 0, false, Mode::Show, |_| panic!("nobody is asked"));
    assert!(result.is_ok() && text.contains("will create the table demo-seats in r1"), "{text}");
    let (_, result) = run_with(&tables, 0, false, Mode::Ask, |_| Ok(false));
    assert!(matches!(result, Err(Failure::Failed(_))));
    assert_eq!(*tables.stored(), before);
}

#[test]
fn what_changes_while_a_person_thinks_is_noticed() {
    let tables = tables();
    let (_, result) = run_with(&tables, 0, false, Mode::Ask, |_| {
        tables.stored().seat_tables.insert(region("r1"));
        Ok(true)
    });
    let Err(Failure::Failed(error)) = result else { panic!("it must stop") };
    assert!(error.to_string().contains("has changed meanwhile"), "{error}");
}

#[test]
fn for_programs_there_is_one_document_with_the_error_in_it() {
    let tables = tables();
    tables.stored().writes_left = Some(1);
    let (text, result) = init(&tables, 0, true);
    assert!(matches!(result, Err(Failure::Shown)));
    let json: serde_json::Value = serde_json::from_str(&text).expect("one document");
    assert_eq!(json["steps"][0]["done"], true);
    assert_eq!(json["steps"][1]["done"], false);
    assert!(json["error"]["what"].as_str().expect("text").contains("throttled"), "{text}");
}

#[test]
fn without_a_terminal_it_must_be_told_what_to_do() {
    let args = |dry_run, yes| {
        use clap::Parser as _;
        let line = ["regent", "init"].into_iter().map(str::to_owned);
        let flags = [(dry_run, "--dry-run"), (yes, "--yes")];
        let flags = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned());
        match crate::cli::Cli::try_parse_from(line.chain(flags)).expect("valid").command {
            crate::cli::Command::Init(args) => args,
            _ => panic!("another command"),
        }
    };
    assert!(matches!(mode(&args(false, false), false, false), Err(Failure::Arguments(_))));
    assert!(matches!(mode(&args(false, false), true, true), Err(Failure::Arguments(_))));
    assert_eq!(mode(&args(false, false), false, true).expect("asks"), Mode::Ask);
    assert_eq!(mode(&args(true, false), true, false).expect("shows"), Mode::Show);
    assert_eq!(mode(&args(false, true), true, false).expect("acts"), Mode::Act);
}
