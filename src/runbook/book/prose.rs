//! What people read: sections, their parts, and the commands in them.
//!
//! A section is headed `## <step>` or `## <step>: <title>`. Its parts are what stands under the
//! heading, and what stands under each `### …` in it.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use crate::problem::Position;

/// A runbook's Markdown.
#[derive(Debug, Default)]
pub struct Prose {
    /// What stands before the first section.
    pub intro: Vec<Piece>,
    /// The sections, in the order of the file.
    pub sections: Vec<Section>,
}

/// What stands under one `##`.
#[derive(Debug)]
pub struct Section {
    /// The heading up to its colon.
    pub name: String,
    /// The heading behind its colon.
    pub title: Option<String>,
    /// Where the heading stands.
    pub at: Position,
    /// Its parts; the first is what stands under the heading itself.
    pub parts: Vec<Part>,
}

/// A part of a section.
#[derive(Debug)]
pub struct Part {
    /// Which.
    pub kind: PartKind,
    /// Its heading; empty for the first.
    pub heading: String,
    /// Where it begins.
    pub at: Position,
    /// What stands in it.
    pub pieces: Vec<Piece>,
}

/// The parts that a step's section has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// What the step does.
    What,
    /// How to see that it worked.
    See,
    /// How to do it by hand.
    ByHand,
    /// How to undo it by hand.
    UndoByHand,
    /// Something else that the author found worth saying.
    Other,
}

impl PartKind {
    /// The heading of the part.
    #[must_use]
    pub const fn heading(self) -> Option<&'static str> {
        match self {
            Self::What | Self::Other => None,
            Self::See => Some("How to see that it worked"),
            Self::ByHand => Some("By hand"),
            Self::UndoByHand => Some("To undo it by hand"),
        }
    }

    fn of(heading: &str) -> Self {
        [Self::See, Self::ByHand, Self::UndoByHand]
            .into_iter()
            .find(|kind| kind.heading().is_some_and(|own| own.eq_ignore_ascii_case(heading)))
            .unwrap_or(Self::Other)
    }
}

/// Markdown, or a fenced block of code in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Markdown.
    Text {
        /// As written.
        text: String,
        /// Where it begins.
        at: Position,
    },
    /// A fenced block.
    Code {
        /// The word behind the fence, such as `sh`.
        language: String,
        /// What stands between the fences.
        code: String,
        /// Where it begins.
        at: Position,
    },
}

impl Piece {
    /// Whether there is nothing to read in it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        let (Self::Text { text, .. } | Self::Code { code: text, .. }) = self;
        text.trim().is_empty()
    }
}

/// A heading or a fenced block, and where it stands in the file.
enum Mark {
    Section(String),
    Part(String),
    Code { language: String, code: String },
}

impl Prose {
    /// Reads the Markdown of a file that begins at the byte `body`.
    pub(super) fn read(file: &str, body: usize) -> Self {
        let mut prose = Self::default();
        let mut at = body;
        for (span, mark) in marks(file, body) {
            prose.text(file, at..span.start);
            at = span.end;
            let position = Position::of(file, span.start);
            match mark {
                Mark::Section(heading) => prose.sections.push(section(&heading, position)),
                Mark::Part(heading) => prose.part(&heading, position),
                Mark::Code { language, code } => {
                    prose.pieces().push(Piece::Code { language, code, at: position });
                }
            }
        }
        prose.text(file, at..file.len());
        prose
    }

    /// The section about this step.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    fn pieces(&mut self) -> &mut Vec<Piece> {
        match self.sections.last_mut().and_then(|section| section.parts.last_mut()) {
            Some(part) => &mut part.pieces,
            None => &mut self.intro,
        }
    }

    fn text(&mut self, file: &str, span: Range<usize>) {
        let text = &file[span.clone()];
        if !text.trim().is_empty() {
            let blank = text.len() - text.trim_start().len();
            let at = Position::of(file, span.start + blank);
            self.pieces().push(Piece::Text { text: text.trim().to_owned(), at });
        }
    }

    fn part(&mut self, heading: &str, at: Position) {
        if let Some(section) = self.sections.last_mut() {
            let heading = heading.to_owned();
            let kind = PartKind::of(&heading);
            section.parts.push(Part { kind, heading, at, pieces: Vec::new() });
        }
    }
}

fn section(heading: &str, at: Position) -> Section {
    let (name, title) = match heading.split_once(':') {
        Some((name, title)) => (name.trim(), Some(title.trim().to_owned())),
        None => (heading.trim(), None),
    };
    let what = Part { kind: PartKind::What, heading: String::new(), at, pieces: Vec::new() };
    Section { name: name.to_owned(), title, at, parts: vec![what] }
}

/// Headings of the second and third level and fenced blocks, with their spans in the file.
fn marks(file: &str, body: usize) -> Vec<(Range<usize>, Mark)> {
    let mut marks = Vec::new();
    let mut heading: Option<String> = None;
    let mut block: Option<(String, String)> = None;
    for (event, span) in Parser::new(&file[body..]).into_offset_iter() {
        let span = body + span.start..body + span.end;
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2 | HeadingLevel::H3, .. }) => {
                heading = Some(String::new());
            }
            Event::End(TagEnd::Heading(level @ (HeadingLevel::H2 | HeadingLevel::H3))) => {
                let text = heading.take().unwrap_or_default();
                let is_section = level == HeadingLevel::H2;
                marks.push((span, if is_section { Mark::Section(text) } else { Mark::Part(text) }));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                block = Some((language.trim().to_owned(), String::new()));
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((language, code)) = block.take() {
                    marks.push((span, Mark::Code { language, code }));
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, code)) = &mut block {
                    code.push_str(&text);
                } else if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_parts_and_blocks_stand_where_they_were_written() {
        let file = "+++\n+++\nFirst.\n\n## `a`: Do a\nIt does a.\n\n### By hand\n\nSo:\n\n```sh\naws a\n\
                    ```\n\n## b\n";
        let prose = Prose::read(file, 8);
        let text = |text: &str, line, column| Piece::Text {
            text: text.to_owned(),
            at: Position { line, column },
        };
        assert_eq!(prose.intro, [text("First.", 3, 1)]);
        let [a, b] = prose.sections.as_slice() else { panic!("two sections: {prose:?}") };
        assert_eq!((a.name.as_str(), a.title.as_deref()), ("a", Some("Do a")));
        assert_eq!((b.name.as_str(), b.at.line), ("b", 16));
        assert_eq!(a.parts[0].pieces, [text("It does a.", 6, 1)]);
        assert_eq!(a.parts[1].kind, PartKind::ByHand);
        assert_eq!(
            a.parts[1].pieces,
            [
                text("So:", 10, 1),
                Piece::Code {
                    language: "sh".to_owned(),
                    code: "aws a\n".to_owned(),
                    at: Position { line: 12, column: 1 }
                }
            ]
        );
    }
}
