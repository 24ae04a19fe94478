//! Roles of other accounts, in whose name a hosted zone is read and changed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::arn::is_account;
use super::name::{FleetName, InvalidName, RegionId};

/// Longest ARN of a role that STS takes (STS API Reference, `AssumeRole`, `RoleArn`).
const ARN_CHARS_MAX: usize = 2048;

/// Lengths of an external ID (same page, `ExternalId`).
const EXTERNAL_ID_CHARS: std::ops::RangeInclusive<usize> = 2..=1224;

/// Longest name of a session (same page, `RoleSessionName`).
const SESSION_CHARS_MAX: usize = 64;

/// The ARN of an IAM role: `arn:aws:iam::123456789012:role/path/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleArn(String);

impl RoleArn {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleArn {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |reason| Err(InvalidName { kind: "role's ARN", text: text.to_owned(), reason });
        if text.len() > ARN_CHARS_MAX {
            return fail("it is longer than 2,048 characters");
        }
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service) = (next(), next(), next());
        let (region, account, resource) = (next(), next(), next());
        if arn != "arn" || !partition.starts_with("aws") || service != "iam" || !region.is_empty() {
            return fail("it must begin with arn:aws:iam::, or another partition's like");
        }
        if !is_account(account) {
            return fail("an account has 12 digits");
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
        match resource.strip_prefix("role/") {
            Some(name) if !name.is_empty() && !name.ends_with('/') && name.chars().all(legal) => {
                Ok(Self(text.to_owned()))
            }
            _ => fail("behind the account it must name a role, as role/name"),
        }
    }
}

impl TryFrom<String> for RoleArn {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<RoleArn> for String {
    fn from(arn: RoleArn) -> Self {
        arn.0
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the role's account wants to be told by whoever assumes it, so that nobody else can make us
/// assume it for them (IAM User Guide, "Access to AWS accounts owned by third parties").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalId(String);

impl ExternalId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalId {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |reason| Err(InvalidName { kind: "external ID", text: text.to_owned(), reason });
        if !EXTERNAL_ID_CHARS.contains(&text.chars().count()) {
            return fail("it must have 2 to 1,224 characters");
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c)) {
            return fail("only letters, digits and any of _+=,.@:/- may stand in it");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ExternalId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<ExternalId> for String {
    fn from(id: ExternalId) -> Self {
        id.0
    }
}

/// The role by which a zone of another account is read and changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ZoneRole {
    /// Which.
    pub arn: RoleArn,
    /// What its account wants to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
}

/// Who assumes roles: what stands in the other account's trail, and where STS is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumer {
    /// The session's name.
    pub session: String,
    /// Whose STS is asked. Its own, so that no other Region's loss takes the records with it.
    pub region: RegionId,
}

impl Assumer {
    /// An agent of a fleet, or whoever stands for one; `who` is its name.
    #[must_use]
    pub fn new(fleet: &FleetName, who: &str, region: RegionId) -> Self {
        // Names are letters, digits, hyphens and dots, all of which a session's name may hold.
        let session: String =
            format!("regent-{fleet}-{who}").chars().take(SESSION_CHARS_MAX).collect();
        Self { session, region }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sts_would_take_is_a_role_or_an_external_id() {
        for good in
            ["arn:aws:iam::123456789012:role/dns", "arn:aws-cn:iam::123456789012:role/a/b=c"]
        {
            assert!(good.parse::<RoleArn>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "dns",
            "arn:aws:iam::123456789012:user/dns",
            "arn:aws:iam::12345:role/dns",
            "arn:aws:sts::123456789012:role/dns",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(bad.parse::<RoleArn>().is_err(), "{bad}");
        }
        assert!("demo/7f:3a".parse::<ExternalId>().is_ok());
        for bad in ["x", "a b", &"x".repeat(1225)] {
            assert!(bad.parse::<ExternalId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_session_tells_fleet_and_agent_within_its_length() {
        let (fleet, region) = ("demo".parse().expect("valid"), "eu-west-1".parse().expect("valid"));
        let session = |who: &str| Assumer::new(&fleet, who, RegionId::clone(&region)).session;
        assert_eq!(session("eu-west-1.b"), "regent-demo-eu-west-1.b");
        assert_eq!(session(&"x".repeat(90)).len(), SESSION_CHARS_MAX);
    }
}
