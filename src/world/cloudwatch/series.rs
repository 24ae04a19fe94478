//! The points of one metric.

use std::collections::BTreeMap;

use super::Span;
use crate::domain::Moment;
use crate::domain::signal::{Datapoint, Statistic};

/// Points that are kept of a metric: a day of minutes. AWS keeps minutes for 15 days; nobody here
/// looks back that far.
const POINTS_MAX: usize = 1440;

/// Length of the periods that are kept, in seconds: the shortest of what AWS's services publish.
const GRAIN_S: i64 = 60;

/// What is known of the values that fell into one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// How many.
    pub count: f64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Stats {
    /// Of a single value.
    #[must_use]
    pub fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, min: value, max: value }
    }

    /// Of both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// One figure for all.
    #[must_use]
    pub fn figure(self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Sum => self.sum,
            Statistic::Average => self.sum / self.count,
            Statistic::Minimum => self.min,
            Statistic::Maximum => self.max,
            Statistic::SampleCount => self.count,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Point {
    stats: Stats,
    readable_at: Moment,
}

/// A metric's points by the beginning of their minute.
#[derive(Debug, Clone, Default)]
pub struct Series {
    points: BTreeMap<i64, Point>,
}

impl Series {
    pub(super) fn put(&mut self, at_unix_ms: i64, stats: Stats, readable_at: Moment) {
        let minute = at_unix_ms.div_euclid(1000).div_euclid(GRAIN_S) * GRAIN_S;
        let point = Point { stats, readable_at };
        self.points
            .entry(minute)
            .and_modify(|point| point.stats = point.stats.with(stats))
            .or_insert(point);
        while self.points.len() > POINTS_MAX {
            self.points.pop_first();
        }
    }

    /// The points that can be read now, the oldest first. A period that lies partly before the
    /// span is read whole, as `GetMetricData` rounds the start down.
    pub(super) fn read(
        &self,
        now: Moment,
        statistic: Statistic,
        period_s: u32,
        span: Span,
    ) -> Vec<Datapoint> {
        let period_s = i64::from(period_s).max(GRAIN_S);
        let from = span.from_unix_s.div_euclid(period_s) * period_s;
        if from >= span.to_unix_s {
            return Vec::new();
        }
        let mut periods: BTreeMap<i64, Stats> = BTreeMap::new();
        for (at, point) in self.points.range(from..span.to_unix_s) {
            if point.readable_at <= now {
                let period = at.div_euclid(period_s) * period_s;
                periods
                    .entry(period)
                    .and_modify(|stats| *stats = stats.with(point.stats))
                    .or_insert(point.stats);
            }
        }
        periods
            .into_iter()
            .map(|(at_unix_s, stats)| Datapoint { at_unix_s, value: stats.figure(statistic) })
            .collect()
    }
}
