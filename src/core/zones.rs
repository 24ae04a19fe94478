//! Bringing about, in Route 53, what is committed.
//!
//! For each hosted zone, in this order: claim it (raise its fence to this leader's epoch), read it
//! back, and from then on, whenever something is to change: read the fence, then the records, then
//! send one batch that swaps on that very fence. What a predecessor changed before the claim is
//! then seen, and what arrives after it, however late, is rejected whole.
//!
//! After an unknown outcome only the fence is believed: the zone is read again, and a batch that
//! landed after all shows its attempt's number there. Every attempt has a fresh one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::core::breakage::{Breakage, broken};
use crate::domain::control::Weights;
use crate::domain::observation::{ZoneReport, ZoneStage};
use crate::domain::record::{ChangeId, ChangeStatus, DnsName, RecordChange, RecordKey, Routing};
use crate::domain::{Epoch, FailureClass, Fence, Fleet, Moment, ZoneBatch, ZoneId, ZoneRead};

use super::call::{CallId, Outbox, Outcome, Purpose, Refusal, Request, Response};
use super::difference::difference;
use super::drift::Drift;
use super::election::Election;
use super::gather::Gathering;
use super::journal::Journal;
use super::kept::Kept;
use super::note::Note;
use super::pace::{Pace, Urgency};
use super::safety;

/// Shortest pause after a call that failed; doubled with each failure in a row.
const BACKOFF_MS_MIN: u64 = 250;
/// Longest such pause: Route 53 allows an account about 5 calls a second, shared by all.
const BACKOFF_MS_MAX: u64 = 8_000;
/// Time between looks at whether an accepted batch is on every name server. Changes take seconds to
/// a minute; each look is one of the account's few calls.
const SETTLE_POLL_MS: u64 = 2_000;
/// Time before a zone that nothing can be done with is looked at again.
const HELD_RETRY_MS: u64 = 30_000;
/// Records in a page of a listing at most (Route 53 API Reference, `ListResourceRecordSets`).
const RECORDS_A_PAGE: usize = 300;

/// Does what is due in all zones, the most urgent first, as fast as Route 53 may be asked.
pub(super) fn drive(
    zones: &mut BTreeMap<ZoneId, Zone>,
    now: Moment,
    fleet: &Fleet,
    mandate: &Mandate<'_>,
    pace: &mut Pace,
    out: &mut Outbox,
) {
    let due = zones.values_mut().filter(|zone| zone.next_wake() <= now);
    let mut due: Vec<(Urgency, &mut Zone)> =
        due.map(|zone| (zone.urgency(fleet, mandate), zone)).collect();
    due.sort_by_key(|(urgency, zone)| (*urgency, zone.next_wake()));
    for (urgency, zone) in due {
        if pace.free_at(urgency) <= now {
            zone.drive(now, fleet, (mandate, urgency), pace, out);
        }
    }
}

/// What a leader must know to act on a zone.
pub(super) struct Mandate<'a> {
    pub(super) epoch: Epoch,
    /// Weights that are committed under that epoch.
    pub(super) wanted: &'a Weights,
    pub(super) lease_end: Moment,
    /// Start of the newest writes that a majority of seats acknowledged.
    pub(super) renewed_from: Moment,
    /// What the last leader kept.
    pub(super) kept: &'a Kept,
}

impl<'a> Mandate<'a> {
    /// What there is to act on; none unless this agent leads and a state is in force.
    pub(super) fn of(
        journal: &'a Journal,
        election: &Election,
        gathering: &'a Gathering,
    ) -> Option<Self> {
        Some(Self {
            epoch: election.leading()?,
            wanted: &journal.in_force()?.state.wanted,
            lease_end: election.lease_end()?,
            renewed_from: election.renewed_from()?,
            kept: gathering.kept(),
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Nothing under way; look when this moment comes.
    Due(Moment),
    Reading {
        call: CallId,
    },
    /// A batch under way that sets this fence.
    Swapping {
        call: CallId,
        fence: Fence,
        claim: bool,
        what: String,
    },
}

/// What is odd about a fence, so that only a newer word of the quorum lets the leader act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// It is above this leader's epoch.
    Above,
    /// It is missing, or lower than this leader's claim.
    Tampered,
}

/// One hosted zone.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    id: ZoneId,
    fence_name: DnsName,
    stage: Stage,
    /// The epoch under which the claim was read back.
    claimed: Option<Epoch>,
    /// The highest attempt used or read.
    attempt: u64,
    failures: u32,
    settling: Option<(ChangeId, Moment)>,
    settle_under_way: bool,
    /// A fence that needs the quorum's fresh word, and since when it has been seen.
    doubt: Option<(Doubt, Moment)>,
    drift: Drift,
    /// For people: why nothing is done, and what is odd.
    held: Option<String>,
    odd: Option<String>,
    matches: bool,
    /// The weights as last read or written, for people.
    pub(super) actual: BTreeMap<(RecordKey, String), u8>,
}

impl Zone {
    pub(super) fn new(now: Moment, id: ZoneId, fence_name: DnsName) -> Self {
        Self {
            id,
            fence_name,
            stage: Stage::Due(now),
            claimed: None,
            attempt: 0,
            failures: 0,
            settling: None,
            settle_under_way: false,
            doubt: None,
            drift: Drift::default(),
            held: None,
            odd: None,
            matches: false,
            actual: BTreeMap::new(),
        }
    }

    /// How far it has got. `wall` gives the date of a moment.
    pub(super) fn report(&self, wall: impl Fn(Moment) -> String) -> ZoneReport {
        let stage = match (&self.stage, self.claimed) {
            _ if self.held.is_some() => ZoneStage::Held,
            (Stage::Swapping { claim: true, .. }, _) => ZoneStage::Claiming,
            (Stage::Swapping { claim: false, .. }, _) => ZoneStage::Changing,
            (_, None) => ZoneStage::Unclaimed,
            _ if !self.matches => ZoneStage::Pending,
            _ if self.settling.is_some() => ZoneStage::Propagating,
            _ => ZoneStage::InStep,
        };
        let detail = self.held.clone().or_else(|| self.odd.clone());
        ZoneReport { stage, detail, drift: self.drift.shown(wall) }
    }

    /// Lets a new leadership begin: nothing known before it counts.
    pub(super) fn forget(&mut self, now: Moment) {
        *self = Self::new(now, self.id.clone(), self.fence_name.clone());
    }

    /// Lets a pause begin. The same leadership goes on after it, and the attempts that it has used
    /// must not be used again: one of them may still be under way.
    pub(super) fn pause(&mut self, now: Moment) {
        let attempt = self.attempt;
        self.forget(now);
        if !broken(Breakage::AttemptsForgotten) {
            self.attempt = attempt;
        }
    }

    /// What is wanted has changed: look now.
    pub(super) fn hurry(&mut self, now: Moment) {
        self.matches = false;
        if let Stage::Due(at) = &mut self.stage {
            *at = (*at).min(now);
        }
    }

    fn back_off(&mut self, now: Moment) {
        let pause_ms = (BACKOFF_MS_MIN << self.failures.min(8)).min(BACKOFF_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Due(now + Duration::from_millis(pause_ms));
    }

    fn hold(&mut self, now: Moment, why: String, out: &mut Outbox) {
        if self.held.as_ref() != Some(&why) {
            out.note(Note::ZoneHeld { zone: self.id.clone(), why: why.clone() });
        }
        self.held = Some(why);
        self.stage = Stage::Due(now + Duration::from_millis(HELD_RETRY_MS));
    }

    /// How much its next call matters.
    fn urgency(&self, fleet: &Fleet, mandate: &Mandate<'_>) -> Urgency {
        if self.matches {
            return Urgency::Audit;
        }
        let takes_out = fleet.services_in(&self.id).any(|(id, service)| {
            let key = service.key();
            let wanted = mandate.wanted.get(id).into_iter().flatten();
            wanted.filter(|(_, weight)| !weight.serves()).any(|(region, _)| {
                // What was not read yet is taken to be as the files say.
                let by_files = || service.regions.get(region).is_some_and(|at| at.weight.serves());
                let actual = self.actual.get(&(key.clone(), region.to_string()));
                actual.map_or_else(by_files, |actual| *actual > 0)
            })
        });
        if takes_out { Urgency::TakesOut } else { Urgency::Changes }
    }

    /// Does what is due.
    fn drive(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        (mandate, urgency): (&Mandate<'_>, Urgency),
        pace: &mut Pace,
        out: &mut Outbox,
    ) {
        let limit_ms = fleet.timing.record_call_ms;
        // No call is started that could still be under way when the lease ends.
        let end = now + Duration::from_millis(u64::from(limit_ms));
        if end > mandate.lease_end && !broken(Breakage::CallsPastLease) {
            return;
        }
        if let Some((change, at)) = &self.settling
            && *at <= now
            && !self.settle_under_way
        {
            let (zone, change) = (self.id.clone(), change.clone());
            let purpose = Purpose::ZoneChange { zone: zone.clone(), change: change.clone() };
            self.settle_under_way = true;
            pace.spend(now, 1);
            out.call(now, limit_ms, purpose, Request::ReadChange { zone, change });
        }
        if matches!(self.stage, Stage::Due(at) if at <= now) {
            let services = fleet.services_in(&self.id);
            let (keys, sizes): (Vec<_>, Vec<_>) =
                services.map(|(_, service)| (service.key(), service.regions.len())).unzip();
            let pages = sizes.into_iter().sum::<usize>().div_ceil(RECORDS_A_PAGE).max(1);
            // The fence is read by itself, and a change may follow at once.
            let others = if urgency == Urgency::Audit { 1 } else { 2 };
            pace.spend(now, others + u32::try_from(pages).unwrap_or(u32::MAX - others));
            let request =
                Request::ReadZone { zone: self.id.clone(), fence: self.fence_name.clone(), keys };
            let purpose = Purpose::Zone { zone: self.id.clone() };
            let call = out.call(now, limit_ms, purpose, request);
            self.stage = Stage::Reading { call };
        }
    }

    /// When something is next due; `gate` is when calls may start again if they may not now.
    pub(super) fn next_wake(&self) -> Moment {
        let settle = match &self.settling {
            Some((_, at)) if !self.settle_under_way => *at,
            _ => Moment::NEVER,
        };
        match self.stage {
            Stage::Due(at) => at.min(settle),
            Stage::Reading { .. } | Stage::Swapping { .. } => settle,
        }
    }

    /// Takes in the answer to a look at an accepted batch.
    pub(super) fn change_answered(
        &mut self,
        now: Moment,
        change: &ChangeId,
        outcome: &Outcome,
        out: &mut Outbox,
    ) {
        self.settle_under_way = false;
        let Some((settling, at)) = &mut self.settling else { return };
        if settling != change {
            return;
        }
        if matches!(outcome, Ok(Response::Change(ChangeStatus::Insync))) {
            self.settling = None;
            out.note(Note::ZoneInsync { zone: self.id.clone() });
        } else {
            *at = now + Duration::from_millis(SETTLE_POLL_MS);
        }
    }

    /// Takes in the answer to the zone's own call.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        mandate: &Mandate<'_>,
        call: CallId,
        outcome: Outcome,
        out: &mut Outbox,
    ) {
        let awaited = match &self.stage {
            Stage::Reading { call, .. } | Stage::Swapping { call, .. } => Some(*call),
            Stage::Due(_) => None,
        };
        if awaited != Some(call) {
            // Asked under an earlier leadership of this agent.
            return;
        }
        match (std::mem::replace(&mut self.stage, Stage::Due(now)), outcome) {
            (Stage::Reading { .. }, Ok(Response::Zone(read))) => {
                self.failures = 0;
                self.read(now, fleet, mandate, &read, out);
            }
            (Stage::Swapping { fence, claim, what, .. }, Ok(Response::Changed(change))) => {
                self.failures = 0;
                let poll = now + Duration::from_millis(SETTLE_POLL_MS);
                self.settling = Some((change, poll));
                if !claim {
                    let zone = self.id.clone();
                    out.note(Note::ZoneChanged { zone, attempt: fence.attempt, what });
                }
                // Read again at once: to see the claim, or that nothing is left to do.
            }
            (stage @ (Stage::Reading { .. } | Stage::Swapping { .. }), Err(refusal)) => {
                if matches!(stage, Stage::Swapping { .. }) {
                    let (zone, class) = (self.id.clone(), refusal.class());
                    out.note(Note::ZoneRefused { zone, class });
                }
                match refusal {
                    Refusal::Failed(failure) if failure.class == FailureClass::Permanent => {
                        self.hold(now, failure.what, out);
                    }
                    // Whatever it was, the zone is read again before anything else is sent. Paced,
                    // lest two fight.
                    _ => self.back_off(now),
                }
            }
            // An answer of another kind than the call's: as good as none.
            (_, Ok(_)) => self.back_off(now),
            (stage @ Stage::Due(_), Err(_)) => self.stage = stage,
        }
    }

    fn read(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        mandate: &Mandate<'_>,
        read: &ZoneRead,
        out: &mut Outbox,
    ) {
        self.remember(read);
        let fence = match read.fence.as_ref().map(Fence::in_record) {
            None => None,
            Some(Some(fence)) => Some(fence),
            Some(None) => {
                let why = format!(
                    "the TXT record {} is not a fence of regent: restore it by hand, or delete it \
                     and run `regent init`",
                    self.fence_name
                );
                self.hold(now, why, out);
                return;
            }
        };
        match &fence {
            Some(fence) if fence.fleet != fleet.name => {
                let why = format!(
                    "its fence belongs to the fleet {:?}: two fleets must not steer one zone",
                    fence.fleet.as_str()
                );
                self.hold(now, why, out);
            }
            Some(fence) if fence.epoch > mandate.epoch && !broken(Breakage::HigherFenceTaken) => {
                // A later leader, or a quorum that lost its memory: the seats tell which.
                if !self.confirmed(now, Doubt::Above, mandate) {
                    return;
                }
                let why = format!(
                    "its fence is at epoch {}, above this leader's {} that a majority of seats has \
                     just confirmed: the seats have lost their memory. A person must decide",
                    fence.epoch, mandate.epoch
                );
                self.hold(now, why, out);
            }
            Some(fence)
                if fence.epoch == mandate.epoch
                    || broken(Breakage::ChangeBeforeClaim)
                    || (broken(Breakage::HigherFenceTaken) && fence.epoch > mandate.epoch) =>
            {
                self.attempt = self.attempt.max(fence.attempt);
                if self.claimed != Some(mandate.epoch) {
                    self.drift.inherit(mandate.kept);
                    self.claimed = Some(mandate.epoch);
                    let (zone, epoch) = (self.id.clone(), mandate.epoch);
                    out.note(Note::ZoneClaimed { zone, epoch });
                }
                self.held = None;
                self.doubt = None;
                self.bring_about(now, fleet, mandate, read, fence, out);
            }
            lower_or_missing => {
                // Missing, or lowered after our claim: somebody tampered with it.
                let tampered = lower_or_missing.is_none() || self.claimed == Some(mandate.epoch);
                // It is made anew only on the quorum's fresh word.
                if tampered && !self.confirmed(now, Doubt::Tampered, mandate) {
                    return;
                }
                if self.claimed.take().is_some() {
                    let what = "its fence was lowered or removed after it was claimed: claiming it \
                                again";
                    self.tell_odd(Some(what.to_owned()), out);
                }
                let attempt = self.fresh_attempt(lower_or_missing.as_ref());
                let fence = Fence { fleet: fleet.name.clone(), epoch: mandate.epoch, attempt };
                self.swap(now, fleet, mandate, read, fence, Vec::new(), String::new(), out);
            }
        }
    }

    /// Whether a majority of seats acknowledged this leader after this doubt arose; if not, the zone
    /// is read again soon.
    fn confirmed(&mut self, now: Moment, doubt: Doubt, mandate: &Mandate<'_>) -> bool {
        match self.doubt {
            Some((same, at)) if same == doubt => {
                if mandate.renewed_from >= at {
                    return true;
                }
            }
            _ => self.doubt = Some((doubt, now)),
        }
        self.stage = Stage::Due(now + Duration::from_millis(BACKOFF_MS_MIN));
        false
    }

    fn fresh_attempt(&mut self, read: Option<&Fence>) -> u64 {
        if broken(Breakage::AttemptReused) {
            return read.map_or(0, |fence| fence.attempt);
        }
        self.attempt = self.attempt.max(read.map_or(0, |fence| fence.attempt)) + 1;
        self.attempt
    }

    fn remember(&mut self, read: &ZoneRead) {
        self.actual = read
            .records
            .iter()
            .filter_map(|record| {
                let set_identifier = record.routing.set_identifier()?.to_owned();
                Some(((record.key.clone(), set_identifier), record.routing.weight()?.0))
            })
            .collect();
    }

    fn tell_odd(&mut self, odd: Option<String>, out: &mut Outbox) {
        if odd != self.odd {
            if let Some(what) = &odd {
                out.note(Note::ZoneOdd { zone: self.id.clone(), what: what.clone() });
            }
            self.odd = odd;
        }
    }

    /// Compares what was read with what is committed, and sends the difference.
    fn bring_about(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        mandate: &Mandate<'_>,
        read: &ZoneRead,
        fence: &Fence,
        out: &mut Outbox,
    ) {
        let mut difference =
            difference(now, fleet, &self.id, mandate.wanted, &read.records, &mut self.drift, out);
        self.tell_odd((!difference.odd.is_empty()).then(|| difference.odd.join("; ")), out);
        if difference.changes.is_empty() {
            self.matches = !difference.left;
            let audit = Duration::from_millis(u64::from(fleet.timing.zone_audit_ms));
            self.stage = Stage::Due(now + audit);
            return;
        }
        self.matches = false;
        if let Err(reason) = safety::check_batch(&read.records, &difference.changes) {
            self.hold(now, format!("the batch was not sent, since {reason}"), out);
            return;
        }
        if broken(Breakage::PairInTwoBatches) {
            difference.changes.retain(|change| match change {
                RecordChange::Create(record) => {
                    !matches!(record.routing, Routing::Failover { primary: true, .. })
                }
                RecordChange::Delete(_) => true,
            });
        }
        let attempt = self.fresh_attempt(Some(fence));
        let fence = Fence { attempt, ..fence.clone() };
        let what = difference.what.join(", ");
        self.swap(now, fleet, mandate, read, fence, difference.changes, what, out);
    }

    #[expect(clippy::too_many_arguments, reason = "one batch is made of all of these")]
    fn swap(
        &mut self,
        now: Moment,
        fleet: &Fleet,
        mandate: &Mandate<'_>,
        read: &ZoneRead,
        fence: Fence,
        weights: Vec<RecordChange>,
        what: String,
        out: &mut Outbox,
    ) {
        let limit_ms = fleet.timing.record_call_ms;
        let end = now + Duration::from_millis(u64::from(limit_ms));
        if end > mandate.lease_end && !broken(Breakage::CallsPastLease) {
            // Not now: the next renewal makes room, and the zone is read afresh then.
            self.stage = Stage::Due(now + Duration::from_millis(BACKOFF_MS_MIN));
            return;
        }
        let claim = weights.is_empty();
        let old = read.fence.iter().cloned().map(RecordChange::Delete);
        let new = RecordChange::Create(fence.record_set(&self.fence_name));
        let swap = old.chain([new]).filter(|_| claim || !broken(Breakage::UnfencedBatch));
        let changes = swap.chain(weights).collect();
        let comment = format!("{fence}{}{what}", if claim { "" } else { ": " });
        let batch = ZoneBatch { zone: self.id.clone(), changes, comment };
        let purpose = Purpose::Zone { zone: self.id.clone() };
        let call = out.call(now, limit_ms, purpose, Request::ChangeZone { batch });
        self.stage = Stage::Swapping { call, fence, claim, what };
    }
}
