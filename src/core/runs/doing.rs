//! One attempt of a step: looking whether it is done, doing what is missing, giving up in time.
//!
//! Every action is looked at before it is done, so that an attempt after one whose end nobody knows
//! finds what that one brought about. For most actions there is nothing to send: what they change
//! was committed with their beginning, and planner and zones bring it about. Only a writer's move is
//! sent from here, once, and then read back.

use std::time::Duration;

use crate::core::breakage::{Breakage, broken};
use crate::core::call::{Outcome as CallOutcome, Request};
use crate::core::databases::LATE;
use crate::core::note::Note;
use crate::core::notices::Fate;
use crate::domain::capacity::ScalingGroupId;
use crate::domain::notice::Notice;
use crate::domain::observation::ZoneStage;
use crate::domain::{DatabaseId, FailureClass, Moment, RegionId};
use crate::runbook::action::{Check, DataLoss};
use crate::runbook::{Action, Event, Outcome, Run, RunStatus};

use super::aftermath;
use super::looks::{closed, healthy, in_zones, shifted};
use super::scaling::{Scaling, Wanted};
use super::webhook::{self, Hook};
use super::{Carry, World};

/// How long after a request whose answer was lost the same one is sent again, if nothing shows.
const SEND_AGAIN: Duration = Duration::from_secs(30);

/// Readings in a row without a move under way after which none is.
const STILL: u32 = 2;

/// How an action stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// What was to be true is true.
    Done(Option<String>),
    /// It can't become true by waiting.
    Failed(String),
    /// It may become true.
    Wait(String),
    /// Nobody can say, and the next attempt is to find out.
    Unknown(String),
    /// Something is to be sent.
    Send(Box<Request>),
}

/// See the file's opening.
#[derive(Debug, Clone)]
pub(super) struct Doing {
    began: Moment,
    limit: Duration,
    committed: bool,
    told: bool,
    /// When this attempt sent something.
    sent_at: Option<Moment>,
    /// What it then takes to reconcile what is lost, if a loss was allowed.
    to_reconcile: Option<String>,
    hook: Hook,
    scaling: Scaling,
}

impl Doing {
    pub(super) fn new(now: Moment, limit_s: u32) -> Self {
        let limit = Duration::from_secs(u64::from(limit_s));
        let (sent_at, to_reconcile) = (None, None);
        let (hook, scaling) = (Hook::default(), Scaling::default());
        let (committed, told) = (false, false);
        Self { began: now, limit, committed, told, sent_at, to_reconcile, hook, scaling }
    }

    /// Its beginning is committed.
    pub(super) fn committed(&mut self) {
        self.committed = true;
    }

    pub(super) fn is_committed(&self) -> bool {
        self.committed
    }

    /// How the attempt ended, if it has.
    pub(super) fn outcome(
        &self,
        world: &World<'_>,
        run: &Run,
        step: usize,
        back: bool,
    ) -> Option<Outcome> {
        if !self.committed {
            return None;
        }
        // What only looks or waits is not waited for once everything is to be undone.
        let undone = matches!(run.status(), RunStatus::Undoing | RunStatus::UndoStuck { .. });
        if !back && undone && action(run, step, back).is_some_and(Action::changes_nothing) {
            return Some(Outcome::Failed { why: "everything is being undone".to_owned() });
        }
        let late = world.now.since(self.began) >= self.limit;
        match self.look(world, run, step, back) {
            Look::Done(output) => Some(Outcome::Done { output }),
            Look::Failed(why) => Some(Outcome::Failed { why }),
            Look::Unknown(why) => Some(Outcome::Unknown { why }),
            Look::Wait(why) if late => {
                let why = format!("not within {} s: {why}", self.limit.as_secs());
                Some(if self.sent_at.is_some() {
                    Outcome::Unknown { why }
                } else {
                    Outcome::Failed { why }
                })
            }
            Look::Send(_) if late => {
                let why = self.hook.said();
                let why = why.unwrap_or_else(|| "there was no time to send it".to_owned());
                let why = format!("not within {} s: {why}", self.limit.as_secs());
                Some(Outcome::Failed { why })
            }
            Look::Wait(_) | Look::Send(_) => None,
        }
    }

    /// Another system has answered.
    pub(super) fn webhook_answered(&mut self, now: Moment, outcome: CallOutcome) {
        self.hook = Hook::answered(now, outcome);
    }

    /// A call about an autoscaling group was answered.
    pub(super) fn scaling_answered(&mut self, group: &ScalingGroupId, outcome: CallOutcome) {
        self.scaling.answered(group, outcome);
    }

    /// What is to be kept before anything is changed.
    pub(super) fn notes(
        &self,
        world: &World<'_>,
        run: &Run,
        step: usize,
        back: bool,
    ) -> Vec<Event> {
        match action(run, step, back).and_then(scales).filter(|_| self.committed) {
            Some(wanted) => self.scaling.notes(world, run, step, wanted),
            None => Vec::new(),
        }
    }

    /// What it waits for, in words.
    pub(super) fn waits_for(
        &self,
        world: &World<'_>,
        run: &Run,
        step: usize,
        back: bool,
    ) -> Option<String> {
        match self.look(world, run, step, back) {
            Look::Wait(why) if self.committed => Some(why),
            _ => None,
        }
    }

    /// Sends what is to be sent.
    pub(super) fn act(
        &mut self,
        world: &World<'_>,
        run: &Run,
        step: usize,
        back: bool,
        carry: &mut Carry<'_>,
    ) {
        let begun = self.committed || broken(Breakage::MoveBeforeCommit);
        let Some(action) = action(run, step, back).filter(|_| begun) else { return };
        if let Action::Notify { level, subject, text } = action
            && !self.told
        {
            self.told = true;
            carry.told.push(Notice {
                level: *level,
                key: notice_key(world, run, step, back),
                subject: format!("[{}] {subject}", world.fleet.name),
                body: text.clone(),
            });
            let (level, subject, text) = (*level, subject.clone(), text.clone());
            carry.note(Note::Notice { level, subject, text });
        }
        if let Action::Webhook { .. } = action
            && let Look::Send(request) = self.look(world, run, step, back)
            && !world.paused
        {
            carry.post(world.now, (run.id().0.clone(), step, back), *request);
            self.hook = Hook::UnderWay;
        }
        if let Some(wanted) = scales(action) {
            let key = (run.id().0.clone(), step, back);
            self.scaling.act(world, &key, run, wanted, carry);
        }
        let (Action::SwitchOver { database, .. } | Action::Promote { database, .. }) = action
        else {
            return;
        };
        let lost = aftermath::to_reconcile(world, action);
        if let Look::Send(request) = self.look(world, run, step, back)
            && !world.paused
            && carry.send_move(world, database, *request)
        {
            self.sent_at = Some(world.now);
            self.to_reconcile = lost;
        }
    }

    fn look(&self, world: &World<'_>, run: &Run, step: usize, back: bool) -> Look {
        let Some(action) = action(run, step, back) else {
            return Look::Failed("the procedure has no such step".to_owned());
        };
        match action {
            Action::CloseGate { region, service } => closed(world, region, service.as_ref()),
            Action::OpenGate { .. } => Look::Done(Some(
                "a gate opens with the first weight above 0 that is committed".to_owned(),
            )),
            Action::ShiftTraffic { region, service, to } => {
                shifted(world, region, service.as_ref(), *to, back)
            }
            Action::WaitForDns { region, service } => {
                in_zones(world, region, service.as_ref(), |stage| stage == ZoneStage::InStep)
            }
            Action::Verify(Check::Record { region, service }) => {
                in_zones(world, region, service.as_ref(), |stage| {
                    matches!(stage, ZoneStage::InStep | ZoneStage::Propagating)
                })
            }
            Action::Verify(Check::Endpoint { place, service }) => {
                healthy(world, place, service.as_ref())
            }
            Action::Verify(Check::Writer { database, region }) => {
                self.written_in(world, database, region, Look::Failed)
            }
            Action::Verify(Check::Still { database, .. }) => self.still(world, database),
            Action::WaitForDatabase { database, writer } => {
                self.written_in(world, database, writer, Look::Wait)
            }
            Action::Review { database } => aftermath::review(world, database, self.began),
            Action::SwitchOver { database, to } => {
                self.moved(world, (run, step, back), (database, to), None)
            }
            Action::Promote { database, to, data_loss } => {
                self.moved(world, (run, step, back), (database, to), Some(*data_loss))
            }
            Action::Bake { seconds } => {
                let left = Duration::from_secs(u64::from(*seconds))
                    .saturating_sub(world.now.since(self.began));
                if left.is_zero() {
                    Look::Done(None)
                } else {
                    Look::Wait(format!("{} s are left", left.as_secs()))
                }
            }
            Action::Notify { .. } if self.told => told(world, &notice_key(world, run, step, back)),
            Action::Notify { .. } => Look::Wait("about to be told".to_owned()),
            Action::Scale { .. } => match scales(action) {
                Some(wanted) => self.scaling.look(world, run, step, wanted),
                None => Look::Failed("it scales nothing".to_owned()),
            },
            Action::Webhook { url, may_veto } => {
                let request = || webhook::request(world, (run, step, back), url, *may_veto);
                self.hook.look(world.now, *may_veto, request)
            }
            // Committed together with the beginning.
            Action::Pause { .. } | Action::Resume => Look::Done(None),
            Action::Approve { .. } | Action::ByHand { .. } => {
                Look::Wait("a person is asked".to_owned())
            }
        }
    }

    /// Whether the database's writer is there and no move is under way.
    fn written_in(
        &self,
        world: &World<'_>,
        database: &DatabaseId,
        region: &RegionId,
        otherwise: impl Fn(String) -> Look,
    ) -> Look {
        let Some((cluster, _)) = world.databases.since(database, self.began) else {
            return Look::Wait(format!("{database} is being read"));
        };
        let writer = cluster.writer().map_or("nobody", RegionId::as_str);
        match &cluster.moving {
            Some(moving) => otherwise(format!("{database} is {}", moving.stage)),
            None if writer == region.as_str() && cluster.status == "available" => {
                Look::Done(Some(format!("RDS shows the writer in {region}, and no move under way")))
            }
            None => otherwise(format!(
                "{database} is {:?}, and its writer is in {writer}",
                cluster.status
            )),
        }
    }

    /// Whether RDS shows the database, and no move of its writer.
    fn still(&self, world: &World<'_>, database: &DatabaseId) -> Look {
        let Some((cluster, _)) = world.databases.since(database, self.began) else {
            return Look::Wait(format!("{database} is being read"));
        };
        let (status, writer) =
            (&cluster.status, cluster.writer().map_or("nobody", RegionId::as_str));
        match &cluster.moving {
            Some(moving) => Look::Failed(format!("{database} is {}: one at a time", moving.stage)),
            None => Look::Done(Some(format!(
                "RDS shows it {status:?}, written by {writer}, and no move under way"
            ))),
        }
    }

    /// How a writer's move stands.
    fn moved(
        &self,
        world: &World<'_>,
        own: (&Run, usize, bool),
        (database, to): (&DatabaseId, &RegionId),
        loss: Option<DataLoss>,
    ) -> Look {
        let Some((cluster, still)) = world.databases.since(database, self.began) else {
            return Look::Wait(format!("{database} is being read"));
        };
        if let Some(moving) = &cluster.moving {
            let there = moving.to.as_ref().is_none_or(|target| target.region() == to);
            return if there || self.sent_at.is_some() {
                Look::Wait(format!("RDS is {} {database}", moving.stage))
            } else {
                let stage = &moving.stage;
                Look::Failed(format!("{database} is {stage} to another Region: one at a time"))
            };
        }
        if cluster.writer() == Some(to) {
            let lost = self.to_reconcile.as_ref().map(|it| format!(". {it}")).unwrap_or_default();
            return Look::Done(Some(format!("RDS shows the writer in {to}{lost}")));
        }
        if let Some(sent_at) = self.sent_at {
            return self.after(world, database, sent_at, still);
        }
        if let Some(why) = unresolved(world, own, database, to, still) {
            return Look::Wait(why);
        }
        match ready(world, cluster.writer(), database, to, loss) {
            Ok(request) => Look::Send(Box::new(request)),
            Err(why) => Look::Failed(why),
        }
    }

    /// How a move stands that was sent and doesn't show.
    fn after(&self, world: &World<'_>, database: &DatabaseId, sent_at: Moment, still: u32) -> Look {
        let answer = world.databases.sent(database).filter(|sent| sent.at == sent_at);
        match answer.and_then(|sent| sent.answer.as_ref()) {
            Some(Err((FailureClass::Permanent | FailureClass::Conflict, what)))
                if still >= STILL =>
            {
                Look::Failed(format!("RDS refused: {what}"))
            }
            Some(Err((FailureClass::Transient, what))) if still >= STILL => {
                Look::Failed(format!("RDS did not take it: {what}"))
            }
            Some(Ok(())) => Look::Wait("RDS has accepted it, and does not show it yet".to_owned()),
            lost if still >= STILL && world.now.since(sent_at) > SEND_AGAIN => {
                let what = lost.map_or(String::new(), |lost| format!(": {lost:?}"));
                Look::Unknown(format!("the answer was lost and nothing shows{what}"))
            }
            Some(Err((class, what))) => Look::Wait(format!("{class}: {what}")),
            None => Look::Wait("sent, and not answered yet".to_owned()),
        }
    }
}

/// Names what a step tells: the same for every attempt and every leader, so that receivers drop what
/// they know.
fn notice_key(world: &World<'_>, run: &Run, step: usize, back: bool) -> String {
    let spec = &run.procedure().steps[step];
    let way = if back { "back" } else { "forward" };
    format!("{}/run/{}/{}/{way}", world.fleet.name, run.id(), spec.id)
}

/// Whether people were told.
fn told(world: &World<'_>, key: &str) -> Look {
    if world.fleet.topics.is_empty() {
        let told = "told by the log and the metrics: the files name no notice_topic";
        return Look::Done(Some(told.to_owned()));
    }
    match world.notices.fate(key) {
        Some(Fate::Sent(via)) => Look::Done(Some(format!("sent through the topic in {via}"))),
        Some(Fate::Waits(Some(why))) => Look::Wait(format!("no topic has taken it yet: {why}")),
        Some(Fate::GivenUp(why)) => Look::Failed(format!("no topic has taken it: {why}")),
        Some(Fate::Waits(None)) | None => Look::Wait("it is being sent".to_owned()),
    }
}

/// What an action scales, if it does.
fn scales(action: &Action) -> Option<Wanted<'_>> {
    let Action::Scale { place, service, at_least } = action else { return None };
    Some(Wanted { place, service: service.as_ref(), at_least: *at_least })
}

fn action(run: &Run, step: usize, back: bool) -> Option<&Action> {
    let spec = run.procedure().steps.get(step)?;
    if back { spec.undo.as_ref().map(|undo| &undo.action) } else { Some(&spec.action) }
}

/// The request that moves the writer, or what forbids it and would make it possible.
fn ready(
    world: &World<'_>,
    writer: Option<&RegionId>,
    database: &DatabaseId,
    to: &RegionId,
    loss: Option<DataLoss>,
) -> Result<Request, String> {
    let spec = world.fleet.databases.get(database).ok_or("the fleet has no such database")?;
    if loss == Some(DataLoss::Forced) {
        world.databases.is_shown(spec, database, to)?;
    } else {
        world.databases.eligible(spec, database, to).map_err(|why| {
            format!("{why}. Where nothing else is left: `regent failover --force`")
        })?;
    }
    let target = spec.members[to].cluster.clone();
    let cluster = spec.global_cluster.clone();
    let Some(data_loss) = loss else {
        let Some(primary) = writer else {
            return Err("nobody writes now: a switchover needs a writer that answers".to_owned());
        };
        world.databases.eligible(spec, database, primary).map_err(|why| {
            format!(
                "a switchover needs a healthy writer, and {why}: `fail-database-over` is for that"
            )
        })?;
        return Ok(Request::SwitchOver { cluster, primary: primary.clone(), target });
    };
    if data_loss == DataLoss::WithinBudget {
        let failing_ms = world.failing_ms(database);
        let loss = world.databases.loss(world.now, database, to, failing_ms);
        let Some(loss) = loss else {
            return Err(format!(
                "nothing is measured of how far {to} is behind: a person must decide"
            ));
        };
        let budget_ms = u64::from(spec.loss_budget_ms);
        if loss.high_ms > budget_ms {
            return Err(format!(
                "{loss} is above the budget of {budget_ms} ms: a person must decide"
            ));
        }
    }
    Ok(Request::FailOver { cluster, target })
}

/// Why nobody may move the writer there yet: an earlier request to move it elsewhere may still land.
fn unresolved(
    world: &World<'_>,
    (run, step, back_too): (&Run, usize, bool),
    database: &DatabaseId,
    to: &RegionId,
    still: u32,
) -> Option<String> {
    for kept in world.runs.values() {
        let steps = &kept.run.procedure().steps;
        for (index, spec) in steps.iter().enumerate() {
            for back in [false, true] {
                if (kept.run.id(), index, back) == (run.id(), step, back_too) {
                    continue;
                }
                let elsewhere = match action(&kept.run, index, back) {
                    Some(
                        Action::SwitchOver { database: of, to: other }
                        | Action::Promote { database: of, to: other, .. },
                    ) => of == database && other != to,
                    _ => false,
                };
                if !elsewhere || !in_doubt(&kept.run, index, back) {
                    continue;
                }
                let since = world.databases.doubted_for(world.now, &kept.run.id().0, index, back);
                if (since < LATE || still < STILL) && !broken(Breakage::OtherTargetTooSoon) {
                    return Some(format!(
                        "step {:?} of {} may have asked for another Region, and its request may \
                         land for {} min after it was sent",
                        spec.id,
                        kept.run.id(),
                        LATE.as_secs() / 60
                    ));
                }
            }
        }
    }
    None
}

/// Whether a request of some attempt may still land: one is under way, or nobody knows how one
/// ended. An attempt after it that brought about what was wanted takes nothing back: the earlier
/// request would bring it about once more, after a move elsewhere.
pub(in crate::core) fn in_doubt(run: &Run, step: usize, back: bool) -> bool {
    let (mut under_way, mut lost) = (false, false);
    for entry in run.log() {
        match &entry.event {
            Event::Began { step: of, .. } if !back && *of == step => under_way = true,
            Event::UndoBegan { step: of, .. } if back && *of == step => under_way = true,
            Event::Ended { step: of, outcome, .. } if !back && *of == step => {
                under_way = false;
                lost |= matches!(outcome, Outcome::Unknown { .. });
            }
            Event::UndoEnded { step: of, outcome, .. } if back && *of == step => {
                under_way = false;
                lost |= matches!(outcome, Outcome::Unknown { .. });
            }
            _ => {}
        }
    }
    under_way || lost
}
