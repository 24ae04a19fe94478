//! Asking many at once.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

/// Asks all at once, and gives the answers when the last has come.
pub async fn ask_all<K, T, F>(questions: impl IntoIterator<Item = (K, F)>) -> BTreeMap<K, T>
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
