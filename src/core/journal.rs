//! The journal: which control state is in force.
//!
//! A state is put beside each seat under a name that never has two contents, then the seats are
//! swapped to point to it; it is committed when a majority of home seats shows the same name. A new
//! leader adopts the newest state among the majority that it took, commits it under its own epoch,
//! and only then acts: what its predecessor committed is thereby kept, and what it had only begun
//! is finished or forgotten, but never contradicted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::breakage::{Breakage, broken};
use crate::domain::control::StateRef;
use crate::domain::digest::Digest;
use crate::domain::fleet::Timing;
use crate::domain::{AgentId, Epoch, FailureClass, FleetName, Moment, RegionId, StateName};

use super::call::{Outbox, Outcome, Purpose, Request, Response};
use super::election::Election;
use super::explain::{Cause, State};
use super::note::{Note, StepDown};

/// A control state together with the name and fingerprint of its document.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) reference: StateRef,
    pub(super) state: State,
    pub(super) document: String,
}

/// A document is kilobytes; its name and fingerprint say which.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reference.fmt(f)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    Due(Moment),
    UnderWay,
    Done,
}

#[derive(Debug, Clone)]
struct Proposal {
    entry: Entry,
    puts: BTreeMap<RegionId, Put>,
    /// Seats whose lasting refusal was told.
    told: BTreeSet<RegionId>,
}

#[derive(Debug, Clone)]
enum Stage {
    Following,
    /// Elected; the state to adopt is not read yet.
    Adopting {
        epoch: Epoch,
        newest: StateRef,
        since: Moment,
    },
    /// Elected; proposing, or resting on what is committed under this epoch.
    Leading {
        epoch: Epoch,
        seq: u64,
    },
}

/// Why a document is missing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// It is the one to adopt.
    ToAdopt,
    /// A majority of seats points to it.
    Committed,
    /// No majority points to any; the newest one seen tells the seat set all the same.
    ForRoster,
}

/// What the journal tells the rest of the brain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// The proposal is committed: it may be acted upon.
    Committed,
    /// The leader can't go on.
    StepDown(StepDown),
}

/// See the file's opening.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    fleet: FleetName,
    agent: AgentId,
    timing: Timing,
    stage: Stage,
    proposal: Option<Proposal>,
    /// The newest state known to be committed.
    committed: Option<Entry>,
    /// A document under way.
    fetching: bool,
    fetch_at: Moment,
    /// Which seat to ask next, so that one damaged copy does not stop us.
    fetch_turn: usize,
}

impl Journal {
    pub(super) fn new(now: Moment, fleet: FleetName, agent: AgentId, timing: Timing) -> Self {
        Self {
            fleet,
            agent,
            timing,
            stage: Stage::Following,
            proposal: None,
            committed: None,
            fetching: false,
            fetch_at: now,
            fetch_turn: 0,
        }
    }

    /// The newest state that is known to be committed.
    pub(super) fn committed(&self) -> Option<&Entry> {
        self.committed.as_ref()
    }

    /// The state that is half-way, if one is.
    pub(super) fn proposed(&self) -> Option<&Entry> {
        self.proposal.as_ref().map(|proposal| &proposal.entry)
    }

    /// The state in force under this leader: committed by itself, so that it may act upon it.
    pub(super) fn in_force(&self) -> Option<&Entry> {
        let Stage::Leading { epoch, .. } = self.stage else { return None };
        let own = |entry: &&Entry| entry.reference.name.epoch == epoch;
        self.committed.as_ref().filter(|entry| own(entry) || broken(Breakage::ActBeforeRecommit))
    }

    /// Whether a new state may be proposed: nothing is half-way.
    pub(super) fn can_propose(&self) -> bool {
        self.proposal.is_none() && self.in_force().is_some()
    }

    /// Begins to lead with these states found on the seats that were taken.
    pub(super) fn elected(
        &mut self,
        now: Moment,
        epoch: Epoch,
        states: &[(RegionId, StateRef)],
        at: String,
    ) -> Option<Progress> {
        let names = states.iter().map(|(_, state)| state);
        let newest = if broken(Breakage::OldestAdopted) {
            names.min_by_key(|state| state.name)?
        } else {
            names.max_by_key(|state| state.name)?
        };
        let contradicted = states
            .iter()
            .any(|(_, state)| state.name == newest.name && state.digest != newest.digest);
        if contradicted {
            return Some(Progress::StepDown(StepDown::JournalDamaged));
        }
        self.proposal = None;
        self.stage = Stage::Adopting { epoch, newest: *newest, since: now };
        self.fetch_at = now;
        self.adopt_known(now, at);
        None
    }

    /// Goes on at once if the state to adopt is at hand.
    fn adopt_known(&mut self, now: Moment, at: String) {
        let Stage::Adopting { newest, .. } = &self.stage else { return };
        if let Some(known) = self.committed.as_ref().filter(|known| known.reference == *newest) {
            self.adopt(now, known.state.clone(), at);
        }
    }

    fn adopt(&mut self, now: Moment, mut state: State, at: String) {
        let Stage::Adopting { epoch, .. } = self.stage else { return };
        if broken(Breakage::NothingAdopted) {
            state.wanted.clear();
        }
        self.stage = Stage::Leading { epoch, seq: 0 };
        let cause = Cause::Adopted { from: state.name };
        self.put_forward(now, state, cause, at);
    }

    /// The name that the next proposal will have.
    pub(super) fn next_name(&self) -> Option<StateName> {
        let name = self.in_force()?.reference.name;
        Some(StateName { seq: name.seq + 1, ..name })
    }

    /// Proposes a state that differs from the one in force by `change`. Only when
    /// [`Self::can_propose`].
    pub(super) fn propose(
        &mut self,
        now: Moment,
        change: impl FnOnce(&mut State),
        cause: Cause,
        at: String,
    ) {
        assert!(self.can_propose(), "a proposal while another is half-way");
        let Some(entry) = self.in_force() else { return };
        let mut state = entry.state.clone();
        change(&mut state);
        self.put_forward(now, state, cause, at);
    }

    fn put_forward(&mut self, now: Moment, mut state: State, cause: Cause, at: String) {
        let Stage::Leading { epoch, seq } = &mut self.stage else { return };
        *seq += u64::from(*seq == 0 || !broken(Breakage::NameReused));
        state.name = StateName { epoch: *epoch, seq: *seq };
        state.by = self.agent.clone();
        state.at = at;
        state.cause = cause;
        let document = serde_json::to_string(&state).expect("a state has only texts as keys");
        let reference = StateRef { name: state.name, digest: Digest::of(document.as_bytes()) };
        let puts = state.seats.keys().map(|seat| (seat.clone(), Put::Due(now))).collect();
        let entry = Entry { reference, state, document };
        self.proposal = Some(Proposal { entry, puts, told: BTreeSet::new() });
    }

    /// Leads no more; a proposal half-way is its successor's to find, or not.
    pub(super) fn step_down(&mut self) {
        self.stage = Stage::Following;
        self.proposal = None;
    }

    /// A state was put beside a seat, or was not.
    pub(super) fn put_answered(
        &mut self,
        now: Moment,
        seat: &RegionId,
        name: StateName,
        outcome: &Outcome,
        election: &mut Election,
        out: &mut Outbox,
    ) -> Option<Progress> {
        let retry_at = now + self.backoff();
        let proposal = self.proposal.as_mut()?;
        if proposal.entry.reference.name != name {
            return None;
        }
        let put = proposal.puts.get_mut(seat)?;
        match outcome {
            Ok(_) => {
                *put = Put::Done;
                election.carry(now, seat, proposal.entry.reference);
                None
            }
            // Another document of that name: names would have two contents. Never go on.
            Err(refusal) if refusal.class() == FailureClass::Conflict => {
                Some(Progress::StepDown(StepDown::JournalDamaged))
            }
            // Also when unknown: putting the same document again is harmless.
            Err(refusal) => {
                *put = Put::Due(retry_at);
                if refusal.class() == FailureClass::Permanent && proposal.told.insert(seat.clone())
                {
                    let what = format!("control state {name} can't be put in {seat}: {refusal}");
                    out.note(Note::Trouble { what });
                }
                None
            }
        }
    }

    fn backoff(&self) -> Duration {
        Duration::from_millis(u64::from(self.timing.renew_ms) / 4)
    }

    /// A document was read, or was not.
    pub(super) fn fetch_answered(
        &mut self,
        now: Moment,
        name: StateName,
        outcome: Outcome,
        election: &mut Election,
        out: &mut Outbox,
        at: String,
    ) {
        self.fetching = false;
        self.fetch_at = now + self.backoff();
        let wanted = self.missing(election).filter(|(reference, _)| reference.name == name);
        self.fetch_turn += 1;
        let document = match outcome {
            Ok(Response::State(Some(document))) => document,
            Ok(_) => {
                let what =
                    format!("control state {name} is missing beside a seat that points to it");
                return out.note(Note::Trouble { what });
            }
            Err(_) => return,
        };
        let Some((reference, missing)) = wanted else { return };
        let state = match serde_json::from_str::<State>(&document) {
            Ok(state)
                if reference.digest == Digest::of(document.as_bytes())
                    && state.name == name
                    && state.fleet == self.fleet =>
            {
                state
            }
            Ok(_) => {
                let what = format!("control state {name} is not the one that the seat points to");
                return out.note(Note::Trouble { what });
            }
            Err(error) => {
                let what = format!("control state {name} can't be read: {error}");
                return out.note(Note::Trouble { what });
            }
        };
        if !election.learn_roster(&state.seats, out) {
            let configured = election.shown().map(|(seat, ..)| seat.clone()).collect();
            let committed = state.seats.keys().cloned().collect();
            out.note(Note::SeatSetDiffers { configured, committed });
        }
        match missing {
            Missing::ToAdopt => self.adopt(now, state, at),
            Missing::Committed => self.committed = Some(Entry { reference, state, document }),
            Missing::ForRoster => {}
        }
    }

    /// The state whose document is missing here, and why it is wanted.
    fn missing(&self, election: &Election) -> Option<(StateRef, Missing)> {
        match &self.stage {
            Stage::Adopting { newest, .. } => return Some((*newest, Missing::ToAdopt)),
            Stage::Leading { .. } => return None,
            Stage::Following => {}
        }
        let seats = election.shown().count();
        let shown = || election.counting().map(|(_, seat)| seat.committed);
        let by_most = |state: &StateRef| shown().filter(|other| other == state).count() * 2 > seats;
        if let Some(committed) = shown().find(by_most) {
            // A reader never goes back to a lower name.
            let known = self.committed.as_ref().map(|known| known.reference.name);
            return (known < Some(committed.name)).then_some((committed, Missing::Committed));
        }
        // One seat's word may be a lost one's; and each in turn, lest one that can't be read stop us.
        if election.knows_roster() || shown().count() * 2 <= seats {
            return None;
        }
        let newest_first: BTreeSet<Reverse<StateRef>> = shown().map(Reverse).collect();
        let turn = self.fetch_turn / seats.max(1) % newest_first.len();
        newest_first.into_iter().nth(turn).map(|Reverse(state)| (state, Missing::ForRoster))
    }

    /// Does what is due.
    pub(super) fn drive(
        &mut self,
        now: Moment,
        election: &Election,
        out: &mut Outbox,
    ) -> Option<Progress> {
        if now >= self.give_up_at() {
            // It would hold the seats for ever and act never; another may read what it can't.
            return Some(Progress::StepDown(StepDown::JournalDamaged));
        }
        self.fetch_if_due(now, election, out);
        let majority = election.shown().count() / 2 + 1;
        let proposal = self.proposal.as_mut()?;
        for (seat, put) in &mut proposal.puts {
            if matches!(put, Put::Due(at) if *at <= now) && election.in_reach(seat) {
                *put = Put::UnderWay;
                let name = proposal.entry.reference.name;
                let document = proposal.entry.document.clone();
                let purpose = Purpose::PutState { seat: seat.clone(), name };
                let request = Request::PutState { seat: seat.clone(), name, document };
                out.call(now, self.timing.table_call_ms, purpose, request);
            }
        }
        let shown = election
            .counting()
            .filter(|(_, seat)| seat.committed == proposal.entry.reference)
            .count();
        if shown < majority && !(shown > 0 && broken(Breakage::MinorityCommits)) {
            return None;
        }
        let entry = self.proposal.take()?.entry;
        out.note(Note::Committed {
            name: entry.reference.name,
            changes: entry.state.cause.changes().to_vec(),
        });
        self.committed = Some(entry);
        Some(Progress::Committed)
    }

    fn fetch_if_due(&mut self, now: Moment, election: &Election, out: &mut Outbox) {
        if self.fetching || now < self.fetch_at {
            return;
        }
        let Some((reference, _)) = self.missing(election) else { return };
        let holders: Vec<&RegionId> = election
            .counting()
            .filter(|(_, seat)| seat.committed == reference)
            .map(|(seat, _)| seat)
            .collect();
        // The one to adopt may by now be shown by no seat but our own copies: any seat may have it.
        let all: Vec<&RegionId> = election.shown().map(|(seat, ..)| seat).collect();
        // And a holder that can't be reached must not be asked for ever: it was put beside every seat.
        let elsewhere = holders.is_empty() || self.fetch_turn % 2 == 1;
        let from = if elsewhere { all } else { holders };
        let Some(seat) = from.get(self.fetch_turn % from.len().max(1)) else { return };
        self.fetching = true;
        let name = reference.name;
        let purpose = Purpose::FetchState { seat: (*seat).clone(), name };
        let request = Request::ReadState { seat: (*seat).clone(), name };
        out.call(now, self.timing.table_call_ms, purpose, request);
    }

    /// When a leader that still can't read the state to adopt gives up.
    fn give_up_at(&self) -> Moment {
        match self.stage {
            Stage::Adopting { since, .. } => {
                since + Duration::from_millis(u64::from(self.timing.lease_ms))
            }
            Stage::Following | Stage::Leading { .. } => Moment::NEVER,
        }
    }

    /// When something is next due without an answer coming in.
    pub(super) fn next_wake(&self, now: Moment, election: &Election) -> Moment {
        let fetch = if !self.fetching && self.missing(election).is_some() {
            self.fetch_at.max(now)
        } else {
            Moment::NEVER
        };
        let puts = self.proposal.iter().flat_map(|proposal| &proposal.puts);
        let due = puts.filter_map(|(seat, put)| match put {
            Put::Due(at) if election.in_reach(seat) => Some(*at),
            _ => None,
        });
        due.min().unwrap_or(Moment::NEVER).min(fetch).min(self.give_up_at())
    }
}
