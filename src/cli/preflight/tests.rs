//! Every finding, provoked.

use super::*;
use crate::cli::init::{Mode, provision};
use crate::cli::status::tests::{first_state, now_unix_ms, tables as quiet_tables};
use crate::cli::testing::{Tables, cluster_arn, printed, whole_fleet};
use crate::domain::capacity::{ScalingGroup, Vcpus};
use crate::domain::database::{ClusterMember, GlobalCluster, Synchronization};
use crate::domain::health_check::CheckSpec;
use crate::domain::record::{DnsName, RecordData};
use crate::domain::{CallFailure, Epoch, Fence, RegionId};

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

/// A fleet that lacks nothing: led, heard from, its gates made and attached, its database followed.
fn tables() -> Tables {
    let (fleet, tables) = (whole_fleet(), quiet_tables());
    {
        let mut stored = tables.stored();
        stored.seat_tables = fleet.seats.iter().cloned().collect();
        stored.boards = fleet.regions.iter().cloned().collect();
        let member = |name: &str| ClusterMember {
            cluster: cluster_arn(name).parse().expect("valid"),
            writer: name == "r1",
            synchronization: Synchronization::Connected,
        };
        let cluster = GlobalCluster {
            id: "demo-orders".parse().expect("valid"),
            status: "available".to_owned(),
            engine_version: "15.4".to_owned(),
            members: ["r1", "r2"].map(|name| (region(name), member(name))).into(),
            moving: None,
        };
        stored.databases.insert(cluster.id.clone(), cluster);
        stored.behind_ms.insert(region("r2"), 800);
        for group in fleet.scaling_groups().into_keys() {
            let shown = ScalingGroup { min: 1, desired: 4, max: 8, in_service: 4 };
            stored.groups.insert(group, shown);
        }
        let looked = Preflight { at: "2026-11-20T09:59:00Z".to_owned(), ..Preflight::default() };
        for report in stored.reports.values_mut().flatten() {
            report.preflight = Some(looked.clone());
        }
    }
    let (outside, first) = (tables.outside(), first_state());
    let (_, made) = printed(false, |screen| {
        block_on(provision(&fleet, &outside, &first, Mode::Act, screen, |_| unreachable!()))
    });
    assert!(made.is_ok(), "{made:?}");
    tables
}

fn found(tables: &Tables) -> Outcome {
    block_on(look(&whole_fleet(), &tables.outside(), now_unix_ms()))
}

/// Changes what is stored, and expects just this among the findings.
fn provoked(severity: Severity, what: &str, change: impl FnOnce(&Tables)) -> Outcome {
    let tables = tables();
    change(&tables);
    let outcome = found(&tables);
    let told = outcome.findings.iter().find(|told| told.finding.what.contains(what));
    let told = told.unwrap_or_else(|| panic!("{what:?} is not among {:#?}", outcome.findings));
    assert_eq!(told.finding.severity, severity, "{told:#?}");
    assert!(!(outcome.clear && severity == Severity::Stops));
    outcome
}

fn denied() -> CallFailure {
    CallFailure::permanent("AccessDenied")
}

#[test]
fn a_fleet_that_lacks_nothing_could_fail_over_and_nothing_was_changed() {
    let tables = tables();
    let before = tables.stored().clone();
    let outcome = found(&tables);
    assert_eq!(outcome.findings, []);
    assert!(outcome.clear);
    assert_eq!(outcome.looked_at, Area::ALL.into());
    assert_eq!(outcome.gates.len(), 2, "what the checkers of each gate see");
    assert!(*tables.stored() == before, "every write was one that had to be refused");
    let (text, result) = printed(false, |screen| show(&outcome, screen));
    assert!(result.is_ok());
    insta::assert_snapshot!("preflight_clear", text);
}

#[test]
fn what_stops_a_failover_makes_the_command_fail_and_says_what_to_do() {
    let outcome = provoked(Severity::Weakens, "zone Z1 can't be read: 503", |tables| {
        let failure = CallFailure::transient("503");
        tables.stored().failing.insert("read_zone", failure);
    });
    assert!(outcome.clear, "gates stand in");
    let outcome = provoked(Severity::Stops, "zone Z1 can't be read: 503", |tables| {
        let mut stored = tables.stored();
        stored.failing.insert("read_zone", CallFailure::transient("503"));
        for report in stored.reports.values_mut().flatten() {
            if report.agent.as_str() == "r3" {
                report.at = "2026-11-20T09:00:00Z".to_owned();
            }
        }
    });
    let few = "gates can't shut r1: agents of 1 other Regions are heard from, and it takes 2";
    assert!(outcome.findings.iter().any(|told| told.finding.what == few), "{outcome:#?}");
    let outcome = provoked(Severity::Stops, "only 1 of 3 seats can be used", |tables| {
        let mut stored = tables.stored();
        stored.lost.extend([region("r2"), region("r3")]);
    });
    let (text, result) = printed(false, |screen| show(&outcome, screen));
    assert!(matches!(result, Err(Failure::Shown)));
    insta::assert_snapshot!("preflight_stopped", text);
    let (json, _) = printed(true, |screen| show(&outcome, screen));
    let json: serde_json::Value = serde_json::from_str(&json).expect("one document");
    assert_eq!(json["clear"], false);
    assert!(json["findings"][0]["said_by"][0] == HERE && json["findings"][0]["remedy"].is_string());
}

#[test]
fn what_records_lead_to_by_name_has_an_address_and_is_not_evaluated() {
    let (mut fleet, tables) = (whole_fleet(), tables());
    let service = fleet.services.values_mut().next().expect("it serves");
    let placement = service.regions.get_mut(&region("r2")).expect("there");
    let target_name: DnsName = "lb.example.net".parse().expect("valid");
    let alias = |evaluate_target_health| RecordData::Alias {
        target_zone: "Z35SXDOTRQ7X7K".to_owned(),
        target_name: target_name.clone(),
        evaluate_target_health,
    };
    placement.data = alias(false);
    for (_, read) in tables.stored().zones.values_mut() {
        for record in &mut read.records {
            if record.routing.set_identifier() == Some("r2") {
                record.data = alias(true);
            }
        }
    }
    let told = |what: &str| {
        let outcome = block_on(look(&fleet, &tables.outside(), now_unix_ms()));
        let mut findings = outcome.findings.iter().map(|told| told.finding.what.clone());
        assert!(findings.any(|told| told.contains(what)), "{what}: {:#?}", outcome.findings);
    };
    told("of r2 evaluates its target's health");
    tables.stored().failing.insert("has_address", CallFailure::transient("no resolver"));
    told("leads to is there can't be told: no resolver");
    tables.stored().failing.clear();
    tables.stored().unresolved.insert(target_name.clone());
    told("of r2 leads to lb.example.net., which has no address");
}

#[test]
fn seats_and_the_board_are_read_and_written_for_a_try() {
    provoked(Severity::Weakens, "the seat in r2 can't be read", |tables| {
        tables.stored().lost.insert(region("r2"));
    });
    provoked(Severity::Weakens, "the board in r2 can't be read", |tables| {
        tables.stored().lost.insert(region("r2"));
    });
    provoked(Severity::Note, "the seat in r1 can't be written: AccessDenied", |tables| {
        tables.stored().failing.insert("swap_seat", denied());
    });
}

#[test]
fn what_an_agent_may_not_do_stops_a_failover_and_what_this_caller_may_not_do_does_not() {
    let deny = |tables: &Tables| {
        tables.stored().failing.insert("change_zone", denied());
    };
    let what = "a change of zone Z1 is not let in: AccessDenied";
    assert!(provoked(Severity::Note, what, deny).clear);
    let outcome = provoked(Severity::Stops, what, |tables| {
        let finding = Finding::stops(Area::Zones, what, "Allow it");
        let looked = Preflight { findings: vec![finding], ..Preflight::default() };
        for report in tables.stored().reports.values_mut().flatten() {
            if report.agent.as_str() == "r2" {
                report.preflight = Some(looked.clone());
            }
        }
    });
    provoked(Severity::Note, "changes of zone Z1 have arrived can't be asked", |tables| {
        tables.stored().failing.insert("change_status", denied());
    });
    assert_eq!(outcome.findings[0].said_by, ["r2"]);
    // With no agent to go by, this caller stands for them.
    let outcome = provoked(Severity::Stops, what, |tables| {
        deny(tables);
        for report in tables.stored().reports.values_mut().flatten() {
            report.preflight = None;
        }
    });
    let nobody = |told: &Told| told.finding.what.contains("no agent that is heard from has looked");
    assert!(outcome.findings.iter().any(nobody));
}

#[test]
fn zones_lack_nothing_but_what_is_missing_foreign_or_too_new() {
    let with_fence = |fence: Option<Fence>| {
        move |tables: &Tables| {
            let mut stored = tables.stored();
            let (_, read) = stored.zones.values_mut().next().expect("one");
            let name = read.fence.as_ref().expect("it has one").key.name.clone();
            read.fence = fence.map(|fence| fence.record_set(&name));
        }
    };
    let fence = |fleet: &str, epoch| Fence {
        fleet: fleet.parse().expect("valid"),
        epoch: Epoch(epoch),
        attempt: 9,
    };
    provoked(Severity::Weakens, "zone Z1 has no fence", with_fence(None));
    provoked(Severity::Stops, "fenced by the fleet other", with_fence(Some(fence("other", 3))));
    provoked(Severity::Stops, "at epoch 9, above every seat", with_fence(Some(fence("demo", 9))));
}

#[test]
fn records_are_there_lead_where_the_files_say_and_are_not_kept_for_long() {
    let with_first = |change: fn(&mut crate::domain::RecordSet)| {
        move |tables: &Tables| {
            let mut stored = tables.stored();
            let (_, read) = stored.zones.values_mut().next().expect("one");
            change(&mut read.records[0]);
        }
    };
    provoked(Severity::Stops, "has no weighted record for r", |tables| {
        let mut stored = tables.stored();
        stored.zones.values_mut().next().expect("one").1.records.pop();
    });
    let ttl = with_first(|record| {
        let RecordData::Plain { ttl_s, .. } = &mut record.data else { unreachable!() };
        *ttl_s = 300;
    });
    provoked(Severity::Weakens, "may be kept for 300 s, and the policy is 60 s", ttl);
    let elsewhere = with_first(|record| {
        record.data = RecordData::Plain { ttl_s: 60, values: vec!["192.0.2.99".to_owned()] };
    });
    provoked(Severity::Weakens, "does not answer with what r", elsewhere);
}

#[test]
fn gates_are_there_attached_reached_and_open() {
    let of_kind = |tables: &Tables, watch: bool| {
        let stored = tables.stored();
        let is = |spec: &CheckSpec| matches!(spec, CheckSpec::Watch(_)) == watch;
        let found = stored.checks.iter().find(|(_, check)| is(&check.spec));
        found.map(|(reference, check)| (reference.clone(), check.id.clone())).expect("there")
    };
    provoked(Severity::Weakens, "gate in r", |tables| {
        let (reference, _) = of_kind(tables, true);
        tables.stored().checks.remove(&reference);
    });
    provoked(Severity::Weakens, "is disabled", |tables| {
        let (reference, _) = of_kind(tables, false);
        tables.stored().checks.get_mut(&reference).expect("there").disabled = true;
    });
    provoked(Severity::Weakens, "does not carry its gate's health check", |tables| {
        let mut stored = tables.stored();
        stored.zones.values_mut().next().expect("one").1.records[0].health_check = None;
    });
    provoked(Severity::Weakens, "which is not its gate", |tables| {
        let mut stored = tables.stored();
        let (_, read) = stored.zones.values_mut().next().expect("one");
        read.records[0].health_check = Some("another".to_owned());
    });
    provoked(Severity::Weakens, "16 of 16 checkers get no answer", |tables| {
        let (_, id) = of_kind(tables, true);
        tables.stored().silent.insert(id);
    });
    provoked(Severity::Weakens, "gates can't shut r1: checkers get answers from 0", |tables| {
        let mut stored = tables.stored();
        stored.silent = stored.checks.values().map(|check| check.id.clone()).collect();
    });
    provoked(Severity::Weakens, "reads closed, and nothing committed closes it", |tables| {
        tables.stored().found_closed = 16;
    });
    provoked(Severity::Note, "health checks can't be listed", |tables| {
        tables.stored().failing.insert("checks", denied());
    });
}

#[test]
fn without_the_control_plane_and_with_gates_amiss_nothing_is_left() {
    let outcome = provoked(Severity::Stops, "zone Z1 can't be read", |tables| {
        let mut stored = tables.stored();
        stored.failing.insert("read_zone", CallFailure::transient("503"));
        stored.checks.clear();
    });
    assert!(!outcome.clear);
}

#[test]
fn databases_are_shown_followed_and_not_too_far_behind() {
    let with_member = |change: fn(&mut ClusterMember)| {
        move |tables: &Tables| {
            let mut stored = tables.stored();
            let cluster = stored.databases.values_mut().next().expect("one");
            change(cluster.members.get_mut(&region("r2")).expect("there"));
        }
    };
    provoked(Severity::Stops, "RDS in r1 does not tell of orders: AccessDenied", |tables| {
        tables.stored().failing.insert("describe", denied());
    });
    let apart = with_member(|member| member.synchronization = Synchronization::PendingResync);
    provoked(Severity::Stops, "no connected copy of orders may become the writer", apart);
    let two = with_member(|member| member.writer = true);
    provoked(Severity::Stops, "no single writer of orders", two);
    provoked(Severity::Weakens, "could lose", |tables| {
        tables.stored().behind_ms.insert(region("r2"), 600_000);
    });
    provoked(Severity::Note, "CloudWatch has no figures", |tables| {
        tables.stored().behind_ms.clear();
    });
    provoked(Severity::Weakens, "how far orders in r2 is behind can't be read", |tables| {
        tables.stored().failing.insert("lag", denied());
    });
}

#[test]
fn the_quota_of_vcpus_is_enough_whichever_region_is_left() {
    // Each Region has 4 instances of 2 vCPUs, and would need as many more without the other.
    let quota = |most, used| {
        move |tables: &Tables| {
            tables.stored().vcpus.insert(region("r2"), Vcpus { most, used });
        }
    };
    let what = "without r1, r2 would need 8 vCPUs more, and of the account's quota of 20 there are";
    provoked(Severity::Weakens, &format!("{what} 7 left"), quota(20, Some(13)));
    provoked(Severity::Weakens, &format!("{} 7 left", what.replace("20", "15")), quota(15, None));
    for enough in [quota(21, Some(13)), quota(16, None)] {
        let tables = tables();
        enough(&tables);
        assert_eq!(found(&tables).findings, []);
    }
    provoked(Severity::Note, "the quota of vCPUs in r2 can't be read: AccessDenied", |tables| {
        tables.stored().failing.insert("vcpus", denied());
    });
    let mut fleet = whole_fleet();
    for service in fleet.services.values_mut() {
        service.regions.values_mut().for_each(|placement| placement.instance_vcpus = None);
    }
    let outcome = block_on(look(&fleet, &tables().outside(), now_unix_ms()));
    let told: Vec<&str> = outcome.findings.iter().map(|told| told.finding.what.as_str()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("whether the account's quota lets demo-web in r1"), "{told:?}");
}

#[test]
fn each_trouble_of_capacity_is_told() {
    let each = |change: fn(&mut ScalingGroup)| {
        move |tables: &Tables| tables.stored().groups.values_mut().for_each(change)
    };
    provoked(
        Severity::Weakens,
        "without r2, demo-web in r1 would need 8 instances, and its most is 7",
        each(|group| group.max = 7),
    );
    let few = "demo-web in r2 wants 4 instances, of which 3 are in service";
    provoked(Severity::Note, few, each(|group| group.in_service = 3));
    let gone = "the autoscaling group demo-web in r1 can't be read: there is no autoscaling group";
    provoked(Severity::Weakens, gone, |tables| tables.stored().groups.clear());
    // Of a person nothing depends while there are agents.
    provoked(Severity::Note, "demo-web in r2 may not be raised: AccessDenied", |tables| {
        tables.stored().failing.insert("set_desired", denied());
    });
    let mut fleet = whole_fleet();
    let web = fleet.services.values_mut().next().expect("it has one");
    web.regions.values_mut().next().expect("two").scaling_group = None;
    let tables = tables();
    let outcome = block_on(look(&fleet, &tables.outside(), now_unix_ms()));
    let told = |what: &str| outcome.findings.iter().any(|told| told.finding.what == what);
    assert!(told("no scaling_group is named for web in r1"), "{:#?}", outcome.findings);
}

#[test]
fn who_is_heard_and_who_leads_is_part_of_it() {
    let silent = |names: &'static [&'static str]| {
        move |tables: &Tables| {
            for report in tables.stored().reports.values_mut().flatten() {
                if names.contains(&report.agent.as_str()) {
                    report.at = "2026-11-20T09:00:00Z".to_owned();
                }
            }
        }
    };
    provoked(Severity::Weakens, "no agent in r2 is heard from", silent(&["r2"]));
    provoked(Severity::Weakens, "the leader r1 is not heard from", silent(&["r1"]));
    provoked(Severity::Stops, "it takes 2 to find a Region down", silent(&["r1", "r2"]));
    provoked(Severity::Stops, "nobody leads", |tables| {
        tables.stored().seats.values_mut().for_each(|seat| seat.holder = None);
    });
    provoked(Severity::Weakens, "agent r2 is switched off", |tables| {
        for report in tables.stored().reports.values_mut().flatten() {
            report.off = report.agent.as_str() == "r2";
        }
    });
    provoked(Severity::Stops, "every agent is switched off", |tables| {
        tables.stored().reports.values_mut().flatten().for_each(|report| report.off = true);
    });
    provoked(Severity::Weakens, "the clock of agent r3", |tables| {
        for report in tables.stored().reports.values_mut().flatten() {
            if report.agent.as_str() == "r3" {
                report.at = "2026-11-20T10:05:00Z".to_owned();
            }
        }
    });
}

#[test]
fn the_loss_of_each_region_is_rehearsed_in_the_planner() {
    let fleet = |change: fn(&mut Fleet)| {
        let mut fleet = whole_fleet();
        change(&mut fleet);
        fleet
    };
    let outcome_of = |fleet: &Fleet| {
        let tables = tables();
        block_on(look(fleet, &tables.outside(), now_unix_ms()))
    };
    let held = |outcome: &Outcome, what: &str| {
        outcome.findings.iter().any(|told| told.finding.what.contains(what)) && !outcome.clear
    };
    let both = fleet(|fleet| fleet.rules.fewest_in_service = 2);
    let what = "if r1 were lost, web would stay there: it would leave fewer Regions in service";
    assert!(held(&outcome_of(&both), what), "{:#?}", outcome_of(&both).findings);
    // Of a failover pair one stands by, with no weight in its record, and may still take over.
    let pair = fleet(|fleet| {
        use crate::domain::fleet::RoutingPolicy;
        for service in fleet.services.values_mut() {
            service.routing = RoutingPolicy::Failover { primary: region("r1") };
        }
    });
    assert!(!held(&outcome_of(&pair), "were lost"), "{:#?}", outcome_of(&pair).findings);
    let watching = fleet(|fleet| {
        use crate::domain::autonomy::{ActionKind, Autonomy};
        fleet.consent.autonomy.insert(ActionKind::Drain, Autonomy::Observe);
    });
    let what = "if r2 were lost, web would stay there: only observing";
    assert!(held(&outcome_of(&watching), what), "{:#?}", outcome_of(&watching).findings);
}
