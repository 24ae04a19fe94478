//! Agents that a shell stands in for: what matters here is how processes begin and end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};

use super::*;
use crate::local::testing;
use crate::telemetry::logs::Format;
use crate::world::World;

/// Says where it listens, and lasts until its stdin ends.
const GOOD: &str = "echo '{\"listening\":\"http://127.0.0.1:1\"}'; cat >/dev/null";

struct Stage {
    agents: Agents,
    said: Arc<Mutex<Vec<String>>>,
    dir: tempfile::TempDir,
}

fn launcher(dir: &Path, script: &str) -> Launcher {
    let binary = dir.join("regent");
    std::fs::write(&binary, format!("#!/bin/sh\n{script}\n")).expect("writable");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&binary, mode).expect("ours");
    Launcher {
        binary,
        regions: dir.join("regions"),
        endpoints: "http://127.0.0.1:2".to_owned(),
        name_servers: ([127, 0, 0, 1], 53).into(),
        log_format: Format::Json,
        logs: dir.to_owned(),
    }
}

fn stage(script: &str) -> Stage {
    let dir = tempfile::tempdir().expect("a folder of our own");
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = said.clone();
    let sink: Sink = Arc::new(move |line: &str| locked(&heard).push(line.to_owned()));
    let shared = Arc::new(Shared::new(World::new(1, [])));
    let places = Arc::new(testing::agents());
    let agents = Agents::new(launcher(dir.path(), script), shared, sink, places);
    Stage { agents, said, dir }
}

fn agent(name: &str) -> AgentId {
    name.parse().expect("valid")
}

impl Stage {
    fn pid(&self, name: &str) -> u32 {
        match &self.agents.conditions()[&agent(name)] {
            AgentCondition::Running { pid, .. } => *pid,
            other => panic!("{name} does not run: {other:?}"),
        }
    }
}

fn alive(pid: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process number")).expect("not zero");
    test_kill_process(pid).is_ok()
}

#[tokio::test]
async fn agents_start_with_their_own_key_and_none_of_ours_and_end_together() {
    let stage = stage(&format!("env >\"$0.$5.env\"; echo \"$@\" >\"$0.$5.args\"; {GOOD}"));
    stage.agents.start_all().await.expect("they start");
    assert!(stage.agents.all_run());
    let pids = ["r1", "r2", "r3"].map(|name| stage.pid(name));
    let read = |name: &str| std::fs::read_to_string(stage.dir.path().join(name)).expect("there");
    let env = read("regent.r2.env");
    assert!(env.contains("AWS_ACCESS_KEY_ID=agent-r2\n"), "{env}");
    assert!(env.contains("AWS_ENDPOINT_URL=http://127.0.0.1:2\n"), "{env}");
    assert!(env.contains("AWS_CONFIG_FILE=/dev/null\n"), "{env}");
    let args = read("regent.r2.args");
    assert!(args.starts_with("agent --region r2 --agent r2 --regions "), "{args}");
    assert!(
        args.ends_with(
            "--listen 127.0.0.1:0 --gates 127.0.0.1:0 --exit-with-stdin --log-format json\n"
        ),
        "{args}"
    );

    stage.agents.end_all().await;
    assert_eq!(pids.map(alive), [false; 3]);
    assert!(locked(&stage.said).is_empty(), "an end that was wanted is no news");
}

#[tokio::test]
async fn a_killed_agent_stays_down_until_it_is_started_as_a_new_run() {
    let stage = stage(GOOD);
    let r1 = agent("r1");
    assert!(matches!(stage.agents.kill(&r1).await, Err(AgentError::NotRunning(_))));
    stage.agents.start(&r1).await.expect("it starts");
    let first = stage.pid("r1");
    assert!(matches!(stage.agents.start(&r1).await, Err(AgentError::Running(_))));
    stage.agents.kill(&r1).await.expect("it runs");
    assert!(!alive(first));
    assert_eq!(stage.agents.conditions()[&r1], AgentCondition::Stopped);
    stage.agents.start(&r1).await.expect("it starts again");
    assert_ne!(stage.pid("r1"), first);
    stage.agents.end_all().await;
}

#[tokio::test]
async fn an_agent_that_ends_by_itself_is_reported_and_not_restarted() {
    let stage = stage("echo '{\"listening\":\"http://127.0.0.1:1\"}'; exit 3");
    let mut changes = stage.agents.shared.changes();
    stage.agents.start(&agent("r1")).await.expect("it says that it listens");
    let ended = |stage: &Stage| {
        matches!(stage.agents.conditions()[&agent("r1")], AgentCondition::Ended { .. })
    };
    while !ended(&stage) {
        changes.changed().await.expect("the world is there");
    }
    let said = locked(&stage.said).join("\n");
    assert!(said.starts_with("agent r1 ended by itself: exit status: 3"), "{said}");
}

#[tokio::test]
async fn an_agent_that_says_something_else_is_an_error_that_shows_it() {
    let stage = stage("echo hello; cat >/dev/null");
    let error = stage.agents.start(&agent("r1")).await.expect_err("no URL").to_string();
    assert!(error.contains("\"hello\""), "{error}");
    let error = stage.agents.start(&agent("r9")).await.expect_err("nobody").to_string();
    assert_eq!(error, "there is no agent r9 in this fleet; it has r1, r2, r3");
}

/// Tells the parent that stands in for us where to put its agents' things.
const PARENT_DIR: &str = "REGENT_TEST_PARENT_DIR";

#[tokio::test]
#[ignore = "the test below runs it as a process of its own, and kills it"]
async fn a_parent_that_is_killed() {
    let dir = std::path::PathBuf::from(std::env::var_os(PARENT_DIR).expect("it is set below"));
    let script = format!("{GOOD}; echo ended >\"$0.$5.end\"");
    let shared = Arc::new(Shared::new(World::new(1, [])));
    let places = Arc::new(testing::agents());
    let agents = Agents::new(launcher(&dir, &script), shared, Arc::new(|_| {}), places);
    agents.start_all().await.expect("they start");
    std::fs::write(dir.join("started"), "").expect("writable");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn no_agent_outlives_a_parent_that_is_killed() {
    let dir = tempfile::tempdir().expect("a folder of our own");
    let exists = async |name: &str| {
        let limit = Duration::from_secs(20);
        let path = dir.path().join(name);
        let appears = async {
            while !path.exists() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(limit, appears).await.unwrap_or_else(|_| panic!("no {name}"));
    };
    let mut parent = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "local::agents::tests::a_parent_that_is_killed", "--ignored"])
        .env(PARENT_DIR, dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    exists("started").await;
    parent.start_kill().expect("ours");
    for name in ["r1", "r2", "r3"] {
        exists(&format!("regent.{name}.end")).await;
    }
    parent.wait().await.expect("it was killed");
}
