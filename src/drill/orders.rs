//! What people order during a drill: read from the file, bound when its turn comes, and put on the
//! board.
//!
//! A run's name isn't known when a file is written, so a file names the runbook, and whichever run
//! of it asks, or is under way, is meant. What a person would read to know that is read from the
//! same place: the state that a majority of seats points to. Nothing is asked of an agent, and
//! whether an order was carried out or refused is for the committed states to tell.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::cast::{Cast, RegionRef};
use super::seats::Seats;
use crate::core::runs::Kept;
use crate::core::runs::orders::ask_id;
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::order::{Order, OrderId, Verb};
use crate::domain::{ControlState, Fleet, Moment, RegionId, ServiceId, StateName};
use crate::ports::items;
use crate::runbook::{Library, Procedure, StepStatus};
use crate::world::World;
use crate::world::dynamo::operation::PutItem;
use crate::world::dynamo::{AttributeValue, Operation, Output, to_plain_json};
use crate::world::log::{Entry, Happening, OPERATOR};
use crate::world::network::Place;

/// Why, in every order of a drill.
const REASON: &str = "a drill";

/// Stands in for a part while a runbook's arguments are judged: any name of a Region does.
const STAND_IN: &str = "eu-west-1";

/// A control state as far as people's orders need it.
pub(super) type State = ControlState<Value, Kept>;

/// An order whose Regions and run are still to be found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum OrderRef {
    /// See [`Verb::Drain`].
    Drain {
        /// Which.
        region: RegionRef,
        /// Of this service only.
        service: Option<ServiceId>,
    },
    /// See [`Verb::Undrain`].
    Undrain {
        /// Which.
        region: RegionRef,
        /// Of this service only.
        service: Option<ServiceId>,
    },
    /// See [`Verb::Pause`].
    Pause,
    /// See [`Verb::Resume`].
    Resume,
    /// See [`Verb::SetAutonomy`].
    Autonomy {
        /// With which action.
        action: ActionKind,
        /// To what; none for what the files say.
        to: Option<Autonomy>,
    },
    /// See [`Verb::Approve`].
    Approve(QuestionRef),
    /// See [`Verb::Reject`].
    Reject(QuestionRef),
    /// See [`Verb::Start`].
    Start(StartRef),
    /// See [`Verb::Abort`].
    Abort {
        /// The run of this runbook.
        runbook: String,
    },
}

/// A question of a run: of the one that asks it, if one does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionRef {
    /// Of which runbook.
    pub runbook: String,
    /// Which step asks.
    pub step: String,
}

/// A shipped runbook with its arguments, of which some may be parts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawStart")]
pub struct StartRef {
    /// Which.
    pub runbook: String,
    /// Its arguments.
    pub set: BTreeMap<String, Argument>,
}

/// An argument of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Argument {
    /// As it stands in the file.
    Text(String),
    /// Who plays this part.
    Part(RegionRef),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStart {
    runbook: String,
    #[serde(default)]
    set: BTreeMap<String, Argument>,
}

impl TryFrom<String> for Argument {
    type Error = super::cast::InvalidRef;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.starts_with('@') { Ok(Self::Part(text.try_into()?)) } else { Ok(Self::Text(text)) }
    }
}

impl TryFrom<RawStart> for StartRef {
    type Error = String;
    fn try_from(raw: RawStart) -> Result<Self, String> {
        let start = Self { runbook: raw.runbook, set: raw.set };
        start.bind(|_| STAND_IN.to_owned())?;
        Ok(start)
    }
}

impl StartRef {
    fn bind(&self, part: impl Fn(&RegionRef) -> String) -> Result<Procedure, String> {
        let text = |argument: &Argument| match argument {
            Argument::Text(text) => text.clone(),
            Argument::Part(region) => part(region),
        };
        let arguments = self.set.iter().map(|(name, value)| (name.clone(), text(value)));
        Library::shipped()
            .bind(&self.runbook, &arguments.collect())
            .map_err(|error| format!("{}: {error}", self.runbook).replace('\n', ", "))
    }
}

impl OrderRef {
    /// The Regions that it names.
    pub(super) fn regions(&self) -> Vec<&RegionRef> {
        match self {
            Self::Drain { region, .. } | Self::Undrain { region, .. } => vec![region],
            Self::Start(start) => start
                .set
                .values()
                .filter_map(|argument| match argument {
                    Argument::Part(region) => Some(region),
                    Argument::Text(_) => None,
                })
                .collect(),
            _ => vec![],
        }
    }

    /// The service that it names.
    pub(super) fn service(&self) -> Option<&ServiceId> {
        match self {
            Self::Drain { service, .. } | Self::Undrain { service, .. } => service.as_ref(),
            _ => None,
        }
    }

    /// The order, now: the `number`th of the drill, by somebody who has read this state.
    pub(super) fn given(&self, number: u64, cast: &Cast, seen: Option<&State>) -> Order {
        Order {
            id: OrderId::drawn(number),
            by: "a person".to_owned(),
            at: format!("{number:012}"),
            after: seen.map_or(StateName::GENESIS, |state| state.name),
            verb: self.verb(number, cast, seen),
        }
    }

    fn verb(&self, number: u64, cast: &Cast, seen: Option<&State>) -> Verb {
        let reason = REASON.to_owned();
        let ask = |it: &QuestionRef| ask_id(&run_of(seen, &it.runbook, Some(&it.step)), &it.step);
        match self {
            Self::Drain { region, service } => {
                Verb::Drain { region: cast.region(region), service: service.clone(), reason }
            }
            Self::Undrain { region, service } => {
                Verb::Undrain { region: cast.region(region), service: service.clone() }
            }
            Self::Pause => Verb::Pause { reason },
            Self::Resume => Verb::Resume,
            Self::Autonomy { action, to } => Verb::SetAutonomy { action: *action, to: *to, reason },
            Self::Approve(question) => Verb::Approve { ask: ask(question) },
            Self::Reject(question) => Verb::Reject { ask: ask(question), reason },
            Self::Start(start) => {
                let procedure = start
                    .bind(|region| cast.region(region).to_string())
                    .expect("it was bound to a Region's name when it was read");
                Verb::Start {
                    run: format!("{}-{number}", start.runbook),
                    reason,
                    procedure: serde_json::to_string(&procedure).expect("texts as keys only"),
                }
            }
            Self::Abort { runbook } => Verb::Abort { run: run_of(seen, runbook, None), reason },
        }
    }
}

/// The run of a runbook that is meant: the one whose step asks, else one that is not over, else any.
/// Where there is none the runbook's own name stands for it, and the leader refuses the order.
fn run_of(seen: Option<&State>, book: &str, step: Option<&str>) -> String {
    let asks = |kept: &Kept| {
        let step = step.and_then(|step| kept.run.procedure().index(step));
        step.is_some_and(|step| kept.run.steps()[step].status == StepStatus::Asked)
    };
    seen.into_iter()
        .flat_map(|state| &state.runs)
        .filter(|(_, kept)| kept.run.procedure().book == book)
        .max_by_key(|(_, kept)| (asks(kept), !kept.run.status().is_final()))
        .map_or_else(|| book.to_owned(), |(name, _)| name.clone())
}

/// The state that a majority of seats points to, as whoever reads the seats now finds it.
pub(super) fn committed(fleet: &Fleet, log: &[Entry]) -> Option<State> {
    let mut seats = Seats::new(fleet);
    for entry in log {
        seats.note(&entry.happening);
    }
    let name = seats.committed()?;
    log.iter().rev().find_map(|entry| {
        let Happening::Put { table, item, .. } = &entry.happening else { return None };
        let document = item.get(items::DOCUMENT).filter(|_| *table == fleet.tables.seats)?;
        let state = serde_json::from_str::<State>(document.as_str()?).ok()?;
        (state.name == name).then_some(state)
    })
}

/// Puts an order on the first replica of the board that takes it, as the command line does.
///
/// # Errors
/// Why none took it.
pub(super) fn submit(
    world: &mut World,
    now: Moment,
    fleet: &Fleet,
    order: &Order,
) -> Result<(), String> {
    let document = serde_json::to_string(order).expect("an order has only texts as keys");
    let item = items::board_item(items::KIND_ORDER, order.id.as_str(), &document);
    let put = PutItem {
        table: fleet.tables.board.clone(),
        item: item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect(),
        ..PutItem::default()
    };
    let mut failures = Vec::new();
    for replica in &fleet.regions {
        if world.network.path(&Place::Outside, &Place::Region(replica.clone())).is_none() {
            failures.push(format!("{replica}: no way there"));
            continue;
        }
        match world.dynamo.call(now, replica, Operation::PutItem(put.clone())) {
            Ok(output) => {
                log(world, now, replica, output);
                return Ok(());
            }
            Err(error) => failures.push(format!("{replica}: {}", error.code())),
        }
    }
    Err(failures.join(", "))
}

fn log(world: &mut World, now: Moment, replica: &RegionId, output: Output) {
    let Output::Written(written) = output else { return };
    for put in written.puts {
        let (region, caller) = (replica.clone(), OPERATOR.to_owned());
        let item = to_plain_json(&put.item);
        world.log.add(now, Happening::Put { region, table: put.table, caller, item });
    }
}

fn attribute(value: &items::Attribute) -> AttributeValue {
    match value {
        items::Attribute::S(text) => AttributeValue::text(text.clone()),
        items::Attribute::N(number) => AttributeValue::number(*number),
    }
}
