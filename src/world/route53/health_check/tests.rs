//! What health checks promise, and what name servers make of them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::testing::{World, a, weighted};
use super::super::{ModelRecordType, Route53};
use super::*;

fn endpoint(interval_s: u8, failure_threshold: u8) -> EndpointConfig {
    EndpointConfig {
        spoken: Spoken::Http { tls: true, path: Some("/gate/a".to_owned()), search: None },
        address: Some("192.0.2.1".parse().expect("valid")),
        host: None,
        port: 443,
        interval_s,
        failure_threshold,
    }
}

fn config(inverted: bool) -> CheckConfig {
    CheckConfig { subject: Subject::Endpoint(endpoint(10, 3)), inverted, disabled: false }
}

fn calculated(threshold: u16, children: &[&str]) -> CheckConfig {
    let children = children.iter().map(|child| (*child).to_owned()).collect();
    let subject = Subject::Calculated { threshold, children };
    CheckConfig { subject, inverted: false, disabled: false }
}

fn created(world: &mut World, reference: &str, config: CheckConfig) -> String {
    world.route53.create_health_check(world.now, reference, config).expect("valid").id
}

/// Lets checkers check for so long; `met` says what each meets with.
fn run(world: &mut World, seconds: u64, met: impl Fn(&Due) -> Met) -> usize {
    let end = world.now + Duration::from_secs(seconds);
    let mut asked = 0;
    while let Some(at) = world.route53.health_checks.next_due().filter(|at| *at <= end) {
        for due in world.route53.health_checks.due(at) {
            asked += 1;
            world.route53.health_checks.told(at, &due.check, due.checker, &met(&due));
        }
    }
    world.now = end;
    asked
}

fn well(_: &Due) -> Met {
    Met::at_once(200, "")
}

fn dead(_: &Due) -> Met {
    Met::Nothing { why: "The connection was refused".to_owned() }
}

#[test]
fn a_new_check_is_healthy_and_a_new_inverted_one_unhealthy_until_there_is_data() {
    let mut world = World::new();
    let plain = created(&mut world, "plain", config(false));
    let inverted = created(&mut world, "inverted", config(true));
    let reads = |world: &World| {
        let checks = &world.route53.health_checks;
        (checks.is_healthy(&plain), checks.is_healthy(&inverted))
    };
    assert_eq!(reads(&world), (true, false));
    run(&mut world, 19, dead);
    assert_eq!(reads(&world), (true, false), "no checker has met with three failures yet");
    run(&mut world, 21, dead);
    assert_eq!(reads(&world), (false, true));
    run(&mut world, 40, well);
    assert_eq!(reads(&world), (true, false));
}

#[test]
fn each_of_sixteen_checkers_asks_once_an_interval_at_its_own_phase() {
    let mut world = World::new();
    created(&mut world, "fast", config(false));
    let slow = Subject::Endpoint(endpoint(30, 3));
    created(&mut world, "slow", CheckConfig { subject: slow, inverted: false, disabled: false });
    let begins: BTreeSet<Moment> =
        world.route53.health_checks.agenda.iter().map(|(at, ..)| *at).collect();
    assert!(begins.len() > CHECKERS, "phases are spread: {begins:?}");
    assert_eq!(run(&mut world, 300, well), CHECKERS * (30 + 10));
}

#[test]
fn an_endpoint_is_healthy_while_more_than_18_percent_of_checkers_say_so() {
    // Of 16 checkers, 2 are 12.5 percent and 3 are 18.75.
    for (say_so, healthy) in [(0, false), (2, false), (3, true), (16, true)] {
        let mut world = World::new();
        let id = created(&mut world, "one", config(false));
        run(&mut world, 60, |due| if due.checker < say_so { well(due) } else { dead(due) });
        assert_eq!(world.route53.health_checks.is_healthy(&id), healthy, "{say_so} of 16");
    }
}

#[test]
fn a_failure_threshold_of_one_is_met_within_one_interval() {
    let mut world = World::new();
    let subject = Subject::Endpoint(endpoint(10, 1));
    let check = CheckConfig { subject, inverted: false, disabled: false };
    let id = created(&mut world, "one", check);
    run(&mut world, 10, dead);
    assert!(!world.route53.health_checks.is_healthy(&id));
}

#[test]
fn a_calculated_check_counts_its_healthy_children() {
    let mut world = World::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| created(&mut world, name, config(true)));
    let two = created(&mut world, "two", calculated(2, &[&a, &b, &c]));
    let never = created(&mut world, "never", calculated(4, &[&a, &b, &c]));
    let always = created(&mut world, "always", calculated(0, &[&a, &b, &c]));
    let is = |world: &World, id: &str| world.route53.health_checks.is_healthy(id);
    assert!(!is(&world, &two), "inverted children begin unhealthy");
    run(&mut world, 60, |due| if due.check == a { well(due) } else { dead(due) });
    assert!(is(&world, &two), "two of three endpoints don't answer, which is well here");
    run(&mut world, 60, |due| if due.check == c { dead(due) } else { well(due) });
    assert!(!is(&world, &two));
    assert!(!is(&world, &never) && is(&world, &always));
}

#[test]
fn a_disabled_check_reads_healthy_or_inverted_unhealthy_and_asks_nothing() {
    let mut world = World::new();
    let [plain, inverted] =
        [false, true].map(|is| created(&mut world, &format!("{is}"), config(is)));
    run(&mut world, 60, |due| if due.check == plain { dead(due) } else { well(due) });
    let disable = |on| CheckUpdate { disabled: Some(on), ..CheckUpdate::default() };
    for id in [&plain, &inverted] {
        world.route53.update_health_check(world.now, id, &disable(true)).expect("there");
    }
    run(&mut world, 10, well);
    assert_eq!(run(&mut world, 60, well), 0);
    let is = |world: &World, id: &str| world.route53.health_checks.is_healthy(id);
    assert!(is(&world, &plain) && !is(&world, &inverted));
    for id in [&plain, &inverted] {
        world.route53.update_health_check(world.now, id, &disable(false)).expect("there");
    }
    assert_eq!(run(&mut world, 60, well), 2 * 6 * CHECKERS, "and goes on when enabled");
}

#[test]
fn an_update_names_the_version_that_was_read_and_changes_nothing_else() {
    let mut world = World::new();
    let id = created(&mut world, "one", config(true));
    let now = world.now;
    let route53 = &mut world.route53;
    let update = CheckUpdate {
        version: Some(1),
        failure_threshold: Some(1),
        path: Some("/gate/b".to_owned()),
        ..CheckUpdate::default()
    };
    let info = route53.update_health_check(now, &id, &update).expect("its version");
    assert_eq!(info.version, 2);
    let Subject::Endpoint(endpoint) = &info.config.subject else { panic!("{info:?}") };
    assert_eq!((endpoint.failure_threshold, endpoint.port), (1, 443));
    assert!(info.config.inverted);
    let error = route53.update_health_check(now, &id, &update).expect_err("an old version");
    assert_eq!((error.code(), error.status()), ("HealthCheckVersionMismatch", 409));
    assert_eq!(route53.get_health_check(now, &id), Ok(info));
    let foreign = CheckUpdate { threshold: Some(1), ..CheckUpdate::default() };
    assert!(route53.update_health_check(now, &id, &foreign).is_err(), "not of an endpoint");
}

#[test]
fn one_reference_stands_for_one_check() {
    let mut world = World::new();
    let now = world.now;
    let first = world.route53.create_health_check(now, "one", config(true)).expect("new");
    assert_eq!(world.route53.create_health_check(now, "one", config(true)), Ok(first));
    let error = world.route53.create_health_check(now, "one", config(false)).expect_err("other");
    assert_eq!((error.code(), error.status()), ("HealthCheckAlreadyExists", 409));
    assert_eq!(world.route53.health_checks.all().count(), 1);
}

#[test]
fn settings_out_of_range_are_refused() {
    let mut world = World::new();
    let nested = created(&mut world, "calculated", calculated(0, &[]));
    let edited = |edit: fn(&mut EndpointConfig)| {
        let mut endpoint = endpoint(10, 3);
        edit(&mut endpoint);
        CheckConfig { subject: Subject::Endpoint(endpoint), inverted: false, disabled: false }
    };
    for bad in [
        edited(|e| e.interval_s = 20),
        edited(|e| e.failure_threshold = 0),
        edited(|e| e.failure_threshold = 11),
        edited(|e| e.port = 0),
        edited(|e| e.address = None),
        edited(|e| e.host = Some("x".repeat(256))),
        calculated(1, &["nobody"]),
        calculated(1, &[&nested]),
        calculated(257, &[]),
    ] {
        let refused = world.route53.create_health_check(world.now, "bad", bad.clone());
        assert_eq!(refused.expect_err("refused").code(), "InvalidInput", "{bad:?}");
    }
}

#[test]
fn pages_hold_every_check_once_and_the_account_holds_two_hundred() {
    let mut world = World::new();
    for n in 0..CHECKS_MAX {
        world.now = world.now + Duration::from_secs(1);
        created(&mut world, &n.to_string(), calculated(0, &[]));
    }
    let more = world.route53.create_health_check(world.now, "more", calculated(0, &[]));
    assert_eq!(more.expect_err("full").code(), "TooManyHealthChecks");
    let (mut marker, mut ids) = (None, BTreeSet::new());
    loop {
        let page = world.route53.list_health_checks(world.now, marker.as_deref(), Some(70));
        let page = page.expect("let through");
        ids.extend(page.checks.into_iter().map(|check| check.id));
        marker = page.next;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(ids.len(), CHECKS_MAX);
}

#[test]
fn a_status_tells_what_each_checker_last_saw_and_is_not_inverted() {
    let mut world = World::new();
    let id = created(&mut world, "one", config(true));
    let status = |world: &mut World| {
        world.route53.health_check_status(world.now, &id).expect("of an endpoint")
    };
    assert!(status(&mut world).iter().all(|checker| checker.last.is_none()));
    run(&mut world, 10, well);
    let seen = status(&mut world);
    assert_eq!(seen.len(), CHECKERS);
    let words = |c: &CheckerReport| c.last.as_ref().expect("it has asked").status.clone();
    assert!(seen.iter().all(|checker| words(checker).starts_with("Success: HTTP Status Code 200")));
    run(&mut world, 10, dead);
    assert!(status(&mut world).iter().all(|checker| words(checker).starts_with("Failure: ")));
}

#[test]
fn an_answer_to_a_request_that_was_given_up_counts_for_nothing() {
    let mut world = World::new();
    let id = created(&mut world, "one", config(false));
    let at = world.now + Duration::from_secs(10);
    let due = world.route53.health_checks.due(at);
    assert_eq!(due.len(), CHECKERS);
    for disabled in [true, false] {
        let update = CheckUpdate { disabled: Some(disabled), ..CheckUpdate::default() };
        world.route53.update_health_check(at, &id, &update).expect("there");
    }
    for due in &due {
        world.route53.health_checks.told(at, &due.check, due.checker, &well(due));
    }
    assert_eq!(world.route53.health_checks.agenda.len(), CHECKERS, "none is asked for twice");
}

/// Which of the addresses are answered in the long run.
fn answered(world: &mut World, name: &str) -> BTreeSet<String> {
    world.now = world.now + Duration::from_secs(60);
    let name = name.parse().expect("valid");
    let answer = |route53: &mut Route53, now| route53.answer(now, &name, ModelRecordType::A);
    (0..60)
        .flat_map(|_| answer(&mut world.route53, world.now).addresses())
        .map(|address| address.to_string())
        .collect()
}

#[test]
fn weight_zero_is_answered_when_all_else_is_unhealthy_and_all_are_when_all_is() {
    let (sick, fine) = (false, true);
    for (a, b, drained, expected) in [
        (fine, fine, fine, &["192.0.2.1", "192.0.2.2"][..]),
        (sick, fine, fine, &["192.0.2.2"]),
        (sick, fine, sick, &["192.0.2.2"]),
        // Weight 0 alone does not keep a Region out.
        (sick, sick, fine, &["192.0.2.3"]),
        // With its gate closed too, all are unhealthy, and Route 53 answers as if all were well.
        (sick, sick, sick, &["192.0.2.1", "192.0.2.2"]),
    ] {
        let mut world = World::new();
        let records: Vec<_> = [("a", 100, a), ("b", 100, b), ("c", 0, drained)]
            .into_iter()
            .zip(1..)
            .map(|((id, weight, healthy), n): (_, u8)| {
                let mut record = weighted("www.example.com", id, weight, &format!("192.0.2.{n}"));
                record.health_check = Some(world.check(healthy));
                record
            })
            .collect();
        world.create(&records);
        let expected = expected.iter().map(|address| (*address).to_owned()).collect();
        assert_eq!(answered(&mut world, "www.example.com"), expected, "{a} {b} {drained}");
    }
}

#[test]
fn while_the_control_plane_is_down_records_stay_and_checks_and_answers_go_on() {
    let mut world = World::new();
    let id = created(&mut world, "one", config(false));
    let record = |id: &str, n: u8, check: &str| {
        let mut record = weighted("www.example.com", id, 100, &format!("192.0.2.{n}"));
        record.health_check = Some(check.to_owned());
        record
    };
    let always = world.check(true);
    world.create(&[record("a", 1, &id), record("b", 2, &always)]);
    world.now = world.now + Duration::from_secs(60);
    world.route53.set_down(true);
    let refused = world.change(&[super::super::testing::create(a("x.example.com", "192.0.2.9"))]);
    let error = refused.expect_err("nobody takes it");
    assert_eq!((error.code(), error.status()), ("ServiceUnavailable", 503));
    assert!(world.route53.get_health_check(world.now, &id).is_err());
    run(&mut world, 60, dead);
    assert_eq!(answered(&mut world, "www.example.com"), BTreeSet::from(["192.0.2.2".to_owned()]));
    world.route53.set_down(false);
    assert!(world.route53.get_health_check(world.now, &id).is_ok());
}
