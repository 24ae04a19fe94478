//! Orders: what people ask of the fleet.
//!
//! An order is an item of its own on the board, never a write to a seat. The leader finds it there,
//! commits what comes of it together with the answer, and removes the item. An order is carried out
//! at most once: the control state keeps the newest orders that were handled, and one that is older
//! than what is kept is refused rather than carried out a second time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::autonomy::{ActionKind, Autonomy};
use super::control::StateName;
use super::name::{RegionId, ServiceId};

/// Names an order; drawn at random by whoever gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OrderId(String);

/// Why a text names no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an order's name: 16 digits from 0 to f")]
pub struct InvalidOrderId(String);

impl OrderId {
    /// Names an order after a number that was drawn for it.
    #[must_use]
    pub fn drawn(number: u64) -> Self {
        Self(format!("{number:016x}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OrderId {
    type Err = InvalidOrderId;
    fn from_str(text: &str) -> Result<Self, InvalidOrderId> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() == 16 && text.chars().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidOrderId(text.to_owned()))
        }
    }
}

impl TryFrom<String> for OrderId {
    type Error = InvalidOrderId;
    fn try_from(text: String) -> Result<Self, InvalidOrderId> {
        text.parse()
    }
}

impl From<OrderId> for String {
    fn from(id: OrderId) -> Self {
        id.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Names something that waits for a person's approval: `drain:web:eu-west-1`, or `run:NAME:STEP`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AskId(pub String);

impl fmt::Display for AskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a person asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// Who gives it, as he names himself. AWS knows who wrote the item.
    pub by: String,
    /// When, by his wall clock, in RFC 3339: for people only.
    pub at: String,
    /// The committed state that he saw. See [`super::steering::Handled`].
    pub after: StateName,
    /// What.
    #[serde(flatten)]
    pub verb: Verb,
}

impl Order {
    /// The order without the runbook that it starts, for where the run itself is kept.
    #[must_use]
    pub fn without_procedure(mut self) -> Self {
        if let Verb::Start { procedure, .. } = &mut self.verb {
            procedure.clear();
        }
        self
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verb")]
pub enum Verb {
    /// Keep a Region out of service until it is undrained.
    Drain {
        /// Which.
        region: RegionId,
        /// Of this service only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceId>,
        /// Why.
        reason: String,
    },
    /// Keep it out no longer: it comes back as one that has recovered does.
    Undrain {
        /// Which.
        region: RegionId,
        /// Of this service only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceId>,
    },
    /// Change nothing any more, neither weights nor records, until resumed.
    Pause {
        /// Why.
        reason: String,
    },
    /// Go on.
    Resume,
    /// Set how far the fleet goes by itself.
    SetAutonomy {
        /// With which action.
        action: ActionKind,
        /// To what; none for what the files say.
        to: Option<Autonomy>,
        /// Why.
        reason: String,
    },
    /// Execute a runbook.
    Start {
        /// The run's name, unlike every other's.
        run: String,
        /// Why.
        reason: String,
        /// The runbook, bound to its arguments: a `runbook::Procedure` as JSON, so that whoever leads
        /// executes what the person saw, whatever files it has.
        procedure: String,
    },
    /// Have a step of a run tried again that is stuck.
    Retry {
        /// Of which run.
        run: String,
        /// Which step, by its name.
        step: String,
    },
    /// Let a run go on without a step that is stuck.
    Skip {
        /// Which run.
        run: String,
        /// Which step, by its name.
        step: String,
        /// Why.
        reason: String,
    },
    /// Have everything undone that a run has done.
    Abort {
        /// Which run.
        run: String,
        /// Why.
        reason: String,
    },
    /// Let something go ahead that asked for approval.
    Approve {
        /// What.
        ask: AskId,
    },
    /// Don't let it.
    Reject {
        /// What.
        ask: AskId,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |region: &RegionId, service: &Option<ServiceId>| match service {
            Some(service) => format!("{service} in {region}"),
            None => region.to_string(),
        };
        match self {
            Self::Drain { region, service, reason } => {
                write!(f, "drain {} ({reason})", place(region, service))
            }
            Self::Undrain { region, service } => write!(f, "undrain {}", place(region, service)),
            Self::Pause { reason } => write!(f, "pause ({reason})"),
            Self::Resume => f.write_str("resume"),
            Self::SetAutonomy { action, to: Some(to), reason } => {
                write!(f, "autonomy of {action}: {to} ({reason})")
            }
            Self::SetAutonomy { action, to: None, reason } => {
                write!(f, "autonomy of {action}: as configured ({reason})")
            }
            Self::Start { run, reason, .. } => write!(f, "start {run} ({reason})"),
            Self::Retry { run, step } => write!(f, "retry {step} of {run}"),
            Self::Skip { run, step, reason } => write!(f, "skip {step} of {run} ({reason})"),
            Self::Abort { run, reason } => write!(f, "abort {run} ({reason})"),
            Self::Approve { ask } => write!(f, "approve {ask}"),
            Self::Reject { ask, reason } => write!(f, "reject {ask} ({reason})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_its_document() {
        let order = Order {
            id: OrderId::drawn(77),
            by: "ada".to_owned(),
            at: "2026-01-01T00:00:00Z".to_owned(),
            after: StateName::GENESIS,
            verb: Verb::Drain {
                region: "eu-west-1".parse().expect("valid"),
                service: None,
                reason: "patching".to_owned(),
            },
        };
        let document = serde_json::to_string(&order).expect("texts");
        assert_eq!(serde_json::from_str::<Order>(&document).expect("the same"), order);
        assert!(document.contains("\"verb\":\"drain\""), "{document}");
    }

    #[test]
    fn a_name_that_was_not_drawn_is_refused() {
        for text in ["", "x", "000000000000000G", "00000000000000000"] {
            assert!(text.parse::<OrderId>().is_err(), "{text}");
        }
        assert_eq!(OrderId::drawn(255).as_str(), "00000000000000ff");
    }
}
