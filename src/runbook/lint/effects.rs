//! Rules about what steps leave behind: what undoes each, and what must come before a step that
//! nothing undoes.
//!
//! *The rule of the point of no return.* A step that can't be undone needs, through `needs` however
//! far, both
//!
//! - a person's yes (an `approve` step), unless it is a `promote` that goes by the fleet's budget
//!   for loss, which the leader checks itself; and
//! - a look at what it is about to change: a `verify_…` or `wait_for_…` step of the same database
//!   or, where it has none, of the same Region; where it has neither, any.
//!
//! What these need to hold may not be passed over (`on_failure = "skip"`). Behind the step there is
//! only forward: a step that needs it, however far, neither has an undo nor fails into one.

use super::calls::is_one_way;
use super::{Judge, Reads};
use crate::runbook::action::Kind;
use crate::runbook::book::kinds::{Effect, IN, OUTSIDE};
use crate::runbook::book::{BookStep, BookUndo};
use crate::runbook::procedure::OnFailure;

pub(super) fn check(judge: &mut Judge<'_>, all: &Reads) {
    let book = judge.book;
    let before = book.before();
    let one_way = |index: &usize| {
        let step = &book.steps[*index];
        step.one_way || step.calls.as_ref().is_some_and(|call| is_one_way(all, &call.name))
    };
    for (index, step) in book.steps.iter().enumerate() {
        let behind = before[index].iter().find(|it| one_way(it)).copied();
        match behind {
            Some(point) => check_behind(judge, index, &book.steps[point].id),
            None => check_undo(judge, index, step),
        }
        check_one_way(judge, index, step);
        if step.one_way {
            let before: Vec<&BookStep> = before[index].iter().map(|&it| &book.steps[it]).collect();
            check_guards(judge, index, step, &before);
        }
        check_skip(judge, index, step);
    }
}

/// There is only forward.
fn check_behind(judge: &mut Judge<'_>, index: usize, point: &str) {
    let step = &judge.book.steps[index];
    if matches!(step.undo, BookUndo::Does(_)) {
        judge.refuse_step(
            index,
            "undo",
            format!("the undo is never reached: behind {point:?}, which can't be undone, there is only forward"),
            "remove `undo`",
        );
    }
    if step.on_failure == OnFailure::Undo {
        judge.refuse_step(
            index,
            "on_failure",
            format!("nothing can be undone behind {point:?}, which can't be undone itself"),
            "write `stop` or `retry`",
        );
    }
}

fn check_undo(judge: &mut Judge<'_>, index: usize, step: &BookStep) {
    let name = step.doing.kind.name;
    match (step.doing.kind.effect, &step.undo) {
        (Effect::Nothing, BookUndo::Does(_)) => judge.refuse_step(
            index,
            "undo",
            format!("a `{name}` changes nothing, so that there is nothing to undo"),
            "remove `undo`",
        ),
        (Effect::Lasting | Effect::Leavable, BookUndo::Unsaid) if !step.one_way => {
            let none = if step.doing.kind.effect == Effect::Leavable {
                ", or undo = \"none\" if it may be left as it is"
            } else {
                ""
            };
            judge.refuse_step(
                index,
                "undo",
                format!("nothing undoes {:?}, and it is not marked as one way", step.id),
                format!("add `undo`, or one_way = true{none}"),
            );
        }
        (Effect::Lasting, BookUndo::Nothing) => judge.refuse_step(
            index,
            "undo",
            format!("a `{name}` leaves something behind that matters"),
            "say what undoes it, or write one_way = true",
        ),
        _ => {}
    }
}

fn check_one_way(judge: &mut Judge<'_>, index: usize, step: &BookStep) {
    let name = step.doing.kind.name;
    match (step.doing.kind.effect, step.one_way) {
        (Effect::Irreversible, false) => judge.refuse_step(
            index,
            "one_way",
            format!("nothing undoes a `{name}`"),
            "write one_way = true, so that whoever reads it knows",
        ),
        (Effect::Nothing, true) if step.calls.is_none() => judge.refuse_step(
            index,
            "one_way",
            format!("a `{name}` changes nothing, and can't be one way"),
            "remove `one_way`",
        ),
        (_, true) if matches!(step.undo, BookUndo::Does(_)) => judge.refuse_step(
            index,
            "undo",
            "the step is one way, and yet says what undoes it",
            "remove `undo` or `one_way`",
        ),
        _ => {}
    }
}

fn check_guards(judge: &mut Judge<'_>, index: usize, step: &BookStep, before: &[&BookStep]) {
    let holds = |it: &&&BookStep| it.on_failure != OnFailure::Skip;
    let by_budget =
        step.doing.keys.get("data_loss").is_some_and(|it| it.as_str() == "within_budget");
    let asks = |it: &&BookStep| it.doing.kind.kind == Some(Kind::Approve);
    if !by_budget && !before.iter().filter(holds).any(asks) {
        judge.refuse_step(
            index,
            "needs",
            format!("{:?} can't be undone, and nobody is asked before it", step.id),
            "let it need, directly or through others, an `approve` step",
        );
    }
    let about = subject(step);
    let looks = |it: &&BookStep| {
        let kind = it.doing.kind.kind;
        matches!(kind, Some(Kind::Verify | Kind::WaitForDns | Kind::WaitForDatabase))
            && (about.is_none() || subject(it) == about)
    };
    if !before.iter().filter(holds).any(looks) {
        let at = about.map_or_else(String::new, |(_, what)| format!(" at {what}"));
        judge.refuse_step(
            index,
            "needs",
            format!("{:?} can't be undone, and nothing looks{at} before it", step.id),
            format!(
                "let it need, directly or through others, a `verify_…` or `wait_for_…` step that looks{at} and \
                 is not passed over on failure"
            ),
        );
    }
}

/// What a step is about: its database, or else its Region.
fn subject(step: &BookStep) -> Option<(&'static str, &str)> {
    let key = |name: &'static str| Some((name, step.doing.keys.get(name)?.as_str()));
    key("database").or_else(|| key(IN)).or_else(|| key(OUTSIDE).map(|(_, what)| (IN, what)))
}

/// Only what nobody relies on may be passed over.
fn check_skip(judge: &mut Judge<'_>, index: usize, step: &BookStep) {
    let harmless = matches!(
        step.doing.kind.kind,
        Some(Kind::Notify | Kind::Bake | Kind::Scale | Kind::Webhook)
    ) && step.doing.keys.get("may_veto").is_none_or(|it| it.as_str() == "false");
    if step.on_failure == OnFailure::Skip && !harmless {
        judge.refuse_step(
            index,
            "on_failure",
            format!("{:?} can't be passed over: others rely on it", step.id),
            "write `stop`, `undo` or `retry`; only `notify`, `bake`, `scale` and a `webhook` without \
             a veto are passed over",
        );
    }
}
