//! What notices must do: a topic takes them, and one that is not there is no silence.

use super::{Ground, LIMIT, Verdict, cases, fails, well};
use crate::domain::FailureClass;
use crate::domain::notice::{Notice, NoticeLevel, TopicArn};

cases! {
    "a topic takes a notice, and the same once more" => taken,
    "a topic takes a subject that is too long and not ASCII" => odd_subject,
    "a topic that is not there is an error" => no_topic,
}

fn notice(subject: &str) -> Notice {
    let (subject, body) = (subject.to_owned(), "All of it.\n\nregent status".to_owned());
    Notice {
        level: NoticeLevel::Infrastructure,
        key: "demo/region/r1/1.1".to_owned(),
        subject,
        body,
    }
}

async fn send(ground: &dyn Ground, topic: &TopicArn, notice: &Notice) -> Verdict {
    well("sending", ground.notices().send(topic, "demo", notice, LIMIT).await)
}

async fn taken(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let topic = ground.make_topic(&here, "taken").await;
    for _ in 0..2 {
        send(ground, &topic, &notice("[demo] r1 is down")).await?;
    }
    Ok(())
}

async fn odd_subject(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let topic = ground.make_topic(&here, "odd").await;
    send(ground, &topic, &notice(&"ö – \n".repeat(80))).await
}

async fn no_topic(ground: &dyn Ground) -> Verdict {
    let (here, _) = ground.regions();
    let none = format!("arn:aws:sns:{here}:123456789012:none-such").parse().expect("valid");
    let sent = ground.notices().send(&none, "demo", &notice("x"), LIMIT).await;
    fails("sending", sent, FailureClass::Permanent)
}
