//! The brain's requests, carried out on the modelled world.
//!
//! What `aws` does over the wire is done here by direct call: the same items, the same conditions,
//! the same sorting of errors. Every request takes effect at the moment of the call, or not at all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::ways::has_effect;
use super::{capacity, databases, names, notices, signals};
use crate::core::breakage::{Breakage, broken};
use crate::core::{Outcome, Refusal, Request, Response};
use crate::domain::fleet::Tables;
use crate::domain::record::{ChangeId, DnsName, RecordKey, RecordType, ZoneRead};
use crate::domain::seat::Seat;
use crate::domain::webhook::Reply;
use crate::domain::{
    CallFailure, Moment, Order, OrderId, RegionId, Report, StateName, ZoneBatch, ZoneId,
};
use crate::ports::items::{self, Attribute};
use crate::world::World;
use crate::world::dynamo::operation::{DeleteItem, GetItem, Placeholders, PutItem, Query, Reading};
use crate::world::dynamo::{AttributeValue, DynamoError, Item, Operation, Output, to_plain_json};
use crate::world::log::Happening;
use crate::world::route53::{Action, ModelChange, RecordStart, Route53Error};
use crate::world::wire::Treatment;

/// The modelled receiver: it answers with the status that ends its address, and else with 200.
fn webhook_answer(url: &str) -> Reply {
    let status = url.rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(200);
    Reply { status, said: String::new() }
}

/// Reports as they were published, with their documents, the newest last: reading the JSON of each
/// again at each replica is what a simulated second would mostly be spent on.
#[derive(Debug, Default)]
pub(super) struct ReadBefore(BTreeMap<String, VecDeque<(String, Arc<Report>)>>);

/// Documents kept of one agent. A replica that lags further behind has its items read in full.
const KEPT_MAX: usize = 16;

impl ReadBefore {
    fn keep(&mut self, agent: &str, document: String, report: Arc<Report>) {
        let kept = self.0.entry(agent.to_owned()).or_default();
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back((document, report));
    }

    fn find(&self, agent: &str, document: &str) -> Option<Arc<Report>> {
        let kept = self.0.get(agent)?;
        kept.iter().rev().find(|(read, _)| read == document).map(|(_, report)| report.clone())
    }
}

/// One caller's ports.
pub(super) struct Ports<'a> {
    pub(super) world: &'a mut World,
    pub(super) now: Moment,
    pub(super) caller: &'a str,
    pub(super) tables: &'a Tables,
    pub(super) read_before: &'a mut ReadBefore,
}

impl Ports<'_> {
    /// Carries a request out as far as its treatment on the wire lets it. Where no bytes exist, a
    /// treatment is what the adapter would conclude from them.
    pub(super) fn treat(self, request: Request, treatment: Option<Treatment>) -> Outcome {
        let Some(treatment) = treatment else { return self.carry_out(request) };
        let has_effect = has_effect(&request);
        if treatment.takes_effect() {
            let outcome = self.carry_out(request);
            if let Treatment::Delay { .. } = treatment {
                return outcome;
            }
        }
        let what = format!("the wire: {}", treatment.name());
        Err(failed(match treatment {
            Treatment::Throttle => CallFailure::transient(what),
            _ if has_effect => CallFailure::unknown(what),
            _ => CallFailure::transient(what),
        }))
    }

    pub(super) fn carry_out(mut self, request: Request) -> Outcome {
        self.world.advance(self.now);
        match request {
            Request::ReadSeat { seat } => self.read_seat(&seat).map(Response::Seat).map_err(failed),
            Request::SwapSeat { seat, expected, new } => {
                self.swap_seat(&seat, &expected.to_string(), &new)
            }
            Request::PutState { seat, name, document } => {
                done(self.put_state(&seat, name, &document))
            }
            Request::ReadState { seat, name } => {
                self.read_state(&seat, name).map(Response::State).map_err(failed)
            }
            Request::Publish { replica, report } => done(self.publish(&replica, report)),
            Request::Gather { replica } => {
                self.gather(&replica).map(Response::Reports).map_err(failed)
            }
            Request::RecordHistory { replica, name, document } => {
                let id = items::history_id(name);
                done(self.put_board(&replica, items::KIND_HISTORY, &id, &document))
            }
            Request::ReadOrders { replica } => {
                self.orders(&replica).map(Response::Orders).map_err(failed)
            }
            Request::RemoveOrder { replica, order } => done(self.remove_order(&replica, &order)),
            Request::ReadZone { zone, fence, keys } => {
                self.read_zone(&zone, &fence, &keys).map(Response::Zone).map_err(failed)
            }
            Request::ChangeZone { batch } => {
                self.change_zone(&batch).map(Response::Changed).map_err(failed)
            }
            Request::ReadChange { zone, change } => {
                self.may(&zone).map_err(failed)?;
                let info = self.world.route53.get_change(self.now, &change);
                info.map(|info| Response::Change(info.status)).map_err(|e| failed(sorted(&e)))
            }
            Request::ReadTargetHealth { group } => signals::target_health(self.world, &group)
                .map(Response::TargetHealth)
                .map_err(failed),
            Request::ReadRequests { group } => {
                Ok(Response::Requests(signals::requests(self.world, self.now, &group)))
            }
            Request::ReadAlarms { region, names } => {
                Ok(Response::Alarms(signals::alarms(self.world, &region, &names)))
            }
            Request::AskNames { question } => {
                Ok(Response::Names(names::ask(self.world, self.now, &question)))
            }
            Request::DescribeDatabase { cluster, via } => {
                let shown = databases::describe(self.world, &via, &cluster);
                shown.map(Response::Database).map_err(failed)
            }
            Request::DescribeMember { member } => {
                let shown = databases::describe_member(self.world, &member);
                shown.map(Response::Member).map_err(failed)
            }
            Request::ReadLag { secondary } => {
                Ok(Response::Lag(databases::lag(self.world, self.now, &secondary)))
            }
            Request::ReadKeptVolumes { cluster } => {
                Ok(Response::KeptVolumes(databases::kept_volumes(self.world, &cluster)))
            }
            Request::SwitchOver { cluster, primary, target } => {
                let (world, now) = (self.world, self.now);
                done(databases::switchover(world, now, &primary, &cluster, &target))
            }
            Request::FailOver { cluster, target } => {
                done(databases::failover(self.world, self.now, &cluster, &target))
            }
            Request::ReadGroup { group } => {
                capacity::group(self.world, self.now, &group).map(Response::Group).map_err(failed)
            }
            Request::SetDesired { group, desired } => {
                done(capacity::set_desired(self.world, self.now, &group, desired))
            }
            Request::SendNotice { topic, fleet, notice } => {
                done(notices::send(self.world, self.now, &topic, &fleet, &notice))
            }
            Request::PostWebhook { url, .. } => Ok(Response::Posted(webhook_answer(&url))),
        }
    }

    fn put(&mut self, region: &RegionId, put: PutItem) -> Result<(), DynamoError> {
        let output = self.world.dynamo.call(self.now, region, Operation::PutItem(put))?;
        if let Output::Written(written) = output {
            for put in written.puts {
                let happening = Happening::Put {
                    region: region.clone(),
                    table: put.table,
                    caller: self.caller.to_owned(),
                    item: to_plain_json(&put.item),
                };
                self.world.log.add(self.now, happening);
            }
        }
        Ok(())
    }

    fn get(&mut self, region: &RegionId, id: &str) -> Result<Option<Arc<Item>>, CallFailure> {
        let get = GetItem {
            table: self.tables.seats.clone(),
            key: Item::from([(items::SEATS_KEY.to_owned(), AttributeValue::text(id))]),
            consistent: true,
            ..GetItem::default()
        };
        match self.world.dynamo.call(self.now, region, Operation::GetItem(get)) {
            Ok(Output::Item(item)) => Ok(item),
            Ok(_) => Err(CallFailure::transient("an answer of another kind")),
            Err(error) => Err(unusable(&error)),
        }
    }

    fn read_seat(&mut self, seat: &RegionId) -> Result<Option<Seat>, CallFailure> {
        let item = self.get(seat, items::SEAT_ID)?;
        item.as_deref().map(seat_in).transpose()
    }

    fn swap_seat(&mut self, seat: &RegionId, expected: &str, new: &Seat) -> Outcome {
        let mut condition = format!("{} = :expected", items::BEAT);
        let mut values = BTreeMap::from([(":expected".to_owned(), AttributeValue::text(expected))]);
        if broken(Breakage::SwapOnEpoch) {
            condition = "epoch < :epoch OR (epoch = :epoch AND holder = :holder)".to_owned();
            let holder = new.holder.as_ref().map_or("", |holder| holder.as_str());
            values = BTreeMap::from([
                (":epoch".to_owned(), AttributeValue::number(new.epoch.0)),
                (":holder".to_owned(), AttributeValue::text(holder)),
            ]);
        }
        if broken(Breakage::EmptyIsFree) {
            condition = format!("attribute_not_exists({}) OR {condition}", items::SEATS_KEY);
        }
        let put = PutItem {
            table: self.tables.seats.clone(),
            item: to_world(&items::seat_item(new)),
            condition: Some(condition),
            placeholders: Placeholders { values, ..Placeholders::default() },
            return_item_on_failure: true,
            ..PutItem::default()
        };
        match self.put(seat, put) {
            Ok(()) => Ok(Response::Done),
            Err(DynamoError::ConditionalCheckFailed { item: None }) => Err(Refusal::Found(None)),
            Err(DynamoError::ConditionalCheckFailed { item: Some(item) }) => match seat_in(&item) {
                Ok(found) => Err(Refusal::Found(Some(Box::new(found)))),
                Err(failure) => Err(failed(failure)),
            },
            Err(error) => Err(failed(unusable(&error))),
        }
    }

    fn put_state(
        &mut self,
        seat: &RegionId,
        name: StateName,
        document: &str,
    ) -> Result<(), CallFailure> {
        let put = PutItem {
            table: self.tables.seats.clone(),
            item: to_world(&items::state_item(name, document)),
            condition: Some(format!("attribute_not_exists({})", items::SEATS_KEY)),
            return_item_on_failure: true,
            ..PutItem::default()
        };
        match self.put(seat, put) {
            Ok(()) => Ok(()),
            Err(DynamoError::ConditionalCheckFailed { item }) => {
                let found = item.as_deref().and_then(|item| document_in(item).ok());
                if found == Some(document) {
                    Ok(())
                } else {
                    Err(CallFailure::conflict(format!("another document is named {name}")))
                }
            }
            Err(error) => Err(unusable(&error)),
        }
    }

    fn read_state(
        &mut self,
        seat: &RegionId,
        name: StateName,
    ) -> Result<Option<String>, CallFailure> {
        let item = self.get(seat, &items::state_id(name))?;
        item.as_deref().map(|item| document_in(item).map(str::to_owned)).transpose()
    }

    fn publish(&mut self, replica: &RegionId, report: Box<Report>) -> Result<(), CallFailure> {
        let document = serde_json::to_string(&*report).expect("a report has only texts as keys");
        let agent = report.agent.clone();
        self.read_before.keep(agent.as_str(), document.clone(), Arc::from(report));
        self.put_board(replica, items::KIND_REPORT, agent.as_str(), &document)
    }

    fn put_board(
        &mut self,
        replica: &RegionId,
        kind: &str,
        id: &str,
        document: &str,
    ) -> Result<(), CallFailure> {
        let put = PutItem {
            table: self.tables.board.clone(),
            item: to_world(&items::board_item(kind, id, document)),
            ..PutItem::default()
        };
        self.put(replica, put).map_err(|error| unusable(&error))
    }

    fn gather(&mut self, replica: &RegionId) -> Result<Vec<Arc<Report>>, CallFailure> {
        let mut reports = Vec::new();
        for item in self.board(replica, items::KIND_REPORT)? {
            reports.extend(self.report(&item)?);
        }
        Ok(reports)
    }

    fn orders(&mut self, replica: &RegionId) -> Result<Vec<Order>, CallFailure> {
        let found = self.board(replica, items::KIND_ORDER)?;
        let documents = found.iter().map(|item| document_in(item));
        // One that can't be read must not hide the others.
        let readable = |document: &str| serde_json::from_str(document).ok();
        documents.filter_map(|document| document.map(readable).transpose()).collect()
    }

    fn remove_order(&mut self, replica: &RegionId, order: &OrderId) -> Result<(), CallFailure> {
        let key = to_world(&items::board_key(items::KIND_ORDER, order.as_str()));
        let delete = DeleteItem { table: self.tables.board.clone(), key, ..DeleteItem::default() };
        match self.world.dynamo.call(self.now, replica, Operation::DeleteItem(delete)) {
            Ok(_) => Ok(()),
            Err(error) => Err(unusable(&error)),
        }
    }

    /// Puts a person's order on the board.
    pub(super) fn submit_order(
        &mut self,
        replica: &RegionId,
        order: &Order,
    ) -> Result<(), CallFailure> {
        let document = serde_json::to_string(order).expect("an order has only texts as keys");
        self.put_board(replica, items::KIND_ORDER, order.id.as_str(), &document)
    }

    /// The items of a kind that this replica of the board holds.
    fn board(&mut self, replica: &RegionId, kind: &str) -> Result<Vec<Arc<Item>>, CallFailure> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let query = Query {
                table: self.tables.board.clone(),
                key_condition: format!("{} = :kind", items::BOARD_HASH),
                reading: Reading {
                    placeholders: Placeholders {
                        values: [(":kind".to_owned(), AttributeValue::text(kind))].into(),
                        ..Placeholders::default()
                    },
                    start,
                    ..Reading::default()
                },
                ..Query::default()
            };
            let output = self.world.dynamo.call(self.now, replica, Operation::Query(query));
            let page = match output {
                Ok(Output::Page(page)) => page,
                Ok(_) => return Err(CallFailure::transient("an answer of another kind")),
                Err(error) => return Err(unusable(&error)),
            };
            found.extend(page.items);
            start = page.last_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// The report in an item; none if it can't be read, since one that can't must not hide the
    /// others.
    fn report(&mut self, item: &Item) -> Result<Option<Arc<Report>>, CallFailure> {
        let (Some(AttributeValue::S(document)), Some(AttributeValue::S(agent))) =
            (item.get(items::DOCUMENT), item.get(items::BOARD_RANGE))
        else {
            return document_in(item).map(|_| None);
        };
        if let Some(report) = self.read_before.find(agent, document) {
            return Ok(Some(report));
        }
        let Ok(report) = serde_json::from_str::<Report>(document) else { return Ok(None) };
        let report = Arc::new(report);
        self.read_before.keep(agent, document.clone(), report.clone());
        Ok(Some(report))
    }

    fn read_zone(
        &mut self,
        zone: &ZoneId,
        fence: &DnsName,
        keys: &[RecordKey],
    ) -> Result<ZoneRead, CallFailure> {
        self.may(zone)?;
        let fence_key = RecordKey { name: fence.clone(), rtype: RecordType::Txt };
        let fence = self.records_of(zone, &fence_key)?.into_iter().next();
        let mut records = Vec::new();
        for key in keys {
            records.extend(self.records_of(zone, key)?);
        }
        Ok(ZoneRead { fence, records })
    }

    fn records_of(
        &mut self,
        zone: &ZoneId,
        key: &RecordKey,
    ) -> Result<Vec<crate::domain::RecordSet>, CallFailure> {
        let mut found = Vec::new();
        let mut start = Some(RecordStart {
            name: (&key.name).into(),
            rtype: Some(key.rtype.into()),
            set_identifier: None,
        });
        while let Some(from) = start {
            let page = self
                .world
                .route53
                .list_record_sets(self.now, zone, Some(&from), None)
                .map_err(|error| sorted(&error))?;
            let ours: Vec<_> = page
                .records
                .iter()
                .filter_map(crate::world::route53::ModelRecordSet::to_record_set)
                .take_while(|record| record.key == *key)
                .collect();
            let past = ours.len() < page.records.len();
            found.extend(ours);
            start = if past { None } else { page.next };
        }
        Ok(found)
    }

    /// Whether the caller, who has its zones' roles, may do anything with them.
    fn may(&self, zone: &ZoneId) -> Result<(), CallFailure> {
        if !self.world.roles.denied() {
            return Ok(());
        }
        Err(CallFailure::permanent(format!("AccessDenied: not authorized for the zone {zone}")))
    }

    fn change_zone(&mut self, batch: &ZoneBatch) -> Result<ChangeId, CallFailure> {
        self.may(&batch.zone)?;
        let mut changes: Vec<ModelChange> = batch
            .changes
            .iter()
            .map(ModelChange::try_from)
            .collect::<Result<_, _>>()
            .map_err(|error| CallFailure::permanent(error.to_string()))?;
        if broken(Breakage::UpsertRecords) {
            changes.retain(|change| change.action == Action::Create);
            changes.iter_mut().for_each(|change| change.action = Action::Upsert);
        }
        let comment = Some(batch.comment.as_str());
        let (zone, caller) = (batch.zone.clone(), self.caller.to_owned());
        match self.world.route53.change_record_sets(self.now, &batch.zone, &changes, comment) {
            Ok(accepted) => {
                let change = accepted.info.id.clone();
                let happening = Happening::ZoneChanged {
                    zone,
                    caller,
                    change: change.clone(),
                    changes: accepted.changes,
                };
                self.world.log.add(self.now, happening);
                Ok(change)
            }
            Err(error) => {
                if !matches!(error, Route53Error::Throttling | Route53Error::ServiceUnavailable) {
                    let why = error.to_string();
                    self.world.log.add(self.now, Happening::ZoneRejected { zone, caller, why });
                }
                Err(match error {
                    // Nobody knows whether it was begun: as the adapter sorts it.
                    Route53Error::ServiceUnavailable => CallFailure::unknown(error.to_string()),
                    error => sorted(&error),
                })
            }
        }
    }
}

fn done(answer: Result<(), CallFailure>) -> Outcome {
    answer.map(|()| Response::Done).map_err(failed)
}

fn failed(failure: CallFailure) -> Refusal {
    Refusal::Failed(failure)
}

fn unusable(error: &DynamoError) -> CallFailure {
    match error {
        DynamoError::Throttling | DynamoError::ProvisionedThroughputExceeded => {
            CallFailure::transient(error.to_string())
        }
        _ => CallFailure::permanent(format!("{}: {error}", error.code())),
    }
}

fn sorted(error: &Route53Error) -> CallFailure {
    match error {
        Route53Error::Throttling
        | Route53Error::PriorRequestNotComplete
        | Route53Error::ServiceUnavailable => CallFailure::transient(error.to_string()),
        Route53Error::InvalidChangeBatch { .. } | Route53Error::NoSuchChange { .. } => {
            CallFailure::conflict(error.to_string())
        }
        _ => CallFailure::permanent(format!("{}: {error}", error.code())),
    }
}

pub(super) fn to_world(item: &items::Item) -> Item {
    item.iter()
        .map(|(name, value)| {
            let value = match value {
                Attribute::S(text) => AttributeValue::text(text.clone()),
                Attribute::N(number) => AttributeValue::number(*number),
            };
            (name.clone(), value)
        })
        .collect()
}

/// The seat in an item. An attribute of another kind than the layout's is missing, by its name.
fn seat_in(item: &Item) -> Result<Seat, CallFailure> {
    items::seat_by(|name| {
        let value = item.get(name)?;
        value.as_text().map(items::Value::S).or_else(|| value.as_u64().map(items::Value::N))
    })
}

fn document_in(item: &Item) -> Result<&str, CallFailure> {
    let document = item.get(items::DOCUMENT).and_then(AttributeValue::as_text);
    document.ok_or_else(items::no_document)
}
