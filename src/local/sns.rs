//! SNS's wire protocol over the modelled topics: Query, version 2010-03-31. Served is `Publish`.

use std::collections::BTreeMap;

use super::document::query::{self, Form, Refused};
use super::document::{Value, WireAnswer};
use crate::domain::{Moment, RegionId};
use crate::world::sns::{Message, Sns, SnsError};

const QUERY: query::Service =
    query::Service { namespace: "http://sns.amazonaws.com/doc/2010-03-31/", writes: &["Publish"] };

/// Serves one request for this Region.
#[must_use]
pub fn handle(sns: &mut Sns, now: Moment, region: &RegionId, body: &[u8]) -> WireAnswer {
    QUERY.answer(now, body, |form| {
        let form = form.ok_or_else(|| SnsError::InvalidParameter { what: "Action".to_owned() })?;
        Ok(Some(carry_out(sns, now, region, &form)?))
    })
}

impl From<SnsError> for Refused {
    fn from(error: SnsError) -> Self {
        Self { status: error.status(), code: error.code(), message: error.to_string() }
    }
}

fn carry_out(
    sns: &mut Sns,
    now: Moment,
    region: &RegionId,
    form: &Form,
) -> Result<Value, SnsError> {
    if form.action != "Publish" {
        return Err(SnsError::InvalidAction { action: form.action.clone() });
    }
    let input = &form.input;
    let text = |name: &str| input.text_at(name).map(str::to_owned);
    let message = Message {
        subject: text("Subject"),
        body: text("Message").unwrap_or_default(),
        attributes: attributes(input),
        group: text("MessageGroupId"),
        deduplication: text("MessageDeduplicationId"),
    };
    let topic = text("TopicArn").unwrap_or_default();
    let number = sns.publish(now, region, &topic, message)?;
    let id = format!("00000000-0000-0000-0000-{number:012x}");
    Ok(Value::map([("MessageId", Value::text(id))]))
}

/// `MessageAttributes.entry.1.Name=…&MessageAttributes.entry.1.Value.StringValue=…`
fn attributes(input: &Value) -> BTreeMap<String, String> {
    let entries = input.get("MessageAttributes").and_then(|it| it.get("entry"));
    let Some(Value::Map(entries)) = entries else { return BTreeMap::new() };
    let one = |(_, entry): &(String, Value)| {
        let value = entry.get("Value")?.text_at("StringValue")?;
        Some((entry.text_at("Name")?.to_owned(), value.to_owned()))
    };
    entries.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sns:r1:123456789012:regent";

    fn asked(sns: &mut Sns, body: &str) -> (u16, String) {
        let region = "r1".parse().expect("valid");
        let answer = handle(sns, Moment::ZERO, &region, body.as_bytes());
        (answer.status, String::from_utf8(answer.body).expect("UTF-8"))
    }

    #[test]
    fn a_message_is_published_with_its_attributes() {
        let mut sns = Sns::default();
        sns.add_topic(ARN.parse().expect("valid"));
        let body = format!(
            "Action=Publish&Version=2010-03-31&TopicArn={ARN}&Subject=r1+is+down&Message=All+of+it&\
             MessageAttributes.entry.1.Name=key&MessageAttributes.entry.1.Value.DataType=String&\
             MessageAttributes.entry.1.Value.StringValue=region%2Fr1"
        );
        let (status, xml) = asked(&mut sns, &body);
        assert_eq!(status, 200, "{xml}");
        assert!(xml.contains("<PublishResult><MessageId>"), "{xml}");
        let message = &sns.published().next().expect("kept").message;
        assert_eq!(message.subject.as_deref(), Some("r1 is down"));
        assert_eq!(message.attributes["key"], "region/r1");
    }

    #[test]
    fn a_topic_that_is_not_there_is_refused_as_sns_does() {
        let body = format!("Action=Publish&TopicArn={ARN}&Message=x");
        let (status, xml) = asked(&mut Sns::default(), &body);
        assert_eq!((status, xml.contains("<Code>NotFound</Code>")), (404, true), "{xml}");
        let (status, _) = asked(&mut Sns::default(), "Action=Subscribe");
        assert_eq!(status, 400);
    }
}
