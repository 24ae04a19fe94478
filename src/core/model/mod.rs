//! The brains under every order of events, within bounds.
//!
//! Real [`Brain`]s are stepped; only what they act upon is made small (`world`). Time goes in rounds
//! of one second, the unit of every time in the model's fleet. In a round each agent has its turn,
//! and what it sends arrives and is answered at once, one call after another, unless a fault is
//! spent on it. So all orders are explored that differ from the orderly one by at most the allowed
//! faults, at every point of it:
//!
//! | fault | what happens |
//! |---|---|
//! | lost | a write never arrives, and is not answered |
//! | late | a write's answer is lost, and its effect comes at any later moment, or never |
//! | slow | the effect comes now, the answer at any moment until its deadline, or never (a timeout with effect); of a read, it is then old |
//! | crash | an agent ends between any two of its calls, and a new run of it begins a round later |
//! | pause | an agent sleeps, its calls out and their answers waiting, until past its lease |
//! | skip | an agent misses one turn |
//! | slip | a clock gains as much as the lease's margin allows for |
//! | mind | an agent's wanted weights change |
//! | forget, recreate, restore | a seat loses its item; or is made anew; or is again as it began |
//!
//! Left out: probes and reports (wanted weights change by `mind`, since a decision's making is the
//! planner's own test), random waits before standing (all stand as soon as they may), and the
//! first quiet rounds, in which nobody may stand yet.

mod agent;
mod digest;
mod flying;
mod state;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stateright::{Model, Property};

use crate::core::genesis::{genesis, unborn_seat};
use crate::core::invariants::Invariants;
use crate::core::testing::probe_spec;
use crate::domain::autonomy::Consent;
use crate::domain::fleet::{
    Placement, RecordPolicy, RoutingPolicy, Rules, Service, Tables, Timing,
};
use crate::domain::record::{RecordData, RecordSet, RecordType, Routing};
use crate::domain::{Epoch, Fence, Fleet, Moment, RegionId, Weight};

use agent::Agent;
use flying::has_effect;
use state::{State, UNFENCED};
use world::{SeatTable, Stored, World};

/// Between two turns of an agent. Every time of the model's fleet is a multiple of it, so that
/// rounds lose no order of events within the rules' own arithmetic.
const ROUND: Duration = Duration::from_secs(1);

/// A leader leads for two rounds after a renewal, and a candidate waits three.
const LEASE_ROUNDS: u64 = 3;

/// Rounds before anybody may stand.
const QUIET_ROUNDS: u64 = LEASE_ROUNDS;

/// How many of each fault a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Faults {
    pub(super) lost: u8,
    pub(super) late: u8,
    pub(super) slow: u8,
    pub(super) crash: u8,
    pub(super) pause: u8,
    pub(super) skip: u8,
    pub(super) slip: u8,
    pub(super) mind: u8,
    pub(super) forget: u8,
    pub(super) recreate: u8,
    pub(super) restore: u8,
    /// Whether a refused call may yet take effect: with seats that go back.
    pub(super) keep_refused: bool,
}

/// Everything goes as it should.
const NONE: Faults = Faults {
    lost: 0,
    late: 0,
    slow: 0,
    crash: 0,
    pause: 0,
    skip: 0,
    slip: 0,
    mind: 0,
    forget: 0,
    recreate: 0,
    restore: 0,
    keep_refused: false,
};

/// A model: who takes part, and within which bounds.
#[derive(Debug, Clone)]
struct Bounds {
    agents: usize,
    fleets: usize,
    /// States in which a seat is above this epoch are not gone into.
    epoch_max: u64,
    faults: Faults,
    /// Whether faults strike reads too; else a read is one with what goes before it.
    reads_too: bool,
    /// Whether the last agent goes by files that know of one seat only.
    odd_seats: bool,
    seen: Seen,
}

/// What has happened on any way that was gone so far. It is noted on the way: a state that was come
/// to before is not looked at again, whatever happened on the new way to it.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<BTreeSet<&'static str>>>);

impl Seen {
    fn note(&self, happened: &BTreeSet<&'static str>) {
        if !happened.is_empty() {
            self.0.lock().expect("nobody panics with it").extend(happened);
        }
    }

    fn all(&self) -> BTreeSet<&'static str> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// See the file's opening.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// The agent whose turn it is hears that time has passed.
    Turn,
    /// Its next call goes as it should.
    Carry,
    Lost,
    Late,
    Slow,
    Land(usize),
    Deliver(usize),
    Crash,
    Pause,
    Wake {
        answers_first: bool,
    },
    Skip,
    Slip(usize),
    Mind,
    Forget(RegionId),
    Recreate(RegionId),
    Restore(RegionId),
}

fn region(n: usize) -> RegionId {
    format!("r{n}").parse().expect("a valid name")
}

fn fleet(name: &str) -> Fleet {
    let placement = |n: usize| Placement {
        weight: Weight(100),
        url: format!("http://web.r{n}"),
        data: RecordData::Plain { ttl_s: 60, values: vec![format!("192.0.2.{n}")] },
        target_group: None,
        alarms: std::collections::BTreeSet::new(),
        scaling_group: None,
        instance_vcpus: None,
    };
    let service = Service {
        zone: "Z".parse().expect("valid"),
        name: "web.z".parse().expect("valid"),
        rtype: RecordType::A,
        probe: probe_spec(),
        writes_to: None,
        drift: None,
        routing: RoutingPolicy::Weighted,
        regions: [1, 2].map(|n| (region(n), placement(n))).into(),
    };
    let seats: BTreeSet<RegionId> = (1..=3).map(region).collect();
    Fleet {
        name: name.parse().expect("valid"),
        regions: seats.clone(),
        seats,
        services: [("web".parse().expect("valid"), service)].into(),
        databases: BTreeMap::new(),
        zones: [("Z".parse().expect("valid"), "z".parse().expect("valid"))].into(),
        roles: BTreeMap::new(),
        timing: Timing {
            lease_ms: 3000,
            lease_margin_ms: 1000,
            renew_ms: 1000,
            stand_spread_ms: 0,
            table_call_ms: 1000,
            record_call_ms: 1000,
            // Not in a model's time.
            probe_interval_ms: u32::MAX,
            burst_interval_ms: u32::MAX,
            down_after: 3,
            up_after: 3,
            report_ms: u32::MAX,
            gather_ms: u32::MAX,
            stale_ms: u32::MAX,
            signals_ms: u32::MAX,
            database_call_ms: 1000,
            database_read_ms: u32::MAX,
            zone_audit_ms: u32::MAX,
        },
        rules: Rules { dwell_ms: 0, return_after_ms: 0, fewest_in_service: 1 },
        consent: Consent::default(),
        tables: Tables { seats: "s".to_owned(), board: "b".to_owned() },
        gates: None,
        records: RecordPolicy { verify: false, ..RecordPolicy::default() },
        topics: BTreeMap::new(),
    }
}

fn tables(fleet: &Fleet) -> BTreeMap<RegionId, Arc<SeatTable>> {
    let by: crate::domain::AgentId = "init".parse().expect("valid");
    let mut drawn = 0;
    let made = genesis(fleet, by.clone(), String::new(), || {
        drawn += 1;
        drawn
    });
    let table = |seat: &RegionId| SeatTable {
        seat: Some(unborn_seat(&made, seat, &by)),
        states: BTreeMap::from([(made.reference.name, Stored::new(&made.document))]),
    };
    fleet.seats.iter().map(|seat| (seat.clone(), Arc::new(table(seat)))).collect()
}

/// The table of a seat as `init` left it.
fn as_it_began(seat: &RegionId) -> SeatTable {
    let tables = tables(&fleet("f0"));
    (**tables.get(seat).expect("a seat of the fleet")).clone()
}

/// Two agents of one fleet, who may do this much wrong.
fn bounds(faults: Faults) -> Bounds {
    Bounds {
        agents: 2,
        fleets: 1,
        epoch_max: 3,
        faults,
        reads_too: false,
        odd_seats: false,
        seen: Seen::default(),
    }
}

impl Bounds {
    fn start(&self) -> State {
        let fleets: Vec<Arc<Fleet>> =
            (0..self.fleets).map(|n| Arc::new(fleet(&format!("f{n}")))).collect();
        let mut records: Vec<RecordSet> = Vec::new();
        for fleet in &fleets {
            let name = Fence::record_name(&fleet.name, &"z".parse().expect("valid"));
            let fence = Fence { fleet: fleet.name.clone(), epoch: Epoch::ZERO, attempt: 0 };
            records.push(fence.record_set(&name.expect("short")));
        }
        for service in fleets[0].services.values() {
            for (region, placement) in &service.regions {
                records.push(RecordSet {
                    key: service.key(),
                    routing: Routing::Weighted {
                        set_identifier: region.to_string(),
                        weight: placement.weight,
                    },
                    data: placement.data.clone(),
                    health_check: None,
                });
            }
        }
        records.sort_unstable();
        let agents = (0..self.agents).map(|n| {
            let fleet = n % self.fleets;
            let boot = u64::try_from(n).expect("few");
            let mut config = fleets[fleet].clone();
            if self.odd_seats && n + 1 == self.agents {
                Arc::make_mut(&mut config).seats = BTreeSet::from([region(1)]);
            }
            Agent::new(&format!("a{n}"), region(n + 1), fleet, config, boot)
        });
        let judges = fleets.iter().map(|fleet| Arc::new(Invariants::new(fleet)));
        let world = World {
            tables: fleets.iter().map(|fleet| tables(fleet)).collect(),
            records: Arc::new(records),
        };
        let mut state = State::new(agents.collect(), world, self.faults, judges.collect());
        let begin = Moment::ZERO + ROUND * u32::try_from(QUIET_ROUNDS).expect("few");
        while state.now < begin || state.turn != 0 || state.sending().is_some() {
            match state.sending() {
                Some(who) => state.carry(who),
                None => state.take_turn(state.turn),
            }
        }
        state
    }

    fn faults(&self, state: &State, who: usize, actions: &mut Vec<Action>) {
        let left = &state.left;
        let agent = &state.agents[who];
        if !agent.stands_or_leads() || agent.asleep.is_some() {
            return;
        }
        if left.crash > 0 {
            actions.push(Action::Crash);
        }
        if left.pause > 0 {
            actions.push(Action::Pause);
        }
    }
}

impl Model for Bounds {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.start()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = &state.left;
        for (nth, call) in state.flying.iter().enumerate() {
            if call.request.is_some() {
                actions.push(Action::Land(nth));
            }
        }
        if let Some(who) = state.sending() {
            actions.push(Action::Carry);
            let request = &state.agents[who].todo[0].request;
            let write = has_effect(request);
            if left.lost > 0 && write {
                actions.push(Action::Lost);
            }
            if left.late > 0 && write {
                actions.push(Action::Late);
            }
            if left.slow > 0 && (write || self.reads_too) {
                actions.push(Action::Slow);
            }
            self.faults(state, who, actions);
            return;
        }
        for (nth, call) in state.flying.iter().enumerate() {
            if call.answer.is_some() {
                actions.push(Action::Deliver(nth));
            }
        }
        let who = state.turn;
        let agent = &state.agents[who];
        if agent.asleep.is_some() {
            actions.push(Action::Wake { answers_first: true });
            if !agent.inbox.is_empty() {
                actions.push(Action::Wake { answers_first: false });
            }
        } else {
            actions.push(Action::Turn);
            self.faults(state, who, actions);
            if left.skip > 0 && agent.brain.is_some() {
                actions.push(Action::Skip);
            }
            if left.mind > 0 && agent.brain.as_ref().is_some_and(|brain| brain.acting()) {
                actions.push(Action::Mind);
            }
            if left.slip > 0 {
                actions.push(Action::Slip(who));
            }
        }
        for seat in state.world.tables[0].keys() {
            if left.forget > 0 {
                actions.push(Action::Forget(seat.clone()));
            }
            if left.recreate > 0 {
                actions.push(Action::Recreate(seat.clone()));
            }
            // One who was not there can't know that a seat has gone back: that a quorum may lose its
            // memory while nobody remembers is what remains without an answer.
            if left.restore > 0 && state.all_have_seen(seat) {
                actions.push(Action::Restore(seat.clone()));
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.happened.clear();
        let sending = state.sending();
        let who = sending.unwrap_or(state.turn);
        match action {
            Action::Turn => state.take_turn(who),
            Action::Carry => state.carry(who),
            Action::Lost => {
                state.left.lost -= 1;
                state.send_lost(who);
            }
            Action::Late => {
                state.left.late -= 1;
                state.send_late(who);
            }
            Action::Slow => {
                state.left.slow -= 1;
                state.send_slow(who);
            }
            Action::Land(nth) => state.land(nth),
            Action::Deliver(nth) => state.deliver(nth),
            Action::Crash => {
                state.left.crash -= 1;
                state.crash(who);
            }
            Action::Pause => {
                state.left.pause -= 1;
                state.fall_asleep(who);
            }
            Action::Wake { answers_first } => state.wake(who, answers_first),
            Action::Skip => {
                state.left.skip -= 1;
                state.skip();
            }
            Action::Slip(who) => {
                state.left.slip -= 1;
                state.slip(who);
            }
            Action::Mind => {
                state.left.mind -= 1;
                state.change_mind(who);
            }
            Action::Forget(seat) => {
                state.left.forget -= 1;
                state.world.table_mut(0, &seat).seat = None;
            }
            Action::Recreate(seat) => {
                state.left.recreate -= 1;
                let table = state.world.table_mut(0, &seat);
                *table = as_it_began(&seat);
                if let Some(seat) = &mut table.seat {
                    seat.incarnation.0.push_str("anew");
                }
            }
            Action::Restore(seat) => {
                state.left.restore -= 1;
                *state.world.table_mut(0, &seat) = as_it_began(&seat);
            }
        }
        state.go_on(self.reads_too);
        self.seen.note(&state.happened);
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.violations() > 0 || state.highest_epoch() <= Epoch(self.epoch_max)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no invariant is broken", |_, state: &State| state.violations() == 0),
            Property::always("every batch swaps the fence", |_, state: &State| {
                !state.happened.contains(UNFENCED)
            }),
        ]
    }
}

mod tests;
mod walks;
