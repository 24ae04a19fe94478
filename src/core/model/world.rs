//! What the brains of the model act upon: seats and a zone, as small as they can be.
//!
//! Each request takes effect at one moment, whole or not at all. The rules of the real ports are
//! kept in the same few lines: a swap is conditional on the beat, a state is put once, a batch
//! applies whole.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::core::breakage::{Breakage, broken};
use crate::core::call::{Outcome, Refusal, Request, Response};
use crate::core::explain::State;
use crate::core::invariants::{Fact, RecordParts, note_part};
use crate::domain::digest::Digest;
use crate::domain::record::{ChangeId, DnsName, RecordChange, RecordKey, RecordSet, ZoneRead};
use crate::domain::seat::{Beat, Seat};
use crate::domain::{AgentId, CallFailure, Fence, RegionId, StateName, ZoneBatch};

/// A state's document as it is stored.
#[derive(Clone)]
pub(super) struct Stored {
    digest: Digest,
    text: Arc<str>,
}

impl Stored {
    pub(super) fn new(text: &str) -> Self {
        Self { digest: Digest::of(text.as_bytes()), text: text.into() }
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digest.fmt(f)
    }
}

/// One Region's table of seats, for one fleet.
#[derive(Debug, Clone)]
pub(super) struct SeatTable {
    pub(super) seat: Option<Seat>,
    pub(super) states: BTreeMap<StateName, Stored>,
}

/// The tables of every fleet, and the one zone.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) tables: Vec<BTreeMap<RegionId, Arc<SeatTable>>>,
    pub(super) records: Arc<Vec<RecordSet>>,
}

impl World {
    /// Carries out a request of an agent of this fleet.
    pub(super) fn carry_out(
        &mut self,
        fleet: usize,
        by: &AgentId,
        request: &Request,
        facts: &mut Vec<Fact>,
    ) -> Outcome {
        match request {
            Request::ReadSeat { seat } => Ok(Response::Seat(self.table(fleet, seat).seat.clone())),
            Request::SwapSeat { seat, expected, new } => {
                self.swap_seat(fleet, seat, expected, new, facts)
            }
            Request::PutState { seat, name, document } => {
                self.put_state(fleet, seat, *name, document, facts)
            }
            Request::ReadState { seat, name } => {
                let stored = self.table(fleet, seat).states.get(name);
                Ok(Response::State(stored.map(|stored| stored.text.to_string())))
            }
            Request::ReadZone { fence, keys, .. } => {
                Ok(Response::Zone(self.read_zone(fence, keys)))
            }
            Request::ChangeZone { batch } => self.change_zone(by, batch, facts),
            Request::Publish { .. }
            | Request::Gather { .. }
            | Request::ReadOrders { .. }
            | Request::RemoveOrder { .. }
            | Request::ReadTargetHealth { .. }
            | Request::ReadRequests { .. }
            | Request::ReadAlarms { .. }
            | Request::RecordHistory { .. }
            | Request::ReadChange { .. } => unreachable!("answered at once, see `state`"),
            Request::AskNames { .. } => unreachable!("the model's fleet asks no name servers"),
            Request::DescribeDatabase { .. }
            | Request::DescribeMember { .. }
            | Request::ReadLag { .. }
            | Request::ReadKeptVolumes { .. }
            | Request::SwitchOver { .. }
            | Request::FailOver { .. } => unreachable!("the model's fleet has no database"),
            Request::ReadGroup { .. }
            | Request::SetDesired { .. }
            | Request::SendNotice { .. }
            | Request::PostWebhook { .. } => unreachable!("the model has no runs and no topics"),
        }
    }

    pub(super) fn table(&self, fleet: usize, seat: &RegionId) -> &SeatTable {
        self.tables[fleet].get(seat).expect("a seat of the fleet")
    }

    pub(super) fn table_mut(&mut self, fleet: usize, seat: &RegionId) -> &mut SeatTable {
        Arc::make_mut(self.tables[fleet].get_mut(seat).expect("a seat of the fleet"))
    }

    /// How many seats point to this state.
    pub(super) fn pointing_to(&self, fleet: usize, name: StateName) -> usize {
        let seats = self.tables[fleet].values().filter_map(|table| table.seat.as_ref());
        seats.filter(|seat| seat.committed.name == name).count()
    }

    fn swap_seat(
        &mut self,
        fleet: usize,
        region: &RegionId,
        expected: &Beat,
        new: &Seat,
        facts: &mut Vec<Fact>,
    ) -> Outcome {
        let table = self.table_mut(fleet, region);
        let as_expected = table.seat.as_ref().map_or(broken(Breakage::EmptyIsFree), |found| {
            if broken(Breakage::SwapOnEpoch) {
                found.epoch < new.epoch || (found.epoch == new.epoch && found.holder == new.holder)
            } else {
                found.beat == *expected
            }
        });
        if !as_expected {
            return Err(Refusal::Found(table.seat.clone().map(Box::new)));
        }
        table.seat = Some(new.clone());
        facts.push(Fact::SeatWritten { region: region.clone(), seat: new.clone() });
        Ok(Response::Done)
    }

    fn put_state(
        &mut self,
        fleet: usize,
        seat: &RegionId,
        name: StateName,
        document: &str,
        facts: &mut Vec<Fact>,
    ) -> Outcome {
        let table = self.table_mut(fleet, seat);
        if let Some(found) = table.states.get(&name) {
            if *found.text == *document {
                return Ok(Response::Done);
            }
            let what = format!("another document is named {name}");
            return Err(Refusal::Failed(CallFailure::conflict(what)));
        }
        let stored = Stored::new(document);
        let state: State = serde_json::from_str(document).expect("a brain writes what it can read");
        let digest = stored.digest;
        table.states.insert(name, stored);
        facts.push(Fact::StatePut { state: Arc::new(state), digest });
        Ok(Response::Done)
    }

    /// The fence that stands in the zone under this name.
    pub(super) fn fence(&self, name: &DnsName) -> Option<Fence> {
        self.records.iter().find(|record| record.key.name == *name).and_then(Fence::in_record)
    }

    fn read_zone(&self, fence: &DnsName, keys: &[RecordKey]) -> ZoneRead {
        let fence = self.records.iter().find(|record| record.key.name == *fence).cloned();
        let asked = self.records.iter().filter(|record| keys.contains(&record.key));
        ZoneRead { fence, records: asked.cloned().collect() }
    }

    fn change_zone(&mut self, by: &AgentId, batch: &ZoneBatch, facts: &mut Vec<Fact>) -> Outcome {
        let mut records = (*self.records).clone();
        let same = |a: &RecordSet, b: &RecordSet| {
            a.key == b.key && a.routing.set_identifier() == b.routing.set_identifier()
        };
        let upsert = broken(Breakage::UpsertRecords);
        for change in &batch.changes {
            match change {
                RecordChange::Delete(_) if upsert => {}
                RecordChange::Delete(record) => {
                    let Some(at) = records.iter().position(|found| found == record) else {
                        return Err(conflict("the record set to be deleted is not there"));
                    };
                    records.remove(at);
                }
                RecordChange::Create(record) => {
                    if let Some(at) = records.iter().position(|found| same(found, record)) {
                        if !upsert {
                            return Err(conflict("the record set to be created is there"));
                        }
                        records.remove(at);
                    }
                    records.push(record.clone());
                }
            }
        }
        records.sort_unstable();
        facts.push(applied(by, batch, &self.records, &records));
        self.records = Arc::new(records);
        // Two accepted batches never set the same fence: as good a name as any.
        Ok(Response::Changed(ChangeId(batch.comment.clone())))
    }
}

fn conflict(what: &str) -> Refusal {
    Refusal::Failed(CallFailure::conflict(what))
}

fn applied(by: &AgentId, batch: &ZoneBatch, before: &[RecordSet], after: &[RecordSet]) -> Fact {
    let touched: Vec<&RecordKey> = batch
        .changes
        .iter()
        .map(|change| match change {
            RecordChange::Delete(record) | RecordChange::Create(record) => &record.key,
        })
        .collect();
    let parts = |records: &[RecordSet]| {
        let mut parts = RecordParts::new();
        for record in records.iter().filter(|record| touched.contains(&&record.key)) {
            note_part(&mut parts, record);
        }
        parts
    };
    let fence = batch.changes.iter().find_map(|change| match change {
        RecordChange::Create(record) => Fence::in_record(record),
        RecordChange::Delete(_) => None,
    });
    Fact::ZoneApplied {
        zone: batch.zone.clone(),
        by: Some(by.clone()),
        fence,
        before: parts(before),
        after: parts(after),
    }
}
