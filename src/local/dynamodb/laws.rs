//! What holds for every item on the wire.

use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Value, json};

use super::value::{item_from, item_json};
use super::*;
use crate::world::dynamo::number::Number;
use crate::world::dynamo::{AttributeValue, Item};
use crate::world::network::Network;

/// Any number that DynamoDB stores, spelled in any way that it takes.
fn numbers() -> impl Strategy<Value = (String, Number)> {
    let digits = (any::<bool>(), "[0-9]{1,20}", prop::option::of("[0-9]{1,18}"), -80_i32..80);
    digits.prop_filter_map("in DynamoDB's range", |(negative, whole, fraction, exponent)| {
        let sign = if negative { "-" } else { "" };
        let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
        let text = format!("{sign}{whole}{fraction}E{exponent}");
        let number = text.parse().ok()?;
        Some((text, number))
    })
}

/// Texts with all that JSON escapes, and more than one byte a character.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        string_regex("[\"\\\\/\\x00-\\x1f\u{7f}é\u{1F600}]{0,8}").expect("valid")
    ]
}

fn values() -> impl Strategy<Value = AttributeValue> {
    let number = || numbers().prop_map(|(_, number)| number);
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    let leaf = prop_oneof![
        texts().prop_map(AttributeValue::S),
        number().prop_map(AttributeValue::N),
        bytes().prop_map(AttributeValue::B),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null),
        prop::collection::btree_set("[a-z\"\\\\é]{1,4}", 1..4).prop_map(AttributeValue::Ss),
        prop::collection::btree_set(number(), 1..4).prop_map(AttributeValue::Ns),
        prop::collection::btree_set(prop::collection::vec(any::<u8>(), 1..5), 1..4)
            .prop_map(AttributeValue::Bs),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            prop::collection::btree_map("[a-z.#: ]{1,6}", inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}

fn items() -> impl Strategy<Value = Item> {
    prop::collection::btree_map("[a-zA-Z_.:# é-]{1,8}", values(), 0..6)
}

const CREATE: &str = r#"{"TableName":"items","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}"#;

proptest! {
    #[test]
    fn an_item_survives_the_wire_as_bytes(item in items()) {
        let bytes = item_json(&item).to_string();
        let json = serde_json::from_str(&bytes).expect("JSON");
        prop_assert_eq!(item_from(json).expect("just written"), item);
    }

    #[test]
    fn a_number_is_the_same_however_it_is_spelled_and_is_told_in_plain_digits(
        (text, number) in numbers(),
    ) {
        let read = item_from(json!({"n": {"N": text}})).expect("a number");
        let told = item_json(&read);
        let Value::String(told) = &told["n"]["N"] else { panic!("{told}") };
        prop_assert!(told.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'.'), "{told}");
        prop_assert_eq!(told.parse::<Number>(), Ok(number));
    }

    #[test]
    fn what_is_put_is_what_is_got(item in items()) {
        let region: RegionId = "eu-west-1".parse().expect("valid");
        let mut dynamo = Dynamo::new(1, [region.clone()]);
        let mut now = Moment::from_ms(1);
        let mut ask = |operation: &str, body: &str| {
            let target = format!("{TARGET_PREFIX}{operation}");
            let answer = handle(&mut dynamo, now, &region, &target, body.as_bytes());
            now = now + std::time::Duration::from_secs(60);
            dynamo.advance(now, &Network::default());
            (answer.status, serde_json::from_slice::<Value>(&answer.body).expect("JSON"))
        };
        prop_assert_eq!(ask("CreateTable", CREATE).0, 200);
        let mut item = item;
        item.insert("id".to_owned(), AttributeValue::text("k"));
        let put = json!({"TableName": "items", "Item": item_json(&item)});
        prop_assert_eq!(ask("PutItem", &put.to_string()), (200, json!({})));
        let get = json!({"TableName": "items", "Key": {"id": {"S": "k"}}, "ConsistentRead": true});
        let (status, mut got) = ask("GetItem", &get.to_string());
        prop_assert_eq!(status, 200);
        prop_assert_eq!(item_from(got["Item"].take()).expect("an item"), item);
    }
}
