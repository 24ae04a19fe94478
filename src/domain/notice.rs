//! Words for telling people.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::arn::{self, regional_arn};
use super::name::RegionId;

/// Whose trouble a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// Regions, seats, zones, the controller itself.
    Infrastructure,
    /// A service of the fleet.
    Application,
    /// A dependency that the fleet does not run.
    ThirdParty,
}

impl NoticeLevel {
    /// The level as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Application => "application",
            Self::ThirdParty => "third_party",
        }
    }
}

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whose trouble.
    pub level: NoticeLevel,
    /// Two notices with one key are one notice: receivers drop the second.
    pub key: String,
    /// One line.
    pub subject: String,
    /// The rest.
    pub body: String,
}

/// Why a text is not the ARN of a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:regent")]
pub struct InvalidTopic(pub String);

/// An SNS topic by its ARN, in one Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TopicArn {
    text: String,
    region: RegionId,
}

impl TopicArn {
    /// Whether it keeps the order of messages, and drops repeats by itself for five minutes (Amazon SNS
    /// Developer Guide, "Message deduplication for FIFO topics").
    #[must_use]
    pub fn is_fifo(&self) -> bool {
        self.text.ends_with(".fifo")
    }
}

impl FromStr for TopicArn {
    type Err = InvalidTopic;

    fn from_str(text: &str) -> Result<Self, InvalidTopic> {
        let read = || {
            let (region, name) = arn::regional(text, "sns")?;
            // Amazon SNS API Reference, "CreateTopic", `Name`.
            let plain = arn::is_word(name.trim_end_matches(".fifo"), &['-', '_']);
            (plain && name.len() <= 256).then_some(region)
        };
        match read() {
            Some(region) => Ok(Self { text: text.to_owned(), region }),
            None => Err(InvalidTopic(text.to_owned())),
        }
    }
}

regional_arn!(TopicArn, InvalidTopic);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_knows_its_region_and_whether_it_keeps_order() {
        let arn: TopicArn = "arn:aws:sns:eu-west-1:123456789012:regent".parse().expect("valid");
        assert_eq!((arn.region().as_str(), arn.is_fifo()), ("eu-west-1", false));
        let arn: TopicArn = "arn:aws:sns:eu-west-1:123456789012:r-1.fifo".parse().expect("valid");
        assert!(arn.is_fifo());
        for wrong in [
            "regent",
            "arn:aws:sqs:eu-west-1:123456789012:regent",
            "arn:aws:sns:eu-west-1:12345:regent",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:123456789012:a b",
            "arn:aws:sns:eu-west-1:123456789012:topic:1b2c",
        ] {
            assert!(wrong.parse::<TopicArn>().is_err(), "{wrong}");
        }
    }
}
