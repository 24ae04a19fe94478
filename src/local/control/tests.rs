//! The control interface over a socket, with a fleet whose agents a shell stands in for.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::domain::AgentId;
use crate::local::{AgentCondition, Fleet, Options, env_file, testing};
use crate::world::log::Happening;
use crate::world::network::Place;

/// Creates nothing; as an agent, lasts until its stdin ends.
const STAND_IN: &str = r#"#!/bin/sh
test "$1" = init && exit 0
echo '{"listening":"http://127.0.0.1:1"}'
cat >/dev/null
"#;

fn options(dir: &Path) -> Options {
    let binary = dir.join("regent");
    std::fs::write(&binary, STAND_IN).expect("writable");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&binary, mode).expect("ours");
    let said: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = move |line: &str| said.lock().expect("whole").push(line.to_owned());
    let env_file = dir.join("local.env");
    let options = Options::new(testing::loaded(), env_file, binary, Arc::new(sink));
    Options { clients_per_kind: 1, ..options }
}

#[tokio::test]
async fn faults_are_struck_refused_with_the_reason_and_seen_in_the_state() {
    let dir = tempfile::tempdir().expect("a folder of our own");
    let fleet = Fleet::start(options(dir.path())).await.unwrap_or_else(|error| panic!("{error}"));
    let url = fleet.control_url().to_owned();
    let region = testing::region("r1");

    strike(&url, &Fault::Lose { region: region.clone() }).await.expect("it is there");
    strike(&url, &Fault::Fail { region, service: None }).await.expect("it serves");
    let seen = state(&url).await.expect("it runs");
    assert_eq!(seen.lost, [testing::region("r1")]);
    assert_eq!(seen.served, testing::weights(&[("r1", 100), ("r2", 100)]));
    assert_eq!((seen.leader, seen.agents.len()), (None, 3));

    let refusals = [
        (
            Fault::Lose { region: testing::region("r9") },
            "there is no Region r9 in this fleet; it has r1, r2, r3",
        ),
        (
            Fault::Cut {
                from: Place::Outside,
                to: Place::Region(testing::region("x")),
                both: true,
            },
            "there is no Region x in this fleet; it has r1, r2, r3",
        ),
        (
            Fault::Kill {
                region: testing::region("r2"),
                service: Some("api".parse().expect("valid")),
            },
            "r2 does not serve api; it serves web",
        ),
        (
            Fault::Mend { region: testing::region("r3"), service: None },
            "r3 serves nothing: it only has a seat",
        ),
        (
            Fault::StartAgent { agent: "r1".parse().expect("valid") },
            "agent r1 runs already: kill it first",
        ),
        (
            Fault::KillAgent { agent: "r7".parse().expect("valid") },
            "there is no agent r7 in this fleet; it has r1, r2, r3",
        ),
    ];
    for (fault, why) in refusals {
        let error = strike(&url, &fault).await.expect_err("refused").to_string();
        assert_eq!(error, why);
    }

    let r1: AgentId = "r1".parse().expect("valid");
    strike(&url, &Fault::KillAgent { agent: r1.clone() }).await.expect("it runs");
    let seen = state(&url).await.expect("it runs");
    assert_eq!(seen.agents[&r1].condition, AgentCondition::Stopped);

    let page = log(&url, 0).await.expect("it runs");
    let faults = page.entries.iter().filter(|e| matches!(e.happening, Happening::Fault { .. }));
    assert_eq!(faults.count(), 3, "what was refused was not done");
    let end = log(&url, usize::MAX).await.expect("it runs");
    assert!(end.entries.is_empty() && end.next >= page.next);
    fleet.shutdown().await;
}

#[tokio::test]
async fn a_fleet_leaves_nothing_behind_but_the_log_it_was_given() {
    let dir = tempfile::tempdir().expect("a folder of our own");
    let kept = dir.path().join("kept.jsonl");
    let options = Options { request_log: Some(kept.clone()), ..options(dir.path()) };
    let env_file = options.env_file.clone();
    let again = options.clone();
    let fleet = Fleet::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(&env_file::read(&env_file).expect("whole"), fleet.variables());
    assert_eq!(fleet.variables()["REGENT_LOCAL_NAME_web"], "web.example.com");
    let regions = Path::new(&fleet.variables()["REGENT_REGIONS"]).to_owned();
    let read = crate::config::load_dir(&regions).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(&read.fleet, fleet.described());
    let second = Fleet::start(again).await.err().expect("one is running");
    assert!(second.to_string().contains("stop it first"), "{second}");

    let url = fleet.control_url().to_owned();
    fleet.shutdown().await;
    let error = state(&url).await.expect_err("nobody is there").to_string();
    assert!(error.ends_with("Is `regent up` still running?"), "{error}");
    let mut left: Vec<_> = std::fs::read_dir(dir.path())
        .expect("there")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    left.sort();
    assert_eq!(left, ["kept.jsonl", "regent"]);
}

#[tokio::test]
async fn what_is_no_fault_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a folder of our own");
    let fleet = Fleet::start(options(dir.path())).await.unwrap_or_else(|error| panic!("{error}"));
    let body = b"{\"fault\":\"explode\"}".to_vec();
    let request = Request::post("/v1/fault").header(CONTENT_TYPE, "application/json");
    let answer = ask::<serde_json::Value>(fleet.control_url(), request, body).await;
    let error = answer.expect_err("no such fault").to_string();
    assert!(error.contains("explode"), "{error}");
    let error = state("somewhere").await.expect_err("no URL").to_string();
    assert!(error.contains("\"somewhere\""), "{error}");
    fleet.shutdown().await;
}
