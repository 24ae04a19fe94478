//! CBOR, as Smithy's RPC v2 protocol uses it (Smithy 2.0, "Smithy RPC v2 CBOR protocol"): members
//! that are null are left out, moments are tag 1 over seconds since 1970.

use ciborium::value::{Integer, Value as Cbor};

use super::{Value, unix_ms, unix_s};

/// RFC 8949, section 3.4.2: "epoch-based date/time".
const TAG_TIME: u64 = 1;

/// Reads a body. None when it is not CBOR, or holds what no AWS service sends.
pub(in crate::local) fn read(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        // An operation without input sends none.
        return Some(Value::Map(Vec::new()));
    }
    from_cbor(ciborium::from_reader(body).ok()?)
}

fn from_cbor(cbor: Cbor) -> Option<Value> {
    Some(match cbor {
        Cbor::Text(text) => Value::Text(text),
        Cbor::Integer(number) => Value::Whole(i64::try_from(number).ok()?),
        Cbor::Float(number) => Value::Number(number),
        Cbor::Bool(truth) => Value::Truth(truth),
        Cbor::Tag(TAG_TIME, seconds) => match *seconds {
            Cbor::Float(seconds) => Value::Time(unix_ms(seconds)?),
            Cbor::Integer(seconds) => Value::Time(i64::try_from(seconds).ok()?.checked_mul(1000)?),
            _ => return None,
        },
        Cbor::Array(items) => Value::List(items.into_iter().map(from_cbor).collect::<Option<_>>()?),
        Cbor::Map(members) => {
            let mut map = Vec::new();
            for (name, value) in members {
                if !value.is_null() {
                    map.push((name.into_text().ok()?, from_cbor(value)?));
                }
            }
            Value::Map(map)
        }
        _ => return None,
    })
}

/// Writes a body.
pub(in crate::local) fn write(value: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    ciborium::into_writer(&to_cbor(value), &mut body)
        .expect("a tree of plain values has a CBOR form, and memory takes it");
    body
}

fn to_cbor(value: &Value) -> Cbor {
    match value {
        Value::Text(text) => Cbor::Text(text.clone()),
        Value::Whole(number) => Cbor::Integer(Integer::from(*number)),
        Value::Number(number) => Cbor::Float(*number),
        Value::Truth(truth) => Cbor::Bool(*truth),
        Value::Time(unix_ms) => Cbor::Tag(TAG_TIME, Box::new(Cbor::Float(unix_s(*unix_ms)))),
        Value::List(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Value::Map(members) => Cbor::Map(
            members
                .iter()
                .map(|(name, value)| (Cbor::Text(name.clone()), to_cbor(value)))
                .collect(),
        ),
    }
}
