//! JSON, as the protocol "AWS JSON 1.0" uses it: moments are seconds since 1970.

use serde_json::{Number, Value as Json};

use super::{Value, unix_s};

/// Reads a body. None when it is not JSON.
pub(in crate::local) fn read(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return Some(Value::Map(Vec::new()));
    }
    serde_json::from_slice(body).ok().map(from_json)
}

/// Nulls are left out of maps and lists: they say nothing.
fn from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::Map(Vec::new()),
        Json::Bool(truth) => Value::Truth(truth),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Whole(whole),
            (None, Some(number)) => Value::Number(number),
            (None, None) => Value::Text(number.to_string()),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(items) => {
            Value::List(items.into_iter().filter(|item| !item.is_null()).map(from_json).collect())
        }
        Json::Object(members) => Value::Map(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, from_json(value)))
                .collect(),
        ),
    }
}

/// Writes a body.
pub(in crate::local) fn write(value: &Value) -> Vec<u8> {
    to_json(value).to_string().into_bytes()
}

fn to_json(value: &Value) -> Json {
    let number = |number| Number::from_f64(number).map_or(Json::Null, Json::Number);
    match value {
        Value::Text(text) => Json::String(text.clone()),
        Value::Whole(whole) => Json::from(*whole),
        Value::Number(value) => number(*value),
        Value::Truth(truth) => Json::Bool(*truth),
        Value::Time(unix_ms) => number(unix_s(*unix_ms)),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(members) => Json::Object(
            members.iter().map(|(name, value)| (name.clone(), to_json(value))).collect(),
        ),
    }
}
