//! The simulator's clients: the same state machines as those on loopback, asked in virtual time.

use std::time::Duration;

use crate::domain::{Moment, RegionId, ServiceId};
use crate::world::World;
use crate::world::apps::Reaction;
use crate::world::client::{Account, Client, Move};
use crate::world::log::{ClientKind, Happening};
use crate::world::network::Place;
use crate::world::route53::{ModelRecordType, OwnerName};

use super::setup::{Addresses, target};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// One client of one service.
#[derive(Debug)]
pub(super) struct SimClient {
    service: ServiceId,
    name: OwnerName,
    rtype: ModelRecordType,
    client: Client,
}

impl SimClient {
    pub(super) fn new(
        service: ServiceId,
        name: OwnerName,
        rtype: ModelRecordType,
        kind: ClientKind,
    ) -> Self {
        Self { service, name, rtype, client: Client::new(kind) }
    }

    /// Makes one request: resolves if need be, calls, and gives the account of it with its length.
    pub(super) fn turn(
        &mut self,
        now: Moment,
        world: &mut World,
        addresses: &Addresses,
    ) -> (Account, Duration) {
        if self.client.next(now) == Move::Resolve {
            let answer = world.route53.answer(now, &self.name, self.rtype);
            let ttl = Duration::from_secs(u64::from(answer.ttl_s()));
            self.client.resolved(now, &answer.addresses(), ttl);
        }
        let Move::Call { address, .. } = self.client.next(now) else {
            let why = "the name has no address".to_owned();
            return (Account::Failed { region: None, why }, Duration::ZERO);
        };
        let Some(region) = addresses.get(&(self.service.clone(), address)) else {
            let why = format!("nothing is at {address}");
            return (Account::Failed { region: None, why }, Duration::ZERO);
        };
        self.call(world, region)
    }

    fn call(&self, world: &World, region: &RegionId) -> (Account, Duration) {
        let there = Place::Region(region.clone());
        let failed = |why: &str, took| {
            (Account::Failed { region: Some(region.clone()), why: why.to_owned() }, took)
        };
        let (Some(to), Some(back)) = (
            world.network.path(&Place::Outside, &there),
            world.network.path(&there, &Place::Outside),
        ) else {
            return failed("timed out", PATIENCE);
        };
        match world.apps.react(&target(region, &self.service)) {
            Reaction::Refuse => failed("connection refused", to + back),
            Reaction::Answer { after, .. } if to + after + back >= PATIENCE => {
                failed("timed out", PATIENCE)
            }
            Reaction::Answer { status: 200, after } => {
                (Account::Served(region.clone()), to + after + back)
            }
            Reaction::Answer { status, after } => {
                failed(&format!("status {status}"), to + after + back)
            }
        }
    }

    /// The request has ended: remembers it, and says what to write into the log.
    pub(super) fn ended(&mut self, account: Account) -> Happening {
        let (service, client) = (self.service.clone(), self.client.kind());
        match account {
            Account::Served(region) => {
                self.client.called(true);
                Happening::Served { service, region, client }
            }
            Account::Failed { region, why } => {
                self.client.called(false);
                Happening::Failed { service, region, client, why }
            }
        }
    }
}
