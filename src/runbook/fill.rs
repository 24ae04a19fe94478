//! From the keys of one step, with references in them, to its action.

use std::collections::BTreeMap;

use super::action::{Action, Check, DataLoss, Place};
use super::bind::{Arguments, BAKE_SLACK_S, NotBound};
use super::book::kinds::{IN, OUTSIDE, Shape};
use super::book::value::{enough, seconds, share};
use super::book::{Book, Doing, Template};
use crate::domain::notice::NoticeLevel;

/// What a text says where a service may be named and none is.
const EVERY_SERVICE: &str = "every service";

/// A text with its references filled; none if it is nothing but a reference to what was not given.
pub(super) fn filled(template: &Template, values: &Arguments, is_text: bool) -> Option<String> {
    if !is_text && let Some(name) = template.is_reference() {
        return values.get(name).cloned();
    }
    Some(in_words(template, values))
}

pub(super) fn in_words(template: &Template, values: &Arguments) -> String {
    template.fill(|name| Some(values.get(name).map_or(EVERY_SERVICE, String::as_str)))
}

impl Book {
    /// Its title, bound to arguments.
    #[must_use]
    pub fn title_with(&self, values: &Arguments) -> String {
        in_words(&Template::new(self.title.as_str()), values)
    }

    /// Its summary, bound to arguments.
    #[must_use]
    pub fn summary_with(&self, values: &Arguments) -> String {
        in_words(&Template::new(self.summary.trim()), values)
    }
}

/// The keys of an action with their references filled.
struct Keys<'k> {
    filled: BTreeMap<&'k str, String>,
}

impl Keys<'_> {
    fn get<T, E: ToString>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, NotBound> {
        let parsed = self.filled.get(name).map(|text| parse(text)).transpose();
        parsed.map_err(|error| NotBound::DoesNotFit {
            name: name.to_owned(),
            what: error.to_string(),
        })
    }

    fn must<T, E: ToString>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, NotBound> {
        self.get(name, parse)?.ok_or_else(|| NotBound::DoesNotFit {
            name: name.to_owned(),
            what: "it is not given".to_owned(),
        })
    }

    /// A name.
    fn name<T: std::str::FromStr<Err: ToString>>(&self, name: &str) -> Result<T, NotBound> {
        self.must(name, str::parse)
    }

    /// A name that may be left out.
    fn maybe<T: std::str::FromStr<Err: ToString>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, NotBound> {
        self.get(name, str::parse)
    }

    fn text(&self, name: &str) -> Result<String, NotBound> {
        self.must(name, |text| Ok::<_, String>(text.to_owned()))
    }

    fn place(&self) -> Result<Place, NotBound> {
        match self.maybe(OUTSIDE)? {
            Some(region) => Ok(Place::Outside(region)),
            None => Ok(Place::In(self.name(IN)?)),
        }
    }
}

/// What is done, and within what time.
pub(super) fn action(doing: &Doing, values: &Arguments) -> Result<(Action, Option<u32>), NotBound> {
    let is_text = |key: &str| doing.kind.key(key).is_some_and(|spec| spec.shape == Shape::Text);
    let keys = Keys {
        filled: doing
            .keys
            .iter()
            .filter_map(|(key, text)| Some((key.as_str(), filled(text, values, is_text(key))?)))
            .collect(),
    };
    let within = match &doing.timeout_s {
        Some(template) => filled(template, values, false)
            .map(|text| seconds(&text))
            .transpose()
            .map_err(|what| NotBound::DoesNotFit { name: "timeout_s".to_owned(), what })?,
        None => None,
    };
    let (region, service) = (IN, "service");
    let action = match doing.kind.name {
        "close_gate" => {
            Action::CloseGate { region: keys.name(region)?, service: keys.maybe(service)? }
        }
        "open_gate" => {
            Action::OpenGate { region: keys.name(region)?, service: keys.maybe(service)? }
        }
        "shift_traffic" => Action::ShiftTraffic {
            region: keys.name(region)?,
            service: keys.maybe(service)?,
            to: keys.must("to", share)?,
        },
        "wait_for_dns" => {
            Action::WaitForDns { region: keys.name(region)?, service: keys.maybe(service)? }
        }
        "switch_over" => {
            Action::SwitchOver { database: keys.name("database")?, to: keys.name("to")? }
        }
        "promote" => Action::Promote {
            database: keys.name("database")?,
            to: keys.name("to")?,
            data_loss: match keys.text("data_loss")?.as_str() {
                "within_budget" => DataLoss::WithinBudget,
                "forced" => DataLoss::Forced,
                _ => DataLoss::Approved,
            },
        },
        "wait_for_database" => Action::WaitForDatabase {
            database: keys.name("database")?,
            writer: keys.name("writer")?,
        },
        "scale" => Action::Scale {
            place: keys.place()?,
            service: keys.maybe(service)?,
            at_least: keys.must("at_least", enough)?,
        },
        "verify_endpoint" => {
            Action::Verify(Check::Endpoint { place: keys.place()?, service: keys.maybe(service)? })
        }
        "verify_records" => Action::Verify(Check::Record {
            region: keys.name(region)?,
            service: keys.maybe(service)?,
        }),
        "verify_still" => {
            Action::Verify(Check::Still { database: keys.name("database")?, to: keys.name("to")? })
        }
        "review_database" => Action::Review { database: keys.name("database")? },
        "verify_writer" => Action::Verify(Check::Writer {
            database: keys.name("database")?,
            region: keys.name(region)?,
        }),
        "approve" => {
            let expires_s = keys.must("expires_s", seconds)?;
            return Ok((Action::Approve { question: keys.text("question")? }, Some(expires_s)));
        }
        "by_hand" => {
            let expires_s = keys.must("expires_s", seconds)?;
            return Ok((Action::ByHand { task: keys.text("task")? }, Some(expires_s)));
        }
        "notify" => Action::Notify {
            level: match keys.text("level")?.as_str() {
                "infrastructure" => NoticeLevel::Infrastructure,
                "third_party" => NoticeLevel::ThirdParty,
                _ => NoticeLevel::Application,
            },
            subject: keys.text("subject")?,
            text: keys.text("text")?,
        },
        "bake" => {
            let seconds = keys.must("seconds", seconds)?;
            return Ok((Action::Bake { seconds }, Some(seconds.saturating_add(BAKE_SLACK_S))));
        }
        "webhook" => Action::Webhook {
            url: keys.text("url")?,
            may_veto: keys.get("may_veto", str::parse::<bool>)?.unwrap_or(false),
        },
        "pause" => Action::Pause { reason: keys.text("reason")? },
        "resume" => Action::Resume,
        other => {
            return Err(NotBound::DoesNotFit {
                name: "kind".to_owned(),
                what: format!("{other:?} does nothing by itself"),
            });
        }
    };
    Ok((action, within))
}
