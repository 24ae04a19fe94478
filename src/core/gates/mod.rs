//! Gates: which are closed, by what is committed and how lately that was seen.
//!
//! No state of their own: a gate is closed exactly while the newest control state that a majority of
//! seats was seen to hold wants weight 0, by our own decision, for all that the gate stands for. A
//! weight of 0 that the files give is nobody's decision: such a Region stands by, and is to be
//! answered when all else is unhealthy.
//!
//! An agent that has read no majority closes nothing. One that can read it no more keeps what it
//! read for a bounded time, and then opens. A leader that was deposed can't close anything, since
//! what it holds for committed is not confirmed by a majority any more.
//!
//! `answers` computes what name servers make of gates and weights together, `combined` who is
//! answered with agents dead or behind; `doubt` says of which Regions nobody can know yet.

pub mod answers;
mod brain;
pub mod checks;
pub mod combined;
mod doubt;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::core::breakage::{Breakage, broken};
use crate::domain::control::{StateRef, Weights};
pub(super) use doubt::Doubts;

use crate::domain::gate::{Gate, GateScope};
use crate::domain::observation::GateReport;
use crate::domain::{Fleet, Moment, RegionId, ServiceId, StateName};

/// Every gate of a fleet; none without gates.
#[must_use]
pub fn all(fleet: &Fleet) -> BTreeSet<Gate> {
    let Some(gates) = &fleet.gates else { return BTreeSet::new() };
    let placed = fleet.services.iter().flat_map(|(service, spec)| {
        spec.regions.keys().map(move |region| gate(gates.scope, region, service))
    });
    placed.collect()
}

/// The gate of a service in a Region.
#[must_use]
pub fn gate(scope: GateScope, region: &RegionId, service: &ServiceId) -> Gate {
    let service = match scope {
        GateScope::Region => None,
        GateScope::Service => Some(service.clone()),
    };
    Gate { region: region.clone(), service }
}

/// The gates that these weights close.
#[must_use]
pub fn closed(fleet: &Fleet, wanted: &Weights) -> BTreeSet<Gate> {
    let Some(gates) = &fleet.gates else { return BTreeSet::new() };
    let (mut taken_out, mut kept) = (BTreeSet::new(), BTreeSet::new());
    for (service, spec) in &fleet.services {
        for (region, placement) in &spec.regions {
            if !placement.weight.serves() {
                continue;
            }
            let weight = wanted.get(service).and_then(|regions| regions.get(region));
            let out = weight.is_some_and(|weight| !weight.serves());
            let one = gate(gates.scope, region, service);
            if out {
                taken_out.insert(one)
            } else {
                kept.insert(one)
            };
        }
    }
    if broken(Breakage::GateOfPart) {
        return taken_out;
    }
    taken_out.difference(&kept).cloned().collect()
}

/// What an agent's gates show. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The control state that they go by; none before one was read.
    pub state: Option<StateName>,
    /// The closed ones.
    pub closed: Arc<BTreeSet<Gate>>,
    /// From this moment on they are open, unless a majority of seats is read again.
    pub until: Moment,
}

impl Position {
    /// Nothing is closed.
    #[must_use]
    pub fn open() -> Self {
        Self { state: None, closed: Arc::default(), until: Moment::ZERO }
    }

    /// What the agent's report says of it.
    #[must_use]
    pub fn report(&self, now: Moment) -> GateReport {
        let lasts = now < self.until;
        GateReport {
            state: self.state.filter(|_| lasts),
            closed: if lasts { (*self.closed).clone() } else { BTreeSet::new() },
        }
    }

    /// The state by which this gate is closed now; none when it is open.
    #[must_use]
    pub fn closes(&self, now: Moment, gate: &Gate) -> Option<StateName> {
        self.state.filter(|_| now < self.until && self.closed.contains(gate))
    }
}

/// Keeps the position as the journal goes on.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    hold: Duration,
    /// What `position` was computed from.
    of: Option<StateRef>,
    position: Position,
}

impl Watch {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let hold_ms = fleet.gates.as_ref().map_or(0, |gates| gates.hold_ms);
        let hold = Duration::from_millis(u64::from(hold_ms));
        Self { hold, of: None, position: Position::open() }
    }

    /// Takes in the newest state known to be committed, and when a majority of seats was last seen
    /// to hold it; true when that is another state than before.
    pub(super) fn observe(
        &mut self,
        fleet: &Fleet,
        committed: Option<(&StateRef, &Weights)>,
        confirmed: Option<Moment>,
    ) -> bool {
        let (Some((reference, wanted)), Some(confirmed)) = (committed, confirmed) else {
            return false;
        };
        let moved = self.of.as_ref() != Some(reference);
        if moved {
            self.of = Some(*reference);
            self.position.state = Some(reference.name);
            self.position.closed = Arc::new(closed(fleet, wanted));
        }
        self.position.until = confirmed + self.hold;
        if broken(Breakage::GateStaysShut) {
            self.position.until = Moment::NEVER;
        }
        moved
    }

    pub(super) fn position(&self) -> &Position {
        &self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{gated_fleet, weights};
    use crate::domain::digest::Digest;
    use crate::domain::{Epoch, Weight};

    fn names(gates: &BTreeSet<Gate>) -> Vec<String> {
        gates.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_region_s_gate_closes_when_all_that_it_serves_is_taken_out() {
        let fleet = gated_fleet(GateScope::Region);
        type Case<'c> = (&'c [(&'c str, &'c str, u8)], &'c [&'c str]);
        let cases: [Case<'_>; 4] = [
            (&[], &[]),
            (&[("web", "r1", 0)], &[]),
            (&[("web", "r1", 0), ("api", "r1", 0)], &["r1"]),
            (
                &[("web", "r1", 0), ("api", "r1", 0), ("web", "r2", 0), ("api", "r2", 0)],
                &["r1", "r2"],
            ),
        ];
        for (out, expected) in cases {
            assert_eq!(names(&closed(&fleet, &weights(&fleet, out))), expected, "{out:?}");
        }
        assert_eq!(names(&all(&fleet)), ["r1", "r2"]);
    }

    #[test]
    fn a_service_s_gate_closes_for_itself() {
        let fleet = gated_fleet(GateScope::Service);
        let wanted = weights(&fleet, &[("web", "r1", 0)]);
        assert_eq!(names(&closed(&fleet, &wanted)), ["r1/web"]);
        assert_eq!(names(&all(&fleet)), ["r1/api", "r1/web", "r2/api", "r2/web"]);
    }

    #[test]
    fn a_region_that_the_files_let_stand_by_is_never_shut() {
        let mut fleet = gated_fleet(GateScope::Service);
        let web = fleet.services.get_mut(&"web".parse().expect("valid")).expect("there");
        web.regions.get_mut(&"r1".parse().expect("valid")).expect("there").weight = Weight::ZERO;
        let wanted = weights(&fleet, &[("web", "r1", 0), ("api", "r1", 0)]);
        assert_eq!(names(&closed(&fleet, &wanted)), ["r1/api"]);
        let gates = fleet.gates.as_mut().expect("there");
        gates.scope = GateScope::Region;
        assert_eq!(names(&closed(&fleet, &wanted)), ["r1"], "all that it would serve is out");
    }

    #[test]
    fn without_gates_nothing_is_closed() {
        let mut fleet = gated_fleet(GateScope::Region);
        let wanted = weights(&fleet, &[("web", "r1", 0), ("api", "r1", 0)]);
        fleet.gates = None;
        assert!(closed(&fleet, &wanted).is_empty() && all(&fleet).is_empty());
    }

    #[test]
    fn a_position_lasts_for_the_holding_time_after_the_last_word_of_a_majority() {
        let fleet = gated_fleet(GateScope::Region);
        let r1: Gate = "r1".parse().expect("valid");
        let hold = Duration::from_millis(u64::from(fleet.gates.as_ref().expect("there").hold_ms));
        let mut watch = Watch::new(&fleet);
        let now = Moment::from_ms(1_000_000);
        assert_eq!(watch.position().closes(now, &r1), None, "it has just started");

        let name = StateName { epoch: Epoch(3), seq: 1 };
        let reference = StateRef { name, digest: Digest::of(b"x") };
        let out = weights(&fleet, &[("web", "r1", 0), ("api", "r1", 0)]);
        watch.observe(&fleet, Some((&reference, &out)), None);
        assert_eq!(watch.position().closes(now, &r1), None, "no majority was seen to hold it");
        watch.observe(&fleet, Some((&reference, &out)), Some(now));
        assert_eq!(watch.position().closes(now, &r1), Some(name));
        // Cut off: nothing is confirmed any more.
        watch.observe(&fleet, Some((&reference, &out)), None);
        let last = now + hold - Duration::from_millis(1);
        assert_eq!(watch.position().closes(last, &r1), Some(name));
        assert_eq!(watch.position().closes(now + hold, &r1), None);

        // A newer state opens it at once.
        let name = StateName { epoch: Epoch(3), seq: 2 };
        let reference = StateRef { name, digest: Digest::of(b"y") };
        watch.observe(&fleet, Some((&reference, &weights(&fleet, &[]))), Some(last));
        assert_eq!(watch.position().closes(last, &r1), None);
        assert_eq!(watch.position().state, Some(name));
    }
}
