//! A query's key condition: equality on the partition key and at most one condition on the sort
//! key, from the page "Key condition expressions for the Query operation in DynamoDB".

use super::condition::{Comparator, Condition, Operand};
use crate::world::dynamo::error::DynamoError;
use crate::world::dynamo::operation::{KeyAttribute, KeySchema};
use crate::world::dynamo::value::AttributeValue;

/// Which keys a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world::dynamo) struct KeyCondition {
    /// The partition.
    pub(in crate::world::dynamo) hash: AttributeValue,
    /// Which sort keys in it; all if none.
    pub(in crate::world::dynamo) range: Option<RangeCondition>,
}

/// A condition on the sort key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world::dynamo) enum RangeCondition {
    /// It compares so.
    Is(Comparator, AttributeValue),
    /// It lies between, bounds included.
    Between(AttributeValue, AttributeValue),
    /// It begins so.
    BeginsWith(AttributeValue),
}

impl RangeCondition {
    /// Whether a sort key meets it.
    pub(in crate::world::dynamo) fn accepts(&self, key: &AttributeValue) -> bool {
        match self {
            Self::Is(comparator, value) => comparator.accepts(key.cmp(value)),
            Self::Between(low, high) => low <= key && key <= high,
            Self::BeginsWith(prefix) => match (key, prefix) {
                (AttributeValue::S(key), AttributeValue::S(prefix)) => {
                    key.starts_with(prefix.as_str())
                }
                (AttributeValue::B(key), AttributeValue::B(prefix)) => key.starts_with(prefix),
                _ => false,
            },
        }
    }
}

fn refused(words: &str) -> DynamoError {
    DynamoError::validation(words)
}

const NOT_SUPPORTED: &str = "Query key condition not supported";

impl KeyCondition {
    /// Reads it out of a parsed condition.
    pub(super) fn from(condition: Condition, schema: &KeySchema) -> Result<Self, DynamoError> {
        let parts = match condition {
            Condition::All(parts) => parts,
            one => vec![one],
        };
        let (mut hash, mut range) = (None, None);
        for part in parts {
            let (name, part) = of_one_attribute(part)?;
            if name == schema.hash.name {
                let RangeCondition::Is(Comparator::Equal, value) = part else {
                    return Err(refused(NOT_SUPPORTED));
                };
                once(&mut hash, of_kind(value, &schema.hash)?)?;
            } else if let Some(key) = schema.range.as_ref().filter(|key| key.name == name) {
                once(&mut range, range_of_kind(part, key)?)?;
            } else {
                let missed = match (&hash, &schema.range) {
                    (Some(_), Some(range)) => &range.name,
                    _ => &schema.hash.name,
                };
                return Err(refused(&format!(
                    "Query condition missed key schema element: {missed}"
                )));
            }
        }
        let hash = hash.ok_or_else(|| {
            refused(&format!("Query condition missed key schema element: {}", schema.hash.name))
        })?;
        Ok(Self { hash, range })
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), DynamoError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(refused("KeyConditionExpressions must only contain one condition per key")),
    }
}

/// The attribute that a part of the condition is about, and what it says of it.
fn of_one_attribute(part: Condition) -> Result<(String, RangeCondition), DynamoError> {
    let name = |operand: Operand| match operand {
        Operand::Path(path) if path.rest.is_empty() => Ok(path.root),
        _ => Err(refused(
            "Invalid KeyConditionExpression: KeyConditionExpressions cannot have conditions on \
             nested attributes",
        )),
    };
    match part {
        Condition::Compare(_, Comparator::NotEqual, _) => {
            Err(refused("Invalid operator used in KeyConditionExpression: <>"))
        }
        Condition::Compare(left, comparator, Operand::Value(value)) => {
            Ok((name(left)?, RangeCondition::Is(comparator, value)))
        }
        Condition::Compare(Operand::Value(value), comparator, right) => {
            Ok((name(right)?, RangeCondition::Is(comparator.mirrored(), value)))
        }
        Condition::Between { value, low: Operand::Value(low), high: Operand::Value(high) } => {
            Ok((name(value)?, RangeCondition::Between(low, high)))
        }
        Condition::BeginsWith(whole, Operand::Value(prefix)) => {
            Ok((name(whole)?, RangeCondition::BeginsWith(prefix)))
        }
        Condition::Any(_) => Err(refused("Invalid operator used in KeyConditionExpression: OR")),
        Condition::Not(_) => Err(refused("Invalid operator used in KeyConditionExpression: NOT")),
        _ => Err(refused(NOT_SUPPORTED)),
    }
}

fn of_kind(value: AttributeValue, key: &KeyAttribute) -> Result<AttributeValue, DynamoError> {
    if value.kind() == key.kind.as_str() {
        return Ok(value);
    }
    Err(refused(
        "One or more parameter values were invalid: Condition parameter type does not match schema \
         type",
    ))
}

fn range_of_kind(
    condition: RangeCondition,
    key: &KeyAttribute,
) -> Result<RangeCondition, DynamoError> {
    Ok(match condition {
        RangeCondition::Is(comparator, value) => {
            RangeCondition::Is(comparator, of_kind(value, key)?)
        }
        RangeCondition::Between(low, high) => {
            let (low, high) = (of_kind(low, key)?, of_kind(high, key)?);
            if low > high {
                return Err(refused(
                    "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to \
                     be greater than or equal to lower bound",
                ));
            }
            RangeCondition::Between(low, high)
        }
        RangeCondition::BeginsWith(prefix) => RangeCondition::BeginsWith(of_kind(prefix, key)?),
    })
}
