//! How far the fleet may act by itself, for each kind of action.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of action, as far as consent to it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Taking traffic away from a Region that fails. Can be undone in seconds.
    Drain,
    /// Giving a Region that has recovered its traffic back.
    Return,
    /// Changing a healthy database's writer, without loss.
    Switchover,
    /// Promoting another writer after a loss. Can't be undone, and may lose data.
    Failover,
    /// Raising the capacity of those that are to carry more.
    Scale,
}

impl ActionKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Drain, Self::Return, Self::Switchover, Self::Failover, Self::Scale];

    /// As it is written in files, on the command line and in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Return => "return",
            Self::Switchover => "switchover",
            Self::Failover => "failover",
            Self::Scale => "scale",
        }
    }

    /// How far the fleet goes by itself where the files say nothing: what can be undone is done,
    /// what can't is asked for.
    #[must_use]
    pub const fn by_default(self) -> Autonomy {
        match self {
            Self::Drain | Self::Return | Self::Scale => Autonomy::Auto,
            Self::Switchover | Self::Failover => Autonomy::Approve,
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// Why a text is no kind of action, or no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of {known}")]
pub struct NoSuchWord {
    /// As given.
    pub text: String,
    /// What would do.
    pub known: String,
}

fn find<T: Copy + fmt::Display>(all: &[T], text: &str) -> Result<T, NoSuchWord> {
    all.iter().copied().find(|word| word.to_string() == text).ok_or_else(|| NoSuchWord {
        text: text.to_owned(),
        known: all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for ActionKind {
    type Err = NoSuchWord;
    fn from_str(text: &str) -> Result<Self, NoSuchWord> {
        find(&Self::ALL, text)
    }
}

/// How far the fleet goes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// It watches, and shows what it sees.
    Observe,
    /// It says what it would do.
    Recommend,
    /// It asks, and acts when a person has approved.
    Approve,
    /// It acts.
    Auto,
}

impl Autonomy {
    /// Every level, the least first.
    pub const ALL: [Self; 4] = [Self::Observe, Self::Recommend, Self::Approve, Self::Auto];
}

impl fmt::Display for Autonomy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Observe => "observe",
            Self::Recommend => "recommend",
            Self::Approve => "approve",
            Self::Auto => "auto",
        })
    }
}

impl FromStr for Autonomy {
    type Err = NoSuchWord;
    fn from_str(text: &str) -> Result<Self, NoSuchWord> {
        find(&Self::ALL, text)
    }
}

/// What the files say of consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Levels that differ from [`ActionKind::by_default`].
    pub autonomy: BTreeMap<ActionKind, Autonomy>,
    /// How long a request for approval waits before it has expired. Counted anew by a new leader:
    /// wall clocks are never compared.
    pub approval_ms: u32,
}

/// A quarter of an hour: longer than it takes to page somebody, shorter than what was shown to them
/// stays true.
pub const APPROVAL_MS: u32 = 900_000;

impl Default for Consent {
    fn default() -> Self {
        Self { autonomy: BTreeMap::new(), approval_ms: APPROVAL_MS }
    }
}

impl Consent {
    /// Whether the files say nothing of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The level of an action as configured.
    #[must_use]
    pub fn of(&self, action: ActionKind) -> Autonomy {
        self.autonomy.get(&action).copied().unwrap_or(action.by_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for action in ActionKind::ALL {
            assert_eq!(action.to_string().parse(), Ok(action));
            let json = serde_json::to_string(&action).expect("a word");
            assert_eq!(json, format!("\"{action}\""));
        }
        for level in Autonomy::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        let error = "automatic".parse::<Autonomy>().expect_err("no such level");
        assert_eq!(error.to_string(), "\"automatic\" is none of observe, recommend, approve, auto");
    }

    #[test]
    fn what_cannot_be_undone_is_not_done_by_default() {
        let consent = Consent::default();
        assert_eq!(consent.of(ActionKind::Failover), Autonomy::Approve);
        assert_eq!(consent.of(ActionKind::Drain), Autonomy::Auto);
    }
}
