//! Expressions: conditions, filters, key conditions, projections and updates.
//!
//! They are parsed by a real grammar and applied to items by what they mean, since the protocol's
//! safety hangs on conditions that are judged exactly as DynamoDB judges them. The texts of errors
//! are DynamoDB's, up to the tokens in a syntax error.

mod condition;
mod grammar;
mod key;
mod path;
mod reserved;
#[cfg(test)]
mod tests;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use winnow::ascii::multispace0;
use winnow::combinator::terminated;
use winnow::prelude::*;

pub(super) use condition::Condition;
use key::KeyCondition;
pub(super) use path::{Path, project};
use update::Update;

use super::error::DynamoError;
use super::operation::{KeySchema, Placeholders};
use grammar::{Context, Failure, Input, Parsed};

/// Longest expression ("Quotas in Amazon DynamoDB").
const EXPRESSION_BYTES_MAX: usize = 4096;

/// What the expressions parsed so far made use of.
#[derive(Debug, Default)]
struct Uses {
    names: BTreeSet<String>,
    values: BTreeSet<String>,
    /// Top-level attributes, by their names, of the latest expression.
    attributes: BTreeSet<String>,
}

/// The expressions of one request, which share their placeholders.
#[derive(Debug)]
pub(super) struct Expressions<'p> {
    placeholders: &'p Placeholders,
    uses: Uses,
    any: bool,
}

impl<'p> Expressions<'p> {
    /// The expressions that these placeholders belong to.
    pub(super) fn new(placeholders: &'p Placeholders) -> Self {
        Self { placeholders, uses: Uses::default(), any: false }
    }

    /// A condition, from the parameter of this name.
    pub(super) fn condition(
        &mut self,
        parameter: &str,
        text: Option<&str>,
    ) -> Result<Option<Condition>, DynamoError> {
        text.map(|text| self.parse(parameter, text, grammar::condition)).transpose()
    }

    /// A filter. It may not look at the key when a query has already used the key.
    pub(super) fn filter(
        &mut self,
        text: Option<&str>,
        without: Option<&KeySchema>,
    ) -> Result<Option<Condition>, DynamoError> {
        let filter = self.condition("FilterExpression", text)?;
        if let (Some(_), Some(schema)) = (&filter, without) {
            let mut keys = [Some(&schema.hash), schema.range.as_ref()].into_iter().flatten();
            if let Some(key) = keys.find(|key| self.uses.attributes.contains(&key.name)) {
                return Err(DynamoError::validation(format!(
                    "Filter Expression can only contain non-primary key attributes: Primary key \
                     attribute: {}",
                    key.name
                )));
            }
        }
        Ok(filter)
    }

    /// A query's key condition.
    pub(super) fn key_condition(
        &mut self,
        text: &str,
        schema: &KeySchema,
    ) -> Result<KeyCondition, DynamoError> {
        let condition = self.parse("KeyConditionExpression", text, grammar::condition)?;
        KeyCondition::from(condition, schema)
    }

    /// The places of a projection.
    pub(super) fn projection(
        &mut self,
        text: Option<&str>,
    ) -> Result<Option<Vec<Path>>, DynamoError> {
        let Some(text) = text else { return Ok(None) };
        let paths = self.parse("ProjectionExpression", text, grammar::paths)?;
        match path::overlap(&paths) {
            Some(words) => Err(invalid("ProjectionExpression", &words)),
            None => Ok(Some(paths)),
        }
    }

    /// An update.
    pub(super) fn update(&mut self, text: Option<&str>) -> Result<Option<Update>, DynamoError> {
        text.map(|text| self.parse("UpdateExpression", text, update::update)).transpose()
    }

    fn parse<O>(
        &mut self,
        parameter: &str,
        text: &str,
        parser: fn(&mut Input<'_>) -> Parsed<O>,
    ) -> Result<O, DynamoError> {
        self.any = true;
        self.uses.attributes.clear();
        if text.trim().is_empty() {
            return Err(invalid(parameter, "The expression can not be empty;"));
        }
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(invalid(
                parameter,
                &format!(
                    "Expression size has exceeded the maximum allowed size; expression size: {}",
                    text.len()
                ),
            ));
        }
        let context = Context { placeholders: self.placeholders, uses: &mut self.uses, depth: 0 };
        let parsed = terminated(parser, multispace0).parse(Input { input: text, state: context });
        parsed.map_err(|error| {
            let rest = text.get(error.offset()..).unwrap_or_default().trim_start();
            match error.into_inner() {
                Failure::Said(words) => invalid(parameter, &words),
                Failure::Syntax => {
                    let token = rest.split_ascii_whitespace().next().unwrap_or("<EOF>");
                    invalid(parameter, &format!("Syntax error; token: {token:?}, near: {rest:?}"))
                }
            }
        })
    }

    /// Refuses placeholders that no expression used, or that are misspelt.
    pub(super) fn finish(self) -> Result<(), DynamoError> {
        let Placeholders { names, values } = self.placeholders;
        self.check("ExpressionAttributeNames", '#', names, &self.uses.names)?;
        self.check("ExpressionAttributeValues", ':', values, &self.uses.values)?;
        values.values().try_for_each(|value| value.check())
    }

    fn check<V>(
        &self,
        parameter: &str,
        mark: char,
        placeholders: &BTreeMap<String, V>,
        used: &BTreeSet<String>,
    ) -> Result<(), DynamoError> {
        if !placeholders.is_empty() && !self.any {
            return Err(DynamoError::validation(format!(
                "{parameter} can only be specified when using expressions"
            )));
        }
        for key in placeholders.keys() {
            let name = key.strip_prefix(mark).unwrap_or_default();
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(DynamoError::validation(format!(
                    "{parameter} contains invalid key: Syntax error; key: \"{key}\""
                )));
            }
        }
        if placeholders.keys().all(|key| used.contains(key)) {
            return Ok(());
        }
        let unused = placeholders.keys().filter(|key| !used.contains(*key));
        let unused: Vec<&str> = unused.map(String::as_str).collect();
        Err(DynamoError::validation(format!(
            "Value provided in {parameter} unused in expressions: keys: {{{}}}",
            unused.join(", ")
        )))
    }
}

fn invalid(parameter: &str, words: &str) -> DynamoError {
    DynamoError::validation(format!("Invalid {parameter}: {words}"))
}
