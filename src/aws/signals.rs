//! What AWS says of a Region: the signals port over Elastic Load Balancing and CloudWatch.
//!
//! Each call goes to the Region that it is about, at its regional endpoint. All are reads. A list
//! that was cut short is an error: half of the targets must not pass for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, Dimension, Metric, MetricDataQuery, MetricStat, ScanBy, StateValue, StatusCode,
};
use aws_sdk_elasticloadbalancingv2::types::{TargetHealthDescription, TargetHealthStateEnum};

use super::call::{Call, within};
use super::connect::Clients;
use crate::domain::signal::{
    AlarmName, AlarmState, Datapoint, MetricQuery, TargetGroupArn, TargetHealth,
};
use crate::domain::{CallFailure, RegionId};
use crate::ports::{Answer, Signals as SignalsPort};
use crate::telemetry::clock;

/// Target health, alarms and metrics over AWS.
#[derive(Debug, Clone)]
pub struct Signals(pub(super) std::sync::Arc<Clients>);

/// The zone of targets of which AWS tells none: it does for addresses, not for instances (Elastic
/// Load Balancing API Reference, "TargetDescription").
const ZONE_UNTOLD: &str = "?";

/// Alarms in a page, and alarms that one request can name (CloudWatch API Reference,
/// "DescribeAlarms").
const ALARMS_MAX: usize = 100;

/// Pages of one answer at most: more can't be needed for what one request may ask.
const PAGES_MAX: usize = 16;

impl Signals {
    async fn alarm_page(
        &self,
        region: &RegionId,
        names: &[&AlarmName],
        token: Option<String>,
        limit: Duration,
    ) -> Answer<DescribeAlarmsOutput> {
        let call = Call::read("DescribeAlarms", region.as_str(), limit);
        let names = names.iter().map(|name| name.as_str().to_owned()).collect();
        let answer = call
            .run(
                self.0
                    .cloudwatch(region)
                    .describe_alarms()
                    .set_alarm_names(Some(names))
                    // Without these, composite alarms would be missing in the answer.
                    .alarm_types(AlarmType::MetricAlarm)
                    .alarm_types(AlarmType::CompositeAlarm)
                    .max_records(i32::try_from(ALARMS_MAX).expect("small"))
                    .set_next_token(token)
                    .customize()
                    .config_override(call.cloudwatch())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        Ok(answer)
    }

    async fn metric_page(
        &self,
        region: &RegionId,
        queries: &[MetricQuery],
        span_unix_s: (i64, i64),
        token: Option<String>,
        limit: Duration,
    ) -> Answer<GetMetricDataOutput> {
        let call = Call::read("GetMetricData", region.as_str(), limit);
        let queries = queries.iter().enumerate().map(|(n, query)| to_sdk(n, query)).collect();
        let answer = call
            .run(
                self.0
                    .cloudwatch(region)
                    .get_metric_data()
                    .set_metric_data_queries(Some(queries))
                    .start_time(DateTime::from_secs(span_unix_s.0))
                    .end_time(DateTime::from_secs(span_unix_s.1))
                    .scan_by(ScanBy::TimestampAscending)
                    .set_next_token(token)
                    .customize()
                    .config_override(call.cloudwatch())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        Ok(answer)
    }
}

/// A query's ID in the request: it must begin with a small letter.
fn query_id(n: usize) -> String {
    format!("q{n}")
}

fn to_sdk(n: usize, query: &MetricQuery) -> MetricDataQuery {
    let dimensions = query
        .metric
        .dimensions
        .iter()
        .map(|(name, value)| Dimension::builder().name(name).value(value).build())
        .collect();
    let metric = Metric::builder()
        .namespace(&query.metric.namespace)
        .metric_name(&query.metric.name)
        .set_dimensions(Some(dimensions))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .period(i32::try_from(query.period_s).unwrap_or(i32::MAX))
        .stat(query.statistic.as_str())
        .build();
    MetricDataQuery::builder().id(query_id(n)).metric_stat(stat).build()
}

/// Adds a target to those of its zone. None when its state is none that is known.
fn add(health: &mut TargetHealth, described: &TargetHealthDescription) -> Option<()> {
    let target = described.target()?;
    let found = described.target_health()?;
    let zone = health
        .zones
        .entry(target.availability_zone().unwrap_or(ZONE_UNTOLD).to_owned())
        .or_default();
    match found.state()? {
        TargetHealthStateEnum::Healthy => zone.healthy += 1,
        TargetHealthStateEnum::Unhealthy | TargetHealthStateEnum::UnhealthyDraining => {
            zone.unhealthy += 1;
        }
        // A state that this SDK does not have yet says nothing that is known.
        _ => zone.aside += 1,
    }
    if let Some(reason) = found.reason() {
        *zone.reasons.entry(reason.as_str().to_owned()).or_default() += 1;
    }
    Some(())
}

fn state(state: Option<&StateValue>) -> Option<AlarmState> {
    state?.as_str().parse().ok()
}

fn cut_short(operation: &str, region: &RegionId) -> CallFailure {
    CallFailure::transient(format!("{operation} in {region}: more pages than there can be"))
}

#[async_trait]
impl SignalsPort for Signals {
    async fn target_health(&self, group: &TargetGroupArn, limit: Duration) -> Answer<TargetHealth> {
        let call = Call::read("DescribeTargetHealth", group.region().as_str(), limit);
        // One answer holds all targets: the operation has no pages.
        let answer = call
            .run(
                self.0
                    .elb(group.region())
                    .describe_target_health()
                    .target_group_arn(group.as_str())
                    .customize()
                    .config_override(call.elb())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        let mut health = TargetHealth::default();
        for described in answer.target_health_descriptions() {
            add(&mut health, described)
                .ok_or_else(|| call.senseless("a target without its ID or its health"))?;
        }
        Ok(health)
    }

    async fn alarms(
        &self,
        region: &RegionId,
        names: &BTreeSet<AlarmName>,
        limit: Duration,
    ) -> Answer<BTreeMap<AlarmName, AlarmState>> {
        let names: Vec<&AlarmName> = names.iter().collect();
        let reading = async {
            let mut states = BTreeMap::new();
            for names in names.chunks(ALARMS_MAX) {
                let mut token = None;
                for page in 0.. {
                    if page == PAGES_MAX {
                        return Err(cut_short("DescribeAlarms", region));
                    }
                    let answer = self.alarm_page(region, names, token.take(), limit).await?;
                    let metric = answer.metric_alarms().iter();
                    let metric = metric.map(|alarm| (alarm.alarm_name(), alarm.state_value()));
                    let composite = answer.composite_alarms().iter();
                    let composite =
                        composite.map(|alarm| (alarm.alarm_name(), alarm.state_value()));
                    for (name, value) in metric.chain(composite) {
                        // A state that is not known yet is missing, and counts for nothing.
                        let name = name.and_then(|name| name.parse().ok());
                        states.extend(name.zip(state(value)));
                    }
                    token = answer.next_token().map(str::to_owned);
                    if token.is_none() {
                        break;
                    }
                }
            }
            Ok(states)
        };
        within("reading alarms", region.as_str(), limit, reading).await
    }

    async fn metrics(
        &self,
        region: &RegionId,
        queries: &[MetricQuery],
        limit: Duration,
    ) -> Answer<Vec<Vec<Datapoint>>> {
        let Some(window_s) = queries.iter().map(|query| query.window_s).max() else {
            return Ok(Vec::new());
        };
        // The wall clock only says which points to ask for; nobody concludes anything from it.
        let now_s = clock::wall_unix_ms().div_euclid(1000);
        let span = (now_s.saturating_sub(i64::from(window_s)), now_s);
        let reading = async {
            let mut found: Vec<Vec<Datapoint>> = vec![Vec::new(); queries.len()];
            let mut token = None;
            for _ in 0..PAGES_MAX {
                let answer = self.metric_page(region, queries, span, token.take(), limit).await?;
                for result in answer.metric_data_results() {
                    if let Some(StatusCode::Forbidden | StatusCode::InternalError) =
                        result.status_code()
                    {
                        return Err(CallFailure::transient(format!(
                            "GetMetricData in {region}: {:?} for {:?}",
                            result.status_code(),
                            result.label()
                        )));
                    }
                    let points = (0..queries.len())
                        .find(|n| result.id() == Some(query_id(*n).as_str()))
                        .and_then(|n| found.get_mut(n));
                    let Some(points) = points else { continue };
                    points.extend(
                        result
                            .timestamps()
                            .iter()
                            .zip(result.values())
                            .map(|(at, value)| Datapoint { at_unix_s: at.secs(), value: *value }),
                    );
                }
                token = answer.next_token().map(str::to_owned);
                if token.is_none() {
                    // One request has one span; a query with a shorter window gets its own.
                    for (points, query) in found.iter_mut().zip(queries) {
                        let from = now_s.saturating_sub(i64::from(query.window_s));
                        let whole_from = from - from.rem_euclid(i64::from(query.period_s.max(1)));
                        points.retain(|point| point.at_unix_s >= whole_from);
                    }
                    return Ok(found);
                }
            }
            Err(cut_short("GetMetricData", region))
        };
        within("reading metrics", region.as_str(), limit, reading).await
    }
}
