//! Name resolution by the operating system, at most once at a time for a name.
//!
//! The system's resolver is what the service's own neighbours use, with the host's files and
//! search domains. But it blocks a thread and can't be cut off: one that hangs for half a minute,
//! asked anew by each probe, would take up every thread that the runtime has for blocking work,
//! and then fail the probes of everything else. So a probe whose name is being looked up already
//! waits for that answer. Nothing is kept once it is there: the next probe asks anew.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Addresses of a name, or why there are none.
pub(super) type Answer = Result<Vec<SocketAddr>, String>;

type Looked = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// How a name and port become addresses.
type Lookup = dyn Fn(String, u16) -> Looked + Send + Sync;
/// Look-ups under way.
type UnderWay = BTreeMap<(String, u16), watch::Receiver<Option<Answer>>>;

/// The resolver.
pub(super) struct Names {
    lookup: Box<Lookup>,
    under_way: Arc<Mutex<UnderWay>>,
}

impl Names {
    /// The operating system's resolver.
    pub(super) fn of_system() -> Self {
        Self::with(|host, port| {
            Box::pin(
                async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) },
            )
        })
    }

    /// A resolver that does as this function says.
    pub(super) fn with(lookup: impl Fn(String, u16) -> Looked + Send + Sync + 'static) -> Self {
        Self { lookup: Box::new(lookup), under_way: Arc::default() }
    }

    /// The addresses of a host, never an empty list. Takes as long as the resolver does.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Answer {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut answer = self.join(host, port);
        let answer = answer.wait_for(Option::is_some).await;
        answer.map_or_else(
            |_| Err("the resolver ended without an answer".to_owned()),
            |answer| answer.clone().expect("waited for"),
        )
    }

    /// The look-up of this name that is under way, or a new one.
    fn join(&self, host: &str, port: u16) -> watch::Receiver<Option<Answer>> {
        let key = (host.to_owned(), port);
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = under_way.get(&key) {
            return answer.clone();
        }
        let (answered, answer) = watch::channel(None);
        under_way.insert(key.clone(), answer.clone());
        let ended = Ended { under_way: Arc::clone(&self.under_way), key };
        let looked = (self.lookup)(host.to_owned(), port);
        // A task of its own: it goes on when the probe that asked has run out of time.
        tokio::spawn(async move {
            let found = match looked.await {
                Ok(found) if found.is_empty() => Err("the name has no address".to_owned()),
                Ok(found) => Ok(found),
                Err(error) => Err(error.to_string()),
            };
            drop(ended);
            // Nobody may be waiting any more.
            let _ = answered.send(Some(found));
        });
        answer
    }
}

/// Takes a look-up off the list when it ends, in whatever way it does.
struct Ended {
    under_way: Arc<Mutex<UnderWay>>,
    key: (String, u16),
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_name_under_way_is_not_asked_again_until_it_is_answered() {
        let asked = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let names = {
            let (asked, gate) = (Arc::clone(&asked), Arc::clone(&gate));
            Names::with(move |_, port| {
                asked.fetch_add(1, Ordering::SeqCst);
                let gate = Arc::clone(&gate);
                Box::pin(async move {
                    gate.acquire().await.expect("never closed").forget();
                    Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
                })
            })
        };
        // One that gives up while waiting leaves the look-up to the others.
        assert!(timeout(Duration::ZERO, names.resolve("a", 1)).await.is_err());
        let both = async { tokio::join!(names.resolve("a", 1), names.resolve("a", 1)) };
        let open = async { gate.add_permits(1) };
        let all = async { tokio::join!(both, open) };
        let limit = Duration::from_secs(30);
        let (both, ()) = timeout(limit, all).await.expect("one answer is enough for both");
        assert_eq!(both.0, both.1);
        assert!(both.0.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 1);

        gate.add_permits(1);
        assert!(names.resolve("a", 1).await.is_ok());
        assert_eq!(asked.load(Ordering::SeqCst), 2, "an answer is not kept");
    }

    #[tokio::test]
    async fn an_address_needs_no_resolver() {
        let names = Names::with(|_, _| panic!("asked"));
        let found = names.resolve("::1", 80).await.expect("an address");
        assert_eq!(found, ["[::1]:80".parse().expect("valid")]);
    }

    #[tokio::test]
    async fn no_addresses_is_an_error() {
        let names = Names::with(|_, _| Box::pin(async { Ok(Vec::new()) }));
        assert!(names.resolve("a", 1).await.expect_err("empty").contains("no address"));
    }
}
