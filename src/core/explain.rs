//! Why the fleet decided what it decided.
//!
//! Each control state carries the cause that made it. A decision's cause holds the planner's whole
//! input, so that [`super::planner::plan`] run on it gives the same changes again: today on the
//! leader, tomorrow in a test, a year later in a review.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::autonomy::Autonomy;
use crate::domain::order::{AskId, Order};
use crate::domain::{ControlState, RegionId, ServiceId, StateName, Weight};

use super::planner::{self, Inputs};
use super::runs::Kept;
use crate::runbook;

/// A control state of this brain.
pub type State = ControlState<Cause, Kept>;

/// Why a control state differs from the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Cause {
    /// `init` made it.
    Genesis,
    /// A new leader took over what its predecessor had decided.
    Adopted {
        /// The state that it found newest among its majority.
        from: StateName,
    },
    /// The planner decided.
    Decided {
        /// On this.
        inputs: Inputs,
        /// This.
        changes: Vec<Change>,
    },
    /// A person ordered something.
    Ordered {
        /// What.
        order: Order,
        /// Why it was not carried out; none if it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// Runs of runbooks went on.
    Ran {
        /// What happened, in order.
        events: Vec<RunEvent>,
    },
    /// Something began, or ceased, to wait for a person's approval.
    Asked {
        /// What is asked now, and was not before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked: Vec<AskId>,
        /// What nobody answered in time.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        expired: Vec<AskId>,
        /// What there is no more reason to ask.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        withdrawn: Vec<AskId>,
    },
}

impl Cause {
    /// What it changed.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        match self {
            Self::Genesis
            | Self::Adopted { .. }
            | Self::Ordered { .. }
            | Self::Asked { .. }
            | Self::Ran { .. } => &[],
            Self::Decided { changes, .. } => changes,
        }
    }

    /// What this code decides on the inputs that were kept: the same changes again, unless the
    /// explanation is not that of the act, or the code has changed since. None without inputs.
    #[must_use]
    pub fn replay(&self) -> Option<Vec<Change>> {
        match self {
            Self::Genesis
            | Self::Adopted { .. }
            | Self::Ordered { .. }
            | Self::Asked { .. }
            | Self::Ran { .. } => None,
            Self::Decided { inputs, .. } => Some(planner::plan(inputs).changes),
        }
    }
}

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// To which.
    pub run: String,
    /// What; none when it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<runbook::Event>,
}

/// Why a weight changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A quorum of observers agrees that it does not answer.
    Down,
    /// It is well inside, but a quorum of observers can't reach it.
    CutOff,
    /// It was healthy for long enough.
    Recovered,
    /// The configured weight changed, or the service is new.
    Configured,
    /// A person keeps it out of service.
    Ordered,
    /// The service can write only beside its database's writer, and that is elsewhere.
    WriterElsewhere,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Down,
        Self::CutOff,
        Self::Recovered,
        Self::Configured,
        Self::Ordered,
        Self::WriterElsewhere,
    ];

    /// The reason as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::CutOff => "cut_off",
            Self::Recovered => "recovered",
            Self::Configured => "configured",
            Self::Ordered => "ordered",
            Self::WriterElsewhere => "writer_elsewhere",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Down => "a quorum of observers agrees that it is down",
            Self::CutOff => "well inside, but a quorum of observers can't reach it",
            Self::Recovered => "healthy again for long enough",
            Self::Configured => "as configured",
            Self::Ordered => "a person drained it",
            Self::WriterElsewhere => "it can't write there: its database is written elsewhere",
        })
    }
}

/// One weight that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Of this service.
    pub service: ServiceId,
    /// In this Region.
    pub region: RegionId,
    /// From; none if the state knew none yet.
    pub from: Option<Weight>,
    /// To.
    pub to: Weight,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: ", self.service, self.region)?;
        match self.from {
            Some(from) => write!(f, "{from} → {} ({})", self.to, self.reason),
            None => write!(f, "{} ({})", self.to, self.reason),
        }
    }
}

/// What keeps a wanted action from being taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// The failure has not lasted for the dwell yet.
    Dwell,
    /// It would leave fewer Regions in service than the rule allows.
    FewestInService,
    /// Most Regions look bad at once: suspect the observers.
    MostLookBad,
    /// It has not been healthy for long enough.
    NotHealthyLongEnough,
    /// It is out of service and not known to be healthy.
    NotHealthy,
    /// The fleet is told to do no more than watch, recommend or ask.
    Autonomy(Autonomy),
    /// A person said no, or nobody answered in time.
    NotApproved,
    /// It can write only beside its database's writer, which is elsewhere, or nobody knows where.
    WriterElsewhere,
    /// It can but read there, and nobody serves beside the writer.
    NobodyWrites,
}

impl Obstacle {
    /// The obstacle as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Dwell => "dwell",
            Self::FewestInService => "fewest_in_service",
            Self::MostLookBad => "most_look_bad",
            Self::NotHealthyLongEnough => "not_healthy_long_enough",
            Self::NotHealthy => "not_healthy",
            Self::Autonomy(Autonomy::Observe) => "observing",
            Self::Autonomy(Autonomy::Recommend) => "recommending",
            Self::Autonomy(Autonomy::Approve | Autonomy::Auto) => "awaits_approval",
            Self::NotApproved => "not_approved",
            Self::WriterElsewhere => "writer_elsewhere",
            Self::NobodyWrites => "nobody_writes",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dwell => "the failure has not lasted for the dwell yet",
            Self::FewestInService => {
                "it would leave fewer Regions in service than fewest_in_service"
            }
            Self::MostLookBad => {
                "most Regions in service look bad at once: suspecting the observers, holding still"
            }
            Self::NotHealthyLongEnough => "not healthy for return_after yet",
            Self::NotHealthy => "not known to be healthy",
            Self::Autonomy(Autonomy::Observe) => "only observing, as told",
            Self::Autonomy(Autonomy::Recommend) => "recommended; it is for a person to do",
            Self::Autonomy(Autonomy::Approve | Autonomy::Auto) => "waits for a person's approval",
            Self::NotApproved => "a person said no, or nobody answered in time",
            Self::WriterElsewhere => {
                "it writes beside its database's writer only, and that is not there"
            }
            Self::NobodyWrites => "it can but read there, and nobody serves beside the writer",
        })
    }
}

/// An action that would be taken but for an obstacle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blocked {
    /// Of this service.
    pub service: ServiceId,
    /// In this Region.
    pub region: RegionId,
    /// To this weight.
    pub to: Weight,
    /// What is in the way.
    pub by: Obstacle,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} to weight {}: {}", self.service, self.region, self.to, self.by)
    }
}
