//! What the brain tells people: one variant for each thing worth a log line or a counter.

use std::fmt;

use serde::Serialize;

use crate::domain::notice::NoticeLevel;
use crate::domain::observation::Course;
use crate::domain::record::RecordKey;
use crate::domain::seat::Epoch;
use crate::domain::{AgentId, FailureClass, Moment, Order, RegionId, ServiceId, StateName, ZoneId};

use super::explain::{Blocked, Change};

/// Why a seat counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// There is no item. Empty is not free.
    Missing,
    /// It shows another incarnation than the committed seat set: it was made anew.
    Recreated,
    /// It shows a lower epoch or state than it did before: it was restored from a copy.
    GoneBack,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "its item is missing",
            Self::Recreated => "it was made anew",
            Self::GoneBack => "it has gone back to an earlier value",
        })
    }
}

/// Why a leader stopped leading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepDown {
    /// Its lease ran out before a majority of seats acknowledged a renewal.
    LeaseEnded,
    /// A majority of seats is held at a higher epoch, or is lost.
    Outbid,
    /// A zone's fence shows a later leader.
    FencedOff,
    /// A stored document is not what its name says, or can't be read.
    JournalDamaged,
    /// A seat was taken in vain above its epoch: it begins a new term above that.
    Outgrown,
    /// Its off switch was set.
    SwitchedOff,
}

impl StepDown {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::LeaseEnded,
        Self::Outbid,
        Self::FencedOff,
        Self::JournalDamaged,
        Self::Outgrown,
        Self::SwitchedOff,
    ];

    /// The reason as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::LeaseEnded => "lease_ended",
            Self::Outbid => "outbid",
            Self::FencedOff => "fenced_off",
            Self::JournalDamaged => "journal_damaged",
            Self::Outgrown => "outgrown",
            Self::SwitchedOff => "switched_off",
        }
    }
}

impl fmt::Display for StepDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LeaseEnded => "its lease ended before a majority of seats acknowledged a renewal",
            Self::Outbid => "a majority of seats is out of its reach or held at a higher epoch",
            Self::FencedOff => "a zone's fence shows a later leader",
            Self::JournalDamaged => "the newest control state is damaged or missing",
            Self::Outgrown => "a seat stands above its epoch: it begins a new term",
            Self::SwitchedOff => "its off switch was set",
        })
    }
}

/// One thing that happened in the brain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// Stands for election.
    Stood {
        /// With this epoch.
        epoch: Epoch,
        /// Asking these seats.
        seats: Vec<RegionId>,
    },
    /// Did not get a majority.
    NotElected {
        /// With this epoch.
        epoch: Epoch,
    },
    /// Holds a majority of the seats; acts once it has committed.
    Elected {
        /// With this epoch.
        epoch: Epoch,
        /// Of these seats.
        seats: Vec<RegionId>,
    },
    /// Leads no more.
    SteppedDown {
        /// Its epoch.
        epoch: Epoch,
        /// Why.
        why: StepDown,
    },
    /// A seat counts for nothing.
    SeatLost {
        /// Which.
        seat: RegionId,
        /// Why.
        why: Lost,
    },
    /// The configured seats are not those of the committed state: this agent does not stand.
    SeatSetDiffers {
        /// From the files.
        configured: Vec<RegionId>,
        /// From the state.
        committed: Vec<RegionId>,
    },
    /// A state was committed by this leader.
    Committed {
        /// Its name.
        name: StateName,
        /// What it changes.
        changes: Vec<Change>,
    },
    /// A person's order is handled.
    Ordered {
        /// Which.
        order: Order,
        /// Why it is not carried out; none if it is.
        refused: Option<String>,
    },
    /// What keeps the leader from acting has changed.
    Blocked {
        /// All of it.
        blocked: Vec<Blocked>,
    },
    /// A zone's fence was raised to this leader's epoch, and read back.
    ZoneClaimed {
        /// Which.
        zone: ZoneId,
        /// To which.
        epoch: Epoch,
    },
    /// A batch was accepted.
    ZoneChanged {
        /// Which zone.
        zone: ZoneId,
        /// The fence that it set.
        attempt: u64,
        /// The weights that it changed, in words.
        what: String,
    },
    /// A batch was not accepted, or nobody knows.
    ZoneRefused {
        /// Which zone.
        zone: ZoneId,
        /// What may be concluded.
        class: FailureClass,
    },
    /// The last batch is on every name server.
    ZoneInsync {
        /// Which zone.
        zone: ZoneId,
    },
    /// Somebody else has changed a name's records.
    Drift {
        /// Which.
        key: RecordKey,
        /// What is done about it.
        course: Course,
        /// What was changed.
        what: Vec<String>,
    },
    /// Name servers answer as wanted.
    AnswersVerified {
        /// Which service's.
        service: ServiceId,
        /// How many answers that rests on.
        answers: u32,
        /// When the look began that found it so.
        at: Moment,
    },
    /// How name servers' answers differ from what is wanted has changed.
    AnswersDiffer {
        /// Which service's.
        service: ServiceId,
        /// How; none when they don't any more.
        difference: Option<String>,
    },
    /// Nothing can be done with a zone now.
    ZoneHeld {
        /// Which.
        zone: ZoneId,
        /// Why, and what to do.
        why: String,
    },
    /// Something in a zone is not as it should be, though it can be worked with.
    ZoneOdd {
        /// Which.
        zone: ZoneId,
        /// What.
        what: String,
    },
    /// What AWS says of a service in this agent's own Region has changed.
    Signals {
        /// Of which.
        service: ServiceId,
        /// What it says now.
        what: String,
    },
    /// This agent's off switch was set, or taken back.
    Switched {
        /// Whether it is off now.
        off: bool,
    },
    /// An agent with this identity runs already.
    SecondSelf {
        /// Which.
        agent: AgentId,
    },
    /// Probes were started later than they were due.
    ProbesLate {
        /// How many.
        count: usize,
    },
    /// A runbook tells people something.
    Notice {
        /// Whose trouble.
        level: NoticeLevel,
        /// One line.
        subject: String,
        /// The rest.
        text: String,
    },
    /// A topic has taken a notice.
    NoticeSent {
        /// Whose trouble.
        level: NoticeLevel,
        /// The topic's Region.
        via: RegionId,
    },
    /// A topic has not taken a notice, or nobody knows; it is tried again.
    NoticeFailed {
        /// Whose trouble.
        level: NoticeLevel,
        /// Where, and why.
        what: String,
    },
    /// A notice is tried no more.
    NoticeGivenUp {
        /// Whose trouble.
        level: NoticeLevel,
        /// What it was about.
        subject: String,
        /// Why.
        why: String,
    },
    /// Something happened to a run of a runbook, and is about to be committed.
    Ran {
        /// To which, and what, in words.
        what: String,
        /// Whether a person must do something before it goes on.
        needs_person: bool,
    },
    /// A call failed in a way that should not happen; the brain goes on.
    Trouble {
        /// What.
        what: String,
    },
}
