//! Requests: from JSON to the model's operations.
//!
//! Fields that only ask for more information, such as `ReturnConsumedCapacity`, are passed over.
//! Those that would change the meaning and are not modelled are refused by name: to pass over an
//! `Expected` would make a conditional write unconditional.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::WireError;
use super::tables;
use super::value::item_from;
use crate::world::dynamo::operation::{
    DeleteItem, GetItem, ListTables, Operation, Placeholders, PutItem, Query, Reading,
    ReturnValues, Scan, TransactWrite, TransactWriteItems, UpdateItem,
};

/// What the model lacks, by the names of the parameters that ask for it.
const REFUSED: [&str; 14] = [
    "AttributesToGet",
    "AttributeUpdates",
    "ConditionalOperator",
    "Expected",
    "GlobalSecondaryIndexes",
    "GlobalSecondaryIndexUpdates",
    "GlobalTableWitnessUpdates",
    "IndexName",
    "KeyConditions",
    "LocalSecondaryIndexes",
    "QueryFilter",
    "ScanFilter",
    "Segment",
    "TotalSegments",
];

/// Reads the request for an operation.
pub(super) fn operation(name: &str, body: &[u8]) -> Result<Operation, WireError> {
    let json: Value = serde_json::from_slice(body).map_err(WireError::serialization)?;
    let refused = REFUSED.into_iter().find(|name| json.get(*name).is_some_and(|v| !v.is_null()));
    if let Some(parameter) = refused {
        return Err(WireError::validation(format!(
            "The parameter {parameter} is not modelled: use expressions on the table itself"
        )));
    }
    Ok(match name {
        "CreateTable" => Operation::CreateTable(tables::create(json)?),
        "UpdateTable" => Operation::UpdateTable(tables::update(json)?),
        "DescribeTable" => Operation::DescribeTable(table(json)?),
        "DeleteTable" => Operation::DeleteTable(table(json)?),
        "ListTables" => {
            let list: List = read(json)?;
            Operation::ListTables(ListTables {
                after: list.exclusive_start_table_name,
                limit: list.limit,
            })
        }
        "PutItem" => Operation::PutItem(read::<Item>(json)?.put()?),
        "GetItem" => Operation::GetItem(read::<Item>(json)?.get()?),
        "UpdateItem" => Operation::UpdateItem(read::<Item>(json)?.update()?),
        "DeleteItem" => Operation::DeleteItem(read::<Item>(json)?.delete()?),
        "Query" => Operation::Query(read::<Search>(json)?.query()?),
        "Scan" => Operation::Scan(read::<Search>(json)?.scan()?),
        "TransactWriteItems" => Operation::TransactWriteItems(transaction(read(json)?)?),
        _ => return Err(WireError::UnknownOperation),
    })
}

/// Reads a structure.
pub(super) fn read<T: DeserializeOwned>(json: Value) -> Result<T, WireError> {
    serde_json::from_value(json).map_err(WireError::serialization)
}

/// A parameter that must be there.
pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, WireError> {
    value.ok_or_else(|| {
        WireError::validation(format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: \
             Member must not be null"
        ))
    })
}

/// A value that is none of those that a parameter may have.
pub(super) fn not_one_of(name: &str, value: &str) -> WireError {
    WireError::validation(format!(
        "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: \
         Member must satisfy enum value set"
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    table_name: Option<String>,
}

fn table(json: Value) -> Result<String, WireError> {
    required("tableName", read::<Named>(json)?.table_name)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    exclusive_start_table_name: Option<String>,
    limit: Option<usize>,
}

/// The parameters of operations on single items, and of a transaction's writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    table_name: Option<String>,
    item: Option<Value>,
    key: Option<Value>,
    consistent_read: Option<bool>,
    update_expression: Option<String>,
    condition_expression: Option<String>,
    projection_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<Value>,
    return_values: Option<String>,
    return_values_on_condition_check_failure: Option<String>,
}

impl Item {
    fn put(self) -> Result<PutItem, WireError> {
        Ok(PutItem {
            return_item_on_failure: self.return_item_on_failure()?,
            return_values: self.return_values()?,
            table: required("tableName", self.table_name)?,
            item: item_from(required("item", self.item)?)?,
            condition: self.condition_expression,
            placeholders: placeholders(
                self.expression_attribute_names,
                self.expression_attribute_values,
            )?,
        })
    }

    fn get(self) -> Result<GetItem, WireError> {
        Ok(GetItem {
            table: required("tableName", self.table_name)?,
            key: item_from(required("key", self.key)?)?,
            consistent: self.consistent_read.unwrap_or_default(),
            projection: self.projection_expression,
            placeholders: placeholders(self.expression_attribute_names, None)?,
        })
    }

    fn update(self) -> Result<UpdateItem, WireError> {
        Ok(UpdateItem {
            return_item_on_failure: self.return_item_on_failure()?,
            return_values: self.return_values()?,
            table: required("tableName", self.table_name)?,
            key: item_from(required("key", self.key)?)?,
            update: self.update_expression,
            condition: self.condition_expression,
            placeholders: placeholders(
                self.expression_attribute_names,
                self.expression_attribute_values,
            )?,
        })
    }

    fn delete(self) -> Result<DeleteItem, WireError> {
        Ok(DeleteItem {
            return_item_on_failure: self.return_item_on_failure()?,
            return_values: self.return_values()?,
            table: required("tableName", self.table_name)?,
            key: item_from(required("key", self.key)?)?,
            condition: self.condition_expression,
            placeholders: placeholders(
                self.expression_attribute_names,
                self.expression_attribute_values,
            )?,
        })
    }

    fn return_values(&self) -> Result<ReturnValues, WireError> {
        Ok(match self.return_values.as_deref() {
            None | Some("NONE") => ReturnValues::None,
            Some("ALL_OLD") => ReturnValues::AllOld,
            Some("UPDATED_OLD") => ReturnValues::UpdatedOld,
            Some("ALL_NEW") => ReturnValues::AllNew,
            Some("UPDATED_NEW") => ReturnValues::UpdatedNew,
            Some(other) => return Err(not_one_of("returnValues", other)),
        })
    }

    fn return_item_on_failure(&self) -> Result<bool, WireError> {
        match self.return_values_on_condition_check_failure.as_deref() {
            None | Some("NONE") => Ok(false),
            Some("ALL_OLD") => Ok(true),
            Some(other) => Err(not_one_of("returnValuesOnConditionCheckFailure", other)),
        }
    }
}

fn placeholders(
    names: Option<BTreeMap<String, String>>,
    values: Option<Value>,
) -> Result<Placeholders, WireError> {
    let values = values.filter(|values| !values.is_null()).map(item_from).transpose()?;
    let (no_names, no_values) = (
        names.as_ref().is_some_and(BTreeMap::is_empty),
        values.as_ref().is_some_and(BTreeMap::is_empty),
    );
    for (empty, parameter) in
        [(no_names, "ExpressionAttributeNames"), (no_values, "ExpressionAttributeValues")]
    {
        if empty {
            return Err(WireError::validation(format!("{parameter} must not be empty")));
        }
    }
    Ok(Placeholders { names: names.unwrap_or_default(), values: values.unwrap_or_default() })
}

/// The parameters of `Query` and `Scan`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Search {
    table_name: Option<String>,
    key_condition_expression: Option<String>,
    filter_expression: Option<String>,
    projection_expression: Option<String>,
    expression_attribute_names: Option<BTreeMap<String, String>>,
    expression_attribute_values: Option<Value>,
    scan_index_forward: Option<bool>,
    limit: Option<usize>,
    exclusive_start_key: Option<Value>,
    consistent_read: Option<bool>,
    select: Option<String>,
}

impl Search {
    fn query(mut self) -> Result<Query, WireError> {
        Ok(Query {
            table: required("tableName", self.table_name.take())?,
            key_condition: self.key_condition_expression.take().ok_or_else(|| {
                WireError::validation(
                    "Either the KeyConditions or KeyConditionExpression parameter must be \
                     specified in the request.",
                )
            })?,
            backward: self.scan_index_forward == Some(false),
            reading: self.reading()?,
        })
    }

    fn scan(mut self) -> Result<Scan, WireError> {
        Ok(Scan { table: required("tableName", self.table_name.take())?, reading: self.reading()? })
    }

    fn reading(self) -> Result<Reading, WireError> {
        let count_only = match self.select.as_deref() {
            None | Some("ALL_ATTRIBUTES" | "SPECIFIC_ATTRIBUTES") => false,
            Some("COUNT") => true,
            Some(other) => return Err(not_one_of("select", other)),
        };
        Ok(Reading {
            filter: self.filter_expression,
            projection: self.projection_expression,
            placeholders: placeholders(
                self.expression_attribute_names,
                self.expression_attribute_values,
            )?,
            limit: self.limit,
            start: self.exclusive_start_key.map(item_from).transpose()?,
            consistent: self.consistent_read.unwrap_or_default(),
            count_only,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transaction {
    #[serde(default)]
    transact_items: Vec<TransactItem>,
    client_request_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TransactItem {
    condition_check: Option<Item>,
    put: Option<Item>,
    delete: Option<Item>,
    update: Option<Item>,
}

fn transaction(request: Transaction) -> Result<TransactWriteItems, WireError> {
    let writes = request.transact_items.into_iter().map(|item| {
        Ok(match (item.condition_check, item.put, item.delete, item.update) {
            (Some(check), None, None, None) => {
                required("conditionExpression", check.condition_expression.as_ref())?;
                TransactWrite::ConditionCheck(check.delete()?)
            }
            (None, Some(put), None, None) => TransactWrite::Put(put.put()?),
            (None, None, Some(delete), None) => TransactWrite::Delete(delete.delete()?),
            (None, None, None, Some(update)) => TransactWrite::Update(update.update()?),
            _ => {
                return Err(WireError::validation(
                    "TransactItems can only contain one of Check, Put, Update or Delete",
                ));
            }
        })
    });
    Ok(TransactWriteItems {
        writes: writes.collect::<Result<_, WireError>>()?,
        token: request.client_request_token,
    })
}
