//! A zone's own name servers.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::answers::{Heard, Question};

/// The data plane of DNS: what resolvers are told.
#[async_trait]
pub trait Names: Send + Sync {
    /// Asks every name server of the zone, without a resolver in between and without its cache, as
    /// often in all as the question says, evenly. A server that does not answer is told of; that none
    /// does is a failure.
    async fn ask(&self, question: &Question, limit: Duration) -> Answer<Vec<Heard>>;
}
