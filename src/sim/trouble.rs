//! Troubles begun and ended.

use std::time::Duration;

use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::drift::Course;
use crate::domain::order::{AskId, Verb};
use crate::domain::{Order, OrderId, RegionId, Weight};
use crate::runbook::StepStatus;
use crate::world::apps::Condition;
use crate::world::dynamo::TableCopy;
use crate::world::fault::{AwsService, Fault};

use super::engine::Sim;
use super::plan::{Plan, Trouble};
use super::ports::Ports;

impl Sim {
    /// Sets the agents' clocks, each at its own zero.
    pub(super) fn set_clocks(&mut self, plan: &Plan) {
        for agent in 0..self.agents.len() {
            let ppm = plan.clocks_ppm.get(agent).copied().unwrap_or(0);
            self.drift(agent, ppm);
        }
    }

    fn drift(&mut self, agent: usize, ppm: i32) {
        let now = self.now;
        let state = &mut self.agents[agent];
        let due = state.clock.read(state.wake_at.max(now));
        state.clock.run_at(now, ppm);
        let wake_at = state.clock.when(due).max(now);
        state.note_mandate(now);
        self.wake_anew(agent, wake_at);
    }

    /// The table whose old copy a trouble puts back, and the copy's age.
    pub(super) fn copied(&self, trouble: &Trouble) -> Option<(RegionId, String, Duration)> {
        let (region, table, age_ms) = match trouble {
            Trouble::OldBoard { region, age_ms } => (region, &self.fleet.tables.board, *age_ms),
            Trouble::OldSeat { region, age_ms } => (region, &self.fleet.tables.seats, *age_ms),
            _ => return None,
        };
        Some((region.clone(), table.clone(), Duration::from_millis(u64::from(age_ms))))
    }

    /// Begins a trouble. `copy` is what a table was, for those that put it back.
    pub(super) fn begin(&mut self, trouble: &Trouble, copy: Option<TableCopy>) {
        self.world.advance(self.now);
        self.coverage.count_fault(trouble.kind());
        match trouble {
            Trouble::Lose { region } => self.world.network.lose(region),
            Trouble::Cut { from, to } => self.world.network.cut(from, to),
            Trouble::App { region, service, condition } => {
                self.world.apps.set(region, service.as_ref(), *condition);
            }
            Trouble::Throttle { service } => self.throttle(*service, true),
            Trouble::PriorRequest => self.world.route53.set_prior_request(true),
            Trouble::Wire { rule } => {
                self.world.strike(self.now, &Fault::Wire { rule: rule.clone() });
            }
            Trouble::Stall { from, to } => self.world.dynamo.set_stalled(self.now, from, to, true),
            Trouble::Kill { agent } => {
                if let Some(agent) = self.agent(agent) {
                    self.kill_agent(agent);
                }
            }
            Trouble::Pause { agent, drops } => {
                if let Some(agent) = self.agent(agent) {
                    self.pause_agent(agent, *drops);
                }
            }
            Trouble::Drift { agent, ppm } => {
                if let Some(agent) = self.agent(agent) {
                    self.drift(agent, *ppm);
                }
            }
            Trouble::Jump { agent, by_ms } => {
                if let Some(agent) = self.agent(agent) {
                    let state = &mut self.agents[agent];
                    state.clock.jump(self.now, *by_ms);
                    state.note_mandate(self.now);
                    self.wake_anew(agent, self.now);
                }
            }
            Trouble::WallClock { agent, unix_ms } => {
                if let Some(agent) = self.agent(agent) {
                    self.agents[agent].wall_ms = Some(*unix_ms);
                }
            }
            Trouble::OldBoard { region, .. } | Trouble::OldSeat { region, .. } => {
                if let Some(copy) = copy {
                    self.world.dynamo.put_back(region, copy);
                }
            }
            Trouble::LoseSeat { region } => self.delete_seat(region),
            Trouble::RecreateSeat { region } => self.recreate_seat(region),
            Trouble::EditWeight { service, region, weight } => {
                self.edit_weight(service, region, Weight(*weight));
            }
            Trouble::DeleteFence { zone } => self.delete_fence(zone),
            Trouble::ForeignFence { zone } => self.put_foreign_fence(zone),
            Trouble::Order { replica, order } => self.give_order(replica, order.clone()),
            Trouble::Configure { service, region, weight, agent } => {
                let placed = self.fleet.services.get_mut(service);
                if let Some(placed) = placed.and_then(|spec| spec.regions.get_mut(region)) {
                    placed.weight = Weight(*weight);
                }
                if let Some(agent) = self.agent(agent) {
                    self.kill_agent(agent);
                    self.agents[agent].fleet = self.fleet.clone();
                    self.start_agent(agent);
                }
            }
        }
        self.world.advance(self.now);
        self.judge_facts();
    }

    /// Ends a trouble that lasts.
    pub(super) fn end(&mut self, plan: &Plan, trouble: &Trouble) {
        self.world.advance(self.now);
        match trouble {
            Trouble::Lose { region } => self.world.network.restore(region),
            Trouble::Cut { from, to } => self.world.network.mend(from, to),
            Trouble::App { region, service, .. } => {
                self.world.apps.set(region, service.as_ref(), Condition::Well);
            }
            Trouble::Throttle { service } => self.throttle(*service, false),
            Trouble::PriorRequest => self.world.route53.set_prior_request(false),
            Trouble::Wire { rule } => {
                let scope = rule.scope.clone();
                self.world.strike(self.now, &Fault::MendWire { scope });
            }
            Trouble::Stall { from, to } => self.world.dynamo.set_stalled(self.now, from, to, false),
            Trouble::Kill { agent } => {
                if let Some(agent) = self.agent(agent) {
                    self.start_agent(agent);
                }
            }
            Trouble::Pause { agent, .. } => {
                if let Some(agent) = self.agent(agent) {
                    self.resume_agent(agent);
                }
            }
            Trouble::Drift { agent, .. } => {
                if let Some(agent) = self.agent(agent) {
                    let ppm = plan.clocks_ppm.get(agent).copied().unwrap_or(0);
                    self.drift(agent, ppm);
                }
            }
            Trouble::ForeignFence { zone } => self.take_out_foreign_fence(zone),
            Trouble::Jump { .. }
            | Trouble::WallClock { .. }
            | Trouble::OldBoard { .. }
            | Trouble::OldSeat { .. }
            | Trouble::LoseSeat { .. }
            | Trouble::RecreateSeat { .. }
            | Trouble::EditWeight { .. }
            | Trouble::DeleteFence { .. }
            | Trouble::Order { .. }
            | Trouble::Configure { .. } => {}
        }
        self.world.advance(self.now);
        self.judge_facts();
    }

    fn throttle(&mut self, service: AwsService, on: bool) {
        self.world.strike(self.now, &Fault::Throttle { service, on });
    }

    /// Ends whatever lasts, of any kind, and brings every agent to the newest files.
    pub(super) fn heal(&mut self, plan: &Plan) {
        self.options.fates = super::Fates::default();
        for episode in &plan.episodes {
            self.end(plan, &episode.trouble);
        }
        // Last of all: a console works only once Route 53 does.
        for zone in self.taken_out.keys().cloned().collect::<Vec<_>>() {
            self.take_out_foreign_fence(&zone);
        }
        self.set_clocks(plan);
        for agent in 0..self.agents.len() {
            self.resume_agent(agent);
            if self.agents[agent].fleet != self.fleet {
                self.kill_agent(agent);
                self.agents[agent].fleet = self.fleet.clone();
            }
            self.start_agent(agent);
        }
        self.world.advance(self.now);
        for order in Self::undone(plan) {
            let replica = self.fleet.regions.first().cloned();
            self.give_order(&replica.expect("a fleet has Regions"), order);
        }
    }

    /// What people order at last, so that the fleet goes by itself again.
    fn undone(plan: &Plan) -> Vec<Verb> {
        let mut verbs = Vec::new();
        for episode in &plan.episodes {
            if let Trouble::Order { order, .. } = &episode.trouble {
                verbs.extend(match order {
                    Verb::Drain { region, service, .. } => {
                        let (region, service) = (region.clone(), service.clone());
                        Some(Verb::Undrain { region, service })
                    }
                    Verb::Pause { .. } => Some(Verb::Resume),
                    _ => None,
                });
            }
        }
        let steered = !plan.shape.consent.is_empty()
            || plan.episodes.iter().any(|e| matches!(e.trouble, Trouble::Order { .. }));
        for action in [ActionKind::Drain, ActionKind::Return].into_iter().filter(|_| steered) {
            let (to, reason) = (Some(Autonomy::Auto), "all is well again".to_owned());
            verbs.push(Verb::SetAutonomy { action, to, reason });
        }
        verbs
    }

    /// What a person does in good times with what was left behind: sees runs to their end, lets every
    /// Region in again, and has edits put right that nobody makes any more. One look, some orders.
    pub(super) fn tidy_up(&mut self) {
        let replica = self.fleet.regions.first().expect("a fleet has Regions").clone();
        let leaders = self.leaders();
        let Some(view) = leaders.first().and_then(|(leader, _)| self.view(leader)) else { return };
        let Some(state) = view.state else { return };
        let mut verbs = Vec::new();
        let zones = view.leader.iter().flat_map(|leader| leader.zones.values());
        let left = zones.flat_map(|zone| &zone.drift).any(|it| it.course == Course::Stopped);
        // Records that were edited too often are left until somebody has paused and resumed.
        if state.steering.pause.is_some() {
            verbs.push(Verb::Resume);
        } else if left {
            verbs.push(Verb::Pause { reason: "whoever edits has been told".to_owned() });
        }
        for (name, run) in state.runs.iter().filter(|(_, run)| !run.over) {
            let (run_name, reason) = (name.clone(), "all is well again".to_owned());
            let abort = run.choices.iter().any(|it| it.contains("runbook abort"));
            for step in &run.steps {
                let (run, step_name) = (name.clone(), step.step.clone());
                match step.status {
                    StepStatus::Stuck | StepStatus::UndoStuck => {
                        verbs.push(Verb::Retry { run, step: step_name });
                    }
                    StepStatus::Asked if !abort => {
                        let ask = AskId(format!("run:{run}:{step_name}"));
                        verbs.push(Verb::Approve { ask });
                    }
                    _ => {}
                }
            }
            if abort {
                verbs.push(Verb::Abort { run: run_name, reason });
            }
        }
        for (service, regions) in &state.steering.held_out {
            for region in regions.keys() {
                let (region, service) = (region.clone(), Some(service.clone()));
                verbs.push(Verb::Undrain { region, service });
            }
        }
        for verb in verbs {
            self.give_order(&replica, verb);
        }
    }

    /// A person gives an order, after the newest state that is committed.
    pub(super) fn give_order(&mut self, replica: &RegionId, verb: Verb) {
        self.orders += 1;
        let order = Order {
            id: OrderId::drawn(self.orders),
            by: "a person".to_owned(),
            at: format!("{:012}", self.orders),
            after: self.coverage.newest_committed(),
            verb,
        };
        let mut ports = Ports {
            world: &mut self.world,
            now: self.now,
            caller: "a person",
            tables: &self.fleet.tables,
            read_before: &mut self.read_before,
        };
        if ports.submit_order(replica, &order).is_err() {
            self.coverage.count("an order could not be given");
        }
    }
}
