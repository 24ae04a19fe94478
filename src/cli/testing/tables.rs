//! The three ports over plain maps: what `init` and `status` need of AWS, with Regions that can be
//! made unreachable and writes that can be made to fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;

use crate::agent::Outside;
use crate::domain::answers::{Heard, Question};
use crate::domain::capacity::{ScalingGroup, ScalingGroupId, Vcpus};
use crate::domain::database::{ClusterArn, GlobalCluster, LagPoint, MemberCluster};
use crate::domain::health_check::{CheckFound, CheckId, CheckSight, CheckSpec};
use crate::domain::notice::{Notice, TopicArn};
use crate::domain::record::{ChangeId, ChangeStatus, DnsName, RecordChange, RecordKey, RecordType};
use crate::domain::signal::{
    AlarmName, AlarmState, Datapoint, MetricQuery, TargetGroupArn, TargetHealth,
};
use crate::domain::webhook::Reply;
use crate::domain::zone::ZoneFacts;
use crate::domain::{
    Beat, CallFailure, GlobalClusterId, RegionId, Report, Seat, StateName, ZoneBatch, ZoneId,
    ZoneRead,
};
use crate::domain::{Order, OrderId};
use crate::ports::{
    Answer, Capacity, Databases, HealthChecks, Names, Notices, Observations, Records, Registers,
    Signals, SwapRefused, Webhooks,
};

/// What is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct Stored {
    pub(in crate::cli) seat_tables: BTreeSet<RegionId>,
    pub(in crate::cli) seats: BTreeMap<RegionId, Seat>,
    pub(in crate::cli) documents: BTreeMap<(RegionId, StateName), String>,
    pub(in crate::cli) boards: BTreeSet<RegionId>,
    pub(in crate::cli) reports: BTreeMap<RegionId, Vec<Report>>,
    pub(in crate::cli) orders: Vec<Order>,
    pub(in crate::cli) zones: BTreeMap<ZoneId, (DnsName, ZoneRead)>,
    /// Health checks, with the references by which they were made.
    pub(in crate::cli) checks: BTreeMap<String, CheckFound>,
    /// References of checks that were deleted.
    pub(in crate::cli) spent: BTreeSet<String>,
    /// Checkers that find a closed gate, of sixteen, at every watch.
    pub(in crate::cli) found_closed: usize,
    /// Regions that can't be reached.
    pub(in crate::cli) lost: BTreeSet<RegionId>,
    /// Checks whose endpoint gives no answer.
    pub(in crate::cli) silent: BTreeSet<CheckId>,
    /// Names without an address.
    pub(in crate::cli) unresolved: BTreeSet<DnsName>,
    /// Global clusters.
    pub(in crate::cli) databases: BTreeMap<GlobalClusterId, GlobalCluster>,
    /// How far each secondary is behind, in milliseconds, by a figure that is a minute old.
    pub(in crate::cli) behind_ms: BTreeMap<RegionId, u64>,
    /// Autoscaling groups.
    pub(in crate::cli) groups: BTreeMap<ScalingGroupId, ScalingGroup>,
    /// What may run and does; enough if none is named.
    pub(in crate::cli) vcpus: BTreeMap<RegionId, Vcpus>,
    /// Operations that fail, and how.
    pub(in crate::cli) failing: BTreeMap<&'static str, CallFailure>,
    /// Zones that are private.
    pub(in crate::cli) private: BTreeSet<ZoneId>,
    /// Writes that still succeed; all if none.
    pub(in crate::cli) writes_left: Option<usize>,
}

impl Stored {
    fn reach(&self, region: &RegionId) -> Answer<()> {
        if self.lost.contains(region) {
            return Err(CallFailure::unknown(format!("no answer from {region}")));
        }
        Ok(())
    }

    fn may(&self, operation: &'static str) -> Answer<()> {
        self.failing.get(operation).cloned().map_or(Ok(()), Err)
    }

    fn write(&mut self) -> Answer<()> {
        match &mut self.writes_left {
            Some(0) => Err(CallFailure::transient("throttled")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The ports.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Tables(Arc<Mutex<Stored>>);

impl Tables {
    pub(in crate::cli) fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().expect("not poisoned")
    }

    pub(in crate::cli) fn outside(&self) -> Outside {
        let tables = Arc::new(self.clone());
        Outside {
            registers: tables.clone(),
            observations: tables.clone(),
            records: tables.clone(),
            signals: tables.clone(),
            health_checks: tables.clone(),
            names: tables.clone(),
            databases: tables.clone(),
            capacity: tables.clone(),
            notices: tables.clone(),
            webhooks: tables,
        }
    }
}

fn unused<T>(operation: &str) -> Answer<T> {
    Err(CallFailure::permanent(format!("no command calls {operation}")))
}

#[async_trait]
impl Capacity for Tables {
    async fn group(&self, group: &ScalingGroupId, _: Duration) -> Answer<ScalingGroup> {
        let stored = self.stored();
        stored.reach(&group.region)?;
        stored.may("group")?;
        let found = stored.groups.get(group).cloned();
        found
            .ok_or_else(|| CallFailure::permanent(format!("there is no autoscaling group {group}")))
    }

    async fn set_desired(&self, group: &ScalingGroupId, desired: u32, _: Duration) -> Answer<()> {
        let mut stored = self.stored();
        stored.reach(&group.region)?;
        stored.may("set_desired")?;
        match stored.groups.get_mut(group) {
            Some(shown) if (shown.min..=shown.max).contains(&desired) => {
                shown.desired = desired;
                Ok(())
            }
            _ => Err(CallFailure::conflict("ValidationError")),
        }
    }

    async fn vcpus(&self, region: &RegionId, _: Duration) -> Answer<Vcpus> {
        let stored = self.stored();
        stored.reach(region)?;
        stored.may("vcpus")?;
        Ok(stored.vcpus.get(region).copied().unwrap_or(Vcpus { most: 256, used: Some(16) }))
    }
}

#[async_trait]
impl Notices for Tables {
    async fn send(&self, _: &TopicArn, _: &str, _: &Notice, _: Duration) -> Answer<()> {
        unused("send")
    }
}

#[async_trait]
impl Webhooks for Tables {
    async fn post(&self, _: &str, _: &str, _: &str, _: Duration) -> Answer<Reply> {
        unused("post")
    }
}

#[async_trait]
impl Registers for Tables {
    async fn read_seat(&self, seat: &RegionId, _: Duration) -> Answer<Option<Seat>> {
        let stored = self.stored();
        stored.reach(seat)?;
        Ok(stored.seats.get(seat).cloned())
    }

    async fn swap_seat(
        &self,
        seat: &RegionId,
        expected: &Beat,
        new: &Seat,
        _: Duration,
    ) -> Result<(), SwapRefused> {
        let mut stored = self.stored();
        stored.reach(seat).and_then(|()| stored.may("swap_seat")).map_err(SwapRefused::Failed)?;
        match stored.seats.get_mut(seat) {
            Some(present) if present.beat == *expected => *present = new.clone(),
            present => return Err(SwapRefused::Found(present.cloned().map(Box::new))),
        }
        Ok(())
    }

    async fn put_state(
        &self,
        seat: &RegionId,
        name: StateName,
        document: &str,
        _: Duration,
    ) -> Answer<()> {
        let mut stored = self.stored();
        stored.reach(seat)?;
        stored.write()?;
        assert!(stored.seat_tables.contains(seat), "there is no table in {seat}");
        match stored.documents.entry((seat.clone(), name)).or_insert_with(|| document.to_owned()) {
            same if same == document => Ok(()),
            _ => Err(CallFailure::conflict("another content")),
        }
    }

    async fn read_state(
        &self,
        seat: &RegionId,
        name: StateName,
        _: Duration,
    ) -> Answer<Option<String>> {
        let stored = self.stored();
        stored.reach(seat)?;
        Ok(stored.documents.get(&(seat.clone(), name)).cloned())
    }

    async fn create_table(&self, seat: &RegionId, _: Duration) -> Answer<bool> {
        let mut stored = self.stored();
        stored.reach(seat)?;
        stored.write()?;
        Ok(stored.seat_tables.insert(seat.clone()))
    }

    async fn has_table(&self, seat: &RegionId, _: Duration) -> Answer<bool> {
        let stored = self.stored();
        stored.reach(seat)?;
        Ok(stored.seat_tables.contains(seat))
    }

    async fn create_seat(&self, seat: &RegionId, new: &Seat, _: Duration) -> Answer<()> {
        let mut stored = self.stored();
        stored.reach(seat)?;
        stored.write()?;
        assert!(!stored.seats.contains_key(seat), "there is a seat in {seat}");
        stored.seats.insert(seat.clone(), new.clone());
        Ok(())
    }
}

#[async_trait]
impl Observations for Tables {
    async fn publish(&self, _: &RegionId, _: &Report, _: Duration) -> Answer<()> {
        unused("publish")
    }

    async fn gather(&self, replica: &RegionId, _: Duration) -> Answer<Vec<Report>> {
        let stored = self.stored();
        stored.reach(replica)?;
        Ok(stored.reports.get(replica).cloned().unwrap_or_default())
    }

    async fn record_history(&self, _: &RegionId, _: StateName, _: &str, _: Duration) -> Answer<()> {
        unused("record_history")
    }

    async fn history(&self, _: &RegionId, _: u16, _: Duration) -> Answer<Vec<(StateName, String)>> {
        unused("history")
    }

    async fn submit_order(&self, replica: &RegionId, order: &Order, _: Duration) -> Answer<()> {
        let mut stored = self.stored();
        stored.reach(replica)?;
        stored.orders.push(order.clone());
        Ok(())
    }

    async fn orders(&self, _: &RegionId, _: Duration) -> Answer<Vec<Order>> {
        unused("orders")
    }

    async fn remove_order(&self, _: &RegionId, _: &OrderId, _: Duration) -> Answer<()> {
        unused("remove_order")
    }

    async fn create_table(
        &self,
        home: &RegionId,
        replicas: &[RegionId],
        _: Duration,
    ) -> Answer<Vec<RegionId>> {
        let mut stored = self.stored();
        stored.write()?;
        let all: Vec<RegionId> = [std::slice::from_ref(home), replicas].concat();
        stored.boards.extend(all.iter().cloned());
        Ok(all)
    }

    async fn has_table(&self, replica: &RegionId, _: Duration) -> Answer<bool> {
        let stored = self.stored();
        stored.reach(replica)?;
        Ok(stored.boards.contains(replica))
    }
}

#[async_trait]
impl Records for Tables {
    async fn zone_facts(&self, zone: &ZoneId, _: Duration) -> Answer<ZoneFacts> {
        let stored = self.stored();
        let private = stored.private.contains(zone);
        let found = stored.zones.get(zone).map(|(name, _)| ZoneFacts {
            name: name.clone(),
            private,
            name_servers: Vec::new(),
        });
        found.ok_or_else(|| CallFailure::permanent(format!("there is no zone {zone}")))
    }

    async fn read_zone(
        &self,
        zone: &ZoneId,
        _: &DnsName,
        _: &[RecordKey],
        _: Duration,
    ) -> Answer<ZoneRead> {
        let stored = self.stored();
        stored.may("read_zone")?;
        let found = stored.zones.get(zone).map(|(_, read)| read.clone());
        found.ok_or_else(|| CallFailure::transient("throttled"))
    }

    async fn change_zone(&self, batch: &ZoneBatch, _: Duration) -> Answer<ChangeId> {
        let mut stored = self.stored();
        stored.may("change_zone")?;
        stored.write()?;
        let (_, present) = stored.zones.get_mut(&batch.zone).expect("a zone that was read");
        let mut read = present.clone();
        for change in &batch.changes {
            let (RecordChange::Delete(record) | RecordChange::Create(record)) = change;
            let fence = record.key.rtype == RecordType::Txt;
            let create = matches!(change, RecordChange::Create(_));
            match (fence, create) {
                (true, true) if read.fence.is_none() => read.fence = Some(record.clone()),
                (true, false) if read.fence.as_ref() == Some(record) => read.fence = None,
                (false, true) => read.records.push(record.clone()),
                (false, false) if read.records.contains(record) => {
                    read.records.retain(|present| present != record);
                }
                _ => return Err(CallFailure::conflict("not as it was read")),
            }
        }
        *present = read;
        Ok(ChangeId("C1".to_owned()))
    }

    async fn change_status(&self, _: &ZoneId, _: &ChangeId, _: Duration) -> Answer<ChangeStatus> {
        self.stored().may("change_status")?;
        Err(CallFailure::conflict("NoSuchChange"))
    }
}

#[async_trait]
impl Names for Tables {
    async fn ask(&self, _: &Question, _: Duration) -> Answer<Vec<Heard>> {
        unused("ask")
    }

    async fn has_address(&self, name: &DnsName, _: Duration) -> Answer<bool> {
        let stored = self.stored();
        stored.may("has_address")?;
        Ok(!stored.unresolved.contains(name))
    }
}

#[async_trait]
impl Databases for Tables {
    async fn describe(
        &self,
        via: &RegionId,
        cluster: &GlobalClusterId,
        _: Duration,
    ) -> Answer<GlobalCluster> {
        let stored = self.stored();
        stored.reach(via)?;
        stored.may("describe")?;
        let found = stored.databases.get(cluster).cloned();
        found.ok_or_else(|| CallFailure::permanent(format!("there is no {cluster}")))
    }

    async fn describe_member(&self, _: &ClusterArn, _: Duration) -> Answer<MemberCluster> {
        unused("describe_member")
    }

    async fn lag(&self, secondary: &ClusterArn, _: Duration) -> Answer<Vec<LagPoint>> {
        let stored = self.stored();
        stored.may("lag")?;
        let behind_ms = stored.behind_ms.get(secondary.region());
        let point = |lag_ms: &u64| LagPoint {
            lag_ms: Some(*lag_ms),
            rpo_ms: None,
            progress_ms: None,
            age_ms: 60_000,
        };
        Ok(behind_ms.map(point).into_iter().collect())
    }

    async fn kept_volumes(&self, _: &ClusterArn, _: Duration) -> Answer<Vec<String>> {
        unused("kept_volumes")
    }

    async fn switchover(
        &self,
        _: &RegionId,
        _: &GlobalClusterId,
        _: &ClusterArn,
        _: Duration,
    ) -> Answer<()> {
        unused("switchover")
    }

    async fn failover_allowing_data_loss(
        &self,
        _: &GlobalClusterId,
        _: &ClusterArn,
        _: Duration,
    ) -> Answer<()> {
        unused("failover_allowing_data_loss")
    }
}

#[async_trait]
impl Signals for Tables {
    async fn target_health(&self, _: &TargetGroupArn, _: Duration) -> Answer<TargetHealth> {
        unused("target_health")
    }

    async fn alarms(
        &self,
        _: &RegionId,
        _: &BTreeSet<AlarmName>,
        _: Duration,
    ) -> Answer<BTreeMap<AlarmName, AlarmState>> {
        unused("alarms")
    }

    async fn metrics(
        &self,
        _: &RegionId,
        _: &[MetricQuery],
        _: Duration,
    ) -> Answer<Vec<Vec<Datapoint>>> {
        unused("metrics")
    }
}

#[async_trait]
impl HealthChecks for Tables {
    async fn checks(&self, _: Duration) -> Answer<Vec<CheckFound>> {
        let stored = self.stored();
        stored.may("checks")?;
        Ok(stored.checks.values().cloned().collect())
    }

    async fn create_check(
        &self,
        reference: &str,
        spec: &CheckSpec,
        _: Duration,
    ) -> Answer<CheckId> {
        let mut stored = self.stored();
        stored.write()?;
        if let Some(check) = stored.checks.get(reference).filter(|check| check.spec == *spec) {
            return Ok(check.id.clone());
        }
        if stored.checks.contains_key(reference) || stored.spent.contains(reference) {
            return Err(CallFailure::conflict("the reference was used before"));
        }
        let id = CheckId(format!("check-{}", stored.checks.len()));
        let check = CheckFound { id: id.clone(), version: 1, spec: spec.clone(), disabled: false };
        stored.checks.insert(reference.to_owned(), check);
        Ok(id)
    }

    async fn update_check(
        &self,
        id: &CheckId,
        version: i64,
        spec: &CheckSpec,
        _: Duration,
    ) -> Answer<()> {
        let mut stored = self.stored();
        stored.write()?;
        let check = stored.checks.values_mut().find(|check| check.id == *id).expect("it is there");
        if check.version != version {
            return Err(CallFailure::conflict("it was changed since"));
        }
        (check.spec, check.version, check.disabled) = (spec.clone(), version + 1, false);
        Ok(())
    }

    async fn sight(&self, check: &CheckId, _: Duration) -> Answer<CheckSight> {
        let stored = self.stored();
        let found = stored.found_closed;
        let others = 16 - found;
        let (answered, silent) =
            if stored.silent.contains(check) { (0, others) } else { (others, 0) };
        Ok(CheckSight { checkers: 16, asked: 16, found, answered, silent, unclear: None })
    }
}
