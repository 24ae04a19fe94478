//! The literal form of a chaos file: its keys, as TOML has them.
//!
//! Names are checked here, key by key, so that the TOML reader can point at the place. What spans
//! several keys is `read`'s to check.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::cast::{AgentRef, PlaceRef, RegionRef};
use super::demand::Demand;
use super::edit::EditRef;
use super::orders::OrderRef;
use super::runs::Standing;
use super::scenario::{Deed, SpotRef, Stage};
use super::wire::{ScopeRef, WireRef};
use crate::domain::signal::{AlarmName, AlarmState};
use crate::domain::{DatabaseId, GlobalClusterId, ServiceId};
use crate::world::distances::Distances;
use crate::world::fault::AwsService;
use crate::world::log::ClientKind;

/// Longest time that a file can name. A drill is a rehearsal of a failover, which takes seconds; a
/// day leaves room for any soak and catches milliseconds written as seconds.
const SECONDS_MAX: u64 = 86_400;

/// A time that the file gives in seconds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Milliseconds(pub(super) u32);

impl TryFrom<f64> for Milliseconds {
    type Error = String;
    fn try_from(seconds: f64) -> Result<Self, String> {
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|span| span.as_secs() <= SECONDS_MAX)
            .and_then(|span| u32::try_from(span.as_millis()).ok())
            .map(Self)
            .ok_or_else(|| {
                format!("{seconds} is no usable time; write seconds from 0 to {SECONDS_MAX}")
            })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) title: Spanned<String>,
    pub(super) about: Spanned<String>,
    pub(super) regions: Option<PathBuf>,
    pub(super) settle_s: Option<Milliseconds>,
    pub(super) run_s: Spanned<Milliseconds>,
    pub(super) on: Option<Spanned<BTreeSet<Stage>>>,
    pub(super) distances: Option<Distances>,
    pub(super) loss_budget_s: Option<Milliseconds>,
    #[serde(default)]
    pub(super) by_role: bool,
    #[serde(default)]
    pub(super) at: Vec<Spanned<RawAct>>,
    #[serde(default)]
    pub(super) expect: Vec<Spanned<RawExpect>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawAct {
    pub(super) s: Spanned<Milliseconds>,
    lose: Option<RegionRef>,
    restore: Option<RegionRef>,
    slow: Option<RawSlow>,
    fail: Option<SpotRef>,
    kill: Option<SpotRef>,
    mend: Option<SpotRef>,
    cut: Option<RawCut>,
    heal: Option<Yes>,
    kill_agent: Option<AgentRef>,
    start_agent: Option<AgentRef>,
    throttle: Option<RawThrottle>,
    control_plane: Option<RawControlPlane>,
    propagation: Option<RawPropagation>,
    role: Option<RawRole>,
    targets: Option<RawTargets>,
    alarm: Option<RawAlarm>,
    lag: Option<RawLag>,
    take_key: Option<RawKept>,
    give_key: Option<RawKept>,
    order: Option<OrderRef>,
    edit: Option<EditRef>,
    wire: Option<WireRef>,
    mend_wire: Option<ScopeRef>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSlow {
    region: RegionRef,
    service: Option<ServiceId>,
    delay_ms: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCut {
    from: PlaceRef,
    to: PlaceRef,
    #[serde(default)]
    both: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawThrottle {
    service: AwsService,
    on: bool,
}

/// Whether Route 53 takes changes.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawControlPlane {
    Up,
    Down,
}

/// Whether changes of records get to the name servers.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawPropagation {
    Moving,
    Stuck,
}

/// Whether the hosted zones may be read and changed.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawRole {
    Given,
    Denied,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTargets {
    region: RegionRef,
    service: Option<ServiceId>,
    unhealthy: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAlarm {
    region: RegionRef,
    name: AlarmName,
    state: AlarmState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLag {
    region: RegionRef,
    cluster: Option<GlobalClusterId>,
    extra_ms: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKept {
    region: RegionRef,
    cluster: Option<GlobalClusterId>,
}

/// A key that is either `true` or not there.
#[derive(Deserialize)]
#[serde(try_from = "bool")]
struct Yes;

impl TryFrom<bool> for Yes {
    type Error = &'static str;
    fn try_from(set: bool) -> Result<Self, Self::Error> {
        if set {
            Ok(Self)
        } else {
            Err("`false` says nothing here; write `true` or leave the entry out")
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawExpect {
    pub(super) name: Option<String>,
    leader: Option<RawLeader>,
    drained: Option<RawDrained>,
    serving: Option<RawPlaced>,
    nothing_moves: Option<Yes>,
    no_new_leader: Option<Yes>,
    client_errors: Option<RawClientErrors>,
    first_action: Option<RawWithin>,
    never_empty: Option<Yes>,
    epochs_rise: Option<Yes>,
    writes_lost: Option<RawWritesLost>,
    writer: Option<RawWriter>,
    written_in: Option<RawAfter>,
    served: Option<RawServed>,
    run: Option<RawRun>,
    orders_refused: Option<RawRefused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWritesLost {
    max: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAfter {
    region: RegionRef,
    after_s: Milliseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRun {
    runbook: String,
    status: Standing,
    within_s: Milliseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRefused {
    count: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWriter {
    database: DatabaseId,
    region: Option<RegionRef>,
    #[serde(default)]
    after_s: Milliseconds,
    within_s: Milliseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLeader {
    #[serde(default)]
    one: bool,
    within_s: Milliseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawServed {
    region: Option<RegionRef>,
    after_s: Milliseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDrained {
    region: RegionRef,
    service: Option<ServiceId>,
    #[serde(default)]
    after_s: Milliseconds,
    within_s: Milliseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlaced {
    region: RegionRef,
    service: Option<ServiceId>,
    within_s: Milliseconds,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClientErrors {
    kind: Option<ClientKind>,
    after_s: Milliseconds,
    max: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWithin {
    within_s: Milliseconds,
}

impl RawAct {
    /// What the entry does: one thing, if it is a good entry.
    pub(super) fn deeds(self) -> Vec<Deed> {
        [
            self.lose.map(Deed::Lose),
            self.restore.map(Deed::Restore),
            self.slow.map(|RawSlow { region, service, delay_ms }| Deed::Slow {
                region,
                service,
                delay_ms,
            }),
            self.fail.map(Deed::Fail),
            self.kill.map(Deed::Kill),
            self.mend.map(Deed::Mend),
            self.cut.map(|RawCut { from, to, both }| Deed::Cut { from, to, both }),
            self.heal.map(|Yes| Deed::Heal),
            self.kill_agent.map(Deed::KillAgent),
            self.start_agent.map(Deed::StartAgent),
            self.throttle.map(|RawThrottle { service, on }| Deed::Throttle { service, on }),
            self.edit.map(Deed::Edit),
            self.control_plane.map(|to| Deed::ControlPlane { down: to == RawControlPlane::Down }),
            self.propagation.map(|to| Deed::Propagation { stuck: to == RawPropagation::Stuck }),
            self.role.map(|to| Deed::Role { denied: to == RawRole::Denied }),
            self.targets.map(|RawTargets { region, service, unhealthy }| Deed::Targets {
                region,
                service,
                unhealthy,
            }),
            self.alarm.map(|RawAlarm { region, name, state }| Deed::Alarm {
                region,
                alarm: name,
                state,
            }),
            self.lag.map(|RawLag { region, cluster, extra_ms }| Deed::Lag {
                region,
                cluster,
                extra_ms,
            }),
            self.take_key.map(|RawKept { region, cluster }| Deed::Key {
                region,
                cluster,
                taken: true,
            }),
            self.give_key.map(|RawKept { region, cluster }| Deed::Key {
                region,
                cluster,
                taken: false,
            }),
            self.order.map(Deed::Order),
            self.wire.map(Deed::Wire),
            self.mend_wire.map(Deed::MendWire),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl RawExpect {
    /// What the entry demands: one thing, if it is a good entry.
    pub(super) fn demands(self) -> Vec<Demand> {
        [
            self.leader.map(|raw| Demand::Leader { one: raw.one, within_ms: raw.within_s.0 }),
            self.drained.map(|raw| Demand::Drained {
                region: raw.region,
                service: raw.service,
                after_ms: raw.after_s.0,
                within_ms: raw.within_s.0,
            }),
            self.serving.map(|raw| Demand::Serving {
                region: raw.region,
                service: raw.service,
                within_ms: raw.within_s.0,
            }),
            self.nothing_moves.map(|Yes| Demand::NothingMoves),
            self.no_new_leader.map(|Yes| Demand::NoNewLeader),
            self.client_errors.map(|raw| Demand::ClientErrors {
                kind: raw.kind.unwrap_or(ClientKind::Orderly),
                after_ms: raw.after_s.0,
                max: raw.max,
            }),
            self.first_action.map(|raw| Demand::FirstAction { within_ms: raw.within_s.0 }),
            self.never_empty.map(|Yes| Demand::NeverEmpty),
            self.epochs_rise.map(|Yes| Demand::EpochsRise),
            self.writes_lost.map(|RawWritesLost { max }| Demand::WritesLost { max }),
            self.writer.map(|RawWriter { database, region, after_s, within_s }| Demand::Writer {
                database,
                region,
                after_ms: after_s.0,
                within_ms: within_s.0,
            }),
            self.written_in.map(|RawAfter { region, after_s }| Demand::WrittenIn {
                region,
                after_ms: after_s.0,
            }),
            self.served.map(|RawServed { region, after_s }| Demand::Served {
                region,
                after_ms: after_s.0,
            }),
            self.run.map(|RawRun { runbook, status, within_s }| Demand::Run {
                runbook,
                status,
                within_ms: within_s.0,
            }),
            self.orders_refused.map(|RawRefused { count }| Demand::OrdersRefused { count }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
