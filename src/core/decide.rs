//! What the leader decides: orders of people first, then runs, then what its planner says.
//!
//! One decision at a time: a control state is proposed only when nothing is half-way, and the next
//! one is made on what came of it.

use std::time::Duration;

use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::database::WriteReach;
use crate::domain::{Moment, Target, Weight};

use super::explain::{Blocked, Cause, Obstacle, State};
use super::health::{self, Verdict};
use super::note::Note;
use super::planner::{self, Inputs, Placed, Plan, Writes};
use super::steer::{self, Handling};
use super::{Brain, asks};

impl Brain {
    fn inputs(&self, now: Moment) -> Option<Inputs> {
        let state = &self.journal.in_force()?.state;
        let rows = self.rows(now);
        let heard_from = self.heard_from(now);
        let place = |target: Target, share: Weight| {
            let standing = self.standings.get(&target);
            let verdict = standing.map_or(Verdict::Unknown, |standing| standing.verdict);
            let for_ms = standing.map_or(0, |standing| match verdict {
                Verdict::Down | Verdict::CutOff => standing.failing_ms,
                Verdict::Healthy | Verdict::Degraded { .. } | Verdict::Unknown => {
                    u64::try_from(now.since(standing.since).as_millis()).unwrap_or(u64::MAX)
                }
            });
            let wanted = state
                .wanted
                .get(&target.service)
                .and_then(|regions| regions.get(&target.region))
                .copied();
            let complaint = health::signals_of(&rows, &target).find_map(|s| s.complaint());
            let held_out = state.steering.held_out(&target.service, &target.region).cloned();
            let said = asks::said(&state.steering, &target.service, &target.region);
            let gate_in_doubt = self.gate_in_doubt(now, &heard_from, &target);
            let writes = self.writes(now, &target);
            Placed {
                share,
                wanted,
                verdict,
                for_ms,
                complaint,
                held_out,
                said,
                writes,
                gate_in_doubt,
            }
        };
        let services = self
            .fleet
            .services
            .iter()
            .map(|(service, spec)| {
                let regions = spec
                    .regions
                    .iter()
                    .map(|(region, placement)| {
                        let target = Target { region: region.clone(), service: service.clone() };
                        (region.clone(), place(target, placement.weight))
                    })
                    .collect();
                (service.clone(), regions)
            })
            .collect();
        // Whoever stands in for dead agents says what it would do, and does what it is told.
        let most = if self.stands_in { Autonomy::Recommend } else { Autonomy::Auto };
        let level = |action| steer::autonomy(&self.fleet, &state.steering, action).min(most);
        let autonomy = [ActionKind::Drain, ActionKind::Return]
            .map(|action| (action, level(action)))
            .into_iter()
            .filter(|(_, level)| *level != Autonomy::Auto)
            .collect();
        Some(Inputs { rules: self.fleet.rules.clone(), autonomy, services })
    }

    /// Where the service's writes would go from there, if it can write only beside the writer. While
    /// the writer moves, and while RDS can't be asked, nobody knows.
    fn writes(&self, now: Moment, target: &Target) -> Option<Writes> {
        let writes_to = self.fleet.services.get(&target.service)?.writes_to.as_ref()?;
        if writes_to.reach == WriteReach::EveryRegion {
            return None;
        }
        let known = self.databases.now(now, &self.fleet, &writes_to.database);
        let still = known.filter(|cluster| cluster.moving.is_none());
        Some(match still.and_then(|cluster| cluster.writer()) {
            None => Writes::Unknown,
            Some(writer) if *writer == target.region => Writes::Here,
            Some(_) => Writes::Elsewhere,
        })
    }

    pub(super) fn plan(&mut self, now: Moment) {
        if !self.journal.can_propose() || self.handle_order(now) || self.advance_runs(now) {
            return;
        }
        let Some(inputs) = self.inputs(now).filter(|_| !self.paused()) else { return };
        let Plan { changes, blocked } = planner::plan(&inputs);
        self.look_again(now, &inputs, &blocked);
        if blocked != self.blocked {
            self.out.note(Note::Blocked { blocked: blocked.clone() });
            self.blocked = blocked;
            self.gathering.report_soon(now);
        }
        if changes.is_empty() {
            return self.ask(now);
        }
        let made = changes.clone();
        let change = |state: &mut State| {
            for change in &made {
                let regions = state.wanted.entry(change.service.clone()).or_default();
                regions.insert(change.region.clone(), change.to);
            }
            asks::settle(&mut state.steering, &made);
        };
        let at = self.wall(now);
        let inputs = inputs.of_services(|service| changes.iter().any(|c| c.service == *service));
        self.journal.propose(now, change, Cause::Decided { inputs, changes }, at);
    }

    /// Proposes what comes of the next order, if one waits.
    fn handle_order(&mut self, now: Moment) -> bool {
        let (Some(entry), Some(state)) = (self.journal.in_force(), self.journal.next_name()) else {
            return false;
        };
        let handled = &entry.state.steering.handled;
        let Some(order) = self.orders.next(handled).cloned() else { return false };
        let Handling { steering, runs, refused } =
            steer::handle(&self.fleet, &entry.state, &order, state);
        let order = order.without_procedure();
        self.out.note(Note::Ordered { order: order.clone(), refused: refused.clone() });
        let at = self.wall(now);
        let change = |state: &mut State| {
            state.steering = steering;
            if let Some(runs) = runs {
                state.runs = runs;
            }
        };
        self.journal.propose(now, change, Cause::Ordered { order, refused }, at);
        true
    }

    /// Proposes to ask for the approvals that are missing, or to ask no more.
    fn ask(&mut self, now: Moment) {
        let at = self.wall(now);
        let Some(entry) = self.journal.in_force() else { return };
        let standings = &self.standings;
        let why = |block: &Blocked| {
            let (region, service) = (block.region.clone(), block.service.clone());
            let standing = standings.get(&Target { region, service });
            standing.map_or("unknown", |standing| standing.verdict.label()).to_owned()
        };
        let steering = &entry.state.steering;
        let asked = self.patience.ask(now, steering, &self.blocked, why, &at);
        self.judge_at = self.judge_at.min(self.patience.next_end());
        let Some((steered, cause)) = asked else { return };
        self.journal.propose(now, |state| state.steering = steered, cause, at);
    }

    /// What only time is in the way of is looked at again when that time has come.
    fn look_again(&mut self, now: Moment, inputs: &Inputs, blocked: &[Blocked]) {
        for block in blocked {
            let limit_ms = match block.by {
                Obstacle::Dwell => inputs.rules.dwell_ms,
                Obstacle::NotHealthyLongEnough => inputs.rules.return_after_ms,
                Obstacle::FewestInService
                | Obstacle::MostLookBad
                | Obstacle::NotHealthy
                | Obstacle::Autonomy(_)
                | Obstacle::NotApproved
                | Obstacle::WriterElsewhere
                | Obstacle::NobodyWrites => continue,
            };
            let placed = inputs.services.get(&block.service).and_then(|s| s.get(&block.region));
            let Some(placed) = placed else { continue };
            let left_ms = u64::from(limit_ms).saturating_sub(placed.for_ms).max(1);
            self.judge_at = self.judge_at.min(now + Duration::from_millis(left_ms));
        }
    }
}
