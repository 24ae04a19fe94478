//! The modelled world in real time on loopback.

pub mod dynamodb;
pub mod route53;
