//! `Query` and `Scan`, page by page.
//!
//! A scan goes by the partition key's value. DynamoDB goes by its hash: nobody may rely on either.

use std::sync::Arc;

use super::error::DynamoError;
use super::expression::{Condition, Expressions, Path, project};
use super::operation::{KeySchema, Page, Query, Reading, Scan};
use super::table::{Entry, Key, Table, exact_key, key_item};
use super::value::{AttributeValue, Item, item_size_bytes};
use crate::domain::Moment;

/// Most that a page reads, before its filter ("Paginating table query results in DynamoDB").
const PAGE_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn query(table: &Table, request: &Query, as_of: Moment) -> Result<Page, DynamoError> {
    let schema = &table.settings.key;
    let reading = &request.reading;
    let mut expressions = Expressions::new(&reading.placeholders);
    let wanted = expressions.key_condition(&request.key_condition, schema)?;
    let filter = expressions.filter(reading.filter.as_deref(), Some(schema))?;
    let projection = expressions.projection(reading.projection.as_deref())?;
    expressions.finish()?;
    let start = start(reading, schema)?;
    if start.as_ref().is_some_and(|start| start.hash != wanted.hash) {
        return Err(DynamoError::validation(
            "The provided starting key is outside query boundaries",
        ));
    }
    let after = |range: Option<&AttributeValue>| match &start {
        None => true,
        Some(start) if request.backward => range < start.range.as_ref(),
        Some(start) => range > start.range.as_ref(),
    };
    let in_range = |range: Option<&AttributeValue>| match (&wanted.range, range) {
        (Some(condition), Some(range)) => condition.accepts(range),
        _ => true,
    };
    let entries = table
        .partition(&wanted.hash, as_of)
        .filter(|(range, _)| after(*range) && in_range(*range))
        .map(|entry| (&wanted.hash, entry));
    let mut page = PageBuilder::new(reading, schema, filter, projection)?;
    if request.backward {
        page.fill(entries.rev());
    } else {
        page.fill(entries);
    }
    Ok(page.page)
}

pub(super) fn scan(table: &Table, request: &Scan, as_of: Moment) -> Result<Page, DynamoError> {
    let schema = &table.settings.key;
    let reading = &request.reading;
    let mut expressions = Expressions::new(&reading.placeholders);
    let filter = expressions.filter(reading.filter.as_deref(), None)?;
    let projection = expressions.projection(reading.projection.as_deref())?;
    expressions.finish()?;
    let start = start(reading, schema)?;
    let entries = table.scan(start.as_ref().map(|start| &start.hash), as_of);
    let entries = entries.filter(|(hash, (range, _))| {
        start.as_ref().is_none_or(|start| **hash != start.hash || *range > start.range.as_ref())
    });
    let mut page = PageBuilder::new(reading, schema, filter, projection)?;
    page.fill(entries);
    Ok(page.page)
}

fn start(reading: &Reading, schema: &KeySchema) -> Result<Option<Key>, DynamoError> {
    let key = reading.start.as_ref().map(|key| exact_key(key, schema));
    key.transpose().map_err(|error| {
        DynamoError::validation(format!("The provided starting key is invalid: {error}"))
    })
}

struct PageBuilder<'r> {
    reading: &'r Reading,
    schema: &'r KeySchema,
    filter: Option<Condition>,
    projection: Option<Vec<Path>>,
    page: Page,
}

impl<'r> PageBuilder<'r> {
    fn new(
        reading: &'r Reading,
        schema: &'r KeySchema,
        filter: Option<Condition>,
        projection: Option<Vec<Path>>,
    ) -> Result<Self, DynamoError> {
        if reading.limit == Some(0) {
            return Err(DynamoError::validation(
                "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: \
                 Member must have value greater than or equal to 1",
            ));
        }
        if reading.count_only && projection.is_some() {
            return Err(DynamoError::validation(
                "Cannot specify the ProjectionExpression when choosing to get only the Count",
            ));
        }
        Ok(Self { reading, schema, filter, projection, page: Page::default() })
    }

    fn fill<'t>(&mut self, entries: impl Iterator<Item = (&'t AttributeValue, Entry<'t>)>) {
        let mut bytes = 0;
        let mut last = None;
        for (hash, (range, item)) in entries {
            bytes += item_size_bytes(item);
            if bytes > PAGE_BYTES_MAX && last.is_some() {
                self.end_at(last);
                return;
            }
            self.page.scanned += 1;
            last = Some((hash, range));
            if self.filter.as_ref().is_none_or(|filter| filter.holds(item)) {
                self.keep(item);
            }
            // DynamoDB ends a page at its limit without looking whether anything follows.
            if self.reading.limit == Some(self.page.scanned) {
                self.end_at(last);
                return;
            }
        }
    }

    fn keep(&mut self, item: &Arc<Item>) {
        self.page.count += 1;
        if !self.reading.count_only {
            self.page.items.push(match &self.projection {
                Some(paths) => Arc::new(project(item, paths)),
                None => item.clone(),
            });
        }
    }

    fn end_at(&mut self, last: Option<(&AttributeValue, Option<&AttributeValue>)>) {
        self.page.last_key = last.map(|(hash, range)| key_item(self.schema, hash, range));
    }
}
