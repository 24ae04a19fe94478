//! The modelled world in real time on loopback.

pub mod dns;
pub mod dynamodb;
pub mod route53;
