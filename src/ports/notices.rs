//! Telling people.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::digest::Digest;
use crate::domain::notice::{Notice, TopicArn};

/// Most characters of a subject, and they are ASCII without line breaks (Amazon SNS API Reference,
/// "Publish", `Subject`).
pub const SUBJECT_MAX: usize = 100;

/// Topics that notices go to. Delivery is at least once: receivers drop repeats by key, which stands
/// in the message's attributes beside fleet and level.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Sends a notice through a topic, once, at the endpoint of the topic's Region. A topic that is
    /// not there is a permanent failure.
    async fn send(
        &self,
        topic: &TopicArn,
        fleet: &str,
        notice: &Notice,
        limit: Duration,
    ) -> Answer<()>;
}

/// A text as a subject: what is not ASCII becomes `?`, and what is too long is cut.
#[must_use]
pub fn subject(text: &str) -> String {
    let one = |c: char| if c.is_ascii() && !c.is_ascii_control() { c } else { '?' };
    let mut subject: String = text.chars().map(one).collect();
    if subject.len() > SUBJECT_MAX {
        subject.truncate(SUBJECT_MAX - 3);
        subject.push_str("...");
    }
    subject
}

/// What a topic that drops repeats by itself knows a notice by: a key may be longer than the 128
/// characters that it takes (same page, `MessageDeduplicationId`).
#[must_use]
pub fn deduplication_id(topic: &TopicArn, notice: &Notice) -> Option<String> {
    topic.is_fifo().then(|| Digest::of(notice.key.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_what_sns_takes() {
        assert_eq!(subject("eu-west-1 is down"), "eu-west-1 is down");
        assert_eq!(subject("a – b\nc"), "a ? b?c");
        let long = subject(&"x".repeat(200));
        assert_eq!((long.len(), long.ends_with("x...")), (SUBJECT_MAX, true));
    }
}
