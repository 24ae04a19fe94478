//! A short fingerprint of a stored document.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The first 16 bytes of a SHA-256, in lower-case hex. It guards against a name that came to have
/// two contents (a bug or a damaged table), not against an attacker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The fingerprint of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use fmt::Write as _;
        let hash = Sha256::digest(bytes);
        let mut hex = String::with_capacity(32);
        for byte in hash.iter().take(16) {
            write!(hex, "{byte:02x}").expect("writing to a String can't fail");
        }
        Self(hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
