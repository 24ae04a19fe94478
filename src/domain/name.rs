//! Names of things: Regions, services, agents, hosted zones, the fleet.
//!
//! Each is a validated string of its own type, so that a service can't be passed where a Region is
//! meant, and so that a name is safe to put into a table key, a metric label and a DNS TXT value
//! without quoting.
//!
//! Names of up to 24 bytes, which is nearly all of them, stand where they are kept and not behind a
//! pointer: a leader of 30 Regions and 200 services compares and copies them by the hundred
//! thousand.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize, Serializer};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not valid: {reason}")]
pub struct InvalidName {
    /// What the name was to be, such as "Region".
    pub kind: &'static str,
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Longest name of any kind, in bytes. DynamoDB and Route 53 allow more; a label in a metric or a
/// line of `status` doesn't read well beyond it.
const NAME_BYTES_MAX: usize = 63;

fn check(kind: &'static str, text: &str, extra: &str) -> Result<(), InvalidName> {
    let fail = |reason| Err(InvalidName { kind, text: text.to_owned(), reason });
    if text.is_empty() {
        return fail("it is empty");
    }
    if text.len() > NAME_BYTES_MAX {
        return fail("it is longer than 63 bytes");
    }
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || extra.contains(c)) {
        return fail("only letters, digits, hyphens (and, for some names, dots) may stand in it");
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return fail("it must begin with a letter or a digit");
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $extra:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "CompactString")]
        pub struct $type(CompactString);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check($kind, text, $extra)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<CompactString> for $type {
            type Error = InvalidName;
            fn try_from(text: CompactString) -> Result<Self, InvalidName> {
                check($kind, &text, $extra)?;
                Ok(Self(text))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.into()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// An AWS Region by its code, such as `eu-west-1`.
    RegionId,
    "Region",
    ""
);
name!(
    /// A service of the fleet: one record name that several Regions answer for.
    ServiceId,
    "service",
    "_"
);
name!(
    /// One agent. Several may run in a Region, each with an identity of its own; by default an
    /// agent is named after its Region.
    AgentId,
    "agent",
    "._"
);
name!(
    /// The fleet. Prefixes its tables and stands in every fence, so that two fleets can't act on
    /// one zone unnoticed.
    FleetName,
    "fleet",
    ""
);
name!(
    /// A Route 53 hosted zone by its ID, such as `Z0123456789ABCDEFGHIJ` (without `/hostedzone/`).
    ZoneId,
    "hosted zone",
    ""
);

name!(
    /// A database of the fleet: one Aurora global cluster, by its name in the fleet's files.
    DatabaseId,
    "database",
    "_"
);
name!(
    /// An Aurora global cluster by its identifier in RDS.
    GlobalClusterId,
    "global cluster",
    ""
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_separator_in_it_is_refused_with_the_reason() {
        let error = "us-east-1#x".parse::<RegionId>().expect_err("'#' separates key parts");
        assert!(error.to_string().contains("us-east-1#x"), "{error}");
        assert!("".parse::<RegionId>().is_err());
        assert!("-x".parse::<RegionId>().is_err());
        assert!("a".repeat(64).parse::<RegionId>().is_err());
        assert!("eu-west-1".parse::<RegionId>().is_ok());
    }

    #[test]
    fn deserialising_checks_too() {
        assert!(serde_json::from_str::<RegionId>("\"bad region\"").is_err());
        assert!(serde_json::from_str::<RegionId>("\"eu-west-1\"").is_ok());
    }
}
