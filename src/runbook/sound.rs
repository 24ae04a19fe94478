//! The last look at a plan before it runs: is it one that may be run at all?
//!
//! A plan reaches the leader in an order, made by a program of another version from files that the
//! leader never saw. What the linter promises of files is therefore looked at once more, here in the
//! plan itself and independently of the linter. It is looked at when a run begins and not when one
//! is read again: a successor goes on with what was begun.

use std::collections::BTreeSet;

use super::action::{Action, Check, DataLoss, Place};
use super::procedure::{ATTEMPTS_MAX, OnFailure, Procedure, Step};
use crate::domain::{DatabaseId, RegionId};

/// Why a plan must not be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the plan must not be run: step {step:?} {why}")]
pub struct Unsafe {
    /// The step.
    pub step: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Procedure {
    /// Whether it may be run: nothing that can't be undone without a question and a look before it,
    /// nothing left behind by an abort, nothing that waits for ever. Its steps must be in order
    /// ([`Procedure::check`]).
    ///
    /// # Errors
    /// The first step that is wrong, and why.
    pub fn look_over(&self) -> Result<(), Unsafe> {
        let mut ids = BTreeSet::new();
        for (index, step) in self.steps.iter().enumerate() {
            let before = self.before(index);
            let wrong = if ids.insert(&step.id) {
                wrong(step, &before)
            } else {
                Some("has the name of another")
            };
            if let Some(why) = wrong {
                return Err(Unsafe { step: step.id.clone(), why });
            }
        }
        Ok(())
    }

    /// The steps that come before one, however far.
    fn before(&self, index: usize) -> Vec<&Step> {
        let mut before = BTreeSet::new();
        let mut open = self.steps[index].needs.clone();
        while let Some(next) = open.pop_last() {
            if before.insert(next) {
                open.extend(&self.steps[next].needs);
            }
        }
        before.into_iter().map(|it| &self.steps[it]).collect()
    }
}

fn wrong(step: &Step, before: &[&Step]) -> Option<&'static str> {
    let behind = before.iter().any(|it| it.one_way);
    let retries_right = match step.on_failure {
        OnFailure::Retry { attempts_max } => (1..=ATTEMPTS_MAX).contains(&attempts_max),
        OnFailure::Stop | OnFailure::Undo | OnFailure::Skip => true,
    };
    if step.timeout_s == 0 || step.undo.as_ref().is_some_and(|undo| undo.timeout_s == 0) {
        return Some("has no time limit");
    }
    if !retries_right {
        return Some("is tried too often, or not at all");
    }
    if matches!(step.action, Action::Promote { .. }) && !step.one_way {
        return Some("can't be undone, and is not marked so");
    }
    if step.one_way && step.undo.is_some() {
        return Some("is one way, and yet is undone");
    }
    if lasts(&step.action) && step.undo.is_none() && !step.one_way && !behind {
        return Some("leaves something behind that nothing undoes");
    }
    if step.one_way && !is_asked(step, before) {
        return Some("can't be undone, and nobody is asked before it");
    }
    if step.one_way && !is_looked_at(step, before) {
        return Some("can't be undone, and nothing looks before it");
    }
    None
}

/// Whether an abort must take it back.
const fn lasts(action: &Action) -> bool {
    matches!(
        action,
        Action::CloseGate { .. }
            | Action::OpenGate { .. }
            | Action::ShiftTraffic { .. }
            | Action::SwitchOver { .. }
            | Action::Pause { .. }
            | Action::Resume
    )
}

fn is_asked(step: &Step, before: &[&Step]) -> bool {
    let by_budget =
        matches!(step.action, Action::Promote { data_loss: DataLoss::WithinBudget, .. });
    by_budget
        || before.iter().any(|it| {
            matches!(it.action, Action::Approve { .. }) && it.on_failure != OnFailure::Skip
        })
}

fn is_looked_at(step: &Step, before: &[&Step]) -> bool {
    let about = subject(&step.action);
    before.iter().any(|it| {
        let looks = matches!(
            it.action,
            Action::Verify(_) | Action::WaitForDns { .. } | Action::WaitForDatabase { .. }
        );
        looks
            && it.on_failure != OnFailure::Skip
            && (about == Subject::None || subject(&it.action) == about)
    })
}

/// What an action is about: a database, or else a Region.
#[derive(Debug, PartialEq, Eq)]
enum Subject<'a> {
    Database(&'a DatabaseId),
    Region(&'a RegionId),
    None,
}

fn subject(action: &Action) -> Subject<'_> {
    match action {
        Action::SwitchOver { database, .. }
        | Action::Promote { database, .. }
        | Action::WaitForDatabase { database, .. }
        | Action::Verify(Check::Still { database, .. } | Check::Writer { database, .. }) => {
            Subject::Database(database)
        }
        Action::CloseGate { region, .. }
        | Action::OpenGate { region, .. }
        | Action::ShiftTraffic { region, .. }
        | Action::WaitForDns { region, .. }
        | Action::Verify(Check::Record { region, .. }) => Subject::Region(region),
        Action::Scale { place, .. } | Action::Verify(Check::Endpoint { place, .. }) => {
            let (Place::In(region) | Place::Outside(region)) = place;
            Subject::Region(region)
        }
        Action::Review { .. }
        | Action::Approve { .. }
        | Action::ByHand { .. }
        | Action::Notify { .. }
        | Action::Bake { .. }
        | Action::Webhook { .. }
        | Action::Pause { .. }
        | Action::Resume => Subject::None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::procedures;
    use super::super::{Illegal, Run, RunId};
    use super::*;

    fn shipped(name: &str) -> Procedure {
        procedures().iter().find(|it| it.book == name).expect("it is shipped").clone()
    }

    /// What is said of a plan once one of its steps was changed.
    fn said(name: &str, step: &str, change: impl Fn(&mut Step)) -> Option<&'static str> {
        let mut procedure = shipped(name);
        let index = procedure.index(step).expect("it has the step");
        change(&mut procedure.steps[index]);
        let refused = Run::new(RunId("test".to_owned()), procedure.clone()).err();
        let own = procedure.look_over().err();
        assert_eq!(refused, own.clone().map(Illegal::Unsafe));
        own.map(|it| it.why)
    }

    #[test]
    fn every_shipped_plan_may_be_run() {
        for procedure in procedures() {
            assert_eq!(procedure.look_over(), Ok(()), "{}", procedure.book);
        }
    }

    #[test]
    fn a_plan_that_no_linter_would_have_passed_is_not_run() {
        let db = "fail-database-over";
        let unasked = Some("can't be undone, and nobody is asked before it");
        let unseen = Some("can't be undone, and nothing looks before it");
        assert_eq!(said(db, "promote", |it| it.needs.clear()), unasked);
        assert_eq!(said(db, "consent", |it| it.on_failure = OnFailure::Skip), unasked);
        assert_eq!(
            said(db, "promote", |it| {
                it.needs.clear();
                let Action::Promote { data_loss, .. } = &mut it.action else { panic!("it is one") };
                *data_loss = DataLoss::WithinBudget;
            }),
            unseen
        );
        assert_eq!(
            said(db, "promote", |it| it.one_way = false),
            Some("can't be undone, and is not marked so")
        );
        assert_eq!(
            said("evacuate-region", "records", |it| it.undo = None),
            Some("leaves something behind that nothing undoes")
        );
        assert_eq!(
            said("evacuate-region", "records", |it| it.one_way = true),
            Some("is one way, and yet is undone")
        );
        assert_eq!(
            said("evacuate-region", "dns", |it| it.timeout_s = 0),
            Some("has no time limit")
        );
        assert_eq!(
            said("evacuate-region", "gate", |it| {
                it.on_failure = OnFailure::Retry { attempts_max: 99 };
            }),
            Some("is tried too often, or not at all")
        );
        assert_eq!(
            said("evacuate-region", "gate", |it| it.id = "records".to_owned()),
            Some("has the name of another")
        );
    }

    #[test]
    fn a_look_at_another_database_is_no_look() {
        let mut procedure = shipped("fail-database-over");
        let other: DatabaseId = "other".parse().expect("valid");
        for step in &mut procedure.steps {
            if let Action::Verify(Check::Writer { database, .. }) = &mut step.action {
                *database = other.clone();
            }
        }
        let error = procedure.look_over().expect_err("nothing looks at the right one");
        assert_eq!(
            error.to_string(),
            "the plan must not be run: step \"promote\" can't be undone, and nothing looks before it"
        );
    }
}
