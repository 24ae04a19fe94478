//! Logs of simulated runs, judged as they are and tampered with.

use super::*;
use crate::core::explain::Cause;
use crate::domain::RegionId;
use crate::domain::fleet::RoutingPolicy;
use crate::domain::record::{RecordData, Routing};
use crate::sim::{Options, Sim};
use crate::world::fault::Fault;

/// A Region is lost and drained.
fn drained() -> (Fleet, Vec<Entry>) {
    let fleet = crate::config::load_dir(std::path::Path::new("regions")).expect("shipped").fleet;
    let mut sim = Sim::new(fleet.clone(), Options::default());
    assert!(sim.run_until_that(sim.now() + Duration::from_secs(60), Sim::settled));
    let leader = sim.leaders()[0].0.clone();
    let others = |region: &&RegionId| region.as_str() != leader.as_str();
    let lost = fleet.regions.iter().find(others).expect("three Regions").clone();
    sim.strike(&Fault::Lose { region: lost });
    sim.run_until(sim.now() + Duration::from_secs(6));
    assert_eq!(sim.violations(), []);
    (fleet, sim.log().to_vec())
}

fn broken(fleet: &Fleet, log: &[Entry]) -> Vec<&'static str> {
    let mut names: Vec<_> =
        judge_log(fleet, log).iter().map(|violation| violation.invariant).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The last batch, which takes the lost Region out.
fn last_batch(log: &mut [Entry]) -> (&mut String, &mut Vec<RecordChange>) {
    let batches = log.iter_mut().rev().filter_map(|entry| match &mut entry.happening {
        Happening::ZoneChanged { caller, changes, .. } => Some((caller, changes)),
        _ => None,
    });
    batches.into_iter().next().expect("it was drained")
}

#[test]
fn a_good_log_is_judged_good_and_a_tampered_one_is_not() {
    let (fleet, log) = drained();
    assert!(broken(&fleet, &log).is_empty(), "{:?}", judge_log(&fleet, &log));

    let mut other = log.clone();
    "somebody".clone_into(last_batch(&mut other).0);
    assert_eq!(broken(&fleet, &other), ["one acting leader"]);

    let mut unfenced = log.clone();
    last_batch(&mut unfenced).1.retain(|change| match change {
        RecordChange::Delete(record) | RecordChange::Create(record) => {
            record.key.rtype != RecordType::Txt
        }
    });
    assert_eq!(broken(&fleet, &unfenced), ["epochs never fall"]);
    OPERATOR.clone_into(last_batch(&mut unfenced).0);
    assert!(broken(&fleet, &unfenced).is_empty(), "people may");

    let mut older = log.clone();
    for change in last_batch(&mut older).1 {
        if let RecordChange::Create(record) = change
            && let Some(fence) = Fence::in_record(record)
        {
            let fence = Fence { epoch: Epoch(fence.epoch.0 - 1), ..fence };
            let values = vec![format!("\"{fence}\"")];
            record.data = RecordData::Plain { ttl_s: Fence::TTL_S, values };
        }
    }
    let all = ["epochs never fall", "only what is committed is applied", "the deposed is silent"];
    assert_eq!(broken(&fleet, &older), all);

    let mut silent = log;
    last_batch(&mut silent).1.retain(|change| {
        matches!(change, RecordChange::Delete(_)) || {
            let RecordChange::Create(record) = change else { return true };
            record.key.rtype == RecordType::Txt
        }
    });
    assert_eq!(broken(&fleet, &silent), ["never nothing"]);
}

/// A failover pair whose first Region has failed, and been swapped for the other.
fn swapped() -> (Fleet, Vec<Entry>) {
    let mut fleet =
        crate::config::load_dir(std::path::Path::new("regions")).expect("shipped").fleet;
    fleet.services.retain(|id, _| id.as_str() == "web");
    let web = fleet.services.values_mut().next().expect("one");
    web.regions.retain(|region, _| region.as_str() != "ap-southeast-2");
    let first: RegionId = "eu-west-1".parse().expect("valid");
    web.routing = RoutingPolicy::Failover { primary: first.clone() };
    let mut sim = Sim::new(fleet.clone(), Options::default());
    assert!(sim.run_until_that(sim.now() + Duration::from_secs(60), Sim::settled));
    sim.strike(&Fault::Fail { region: first, service: None });
    sim.run_until(sim.now() + Duration::from_secs(20));
    assert_eq!(sim.violations(), []);
    (fleet, sim.log().to_vec())
}

#[test]
fn a_pair_s_log_is_judged_by_its_roles() {
    let (fleet, log) = swapped();
    assert!(broken(&fleet, &log).is_empty(), "{:?}", judge_log(&fleet, &log));
    let mut after = log.clone();
    let swap = last_batch(&mut after).1.clone();
    let leads = |change: &RecordChange| match change {
        RecordChange::Create(record) => Part::of(&record.routing) == Some(Part::Primary),
        RecordChange::Delete(_) => false,
    };
    assert_eq!(swap.iter().filter(|change| leads(change)).count(), 1);

    let mut headless = log.clone();
    last_batch(&mut headless).1.retain(|change| !leads(change));
    assert_eq!(broken(&fleet, &headless), ["never nothing"]);

    // The same swap with the claim of the zone, before anybody had decided it.
    let mut early = log;
    let roles = swap.into_iter().filter(|change| {
        let (RecordChange::Delete(record) | RecordChange::Create(record)) = change;
        Part::of(&record.routing).is_some()
    });
    let mut batches = early.iter_mut().filter_map(|entry| match &mut entry.happening {
        Happening::ZoneChanged { caller, changes, .. } if caller != OPERATOR => Some(changes),
        _ => None,
    });
    batches.next().expect("it was claimed").extend(roles);
    assert_eq!(broken(&fleet, &early), ["only what is committed is applied"]);
}

#[test]
fn a_decision_that_no_report_bears_out_is_broken() {
    let (fleet, mut log) = drained();
    log.retain(|entry| match &entry.happening {
        Happening::Put { table, .. } => *table != fleet.tables.board,
        _ => true,
    });
    assert_eq!(broken(&fleet, &log), ["every action is agreed upon"]);
}

#[test]
fn a_decision_whose_inputs_were_changed_is_broken() {
    let (fleet, mut log) = drained();
    for entry in &mut log {
        let Happening::Put { item, .. } = &mut entry.happening else { continue };
        let document = item.get(items::DOCUMENT).and_then(|document| document.as_str());
        let state = document.and_then(|document| serde_json::from_str::<State>(document).ok());
        let Some(mut state) = state else { continue };
        if let Cause::Decided { inputs, .. } = &mut state.cause {
            inputs.rules.dwell_ms += 60_000;
        }
        item[items::DOCUMENT] = serde_json::to_string(&state).expect("serialisable").into();
    }
    assert_eq!(broken(&fleet, &log), ["every act is explained"]);
}

#[test]
fn a_state_put_beside_three_seats_is_told_once() {
    let (fleet, log) = drained();
    let mut facts = Facts::of_log(&fleet);
    log.iter().for_each(|entry| facts.note(entry));
    let documents = log.iter().filter_map(|entry| match &entry.happening {
        Happening::Put { table, item, .. } if *table == fleet.tables.seats => {
            item.get(items::DOCUMENT)?.as_str()
        }
        _ => None,
    });
    let documents: Vec<&str> = documents.collect();
    let distinct = documents.iter().collect::<BTreeSet<_>>().len();
    assert!(distinct > 2 && documents.len() > distinct);
    let put = facts.ready.iter().filter(|(_, fact)| matches!(fact, Fact::StatePut { .. }));
    let proposed = facts.ready.iter().filter(|(_, fact)| matches!(fact, Fact::Proposed { .. }));
    assert_eq!((put.count(), proposed.count()), (distinct, distinct));
}

#[test]
fn what_a_batch_deletes_is_what_stood_there_before_whoever_had_made_it_so() {
    let (fleet, mut edited) = swapped();
    // Somebody swapped the roles before: what the batch then finds, and swaps, is the other way round.
    for change in last_batch(&mut edited).1 {
        let (RecordChange::Delete(record) | RecordChange::Create(record)) = change;
        if let Routing::Failover { primary, .. } = &mut record.routing {
            *primary = !*primary;
        }
    }
    let (caller, swap) = last_batch(&mut edited);
    let zone = fleet.zones.keys().next().expect("one").clone();
    let mut facts = Facts::of_log(&fleet);
    let Fact::ZoneApplied { before, after, .. } = facts.applied(&zone, caller, swap) else {
        panic!("a batch is a batch");
    };
    let key = fleet.services.values().next().expect("one").key();
    let roles = |parts: &RecordParts| parts[&key].values().copied().collect::<Vec<_>>();
    assert_eq!(roles(&before), [Part::Secondary, Part::Primary]);
    assert_eq!(roles(&after), [Part::Primary, Part::Secondary]);
}
