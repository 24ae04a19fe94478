//! A model of AWS, the network between Regions, and the applications.
//!
//! Pure, seeded and deterministic: time is an argument and chance comes from generators that are
//! seeded once, one for each part, so that a new draw in one part does not shift another. It knows
//! nothing of regent: it speaks DynamoDB's and Route 53's own operations, so that `local` can serve
//! it to the unmodified SDKs in real time while `sim` runs the very same model in virtual time.
//!
//! Every operation takes effect at the moment of the call. Distance, loss and delay are the
//! caller's to apply, from what [`network::Network::path`] says at the moment of sending and again
//! at that of answering: a request that arrives and whose answer is cut is thereby natural.

pub mod apps;
pub mod dynamo;
pub mod fault;
pub mod log;
pub mod network;
pub mod route53;

use rand_pcg::Pcg64Mcg;

use crate::domain::digest::Digest;

/// The generator of one part of the world: of the world's seed and the part's name.
#[must_use]
pub fn generator(seed: u64, part: &str) -> Pcg64Mcg {
    use rand::SeedableRng as _;
    let digest = Digest::of(format!("{seed}/{part}").as_bytes()).to_string();
    let state = u128::from_str_radix(&digest, 16).expect("a digest is hexadecimal");
    Pcg64Mcg::from_seed(state.to_le_bytes())
}
