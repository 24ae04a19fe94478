//! `init` on a zone that serves already.

use super::*;
use crate::domain::record::{RecordKey, RecordType};

fn simple(values: &[&str], ttl_s: u32) -> RecordSet {
    let values = values.iter().map(|&value| value.to_owned()).collect();
    let data = RecordData::Plain { ttl_s, values };
    RecordSet { routing: Routing::Simple, data, ..weighted("r1") }
}

fn named(set_identifier: &str, weight: u8, value: &str, ttl_s: u32) -> RecordSet {
    let set_identifier = set_identifier.to_owned();
    RecordSet {
        routing: Routing::Weighted { set_identifier, weight: Weight(weight) },
        ..simple(&[value], ttl_s)
    }
}

/// A fleet that has all but these records.
fn with(records: Vec<RecordSet>) -> Found {
    let mut found = complete(&fresh(0));
    for zone in found.zones.values_mut().flatten() {
        zone.read.records.clone_from(&records);
    }
    found
}

/// The plan of it: each change of records, then the remarks.
fn told(records: Vec<RecordSet>) -> String {
    let plan = plan(&fleet(), &with(records), &fresh(9));
    assert!(plan.refusals.is_empty(), "{plan:?}");
    let steps = plan.steps.iter().flat_map(|step| [vec![step.to_string()], step.changes()]);
    let remarks = plan.remarks.iter().map(|remark| format!("note: {remark}"));
    steps.flatten().chain(remarks).collect::<Vec<_>>().join("\n")
}

#[test]
fn records_that_are_not_there_are_made_with_the_files_weights() {
    insta::assert_snapshot!(told(vec![]), @r"
    change the records web.example.com. A of web in zone Z1, in one batch
    + r1 weight 100: 192.0.2.1 for 60 s
    + r2 weight 100: 192.0.2.2 for 60 s
    ");
}

#[test]
fn a_simple_record_becomes_weighted_ones_that_answer_alike() {
    insta::assert_snapshot!(told(vec![simple(&["192.0.2.1"], 300)]), @r"
    change the records web.example.com. A of web in zone Z1, in one batch
    - simple: 192.0.2.1 for 300 s
    + r1 weight 100: 192.0.2.1 for 60 s
    + r2 weight 0: 192.0.2.2 for 60 s
    note: web.example.com. A: nothing moves by this (r1 100, r2 0); a leader then brings the weights to what the fleet wants (by the files r1 100, r2 100)
    ");
    insta::assert_snapshot!(told(vec![simple(&["192.0.2.2", "192.0.2.1"], 60)]), @r"
    change the records web.example.com. A of web in zone Z1, in one batch
    - simple: 192.0.2.2 192.0.2.1 for 60 s
    + r1 weight 100: 192.0.2.1 for 60 s
    + r2 weight 100: 192.0.2.2 for 60 s
    ");
}

#[test]
fn weighted_records_of_other_names_keep_their_weights_values_and_checks() {
    let mut blue = named("blue", 70, "192.0.2.2", 120);
    blue.health_check = Some("abc".to_owned());
    insta::assert_snapshot!(told(vec![blue, named("r1", 30, "192.0.2.1", 60)]), @r"
    change the records web.example.com. A of web in zone Z1, in one batch
    - blue weight 70: 192.0.2.2 for 120 s, health check abc
    + r2 weight 70: 192.0.2.2 for 60 s, health check abc
      r1 weight 30: 192.0.2.1 for 60 s, as it is
    note: web.example.com. A: nothing moves by this (r1 30, r2 70); a leader then brings the weights to what the fleet wants (by the files r1 100, r2 100)
    ");
}

#[test]
fn a_failover_pair_becomes_weights_of_all_and_nothing() {
    let one_of = |primary, value: &str| RecordSet {
        routing: Routing::Failover { set_identifier: value.replace('.', "-"), primary },
        ..simple(&[value], 60)
    };
    let told = told(vec![one_of(true, "192.0.2.2"), one_of(false, "192.0.2.1")]);
    for line in [
        "- 192-0-2-2 primary: 192.0.2.2 for 60 s",
        "+ r1 weight 0: 192.0.2.1 for 60 s",
        "+ r2 weight 100: 192.0.2.2 for 60 s",
    ] {
        assert!(told.lines().any(|told| told == line), "{told}");
    }
}

#[test]
fn what_is_not_understood_is_refused_with_what_to_do() {
    let latency = Routing::Other { set_identifier: "near".to_owned() };
    let cases = [
        (vec![simple(&["192.0.2.1", "192.0.2.9"], 60)], "its simple record leads to 192.0.2.1 192"),
        (vec![weighted("r1"), named("green", 1, "192.0.2.9", 60)], "the record \"green\" leads to"),
        (
            vec![weighted("r1"), named("twin", 9, "192.0.2.1", 60)],
            "both the record \"r1\" and the record \"twin\" lead to r1",
        ),
        (
            vec![RecordSet { routing: latency, ..weighted("r1") }],
            "\"near\" has a routing policy that regent doesn't steer",
        ),
    ];
    for (records, why) in cases {
        refused(&with(records), why);
    }
}

#[test]
fn a_record_of_another_type_that_lets_no_other_stand_is_refused() {
    let mut found = with(vec![]);
    let rival = RecordKey { rtype: RecordType::Cname, ..weighted("r1").key };
    found.zones.values_mut().flatten().for_each(|zone| zone.in_the_way = vec![rival.clone()]);
    refused(&found, "zone Z1 has web.example.com. CNAME, beside which Route 53 lets no A stand");
}

#[test]
fn the_fleets_own_record_that_leads_elsewhere_is_told_and_left_alone() {
    let mine = named("r2", 100, "192.0.2.9", 300);
    let plan = plan(&fleet(), &with(vec![weighted("r1"), mine]), &fresh(9));
    assert!(plan.steps.is_empty() && plan.refusals.is_empty(), "{plan:?}");
    let remark = "web.example.com. A r2 leads to 192.0.2.9 for 300 s, and r2.toml says 192.0.2.2";
    assert!(plan.remarks[0].starts_with(remark), "{plan:?}");
}

#[test]
fn an_edit_after_the_look_stops_the_step_before_anything_is_sent() {
    let tables = tables();
    let zone: crate::domain::ZoneId = "Z1".parse().expect("valid");
    let set = |ttl_s| {
        let mut stored = tables.stored();
        let (_, read) = stored.zones.get_mut(&zone).expect("there");
        read.fence = Some(fence_of("demo"));
        read.records = vec![simple(&["192.0.2.1"], ttl_s)];
    };
    set(9);
    let planned = plan(&fleet(), &with(vec![simple(&["192.0.2.1"], 9)]), &fresh(9));
    set(10);
    let before = tables.stored().clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let step = planned.steps.first().expect("one");
    let failure = runtime.block_on(super::super::act::act(&fleet(), &tables.outside(), step));
    assert!(failure.expect_err("it was edited").what.contains("changed since they were looked at"));
    assert_eq!(*tables.stored(), before);
}

#[test]
fn a_conversion_is_shown_made_once_and_moves_the_fence_on() {
    let tables = tables();
    let ours = "Z1".parse().expect("valid");
    tables.stored().zones.get_mut(&ours).expect("there").1.records =
        vec![simple(&["192.0.2.1"], 9)];
    let (text, result) = run_with(&tables, 0, false, Mode::Show, |_| panic!("nobody is asked"));
    assert!(result.is_ok() && text.contains("       - simple: 192.0.2.1 for 9 s\n"), "{text}");
    assert!(init(&tables, 0, false).1.is_ok());
    let left = tables.stored().zones[&ours].1.clone();
    assert_eq!(left.records.len(), 2);
    let fence = left.fence.as_ref().and_then(Fence::in_record).expect("made before");
    assert_eq!(fence.attempt, 1, "the batch moved the fence on");
    let (text, _) = init(&tables, 50, false);
    assert_eq!(text, "nothing to do: the fleet has all that it needs\n");
}

/// The real SDK, the modelled Route 53, and a client that asks all the time.
#[cfg(feature = "aws")]
mod over_the_wire {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::aws::Aws;
    use crate::domain::fleet::Tables as Names;
    use crate::local::testing::{Stage, fleet as local_fleet};
    use crate::world::route53::{
        Action, ModelChange, ModelRecordSet, ModelRecordType, ModelRouting, OwnerName,
    };

    fn change(action: Action, routing: ModelRouting, values: &[&str]) -> ModelChange {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        ModelChange {
            action,
            record: ModelRecordSet {
                name: "web.example.com".parse().expect("valid"),
                rtype: ModelRecordType::A,
                routing,
                data: RecordData::Plain { ttl_s: 1, values },
                health_check: None,
            },
        }
    }

    fn of(set_identifier: &str, weight: u8) -> ModelRouting {
        let set_identifier = set_identifier.to_owned();
        ModelRouting::Weighted { set_identifier, weight: Weight(weight) }
    }

    /// Puts these in the place of the operator's records, runs `init` twice while somebody asks, and
    /// gives how often each address was answered and what stands there at last.
    async fn adopted(instead: Vec<ModelChange>) -> (u32, Vec<ModelRouting>) {
        let stage = Arc::new(Stage::start().await);
        let zone = "Z1".parse().expect("valid");
        stage.visit(|world, now| {
            let ours = [(1, "r1"), (2, "r2")]
                .map(|(n, id)| change(Action::Delete, of(id, 100), &[&format!("127.0.{n}.1")]));
            let batch: Vec<ModelChange> = ours.into_iter().chain(instead).collect();
            world.route53.change_record_sets(now, &zone, &batch, None).expect("valid");
            let some = (Duration::from_millis(5), Duration::from_millis(50));
            world.route53.set_propagation(some.0, some.1);
        });
        let fleet = local_fleet();
        let names = Names { seats: "demo-seats".to_owned(), board: "demo-board".to_owned() };
        let outside = outside::over(&Aws::at(&stage.url, names)).expect("no variable is set");
        let (done, empty) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let client = tokio::spawn({
            let (stage, done, empty) = (stage.clone(), done.clone(), empty.clone());
            async move {
                let name: OwnerName = "web.example.com".parse().expect("valid");
                let mut asked = 0_u32;
                while !done.load(Ordering::SeqCst) {
                    let answer = stage
                        .visit(|world, now| world.route53.answer(now, &name, ModelRecordType::A));
                    empty.fetch_add(u32::from(answer.addresses().is_empty()), Ordering::SeqCst);
                    asked += 1;
                    tokio::task::yield_now().await;
                }
                asked
            }
        });
        let mut out = Vec::new();
        let first = genesis(&fleet, author(), "2026-01-01T00:00:00Z".to_owned(), || 7);
        for _ in 0..2 {
            let mut screen = Screen::new(&mut out, false);
            let nobody = |_: &mut Screen<'_>| panic!("nobody is asked");
            provision(&fleet, &outside, &first, Mode::Act, &mut screen, nobody)
                .await
                .expect("everything is there");
        }
        done.store(true, Ordering::SeqCst);
        assert!(client.await.expect("it ends") > 0);
        let text = String::from_utf8(out).expect("text");
        assert!(text.ends_with("nothing to do: the fleet has all that it needs\n"), "{text}");
        let stands = stage.visit(|world, _| {
            let records = world.route53.records(&zone);
            let name: OwnerName = "web.example.com".parse().expect("valid");
            records.filter(|record| record.name == name).map(|r| r.routing.clone()).collect()
        });
        (empty.load(Ordering::SeqCst), stands)
    }

    #[tokio::test]
    async fn a_simple_record_is_converted_without_an_empty_answer() {
        let simple = change(Action::Create, ModelRouting::Simple, &["127.0.2.1"]);
        let (empty, stands) = adopted(vec![simple]).await;
        assert_eq!((empty, stands), (0, vec![of("r1", 0), of("r2", 100)]));
    }

    #[tokio::test]
    async fn records_of_other_identifiers_are_adopted_without_an_empty_answer() {
        let records = vec![
            change(Action::Create, of("old-one", 60), &["127.0.1.1"]),
            change(Action::Create, of("old-two", 40), &["127.0.2.1"]),
        ];
        let (empty, stands) = adopted(records).await;
        assert_eq!((empty, stands), (0, vec![of("r1", 60), of("r2", 40)]));
    }
}
