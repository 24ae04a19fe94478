//! Operations on single items, and transactions of them.

use super::*;

fn seat(beat: &str) -> Item {
    item([("id", s("seat")), ("beat", s(beat))])
}

fn key() -> Item {
    item([("id", s("seat"))])
}

fn swap(from: &str, to: &str) -> PutItem {
    PutItem {
        table: "plain".to_owned(),
        item: seat(to),
        condition: Some("beat = :from".to_owned()),
        placeholders: values([(":from", s(from))]),
        return_item_on_failure: true,
        ..PutItem::default()
    }
}

#[test]
fn a_conditional_put_is_a_compare_and_swap_and_returns_what_stood_in_its_way() {
    let mut bench = Bench::plain(1);
    bench.put("a", "plain", seat("1")).expect("no condition");
    let written = bench.call("a", Operation::PutItem(swap("1", "2"))).expect("1 is there");
    let Output::Written(written) = written else { panic!("not a write: {written:?}") };
    assert_eq!(written.puts, [Put { table: "plain".to_owned(), item: seat("2").into() }]);

    let error = bench.call("a", Operation::PutItem(swap("1", "3"))).expect_err("2 is there");
    assert_eq!(error, DynamoError::ConditionalCheckFailed { item: Some(seat("2").into()) });
    let silent = PutItem { return_item_on_failure: false, ..swap("1", "3") };
    let error = bench.call("a", Operation::PutItem(silent)).expect_err("2 is there");
    assert_eq!(error, DynamoError::ConditionalCheckFailed { item: None });
    assert_eq!(bench.get("a", "plain", key()), Some(seat("2")));
}

#[test]
fn an_update_creates_and_changes_and_returns_what_was_asked_for() {
    let mut bench = Bench::plain(1);
    let update = |return_values| UpdateItem {
        table: "plain".to_owned(),
        key: key(),
        update: Some("SET hits = if_not_exists(hits, :zero) + :one".to_owned()),
        placeholders: values([(":zero", n(0)), (":one", n(1))]),
        return_values,
        ..UpdateItem::default()
    };
    for (return_values, expected) in [
        (ReturnValues::AllOld, None),
        (ReturnValues::AllOld, Some(item([("id", s("seat")), ("hits", n(1))]))),
        (ReturnValues::AllNew, Some(item([("id", s("seat")), ("hits", n(3))]))),
        (ReturnValues::UpdatedOld, Some(item([("hits", n(3))]))),
        (ReturnValues::UpdatedNew, Some(item([("hits", n(5))]))),
        (ReturnValues::None, None),
    ] {
        let written = bench.call("a", Operation::UpdateItem(update(return_values)));
        let Ok(Output::Written(written)) = written else { panic!("not a write: {written:?}") };
        assert_eq!(written.attributes, expected.map(Into::into), "{return_values:?}");
    }
    let of_the_key = UpdateItem {
        update: Some("SET id = :one".to_owned()),
        placeholders: values([(":one", s("x"))]),
        ..update(ReturnValues::None)
    };
    let error = bench.call("a", Operation::UpdateItem(of_the_key)).expect_err("it is the key");
    assert!(error.to_string().contains("part of the key"), "{error}");
}

#[test]
fn a_delete_returns_what_it_deleted() {
    let mut bench = Bench::plain(1);
    bench.put("a", "plain", seat("1")).expect("valid");
    let delete = DeleteItem {
        table: "plain".to_owned(),
        key: key(),
        return_values: ReturnValues::AllOld,
        ..DeleteItem::default()
    };
    for expected in [Some(seat("1")), None] {
        let written = bench.call("a", Operation::DeleteItem(delete.clone())).expect("valid");
        let expected = Written { attributes: expected.map(Into::into), puts: Vec::new() };
        assert_eq!(written, Output::Written(expected));
        assert_eq!(bench.get("a", "plain", key()), None);
    }
}

#[test]
fn keys_and_sizes_are_checked() {
    let mut bench = Bench::plain(1);
    for (given, words) in [
        (item([("x", s("1"))]), "Missing the key id"),
        (item([("id", n(1))]), "Type mismatch for key id expected: S actual: N"),
        (item([("id", s(""))]), "cannot contain an empty string value. Key: id"),
        (item([("id", s(&"x".repeat(2049)))]), "hashkey has exceeded"),
        (item([("id", s("1")), ("x", s(&"x".repeat(400 * 1024)))]), "Item size has exceeded"),
    ] {
        let error = bench.put("a", "plain", given).expect_err(words);
        assert_eq!(error.code(), "ValidationException");
        assert!(error.to_string().contains(words), "{error}");
    }
    let fits = item([("id", s("1")), ("x", s(&"x".repeat(400 * 1024 - 4)))]);
    bench.put("a", "plain", fits).expect("exactly 400 KB");
    for given in [item([]), seat("1"), item([("id", n(1))])] {
        let request = GetItem { table: "plain".to_owned(), key: given, ..GetItem::default() };
        let error = bench.call("a", Operation::GetItem(request)).expect_err("not the key");
        assert!(error.to_string().contains("does not match the schema"), "{error}");
    }
}

#[test]
fn a_transaction_takes_effect_whole_or_not_at_all_and_once() {
    let mut bench = Bench::plain(1);
    bench.put("a", "plain", seat("1")).expect("valid");
    let other = item([("id", s("other"))]);
    let transaction = |from: &str| TransactWriteItems {
        writes: vec![
            TransactWrite::Put(PutItem {
                table: "plain".to_owned(),
                item: other.clone(),
                ..PutItem::default()
            }),
            TransactWrite::Put(swap(from, "2")),
        ],
        token: Some("once".to_owned()),
    };
    let error = bench.call("a", Operation::TransactWriteItems(transaction("0")));
    let error = error.expect_err("the seat is at 1");
    assert!(error.to_string().ends_with("[None, ConditionalCheckFailed]"), "{error}");
    assert_eq!(bench.get("a", "plain", other.clone()), None);

    for puts in [2, 0] {
        let written = bench.call("a", Operation::TransactWriteItems(transaction("1")));
        let Ok(Output::Written(written)) = written else { panic!("not a write: {written:?}") };
        assert_eq!(written.puts.len(), puts, "a repetition does nothing more");
    }
    assert_eq!(bench.get("a", "plain", other.clone()), Some(item([("id", s("other"))])));
    let error = bench.call("a", Operation::TransactWriteItems(transaction("2")));
    assert_eq!(error, Err(DynamoError::IdempotentParameterMismatch));
}

#[test]
fn a_read_that_is_not_consistent_may_be_a_little_old_and_no_older() {
    let mut bench = Bench::plain(7);
    bench.put("a", "plain", seat("1")).expect("valid");
    bench.pass(1000);
    bench.put("a", "plain", seat("2")).expect("valid");
    bench.pass(10);
    let mut read = || bench.get_with("a", "plain", key(), false);
    let seen: Vec<Item> = (0..100).filter_map(|_| read()).collect();
    assert!(seen.contains(&seat("1")), "some reads see the old item");
    assert!(seen.contains(&seat("2")), "some see the new one");
    assert_eq!(seen.len(), 100, "none sees nothing");
    assert!((0..100).all(|_| bench.get("a", "plain", key()) == Some(seat("2"))), "consistent");
    bench.pass(11);
    let old = (0..100).any(|_| bench.get_with("a", "plain", key(), false) != Some(seat("2")));
    assert!(!old, "after 20 ms all are new");
}
