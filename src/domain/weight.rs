//! The weight of a Route 53 weighted record.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A weight from 0 to 255. A record's share of the answers is its weight over the sum of weights;
/// 0 means "not answered unless nothing else is healthy" (Route 53 Developer Guide, "Values
/// specific for weighted records"). The type's range is AWS's range: 256 can't be written.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Weight(pub u8);

impl Weight {
    /// Out of service.
    pub const ZERO: Self = Self(0);

    /// Whether a record of this weight takes part in answering while others are healthy.
    #[must_use]
    pub const fn serves(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
