//! A change of writer, stage by stage.
//!
//! A switchover waits until its target is nearly level, stops the writes, waits for the rest and
//! turns the roles around; what can't be brought level is given up, and the old writer goes on. A
//! failover waits for nobody: it is decided the moment that it is accepted.

use std::time::Duration;

use crate::domain::database::MoveStage;
use crate::domain::{Moment, RegionId};

use super::global::{Around, Global};
use super::member::{Stream, Volume};

/// A target that is behind by no more is level enough to stop the writes for it.
const NEARLY_LEVEL: Duration = Duration::from_secs(2);

/// Which kind of move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Planned, without loss.
    Switchover,
    /// With loss.
    Failover,
}

/// A move under way.
#[derive(Debug, Clone)]
pub(super) struct Move {
    pub(super) kind: Kind,
    pub(super) from: RegionId,
    pub(super) to: RegionId,
    pub(super) stage: Stage,
}

/// How far it is. Each has the moment at which it ends, or gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is done yet.
    Pending { until: Moment },
    /// A switchover brings its target level; the writer still writes.
    Levelling { give_up_at: Moment },
    /// Nobody writes.
    Blocked(Blocked),
    /// A new writer is being made.
    Promoting { until: Moment },
    /// The move is given up.
    Cancelling { until: Moment },
}

/// A switchover while nobody writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocked {
    since: Moment,
    until: Moment,
    give_up_at: Moment,
}

impl Move {
    /// A move that was just accepted.
    pub(super) fn accepted(kind: Kind, from: RegionId, to: RegionId, until: Moment) -> Self {
        Self { kind, from, to, stage: Stage::Pending { until } }
    }

    /// The word that RDS has for its stage.
    pub(super) fn word(&self) -> MoveStage {
        match (self.stage, self.kind) {
            (Stage::Pending { .. }, _) => MoveStage::Pending,
            (Stage::Cancelling { .. }, _) => MoveStage::Cancelling,
            (_, Kind::Switchover) => MoveStage::SwitchingOver,
            (_, Kind::Failover) => MoveStage::FailingOver,
        }
    }
}

impl Global {
    pub(super) fn step_move(&mut self, now: Moment, around: Around<'_>) {
        // Each turn is a stage that ended; none is entered twice at one moment.
        while let Some(next) = self.next_stage(now, around) {
            match next {
                Next::Stage(stage) => {
                    self.moving.as_mut().expect("only a move has a next stage").stage = stage;
                }
                Next::Turned => self.turn(now),
                Next::Promoted => self.promote(),
                Next::GivenUp => self.moving = None,
            }
        }
    }

    fn next_stage(&self, now: Moment, around: Around<'_>) -> Option<Next> {
        let moving = self.moving.as_ref()?;
        let pace = around.pace;
        let behind = self.behind(&moving.to).unwrap_or(Duration::MAX);
        let cancel = Next::Stage(Stage::Cancelling { until: now + pace.cancelling });
        match moving.stage {
            Stage::Pending { until } if until <= now => Some(Next::Stage(match moving.kind {
                Kind::Switchover => Stage::Levelling { give_up_at: now + pace.patience },
                Kind::Failover => Stage::Promoting { until: now + pace.failover },
            })),
            // One that can't be reached is not level, however little it was behind.
            Stage::Levelling { .. }
                if behind <= NEARLY_LEVEL && around.both_ways(&moving.from, &moving.to) =>
            {
                Some(Next::Stage(Stage::Blocked(Blocked {
                    since: now,
                    until: now + pace.switchover,
                    give_up_at: now + pace.switchover + pace.patience,
                })))
            }
            Stage::Levelling { give_up_at } if give_up_at <= now => Some(cancel),
            Stage::Blocked(blocked) if blocked.until <= now => {
                let lost = around.network.lost().contains(&moving.to);
                if now - behind >= blocked.since && !lost {
                    Some(Next::Turned)
                } else {
                    (blocked.give_up_at <= now).then_some(cancel)
                }
            }
            // A target that is gone can't be made the writer. It goes on once it is back.
            Stage::Promoting { until } if until <= now => {
                (!around.network.lost().contains(&moving.to)).then_some(Next::Promoted)
            }
            Stage::Cancelling { until } if until <= now => Some(Next::GivenUp),
            _ => None,
        }
    }

    /// Ends a switchover: the target has every write, since none came after the stop.
    fn turn(&mut self, now: Moment) {
        let moving = self.moving.take().expect("a move ends once");
        self.set_volume(&moving.from, Volume::Follows(Stream::level(now)));
        self.set_volume(&moving.to, Volume::Writer);
        self.writer = moving.to;
    }

    /// Ends a failover: the others are made anew from the new writer.
    fn promote(&mut self) {
        let moving = self.moving.take().expect("a move ends once");
        for member in self.members.values_mut() {
            if matches!(member.volume, Volume::Follows(_) | Volume::Rebuilt { .. }) {
                member.volume = Volume::Stale;
            }
        }
        self.set_volume(&moving.to, Volume::Writer);
        self.writer = moving.to;
    }

    fn set_volume(&mut self, region: &RegionId, volume: Volume) {
        self.members.get_mut(region).expect("a move is between members").volume = volume;
    }
}

/// What a stage ends in.
enum Next {
    Stage(Stage),
    Turned,
    Promoted,
    GivenUp,
}
