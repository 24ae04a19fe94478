//! From a file's text to a [`Book`]: the front matter's keys and their values.
//!
//! Refused here is what can't be understood. Whether what was understood can be executed is the
//! linter's question.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

use super::kinds::{self, IN, KindSpec, OUTSIDE, Shape};
use super::value::{ParameterKind, seconds};
use super::{Book, BookStep, BookUndo, Call, Doing, Parameter, Prose, Template};
use crate::domain::autonomy::ActionKind;
use crate::problem::Findings;
use crate::problem::source::Source;
use crate::runbook::procedure::{ATTEMPTS_MAX, OnFailure};

/// The line before and after the front matter.
const FENCE: &str = "+++";

/// Keys that every step may have.
const COMMON: &[&str] = &[
    "id",
    "kind",
    "needs",
    "timeout_s",
    "usual_s",
    "on_failure",
    "attempts",
    "undo",
    "one_way",
    "autonomy",
];

/// A file that was read as far as it could be.
pub(in crate::runbook) struct Read {
    /// The steps that the front matter names, even those that can't be understood.
    pub(in crate::runbook) ids: Vec<String>,
    /// The runbook; none when something in the front matter can't be understood.
    pub(in crate::runbook) book: Result<Book, Unread>,
}

/// What is left of a file whose front matter can't be understood.
pub(in crate::runbook) struct Unread {
    pub(in crate::runbook) source: Source,
    pub(in crate::runbook) prose: Option<Prose>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBook {
    name: String,
    title: String,
    summary: String,
    #[serde(default)]
    parameters: Vec<RawParameter>,
    #[serde(default)]
    steps: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawParameter {
    name: String,
    kind: ParameterKind,
    #[serde(default)]
    required: Option<bool>,
    #[serde(default)]
    default: Option<Value>,
    description: String,
}

/// Reads a file's text.
pub(in crate::runbook) fn read(file: &str, text: &str, findings: &mut Findings) -> Read {
    let Some((front, body)) = front_matter(text) else {
        let source = Source::unread(file.to_owned());
        findings.refuse(
            source.place(&[]),
            "the file does not begin with front matter",
            "begin with a line `+++`, the front matter as TOML, and another line `+++`",
        );
        return Read { ids: Vec::new(), book: Err(Unread { source, prose: None }) };
    };
    let before = findings.count();
    let (source, raw) = Source::read::<RawBook>(file.to_owned(), &front, findings);
    let prose = Prose::read(text, body);
    let Some(raw) = raw else {
        return Read { ids: Vec::new(), book: Err(Unread { source, prose: None }) };
    };
    let ids = raw
        .steps
        .iter()
        .filter_map(|step| step.get("id").and_then(Value::as_str).map(str::to_owned))
        .collect();
    let mut reader = Reader { source: &source, findings };
    let parameters = reader.parameters(raw.parameters);
    let steps: Vec<BookStep> =
        raw.steps.iter().enumerate().filter_map(|(index, step)| reader.step(index, step)).collect();
    let RawBook { name, title, summary, .. } = raw;
    let book = if findings.count() == before {
        Ok(Book { name, title, summary, parameters, steps, prose, source })
    } else {
        Err(Unread { source, prose: Some(prose) })
    };
    Read { ids, book }
}

/// The front matter, in a text in which it stands where it stood, and where the body begins.
fn front_matter(text: &str) -> Option<(String, usize)> {
    let rest = text.strip_prefix(FENCE)?;
    let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'))?;
    let start = text.len() - rest.len();
    let mut at = start;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == FENCE {
            let blank = text[..start].replace(FENCE, "   ");
            return Some((blank + &text[start..at], at + line.len()));
        }
        at += line.len();
    }
    None
}

struct Reader<'r> {
    source: &'r Source,
    findings: &'r mut Findings,
}

impl Reader<'_> {
    fn refuse(&mut self, path: &[&str], what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.refuse(self.source.place(path), what, remedy);
    }

    fn parameters(&mut self, raw: Vec<RawParameter>) -> Vec<Parameter> {
        raw.into_iter()
            .enumerate()
            .map(|(index, raw)| {
                let index = index.to_string();
                let default =
                    raw.default.and_then(|it| self.text(&["parameters", &index, "default"], &it));
                Parameter {
                    name: raw.name,
                    kind: raw.kind,
                    required: raw.required.unwrap_or(default.is_none()),
                    default,
                    description: raw.description,
                }
            })
            .collect()
    }

    fn step(&mut self, index: usize, table: &toml::Table) -> Option<BookStep> {
        let index = index.to_string();
        let at = ["steps", index.as_str()];
        let id = self.word(&at, table, "id");
        let kind = self.kind(&at, table)?;
        let before = self.findings.count();
        let doing = self.doing(&at, table, kind, COMMON);
        let calls = if kind.kind.is_none() { self.call(&at, table) } else { None };
        let needs = self.needs(&at, table);
        let on_failure = self.on_failure(&at, table);
        let undo = self.undo(&at, table);
        let one_way = self.truth(&at, table, "one_way");
        let usual_s =
            table.get("usual_s").and_then(|value| self.usual(&join(&at, "usual_s"), value));
        let autonomy = match table.get("autonomy") {
            None => None,
            Some(value) => self.autonomy(&at, value),
        };
        let id = id?;
        let calls_right = kind.kind.is_some() || calls.is_some();
        (self.findings.count() == before && calls_right).then_some(BookStep {
            id,
            doing,
            calls,
            needs,
            on_failure: on_failure?,
            undo: undo?,
            one_way,
            usual_s,
            autonomy,
        })
    }

    /// How long a step usually takes.
    fn usual(&mut self, path: &[&str], value: &Value) -> Option<u32> {
        let text = self.text(path, value)?;
        match seconds(&text) {
            Ok(usual_s) => Some(usual_s),
            Err(what) => {
                let remedy = "write seconds, or a time such as `90s`, `5m` or `2h`";
                self.refuse(path, format!("`usual_s` does not fit: {what}"), remedy);
                None
            }
        }
    }

    fn kind(&mut self, at: &[&str], table: &toml::Table) -> Option<&'static KindSpec> {
        let name = self.word(at, table, "kind")?;
        let spec = KindSpec::named(&name);
        if spec.is_none() {
            self.refuse(
                &join(at, "kind"),
                format!("there is no kind of step {name:?}"),
                format!("write one of {}", kinds::names()),
            );
        }
        spec
    }

    /// The keys of a kind, and the time limit. `others` are keys that are read elsewhere.
    fn doing(
        &mut self,
        at: &[&str],
        table: &toml::Table,
        kind: &'static KindSpec,
        others: &[&str],
    ) -> Doing {
        let mut keys = BTreeMap::new();
        for (name, value) in table {
            let Some(spec) = kind.key(name) else {
                let is_call = kind.kind.is_none() && ["name", "with"].contains(&name.as_str());
                if !others.contains(&name.as_str()) && !is_call {
                    self.unknown_key(&join(at, name), name, kind);
                }
                continue;
            };
            if let Some(text) = self.text(&join(at, name), value) {
                let template = Template::new(text);
                self.literal(&join(at, name), name, spec.shape, &template);
                keys.insert(name.clone(), template);
            }
        }
        for spec in kind.keys.iter().filter(|spec| spec.required && !table.contains_key(spec.name))
        {
            self.refuse(
                at,
                format!("a `{}` needs the key `{}`", kind.name, spec.name),
                format!("add it: {}", spec.shape.in_words()),
            );
        }
        if kind.takes_a_place() && table.contains_key(IN) == table.contains_key(OUTSIDE) {
            self.refuse(
                at,
                format!("a `{}` is about one Region, or about all but one", kind.name),
                format!("write either `{IN}` or `{OUTSIDE}`"),
            );
        }
        let timeout_s = table.get("timeout_s").and_then(|value| {
            let text = Template::new(self.text(&join(at, "timeout_s"), value)?);
            self.literal(&join(at, "timeout_s"), "timeout_s", Shape::Seconds, &text);
            Some(text)
        });
        Doing { kind, keys, timeout_s }
    }

    fn unknown_key(&mut self, path: &[&str], name: &str, kind: &KindSpec) {
        let takes: Vec<String> = if kind.kind.is_none() {
            vec!["`name`".to_owned(), "`with`".to_owned()]
        } else {
            kind.keys.iter().map(|key| format!("`{}`", key.name)).collect()
        };
        let takes = if takes.is_empty() { "none of its own".to_owned() } else { takes.join(", ") };
        self.refuse(
            path,
            format!("a `{}` has no key `{name}`", kind.name),
            format!("remove it, or correct its spelling; its keys are {takes}"),
        );
    }

    /// Refuses a value without a reference in it that does not fit.
    fn literal(&mut self, path: &[&str], name: &str, shape: Shape, template: &Template) {
        if template.references().is_empty()
            && let Err(what) = shape.accepts(template.as_str())
        {
            let remedy = format!("write {}", shape.in_words());
            self.refuse(path, format!("`{name}` does not fit: {what}"), remedy);
        }
    }

    fn call(&mut self, at: &[&str], table: &toml::Table) -> Option<Call> {
        let name = self.word(at, table, "name")?;
        let mut with = BTreeMap::new();
        match table.get("with") {
            None => {}
            Some(Value::Table(arguments)) => {
                for (key, value) in arguments {
                    let path = [at, &["with", key.as_str()]].concat();
                    with.insert(key.clone(), Template::new(self.text(&path, value)?));
                }
            }
            Some(_) => {
                self.refuse(&join(at, "with"), "`with` is no table", "write { name = value }")
            }
        }
        Some(Call { name, with })
    }

    fn needs(&mut self, at: &[&str], table: &toml::Table) -> Vec<String> {
        match table.get("needs") {
            None => Vec::new(),
            Some(Value::Array(items)) if items.iter().all(Value::is_str) => {
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(_) => {
                let remedy = "write needs = [\"<id>\", …]";
                self.refuse(&join(at, "needs"), "`needs` is no list of steps", remedy);
                Vec::new()
            }
        }
    }

    fn on_failure(&mut self, at: &[&str], table: &toml::Table) -> Option<OnFailure> {
        let attempts = table.get("attempts");
        let word = match table.get("on_failure") {
            None => "stop".to_owned(),
            Some(value) => self.text(&join(at, "on_failure"), value)?,
        };
        if attempts.is_some() && word != "retry" {
            let remedy = "remove it, or write on_failure = \"retry\"";
            self.refuse(&join(at, "attempts"), "only what is retried has `attempts`", remedy);
        }
        match word.as_str() {
            "stop" => Some(OnFailure::Stop),
            "undo" => Some(OnFailure::Undo),
            "skip" => Some(OnFailure::Skip),
            "retry" => {
                let count = attempts.and_then(Value::as_integer);
                let attempts_max = count
                    .and_then(|count| u32::try_from(count).ok())
                    .filter(|count| (2..=ATTEMPTS_MAX).contains(count));
                if attempts_max.is_none() {
                    self.refuse(
                        &join(at, "attempts"),
                        "what is retried says how often",
                        format!(
                            "write attempts = 2 to {ATTEMPTS_MAX}: all attempts, the first too"
                        ),
                    );
                }
                Some(OnFailure::Retry { attempts_max: attempts_max? })
            }
            _ => {
                self.refuse(
                    &join(at, "on_failure"),
                    format!("{word:?} is nothing that can follow a failure"),
                    "write `stop`, `undo`, `retry` (with `attempts`) or `skip`",
                );
                None
            }
        }
    }

    fn undo(&mut self, at: &[&str], table: &toml::Table) -> Option<BookUndo> {
        let path = join(at, "undo");
        match table.get("undo") {
            None => Some(BookUndo::Unsaid),
            Some(Value::String(word)) if word == "none" => Some(BookUndo::Nothing),
            Some(Value::Table(undo)) => {
                let kind = self.kind(&path, undo)?;
                if kind.kind.is_none() {
                    self.refuse(&path, "a runbook undoes nothing", "name a kind of step");
                }
                Some(BookUndo::Does(self.doing(&path, undo, kind, &["kind", "timeout_s"])))
            }
            Some(_) => {
                let remedy = "write undo = \"none\", or undo = { kind = … } with its keys";
                self.refuse(&path, "`undo` is neither a kind of step nor \"none\"", remedy);
                None
            }
        }
    }

    fn autonomy(&mut self, at: &[&str], value: &Value) -> Option<ActionKind> {
        let read = ActionKind::deserialize(value.clone()).ok();
        if read.is_none() {
            self.refuse(
                &join(at, "autonomy"),
                format!("{value} is no kind of action"),
                format!("write one of {}", listed()),
            );
        }
        read
    }

    fn truth(&mut self, at: &[&str], table: &toml::Table, name: &str) -> bool {
        match table.get(name) {
            None => false,
            Some(Value::Boolean(truth)) => *truth,
            Some(_) => {
                let what = format!("`{name}` is neither true nor false");
                self.refuse(&join(at, name), what, "correct the value");
                false
            }
        }
    }

    fn word(&mut self, at: &[&str], table: &toml::Table, name: &str) -> Option<String> {
        match table.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => {
                self.refuse(&join(at, name), format!("`{name}` is no text"), "write it in quotes");
                None
            }
            None => {
                self.refuse(at, format!("there is no `{name}`"), "add it");
                None
            }
        }
    }

    /// A plain value as text.
    fn text(&mut self, path: &[&str], value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Boolean(truth) => Some(truth.to_string()),
            _ => {
                let what = "neither a text, a whole number nor a truth stands here";
                self.refuse(path, what, "correct the value");
                None
            }
        }
    }
}

/// The kinds of action, for messages.
fn listed() -> String {
    ActionKind::ALL.map(|kind| format!("`{kind}`")).join(", ")
}

fn join<'p>(at: &[&'p str], key: &'p str) -> Vec<&'p str> {
    [at, &[key]].concat()
}
