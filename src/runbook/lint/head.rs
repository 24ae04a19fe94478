//! Rules about a runbook's head: its name, what it says of itself, its parameters.

use std::collections::BTreeSet;

use super::Judge;
use super::steps::check_reference;
use crate::runbook::book::kinds::Shape;
use crate::runbook::book::{Book, BookUndo, Doing, Parameter, Template, is_name};
use crate::runbook::manual::REFERENCES;

pub(super) fn check(judge: &mut Judge<'_>, stem: &str) {
    let book = judge.book;
    if book.name != stem {
        judge.refuse(
            &["name"],
            format!("the runbook is named {:?}, and its file {stem:?}", book.name),
            "give both one name",
        );
    }
    for (key, text) in [("title", &book.title), ("summary", &book.summary)] {
        if text.trim().is_empty() {
            judge.refuse(&[key], format!("`{key}` is empty"), "say it in a line");
        }
        check_reference(judge, &[key], &Template::new(text.as_str()), Shape::Text, true);
    }
    if book.steps.is_empty() {
        judge.refuse(&["steps"], "the runbook has no steps", "add [[steps]] with id and kind");
    }
    let mut seen = BTreeSet::new();
    let used = used(book);
    for (index, parameter) in book.parameters.iter().enumerate() {
        if !seen.insert(&parameter.name) {
            judge.refuse(
                &["parameters", &index.to_string(), "name"],
                format!("there are two parameters {:?}", parameter.name),
                "rename or remove one",
            );
        }
        check_parameter(judge, index, parameter, &used);
    }
}

fn check_parameter(
    judge: &mut Judge<'_>,
    index: usize,
    parameter: &Parameter,
    used: &BTreeSet<String>,
) {
    let index = index.to_string();
    let at = |key: &'static str| ["parameters", index.as_str(), key];
    let name = &parameter.name;
    if !is_name(name) {
        judge.refuse(
            &at("name"),
            format!("{name:?} can't be the name of a parameter"),
            "write lower-case letters, digits and underscores, beginning with a letter",
        );
    } else if REFERENCES.iter().any(|reference| reference.name == name) {
        judge.refuse(
            &at("name"),
            format!("`{{{name}}}` stands for something of the fleet's in what people read"),
            "choose another name",
        );
    } else if !used.contains(name) {
        judge.refuse(&at("name"), format!("nothing uses `{{{name}}}`"), "use it, or remove it");
    }
    if parameter.description.trim().is_empty() {
        judge.refuse(&at("description"), "`description` is empty", "say what it is for");
    }
    if let Some(default) = &parameter.default {
        if parameter.required {
            judge.refuse(
                &at("default"),
                format!("{name:?} is required, so that its default is never used"),
                "remove `required` or `default`",
            );
        }
        if let Err(what) = parameter.kind.shape().accepts(default) {
            let remedy = format!("write {}", parameter.kind.shape().in_words());
            judge.refuse(&at("default"), format!("the default does not fit: {what}"), remedy);
        }
    }
}

/// The names that the steps refer to.
fn used(book: &Book) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut note = |template: &Template| {
        used.extend(template.references().into_iter().map(str::to_owned));
    };
    let mut note_doing = |doing: &Doing| {
        doing.keys.values().for_each(&mut note);
        doing.timeout_s.iter().for_each(&mut note);
    };
    for step in &book.steps {
        note_doing(&step.doing);
        if let BookUndo::Does(undo) = &step.undo {
            note_doing(undo);
        }
    }
    for call in book.steps.iter().filter_map(|step| step.calls.as_ref()) {
        call.with.values().for_each(&mut note);
    }
    used
}
