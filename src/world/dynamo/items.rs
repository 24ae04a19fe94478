//! What the operations on single items would do to a table: judged here, carried out by the caller,
//! so that a transaction can judge all of its writes before any takes effect.

use std::sync::Arc;

use super::error::DynamoError;
use super::expression::{Expressions, Path, project};
use super::operation::{
    DeleteItem, GetItem, Placeholders, PutItem, ReturnValues, TransactWrite, UpdateItem,
};
use super::table::{Key, Table, check_item, exact_key, key_of};
use super::value::Item;
use crate::domain::Moment;

/// A write that may go ahead.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) key: Key,
    /// The item as it is to be; none for a deletion.
    pub(super) new: Option<Arc<Item>>,
    /// Whether it writes at all: condition checks don't, nor deletions of nothing.
    pub(super) writes: bool,
    /// What to return to the caller.
    pub(super) attributes: Option<Arc<Item>>,
}

const PUT_TOO_LARGE: &str = "Item size has exceeded the maximum allowed size";
const UPDATE_TOO_LARGE: &str = "Item size to update has exceeded the maximum allowed size";

pub(super) fn get(
    table: &Table,
    request: &GetItem,
    as_of: Moment,
) -> Result<Option<Arc<Item>>, DynamoError> {
    let mut expressions = Expressions::new(&request.placeholders);
    let projection = expressions.projection(request.projection.as_deref())?;
    expressions.finish()?;
    let key = exact_key(&request.key, &table.settings.key)?;
    let item = table.get_as_of(&key, as_of);
    Ok(item.map(|item| match &projection {
        Some(paths) => Arc::new(project(item, paths)),
        None => item.clone(),
    }))
}

pub(super) fn put(table: &Table, request: &PutItem) -> Result<Effect, DynamoError> {
    only_old(request.return_values)?;
    let condition = parse_condition(&request.placeholders, request.condition.as_deref())?;
    let key = key_of(&request.item, &table.settings.key)?;
    check_item(&request.item, PUT_TOO_LARGE)?;
    let old = table.get(&key).cloned();
    judge(condition, old.as_ref(), request.return_item_on_failure)?;
    let attributes = old.filter(|_| request.return_values == ReturnValues::AllOld);
    Ok(Effect { key, new: Some(Arc::new(request.item.clone())), writes: true, attributes })
}

pub(super) fn delete(table: &Table, request: &DeleteItem) -> Result<Effect, DynamoError> {
    only_old(request.return_values)?;
    let condition = parse_condition(&request.placeholders, request.condition.as_deref())?;
    let key = exact_key(&request.key, &table.settings.key)?;
    let old = table.get(&key).cloned();
    judge(condition, old.as_ref(), request.return_item_on_failure)?;
    let attributes = old.clone().filter(|_| request.return_values == ReturnValues::AllOld);
    Ok(Effect { key, new: None, writes: old.is_some(), attributes })
}

pub(super) fn update(table: &Table, request: &UpdateItem) -> Result<Effect, DynamoError> {
    let schema = &table.settings.key;
    let mut expressions = Expressions::new(&request.placeholders);
    let condition = expressions.condition("ConditionExpression", request.condition.as_deref())?;
    let update = expressions.update(request.update.as_deref())?;
    expressions.finish()?;
    let key = exact_key(&request.key, schema)?;
    let paths: Vec<Path> = update.iter().flat_map(|update| update.paths()).cloned().collect();
    if let Some(path) = paths.iter().find(|path| request.key.contains_key(&path.root)) {
        return Err(DynamoError::validation(format!(
            "One or more parameter values were invalid: Cannot update attribute {}. This attribute \
             is part of the key",
            path.root
        )));
    }
    let old = table.get(&key).cloned();
    judge(condition, old.as_ref(), request.return_item_on_failure)?;
    let before = old.clone().unwrap_or_else(|| Arc::new(request.key.clone()));
    let new = match &update {
        Some(update) => Arc::new(update.apply(&before)?),
        None => before,
    };
    check_item(&new, UPDATE_TOO_LARGE)?;
    let attributes = match request.return_values {
        ReturnValues::None => None,
        ReturnValues::AllOld => old.clone(),
        ReturnValues::AllNew => Some(new.clone()),
        ReturnValues::UpdatedOld => old.as_ref().map(|old| Arc::new(project(old, &paths))),
        ReturnValues::UpdatedNew => Some(Arc::new(project(&new, &paths))),
    };
    let attributes = attributes.filter(|attributes| !attributes.is_empty());
    Ok(Effect { key, new: Some(new), writes: true, attributes })
}

/// One write of a transaction.
pub(super) fn transacted(table: &Table, write: &TransactWrite) -> Result<Effect, DynamoError> {
    match write {
        TransactWrite::Put(put) => self::put(table, put),
        TransactWrite::Update(update) => self::update(table, update),
        TransactWrite::Delete(delete) => self::delete(table, delete),
        TransactWrite::ConditionCheck(check) => {
            let effect = self::delete(table, check)?;
            Ok(Effect { writes: false, ..effect })
        }
    }
}

impl TransactWrite {
    /// The table that it is about.
    pub(super) fn table(&self) -> &str {
        match self {
            Self::Put(put) => &put.table,
            Self::Update(update) => &update.table,
            Self::Delete(delete) | Self::ConditionCheck(delete) => &delete.table,
        }
    }
}

fn parse_condition(
    placeholders: &Placeholders,
    text: Option<&str>,
) -> Result<Option<super::expression::Condition>, DynamoError> {
    let mut expressions = Expressions::new(placeholders);
    let condition = expressions.condition("ConditionExpression", text)?;
    expressions.finish()?;
    Ok(condition)
}

/// Judges a condition by the newest that this copy has, and by nothing else.
fn judge(
    condition: Option<super::expression::Condition>,
    item: Option<&Arc<Item>>,
    return_item: bool,
) -> Result<(), DynamoError> {
    let holds = condition.is_none_or(|condition| match item {
        Some(item) => condition.holds(item),
        None => condition.holds(&Item::new()),
    });
    if holds {
        return Ok(());
    }
    Err(DynamoError::ConditionalCheckFailed { item: item.filter(|_| return_item).cloned() })
}

fn only_old(wanted: ReturnValues) -> Result<(), DynamoError> {
    match wanted {
        ReturnValues::None | ReturnValues::AllOld => Ok(()),
        _ => Err(DynamoError::validation("ReturnValues can only be ALL_OLD or NONE")),
    }
}
