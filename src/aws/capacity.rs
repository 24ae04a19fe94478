//! Autoscaling groups and quotas: the capacity port over Auto Scaling and Service Quotas, each at its
//! own Region's endpoint.
//!
//! A number is set without honouring the group's cooldown: that is for scaling that waits to see
//! what its last step brought, and here the load is known beforehand.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_autoscaling::operation::RequestId;
use aws_sdk_autoscaling::types::{AutoScalingGroup, LifecycleState};
use aws_sdk_servicequotas::types::{MetricInfo, ServiceQuota};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Signals;
use super::call::{Call, within};
use super::connect::Clients;
use crate::domain::capacity::{ScalingGroup, ScalingGroupId, Vcpus};
use crate::domain::signal::{MetricId, MetricQuery, Statistic};
use crate::domain::{CallFailure, RegionId};
use crate::ports::{Answer, Capacity as CapacityPort, Signals as _};

/// Autoscaling groups over AWS.
#[derive(Debug, Clone)]
pub struct Capacity(pub(super) std::sync::Arc<Clients>);

/// The quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", in vCPUs (EC2 User
/// Guide, "Amazon EC2 instance type quotas").
const SERVICE: &str = "ec2";
const QUOTA: &str = "L-1216C47A";

/// What Service Quotas says where an account has nothing but the default.
const NO_QUOTA_OF_ITS_OWN: &str = "NoSuchResourceException";

/// Seconds between two points of a quota's usage, and how far back one is looked for ("CloudWatch usage
/// metrics": every five minutes).
const USAGE_PERIOD_S: u32 = 300;
const USAGE_WINDOW_S: u32 = 1800;

/// Which metric tells the usage, as the quota itself names it.
fn usage(info: &MetricInfo) -> Option<MetricQuery> {
    let dimensions = info.metric_dimensions()?.iter();
    Some(MetricQuery {
        metric: MetricId {
            namespace: info.metric_namespace()?.to_owned(),
            name: info.metric_name()?.to_owned(),
            dimensions: dimensions.map(|(name, value)| (name.clone(), value.clone())).collect(),
        },
        statistic: Statistic::Maximum,
        period_s: USAGE_PERIOD_S,
        window_s: USAGE_WINDOW_S,
    })
}

/// A number of vCPUs, rounded down; none if it is none.
fn whole(number: f64) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within the numbers that there are"
    )]
    (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
}

impl Capacity {
    async fn quota(&self, region: &RegionId, limit: Duration) -> Answer<ServiceQuota> {
        let call = Call::read("GetServiceQuota", region.as_str(), limit);
        let client = self.0.quotas(region);
        let answer = call
            .run(
                client
                    .get_service_quota()
                    .service_code(SERVICE)
                    .quota_code(QUOTA)
                    .customize()
                    .config_override(call.quotas())
                    .interceptor(call.witness())
                    .send(),
            )
            .await;
        let quota = match answer {
            Ok(answer) => answer.quota,
            Err(failed) => {
                let code = failed.error.as_ref().and_then(ProvideErrorMetadata::code);
                if code != Some(NO_QUOTA_OF_ITS_OWN) {
                    return Err(failed.failure);
                }
                let call = Call::read("GetAWSDefaultServiceQuota", region.as_str(), limit);
                let answer = call
                    .run(
                        client
                            .get_aws_default_service_quota()
                            .service_code(SERVICE)
                            .quota_code(QUOTA)
                            .customize()
                            .config_override(call.quotas())
                            .interceptor(call.witness())
                            .send(),
                    )
                    .await?;
                answer.quota
            }
        };
        quota.ok_or_else(|| call.senseless("no quota in it"))
    }
}

/// A group in our words; none when it lacks a number, or has one that is none.
fn in_words(described: &AutoScalingGroup) -> Option<ScalingGroup> {
    let number = |number: Option<i32>| u32::try_from(number?).ok();
    let in_service = described
        .instances()
        .iter()
        .filter(|instance| instance.lifecycle_state() == Some(&LifecycleState::InService))
        .count();
    Some(ScalingGroup {
        min: number(described.min_size())?,
        desired: number(described.desired_capacity())?,
        max: number(described.max_size())?,
        in_service: u32::try_from(in_service).ok()?,
    })
}

#[async_trait]
impl CapacityPort for Capacity {
    async fn group(&self, group: &ScalingGroupId, limit: Duration) -> Answer<ScalingGroup> {
        let call = Call::read("DescribeAutoScalingGroups", group.region.as_str(), limit);
        let answer = call
            .run(
                self.0
                    .autoscaling(&group.region)
                    .describe_auto_scaling_groups()
                    .auto_scaling_group_names(group.name.as_str())
                    .customize()
                    .config_override(call.autoscaling())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        match answer.auto_scaling_groups() {
            // AWS leaves out what is not there.
            [] => Err(CallFailure::permanent(format!("there is no autoscaling group {group}"))),
            [described] if described.auto_scaling_group_name() == Some(group.name.as_str()) => {
                in_words(described).ok_or_else(|| call.senseless("a group without its sizes"))
            }
            _ => Err(call.senseless("not the one group that was asked for")),
        }
    }

    async fn set_desired(
        &self,
        group: &ScalingGroupId,
        desired: u32,
        limit: Duration,
    ) -> Answer<()> {
        let desired = i32::try_from(desired)
            .map_err(|_| CallFailure::permanent(format!("{desired} instances are too many")))?;
        let call = Call::write("SetDesiredCapacity", group.region.as_str(), limit);
        let set = call
            .run(
                self.0
                    .autoscaling(&group.region)
                    .set_desired_capacity()
                    .auto_scaling_group_name(group.name.as_str())
                    .desired_capacity(desired)
                    .honor_cooldown(false)
                    .customize()
                    .config_override(call.autoscaling())
                    .interceptor(call.witness())
                    .send(),
            )
            .await;
        let set = set.map_err(|failed| {
            // So Auto Scaling calls what its group's limits forbid.
            let code = failed.error.as_ref().and_then(ProvideErrorMetadata::code);
            match code {
                Some("ValidationError") => CallFailure::conflict(failed.failure.what),
                _ => failed.failure,
            }
        })?;
        // The answer holds nothing but this: without it somebody else has answered, such as a proxy.
        match set.request_id() {
            Some(_) => Ok(()),
            None => Err(call.senseless("no request ID")),
        }
    }

    async fn vcpus(&self, region: &RegionId, limit: Duration) -> Answer<Vcpus> {
        within("GetServiceQuota", region.as_str(), limit, async {
            let quota = self.quota(region, limit).await?;
            let Some(most) = quota.value().and_then(whole) else {
                return Err(CallFailure::unknown("GetServiceQuota: a quota without a number"));
            };
            let mut used = None;
            if let Some(query) = quota.usage_metric().and_then(usage) {
                let signals = Signals(self.0.clone());
                let points = signals.metrics(region, &[query], limit).await?;
                let newest = points.first().and_then(|points| points.last());
                used = newest.and_then(|point| whole(point.value));
            }
            Ok(Vcpus { most, used })
        })
        .await
    }
}
