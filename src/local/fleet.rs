//! Starting and ending a whole fleet on this machine.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::agents::{AgentCondition, Agents};
use super::apps::Apps;
use super::aws::Endpoints;
use super::clients::{Crowd, Resolver, Tally};
use super::control;
use super::dns::DnsServer;
use super::env_file::{self, EnvFile, Variables};
use super::launch::{self, Launcher};
use super::reading::Leader;
use super::request_log::RequestLog;
use super::run_folder::RunFolder;
use super::running::Running;
use super::shared::Shared;
use super::state::State;
use super::strike::StrikeError;
use super::{LocalError, Sink, addresses, checkers, render, seed, status_lines};
use crate::config::{self, Loaded};
use crate::domain::{self, AgentId, Moment, RegionId};
use crate::telemetry::clock;
use crate::telemetry::logs::Format;
use crate::world::World;
use crate::world::distances::Distances;
use crate::world::fault::Fault;
use crate::world::log::{Caller, Entry};
use crate::world::network::Place;

/// How long the last lines of the request log may take.
const LOG_LIMIT: Duration = Duration::from_secs(2);

/// What a fleet is started with.
#[derive(Clone)]
pub struct Options {
    /// The fleet, with the addresses that it has anywhere else.
    pub loaded: Loaded,
    /// The seed of every draw that is made here. Real time still makes runs differ.
    pub seed: u64,
    /// Where the environment file goes. The run's folder stands beside it.
    pub env_file: PathBuf,
    /// Where requests to AWS are logged; in the run's folder if none.
    pub request_log: Option<PathBuf>,
    /// regent's binary, for `init` and the agents.
    pub binary: PathBuf,
    /// Replication lag of global tables, give or take half of it.
    pub lag: Duration,
    /// How far apart everything is.
    pub distances: Distances,
    /// The range of times that Route 53 takes to bring a change to its name servers.
    pub propagation: (Duration, Duration),
    /// How many times faster than Route 53's the health checkers ask.
    pub checkers_pace: u32,
    /// Clients of each kind for each service.
    pub clients_per_kind: usize,
    /// How agents log.
    pub agent_log_format: Format,
    /// Where status lines go.
    pub sink: Sink,
}

impl Options {
    /// The usual: a second of lag (DynamoDB Developer Guide, "Global tables": as a rule within a
    /// second), a Route 53 that is quicker than the 60 s that AWS speaks of, so that nobody waits
    /// for a demonstration, and four clients of each kind.
    #[must_use]
    pub fn new(loaded: Loaded, env_file: PathBuf, binary: PathBuf, sink: Sink) -> Self {
        Self {
            loaded,
            seed: 1,
            env_file,
            request_log: None,
            binary,
            lag: Duration::from_secs(1),
            distances: Distances::Near,
            propagation: (Duration::from_millis(300), Duration::from_millis(1500)),
            checkers_pace: checkers::PACE,
            clients_per_kind: 4,
            agent_log_format: Format::Readable,
            sink,
        }
    }
}

/// A whole fleet that runs on this machine, until [`Fleet::shutdown`]. Dropped, it ends as well, but
/// without waiting for anything.
pub struct Fleet {
    running: Arc<Running>,
    fleet: domain::Fleet,
    variables: Variables,
    tasks: JoinSet<()>,
    dns: DnsServer,
    log_writer: JoinHandle<()>,
    env_file: EnvFile,
    folder: RunFolder,
}

impl Fleet {
    /// Starts everything, and returns once agents run and clients call. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// Whatever can't be had. Nothing is left behind then.
    pub async fn start(options: Options) -> Result<Self, LocalError> {
        env_file::check_free(&options.env_file)?;
        launch::check_binary(&options.binary)?;
        let file = |path: &Path| {
            let path = path.to_owned();
            move |error| LocalError::File { path, error }
        };

        let addresses = addresses::of(&options.loaded.fleet.regions)?;
        let (port, listeners) = addresses::listen(&addresses).await?;
        let files = options.loaded.raw;
        let ttl_s = options.distances.ttl_s();
        let files = render::onto_loopback(files, &addresses, port, ttl_s)?;
        let texts = config::render(&files);
        let fleet = config::load_files(texts.clone()).map_err(LocalError::Rendered)?.fleet;
        let folder = RunFolder::create(&options.env_file).map_err(file(&options.env_file))?;
        folder.write_regions(texts).map_err(file(&folder.regions()))?;
        let requests = options.request_log.unwrap_or_else(|| folder.requests());
        let (log, writing) = RequestLog::create(&requests).await.map_err(file(&requests))?;

        let mut world = seed::world(options.seed, &fleet, options.lag, options.propagation)?;
        world.route53.health_checks.set_pace(options.checkers_pace);
        world.set_unix_ms_at_zero(clock::wall_unix_ms());
        world.rds.set_pace(options.distances.pace());
        options.distances.apply(&mut world.network, &fleet.regions);
        let shared = Arc::new(Shared::new(world));
        let places = Arc::new(agents_of(&fleet));
        let mut tasks = JoinSet::new();
        let mover = shared.clone();
        tasks.spawn(async move { mover.keep_moving().await });

        let dns = DnsServer::start((Ipv4Addr::LOCALHOST, 0).into(), shared.clone())
            .await
            .map_err(|error| LocalError::Listen { what: "the name server", error })?;
        let (aws, aws_url) = listen("the AWS endpoints").await?;
        let regions = fleet.regions.clone();
        let endpoints = Endpoints::new(shared.clone(), regions, callers(&places), log);
        tasks.spawn(Arc::new(endpoints).serve(aws));
        for (region, listener) in listeners {
            let apps = Apps::new(shared.clone(), region, &fleet, places.clone());
            tasks.spawn(Arc::new(apps).serve(listener));
        }

        let launcher = Launcher {
            binary: options.binary,
            regions: folder.regions(),
            endpoints: aws_url.clone(),
            name_servers: dns.address(),
            log_format: options.agent_log_format,
            logs: folder.agents(),
        };
        let log_writer = tokio::spawn(writing);
        let agents = Agents::new(launcher, shared.clone(), options.sink.clone(), places);
        let asked = checkers::Asked::new(&fleet, &addresses, agents.gate_urls());
        tasks.spawn(checkers::run(shared.clone(), asked));
        agents.init().await?;
        let tally = Arc::new(Tally::default());
        let running = Arc::new(Running::new(shared.clone(), agents, fleet.clone(), tally.clone()));
        running.agents().start_all().await?;
        let (control, control_url) = listen("the control interface").await?;
        tasks.spawn(control::serve(control, running.clone()));
        let crowd = Crowd {
            shared,
            tally,
            seed: options.seed,
            per_kind: options.clients_per_kind,
            dns: dns.address(),
            port,
            services: fleet.services.iter().map(|(id, s)| (id.clone(), s.name.clone())).collect(),
            writing: fleet
                .services
                .iter()
                .filter(|(_, service)| fleet.written_by(service).is_some())
                .map(|(id, _)| id.clone())
                .collect(),
            regions: addresses.iter().map(|(r, a)| (IpAddr::V4(*a), r.clone())).collect(),
        };
        crowd.start(&mut tasks)?;
        tasks.spawn(status_lines::run(running.clone(), options.sink));

        let told = Told {
            fleet: &fleet,
            agents: running.agents().conditions(),
            addresses: &addresses,
            port,
            dns: dns.address(),
            control_url,
            aws_url,
            requests: &requests,
            regions: folder.regions(),
        };
        let variables = told.variables();
        let env_file = EnvFile::write(&options.env_file, &variables)?;
        Ok(Self { running, fleet, variables, tasks, dns, log_writer, env_file, folder })
    }

    /// The fleet as its agents read it: with loopback addresses.
    #[must_use]
    pub fn described(&self) -> &domain::Fleet {
        &self.fleet
    }

    /// What the environment file says.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The control interface's URL.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.variables[env_file::CONTROL]
    }

    /// Carries a fault out.
    ///
    /// # Errors
    /// When it names what isn't there, or an agent that is not as it must be.
    pub async fn strike(&self, fault: &Fault) -> Result<(), StrikeError> {
        self.running.strike(fault).await
    }

    /// The fleet at a glance.
    #[must_use]
    pub fn state(&self) -> State {
        self.running.state()
    }

    /// Looks at the world, or does in it what a person does from outside.
    pub fn visit<T>(&self, visit: impl FnOnce(&mut World, Moment) -> T) -> T {
        self.running.shared().alter(visit)
    }

    /// Everything that has happened so far.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.running.shared().visit(|world, _| world.log.entries().to_vec())
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.running.shared().now()
    }

    /// Who holds a majority of seats.
    #[must_use]
    pub fn leader(&self) -> Option<Leader> {
        self.running.leader()
    }

    /// Whether there is a leader that has committed a state of its own, all that it wants is served,
    /// and every agent runs.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.running.settled()
    }

    /// A resolver of its names that keeps nothing.
    ///
    /// # Errors
    /// When none can be made.
    pub fn resolver(&self) -> Result<Resolver, LocalError> {
        Resolver::new(self.dns.address())
    }

    /// Changes whenever something of consequence does: a write to a table, a batch and its arrival
    /// at the name servers, a fault, an agent's end. Clients' requests are not among these.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.running.shared().changes()
    }

    /// Ends everything, and returns once nothing of it is left: no process, no listener, no file but
    /// a request log that was given its own place.
    pub async fn shutdown(self) {
        let Self { running, mut tasks, dns, log_writer, env_file, folder, .. } = self;
        // Nobody should find a fleet that is about to go.
        drop(env_file);
        running.agents().end_all().await;
        tasks.shutdown().await;
        if let Err(error) = dns.shutdown().await {
            tracing::debug!("the name server had failed: {error}");
        }
        // It ends once the last request has been logged.
        if tokio::time::timeout(LOG_LIMIT, log_writer).await.is_err() {
            tracing::warn!("the request log may lack its last lines");
        }
        drop(folder);
    }
}

/// One agent in each Region, named after it. A witness has one too: it sees what others don't.
fn agents_of(fleet: &domain::Fleet) -> BTreeMap<AgentId, RegionId> {
    let agent = |region: &RegionId| {
        region.as_str().parse().expect("a Region's name is of the letters that an agent's may have")
    };
    fleet.regions.iter().map(|region| (agent(region), region.clone())).collect()
}

/// Everybody with an access key.
fn callers(places: &BTreeMap<AgentId, RegionId>) -> BTreeMap<String, Caller> {
    let operator = Caller { name: launch::OPERATOR.to_owned(), place: Place::Outside };
    let agents = places.iter().map(|(agent, region)| {
        let place = Place::Region(region.clone());
        (launch::access_key(agent), Caller { name: agent.as_str().to_owned(), place })
    });
    agents.chain([(launch::OPERATOR.to_owned(), operator)]).collect()
}

async fn listen(what: &'static str) -> Result<(TcpListener, String), LocalError> {
    let failed = |error| LocalError::Listen { what, error };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{address}")))
}

/// What the environment file tells.
struct Told<'a> {
    fleet: &'a domain::Fleet,
    agents: BTreeMap<AgentId, AgentCondition>,
    addresses: &'a BTreeMap<RegionId, Ipv4Addr>,
    port: u16,
    dns: SocketAddr,
    control_url: String,
    aws_url: String,
    requests: &'a Path,
    regions: PathBuf,
}

impl Told<'_> {
    fn variables(&self) -> Variables {
        let mut variables = Variables::new();
        let mut tell = |name: &str, value: String| variables.insert(name.to_owned(), value);
        let spaced = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(" ");
        tell(env_file::CONTROL, self.control_url.clone());
        tell(env_file::PID, std::process::id().to_string());
        tell("REGENT_LOCAL_DNS_HOST", self.dns.ip().to_string());
        tell("REGENT_LOCAL_DNS_PORT", self.dns.port().to_string());
        tell(launch::NAME_SERVERS, self.dns.to_string());
        tell("REGENT_LOCAL_LOG", absolute(self.requests));
        tell("REGENT_REGIONS", absolute(&self.regions));
        let zones = spaced(&mut self.fleet.zones.keys().map(|zone| zone.as_str()));
        tell("REGENT_LOCAL_ZONES", zones);
        let services = spaced(&mut self.fleet.services.keys().map(|service| service.as_str()));
        tell("REGENT_LOCAL_SERVICES", services);
        let regions = spaced(&mut self.fleet.regions.iter().map(|region| region.as_str()));
        tell("REGENT_LOCAL_REGIONS", regions);
        for (service, spec) in &self.fleet.services {
            let part = env_file::variable_part(service.as_str());
            let name = spec.name.as_str().trim_end_matches('.');
            tell(&format!("REGENT_LOCAL_NAME_{part}"), name.to_owned());
            tell(&format!("REGENT_LOCAL_URL_{part}"), format!("http://{name}:{}/", self.port));
        }
        for (region, address) in self.addresses {
            let part = env_file::variable_part(region.as_str());
            tell(&format!("REGENT_LOCAL_ADDRESS_{part}"), address.to_string());
        }
        for (agent, condition) in &self.agents {
            let part = env_file::variable_part(agent.as_str());
            if let AgentCondition::Running { pid, url, .. } = condition {
                tell(&format!("REGENT_LOCAL_AGENT_PID_{part}"), pid.to_string());
                tell(&format!("REGENT_LOCAL_AGENT_URL_{part}"), url.clone());
            }
        }
        for (name, value) in launch::aws_environment(&self.aws_url, launch::OPERATOR) {
            tell(name, value);
        }
        variables
    }
}

/// The path for those who stand in another folder.
fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
