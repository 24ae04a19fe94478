//! One file's text, read into its raw type, with the place of everything in it.
//!
//! Places are kept beside the raw values, by path (`services.web.probe.timeout_ms`), rather than in
//! them: the raw types stay plain, and a rule about a value that the file leaves to its default
//! still has a place to point to, the nearest table above.
//!
//! serde stops at the first value that doesn't fit. To find the others too, what was complained
//! about is taken out and the rest is read again.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Findings, Place, Position};

/// A file that was read.
#[derive(Debug)]
pub struct Source {
    file: String,
    places: BTreeMap<Vec<String>, Position>,
}

impl Source {
    /// Reads a text. The value is none when the text can't be read as a whole; what is wrong with
    /// it is then among the findings. An unknown key alone doesn't prevent that the rest is judged.
    pub fn read<T: DeserializeOwned>(
        file: String,
        text: &str,
        findings: &mut Findings,
    ) -> (Self, Option<T>) {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let mut source = Self { file, places: BTreeMap::new() };
        source.index(&mut Vec::new(), tree.get_ref(), text);
        let value = if errors.is_empty() {
            source.shape(text, tree, findings)
        } else {
            source.refuse_syntax(text, &errors, findings);
            None
        };
        (source, value)
    }

    /// The place of what is at `path`, or of the nearest table above it that the file has. Elements
    /// of a list are named by their index.
    pub fn place(&self, path: &[&str]) -> Place {
        let position = (0..=path.len())
            .rev()
            .find_map(|length| self.position(&path[..length]))
            .unwrap_or(Position { line: 1, column: 1 });
        Place { file: self.file.clone(), position: Some(position) }
    }

    /// Whether the file says something at `path`.
    pub fn has(&self, path: &[&str]) -> bool {
        self.position(path).is_some()
    }

    /// A file whose text could not be had.
    pub fn unread(file: String) -> Self {
        Self { file, places: BTreeMap::new() }
    }

    fn position(&self, path: &[&str]) -> Option<Position> {
        let path: Vec<String> = path.iter().map(|&part| part.to_owned()).collect();
        self.places.get(&path).copied()
    }

    fn index(&mut self, path: &mut Vec<String>, table: &DeTable<'_>, text: &str) {
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.index_value(path, value, text);
            path.pop();
        }
    }

    fn index_value(&mut self, path: &mut Vec<String>, value: &Spanned<DeValue<'_>>, text: &str) {
        self.places.insert(path.clone(), Position::of(text, value.span().start));
        match value.get_ref() {
            DeValue::Table(table) => self.index(path, table, text),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.index_value(path, item, text);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// One error a line: what the parser says of the rest of a broken line is guesswork.
    fn refuse_syntax(&self, text: &str, errors: &[toml::de::Error], findings: &mut Findings) {
        let mut lines = BTreeMap::new();
        for error in errors {
            let position = Position::of(text, error.span().map_or(0, |span| span.start));
            lines.entry(position.line).or_insert((position, error.message()));
        }
        for (position, message) in lines.into_values() {
            let place = Place { file: self.file.clone(), position: Some(position) };
            findings.refuse(place, format!("not TOML: {message}"), "correct the syntax");
        }
    }

    fn shape<T: DeserializeOwned>(
        &self,
        text: &str,
        mut tree: Spanned<DeTable<'_>>,
        findings: &mut Findings,
    ) -> Option<T> {
        let mut whole = true;
        let mut taken: Vec<Taken> = Vec::new();
        // Every turn takes something out of a finite tree.
        loop {
            let error = match T::deserialize(toml::Deserializer::from(tree.clone())) {
                Ok(value) => return whole.then_some(value),
                Err(error) => error,
            };
            let span = error.span().unwrap_or_else(|| tree.span());
            let complaint = Complaint::of(error.message());
            // A key that was taken out for its value is not missing too.
            let known = matches!(complaint, Complaint::Missing(key)
                if taken.iter().any(|taken| taken.table == span && taken.key == key));
            if !known {
                let position = Some(Position::of(text, span.start));
                let place = Place { file: self.file.clone(), position };
                findings.refuse(place, in_plain_words(error.message()), complaint.remedy());
            }
            whole &= matches!(complaint, Complaint::Unknown);
            let root = tree.span();
            taken.push(take_out(tree.get_mut(), &root, &span)?);
        }
    }
}

/// What serde complains about; its messages are the only place that tells.
enum Complaint<'m> {
    Unknown,
    Missing(&'m str),
    Unfit,
}

impl<'m> Complaint<'m> {
    fn of(message: &'m str) -> Self {
        if message.starts_with("unknown field") {
            return Self::Unknown;
        }
        message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'))
            .map_or(Self::Unfit, Self::Missing)
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Unknown => "correct its spelling, or remove it",
            Self::Missing(_) => "add it",
            Self::Unfit => "correct the value",
        }
    }
}

/// serde names Rust's types where people write numbers.
fn in_plain_words(message: &str) -> String {
    [
        ("u16", "a whole number from 0 to 65535"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("i64", "a whole number"),
    ]
    .iter()
    .find_map(|(rust, plain)| {
        Some(format!("{}expected {plain}", message.strip_suffix(&format!("expected {rust}"))?))
    })
    .unwrap_or_else(|| message.to_owned())
}

/// A key that was taken out, and the span of the table that held it.
struct Taken {
    table: Range<usize>,
    key: String,
}

/// Takes out the entry whose key or value stands at `span`; none when there is none.
fn take_out(table: &mut DeTable<'_>, at: &Range<usize>, span: &Range<usize>) -> Option<Taken> {
    let found = table
        .iter()
        .find(|(key, value)| key.span() == *span || stands_at(value, span))
        .map(|(key, _)| key.get_ref().to_string());
    if let Some(key) = found {
        table.remove(key.as_str());
        return Some(Taken { table: at.clone(), key });
    }
    table.iter_mut().find_map(|(_, value)| {
        let at = value.span();
        match value.get_mut() {
            DeValue::Table(inner) => take_out(inner, &at, span),
            _ => None,
        }
    })
}

/// Whether `span` is that of a value or lies within a list: a list goes as a whole.
fn stands_at(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    let own = value.span();
    own == *span || (value.get_ref().is_array() && own.start <= span.start && span.end <= own.end)
}
