//! Every parser of what comes from outside, on damaged input: it may refuse, and must not panic.
//!
//! Valid inputs are damaged by a seeded generator: bytes changed, pieces dropped, doubled, moved to
//! elsewhere or taken from another input, and words put in that parsers stumble over. A failure
//! names its seed, and the same seed gives the same damage. It needs no compiler but the stable one,
//! and is blind to coverage; what it gains by it is that it runs with every `cargo test`. Longer:
//!
//!     FUZZ=100000 cargo test --no-default-features --test regent fuzz
//!
//! The prober's answers are damaged where they are judged (`probe::judge`), the fleet's files once
//! more with their structure kept (`config::laws`).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use regent::domain::gate::Gate;
use regent::domain::{Fence, Moment, Order, RegionId, Report};
use regent::drill::Scenario;
use regent::local::{cloudwatch, dynamodb, elbv2, rds, route53};
use regent::runbook::Library;
use regent::sim::{Plan, Size, draw};
use regent::world::World;

/// Damaged inputs for each kind, unless the environment says how many.
const ROUNDS: u64 = 150;

/// What parsers stumble over.
const WORDS: &[&str] = &[
    "\0",
    "\u{feff}",
    "é",
    "\u{202e}",
    "\"",
    "'''",
    "[[",
    "]]",
    "{",
    "}",
    "<",
    "&#0;",
    "&amp;",
    "%",
    "%00",
    "%zz",
    "+++",
    "\r\n",
    "\n\n",
    "=",
    "&",
    "..",
    "-",
    "-1",
    "0",
    "1e309",
    "NaN",
    "null",
    "18446744073709551616",
    "99999999999999999999999999999",
    "0x",
    "true",
    "<!--",
    "]]>",
    "#",
    ":v",
    "AND",
    "(",
    ")))))))))",
    "size(",
    ",",
    ".",
];

fn rounds() -> u64 {
    std::env::var("FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

/// Damages one of these inputs.
fn damaged(rng: &mut Pcg64Mcg, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = inputs[rng.random_range(0..inputs.len())].clone();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=bytes.len());
        let to = (at + rng.random_range(0..40)).min(bytes.len());
        match rng.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] = rng.random_range(0..=255),
            1 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            2 => drop(bytes.drain(at..to)),
            3 => {
                let piece = bytes[at..to].to_vec();
                let there = rng.random_range(0..=bytes.len());
                bytes.splice(there..there, piece);
            }
            4 => {
                let other = &inputs[rng.random_range(0..inputs.len())];
                let from = rng.random_range(0..=other.len());
                let until = (from + rng.random_range(0..200)).min(other.len());
                bytes.splice(at..to, other[from..until].iter().copied());
            }
            5 => bytes.truncate(at),
            _ => {
                let word = WORDS[rng.random_range(0..WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
        }
    }
    bytes
}

/// Gives each damaged input to the parser, and says under which seed it panicked.
fn each(what: &str, inputs: &[Vec<u8>], mut parse: impl FnMut(&[u8])) {
    assert!(!inputs.is_empty(), "nothing to damage for {what}");
    for input in inputs {
        parse(input);
    }
    for seed in 0..rounds() {
        let bytes = damaged(&mut Pcg64Mcg::seed_from_u64(seed), inputs);
        let parsed = catch_unwind(AssertUnwindSafe(|| parse(&bytes)));
        assert!(parsed.is_ok(), "{what}, seed {seed}:\n{}", String::from_utf8_lossy(&bytes));
    }
}

/// The same, for parsers of text.
fn each_text(what: &str, inputs: &[Vec<u8>], mut parse: impl FnMut(&str)) {
    each(what, inputs, |bytes| parse(&String::from_utf8_lossy(bytes)));
}

fn folder(name: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("a folder of the project") {
        let path = entry.expect("readable").path();
        if let Ok(text) = std::fs::read_to_string(&path) {
            files.push((path, text));
        }
    }
    files.sort();
    files
}

fn bytes(files: &[(PathBuf, String)]) -> Vec<Vec<u8>> {
    files.iter().map(|(_, text)| text.clone().into_bytes()).collect()
}

#[test]
fn fleet_files() {
    let files = folder("regions");
    let place = tempfile::tempdir().expect("a folder of our own");
    let whole: Vec<(PathBuf, String)> = files
        .iter()
        .map(|(path, text)| {
            let name = path.file_name().expect("a file");
            (place.path().join(name), text.clone())
        })
        .collect();
    let mut turn = 0;
    each("the fleet's files", &bytes(&files), |damaged| {
        for (path, text) in &whole {
            std::fs::write(path, text).expect("writable");
        }
        turn += 1;
        std::fs::write(&whole[turn % whole.len()].0, damaged).expect("writable");
        let _ = regent::config::load_dir(place.path());
    });
}

#[test]
fn chaos_files() {
    let files = folder("chaos");
    each_text("chaos files", &bytes(&files), |text| {
        let _ = Scenario::parse(Path::new("chaos/damaged.toml"), text);
    });
}

#[test]
fn runbooks() {
    let files = folder("runbooks");
    each_text("runbooks", &bytes(&files), |text| {
        let (library, _) = Library::read([("damaged.md".to_owned(), text.to_owned())]);
        for book in library.books() {
            let _ = library.bind(&book.name, &BTreeMap::new());
        }
    });
}

#[test]
fn plans_of_runs() {
    let plans: Vec<Vec<u8>> =
        (0..8).map(|seed| draw(seed, Size::Short).to_toml().into_bytes()).collect();
    each_text("plans", &plans, |text| drop(Plan::from_toml(text)));
}

#[test]
fn documents_of_the_tables() {
    let order = r#"{"id":"0000000000000000000000000001","by":"ada","at":"2026-01-01T00:00:00Z",
        "after":{"epoch":1,"seq":2},"verb":{"verb":"drain","region":"r1","reason":"patching"}}"#;
    let fleet = regent::config::load_dir(Path::new("regions")).expect("the shipped fleet").fleet;
    let by = "init".parse().expect("letters");
    let made = regent::core::genesis::genesis(&fleet, by, "now".to_owned(), || 7);
    let inputs = [order.as_bytes().to_vec(), made.document.into_bytes()];
    each_text("documents", &inputs, |text| {
        let _ = serde_json::from_str::<Order>(text);
        let _ = serde_json::from_str::<Report>(text);
        let _ = serde_json::from_str::<regent::core::explain::State>(text);
        let _ = regent::core::genesis::read_genesis(&fleet, text);
    });
}

#[test]
fn names_fences_and_paths() {
    let inputs = ["/gate/eu-west-1/web", "regent fleet=demo epoch=7 attempt=3", "a/01/7"];
    let inputs = inputs.map(|text| text.as_bytes().to_vec());
    each_text("names", &inputs, |text| {
        let _ = Gate::of_path(text);
        let _ = text.parse::<Fence>();
        let _ = text.parse::<RegionId>();
        let _ = text.parse::<regent::domain::seat::Beat>();
        let _ = text.parse::<regent::domain::database::ClusterArn>();
    });
}

/// A world with what the endpoints serve.
fn world() -> (World, RegionId) {
    let fleet = regent::config::load_dir(Path::new("regions")).expect("the shipped fleet").fleet;
    let mut world = World::new(1, fleet.regions.iter().cloned());
    world.dynamo.set_creation(Duration::ZERO, Duration::ZERO);
    for (zone, name) in &fleet.zones {
        world.route53.create_zone(zone, name).expect("new");
    }
    world.outfit(Moment::ZERO, &fleet);
    let region = fleet.regions.first().expect("it has Regions").clone();
    (world, region)
}

#[test]
fn dynamodb_requests() {
    let (mut world, region) = world();
    let create = r#"{"TableName":"seats","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}"#;
    let put = r##"{"TableName":"seats","Item":{"id":{"S":"a"},"n":{"N":"1.5e3"},"m":{"M":{"x":
        {"L":[{"BOOL":true},{"NULL":true},{"B":"AAE="},{"SS":["a","b"]},{"NS":["1","2"]}]}}}},
        "ConditionExpression":"attribute_not_exists(id) OR (#b = :v AND size(n) > :n) OR NOT n
        BETWEEN :n AND :n OR contains(m.x[0], :v)","ReturnValuesOnConditionCheckFailure":"ALL_OLD",
        "ExpressionAttributeNames":{"#b":"beat"},
        "ExpressionAttributeValues":{":v":{"S":"x"},":n":{"N":"1"}}}"##;
    let update = r##"{"TableName":"seats","Key":{"id":{"S":"a"}},"UpdateExpression":
        "SET #b = if_not_exists(#b, :v), n = n + :n REMOVE m ADD c :n","ReturnValues":"ALL_NEW",
        "ExpressionAttributeNames":{"#b":"beat"},
        "ExpressionAttributeValues":{":v":{"S":"x"},":n":{"N":"1"}}}"##;
    let query = r#"{"TableName":"seats","KeyConditionExpression":"id = :id","FilterExpression":
        "begins_with(id, :id) AND n IN (:id)","ProjectionExpression":"id, m.x[1]","Limit":5,
        "ConsistentRead":true,"ExpressionAttributeValues":{":id":{"S":"a"}}}"#;
    let get = r#"{"TableName":"seats","Key":{"id":{"S":"a"}},"ConsistentRead":true}"#;
    let inputs = [create, put, update, query, get].map(|text| text.as_bytes().to_vec());
    let operations =
        ["CreateTable", "PutItem", "UpdateItem", "Query", "GetItem", "Scan", "DeleteItem"];
    each("DynamoDB requests", &inputs, |body| {
        for operation in operations {
            let target = format!("DynamoDB_20120810.{operation}");
            let answer = dynamodb::handle(&mut world.dynamo, Moment::ZERO, &region, &target, body);
            assert!([200, 400, 500].contains(&answer.status), "{}", answer.status);
        }
    });
}

#[test]
fn route53_requests() {
    let (mut world, _) = world();
    let zone = "ZFUZZ";
    let name = "example.org".parse().expect("valid");
    world.route53.create_zone(&zone.parse().expect("valid"), &name).expect("new");
    let set = "<Name>www.example.com</Name><Type>A</Type><SetIdentifier>r1</SetIdentifier>\
        <Weight>10</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value>\
        </ResourceRecord></ResourceRecords>";
    let batch = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <ChangeBatch><Comment>why</Comment><Changes><Change><Action>CREATE</Action>\
         <ResourceRecordSet>{set}</ResourceRecordSet></Change></Changes></ChangeBatch>\
         </ChangeResourceRecordSetsRequest>"
    );
    let check = "<CreateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
        <CallerReference>a</CallerReference><HealthCheckConfig><Type>HTTP_STR_MATCH</Type>\
        <FullyQualifiedDomainName>a.example</FullyQualifiedDomainName><Port>80</Port>\
        <ResourcePath>/x</ResourcePath><SearchString>s</SearchString>\
        <RequestInterval>10</RequestInterval><Inverted>true</Inverted></HealthCheckConfig>\
        </CreateHealthCheckRequest>";
    let inputs = [batch.into_bytes(), check.as_bytes().to_vec()];
    let paths =
        [format!("/2013-04-01/hostedzone/{zone}/rrset/"), "/2013-04-01/healthcheck".to_owned()];
    each("Route 53 requests", &inputs, |body| {
        for path in &paths {
            let _ = route53::handle(&mut world.route53, Moment::ZERO, "POST", path, body);
        }
    });
    let queries = [
        "/2013-04-01/hostedzone/Z1/rrset?name=a.example&type=TXT&maxitems=5",
        "/2013-04-01/change/C1",
    ];
    let queries = queries.map(|text| text.as_bytes().to_vec());
    each_text("Route 53 paths", &queries, |path| {
        let _ = route53::handle(&mut world.route53, Moment::ZERO, "GET", path, b"");
    });
}

#[test]
fn requests_of_the_other_endpoints() {
    let (mut world, region) = world();
    let forms = [
        "Action=DescribeGlobalClusters&Version=2014-10-31&GlobalClusterIdentifier=orders",
        "Action=FailoverGlobalCluster&Version=2014-10-31&GlobalClusterIdentifier=orders&\
         TargetDbClusterIdentifier=arn%3Aaws%3Ards%3Aeu-west-1%3A123456789012%3Acluster%3Ao&\
         AllowDataLoss=true",
        "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=arn%3Aaws%3Ae",
        "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=a&AlarmTypes.member.1=X",
    ];
    let forms = forms.map(|text| text.as_bytes().to_vec());
    each("forms", &forms, |body| {
        let World { rds, network, elb, cloudwatch, .. } = &mut world;
        let _ = rds::handle(rds, network, Moment::ZERO, &region, body);
        let _ = elbv2::handle(elb, Moment::ZERO, &region, body);
        let _ = cloudwatch::handle(cloudwatch, Moment::ZERO, &region, "/", "", body);
    });
    let path = "/service/GraniteServiceVersion20100801/operation/GetMetricData";
    let mut cbor = Vec::new();
    let value = serde_json::json!({"StartTime": 1.5, "MetricDataQueries": [{"Id": "a"}]});
    ciborium::into_writer(&value, &mut cbor).expect("in memory");
    let json = value.to_string().into_bytes();
    each("CloudWatch documents", &[cbor, json], |body| {
        let cloudwatch = &mut world.cloudwatch;
        let _ = cloudwatch::handle(cloudwatch, Moment::ZERO, &region, path, "", body);
        let target = "GraniteServiceVersion20100801.GetMetricData";
        let _ = cloudwatch::handle(cloudwatch, Moment::ZERO, &region, "/", target, body);
    });
}
