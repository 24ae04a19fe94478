//! Hosted zones: the record port over Route 53's control plane.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::types::{self, Change, ChangeAction, ChangeBatch};

use super::call::{Call, within};
use super::connect::{Clients, ROUTE53_REGION};
use super::record_sets::{Unheld, from_sdk, has_key, to_sdk, type_to_sdk};
use crate::domain::record::{
    ChangeId, ChangeStatus, DnsName, RecordChange, RecordData, RecordKey, RecordSet, RecordType,
    ZoneBatch, ZoneRead,
};
use crate::domain::zone::ZoneFacts;
use crate::domain::{CallFailure, ZoneId};
use crate::ports::{Answer, Records};

/// Hosted zones over AWS.
#[derive(Debug, Clone)]
pub struct Zones(pub(super) std::sync::Arc<Clients>);

/// Record sets asked for in a page: the most that come (Route 53 API Reference,
/// `ListResourceRecordSets`, `MaxItems`). Route 53 takes five requests a second from an account, so
/// that few large pages are what a zone of many services is read in.
const PAGE_ITEMS: i32 = 300;

/// Changes in a batch at most (Route 53 Developer Guide, "Quotas", `ChangeResourceRecordSets`).
const CHANGES_MAX: usize = 1_000;

/// Characters in the values of a batch at most; same page.
const VALUE_CHARACTERS_MAX: usize = 32_000;

/// Characters of a batch's comment at most (Route 53 API Reference, `ChangeBatch`).
const COMMENT_CHARACTERS_MAX: usize = 256;

/// Where a listing goes on.
struct Start {
    name: String,
    /// The first of the name if none.
    rtype: Option<types::RrType>,
    identifier: Option<String>,
}

impl Start {
    fn at_name(name: &DnsName) -> Self {
        Self { name: name.as_str().to_owned(), rtype: None, identifier: None }
    }

    fn at(key: &RecordKey) -> Self {
        let name = key.name.as_str().to_owned();
        Self { name, rtype: Some(type_to_sdk(key.rtype)), identifier: None }
    }
}

impl Zones {
    async fn page(
        &self,
        zone: &ZoneId,
        start: Start,
        items: i32,
        limit: Duration,
    ) -> Answer<ListResourceRecordSetsOutput> {
        let (route53, limit) = self.0.route53_of(zone, limit).await?;
        let call = Call::read("ListResourceRecordSets", ROUTE53_REGION, limit);
        let answer = call
            .run(
                route53
                    .list_resource_record_sets()
                    .hosted_zone_id(zone.as_str())
                    .start_record_name(start.name)
                    .set_start_record_type(start.rtype)
                    .set_start_record_identifier(start.identifier)
                    .max_items(items)
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await;
        self.0.told(zone, &answer).await;
        Ok(answer?)
    }

    /// The fence's record set. Listings begin at the first record set that is not before the start,
    /// so that what comes may be another one: then there is no fence.
    async fn read_fence(
        &self,
        zone: &ZoneId,
        fence: &DnsName,
        limit: Duration,
    ) -> Answer<Option<RecordSet>> {
        let key = RecordKey { name: fence.clone(), rtype: RecordType::Txt };
        let page = self.page(zone, Start::at(&key), 1, limit).await?;
        let found = page.resource_record_sets().iter().find(|listed| has_key(listed, &key));
        found.map(|listed| from_sdk(listed).map_err(|reason| unreadable(zone, &reason))).transpose()
    }

    /// Every record set of the keys, in their order.
    ///
    /// Pages are read from the first name that is still wanted, in the listing's order, and what lies
    /// between two wanted names is skipped where a page ends in it. All record sets of a name are
    /// listed next to each other, so that a name is whole once the listing has gone beyond it. A key
    /// of which nothing was seen is asked for by itself before it counts as absent: should the order
    /// be another than we think, that costs calls and hides nothing.
    async fn read_keys(
        &self,
        zone: &ZoneId,
        keys: &[RecordKey],
        limit: Duration,
    ) -> Answer<Vec<RecordSet>> {
        let mut wanted: BTreeMap<String, &DnsName> =
            keys.iter().map(|key| (in_listing(&key.name), &key.name)).collect();
        let mut found: BTreeMap<&RecordKey, Vec<RecordSet>> =
            keys.iter().map(|key| (key, Vec::new())).collect();
        let mut start = wanted.first_key_value().map(|(_, name)| Start::at_name(name));
        while let Some(from) = start.take() {
            let page = self.page(zone, from, PAGE_ITEMS, limit).await?;
            for listed in page.resource_record_sets() {
                let Some((_, records)) = found.iter_mut().find(|(key, _)| has_key(listed, key))
                else {
                    continue;
                };
                records.push(from_sdk(listed).map_err(|reason| unreadable(zone, &reason))?);
            }
            let Some(next) = following(zone, page)? else { break };
            start = match next.name.parse::<DnsName>() {
                Ok(name) => {
                    wanted = wanted.split_off(&in_listing(&name));
                    let first = wanted.first_key_value().map(|(_, name)| *name);
                    // In the middle of a wanted name, or before the next one.
                    if first == Some(&name) { Some(next) } else { first.map(Start::at_name) }
                }
                // A name that needs an escape is none of ours: on through it.
                Err(_) => Some(next),
            };
        }
        let mut records = Vec::new();
        for key in keys {
            match found.remove(key) {
                Some(seen) if seen.is_empty() => {
                    records.extend(self.read_key(zone, key, limit).await?);
                }
                seen => records.extend(seen.into_iter().flatten()),
            }
        }
        Ok(records)
    }

    /// Every record set of one name and type. They are listed next to each other: the first other
    /// one ends them.
    async fn read_key(
        &self,
        zone: &ZoneId,
        key: &RecordKey,
        limit: Duration,
    ) -> Answer<Vec<RecordSet>> {
        let mut found = Vec::new();
        let mut start = Some(Start::at(key));
        while let Some(from) = start.take() {
            let page = self.page(zone, from, PAGE_ITEMS, limit).await?;
            for listed in page.resource_record_sets() {
                if !has_key(listed, key) {
                    return Ok(found);
                }
                found.push(from_sdk(listed).map_err(|reason| unreadable(zone, &reason))?);
            }
            start = following(zone, page)?;
        }
        Ok(found)
    }
}

/// A name as listings are sorted by it: its labels from right to left (Route 53 API Reference,
/// `ListResourceRecordSets`).
fn in_listing(name: &DnsName) -> String {
    let labels: Vec<&str> = name.as_str().trim_end_matches('.').rsplit('.').collect();
    format!("{}.", labels.join("."))
}

/// Where the next page begins, if there is one.
fn following(zone: &ZoneId, page: ListResourceRecordSetsOutput) -> Answer<Option<Start>> {
    match (page.is_truncated, page.next_record_name, page.next_record_type) {
        (true, Some(name), rtype @ Some(_)) => {
            Ok(Some(Start { name, rtype, identifier: page.next_record_identifier }))
        }
        // Half of the records must not pass for all of them.
        (true, ..) => Err(CallFailure::transient(format!(
            "ListResourceRecordSets of zone {zone}: cut short, without saying where to go on"
        ))),
        (false, ..) => Ok(None),
    }
}

fn unreadable(zone: &ZoneId, reason: &Unheld) -> CallFailure {
    CallFailure::permanent(format!("ListResourceRecordSets of zone {zone}: {reason}"))
}

/// The batch in the SDK's words. What Route 53 would refuse for its size is refused here: there it
/// has the code of a batch whose records are not what they were, and the remedy is another.
fn to_change_batch(batch: &ZoneBatch) -> Result<ChangeBatch, CallFailure> {
    let refuse = |reason: String| {
        CallFailure::permanent(format!(
            "ChangeResourceRecordSets of zone {}: not sent: {reason}",
            batch.zone
        ))
    };
    if batch.changes.len() > CHANGES_MAX {
        return Err(refuse(format!(
            "{} changes, and a batch holds {CHANGES_MAX}: split it",
            batch.changes.len()
        )));
    }
    let characters: usize = batch.changes.iter().map(value_characters).sum();
    if characters > VALUE_CHARACTERS_MAX {
        return Err(refuse(format!(
            "{characters} characters in values, and a batch holds {VALUE_CHARACTERS_MAX}: split it"
        )));
    }
    let changes = batch.changes.iter().map(|change| {
        let (action, set) = match change {
            RecordChange::Delete(set) => (ChangeAction::Delete, set),
            RecordChange::Create(set) => (ChangeAction::Create, set),
        };
        let set = to_sdk(set).map_err(|reason| refuse(reason.to_string()))?;
        let change = Change::builder().action(action).resource_record_set(set).build();
        change.map_err(|error| refuse(error.to_string()))
    });
    ChangeBatch::builder()
        .set_changes(Some(changes.collect::<Result<_, _>>()?))
        .comment(batch.comment.chars().take(COMMENT_CHARACTERS_MAX).collect::<String>())
        .build()
        .map_err(|error| refuse(error.to_string()))
}

fn value_characters(change: &RecordChange) -> usize {
    let (RecordChange::Delete(set) | RecordChange::Create(set)) = change;
    match &set.data {
        RecordData::Plain { values, .. } => values.iter().map(|value| value.chars().count()).sum(),
        RecordData::Alias { .. } => 0,
    }
}

#[async_trait]
impl Records for Zones {
    async fn zone_facts(&self, zone: &ZoneId, limit: Duration) -> Answer<ZoneFacts> {
        let (route53, limit) = self.0.route53_of(zone, limit).await?;
        let call = Call::read("GetHostedZone", ROUTE53_REGION, limit);
        let answer = call
            .run(
                route53
                    .get_hosted_zone()
                    .id(zone.as_str())
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await;
        self.0.told(zone, &answer).await;
        let answer = answer?;
        let shown = answer.hosted_zone();
        let name = shown.map(types::HostedZone::name).unwrap_or_default();
        let servers = answer.delegation_set().map(types::DelegationSet::name_servers);
        let named = |name: &str| {
            name.parse().map_err(|error| call.senseless(&format!("zone {zone}: {error}")))
        };
        Ok(ZoneFacts {
            name: named(name)?,
            private: shown
                .and_then(types::HostedZone::config)
                .is_some_and(types::HostedZoneConfig::private_zone),
            name_servers: servers
                .unwrap_or_default()
                .iter()
                .map(|name| named(name))
                .collect::<Result<_, _>>()?,
        })
    }

    async fn read_zone(
        &self,
        zone: &ZoneId,
        fence: &DnsName,
        keys: &[RecordKey],
        limit: Duration,
    ) -> Answer<ZoneRead> {
        let reading = async {
            // First, so that a record read after it can't be older than the fence says.
            let fence = self.read_fence(zone, fence, limit).await?;
            let records = self.read_keys(zone, keys, limit).await?;
            Ok(ZoneRead { fence, records })
        };
        within("reading a zone", ROUTE53_REGION, limit, reading).await
    }

    async fn change_zone(&self, batch: &ZoneBatch, limit: Duration) -> Answer<ChangeId> {
        let changes = to_change_batch(batch)?;
        let (route53, limit) = self.0.route53_of(&batch.zone, limit).await?;
        let call = Call::write("ChangeResourceRecordSets", ROUTE53_REGION, limit);
        let answer = call
            .run(
                route53
                    .change_resource_record_sets()
                    .hosted_zone_id(batch.zone.as_str())
                    .change_batch(changes)
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await;
        self.0.told(&batch.zone, &answer).await;
        match answer?.change_info() {
            Some(info) if !info.id().is_empty() => {
                Ok(ChangeId(info.id().trim_start_matches("/change/").to_owned()))
            }
            _ => Err(call.senseless("it has no change ID")),
        }
    }

    async fn change_status(
        &self,
        zone: &ZoneId,
        change: &ChangeId,
        limit: Duration,
    ) -> Answer<ChangeStatus> {
        let (route53, limit) = self.0.route53_of(zone, limit).await?;
        let call = Call::read("GetChange", ROUTE53_REGION, limit);
        let answer = call
            .run(
                route53
                    .get_change()
                    .id(&change.0)
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        match answer.change_info().map(types::ChangeInfo::status) {
            Some(types::ChangeStatus::Pending) => Ok(ChangeStatus::Pending),
            Some(types::ChangeStatus::Insync) => Ok(ChangeStatus::Insync),
            other => Err(call.senseless(&format!("the change's status is {other:?}"))),
        }
    }
}
