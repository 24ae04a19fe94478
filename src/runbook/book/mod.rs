//! A runbook as it is written: parameters, steps with references in them, prose.

pub mod kinds;
mod prose;
mod read;
mod template;
pub mod value;

use std::collections::{BTreeMap, BTreeSet};

pub use prose::{Part, PartKind, Piece, Prose, Section};
pub(super) use read::{Read, read};
pub use template::{Template, is_name};

use super::procedure::OnFailure;
use crate::domain::autonomy::ActionKind;
use crate::problem::source::Source;
use kinds::KindSpec;
use value::ParameterKind;

/// A runbook.
#[derive(Debug)]
pub struct Book {
    /// Its name, as in its file's.
    pub name: String,
    /// What it does, in a few words.
    pub title: String,
    /// When to use it, in a sentence or two.
    pub summary: String,
    /// What it is bound to.
    pub parameters: Vec<Parameter>,
    /// What is done, in the order of the file.
    pub steps: Vec<BookStep>,
    /// What people read.
    pub prose: Prose,
    /// Where everything stands.
    pub(super) source: Source,
}

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    /// How references name it.
    pub name: String,
    /// What it may be.
    pub kind: ParameterKind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is when it isn't given.
    pub default: Option<String>,
    /// What it is for.
    pub description: String,
}

/// A step.
#[derive(Debug)]
pub struct BookStep {
    /// Its name within the runbook.
    pub id: String,
    /// What it does, and with what.
    pub doing: Doing,
    /// The runbook whose steps stand here, if it is of that kind.
    pub calls: Option<Call>,
    /// The steps that come before it.
    pub needs: Vec<String>,
    /// What follows when an attempt fails.
    pub on_failure: OnFailure,
    /// What takes it back.
    pub undo: BookUndo,
    /// Whether there is only forward once it has begun.
    pub one_way: bool,
    /// How long it usually takes, in seconds, for those who wait.
    pub usual_s: Option<u32>,
    /// The fleet's rule that governs it; that of its action if none is named.
    pub autonomy: Option<ActionKind>,
}

/// An action as it is written.
#[derive(Debug)]
pub struct Doing {
    /// Its kind.
    pub kind: &'static KindSpec,
    /// Its keys.
    pub keys: BTreeMap<String, Template>,
    /// Longest time for one attempt, unless its kind has a key for that.
    pub timeout_s: Option<Template>,
}

/// A call of another runbook.
#[derive(Debug)]
pub struct Call {
    /// Which.
    pub name: String,
    /// Its arguments.
    pub with: BTreeMap<String, Template>,
}

/// What a runbook says of taking a step back.
#[derive(Debug)]
pub enum BookUndo {
    /// Nothing is said.
    Unsaid,
    /// That it is left as it is.
    Nothing,
    /// How.
    Does(Doing),
}

impl Book {
    /// The parameter of this name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The index of the step of this name.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// For each step the indices of those that come before it, however far.
    #[must_use]
    pub(super) fn before(&self) -> Vec<BTreeSet<usize>> {
        let needs = |step: usize| self.steps[step].needs.iter().filter_map(|id| self.index(id));
        (0..self.steps.len())
            .map(|step| {
                let mut before = BTreeSet::new();
                let mut open: Vec<usize> = needs(step).collect();
                while let Some(next) = open.pop() {
                    if before.insert(next) {
                        open.extend(needs(next));
                    }
                }
                before
            })
            .collect()
    }
}
