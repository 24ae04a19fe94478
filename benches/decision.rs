//! How long the leader thinks when a Region is lost: from the answer that brings every observer's
//! report to the decision, in one step of the real brain.
//!
//! The goal is 10 ms for 30 Regions and 200 services, 180,000 cells: a decision is part of the three
//! seconds between a fault and the first action, and the loop that decides also renews the lease.
//!
//! Nothing stands in for a part of the brain: it is elected, reads reports, decides and commits,
//! while what is here answers its calls at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use divan::Bencher;
use regent::config;
use regent::core::genesis::{genesis, unborn_seat};
use regent::core::{Brain, CallId, Command, Event, Identity, Outcome, Refusal, Request, Response};
use regent::domain::observation::Cell;
use regent::domain::observation::Heard;
use regent::domain::seat::Seat;
use regent::domain::{
    AgentId, BootId, CallFailure, CellState, Fleet, Moment, RegionId, Report, StateName, Target,
};

fn main() {
    divan::main();
}

#[divan::bench(args = ["3x10", "10x50", "30x200"], sample_count = 20, sample_size = 1)]
fn losing_a_region(bencher: Bencher<'_, '_>, size: &str) {
    let (regions, services) = size.split_once('x').expect("Regions by services");
    let fleet = fleet(regions.parse().expect("a number"), services.parse().expect("a number"));
    let rig = RefCell::new(Rig::new(fleet));
    bencher
        .with_inputs(|| rig.borrow_mut().brink())
        .bench_local_values(|event| rig.borrow_mut().decide(event));
}

fn fleet(regions: usize, services: usize) -> Fleet {
    let region = |n: usize| format!("r{n:02}");
    let mut text = format!(
        "name = \"bench\"\nseats = [{:?}, {:?}, {:?}]\n[zones]\nZ1 = \"bench.example\"\n\
         [rules]\nreturn_after_ms = 2000\n",
        region(0),
        region(1),
        region(2)
    );
    let mut placements = String::new();
    for n in 0..services {
        text += &format!(
            "[services.s{n:03}]\nzone = \"Z1\"\nname = \"s{n:03}.bench.example\"\ntype = \"A\"\n\
             probe = {{ path = \"/\" }}\n"
        );
        placements += &format!(
            "[services.s{n:03}]\nweight = 100\nurl = \"http://s{n:03}.bench.example\"\n\
             record = {{ values = [\"192.0.2.1\"], ttl_s = 60 }}\n"
        );
    }
    let file =
        |n| (format!("{}.toml", region(n)), format!("region = {:?}\n{placements}", region(n)));
    let mut files: BTreeMap<String, String> = (0..regions).map(file).collect();
    files.insert("fleet.toml".to_owned(), text);
    config::load_files(files).unwrap_or_else(|problems| panic!("{problems}")).fleet
}

/// A brain, and all that answers it.
struct Rig {
    fleet: Fleet,
    brain: Brain,
    now: Moment,
    seats: BTreeMap<RegionId, Seat>,
    states: BTreeMap<(RegionId, StateName), String>,
    /// Calls that are not answered yet.
    waiting: VecDeque<(CallId, Request)>,
    /// The brain's own report: what the others' are made after.
    own: Option<Report>,
    /// Of the last reports.
    seq: u64,
    /// Control states that it committed or tried to, beside one seat.
    decided: usize,
    lost: usize,
}

impl Rig {
    fn new(fleet: Fleet) -> Self {
        let region = fleet.regions.first().expect("there are some").clone();
        let operator: AgentId = "operator".parse().expect("valid");
        let genesis = genesis(&fleet, operator.clone(), String::new(), || 1);
        let born = |seat: &RegionId| (seat.clone(), unborn_seat(&genesis, seat, &operator));
        let written =
            |seat: &RegionId| ((seat.clone(), genesis.state.name), genesis.document.clone());
        let identity = Identity {
            agent: AgentId::try_from(region.to_string()).expect("valid"),
            region,
            boot: BootId(1),
        };
        let mut rig = Self {
            seats: fleet.seats.iter().map(born).collect(),
            states: fleet.seats.iter().map(written).collect(),
            brain: Brain::new(Moment::ZERO, identity, fleet.clone(), 1),
            fleet,
            now: Moment::ZERO,
            waiting: VecDeque::new(),
            own: None,
            seq: 0,
            decided: 0,
            lost: 0,
        };
        rig.run(|rig| rig.brain.acting() && rig.seq > 3);
        rig
    }

    /// Everything well and settled, and then the answer that tells of a lost Region.
    fn brink(&mut self) -> Event {
        let before = self.decided;
        let returned = self.lost;
        // The first time there is nobody to get a share back.
        self.run(|rig| returned == 0 || rig.decided > before);
        let seen = self.seq;
        self.run(|rig| rig.seq > seen + 1);
        let call = self.until_asked_for_reports();
        self.lost = 1 + self.lost % (self.fleet.regions.len() - 1);
        let reports = self.reports(Some(self.lost));
        Event::Answered { call, outcome: Ok(Response::Reports(reports)) }
    }

    /// What is measured.
    fn decide(&mut self, event: Event) {
        let before = self.decided;
        self.tell(event);
        assert!(self.decided > before, "the loss of a Region was not decided on");
    }

    fn tell(&mut self, event: Event) {
        for command in self.brain.step(self.now, event) {
            // Probes are never answered: another agent of this Region sees its row.
            if let Command::Call { call, request, .. } = command {
                let first = self.fleet.seats.first();
                if matches!(&request, Request::PutState { seat, .. } if Some(seat) == first) {
                    self.decided += 1;
                }
                self.waiting.push_back((call, request));
            }
        }
    }

    fn run(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let call = self.until_asked_for_reports();
            let reports = self.reports(None);
            self.tell(Event::Answered { call, outcome: Ok(Response::Reports(reports)) });
        }
    }

    /// Answers all else, and lets time pass, until the brain asks for the board at home.
    fn until_asked_for_reports(&mut self) -> CallId {
        loop {
            let home = self.fleet.regions.first();
            let other = self.waiting.iter().position(|(_, request)| {
                !matches!(request, Request::Gather { replica } if Some(replica) == home)
            });
            if let Some((call, request)) = other.and_then(|at| self.waiting.remove(at)) {
                let outcome = self.answer(request);
                self.tell(Event::Answered { call, outcome });
            } else if let Some((call, _)) = self.waiting.pop_front() {
                if self.own.is_some() {
                    return call;
                }
                self.tell(Event::Answered { call, outcome: Ok(Response::Reports(Vec::new())) });
            } else {
                self.now = self.brain.next_wake().max(self.now + Duration::from_millis(1));
                self.tell(Event::Tick);
            }
        }
    }

    fn answer(&mut self, request: Request) -> Outcome {
        Ok(match request {
            Request::ReadSeat { seat } => Response::Seat(self.seats.get(&seat).cloned()),
            Request::SwapSeat { seat, expected, new } => {
                let found = self.seats.get_mut(&seat).expect("it is one of the fleet's");
                if found.beat != expected {
                    return Err(Refusal::Found(Some(Box::new(found.clone()))));
                }
                *found = new;
                Response::Done
            }
            Request::PutState { seat, name, document } => {
                self.states.insert((seat, name), document);
                Response::Done
            }
            Request::ReadState { seat, name } => {
                Response::State(self.states.get(&(seat, name)).cloned())
            }
            Request::Publish { report, .. } => {
                self.own = Some(*report);
                Response::Done
            }
            Request::Gather { .. } => Response::Reports(Vec::new()),
            Request::ReadOrders { .. } => Response::Orders(Vec::new()),
            Request::RemoveOrder { .. } => Response::Done,
            Request::RecordHistory { .. } => Response::Done,
            // What becomes of a decision is another matter, and nothing is known but by probes.
            Request::ReadTargetHealth { .. }
            | Request::ReadAlarms { .. }
            | Request::ReadRequests { .. } => {
                return Err(Refusal::Failed(CallFailure::transient("there are no signals here")));
            }
            Request::AskNames { .. }
            | Request::PostWebhook { .. }
            | Request::SendNotice { .. }
            | Request::ReadGroup { .. }
            | Request::SetDesired { .. } => {
                return Err(Refusal::Failed(CallFailure::transient("there is nobody else here")));
            }
            Request::DescribeDatabase { .. }
            | Request::DescribeMember { .. }
            | Request::ReadLag { .. }
            | Request::ReadKeptVolumes { .. }
            | Request::SwitchOver { .. }
            | Request::FailOver { .. } => {
                return Err(Refusal::Failed(CallFailure::transient("there are no databases here")));
            }
            Request::ReadZone { .. } | Request::ChangeZone { .. } | Request::ReadChange { .. } => {
                let why = CallFailure::transient("there are no zones here");
                return Err(Refusal::Failed(why));
            }
        })
    }

    /// One report of each Region, with a cell for every target.
    fn reports(&mut self, lost: Option<usize>) -> Vec<Arc<Report>> {
        self.seq += 1;
        let lost = lost.and_then(|n| self.fleet.regions.iter().nth(n));
        let cells: BTreeMap<Target, Cell> = self
            .fleet
            .targets()
            .into_iter()
            .map(|target| {
                let state =
                    if Some(&target.region) == lost { CellState::Down } else { CellState::Up };
                let cell = Cell {
                    state,
                    for_ms: 60_000,
                    failed: 0,
                    window: 20,
                    failure: None,
                    latency_ms: Some(30),
                };
                (target, cell)
            })
            .collect();
        let own = self.own.clone().expect("it has published");
        let report = |region: &RegionId| Report {
            agent: format!("{region}.b").parse().expect("valid"),
            region: region.clone(),
            boot: BootId(2),
            seq: self.seq,
            cells: cells.clone(),
            heard: [(own.agent.clone(), Heard(own.boot, own.seq))].into(),
            ..own.clone()
        };
        self.fleet.regions.iter().map(report).map(Arc::new).collect()
    }
}
