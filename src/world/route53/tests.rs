//! What the control plane promises: batches land whole or not at all, and for the stated reason.

use std::time::Duration;

use proptest::prelude::*;

use super::testing::{World, a, alias, cname, create, delete, failover, plain, upsert, weighted};
use super::*;
use crate::domain::Weight;
use crate::domain::record::RecordData;

#[test]
fn a_batch_with_one_bad_change_changes_nothing_and_says_what_each_bad_change_was() {
    let mut world = World::new();
    let www = weighted("www.example.com", "us-east-1", 1, "192.0.2.1");
    world.create(std::slice::from_ref(&www));
    let mut stale = www.clone();
    stale.routing =
        ModelRouting::Weighted { set_identifier: "us-east-1".to_owned(), weight: Weight(2) };
    let messages = world.refusal(&[
        create(a("new.example.com", "192.0.2.9")),
        create(www),
        delete(a("gone.example.com", "192.0.2.9")),
    ]);
    assert_eq!(
        messages,
        [
            "Tried to create resource record set [name='www.example.com.', type='A', set identifier='us-east-1'] but it already exists",
            "Tried to delete resource record set [name='gone.example.com.', type='A'] but it was not found",
        ]
    );
    assert_eq!(
        world.refusal(&[delete(stale)]),
        [
            "Tried to delete resource record set [name='www.example.com.', type='A', set identifier='us-east-1'] but the values provided do not match the current values"
        ]
    );
}

#[test]
fn a_delete_must_repeat_every_field() {
    let mut world = World::new();
    let check = world.check(true);
    let mut record = weighted("www.example.com", "id", 1, "192.0.2.1");
    record.health_check = Some(check);
    world.create(std::slice::from_ref(&record));
    type Spoil = fn(&mut ModelRecordSet);
    let spoils: [Spoil; 4] = [
        |r| r.health_check = None,
        |r| r.data = a("x.com", "192.0.2.2").data,
        |r| r.data = RecordData::Plain { ttl_s: 60, values: vec!["192.0.2.1".to_owned()] },
        |r| r.data = alias("x.com", "Z9", "lb.example.net", false).data,
    ];
    for spoil in spoils {
        let mut other = record.clone();
        spoil(&mut other);
        let messages = world.refusal(&[delete(other)]);
        assert!(messages[0].contains("do not match"), "{messages:?}");
    }
    world.change(&[delete(record)]).expect("exactly so");
}

#[test]
fn the_values_of_a_set_have_no_order() {
    let mut world = World::new();
    world.create(&[plain("x.example.com", ModelRecordType::A, &["192.0.2.1", "192.0.2.2"])]);
    let turned = plain("x.example.com", ModelRecordType::A, &["192.0.2.2", "192.0.2.1"]);
    world.change(&[delete(turned)]).expect("the same set");
}

#[test]
fn of_two_swaps_of_one_record_only_the_first_lands() {
    let mut world = World::new();
    let fence = |n: u8| plain("_f.example.com", ModelRecordType::Txt, &[&format!("\"{n}\"")]);
    world.create(&[fence(1)]);
    let accepted = world.change(&[delete(fence(1)), create(fence(2))]).expect("the first");
    assert_eq!(accepted.changes.len(), 2);
    let messages = world.refusal(&[
        delete(fence(1)),
        create(fence(3)),
        create(a("guarded.example.com", "192.0.2.1")),
    ]);
    assert!(messages[0].contains("do not match"), "{messages:?}");
}

#[test]
fn changes_are_judged_in_their_order() {
    let mut world = World::new();
    world.create(&[a("x.example.com", "192.0.2.1")]);
    let to_cname = cname("x.example.com", "y.example.net");
    let messages =
        world.refusal(&[create(to_cname.clone()), delete(a("x.example.com", "192.0.2.1"))]);
    assert!(messages[0].contains("conflicts with other records"), "{messages:?}");
    world
        .change(&[delete(a("x.example.com", "192.0.2.1")), create(to_cname)])
        .expect("the delete makes room");
}

#[test]
fn a_record_set_is_named_once_or_deleted_and_made_anew() {
    let mut world = World::new();
    let (one, two) = (a("x.example.com", "192.0.2.1"), a("x.example.com", "192.0.2.2"));
    for twice in [
        [upsert(one.clone()), upsert(two.clone())],
        [create(one.clone()), delete(one.clone())],
        [create(one.clone()), create(two.clone())],
    ] {
        let messages = world.refusal(&twice);
        assert_eq!(
            messages,
            [
                "The request contains an invalid set of changes for a resource record set 'A x.example.com.'"
            ]
        );
    }
    world.create(std::slice::from_ref(&one));
    let messages = world.refusal(&[delete(one.clone()), delete(one)]);
    assert!(messages[0].contains("not found"), "{messages:?}");
}

#[test]
fn an_upsert_is_logged_as_what_it_replaced_and_what_it_made() {
    let mut world = World::new();
    let accepted = world.change(&[upsert(a("x.example.com", "192.0.2.1"))]).expect("new");
    assert!(matches!(accepted.changes[..], [RecordChange::Create(_)]));
    let accepted = world.change(&[upsert(a("x.example.com", "192.0.2.2"))]).expect("replaced");
    assert!(matches!(accepted.changes[..], [RecordChange::Delete(_), RecordChange::Create(_)]));
    let accepted = world
        .change(&[create(plain("x.example.com", ModelRecordType::Mx, &["10 mx.example.net."]))])
        .expect("new");
    assert!(accepted.changes.is_empty(), "regent has no word for MX");
}

#[test]
fn record_sets_that_may_not_stand_there_are_refused() {
    let mut world = World::new();
    world.create(&[
        a("simple.example.com", "192.0.2.1"),
        cname("cname.example.com", "y.example.net"),
        weighted("w.example.com", "one", 1, "192.0.2.1"),
        failover("f.example.com", "one", false, "192.0.2.1"),
    ]);
    let check = Some(world.check(true));
    let primary = |name: &str| ModelRecordSet {
        health_check: check.clone(),
        ..failover(name, "two", true, "192.0.2.1")
    };
    world.create(&[primary("g.example.com")]);
    let ns = plain("example.com", ModelRecordType::Ns, &["ns.example.net"]);
    for (bad, why) in [
        (create(a("example.net", "192.0.2.1")), "is not permitted in zone example.com."),
        (create(cname("example.com", "y.example.net")), "is not permitted at apex"),
        (create(cname("simple.example.com", "y.example.net")), "conflicts with other records"),
        (create(a("cname.example.com", "192.0.2.1")), "conflicting RRSet of type CNAME"),
        (
            create(weighted("simple.example.com", "two", 1, "192.0.2.1")),
            "cannot be created as a non-weighted set exists with the same name and type.",
        ),
        (
            create(a("w.example.com", "192.0.2.1")),
            "cannot be created as other RRSets exist with the same name and type.",
        ),
        (create(primary("w.example.com")), "non-failover set"),
        (create(failover("f.example.com", "two", false, "192.0.2.1")), "SECONDARY set"),
        (
            create(failover("f.example.com", "two", true, "192.0.2.1")),
            "A non-alias primary ResourceRecordSet must have an associated health check",
        ),
        (create(weighted("w.example.com", "one", 2, "192.0.2.1")), "already exists"),
        (create(plain("x.example.com", ModelRecordType::Soa, &["x"])), "exactly one SOA"),
        (create(a("x.example.com", "example.net")), "not a valid IPv4 address"),
        (create(plain("x.example.com", ModelRecordType::Txt, &["bare"])), "quotation marks"),
        (
            create(plain("x.example.com", ModelRecordType::A, &["192.0.2.1", "192.0.2.1"])),
            "Duplicate Resource Record: '192.0.2.1'",
        ),
        (
            create(plain("x.example.com", ModelRecordType::Cname, &["a.net", "b.net"])),
            "exactly one ResourceRecord",
        ),
        (
            create(alias("x.example.com", "Z1", "nope.example.com", false)),
            "but that target was not found",
        ),
        (
            create(alias("x.example.com", "Z1", "www.example.net", false)),
            "does not lie within the target zone",
        ),
        (delete(ns), "do not match"),
    ] {
        let messages = world.refusal(&[bad]);
        assert!(messages.len() == 1 && messages[0].contains(why), "{why}: {messages:?}");
    }
}

#[test]
fn the_apex_keeps_its_ns_and_soa_though_they_may_be_replaced() {
    let mut world = World::new();
    for record in world.listing() {
        let messages = world.refusal(&[delete(record.clone())]);
        assert!(messages[0].starts_with("A HostedZone must contain"), "{messages:?}");
        let mut other = record.clone();
        if let RecordData::Plain { ttl_s, .. } = &mut other.data {
            *ttl_s = 60;
        }
        world.change(&[delete(record), create(other)]).expect("one remains");
    }
}

#[test]
fn an_upsert_counts_twice_towards_the_limits() {
    let mut world = World::new();
    let many = |n: usize| -> Vec<_> {
        (0..n).map(|i| a(&format!("r{i}.example.com"), "192.0.2.1")).collect()
    };
    let upserts = |n| many(n).into_iter().map(upsert).collect::<Vec<_>>();
    assert_eq!(world.refusal(&upserts(501)), ["Number of records limit of 1000 exceeded."]);
    world.change(&upserts(500)).expect("1,000 records");
    let deletes: Vec<_> = many(500).into_iter().map(delete).collect();
    world.change(&deletes).expect("500 records");
    let creates = |n| many(n).into_iter().map(create).collect::<Vec<_>>();
    assert_eq!(world.refusal(&creates(1001)), ["Number of records limit of 1000 exceeded."]);
    world.change(&creates(1000)).expect("1,000 records");

    let text = format!("\"{}\"", "x".repeat(98));
    let texts = |n: usize, action: fn(ModelRecordSet) -> ModelChange| -> Vec<_> {
        (0..n)
            .map(|i| action(plain(&format!("t{i}.example.com"), ModelRecordType::Txt, &[&text])))
            .collect()
    };
    let why = "Number of characters limit of 32000 exceeded.";
    assert_eq!(world.refusal(&texts(321, create)), [why]);
    assert_eq!(world.refusal(&texts(161, upsert)), [why]);
    world.change(&texts(320, create)).expect("32,000 characters");
}

#[test]
fn input_out_of_range_is_refused_before_the_zone_is_looked_at() {
    let mut world = World::new();
    let mut long = a("x.example.com", "192.0.2.1");
    long.data = RecordData::Plain { ttl_s: TTL_S_MAX + 1, values: vec!["192.0.2.1".to_owned()] };
    let empty = plain("x.example.com", ModelRecordType::A, &[]);
    let nameless = weighted("x.example.com", "", 1, "192.0.2.1");
    let named_long = weighted("x.example.com", &"x".repeat(129), 1, "192.0.2.1");
    for bad in [
        vec![],
        vec![create(long)],
        vec![create(empty)],
        vec![create(nameless)],
        vec![create(named_long)],
    ] {
        let error = world.change(&bad).expect_err("out of range");
        assert_eq!(error.code(), "InvalidInput", "{error}");
    }
    let mut checked = a("x.example.com", "192.0.2.1");
    checked.health_check = Some("nope".to_owned());
    let error = world.change(&[create(checked.clone())]).expect_err("unknown");
    assert_eq!((error.code(), error.status()), ("NoSuchHealthCheck", 404));
    checked.health_check = Some(world.check(true));
    world.change(&[create(checked)]).expect("known now");
}

#[test]
fn zones_and_changes_that_do_not_exist_are_not_found() {
    let mut world = World::new();
    let other: ZoneId = "Z2".parse().expect("valid");
    let now = world.now;
    let change = [create(a("x.example.com", "192.0.2.1"))];
    let route53 = &mut world.route53;
    let codes = [
        route53.change_record_sets(now, &other, &change, None).expect_err("no zone").code(),
        route53.list_record_sets(now, &other, None, None).expect_err("no zone").code(),
        route53.get_zone(now, &other).expect_err("no zone").code(),
        route53.get_change(now, &ChangeId("C1".to_owned())).expect_err("no change").code(),
    ];
    assert_eq!(codes, ["NoSuchHostedZone", "NoSuchHostedZone", "NoSuchHostedZone", "NoSuchChange"]);
}

#[test]
fn requests_can_be_throttled_and_held_up_by_a_prior_one() {
    let mut world = World::new();
    let change = [create(a("x.example.com", "192.0.2.1"))];
    world.route53.set_throttled(true);
    assert_eq!(world.change(&change), Err(Route53Error::Throttling));
    world.route53.set_throttled(false);
    world.route53.set_prior_request(true);
    assert_eq!(world.change(&change), Err(Route53Error::PriorRequestNotComplete));
    world.route53.set_prior_request(false);
    world.change(&change).expect("let through");
    let now = world.now;
    let zone = world.zone.clone();
    let refused = (0..60).filter(|_| world.route53.get_zone(now, &zone).is_err()).count();
    assert!(refused > 0, "the bucket runs dry");
}

#[test]
fn a_change_is_listed_at_once_served_later_and_insync_last() {
    let mut world = World::new();
    world.route53.set_propagation(Duration::from_secs(4), Duration::from_secs(4));
    let record = a("x.example.com", "192.0.2.1");
    let accepted = world.change(&[create(record.clone())]).expect("valid");
    assert_eq!(accepted.info.status, ChangeStatus::Pending);
    let (route53, zone) = (&mut world.route53, &world.zone);
    assert!(route53.records(zone).any(|r| *r == record));
    let name = "x.example.com".parse().expect("valid");
    let outcome = |route53: &mut Route53, at| route53.answer(at, &name, ModelRecordType::A).outcome;
    assert_eq!(outcome(route53, world.now), Outcome::NxDomain);

    let served_at = route53.next_due().expect("under way");
    assert_eq!(outcome(route53, served_at - Duration::from_millis(1)), Outcome::NxDomain);
    assert_eq!(outcome(route53, served_at), Outcome::NoError);
    assert!(route53.served(zone).any(|r| *r == record));

    let insync_at = route53.next_due().expect("pending");
    assert_eq!(insync_at, world.now + Duration::from_secs(4));
    let mut status = |at| route53.get_change(at, &accepted.info.id).expect("exists").status;
    assert_eq!(status(insync_at - Duration::from_millis(1)), ChangeStatus::Pending);
    assert_eq!(status(insync_at), ChangeStatus::Insync);
    assert_eq!(route53.next_due(), None);
}

#[test]
fn while_changes_are_stuck_they_stay_pending_and_answers_as_they_were() {
    let mut world = World::new();
    let name = "x.example.com".parse().expect("valid");
    let change = |value: &str| [upsert(a("x.example.com", value))];
    let before = world.change(&change("192.0.2.1")).expect("valid").info.id;
    world.now = world.now + Duration::from_secs(60);
    let (now, route53) = (world.now, &mut world.route53);
    route53.advance(now);
    route53.set_stuck(true);
    let stuck = world.change(&change("192.0.2.2")).expect("taken all the same").info.id;
    let (later, route53) = (world.now + Duration::from_secs(3600), &mut world.route53);
    assert_eq!(route53.next_due(), None);
    let answered = |route53: &mut Route53| {
        let answer = route53.answer(later, &name, ModelRecordType::A);
        answer.addresses().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(answered(route53), ["192.0.2.1"]);
    let status = |route53: &mut Route53, id| route53.get_change(later, id).expect("known").status;
    assert_eq!(status(route53, &before), ChangeStatus::Insync);
    assert_eq!(status(route53, &stuck), ChangeStatus::Pending);
    route53.set_stuck(false);
    assert_eq!(answered(route53), ["192.0.2.2"]);
    assert_eq!(status(route53, &stuck), ChangeStatus::Insync);
}

#[test]
fn no_change_overtakes_another_on_its_way_to_the_name_servers() {
    let mut world = World::new();
    let sent: Vec<_> = (0..40)
        .map(|n| {
            let change = upsert(a("x.example.com", &format!("192.0.2.{n}")));
            let accepted = world.change(std::slice::from_ref(&change)).expect("valid");
            (change.record, accepted.info.id)
        })
        .collect();
    let (zone, mut latest) = (world.zone.clone(), None);
    while let Some(due) = world.route53.next_due() {
        world.route53.advance(due);
        let served =
            sent.iter().rposition(|(record, _)| world.route53.served(&zone).any(|r| r == record));
        assert!(served >= latest, "{served:?} after {latest:?}");
        latest = served;
        let insync = sent.iter().rposition(|(_, id)| world.route53.changes[id].insync_at <= due);
        assert!(served >= insync, "{insync:?} is INSYNC while {served:?} is served");
    }
    assert_eq!(latest, Some(sent.len() - 1));
}

#[test]
fn a_zone_is_created_once_for_each_caller_reference() {
    let mut world = World::new();
    let name: DnsName = "new.example.org".parse().expect("valid");
    let now = world.now;
    let (zone, change) =
        world.route53.create_hosted_zone(now, &name, "ref", Some("why")).expect("new");
    assert_eq!((zone.record_sets, zone.comment.as_deref()), (2, Some("why")));
    assert_eq!(world.route53.get_zone(now, &zone.id), Ok(zone));
    assert!(world.route53.get_change(now, &change.id).is_ok());
    assert_eq!(
        world.route53.create_hosted_zone(now, &name, "ref", None),
        Err(Route53Error::HostedZoneAlreadyExists)
    );
}

/// Changes of few names, so that they meet.
fn some_change() -> impl Strategy<Value = ModelChange> {
    let record = (0..4_u8, 0..3_u8, 0..2_u8, 1..3_u8).prop_map(|(kind, name, id, value)| {
        let name = format!("n{name}.example.com");
        let (id, value) = (format!("id{id}"), format!("192.0.2.{value}"));
        match kind {
            0 => a(&name, &value),
            1 => weighted(&name, &id, value.len().try_into().expect("short"), &value),
            2 => cname(&name, "www.example.net"),
            _ => failover(&name, &id, id == "id0", &value),
        }
    });
    let action = prop_oneof![Just(Action::Delete), Just(Action::Create), Just(Action::Upsert)];
    (action, record).prop_map(|(action, record)| ModelChange { action, record })
}

proptest! {
    #[test]
    fn a_batch_lands_whole_or_not_at_all(
        batches in prop::collection::vec(prop::collection::vec(some_change(), 1..4), 1..12)
    ) {
        let mut world = World::new();
        for batch in batches {
            let before = world.listing();
            match world.change(&batch) {
                Err(_) => prop_assert_eq!(world.listing(), before),
                Ok(_) => {
                    let after = world.listing();
                    for (i, change) in batch.iter().enumerate() {
                        let key = change.record.key();
                        if batch[i + 1..].iter().any(|later| later.record.key() == key) {
                            continue;
                        }
                        let stands = after.contains(&change.record);
                        prop_assert_eq!(stands, change.action != Action::Delete);
                    }
                }
            }
        }
        let listed = world.listing();
        let due = world.now + Duration::from_secs(60);
        world.route53.advance(due);
        prop_assert_eq!(world.route53.served(&world.zone).cloned().collect::<Vec<_>>(), listed);
        prop_assert_eq!(world.route53.next_due(), None);
    }

    #[test]
    fn kinds_of_routing_never_mix_and_a_cname_stands_alone(
        batches in prop::collection::vec(prop::collection::vec(some_change(), 1..4), 1..12)
    ) {
        let mut world = World::new();
        for batch in batches {
            let _ = world.change(&batch);
            let listed = world.listing();
            for one in &listed {
                for two in listed.iter().filter(|two| two.name == one.name) {
                    let cname = ModelRecordType::Cname;
                    prop_assert_eq!(one.rtype == cname, two.rtype == cname);
                    if one.rtype == two.rtype {
                        prop_assert_eq!(one.routing.kind(), two.routing.kind());
                        prop_assert!(one == two || one.key() != two.key());
                    }
                }
            }
        }
    }
}
