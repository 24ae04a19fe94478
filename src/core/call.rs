//! What the brain asks of the outside, and what comes back.
//!
//! A call is a request with a deadline. Whoever carries it out promises exactly one answer, at the
//! latest at the deadline: a call that was cut off there is answered *unknown*. The brain never
//! waits for anything else, so a run is a sequence of events and can be replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::answers::{Heard, Question};
use crate::domain::database::{ClusterArn, GlobalCluster, LagPoint, MemberCluster};
use crate::domain::record::{ChangeId, ChangeStatus, DnsName, RecordKey};
use crate::domain::seat::{Beat, Seat};
use crate::domain::signal::{
    AlarmName, AlarmState, RequestsPerTarget, TargetGroupArn, TargetHealth,
};
use crate::domain::webhook::Reply;
use crate::domain::{
    CallFailure, DatabaseId, FailureClass, GlobalClusterId, Moment, Order, OrderId, Preflight,
    RegionId, Report, ServiceId, StateName, Target, ZoneBatch, ZoneId, ZoneRead,
};

use super::databases::Asked;
use super::note::Note;
use super::signals::Signal;

/// Names a call for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// Names a probe for its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

/// A call to one of the ports. Each variant is one method of a port; see there for its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `Registers::read_seat`.
    ReadSeat {
        /// Whose.
        seat: RegionId,
    },
    /// `Registers::swap_seat`. Sent once.
    SwapSeat {
        /// Whose.
        seat: RegionId,
        /// The beat that must still stand there.
        expected: Beat,
        /// What is to stand there.
        new: Seat,
    },
    /// `Registers::put_state`.
    PutState {
        /// Beside whose seat.
        seat: RegionId,
        /// Its name.
        name: StateName,
        /// The state as JSON.
        document: String,
    },
    /// `Registers::read_state`.
    ReadState {
        /// Beside whose seat.
        seat: RegionId,
        /// Its name.
        name: StateName,
    },
    /// `Observations::publish`.
    Publish {
        /// To whose replica.
        replica: RegionId,
        /// What.
        report: Box<Report>,
    },
    /// `Observations::gather`.
    Gather {
        /// From whose replica.
        replica: RegionId,
    },
    /// `Observations::record_history`.
    RecordHistory {
        /// To whose replica.
        replica: RegionId,
        /// The state's name.
        name: StateName,
        /// The state as JSON.
        document: String,
    },
    /// `Observations::orders`.
    ReadOrders {
        /// From whose replica.
        replica: RegionId,
    },
    /// `Observations::remove_order`.
    RemoveOrder {
        /// From whose replica.
        replica: RegionId,
        /// Which.
        order: OrderId,
    },
    /// `Records::read_zone`.
    ReadZone {
        /// Which.
        zone: ZoneId,
        /// Name of its fence.
        fence: DnsName,
        /// Which records.
        keys: Vec<RecordKey>,
    },
    /// `Records::change_zone`. Sent once.
    ChangeZone {
        /// What.
        batch: ZoneBatch,
    },
    /// `Records::change_status`.
    ReadChange {
        /// Of which batch.
        zone: ZoneId,
        /// Its ID.
        change: ChangeId,
    },
    /// `Signals::target_health`.
    ReadTargetHealth {
        /// Of which group, in its own Region.
        group: TargetGroupArn,
    },
    /// `Signals::metrics`, of the requests that reach a group.
    ReadRequests {
        /// Which, in its own Region.
        group: TargetGroupArn,
    },
    /// `Signals::alarms`.
    ReadAlarms {
        /// Where.
        region: RegionId,
        /// Which.
        names: BTreeSet<AlarmName>,
    },
    /// `Names::ask`.
    AskNames {
        /// What.
        question: Question,
    },
    /// `Databases::describe`.
    DescribeDatabase {
        /// Which.
        cluster: GlobalClusterId,
        /// Through which Region's endpoint: any that has a member.
        via: RegionId,
    },
    /// `Databases::describe_member`.
    DescribeMember {
        /// Which, in its own Region.
        member: ClusterArn,
    },
    /// `Databases::lag`.
    ReadLag {
        /// Of which secondary, in its own Region.
        secondary: ClusterArn,
    },
    /// `Databases::switchover`. Sent once.
    SwitchOver {
        /// Which.
        cluster: GlobalClusterId,
        /// Where the writer is: it is called there.
        primary: RegionId,
        /// The writer to be.
        target: ClusterArn,
    },
    /// `Databases::failover_allowing_data_loss`. Sent once.
    FailOver {
        /// Which.
        cluster: GlobalClusterId,
        /// The writer to be: it is called in its Region.
        target: ClusterArn,
    },
    /// Tell another system, once.
    PostWebhook {
        /// Where it listens.
        url: String,
        /// By which it drops what it has been told before.
        key: String,
        /// A JSON document.
        body: String,
    },
}

/// What a call answered when it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// Of `ReadSeat`.
    Seat(Option<Seat>),
    /// Of `ReadState`.
    State(Option<String>),
    /// Of `Gather`.
    Reports(Vec<Arc<Report>>),
    /// Of `ReadOrders`.
    Orders(Vec<Order>),
    /// Of `ReadZone`.
    Zone(ZoneRead),
    /// Of `ChangeZone`.
    Changed(ChangeId),
    /// Of `ReadChange`.
    Change(ChangeStatus),
    /// Of `ReadTargetHealth`.
    TargetHealth(TargetHealth),
    /// Of `ReadRequests`: none if no request was told of.
    Requests(Option<RequestsPerTarget>),
    /// Of `ReadAlarms`.
    Alarms(BTreeMap<AlarmName, AlarmState>),
    /// Of `AskNames`.
    Names(Vec<Heard>),
    /// Of `DescribeDatabase`.
    Database(GlobalCluster),
    /// Of `DescribeMember`.
    Member(MemberCluster),
    /// Of `ReadLag`: the newest first.
    Lag(Vec<LagPoint>),
    /// Of `PostWebhook`.
    Posted(Reply),
    /// Of everything else.
    Done,
}

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Of `SwapSeat`: the condition failed, and this stands there.
    Found(Option<Box<Seat>>),
    /// Anything else, sorted.
    Failed(CallFailure),
}

impl Refusal {
    /// The class, for those who need no more.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Found(_) => FailureClass::Conflict,
            Self::Failed(failure) => failure.class,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found(_) => f.write_str("another value was found there"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

/// A call's answer.
pub type Outcome = Result<Response, Refusal>;

/// What the brain wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Carry out a call; answer with [`Event::Answered`].
    Call {
        /// For the answer.
        call: CallId,
        /// To be answered by then, as unknown if need be.
        deadline: Moment,
        /// What.
        request: Request,
    },
    /// Probe a target; answer with [`Event::Probed`].
    Probe {
        /// For the answer.
        probe: ProbeId,
        /// What.
        target: Target,
    },
    /// Tell people and metrics.
    Note(Note),
}

/// What the brain is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Time has passed: the moment that [`super::Brain::next_wake`] named has come.
    Tick,
    /// The wall clock, for the dates that people read. No rule depends on it.
    WallClock {
        /// Milliseconds since 1970.
        unix_ms: i64,
    },
    /// The agent's own off switch: an agent that is off probes and reports, and neither stands, nor
    /// leads, nor changes anything. Needs no quorum, and nobody else's word.
    Switched {
        /// Whether it is off.
        off: bool,
    },
    /// Somebody has looked whether the fleet could fail over. It is told on, and nothing rests on it.
    Preflight(Box<Preflight>),
    /// A call was answered.
    Answered {
        /// Which.
        call: CallId,
        /// How.
        outcome: Outcome,
    },
    /// A probe has ended.
    Probed {
        /// Which.
        probe: ProbeId,
        /// How.
        sample: crate::domain::Sample,
    },
}

/// What a call is for: which part of the brain gets the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    Seat { seat: RegionId },
    PutState { seat: RegionId, name: StateName },
    FetchState { seat: RegionId, name: StateName },
    Publish,
    Gather { replica: RegionId },
    History { name: StateName },
    Orders { replica: RegionId },
    OrderRemoved,
    Database { database: DatabaseId, what: Asked },
    MoveWriter { database: DatabaseId },
    Zone { zone: ZoneId },
    ZoneChange { zone: ZoneId, change: ChangeId },
    Names { service: ServiceId, asked_at: Moment },
    Signal(Signal),
    Webhook { run: String, step: usize, back: bool },
}

/// How long after its deadline a call counts as never to be answered. Whoever carries calls out
/// has promised an answer; this is for a promise that was broken, lest the brain wait for ever.
const OVERDUE: Duration = Duration::from_secs(2);

/// Collects a step's commands and keeps what each open call is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    commands: Vec<Command>,
    open: BTreeMap<CallId, (Purpose, Moment)>,
    calls: u64,
    probes: u64,
}

impl Outbox {
    pub(super) fn call(
        &mut self,
        now: Moment,
        limit_ms: u32,
        purpose: Purpose,
        request: Request,
    ) -> CallId {
        self.calls += 1;
        let call = CallId(self.calls);
        let deadline = now + Duration::from_millis(u64::from(limit_ms));
        self.open.insert(call, (purpose, deadline + OVERDUE));
        self.commands.push(Command::Call { call, deadline, request });
        call
    }

    pub(super) fn probe(&mut self, target: Target) -> ProbeId {
        self.probes += 1;
        let probe = ProbeId(self.probes);
        self.commands.push(Command::Probe { probe, target });
        probe
    }

    pub(super) fn note(&mut self, note: Note) {
        self.commands.push(Command::Note(note));
    }

    /// What an answered call was for; none for an answer that nobody waits for (a second answer).
    pub(super) fn close(&mut self, call: CallId) -> Option<Purpose> {
        self.open.remove(&call).map(|(purpose, _)| purpose)
    }

    /// Calls that were never answered, against the promise: to be taken as unknown.
    pub(super) fn overdue(&self, now: Moment) -> Vec<CallId> {
        self.open.iter().filter(|(_, (_, at))| *at <= now).map(|(call, _)| *call).collect()
    }

    /// Calls that are not answered yet.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    pub(super) fn take(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.commands)
    }
}
