//! Hosted zones: the record port over Route 53's control plane.

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
use crate::domain::{CallFailure, ZoneId};
use crate::ports::{Answer, Records};

/// Hosted zones over AWS.
#[derive(Debug, Clone)]
pub struct Zones(pub(super) std::sync::Arc<Clients>);

/// Record sets asked for in a page. At most 100 weighted record sets share a name and type (Route
/// 53 API Reference, `ResourceRecordSet`), so that one page nearly always holds a whole key.
const PAGE_ITEMS: i32 = 100;

/// Changes in a batch at most (Route 53 Developer Guide, "Quotas", `ChangeResourceRecordSets`).
const CHANGES_MAX: usize = 1_000;

/// Characters in the values of a batch at most; same page.
const VALUE_CHARACTERS_MAX: usize = 32_000;

/// Characters of a batch's comment at most (Route 53 API Reference, `ChangeBatch`).
const COMMENT_CHARACTERS_MAX: usize = 256;

/// Where a listing goes on.
struct Start {
    name: String,
    rtype: types::RrType,
    identifier: Option<String>,
}

impl Start {
    fn at(key: &RecordKey) -> Self {
        let name = key.name.as_str().to_owned();
        Self { name, rtype: type_to_sdk(key.rtype), identifier: None }
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
        let call = Call::read("ListResourceRecordSets", ROUTE53_REGION, limit);
        let answer = call
            .run(
                self.0
                    .route53
                    .list_resource_record_sets()
                    .hosted_zone_id(zone.as_str())
                    .start_record_name(start.name)
                    .start_record_type(start.rtype)
                    .set_start_record_identifier(start.identifier)
                    .max_items(items)
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        Ok(answer)
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

    /// Every record set of one name and type. They are listed next to each other: the first other
    /// one ends them.
    async fn read_key(
        &self,
        zone: &ZoneId,
        key: &RecordKey,
        limit: Duration,
    ) -> Answer<Vec<RecordSet>> {
        let mut found = Vec::new();
        let mut start = Start::at(key);
        loop {
            let page = self.page(zone, start, PAGE_ITEMS, limit).await?;
            for listed in page.resource_record_sets() {
                if !has_key(listed, key) {
                    return Ok(found);
                }
                found.push(from_sdk(listed).map_err(|reason| unreadable(zone, &reason))?);
            }
            match (page.is_truncated, page.next_record_name, page.next_record_type) {
                (true, Some(name), Some(rtype)) => {
                    start = Start { name, rtype, identifier: page.next_record_identifier };
                }
                (true, ..) => {
                    // Half of the records must not pass for all of them.
                    return Err(CallFailure::transient(format!(
                        "ListResourceRecordSets of zone {zone}: cut short, without saying where \
                         to go on"
                    )));
                }
                (false, ..) => return Ok(found),
            }
        }
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
    async fn zone_name(&self, zone: &ZoneId, limit: Duration) -> Answer<DnsName> {
        let call = Call::read("GetHostedZone", ROUTE53_REGION, limit);
        let answer = call
            .run(
                self.0
                    .route53
                    .get_hosted_zone()
                    .id(zone.as_str())
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        let name = answer.hosted_zone().map(types::HostedZone::name).unwrap_or_default();
        name.parse().map_err(|error| call.senseless(&format!("zone {zone}: {error}")))
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
            let mut records = Vec::new();
            // One after another: Route 53 takes five requests a second from the whole account.
            for key in keys {
                records.extend(self.read_key(zone, key, limit).await?);
            }
            Ok(ZoneRead { fence, records })
        };
        within("reading a zone", ROUTE53_REGION, limit, reading).await
    }

    async fn change_zone(&self, batch: &ZoneBatch, limit: Duration) -> Answer<ChangeId> {
        let changes = to_change_batch(batch)?;
        let call = Call::write("ChangeResourceRecordSets", ROUTE53_REGION, limit);
        let answer = call
            .run(
                self.0
                    .route53
                    .change_resource_record_sets()
                    .hosted_zone_id(batch.zone.as_str())
                    .change_batch(changes)
                    .customize()
                    .config_override(call.route53())
                    .interceptor(call.witness())
                    .send(),
            )
            .await?;
        match answer.change_info() {
            Some(info) if !info.id().is_empty() => {
                Ok(ChangeId(info.id().trim_start_matches("/change/").to_owned()))
            }
            _ => Err(call.senseless("it has no change ID")),
        }
    }

    async fn change_status(&self, change: &ChangeId, limit: Duration) -> Answer<ChangeStatus> {
        let call = Call::read("GetChange", ROUTE53_REGION, limit);
        let answer = call
            .run(
                self.0
                    .route53
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
