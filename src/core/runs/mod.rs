//! Runs of runbooks: what is due of each, and how what was begun goes on.
//!
//! A run lives in the control state, so its log is committed by the quorum before a step begins and
//! after it ends, and whoever leads next goes on with it. `doing` carries a step out: it reads
//! first, does nothing that is true already, and knows how long it has taken. What a step changes in
//! the control state itself (a Region held out, a pause) is committed together with its beginning.
//!
//! Of an attempt that an earlier leadership began nobody knows how it ended: it is ended so, and the
//! next one begins by reading back.

mod aftermath;
mod called_for;
mod carry;
mod doing;
mod effect;
mod looks;
pub mod orders;
mod policy;
mod refused;
mod scaling;
mod times;
pub mod view;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::capacity::ScalingGroupId;
use crate::domain::{Moment, RegionId};
use crate::runbook::{Due, Entry, Event, Run, StepStatus};

use super::breakage::{Breakage, broken};
use super::call::Outcome;
use super::explain::RunEvent;

pub(super) use called_for::called_for;
pub(super) use carry::{Carry, World, failing_ms};
use doing::Doing;
pub(super) use doing::in_doubt;
pub(super) use effect::apply_effect;
pub(super) use policy::Consent;

/// Runs under way at once. People who do more than this at once have lost the overview.
pub const ACTIVE_MAX: usize = 4;

/// Runs kept after they ended, for those who look.
pub const ENDED_MAX: usize = 4;

/// Time between two looks at the steps that are under way.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A run as the control state keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Who started it; none for the fleet itself, by its own rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    pub reason: String,
    /// When, in RFC 3339, for people.
    pub at: String,
    /// The run.
    pub run: Run,
}

/// Runs by name.
pub type Runs = BTreeMap<String, Kept>;

/// Names a step's attempt to go forward or back.
pub(super) type Key = (String, usize, bool);

/// What one leadership knows of the runs that it drives.
#[derive(Debug, Clone, Default)]
pub(super) struct Driver {
    doing: BTreeMap<Key, Doing>,
    /// Since when this leadership has seen each question wait.
    asked: BTreeMap<(String, usize), Moment>,
    /// Runs of the fleet's own, by name, whose trouble this leadership has seen pass.
    passed: BTreeSet<String>,
}

impl Driver {
    /// Another leadership's attempts are not this one's.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// When it is to be looked at again: soon, while anything is under way.
    pub(super) fn next_look(now: Moment, runs: &Runs) -> Moment {
        let active = runs.values().any(|kept| !kept.run.status().is_final());
        if active { now + LOOK_EVERY } else { Moment::NEVER }
    }

    /// Whether the trouble that a run was started for is known to have passed: the next is another.
    pub(super) fn has_passed(&self, run: &str) -> bool {
        self.passed.contains(run)
    }

    /// Looks which Regions of ended runs are well again.
    fn watch_passed(&mut self, world: &World<'_>) {
        self.passed.retain(|run| world.runs.contains_key(run));
        for (name, kept) in world.runs {
            let over = kept.by.is_none() && kept.run.status().is_final();
            let lost = kept.run.procedure().arguments.get("from").and_then(|it| it.parse().ok());
            if over && lost.is_some_and(|region: RegionId| world.is_well(&region)) {
                self.passed.insert(name.clone());
            }
        }
    }

    /// What has happened since the last look, and what is to begin. Nothing of it has happened
    /// until it is committed.
    pub(super) fn turn(&mut self, world: &World<'_>, consent: &Consent<'_>) -> Vec<RunEvent> {
        let mut events = Vec::new();
        self.drop_ended(world.runs);
        self.watch_passed(world);
        for (name, kept) in world.runs {
            let mut run = kept.run.clone();
            let mut log = |run: &mut Run, event: Event| {
                // What the machine doesn't allow now is not logged: it is due again, or never.
                if run.append(Entry::new(event.clone())).is_ok() {
                    events.push(RunEvent { run: name.clone(), event: Some(event) });
                    return true;
                }
                false
            };
            for event in self.ended(world, name, &kept.run) {
                log(&mut run, event);
            }
            for event in self.answered(world, consent, name, kept) {
                log(&mut run, event);
            }
            for due in run.due() {
                let event = begins(&due, consent, kept, world);
                let Some(event) = event else { continue };
                if log(&mut run, event.clone()) {
                    self.begun(world.now, name, &run, &event);
                }
            }
        }
        events
    }

    /// Forgets what is no longer under way.
    fn drop_ended(&mut self, runs: &Runs) {
        let status = |name: &str, step: usize| {
            runs.get(name).and_then(|kept| kept.run.steps().get(step)).map(|state| state.status)
        };
        self.doing.retain(|(name, step, back), doing| {
            let wanted = if *back { StepStatus::Undoing } else { StepStatus::Running };
            !doing.is_committed() || status(name, *step) == Some(wanted)
        });
        self.asked.retain(|(name, step), _| status(name, *step) == Some(StepStatus::Asked));
        for ((name, step, back), doing) in &mut self.doing {
            let wanted = if *back { StepStatus::Undoing } else { StepStatus::Running };
            if status(name, *step) == Some(wanted) {
                doing.committed();
            }
        }
    }

    /// Attempts that are over.
    fn ended(&mut self, world: &World<'_>, name: &str, run: &Run) -> Vec<Event> {
        let mut events: Vec<Event> = run
            .interrupted()
            .into_iter()
            .filter(|event| {
                let back = matches!(event, Event::UndoEnded { .. });
                let step = event.step().unwrap_or(usize::MAX);
                !self.doing.contains_key(&(name.to_owned(), step, back))
            })
            .collect();
        for ((of, step, back), doing) in &mut self.doing {
            let (step, back) = (*step, *back);
            let Some(state) = run.steps().get(step).filter(|_| of == name) else { continue };
            let Some(outcome) = doing.outcome(world, run, step, back) else {
                events.extend(doing.notes(world, run, step, back));
                continue;
            };
            events.push(if back {
                Event::UndoEnded { step, attempt: state.undo_attempt, outcome }
            } else {
                Event::Ended { step, attempt: state.attempt, outcome }
            });
        }
        events
    }

    /// Questions that the fleet's own rules answer, and those that nobody answered in time.
    fn answered(
        &mut self,
        world: &World<'_>,
        consent: &Consent<'_>,
        name: &str,
        kept: &Kept,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for (step, state) in kept.run.steps().iter().enumerate() {
            if state.status != StepStatus::Asked {
                continue;
            }
            let since = *self.asked.entry((name.to_owned(), step)).or_insert(world.now);
            let limit_s = u64::from(kept.run.procedure().steps[step].timeout_s);
            if let Some(by) = consent.given(world, kept, step) {
                events.push(Event::Approved { step, by });
            } else if world.now.since(since) >= Duration::from_secs(limit_s) {
                events.push(Event::Expired { step });
            }
        }
        events
    }

    /// What each step that is under way waits for, by run and step.
    pub(super) fn waits(&self, world: &World<'_>) -> BTreeMap<String, BTreeMap<String, String>> {
        let mut waits: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for ((name, step, back), doing) in &self.doing {
            let Some(kept) = world.runs.get(name) else { continue };
            let why = doing.waits_for(world, &kept.run, *step, *back);
            let spec = kept.run.procedure().steps.get(*step);
            if let (Some(why), Some(spec)) = (why, spec) {
                waits.entry(name.clone()).or_default().insert(spec.id.clone(), why);
            }
        }
        waits
    }

    /// Another system has answered.
    pub(super) fn webhook_answered(&mut self, now: Moment, key: Key, outcome: Outcome) {
        if let Some(doing) = self.doing.get_mut(&key) {
            doing.webhook_answered(now, outcome);
        }
    }

    /// A call about an autoscaling group was answered.
    pub(super) fn scaling_answered(&mut self, key: &Key, group: &ScalingGroupId, outcome: Outcome) {
        if let Some(doing) = self.doing.get_mut(key) {
            doing.scaling_answered(group, outcome);
        }
    }

    /// An attempt is about to be committed as begun.
    fn begun(&mut self, now: Moment, name: &str, run: &Run, event: &Event) {
        let (step, back) = match event {
            Event::Began { step, .. } => (*step, false),
            Event::UndoBegan { step, .. } => (*step, true),
            _ => return,
        };
        let spec = &run.procedure().steps[step];
        let limit_s = match &spec.undo {
            Some(undo) if back => undo.timeout_s,
            _ => spec.timeout_s,
        };
        self.doing.insert((name.to_owned(), step, back), Doing::new(now, limit_s));
    }

    /// Sends what is to be sent of the steps that are committed as begun.
    pub(super) fn act(&mut self, world: &World<'_>, carry: &mut Carry<'_>) {
        for ((name, step, back), doing) in &mut self.doing {
            let Some(kept) = world.runs.get(name) else { continue };
            let Some(state) = kept.run.steps().get(*step) else { continue };
            let wanted = if *back { StepStatus::Undoing } else { StepStatus::Running };
            if state.status == wanted || broken(Breakage::MoveBeforeCommit) {
                doing.act(world, &kept.run, *step, *back, carry);
            }
        }
    }
}

/// What is about to happen to a run, in words.
pub(super) fn words(name: &str, run: &Run, event: &Event) -> String {
    let step = event.step().and_then(|step| run.procedure().steps.get(step));
    let id = step.map_or("", |step| step.id.as_str());
    let what = step.map_or_else(String::new, |step| step.action.to_string());
    match event {
        Event::Asked { .. } => format!("{name}: {id} waits for a person: {what}"),
        Event::Approved { by, .. } => format!("{name}: {id} is approved by {by}"),
        Event::Rejected { by, reason, .. } => format!("{name}: {id} is rejected by {by}: {reason}"),
        Event::Expired { .. } => format!("{name}: nobody answered {id} in time"),
        Event::Began { attempt, .. } => format!("{name}: {id} begins, attempt {attempt}: {what}"),
        Event::Ended { outcome, .. } => format!("{name}: {id} {}", ended(outcome)),
        Event::Noted { about, was, goal, .. } => {
            format!("{name}: {id} finds {was} for {about}, and wants {goal}")
        }
        Event::UndoBegan { .. } => format!("{name}: {id} is being undone"),
        Event::UndoEnded { outcome, .. } => format!("{name}: undoing {id} {}", ended(outcome)),
        Event::Skipped { by, reason, .. } => format!("{name}: {id} is skipped by {by}: {reason}"),
        Event::Retried { by, .. } => format!("{name}: {by} has {id} tried again"),
        Event::AbortAsked { by, reason } => format!("{name}: {by} aborts it: {reason}"),
        Event::Finished => format!("{name}: nothing is left to do"),
    }
}

fn ended(outcome: &crate::runbook::Outcome) -> String {
    use crate::runbook::Outcome;
    match outcome {
        Outcome::Done { output: None } => "is done".to_owned(),
        Outcome::Done { output: Some(output) } => format!("is done: {output}"),
        Outcome::Failed { why } => format!("failed: {why}"),
        Outcome::Unknown { why } => format!("has an unknown outcome: {why}"),
    }
}

/// The event by which something that is due begins; none while it must not.
fn begins(due: &Due, consent: &Consent<'_>, kept: &Kept, world: &World<'_>) -> Option<Event> {
    match *due {
        Due::Ask { step } => Some(Event::Asked { step }),
        Due::Finish => Some(Event::Finished),
        Due::Undo { step, attempt, .. } => {
            let undo = kept.run.procedure().steps[step].undo.as_ref()?;
            (!world.holds_back(&undo.action)).then_some(Event::UndoBegan { step, attempt })
        }
        Due::Step { step, attempt, .. } => {
            let spec = &kept.run.procedure().steps[step];
            if world.holds_back(&spec.action) {
                return None;
            }
            let allowed = kept.run.steps()[step].status != StepStatus::Pending;
            if allowed || consent.goes_ahead(kept, spec) {
                Some(Event::Began { step, attempt })
            } else {
                Some(Event::Asked { step })
            }
        }
    }
}
