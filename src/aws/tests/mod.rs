//! The adapters over real sockets: what class each way to fail gets, and how many requests arrived.

mod conformance;
mod dynamodb;
mod health_checks;
mod quotas;
mod roles;
mod route53;
mod stub;
mod wire;

use std::time::Duration;

use super::Aws;
use crate::domain::fleet::Tables;

/// A limit that no working answer on loopback comes near.
const AMPLE: Duration = Duration::from_secs(20);
/// A limit for those that never answer: the test takes that long.
const SHORT: Duration = Duration::from_millis(300);

fn aws(url: &str) -> Aws {
    Aws::at(url, Tables { seats: "demo-seats".to_owned(), board: "demo-board".to_owned() })
}
