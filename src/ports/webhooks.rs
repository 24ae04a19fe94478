//! Telling other systems.

use std::time::Duration;

use async_trait::async_trait;

use super::Answer;
use crate::domain::webhook::Reply;

/// Other systems that listen for a POST. Delivery is at least once: receivers drop repeats by key.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Sends a JSON document, once, with the header `Idempotency-Key`. Any answer is one, whatever
    /// its status; redirects are not followed.
    async fn post(&self, url: &str, key: &str, body: &str, limit: Duration) -> Answer<Reply>;
}
