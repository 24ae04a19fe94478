//! Facts in few words, and a judge who is told them one after another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fact::{Act, Fact, Part, RecordParts, Saying};
use super::{Judge, Known};
use crate::core::explain::{Cause, Change, Reason, State};
use crate::core::health::Verdict;
use crate::core::planner::{Inputs, Placed};
use crate::core::testing::{probe_spec, seat, timing};
use crate::domain::autonomy::Consent;
use crate::domain::digest::Digest;
use crate::domain::fleet::{Placement, RecordPolicy, RoutingPolicy, Rules, Service, Tables};
use crate::domain::gate::{GateEndpoint, GateScope, Gates};
use crate::domain::order::AskId;
use crate::domain::order::Verb;
use crate::domain::record::{RecordData, RecordType};
use crate::domain::steering::Steering;
use crate::domain::steering::{Answer, Ask};
use crate::domain::{
    BootId, CellState, Epoch, Fence, Fleet, Moment, RegionId, ServiceId, StateName, Target, Weight,
};
use crate::domain::{Order, OrderId};

/// Three Regions, `a`, `b` and `c`, each with a seat and with the service `web`; two must serve.
pub(super) fn fleet() -> Fleet {
    let regions: BTreeSet<RegionId> = ["a", "b", "c"].map(id).into();
    let placement = Placement {
        weight: Weight(100),
        url: "http://web.example".to_owned(),
        data: RecordData::Plain { ttl_s: 60, values: vec!["192.0.2.1".to_owned()] },
        target_group: None,
        alarms: BTreeSet::new(),
        scaling_group: None,
        instance_vcpus: None,
    };
    let probe = probe_spec();
    let service = Service {
        zone: id("Z1"),
        name: id("web.example"),
        rtype: RecordType::A,
        probe,
        writes_to: None,
        drift: None,
        routing: RoutingPolicy::Weighted,
        regions: regions.iter().map(|region| (region.clone(), placement.clone())).collect(),
    };
    Fleet {
        name: id("f"),
        seats: regions.clone(),
        regions,
        services: [(id("web"), service)].into(),
        databases: BTreeMap::new(),
        zones: [(id("Z1"), id("example"))].into(),
        roles: BTreeMap::new(),
        timing: timing(),
        rules: Rules { dwell_ms: 2000, return_after_ms: 60_000, fewest_in_service: 2 },
        consent: Consent::default(),
        tables: Tables { seats: "seats".to_owned(), board: "board".to_owned() },
        gates: None,
        records: RecordPolicy::default(),
        topics: BTreeMap::new(),
    }
}

/// The same, with gates that are held for so long.
pub(super) fn gated(hold_ms: u32) -> Fleet {
    let mut fleet = fleet();
    let endpoint = GateEndpoint { tls: true, host: None, address: None, port: 443 };
    fleet.gates = Some(Gates {
        scope: GateScope::Region,
        closers: 2,
        interval_s: 10,
        failure_threshold: 1,
        hold_ms,
        endpoints: fleet.regions.iter().map(|region| (region.clone(), endpoint.clone())).collect(),
    });
    fleet
}

/// The same with `web` as a failover pair: `a`, its primary, and `b`.
pub(super) fn paired() -> Fleet {
    let mut fleet = gated(60_000);
    for service in fleet.services.values_mut() {
        service.regions.retain(|region, _| region.as_str() != "c");
        service.routing = RoutingPolicy::Failover { primary: id("a") };
    }
    fleet
}

pub(super) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("valid")
}

pub(super) fn name(epoch: u64, seq: u64) -> StateName {
    StateName { epoch: Epoch(epoch), seq }
}

pub(super) fn target(region: &str) -> Target {
    Target { region: id(region), service: id("web") }
}

/// A Region in a decision: how it is found, for how long, and its weight before and after.
pub(super) type Place<'a> = (&'a str, Verdict, u64, u8, u8);

/// A judge with what it knows; times are milliseconds.
pub(super) struct Case<J> {
    judge: J,
    known: Known,
    at: Moment,
}

impl<J: Judge> Case<J> {
    pub(super) fn of(judge: J) -> Self {
        Self { judge, known: Known::new(&fleet()), at: Moment::ZERO }
    }

    pub(super) fn at(&mut self, ms: u64) -> &mut Self {
        self.at = Moment::from_ms(ms);
        self
    }

    fn tell(&mut self, fact: &Fact) -> Result<(), String> {
        let judged = self.judge.judge(self.at, fact, &self.known);
        let Some(name) = self.known.learn(self.at, fact) else { return judged };
        let committed = Fact::Committed { name };
        let too = self.judge.judge(self.at, &committed, &self.known);
        self.known.learn(self.at, &committed);
        judged.and(too)
    }

    /// Takes it as known, whatever the judge would say.
    pub(super) fn given(&mut self, fact: &Fact) {
        self.known.learn(self.at, fact);
    }

    #[track_caller]
    pub(super) fn fine(&mut self, fact: Fact) {
        assert_eq!(self.tell(&fact), Ok(()), "{fact:?}");
    }

    #[track_caller]
    pub(super) fn broken(&mut self, fact: Fact) {
        assert!(self.tell(&fact).is_err(), "{fact:?}");
    }
}

/// Makers of facts.
impl Case<()> {
    pub(super) fn leads(agent: &str, epoch: u64, boot: u64, until_ms: u64) -> Fact {
        let until = Moment::from_ms(until_ms);
        Fact::Leads { agent: id(agent), boot: BootId(boot), epoch: Epoch(epoch), until }
    }

    pub(super) fn rests(agent: &str) -> Fact {
        Fact::Rests { agent: id(agent) }
    }

    pub(super) fn sends(agent: &str, epoch: u64, deadline_ms: u64) -> Fact {
        let (act, deadline) = (Act::Change(id("Z1")), Moment::from_ms(deadline_ms));
        Fact::Sent { agent: id(agent), epoch: Epoch(epoch), act, deadline }
    }

    pub(super) fn shows(region: &str, state: (u64, u64)) -> Fact {
        let mut seat = seat(state.0, 1);
        seat.committed.name = name(state.0, state.1);
        Fact::SeatWritten { region: id(region), seat }
    }

    pub(super) fn held(region: &str, epoch: u64, holder: &str) -> Fact {
        let mut seat = seat(epoch, 1);
        (seat.beat.agent, seat.lease_ms) = (id(holder), timing().lease_ms);
        Fact::SeatWritten { region: id(region), seat }
    }

    pub(super) fn applied(
        agent: &str,
        (epoch, attempt): (u64, u64),
        before: &[(&str, u8)],
        after: &[(&str, u8)],
    ) -> Fact {
        Self::swapped(agent, (epoch, attempt), &weighted(before), &weighted(after))
    }

    /// A batch of ours that leaves records so, whatever kind they are of.
    pub(super) fn swapped(
        agent: &str,
        (epoch, attempt): (u64, u64),
        before: &[(&str, Part)],
        after: &[(&str, Part)],
    ) -> Fact {
        let fence = Fence { fleet: id("f"), epoch: Epoch(epoch), attempt };
        Fact::ZoneApplied {
            zone: id("Z1"),
            by: Some(id(agent)),
            fence: Some(fence),
            before: records(before),
            after: records(after),
        }
    }

    pub(super) fn by_hand(before: &[(&str, u8)], after: &[(&str, u8)]) -> Fact {
        let (before, after) = (records(&weighted(before)), records(&weighted(after)));
        Fact::ZoneApplied { zone: id("Z1"), by: None, fence: None, before, after }
    }

    pub(super) fn reach(from: &str, region: &str, fine: bool) -> Fact {
        Fact::Reach { from: id(from), target: target(region), fine }
    }

    pub(super) fn adopted(
        agent: &str,
        state: (u64, u64),
        from: (u64, u64),
        wanted: &[(&str, u8)],
    ) -> Fact {
        let wanted: Vec<_> = wanted.iter().map(|(region, weight)| (*region, *weight)).collect();
        proposed(agent, state, Cause::Adopted { from: name(from.0, from.1) }, &wanted)
    }

    /// A decision as the planner makes it, whether or not it would.
    pub(super) fn decided(agent: &str, state: (u64, u64), places: &[Place<'_>]) -> Fact {
        let service: ServiceId = id("web");
        let placed = |(region, verdict, for_ms, from, _): &Place<'_>| {
            let (share, wanted) = (Weight(100), Some(Weight(*from)));
            let (verdict, for_ms) = (*verdict, *for_ms);
            (id(region), Placed::new(share, wanted, verdict, for_ms))
        };
        let regions = places.iter().map(placed).collect();
        let rules = Rules { fewest_in_service: 1, ..fleet().rules };
        let inputs = Inputs {
            rules,
            autonomy: BTreeMap::new(),
            services: BTreeMap::from([(service.clone(), regions)]),
        };
        let change = |(region, verdict, _, from, to): &Place<'_>| Change {
            service: service.clone(),
            region: id(region),
            from: Some(Weight(*from)),
            to: Weight(*to),
            reason: match verdict {
                Verdict::Down => Reason::Down,
                Verdict::CutOff => Reason::CutOff,
                Verdict::Healthy if *to > 0 => Reason::Recovered,
                _ => Reason::Configured,
            },
        };
        let changes = places.iter().filter(|place| place.3 != place.4).map(change).collect();
        let wanted: Vec<_> = places.iter().map(|place| (place.0, place.4)).collect();
        proposed(agent, state, Cause::Decided { inputs, changes }, &wanted)
    }

    /// A state that wants these weights.
    pub(super) fn wants(agent: &str, state: (u64, u64), weights: &[(&str, u8)]) -> Fact {
        proposed(agent, state, Cause::Genesis, weights)
    }

    /// A state in which somebody has approved that this Region is taken out.
    pub(super) fn approved(state: (u64, u64), region: &str) -> Fact {
        let Fact::Proposed { state, said } = proposed("a", state, Cause::Genesis, &[]) else {
            panic!("it is a proposal");
        };
        let mut state = (*state).clone();
        let ask = Ask {
            service: id("web"),
            region: id(region),
            to: Weight::ZERO,
            why: String::new(),
            at: String::new(),
            answer: Answer::Approved { by: "ada".to_owned() },
        };
        state.steering.asks.insert(AskId(format!("drain:web:{region}")), ask);
        Fact::Proposed { state: Arc::new(state), said }
    }

    /// An agent's gate endpoint answers "closed".
    pub(super) fn shuts(agent: &str, gate: &str, state: (u64, u64)) -> Fact {
        Fact::GateShown { agent: id(agent), gate: id(gate), state: name(state.0, state.1) }
    }

    /// A proposal, put beside a seat.
    pub(super) fn put(proposed: &Fact) -> Fact {
        let Fact::Proposed { state, .. } = proposed else { panic!("only a proposal is put") };
        let document = serde_json::to_string(&**state).expect("serialisable");
        Fact::StatePut { state: state.clone(), digest: Digest::of(document.as_bytes()) }
    }

    /// With reports of these agents, one in the Region of its name, about every target.
    pub(super) fn upon(mut fact: Fact, sayings: &[(&str, &str, CellState)]) -> Fact {
        let Fact::Proposed { said, .. } = &mut fact else { panic!("only a proposal has reports") };
        let said = said.get_or_insert_default();
        for (agent, of, state) in sayings {
            let (region, target) = (id(agent), target(of));
            said.insert(Saying { agent: id(agent), region, target, state: *state });
        }
        fact
    }
}

impl Case<()> {
    /// A state by which an order with this number is handled.
    pub(super) fn ordered(state: (u64, u64), order: u64, refused: Option<&str>) -> Fact {
        let order = Order {
            id: OrderId::drawn(order),
            by: String::new(),
            at: String::new(),
            after: name(0, 0),
            verb: Verb::Resume,
        };
        let refused = refused.map(str::to_owned);
        proposed("a", state, Cause::Ordered { order, refused }, &[])
    }
}

fn proposed(agent: &str, state: (u64, u64), cause: Cause, wanted: &[(&str, u8)]) -> Fact {
    let weights = wanted.iter().map(|(region, weight)| (id(region), Weight(*weight))).collect();
    let state = State {
        name: name(state.0, state.1),
        fleet: id("f"),
        seats: BTreeMap::new(),
        wanted: if wanted.is_empty() {
            BTreeMap::new()
        } else {
            BTreeMap::from([(id("web"), weights)])
        },
        steering: Steering::default(),
        runs: BTreeMap::new(),
        by: id(agent),
        at: String::new(),
        cause,
    };
    Fact::Proposed { state: Arc::new(state), said: None }
}

fn weighted<'w>(weights: &[(&'w str, u8)]) -> Vec<(&'w str, Part)> {
    weights.iter().map(|(id, weight)| (*id, Part::Weight(*weight))).collect()
}

fn records(parts: &[(&str, Part)]) -> RecordParts {
    let of_name: BTreeMap<_, _> =
        parts.iter().map(|(id, part)| ((*id).to_owned(), *part)).collect();
    if of_name.is_empty() {
        return RecordParts::new();
    }
    let service = &fleet().services[&id::<ServiceId>("web")];
    [(service.key(), of_name)].into()
}
