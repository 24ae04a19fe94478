//! What the modelled SNS says to a notice, as the adapter puts it there.

use std::collections::BTreeMap;

use crate::domain::notice::{Notice, TopicArn};
use crate::domain::{CallFailure, Moment};
use crate::ports::notices::{deduplication_id, subject};
use crate::world::World;
use crate::world::sns::Message;

/// `Publish`.
pub(super) fn send(
    world: &mut World,
    now: Moment,
    topic: &TopicArn,
    fleet: &str,
    notice: &Notice,
) -> Result<(), CallFailure> {
    let own = deduplication_id(topic, notice);
    let attributes =
        [("fleet", fleet), ("level", notice.level.label()), ("key", notice.key.as_str())];
    let text = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let message = Message {
        subject: Some(subject(&notice.subject)),
        body: notice.body.clone(),
        attributes: attributes.map(text).into_iter().collect::<BTreeMap<_, _>>(),
        group: own.is_some().then(|| fleet.to_owned()),
        deduplication: own,
    };
    let published = world.sns.publish(now, topic.region(), topic.as_str(), message);
    published
        .map(|_| ())
        .map_err(|error| CallFailure::permanent(format!("{}: {error}", error.code())))
}
