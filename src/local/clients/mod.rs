//! Real clients: they ask our name servers, call the address that they get, and keep count.
//!
//! When to ask again and when to keep a connection is [`Client`]'s to say, the same that the
//! simulator uses; here are only the sockets. The resolver keeps nothing, since the client does.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use http_body_util::Full;
use hyper::Request;
use hyper::header::HOST;
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::LocalError;
use super::apps::WRITE_PATH;
use super::databases::WriteCount;
use super::exchange::{Connection, ExchangeError};
use super::shared::Shared;
use crate::domain::record::DnsName;
use crate::domain::{RegionId, ServiceId};
use crate::world::client::{Account, Client, Move};
use crate::world::generator;
use crate::world::log::{ClientKind, Happening};
use crate::world::rds::WriteId;

/// The kinds of clients.
pub const KINDS: [ClientKind; 3] =
    [ClientKind::Orderly, ClientKind::KeepsAlive, ClientKind::IgnoresTtl];

/// Time between a client's requests, drawn anew for each so that they spread.
const PAUSE_MS: std::ops::RangeInclusive<u64> = 100..=300;

/// How long a client waits for all of a request: as long as an impatient person.
const LIMIT: Duration = Duration::from_secs(2);

/// How clients of one kind fared with one service at one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCount {
    /// Which service.
    pub service: ServiceId,
    /// The kind of clients.
    pub client: ClientKind,
    /// Which Region; none for those who got no address.
    pub region: Option<RegionId>,
    /// Requests that were answered as they should be.
    pub ok: u64,
    /// Requests that were not.
    pub failed: u64,
}

/// All counts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: Mutex<Counts>,
    writes: Mutex<Writes>,
}

/// How writes fared, by service: acknowledged and not.
type Writes = BTreeMap<ServiceId, (u64, u64)>;

/// Requests answered and failed.
type Counts = BTreeMap<(ServiceId, ClientKind, Option<RegionId>), (u64, u64)>;

impl Tally {
    fn add(&self, service: &ServiceId, client: ClientKind, account: &Account) {
        // Plain numbers: a panic elsewhere can't leave them half changed.
        let mut counts = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = |region: Option<&RegionId>| {
            let key = (service.clone(), client, region.cloned());
            let (ok, failed) = counts.entry(key).or_default();
            match account {
                Account::Served(_) => *ok += 1,
                Account::Failed { .. } => *failed += 1,
            }
        };
        match account {
            Account::Served(region) => count(Some(region)),
            Account::Failed { region, .. } => count(region.as_ref()),
        }
    }

    pub(super) fn counts(&self) -> Vec<ClientCount> {
        let counts = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |((service, client, region), (ok, failed)): (&(_, _, _), &(u64, u64))| {
            let (service, region) = (ServiceId::clone(service), Option::clone(region));
            ClientCount { service, client: *client, region, ok: *ok, failed: *failed }
        };
        counts.iter().map(one).collect()
    }

    fn add_write(&self, service: &ServiceId, acknowledged: bool) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let (yes, no) = writes.entry(service.clone()).or_default();
        *(if acknowledged { yes } else { no }) += 1;
    }

    pub(super) fn writes(&self) -> Vec<WriteCount> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |(service, (acknowledged, failed)): (&ServiceId, &(u64, u64))| WriteCount {
            service: service.clone(),
            acknowledged: *acknowledged,
            failed: *failed,
        };
        writes.iter().map(one).collect()
    }
}

/// What clients are started with.
pub(super) struct Crowd {
    pub(super) shared: Arc<Shared>,
    pub(super) tally: Arc<Tally>,
    pub(super) seed: u64,
    /// Clients of each kind for each service.
    pub(super) per_kind: usize,
    /// The name servers.
    pub(super) dns: SocketAddr,
    /// The port of every application.
    pub(super) port: u16,
    pub(super) services: BTreeMap<ServiceId, DnsName>,
    /// Those of them that write to a database: their clients write with every other request.
    pub(super) writing: BTreeSet<ServiceId>,
    pub(super) regions: BTreeMap<IpAddr, RegionId>,
}

impl Crowd {
    /// Starts every client in the set.
    pub(super) fn start(self, tasks: &mut JoinSet<()>) -> Result<(), LocalError> {
        let resolver = Resolver::new(self.dns)?;
        let common = Arc::new(Common { resolver, crowd: self });
        for (service, name) in &common.crowd.services {
            for kind in KINDS {
                for number in 0..common.crowd.per_kind {
                    let part = format!("local/client/{service}/{kind:?}/{number}");
                    let one = One {
                        common: common.clone(),
                        service: service.clone(),
                        name: name.clone(),
                        client: Client::new(kind),
                        connection: None,
                        writes: common.crowd.writing.contains(service),
                    };
                    tasks.spawn(one.run(generator(common.crowd.seed, &part)));
                }
            }
        }
        Ok(())
    }
}

/// A resolver that keeps nothing: it asks the fleet's name servers each time.
pub struct Resolver(TokioResolver);

impl Resolver {
    pub(super) fn new(dns: SocketAddr) -> Result<Self, LocalError> {
        let connections =
            [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = dns.port();
                connection
            });
        let server = NameServerConfig::new(dns.ip(), true, connections.to_vec());
        let config = ResolverConfig::from_name_servers(vec![server]);
        let runtime = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, runtime);
        let options = builder.options_mut();
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let built = builder.build();
        built.map(Self).map_err(|error| LocalError::Resolver(error.to_string()))
    }

    /// The addresses of a name, and for how long a client may go by them.
    ///
    /// # Errors
    /// The resolver's words when there is no answer, or none with an address.
    pub async fn resolve(&self, name: &str) -> Result<(Vec<IpAddr>, Duration), String> {
        let lookup = self.0.lookup(name, RecordType::A).await;
        let lookup = lookup.map_err(|error| format!("the name can't be resolved: {error}"))?;
        let mut ttl_s = u32::MAX;
        let mut addresses = Vec::new();
        for record in lookup.answers() {
            ttl_s = ttl_s.min(record.ttl);
            if let RData::A(address) = &record.data {
                addresses.push(IpAddr::V4(address.0));
            }
        }
        Ok((addresses, Duration::from_secs(ttl_s.into())))
    }
}

struct Common {
    resolver: Resolver,
    crowd: Crowd,
}

/// What an application says of a write that was acknowledged.
#[derive(Deserialize)]
struct Acknowledged {
    by: RegionId,
}

/// One client with its sockets.
struct One {
    common: Arc<Common>,
    service: ServiceId,
    name: DnsName,
    client: Client,
    connection: Option<Connection>,
    writes: bool,
}

impl One {
    async fn run(mut self, mut chance: Pcg64Mcg) {
        loop {
            tokio::time::sleep(Duration::from_millis(chance.random_range(PAUSE_MS))).await;
            if self.writes {
                self.write(WriteId(chance.random())).await;
                tokio::time::sleep(Duration::from_millis(chance.random_range(PAUSE_MS))).await;
            }
            let (account, _) = self.turn(None).await;
            let (service, client) = (self.service.clone(), self.client.kind());
            self.common.crowd.tally.add(&service, client, &account);
            let happening = match account {
                Account::Served(region) => Happening::Served { service, region, client },
                Account::Failed { region, why } => {
                    Happening::Failed { service, region, client, why }
                }
            };
            self.common.crowd.shared.visit(|world, now| world.log.add(now, happening));
        }
    }

    /// One write, and whether it was acknowledged.
    async fn write(&mut self, write: WriteId) {
        let (account, answer) = self.turn(Some(write)).await;
        let by = serde_json::from_slice::<Acknowledged>(&answer).ok();
        let (service, client) = (self.service.clone(), self.client.kind());
        self.common.crowd.tally.add_write(&service, matches!(account, Account::Served(_)));
        let happening = match (account, by) {
            (Account::Served(region), Some(Acknowledged { by })) => {
                Happening::Wrote { service, region, by, write, client }
            }
            (Account::Served(region), None) => {
                let (region, why) = (Some(region), "an answer that says nothing".to_owned());
                Happening::NotWritten { service, region, write, client, why }
            }
            (Account::Failed { region, why }, _) => {
                Happening::NotWritten { service, region, write, client, why }
            }
        };
        self.common.crowd.shared.visit(|world, now| world.log.add(now, happening));
    }

    /// One request, from the name to the answer.
    async fn turn(&mut self, write: Option<WriteId>) -> (Account, Bytes) {
        let mut address = None;
        let done = tokio::time::timeout(LIMIT, self.request(&mut address, write)).await;
        let done = done.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
        self.client.called(done.is_ok());
        if done.is_err() {
            self.connection = None;
        }
        let region = address.and_then(|address| self.common.crowd.regions.get(&address));
        match (done, region.cloned()) {
            (Ok(answer), Some(region)) => (Account::Served(region), answer),
            (Ok(answer), None) => {
                let why = "answered from an address that is no Region's".to_owned();
                (Account::Failed { region: None, why }, answer)
            }
            (Err(why), region) => (Account::Failed { region, why }, Bytes::new()),
        }
    }

    /// Fails with the reason. The address is told as soon as it is known, since the limit may end
    /// this at any point.
    async fn request(
        &mut self,
        called: &mut Option<IpAddr>,
        write: Option<WriteId>,
    ) -> Result<Bytes, String> {
        let shared = self.common.crowd.shared.clone();
        let (address, reuse) = match self.client.next(shared.now()) {
            Move::Call { address, reuse } => (address, reuse),
            Move::Resolve => {
                let name = self.name.as_str();
                let (addresses, ttl) = self.common.resolver.resolve(name).await?;
                self.client.resolved(shared.now(), &addresses, ttl);
                (*addresses.first().ok_or("the name has no address")?, false)
            }
        };
        *called = Some(address);
        let to = SocketAddr::new(address, self.common.crowd.port);
        let mut connection = match self.connection.take().filter(|_| reuse) {
            Some(connection) => connection,
            None => Connection::open(to).await.map_err(|error| why(&error))?,
        };
        let host = format!("{}:{}", self.name.as_str().trim_end_matches('.'), to.port());
        let request = match write {
            None => Request::get("/").header(HOST, host).body(Full::new(Bytes::new())),
            Some(WriteId(name)) => Request::post(WRITE_PATH)
                .header(HOST, host)
                .body(Full::new(Bytes::from(name.to_string()))),
        };
        let request = request.expect("a DNS name and a port make a header");
        let response = connection.exchange(request).await.map_err(|error| why(&error))?;
        if self.client.kind() == ClientKind::KeepsAlive {
            self.connection = Some(connection);
        }
        let status = response.status();
        if status.is_success() {
            Ok(response.into_body())
        } else {
            Err(format!("status {}", status.as_u16()))
        }
    }
}

/// A reason without addresses and ports, so that equal reasons can be counted together.
fn why(error: &ExchangeError) -> String {
    match error {
        ExchangeError::Connect { error, .. } => format!("can't connect: {}", error.kind()),
        ExchangeError::Http(error) => format!("the connection broke: {error}"),
        ExchangeError::Body(why) => format!("the answer broke off: {why}"),
    }
}

#[cfg(test)]
mod tests;
