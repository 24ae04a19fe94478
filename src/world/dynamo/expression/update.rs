//! Update expressions: `SET`, `REMOVE`, `ADD` and `DELETE`, from the page "Using update expressions
//! in DynamoDB".
//!
//! Every value is computed from the item as it was before the update, as DynamoDB does.

use winnow::combinator::{alt, cut_err, opt, repeat, separated, terminated};
use winnow::prelude::*;

use super::grammar::{
    Input, Parsed, call, deeper, keyword, path, said, token, two_arguments, value,
};
use super::path::{self as places, Element, NoSuchPlace, Path};
use crate::world::dynamo::error::DynamoError;
use crate::world::dynamo::number::Number;
use crate::world::dynamo::value::{AttributeValue, Item};

/// A whole update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world::dynamo) struct Update(Vec<Action>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Set(Path, Formula),
    Remove(Path),
    Add(Path, AttributeValue),
    Delete(Path, AttributeValue),
}

/// The right side of a `SET`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Formula {
    Term(Term),
    Plus(Term, Term),
    Minus(Term, Term),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Path(Path),
    Value(AttributeValue),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
}

/// A whole update expression.
pub(super) fn update(input: &mut Input<'_>) -> Parsed<Update> {
    let mut actions = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let sections: Vec<(&'static str, Vec<Action>)> = repeat(1.., section).parse_next(input)?;
    for (name, section) in sections {
        if seen.contains(&name) {
            return said(format!(
                "The \"{name}\" section can only be used once in an update expression;"
            ));
        }
        seen.push(name);
        actions.extend(section);
    }
    match places::overlap(actions.iter().map(Action::path)) {
        Some(words) => said(words),
        None => Ok(Update(actions)),
    }
}

fn section(input: &mut Input<'_>) -> Parsed<(&'static str, Vec<Action>)> {
    let name = alt((
        keyword("SET").value("SET"),
        keyword("REMOVE").value("REMOVE"),
        keyword("ADD").value("ADD"),
        keyword("DELETE").value("DELETE"),
    ))
    .parse_next(input)?;
    let actions = match name {
        "SET" => cut_err(separated(1.., set, token(','))).parse_next(input)?,
        "REMOVE" => {
            cut_err(separated(1.., path.map(Action::Remove), token(','))).parse_next(input)?
        }
        "ADD" => cut_err(separated(1.., add, token(','))).parse_next(input)?,
        _ => cut_err(separated(1.., delete, token(','))).parse_next(input)?,
    };
    Ok((name, actions))
}

fn set(input: &mut Input<'_>) -> Parsed<Action> {
    let place = terminated(path, token('=')).parse_next(input)?;
    let first = cut_err(term).parse_next(input)?;
    let formula = match opt(alt((token('+'), token('-')))).parse_next(input)? {
        Some('+') => Formula::Plus(first, cut_err(term).parse_next(input)?),
        Some(_) => Formula::Minus(first, cut_err(term).parse_next(input)?),
        None => Formula::Term(first),
    };
    Ok(Action::Set(place, formula))
}

fn term(input: &mut Input<'_>) -> Parsed<Term> {
    if opt(token('(')).parse_next(input)?.is_some() {
        return deeper(input, |input| terminated(term, token(')')).parse_next(input));
    }
    match opt(call).parse_next(input)? {
        Some("if_not_exists") => deeper(input, |input| {
            let (path, term) = two_arguments(path, term).parse_next(input)?;
            Ok(Term::IfNotExists(path, Box::new(term)))
        }),
        Some("list_append") => deeper(input, |input| {
            let (first, second) = two_arguments(term, term).parse_next(input)?;
            Ok(Term::ListAppend(Box::new(first), Box::new(second)))
        }),
        Some(other) => said(format!("Invalid function name; function: {other}")),
        None => alt((value.map(Term::Value), path.map(Term::Path))).parse_next(input),
    }
}

fn add(input: &mut Input<'_>) -> Parsed<Action> {
    let (place, value) = (path, cut_err(value)).parse_next(input)?;
    match value {
        AttributeValue::N(_)
        | AttributeValue::Ss(_)
        | AttributeValue::Ns(_)
        | AttributeValue::Bs(_) => Ok(Action::Add(place, value)),
        other => wrong_kind("ADD", &other),
    }
}

fn delete(input: &mut Input<'_>) -> Parsed<Action> {
    let (place, value) = (path, cut_err(value)).parse_next(input)?;
    match value {
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => {
            Ok(Action::Delete(place, value))
        }
        other => wrong_kind("DELETE", &other),
    }
}

fn wrong_kind<O>(operator: &str, value: &AttributeValue) -> Parsed<O> {
    said(format!(
        "Incorrect operand type for operator or function; operator: {operator}, operand type: {}",
        value.kind()
    ))
}

impl Action {
    fn path(&self) -> &Path {
        match self {
            Self::Set(path, _) | Self::Remove(path) => path,
            Self::Add(path, _) | Self::Delete(path, _) => path,
        }
    }
}

const WRONG_OPERAND: &str = "An operand in the update expression has an incorrect data type";

impl Update {
    /// The places that it writes.
    pub(in crate::world::dynamo) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(Action::path)
    }

    /// The item after the update.
    pub(in crate::world::dynamo) fn apply(&self, before: &Item) -> Result<Item, DynamoError> {
        let mut after = before.clone();
        let mut removals: Vec<&Path> = Vec::new();
        for action in &self.0 {
            match action {
                Action::Set(path, formula) => place(path, &mut after, formula.of(before)?)?,
                Action::Remove(path) => removals.push(path),
                Action::Add(path, value) => {
                    let sum = sum(path.get(before), value)?;
                    place(path, &mut after, sum)?;
                }
                Action::Delete(path, value) => match path.get(before) {
                    None => {}
                    Some(set) => match difference(set, value)? {
                        Some(rest) => place(path, &mut after, rest)?,
                        None => removals.push(path),
                    },
                },
            }
        }
        // From a list's end to its start, so that indexes mean the list as it was.
        removals.sort_by_key(|path| std::cmp::Reverse(indexes(path)));
        for path in removals {
            path.remove(&mut after).map_err(no_such_place)?;
        }
        Ok(after)
    }
}

fn indexes(path: &Path) -> Vec<usize> {
    path.rest
        .iter()
        .filter_map(|element| match element {
            Element::Index(index) => Some(*index),
            Element::Field(_) => None,
        })
        .collect()
}

fn place(path: &Path, item: &mut Item, value: AttributeValue) -> Result<(), DynamoError> {
    path.set(item, value).map_err(no_such_place)
}

fn no_such_place(_: NoSuchPlace) -> DynamoError {
    DynamoError::validation(
        "The document path provided in the update expression is invalid for update",
    )
}

impl Formula {
    fn of(&self, item: &Item) -> Result<AttributeValue, DynamoError> {
        let numbers = |a: &Term, b: &Term| match (a.of(item)?, b.of(item)?) {
            (AttributeValue::N(a), AttributeValue::N(b)) => Ok((a, b)),
            _ => Err(DynamoError::validation(WRONG_OPERAND)),
        };
        let result = match self {
            Self::Term(term) => return term.of(item),
            Self::Plus(a, b) => numbers(a, b).map(|(a, b)| a.plus(b))?,
            Self::Minus(a, b) => numbers(a, b).map(|(a, b)| a.minus(b))?,
        };
        result.map(AttributeValue::N).map_err(|error| DynamoError::validation(error.to_string()))
    }
}

impl Term {
    fn of(&self, item: &Item) -> Result<AttributeValue, DynamoError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => path.get(item).cloned().ok_or_else(|| {
                DynamoError::validation(
                    "The provided expression refers to an attribute that does not exist in the item",
                )
            }),
            Self::IfNotExists(path, otherwise) => match path.get(item) {
                Some(value) => Ok(value.clone()),
                None => otherwise.of(item),
            },
            Self::ListAppend(first, second) => match (first.of(item)?, second.of(item)?) {
                (AttributeValue::L(mut list), AttributeValue::L(tail)) => {
                    list.extend(tail);
                    Ok(AttributeValue::L(list))
                }
                _ => Err(DynamoError::validation(WRONG_OPERAND)),
            },
        }
    }
}

/// What `ADD` makes of a value: a sum or a union. Nothing counts as zero, or as an empty set.
fn sum(
    before: Option<&AttributeValue>,
    added: &AttributeValue,
) -> Result<AttributeValue, DynamoError> {
    match (before, added) {
        (None, added) => Ok(added.clone()),
        (Some(AttributeValue::N(before)), AttributeValue::N(added)) => {
            let sum: Result<Number, _> = before.plus(*added);
            sum.map(AttributeValue::N).map_err(|error| DynamoError::validation(error.to_string()))
        }
        (Some(AttributeValue::Ss(a)), AttributeValue::Ss(b)) => Ok(AttributeValue::Ss(a | b)),
        (Some(AttributeValue::Ns(a)), AttributeValue::Ns(b)) => Ok(AttributeValue::Ns(a | b)),
        (Some(AttributeValue::Bs(a)), AttributeValue::Bs(b)) => Ok(AttributeValue::Bs(a | b)),
        _ => Err(DynamoError::validation(WRONG_OPERAND)),
    }
}

/// What `DELETE` leaves of a set; none when nothing is left, since there are no empty sets.
fn difference(
    before: &AttributeValue,
    removed: &AttributeValue,
) -> Result<Option<AttributeValue>, DynamoError> {
    let rest = match (before, removed) {
        (AttributeValue::Ss(a), AttributeValue::Ss(b)) => AttributeValue::Ss(a - b),
        (AttributeValue::Ns(a), AttributeValue::Ns(b)) => AttributeValue::Ns(a - b),
        (AttributeValue::Bs(a), AttributeValue::Bs(b)) => AttributeValue::Bs(a - b),
        _ => return Err(DynamoError::validation(WRONG_OPERAND)),
    };
    Ok(rest.check().is_ok().then_some(rest))
}
