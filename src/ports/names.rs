//! A zone's own name servers.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::answers::{Heard, Question};
use crate::domain::record::DnsName;

/// The data plane of DNS: what resolvers are told.
#[async_trait]
pub trait Names: Send + Sync {
    /// Asks every name server of the zone, without a resolver in between and without its cache, as
    /// often in all as the question says, evenly. A server that does not answer is told of; that none
    /// does is a failure.
    async fn ask(&self, question: &Question, limit: Duration) -> Answer<Vec<Heard>>;

    /// Whether a name has an address, by this machine's own resolver. A failure says neither.
    async fn has_address(&self, name: &DnsName, limit: Duration) -> Answer<bool>;
}
