//! Making tables and replicas, for `init`.
//!
//! Each step looks first and can be repeated: after an unknown outcome `init` is simply run again.
//! What a table is created with is decided here: billed by request (a few writes a second need no
//! planning of capacity), and protected against deletion, since a lost seat costs a vote and a
//! lost board everyone's sight. Deliberately not set: point-in-time recovery and TTL, which
//! CreateTable does not take; a restored seat would be one that went back in time, and counts for
//! nothing anyway.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateReplicationGroupMemberAction, KeySchemaElement,
    KeyType, ReplicaStatus, ReplicationGroupUpdate, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableDescription, TableStatus,
};

use super::call::{Call, Failed};
use crate::domain::{CallFailure, FailureClass, RegionId};
use crate::ports::Answer;
use crate::ports::items::{BOARD_HASH, BOARD_RANGE, SEATS_KEY};

/// Wait between two looks at a table that is being made. Making one takes seconds, a replica
/// minutes; DescribeTable is a control-plane call that all users of the account share.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Which table is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Plain, keyed by `id`.
    Seats,
    /// Ready for replicas, keyed by `kind` and `id`.
    Board,
}

impl Shape {
    fn keys(self) -> &'static [(&'static str, KeyType)] {
        match self {
            Self::Seats => &[(SEATS_KEY, KeyType::Hash)],
            Self::Board => &[(BOARD_HASH, KeyType::Hash), (BOARD_RANGE, KeyType::Range)],
        }
    }

    /// Replication of the current kind of global table (2019.11.21) reads the table's stream
    /// (DynamoDB Developer Guide, "Global tables: how it works").
    fn stream(self) -> Option<StreamSpecification> {
        match self {
            Self::Seats => None,
            Self::Board => StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()
                .ok(),
        }
    }
}

/// Bounds the whole making of a table. What was begun goes on in AWS by itself, so that a limit
/// that strikes leaves the outcome open.
pub(super) async fn bounded<T>(
    region: &RegionId,
    table: &str,
    limit: Duration,
    making: impl Future<Output = Answer<T>>,
) -> Answer<T> {
    tokio::time::timeout(limit, making).await.unwrap_or_else(|_| {
        Err(CallFailure::unknown(format!(
            "table {table} in {region}: not ready within {limit:?}; it may become so: run this again"
        )))
    })
}

/// Whether a table is ready for use.
#[must_use]
pub(super) fn active(table: &TableDescription) -> bool {
    table.table_status == Some(TableStatus::Active)
}

/// The table as this Region describes it; none if there is none.
pub(super) async fn look(
    client: &Client,
    region: &RegionId,
    table: &str,
    limit: Duration,
) -> Answer<Option<TableDescription>> {
    let call = Call::read("DescribeTable", region.as_str(), limit);
    let answer = call
        .run(
            client
                .describe_table()
                .table_name(table)
                .customize()
                .config_override(call.dynamodb())
                .interceptor(call.witness())
                .send(),
        )
        .await;
    match answer {
        Ok(answer) => match answer.table {
            Some(table) => Ok(Some(table)),
            None => Err(call.senseless("it describes no table")),
        },
        Err(Failed { error: Some(error), .. }) if error.is_resource_not_found_exception() => {
            Ok(None)
        }
        Err(failed) => Err(failed.into()),
    }
}

/// Creates the table if there is none; says whether it did.
pub(super) async fn create(
    client: &Client,
    region: &RegionId,
    table: &str,
    shape: Shape,
    limit: Duration,
) -> Answer<bool> {
    if look(client, region, table, limit).await?.is_some() {
        return Ok(false);
    }
    let (schema, attributes) = keys(shape).map_err(|error| {
        CallFailure::permanent(format!("CreateTable in {region}: not a key: {error}"))
    })?;
    let call = Call::write("CreateTable", region.as_str(), limit);
    let answer = call
        .run(
            client
                .create_table()
                .table_name(table)
                .billing_mode(BillingMode::PayPerRequest)
                .deletion_protection_enabled(true)
                .set_key_schema(Some(schema))
                .set_attribute_definitions(Some(attributes))
                .set_stream_specification(shape.stream())
                .customize()
                .config_override(call.dynamodb())
                .interceptor(call.witness())
                .send(),
        )
        .await;
    match answer {
        Ok(_) => Ok(true),
        // Somebody was faster: the table is there, and not made by this call.
        Err(failed) if failed.failure.class == FailureClass::Conflict => Ok(false),
        Err(failed) => Err(failed.into()),
    }
}

/// Waits until the table can be used; the caller's limit ends the wait.
pub(super) async fn wait_until_active(
    client: &Client,
    region: &RegionId,
    table: &str,
    limit: Duration,
) -> Answer<()> {
    while !look(client, region, table, limit).await?.as_ref().is_some_and(active) {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

/// Adds a replica if there is none, and waits for it; says whether it did. One at a time: DynamoDB
/// takes one change of replicas in an UpdateTable, and none while another is under way.
pub(super) async fn add_replica(
    client: &Client,
    home: &RegionId,
    table: &str,
    replica: &RegionId,
    limit: Duration,
) -> Answer<bool> {
    let mut added = false;
    loop {
        let described = look(client, home, table, limit).await?;
        let Some(described) = described else {
            return Err(CallFailure::permanent(format!(
                "table {table} in {home} is gone while its replica in {replica} was being made"
            )));
        };
        match replica_status(&described, replica) {
            Some(ReplicaStatus::Active) if active(&described) => return Ok(added),
            Some(ReplicaStatus::CreationFailed) => {
                return Err(CallFailure::permanent(format!(
                    "table {table}: making the replica in {replica} failed; DynamoDB removes it: \
                     see why in the console of {home}, then run this again"
                )));
            }
            None if !added && active(&described) => {
                ask_for_replica(client, home, table, replica, limit).await?;
                added = true;
            }
            _ => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

async fn ask_for_replica(
    client: &Client,
    home: &RegionId,
    table: &str,
    replica: &RegionId,
    limit: Duration,
) -> Answer<()> {
    let member =
        CreateReplicationGroupMemberAction::builder().region_name(replica.as_str()).build();
    let member = member.map_err(|error| {
        CallFailure::permanent(format!("UpdateTable in {home}: not a replica: {error}"))
    })?;
    let call = Call::write("UpdateTable", home.as_str(), limit);
    call.run(
        client
            .update_table()
            .table_name(table)
            .replica_updates(ReplicationGroupUpdate::builder().create(member).build())
            .customize()
            .config_override(call.dynamodb())
            .interceptor(call.witness())
            .send(),
    )
    .await?;
    Ok(())
}

fn replica_status(table: &TableDescription, region: &RegionId) -> Option<ReplicaStatus> {
    let replica =
        table.replicas().iter().find(|replica| replica.region_name() == Some(region.as_str()))?;
    // One that is listed without a status is there, and not yet to be relied on.
    Some(replica.replica_status().cloned().unwrap_or(ReplicaStatus::Creating))
}

fn keys(shape: Shape) -> Result<(Vec<KeySchemaElement>, Vec<AttributeDefinition>), BuildError> {
    let keys = shape.keys().iter();
    let schema = keys
        .clone()
        .map(|(name, kind)| {
            KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone()).build()
        })
        .collect::<Result<_, _>>()?;
    let attributes = keys
        .map(|(name, _)| {
            AttributeDefinition::builder()
                .attribute_name(*name)
                .attribute_type(ScalarAttributeType::S)
                .build()
        })
        .collect::<Result<_, _>>()?;
    Ok((schema, attributes))
}
