//! Rules about the steps' names, order, references and time limits.

use std::collections::BTreeSet;

use super::Judge;
use crate::runbook::book::kinds::{IN, OUTSIDE, Shape};
use crate::runbook::book::value::ParameterKind;
use crate::runbook::book::{BookStep, BookUndo, Doing, Template};
use crate::runbook::procedure::{OnFailure, STEPS_MAX};

/// Judges the steps. Whether their order can be relied on.
pub(super) fn check(judge: &mut Judge<'_>) -> bool {
    let book = judge.book;
    let before = judge.findings.count();
    let mut seen = BTreeSet::new();
    if book.steps.len() > STEPS_MAX {
        judge.refuse(
            &["steps"],
            format!("the runbook has {} steps", book.steps.len()),
            format!("split it: at most {STEPS_MAX} can be kept in the journal"),
        );
    }
    for (index, step) in book.steps.iter().enumerate() {
        check_id(judge, index, step);
        if !seen.insert(&step.id) {
            judge.refuse_step(
                index,
                "id",
                format!("there are two steps {:?}", step.id),
                "rename one: each is named by `needs` and has a section of its own",
            );
        }
        check_needs(judge, index, step);
    }
    check_cycles(judge);
    let sound = judge.findings.count() == before;
    for (index, step) in book.steps.iter().enumerate() {
        check_timeout(judge, index, "timeout_s", &step.doing, true);
        check_keys(judge, index, &[], &step.doing);
        if let BookUndo::Does(undo) = &step.undo {
            check_timeout(judge, index, "undo", undo, false);
            check_keys(judge, index, &["undo"], undo);
        }
        if step.calls.is_some() {
            check_plain(judge, index, step);
        }
    }
    sound
}

fn check_id(judge: &mut Judge<'_>, index: usize, step: &BookStep) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if step.id.is_empty() || !step.id.chars().all(fits) {
        judge.refuse_step(
            index,
            "id",
            format!("{:?} can't be the name of a step", step.id),
            "write lower-case letters, digits and hyphens",
        );
    }
}

fn check_needs(judge: &mut Judge<'_>, index: usize, step: &BookStep) {
    let mut seen = BTreeSet::new();
    for (position, id) in step.needs.iter().enumerate() {
        let path = ["steps", &index.to_string(), "needs", &position.to_string()];
        if judge.book.index(id).is_none() {
            let known: Vec<&str> = judge.book.steps.iter().map(|step| step.id.as_str()).collect();
            judge.refuse(
                &path,
                format!("{:?} needs {id:?}, and there is no such step", step.id),
                format!("name one of {}", known.join(", ")),
            );
        }
        if !seen.insert(id) {
            judge.refuse(&path, format!("{id:?} stands here twice"), "remove one");
        }
    }
}

/// A step that comes before itself. One step of each cycle is named, with the way around.
fn check_cycles(judge: &mut Judge<'_>) {
    let book = judge.book;
    let before = book.before();
    let mut told = BTreeSet::new();
    for (index, step) in book.steps.iter().enumerate() {
        if !before[index].contains(&index) || told.contains(&index) {
            continue;
        }
        let cycle: Vec<usize> =
            before[index].iter().copied().filter(|it| before[*it].contains(&index)).collect();
        let ids: Vec<&str> = cycle.iter().map(|&it| book.steps[it].id.as_str()).collect();
        judge.refuse_step(
            index,
            "needs",
            format!("{:?} needs itself, by way of {}", step.id, ids.join(", ")),
            "take one of them out of another's `needs`: none of them could ever begin",
        );
        told.extend(cycle);
    }
}

fn check_timeout(judge: &mut Judge<'_>, index: usize, key: &str, doing: &Doing, required: bool) {
    let kind = doing.kind;
    match (&doing.timeout_s, kind.limits_itself()) {
        (Some(_), true) => {
            let own = kind.keys.iter().find(|key| key.shape == Shape::Seconds);
            let limits = own.map_or_else(
                || "each step of the runbook that is called has its own".to_owned(),
                |key| format!("`{}` is its time limit", key.name),
            );
            let what = format!("`timeout_s` is not for a step of kind `{}`", kind.name);
            judge.refuse_step(index, key, what, format!("remove it: {limits}"));
        }
        (None, false) if required => judge.refuse_step(
            index,
            key,
            "the step has no time limit, so that it could wait for ever",
            "add `timeout_s`",
        ),
        (Some(template), false) => {
            let index = index.to_string();
            check_reference(judge, &["steps", &index, key], template, Shape::Seconds, true);
        }
        (None, _) => {}
    }
}

fn check_keys(judge: &mut Judge<'_>, index: usize, below: &[&str], doing: &Doing) {
    let index = index.to_string();
    for (name, template) in &doing.keys {
        let Some(spec) = doing.kind.key(name) else { continue };
        let required = spec.required || [IN, OUTSIDE].contains(&spec.name);
        let path = [&["steps", index.as_str()], below, &[name.as_str()]].concat();
        check_reference(judge, &path, template, spec.shape, required);
    }
}

/// Whether what a key refers to exists and fits.
pub(super) fn check_reference(
    judge: &mut Judge<'_>,
    path: &[&str],
    template: &Template,
    shape: Shape,
    required: bool,
) {
    let whole = template.is_reference();
    for name in template.references() {
        let Some(parameter) = judge.book.parameter(name) else {
            let known: Vec<String> =
                judge.book.parameters.iter().map(|it| format!("`{{{}}}`", it.name)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            judge.refuse(
                path,
                format!("`{{{name}}}` refers to a parameter that there is not"),
                format!("correct it, or declare it in [[parameters]]; there are {known}"),
            );
            continue;
        };
        let given = parameter.required || parameter.default.is_some();
        if shape == Shape::Text {
            if !given && parameter.kind != ParameterKind::Service {
                judge.refuse(
                    path,
                    format!("`{{{name}}}` may be left out, and the text says nothing then"),
                    "give it a default, or make it required",
                );
            }
        } else if whole.is_none() {
            judge.refuse(
                path,
                format!("{:?} is more than a reference", template.as_str()),
                format!("write `{{{name}}}` alone, or a value without one"),
            );
        } else if parameter.kind.shape() != shape {
            judge.refuse(
                path,
                format!(
                    "`{{{name}}}` is a {}, and here stands {}",
                    parameter.kind.name(),
                    shape.in_words()
                ),
                "refer to a parameter of that kind",
            );
        } else if required && !given {
            judge.refuse(
                path,
                format!("`{{{name}}}` may be left out, and this key may not"),
                "give it a default, or make it required",
            );
        }
    }
}

/// A sub-runbook's steps have all of this of their own.
fn check_plain(judge: &mut Judge<'_>, index: usize, step: &BookStep) {
    let remedy = "remove it: each step of the runbook that is called says so itself";
    if step.on_failure != OnFailure::Stop {
        judge.refuse_step(index, "on_failure", "a `runbook` does not fail as a whole", remedy);
    }
    if !matches!(step.undo, BookUndo::Unsaid) {
        judge.refuse_step(index, "undo", "a `runbook` is not undone as a whole", remedy);
    }
    if step.one_way {
        judge.refuse_step(index, "one_way", "a `runbook` is not one way as a whole", remedy);
    }
}
