//! For tests, here and in modules that speak to the endpoints: a small fleet (one service in two
//! Regions, and a witness), and its endpoints on loopback without anything else of a fleet.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
#[cfg(feature = "aws")]
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::aws::Endpoints;
use super::request_log::RequestLog;
use super::seed;
use super::shared::Shared;
use crate::config;
use crate::domain::control::Weights;
use crate::domain::{AgentId, Fleet, Moment, RegionId, Weight};
use crate::world::World;
use crate::world::log::Caller;
use crate::world::network::Place;

/// The endpoints of the small fleet. They end with the test's runtime, or when this is dropped.
pub(crate) struct Stage {
    /// Their URL.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "the SDKs alone take a URL"))]
    pub(crate) url: String,
    /// Their address.
    pub(super) address: SocketAddr,
    /// Where they log what they are asked.
    pub(super) log: PathBuf,
    pub(super) shared: Arc<Shared>,
    _dir: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

impl Stage {
    /// Starts them. Each agent of the fleet has the key `agent-<name>`, the operator has `operator`,
    /// and adapters made for any endpoint are the agent r1. Tables are ready as soon as they are
    /// asked for; replication and propagation take no time.
    pub(crate) async fn start() -> Self {
        let fleet = fleet();
        let none = Duration::ZERO;
        let mut world = seed::world(1, &fleet, none, (none, none)).expect("a valid fleet");
        world.dynamo.set_creation(none, none);
        let shared = Arc::new(Shared::new(world));
        let dir = tempfile::tempdir().expect("a folder of our own");
        let path = dir.path().join("requests.jsonl");
        let (log, writing) = RequestLog::create(&path).await.expect("writable");
        let caller = |name: &str, place| Caller { name: name.to_owned(), place };
        let inside = |name: &str| caller(name, Place::Region(region(name)));
        let callers = BTreeMap::from([
            ("regent-local".to_owned(), inside("r1")),
            ("agent-r1".to_owned(), inside("r1")),
            ("agent-r2".to_owned(), inside("r2")),
            ("operator".to_owned(), caller("operator", Place::Outside)),
        ]);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let endpoints = Endpoints::new(shared.clone(), fleet.regions, callers, log);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::new(endpoints).serve(listener));
        tasks.spawn(writing);
        Self {
            url: format!("http://{address}"),
            address,
            log: path,
            shared,
            _dir: dir,
            _tasks: tasks,
        }
    }

    /// Looks at the world, or meddles with it.
    pub(crate) fn visit<T>(&self, visit: impl FnOnce(&mut World, Moment) -> T) -> T {
        self.shared.visit(visit)
    }

    /// Changes with every write that arrives.
    #[cfg(feature = "aws")]
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changes()
    }
}

/// Its files.
pub(super) fn loaded() -> config::Loaded {
    let fleet = r#"name = "demo"
seats = ["r1", "r2", "r3"]
zones = { Z1 = "example.com" }
[services.web]
zone = "Z1"
name = "web.example.com"
type = "A"
writes_to = "shop"
probe = { path = "/up", body_contains = "\"all\" well", status = "203-299" }
[databases.shop]
global_cluster = "shop"
"#;
    let region = |n| {
        let text = format!(
            "region = \"r{n}\"\n[services.web]\nweight = 100\nurl = \"http://127.0.{n}.1\"\n\
             record = {{ values = [\"127.0.{n}.1\"], ttl_s = 1 }}\n\
             [databases.shop]\n\
             cluster = \"arn:aws:rds:r{n}:123456789012:cluster:shop-r{n}\"\n"
        );
        (format!("r{n}.toml"), text)
    };
    let files = BTreeMap::from([
        ("fleet.toml".to_owned(), fleet.to_owned()),
        region(1),
        region(2),
        ("r3.toml".to_owned(), "region = \"r3\"\nwitness = true\n".to_owned()),
    ]);
    config::load_files(files).unwrap_or_else(|problems| panic!("{problems}"))
}

pub(crate) fn fleet() -> Fleet {
    loaded().fleet
}

pub(super) fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

/// One agent in each Region.
pub(super) fn agents() -> BTreeMap<AgentId, RegionId> {
    ["r1", "r2", "r3"].map(|name| (name.parse().expect("valid"), region(name))).into()
}

/// Weights of the one service.
pub(super) fn weights(pairs: &[(&str, u8)]) -> Weights {
    let of = pairs.iter().map(|(name, weight)| (region(name), Weight(*weight))).collect();
    Weights::from([("web".parse().expect("valid"), of)])
}
