//! Words for what a Region can carry.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::RegionId;

/// Why a text is not the name of an autoscaling group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the name of an autoscaling group: 1 to 255 characters, without colons and control \
     characters"
)]
pub struct InvalidScalingGroup(pub String);

/// Name of an autoscaling group, in its Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScalingGroupName(String);

impl ScalingGroupName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ScalingGroupName {
    type Err = InvalidScalingGroup;
    fn from_str(text: &str) -> Result<Self, InvalidScalingGroup> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ScalingGroupName {
    type Error = InvalidScalingGroup;
    fn try_from(text: String) -> Result<Self, InvalidScalingGroup> {
        // Amazon EC2 Auto Scaling API Reference, "CreateAutoScalingGroup", `AutoScalingGroupName`.
        let fits = (1..=255).contains(&text.chars().count())
            && !text.contains(':')
            && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(InvalidScalingGroup(text)) }
    }
}

impl From<ScalingGroupName> for String {
    fn from(name: ScalingGroupName) -> String {
        name.0
    }
}

impl fmt::Display for ScalingGroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Where an autoscaling group is, and what it is called there: names are a Region's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScalingGroupId {
    /// Where.
    pub region: RegionId,
    /// Its name there.
    pub name: ScalingGroupName,
}

impl fmt::Display for ScalingGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.region)
    }
}

/// An autoscaling group, as AWS shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingGroup {
    /// Fewest instances.
    pub min: u32,
    /// Instances wanted now.
    pub desired: u32,
    /// Most instances: what it can reach without anybody's change of limits.
    pub max: u32,
    /// Instances in service now.
    pub in_service: u32,
}

/// What an account may run in a Region and runs there, in vCPUs of its on-demand instances of the
/// standard families (A, C, D, H, I, M, R, T, Z).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vcpus {
    /// The quota.
    pub most: u32,
    /// In use; none while CloudWatch has no figure of it.
    pub used: Option<u32>,
}

/// What a group of so many instances must have to carry `wanted` where it carries `carried` now:
/// rounded up, and never fewer than it has.
#[must_use]
pub fn to_carry(instances: u32, carried: u64, wanted: u64) -> u32 {
    if carried == 0 {
        return instances;
    }
    let exact = u128::from(instances) * u128::from(wanted);
    u32::try_from(exact.div_ceil(u128::from(carried))).unwrap_or(u32::MAX).max(instances)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_what_aws_takes_for_one() {
        assert_eq!(
            "web blue (1)".parse::<ScalingGroupName>().expect("valid").as_str(),
            "web blue (1)"
        );
        let arn = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:x:autoScalingGroupName/web";
        for text in ["", arn, "a:b", "a\nb", &"x".repeat(256)] {
            assert!(text.parse::<ScalingGroupName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_group_grows_with_its_share_and_is_rounded_up() {
        assert_eq!(to_carry(4, 100, 150), 6);
        assert_eq!(to_carry(3, 100, 150), 5);
        assert_eq!(to_carry(3, 100, 50), 3, "never fewer");
        assert_eq!(to_carry(3, 0, 50), 3, "of what carries nothing, nothing can be said");
        assert_eq!(to_carry(u32::MAX, 1, u64::MAX), u32::MAX);
    }

    proptest! {
        #[test]
        fn what_is_carried_for_each_instance_does_not_grow(
            instances in 1u32..10_000, carried in 1u64..1000, more in 0u64..1000,
        ) {
            let enough = to_carry(instances, carried, carried + more);
            // carried / instances >= (carried + more) / enough, without fractions.
            prop_assert!(
                u128::from(carried) * u128::from(enough)
                    >= u128::from(carried + more) * u128::from(instances)
            );
        }
    }
}
