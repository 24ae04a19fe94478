//! `status` of fleets in each condition: pictures from hand-made views, and from tables.

use std::collections::BTreeMap;

use super::draw::draw;
use super::read::read;
use super::*;
use crate::cli::testing::{Tables, fleet, printed};
use crate::core::explain::{Change, Reason, State};
use crate::core::genesis::{Genesis, genesis, unborn_seat};
use crate::core::health::{Verdict, Vote};
use crate::core::view::{
    CellView, LeaderView, ObserverView, PlacementView, SeatView, ServiceView, StateView,
};
use crate::domain::observation::{Cell, LeaderReport, ProbingReport, ZoneReport, ZoneStage};
use crate::domain::steering::Steering;
use crate::domain::zone;
use crate::domain::{
    AgentId, BootId, CellState, Epoch, RegionId, Report, StateName, Target, Weight, ZoneRead,
};

const REGIONS: [&str; 3] = ["ap-southeast-2", "eu-west-1", "us-east-1"];

fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

fn agent(name: &str) -> AgentId {
    name.parse().expect("valid")
}

fn cell(state: CellState) -> Cell {
    Cell { state, for_ms: 4200, failed: 0, window: 20, failure: None, latency_ms: Some(12) }
}

fn zone_shown(epoch: u64) -> ZoneShown {
    let fleet = "demo".parse().expect("valid");
    ZoneShown {
        zone: "Z0REGENTDEMO".parse().expect("valid"),
        name: "demo.example".parse().expect("valid"),
        fence: Some(Fence { fleet, epoch: Epoch(epoch), attempt: 3 }),
        trouble: None,
    }
}

fn service(name: &str) -> ServiceView {
    let place = |name: &str| PlacementView {
        region: region(name),
        share: Weight(100),
        wanted: Some(Weight(100)),
        committed: Some(Weight(100)),
        actual: Some(100),
        verdict: Verdict::Healthy,
        failing_ms: 0,
        votes: REGIONS.iter().map(|voter| (region(voter), Vote::Up)).collect(),
        signals: None,
        probes_per_minute: None,
    };
    ServiceView {
        service: name.parse().expect("valid"),
        record: format!("{name}.demo.example. A"),
        regions: REGIONS.iter().map(|name| place(name)).collect(),
    }
}

/// All is well.
pub(super) fn healthy() -> View {
    let name = StateName { epoch: Epoch(7), seq: 1 };
    let services: Vec<ServiceView> = ["api", "web"].into_iter().map(service).collect();
    let matrix = REGIONS.iter().flat_map(|observer| {
        services.iter().flat_map(move |service| {
            service.regions.iter().map(move |place| CellView {
                observer: agent(observer),
                target: Target { region: place.region.clone(), service: service.service.clone() },
                cell: cell(CellState::Up),
            })
        })
    });
    View {
        fleet: "demo".to_owned(),
        at: "2026-11-20T10:00:00Z".to_owned(),
        majority: 2,
        leader: Some(LeaderView {
            databases: BTreeMap::new(),
            answers: BTreeMap::new(),
            waits: BTreeMap::new(),
            agent: agent("eu-west-1"),
            epoch: Epoch(7),
            seats: REGIONS.iter().map(|name| region(name)).collect(),
            zones: BTreeMap::from([(
                "Z0REGENTDEMO".parse().expect("valid"),
                ZoneReport { stage: ZoneStage::InStep, detail: None, drift: Vec::new() },
            )]),
            blocked: Vec::new(),
        }),
        seats: REGIONS
            .iter()
            .map(|name| SeatView {
                region: region(name),
                epoch: Some(Epoch(7)),
                holder: Some(agent("eu-west-1")),
                committed: Some(name_of(7, 1)),
                trouble: None,
            })
            .collect(),
        state: Some(StateView {
            steering: Steering::default(),
            runs: BTreeMap::new(),
            name,
            by: agent("eu-west-1"),
            at: "2026-11-20T09:00:00.250Z".to_owned(),
            changes: Vec::new(),
        }),
        matrix: matrix.collect(),
        gates: Vec::new(),
        services,
        observers: REGIONS
            .iter()
            .map(|name| ObserverView {
                agent: agent(name),
                region: region(name),
                age_ms: Some(1200),
                fresh: true,
                off: false,
                probing: ProbingReport::default(),
                preflight: None,
            })
            .collect(),
        troubles: Vec::new(),
    }
}

fn name_of(epoch: u64, seq: u64) -> StateName {
    StateName { epoch: Epoch(epoch), seq }
}

/// us-east-1 is lost, and its traffic is on the way out.
fn in_failover() -> View {
    let mut view = healthy();
    let lost = region("us-east-1");
    for service in &mut view.services {
        let place = service.regions.last_mut().expect("us-east-1");
        place.verdict = Verdict::Down;
        place.failing_ms = 4_250;
        place.wanted = Some(Weight(0));
        for (voter, vote) in &mut place.votes {
            *vote = if *voter == lost { Vote::Abstains } else { Vote::Down { for_ms: 4250 } };
        }
        for place in &mut service.regions {
            place.votes.insert(lost.clone(), Vote::Abstains);
        }
    }
    for cell in &mut view.matrix {
        if cell.observer == agent("us-east-1") {
            cell.cell.state = CellState::Unknown;
        } else if cell.target.region == lost {
            cell.cell.state = CellState::Down;
        }
    }
    let observer = view.observers.last_mut().expect("us-east-1");
    (observer.age_ms, observer.fresh) = (Some(7_400), false);
    let seat = view.seats.last_mut().expect("us-east-1");
    (seat.epoch, seat.holder, seat.committed) = (None, None, None);
    seat.trouble = Some("it can't be read (unknown)".to_owned());
    let leader = view.leader.as_mut().expect("one");
    leader.seats.pop();
    leader.blocked = vec!["web in eu-west-1 to weight 0: most look bad".to_owned()];
    leader.zones.values_mut().for_each(|zone| zone.stage = ZoneStage::Changing);
    let state = view.state.as_mut().expect("one");
    state.name = name_of(7, 2);
    state.changes = ["api", "web"]
        .iter()
        .map(|service| Change {
            service: service.parse().expect("valid"),
            region: lost.clone(),
            from: Some(Weight(100)),
            to: Weight(0),
            reason: Reason::Down,
        })
        .collect();
    view.troubles = vec![
        "seat in us-east-1: unknown: GetItem in us-east-1 did not end within 1500 ms".to_owned(),
        "reports in us-east-1: unknown: Query in us-east-1 did not end within 1500 ms".to_owned(),
    ];
    view
}

/// No majority of seats shows one holder, and nobody has reported for long.
fn leaderless() -> View {
    let mut view = healthy();
    view.leader = None;
    view.seats[0].holder = Some(agent("ap-southeast-2"));
    view.seats[0].epoch = Some(Epoch(8));
    view.seats[2].holder = None;
    view.seats[2].epoch = Some(Epoch(0));
    for observer in &mut view.observers {
        (observer.age_ms, observer.fresh) = (Some(3_700_000), false);
    }
    for cell in &mut view.matrix {
        cell.cell.state = CellState::Unknown;
    }
    for place in view.services.iter_mut().flat_map(|service| &mut service.regions) {
        place.verdict = Verdict::Unknown;
        place.votes.values_mut().for_each(|vote| *vote = Vote::Abstains);
    }
    view
}

/// Only one seat can be read.
fn minority() -> View {
    let mut view = in_failover();
    view.leader = None;
    view.state = None;
    for place in view.services.iter_mut().flat_map(|service| &mut service.regions) {
        (place.wanted, place.actual) = (None, None);
    }
    let seat = &mut view.seats[1];
    (seat.epoch, seat.holder, seat.committed) = (None, None, None);
    seat.trouble = Some("it can't be read (transient)".to_owned());
    view
}

fn picture(view: View) -> (String, Result<(), Failure>) {
    let status = Status::new(view, vec![zone_shown(7)]);
    printed(false, |screen| show(&status, screen))
}

#[test]
fn gates_are_shown_while_one_is_closed_and_by_whom() {
    use crate::core::view::GateView;
    let mut view = healthy();
    let gate = |closed_by: &[&str], unknown: &[&str]| GateView {
        gate: "us-east-1".parse().expect("valid"),
        wanted_closed: Some(!closed_by.is_empty()),
        closed_by: closed_by.iter().map(|name| agent(name)).collect(),
        unknown: unknown.iter().map(|name| agent(name)).collect(),
        closers: 2,
        shut: closed_by.len() > 1,
        seen: BTreeMap::new(),
    };
    view.gates = vec![gate(&[], &[])];
    assert!(!picture(view.clone()).0.contains("gates"), "on a quiet day there is nothing to tell");
    view.gates = vec![gate(&["eu-west-1"], &["ap-southeast-2"])];
    let text = picture(view.clone()).0;
    let line = text.lines().find(|line| line.contains("eu-west-1 (it takes 2)")).expect("told");
    assert!(line.contains("open") && line.contains("ap-southeast-2"), "{line}");
    view.gates = vec![gate(&["eu-west-1", "ap-southeast-2"], &[])];
    assert!(picture(view.clone()).0.contains("shut"));
}

#[test]
fn a_healthy_fleet_is_seen_to_be_so_in_the_first_line() {
    let (text, result) = picture(healthy());
    assert!(result.is_ok());
    insta::assert_snapshot!("healthy", text);
}

#[test]
fn in_a_failover_what_is_wrong_comes_first() {
    let (text, result) = picture(in_failover());
    assert!(result.is_ok());
    insta::assert_snapshot!("in_failover", text);
}

#[test]
fn without_a_leader_that_is_the_first_thing_said() {
    let (text, result) = picture(leaderless());
    assert!(result.is_ok());
    insta::assert_snapshot!("leaderless", text);
}

#[test]
fn without_a_majority_of_seats_what_there_is_is_shown_and_the_command_fails() {
    let (text, result) = picture(minority());
    assert!(matches!(result, Err(Failure::Shown)));
    insta::assert_snapshot!("minority", text);
}

#[test]
fn records_that_would_answer_with_nobody_or_not_as_wanted_are_told() {
    let mut view = healthy();
    for place in &mut view.services[0].regions {
        place.actual = Some(0);
    }
    let wrong = Status::new(view, Vec::new()).wrong;
    assert_eq!(wrong[0], "api: every record has weight 0");
    assert_eq!(wrong[1], "api in ap-southeast-2: the record has weight 0, 100 is wanted");
}

/// The moment at which the tables are looked at.
const NOW: &str = "2026-11-20T10:00:00Z";

pub(in crate::cli) fn now_unix_ms() -> i64 {
    NOW.parse::<jiff::Timestamp>().expect("valid").as_millisecond()
}

pub(in crate::cli) fn first_state() -> Genesis {
    let mut drawn = 0;
    genesis(&fleet(), agent("init"), NOW.to_owned(), || {
        drawn += 1;
        drawn
    })
}

fn report(name: &str, boot: u64, seq: u64, at: &str, leading: Option<LeaderReport>) -> Report {
    let cells = fleet().targets().into_iter().map(|target| (target, cell(CellState::Up)));
    Report {
        fleet: fleet().name,
        agent: agent(name),
        region: region(name),
        boot: BootId(boot),
        seq,
        at: at.to_owned(),
        cells: cells.collect(),
        signals: BTreeMap::new(),
        probing: ProbingReport::default(),
        heard: BTreeMap::new(),
        off: false,
        leading,
        gates: None,
        preflight: None,
    }
}

/// A fleet that r1 leads in epoch 3; its agents reported a second ago, to their own replicas, and
/// to the others a while before.
pub(in crate::cli) fn tables() -> Tables {
    let tables = Tables::default();
    let mut stored = tables.stored();
    let first = first_state();
    let state = State {
        name: name_of(3, 1),
        wanted: fleet()
            .services
            .iter()
            .map(|(service, spec)| {
                let weights = spec.regions.iter().map(|(region, at)| (region.clone(), at.weight));
                (service.clone(), weights.collect())
            })
            .collect(),
        by: agent("r1"),
        ..first.state.clone()
    };
    let document = serde_json::to_string(&state).expect("plain");
    let digest = crate::domain::digest::Digest::of(document.as_bytes());
    let leading = LeaderReport {
        epoch: Epoch(3),
        committed: Some(state.name),
        seats: fleet().seats.into_iter().collect(),
        zones: BTreeMap::new(),
        blocked: Vec::new(),
        databases: BTreeMap::new(),
        answers: BTreeMap::new(),
        waits: BTreeMap::new(),
    };
    for name in ["r1", "r2", "r3"] {
        let mut seat = unborn_seat(&first, &region(name), &agent("init"));
        (seat.epoch, seat.holder) = (Epoch(3), Some(agent("r1")));
        seat.committed.name = state.name;
        seat.committed.digest = digest;
        stored.seats.insert(region(name), seat);
        stored.documents.insert((region(name), state.name), document.clone());
        let reports = ["r1", "r2", "r3"].map(|agent| {
            let leading = (agent == "r1").then(|| leading.clone());
            let (seq, at) = if agent == name {
                (9, "2026-11-20T09:59:59Z")
            } else {
                (2, "2026-11-20T09:59:40Z")
            };
            report(agent, 1, seq, at, leading)
        });
        stored.reports.insert(region(name), reports.to_vec());
    }
    let zone = zone::wanted(&fleet()).remove(0);
    let fence = Fence { fleet: fleet().name, epoch: Epoch(3), attempt: 5 }.record_set(&zone.fence);
    let spec = fleet().services.into_values().next().expect("one service");
    let records = spec.regions.iter().map(|(region, place)| crate::domain::RecordSet {
        key: spec.key(),
        routing: crate::domain::record::Routing::Weighted {
            set_identifier: region.to_string(),
            weight: place.weight,
        },
        data: place.data.clone(),
        health_check: None,
    });
    let read = ZoneRead { fence: Some(fence), records: records.collect() };
    stored.zones.insert(zone.zone, (zone.name, read));
    drop(stored);
    tables
}

fn status_of(tables: &Tables) -> Status {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let reading = runtime.block_on(read(&fleet(), &tables.outside()));
    draw(&fleet(), &reading, now_unix_ms())
}

#[test]
fn from_the_tables_alone_a_fleet_is_seen_whole() {
    let status = status_of(&tables());
    assert_eq!(status.wrong, [""; 0]);
    let leader = status.view.leader.as_ref().expect("r1");
    assert_eq!((leader.agent.as_str(), leader.seats.len()), ("r1", 3));
    assert_eq!(status.view.state.as_ref().expect("read").name, name_of(3, 1));
    let places = &status.view.services[0].regions;
    assert!(places.iter().all(|place| place.actual == Some(100) && place.wanted.is_some()));
    assert!(places.iter().all(|place| place.verdict == Verdict::Healthy));
    assert_eq!(status.zones[0].fence.as_ref().map(|fence| fence.attempt), Some(5));
    let json = serde_json::to_value(&status).expect("plain");
    assert_eq!(json["fleet"], "demo");
    assert_eq!(json["wrong"], serde_json::json!([]));
}

#[test]
fn a_region_that_cannot_be_reached_is_named_and_the_rest_is_shown() {
    let tables = tables();
    tables.stored().lost.insert(region("r2"));
    let status = status_of(&tables);
    assert!(status.of_majority());
    assert!(status.view.state.is_some() && status.view.leader.is_some());
    assert!(status.view.troubles.iter().any(|trouble| trouble.starts_with("seat in r2: unknown")));
    assert!(status.view.troubles.iter().any(|t| t.starts_with("reports in r2: unknown")));
    assert!(status.wrong.iter().any(|wrong| wrong.contains("the seat in r2 counts for nothing")));
    assert!(
        status.wrong.contains(&"agent r2 has been silent for 20 s".to_owned()),
        "its older report is in the other replicas: {:?}",
        status.wrong
    );
}

#[test]
fn two_regions_that_cannot_be_reached_leave_no_majority() {
    let tables = tables();
    tables.stored().lost.extend([region("r2"), region("r3")]);
    let status = status_of(&tables);
    assert!(!status.of_majority());
    assert_eq!((status.view.leader.is_none(), status.view.state.is_none()), (true, true));
    assert!(status.wrong[0].starts_with("only 1 of 3 seats can be read"), "{:?}", status.wrong);
}

#[test]
fn a_dead_leader_is_told_by_its_silence() {
    let tables = tables();
    for reports in tables.stored().reports.values_mut() {
        for report in reports.iter_mut() {
            report.at = "2026-11-20T09:58:00Z".to_owned();
        }
    }
    let status = status_of(&tables);
    assert_eq!(
        status.wrong[0],
        "the leader r1 has been silent for 2 min: unless another agent takes over, nothing is \
         steered"
    );
}

#[test]
fn a_restarted_agents_newer_run_is_believed_though_it_counts_from_the_start() {
    let tables = tables();
    let again = report("r2", 2, 1, "2026-11-20T09:59:59.900Z", None);
    tables.stored().reports.get_mut(&region("r3")).expect("there").push(again);
    let status = status_of(&tables);
    let observer = status.view.observers.iter().find(|o| o.agent == agent("r2")).expect("there");
    assert_eq!(observer.age_ms, Some(100));
}

#[test]
fn a_clock_far_ahead_does_not_keep_a_dead_agent_alive() {
    let tables = tables();
    for reports in tables.stored().reports.values_mut() {
        reports[1].at = "2026-11-20T11:00:00Z".to_owned();
    }
    let status = status_of(&tables);
    let observer = status.view.observers.iter().find(|o| o.agent == agent("r2")).expect("there");
    assert!(!observer.fresh && observer.age_ms.is_none());
    assert!(status.view.troubles[0].contains("the clock of agent r2 is ahead"));
}

#[test]
fn a_seat_made_anew_and_a_document_that_is_not_the_one_count_for_nothing() {
    let tables = tables();
    {
        let mut stored = tables.stored();
        stored.seats.get_mut(&region("r2")).expect("there").incarnation.0 = "anew".to_owned();
        let other = (region("r1"), name_of(3, 1));
        stored.documents.insert(other, "{}".to_owned());
    }
    let status = status_of(&tables);
    assert!(status.view.seats[1].trouble.as_ref().expect("one").contains("made anew"));
    assert_eq!(status.view.leader.as_ref().expect("r1").seats.len(), 2);
    assert!(status.view.troubles[0].contains("not the one that the seat points to"));
    assert!(status.view.state.is_some(), "read elsewhere");
}

#[test]
fn tables_that_were_never_made_give_a_picture_all_the_same() {
    let status = status_of(&Tables::default());
    assert!(!status.of_majority());
    assert!(status.view.seats[0].trouble.as_ref().expect("one").contains("`regent init`"));
    assert!(status.wrong.iter().any(|wrong| wrong.starts_with("zone Z1: it can't be read")));
    let text = render::render(&status);
    assert!(text.contains("state   not known"), "{text}");
}

#[test]
fn what_the_probes_show_beside_health_is_told_with_who_says_so() {
    use crate::domain::observation::{Ailing, Expiring};
    let target = Target { region: region("eu-west-1"), service: "web".parse().expect("valid") };
    let mut view = healthy();
    let now = view.at.parse::<jiff::Timestamp>().expect("valid").as_second();
    let expiring = |days: i64| Expiring {
        target: target.clone(),
        expiry_unix_s: now + days * 24 * 60 * 60 + 60,
    };
    let ailing = Ailing {
        target: target.clone(),
        address: "192.0.2.1".parse().expect("valid"),
        failure: crate::domain::ProbeFailure::Refused,
    };
    view.observers[0].probing = ProbingReport {
        started: 100,
        late: 5,
        phases: Some(crate::domain::Phases {
            name_ms: Some(1),
            connect_ms: Some(20),
            tls_ms: None,
            first_byte_ms: Some(30),
            total_ms: 51,
        }),
        ailing: vec![ailing.clone()],
        expiring: vec![expiring(3)],
    };
    view.observers[1].probing =
        ProbingReport { started: 100, late: 4, ailing: vec![ailing], ..ProbingReport::default() };
    view.observers[2].probing =
        ProbingReport { started: 100, expiring: vec![expiring(-1)], ..ProbingReport::default() };
    let wrong = super::probes::wrong(&view);
    assert_eq!(
        wrong,
        [
            "agent ap-southeast-2 was late with 5 turns, having started 100 probes: it is short of \
             processor time, or was paused",
            "web in eu-west-1: 192.0.2.1 fails (connection refused) while other addresses of the \
             name answer, say ap-southeast-2 eu-west-1",
            "the certificate of web in eu-west-1 has expired, say ap-southeast-2 us-east-1",
        ]
    );
    let table = super::probes::table(&view).lines().collect::<Vec<_>>().join("\n");
    let words: Vec<&str> = table.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(words, ["ap-southeast-2", "100", "5", "1", "20", "-", "30", "51"]);
    view.observers.iter_mut().for_each(|observer| observer.fresh = false);
    assert!(super::probes::wrong(&view).is_empty(), "what is old is not told");
}
