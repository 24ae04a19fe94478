//! Words for what AWS itself says about a Region: load-balancer target health, alarms, metrics.
//!
//! A Region's own agent reads these and publishes them beside what it probes. They are compact,
//! since every word in a report is written to every replica of the board every two seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::arn::{self, regional_arn};
use super::name::RegionId;

/// Why a text is not the ARN of a target group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the ARN of a target group, such as \
     arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
)]
pub struct InvalidTargetGroup(pub String);

/// A load balancer's target group by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetGroupArn {
    text: String,
    region: RegionId,
}

impl TargetGroupArn {
    /// The account that it belongs to: twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        self.text.split(':').nth(4).unwrap_or_default()
    }

    /// The last part, `targetgroup/<name>/<id>`: CloudWatch's dimension `TargetGroup`.
    #[must_use]
    pub fn resource(&self) -> &str {
        self.text.rsplit(':').next().unwrap_or_default()
    }

    /// The group's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.resource().split('/').nth(1).unwrap_or_default()
    }
}

impl FromStr for TargetGroupArn {
    type Err = InvalidTargetGroup;

    fn from_str(text: &str) -> Result<Self, InvalidTargetGroup> {
        let read = || {
            let (region, resource) = arn::regional(text, "elasticloadbalancing")?;
            let (name, id) = resource.strip_prefix("targetgroup/")?.split_once('/')?;
            (arn::is_word(name, &['-']) && arn::is_word(id, &['-'])).then_some(region)
        };
        match read() {
            Some(region) => Ok(Self { text: text.to_owned(), region }),
            None => Err(InvalidTargetGroup(text.to_owned())),
        }
    }
}

regional_arn!(TargetGroupArn, InvalidTargetGroup);

/// Targets of one group in one availability zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ZoneHealth {
    /// Targets that pass their checks.
    #[serde(skip_serializing_if = "is_zero")]
    pub healthy: u32,
    /// Targets that fail them.
    #[serde(skip_serializing_if = "is_zero")]
    pub unhealthy: u32,
    /// Targets of which the checks say nothing: coming (`initial`), going (`draining`), `unused`,
    /// or `unavailable` since they are not checked.
    #[serde(skip_serializing_if = "is_zero")]
    pub aside: u32,
    /// How many targets have each reason code, such as `Target.Timeout`. Healthy ones have none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<String, u32>,
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl fmt::Display for ZoneHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.healthy, self.healthy + self.unhealthy)?;
        for (n, (reason, count)) in self.reasons.iter().enumerate() {
            write!(f, "{}{count} {reason}", if n == 0 { " (" } else { ", " })?;
        }
        if self.reasons.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// Health of a target group, as its Region's own load balancer sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetHealth {
    /// By availability zone.
    pub zones: BTreeMap<String, ZoneHealth>,
}

impl TargetHealth {
    /// Targets that pass their checks.
    #[must_use]
    pub fn healthy(&self) -> u32 {
        self.zones.values().map(|zone| zone.healthy).sum()
    }

    /// Targets that fail them.
    #[must_use]
    pub fn unhealthy(&self) -> u32 {
        self.zones.values().map(|zone| zone.unhealthy).sum()
    }

    /// Unhealthy targets of a thousand of those that are checked; none when none is.
    #[must_use]
    pub fn unhealthy_permille(&self) -> Option<u16> {
        let (unhealthy, checked) = (self.unhealthy(), self.healthy() + self.unhealthy());
        if checked == 0 {
            return None;
        }
        let permille = u64::from(unhealthy) * 1000 / u64::from(checked);
        Some(u16::try_from(permille).expect("a part is not above the whole"))
    }

    /// Whether targets are checked and not one of them is healthy. The load balancer then sends
    /// requests to all of them ("Health checks for Application Load Balancer target groups": it
    /// fails open), so that what clients get need not be nothing.
    #[must_use]
    pub fn none_healthy(&self) -> bool {
        self.healthy() == 0 && self.unhealthy() > 0
    }
}

impl fmt::Display for TargetHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (healthy, unhealthy) = (self.healthy(), self.unhealthy());
        write!(f, "{healthy} of {} targets healthy", healthy + unhealthy)?;
        let told = self.zones.iter().filter(|(_, zone)| !zone.reasons.is_empty());
        for (n, (name, zone)) in told.enumerate() {
            write!(f, "{} {name} {zone}", if n == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// Why a text is not an alarm's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the name of an alarm: 1 to 255 characters, without control characters")]
pub struct InvalidAlarmName(pub String);

/// A CloudWatch alarm by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlarmName(String);

impl AlarmName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AlarmName {
    type Err = InvalidAlarmName;
    fn from_str(text: &str) -> Result<Self, InvalidAlarmName> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for AlarmName {
    type Error = InvalidAlarmName;
    fn try_from(text: String) -> Result<Self, InvalidAlarmName> {
        // CloudWatch API Reference, "PutMetricAlarm", `AlarmName`.
        let fits = (1..=255).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(InvalidAlarmName(text))
        }
    }
}

impl From<AlarmName> for String {
    fn from(name: AlarmName) -> String {
        name.0
    }
}

impl fmt::Display for AlarmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// State of a CloudWatch alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlarmState {
    /// Within its threshold.
    Ok,
    /// Breached.
    Alarm,
    /// Not enough data: neither good nor bad.
    InsufficientData,
}

impl AlarmState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Alarm, Self::InsufficientData];

    /// The state as CloudWatch writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Alarm => "ALARM",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// The state as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Alarm => "alarm",
            Self::InsufficientData => "insufficient_data",
        }
    }
}

impl FromStr for AlarmState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is not OK, ALARM or INSUFFICIENT_DATA"))
    }
}

impl fmt::Display for AlarmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Requests that a load balancer sent to each target of a group in one minute, on the average: what
/// `RequestCountPerTarget` counts. Health checks of the load balancer are none of them, and a minute
/// without requests is not told of (Elastic Load Balancing, "CloudWatch metrics for your Application
/// Load Balancer").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestsPerTarget {
    /// When the minute began, in seconds since 1970.
    pub minute_unix_s: i64,
    /// How many, in thousandths.
    pub thousandths: u64,
}

impl RequestsPerTarget {
    /// Length of a period.
    const PERIOD_S: u32 = 60;

    /// How far back to look: points come minutes late.
    const WINDOW_S: u32 = 600;

    /// What to ask CloudWatch for.
    #[must_use]
    pub fn query(group: &TargetGroupArn) -> MetricQuery {
        let metric = MetricId {
            namespace: "AWS/ApplicationELB".to_owned(),
            name: "RequestCountPerTarget".to_owned(),
            dimensions: [("TargetGroup".to_owned(), group.resource().to_owned())].into(),
        };
        // The one statistic that the metric has: of averages, whatever its name says.
        let (statistic, period_s, window_s) = (Statistic::Sum, Self::PERIOD_S, Self::WINDOW_S);
        MetricQuery { metric, statistic, period_s, window_s }
    }

    /// The newest minute that is over; none if no minute of those is.
    #[must_use]
    pub fn newest(points: &[Datapoint], now_unix_s: i64) -> Option<Self> {
        let over = |point: &&Datapoint| point.at_unix_s + i64::from(Self::PERIOD_S) <= now_unix_s;
        let newest = points.iter().filter(over).max_by_key(|point| point.at_unix_s)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of requests: at least 0, and far below what an integer holds"
        )]
        let thousandths = (newest.value.max(0.0) * 1000.0).round() as u64;
        Some(Self { minute_unix_s: newest.at_unix_s, thousandths })
    }
}

/// Requests that still reach a service in a Region from which its traffic was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arriving {
    /// When the newest minute began that its load balancer has told of, in seconds since 1970; none
    /// if it told of no request in ten minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute_unix_s: Option<i64>,
    /// Requests of that minute, this fleet's own probes among them.
    pub per_minute: u64,
}

/// What the Region's own agent read of one service's signals. Holds only what is fresh: a reading
/// that has grown old is left out by its reader, and what is left out counts for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSignals {
    /// Health of its target group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<TargetHealth>,
    /// Its alarms.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub alarms: BTreeMap<AlarmName, AlarmState>,
    /// For how long they have amounted to a complaint, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complaint_ms: Option<u64>,
    /// Requests that still reach it, while no traffic is meant to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arriving: Option<Arriving>,
    /// Why something is missing here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}

impl ServiceSignals {
    /// What these signals complain of, in words: the Region's own agent finds the service ill
    /// inside. An alarm without enough data says nothing, and neither does what is missing.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let alarms: BTreeSet<&AlarmName> = self
            .alarms
            .iter()
            .filter(|(_, state)| **state == AlarmState::Alarm)
            .map(|(name, _)| name)
            .collect();
        let targets = self.targets.as_ref().filter(|targets| targets.none_healthy());
        let alarms = alarms.iter().map(|name| format!("alarm {name} is in ALARM"));
        let said: Vec<String> = alarms.chain(targets.map(ToString::to_string)).collect();
        if said.is_empty() { None } else { Some(said.join("; ")) }
    }

    /// Whether they amount to a complaint.
    #[must_use]
    pub fn complains(&self) -> bool {
        self.alarms.values().any(|state| *state == AlarmState::Alarm)
            || self.targets.as_ref().is_some_and(TargetHealth::none_healthy)
    }
}

/// How the datapoints of a period become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Statistic {
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// How many there are.
    SampleCount,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Self; 5] =
        [Self::Sum, Self::Average, Self::Minimum, Self::Maximum, Self::SampleCount];

    /// The statistic as CloudWatch writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "Sum",
            Self::Average => "Average",
            Self::Minimum => "Minimum",
            Self::Maximum => "Maximum",
            Self::SampleCount => "SampleCount",
        }
    }
}

impl FromStr for Statistic {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|statistic| statistic.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is not one of CloudWatch's plain statistics"))
    }
}

/// Names a metric: no two metrics share all three.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MetricId {
    /// Whose it is, such as `AWS/ApplicationELB`.
    pub namespace: String,
    /// Its name, such as `RequestCount`.
    pub name: String,
    /// Its dimensions.
    pub dimensions: BTreeMap<String, String>,
}

/// The newest datapoints of a metric: what to ask CloudWatch for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricQuery {
    /// Of which metric.
    pub metric: MetricId,
    /// How datapoints become one.
    pub statistic: Statistic,
    /// Length of a period in seconds: 60 or a multiple of it, for what AWS's services publish.
    pub period_s: u32,
    /// How far back to look, in seconds. Points arrive late: leave room for some periods.
    pub window_s: u32,
}

/// One period of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Datapoint {
    /// When the period began, in seconds since 1970.
    pub at_unix_s: i64,
    /// Its value.
    pub value: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str =
        "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef";

    #[test]
    fn the_newest_minute_that_is_over_tells_what_arrives() {
        let point = |at_unix_s, value| Datapoint { at_unix_s, value };
        let points = [point(120, 40.25), point(60, 90.0), point(180, 3.0)];
        let newest = |now| RequestsPerTarget::newest(&points, now).map(|found| found.thousandths);
        assert_eq!(newest(239), Some(40_250));
        assert_eq!(newest(240), Some(3_000));
        assert_eq!(newest(119), None);
        assert_eq!(RequestsPerTarget::newest(&[], 1_000), None);
        let query = RequestsPerTarget::query(&ARN.parse().expect("valid"));
        let dimension = query.metric.dimensions.get("TargetGroup").map(String::as_str);
        assert_eq!(dimension, Some("targetgroup/web/0123456789abcdef"));
    }

    #[test]
    fn an_arn_tells_region_account_name_and_dimension() {
        let arn: TargetGroupArn = ARN.parse().expect("valid");
        assert_eq!(arn.region().as_str(), "eu-west-1");
        assert_eq!((arn.account(), arn.name()), ("123456789012", "web"));
        assert_eq!(arn.resource(), "targetgroup/web/0123456789abcdef");
    }

    #[test]
    fn what_is_no_target_group_is_refused() {
        for text in [
            "",
            "web",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/0123",
            "arn:aws:elasticloadbalancing:eu-west-1:12345:targetgroup/web/0123",
            "arn:aws:elasticloadbalancing::123456789012:targetgroup/web/0123",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/",
        ] {
            assert!(text.parse::<TargetGroupArn>().is_err(), "{text}");
        }
    }

    fn zone(healthy: u32, unhealthy: u32, aside: u32) -> ZoneHealth {
        let reasons = [("Target.Timeout".to_owned(), unhealthy)];
        let reasons = reasons.into_iter().filter(|(_, count)| *count > 0).collect();
        ZoneHealth { healthy, unhealthy, aside, reasons }
    }

    fn health(zones: &[(&str, ZoneHealth)]) -> TargetHealth {
        TargetHealth { zones: zones.iter().map(|(n, z)| ((*n).to_owned(), z.clone())).collect() }
    }

    #[test]
    fn targets_that_come_or_go_are_no_part_of_the_ratio() {
        let health = health(&[("a", zone(1, 1, 3)), ("b", zone(2, 0, 0))]);
        assert_eq!(health.unhealthy_permille(), Some(250));
        assert_eq!(health.to_string(), "3 of 4 targets healthy: a 1 of 2 (1 Target.Timeout)");
        let coming = super::TargetHealth { zones: [("a".to_owned(), zone(0, 0, 2))].into() };
        assert_eq!((coming.unhealthy_permille(), coming.none_healthy()), (None, false));
    }

    #[test]
    fn only_an_alarm_and_a_group_without_one_healthy_target_are_complaints() {
        let alarm = |state| ServiceSignals {
            alarms: [("x".parse().expect("valid"), state)].into(),
            ..ServiceSignals::default()
        };
        assert_eq!(alarm(AlarmState::Ok).complaint(), None);
        assert_eq!(alarm(AlarmState::InsufficientData).complaint(), None);
        assert_eq!(alarm(AlarmState::Alarm).complaint().as_deref(), Some("alarm x is in ALARM"));
        let targets = |zone| ServiceSignals {
            targets: Some(health(&[("a", zone)])),
            ..ServiceSignals::default()
        };
        assert_eq!(targets(zone(1, 9, 0)).complaint(), None);
        assert!(targets(zone(0, 1, 0)).complains());
        assert!(!targets(zone(0, 0, 1)).complains());
        assert!(!ServiceSignals::default().complains());
    }

    #[test]
    fn a_well_service_takes_few_bytes_of_a_report() {
        let signals = ServiceSignals {
            targets: Some(health(&[("eu-west-1a", zone(2, 0, 0)), ("eu-west-1b", zone(2, 0, 0))])),
            ..ServiceSignals::default()
        };
        let text = serde_json::to_string(&signals).expect("plain");
        assert_eq!(text, r#"{"targets":{"eu-west-1a":{"healthy":2},"eu-west-1b":{"healthy":2}}}"#);
        assert_eq!(serde_json::from_str::<ServiceSignals>(&text).expect("its own"), signals);
    }
}
