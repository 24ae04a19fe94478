//! Route 53 alone as the model has it, with checkers that ask and name servers that answer, in
//! virtual time: for a command that changes what is answered while clients ask.
//!
//! All that `init` needs besides Route 53 comes from [`Tables`]. Time goes on by
//! [`Modelled::live`], which is to run beside the command on a runtime whose clock is paused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;

use super::Tables;
use crate::agent::Outside;
use crate::domain::gate::{Gate, GateEndpoint};
use crate::domain::health_check::{CheckFound, CheckId, CheckSight, CheckSpec, WatchSpec};
use crate::domain::record::{ChangeId, ChangeStatus, DnsName, RecordKey};
use crate::domain::zone::ZoneFacts;
use crate::domain::{CallFailure, FleetName, Moment, RecordSet, ZoneBatch, ZoneId, ZoneRead};
use crate::ports::{Answer, HealthChecks, Records};
use crate::world::route53::{
    CheckConfig, CheckInfo, CheckUpdate, EndpointConfig, Met, ModelChange, ModelRecordSet, Route53,
    Route53Error, Spoken, Subject,
};

/// How far time goes on between two looks: far below a checker's interval and a record's way to the
/// name servers.
const TICK: Duration = Duration::from_millis(100);

/// How long a call to the control plane takes.
const CALL: Duration = Duration::from_millis(150);

/// The account, and its time.
pub(in crate::cli) struct Account {
    pub(in crate::cli) route53: Route53,
    pub(in crate::cli) now: Moment,
    /// Gates that every endpoint shows as closed, with the fleet's name.
    pub(in crate::cli) closed: BTreeSet<Gate>,
    /// How long a checker waits for each endpoint's answer.
    pub(in crate::cli) answer_after: Duration,
    fleet: FleetName,
    under_way: Vec<(Moment, String, usize, Met)>,
}

/// The ports over it.
#[derive(Clone)]
pub(in crate::cli) struct Modelled(Arc<Mutex<Account>>);

impl Modelled {
    /// An account with one empty zone.
    pub(in crate::cli) fn new(fleet: &FleetName, zone: &ZoneId, name: &DnsName) -> Self {
        let mut route53 = Route53::new(7);
        route53.create_zone(zone, name).expect("an empty account");
        Self(Arc::new(Mutex::new(Account {
            route53,
            now: Moment::ZERO,
            closed: BTreeSet::new(),
            answer_after: Duration::ZERO,
            fleet: fleet.clone(),
            under_way: Vec::new(),
        })))
    }

    pub(in crate::cli) fn account(&self) -> MutexGuard<'_, Account> {
        self.0.lock().expect("not poisoned")
    }

    /// These ports of Route 53, and the tables' others.
    pub(in crate::cli) fn outside(&self, tables: &Tables) -> Outside {
        let modelled = Arc::new(self.clone());
        Outside { records: modelled.clone(), health_checks: modelled, ..tables.outside() }
    }

    /// Lets time go on for as long as it is polled, and looks at the account at every moment.
    pub(in crate::cli) async fn live(&self, mut look: impl FnMut(&mut Account)) {
        loop {
            tokio::time::sleep(TICK).await;
            let mut account = self.account();
            account.tick();
            look(&mut account);
        }
    }
}

impl Account {
    fn tick(&mut self) {
        self.now = self.now + TICK;
        self.route53.advance(self.now);
        for due in self.route53.health_checks.due(self.now) {
            let Spoken::Http { path: Some(path), .. } = &due.endpoint.spoken else { continue };
            let gate = Gate::of_path(path).expect("a gate is asked for");
            let closed = self.closed.contains(&gate);
            let told = gate.told(&self.fleet, closed.then_some(crate::domain::Epoch(1)));
            let at = self.now + self.answer_after;
            self.under_way.push((at, due.check, due.checker, Met::at_once(200, told)));
        }
        let now = self.now;
        let (told, rest) = self.under_way.drain(..).partition(|(at, ..)| *at <= now);
        self.under_way = rest;
        let told: Vec<_> = told;
        for (_, check, checker, met) in told {
            self.route53.health_checks.told(now, &check, checker, &met);
        }
    }
}

fn sorted(error: &Route53Error) -> CallFailure {
    let what = error.to_string();
    match error {
        Route53Error::Throttling | Route53Error::PriorRequestNotComplete => {
            CallFailure::transient(what)
        }
        Route53Error::HealthCheckAlreadyExists | Route53Error::HealthCheckVersionMismatch => {
            CallFailure::conflict(what)
        }
        _ => CallFailure::permanent(what),
    }
}

/// As the adapter over the SDK has it.
fn endpoint(watch: &WatchSpec) -> EndpointConfig {
    let GateEndpoint { tls, host, address, port } = watch.endpoint.clone();
    let (path, search) = (Some(watch.path.clone()), Some(watch.searched.clone()));
    EndpointConfig {
        spoken: Spoken::Http { tls, path, search },
        address,
        host,
        port,
        interval_s: watch.interval_s,
        failure_threshold: watch.failure_threshold,
    }
}

fn found(info: &CheckInfo) -> Option<CheckFound> {
    let spec = match &info.config.subject {
        Subject::Calculated { threshold, children } => CheckSpec::Count {
            threshold: *threshold,
            children: children.iter().cloned().map(CheckId).collect(),
        },
        Subject::Endpoint(endpoint) => {
            let Spoken::Http { tls, path, search } = endpoint.spoken.clone() else { return None };
            let EndpointConfig { host, address, port, .. } = endpoint.clone();
            CheckSpec::Watch(WatchSpec {
                endpoint: GateEndpoint { tls, host, address, port },
                path: path?,
                searched: search?,
                interval_s: endpoint.interval_s,
                failure_threshold: endpoint.failure_threshold,
            })
        }
    };
    let version = i64::try_from(info.version).expect("few updates");
    let id = CheckId(info.id.clone());
    Some(CheckFound { id, version, spec, disabled: info.config.disabled })
}

#[async_trait]
impl HealthChecks for Modelled {
    async fn checks(&self, _: Duration) -> Answer<Vec<CheckFound>> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let page = route53.list_health_checks(*now, None, None).map_err(|e| sorted(&e))?;
        assert_eq!(page.next, None, "more checks than a page has");
        Ok(page.checks.iter().filter_map(found).collect())
    }

    async fn create_check(
        &self,
        reference: &str,
        spec: &CheckSpec,
        _: Duration,
    ) -> Answer<CheckId> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let (subject, inverted) = match spec {
            CheckSpec::Watch(watch) => (Subject::Endpoint(endpoint(watch)), true),
            CheckSpec::Count { threshold, children } => {
                let children = children.iter().map(|id| id.0.clone()).collect();
                (Subject::Calculated { threshold: *threshold, children }, false)
            }
        };
        let config = CheckConfig { subject, inverted, disabled: false };
        let made = route53.create_health_check(*now, reference, config);
        made.map(|made| CheckId(made.id)).map_err(|error| sorted(&error))
    }

    async fn update_check(
        &self,
        id: &CheckId,
        version: i64,
        spec: &CheckSpec,
        _: Duration,
    ) -> Answer<()> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let version = Some(u64::try_from(version).expect("a version that was read"));
        let update = CheckUpdate { version, disabled: Some(false), ..CheckUpdate::default() };
        let update = match spec {
            CheckSpec::Watch(watch) => {
                let EndpointConfig { address, host, port, .. } = endpoint(watch);
                CheckUpdate {
                    address,
                    host,
                    port: Some(port),
                    failure_threshold: Some(watch.failure_threshold),
                    ..update
                }
            }
            CheckSpec::Count { threshold, children } => CheckUpdate {
                threshold: Some(*threshold),
                children: Some(children.iter().map(|id| id.0.clone()).collect()),
                ..update
            },
        };
        let updated = route53.update_health_check(*now, &id.0, &update);
        updated.map(drop).map_err(|error| sorted(&error))
    }

    async fn sight(&self, id: &CheckId, _: Duration) -> Answer<CheckSight> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let reports = route53.health_check_status(*now, &id.0).map_err(|error| sorted(&error))?;
        let said: Vec<_> = reports.iter().filter_map(|report| report.last.as_ref()).collect();
        let found = said.iter().filter(|last| last.status.starts_with("Success")).count();
        Ok(CheckSight {
            checkers: reports.len(),
            asked: said.len(),
            found,
            answered: said.len() - found,
            ..CheckSight::default()
        })
    }
}

#[async_trait]
impl Records for Modelled {
    async fn zone_facts(&self, zone: &ZoneId, _: Duration) -> Answer<ZoneFacts> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let info = route53.get_zone(*now, zone).map_err(|error| sorted(&error))?;
        let name = info.name.to_dns_name().expect("a zone of ours");
        Ok(ZoneFacts { name, private: false, name_servers: Vec::new() })
    }

    async fn read_zone(
        &self,
        zone: &ZoneId,
        fence: &DnsName,
        keys: &[RecordKey],
        _: Duration,
    ) -> Answer<ZoneRead> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let page =
            route53.list_record_sets(*now, zone, None, None).map_err(|error| sorted(&error))?;
        let all: Vec<RecordSet> =
            page.records.iter().filter_map(ModelRecordSet::to_record_set).collect();
        let records = all.iter().filter(|record| keys.contains(&record.key)).cloned().collect();
        let fence = all.into_iter().find(|record| record.key.name == *fence);
        Ok(ZoneRead { fence, records })
    }

    async fn change_zone(&self, batch: &ZoneBatch, _: Duration) -> Answer<ChangeId> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let changes: Result<Vec<ModelChange>, _> =
            batch.changes.iter().map(ModelChange::try_from).collect();
        let changes = changes.expect("init writes what the model knows");
        let accepted = route53.change_record_sets(*now, &batch.zone, &changes, None);
        accepted.map(|accepted| accepted.info.id).map_err(|error| sorted(&error))
    }

    async fn change_status(
        &self,
        _: &ZoneId,
        change: &ChangeId,
        _: Duration,
    ) -> Answer<ChangeStatus> {
        tokio::time::sleep(CALL).await;
        let Account { route53, now, .. } = &mut *self.account();
        let info = route53.get_change(*now, change).map_err(|error| sorted(&error))?;
        Ok(info.status)
    }
}
