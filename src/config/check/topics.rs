//! Rules on `notice_topic`: a topic of the Region whose file names it.

use std::collections::BTreeMap;

use super::super::problem::Findings;
use super::{Folder, Read};
use crate::domain::RegionId;
use crate::domain::notice::TopicArn;

/// The topics of all Regions; what is wrong is left out and noted.
pub(super) fn check(folder: &Folder, findings: &mut Findings) -> BTreeMap<RegionId, TopicArn> {
    let mut topics = BTreeMap::new();
    for (stem, Read { source, raw }) in &folder.regions {
        let Some(text) = raw.as_ref().and_then(|raw| raw.notice_topic.as_ref()) else { continue };
        let place = source.place(&["notice_topic"]);
        let topic: Option<TopicArn> =
            findings.take(text.parse(), place.clone(), "copy it from the topic's page");
        let Some(topic) = topic else { continue };
        if topic.region().as_str() != stem {
            findings.refuse(
                place,
                format!("notice_topic is in {}, and this is the file of {stem}", topic.region()),
                "name a topic of this Region: what tells of a lost Region must not be lost with it",
            );
            continue;
        }
        topics.insert(topic.region().clone(), topic);
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::each_is_refused;

    #[test]
    fn a_topic_must_be_one_of_the_regions_own() {
        const LINE: &str = "region = \"r1\"\n";
        let with = |arn: &str| format!("{LINE}notice_topic = \"{arn}\"\n");
        each_is_refused(&[
            (
                &[("r1.toml", LINE, &with("regent"))],
                "r1.toml:2:16: \"regent\" is not the ARN of an SNS topic, such as \
                 arn:aws:sns:eu-west-1:123456789012:regent; copy it from the topic's page",
            ),
            (
                &[("r1.toml", LINE, &with("arn:aws:sns:r2:123456789012:regent"))],
                "r1.toml:2:16: notice_topic is in r2, and this is the file of r1; name a topic of \
                 this Region: what tells of a lost Region must not be lost with it",
            ),
        ]);
    }
}
