//! Every step of every shipped runbook on the whole controller, with every kind of trouble at the very
//! moment when the step is under way: each run comes to an end, and nothing is broken on the way.
//!
//! `runbook::sweeps` has the same over the machine alone; here there are calls that time out with
//! and without effect, leaders that die, and people who change their minds. A part of the table is
//! tried each time; `tests/sweeps.sh` runs the whole of it, and writes docs/sweeps.md.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::runs::{order, runs, start, writer};
use super::*;
use crate::core::runs::view::RunView;
use crate::domain::autonomy::{ActionKind, Autonomy};
use crate::domain::order::{AskId, Verb};
use crate::runbook::{Library, StepStatus};
use crate::world::fault::AwsService;

/// What goes wrong while a step is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Every call of every agent fails for a while, with no effect.
    Fails,
    /// As above, and takes its effect.
    FailsWithEffect,
    /// Answers are lost, of calls that took their effect.
    TimesOutWithEffect,
    /// As above, without effect.
    TimesOutWithout,
    /// The order that started it, and every answer, is given once more.
    Repeated,
    /// The leader dies in the middle of it, and comes back later.
    LeaderDies,
    /// The leader is cut off from everybody, and comes back later.
    LeaderCutOff,
    /// The leader stands still for longer than its lease.
    LeaderPauses,
    /// A person aborts the run.
    Aborted,
    /// Autonomy is switched off for everything, and a minute later on again.
    AutonomyOff,
}

const TROUBLES: [Trouble; 10] = [
    Trouble::Fails,
    Trouble::FailsWithEffect,
    Trouble::TimesOutWithEffect,
    Trouble::TimesOutWithout,
    Trouble::Repeated,
    Trouble::LeaderDies,
    Trouble::LeaderCutOff,
    Trouble::LeaderPauses,
    Trouble::Aborted,
    Trouble::AutonomyOff,
];

/// A case: a runbook, one of its steps, and a trouble.
struct Case {
    book: &'static str,
    step: String,
    trouble: Trouble,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.book, self.step, self.trouble)
    }
}

/// How long troubles of calls last: some calls of each kind, and less than a lease and a bit.
const TROUBLE_LASTS: Duration = Duration::from_secs(8);

/// Longest that a run may take to come to its end, troubles and all: a late request holds others up
/// for a quarter of an hour.
const END_WITHIN: Duration = Duration::from_secs(2 * 3600);

fn arguments(sim: &Sim, book: &str) -> BTreeMap<String, String> {
    let from = writer(sim, "orders");
    let to = sim.fleet().regions.iter().find(|region| **region != from).expect("three");
    // The Region that is left holds the writer only where the runbook is about that.
    let led = sim.leaders().first().map(|(leader, _)| region(leader.as_str()));
    let mut others = sim.fleet().regions.iter();
    let other = others.find(|it| **it != from && Some(*it) != led.as_ref()).expect("three");
    let region = if book.starts_with("leave-") { from.clone() } else { other.clone() };
    let book = Library::shipped().book(book).expect("it is shipped");
    let value = |name: &str| {
        Some(match name {
            "region" => region.to_string(),
            "database" => "orders".to_owned(),
            "from" => from.to_string(),
            "to" => to.to_string(),
            "reason" => "a rehearsal".to_owned(),
            "bake" | "soak" | "away" => "5s".to_owned(),
            _ => return None,
        })
    };
    let names = book.parameters.iter().map(|parameter| parameter.name.clone());
    names.filter_map(|name| Some((name.clone(), value(&name)?))).collect()
}

fn started(sim: &Sim, book: &str) -> Verb {
    let told = arguments(sim, book);
    let told: Vec<(&str, &str)> =
        told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    start(book, &told)
}

/// The steps of a runbook, as it is bound in a settled fleet.
fn steps(book: &str) -> Vec<String> {
    let arguments = arguments(&sim(1), book);
    let procedure = Library::shipped().bind(book, &arguments).expect("as it wants them");
    procedure.steps.into_iter().map(|step| step.id).collect()
}

fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for book in Library::shipped().books() {
        for step in steps(&book.name) {
            for trouble in TROUBLES {
                cases.push(Case { book: &book.name, step: step.clone(), trouble });
            }
        }
    }
    cases
}

/// An order at a replica that answers.
fn say(sim: &mut Sim, verb: Verb) {
    order(sim, verb);
}

fn strike(sim: &mut Sim, case: &Case, repeated: &Verb) {
    let leader = sim.leaders().first().map(|(leader, _)| leader.clone());
    let wire = |sim: &mut Sim, treatment| {
        let services =
            [AwsService::Dynamodb, AwsService::Route53, AwsService::Rds, AwsService::Autoscaling];
        for service in services {
            let scope = Scope { service: Some(service), ..Scope::default() };
            let percent = Percent::try_from(50).expect("a share");
            let rule = Rule { scope, treatment, percent, times: Some(40) };
            sim.strike(&Fault::Wire { rule });
        }
    };
    match (case.trouble, leader) {
        (Trouble::Fails, _) => wire(sim, Treatment::ErrorBefore),
        (Trouble::FailsWithEffect, _) => wire(sim, Treatment::ErrorAfter),
        (Trouble::TimesOutWithEffect, _) => wire(sim, Treatment::CutAfter),
        (Trouble::TimesOutWithout, _) => wire(sim, Treatment::CutBefore),
        (Trouble::Repeated, _) => {
            say(sim, repeated.clone());
            let ask = AskId(format!("run:{}:{}", case.book, case.step));
            say(sim, Verb::Approve { ask: ask.clone() });
            say(sim, Verb::Approve { ask });
            say(sim, Verb::Retry { run: case.book.to_owned(), step: case.step.clone() });
        }
        (Trouble::LeaderDies, Some(agent)) => sim.strike(&Fault::KillAgent { agent }),
        (Trouble::LeaderCutOff, Some(agent)) => {
            let home = Place::Region(region(agent.as_str()));
            for other in sim.fleet().regions.clone().into_iter().map(Place::Region) {
                if other != home {
                    sim.strike(&Fault::Cut { from: home.clone(), to: other, both: true });
                }
            }
        }
        (Trouble::LeaderPauses, Some(agent)) => {
            let agent = sim.agent(&agent).expect("it leads");
            sim.pause_agent(agent, false);
        }
        (Trouble::Aborted, _) => {
            let (run, reason) = (case.book.to_owned(), "a change of mind".to_owned());
            say(sim, Verb::Abort { run, reason });
        }
        (Trouble::AutonomyOff, _) => set_autonomy(sim, Some(Autonomy::Observe)),
        // Nobody leads just now: that is trouble enough.
        (Trouble::LeaderDies | Trouble::LeaderCutOff | Trouble::LeaderPauses, None) => {}
    }
}

fn set_autonomy(sim: &mut Sim, to: Option<Autonomy>) {
    for action in ActionKind::ALL {
        say(sim, Verb::SetAutonomy { action, to, reason: "a rehearsal".to_owned() });
    }
}

/// Everything is as before, but for what has happened meanwhile.
fn mend(sim: &mut Sim) {
    sim.strike(&Fault::Heal);
    sim.strike(&Fault::MendWire { scope: Scope::default() });
    for agent in 0..sim.agents.len() {
        sim.resume_agent(agent);
        sim.start_agent(agent);
    }
}

/// What a person would do about a run that waits or is stuck.
fn help(sim: &mut Sim, name: &str, run: &RunView, tried: &mut BTreeMap<String, u32>) {
    for step in &run.steps {
        let (run, id) = (name.to_owned(), step.step.clone());
        let count = tried.entry(format!("{id} {:?}", step.status)).or_default();
        let reason = "seen by hand".to_owned();
        let verb = match step.status {
            StepStatus::Asked => Verb::Approve { ask: AskId(format!("run:{name}:{id}")) },
            StepStatus::Undoing => continue,
            StepStatus::Stuck | StepStatus::UndoStuck if *count < 3 => {
                Verb::Retry { run, step: id }
            }
            StepStatus::Stuck if *count < 4 => Verb::Abort { run, reason },
            StepStatus::Stuck | StepStatus::UndoStuck => Verb::Skip { run, step: id, reason },
            _ => continue,
        };
        *count += 1;
        say(sim, verb);
    }
}

/// However often a group was looked at and raised, by whomever, it was raised once: by half where two
/// of three Regions of equal weight stay, to twice as many where one stays since the trouble took out
/// another.
fn raised_once(sim: &Sim, case: &Case, left: Option<&str>) {
    for group in sim.fleet().scaling_groups().keys() {
        let desired = sim.world().autoscaling.group(group).expect("outfitted").desired;
        let stays = left.is_some_and(|left| left != group.region.as_str());
        let may: &[u32] = if stays { &[6, 9, 12] } else { &[6] };
        assert!(may.contains(&desired), "{case}: {group} was raised to {desired}");
    }
}

/// Runs a case to its end: how the run ended, and how long it took.
fn tried(case: &Case, seed: u64) -> (String, Duration) {
    let options = Options { seed, clients_per_kind: 0, ..Options::default() };
    let mut sim = Sim::new(fleet(), options);
    settle(&mut sim);
    let name = case.book;
    let verb = started(&sim, name);
    let left = arguments(&sim, name).remove("region");
    if name == "return-region" {
        let region = region(&arguments(&sim, name)["region"]);
        say(
            &mut sim,
            Verb::Drain { region: region.clone(), service: None, reason: "x".to_owned() },
        );
        let out = |sim: &Sim| weights(sim, &region).iter().all(|weight| *weight == 0);
        assert!(sim.run_until_that(sim.now() + Duration::from_secs(60), out));
        sim.run_until(sim.now() + Duration::from_secs(70));
    }
    say(&mut sim, verb.clone());
    let (begun, mut struck, mut mended) = (sim.now(), None, false);
    let mut helped = BTreeMap::new();
    let mut helped_at = sim.now();
    while sim.now().since(begun) < END_WITHIN {
        let pause_ms = if struck.is_none() { 50 } else { 1000 };
        sim.run_until(sim.now() + Duration::from_millis(pause_ms));
        assert_eq!(sim.violations(), [], "{case}");
        let Some(run) = runs(&sim).remove(name) else { continue };
        if struck.is_none() {
            let own = run.steps.iter().find(|step| step.step == case.step).expect("its step");
            if own.status != StepStatus::Pending || run.over {
                struck = Some(sim.now());
                strike(&mut sim, case, &verb);
                continue;
            }
        }
        if struck.is_some_and(|at| sim.now().since(at) >= TROUBLE_LASTS) && !mended {
            mended = true;
            mend(&mut sim);
        }
        if case.trouble == Trouble::AutonomyOff
            && struck.is_some_and(|at| sim.now().since(at).as_secs() == 60)
        {
            set_autonomy(&mut sim, None);
        }
        if run.over && mended {
            sim.run_until(sim.now() + Duration::from_secs(60));
            assert_eq!(sim.violations(), [], "{case}");
            raised_once(&sim, case, left.as_deref());
            return (run.status, sim.now().since(begun));
        }
        // A person looks every few seconds.
        if sim.now().since(helped_at) >= Duration::from_secs(5) {
            helped_at = sim.now();
            help(&mut sim, name, &run, &mut helped);
        }
    }
    panic!("{case}: no end within {} s: {:#?}", END_WITHIN.as_secs(), runs(&sim).get(name));
}

#[test]
fn a_part_of_the_table_converges() {
    let cases = all();
    assert!(cases.len() > 500, "only {} cases", cases.len());
    // Another kind of trouble and another runbook each time: the stride shares no factor with either.
    for case in cases.iter().skip(5).step_by(151) {
        tried(case, 1);
    }
}

/// The cells of the table's lines: how each run ended, by runbook and step.
type Lines = BTreeMap<(&'static str, usize, String), Vec<String>>;

/// Prints the table for docs/sweeps.md, between two lines by which `tests/sweeps.sh` finds it.
fn print(lines: Lines) {
    println!("TABLE BEGINS");
    let heads = TROUBLES.map(|trouble| format!("{trouble:?}"));
    println!("| runbook | step | {} |", heads.join(" | "));
    println!("|---|---|{}", "---|".repeat(TROUBLES.len()));
    for ((book, _, step), cells) in lines {
        println!("| {book} | `{step}` | {} |", cells.join(" | "));
    }
    println!("TABLE ENDS");
}

#[test]
#[ignore = "the whole table takes minutes: tests/sweeps.sh runs it, optimised"]
fn the_whole_table_converges() {
    let cases = all();
    let next = AtomicUsize::new(0);
    let ended = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let n = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(case) = cases.get(n)
                {
                    let (status, took) = tried(case, 1);
                    ended
                        .lock()
                        .expect("a case that fails ends the test")
                        .insert(n, (status, took));
                }
            });
        }
    });
    let ended = ended.into_inner().expect("as above");
    assert_eq!(ended.len(), cases.len(), "every case was tried");
    let mut lines = Lines::new();
    for ((n, case), (status, took)) in cases.iter().enumerate().zip(ended.into_values()) {
        // Cases stand in the order of the steps.
        let place = n / TROUBLES.len();
        let cells = lines.entry((case.book, place, case.step.clone())).or_default();
        cells.push(format!("{status}, {} s", took.as_secs()));
    }
    println!("{} cases converge", cases.len());
    print(lines);
}
