//! Conditions and filters: their tree, and what they say of an item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::path::Path;
use crate::world::dynamo::number::Number;
use crate::world::dynamo::value::{AttributeValue, Item};

/// A condition over one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world::dynamo) enum Condition {
    /// All hold.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// There is something at this place.
    Exists(Path),
    /// It is of this kind.
    Kind(Path, String),
    /// The first begins with the second.
    BeginsWith(Operand, Operand),
    /// The second is in the first: a substring, or an element.
    Contains(Operand, Operand),
    /// Two operands compare so.
    Compare(Operand, Comparator, Operand),
    /// A value lies between two others, bounds included.
    Between {
        /// The value.
        value: Operand,
        /// The lower bound.
        low: Operand,
        /// The upper bound.
        high: Operand,
    },
    /// The first equals one of the others.
    In(Operand, Vec<Operand>),
}

/// How two operands compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world::dynamo) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    /// The comparator that says the same with its sides exchanged.
    pub(super) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }

    /// Whether an order is one that it stands for.
    pub(super) fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world::dynamo) enum Operand {
    /// What is at a place.
    Path(Path),
    /// A given value.
    Value(AttributeValue),
    /// `size(path)`.
    Size(Path),
}

impl Operand {
    fn of<'a>(&'a self, item: &'a Item) -> Option<Cow<'a, AttributeValue>> {
        match self {
            Self::Path(path) => path.get(item).map(Cow::Borrowed),
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Size(path) => size(path.get(item)?).map(Cow::Owned),
        }
    }
}

fn size(value: &AttributeValue) -> Option<AttributeValue> {
    let size = match value {
        AttributeValue::S(text) => text.chars().count(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::L(values) => values.len(),
        AttributeValue::M(fields) => fields.len(),
        AttributeValue::Ss(set) => set.len(),
        AttributeValue::Ns(set) => set.len(),
        AttributeValue::Bs(set) => set.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => return None,
    };
    Some(AttributeValue::N(Number::from(u64::try_from(size).ok()?)))
}

/// The order of two values; none when they are of different kinds or of a kind without order.
fn order(a: &AttributeValue, b: &AttributeValue) -> Option<Ordering> {
    match (a, b) {
        (AttributeValue::S(a), AttributeValue::S(b)) => Some(a.cmp(b)),
        (AttributeValue::N(a), AttributeValue::N(b)) => Some(a.cmp(b)),
        (AttributeValue::B(a), AttributeValue::B(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

impl Condition {
    /// Whether it holds for an item. An absent item is an empty one.
    pub(in crate::world::dynamo) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(item)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(item)),
            Self::Not(condition) => !condition.holds(item),
            Self::Exists(path) => path.get(item).is_some(),
            Self::Kind(path, kind) => path.get(item).is_some_and(|value| value.kind() == kind),
            Self::BeginsWith(whole, prefix) => {
                both(whole, prefix, item).is_some_and(|(whole, prefix)| match (&*whole, &*prefix) {
                    (AttributeValue::S(whole), AttributeValue::S(prefix)) => {
                        whole.starts_with(prefix.as_str())
                    }
                    (AttributeValue::B(whole), AttributeValue::B(prefix)) => {
                        whole.starts_with(prefix)
                    }
                    _ => false,
                })
            }
            Self::Contains(whole, part) => {
                both(whole, part, item).is_some_and(|(whole, part)| contains(&whole, &part))
            }
            Self::Compare(left, comparator, right) => compare(left, *comparator, right, item),
            Self::Between { value, low, high } => {
                compare(low, Comparator::LessOrEqual, value, item)
                    && compare(value, Comparator::LessOrEqual, high, item)
            }
            Self::In(value, list) => {
                list.iter().any(|other| compare(value, Comparator::Equal, other, item))
            }
        }
    }
}

type Pair<'a> = (Cow<'a, AttributeValue>, Cow<'a, AttributeValue>);

fn both<'a>(one: &'a Operand, two: &'a Operand, item: &'a Item) -> Option<Pair<'a>> {
    one.of(item).zip(two.of(item))
}

/// A missing operand is unequal to everything, and in no order with anything.
fn compare(left: &Operand, comparator: Comparator, right: &Operand, item: &Item) -> bool {
    let sides = both(left, right, item);
    match comparator {
        Comparator::Equal => sides.is_some_and(|(left, right)| left == right),
        Comparator::NotEqual => sides.is_none_or(|(left, right)| left != right),
        _ => sides
            .and_then(|(left, right)| order(&left, &right))
            .is_some_and(|order| comparator.accepts(order)),
    }
}

fn contains(whole: &AttributeValue, part: &AttributeValue) -> bool {
    match (whole, part) {
        (AttributeValue::S(whole), AttributeValue::S(part)) => whole.contains(part.as_str()),
        (AttributeValue::B(whole), AttributeValue::B(part)) => {
            part.is_empty() || whole.windows(part.len()).any(|window| window == part)
        }
        (AttributeValue::Ss(set), AttributeValue::S(part)) => set.contains(part),
        (AttributeValue::Ns(set), AttributeValue::N(part)) => set.contains(part),
        (AttributeValue::Bs(set), AttributeValue::B(part)) => set.contains(part),
        (AttributeValue::L(values), part) => values.contains(part),
        _ => false,
    }
}
