//! What one step of a runbook does, with every reference filled in.
//!
//! An action says what is to be true afterwards, not which call brings it about: whoever carries it
//! out reads first, and does nothing when it is true already. So each can be asked for again, by
//! another leader too. What it takes of calls is not known here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::autonomy::ActionKind;
use crate::domain::notice::NoticeLevel;
use crate::domain::{DatabaseId, RegionId, ServiceId};

/// What a step brings about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// The Region's gate is closed: Route 53's checkers take it out with no API call.
    CloseGate {
        /// Whose gate.
        region: RegionId,
        /// That of one service; of all in the Region if none.
        service: Option<ServiceId>,
    },
    /// The Region's gate is open.
    OpenGate {
        /// Whose gate.
        region: RegionId,
        /// That of one service; of all in the Region if none.
        service: Option<ServiceId>,
    },
    /// The Region's records have this share of their weight.
    ShiftTraffic {
        /// Whose records.
        region: RegionId,
        /// That of one service; of all in the Region if none.
        service: Option<ServiceId>,
        /// How much.
        to: Share,
    },
    /// The zones' own name servers answer as the committed state wants.
    WaitForDns {
        /// Whose records.
        region: RegionId,
        /// That of one service; of all in the Region if none.
        service: Option<ServiceId>,
    },
    /// The database's writer is in that Region, and nothing was lost.
    SwitchOver {
        /// Which database.
        database: DatabaseId,
        /// Where its writer is to be.
        to: RegionId,
    },
    /// The database's writer is in that Region, though the old one could not be asked.
    Promote {
        /// Which database.
        database: DatabaseId,
        /// Where its writer is to be.
        to: RegionId,
        /// Who answers for what is lost.
        data_loss: DataLoss,
    },
    /// The database is available, its writer is in that Region, and no move is under way.
    WaitForDatabase {
        /// Which database.
        database: DatabaseId,
        /// Where its writer is to be.
        writer: RegionId,
    },
    /// What is still to be done for a database is told: copies that have not rejoined, members unlike
    /// the writer, applications that are not well. It never fails, and so is no look before anything.
    Review {
        /// Which database.
        database: DatabaseId,
    },
    /// The Regions' autoscaling groups run enough instances.
    Scale {
        /// Where.
        place: Place,
        /// For one service; for all if none.
        service: Option<ServiceId>,
        /// How many are enough.
        at_least: Enough,
    },
    /// Something is found to be so. Changes nothing.
    Verify(Check),
    /// A person has said yes.
    Approve {
        /// What the person is asked.
        question: String,
    },
    /// A person has done something that regent can't, and says so.
    ByHand {
        /// What is to be done.
        task: String,
    },
    /// People are told.
    Notify {
        /// Whose trouble.
        level: NoticeLevel,
        /// One line.
        subject: String,
        /// The rest.
        text: String,
    },
    /// Time has passed in which things could have gone wrong and were seen.
    Bake {
        /// How long, in seconds.
        seconds: u32,
    },
    /// Another system was told, and may have said no.
    Webhook {
        /// Where it listens.
        url: String,
        /// Whether its answer 409 or 423 fails the step.
        may_veto: bool,
    },
    /// Nothing is changed any more, neither weights nor records, until somebody resumes.
    Pause {
        /// Why, for whoever finds it so.
        reason: String,
    },
    /// The leader goes on.
    Resume,
}

impl Action {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::CloseGate { .. } => Kind::CloseGate,
            Self::OpenGate { .. } => Kind::OpenGate,
            Self::ShiftTraffic { .. } => Kind::ShiftTraffic,
            Self::WaitForDns { .. } => Kind::WaitForDns,
            Self::SwitchOver { .. } => Kind::SwitchOver,
            Self::Promote { .. } => Kind::Promote,
            Self::WaitForDatabase { .. } => Kind::WaitForDatabase,
            Self::Review { .. } => Kind::Review,
            Self::Scale { .. } => Kind::Scale,
            Self::Verify(_) => Kind::Verify,
            Self::Approve { .. } => Kind::Approve,
            Self::ByHand { .. } => Kind::ByHand,
            Self::Notify { .. } => Kind::Notify,
            Self::Bake { .. } => Kind::Bake,
            Self::Webhook { .. } => Kind::Webhook,
            Self::Pause { .. } => Kind::Pause,
            Self::Resume => Kind::Resume,
        }
    }

    /// The kind of action by which the fleet's rules say whether a person must be asked first; none
    /// for what moves neither traffic, nor data, nor capacity.
    #[must_use]
    pub const fn autonomy(&self) -> Option<ActionKind> {
        match self {
            Self::CloseGate { .. } | Self::ShiftTraffic { to: Share::None, .. } => {
                Some(ActionKind::Drain)
            }
            Self::OpenGate { .. } | Self::ShiftTraffic { .. } => Some(ActionKind::Return),
            Self::SwitchOver { .. } => Some(ActionKind::Switchover),
            Self::Promote { .. } => Some(ActionKind::Failover),
            Self::Scale { .. } => Some(ActionKind::Scale),
            _ => None,
        }
    }

    /// Whether it only looks, waits, asks or tells: nothing is left of it when it is broken off.
    #[must_use]
    pub const fn changes_nothing(&self) -> bool {
        match self {
            Self::WaitForDns { .. }
            | Self::WaitForDatabase { .. }
            | Self::Review { .. }
            | Self::Verify(_)
            | Self::Approve { .. }
            | Self::Notify { .. }
            | Self::Bake { .. } => true,
            Self::CloseGate { .. }
            | Self::OpenGate { .. }
            | Self::ShiftTraffic { .. }
            | Self::SwitchOver { .. }
            | Self::Promote { .. }
            | Self::Scale { .. }
            | Self::ByHand { .. }
            | Self::Webhook { .. }
            | Self::Pause { .. }
            | Self::Resume => false,
        }
    }

    /// How long it takes by its own words, in seconds: only a wait of a given length knows.
    #[must_use]
    pub const fn usual_s(&self) -> Option<u32> {
        match self {
            Self::Bake { seconds } => Some(*seconds),
            _ => None,
        }
    }

    /// Whether a person does it, rather than the leader.
    #[must_use]
    pub const fn is_for_a_person(&self) -> bool {
        matches!(self, Self::Approve { .. } | Self::ByHand { .. })
    }
}

/// The kinds of step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented once, on the actions of the same names")]
pub enum Kind {
    CloseGate,
    OpenGate,
    ShiftTraffic,
    WaitForDns,
    SwitchOver,
    Promote,
    WaitForDatabase,
    Review,
    Scale,
    Verify,
    Approve,
    ByHand,
    Notify,
    Bake,
    Webhook,
    Pause,
    Resume,
}

/// How much of its weight a Region's record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// Nothing: it is out of service.
    None,
    /// What the planner wants it to have: nobody overrides it.
    Planned,
    /// At most that many thousandths of its declared weight.
    Permille(u16),
}

/// One Region, or all of a step's Regions but one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In this Region.
    In(RegionId),
    /// In every Region but this.
    Outside(RegionId),
}

/// How many instances are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enough {
    /// Enough for the share that each Region is to get once the Region that the step is `outside`
    /// of is out of service; for a step `in` a Region, enough for its planned share.
    Carry,
    /// This many in each group.
    Instances(u32),
}

/// Who answers for what a promotion loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataLoss {
    /// Nobody needs to: refused when the loss would exceed the fleet's budget.
    WithinBudget,
    /// The person who said yes to an earlier step and was told the loss.
    Approved,
    /// As above, though the fleet's rules forbid it: a copy that is never to be the writer, that can't
    /// be read in its own Region, or that is not in the state expected.
    Forced,
}

/// What a step looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// The endpoints there are healthy, by the agreement of observers.
    Endpoint {
        /// Where.
        place: Place,
        /// One service; all if none.
        service: Option<ServiceId>,
    },
    /// The records in Route 53 are what the committed state wants.
    Record {
        /// Whose records.
        region: RegionId,
        /// One service; all in the Region if none.
        service: Option<ServiceId>,
    },
    /// RDS shows the database, in whatever state, and no move of its writer is under way.
    Still {
        /// Which database.
        database: DatabaseId,
        /// Where it is to move: it has a copy there.
        to: RegionId,
    },
    /// The database's writer is in this Region.
    Writer {
        /// Which database.
        database: DatabaseId,
        /// Where its writer is.
        region: RegionId,
    },
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing"),
            Self::Planned => f.write_str("its planned share"),
            Self::Permille(permille) => {
                write!(f, "{}.{} % of its weight", permille / 10, permille % 10)
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(region) => write!(f, "in {region}"),
            Self::Outside(region) => write!(f, "in every Region but {region}"),
        }
    }
}

/// `web`, or `every service`.
fn of(service: Option<&ServiceId>) -> &str {
    service.map_or("every service", ServiceId::as_str)
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseGate { region, service } => {
                write!(f, "close the gate of {region} for {}", of(service.as_ref()))
            }
            Self::OpenGate { region, service } => {
                write!(f, "open the gate of {region} for {}", of(service.as_ref()))
            }
            Self::ShiftTraffic { region, service, to } => {
                write!(f, "give {region} {to} of the traffic of {}", of(service.as_ref()))
            }
            Self::WaitForDns { region, service } => write!(
                f,
                "wait until the name servers answer as wanted for {} in {region}",
                of(service.as_ref())
            ),
            Self::SwitchOver { database, to } => {
                write!(f, "switch {database} over to {to}, without loss")
            }
            Self::Promote { database, to, data_loss } => {
                let loss = match data_loss {
                    DataLoss::WithinBudget => "if the loss is within the budget",
                    DataLoss::Approved => "accepting the loss that was approved",
                    DataLoss::Forced => "by force, whatever is lost",
                };
                write!(f, "promote {database} in {to}, {loss}")
            }
            Self::WaitForDatabase { database, writer } => {
                write!(f, "wait until {database} is available with its writer in {writer}")
            }
            Self::Review { database } => {
                write!(f, "see what is still to be done for {database}")
            }
            Self::Scale { place, service, at_least } => {
                let service = of(service.as_ref());
                match at_least {
                    Enough::Carry => {
                        write!(f, "run enough instances of {service} {place} to carry the traffic")
                    }
                    Enough::Instances(count) => {
                        write!(f, "run at least {count} instances of {service} {place}")
                    }
                }
            }
            Self::Verify(check) => check.fmt(f),
            Self::Approve { question } => write!(f, "ask a person: {question}"),
            Self::ByHand { task } => write!(f, "by hand: {task}"),
            Self::Notify { subject, .. } => write!(f, "tell people: {subject}"),
            Self::Bake { seconds } => write!(f, "wait for {seconds} s and watch"),
            Self::Webhook { url, may_veto } => {
                let veto = if *may_veto { ", which may say no" } else { "" };
                write!(f, "tell {url}{veto}")
            }
            Self::Pause { .. } => f.write_str("pause automation"),
            Self::Resume => f.write_str("resume automation"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { place, service } => {
                write!(f, "see that {} is healthy {place}", of(service.as_ref()))
            }
            Self::Record { region, service } => {
                write!(
                    f,
                    "see that the records of {} in {region} are as wanted",
                    of(service.as_ref())
                )
            }
            Self::Still { database, .. } => {
                write!(f, "see that no move of the writer of {database} is under way")
            }
            Self::Writer { database, region } => {
                write!(f, "see that the writer of {database} is in {region}")
            }
        }
    }
}
