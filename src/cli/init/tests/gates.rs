//! `init` of a fleet with gates: made once, found again, mended, and attached when all read open.

use super::*;
use crate::cli::testing::gated_fleet;
use crate::domain::health_check::{CheckFound, CheckId, CheckSpec, WatchSpec};

fn tables() -> Tables {
    let tables = Tables::default();
    let mut zone = zone(Some(fence_of("demo")));
    zone.read.records = vec![weighted("r1"), weighted("r2")];
    tables.stored().zones.insert("Z1".parse().expect("valid"), (zone.name, zone.read));
    tables
}

fn run(fleet: &Fleet, tables: &Tables, mode: Mode) -> (String, Result<(), Failure>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    printed(false, |screen| {
        let (outside, fresh) = (tables.outside(), fresh(0));
        runtime.block_on(provision(fleet, &outside, &fresh, mode, screen, |_| {
            panic!("nobody is asked")
        }))
    })
}

fn carried(tables: &Tables) -> Vec<Option<String>> {
    let stored = tables.stored();
    let (_, read) = stored.zones.values().next().expect("one zone");
    read.records.iter().map(|record| record.health_check.clone()).collect()
}

/// The counts' thresholds and children, and how many watches there are.
fn shape(tables: &Tables) -> (usize, Vec<(u16, usize)>) {
    let stored = tables.stored();
    let watches = stored.checks.values().filter(|c| matches!(c.spec, CheckSpec::Watch(_))).count();
    let counts = stored.checks.values().filter_map(|check| match &check.spec {
        CheckSpec::Count { threshold, children } => Some((*threshold, children.len())),
        CheckSpec::Watch(_) => None,
    });
    (watches, counts.collect())
}

#[test]
fn gates_are_made_attached_and_found_again() {
    let (fleet, tables) = (gated_fleet(), tables());
    let (text, result) = run(&fleet, &tables, Mode::Show);
    assert!(result.is_ok(), "{text}");
    insta::assert_snapshot!("init_gates", text);
    assert_eq!(shape(&tables), (0, vec![]), "a dry run makes nothing");

    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok(), "{text} {result:?}");
    assert_eq!(shape(&tables), (4, vec![(1, 2), (1, 2)]));
    let carries = carried(&tables);
    assert!(carries.iter().all(Option::is_some) && carries[0] != carries[1], "{carries:?}");
    let (_, read) = tables.stored().zones.values().next().expect("one zone").clone();
    let fence = read.fence.as_ref().and_then(Fence::in_record).expect("ours");
    assert_eq!((fence.epoch, fence.attempt), (Epoch(0), 1), "the fence has moved on");

    let before = tables.stored().clone();
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok());
    assert_eq!(text, "nothing to do: the fleet has all that it needs\n");
    assert_eq!(*tables.stored(), before);
}

#[test]
fn a_failover_pair_is_made_once_its_gates_are_attached_and_found_again() {
    use crate::domain::fleet::RoutingPolicy;
    let (mut fleet, tables) = (gated_fleet(), tables());
    let spec = fleet.services.values_mut().next().expect("one");
    spec.routing = RoutingPolicy::Failover { primary: region("r2") };
    let zone: crate::domain::ZoneId = "Z1".parse().expect("valid");
    tables.stored().zones.get_mut(&zone).expect("there").1.records.clear();
    let (text, result) = run(&fleet, &tables, Mode::Show);
    assert!(result.is_ok(), "{text}");
    for expected in [
        "       + r1 weight 0: 192.0.2.1 for 60 s\n       + r2 weight 100: 192.0.2.2 for 60 s\n",
        "will make web.example.com. A of web a failover pair, in one batch, once its gates are attached\n",
        "       + r2 primary: 192.0.2.2 for 60 s, with its gate's check\n",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok(), "{text} {result:?}");
    let stored = tables.stored().zones[&zone].1.records.clone();
    let stands: Vec<_> =
        stored.iter().map(|r| (r.routing.weight(), r.routing.set_identifier())).collect();
    assert_eq!(stands, [(Some(Weight(0)), Some("r1")), (Some(Weight(100)), Some("r2"))]);
    let pair = |record: &RecordSet| matches!(record.routing, Routing::Failover { .. });
    assert!(stored.iter().all(pair) && carried(&tables).iter().all(Option::is_some));
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok());
    assert_eq!(text, "nothing to do: the fleet has all that it needs\n");
}

#[test]
fn aliases_become_a_pair_without_gates() {
    use crate::domain::fleet::RoutingPolicy;
    let (mut fleet, tables) = (super::fleet(), tables());
    let spec = fleet.services.values_mut().next().expect("one");
    spec.routing = RoutingPolicy::Failover { primary: region("r1") };
    for (name, place) in &mut spec.regions {
        place.data = RecordData::Alias {
            target_zone: "Z2".parse().expect("valid"),
            target_name: format!("lb.{name}.example.net").parse().expect("valid"),
            evaluate_target_health: false,
        };
    }
    let zone: crate::domain::ZoneId = "Z1".parse().expect("valid");
    tables.stored().zones.get_mut(&zone).expect("there").1.records.clear();
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok(), "{text} {result:?}");
    let records = tables.stored().zones[&zone].1.records.clone();
    let pair = |record: &RecordSet| matches!(record.routing, Routing::Failover { .. });
    assert!(records.len() == 2 && records.iter().all(pair), "{records:?}");
    let (text, _) = run(&fleet, &tables, Mode::Act);
    assert_eq!(text, "nothing to do: the fleet has all that it needs\n");
}

#[test]
fn nothing_is_attached_while_a_gate_reads_shut() {
    let (fleet, tables) = (gated_fleet(), tables());
    tables.stored().found_closed = 1;
    let (_, result) = run(&fleet, &tables, Mode::Act);
    let Err(Failure::Failed(error)) = result else { panic!("it must fail") };
    assert!(error.to_string().contains("does not read open"), "{error}");
    assert_eq!(carried(&tables), [None, None]);
    tables.stored().found_closed = 0;
    assert!(run(&fleet, &tables, Mode::Act).1.is_ok(), "it goes on where it stopped");
    assert!(carried(&tables).iter().all(Option::is_some));
}

#[test]
fn a_run_that_stops_anywhere_is_finished_by_the_next() {
    let fleet = gated_fleet();
    let whole = tables();
    assert!(run(&fleet, &whole, Mode::Act).1.is_ok());
    let mut stopped = 0;
    loop {
        let tables = tables();
        tables.stored().writes_left = Some(stopped);
        let (_, result) = run(&fleet, &tables, Mode::Act);
        if result.is_ok() {
            break;
        }
        tables.stored().writes_left = None;
        assert!(run(&fleet, &tables, Mode::Act).1.is_ok(), "stopped after {stopped}");
        assert_eq!(shape(&tables), shape(&whole), "stopped after {stopped}");
        assert!(carried(&tables).iter().all(Option::is_some), "stopped after {stopped}");
        stopped += 1;
    }
    assert!(stopped > 10, "it stopped {stopped} times");
}

#[test]
fn what_is_there_is_taken_over_and_mended() {
    let (mut fleet, tables) = (gated_fleet(), tables());
    assert!(run(&fleet, &tables, Mode::Act).1.is_ok());
    let carries = carried(&tables);
    // Another threshold, another port, and one that somebody has stopped.
    let gates = fleet.gates.as_mut().expect("there");
    gates.failure_threshold = 3;
    gates.endpoints.values_mut().for_each(|endpoint| endpoint.port = 8443);
    tables.stored().checks.values_mut().next().expect("some").disabled = true;
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok() && text.contains("done: mend the health check"), "{text}");
    assert_eq!(shape(&tables), (4, vec![(1, 2), (1, 2)]), "none was made anew");
    assert_eq!(carried(&tables), carries);
    assert!(tables.stored().checks.values().all(|check| !check.disabled));
    let right = |check: &CheckSpec| match check {
        CheckSpec::Watch(WatchSpec { endpoint, failure_threshold, .. }) => {
            (endpoint.port, *failure_threshold) == (8443, 3)
        }
        CheckSpec::Count { .. } => true,
    };
    assert!(tables.stored().checks.values().all(|check| right(&check.spec)));
}

#[test]
fn a_check_that_was_deleted_is_made_anew_under_another_reference() {
    let (fleet, tables) = (gated_fleet(), tables());
    let one = &super::super::gates::wanted(&fleet)[0];
    let what = "r2 https://gate.r2.example.net:443 every 10 s";
    let reference = super::super::gates::reference(&fleet, &one.gate, what, 0);
    tables.stored().spent.insert(reference);
    assert!(run(&fleet, &tables, Mode::Act).1.is_ok());
    assert_eq!(shape(&tables).0, 4);
}

/// What is told of checks that nothing needs.
fn unused(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.contains("delete-health-check")).collect()
}

#[test]
fn checks_that_were_replaced_are_told_until_somebody_deletes_them() {
    let (mut fleet, tables) = (gated_fleet(), tables());
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok() && unused(&text).is_empty(), "{text}");
    let gates = fleet.gates.as_mut().expect("there");
    gates.endpoints.values_mut().for_each(|endpoint| (endpoint.tls, endpoint.port) = (false, 80));
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok(), "{text} {result:?}");
    assert_eq!(unused(&text).len(), 4, "{text}");
    assert_eq!(
        unused(&text)[0],
        "note: the health check of r1's gate at https://gate.r2.example.net:443, every 10 s, is no \
         longer used once this is done, and AWS goes on to charge for it. If no other record carries \
         it: aws route53 delete-health-check --health-check-id check-0"
    );
    let (text, _) = run(&fleet, &tables, Mode::Act);
    assert_eq!(unused(&text).len(), 4, "{text}");
    assert!(unused(&text)[0].contains(" is no longer used, and AWS"), "{text}");
    assert!(text.ends_with("nothing to do: the fleet has all that it needs\n"), "{text}");
    let tls = |check: &CheckSpec| matches!(check, CheckSpec::Watch(watch) if watch.endpoint.tls);
    tables.stored().checks.retain(|_, check| !tls(&check.spec));
    let (text, _) = run(&fleet, &tables, Mode::Act);
    assert_eq!(text, "nothing to do: the fleet has all that it needs\n");
}

#[test]
fn checks_of_a_region_that_was_removed_are_told_unless_somebody_needs_them() {
    let (fleet, tables) = (crate::cli::testing::gated_in(4, |_, text| text), tables());
    let zone: crate::domain::ZoneId = "Z1".parse().expect("valid");
    tables.stored().zones.get_mut(&zone).expect("there").1.records.clear();
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok(), "{text} {result:?}");
    let fleet = crate::cli::testing::gated_in(3, |_, text| text);
    let records = tables.stored().zones[&zone].1.records.clone();
    let mut rest = records.clone();
    rest.retain(|record| record.routing.set_identifier() != Some("r4"));
    tables.stored().zones.get_mut(&zone).expect("there").1.records = rest;
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok(), "{text} {result:?}");
    // Its count, the three watches of its gate, and its own three watches of the others'.
    let told = unused(&text);
    assert_eq!(told.len(), 7, "{text}");
    assert!(told[0].contains("the health check that counts r4's gates"), "{text}");
    // Somebody counts two of them.
    let of_r4 = |check: &CheckFound| match &check.spec {
        CheckSpec::Watch(watch) => watch.path == "/gate/r4",
        CheckSpec::Count { .. } => false,
    };
    let ids: Vec<_> = tables.stored().checks.values().filter(|c| of_r4(c)).cloned().collect();
    let mut children: std::collections::BTreeSet<_> =
        ids.iter().take(2).map(|check| check.id.clone()).collect();
    children.insert(CheckId("theirs".to_owned()));
    let spec = CheckSpec::Count { threshold: 1, children };
    let id = CheckId("dashboard".to_owned());
    let theirs = CheckFound { id, version: 1, spec, disabled: false };
    tables.stored().checks.insert("theirs".to_owned(), theirs);
    let (text, _) = run(&fleet, &tables, Mode::Act);
    assert_eq!(unused(&text).len(), 5, "{text}");
}

#[test]
fn a_health_check_of_somebody_else_s_stays_and_is_told() {
    let (fleet, tables) = (gated_fleet(), tables());
    for (_, read) in tables.stored().zones.values_mut() {
        read.records[0].health_check = Some("theirs".to_owned());
    }
    let (text, result) = run(&fleet, &tables, Mode::Act);
    assert!(result.is_ok(), "{text}");
    assert!(text.contains("r1 carries the health check theirs"), "{text}");
    let carries = carried(&tables);
    assert!(carries.contains(&Some("theirs".to_owned())) && !carries.contains(&None));
}

#[test]
fn the_template_has_the_same_checks() {
    let template = super::super::gates::template(&gated_fleet());
    let resources = template["Resources"].as_object().expect("resources");
    assert_eq!(resources.len(), 6);
    let watch = &resources["WatchR1ByR3"]["Properties"]["HealthCheckConfig"];
    assert_eq!(watch["SearchString"], "regent-gate demo r1 closed");
    assert_eq!((&watch["Inverted"], &watch["Port"]), (&true.into(), &443.into()));
    let count = &resources["GateR1"]["Properties"]["HealthCheckConfig"];
    assert_eq!((&count["Type"], &count["HealthThreshold"]), (&"CALCULATED".into(), &1.into()));
    assert_eq!(count["ChildHealthChecks"][0]["Ref"], "WatchR1ByR2");
}

#[test]
fn a_private_zone_is_refused_for_gates_with_the_reason() {
    let (fleet, tables) = (gated_fleet(), tables());
    tables.stored().private.insert("Z1".parse().expect("valid"));
    let (text, result) = run(&fleet, &tables, Mode::Act);
    let Err(Failure::Failed(why)) = result else { panic!("{text}") };
    let why = why.to_string();
    assert!(why.contains("zone Z1 is private") && why.contains("from the internet"), "{why}");
    assert_eq!(shape(&tables), (0, vec![]), "nothing was made");
}
