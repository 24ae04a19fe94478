//! The ports over the AWS SDKs: seats and board in DynamoDB, records in Route 53, signals in Elastic
//! Load Balancing and CloudWatch, databases in RDS and CloudWatch, capacity in Auto Scaling,
//! notices in SNS.
//!
//! The only module that names an `aws_*` crate. Each adapter does one thing: put a call of a port
//! into the SDK's words, send it under the limits of `call`, and sort what came back with
//! `classify`. What an answer *means* is the brain's business.
//!
//! Deliberately not here: retries of anything with an effect, caches of what was read, proxies
//! between the agent and AWS (one more thing to fail together with a Region).

mod attributes;
mod board;
mod call;
mod capacity;
mod classify;
mod connect;
mod databases;
mod ending;
mod health_checks;
mod notices;
mod record_sets;
mod roles;
mod seats;
mod signals;
mod tables;
#[cfg(test)]
mod tests;
mod witness;
mod zones;

pub use board::Board;
pub use capacity::Capacity;
pub use connect::Aws;
pub use databases::Databases;
pub use health_checks::HealthChecks;
pub use notices::Notices;
pub use seats::Seats;
pub use signals::Signals;
pub use zones::Zones;
