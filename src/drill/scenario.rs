//! A chaos file's content: a timeline of faults and what must then hold.
//!
//! Made by `read` only, which refuses what can't be judged. Times are milliseconds here and seconds
//! in the file. A scenario knows nothing of how it is run: [`Scenario::script`] gives a runner the
//! faults in order, and [`super::score`] judges the log that comes of it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::cast::{AgentRef, Cast, PlaceRef, RegionRef};
use super::demand::{Demand, Expect};
use super::edit::EditRef;
use super::orders::OrderRef;
use super::wire::{ScopeRef, WireRef};
use crate::config::{Place, Position, Problem};
use crate::domain::signal::{AlarmName, AlarmState};
use crate::domain::{Fleet, GlobalClusterId, Moment, ServiceId};
use crate::world::distances::Distances;
use crate::world::fault::{AwsService, Fault};
use crate::world::log::Entry;

/// Where a drill can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The simulator: virtual time, one seed.
    Sim,
    /// Processes on loopback, in real time.
    Local,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sim => "sim",
            Self::Local => "local",
        })
    }
}

/// The role of the zones' account, where a drill puts them into another one.
pub(super) const ROLE_ARN: &str = "arn:aws:iam::210987654321:role/regent-records";

/// What that account wants to be told with it.
pub(super) const EXTERNAL_ID: &str = "regent-drill";

/// A chaos file, read and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The file, as it was named.
    pub file: String,
    /// One line.
    pub title: String,
    /// Why to rehearse this.
    pub about: String,
    /// The fleet's folder, if the file names one (already joined to the chaos file's own folder).
    pub regions: Option<PathBuf>,
    /// Longest wait for a steady start: somebody leads and everything is up.
    pub settle_ms: u32,
    /// How long to watch, from the first fault on.
    pub run_ms: u32,
    /// Where it may run.
    pub on: BTreeSet<Stage>,
    /// How far apart everything is.
    pub distances: Distances,
    /// What a failover of any database may lose without a person's word, if not what the fleet's files
    /// say.
    pub loss_budget_ms: Option<u32>,
    /// Whether every zone is in another account, to be had by a role alone.
    pub by_role: bool,
    /// What is done, in order of time.
    pub acts: Vec<Act>,
    /// What must hold, in the file's order.
    pub expects: Vec<Expect>,
}

/// One entry of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Since the start of the drill.
    pub at_ms: u32,
    /// What is done.
    pub deed: Deed,
    /// Where the file says so.
    pub position: Position,
}

/// A fault or an order, whose Regions and agents may be parts still to be given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// See [`Fault::Lose`].
    Lose(RegionRef),
    /// See [`Fault::Restore`].
    Restore(RegionRef),
    /// See [`Fault::Slow`].
    Slow {
        /// Where.
        region: RegionRef,
        /// Which; all if none.
        service: Option<ServiceId>,
        /// How late.
        delay_ms: u32,
    },
    /// See [`Fault::Fail`].
    Fail(SpotRef),
    /// See [`Fault::Kill`].
    Kill(SpotRef),
    /// See [`Fault::Mend`].
    Mend(SpotRef),
    /// See [`Fault::Cut`].
    Cut {
        /// The sender's place.
        from: PlaceRef,
        /// The receiver's place.
        to: PlaceRef,
        /// Whether the way back is cut too.
        both: bool,
    },
    /// See [`Fault::Heal`].
    Heal,
    /// See [`Fault::KillAgent`].
    KillAgent(AgentRef),
    /// See [`Fault::StartAgent`].
    StartAgent(AgentRef),
    /// See [`Fault::Throttle`].
    Throttle {
        /// Which service of AWS.
        service: AwsService,
        /// Whether to throttle or to stop throttling.
        on: bool,
    },
    /// See [`Fault::ControlPlane`].
    ControlPlane {
        /// Whether it is down.
        down: bool,
    },
    /// See [`Fault::Propagation`].
    Propagation {
        /// Whether changes are kept.
        stuck: bool,
    },
    /// See [`Fault::Role`].
    Role {
        /// Whether it is denied.
        denied: bool,
    },
    /// See [`Fault::Edit`].
    Edit(EditRef),
    /// See [`Fault::Targets`].
    Targets {
        /// Where.
        region: RegionRef,
        /// Which; all if none.
        service: Option<ServiceId>,
        /// How many.
        unhealthy: u32,
    },
    /// See [`Fault::Lag`].
    Lag {
        /// Where.
        region: RegionRef,
        /// Of which global cluster; of all if none.
        cluster: Option<GlobalClusterId>,
        /// By how much more.
        extra_ms: u32,
    },
    /// See [`Fault::Key`].
    Key {
        /// Where.
        region: RegionRef,
        /// Of which global cluster; of all if none.
        cluster: Option<GlobalClusterId>,
        /// Whether it is taken away.
        taken: bool,
    },
    /// See [`Fault::Alarm`].
    Alarm {
        /// Where.
        region: RegionRef,
        /// Which.
        alarm: AlarmName,
        /// What state.
        state: AlarmState,
    },
    /// What a person orders.
    Order(OrderRef),
    /// See [`Fault::Wire`].
    Wire(WireRef),
    /// See [`Fault::MendWire`].
    MendWire(ScopeRef),
}

/// A service, or every service, of a Region.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpotRef {
    /// Where.
    pub region: RegionRef,
    /// Which; all if none.
    pub service: Option<ServiceId>,
}

impl Deed {
    /// Whether it breaks or mends something; an order doesn't.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        !matches!(self, Self::Order(_))
    }

    /// The fault, with the parts given out; none for an order.
    #[must_use]
    pub fn fault(&self, cast: &Cast) -> Option<Fault> {
        let spot = |spot: &SpotRef| (cast.region(&spot.region), spot.service.clone());
        Some(match self {
            Self::Order(_) => return None,
            Self::Lose(region) => Fault::Lose { region: cast.region(region) },
            Self::Restore(region) => Fault::Restore { region: cast.region(region) },
            Self::Slow { region, service, delay_ms } => Fault::Slow {
                region: cast.region(region),
                service: service.clone(),
                delay_ms: *delay_ms,
            },
            Self::Fail(at) => {
                let (region, service) = spot(at);
                Fault::Fail { region, service }
            }
            Self::Kill(at) => {
                let (region, service) = spot(at);
                Fault::Kill { region, service }
            }
            Self::Mend(at) => {
                let (region, service) = spot(at);
                Fault::Mend { region, service }
            }
            Self::Cut { from, to, both } => {
                Fault::Cut { from: cast.place(from), to: cast.place(to), both: *both }
            }
            Self::Heal => Fault::Heal,
            Self::KillAgent(agent) => Fault::KillAgent { agent: cast.agent(agent) },
            Self::StartAgent(agent) => Fault::StartAgent { agent: cast.agent(agent) },
            Self::Targets { region, service, unhealthy } => Fault::Targets {
                region: cast.region(region),
                service: service.clone(),
                unhealthy: *unhealthy,
            },
            Self::Lag { region, cluster, extra_ms } => Fault::Lag {
                region: cast.region(region),
                cluster: cluster.clone(),
                extra_ms: *extra_ms,
            },
            Self::Key { region, cluster, taken } => {
                Fault::Key { region: cast.region(region), cluster: cluster.clone(), taken: *taken }
            }
            Self::Alarm { region, alarm, state } => {
                Fault::Alarm { region: cast.region(region), alarm: alarm.clone(), state: *state }
            }
            Self::Throttle { service, on } => Fault::Throttle { service: *service, on: *on },
            Self::Edit(edit) => edit.cast(cast),
            Self::ControlPlane { down } => Fault::ControlPlane { down: *down },
            Self::Propagation { stuck } => Fault::Propagation { stuck: *stuck },
            Self::Role { denied } => Fault::Role { denied: *denied },
            Self::Wire(rule) => Fault::Wire { rule: rule.cast(cast) },
            Self::MendWire(scope) => Fault::MendWire { scope: scope.cast(cast) },
        })
    }

    /// The Regions that it names.
    fn regions(&self) -> Vec<&RegionRef> {
        match self {
            Self::Lose(region)
            | Self::Restore(region)
            | Self::Slow { region, .. }
            | Self::Targets { region, .. }
            | Self::Lag { region, .. }
            | Self::Key { region, .. }
            | Self::Alarm { region, .. } => vec![region],
            Self::Fail(at) | Self::Kill(at) | Self::Mend(at) => vec![&at.region],
            Self::Cut { from, to, .. } => [from, to]
                .into_iter()
                .filter_map(|place| match place {
                    PlaceRef::Region(region) => Some(region),
                    PlaceRef::Global | PlaceRef::Checkers | PlaceRef::Outside => None,
                })
                .collect(),
            Self::Wire(WireRef { scope, .. }) | Self::MendWire(scope) => {
                scope.region.iter().collect()
            }
            Self::Edit(edit) => edit.of.iter().collect(),
            Self::Order(order) => order.regions(),
            Self::Heal
            | Self::KillAgent(_)
            | Self::StartAgent(_)
            | Self::Throttle { .. }
            | Self::ControlPlane { .. }
            | Self::Propagation { .. }
            | Self::Role { .. } => vec![],
        }
    }

    fn service(&self) -> Option<&ServiceId> {
        match self {
            Self::Slow { service, .. } => service.as_ref(),
            Self::Fail(at) | Self::Kill(at) | Self::Mend(at) => at.service.as_ref(),
            Self::Order(order) => order.service(),
            _ => None,
        }
    }
}

impl Scenario {
    /// When the parts are to be given out: at the first entry of the timeline, be it an order.
    #[must_use]
    pub fn opens_ms(&self) -> u32 {
        self.acts.first().map_or(0, |act| act.at_ms)
    }

    /// When the first fault strikes, since the start of the drill; in a drill of orders alone, when
    /// the first one is given.
    #[must_use]
    pub fn first_ms(&self) -> u32 {
        let fault = self.acts.iter().find(|act| act.deed.is_fault());
        fault.map_or_else(|| self.opens_ms(), |act| act.at_ms)
    }

    /// How long the drill lasts from its start.
    #[must_use]
    pub fn length_ms(&self) -> u32 {
        self.first_ms().saturating_add(self.run_ms)
    }

    /// Whether all that the file names belongs to this fleet. Agents are not part of a fleet's
    /// description, so the stage must look for those itself.
    ///
    /// # Errors
    /// A problem for each Region or service that the fleet doesn't have.
    pub fn check(&self, fleet: &Fleet) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |position, what: String, remedy: String| {
            problems.push(Problem {
                place: Place { file: self.file.clone(), position: Some(position) },
                what,
                remedy,
            });
        };
        let deeds =
            self.acts.iter().map(|act| (act.position, act.deed.regions(), act.deed.service()));
        let demands = self.expects.iter().filter_map(|expect| {
            let (region, service) = expect.demand.target()?;
            Some((expect.position, vec![region], service))
        });
        for (position, regions, service) in deeds.chain(demands) {
            if let Some(service) = service.filter(|name| !fleet.services.contains_key(*name)) {
                let known = listed(fleet.services.keys());
                problem(
                    position,
                    format!("the fleet {} has no service {service}", fleet.name),
                    format!("name one of {known}"),
                );
            }
            for region in regions {
                if *region == RegionRef::Writer && fleet.databases.is_empty() {
                    problem(
                        position,
                        format!(
                            "the fleet {} has no database that @writer could write",
                            fleet.name
                        ),
                        "name a Region, or another part".to_owned(),
                    );
                }
                if let RegionRef::Named(region) = region
                    && !fleet.regions.contains(region)
                {
                    problem(
                        position,
                        format!("the fleet {} has no Region {region}", fleet.name),
                        format!("name one of {}, or a part", listed(&fleet.regions)),
                    );
                }
            }
        }
        for expect in &self.expects {
            if let Demand::Writer { database, .. } = &expect.demand
                && !fleet.databases.contains_key(database)
            {
                let place = Place { file: self.file.clone(), position: Some(expect.position) };
                problems.push(Problem {
                    place,
                    what: format!("the fleet {} has no database {database}", fleet.name),
                    remedy: format!("name one of: {}", listed(fleet.databases.keys())),
                });
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

fn listed<T: fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}

/// What a runner hands back: all that scoring needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Where it ran.
    pub stage: Stage,
    /// The simulator's seed.
    pub seed: Option<u64>,
    /// The fleet that was put to the test.
    pub fleet: Fleet,
    /// Who played which part.
    pub cast: Cast,
    /// The drill's zero, to which the times of its acts refer, on the log's clock.
    pub started: Moment,
    /// When watching ended, on the log's clock.
    pub ended: Moment,
    /// The world's log from the world's beginning: who led and what the zones held before the first
    /// fault is read out of it.
    pub log: Vec<Entry>,
}
