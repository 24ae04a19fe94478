//! CloudWatch's operations: from a request's tree to the model and back.

use std::collections::BTreeMap;

use crate::domain::signal::{AlarmState, Datapoint, MetricId, Statistic};
use crate::domain::{Moment, RegionId};
use crate::local::document::Value;
use crate::world::cloudwatch::{Alarm, CloudWatch, CloudWatchError, Span, Stats};

/// Alarms in a page when the request doesn't say (CloudWatch API Reference, "DescribeAlarms").
const ALARMS_IN_PAGE: usize = 50;

/// Alarms in a page at most; same page.
const ALARMS_IN_PAGE_MAX: i64 = 100;

/// Metrics in one `GetMetricData` at most ("CloudWatch service quotas").
const QUERIES_MAX: usize = 500;

/// Metrics in one `PutMetricData` at most; same page.
const DATA_MAX: usize = 1000;

/// Carries one out.
pub(super) fn carry_out(
    cloudwatch: &mut CloudWatch,
    now: Moment,
    region: &RegionId,
    operation: &str,
    input: &Value,
) -> Result<Value, CloudWatchError> {
    match operation {
        "DescribeAlarms" => describe_alarms(cloudwatch, region, input),
        "GetMetricData" => get_metric_data(cloudwatch, now, region, input),
        "PutMetricData" => put_metric_data(cloudwatch, now, region, input),
        "SetAlarmState" => set_alarm_state(cloudwatch, now, region, input),
        action => Err(CloudWatchError::InvalidAction { action: action.to_owned() }),
    }
}

fn invalid(message: impl Into<String>) -> CloudWatchError {
    CloudWatchError::InvalidParameterValue { message: message.into() }
}

fn required<'v>(input: &'v Value, name: &str) -> Result<&'v str, CloudWatchError> {
    let missing = || CloudWatchError::MissingParameter { parameter: name.to_owned() };
    input.text_at(name).filter(|text| !text.is_empty()).ok_or_else(missing)
}

fn describe_alarms(
    cloudwatch: &CloudWatch,
    region: &RegionId,
    input: &Value,
) -> Result<Value, CloudWatchError> {
    let names = input.texts_at("AlarmNames");
    let prefix = input.text_at("AlarmNamePrefix").unwrap_or_default();
    let state = input.text_at("StateValue").map(str::parse::<AlarmState>).transpose();
    let state = state.map_err(invalid)?;
    let types = input.texts_at("AlarmTypes");
    let page = match input.whole_at("MaxRecords") {
        None => ALARMS_IN_PAGE,
        Some(count @ 1..=ALARMS_IN_PAGE_MAX) => usize::try_from(count).expect("small"),
        Some(count) => return Err(invalid(format!("MaxRecords = {count} is not within 1..=100"))),
    };
    let start = match input.text_at("NextToken") {
        None => 0,
        Some(token) => {
            token.parse().map_err(|_| invalid("NextToken is not one of this service"))?
        }
    };
    let metric_alarms = types.is_empty() || types.contains(&"MetricAlarm");
    let wanted: Vec<&Alarm> = cloudwatch
        .alarms(region)
        .filter(|alarm| {
            let name = alarm.name.as_str();
            metric_alarms
                && (names.is_empty() || names.contains(&name))
                && name.starts_with(prefix)
                && state.is_none_or(|state| state == alarm.state)
        })
        .collect();
    let shown = wanted.iter().skip(start).take(page);
    let mut members = vec![
        ("MetricAlarms".to_owned(), Value::List(shown.map(|a| described(region, a)).collect())),
        ("CompositeAlarms".to_owned(), Value::List(Vec::new())),
    ];
    if start + page < wanted.len() {
        members.push(("NextToken".to_owned(), Value::text((start + page).to_string())));
    }
    Ok(Value::Map(members))
}

fn described(region: &RegionId, alarm: &Alarm) -> Value {
    let (name, rule) = (alarm.name.as_str(), &alarm.rule);
    let dimensions = rule.metric.dimensions.iter().map(|(name, value)| {
        Value::map([("Name", Value::text(name)), ("Value", Value::text(value))])
    });
    Value::map([
        ("AlarmName", Value::text(name)),
        ("AlarmArn", Value::text(format!("arn:aws:cloudwatch:{region}:123456789012:alarm:{name}"))),
        ("ActionsEnabled", Value::Truth(false)),
        ("StateValue", Value::text(alarm.state.as_str())),
        ("StateReason", Value::text(&alarm.reason)),
        ("StateUpdatedTimestamp", Value::Time(alarm.since_unix_ms)),
        ("StateTransitionedTimestamp", Value::Time(alarm.since_unix_ms)),
        ("Namespace", Value::text(&rule.metric.namespace)),
        ("MetricName", Value::text(&rule.metric.name)),
        ("Dimensions", Value::List(dimensions.collect())),
        ("Statistic", Value::text(rule.statistic.as_str())),
        ("Period", Value::Whole(i64::from(rule.period_s))),
        ("EvaluationPeriods", Value::Whole(i64::from(rule.periods))),
        ("DatapointsToAlarm", Value::Whole(i64::from(rule.breaches))),
        ("ComparisonOperator", Value::text(rule.comparison.as_str())),
        ("Threshold", Value::Number(rule.threshold)),
        ("TreatMissingData", Value::text(rule.missing.as_str())),
    ])
}

fn set_alarm_state(
    cloudwatch: &mut CloudWatch,
    now: Moment,
    region: &RegionId,
    input: &Value,
) -> Result<Value, CloudWatchError> {
    let name = required(input, "AlarmName")?;
    let state = required(input, "StateValue")?.parse().map_err(invalid)?;
    let reason = required(input, "StateReason")?;
    cloudwatch.set_alarm_state(now, region, name, state, reason)?;
    Ok(Value::Map(Vec::new()))
}

fn metric(namespace: &str, input: &Value) -> Result<MetricId, CloudWatchError> {
    let name = required(input, "MetricName")?.to_owned();
    let mut dimensions = BTreeMap::new();
    for dimension in input.items_at("Dimensions") {
        let (name, value) = (required(dimension, "Name")?, required(dimension, "Value")?);
        dimensions.insert(name.to_owned(), value.to_owned());
    }
    Ok(MetricId { namespace: namespace.to_owned(), name, dimensions })
}

fn get_metric_data(
    cloudwatch: &CloudWatch,
    now: Moment,
    region: &RegionId,
    input: &Value,
) -> Result<Value, CloudWatchError> {
    let time = |name: &str| {
        let missing = || CloudWatchError::MissingParameter { parameter: name.to_owned() };
        input.time_at(name).map(|unix_ms| unix_ms.div_euclid(1000)).ok_or_else(missing)
    };
    let span = Span { from_unix_s: time("StartTime")?, to_unix_s: time("EndTime")? };
    if span.from_unix_s >= span.to_unix_s {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    let queries = input.items_at("MetricDataQueries");
    if queries.is_empty() || queries.len() > QUERIES_MAX {
        let count = queries.len();
        return Err(invalid(format!("{count} queries: there must be 1 to {QUERIES_MAX}")));
    }
    let ascending = input.text_at("ScanBy") == Some("TimestampAscending");
    let mut results = Vec::new();
    for query in queries {
        let mut points = points(cloudwatch, now, region, query, span)?;
        if !ascending {
            points.reverse();
        }
        let label = query.get("MetricStat").and_then(|stat| stat.get("Metric"));
        let label = label.and_then(|metric| metric.text_at("MetricName")).unwrap_or_default();
        let times = points.iter().map(|point| Value::Time(point.at_unix_s * 1000));
        results.push(Value::map([
            ("Id", Value::text(required(query, "Id")?)),
            ("Label", Value::text(query.text_at("Label").unwrap_or(label))),
            ("Timestamps", Value::List(times.collect())),
            ("Values", Value::List(points.iter().map(|p| Value::Number(p.value)).collect())),
            ("StatusCode", Value::text("Complete")),
        ]));
    }
    Ok(Value::map([
        ("MetricDataResults", Value::List(results)),
        ("Messages", Value::List(Vec::new())),
    ]))
}

fn points(
    cloudwatch: &CloudWatch,
    now: Moment,
    region: &RegionId,
    query: &Value,
    span: Span,
) -> Result<Vec<Datapoint>, CloudWatchError> {
    let stat = query
        .get("MetricStat")
        .ok_or_else(|| invalid("only queries with MetricStat are modelled, no expressions"))?;
    let asked = stat
        .get("Metric")
        .ok_or_else(|| CloudWatchError::MissingParameter { parameter: "Metric".to_owned() })?;
    let metric = metric(required(asked, "Namespace")?, asked)?;
    let statistic: Statistic = required(stat, "Stat")?.parse().map_err(invalid)?;
    let period = stat.whole_at("Period").and_then(|period| u32::try_from(period).ok());
    let period_s = period
        .filter(|period| *period > 0 && period % 60 == 0)
        .ok_or_else(|| invalid("The parameter Period must be a multiple of 60."))?;
    Ok(cloudwatch.read(now, region, &metric, statistic, period_s, span))
}

fn put_metric_data(
    cloudwatch: &mut CloudWatch,
    now: Moment,
    region: &RegionId,
    input: &Value,
) -> Result<Value, CloudWatchError> {
    let namespace = required(input, "Namespace")?;
    if namespace.starts_with("AWS/") {
        return Err(invalid("The value AWS/ for parameter Namespace is invalid."));
    }
    let data = input.items_at("MetricData");
    if data.is_empty() || data.len() > DATA_MAX {
        return Err(invalid(format!("{} metrics: there must be 1 to {DATA_MAX}", data.len())));
    }
    // All are read before the first is taken in: a bad one refuses them all.
    let mut values = Vec::new();
    for datum in data {
        let at_unix_ms = datum.time_at("Timestamp").unwrap_or_else(|| cloudwatch.unix_ms(now));
        values.push((metric(namespace, datum)?, at_unix_ms, stats(datum)?));
    }
    for (metric, at_unix_ms, stats) in values {
        cloudwatch.put(now, region, metric, at_unix_ms, stats);
    }
    Ok(Value::Map(Vec::new()))
}

/// A single value, values with how often each came, or figures over them.
fn stats(datum: &Value) -> Result<Stats, CloudWatchError> {
    let number = |tree: &Value, name: &str| tree.get(name).and_then(Value::number);
    if let Some(value) = number(datum, "Value") {
        return Ok(Stats::of(value));
    }
    if let Some(figures) = datum.get("StatisticValues") {
        let figure =
            |name| number(figures, name).ok_or_else(|| invalid("StatisticValues lacks one"));
        return Ok(Stats {
            count: figure("SampleCount")?,
            sum: figure("Sum")?,
            min: figure("Minimum")?,
            max: figure("Maximum")?,
        });
    }
    let counts = datum.items_at("Counts");
    let values = datum.items_at("Values").iter().enumerate().filter_map(|(n, value)| {
        let value = value.number()?;
        let count = counts.get(n).and_then(Value::number).unwrap_or(1.0);
        Some(Stats { count, sum: value * count, min: value, max: value })
    });
    values.reduce(Stats::with).ok_or_else(|| {
        invalid("The parameters MetricData.member.N.Value and Values are both missing.")
    })
}
