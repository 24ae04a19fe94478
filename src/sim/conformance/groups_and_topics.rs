//! Autoscaling groups and topics of the world in memory, behind their ports.

use std::time::Duration;

use async_trait::async_trait;

use super::InMemory;
use crate::core::{Request, Response};
use crate::domain::capacity::{ScalingGroup, ScalingGroupId, Vcpus};
use crate::domain::notice::{Notice, TopicArn};
use crate::domain::{CallFailure, RegionId};
use crate::ports::{Answer, Capacity, Notices};

#[async_trait]
impl Capacity for InMemory {
    async fn group(&self, group: &ScalingGroupId, _: Duration) -> Answer<ScalingGroup> {
        let group = group.clone();
        self.asked(Request::ReadGroup { group }, |response| match response {
            Response::Group(shown) => Some(shown),
            _ => None,
        })
    }

    async fn set_desired(&self, group: &ScalingGroupId, desired: u32, _: Duration) -> Answer<()> {
        let group = group.clone();
        self.asked(Request::SetDesired { group, desired }, |_| Some(()))
    }

    async fn vcpus(&self, region: &RegionId, _: Duration) -> Answer<Vcpus> {
        Err(CallFailure::permanent(format!("no brain asks for the quota of {region}")))
    }
}

#[async_trait]
impl Notices for InMemory {
    async fn send(
        &self,
        topic: &TopicArn,
        fleet: &str,
        notice: &Notice,
        _: Duration,
    ) -> Answer<()> {
        let (topic, fleet, notice) = (topic.clone(), fleet.to_owned(), Box::new(notice.clone()));
        self.asked(Request::SendNotice { topic, fleet, notice }, |_| Some(()))
    }
}
