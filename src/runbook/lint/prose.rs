//! Rules about what people read: every step can be done by hand, by somebody who was woken for it.

use std::collections::BTreeSet;

use crate::problem::source::Source;
use crate::problem::{Findings, Place, Position};
use crate::runbook::action::Kind;
use crate::runbook::book::{
    Book, BookStep, BookUndo, Part, PartKind, Piece, Prose, Section, Template,
};
use crate::runbook::manual::{Scope, reference};

/// Sections that are about no step.
pub(in crate::runbook) const OTHER_SECTIONS: [&str; 3] =
    ["When to use it", "Before you begin", "Afterwards"];

/// Judges a file's prose. Without a book, only whether sections and steps belong together.
pub(super) fn check(
    prose: &Prose,
    source: &Source,
    ids: &[String],
    book: Option<&Book>,
    findings: &mut Findings,
) {
    let mut judge = Judge { source, findings };
    let mut seen = BTreeSet::new();
    for section in &prose.sections {
        let name = section.name.as_str();
        if !ids.iter().any(|id| id == name) && !OTHER_SECTIONS.contains(&name) {
            judge.refuse(
                section.at,
                format!("the section {name:?} is about no step"),
                format!(
                    "name a step before the colon, or head it with one of: {}",
                    OTHER_SECTIONS.join(", ")
                ),
            );
        }
        if !seen.insert(name) {
            judge.refuse(section.at, format!("there are two sections {name:?}"), "make them one");
        }
    }
    for (index, id) in ids.iter().enumerate().filter(|(_, id)| !seen.contains(id.as_str())) {
        judge.findings.refuse(
            source.place(&["steps", &index.to_string(), "id"]),
            format!("the step {id:?} has no section for people"),
            format!("add one: ## {id}: <what it does>"),
        );
    }
    let Some(book) = book else { return };
    for piece in &prose.intro {
        judge.check_references(piece, book, false);
    }
    for section in &prose.sections {
        let title = Piece::Text { text: section.title.clone().unwrap_or_default(), at: section.at };
        judge.check_references(&title, book, false);
        match book.steps.iter().find(|step| step.id == section.name) {
            Some(step) => judge.check_step(section, step, book),
            None => {
                for piece in section.parts.iter().flat_map(|part| &part.pieces) {
                    judge.check_references(piece, book, false);
                }
            }
        }
    }
}

struct Judge<'j> {
    source: &'j Source,
    findings: &'j mut Findings,
}

impl Judge<'_> {
    fn refuse(&mut self, at: Position, what: impl Into<String>, remedy: impl Into<String>) {
        let place = Place { position: Some(at), ..self.source.place(&[]) };
        self.findings.refuse(place, what, remedy);
    }

    fn check_step(&mut self, section: &Section, step: &BookStep, book: &Book) {
        let part = |kind| section.parts.iter().find(move |part| part.kind == kind);
        let says = |kind| part(kind).is_some_and(|part| !part.pieces.iter().all(Piece::is_blank));
        let id = &step.id;
        if !says(PartKind::What) {
            self.refuse(
                section.at,
                format!("the section {id:?} does not say what the step does"),
                "say it under the heading, in a sentence or two",
            );
        }
        if step.calls.is_none() {
            for kind in [PartKind::See, PartKind::ByHand] {
                let heading = kind.heading().unwrap_or_default();
                if !says(kind) {
                    self.refuse(
                        section.at,
                        format!("the section {id:?} has no part `### {heading}`"),
                        "add it: whoever reads it may have no controller",
                    );
                }
            }
        }
        if let Some(by_hand) = part(PartKind::ByHand) {
            self.check_commands(by_hand, step);
        }
        match (part(PartKind::UndoByHand), &step.undo) {
            (None, BookUndo::Does(_)) => self.refuse(
                section.at,
                format!("the step {id:?} can be undone, and its section does not say how"),
                format!("add `### {}`", PartKind::UndoByHand.heading().unwrap_or_default()),
            ),
            (Some(part), BookUndo::Unsaid | BookUndo::Nothing) => self.refuse(
                part.at,
                format!("nothing undoes the step {id:?}"),
                "remove this part, or say in the step what undoes it",
            ),
            _ => {}
        }
        for part in &section.parts {
            let doing = match (&step.undo, part.kind) {
                (BookUndo::Does(undo), PartKind::UndoByHand) => undo,
                _ => &step.doing,
            };
            let of_a_database = doing.kind.key("database").is_some();
            for piece in &part.pieces {
                self.check_references(piece, book, of_a_database);
            }
        }
    }

    fn check_commands(&mut self, part: &Part, step: &BookStep) {
        let commands: Vec<&str> = part.pieces.iter().filter_map(shell).collect();
        let without = matches!(step.doing.kind.kind, Some(Kind::Approve | Kind::ByHand) | None);
        if commands.is_empty() && !without {
            self.refuse(
                part.at,
                format!("nothing shows the commands for {:?}", step.id),
                "add a block fenced by ```sh and ```",
            );
        } else if step.doing.kind.by_aws && !commands.iter().any(|code| code.contains("aws ")) {
            self.refuse(
                part.at,
                format!("no command of AWS's is shown for {:?}", step.id),
                "show the `aws` commands that do it",
            );
        }
    }

    /// Whether what is referred to is known here, and commands are complete.
    fn check_references(&mut self, piece: &Piece, book: &Book, of_a_database: bool) {
        let (text, at, is_code) = match piece {
            Piece::Text { text, at } => (text, *at, false),
            Piece::Code { code, at, .. } => (code, *at, true),
        };
        let mut rows = BTreeSet::new();
        for name in Template::new(text.as_str()).references() {
            if book.parameter(name).is_some() {
                continue;
            }
            match reference(name).map(|it| it.scope) {
                Some(Scope::Fleet) => {}
                Some(Scope::Target) if of_a_database => {}
                Some(scope @ (Scope::Seat | Scope::Placement | Scope::Cluster)) => {
                    rows.insert(scope);
                    if !is_code {
                        self.refuse(
                            at,
                            format!("`{{{name}}}` may be several, and a sentence has room for one"),
                            "use it in a fenced block, which is repeated for each",
                        );
                    }
                }
                Some(Scope::Target) | None => self.refuse(
                    at,
                    format!("`{{{name}}}` stands for nothing here"),
                    "refer to a parameter, or to something of the fleet's that a step of this kind \
                     is about; a shell variable is written $name",
                ),
            }
        }
        if rows.len() > 1 {
            self.refuse(
                at,
                "the block would be repeated for two different things",
                "split it, so that each block refers to seats, or to services, or to clusters",
            );
        }
        if let Some(blank) = shell(piece).and_then(placeholder) {
            self.refuse(
                at,
                format!(
                    "{blank:?} is to be filled in, in a command that is to be run as it stands"
                ),
                "refer to a parameter or to the fleet, or read it into a shell variable first",
            );
        }
    }
}

fn shell(piece: &Piece) -> Option<&str> {
    match piece {
        Piece::Code { language, code, .. } if language == "sh" => Some(code),
        _ => None,
    }
}

/// The first `<something>` in a command.
fn placeholder(code: &str) -> Option<&str> {
    code.match_indices('<').find_map(|(open, _)| {
        let inner = &code[open + 1..];
        let close = inner.find(|c: char| !(c.is_ascii_alphanumeric() || " -_'".contains(c)))?;
        let begins = inner.starts_with(|c: char| c.is_ascii_alphabetic());
        let heredoc = code[..open].ends_with('<') || inner[..close].ends_with(' ');
        (begins && !heredoc && inner[close..].starts_with('>'))
            .then_some(&code[open..open + close + 2])
    })
}
