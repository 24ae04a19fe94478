//! What became of runs and of people's orders, as the committed states tell it.
//!
//! What was proposed and never committed has not happened, and what an agent says of a run counts
//! for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use super::orders::State;
use super::story::Stamp;
use crate::domain::OrderId;
use crate::runbook::RunStatus;

/// Where a run is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// All is done.
    Done,
    /// It goes on when a person has answered.
    Waiting,
    /// It goes on when a person has decided about a failure.
    Stuck,
    /// All was taken back.
    Aborted,
}

impl Standing {
    fn of(status: &RunStatus) -> Option<Self> {
        match status {
            RunStatus::Running | RunStatus::Undoing => None,
            RunStatus::WaitingForPerson { .. } => Some(Self::Waiting),
            RunStatus::Stuck { .. } | RunStatus::UndoStuck { .. } | RunStatus::Broken { .. } => {
                Some(Self::Stuck)
            }
            RunStatus::Done { .. } => Some(Self::Done),
            RunStatus::Aborted { .. } => Some(Self::Aborted),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Waiting => "waiting for a person",
            Self::Stuck => "stuck",
            Self::Aborted => "aborted",
        })
    }
}

/// Runs and orders as one control state shows them.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    /// By name: the runbook and where the run stands.
    runs: BTreeMap<String, (String, RunStatus)>,
    /// What was ordered, and why it was refused if it was.
    orders: BTreeMap<OrderId, (String, Option<String>)>,
}

impl Shown {
    pub(super) fn of(state: &State) -> Self {
        let runs = state.runs.iter().map(|(name, kept)| {
            (name.clone(), (kept.run.procedure().book.clone(), kept.run.status()))
        });
        let orders = state.steering.handled.newest.iter().map(|(id, handled)| {
            (id.clone(), (handled.order.verb.to_string(), handled.refused.clone()))
        });
        Self { runs: runs.collect(), orders: orders.collect() }
    }
}

/// Something that a committed state showed first.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A run came to stand so.
    Run { name: String, book: String, status: RunStatus },
    /// An order was handled.
    Order { ordered: String, refused: Option<String> },
}

/// The facts about runs and orders.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) events: Vec<(Stamp, Event)>,
    shown: BTreeMap<String, (String, RunStatus)>,
    handled: BTreeSet<OrderId>,
}

impl Runs {
    /// Takes in what a state shows that was just committed.
    pub(super) fn committed(&mut self, stamp: Stamp, shown: &Shown) {
        for (id, (ordered, refused)) in &shown.orders {
            if self.handled.insert(id.clone()) {
                let (ordered, refused) = (ordered.clone(), refused.clone());
                self.events.push((stamp, Event::Order { ordered, refused }));
            }
        }
        for (name, (book, status)) in &shown.runs {
            if self.shown.get(name).is_none_or(|(_, before)| before != status) {
                let (name, book, status) = (name.clone(), book.clone(), status.clone());
                self.events.push((stamp, Event::Run { name, book, status }));
            }
        }
        self.shown.clone_from(&shown.runs);
    }

    /// How many orders were handled.
    pub(super) fn handled(&self) -> usize {
        self.handled.len()
    }

    /// What was ordered and refused, with the reason.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&str, &str)> {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Order { ordered, refused: Some(why) } => Some((ordered.as_str(), why.as_str())),
            _ => None,
        })
    }

    /// When a run of this runbook first came to stand so, and its name.
    pub(super) fn came_to<'r>(&'r self, book: &'r str, to: Standing) -> Option<(Stamp, &'r str)> {
        self.events.iter().find_map(|(stamp, event)| match event {
            Event::Run { name, book: of, status } if of == book => {
                (Standing::of(status) == Some(to)).then_some((*stamp, name.as_str()))
            }
            _ => None,
        })
    }

    /// How the runs of this runbook stand at the end, in words.
    pub(super) fn stand(&self, book: &str) -> String {
        let of = self.shown.iter().filter(|(_, (of, _))| of == book);
        let stand: Vec<_> =
            of.map(|(name, (_, status))| format!("{name} is {}", status.label())).collect();
        if stand.is_empty() { format!("no run of {book} is known") } else { stand.join(", ") }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { name, status, .. } => write!(f, "{name} is {}", status.label()),
            Self::Order { ordered, refused: None } => write!(f, "carried out: {ordered}"),
            Self::Order { ordered, refused: Some(why) } => write!(f, "refused: {ordered}: {why}"),
        }
    }
}
