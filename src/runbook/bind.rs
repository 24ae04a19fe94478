//! From a runbook and its arguments to a [`Procedure`]: references filled, sub-runbooks expanded.
//!
//! A sub-runbook's steps stand where the step that calls it stood: its first steps need what that
//! step needed, and what needed that step needs its last steps.

use std::collections::{BTreeMap, BTreeSet};

use super::book::value::ParameterKind;
use super::book::{Book, BookStep, BookUndo};
use super::fill::{action, filled};
use super::library::Library;
use super::procedure::{Procedure, Step, Undo, Unsound};

/// Arguments by the name of their parameter.
pub type Arguments = BTreeMap<String, String>;

/// Added to a `bake`, which ends by itself: what lasts longer has been forgotten.
pub(super) const BAKE_SLACK_S: u32 = 60;

/// Why a runbook can't be bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBound {
    /// There is none of that name.
    #[error("there is no runbook {name:?}; there are {known}")]
    NoSuchBook {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// It has no such parameter.
    #[error("{book:?} has no parameter {name:?}; its parameters are {known}")]
    NoSuchParameter {
        /// The runbook.
        book: String,
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// It must be told more.
    #[error("{book:?} must be told {name}: {description}")]
    Missing {
        /// The runbook.
        book: String,
        /// The parameter.
        name: String,
        /// What it is for.
        description: String,
    },
    /// An argument can't be what it is to be.
    #[error("{name} does not fit: {what}")]
    DoesNotFit {
        /// The parameter, or the key of a step.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The procedure can't be executed.
    #[error(transparent)]
    Unsound(#[from] Unsound),
}

/// A step that was bound, and where it comes from.
pub(super) struct Bound<'l> {
    pub(super) step: Step,
    pub(super) book: &'l Book,
    pub(super) source: &'l BookStep,
    /// The arguments of its runbook.
    pub(super) values: Arguments,
}

impl Library {
    /// Binds a runbook to its arguments.
    ///
    /// # Errors
    /// When there is no such runbook, or the arguments are not what it must be told.
    pub fn bind(&self, name: &str, arguments: &Arguments) -> Result<Procedure, NotBound> {
        let (book, arguments, steps) = self.expand(name, arguments)?;
        let steps = steps.into_iter().map(|bound| bound.step).collect();
        let title = book.title_with(&arguments);
        let procedure = Procedure { book: book.name.clone(), title, arguments, steps };
        procedure.check()?;
        Ok(procedure)
    }

    /// The steps of a runbook and those that it calls, in an order in which each needs only earlier
    /// ones.
    pub(super) fn expand(
        &self,
        name: &str,
        arguments: &Arguments,
    ) -> Result<(&Book, Arguments, Vec<Bound<'_>>), NotBound> {
        let book = self.book(name).ok_or_else(|| NotBound::NoSuchBook {
            name: name.to_owned(),
            known: self.books().map(|book| book.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let values = values(book, arguments)?;
        let mut steps = Vec::new();
        Expansion { library: self, steps: &mut steps }.book(book, &values, "", &BTreeSet::new())?;
        Ok((book, values, steps))
    }
}

/// The arguments with defaults for those that were not given.
fn values(book: &Book, arguments: &Arguments) -> Result<Arguments, NotBound> {
    if let Some(name) = arguments.keys().find(|name| book.parameter(name).is_none()) {
        return Err(NotBound::NoSuchParameter {
            book: book.name.clone(),
            name: name.clone(),
            known: match book.parameters.as_slice() {
                [] => "none".to_owned(),
                them => them.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", "),
            },
        });
    }
    let mut values = Arguments::new();
    for parameter in &book.parameters {
        match arguments.get(&parameter.name).or(parameter.default.as_ref()) {
            Some(value) => {
                parameter
                    .kind
                    .shape()
                    .accepts(value)
                    .map_err(|what| NotBound::DoesNotFit { name: parameter.name.clone(), what })?;
                values.insert(parameter.name.clone(), value.clone());
            }
            None if parameter.required => {
                return Err(NotBound::Missing {
                    book: book.name.clone(),
                    name: parameter.name.clone(),
                    description: parameter.description.clone(),
                });
            }
            None => {}
        }
    }
    Ok(values)
}

struct Expansion<'e, 'l> {
    library: &'l Library,
    steps: &'e mut Vec<Bound<'l>>,
}

impl<'l> Expansion<'_, 'l> {
    /// Adds a runbook's steps. Gives the indices of those that come last.
    fn book(
        &mut self,
        book: &'l Book,
        values: &Arguments,
        prefix: &str,
        entry: &BTreeSet<usize>,
    ) -> Result<BTreeSet<usize>, NotBound> {
        let mut ends: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let mut open: Vec<&BookStep> = book.steps.iter().collect();
        // The first whose needs are there; the linter has seen that there always is one.
        while let Some(at) =
            open.iter().position(|step| step.needs.iter().all(|id| ends.contains_key(id.as_str())))
        {
            let step = open.remove(at);
            let mut needs: BTreeSet<usize> =
                step.needs.iter().flat_map(|id| ends[id.as_str()].iter().copied()).collect();
            if step.needs.is_empty() {
                needs.clone_from(entry);
            }
            let end = self.step(book, step, values, prefix, needs)?;
            ends.insert(&step.id, end);
        }
        let needed: BTreeSet<&str> =
            book.steps.iter().flat_map(|step| &step.needs).map(String::as_str).collect();
        Ok(ends
            .into_iter()
            .filter(|(id, _)| !needed.contains(id))
            .flat_map(|(_, end)| end)
            .collect())
    }

    fn step(
        &mut self,
        book: &'l Book,
        source: &'l BookStep,
        values: &Arguments,
        prefix: &str,
        needs: BTreeSet<usize>,
    ) -> Result<BTreeSet<usize>, NotBound> {
        let id = format!("{prefix}{}", source.id);
        if let Some(call) = &source.calls {
            let called = self.library.book(&call.name).ok_or_else(|| NotBound::NoSuchBook {
                name: call.name.clone(),
                known: "those that are without a problem".to_owned(),
            })?;
            let given = call
                .with
                .iter()
                .filter_map(|(name, template)| {
                    let shape = called.parameter(name)?.kind;
                    Some((name.clone(), filled(template, values, shape == ParameterKind::Text)?))
                })
                .collect();
            let inner = self::values(called, &given)?;
            return self.book(called, &inner, &format!("{id}/"), &needs);
        }
        let (does, timeout_s) = action(&source.doing, values)?;
        let undo = match &source.undo {
            BookUndo::Does(doing) => {
                let (back, own_s) = action(doing, values)?;
                Some(Undo { action: back, timeout_s: own_s.or(timeout_s).unwrap_or(BAKE_SLACK_S) })
            }
            BookUndo::Unsaid | BookUndo::Nothing => None,
        };
        let step = Step {
            id,
            autonomy: source.autonomy.or_else(|| does.autonomy()),
            usual_s: source.usual_s.or_else(|| does.usual_s()),
            action: does,
            needs,
            timeout_s: timeout_s.unwrap_or(BAKE_SLACK_S),
            on_failure: source.on_failure,
            undo,
            one_way: source.one_way,
        };
        self.steps.push(Bound { step, book, source, values: values.clone() });
        Ok(BTreeSet::from([self.steps.len() - 1]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::action::Action;
    use super::*;

    const STEP: &str = "timeout_s = 5\nundo = { kind = \"resume\" }\n";

    /// A runbook of `pause` steps in this order, each with what it needs, and its prose.
    fn book(name: &str, steps: &[(&str, &[&str])], more: &str) -> (String, String) {
        let mut text = format!(
            "+++\nname = \"{name}\"\ntitle = \"For {{who}}\"\nsummary = \"s\"\n[[parameters]]\n\
             name = \"who\"\nkind = \"service\"\nrequired = false\ndescription = \"d\"\n{more}"
        );
        let mut prose = String::from("+++\n");
        for (id, needs) in steps {
            text += &format!(
                "[[steps]]\nid = \"{id}\"\nkind = \"pause\"\nreason = \"for {{who}}\"\n\
                 needs = {needs:?}\n{STEP}"
            );
            prose += &format!(
                "## {id}\nIt does.\n### How to see that it worked\nSo.\n### By hand\n```sh\ntrue\n\
                 ```\n### To undo it by hand\nSo.\n"
            );
        }
        if more.contains("\"call\"") {
            prose += "## call\nIt calls.\n";
        }
        (format!("{name}.md"), text + &prose)
    }

    fn library(books: &[(String, String)]) -> Library {
        let (library, problems) = Library::read(books.to_vec());
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(problems.is_empty(), "{}", told.join("\n"));
        library
    }

    fn plan(library: &Library, name: &str) -> Vec<(String, Vec<usize>)> {
        let procedure = library.bind(name, &Arguments::new()).expect("it can be bound");
        let steps = procedure.steps.into_iter();
        steps.map(|step| (step.id, step.needs.into_iter().collect())).collect()
    }

    #[test]
    fn steps_stand_behind_what_they_need_and_else_as_in_the_file() {
        let library = library(&[book("a", &[("z", &["y"]), ("x", &[]), ("y", &["x"])], "")]);
        assert_eq!(
            plan(&library, "a"),
            [("x".to_owned(), vec![]), ("y".to_owned(), vec![0]), ("z".to_owned(), vec![1])]
        );
    }

    #[test]
    fn a_called_runbook_stands_between_what_comes_before_and_after_the_call() {
        let inner = book("inner", &[("p", &[]), ("q", &[]), ("r", &["p"])], "");
        let call = "[[steps]]\nid = \"call\"\nkind = \"runbook\"\nname = \"inner\"\n\
                    with = { who = \"{who}\" }\nneeds = [\"first\"]\n";
        let outer = book("outer", &[("last", &["call"]), ("first", &[])], call);
        let library = library(&[inner, outer]);
        let named = |name: &str, needs: &[usize]| (name.to_owned(), needs.to_vec());
        assert_eq!(
            plan(&library, "outer"),
            [
                named("first", &[]),
                named("call/p", &[0]),
                named("call/q", &[0]),
                named("call/r", &[1]),
                named("last", &[2, 3]),
            ]
        );
    }

    #[test]
    fn a_service_that_is_not_named_is_every_service() {
        let library = library(&[book("a", &[("x", &[])], "")]);
        let bound = library.bind("a", &Arguments::new()).expect("it can be bound");
        assert_eq!(bound.title, "For every service");
        assert_eq!(bound.steps[0].action, Action::Pause { reason: "for every service".to_owned() });
        let told = Arguments::from([("who".to_owned(), "web".to_owned())]);
        let bound = library.bind("a", &told).expect("it can be bound");
        assert_eq!(bound.title, "For web");
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let library = library(&[book("a", &[("x", &[])], "")]);
        let error = library.bind("b", &Arguments::new()).expect_err("there is none");
        assert_eq!(error.to_string(), "there is no runbook \"b\"; there are a");
        let told = Arguments::from([("hwo".to_owned(), "web".to_owned())]);
        let error = library.bind("a", &told).expect_err("there is none");
        assert_eq!(error.to_string(), "\"a\" has no parameter \"hwo\"; its parameters are who");
    }
}
