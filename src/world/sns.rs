//! Amazon SNS in every Region: topics, and what was published to them.
//!
//! As the API Reference has it ("Publish"): a subject is short, ASCII and of one line; a FIFO topic
//! wants a group, and drops a repeat by its deduplication ID for five minutes. Subscriptions are not
//! modelled: what arrives at a topic is kept, for those who look.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::domain::notice::TopicArn;
use crate::domain::{Moment, RegionId};

/// Messages that are kept of all topics together: a demonstration looks at the newest.
const KEPT_MAX: usize = 1000;

/// How long a FIFO topic knows a deduplication ID ("Message deduplication for FIFO topics").
const KNOWN_FOR: Duration = Duration::from_secs(300);

/// A refusal (Amazon SNS API Reference, the errors of "Publish" and "Common errors").
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnsError {
    /// No such topic in this Region.
    #[error("Topic does not exist")]
    NotFound,
    /// The request makes no sense.
    #[error("Invalid parameter: {what}")]
    InvalidParameter {
        /// What is wrong.
        what: String,
    },
    /// The action is not modelled.
    #[error("Could not find operation {action} for version 2010-03-31")]
    InvalidAction {
        /// What was asked for.
        action: String,
    },
}

impl SnsError {
    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "NotFound",
            Self::InvalidParameter { .. } => "InvalidParameter",
            Self::InvalidAction { .. } => "InvalidAction",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::InvalidParameter { .. } | Self::InvalidAction { .. } => 400,
        }
    }
}

/// What is asked to be published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub subject: Option<String>,
    /// The rest.
    pub body: String,
    /// Attributes that are texts.
    pub attributes: BTreeMap<String, String>,
    /// For a FIFO topic: within which messages keep their order.
    pub group: Option<String>,
    /// For a FIFO topic: by what repeats are dropped.
    pub deduplication: Option<String>,
}

/// A message that a topic took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub at: Moment,
    /// Its number among all.
    pub number: u64,
    /// Which topic.
    pub topic: TopicArn,
    /// What.
    pub message: Message,
}

/// SNS in every Region.
#[derive(Debug, Clone, Default)]
pub struct Sns {
    topics: BTreeMap<TopicArn, BTreeMap<String, (Moment, u64)>>,
    published: VecDeque<Published>,
    count: u64,
}

impl Sns {
    /// Adds a topic.
    pub fn add_topic(&mut self, topic: TopicArn) {
        self.topics.entry(topic).or_default();
    }

    /// Takes a topic away.
    pub fn remove_topic(&mut self, topic: &TopicArn) {
        self.topics.remove(topic);
    }

    /// The newest messages that topics took, the oldest first.
    pub fn published(&self) -> impl DoubleEndedIterator<Item = &Published> {
        self.published.iter()
    }

    /// `Publish`, at this Region's endpoint: the message's number.
    ///
    /// # Errors
    /// When there is no such topic here, or the message is none that it takes.
    pub fn publish(
        &mut self,
        now: Moment,
        region: &RegionId,
        topic: &str,
        message: Message,
    ) -> Result<u64, SnsError> {
        let invalid = |what: &str| SnsError::InvalidParameter { what: what.to_owned() };
        let topic: TopicArn = topic.parse().map_err(|_| invalid("TopicArn"))?;
        if topic.region() != region {
            return Err(invalid("TopicArn"));
        }
        if message.body.is_empty() {
            return Err(invalid("Empty message"));
        }
        let fits = |subject: &String| {
            (1..=100).contains(&subject.len())
                && subject.chars().all(|c| c.is_ascii() && !c.is_ascii_control())
        };
        if message.subject.as_ref().is_some_and(|subject| !fits(subject)) {
            return Err(invalid("Subject"));
        }
        let known = self.topics.get_mut(&topic).ok_or(SnsError::NotFound)?;
        if topic.is_fifo() {
            if message.group.is_none() {
                return Err(invalid("The MessageGroupId parameter is required for FIFO topics"));
            }
            let id = message.deduplication.clone().ok_or_else(|| {
                invalid("The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
            })?;
            known.retain(|_, (at, _)| now.since(*at) < KNOWN_FOR);
            if let Some((_, number)) = known.get(&id) {
                return Ok(*number);
            }
            known.insert(id, (now, self.count + 1));
        }
        self.count += 1;
        if self.published.len() == KEPT_MAX {
            self.published.pop_front();
        }
        self.published.push_back(Published { at: now, number: self.count, topic, message });
        Ok(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(name: &str) -> TopicArn {
        format!("arn:aws:sns:r1:123456789012:{name}").parse().expect("valid")
    }

    fn message(deduplication: Option<&str>) -> Message {
        Message {
            subject: Some("s".to_owned()),
            body: "b".to_owned(),
            group: deduplication.map(|_| "g".to_owned()),
            deduplication: deduplication.map(str::to_owned),
            ..Message::default()
        }
    }

    fn publish(sns: &mut Sns, now: Moment, topic: &str, it: Message) -> Result<u64, SnsError> {
        sns.publish(now, &"r1".parse().expect("valid"), arn(topic).as_str(), it)
    }

    #[test]
    fn what_is_published_is_kept_and_what_is_wrong_is_refused() {
        let mut sns = Sns::default();
        let none = publish(&mut sns, Moment::ZERO, "t", message(None));
        assert_eq!(none, Err(SnsError::NotFound));
        sns.add_topic(arn("t"));
        assert_eq!(publish(&mut sns, Moment::ZERO, "t", message(None)), Ok(1));
        assert_eq!(
            publish(&mut sns, Moment::ZERO, "t", message(None)),
            Ok(2),
            "no order, no memory"
        );
        for subject in ["", "two\nlines", "ö", &"x".repeat(101)] {
            let wrong = Message { subject: Some(subject.to_owned()), ..message(None) };
            assert!(publish(&mut sns, Moment::ZERO, "t", wrong).is_err(), "{subject:?}");
        }
        let elsewhere = "r2".parse().expect("valid");
        assert!(sns.publish(Moment::ZERO, &elsewhere, arn("t").as_str(), message(None)).is_err());
        assert_eq!(sns.published().count(), 2);
    }

    #[test]
    fn a_topic_that_keeps_order_drops_repeats_for_five_minutes() {
        let mut sns = Sns::default();
        sns.add_topic(arn("t.fifo"));
        assert!(publish(&mut sns, Moment::ZERO, "t.fifo", message(None)).is_err());
        assert_eq!(publish(&mut sns, Moment::ZERO, "t.fifo", message(Some("a"))), Ok(1));
        assert_eq!(publish(&mut sns, Moment::ZERO, "t.fifo", message(Some("a"))), Ok(1));
        assert_eq!(publish(&mut sns, Moment::ZERO, "t.fifo", message(Some("b"))), Ok(2));
        let later = Moment::ZERO + KNOWN_FOR;
        assert_eq!(publish(&mut sns, later, "t.fifo", message(Some("a"))), Ok(3));
        assert_eq!(sns.published().count(), 3);
    }
}
