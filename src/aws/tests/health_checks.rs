//! Health checks: what is made through the SDK is found again as it was made, by the local endpoints.

use std::collections::BTreeSet;

use super::{AMPLE, aws};
use crate::domain::FailureClass;
use crate::domain::gate::GateEndpoint;
use crate::domain::health_check::{CheckFound, CheckId, CheckSight, CheckSpec, WatchSpec};
use crate::local::testing::Stage;
use crate::ports::HealthChecks as _;

fn watch(tls: bool, host: Option<&str>, address: Option<&str>) -> WatchSpec {
    WatchSpec {
        endpoint: GateEndpoint {
            tls,
            host: host.map(str::to_owned),
            address: address.map(|address| address.parse().expect("valid")),
            port: 8443,
        },
        path: "/gate/r1".to_owned(),
        searched: "regent-gate demo r1 closed".to_owned(),
        interval_s: 10,
        failure_threshold: 1,
    }
}

fn found(id: &CheckId, version: i64, spec: &CheckSpec) -> CheckFound {
    CheckFound { id: id.clone(), version, spec: spec.clone(), disabled: false }
}

#[tokio::test]
async fn checks_are_made_found_again_and_changed_by_their_version() {
    let stage = Stage::start().await;
    let checks = aws(&stage.url).health_checks();
    let specs = [
        watch(true, Some("gate.example.net"), None),
        watch(false, None, Some("198.51.100.7")),
        watch(true, Some("gate.example.net"), Some("2001:db8::7")),
    ]
    .map(CheckSpec::Watch);
    let mut made = Vec::new();
    for (n, spec) in specs.iter().enumerate() {
        let reference = format!("watch {n}");
        let id = checks.create_check(&reference, spec, AMPLE).await.expect("new");
        assert_eq!(checks.create_check(&reference, spec, AMPLE).await, Ok(id.clone()), "once");
        made.push(found(&id, 1, spec));
    }
    let children: BTreeSet<CheckId> = made.iter().map(|check| check.id.clone()).collect();
    let count = CheckSpec::Count { threshold: 2, children: children.clone() };
    let id = checks.create_check("count", &count, AMPLE).await.expect("new");
    made.push(found(&id, 1, &count));
    let listed = |mut all: Vec<CheckFound>| {
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    };
    let seen = checks.checks(AMPLE).await.expect("listed");
    assert_eq!(listed(seen), listed(made.clone()));

    let another = checks.create_check("count", &specs[0], AMPLE).await.expect_err("taken");
    assert_eq!(another.class, FailureClass::Conflict, "{another}");
    let fewer = CheckSpec::Count { threshold: 1, children };
    checks.update_check(&id, 1, &fewer, AMPLE).await.expect("its version");
    let stale = checks.update_check(&id, 1, &count, AMPLE).await.expect_err("changed since");
    assert_eq!(stale.class, FailureClass::Conflict, "{stale}");
    let seen = checks.checks(AMPLE).await.expect("listed");
    assert!(seen.contains(&found(&id, 2, &fewer)), "{seen:?}");
    let mut moved = watch(true, Some("gate.example.net"), None);
    moved.failure_threshold = 4;
    let moved = CheckSpec::Watch(moved);
    checks.update_check(&made[0].id, 1, &moved, AMPLE).await.expect("its version");
    let seen = checks.checks(AMPLE).await.expect("listed");
    assert!(seen.contains(&found(&made[0].id, 2, &moved)), "{seen:?}");

    let sight = checks.sight(&made[0].id, AMPLE).await.expect("of a watch");
    assert_eq!(sight, CheckSight { checkers: 16, ..CheckSight::default() }, "nobody checks here");
    assert!(!sight.reads_open());
    let of_count = checks.sight(&id, AMPLE).await.expect_err("a count has no checkers");
    assert_eq!(of_count.class, FailureClass::Permanent);
}
