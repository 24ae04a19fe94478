//! The simulator's clients: the same state machines as those on loopback, asked in virtual time.

use std::time::Duration;

use crate::domain::database::WriteReach;
use crate::domain::{GlobalClusterId, Moment, RegionId, ServiceId};
use crate::world::World;
use crate::world::apps::Reaction;
use crate::world::client::{Account, Client, Move};
use crate::world::log::{ClientKind, Happening};
use crate::world::network::Place;
use crate::world::rds::{WriteId, Written};
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
    writes: Option<Writes>,
}

/// What a client of a service that writes to a database writes.
#[derive(Debug)]
struct Writes {
    cluster: GlobalClusterId,
    reach: WriteReach,
    /// The name of the next one: no two clients' are the same.
    next: WriteId,
}

/// How many writes each client has names for.
const NAMES_EACH: u64 = 1 << 32;

impl SimClient {
    pub(super) fn new(
        service: ServiceId,
        name: OwnerName,
        rtype: ModelRecordType,
        kind: ClientKind,
    ) -> Self {
        Self { service, name, rtype, client: Client::new(kind), writes: None }
    }

    /// Lets the client, the nth of all, write to the service's database with each request that is
    /// served.
    pub(super) fn writing(mut self, to: Option<(GlobalClusterId, WriteReach)>, nth: usize) -> Self {
        let nth = u64::try_from(nth).expect("clients are few");
        self.writes = to.map(|(cluster, reach)| {
            let next = WriteId(nth * NAMES_EACH);
            Writes { cluster, reach, next }
        });
        self
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
        let (account, took) = self.call(world, region);
        if let Account::Served(region) = &account {
            self.write(now, world, region);
        }
        (account, took)
    }

    /// Writes by way of the application that served it. The answer's way back to the client is as
    /// good as that of the request's own, which has just been looked at.
    fn write(&mut self, now: Moment, world: &mut World, region: &RegionId) {
        let Some(Writes { cluster, reach, next }) = &mut self.writes else { return };
        let write = *next;
        next.0 += 1;
        let World { rds, network, .. } = world;
        let written = rds
            .writer_for(now, region, cluster, *reach)
            .and_then(|to| rds.write(now, network, region, &to, cluster, write));
        let (service, region, client) = (self.service.clone(), region.clone(), self.client.kind());
        let happening = match written {
            Ok(Written { by }) => Happening::Wrote { service, region, by, write, client },
            Err(refused) => {
                let (region, why) = (Some(region), refused.to_string());
                Happening::NotWritten { service, region, write, client, why }
            }
        };
        world.log.add(now, happening);
    }

    fn call(&self, world: &mut World, region: &RegionId) -> (Account, Duration) {
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
        match world.apps.serve(&target(region, &self.service)) {
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
