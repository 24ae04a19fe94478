//! The same questions in each of the three protocols.

use std::time::Duration;

use super::*;
use crate::domain::signal::{AlarmName, MetricId, Statistic};
use crate::world::cloudwatch::{AlarmRule, Comparison, MissingData};

/// A whole minute.
const NOON_S: i64 = 1_800_000_000;

fn region() -> RegionId {
    "eu-west-1".parse().expect("valid")
}

fn metric() -> MetricId {
    let dimensions = [("Service".to_owned(), "web".to_owned())].into();
    MetricId { namespace: "Demo".to_owned(), name: "Errors".to_owned(), dimensions }
}

fn cloudwatch() -> CloudWatch {
    let mut cloudwatch = CloudWatch::new([region()]);
    cloudwatch.set_unix_ms_at_zero(NOON_S * 1000);
    cloudwatch.set_delay(Duration::ZERO);
    for name in ["api-errors", "web-errors", "web-latency"] {
        let rule = AlarmRule {
            metric: metric(),
            statistic: Statistic::Sum,
            period_s: 60,
            periods: 1,
            breaches: 1,
            comparison: Comparison::GreaterThan,
            threshold: 1.0,
            missing: MissingData::Ignore,
        };
        let name: AlarmName = name.parse().expect("valid");
        cloudwatch.put_alarm(Moment::ZERO, &region(), name, rule);
    }
    cloudwatch
}

/// Asks in CBOR.
fn ask(cloudwatch: &mut CloudWatch, operation: &str, input: &Value) -> (u16, Value) {
    let path = format!("/service/{SERVICE}/operation/{operation}");
    let now = Moment::from_ms(90_000);
    let answer = handle(cloudwatch, now, &region(), &path, "", &cbor::write(input));
    assert!(answer.headers.contains(&("smithy-protocol", "rpc-v2-cbor".to_owned())));
    (answer.status, cbor::read(&answer.body).expect("CBOR"))
}

fn texts<const N: usize>(texts: [&str; N]) -> Value {
    Value::List(texts.into_iter().map(Value::text).collect())
}

fn names(answer: &Value) -> Vec<&str> {
    let alarms = answer.items_at("MetricAlarms").iter();
    alarms.filter_map(|alarm| alarm.text_at("AlarmName")).collect()
}

fn dimensions() -> Value {
    let one = Value::map([("Name", Value::text("Service")), ("Value", Value::text("web"))]);
    Value::List(vec![one])
}

#[test]
fn alarms_are_found_by_name_prefix_state_and_page() {
    let mut cloudwatch = cloudwatch();
    let ask = |cloudwatch: &mut CloudWatch, input| ask(cloudwatch, "DescribeAlarms", &input).1;
    let named = Value::map([("AlarmNames", texts(["web-errors", "none"]))]);
    assert_eq!(names(&ask(&mut cloudwatch, named)), ["web-errors"]);
    let prefix = Value::map([("AlarmNamePrefix", Value::text("web-"))]);
    assert_eq!(names(&ask(&mut cloudwatch, prefix)), ["web-errors", "web-latency"]);
    let composite = Value::map([("AlarmTypes", texts(["CompositeAlarm"]))]);
    assert_eq!(names(&ask(&mut cloudwatch, composite)), [""; 0]);
    let first = ask(&mut cloudwatch, Value::map([("MaxRecords", Value::Whole(2))]));
    assert_eq!(names(&first), ["api-errors", "web-errors"]);
    let token = Value::text(first.text_at("NextToken").expect("there is more"));
    let second = ask(&mut cloudwatch, Value::map([("NextToken", token)]));
    assert_eq!((names(&second), second.get("NextToken")), (vec!["web-latency"], None));
}

#[test]
fn a_state_that_is_set_is_described_in_every_protocol() {
    let mut cloudwatch = cloudwatch();
    let input = Value::map([
        ("AlarmName", Value::text("web-errors")),
        ("StateValue", Value::text("ALARM")),
        ("StateReason", Value::text("by hand")),
    ]);
    assert_eq!(ask(&mut cloudwatch, "SetAlarmState", &input).0, 200);
    let wanted = Value::map([("StateValue", Value::text("ALARM"))]);
    let (_, answer) = ask(&mut cloudwatch, "DescribeAlarms", &wanted);
    assert_eq!(names(&answer), ["web-errors"]);
    assert_eq!(answer.items_at("MetricAlarms")[0].text_at("StateReason"), Some("by hand"));

    let target = format!("{SERVICE}.DescribeAlarms");
    let now = Moment::from_ms(90_000);
    let body = br#"{"StateValue": "ALARM"}"#;
    let answer = handle(&mut cloudwatch, now, &region(), "/", &target, body);
    assert_eq!(names(&json::read(&answer.body).expect("JSON")), ["web-errors"]);

    let body = b"Action=DescribeAlarms&Version=2010-08-01&StateValue=ALARM";
    let answer = handle(&mut cloudwatch, now, &region(), "/", "", body);
    let xml = String::from_utf8(answer.body).expect("text");
    assert!(xml.contains("<MetricAlarms><member><AlarmName>web-errors</AlarmName>"), "{xml}");
}

#[test]
fn what_was_put_is_read_back_newest_first_or_last() {
    let mut cloudwatch = cloudwatch();
    let datum = |at_s: i64, value| {
        Value::map([
            ("MetricName", Value::text("Errors")),
            ("Dimensions", dimensions()),
            ("Timestamp", Value::Time((NOON_S + at_s) * 1000)),
            ("Value", Value::Number(value)),
        ])
    };
    let data = vec![datum(0, 2.0), datum(59, 3.0), datum(60, 7.0)];
    let put = Value::map([("Namespace", Value::text("Demo")), ("MetricData", Value::List(data))]);
    assert_eq!(ask(&mut cloudwatch, "PutMetricData", &put).0, 200);
    let metric = Value::map([
        ("Namespace", Value::text("Demo")),
        ("MetricName", Value::text("Errors")),
        ("Dimensions", dimensions()),
    ]);
    let stat = Value::map([
        ("Metric", metric),
        ("Period", Value::Whole(60)),
        ("Stat", Value::text("Sum")),
    ]);
    let query = Value::map([("Id", Value::text("m1")), ("MetricStat", stat)]);
    let get = |order: &str| {
        Value::map([
            ("MetricDataQueries", Value::List(vec![query.clone()])),
            ("StartTime", Value::Time(NOON_S * 1000)),
            ("EndTime", Value::Time((NOON_S + 120) * 1000)),
            ("ScanBy", Value::text(order)),
        ])
    };
    let mut values = |order| {
        let (_, answer) = ask(&mut cloudwatch, "GetMetricData", &get(order));
        let result = answer.items_at("MetricDataResults")[0].clone();
        let values = result.items_at("Values").iter().filter_map(Value::number);
        (values.collect::<Vec<_>>(), result.items_at("Timestamps")[0].clone())
    };
    let first = Value::Time(NOON_S * 1000);
    assert_eq!(values("TimestampAscending"), (vec![5.0, 7.0], first));
    assert_eq!(values("TimestampDescending").0, [7.0, 5.0]);
}

#[test]
fn refusals_have_shape_and_code() {
    let mut cloudwatch = cloudwatch();
    let set = |name: &str, state: &str| {
        Value::map([
            ("AlarmName", Value::text(name)),
            ("StateValue", Value::text(state)),
            ("StateReason", Value::text("x")),
        ])
    };
    let reserved = Value::map([("Namespace", Value::text("AWS/RDS"))]);
    let cases = [
        ("SetAlarmState", set("none", "OK"), 404, "ResourceNotFound", "ResourceNotFound"),
        (
            "SetAlarmState",
            set("web-errors", "BAD"),
            400,
            "InvalidParameterValueException",
            "InvalidParameterValue",
        ),
        (
            "SetAlarmState",
            Value::Map(Vec::new()),
            400,
            "MissingRequiredParameterException",
            "MissingParameter",
        ),
        ("PutMetricData", reserved, 400, "InvalidParameterValueException", "InvalidParameterValue"),
        ("ListMetrics", Value::Map(Vec::new()), 400, "UnknownOperationException", "InvalidAction"),
    ];
    for (operation, input, status, shape, code) in cases {
        let path = format!("/service/{SERVICE}/operation/{operation}");
        let body = cbor::write(&input);
        let answer = handle(&mut cloudwatch, Moment::ZERO, &region(), &path, "", &body);
        assert_eq!(answer.status, status, "{operation}");
        let tree = cbor::read(&answer.body).expect("CBOR");
        let named = tree.text_at("__type").expect("a type");
        assert_eq!(named, format!("com.amazonaws.cloudwatch#{shape}"));
        let repeated = ("x-amzn-query-error", format!("{code};Sender"));
        assert!(answer.headers.contains(&repeated), "{:?}", answer.headers);
    }
    let garbled = handle(
        &mut cloudwatch,
        Moment::ZERO,
        &region(),
        &format!("/service/{SERVICE}/operation/DescribeAlarms"),
        "",
        b"\xff",
    );
    assert_eq!(garbled.status, 400);
}
