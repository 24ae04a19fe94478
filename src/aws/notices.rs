//! Notices through SNS: each topic at its own Region's endpoint.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sns::types::MessageAttributeValue;

use super::call::Call;
use super::connect::Clients;
use crate::domain::notice::{Notice, TopicArn};
use crate::ports::{Answer, Notices as NoticesPort, notices};

/// Topics over AWS.
#[derive(Debug, Clone)]
pub struct Notices(pub(super) std::sync::Arc<Clients>);

#[async_trait]
impl NoticesPort for Notices {
    async fn send(
        &self,
        topic: &TopicArn,
        fleet: &str,
        notice: &Notice,
        limit: Duration,
    ) -> Answer<()> {
        let call = Call::write("Publish", topic.region().as_str(), limit);
        let text = |value: &str| {
            let attribute =
                MessageAttributeValue::builder().data_type("String").string_value(value);
            attribute.build().map_err(|_| call.senseless("an attribute without a type"))
        };
        let own = notices::deduplication_id(topic, notice);
        let answer = call
            .run(
                self.0
                    .sns(topic.region())
                    .publish()
                    .topic_arn(topic.as_str())
                    .subject(notices::subject(&notice.subject))
                    .message(&notice.body)
                    .message_attributes("fleet", text(fleet)?)
                    .message_attributes("level", text(notice.level.label())?)
                    .message_attributes("key", text(&notice.key)?)
                    .set_message_group_id(own.is_some().then(|| fleet.to_owned()))
                    .set_message_deduplication_id(own)
                    .customize()
                    .config_override(call.sns())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        match answer.message_id() {
            Some(_) => Ok(()),
            None => Err(call.senseless("no message ID")),
        }
    }
}
