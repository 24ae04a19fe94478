//! A TCP connection to the first of several addresses that accepts one.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Broken;
use crate::domain::ProbeFailure;
use crate::telemetry::Stopwatch;

/// Most addresses that are tried. A load balancer's name is answered with no more than about this
/// many, and shares of the time any smaller would be too short for a handshake across an ocean.
const ADDRESSES_MAX: usize = 8;

/// Tries addresses in the resolver's order, each for an even share of the time that is then left:
/// one that swallows packets can't use up the time of those after it, and what one leaves unused
/// goes to the rest.
pub(super) async fn dial(addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, Broken> {
    let addresses = &addresses[..addresses.len().min(ADDRESSES_MAX)];
    let watch = Stopwatch::start();
    let mut failure = ProbeFailure::Refused;
    let mut detail = String::new();
    for (address, after) in addresses.iter().zip((0..addresses.len()).rev()) {
        let tries = u32::try_from(after + 1).expect("at most ADDRESSES_MAX");
        let share = limit.saturating_sub(watch.elapsed()) / tries;
        let why = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A probe is one small request: nothing is gained by waiting to fill a packet, and
                // a socket that can't be told so works all the same.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                // One address that may yet accept makes the whole a matter of time.
                failure = ProbeFailure::ConnectTimeout;
                format!("nothing for {} ms", share.as_millis())
            }
        };
        let between = if detail.is_empty() { "" } else { "; " };
        write!(detail, "{between}{address}: {why}").expect("writing to a String can't fail");
    }
    Err(Broken::new(failure, detail))
}
