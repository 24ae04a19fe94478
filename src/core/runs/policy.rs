//! Who has to say yes to a step, and when the fleet's own rules do.
//!
//! A run that a person started has that person's yes to every step but those that ask. A run that
//! the fleet started by itself asks before each step of a kind for which the fleet may not go by
//! itself. What a question before a promotion asks is whether the loss is acceptable: the budget
//! answers it where failover is `auto`.

use crate::core::breakage::{Breakage, broken};
use crate::core::databases::Databases;
use crate::core::steer;
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::steering::Steering;
use crate::domain::{DatabaseId, Fleet, RegionId};
use crate::runbook::{Action, Step};

use super::{Kept, World};

/// What the fleet's rules say of consent.
pub(in crate::core) struct Consent<'a> {
    pub(in crate::core) fleet: &'a Fleet,
    pub(in crate::core) steering: &'a Steering,
    pub(in crate::core) databases: &'a Databases,
}

impl Consent<'_> {
    /// The level of the kind of action that a step is of; none for what changes nothing.
    fn level(&self, spec: &Step) -> Option<Autonomy> {
        Some(steer::autonomy(self.fleet, self.steering, spec.autonomy?))
    }

    /// Whether a step may begin without anybody's yes of its own.
    pub(super) fn goes_ahead(&self, kept: &Kept, spec: &Step) -> bool {
        kept.by.is_some()
            || self.level(spec).is_none_or(|level| level == Autonomy::Auto)
            || broken(Breakage::ConsentNotNeeded)
            || self.was_asked(kept, spec)
    }

    /// A promotion whose loss somebody has said yes to needs no second one.
    fn was_asked(&self, kept: &Kept, spec: &Step) -> bool {
        let steps = &kept.run.procedure().steps;
        matches!(spec.action, Action::Promote { .. }) && asks_for(steps, spec).is_some()
    }

    /// Who says yes to a question in the fleet's name; none if a person must.
    pub(super) fn given(&self, world: &World<'_>, kept: &Kept, step: usize) -> Option<String> {
        if kept.by.is_some() {
            return None;
        }
        let steps = &kept.run.procedure().steps;
        let failover = steer::autonomy(self.fleet, self.steering, ActionKind::Failover);
        let asked = &steps[step];
        if !matches!(asked.action, Action::Approve { .. }) {
            return None;
        }
        // The promotion that stands behind this question.
        let (database, to) = steps.iter().skip(step).find_map(promotion)?;
        if failover != Autonomy::Auto && !broken(Breakage::ConsentNotNeeded) {
            return None;
        }
        let loss = self.databases.loss(world.now, database, to, world.failing_ms(database))?;
        let budget_ms = u64::from(self.fleet.databases.get(database)?.loss_budget_ms);
        (loss.high_ms <= budget_ms)
            .then(|| format!("the fleet: failover is auto, and {loss} is within {budget_ms} ms"))
    }
}

fn promotion(step: &Step) -> Option<(&DatabaseId, &RegionId)> {
    match &step.action {
        Action::Promote { database, to, .. } => Some((database, to)),
        _ => None,
    }
}

/// The question that stands, directly or not, before a step.
fn asks_for<'s>(steps: &'s [Step], spec: &Step) -> Option<&'s Step> {
    let mut behind: Vec<usize> = spec.needs.iter().copied().collect();
    while let Some(step) = behind.pop() {
        let needed = &steps[step];
        if matches!(needed.action, Action::Approve { .. }) {
            return Some(needed);
        }
        behind.extend(needed.needs.iter().copied());
    }
    None
}
