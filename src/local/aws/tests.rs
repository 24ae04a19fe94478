//! Requests as the SDKs send them, but for the signature itself.

#[cfg(feature = "aws")]
mod databases;
#[cfg(feature = "aws")]
mod signals;

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::local::exchange::Connection;
use crate::local::testing::{self, Stage};
use crate::world::dynamo::AttributeValue;
use crate::world::fault::Fault;

/// The small fleet's endpoints, with a table `seats` in r1.
async fn listening() -> Stage {
    let stage = Stage::start().await;
    let create = r#"{"TableName":"seats","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}"#;
    let target = "DynamoDB_20120810.CreateTable";
    let status = stage.visit(|world, now| {
        let region = testing::region("r1");
        dynamodb::handle(&mut world.dynamo, now, &region, target, create.as_bytes()).status
    });
    assert_eq!(status, 200);
    stage
}

fn signed(key: &str, region: &str, service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={key}/20261120/{region}/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00"
    )
}

fn dynamodb_request(authorization: &str, operation: &str, body: &Value) -> Request<Full<Bytes>> {
    Request::post("/")
        .header("host", "dynamodb")
        .header("authorization", authorization)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("valid")
}

fn put(key: &str, region: &str, id: &str) -> Request<Full<Bytes>> {
    let body = json!({"TableName": "seats", "Item": {"id": {"S": id}}});
    dynamodb_request(&signed(key, region, "dynamodb"), "PutItem", &body)
}

fn zones(authorization: Option<&str>) -> Request<Full<Bytes>> {
    let request = Request::get("/2013-04-01/hostedzone").header("host", "route53");
    let request = match authorization {
        Some(text) => request.header("authorization", text),
        None => request,
    };
    request.body(Full::new(Bytes::new())).expect("valid")
}

impl Stage {
    async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, crate::local::ExchangeError> {
        Connection::open(self.address).await.expect("it listens").exchange(request).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> (StatusCode, String) {
        let response = self.send(request).await.expect("an answer");
        (response.status(), String::from_utf8_lossy(response.body()).into_owned())
    }

    fn holds(&self, id: &str) -> bool {
        let key = [("id".to_owned(), AttributeValue::text(id))].into();
        self.shared
            .visit(|world, _| world.dynamo.peek(&testing::region("r1"), "seats", &key).is_some())
    }

    /// Waits for a line of the log.
    async fn logged(&self, wanted: Outcome) -> Line {
        loop {
            let text = tokio::fs::read_to_string(&self.log).await.expect("there");
            let whole = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
            if let Some(line) = whole.into_iter().find(|line| line.outcome == wanted) {
                return line;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_put_is_answered_kept_and_told_with_its_caller() {
    let endpoints = listening().await;
    let (status, body) = endpoints.answer(put("agent-r2", "r1", "x")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "{}"));
    assert!(endpoints.holds("x"));
    let entry = endpoints.shared.visit(|world, _| world.log.entries()[0].happening.clone());
    let Happening::Put { region, table, caller, item } = entry else { panic!("{entry:?}") };
    assert_eq!((region.as_str(), table.as_str(), caller.as_str()), ("r1", "seats", "r2"));
    assert_eq!(item, json!({"id": "x"}));
    let line = endpoints.logged(Outcome::Answered).await;
    assert_eq!((line.operation.as_str(), line.status), ("PutItem", Some(200)));
    assert_eq!(line.place, Some(Place::Region(testing::region("r2"))));
}

#[tokio::test]
async fn route_53_answers_in_its_own_words() {
    let endpoints = listening().await;
    let (status, body) =
        endpoints.answer(zones(Some(&signed("operator", "us-east-1", "route53")))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("<Name>example.com.</Name>"), "{body}");
    let line = endpoints.logged(Outcome::Answered).await;
    assert_eq!(line.operation, "ListHostedZones");
}

#[tokio::test]
async fn strangers_are_turned_away_in_the_words_of_the_service() {
    let endpoints = listening().await;
    let (status, body) = endpoints.answer(put("nobody", "r1", "x")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("#UnrecognizedClientException"), "{body}");
    assert!(!endpoints.holds("x"));

    let (status, body) =
        endpoints.answer(zones(Some(&signed("nobody", "us-east-1", "route53")))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("<Code>InvalidClientTokenId</Code>"), "{body}");

    let (status, body) = endpoints.answer(zones(None)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(body.contains("<Code>MissingAuthenticationToken</Code>"), "{body}");

    let unsigned = dynamodb_request("", "ListTables", &json!({}));
    let (status, body) = endpoints.answer(unsigned).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("#MissingAuthenticationTokenException"), "{body}");

    let (status, body) = endpoints.answer(zones(Some(&signed("operator", "r1", "sqs")))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("sqs is not modelled"), "{body}");
}

#[tokio::test]
async fn a_region_that_the_fleet_does_not_have_is_nobody() {
    let endpoints = listening().await;
    endpoints.send(put("operator", "r9", "x")).await.expect_err("no such name");
}

#[tokio::test]
async fn a_request_to_a_lost_region_has_no_effect_and_no_answer() {
    let endpoints = listening().await;
    let lose = Fault::Lose { region: testing::region("r1") };
    endpoints.shared.alter(|world, now| world.strike(now, &lose));
    tokio::select! {
        answer = endpoints.send(put("agent-r2", "r1", "x")) => panic!("{answer:?}"),
        line = endpoints.logged(Outcome::CutOnTheWayThere) => assert_eq!(line.status, None),
    }
    assert!(!endpoints.holds("x"));
}

#[tokio::test]
async fn a_request_whose_answer_is_cut_takes_its_effect() {
    let endpoints = listening().await;
    let (r1, r2) = ["r1", "r2"].map(|name| Place::Region(testing::region(name))).into();
    let cut = Fault::Cut { from: r1, to: r2, both: false };
    endpoints.shared.alter(|world, now| world.strike(now, &cut));
    tokio::select! {
        answer = endpoints.send(put("agent-r2", "r1", "x")) => panic!("{answer:?}"),
        line = endpoints.logged(Outcome::CutOnTheWayBack) => assert_eq!(line.status, Some(200)),
    }
    assert!(endpoints.holds("x"));
    // Nobody else is concerned.
    let (status, _) = endpoints.answer(put("operator", "r1", "y")).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_sent_arrives_also_when_its_sender_gives_up() {
    let endpoints = listening().await;
    let (r1, r2) = ["r1", "r2"].map(|name| Place::Region(testing::region(name))).into();
    endpoints.shared.alter(|world, _| {
        world.network.set_distance(&r1, &r2, Duration::from_millis(50));
    });
    // Shorter than the distance, so that no answer comes in time; on a busy machine it may be too
    // short to send anything.
    let patience = Duration::from_millis(20);
    for _ in 0..100 {
        let answer = endpoints.send(put("agent-r2", "r1", "x"));
        tokio::time::timeout(patience, answer).await.expect_err("the distance is longer");
        if endpoints.holds("x") {
            return;
        }
    }
    panic!("nothing that was sent has arrived");
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_half_way_and_is_logged_for_what_it_is() {
    let endpoints = listening().await;
    let scope = wire::Scope { caller: Some("r2".parse().expect("valid")), ..Default::default() };
    let (treatment, percent) = (Treatment::Truncate, wire::Percent::ALL);
    let rule = wire::Rule { scope, treatment, percent, times: Some(1) };
    endpoints.shared.alter(|world, now| world.strike(now, &Fault::Wire { rule }));
    let error = endpoints.send(put("agent-r2", "r1", "x")).await.expect_err("half an answer");
    assert!(matches!(error, crate::local::ExchangeError::Body(_)), "{error:?}");
    assert!(endpoints.holds("x"));
    let line = endpoints.logged(Outcome::Answered).await;
    assert_eq!((line.status, line.amiss), (Some(200), Some(Treatment::Truncate)));
    let (status, _) = endpoints.answer(put("agent-r2", "r1", "y")).await;
    assert_eq!(status, StatusCode::OK, "once, and never again");
}
