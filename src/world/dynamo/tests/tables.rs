//! Tables: their states, and who may use them when.

use super::*;

#[test]
fn a_table_can_be_used_once_it_is_active_and_until_it_is_deleted() {
    let mut bench = Bench::new(1);
    bench.create("a", "plain", None);
    assert_eq!(bench.describe("a", "plain").expect("there").status, TableStatus::Creating);
    let error = bench.put("a", "plain", item([("id", s("1"))])).expect_err("not yet");
    assert_eq!(error.code(), "ResourceNotFoundException");
    bench.pass(2000);
    assert_eq!(bench.describe("a", "plain").expect("there").status, TableStatus::Active);
    bench.put("a", "plain", item([("id", s("1"))])).expect("active");
    assert_eq!(bench.describe("a", "plain").expect("there").item_count, 1);

    bench.call("a", Operation::DeleteTable("plain".to_owned())).expect("active");
    assert_eq!(bench.describe("a", "plain").expect("there").status, TableStatus::Deleting);
    let error = bench.call("a", Operation::DeleteTable("plain".to_owned())).expect_err("twice");
    assert_eq!(error.code(), "ResourceInUseException");
    bench.pass(2000);
    let error = bench.describe("a", "plain").expect_err("gone");
    assert_eq!(error.code(), "ResourceNotFoundException");
}

#[test]
fn tables_of_one_name_in_two_regions_are_two_tables() {
    let mut bench = Bench::new(1);
    bench.create("a", "seats", None);
    bench.create("b", "seats", None);
    bench.pass(10_000);
    bench.put("a", "seats", item([("id", s("seat"))])).expect("active");
    bench.pass(10_000);
    assert_eq!(bench.get("b", "seats", item([("id", s("seat"))])), None);
    let error = bench.replicate("a", "seats", "b").expect_err("the name is taken there");
    assert!(error.to_string().contains("already existed as tables"), "{error}");
}

#[test]
fn a_name_is_taken_once_and_listed_in_its_region() {
    let mut bench = Bench::plain(1);
    bench.create("a", "another", None);
    bench.create("b", "elsewhere", None);
    let request = ListTables { after: None, limit: Some(1) };
    let listed = bench.call("a", Operation::ListTables(request)).expect("valid");
    let name = "another".to_owned();
    assert_eq!(listed, Output::Tables { names: vec![name.clone()], last: Some(name.clone()) });
    let request = ListTables { after: Some(name), limit: None };
    let listed = bench.call("a", Operation::ListTables(request)).expect("valid");
    assert_eq!(listed, Output::Tables { names: vec!["plain".to_owned()], last: None });

    let plain = bench.describe("a", "plain").expect("there");
    let again = CreateTable {
        table: plain.table,
        key: plain.key,
        billing: plain.billing,
        stream: None,
        deletion_protected: false,
    };
    let error = bench.call("a", Operation::CreateTable(again)).expect_err("taken");
    assert_eq!(error.code(), "ResourceInUseException");
}

#[test]
fn a_throttled_dynamodb_refuses_everything_until_it_is_not() {
    let mut bench = Bench::plain(1);
    bench.dynamo.set_throttled(true);
    let error = bench.put("a", "plain", item([("id", s("1"))])).expect_err("throttled");
    assert_eq!(error.code(), "ProvisionedThroughputExceededException");
    assert_eq!(bench.describe("a", "plain"), Err(DynamoError::Throttling));
    bench.dynamo.set_throttled(false);
    assert_eq!(bench.get("a", "plain", item([("id", s("1"))])), None, "nothing was written");
}

#[test]
fn protection_keeps_a_table_from_being_deleted() {
    let mut bench = Bench::plain(1);
    let mut protect = |on| {
        let request = UpdateTable {
            table: "plain".to_owned(),
            deletion_protected: Some(on),
            ..UpdateTable::default()
        };
        bench.call("a", Operation::UpdateTable(request)).expect("active");
        bench.call("a", Operation::DeleteTable("plain".to_owned()))
    };
    assert!(protect(true).is_err());
    assert!(protect(false).is_ok());
}
