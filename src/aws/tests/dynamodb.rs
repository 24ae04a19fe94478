//! Seats, board and tables against scripted DynamoDB answers.

use serde_json::{Value, json};

use super::stub::{Reply, Stub};
use super::{AMPLE, SHORT, aws};
use crate::domain::control::StateRef;
use crate::domain::digest::Digest;
use crate::domain::seat::{Beat, BootId, Incarnation};
use crate::domain::{CallFailure, Epoch, FailureClass, RegionId, Report, Seat, StateName};
use crate::ports::items::{Attribute, Item, board_item, seat_item, state_item};
use crate::ports::{Observations as _, Registers as _, SwapRefused};

const NAME: StateName = StateName { epoch: Epoch(3), seq: 9 };

fn home() -> RegionId {
    "eu-west-1".parse().expect("valid")
}

fn beat(count: u64) -> Beat {
    Beat { agent: "a".parse().expect("valid"), boot: BootId(1), count }
}

fn seat(count: u64) -> Seat {
    Seat {
        incarnation: Incarnation("i1".to_owned()),
        epoch: Epoch(4),
        holder: None,
        lease_ms: 5000,
        beat: beat(count),
        committed: StateRef { name: NAME, digest: Digest::of(b"x") },
    }
}

fn wire(item: &Item) -> Value {
    item.iter()
        .map(|(name, value)| {
            let value = match value {
                Attribute::S(text) => json!({ "S": text }),
                Attribute::N(number) => json!({ "N": number.to_string() }),
            };
            (name.clone(), value)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn ok(body: &Value) -> Reply {
    Reply::Answer(200, body.to_string())
}

fn error(status: u16, code: &str) -> Reply {
    let body =
        json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "m" });
    Reply::Answer(status, body.to_string())
}

fn condition_failed(item: Option<&Item>) -> Reply {
    let mut body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
    });
    if let Some(item) = item {
        body["Item"] = wire(item);
    }
    Reply::Answer(400, body.to_string())
}

async fn swap(stub: &Stub, limit: std::time::Duration) -> Result<(), SwapRefused> {
    aws(&stub.url).seats().swap_seat(&home(), &beat(1), &seat(2), limit).await
}

fn class(refused: Result<(), SwapRefused>) -> FailureClass {
    match refused.expect_err("a failure") {
        SwapRefused::Failed(failure) => failure.class,
        SwapRefused::Found(found) => panic!("taken for a failed condition: {found:?}"),
    }
}

#[tokio::test]
async fn a_swap_that_fails_is_sorted_by_its_effect_and_sent_once() {
    use FailureClass::{Permanent, Transient, Unknown};
    let table = [
        (error(500, "InternalServerError"), Unknown),
        (error(503, "ServiceUnavailable"), Unknown),
        (error(400, "ThrottlingException"), Transient),
        (error(400, "ProvisionedThroughputExceededException"), Transient),
        (error(400, "ReplicatedWriteConflictException"), Transient),
        (error(400, "RequestLimitExceeded"), Transient),
        (error(400, "AccessDeniedException"), Permanent),
        (error(400, "UnrecognizedClientException"), Permanent),
        (error(400, "ValidationException"), Permanent),
        (error(400, "ResourceNotFoundException"), Permanent),
        (Reply::Answer(200, "garbage".to_owned()), Unknown),
        (Reply::Answer(200, String::new()), Unknown),
        (Reply::Answer(400, "<html>garbage</html>".to_owned()), Unknown),
        (Reply::Answer(302, String::new()), Unknown),
        (Reply::Truncated("{".to_owned()), Unknown),
        (Reply::CloseRead, Unknown),
    ];
    for (reply, expected) in table {
        let stub = Stub::start(vec![reply.clone()]).await;
        assert_eq!(class(swap(&stub, AMPLE).await), expected, "{reply:?}");
        assert_eq!(stub.asked().len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_swap_that_nobody_answers_is_unknown_and_was_sent_once() {
    let stub = Stub::start(vec![Reply::Hang]).await;
    assert_eq!(class(swap(&stub, SHORT).await), FailureClass::Unknown);
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn a_swap_on_a_connection_that_closes_unread_is_never_called_done_or_sent_again() {
    let stub = Stub::start(vec![Reply::CloseUnread, ok(&json!({}))]).await;
    assert_eq!(class(swap(&stub, AMPLE).await), FailureClass::Unknown);
    assert_eq!((stub.connections(), stub.asked().len()), (1, 0));
}

#[tokio::test]
async fn a_swap_that_found_nobody_listening_certainly_had_no_effect() {
    let nowhere = aws(&Stub::nowhere().await).seats();
    let refused = nowhere.swap_seat(&home(), &beat(1), &seat(2), AMPLE).await;
    assert_eq!(class(refused), FailureClass::Transient);
}

#[tokio::test]
async fn a_swap_cut_off_while_connecting_certainly_had_no_effect() {
    // It accepts, and never takes part in the TLS handshake.
    let stub = Stub::start(vec![Reply::Hang]).await;
    let url = stub.url.replace("http://", "https://");
    let refused = aws(&url).seats().swap_seat(&home(), &beat(1), &seat(2), SHORT).await;
    assert_eq!(class(refused), FailureClass::Transient);
    assert_eq!((stub.connections(), stub.asked().len()), (1, 0));
}

#[tokio::test]
async fn a_swap_goes_to_its_region_with_the_beat_as_its_condition() {
    let stub = Stub::start(vec![ok(&json!({}))]).await;
    assert_eq!(swap(&stub, AMPLE).await, Ok(()));
    let [asked] = <[_; 1]>::try_from(stub.asked()).expect("one request");
    let lower = asked.head.to_lowercase();
    assert!(lower.contains("x-amz-target: dynamodb_20120810.putitem"), "{}", asked.head);
    assert!(asked.head.contains("/eu-west-1/dynamodb/aws4_request"), "{}", asked.head);
    let body: Value = serde_json::from_str(&asked.body).expect("JSON");
    assert_eq!(body["TableName"], "demo-seats");
    assert_eq!(body["ConditionExpression"], "#beat = :expected");
    assert_eq!(body["ExpressionAttributeNames"], json!({ "#beat": "beat" }));
    let expected = json!({ ":expected": { "S": beat(1).to_string() } });
    assert_eq!(body["ExpressionAttributeValues"], expected);
    assert_eq!(body["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
    assert_eq!(body["Item"], wire(&seat_item(&seat(2))));
}

#[tokio::test]
async fn a_failed_condition_brings_what_the_seat_holds() {
    let held = seat_item(&seat(7));
    let mut damaged = held.clone();
    damaged.remove("epoch");
    let replies = vec![
        condition_failed(Some(&held)),
        condition_failed(None),
        condition_failed(Some(&damaged)),
    ];
    let stub = Stub::start(replies).await;
    let found = SwapRefused::Found(Some(Box::new(seat(7))));
    assert_eq!(swap(&stub, AMPLE).await, Err(found));
    assert_eq!(swap(&stub, AMPLE).await, Err(SwapRefused::Found(None)));
    assert_eq!(class(swap(&stub, AMPLE).await), FailureClass::Permanent);
}

#[tokio::test]
async fn a_read_is_strongly_consistent_and_no_item_is_no_seat() {
    let held = json!({ "Item": wire(&seat_item(&seat(7))) });
    let stub = Stub::start(vec![ok(&held), ok(&json!({}))]).await;
    let seats = aws(&stub.url).seats();
    assert_eq!(seats.read_seat(&home(), AMPLE).await, Ok(Some(seat(7))));
    assert_eq!(seats.read_seat(&home(), AMPLE).await, Ok(None));
    let body: Value = serde_json::from_str(&stub.asked()[0].body).expect("JSON");
    assert_eq!(body["ConsistentRead"], true);
    assert_eq!(stub.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_read_that_fails_is_an_error_and_never_an_absent_seat() {
    use FailureClass::{Permanent, Transient};
    let table = [
        (error(500, "InternalServerError"), Transient, 2),
        (error(400, "ThrottlingException"), Transient, 2),
        (error(400, "AccessDeniedException"), Permanent, 1),
        (error(400, "ResourceNotFoundException"), Permanent, 1),
        (Reply::Answer(200, "garbage".to_owned()), Transient, 1),
        (Reply::Answer(200, String::new()), Transient, 1),
        (Reply::CloseRead, Transient, 2),
    ];
    for (reply, expected, requests) in table {
        let stub = Stub::start(vec![reply.clone()]).await;
        let failure = aws(&stub.url).seats().read_seat(&home(), AMPLE).await.expect_err("fails");
        assert_eq!(failure.class, expected, "{reply:?}: {failure}");
        assert_eq!(stub.asked().len(), requests, "{reply:?}");
        assert!(failure.what.starts_with("GetItem in eu-west-1: "), "{failure}");
    }
}

#[tokio::test]
async fn a_read_that_nobody_answers_ends_by_the_limit_and_may_be_asked_again() {
    let stub = Stub::start(vec![Reply::Hang]).await;
    let failure = aws(&stub.url).seats().read_seat(&home(), SHORT).await.expect_err("hangs");
    assert_eq!(failure.class, FailureClass::Transient, "{failure}");
}

#[tokio::test]
async fn a_state_put_twice_with_one_content_is_done_and_with_another_a_conflict() {
    let there = condition_failed(Some(&state_item(NAME, "{}")));
    let stub = Stub::start(vec![there.clone(), there, condition_failed(None)]).await;
    let seats = aws(&stub.url).seats();
    assert_eq!(seats.put_state(&home(), NAME, "{}", AMPLE).await, Ok(()));
    let failure = seats.put_state(&home(), NAME, "{1}", AMPLE).await.expect_err("differs");
    assert_eq!(failure.class, FailureClass::Conflict, "{failure}");
    let failure = seats.put_state(&home(), NAME, "{}", AMPLE).await.expect_err("not shown");
    assert_eq!(failure.class, FailureClass::Unknown, "{failure}");
    let body: Value = serde_json::from_str(&stub.asked()[0].body).expect("JSON");
    assert_eq!(body["ConditionExpression"], "attribute_not_exists(#key)");
    assert_eq!(body["ExpressionAttributeNames"], json!({ "#key": "id" }));
}

#[tokio::test]
async fn a_seat_is_created_only_where_there_is_none() {
    let stub =
        Stub::start(vec![condition_failed(Some(&seat_item(&seat(1)))), ok(&json!({}))]).await;
    let seats = aws(&stub.url).seats();
    let failure = seats.create_seat(&home(), &seat(0), AMPLE).await.expect_err("exists");
    assert_eq!(failure.class, FailureClass::Conflict, "{failure}");
    assert_eq!(seats.create_seat(&home(), &seat(0), AMPLE).await, Ok(()));
}

fn report(agent: &str) -> Report {
    Report {
        fleet: "demo".parse().expect("valid"),
        agent: agent.parse().expect("valid"),
        region: home(),
        boot: BootId(1),
        seq: 1,
        at: "2026-01-01T00:00:00Z".to_owned(),
        cells: std::collections::BTreeMap::new(),
        signals: std::collections::BTreeMap::new(),
        probing: crate::domain::observation::ProbingReport::default(),
        heard: std::collections::BTreeMap::new(),
        off: false,
        leading: None,
        gates: None,
        preflight: None,
    }
}

fn reported(agent: &str) -> Value {
    let document = serde_json::to_string(&report(agent)).expect("JSON");
    wire(&board_item("report", agent, &document))
}

#[tokio::test]
async fn reports_come_from_every_page_and_one_damaged_one_hides_no_other() {
    let damaged = wire(&board_item("report", "b", "not a report"));
    let first = json!({
        "Items": [reported("a"), damaged],
        "LastEvaluatedKey": { "kind": { "S": "report" }, "id": { "S": "b" } },
    });
    let stub = Stub::start(vec![ok(&first), ok(&json!({ "Items": [reported("c")] }))]).await;
    let reports = aws(&stub.url).board().gather(&home(), AMPLE).await.expect("two pages");
    assert_eq!(reports, [report("a"), report("c")]);
    let second: Value = serde_json::from_str(&stub.asked()[1].body).expect("JSON");
    assert_eq!(second["ExclusiveStartKey"], first["LastEvaluatedKey"]);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_whole_gathering() {
    let first = json!({
        "Items": [reported("a")],
        "LastEvaluatedKey": { "kind": { "S": "report" }, "id": { "S": "a" } },
    });
    let stub = Stub::start(vec![ok(&first), error(400, "ThrottlingException")]).await;
    let failure = aws(&stub.url).board().gather(&home(), AMPLE).await.expect_err("second page");
    assert_eq!(failure.class, FailureClass::Transient, "{failure}");
}

#[tokio::test]
async fn history_is_asked_for_newest_first_and_no_further_than_wanted() {
    let id = crate::ports::items::history_id(NAME);
    let page = json!({
        "Items": [wire(&board_item("history", &id, "{}"))],
        "LastEvaluatedKey": { "kind": { "S": "history" }, "id": { "S": id } },
    });
    let stub = Stub::start(vec![ok(&page)]).await;
    let history = aws(&stub.url).board().history(&home(), 1, AMPLE).await.expect("one page");
    assert_eq!(history, [(NAME, "{}".to_owned())]);
    let [asked] = <[_; 1]>::try_from(stub.asked()).expect("one request");
    let body: Value = serde_json::from_str(&asked.body).expect("JSON");
    assert_eq!((&body["ScanIndexForward"], &body["Limit"]), (&json!(false), &json!(1)));
}

fn described(status: &str, replicas: &Value) -> Reply {
    ok(&json!({ "Table": { "TableStatus": status, "Replicas": replicas } }))
}

#[tokio::test]
async fn a_table_is_ready_only_when_active_and_a_failure_to_look_is_no_missing_table() {
    let script = vec![
        described("ACTIVE", &json!([])),
        described("CREATING", &json!([])),
        error(400, "ResourceNotFoundException"),
        error(400, "AccessDeniedException"),
    ];
    let stub = Stub::start(script).await;
    let seats = aws(&stub.url).seats();
    assert_eq!(seats.has_table(&home(), AMPLE).await, Ok(true));
    assert_eq!(seats.has_table(&home(), AMPLE).await, Ok(false));
    assert_eq!(seats.has_table(&home(), AMPLE).await, Ok(false));
    let failure: CallFailure = seats.has_table(&home(), AMPLE).await.expect_err("denied");
    assert_eq!(failure.class, FailureClass::Permanent);
}

#[tokio::test]
async fn the_board_is_made_at_home_then_replica_by_replica() {
    let replica = json!([{ "RegionName": "us-east-1", "ReplicaStatus": "ACTIVE" }]);
    let script = vec![
        error(400, "ResourceNotFoundException"),
        ok(&json!({ "TableDescription": { "TableStatus": "CREATING" } })),
        described("ACTIVE", &json!([])),
        described("ACTIVE", &json!([])),
        ok(&json!({ "TableDescription": { "TableStatus": "UPDATING" } })),
        described("ACTIVE", &replica),
    ];
    let stub = Stub::start(script).await;
    let other: RegionId = "us-east-1".parse().expect("valid");
    let replicas = [home(), other.clone()];
    let created = aws(&stub.url).board().create_table(&home(), &replicas, AMPLE).await;
    assert_eq!(created, Ok(vec![home(), other]));
    let asked = stub.asked();
    let create: Value = serde_json::from_str(&asked[1].body).expect("JSON");
    assert_eq!(create["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(create["DeletionProtectionEnabled"], true);
    assert_eq!(create["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    let update: Value = serde_json::from_str(&asked[4].body).expect("JSON");
    assert_eq!(update["ReplicaUpdates"], json!([{ "Create": { "RegionName": "us-east-1" } }]));
    assert_eq!(asked.len(), 6);
}

#[tokio::test]
async fn a_table_that_is_there_is_left_as_it_is() {
    let stub = Stub::start(vec![described("ACTIVE", &json!([]))]).await;
    assert_eq!(aws(&stub.url).seats().create_table(&home(), AMPLE).await, Ok(false));
    assert!(stub.asked().iter().all(|asked| asked.head.contains("DescribeTable")));
}
