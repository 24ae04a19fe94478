//! Requests in, answers out, as bytes.

use std::time::Duration;

use super::*;
use crate::world::network::Network;

struct Endpoint {
    dynamo: Dynamo,
    now: Moment,
}

impl Endpoint {
    fn new() -> Self {
        let regions = ["eu-west-1", "us-east-1"].map(region);
        Self { dynamo: Dynamo::new(1, regions), now: Moment::from_ms(1) }
    }

    /// With a table `seats` in `eu-west-1`.
    fn with_table() -> Self {
        let mut endpoint = Self::new();
        endpoint.ok("CreateTable", CREATE);
        endpoint.pass();
        endpoint
    }

    fn pass(&mut self) {
        self.now = self.now + Duration::from_secs(60);
        self.dynamo.advance(self.now, &Network::default());
    }

    fn send(&mut self, operation: &str, body: &str) -> (WireAnswer, Value) {
        let target = format!("DynamoDB_20120810.{operation}");
        let region = region("eu-west-1");
        let answer = handle(&mut self.dynamo, self.now, &region, &target, body.as_bytes());
        let json = serde_json::from_slice(&answer.body).expect("JSON");
        (answer, json)
    }

    fn ok(&mut self, operation: &str, body: &str) -> Value {
        let (answer, json) = self.send(operation, body);
        assert_eq!(answer.status, 200, "{operation}: {json}");
        json
    }

    fn refused(&mut self, operation: &str, body: &str) -> Value {
        let (answer, json) = self.send(operation, body);
        assert_eq!(answer.status, 400, "{operation}: {json}");
        assert_eq!(answer.puts, []);
        json
    }
}

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

const CREATE: &str = r#"{"TableName":"seats","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"Tags":[{"Key":"a","Value":"b"}]}"#;

#[test]
fn a_table_goes_from_creating_to_active() {
    let mut endpoint = Endpoint::new();
    let created = endpoint.ok("CreateTable", CREATE);
    assert_eq!(created["TableDescription"]["TableStatus"], "CREATING");
    endpoint.pass();
    let described = endpoint.ok("DescribeTable", r#"{"TableName":"seats"}"#);
    assert_eq!(
        described["Table"],
        json!({
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
            "DeletionProtectionEnabled": false,
            "ItemCount": 0,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "ProvisionedThroughput":
                {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
            "TableArn": "arn:aws:dynamodb:eu-west-1:000000000000:table/seats",
            "TableName": "seats",
            "TableSizeBytes": 0,
            "TableStatus": "ACTIVE",
        })
    );
    assert_eq!(endpoint.ok("ListTables", "{}"), json!({"TableNames": ["seats"]}));
}

#[test]
fn a_put_is_answered_and_told_to_the_log() {
    let mut endpoint = Endpoint::with_table();
    let put = r#"{"TableName":"seats","Item":{"id":{"S":"seat"},"epoch":{"N":"4"}},
        "ReturnConsumedCapacity":"NONE"}"#;
    let (answer, json) = endpoint.send("PutItem", put);
    assert_eq!((answer.status, json), (200, json!({})));
    let [put] = answer.puts.as_slice() else { panic!("one put: {:?}", answer.puts) };
    assert_eq!(put.table, "seats");
    let plain = crate::world::dynamo::to_plain_json(&put.item);
    assert_eq!(plain, json!({"id": "seat", "epoch": 4}));
    let header = |name: &str| answer.headers.iter().find(|(header, _)| *header == name);
    assert_eq!(header("content-type").map(|(_, value)| value.as_str()), Some(CONTENT_TYPE));
    assert!(header("x-amzn-requestid").is_some());

    let get = r#"{"TableName":"seats","Key":{"id":{"S":"seat"}},"ConsistentRead":true}"#;
    let item = json!({"Item": {"id": {"S": "seat"}, "epoch": {"N": "4"}}});
    assert_eq!(endpoint.ok("GetItem", get), item);
    let get = r#"{"TableName":"seats","Key":{"id":{"S":"none"}}}"#;
    assert_eq!(endpoint.ok("GetItem", get), json!({}));
}

#[test]
fn a_failed_condition_names_itself_and_shows_the_item() {
    let mut endpoint = Endpoint::with_table();
    let put = r#"{"TableName":"seats","Item":{"id":{"S":"seat"}},
        "ConditionExpression":"attribute_not_exists(id)",
        "ReturnValuesOnConditionCheckFailure":"ALL_OLD"}"#;
    endpoint.ok("PutItem", put);
    assert_eq!(
        endpoint.refused("PutItem", put),
        json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
            "Item": {"id": {"S": "seat"}},
        })
    );
}

#[test]
fn an_update_returns_attributes() {
    let mut endpoint = Endpoint::with_table();
    let update = r##"{"TableName":"seats","Key":{"id":{"S":"x"}},
        "UpdateExpression":"SET #c = if_not_exists(#c, :zero) + :one",
        "ExpressionAttributeNames":{"#c":"count"},
        "ExpressionAttributeValues":{":zero":{"N":"0"},":one":{"N":"1"}},
        "ReturnValues":"UPDATED_NEW"}"##;
    assert_eq!(endpoint.ok("UpdateItem", update), json!({"Attributes": {"count": {"N": "1"}}}));
    assert_eq!(endpoint.ok("UpdateItem", update), json!({"Attributes": {"count": {"N": "2"}}}));
    let delete = r#"{"TableName":"seats","Key":{"id":{"S":"x"}},"ReturnValues":"ALL_OLD"}"#;
    let old = json!({"Attributes": {"id": {"S": "x"}, "count": {"N": "2"}}});
    assert_eq!(endpoint.ok("DeleteItem", delete), old);
}

#[test]
fn pages_have_counts_and_a_key_to_go_on_from() {
    let mut endpoint = Endpoint::with_table();
    for id in ["a", "b"] {
        endpoint
            .ok("PutItem", &format!(r#"{{"TableName":"seats","Item":{{"id":{{"S":"{id}"}}}}}}"#));
    }
    endpoint.pass();
    let page = endpoint.ok("Scan", r#"{"TableName":"seats","Limit":1}"#);
    assert_eq!(
        page,
        json!({
            "Count": 1, "ScannedCount": 1, "Items": [{"id": {"S": "a"}}],
            "LastEvaluatedKey": {"id": {"S": "a"}},
        })
    );
    let rest = json!({"TableName": "seats", "ExclusiveStartKey": page["LastEvaluatedKey"]});
    let page = endpoint.ok("Scan", &rest.to_string());
    assert_eq!(page, json!({"Count": 1, "ScannedCount": 1, "Items": [{"id": {"S": "b"}}]}));
    let query = r#"{"TableName":"seats","KeyConditionExpression":"id = :id","Select":"COUNT",
        "ExpressionAttributeValues":{":id":{"S":"b"}}}"#;
    assert_eq!(endpoint.ok("Query", query), json!({"Count": 1, "ScannedCount": 1}));
}

#[test]
fn a_replica_is_asked_for_and_shown() {
    let mut endpoint = Endpoint::with_table();
    let update =
        r#"{"TableName":"seats","ReplicaUpdates":[{"Create":{"RegionName":"us-east-1"}}]}"#;
    let updated = endpoint.ok("UpdateTable", update);
    assert_eq!(updated["TableDescription"]["TableStatus"], "UPDATING");
    endpoint.pass();
    let described = endpoint.ok("DescribeTable", r#"{"TableName":"seats"}"#);
    let replicas = json!([{"RegionName": "us-east-1", "ReplicaStatus": "ACTIVE"}]);
    assert_eq!(described["Table"]["Replicas"], replicas);
    assert_eq!(described["Table"]["GlobalTableVersion"], "2019.11.21");
}

#[test]
fn a_cancelled_transaction_says_which_write_stood_in_the_way() {
    let mut endpoint = Endpoint::with_table();
    let transaction = r#"{"TransactItems":[
        {"Put":{"TableName":"seats","Item":{"id":{"S":"a"}}}},
        {"ConditionCheck":{"TableName":"seats","Key":{"id":{"S":"b"}},
            "ConditionExpression":"attribute_exists(id)"}}]}"#;
    let error = endpoint.refused("TransactWriteItems", transaction);
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    assert_eq!(error["__type"], kind);
    let reasons = json!([
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"},
    ]);
    assert_eq!(error["CancellationReasons"], reasons);
}

#[test]
fn what_is_not_modelled_or_not_understood_is_refused_by_its_name() {
    let mut endpoint = Endpoint::with_table();
    for (operation, body, code) in [
        ("DescribeBackup", "{}", "UnknownOperationException"),
        ("PutItem", "{", "SerializationException"),
        ("PutItem", r#"{"TableName":1}"#, "SerializationException"),
        ("PutItem", r#"{"TableName":"seats"}"#, "ValidationException"),
        ("GetItem", r#"{"TableName":"none","Key":{"id":{"S":"x"}}}"#, "ResourceNotFoundException"),
        ("CreateTable", CREATE, "ResourceInUseException"),
        (
            "PutItem",
            r#"{"TableName":"seats","Item":{"id":{"S":"x"}},"Expected":{"id":{"Exists":false}}}"#,
            "ValidationException",
        ),
        (
            "PutItem",
            r#"{"TableName":"seats","Item":{"id":{"S":"x"}},"ReturnValues":"ALL"}"#,
            "ValidationException",
        ),
        (
            "UpdateTable",
            r#"{"TableName":"seats","MultiRegionConsistency":"STRONG"}"#,
            "ValidationException",
        ),
    ] {
        let error = endpoint.refused(operation, body);
        let kind = error["__type"].as_str().unwrap_or_default();
        assert!(kind.ends_with(&format!("#{code}")), "{operation} {body}: {error}");
        assert!(!error["message"].as_str().unwrap_or_default().is_empty(), "{error}");
    }
    let region = region("eu-west-1");
    let other = handle(&mut endpoint.dynamo, endpoint.now, &region, "Kinesis.PutItem", b"{}");
    assert_eq!(other.status, 400);
}
