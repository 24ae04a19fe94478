//! Rules about runbooks that call others.

use std::collections::BTreeSet;

use super::{Judge, Reads, book_named};
use crate::runbook::book::{Book, Call, Template};
use crate::runbook::procedure::STEPS_MAX;

pub(super) fn check(judge: &mut Judge<'_>, all: &Reads) {
    let book = judge.book;
    for (index, step) in book.steps.iter().enumerate() {
        let Some(call) = &step.calls else { continue };
        if !all.contains_key(&call.name) {
            let known: Vec<&str> = all.keys().map(String::as_str).collect();
            judge.refuse_step(
                index,
                "name",
                format!("there is no runbook {:?}", call.name),
                format!("name one of {}", known.join(", ")),
            );
        } else if comes_back(all, &call.name, &book.name) {
            judge.refuse_step(
                index,
                "name",
                format!("{:?} calls {:?}, which comes back to it", book.name, call.name),
                "take one of the calls out: it would never end",
            );
        } else if let Some(called) = book_named(all, &call.name) {
            check_arguments(judge, index, call, called);
        }
    }
    let count = if judge.findings.count() == 0 { steps(all, book, 0) } else { 0 };
    if count > STEPS_MAX && book.steps.len() <= STEPS_MAX {
        judge.refuse(
            &["steps"],
            format!("with those that it calls, the runbook has {count} steps"),
            format!("split it: at most {STEPS_MAX} can be kept in the journal"),
        );
    }
}

/// The runbooks that one calls, however far.
fn called_by(all: &Reads, name: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        let calls = book_named(all, &name).into_iter().flat_map(|book| &book.steps);
        for call in calls.filter_map(|step| step.calls.as_ref()) {
            if seen.insert(call.name.clone()) {
                open.push(call.name.clone());
            }
        }
    }
    seen
}

fn comes_back(all: &Reads, from: &str, to: &str) -> bool {
    from == to || called_by(all, from).contains(to)
}

/// Steps of a runbook with those of what it calls. Calls that come back are refused where they
/// stand, and are not followed for ever here.
fn steps(all: &Reads, book: &Book, depth: usize) -> usize {
    let called = |call: &Call| book_named(all, &call.name).filter(|_| depth < all.len());
    let of = |call: &Call| called(call).map_or(1, |book| steps(all, book, depth + 1));
    book.steps.iter().map(|step| step.calls.as_ref().map_or(1, of)).sum()
}

/// Whether any step of a runbook, or of one that it calls, can't be undone.
pub(super) fn is_one_way(all: &Reads, name: &str) -> bool {
    called_by(all, name)
        .iter()
        .map(String::as_str)
        .chain([name])
        .filter_map(|name| book_named(all, name))
        .any(|book| book.steps.iter().any(|step| step.one_way))
}

fn check_arguments(judge: &mut Judge<'_>, index: usize, call: &Call, called: &Book) {
    for (name, template) in &call.with {
        let index = index.to_string();
        let path = ["steps", index.as_str(), "with", name.as_str()];
        let Some(parameter) = called.parameter(name) else {
            let known: Vec<&str> = called.parameters.iter().map(|it| it.name.as_str()).collect();
            judge.refuse(
                &path,
                format!("{:?} has no parameter `{name}`", call.name),
                format!("its parameters are {}", known.join(", ")),
            );
            continue;
        };
        check_argument(judge, &path, template, parameter);
    }
    for parameter in called.parameters.iter().filter(|parameter| parameter.required) {
        if !call.with.contains_key(&parameter.name) {
            judge.refuse_step(
                index,
                "with",
                format!("{:?} must be told `{}`", call.name, parameter.name),
                format!("add it to `with`: {}", parameter.kind.shape().in_words()),
            );
        }
    }
}

fn check_argument(
    judge: &mut Judge<'_>,
    path: &[&str],
    template: &Template,
    parameter: &crate::runbook::book::Parameter,
) {
    let optional = !parameter.required && parameter.default.is_none();
    super::steps::check_reference(judge, path, template, parameter.kind.shape(), !optional);
    if template.references().is_empty()
        && let Err(what) = parameter.kind.shape().accepts(template.as_str())
    {
        let remedy = format!("write {}", parameter.kind.shape().in_words());
        judge.refuse(path, format!("`{}` does not fit: {what}", parameter.name), remedy);
    }
}
