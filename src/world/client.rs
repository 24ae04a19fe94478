//! A client of a service, without its IO: when it resolves, whom it calls, what it counts.
//!
//! The simulator's clients and those on loopback are the same ones; only what carries the questions
//! differs. Three kinds, since DNS moves only those who ask again: see [`ClientKind`].

use std::net::IpAddr;
use std::time::Duration;

use super::log::ClientKind;
use crate::domain::{Moment, RegionId};

/// What a client does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Asks a resolver for the service's name.
    Resolve,
    /// Sends a request to this address, over the connection that it has if it may.
    Call {
        /// Whom.
        address: IpAddr,
        /// Whether a connection that is open may be used.
        reuse: bool,
    },
}

/// One client.
#[derive(Debug, Clone)]
pub struct Client {
    kind: ClientKind,
    address: Option<(IpAddr, Moment)>,
    connected: bool,
}

impl Client {
    /// A client that has yet to resolve.
    #[must_use]
    pub fn new(kind: ClientKind) -> Self {
        Self { kind, address: None, connected: false }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> ClientKind {
        self.kind
    }

    /// What it does for its next request.
    #[must_use]
    pub fn next(&self, now: Moment) -> Move {
        let Some((address, until)) = self.address else { return Move::Resolve };
        let keeps = match self.kind {
            ClientKind::Orderly => now < until,
            ClientKind::KeepsAlive => self.connected || now < until,
            ClientKind::IgnoresTtl => true,
        };
        if keeps {
            Move::Call { address, reuse: self.kind == ClientKind::KeepsAlive && self.connected }
        } else {
            Move::Resolve
        }
    }

    /// The name was resolved to these addresses, for this long; with none, it stays unresolved.
    pub fn resolved(&mut self, now: Moment, addresses: &[IpAddr], ttl: Duration) {
        self.address = addresses.first().map(|address| (*address, now + ttl));
        self.connected = false;
    }

    /// The request ended. A broken connection is given up; only a client that keeps connections
    /// then resolves anew before its time, as a pool of connections does.
    pub fn called(&mut self, well: bool) {
        self.connected = well;
        if !well && self.kind == ClientKind::KeepsAlive {
            self.address = None;
        }
    }
}

/// A client's account of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// Answered as it should be.
    Served(RegionId),
    /// Not.
    Failed {
        /// At which Region, if it got as far as an address.
        region: Option<RegionId>,
        /// How.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(ms: u64) -> Moment {
        Moment::from_ms(ms)
    }

    fn resolved(kind: ClientKind) -> Client {
        let mut client = Client::new(kind);
        assert_eq!(client.next(at(0)), Move::Resolve);
        client.resolved(at(0), &[A], Duration::from_secs(5));
        client
    }

    #[test]
    fn an_orderly_client_asks_again_when_the_ttl_is_over() {
        let mut client = resolved(ClientKind::Orderly);
        client.called(true);
        assert_eq!(client.next(at(4999)), Move::Call { address: A, reuse: false });
        assert_eq!(client.next(at(5000)), Move::Resolve);
        client.called(false);
        assert_eq!(client.next(at(4999)), Move::Call { address: A, reuse: false });
    }

    #[test]
    fn a_kept_connection_outlives_the_ttl_until_it_breaks() {
        let mut client = resolved(ClientKind::KeepsAlive);
        assert_eq!(client.next(at(1)), Move::Call { address: A, reuse: false });
        client.called(true);
        assert_eq!(client.next(at(60_000)), Move::Call { address: A, reuse: true });
        client.called(false);
        assert_eq!(client.next(at(60_001)), Move::Resolve);
    }

    #[test]
    fn one_who_ignores_the_ttl_never_asks_again() {
        let mut client = resolved(ClientKind::IgnoresTtl);
        client.called(false);
        assert_eq!(client.next(at(1_000_000)), Move::Call { address: A, reuse: false });
    }
}
