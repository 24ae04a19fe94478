//! Global tables: what two Regions see of one another's writes, and when.

use proptest::prelude::*;

use super::*;

fn key() -> Item {
    item([("kind", s("report")), ("id", s("x"))])
}

fn report(by: &str) -> Item {
    item([("kind", s("report")), ("id", s("x")), ("by", s(by))])
}

fn claim(by: &str) -> Operation {
    Operation::PutItem(PutItem {
        table: "board".to_owned(),
        item: report(by),
        condition: Some("attribute_not_exists(id)".to_owned()),
        ..PutItem::default()
    })
}

#[test]
fn a_write_reaches_the_other_region_after_the_lag() {
    let mut bench = Bench::global(1);
    bench.put("a", "board", report("a")).expect("valid");
    bench.pass(499);
    assert_eq!(bench.get("b", "board", key()), None, "half the lag has not passed");
    bench.pass(1001);
    assert_eq!(bench.get("b", "board", key()), Some(report("a")), "one and a half has");
    assert_eq!(bench.dynamo.next_due(), None, "and it does not come back");

    bench.dynamo.set_lag(&region("a"), &region("b"), Duration::from_secs(60));
    bench.put("a", "board", report("a2")).expect("valid");
    bench.put("b", "board", report("b2")).expect("valid");
    bench.pass(20_000);
    assert_eq!(bench.get("b", "board", key()), Some(report("b2")), "slow only one way");
    assert_eq!(bench.get("a", "board", key()), Some(report("b2")));
}

#[test]
fn two_regions_both_win_a_condition_and_the_later_write_survives_in_both() {
    let mut bench = Bench::global(1);
    bench.call("a", claim("a")).expect("nothing is there in a");
    bench.pass(5);
    bench.call("b", claim("b")).expect("nothing is there in b yet");
    assert!(bench.call("a", claim("a")).is_err(), "a has its own");
    bench.pass(10_000);
    for at in ["a", "b"] {
        assert_eq!(bench.get(at, "board", key()), Some(report("b")), "in {at}");
    }
}

#[test]
fn of_two_writes_at_one_time_the_greater_region_wins() {
    let mut bench = Bench::global(1);
    bench.put("b", "board", report("b")).expect("valid");
    bench.put("a", "board", report("a")).expect("valid");
    bench.pass(10_000);
    for at in ["a", "b"] {
        assert_eq!(bench.get(at, "board", key()), Some(report("b")), "in {at}");
    }
}

#[test]
fn a_write_on_top_of_another_regions_within_one_millisecond_is_the_later_one() {
    let mut bench = Bench::global(1);
    bench.dynamo.set_lag(&region("b"), &region("a"), Duration::ZERO);
    bench.put("b", "board", report("b")).expect("valid");
    bench.pass(0);
    assert_eq!(bench.get("a", "board", key()), Some(report("b")), "it has arrived");
    bench.put("a", "board", report("a")).expect("valid");
    bench.pass(10_000);
    for at in ["a", "b"] {
        assert_eq!(bench.get(at, "board", key()), Some(report("a")), "in {at}");
    }
}

#[test]
fn a_direction_keeps_the_order_of_its_changes() {
    let mut bench = Bench::global(1);
    for turn in 0..100 {
        let whole = item([("kind", s("history")), ("id", s(&format!("{turn:03}")))]);
        bench.put("a", "board", whole).expect("valid");
        bench.pass(7);
    }
    while let Some(due) = bench.dynamo.next_due() {
        bench.now = due;
        bench.dynamo.advance(due, &bench.network);
        let mut scan = Scan { table: "board".to_owned(), ..Scan::default() };
        scan.reading.consistent = true;
        let page = bench.page("b", Operation::Scan(scan));
        let last = page.items.last().and_then(|item| item.get("id"));
        let expected = s(&format!("{:03}", page.items.len() - 1));
        assert_eq!(last, Some(&expected), "what is there is what was written first");
    }
}

#[test]
fn a_seed_decides_when_changes_arrive() {
    let arrivals = |seed| {
        let mut bench = Bench::global(seed);
        bench.put("a", "board", report("a")).expect("valid");
        bench.dynamo.next_due()
    };
    assert_eq!(arrivals(1), arrivals(1));
    assert_ne!(arrivals(1), arrivals(2));
}

#[test]
fn a_cut_stalls_one_direction_and_its_end_drains_it() {
    let mut bench = Bench::global(1);
    let (a, b) = (Place::Region(region("a")), Place::Region(region("b")));
    bench.network.cut(&a, &b);
    bench.put("a", "board", report("a")).expect("valid");
    bench.pass(60_000);
    assert_eq!(bench.get("b", "board", key()), None);
    assert_eq!(bench.dynamo.next_due(), None, "nothing happens by itself while it is cut");

    let other = item([("kind", s("report")), ("id", s("y"))]);
    bench.put("b", "board", other.clone()).expect("valid");
    bench.pass(10_000);
    assert_eq!(bench.get("a", "board", other.clone()), Some(other), "the way back is open");

    bench.network.mend(&a, &b);
    bench.dynamo.advance(bench.now, &bench.network);
    assert_eq!(bench.get("b", "board", key()), Some(report("a")));
}

#[test]
fn a_deletion_travels_and_an_older_write_does_not_undo_it() {
    let mut bench = Bench::global(1);
    bench.put("a", "board", report("a")).expect("valid");
    bench.pass(10_000);
    bench.dynamo.set_lag(&region("a"), &region("b"), Duration::from_secs(100));
    bench.put("a", "board", report("late")).expect("valid");
    bench.pass(1);
    let delete = DeleteItem { table: "board".to_owned(), key: key(), ..DeleteItem::default() };
    bench.call("b", Operation::DeleteItem(delete)).expect("valid");
    bench.pass(200_000);
    for at in ["a", "b"] {
        assert_eq!(bench.get(at, "board", key()), None, "in {at}");
    }
}

#[test]
fn a_new_replica_is_filled_before_it_can_be_used() {
    let mut bench = Bench::global(1);
    bench.put("a", "board", report("a")).expect("valid");
    bench.network.lose(&region("c"));
    bench.replicate("a", "board", "c").expect("settled");
    assert_eq!(bench.describe("a", "board").expect("there").status, TableStatus::Updating);
    let error = bench.replicate("b", "board", "c").expect_err("one at a time");
    assert_eq!(error.code(), "ResourceInUseException");
    bench.put("a", "board", report("a2")).expect("it can be used meanwhile");
    bench.pass(60_000);
    let replicas = bench.describe("a", "board").expect("there").replicas;
    assert_eq!(
        replicas,
        [(region("b"), TableStatus::Active), (region("c"), TableStatus::Creating)].into()
    );

    bench.network.restore(&region("c"));
    bench.dynamo.advance(bench.now, &bench.network);
    assert_eq!(bench.describe("a", "board").expect("there").status, TableStatus::Active);
    assert_eq!(bench.get("c", "board", key()), Some(report("a2")));
    assert_eq!(bench.describe("c", "board").expect("there").replicas.len(), 2);
}

#[test]
fn a_replica_that_is_deleted_sends_what_it_owes_before_it_goes() {
    let mut bench = Bench::global(1);
    bench.dynamo.set_lag(&region("b"), &region("a"), Duration::from_secs(60));
    bench.put("b", "board", report("b")).expect("valid");
    bench.call("b", Operation::DeleteTable("board".to_owned())).expect("settled");
    bench.pass(10_000);
    let error = bench.replicate("a", "board", "b").expect_err("the old one is still there");
    assert_eq!(error.code(), "ValidationException");
    bench.pass(100_000);
    assert_eq!(bench.get("a", "board", key()), Some(report("b")));
    bench.replicate("a", "board", "b").expect("now it is gone");
    bench.pass(100_000);
    assert_eq!(bench.get("b", "board", key()), Some(report("b")));
}

#[test]
fn deleting_nothing_sends_nothing() {
    let mut bench = Bench::global(1);
    let delete = DeleteItem { table: "board".to_owned(), key: key(), ..DeleteItem::default() };
    bench.call("a", Operation::DeleteItem(delete)).expect("valid");
    assert_eq!(bench.dynamo.next_due(), None);
}

#[test]
fn a_replica_that_is_deleted_leaves_and_what_is_on_its_way_misses_its_namesake() {
    let mut bench = Bench::global(1);
    bench.put("a", "board", report("a")).expect("valid");
    bench.dynamo.set_lag(&region("a"), &region("b"), Duration::from_secs(60));
    bench.put("a", "board", report("a2")).expect("valid");
    bench.call("b", Operation::DeleteTable("board".to_owned())).expect("settled");
    assert!(bench.describe("a", "board").expect("there").replicas.is_empty());
    bench.pass(2000);
    bench.create("b", "board", Some("id"));
    bench.pass(100_000);
    assert_eq!(bench.get("b", "board", key()), None, "a new table of the same name");
}

/// What may happen in a run.
#[derive(Debug, Clone)]
enum Move {
    Put(usize, u8),
    Delete(usize, u8),
    Pass(u64),
    Cut(usize, usize),
    Mend,
    Lag(usize, usize, u64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0..3_usize, 0..3_u8).prop_map(|(at, id)| Move::Put(at, id)),
        1 => (0..3_usize, 0..3_u8).prop_map(|(at, id)| Move::Delete(at, id)),
        3 => (0..1500_u64).prop_map(Move::Pass),
        1 => (0..3_usize, 0..3_usize).prop_map(|(a, b)| Move::Cut(a, b)),
        1 => Just(Move::Mend),
        1 => (0..3_usize, 0..3_usize, 0..5000_u64).prop_map(|(a, b, ms)| Move::Lag(a, b, ms)),
    ]
}

proptest! {
    #[test]
    fn replicas_converge_once_all_is_mended(seed: u64, moves in prop::collection::vec(moves(), 1..60)) {
        let mut bench = Bench::global(seed);
        bench.replicate("b", "board", "c").expect("settled");
        bench.pass(10_000);
        let names = ["a", "b", "c"];
        for (turn, step) in moves.into_iter().enumerate() {
            let place = |at: usize| Place::Region(region(names[at]));
            let key = |id: u8| item([("kind", s("k")), ("id", s(&id.to_string()))]);
            match step {
                Move::Put(at, id) => {
                    let mut whole = key(id);
                    whole.insert("turn".to_owned(), s(&turn.to_string()));
                    bench.put(names[at], "board", whole.clone()).expect("valid");
                    prop_assert_eq!(bench.get(names[at], "board", key(id)), Some(whole), "reads its own write");
                }
                Move::Delete(at, id) => {
                    let delete = DeleteItem { table: "board".to_owned(), key: key(id), ..DeleteItem::default() };
                    bench.call(names[at], Operation::DeleteItem(delete)).expect("valid");
                }
                Move::Pass(ms) => bench.pass(ms),
                Move::Cut(a, b) => bench.network.cut(&place(a), &place(b)),
                Move::Mend => bench.network.mend_all(),
                Move::Lag(a, b, ms) => bench.dynamo.set_lag(&region(names[a]), &region(names[b]), Duration::from_millis(ms)),
            }
        }
        bench.network.mend_all();
        bench.dynamo.advance(bench.now, &bench.network);
        bench.pass(60_000);
        prop_assert_eq!(bench.dynamo.next_due(), None);
        let scan = || {
            let mut scan = Scan { table: "board".to_owned(), ..Scan::default() };
            scan.reading.consistent = true;
            Operation::Scan(scan)
        };
        let all = bench.page("a", scan());
        prop_assert_eq!(&bench.page("b", scan()), &all);
        prop_assert_eq!(&bench.page("c", scan()), &all);
    }
}
