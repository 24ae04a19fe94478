//! The way to AWS, and asking many at once.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::Failure;
use crate::agent::Outside;
use crate::domain::Fleet;

/// The ports over AWS, with the caller's credentials. Nothing is called yet.
#[cfg(feature = "aws")]
pub(super) async fn connect(fleet: &Fleet) -> Result<Outside, Failure> {
    use std::sync::Arc;
    let aws = crate::aws::Aws::connect(fleet.tables.clone()).await;
    Ok(Outside {
        registers: Arc::new(aws.seats()),
        observations: Arc::new(aws.board()),
        records: Arc::new(aws.zones()),
        signals: Arc::new(aws.signals()),
        health_checks: Arc::new(aws.health_checks()),
        databases: Arc::new(aws.databases()),
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

/// Asks all at once, and gives the answers when the last has come.
pub(super) async fn ask_all<K, T, F>(questions: impl IntoIterator<Item = (K, F)>) -> BTreeMap<K, T>
where
    K: Ord + Send + 'static,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut asked = JoinSet::new();
    for (key, question) in questions {
        asked.spawn(async move { (key, question.await) });
    }
    asked.join_all().await.into_iter().collect()
}
