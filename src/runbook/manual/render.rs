//! A runbook as a page of Markdown that can be followed by hand.

use std::fmt::Write as _;

use super::names::Names;
use super::references::{Scope, reference};
use super::rows::{Row, fleet_row, rows, target_row};
use crate::runbook::action::Action;
use crate::runbook::bind::{Arguments, Bound, NotBound};
use crate::runbook::book::{PartKind, Piece, Section, Template};
use crate::runbook::library::Library;
use crate::runbook::procedure::{OnFailure, Step};

/// What every page says before its first step.
const PREAMBLE: &str = include_str!("preamble.md");

/// Renders a runbook, bound to its arguments, with the fleet's names in it.
///
/// # Errors
/// When it can't be bound.
pub fn manual(
    library: &Library,
    name: &str,
    arguments: &Arguments,
    names: &Names,
) -> Result<String, NotBound> {
    let (book, values, steps) = library.expand(name, arguments)?;
    let fleet = fleet_row(names);
    let mut page = Page { text: String::new(), names, fleet: &fleet };
    page.line(&format!("# {}\n", book.title_with(&values)));
    page.line(&format!("{}\n", book.summary_with(&values)));
    page.line(&format!("By hand, for the fleet `{}`{}.\n", names.fleet, told(&values)));
    if steps.iter().any(|bound| is_for_the_leader(&bound.step)) {
        let order = order(name, arguments);
        page.line(&format!(
            "If `regent status` shows a leader, let it do this:\n\n```sh\n{order}\n```\n"
        ));
    }
    page.pieces(&book.prose.intro, &values, None);
    for section in &book.prose.sections {
        if ["When to use it", "Before you begin"].contains(&section.name.as_str()) {
            page.other(section, &values);
        }
    }
    page.line("## First, keep automation out of it\n");
    page.line(&fill(PREAMBLE, &[&fleet], &values));
    for (number, bound) in steps.iter().enumerate() {
        page.step(number, bound, &steps);
    }
    for section in &book.prose.sections {
        if section.name == "Afterwards" {
            page.other(section, &values);
        }
    }
    Ok(page.text.trim_end().to_owned() + "\n")
}

/// Whether there is something in a step that a leader does better.
const fn is_for_the_leader(step: &Step) -> bool {
    !step.action.is_for_a_person() && !matches!(step.action, Action::Notify { .. })
}

/// The command that has the leader do it.
fn order(name: &str, arguments: &Arguments) -> String {
    let mut order = format!("regent runbook run {name}");
    for (name, value) in arguments {
        let _ = write!(order, " --set '{name}={}'", value.replace('\'', "'\\''"));
    }
    order + " --reason 'see the incident'"
}

fn told(values: &Arguments) -> String {
    let told: Vec<String> =
        values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if told.is_empty() { String::new() } else { format!(", with {}", told.join(", ")) }
}

struct Page<'p> {
    text: String,
    names: &'p Names,
    fleet: &'p Row,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn other(&mut self, section: &Section, values: &Arguments) {
        self.line(&format!("## {}\n", section.name));
        for part in &section.parts {
            if part.kind != PartKind::What {
                self.line(&format!("### {}\n", part.heading));
            }
            self.pieces(&part.pieces, values, None);
        }
    }

    fn step(&mut self, number: usize, bound: &Bound<'_>, all: &[Bound<'_>]) {
        let step = &bound.step;
        let section = bound.book.prose.section(&bound.source.id);
        let title = section.and_then(|section| section.title.as_deref()).unwrap_or(&step.id);
        self.line(&format!("## {}. {}\n", number + 1, filled(title, &bound.values)));
        self.line(&format!("*{}*\n", facts(number, step, all)));
        for part in section.into_iter().flat_map(|section| &section.parts) {
            if part.kind != PartKind::What {
                self.line(&format!("### {}\n", part.heading));
            }
            let action = match (&step.undo, part.kind) {
                (Some(undo), PartKind::UndoByHand) => &undo.action,
                _ => &step.action,
            };
            self.pieces(&part.pieces, &bound.values, Some(action));
        }
    }

    fn pieces(&mut self, pieces: &[Piece], values: &Arguments, action: Option<&Action>) {
        let target = action.map(|action| target_row(self.names, action)).unwrap_or_default();
        for piece in pieces {
            match piece {
                Piece::Text { text, .. } => {
                    let text = fill(text, &[self.fleet, &target], values);
                    self.line(&format!("{text}\n"));
                }
                Piece::Code { language, code, .. } => {
                    let code = self.code(code, values, action, &target);
                    self.line(&format!("```{language}\n{code}\n```\n"));
                }
            }
        }
    }

    /// A block, repeated for each row that it refers to. Repetitions that are alike stand once.
    fn code(
        &self,
        code: &str,
        values: &Arguments,
        action: Option<&Action>,
        target: &Row,
    ) -> String {
        let template = Template::new(code.trim_end());
        let references = template.references();
        let unsaid = references.iter().filter_map(|name| reference(name)).find(|it| {
            it.scope == Scope::Target
                && !values.contains_key(it.name)
                && !target.contains_key(it.name)
        });
        if let Some(unsaid) = unsaid {
            return format!("# the fleet's files don't say {}", unsaid.about);
        }
        let scope = references
            .iter()
            .filter(|name| !values.contains_key(**name))
            .filter_map(|name| reference(name))
            .map(|reference| reference.scope)
            .find(|scope| matches!(scope, Scope::Seat | Scope::Placement | Scope::Cluster));
        let Some(scope) = scope else {
            return fill(code.trim_end(), &[self.fleet, target], values);
        };
        let mut blocks: Vec<String> = Vec::new();
        for (label, row) in rows(self.names, scope, action) {
            let missing = references.iter().find(|name| {
                reference(name).is_some_and(|it| it.scope == scope) && !row.contains_key(**name)
            });
            let block = match missing {
                Some(name) => {
                    let what = reference(name).map_or(*name, |reference| reference.about);
                    format!("# {label}: the fleet's files don't say {what}")
                }
                None => fill(code.trim_end(), &[&row, self.fleet, target], values),
            };
            if !blocks.contains(&block) {
                blocks.push(block);
            }
        }
        if blocks.is_empty() {
            return format!("# the fleet's files name no {}", plural(scope));
        }
        blocks.join("\n\n")
    }
}

const fn plural(scope: Scope) -> &'static str {
    match scope {
        Scope::Seat => "seats",
        Scope::Cluster | Scope::Target => "such database",
        Scope::Placement | Scope::Fleet => "such service",
    }
}

/// What holds of a step, in a line.
fn facts(number: usize, step: &Step, all: &[Bound<'_>]) -> String {
    let mut line = format!("`{}`: {}", step.id, step.action);
    let after: Vec<String> =
        step.needs.iter().map(|&needs| format!("{} `{}`", needs + 1, all[needs].step.id)).collect();
    let is_plain = number.checked_sub(1).is_some_and(|before| step.needs.iter().eq([&before]));
    if !after.is_empty() && !is_plain {
        let _ = write!(line, "; after {}", after.join(" and "));
    }
    let _ = write!(line, "; at most {} s", step.timeout_s);
    if let Some(usual_s) = step.usual_s {
        let _ = write!(line, ", usually {usual_s} s");
    }
    line.push_str(match step.on_failure {
        OnFailure::Stop | OnFailure::Retry { .. } => "",
        OnFailure::Undo => "; if it fails, undo what was done, the last first",
        OnFailure::Skip => "; if it fails, go on",
    });
    if step.one_way {
        line.push_str("; **it can't be undone**");
    }
    line
}

fn filled(text: &str, values: &Arguments) -> String {
    fill(text, &[], values)
}

fn fill(text: &str, rows: &[&Row], values: &Arguments) -> String {
    Template::new(text).fill(|name| {
        let of_the_fleet = || rows.iter().find_map(|row| row.get(name));
        let absent = reference(name).is_none().then_some("every service");
        values.get(name).or_else(of_the_fleet).map(String::as_str).or(absent)
    })
}
