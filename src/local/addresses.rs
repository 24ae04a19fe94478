//! A loopback address for each Region, and one port that is free on all of them.
//!
//! A DNS answer carries no port, so the same one must do everywhere; and records of several Regions
//! must differ, so each Region has an address of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use crate::domain::RegionId;

/// How often a port is looked for: one that is free on the first address may be taken on another.
const PORT_TRIES_MAX: usize = 16;

/// Why the Regions can't have their addresses.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// There are more Regions than addresses.
    #[error("a local fleet has at most 254 Regions, and this one has {0}: take some out")]
    TooMany(usize),
    /// The system doesn't have the address.
    #[error(
        "{address}, the loopback address for {region}, can't be used: {error}. On Linux all of \
         127.0.0.0/8 is there; on macOS and BSD add it first: sudo ifconfig lo0 alias {address} up"
    )]
    Missing {
        /// Which.
        address: Ipv4Addr,
        /// Whose.
        region: RegionId,
        /// The system's words.
        error: io::Error,
    },
    /// No port was free on all of them.
    #[error("no port was found that is free on every loopback address of the fleet: {0}")]
    NoPort(io::Error),
}

/// The addresses by Region: 127.0.1.1, 127.0.2.1, and so on, in the order of names.
pub(super) fn of(
    regions: &BTreeSet<RegionId>,
) -> Result<BTreeMap<RegionId, Ipv4Addr>, AddressError> {
    let too_many = || AddressError::TooMany(regions.len());
    regions
        .iter()
        .zip(1..)
        .map(|(region, n): (_, usize)| {
            let n = u8::try_from(n).ok().filter(|n| *n < u8::MAX).ok_or_else(too_many)?;
            Ok((region.clone(), Ipv4Addr::new(127, 0, n, 1)))
        })
        .collect()
}

/// Listens on one port of all addresses.
pub(super) async fn listen(
    addresses: &BTreeMap<RegionId, Ipv4Addr>,
) -> Result<(u16, BTreeMap<RegionId, TcpListener>), AddressError> {
    let mut tries = 1;
    loop {
        match try_listen(addresses).await {
            Err(AddressError::NoPort(_)) if tries < PORT_TRIES_MAX => tries += 1,
            done => return done,
        }
    }
}

async fn try_listen(
    addresses: &BTreeMap<RegionId, Ipv4Addr>,
) -> Result<(u16, BTreeMap<RegionId, TcpListener>), AddressError> {
    let mut port = 0;
    let mut listeners = BTreeMap::new();
    for (region, address) in addresses {
        let listener = TcpListener::bind((*address, port)).await.map_err(|error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                AddressError::NoPort(error)
            } else {
                AddressError::Missing { address: *address, region: region.clone(), error }
            }
        })?;
        port = listener.local_addr().map_err(AddressError::NoPort)?.port();
        listeners.insert(region.clone(), listener);
    }
    Ok((port, listeners))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(count: usize) -> BTreeSet<RegionId> {
        (0..count).map(|n| format!("r{n:03}").parse().expect("valid")).collect()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn every_region_listens_on_the_same_port_of_its_own_address() {
        let addresses = of(&regions(3)).expect("few");
        let (port, listeners) = listen(&addresses).await.expect("loopback");
        for (region, address) in addresses {
            let bound = listeners[&region].local_addr().expect("bound");
            assert_eq!(bound, (address, port).into());
        }
    }

    #[test]
    fn addresses_end_before_the_last_octet_does() {
        assert_eq!(of(&regions(254)).expect("just enough").len(), 254);
        assert!(matches!(of(&regions(255)), Err(AddressError::TooMany(255))));
    }

    #[tokio::test]
    async fn an_address_that_is_not_there_is_named_with_what_to_do() {
        // 192.0.2.0/24 is for documentation: no machine has it.
        let region: RegionId = "eu-west-1".parse().expect("valid");
        let missing = BTreeMap::from([(region, Ipv4Addr::new(192, 0, 2, 1))]);
        let error = listen(&missing).await.expect_err("nobody has it").to_string();
        assert!(error.contains("192.0.2.1, the loopback address for eu-west-1"), "{error}");
        assert!(error.contains("ifconfig lo0 alias 192.0.2.1 up"), "{error}");
    }
}
