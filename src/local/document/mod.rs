//! A request or an answer as a tree, apart from the protocol that carries it.
//!
//! One AWS service may speak several protocols: CloudWatch answers in CBOR to the Rust SDK, in JSON
//! to the `aws` command line of today and in XML to that of last year. What is said is the same, so
//! an operation is written once over this tree, and `cbor`, `json` and `query` put it on the wire.
//!
//! Texts are the common ground: the Query protocol has nothing else, so that a number or a time is
//! taken from its text where it must be.

pub(super) mod cbor;
pub(super) mod json;
pub(super) mod query;
#[cfg(test)]
mod tests;

use crate::domain::Moment;
use crate::domain::digest::Digest;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number without a fraction.
    Whole(i64),
    /// A number that may have one.
    Number(f64),
    /// True or false.
    Truth(bool),
    /// A moment, in milliseconds since 1970.
    Time(i64),
    /// Values in a row.
    List(Vec<Value>),
    /// Values by name, in the order in which they are written.
    Map(Vec<(String, Value)>),
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, besides those that any HTTP server sets by itself.
    pub headers: Vec<(&'static str, String)>,
    /// The body, in the request's protocol.
    pub body: Vec<u8>,
    /// Whether anything was changed, or tried to.
    pub wrote: bool,
}

impl Value {
    /// A map of these members.
    pub(super) fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Map(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A member of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// A member that is a text.
    pub(super) fn text_at(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The members of a list that is a member; none when it is not there.
    pub(super) fn items_at(&self, name: &str) -> &[Self] {
        self.get(name).map_or(&[], Self::items)
    }

    /// The texts in a list that is a member.
    pub(super) fn texts_at(&self, name: &str) -> Vec<&str> {
        let texts = self.items_at(name).iter().map(|item| match item {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.flatten().collect()
    }

    /// The value as a number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            // A double holds every whole number that is ever sent here.
            Self::Whole(number) => number.to_string().parse().ok(),
            Self::Text(text) => text.parse().ok(),
            Self::Truth(_) | Self::Time(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// A member as a whole number.
    pub(super) fn whole_at(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Self::Whole(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// A member as a moment, in milliseconds since 1970. JSON sends seconds, Query ISO 8601.
    pub(super) fn time_at(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Self::Time(unix_ms) => Some(*unix_ms),
            Self::Text(text) => {
                let parsed = text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond());
                parsed.or_else(|| text.parse().ok().and_then(unix_ms))
            }
            number => unix_ms(number.number()?),
        }
    }
}

/// Milliseconds of a moment in seconds since 1970: the nearest, since a fraction of a second is
/// seldom exact.
fn unix_ms(seconds: f64) -> Option<i64> {
    let nanos = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?.as_nanos();
    i64::try_from((nanos + 500_000).div_euclid(1_000_000)).ok()
}

/// A moment in seconds since 1970.
fn unix_s(unix_ms: i64) -> f64 {
    jiff::SignedDuration::from_millis(unix_ms).as_secs_f64()
}

/// An ID in the form of AWS's that is the same for the same request at the same moment.
pub(super) fn request_id(now: Moment, operation: &str, body: &[u8]) -> String {
    let mut seen = format!("{} {operation} ", now.as_ms()).into_bytes();
    seen.extend_from_slice(body);
    let digest = Digest::of(&seen).to_string();
    let part = |range: std::ops::Range<usize>| digest.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}
