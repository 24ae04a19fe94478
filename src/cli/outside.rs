//! The way to AWS.

use super::Failure;
use crate::agent::Outside;
use crate::domain::Fleet;
use crate::domain::role::Assumer;
pub(super) use crate::ports::ask_all;

/// The ports over AWS, with the caller's credentials. Nothing is called yet.
#[cfg(feature = "aws")]
pub(super) async fn connect(fleet: &Fleet) -> Result<Outside, Failure> {
    over(&crate::aws::Aws::connect(fleet, None).await)
}

/// As [`connect`], for an agent.
#[cfg(feature = "aws")]
pub(super) async fn connect_as(fleet: &Fleet, assumer: Assumer) -> Result<Outside, Failure> {
    over(&crate::aws::Aws::connect(fleet, Some(assumer)).await)
}

/// The ports over these clients.
#[cfg(feature = "aws")]
pub(super) fn over(aws: &crate::aws::Aws) -> Result<Outside, Failure> {
    use std::sync::Arc;
    let names = crate::names::NameServers::new(Arc::new(aws.zones()));
    Ok(Outside {
        names: Arc::new(names.map_err(Failure::Arguments)?),
        registers: Arc::new(aws.seats()),
        observations: Arc::new(aws.board()),
        records: Arc::new(aws.zones()),
        signals: Arc::new(aws.signals()),
        health_checks: Arc::new(aws.health_checks()),
        databases: Arc::new(aws.databases()),
        capacity: Arc::new(aws.capacity()),
        notices: Arc::new(aws.notices()),
        webhooks: Arc::new(crate::agent::HttpWebhooks::default()),
    })
}

/// This build has no way to AWS.
#[cfg(not(feature = "aws"))]
pub(super) async fn connect(fleet: &Fleet) -> Result<Outside, Failure> {
    Err(Failure::Failed(anyhow::anyhow!(
        "the fleet {} can't be reached: this regent was built without the feature `aws`; build it \
         with its default features",
        fleet.name
    )))
}

/// As [`connect`].
#[cfg(not(feature = "aws"))]
pub(super) async fn connect_as(fleet: &Fleet, _: Assumer) -> Result<Outside, Failure> {
    connect(fleet).await
}
