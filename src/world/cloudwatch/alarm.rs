//! An alarm: a rule over one metric, and the state that it is in.

use std::time::Duration;

use super::{Series, Span};
use crate::domain::Moment;
use crate::domain::signal::{AlarmName, AlarmState, MetricId, Statistic};

/// How often an alarm is judged at most. (CloudWatch User Guide, "Using Amazon CloudWatch alarms":
/// alarms of a period of a minute or more are evaluated every minute.)
const EVALUATE_EVERY: Duration = Duration::from_secs(60);

/// When a value breaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Above.
    GreaterThan,
    /// At or above.
    GreaterThanOrEqualTo,
    /// Below.
    LessThan,
    /// At or below.
    LessThanOrEqualTo,
}

impl Comparison {
    /// The comparison on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GreaterThan => "GreaterThanThreshold",
            Self::GreaterThanOrEqualTo => "GreaterThanOrEqualToThreshold",
            Self::LessThan => "LessThanThreshold",
            Self::LessThanOrEqualTo => "LessThanOrEqualToThreshold",
        }
    }

    fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::GreaterThan => value > threshold,
            Self::GreaterThanOrEqualTo => value >= threshold,
            Self::LessThan => value < threshold,
            Self::LessThanOrEqualTo => value <= threshold,
        }
    }
}

/// What a period without a point counts for ("Configuring how CloudWatch alarms treat missing
/// data").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingData {
    /// Nothing; all missing is too little data.
    Missing,
    /// Nothing; all missing leaves the state as it is.
    Ignore,
    /// A breach.
    Breaching,
    /// None.
    NotBreaching,
}

impl MissingData {
    /// The treatment on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Ignore => "ignore",
            Self::Breaching => "breaching",
            Self::NotBreaching => "notBreaching",
        }
    }
}

/// When an alarm is in ALARM.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmRule {
    /// Over this metric.
    pub metric: MetricId,
    /// Of each period, this.
    pub statistic: Statistic,
    /// Length of a period in seconds.
    pub period_s: u32,
    /// Periods that are looked at.
    pub periods: u32,
    /// Breaches among them that make an alarm.
    pub breaches: u32,
    /// What is a breach.
    pub comparison: Comparison,
    /// Of what value.
    pub threshold: f64,
    /// What a missing period is.
    pub missing: MissingData,
}

/// An alarm.
#[derive(Debug, Clone)]
pub struct Alarm {
    /// Its name.
    pub name: AlarmName,
    /// Its rule.
    pub rule: AlarmRule,
    /// Its state.
    pub state: AlarmState,
    /// Why it is in it.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: i64,
    next_evaluation: Moment,
}

impl Alarm {
    pub(super) fn new(now: Moment, unix_ms: i64, name: AlarmName, rule: AlarmRule) -> Self {
        Self {
            name,
            rule,
            state: AlarmState::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            since_unix_ms: unix_ms,
            next_evaluation: now + EVALUATE_EVERY,
        }
    }

    pub(super) fn become_state(&mut self, unix_ms: i64, state: AlarmState, reason: &str) {
        if self.state != state {
            self.since_unix_ms = unix_ms;
        }
        self.state = state;
        reason.clone_into(&mut self.reason);
    }

    pub(super) fn advance(&mut self, now: Moment, unix_ms: i64, series: Option<&Series>) {
        if self.next_evaluation > now {
            return;
        }
        // One judgement, however many were due: each would find the same.
        self.next_evaluation = now + EVALUATE_EVERY;
        let (state, reason) = self.judge(now, unix_ms, series);
        if let Some(state) = state.filter(|state| *state != self.state) {
            self.become_state(unix_ms, state, &reason);
        }
    }

    /// The state that the newest readable periods speak for; none when they leave it open.
    fn judge(
        &self,
        now: Moment,
        unix_ms: i64,
        series: Option<&Series>,
    ) -> (Option<AlarmState>, String) {
        let rule = &self.rule;
        let period_s = i64::from(rule.period_s);
        let periods = i64::from(rule.periods);
        let now_s = unix_ms.div_euclid(1000);
        // One more period than is judged: the newest may not be readable yet, and a late point must
        // not look like a missing one ("evaluation range").
        let from_unix_s = (now_s.div_euclid(period_s) - periods - 1) * period_s;
        let span = Span { from_unix_s, to_unix_s: now_s };
        let points = series
            .map_or_else(Vec::new, |series| series.read(now, rule.statistic, rule.period_s, span));
        let wanted = usize::try_from(rule.periods).unwrap_or(usize::MAX);
        let newest = points.iter().rev().take(wanted);
        let breaching =
            newest.clone().filter(|p| rule.comparison.breaches(p.value, rule.threshold)).count();
        let missing = wanted.saturating_sub(newest.count());
        let breaching = match rule.missing {
            MissingData::Breaching => breaching + missing,
            MissingData::Missing | MissingData::Ignore | MissingData::NotBreaching => breaching,
        };
        let reason = format!(
            "Threshold Crossed: {breaching} of {wanted} datapoints {} {}, {missing} missing",
            rule.comparison.as_str(),
            rule.threshold
        );
        let state = if breaching >= usize::try_from(rule.breaches).unwrap_or(usize::MAX) {
            Some(AlarmState::Alarm)
        } else if missing == wanted {
            match rule.missing {
                MissingData::Missing => Some(AlarmState::InsufficientData),
                MissingData::Ignore => None,
                MissingData::Breaching => Some(AlarmState::Alarm),
                MissingData::NotBreaching => Some(AlarmState::Ok),
            }
        } else {
            Some(AlarmState::Ok)
        };
        (state, reason)
    }
}
