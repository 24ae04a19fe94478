//! Connections that are kept from one probe to the next, where the configuration asks for it.
//!
//! Kept by address, one each, and not for ever: after [`KEPT_MAX`] a probe connects anew, so that a
//! name that no longer resolves, a balancer that accepts nobody new or a certificate that has
//! expired is still seen within that time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::conversation::Conversation;

/// Longest time that a connection is used. As long as an Application Load Balancer keeps one that
/// is idle (ELB User Guide, "Connection idle timeout": 60 seconds by default).
const KEPT_MAX: Duration = Duration::from_secs(60);

/// The connections of one endpoint.
#[derive(Default)]
pub(super) struct Kept(Mutex<BTreeMap<SocketAddr, Conversation>>);

impl Kept {
    /// Takes the connection to an address, if there is one that is young enough and open.
    pub(super) fn take(&self, address: SocketAddr) -> Option<Conversation> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&address).filter(|conversation| conversation.is_open())
    }

    /// Keeps a connection; those that have grown old are closed.
    pub(super) fn keep(&self, address: SocketAddr, conversation: Conversation) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(address, conversation);
        // Also those to addresses that the name has no more.
        kept.retain(|_, conversation| conversation.is_open() && conversation.age() < KEPT_MAX);
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(kept.keys()).finish()
    }
}
