//! The whole path, through the binary: a fleet on loopback loses a Region, and then everything.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

/// Longest wait for anything: many times what it takes, since it only ends a test that has failed.
const LIMIT: Duration = Duration::from_secs(90);

fn regent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regent"));
    command.kill_on_drop(true).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

struct Up {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    variables: BTreeMap<String, String>,
}

impl Up {
    async fn start(env_file: &Path) -> Self {
        let mut child = regent()
            .args(["up", "--json", "--env"])
            .arg(env_file)
            .stdout(Stdio::piped())
            .spawn()
            .expect("regent starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut up =
            Self { child, lines: BufReader::new(stdout).lines(), variables: BTreeMap::new() };
        let first = up.next().await;
        up.variables = serde_json::from_value(first["up"].clone()).expect("the variables");
        up
    }

    async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
        let line = line.expect("within the limit").expect("readable").expect("up goes on");
        serde_json::from_str(&line).expect("a JSON line")
    }

    /// Reads on until a line has all of these.
    async fn until(&mut self, parts: &[&str]) -> String {
        self.until_line(|line| parts.iter().all(|part| line.contains(part)), parts).await
    }

    /// Reads on until both services are served with this weight in a Region, wherever the Region
    /// stands in the line: `… | api: a 85, b 0 | web: a 85, b 0 | …`.
    async fn until_served(&mut self, region: &str, weight: &str) {
        let wanted = format!("{region} {weight}");
        let served = |line: &str, service: &str| {
            let mut parts = line.split(" | ").filter_map(|part| part.strip_prefix(service));
            parts.any(|weights| weights.split(", ").any(|one| one == wanted))
        };
        let both = |line: &str| served(line, "api: ") && served(line, "web: ");
        self.until_line(both, &[&wanted]).await;
    }

    async fn until_line(&mut self, fits: impl Fn(&str) -> bool, wanted: &[&str]) -> String {
        let reading = async {
            loop {
                let document = self.next().await;
                let line = document["line"].as_str().unwrap_or_default();
                if fits(line) {
                    return line.to_owned();
                }
            }
        };
        tokio::time::timeout(LIMIT, reading).await.unwrap_or_else(|_| panic!("no {wanted:?}"))
    }

    /// Runs another command against this fleet; its exit code and its JSON.
    async fn run(&self, arguments: &[&str]) -> (i32, Value) {
        let output = regent()
            .args(arguments)
            .arg("--json")
            .envs(&self.variables)
            .output()
            .await
            .expect("regent runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let document = serde_json::from_str(&text).unwrap_or(Value::Null);
        (output.status.code().unwrap_or(-1), document)
    }

    async fn local(&self, env_file: &Path, arguments: &[&str]) {
        let env_file = env_file.to_str().expect("UTF-8");
        let line = [&["local"], arguments, &["--env", env_file]].concat();
        let (code, answer) = self.run(&line).await;
        assert_eq!(code, 0, "{line:?}: {answer}");
    }
}

/// A service's weight and verdict in a Region, out of `status`.
fn placement(status: &Value, service: &str, region: &str) -> (Option<u64>, String) {
    let services = status["services"].as_array().expect("services");
    let service = services.iter().find(|s| s["service"] == service).expect("that service");
    let regions = service["regions"].as_array().expect("its Regions");
    let place = regions.iter().find(|place| place["region"] == region).expect("that Region");
    (place["actual"].as_u64(), place["verdict"].to_string())
}

/// Healthy targets and read alarms of a service in a Region, out of `status`.
fn said_by_aws(status: &Value, service: &str, region: &str) -> (u64, usize) {
    let at = |list: &Value, key: &str, name: &str| {
        list.as_array().and_then(|all| all.iter().find(|one| one[key] == name)).cloned()
    };
    let place = at(&status["services"], "service", service)
        .and_then(|service| at(&service["regions"], "region", region))
        .unwrap_or_default();
    let signals = &place["signals"];
    let zones = signals["targets"].as_object();
    let healthy = zones.into_iter().flat_map(|zones| zones.values());
    let healthy = healthy.filter_map(|zone| zone["healthy"].as_u64()).sum();
    (healthy, signals["alarms"].as_object().map_or(0, serde_json::Map::len))
}

#[tokio::test]
async fn a_region_is_lost_and_then_every_agent_and_at_last_the_parent() {
    let folder = tempfile::tempdir().expect("a folder");
    let env_file = folder.path().join("local.env");
    let mut up = Up::start(&env_file).await;
    let said = up.until(&["leads (epoch"]).await;
    let leader = said
        .split_whitespace()
        .zip(said.split_whitespace().skip(1))
        .find_map(|(name, verb)| (verb == "leads").then(|| name.to_owned()))
        .expect("somebody leads");
    let regions = up.variables["REGENT_LOCAL_REGIONS"].clone();
    let regions: Vec<&str> = regions.split(' ').collect();
    let lost = *regions.iter().find(|region| **region != leader).expect("another Region");
    up.until(&["clients: ap", "eu-west-1", "us-east-1"]).await;

    // Each Region's own agent reads its load balancers and its alarms.
    let told = async {
        loop {
            let (_, status) = up.run(&["status"]).await;
            if regions.iter().all(|region| said_by_aws(&status, "web", region) == (6, 1)) {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, told).await.expect("every agent tells what AWS says");

    // A second fleet may not take the first one's place.
    let (code, _) = up.run(&["up", "--env", env_file.to_str().expect("UTF-8")]).await;
    assert_eq!(code, 1);

    up.local(&env_file, &["lose", lost]).await;
    up.until_served(lost, "0").await;
    let (code, status) = up.run(&["status"]).await;
    assert_eq!(code, 0, "{status}");
    for service in ["web", "api"] {
        let (actual, verdict) = placement(&status, service, lost);
        assert_eq!(actual, Some(0), "{status}");
        assert!(verdict.contains("down") || verdict.contains("cut_off"), "{verdict}");
    }
    assert_eq!(status["leader"]["agent"], leader.as_str());

    // With every agent dead, `status` still reads the tables.
    up.local(&env_file, &["restore", lost]).await;
    for region in regions.iter().filter(|region| **region != lost) {
        up.local(&env_file, &["kill-agent", region]).await;
    }
    let agent_url = &up.variables[&format!("REGENT_LOCAL_AGENT_URL_{}", lost.replace('-', "_"))];
    let address = agent_url.trim_start_matches("http://");
    let mut survivor = TcpStream::connect(address).await.expect("it listens");
    up.local(&env_file, &["lose", lost]).await;
    let (code, status) = up.run(&["status"]).await;
    assert_eq!(code, 0, "{status}");
    assert_eq!(status["seats"].as_array().expect("seats").len(), 3);

    // The parent dies as by kill -9: the agent that is left ends too, and its connections with it.
    up.child.start_kill().expect("it runs");
    let mut rest = Vec::new();
    tokio::time::timeout(LIMIT, survivor.read_to_end(&mut rest))
        .await
        .expect("the agent ends with its parent")
        .expect("the connection ends in order or not at all");
}

/// Has a runbook executed to its end.
async fn execute(up: &Up, book: &str, told: &[&str]) {
    let mut line = vec!["runbook", "run", book, "--by", "ada", "--reason", "a test"];
    for one in told {
        line.extend(["--set", one]);
    }
    let run = tokio::time::timeout(3 * LIMIT, up.run(&line));
    let (code, _) = run.await.expect("a run ends");
    let (_, status) = up.run(&["status"]).await;
    assert_eq!(code, 0, "{book}: {:#}", status["state"]["runs"]);
}

#[tokio::test]
async fn a_region_is_evacuated_by_a_runbook_and_brought_back_by_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut up = Up::start(&folder.path().join("local.env")).await;
    up.until(&["leads (epoch"]).await;
    let weights = |status: &Value| {
        ["api", "web"].map(|service| placement(status, service, "ap-southeast-2").0)
    };
    let region = "region=ap-southeast-2";
    execute(&up, "evacuate-region", &[region, "bake=1s"]).await;
    let (_, status) = up.run(&["status"]).await;
    assert_eq!(weights(&status), [Some(0), Some(0)]);
    execute(&up, "return-region", &[region, "soak=1s"]).await;
    let (_, status) = up.run(&["status"]).await;
    assert_eq!(weights(&status), [Some(100), Some(100)]);
    let runs = status["state"]["runs"].as_object().expect("both are kept");
    assert_eq!(runs.len(), 2);
    for run in runs.values() {
        assert_eq!(run["status"], "done");
        for step in run["steps"].as_array().expect("steps") {
            assert!(step["took_ms"].is_u64() && step["usual_ms"].is_u64(), "{step}");
        }
    }
}

#[tokio::test]
async fn ctrl_c_ends_everything_and_removes_the_environment_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let env_file = folder.path().join("local.env");
    let mut up = Up::start(&env_file).await;
    assert!(env_file.exists());
    let pid = up.child.id().expect("it runs");
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let status = tokio::time::timeout(LIMIT, up.child.wait()).await.expect("it ends");
    assert!(status.expect("waited for").success());
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("readable").collect();
    assert!(left.is_empty(), "{left:?}");
}
