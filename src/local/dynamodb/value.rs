//! Attribute values as DynamoDB's JSON writes them: `{"S": "text"}`, `{"N": "1"}` and so on.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use super::WireError;
use crate::world::dynamo::number::Number;
use crate::world::dynamo::{AttributeValue, Item};

/// Reads an item.
pub(super) fn item_from(json: Value) -> Result<Item, WireError> {
    let Value::Object(fields) = json else {
        return Err(WireError::serialization("an item must be a JSON object"));
    };
    fields.into_iter().map(|(name, value)| Ok((name, value_from(value)?))).collect()
}

/// Reads a value.
fn value_from(json: Value) -> Result<AttributeValue, WireError> {
    let Value::Object(fields) = json else {
        return Err(WireError::serialization("an attribute value must be a JSON object"));
    };
    let mut fields = fields.into_iter();
    let (Some((kind, content)), None) = (fields.next(), fields.next()) else {
        return Err(WireError::validation(
            "Supplied AttributeValue must contain exactly one of the supported datatypes",
        ));
    };
    Ok(match kind.as_str() {
        "S" => AttributeValue::S(text(content)?),
        "N" => AttributeValue::N(number(content)?),
        "B" => AttributeValue::B(bytes(content)?),
        "BOOL" => match content {
            Value::Bool(truth) => AttributeValue::Bool(truth),
            _ => return Err(WireError::serialization("BOOL must be true or false")),
        },
        "NULL" => match content {
            Value::Bool(true) => AttributeValue::Null,
            Value::Bool(false) => {
                return Err(WireError::validation(
                    "One or more parameter values were invalid: Null attribute value types must \
                     have the value of true",
                ));
            }
            _ => return Err(WireError::serialization("NULL must be true")),
        },
        "L" => AttributeValue::L(list(content, value_from)?),
        "M" => AttributeValue::M(item_from(content)?),
        "SS" => AttributeValue::Ss(set(content, text)?),
        "NS" => AttributeValue::Ns(set(content, number)?),
        "BS" => AttributeValue::Bs(set(content, bytes)?),
        _ => {
            return Err(WireError::validation(
                "Supplied AttributeValue is empty, must contain exactly one of the supported \
                 datatypes",
            ));
        }
    })
}

fn text(json: Value) -> Result<String, WireError> {
    match json {
        Value::String(text) => Ok(text),
        _ => Err(WireError::serialization("a string was expected")),
    }
}

fn number(json: Value) -> Result<Number, WireError> {
    text(json)?.parse().map_err(|error| WireError::validation(format!("{error}")))
}

fn bytes(json: Value) -> Result<Vec<u8>, WireError> {
    BASE64
        .decode(text(json)?.as_bytes())
        .map_err(|error| WireError::serialization(format!("bytes must be Base64: {error}")))
}

fn list<T>(
    json: Value,
    element: impl Fn(Value) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    match json {
        Value::Array(values) => values.into_iter().map(element).collect(),
        _ => Err(WireError::serialization("a list was expected")),
    }
}

fn set<T: Ord>(
    json: Value,
    element: impl Fn(Value) -> Result<T, WireError>,
) -> Result<BTreeSet<T>, WireError> {
    let mut set = BTreeSet::new();
    for value in list(json, element)? {
        if !set.insert(value) {
            return Err(WireError::validation(
                "One or more parameter values were invalid: Input collection contains duplicates.",
            ));
        }
    }
    Ok(set)
}

/// Writes an item.
pub(super) fn item_json(item: &Item) -> Value {
    let fields = item.iter().map(|(name, value)| (name.clone(), value_json(value)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Writes a value.
fn value_json(value: &AttributeValue) -> Value {
    let content = match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => json!(number.to_string()),
        AttributeValue::B(bytes) => json!(BASE64.encode(bytes)),
        AttributeValue::Bool(truth) => json!(truth),
        AttributeValue::Null => json!(true),
        AttributeValue::L(values) => values.iter().map(value_json).collect(),
        AttributeValue::M(fields) => item_json(fields),
        AttributeValue::Ss(texts) => json!(texts),
        AttributeValue::Ns(numbers) => numbers.iter().map(Number::to_string).collect(),
        AttributeValue::Bs(binaries) => binaries.iter().map(|bytes| BASE64.encode(bytes)).collect(),
    };
    Value::Object(Map::from_iter([(value.kind().to_owned(), content)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_wire() {
        let json = json!({
            "s": {"S": "x"}, "n": {"N": "-1.5"}, "b": {"B": "AQI="}, "t": {"BOOL": false},
            "z": {"NULL": true}, "l": {"L": [{"S": ""}]}, "m": {"M": {"k": {"N": "1"}}},
            "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "bs": {"BS": ["AQ=="]},
        });
        let item = item_from(json.clone()).expect("valid");
        assert_eq!(item_json(&item), json);
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (json, code) in [
            (json!({"S": 1}), "SerializationException"),
            (json!("x"), "SerializationException"),
            (json!({"B": "?"}), "SerializationException"),
            (json!({}), "ValidationException"),
            (json!({"S": "x", "N": "1"}), "ValidationException"),
            (json!({"N": "x"}), "ValidationException"),
            (json!({"NULL": false}), "ValidationException"),
            (json!({"NS": ["1", "1.0"]}), "ValidationException"),
        ] {
            assert_eq!(value_from(json.clone()).expect_err("invalid").code(), code, "{json}");
        }
    }
}
