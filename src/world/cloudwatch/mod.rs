//! CloudWatch in every Region: metrics as one point a period, and alarms over them.
//!
//! Points can be read only some time after they were put, as in AWS. An alarm is judged once a
//! period (at most once a minute) on what can be read then; between two judgements it keeps the
//! state that `SetAlarmState` gave it (CloudWatch API Reference, "SetAlarmState": the alarm returns
//! to its actual state at the next evaluation).
//!
//! Not modelled: metric maths, anomaly detection, composite alarms, percentiles.

mod alarm;
mod error;
mod series;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::signal::{AlarmName, AlarmState, Datapoint, MetricId, Statistic};
use crate::domain::{Moment, RegionId};

pub use alarm::{Alarm, AlarmRule, Comparison, MissingData};
pub use error::CloudWatchError;
pub use series::{Series, Stats};

/// How late a point can be read. AWS names no bound; a minute is what one-minute metrics of AWS's
/// services usually take.
const DELAY: Duration = Duration::from_secs(60);

/// One Region's metrics and alarms.
#[derive(Debug, Clone, Default)]
struct Account {
    series: BTreeMap<MetricId, Series>,
    alarms: BTreeMap<AlarmName, Alarm>,
}

/// CloudWatch.
#[derive(Debug, Clone)]
pub struct CloudWatch {
    accounts: BTreeMap<RegionId, Account>,
    /// What to add to a moment to get milliseconds since 1970: datapoints bear dates.
    unix_ms_at_zero: i64,
    delay: Duration,
    changes: u64,
}

/// A time span to read, in seconds since 1970: from the first, up to but without the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from_unix_s: i64,
    /// Its end.
    pub to_unix_s: i64,
}

impl CloudWatch {
    /// Nothing in any Region, in 1970.
    #[must_use]
    pub fn new(regions: impl IntoIterator<Item = RegionId>) -> Self {
        let accounts = regions.into_iter().map(|region| (region, Account::default())).collect();
        Self { accounts, unix_ms_at_zero: 0, delay: DELAY, changes: 0 }
    }

    /// Says what the wall clock shows at the world's zero.
    pub fn set_unix_ms_at_zero(&mut self, unix_ms: i64) {
        self.unix_ms_at_zero = unix_ms;
    }

    /// Says how late points can be read.
    pub fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// The wall clock at this moment, in milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(&self, now: Moment) -> i64 {
        self.unix_ms_at_zero.saturating_add(i64::try_from(now.as_ms()).unwrap_or(i64::MAX))
    }

    /// Takes in a value. `at_unix_ms` is when it was measured.
    pub fn put(
        &mut self,
        now: Moment,
        region: &RegionId,
        metric: MetricId,
        at_unix_ms: i64,
        stats: Stats,
    ) {
        let readable_at = now + self.delay;
        if let Some(account) = self.accounts.get_mut(region) {
            account.series.entry(metric).or_default().put(at_unix_ms, stats, readable_at);
        }
    }

    /// A metric's points in a span, the oldest first; none for a metric that never was.
    #[must_use]
    pub fn read(
        &self,
        now: Moment,
        region: &RegionId,
        metric: &MetricId,
        statistic: Statistic,
        period_s: u32,
        span: Span,
    ) -> Vec<Datapoint> {
        let series = self.accounts.get(region).and_then(|account| account.series.get(metric));
        series.map_or_else(Vec::new, |series| series.read(now, statistic, period_s, span))
    }

    /// Adds an alarm, or gives one another rule.
    pub fn put_alarm(&mut self, now: Moment, region: &RegionId, name: AlarmName, rule: AlarmRule) {
        let unix_ms = self.unix_ms(now);
        if let Some(account) = self.accounts.get_mut(region) {
            account.alarms.insert(name.clone(), Alarm::new(now, unix_ms, name, rule));
        }
    }

    /// A Region's alarms.
    pub fn alarms<'a>(&'a self, region: &RegionId) -> impl Iterator<Item = &'a Alarm> {
        self.accounts.get(region).into_iter().flat_map(|account| account.alarms.values())
    }

    /// Counts the times that an alarm was given a state, or took another.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether an alarm is in ALARM.
    #[must_use]
    pub fn in_alarm(&self, region: &RegionId, name: &AlarmName) -> bool {
        let alarm = self.accounts.get(region).and_then(|account| account.alarms.get(name));
        alarm.is_some_and(|alarm| alarm.state == AlarmState::Alarm)
    }

    /// Gives an alarm a state until its next evaluation finds another.
    ///
    /// # Errors
    /// When there is no such alarm.
    pub fn set_alarm_state(
        &mut self,
        now: Moment,
        region: &RegionId,
        name: &str,
        state: AlarmState,
        reason: &str,
    ) -> Result<(), CloudWatchError> {
        let unix_ms = self.unix_ms(now);
        let alarms = self.accounts.get_mut(region).map(|account| &mut account.alarms);
        let alarm = alarms.and_then(|a| a.values_mut().find(|alarm| alarm.name.as_str() == name));
        let alarm = alarm.ok_or_else(|| CloudWatchError::ResourceNotFound {
            message: format!("Alarm {name} does not exist"),
        })?;
        alarm.become_state(unix_ms, state, reason);
        self.changes += 1;
        Ok(())
    }

    /// Judges the alarms that are due.
    pub fn advance(&mut self, now: Moment) {
        let unix_ms = self.unix_ms(now);
        for account in self.accounts.values_mut() {
            for alarm in account.alarms.values_mut() {
                let before = alarm.state;
                alarm.advance(now, unix_ms, account.series.get(&alarm.rule.metric));
                self.changes += u64::from(alarm.state != before);
            }
        }
    }
}
