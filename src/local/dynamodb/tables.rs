//! Requests that make and change tables, and the descriptions that answer them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::WireError;
use super::request::{not_one_of, read, required};
use crate::domain::RegionId;
use crate::world::dynamo::operation::{
    BillingMode, CreateTable, KeyAttribute, KeyKind, KeySchema, ReplicaUpdate, StreamView,
    TableDescription, UpdateTable,
};

/// The account that stands in the model's ARNs.
const ACCOUNT: &str = "000000000000";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    table_name: Option<String>,
    #[serde(default)]
    attribute_definitions: Vec<AttributeDefinition>,
    #[serde(default)]
    key_schema: Vec<KeySchemaElement>,
    billing_mode: Option<String>,
    provisioned_throughput: Option<Throughput>,
    stream_specification: Option<StreamSpecification>,
    deletion_protection_enabled: Option<bool>,
    #[serde(default)]
    replica_updates: Vec<ReplicaUpdateEntry>,
    multi_region_consistency: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeDefinition {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeySchemaElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Throughput {
    read_capacity_units: u64,
    write_capacity_units: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamSpecification {
    stream_enabled: bool,
    stream_view_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplicaUpdateEntry {
    create: Option<ReplicaRegion>,
    delete: Option<ReplicaRegion>,
    update: Option<ReplicaRegion>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReplicaRegion {
    region_name: String,
}

/// Reads the parameters of `CreateTable`.
pub(super) fn create(json: Value) -> Result<CreateTable, WireError> {
    let request: Request = read(json)?;
    Ok(CreateTable {
        key: key_schema(&request)?,
        billing: match billing(&request)? {
            Some(billing) => billing,
            None => return Err(no_throughput()),
        },
        stream: stream(&request)?.flatten(),
        deletion_protected: request.deletion_protection_enabled.unwrap_or_default(),
        table: required("tableName", request.table_name)?,
    })
}

/// Reads the parameters of `UpdateTable`.
pub(super) fn update(json: Value) -> Result<UpdateTable, WireError> {
    let request: Request = read(json)?;
    if request.multi_region_consistency.as_deref().is_some_and(|mode| mode != "EVENTUAL") {
        return Err(WireError::validation(
            "Strong consistency between Regions is not modelled: leave MultiRegionConsistency out",
        ));
    }
    let replicas = request.replica_updates.iter().map(replica_update).collect::<Result<_, _>>()?;
    Ok(UpdateTable {
        billing: billing(&request)?,
        stream: stream(&request)?,
        deletion_protected: request.deletion_protection_enabled,
        replicas,
        table: required("tableName", request.table_name)?,
    })
}

fn key_schema(request: &Request) -> Result<KeySchema, WireError> {
    let attribute = |element: &KeySchemaElement| {
        let name = &element.attribute_name;
        let definition = request.attribute_definitions.iter().find(|d| d.attribute_name == *name);
        let kind = match definition.map(|definition| definition.attribute_type.as_str()) {
            Some("S") => KeyKind::S,
            Some("N") => KeyKind::N,
            Some("B") => KeyKind::B,
            Some(other) => return Err(not_one_of("attributeType", other)),
            None => {
                return Err(WireError::validation(format!(
                    "One or more parameter values were invalid: Some index key attributes are not \
                     defined in AttributeDefinitions. Keys: [{name}]"
                )));
            }
        };
        Ok(KeyAttribute { name: name.clone(), kind })
    };
    let key = match request.key_schema.as_slice() {
        [hash] if hash.key_type == "HASH" => KeySchema { hash: attribute(hash)?, range: None },
        [hash, range] if hash.key_type == "HASH" && range.key_type == "RANGE" => {
            KeySchema { hash: attribute(hash)?, range: Some(attribute(range)?) }
        }
        _ => {
            return Err(WireError::validation(
                "Invalid KeySchema: one HASH key, and after it at most one RANGE key, are expected",
            ));
        }
    };
    if request.attribute_definitions.len() != request.key_schema.len() {
        return Err(WireError::validation(
            "One or more parameter values were invalid: Number of attributes in KeySchema does not \
             exactly match number of attributes defined in AttributeDefinitions",
        ));
    }
    Ok(key)
}

fn no_throughput() -> WireError {
    WireError::validation(
        "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must \
         both be specified when BillingMode is PROVISIONED",
    )
}

fn billing(request: &Request) -> Result<Option<BillingMode>, WireError> {
    match (request.billing_mode.as_deref(), &request.provisioned_throughput) {
        (Some("PAY_PER_REQUEST"), None) => Ok(Some(BillingMode::PayPerRequest)),
        (Some("PAY_PER_REQUEST"), Some(_)) => Err(WireError::validation(
            "One or more parameter values were invalid: Neither ReadCapacityUnits nor \
             WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        )),
        (None | Some("PROVISIONED"), Some(units)) => Ok(Some(BillingMode::Provisioned {
            read_units: units.read_capacity_units,
            write_units: units.write_capacity_units,
        })),
        (Some("PROVISIONED"), None) => Err(no_throughput()),
        (None, None) => Ok(None),
        (Some(other), _) => Err(not_one_of("billingMode", other)),
    }
}

fn stream(request: &Request) -> Result<Option<Option<StreamView>>, WireError> {
    let Some(stream) = &request.stream_specification else { return Ok(None) };
    if !stream.stream_enabled {
        return Ok(Some(None));
    }
    let view = required("streamViewType", stream.stream_view_type.as_deref())?;
    let known = VIEWS.iter().find(|(_, name)| *name == view);
    match known {
        Some((view, _)) => Ok(Some(Some(*view))),
        None => Err(not_one_of("streamViewType", view)),
    }
}

const VIEWS: [(StreamView, &str); 4] = [
    (StreamView::KeysOnly, "KEYS_ONLY"),
    (StreamView::NewImage, "NEW_IMAGE"),
    (StreamView::OldImage, "OLD_IMAGE"),
    (StreamView::NewAndOldImages, "NEW_AND_OLD_IMAGES"),
];

fn replica_update(entry: &ReplicaUpdateEntry) -> Result<ReplicaUpdate, WireError> {
    let region = |name: &str| {
        name.parse::<RegionId>().map_err(|error| WireError::validation(error.to_string()))
    };
    match (&entry.create, &entry.delete, &entry.update) {
        (Some(create), None, None) => Ok(ReplicaUpdate::Create(region(&create.region_name)?)),
        (None, Some(delete), None) => Ok(ReplicaUpdate::Delete(region(&delete.region_name)?)),
        _ => Err(WireError::validation(
            "A replica update must be one of Create and Delete: Update is not modelled",
        )),
    }
}

/// Writes a description.
pub(super) fn description(table: &TableDescription) -> Value {
    let keys =
        [Some((&table.key.hash, "HASH")), table.key.range.as_ref().map(|key| (key, "RANGE"))];
    let keys: Vec<(&KeyAttribute, &str)> = keys.into_iter().flatten().collect();
    let definitions: Vec<Value> = keys
        .iter()
        .map(|(key, _)| json!({"AttributeName": key.name, "AttributeType": key.kind.as_str()}))
        .collect();
    let schema: Vec<Value> = keys
        .iter()
        .map(|(key, role)| json!({"AttributeName": key.name, "KeyType": role}))
        .collect();
    let (read_units, write_units) = match table.billing {
        BillingMode::PayPerRequest => (0, 0),
        BillingMode::Provisioned { read_units, write_units } => (read_units, write_units),
    };
    let mut json = json!({
        "AttributeDefinitions": definitions,
        "TableName": table.table,
        "KeySchema": schema,
        "TableStatus": table.status.as_str(),
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": read_units,
            "WriteCapacityUnits": write_units,
        },
        "TableSizeBytes": table.size_bytes,
        "ItemCount": table.item_count,
        "TableArn": format!("arn:aws:dynamodb:{}:{ACCOUNT}:table/{}", table.region, table.table),
        "DeletionProtectionEnabled": table.deletion_protected,
    });
    if table.billing == BillingMode::PayPerRequest {
        json["BillingModeSummary"] = json!({"BillingMode": "PAY_PER_REQUEST"});
    }
    if let Some((_, view)) = VIEWS.iter().find(|(view, _)| Some(*view) == table.stream) {
        json["StreamSpecification"] = json!({"StreamEnabled": true, "StreamViewType": view});
    }
    if !table.replicas.is_empty() {
        json["GlobalTableVersion"] = json!("2019.11.21");
        json["MultiRegionConsistency"] = json!("EVENTUAL");
        json["Replicas"] = table
            .replicas
            .iter()
            .map(|(region, status)| {
                json!({"RegionName": region.as_str(), "ReplicaStatus": status.as_str()})
            })
            .collect();
    }
    json
}
