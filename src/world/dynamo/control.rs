//! Tables and replicas: making, changing, describing and deleting them.

use super::error::DynamoError;
use super::operation::{
    BillingMode, CreateTable, ListTables, Output, ReplicaUpdate, StreamView, TableDescription,
    TableStatus, UpdateTable,
};
use super::replication::Change;
use super::table::{Backlog, Phase, Settings, Table};
use super::{Dynamo, no_table};
use crate::domain::{Moment, RegionId};
use std::time::Duration;

/// From `CreateTable` to ACTIVE. DynamoDB takes some seconds and promises nothing.
pub(super) const CREATION: Duration = Duration::from_secs(2);
/// From `DeleteTable` to the name being free. As above.
const DELETION: Duration = Duration::from_secs(2);
/// From asking for a replica to ACTIVE, at the least. DynamoDB takes minutes; the model keeps the
/// states and their order, and spares people the wait.
pub(super) const REPLICA_CREATION: Duration = Duration::from_secs(5);

/// Most names on a page of `ListTables`, by its reference.
const TABLES_MAX: usize = 100;

impl Dynamo {
    pub(super) fn create_table(
        &mut self,
        now: Moment,
        region: &RegionId,
        request: CreateTable,
    ) -> Result<Output, DynamoError> {
        let CreateTable { table: name, key, billing, stream, deletion_protected } = request;
        check_name(&name)?;
        if key.range.as_ref().is_some_and(|range| range.name == key.hash.name) {
            return Err(DynamoError::validation(
                "Both the Hash Key and the Range Key element in the KeySchema have the same name",
            ));
        }
        if self.tables.contains_key(&(region.clone(), name.clone())) {
            return Err(DynamoError::ResourceInUse(format!("Table already exists: {name}")));
        }
        let settings = Settings { key, billing, stream, deletion_protected };
        let phase = Phase::Creating { until: now + self.creation, backlog: None };
        let identity = self.identities;
        self.identities += 1;
        self.tables.insert((region.clone(), name.clone()), Table::new(settings, phase, identity));
        self.describe_table(region, &name)
    }

    pub(super) fn describe_table(
        &self,
        region: &RegionId,
        name: &str,
    ) -> Result<Output, DynamoError> {
        let table = self.any_table(region, name)?;
        let (item_count, size_bytes) = table.weigh();
        let replicas = table.peers.iter().filter_map(|peer| {
            let table = self.tables.get(&(peer.clone(), name.to_owned()))?;
            Some((peer.clone(), own_status(table)))
        });
        Ok(Output::Table(TableDescription {
            region: region.clone(),
            table: name.to_owned(),
            key: table.settings.key.clone(),
            status: self.status(name, table),
            billing: table.settings.billing,
            stream: table.settings.stream,
            deletion_protected: table.settings.deletion_protected,
            item_count,
            size_bytes,
            replicas: replicas.collect(),
        }))
    }

    fn status(&self, name: &str, table: &Table) -> TableStatus {
        let creating = |peer: &RegionId| {
            let peer = self.tables.get(&(peer.clone(), name.to_owned()));
            peer.is_some_and(|peer| matches!(peer.phase, Phase::Creating { .. }))
        };
        match own_status(table) {
            TableStatus::Active if table.peers.iter().any(creating) => TableStatus::Updating,
            status => status,
        }
    }

    pub(super) fn list_tables(
        &self,
        region: &RegionId,
        request: &ListTables,
    ) -> Result<Output, DynamoError> {
        let limit = request.limit.unwrap_or(TABLES_MAX);
        if !(1..=TABLES_MAX).contains(&limit) {
            return Err(DynamoError::validation(format!(
                "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy \
                 constraint: Member must have value between 1 and {TABLES_MAX}"
            )));
        }
        let all = self.tables.keys().filter(|(at, _)| at == region).map(|(_, name)| name);
        let mut rest = all.filter(|name| request.after.as_ref().is_none_or(|after| *name > after));
        let names: Vec<String> = rest.by_ref().take(limit).cloned().collect();
        let last = names.last().filter(|_| rest.next().is_some()).cloned();
        Ok(Output::Tables { names, last })
    }

    pub(super) fn delete_table(
        &mut self,
        now: Moment,
        region: &RegionId,
        name: &str,
    ) -> Result<Output, DynamoError> {
        let table = self.any_table(region, name)?;
        if table.settings.deletion_protected {
            return Err(DynamoError::validation(
                "Resource cannot be deleted as it is currently protected against deletion. Disable \
                 deletion protection first.",
            ));
        }
        self.check_settled(name, table)?;
        self.remove(now, region, name);
        self.describe_table(region, name)
    }

    /// Starts a copy's deletion; the others go on without it.
    fn remove(&mut self, now: Moment, region: &RegionId, name: &str) {
        let Some(table) = self.tables.get_mut(&(region.clone(), name.to_owned())) else { return };
        table.phase = Phase::Deleting { until: now + DELETION };
        for peer in std::mem::take(&mut table.peers) {
            if let Some(table) = self.tables.get_mut(&(peer, name.to_owned())) {
                table.peers.remove(region);
            }
        }
    }

    pub(super) fn update_table(
        &mut self,
        now: Moment,
        region: &RegionId,
        request: UpdateTable,
    ) -> Result<Output, DynamoError> {
        let name = &request.table;
        let table = self.any_table(region, name)?;
        self.check_settled(name, table)?;
        let replica = match request.replicas.as_slice() {
            [] => None,
            [update] => Some(update),
            _ => {
                return Err(DynamoError::validation(
                    "Update table operation with more than one Replica update is not supported",
                ));
            }
        };
        let others = [
            request.billing.is_some(),
            request.stream.is_some(),
            request.deletion_protected.is_some(),
        ];
        if replica.is_none() && !others.contains(&true) {
            return Err(DynamoError::validation(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, \
                 GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required",
            ));
        }
        match replica {
            Some(ReplicaUpdate::Create(target)) => {
                self.create_replica(now, region, name, target, request.billing)?;
            }
            Some(ReplicaUpdate::Delete(target)) => {
                if !table.peers.contains(target) {
                    return Err(DynamoError::validation(format!(
                        "Replica deletion failed: table {name} has no replica in {target}"
                    )));
                }
                self.remove(now, target, name);
            }
            None => {}
        }
        let table =
            self.tables.get_mut(&(region.clone(), name.clone())).ok_or_else(|| no_table(name))?;
        let settings = &mut table.settings;
        settings.billing = request.billing.unwrap_or(settings.billing);
        settings.stream = request.stream.unwrap_or(settings.stream);
        settings.deletion_protected =
            request.deletion_protected.unwrap_or(settings.deletion_protected);
        self.describe_table(region, name)
    }

    /// Makes a replica of version 2019.11.21 ("Global tables: multi-active, multi-Region
    /// replication"). What every present copy has is sent to it as if it were written now: its
    /// stamps sort out what arrives more than once, and nothing that was on its way is missed.
    fn create_replica(
        &mut self,
        now: Moment,
        region: &RegionId,
        name: &str,
        target: &RegionId,
        billing: Option<BillingMode>,
    ) -> Result<(), DynamoError> {
        let table = self.any_table(region, name)?;
        if target == region {
            return Err(DynamoError::validation(
                "Cannot add, delete, or update the local region through ReplicaUpdates. Use \
                 CreateTable, DeleteTable, or UpdateTable as required.",
            ));
        }
        if !self.regions.contains(target) {
            return Err(DynamoError::validation(format!("Region {target} is not supported")));
        }
        if self.tables.contains_key(&(target.clone(), name.to_owned())) {
            return Err(DynamoError::validation(format!(
                "Failed to create a the new replica of table with name: '{name}' because one or \
                 more replicas already existed as tables."
            )));
        }
        let billing = billing.unwrap_or(table.settings.billing);
        if billing != BillingMode::PayPerRequest {
            return Err(DynamoError::validation(
                "Table write capacity should either be Pay-Per-Request or AutoScaled.",
            ));
        }
        let mut settings = table.settings.clone();
        settings.billing = billing;
        settings.stream = Some(StreamView::NewAndOldImages);
        let identity = table.identity;
        let mut members = table.peers.clone();
        members.insert(region.clone());

        for member in &members {
            let Some(copy) = self.tables.get_mut(&(member.clone(), name.to_owned())) else {
                continue;
            };
            copy.peers.insert(target.clone());
            copy.settings.stream = settings.stream;
            let Some(direction) = self.directions.get_mut(&(member.clone(), target.clone())) else {
                continue;
            };
            for (key, version) in copy.versions() {
                let version = version.clone();
                let change = Change { table: name.to_owned(), identity, key, version };
                direction.send(now, change);
            }
        }
        let source = self.directions.get(&(region.clone(), target.clone()));
        let backlog = source.map(|source| Backlog { from: region.clone(), changes: source.sent() });
        let phase = Phase::Creating { until: now + self.replica_creation, backlog };
        let mut replica = Table::new(settings, phase, identity);
        replica.peers = members;
        self.tables.insert((target.clone(), name.to_owned()), replica);
        Ok(())
    }

    fn any_table(&self, region: &RegionId, name: &str) -> Result<&Table, DynamoError> {
        let table = self.tables.get(&(region.clone(), name.to_owned()));
        table.ok_or_else(|| {
            DynamoError::ResourceNotFound(format!(
                "Requested resource not found: Table: {name} not found"
            ))
        })
    }

    /// Refuses a change of what is still changing.
    fn check_settled(&self, name: &str, table: &Table) -> Result<(), DynamoError> {
        match self.status(name, table) {
            TableStatus::Active => Ok(()),
            status => Err(DynamoError::ResourceInUse(format!(
                "Attempt to change a resource which is still in use: Table {name} is in state {}",
                status.as_str()
            ))),
        }
    }
}

fn own_status(table: &Table) -> TableStatus {
    match table.phase {
        Phase::Creating { .. } => TableStatus::Creating,
        Phase::Active => TableStatus::Active,
        Phase::Deleting { .. } => TableStatus::Deleting,
    }
}

/// The page "Supported data types and naming rules in Amazon DynamoDB".
fn check_name(name: &str) -> Result<(), DynamoError> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if plain && (3..=255).contains(&name.len()) {
        return Ok(());
    }
    Err(DynamoError::validation(
        "TableName must be at least 3 characters long and at most 255 characters long, of letters, \
         digits, '_', '-' and '.'",
    ))
}
