//! Autoscaling groups: the capacity port over Auto Scaling, each group at its own Region's endpoint.
//!
//! A number is set without honouring the group's cooldown: that is for scaling that waits to see
//! what its last step brought, and here the load is known beforehand.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_autoscaling::operation::RequestId;
use aws_sdk_autoscaling::types::{AutoScalingGroup, LifecycleState};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::call::Call;
use super::connect::Clients;
use crate::domain::CallFailure;
use crate::domain::capacity::{ScalingGroup, ScalingGroupId};
use crate::ports::{Answer, Capacity as CapacityPort};

/// Autoscaling groups over AWS.
#[derive(Debug, Clone)]
pub struct Capacity(pub(super) std::sync::Arc<Clients>);

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
}
