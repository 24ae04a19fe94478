//! What may stand behind a key, as text, and what it means.

use crate::domain::{DatabaseId, RegionId, ServiceId};
use crate::runbook::action::{Enough, Share};

use super::kinds::Shape;

/// Longest time that may be written: a day. What takes longer is two runbooks.
pub const SECONDS_MAX: u32 = 86_400;

/// Kinds of parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// A Region's code.
    Region,
    /// A service's name.
    Service,
    /// A database's name.
    Database,
    /// `none`, `planned`, or thousandths of the declared weight.
    Share,
    /// Seconds, or a time such as `90s`, `5m` or `2h`.
    Duration,
    /// `carry`, or a number of instances.
    Count,
    /// Any text.
    Text,
}

impl ParameterKind {
    /// The shape of its values.
    #[must_use]
    pub const fn shape(self) -> Shape {
        match self {
            Self::Region => Shape::Region,
            Self::Service => Shape::Service,
            Self::Database => Shape::Database,
            Self::Share => Shape::Share,
            Self::Duration => Shape::Seconds,
            Self::Count => Shape::Enough,
            Self::Text => Shape::Text,
        }
    }

    /// As written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Service => "service",
            Self::Database => "database",
            Self::Share => "share",
            Self::Duration => "duration",
            Self::Count => "count",
            Self::Text => "text",
        }
    }
}

impl Shape {
    /// Whether a text may stand behind a key of this shape.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn accepts(self, text: &str) -> Result<(), String> {
        match self {
            Self::Region => text.parse::<RegionId>().map(drop).map_err(|error| error.to_string()),
            Self::Service => text.parse::<ServiceId>().map(drop).map_err(|error| error.to_string()),
            Self::Database => {
                text.parse::<DatabaseId>().map(drop).map_err(|error| error.to_string())
            }
            Self::Share => share(text).map(drop),
            Self::Seconds => seconds(text).map(drop),
            Self::Enough => enough(text).map(drop),
            Self::OneOf(words) => {
                if words.contains(&text) {
                    Ok(())
                } else {
                    Err(format!("{text:?} is none of {}", words.join(", ")))
                }
            }
            Self::Truth => match text {
                "true" | "false" => Ok(()),
                _ => Err(format!("{text:?} is neither true nor false")),
            },
            Self::Text => {
                if text.trim().is_empty() {
                    Err("it is empty".to_owned())
                } else {
                    Ok(())
                }
            }
        }
    }

    /// In words, for messages and for the page about the format.
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::Region => "a Region's code".to_owned(),
            Self::Service => "a service's name".to_owned(),
            Self::Database => "a database's name".to_owned(),
            Self::Share => "`none`, `planned`, or 1 to 1000 thousandths".to_owned(),
            Self::Seconds => "seconds, or a time such as `90s`, `5m` or `2h`".to_owned(),
            Self::Enough => "`carry`, or a number of instances".to_owned(),
            Self::OneOf(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            Self::Truth => "`true` or `false`".to_owned(),
            Self::Text => "text".to_owned(),
        }
    }
}

/// A time in seconds.
///
/// # Errors
/// What is wrong with the text.
pub fn seconds(text: &str) -> Result<u32, String> {
    let fail = || format!("{text:?} is no time: write seconds, or 90s, 5m or 2h");
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let count: u32 = text[..unit].parse().map_err(|_| fail())?;
    let factor = match &text[unit..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(fail()),
    };
    match count.checked_mul(factor) {
        Some(0) => Err(format!("{text:?} is no time at all")),
        Some(seconds) if seconds <= SECONDS_MAX => Ok(seconds),
        _ => Err(format!("{text:?} is longer than a day")),
    }
}

/// How much of its weight a record gets.
///
/// # Errors
/// What is wrong with the text.
pub fn share(text: &str) -> Result<Share, String> {
    match text {
        "none" => Ok(Share::None),
        "planned" => Ok(Share::Planned),
        _ => match text.parse() {
            Ok(permille @ 1..=1000) => Ok(Share::Permille(permille)),
            _ => {
                Err(format!("{text:?} is no share: write none, planned, or 1 to 1000 thousandths"))
            }
        },
    }
}

/// How many instances are enough.
///
/// # Errors
/// What is wrong with the text.
pub fn enough(text: &str) -> Result<Enough, String> {
    match text {
        "carry" => Ok(Enough::Carry),
        _ => match text.parse() {
            Ok(count @ 1..) => Ok(Enough::Instances(count)),
            _ => Err(format!("{text:?} is no number of instances: write carry, or at least 1")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_units_and_bounded() {
        assert_eq!(seconds("90"), Ok(90));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("5m"), Ok(300));
        assert_eq!(seconds("24h"), Ok(86_400));
        for bad in ["", "m", "5 m", "-5", "1d", "25h", "99999999h", "0", "5min"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_and_counts_have_words_and_numbers() {
        assert_eq!(share("none"), Ok(Share::None));
        assert_eq!(share("planned"), Ok(Share::Planned));
        assert_eq!(share("250"), Ok(Share::Permille(250)));
        assert!(share("0").is_err() && share("1001").is_err() && share("all").is_err());
        assert_eq!(enough("carry"), Ok(Enough::Carry));
        assert_eq!(enough("4"), Ok(Enough::Instances(4)));
        assert!(enough("0").is_err() && enough("-1").is_err());
    }
}
