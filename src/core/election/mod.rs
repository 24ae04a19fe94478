//! Election and lease over the seats.
//!
//! No lock item: the quorum of Regions is the lock. A candidate waits until it has itself seen a
//! majority of seats unchanged for a whole lease, then takes exactly those, with an epoch above
//! every one it has read or tried. A leader renews each seat by conditional writes; its lease runs
//! from the *start* of the newest writes that a majority has acknowledged, less a margin for drift,
//! and when it ends the leader stops by itself. Wall clocks are never compared.
//!
//! `standing` says when an agent stands and when it is elected; `seat` what it knows of one seat.
//! What is not here: what the leader decides and writes down (`journal`), and what it does
//! (`zones`). The journal's pointer travels on the seats' swaps, see [`Election::carry`].

mod seat;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand_pcg::Pcg64Mcg;

use crate::core::breakage::{Breakage, broken};
use crate::domain::control::StateRef;
use crate::domain::fleet::Timing;
use crate::domain::seat::{Beat, Incarnation, Seat};
use crate::domain::{AgentId, BootId, Epoch, FailureClass, Moment, RegionId};

use super::call::{Outbox, Outcome, Purpose, Refusal, Request, Response};
use super::note::{Lost, Note, StepDown};
use seat::{Busy, SeatWatch, Sent};

/// What the election tells the rest of the brain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// This agent holds a majority; these are the states that the taken seats point to.
    Elected { epoch: Epoch, states: Vec<(RegionId, StateRef)> },
    /// It leads no more.
    SteppedDown,
}

#[derive(Debug, Clone)]
enum Role {
    Follower {
        /// Set once a majority was waited for: stand then, if it still holds.
        stand_at: Option<Moment>,
    },
    Candidate {
        epoch: Epoch,
        /// Start of the one round in which all takes are sent.
        started: Moment,
        asked: BTreeSet<RegionId>,
        took: BTreeMap<RegionId, StateRef>,
        refused: BTreeSet<RegionId>,
    },
    Leader {
        epoch: Epoch,
        /// For each seat, when the newest acknowledged write was sent.
        acked_from: BTreeMap<RegionId, Moment>,
        /// By what they say.
        lease_end: Moment,
    },
}

/// See the file's opening.
#[derive(Debug, Clone)]
pub(super) struct Election {
    agent: AgentId,
    boot: BootId,
    beats: u64,
    seats: BTreeMap<RegionId, SeatWatch>,
    /// Incarnations by the newest state known; nobody stands before it is known.
    roster: Option<BTreeMap<RegionId, Incarnation>>,
    /// The highest epoch read or tried.
    epoch_max: Epoch,
    role: Role,
    /// States put beside seats that the seats are to point to.
    carried: BTreeMap<RegionId, StateRef>,
    /// Before this moment it leaves standing to others.
    stand_from: Moment,
    /// Whether its off switch keeps it from standing.
    off: bool,
    rng: Pcg64Mcg,
    timing: Timing,
    driven_at: Moment,
}

/// Leases for which an agent that could not read the control state leaves standing to others: they
/// wait one, and may read what it can't (a later version wrote it, or its way there is cut).
const HOLD_OFF_LEASES: u32 = 3;

/// The newest moment that so many of these have reached; none if there are not so many.
fn newest_of(moments: impl Iterator<Item = Moment> + Clone, count: usize) -> Option<Moment> {
    let reached = |moment: &Moment| moments.clone().filter(|other| other >= moment).count();
    moments.clone().filter(|moment| reached(moment) >= count).max()
}

/// When the lease ends that rests on writes sent at these moments.
fn lease_end_of(
    acked_from: &BTreeMap<RegionId, Moment>,
    majority: usize,
    timing: &Timing,
) -> Moment {
    // A majority acknowledged writes that were sent then or later.
    newest_of(acked_from.values().copied(), majority).map_or(Moment::ZERO, |start| {
        let margin_ms = if broken(Breakage::NoMargin) { 0 } else { timing.lease_margin_ms };
        start + ms(timing.lease_ms) - ms(margin_ms)
    })
}

fn ms(value: u32) -> Duration {
    Duration::from_millis(u64::from(value))
}

impl Election {
    pub(super) fn new(
        now: Moment,
        agent: AgentId,
        boot: BootId,
        seats: &BTreeSet<RegionId>,
        timing: Timing,
        rng: Pcg64Mcg,
    ) -> Self {
        Self {
            agent,
            boot,
            beats: 0,
            seats: seats.iter().map(|seat| (seat.clone(), SeatWatch::new(now))).collect(),
            roster: None,
            epoch_max: Epoch::ZERO,
            role: Role::Follower { stand_at: None },
            carried: BTreeMap::new(),
            stand_from: now,
            off: false,
            rng,
            timing,
            driven_at: now,
        }
    }

    fn majority(&self) -> usize {
        self.seats.len() / 2 + usize::from(!broken(Breakage::QuorumOfOneLess))
    }

    /// The epoch under which this agent leads, if it does.
    pub(super) fn leading(&self) -> Option<Epoch> {
        match self.role {
            Role::Leader { epoch, .. } => Some(epoch),
            Role::Follower { .. } | Role::Candidate { .. } => None,
        }
    }

    /// When the lease ends, while leading.
    pub(super) fn lease_end(&self) -> Option<Moment> {
        match &self.role {
            Role::Leader { lease_end, .. } => Some(*lease_end),
            Role::Follower { .. } | Role::Candidate { .. } => None,
        }
    }

    /// The start of the newest writes that a majority acknowledged.
    pub(super) fn renewed_from(&self) -> Option<Moment> {
        self.lease_end()
            .map(|end| end - (ms(self.timing.lease_ms) - ms(self.timing.lease_margin_ms)))
    }

    /// Seats that acknowledge this leader now.
    pub(super) fn held(&self) -> Vec<RegionId> {
        let Role::Leader { epoch, .. } = &self.role else { return Vec::new() };
        self.seats
            .iter()
            .filter(|(_, watch)| {
                watch.counting().is_some_and(|seen| {
                    seen.seat.epoch == *epoch && seen.seat.holder.as_ref() == Some(&self.agent)
                })
            })
            .map(|(seat, _)| seat.clone())
            .collect()
    }

    /// What each seat shows, for the journal and for people.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&RegionId, Option<&Seat>, Option<Lost>)> {
        self.seats
            .iter()
            .map(|(seat, watch)| (seat, watch.seen.as_ref().map(|seen| &seen.seat), watch.lost))
    }

    /// When a majority of seats was last seen to point to this state: the moment at which the last
    /// of them was heard. None when they were never all seen so.
    pub(super) fn confirmed(&self, state: &StateRef) -> Option<Moment> {
        let counting = self.seats.values().filter_map(SeatWatch::counting);
        let of_state = counting.filter(|seen| seen.seat.committed == *state);
        newest_of(of_state.map(|seen| seen.confirmed), self.seats.len() / 2 + 1)
    }

    /// Seats that count, with what they show.
    pub(super) fn counting(&self) -> impl Iterator<Item = (&RegionId, &Seat)> {
        self.seats.iter().filter_map(|(seat, watch)| Some((seat, &watch.counting()?.seat)))
    }

    /// Whether any call to a seat was answered since this moment: for readiness.
    pub(super) fn heard_since(&self, moment: Moment) -> usize {
        self.seats
            .values()
            .filter(|watch| watch.seen.as_ref().is_some_and(|seen| seen.confirmed >= moment))
            .count()
    }

    /// Learns the seat set from a state. False when it is not the configured one: then this agent
    /// never stands, since its majority would not be the fleet's.
    pub(super) fn learn_roster(
        &mut self,
        roster: &BTreeMap<RegionId, Incarnation>,
        out: &mut Outbox,
    ) -> bool {
        if !roster.keys().eq(self.seats.keys()) {
            self.roster = None;
            return false;
        }
        for (seat, watch) in &mut self.seats {
            if let Some(why) = watch.judge_again(&roster[seat]) {
                out.note(Note::SeatLost { seat: seat.clone(), why });
            }
        }
        self.roster = Some(roster.clone());
        true
    }

    pub(super) fn knows_roster(&self) -> bool {
        self.roster.is_some()
    }

    /// Lets the seat point to a state that was put beside it, with its next swap, which is due now.
    pub(super) fn carry(&mut self, now: Moment, seat: &RegionId, state: StateRef) {
        self.carried.insert(seat.clone(), state);
        if let Some(watch) = self.seats.get_mut(seat) {
            watch.next_at = watch.next_at.min(now);
        }
    }

    /// Whether the seat may be asked to hold something for this leader.
    pub(super) fn in_reach(&self, seat: &RegionId) -> bool {
        self.leading().is_some_and(|epoch| {
            self.seats
                .get(seat)
                .and_then(SeatWatch::counting)
                .is_some_and(|seen| seen.seat.epoch <= epoch)
        })
    }

    /// Gives up leading.
    pub(super) fn step_down(
        &mut self,
        now: Moment,
        out: &mut Outbox,
        why: StepDown,
    ) -> Option<Turn> {
        let epoch = self.leading()?;
        out.note(Note::SteppedDown { epoch, why });
        if why == StepDown::JournalDamaged {
            self.stand_from = now + ms(self.timing.lease_ms) * HOLD_OFF_LEASES;
        }
        self.become_follower();
        Some(Turn::SteppedDown)
    }

    /// Lets it stand or not: its off switch. One that is standing gives up at once.
    pub(super) fn switch(&mut self, off: bool) {
        self.off = off;
        if off && matches!(self.role, Role::Candidate { .. }) {
            self.become_follower();
        }
    }

    fn become_follower(&mut self) {
        self.role = Role::Follower { stand_at: None };
        self.carried.clear();
    }

    fn next_beat(&mut self) -> Beat {
        self.beats += u64::from(!broken(Breakage::BeatReused) || self.beats == 0);
        Beat { agent: self.agent.clone(), boot: self.boot, count: self.beats }
    }

    /// Takes in the answer of a seat's call.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        seat: &RegionId,
        outcome: Outcome,
        out: &mut Outbox,
    ) -> Option<Turn> {
        let watch = self.seats.get_mut(seat)?;
        let busy = watch.busy.take();
        let poll = ms(self.timing.renew_ms);
        let soon = poll / 4;
        match (busy, outcome) {
            (Some(Busy::Reading), Ok(Response::Seat(found))) => {
                watch.next_at = now + poll;
                let mine = watch
                    .unresolved
                    .take()
                    .filter(|sent| found.as_ref().is_some_and(|found| found.beat == sent.new.beat));
                self.observe(now, seat, found, out);
                if let Some(mut sent) = mine {
                    if broken(Breakage::OldAckCounts) {
                        sent.at = now;
                    }
                    return self.acknowledged(now, seat, &sent, out);
                }
                if matches!(self.role, Role::Leader { .. }) && self.in_reach(seat) {
                    // The swap that was read back had no effect: renew at once.
                    self.set_next(seat, now);
                }
                self.refused(now, seat, out)
            }
            (Some(Busy::Reading), _) => {
                watch.next_at = now + if watch.unresolved.is_some() { soon } else { poll };
                None
            }
            (Some(Busy::Swapping(sent)), Ok(_)) => {
                watch.next_at = sent.at + poll;
                self.observe(now, seat, Some(sent.new.clone()), out);
                self.acknowledged(now, seat, &sent, out)
            }
            (Some(Busy::Swapping(sent)), Err(Refusal::Found(found))) => {
                let mine = found.as_ref().is_some_and(|found| found.beat == sent.new.beat);
                watch.next_at = if mine { sent.at + poll } else { now + soon };
                self.observe(now, seat, found.map(|found| *found), out);
                if mine {
                    self.acknowledged(now, seat, &sent, out)
                } else {
                    self.refused(now, seat, out)
                }
            }
            (Some(Busy::Swapping(sent)), Err(Refusal::Failed(failure))) => {
                if failure.class == FailureClass::Unknown {
                    watch.unresolved = Some(sent);
                    watch.next_at = now;
                    None
                } else {
                    watch.next_at = now + soon;
                    self.refused(now, seat, out)
                }
            }
            (None, _) => None,
        }
    }

    /// A pointer that came while the seat's call was under way goes with the next one, now.
    fn hurry_carried(&mut self, now: Moment, seat: &RegionId) {
        let Some(state) = self.carried.get(seat) else { return };
        let Some(watch) = self.seats.get_mut(seat) else { return };
        if watch.counting().is_some_and(|seen| seen.seat.committed.name < state.name) {
            watch.next_at = now;
        }
    }

    fn set_next(&mut self, seat: &RegionId, at: Moment) {
        if let Some(watch) = self.seats.get_mut(seat) {
            watch.next_at = at;
        }
    }

    fn observe(&mut self, now: Moment, seat: &RegionId, found: Option<Seat>, out: &mut Outbox) {
        let incarnation = self.roster.as_ref().and_then(|roster| roster.get(seat));
        let Some(watch) = self.seats.get_mut(seat) else { return };
        if let Some(found) = &found {
            self.epoch_max = self.epoch_max.max(found.epoch).max(found.committed.name.epoch);
        }
        if let Some(why) = watch.observe(now, found, incarnation) {
            out.note(Note::SeatLost { seat: seat.clone(), why });
        }
    }

    /// A write of this agent is known to have taken effect.
    fn acknowledged(
        &mut self,
        now: Moment,
        seat: &RegionId,
        sent: &Sent,
        out: &mut Outbox,
    ) -> Option<Turn> {
        self.hurry_carried(now, seat);
        let majority = self.majority();
        match &mut self.role {
            Role::Follower { .. } => None,
            Role::Leader { epoch, acked_from, lease_end } => {
                if sent.new.epoch == *epoch {
                    let start = if broken(Breakage::LeaseFromAck) { now } else { sent.at };
                    let from = acked_from.entry(seat.clone()).or_insert(start);
                    *from = (*from).max(start);
                    *lease_end = lease_end_of(acked_from, majority, &self.timing);
                }
                None
            }
            Role::Candidate { epoch, started, took, .. } => {
                let of_this_round = sent.new.epoch == *epoch && sent.at == *started;
                if !of_this_round && !broken(Breakage::OldAckCounts) {
                    return None;
                }
                took.insert(seat.clone(), sent.new.committed);
                self.count_votes(now, out)
            }
        }
    }

    /// A seat's write is known to have had no effect.
    fn refused(&mut self, now: Moment, seat: &RegionId, out: &mut Outbox) -> Option<Turn> {
        match &mut self.role {
            Role::Follower { .. } => None,
            Role::Candidate { asked, took, refused, .. } => {
                if asked.contains(seat) && !took.contains_key(seat) {
                    refused.insert(seat.clone());
                    if asked.len() - refused.len() < self.seats.len() / 2 + 1 {
                        self.not_elected(out);
                    }
                }
                None
            }
            Role::Leader { epoch, .. } => {
                let epoch = *epoch;
                let reachable = self
                    .seats
                    .values()
                    .filter(|watch| watch.lost.is_none())
                    .filter(|watch| watch.seen.as_ref().is_none_or(|seen| seen.seat.epoch <= epoch))
                    .count();
                if reachable < self.majority() {
                    self.step_down(now, out, StepDown::Outbid)
                } else {
                    None
                }
            }
        }
    }

    /// Does what is due, and says what has come of time passing.
    pub(super) fn drive(&mut self, now: Moment, out: &mut Outbox) -> Option<Turn> {
        self.driven_at = now;
        let turn = match &self.role {
            Role::Leader { lease_end, .. }
                if now >= *lease_end && !broken(Breakage::LeaseNotChecked) =>
            {
                self.step_down(now, out, StepDown::LeaseEnded)
            }
            Role::Leader { epoch, .. } => self.outgrow(now, *epoch, out),
            Role::Candidate { started, .. } if now >= *started + self.patience() => {
                self.not_elected(out);
                None
            }
            _ => None,
        };
        self.consider_standing(now, out);
        let due: Vec<RegionId> = self
            .seats
            .iter()
            .filter(|(_, watch)| watch.busy.is_none() && watch.next_at <= now)
            .map(|(seat, _)| seat.clone())
            .collect();
        for seat in due {
            self.call_seat(now, &seat, out);
        }
        turn
    }

    /// The one call that is due at a seat: read back, renew, or look.
    fn call_seat(&mut self, now: Moment, seat: &RegionId, out: &mut Outbox) {
        let Some(watch) = self.seats.get(seat) else { return };
        if let (Role::Leader { epoch, .. }, None) = (&self.role, &watch.unresolved) {
            let epoch = *epoch;
            if self.in_reach(seat) {
                let carried = self.carried.get(seat).cloned();
                return self.swap(now, seat, epoch, carried, out);
            }
        }
        let limit_ms = self.timing.table_call_ms;
        let Some(watch) = self.seats.get_mut(seat) else { return };
        watch.busy = Some(Busy::Reading);
        let purpose = Purpose::Seat { seat: seat.clone() };
        out.call(now, limit_ms, purpose, Request::ReadSeat { seat: seat.clone() });
    }

    fn swap(
        &mut self,
        now: Moment,
        seat: &RegionId,
        epoch: Epoch,
        carried: Option<StateRef>,
        out: &mut Outbox,
    ) {
        let beat = self.next_beat();
        let holder = self.agent.clone();
        let (limit_ms, lease_ms) = (self.timing.table_call_ms, self.timing.lease_ms);
        let Some(watch) = self.seats.get_mut(seat) else { return };
        let Some(seen) = watch.counting() else { return };
        let old = seen.seat.clone();
        assert!(epoch >= old.epoch, "a write must not lower a seat's epoch");
        // A take leaves the pointer untouched; a leader only ever moves it forward.
        let committed = match carried {
            Some(state) if state.name > old.committed.name => state,
            _ => old.committed,
        };
        let new = Seat {
            incarnation: old.incarnation,
            epoch,
            holder: Some(holder),
            lease_ms,
            beat,
            committed,
        };
        watch.busy = Some(Busy::Swapping(Box::new(Sent { new: new.clone(), at: now })));
        let purpose = Purpose::Seat { seat: seat.clone() };
        let request = Request::SwapSeat { seat: seat.clone(), expected: old.beat, new };
        out.call(now, limit_ms, purpose, request);
    }

    /// When something is next due without an answer coming in.
    pub(super) fn next_wake(&self) -> Moment {
        let calls = self
            .seats
            .values()
            .filter(|watch| watch.busy.is_none())
            .map(|watch| watch.next_at)
            .min()
            .unwrap_or(Moment::NEVER);
        let role = match &self.role {
            // One that is due already waits for a seat's answer, not for time.
            Role::Follower { stand_at: Some(at) } if *at > self.driven_at => *at,
            Role::Follower { .. } if self.stand_from > self.driven_at => self.stand_from,
            Role::Follower { .. } => Moment::NEVER,
            Role::Candidate { started, .. } => *started + self.patience(),
            Role::Leader { lease_end, .. } => *lease_end,
        };
        calls.min(role)
    }
}
