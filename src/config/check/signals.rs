//! Rules on what a Region's own agent reads of AWS: a service's target group and alarms.

use std::collections::BTreeSet;

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use crate::domain::RegionId;
use crate::domain::signal::{AlarmName, TargetGroupArn};

/// Alarms that one `DescribeAlarms` can name (CloudWatch API Reference, "DescribeAlarms").
const ALARMS_MAX: usize = 100;

/// A placement's target group and alarms; none when something is wrong with either.
pub(super) fn check(
    region: &RegionId,
    service: &str,
    raw: &raw::Placement,
    source: &Source,
    findings: &mut Findings,
) -> Option<(Option<TargetGroupArn>, BTreeSet<AlarmName>)> {
    let group = match &raw.target_group {
        None => Some(None),
        Some(text) => target_group(region, service, text, source, findings).map(Some),
    };
    let alarms = alarms(service, &raw.alarms, source, findings);
    group.zip(alarms)
}

fn target_group(
    region: &RegionId,
    service: &str,
    text: &str,
    source: &Source,
    findings: &mut Findings,
) -> Option<TargetGroupArn> {
    let place = source.place(&["services", service, "target_group"]);
    let arn: TargetGroupArn =
        findings.take(text.parse(), place.clone(), "copy it from the target group's page")?;
    if arn.region() != region {
        findings.refuse(
            place,
            format!("target_group is in {}, and this is the file of {region}", arn.region()),
            "name the group of this Region: a copied file that was not adapted would tell of \
             another Region's targets",
        );
        return None;
    }
    Some(arn)
}

fn alarms(
    service: &str,
    raw: &[String],
    source: &Source,
    findings: &mut Findings,
) -> Option<BTreeSet<AlarmName>> {
    let place = source.place(&["services", service, "alarms"]);
    let mut alarms = BTreeSet::new();
    let mut whole = true;
    for text in raw {
        let name = findings.take(text.parse(), place.clone(), "write the alarm's name");
        let Some(name) = name else {
            whole = false;
            continue;
        };
        let name: AlarmName = name;
        if alarms.contains(&name) {
            findings.refuse(
                place.clone(),
                format!("alarms names {:?} twice", name.as_str()),
                "remove one of the two",
            );
            whole = false;
        }
        alarms.insert(name);
    }
    if raw.len() > ALARMS_MAX {
        findings.refuse(
            place,
            format!("{} alarms are more than one request can name", raw.len()),
            format!("name at most {ALARMS_MAX}, or a composite alarm over them"),
        );
        whole = false;
    }
    whole.then_some(alarms)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::each_is_refused;

    const URL: &str = r#"url = "http://web.r1.example.com""#;

    #[test]
    fn target_groups_and_alarms_are_checked() {
        let with = |line: &str| format!("{URL}\n{line}");
        let arn = |region: &str| {
            format!(
                "target_group = \"arn:aws:elasticloadbalancing:{region}:123456789012:targetgroup/\
                 web/0123456789abcdef\""
            )
        };
        let cases = [
            (
                with("target_group = \"web\""),
                "r1.toml:5:16: \"web\" is not the ARN of a target group, such as \
                 arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/\
                 0123456789abcdef; copy it from the target group's page",
            ),
            (
                with(&arn("r2")),
                "r1.toml:5:16: target_group is in r2, and this is the file of r1; name the group \
                 of this Region: a copied file that was not adapted would tell of another Region's \
                 targets",
            ),
            (
                with("alarms = [\"\"]"),
                "r1.toml:5:10: \"\" is not the name of an alarm: 1 to 255 characters, without \
                 control characters; write the alarm's name",
            ),
            (
                with("alarms = [\"x\", \"x\"]"),
                "r1.toml:5:10: alarms names \"x\" twice; remove one of the two",
            ),
        ];
        for (to, message) in &cases {
            each_is_refused(&[(&[("r1.toml", URL, to)], message)]);
        }
    }
}
