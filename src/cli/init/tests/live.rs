//! `init` on gates that are attached already, over the modelled Route 53, with a client that asks
//! all the time: no Region that was answered before may be lost from any answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::cli::testing::{Modelled, gated_in};
use crate::core::gates::answers::{Standing, answered};
use crate::domain::{Moment, ZoneId};
use crate::world::route53::{ModelRecordType, ModelRouting, OwnerName, Subject};

fn zone_id() -> ZoneId {
    "Z1".parse().expect("valid")
}

/// What a client may be told at the moment: the Regions whose records can be answered.
fn may_be_answered(account: &crate::cli::testing::Account) -> BTreeSet<String> {
    let name: OwnerName = "web.example.com".parse().expect("valid");
    let records: Vec<_> =
        account.route53.served(&zone_id()).filter(|record| record.name == name).collect();
    let standing = |record: &&&crate::world::route53::ModelRecordSet| Standing {
        serves: matches!(record.routing, ModelRouting::Weighted { weight, .. } if weight.serves()),
        healthy: record
            .health_check
            .as_ref()
            .is_none_or(|check| account.route53.health_checks.is_healthy(check)),
    };
    let told: Vec<Standing> = records.iter().map(|record| standing(&record)).collect();
    let told = answered(&told);
    let named = records.iter().zip(told).filter(|(_, told)| *told);
    named.filter_map(|(record, _)| record.routing.set_identifier().map(str::to_owned)).collect()
}

/// An account, its tables, and what clients were told.
struct Scene {
    modelled: Modelled,
    tables: Tables,
}

/// How a run of `init` went, and what could be answered meanwhile, with the first moment of each.
struct Ran {
    text: String,
    result: Result<(), Failure>,
    told: BTreeMap<BTreeSet<String>, Moment>,
}

impl Scene {
    /// A fleet of so many Regions that has its gates.
    fn of(regions: usize) -> Self {
        let fleet = gated_in(regions, |_, text| text);
        let (zone, name) = fleet.zones.iter().next().expect("one");
        let modelled = Modelled::new(&fleet.name, zone, name);
        let scene = Self { modelled, tables: Tables::default() };
        let first = scene.init(&fleet);
        assert!(first.result.is_ok(), "{} {:?}", first.text, first.result);
        scene
    }

    /// Runs it while clients ask.
    fn init(&self, fleet: &Fleet) -> Ran {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let mut told = BTreeMap::new();
        let name: OwnerName = "web.example.com".parse().expect("valid");
        let (text, result) = printed(false, |screen| {
            let outside = self.modelled.outside(&self.tables);
            let fresh = genesis(fleet, author(), "2026-01-01T00:00:00Z".to_owned(), || 7);
            let nobody = |_: &mut Screen<'_>| panic!("nobody is asked");
            let init = provision(fleet, &outside, &fresh, Mode::Act, screen, nobody);
            let live = self.modelled.live(|account| {
                let may = may_be_answered(account);
                let heard = account.route53.answer(account.now, &name, ModelRecordType::A);
                for address in heard.addresses() {
                    let last = address.to_string();
                    let region = format!("r{}", last.rsplit('.').next().expect("a part"));
                    assert!(may.contains(&region), "{region} was answered beside {may:?}");
                }
                told.entry(may).or_insert(account.now);
            });
            // What was set off last is seen a while later.
            let whole = async {
                let result = init.await;
                tokio::time::sleep(Duration::from_secs(60)).await;
                result
            };
            runtime.block_on(async {
                tokio::select! {
                    result = whole => result,
                    () = live => unreachable!("it goes on"),
                }
            })
        });
        Ran { text, result, told }
    }
}

fn regions(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Checks that the old Regions, and nobody else, could be answered at every moment.
fn nobody_was_lost(ran: &Ran, old: &[&str]) {
    assert!(ran.result.is_ok(), "{} {:?}", ran.text, ran.result);
    let told: Vec<_> = ran.told.keys().cloned().collect();
    assert_eq!(told, [regions(old)], "{:?}\n{}", ran.told, ran.text);
}

#[test]
fn two_more_observers_join_gates_that_are_attached() {
    let scene = Scene::of(3);
    let ran = scene.init(&gated_in(5, |_, text| text));
    nobody_was_lost(&ran, &["r1", "r2", "r3"]);
    assert!(ran.text.contains("mend the health check of r1: 3 of 4 gates must be open"));
    let again = scene.init(&gated_in(5, |_, text| text));
    assert_eq!(again.text, "nothing to do: the fleet has all that it needs\n");
}

#[test]
fn watches_that_can_t_be_changed_are_replaced_behind_the_counts() {
    let scene = Scene::of(3);
    let plain = |_: &str, text: String| text.replace("https://gate", "http://gate");
    nobody_was_lost(&scene.init(&gated_in(3, plain)), &["r1", "r2", "r3"]);
    let rarely = |_: &str, text: String| text.replace("[gates]", "[gates]\ninterval_s = 30");
    nobody_was_lost(&scene.init(&gated_in(3, rarely)), &["r1", "r2", "r3"]);
    // As often as one likes: a reference stays taken for as long as its check is there.
    let both = |name: &str, text| plain(name, rarely(name, text));
    nobody_was_lost(&scene.init(&gated_in(3, both)), &["r1", "r2", "r3"]);
    nobody_was_lost(&scene.init(&gated_in(3, |_, text| text)), &["r1", "r2", "r3"]);
    let moved = |_: &str, text: String| text.replace("https://gate", "https://doors");
    nobody_was_lost(&scene.init(&gated_in(3, moved)), &["r1", "r2", "r3"]);
}

#[test]
fn a_checker_that_waits_for_its_answer_is_waited_for() {
    let slowly = |_: &str, text: String| {
        let text = text.replace("[gates]", "[gates]\nfailure_threshold = 3");
        text.replace("https://gate", "http://gate")
    };
    let scene = Scene::of(3);
    scene.modelled.account().answer_after = Duration::from_secs(6);
    nobody_was_lost(&scene.init(&gated_in(3, slowly)), &["r1", "r2", "r3"]);
}

#[test]
fn watches_are_mended_in_place() {
    let scene = Scene::of(3);
    let elsewhere = |_: &str, text: String| text.replace("net\" }", "net:8443\" }");
    nobody_was_lost(&scene.init(&gated_in(3, elsewhere)), &["r1", "r2", "r3"]);
}

#[test]
fn a_gate_that_reads_shut_stops_the_run_before_its_count_is_touched() {
    let scene = Scene::of(3);
    let counts = |scene: &Scene| {
        let account = scene.modelled.account();
        let all = account.route53.health_checks.all();
        let counts = all.filter_map(|(info, healthy)| match info.config.subject {
            Subject::Calculated { threshold, children } => {
                Some((threshold, children.len(), healthy))
            }
            Subject::Endpoint(_) => None,
        });
        let mut counts: Vec<_> = counts.collect();
        counts.sort_unstable();
        counts
    };
    // The last Region's gate: those of the others are mended before it.
    scene.modelled.account().closed.insert("r3".parse().expect("valid"));
    let ran = scene.init(&gated_in(5, |_, text| text));
    let Err(Failure::Failed(error)) = ran.result else { panic!("{}", ran.text) };
    let error = error.to_string();
    assert!(error.contains("r3's gate in r1 does not read open"), "{error}");
    assert!(error.contains("16 of 16 checkers find it closed"), "{error}");
    assert_eq!(
        counts(&scene),
        [(1, 2, false), (3, 4, true), (3, 4, true)],
        "the counts of the new Regions come after it"
    );
    scene.modelled.account().closed.clear();
    let ran = scene.init(&gated_in(5, |_, text| text));
    assert!(ran.result.is_ok(), "{:?}", ran.result);
    assert_eq!(counts(&scene), [(3, 4, true); 5]);
}
