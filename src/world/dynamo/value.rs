//! Attribute values and items.
//!
//! Sizes follow the page "DynamoDB item sizes and formats".

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;

use super::error::DynamoError;
use super::number::Number;

/// The value of an attribute. The order between values of one kind is DynamoDB's own: numbers by
/// size, strings and binaries by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeValue {
    /// A string.
    S(String),
    /// A number.
    N(Number),
    /// Bytes.
    B(Vec<u8>),
    /// A truth value.
    Bool(bool),
    /// Null.
    Null,
    /// A list.
    L(Vec<AttributeValue>),
    /// A map.
    M(BTreeMap<String, AttributeValue>),
    /// A set of strings.
    Ss(BTreeSet<String>),
    /// A set of numbers.
    Ns(BTreeSet<Number>),
    /// A set of binaries.
    Bs(BTreeSet<Vec<u8>>),
}

/// An item by attribute name.
pub type Item = BTreeMap<String, AttributeValue>;

/// Deepest nesting of lists and maps ("Quotas in Amazon DynamoDB").
const DEPTH_MAX: usize = 32;

/// What a list or a map weighs by itself.
const CONTAINER_BYTES: usize = 3;

impl AttributeValue {
    /// A string.
    pub fn text(value: impl Into<String>) -> Self {
        Self::S(value.into())
    }

    /// A whole number.
    #[must_use]
    pub fn number(value: u64) -> Self {
        Self::N(Number::from(value))
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::S(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number from 0 on, if it is one that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::N(number) => number.as_u64(),
            _ => None,
        }
    }

    /// The kind's descriptor, as `attribute_type` and the wire name it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// What it weighs, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::S(text) => text.len(),
            Self::N(number) => number.size_bytes(),
            Self::B(bytes) => bytes.len(),
            Self::Bool(_) | Self::Null => 1,
            Self::L(values) => {
                CONTAINER_BYTES + values.iter().map(|value| value.size_bytes() + 1).sum::<usize>()
            }
            Self::M(fields) => CONTAINER_BYTES + item_size_bytes(fields) + fields.len(),
            Self::Ss(texts) => texts.iter().map(String::len).sum(),
            Self::Ns(numbers) => numbers.iter().map(|number| number.size_bytes()).sum(),
            Self::Bs(binaries) => binaries.iter().map(Vec::len).sum(),
        }
    }

    /// Refuses what DynamoDB would not store: empty sets, and nesting that is too deep.
    pub(super) fn check(&self) -> Result<(), DynamoError> {
        self.check_within(DEPTH_MAX)
    }

    fn check_within(&self, depth: usize) -> Result<(), DynamoError> {
        let empty = |kind| {
            Err(DynamoError::validation(format!(
                "One or more parameter values were invalid: An {kind} set  may not be empty"
            )))
        };
        let deeper = || {
            depth.checked_sub(1).ok_or_else(|| {
                DynamoError::validation(
                    "Nesting Levels have exceeded supported limits: Attributes in the item have \
                     nested levels beyond supported limit",
                )
            })
        };
        match self {
            Self::Ss(set) if set.is_empty() => empty("string"),
            Self::Ns(set) if set.is_empty() => empty("number"),
            Self::Bs(set) if set.is_empty() => empty("binary"),
            Self::L(values) => {
                let depth = deeper()?;
                values.iter().try_for_each(|value| value.check_within(depth))
            }
            Self::M(fields) => {
                let depth = deeper()?;
                fields.values().try_for_each(|value| value.check_within(depth))
            }
            _ => Ok(()),
        }
    }

    fn to_plain_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::S(text) => Value::from(text.as_str()),
            Self::N(number) => plain_number(*number),
            Self::B(bytes) => Value::from(BASE64.encode(bytes)),
            Self::Bool(truth) => Value::from(*truth),
            Self::Null => Value::Null,
            Self::L(values) => values.iter().map(Self::to_plain_json).collect(),
            Self::M(fields) => to_plain_json(fields),
            Self::Ss(texts) => texts.iter().map(String::as_str).collect(),
            Self::Ns(numbers) => numbers.iter().copied().map(plain_number).collect(),
            Self::Bs(binaries) => binaries.iter().map(|bytes| BASE64.encode(bytes)).collect(),
        }
    }
}

/// What an item weighs, in bytes: names and values.
#[must_use]
pub fn item_size_bytes(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size_bytes()).sum()
}

/// An item as plain JSON, for people and for the world's log: a number that JSON can't hold exactly
/// becomes text, and bytes become Base64.
#[must_use]
pub fn to_plain_json(item: &Item) -> serde_json::Value {
    let fields = item.iter().map(|(name, value)| (name.clone(), value.to_plain_json()));
    serde_json::Value::Object(fields.collect())
}

fn plain_number(number: Number) -> serde_json::Value {
    if let Some(whole) = number.as_u64() {
        return whole.into();
    }
    let text = number.to_string();
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    match text.parse::<f64>() {
        Ok(float) if float.to_string() == text => float.into(),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_json_has_plain_values() {
        let item = Item::from([
            ("s".to_owned(), AttributeValue::text("x")),
            ("n".to_owned(), AttributeValue::number(7)),
            ("f".to_owned(), AttributeValue::N("-1.5".parse().expect("valid"))),
            ("big".to_owned(), AttributeValue::N("123456789012345678901".parse().expect("valid"))),
            ("b".to_owned(), AttributeValue::B(vec![1, 2])),
            ("l".to_owned(), AttributeValue::L(vec![AttributeValue::Null])),
            ("ss".to_owned(), AttributeValue::Ss(["a".to_owned()].into())),
        ]);
        assert_eq!(
            to_plain_json(&item),
            serde_json::json!({
                "s": "x", "n": 7, "f": -1.5, "big": "123456789012345678901", "b": "AQI=",
                "l": [null], "ss": ["a"],
            })
        );
    }

    #[test]
    fn empty_sets_and_bottomless_nesting_are_refused() {
        assert!(AttributeValue::Ss(BTreeSet::new()).check().is_err());
        let nest =
            |levels| (0..levels).fold(AttributeValue::Null, |v, _| AttributeValue::L(vec![v]));
        assert!(nest(32).check().is_ok());
        assert!(nest(33).check().is_err());
    }
}
