//! The grammar that all expressions share: tokens, document paths, operands, conditions.
//!
//! From the pages "Condition and filter expressions, operators, and functions in DynamoDB" and
//! "Referring to item attributes when using expressions in DynamoDB". Placeholders are resolved
//! while parsing, so that what comes out holds names and values only.

use winnow::ascii::{digit1, multispace0};
use winnow::combinator::{alt, cut_err, delimited, opt, preceded, separated, terminated};
use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{Stateful, Stream};
use winnow::token::{one_of, take_while};

use super::Uses;
use super::condition::{Comparator, Condition, Operand};
use super::path::{Element, Path};
use super::reserved;
use crate::world::dynamo::operation::Placeholders;
use crate::world::dynamo::value::AttributeValue;

/// Deepest nesting of parentheses and `NOT`. DynamoDB allows 300 operators in an expression
/// ("Quotas in Amazon DynamoDB"); the model's own bound keeps the recursion shallow.
const DEPTH_MAX: usize = 64;

/// Why parsing stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// The text is not of the grammar.
    Syntax,
    /// It is, but means nothing; in DynamoDB's words.
    Said(String),
}

impl<I: Stream> ParserError<I> for Failure {
    type Inner = Self;

    fn from_input(_input: &I) -> Self {
        Self::Syntax
    }

    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

/// What the parser knows and notes beside the text.
#[derive(Debug)]
pub(super) struct Context<'s> {
    pub(super) placeholders: &'s Placeholders,
    pub(super) uses: &'s mut Uses,
    pub(super) depth: usize,
}

pub(super) type Input<'s> = Stateful<&'s str, Context<'s>>;
pub(super) type Parsed<O> = Result<O, ErrMode<Failure>>;

/// A failure that no other reading of the text can undo.
pub(super) fn said<O>(words: impl Into<String>) -> Parsed<O> {
    Err(ErrMode::Cut(Failure::Said(words.into())))
}

/// One character, after any white space.
pub(super) fn token<'s>(wanted: char) -> impl Parser<Input<'s>, char, ErrMode<Failure>> {
    preceded(multispace0, one_of(wanted))
}

/// A bare word, after any white space.
fn word<'s>(input: &mut Input<'s>) -> Parsed<&'s str> {
    preceded(
        multispace0,
        (one_of(|c: char| c.is_ascii_alphabetic() || c == '_'), rest_of_word).take(),
    )
    .parse_next(input)
}

fn rest_of_word<'s>(input: &mut Input<'s>) -> Parsed<&'s str> {
    take_while(0.., |c: char| c.is_ascii_alphanumeric() || c == '_').parse_next(input)
}

/// A keyword, in any case.
pub(super) fn keyword<'s>(
    wanted: &'static str,
) -> impl Parser<Input<'s>, &'s str, ErrMode<Failure>> {
    word.verify(move |word: &str| word.eq_ignore_ascii_case(wanted))
}

/// A function's name and its opening parenthesis.
pub(super) fn call<'s>(input: &mut Input<'s>) -> Parsed<&'s str> {
    terminated(word, token('(')).parse_next(input)
}

/// Arguments up to the closing parenthesis.
pub(super) fn two_arguments<'s, A, B>(
    first: impl Parser<Input<'s>, A, ErrMode<Failure>>,
    second: impl Parser<Input<'s>, B, ErrMode<Failure>>,
) -> impl Parser<Input<'s>, (A, B), ErrMode<Failure>> {
    cut_err((terminated(first, token(',')), terminated(second, token(')'))))
}

fn name(input: &mut Input<'_>) -> Parsed<String> {
    let placeholder = preceded(multispace0, ('#', rest_of_word).take());
    let Some(placeholder) = opt(placeholder).parse_next(input)? else {
        let name = word(input)?;
        if reserved::is_reserved(name) {
            return said(format!("Attribute name is a reserved keyword; reserved keyword: {name}"));
        }
        return Ok(name.to_owned());
    };
    match input.state.placeholders.names.get(placeholder) {
        Some(name) => {
            input.state.uses.names.insert(placeholder.to_owned());
            Ok(name.clone())
        }
        None => said(format!(
            "An expression attribute name used in the document path is not defined; attribute \
             name: {placeholder}"
        )),
    }
}

/// A document path.
pub(super) fn path(input: &mut Input<'_>) -> Parsed<Path> {
    let root = name(input)?;
    let mut rest = Vec::new();
    while let Some(opening) = opt(alt((token('.'), token('[')))).parse_next(input)? {
        rest.push(if opening == '.' {
            Element::Field(cut_err(name).parse_next(input)?)
        } else {
            let index = preceded(multispace0, digit1).parse_to();
            Element::Index(cut_err(terminated(index, token(']'))).parse_next(input)?)
        });
    }
    input.state.uses.attributes.insert(root.clone());
    Ok(Path { root, rest })
}

/// Document paths with commas between them.
pub(super) fn paths(input: &mut Input<'_>) -> Parsed<Vec<Path>> {
    separated(1.., path, token(',')).parse_next(input)
}

/// A `:value`.
pub(super) fn value(input: &mut Input<'_>) -> Parsed<AttributeValue> {
    let placeholder = preceded(multispace0, (':', rest_of_word).take()).parse_next(input)?;
    match input.state.placeholders.values.get(placeholder) {
        Some(value) => {
            input.state.uses.values.insert(placeholder.to_owned());
            Ok(value.clone())
        }
        None => said(format!(
            "An expression attribute value used in expression is not defined; attribute value: \
             {placeholder}"
        )),
    }
}

fn operand(input: &mut Input<'_>) -> Parsed<Operand> {
    if let Some(value) = opt(value).parse_next(input)? {
        return Ok(Operand::Value(value));
    }
    match opt(call).parse_next(input)? {
        Some("size") => cut_err(terminated(path, token(')'))).map(Operand::Size).parse_next(input),
        Some(name) => said(format!("Invalid function name; function: {name}")),
        None => path.map(Operand::Path).parse_next(input),
    }
}

/// A whole condition.
pub(super) fn condition(input: &mut Input<'_>) -> Parsed<Condition> {
    let mut any: Vec<Condition> = separated(1.., conjunction, keyword("OR")).parse_next(input)?;
    Ok(if any.len() == 1 { any.remove(0) } else { Condition::Any(any) })
}

fn conjunction(input: &mut Input<'_>) -> Parsed<Condition> {
    let mut all: Vec<Condition> = separated(1.., negation, keyword("AND")).parse_next(input)?;
    Ok(if all.len() == 1 { all.remove(0) } else { Condition::All(all) })
}

fn negation(input: &mut Input<'_>) -> Parsed<Condition> {
    if opt(keyword("NOT")).parse_next(input)?.is_some() {
        let inner = deeper(input, negation)?;
        return Ok(Condition::Not(Box::new(inner)));
    }
    if opt(token('(')).parse_next(input)?.is_some() {
        return deeper(input, |input| cut_err(terminated(condition, token(')'))).parse_next(input));
    }
    if let Some(name) = opt(call.verify(|name: &str| name != "size")).parse_next(input)? {
        return function(name, input);
    }
    comparison(input)
}

/// Parses what is one level further in.
pub(super) fn deeper<'s, O>(
    input: &mut Input<'s>,
    inner: impl FnOnce(&mut Input<'s>) -> Parsed<O>,
) -> Parsed<O> {
    if input.state.depth == DEPTH_MAX {
        return said("The expression contains too many nested levels");
    }
    input.state.depth += 1;
    let inside = inner(input);
    input.state.depth -= 1;
    inside
}

fn function(name: &str, input: &mut Input<'_>) -> Parsed<Condition> {
    match name {
        "attribute_exists" => {
            cut_err(terminated(path, token(')'))).map(Condition::Exists).parse_next(input)
        }
        "attribute_not_exists" => cut_err(terminated(path, token(')')))
            .map(|path| Condition::Not(Box::new(Condition::Exists(path))))
            .parse_next(input),
        "attribute_type" => {
            let (path, kind) = two_arguments(path, value).parse_next(input)?;
            match kind {
                AttributeValue::S(kind) if KINDS.contains(&kind.as_str()) => {
                    Ok(Condition::Kind(path, kind))
                }
                other => said(format!(
                    "Invalid attribute type name found; type: {other:?}, valid types: {KINDS:?}"
                )),
            }
        }
        "begins_with" => {
            let (whole, prefix) = two_arguments(operand, operand).parse_next(input)?;
            if let Operand::Value(value) = &prefix
                && !matches!(value, AttributeValue::S(_) | AttributeValue::B(_))
            {
                return wrong_kind(name, value);
            }
            Ok(Condition::BeginsWith(whole, prefix))
        }
        "contains" => {
            let (whole, part) = two_arguments(operand, operand).parse_next(input)?;
            Ok(Condition::Contains(whole, part))
        }
        _ => said(format!("Invalid function name; function: {name}")),
    }
}

const KINDS: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"];

fn wrong_kind<O>(operator: &str, value: &AttributeValue) -> Parsed<O> {
    said(format!(
        "Incorrect operand type for operator or function; operator or function: {operator}, \
         operand type: {}",
        value.kind()
    ))
}

/// Refuses an operand that has no order.
fn ordered(operator: &str, operand: Operand) -> Parsed<Operand> {
    match &operand {
        Operand::Value(value)
            if !matches!(
                value,
                AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_)
            ) =>
        {
            wrong_kind(operator, value)
        }
        _ => Ok(operand),
    }
}

fn comparison(input: &mut Input<'_>) -> Parsed<Condition> {
    let left = operand(input)?;
    if opt(keyword("BETWEEN")).parse_next(input)?.is_some() {
        let bounds = (terminated(operand, keyword("AND")), operand);
        let (low, high) = cut_err(bounds).parse_next(input)?;
        let (low, high) = (ordered("BETWEEN", low)?, ordered("BETWEEN", high)?);
        return Ok(Condition::Between { value: left, low, high });
    }
    if opt(keyword("IN")).parse_next(input)?.is_some() {
        let list = delimited(token('('), separated(1.., operand, token(',')), token(')'));
        let list: Vec<Operand> = cut_err(list).parse_next(input)?;
        return Ok(Condition::In(left, list));
    }
    let sign = preceded(multispace0, alt(("<>", "<=", ">=", "=", "<", ">"))).parse_next(input)?;
    let right = cut_err(operand).parse_next(input)?;
    let comparator = match sign {
        "=" => Comparator::Equal,
        "<>" => Comparator::NotEqual,
        "<" => Comparator::Less,
        "<=" => Comparator::LessOrEqual,
        ">" => Comparator::Greater,
        _ => Comparator::GreaterOrEqual,
    };
    if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
        return Ok(Condition::Compare(left, comparator, right));
    }
    Ok(Condition::Compare(ordered(sign, left)?, comparator, ordered(sign, right)?))
}
