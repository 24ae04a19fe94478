//! Tests from outside the library, in one binary: each more would link everything again.

mod dashboards;
mod docs;
#[cfg(feature = "aws")]
mod fleet;
mod fuzz;
mod runbooks;
mod tidy;
