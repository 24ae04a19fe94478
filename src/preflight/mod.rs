//! Could the fleet fail over right now? Every call that a failover needs, tried without effect.
//!
//! `look` asks, the other files judge what came, each an area; all of them are pure. What can't be
//! tried is read; what would change something is asked in a way that must be refused: a write to a seat
//! on a beat that nobody has, a number of instances that no group can have, a batch of record changes that begins with deleting a fence that nobody
//! can have set. AWS looks at permissions before it looks at conditions, so that the kind of refusal
//! tells. RDS has no such question: whether `SwitchoverGlobalCluster` and `FailoverGlobalCluster` are
//! allowed shows when they are called, in a game day's switchover for instance.
//!
//! `fleet` judges the picture that `status` draws, and rehearses in the planner the loss of each
//! Region. Nothing here decides anything: findings are for people.

mod capacity;
mod databases;
mod fleet;
mod gates;
mod look;
mod tables;
mod zones;

use std::collections::BTreeSet;

use crate::core::view::View;
use crate::domain::gate::Gate;
use crate::domain::preflight::{Area, Finding, Severity, Sights};
use crate::domain::{CallFailure, FailureClass, Fleet, Preflight};

pub use fleet::of_view;
pub use look::{Depth, Looked, look};

/// Who looks, for how bad it is that something may not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// An agent: what it may not do, it can't do as leader.
    Agent,
    /// A person, of whom nothing depends while there are agents.
    Person,
}

impl Who {
    /// A finding that one may not do something.
    fn may_not(self, area: Area, what: String, remedy: String) -> Finding {
        match self {
            Self::Agent => Finding::stops(area, what, remedy),
            Self::Person => Finding::note(area, what, remedy),
        }
    }
}

/// Whether the failure is one that stays until somebody mends it.
fn lasting(failure: &CallFailure) -> bool {
    failure.class == FailureClass::Permanent
}

/// What the picture that `status` draws says, as far as other areas rest on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The gates that the control state in force closes; none if that is not known.
    closed: Option<BTreeSet<Gate>>,
    /// Whether enough agents are heard from to shut any Region by gates alone.
    manned: bool,
}

impl Known {
    /// Takes it from the picture.
    #[must_use]
    pub fn of(fleet: &Fleet, view: &View) -> Self {
        let closed = view.gates.iter().filter(|gate| gate.wanted_closed == Some(true));
        let closed = view.state.is_some().then(|| closed.map(|gate| gate.gate.clone()).collect());
        Self { closed, manned: fleet::unmanned(fleet, view).next().is_none() }
    }
}

/// Judges what was looked at.
#[must_use]
pub fn judge(fleet: &Fleet, looked: &Looked, known: &Known, who: Who, at: String) -> Preflight {
    let gates = gates::judge(fleet, looked, known.closed.as_ref(), who);
    let in_order = gates.iter().all(|finding| finding.severity == Severity::Note);
    let by_gates = fleet.gates.is_some() && in_order && known.manned;
    let mut findings = tables::seats(fleet, looked, who);
    findings.extend(tables::board(looked));
    findings.extend(zones::zones(fleet, looked, by_gates, who));
    findings.extend(zones::records(fleet, looked));
    findings.extend(gates);
    findings.extend(databases::judge(fleet, looked));
    findings.extend(capacity::judge(fleet, looked, who));
    findings.sort();
    findings.dedup();
    let mut looked_at = vec![Area::Seats, Area::Board, Area::Zones, Area::Records];
    if fleet.gates.is_some() {
        looked_at.push(Area::Gates);
    }
    if !fleet.databases.is_empty() {
        looked_at.push(Area::Databases);
    }
    if !fleet.scaling_groups().is_empty() {
        looked_at.push(Area::Capacity);
    }
    Preflight {
        at,
        findings,
        looked_at: looked_at.into_iter().collect(),
        sights: sights(fleet, looked),
    }
}

/// What the checkers see, gate by gate.
fn sights(fleet: &Fleet, looked: &Looked) -> Sights {
    let Some(Ok(found)) = &looked.checks else { return Sights::new() };
    let mut sights = Sights::new();
    for one in crate::core::gates::checks::wanted(fleet) {
        for observer in one.watches.keys() {
            let sight = one.watch(found, observer).and_then(|check| looked.sights.get(&check.id));
            if let Some(Ok(sight)) = sight {
                sights.entry(one.gate.clone()).or_default().insert(observer.clone(), sight.clone());
            }
        }
    }
    sights
}
