//! Route 53's health checks, for those who set up gates.
//!
//! No agent calls this: gates are made once, by `init`, so that a failover needs no control plane.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::health_check::{CheckFound, CheckId, CheckSight, CheckSpec};

/// Making health checks, and looking at what they read.
#[async_trait]
pub trait HealthChecks: Send + Sync {
    /// Every check of the account that is a watch of an endpoint's text, inverted, or a count of
    /// others. Whole or an error; checks of other kinds are left out.
    async fn checks(&self, limit: Duration) -> Answer<Vec<CheckFound>>;

    /// Makes a check. A reference that was used before gives the check that was made with it if that
    /// one is the same, and a conflict if it is another one or was deleted.
    async fn create_check(
        &self,
        reference: &str,
        spec: &CheckSpec,
        limit: Duration,
    ) -> Answer<CheckId>;

    /// Makes a check of this version another one of its kind; a conflict when it was changed since.
    async fn update_check(
        &self,
        id: &CheckId,
        version: i64,
        spec: &CheckSpec,
        limit: Duration,
    ) -> Answer<()>;

    /// What the checkers of a watch last saw.
    async fn sight(&self, id: &CheckId, limit: Duration) -> Answer<CheckSight>;
}
