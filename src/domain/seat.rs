//! A seat: one Region's vote.
//!
//! One small item in an ordinary DynamoDB table of its own Region, replicated nowhere. Within one
//! Region a conditional write on one item is linearizable, and a majority of seats is the quorum.
//! Every write is conditional on the [`Beat`] last read, and every write brings a beat that was
//! never used before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::control::StateRef;
use super::name::{AgentId, InvalidName};

/// A leader's term. Rises with every take; no two leaders share one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Before any leader.
    pub const ZERO: Self = Self(0);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The random identity of one run of an agent: a restarted agent is a new candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BootId(pub u64);

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<BootId> for String {
    fn from(boot: BootId) -> Self {
        boot.to_string()
    }
}

impl TryFrom<String> for BootId {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        u64::from_str_radix(&text, 16).map(Self).map_err(|_| InvalidName {
            kind: "boot identity",
            text,
            reason: "it must be a hexadecimal number of 64 bits",
        })
    }
}

/// The mark of one write to a seat: who, in which run, and a counter. Never reused, so that a
/// changed beat always means a write and an unchanged one means none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Beat {
    /// The writer.
    pub agent: AgentId,
    /// The writer's run.
    pub boot: BootId,
    /// Rises with every write that this run attempts, whether or not it is known to have arrived.
    pub count: u64,
}

impl fmt::Display for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.agent, self.boot, self.count)
    }
}

impl From<Beat> for String {
    fn from(beat: Beat) -> Self {
        beat.to_string()
    }
}

impl FromStr for Beat {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fail = |reason| InvalidName { kind: "beat", text: text.to_owned(), reason };
        let mut parts = text.split('/');
        let (Some(agent), Some(boot), Some(count), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(fail("it must have the form agent/boot/count"));
        };
        Ok(Self {
            agent: agent.parse()?,
            boot: boot.to_owned().try_into()?,
            count: count.parse().map_err(|_| fail("its count is not a number"))?,
        })
    }
}

impl TryFrom<String> for Beat {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

/// The identity that a seat got when it was created. A seat whose table was deleted and made anew
/// has another one, and counts for nothing until it is re-admitted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(pub String);

/// What a seat's item holds. Stays small: it is rewritten every second or so, and DynamoDB charges
/// for the whole item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seat {
    /// Which creation of this seat this is.
    pub incarnation: Incarnation,
    /// The highest epoch that took this seat. Never falls.
    pub epoch: Epoch,
    /// Who took it, if anybody ever did.
    pub holder: Option<AgentId>,
    /// The lease that its holder runs, in milliseconds; 0 before the first. A candidate whose own
    /// configuration has a shorter one waits this long all the same, so that a change of the lease
    /// can be rolled out agent by agent.
    pub lease_ms: u32,
    /// The mark of the last write.
    pub beat: Beat,
    /// The newest control state that was put beside this seat and pointed to by a leader.
    pub committed: StateRef,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_survives_its_text_form() {
        let beat =
            Beat { agent: "eu-west-1.a".parse().expect("valid"), boot: BootId(0xff), count: 7 };
        assert_eq!(beat.to_string(), "eu-west-1.a/00000000000000ff/7");
        assert_eq!(beat.to_string().parse::<Beat>().expect("valid"), beat);
        assert!("a/b".parse::<Beat>().is_err());
        assert!("a/ff/x".parse::<Beat>().is_err());
        assert!("a/ff/1/2".parse::<Beat>().is_err());
    }
}
