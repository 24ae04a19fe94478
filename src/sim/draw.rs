//! How a seed draws a plan.
//!
//! Swarm testing: not every run has every trouble. Each kind is in or out for a whole run, so that
//! some runs are full of one kind and free of those that would hide what it does. Settings are drawn
//! within what `regent check` allows, by the same sums.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::domain::autonomy::{APPROVAL_MS, ActionKind, Autonomy, Consent};
use crate::domain::fleet::{Rules, Timing};
use crate::domain::gate::GateScope;
use crate::domain::{AgentId, RegionId, ServiceId, ZoneId};
use crate::world::apps::Condition;
use crate::world::fault::AwsService;
use crate::world::generator;
use crate::world::network::Place;
use crate::world::wire::{Rule, Scope, Treatment};

use super::Fates;
use super::plan::{DrawnGates, Episode, Plan, Shape, Trouble, region, service, zone};

/// Probes a second, over all agents, that a drawn fleet may make.
const PROBES_A_SECOND_MAX: u32 = 100;

/// Health checks of a drawn fleet: no more than an account may create in one go.
const CHECKS_MAX: usize = 36;

/// How large plans are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// A minute of troubles in a small fleet: for tests.
    Short,
    /// Up to ten minutes in any fleet.
    Full,
}

/// Draws the plan of a seed.
#[must_use]
pub fn draw(seed: u64, size: Size) -> Plan {
    let mut shape = draw_shape(&mut generator(seed, "plan/shape"), size);
    shape.pairs = draw_pairs(&mut generator(seed, "plan/pairs"), &shape);
    let mut rng = generator(seed, "plan/mode");
    let wild_clocks = rng.random_bool(0.1);
    // A seat that forgets is noticed only by those who remember: such runs restart nobody.
    let forgetful = !wild_clocks && rng.random_bool(0.08);
    // A person's patience with a database is longer than a minute.
    let moves = shape.database && !forgetful && rng.random_bool(0.25);
    let length_ms = match size {
        Size::Short if moves => rng.random_range(90_000..150_000),
        Size::Short => rng.random_range(15_000..60_000),
        Size::Full => rng.random_range(30_000..600_000),
    };
    let fates = draw_fates(&mut generator(seed, "plan/fates"), &shape.timing, size, forgetful);
    let mut clocks = generator(seed, "plan/clocks");
    let skewed = clocks.random_bool(0.5);
    let drift = drift_ppm_max(&shape.timing);
    let clocks_ppm = (0..shape.seats + shape.seatless)
        .map(|_| if skewed { clocks.random_range(-drift..=drift) } else { 0 })
        .collect();
    let mut dealer = Dealer::new(&shape, length_ms, generator(seed, "plan/troubles"));
    dealer.deal(wild_clocks, forgetful);
    if moves {
        dealer.deal_moves();
        dealer.episodes.sort_by_key(|episode| episode.at_ms);
    }
    let episodes = dealer.episodes;
    Plan { seed, length_ms, clocks_ppm, wild_clocks, shape, fates, episodes }
}

/// How far two clocks may run apart so that the margin covers it, half of it each way: a holder's
/// lease, on a slow clock, ends before the wait of the others, on a fast one.
fn drift_ppm_max(timing: &Timing) -> i32 {
    let (lease, margin) = (i64::from(timing.lease_ms), i64::from(timing.lease_margin_ms));
    // Reading a clock loses up to a millisecond at each end.
    let covered = (margin - 4) * 1_000_000 / (2 * lease - margin);
    i32::try_from(covered.min(50_000)).expect("at most 50,000")
}

fn draw_shape(rng: &mut Pcg64Mcg, size: Size) -> Shape {
    let seats: u8 = match (size, rng.random_range(0..10)) {
        (Size::Short, 0..9) | (Size::Full, 0..6) => 3,
        (Size::Short, _) | (Size::Full, 6..9) => 5,
        (Size::Full, _) => 7,
    };
    let seatless = if rng.random_bool(0.2) { rng.random_range(1..=2) } else { 0 };
    // Two must serve, so that there is somewhere to go.
    let witnesses = if rng.random_bool(0.3) { rng.random_range(1..=seats - 2) } else { 0 };
    let serving: Vec<RegionId> = (1..=usize::from(seats + seatless))
        .filter(|n| *n > usize::from(seats) || *n <= usize::from(seats - witnesses))
        .map(region)
        .collect();
    let many = match (size, rng.random_range(0..10)) {
        (Size::Short, _) | (Size::Full, 0..6) => rng.random_range(1..=3),
        (Size::Full, 6..9) => rng.random_range(4..=8),
        (Size::Full, _) => rng.random_range(9..=20),
    };
    let zones = if many > 1 && rng.random_bool(0.3) { 2 } else { 1 };
    let mut services: Vec<BTreeMap<RegionId, u8>> = (0..many)
        .map(|_| {
            let mut weights: BTreeMap<RegionId, u8> = BTreeMap::new();
            while weights.len() < 2 {
                for region in &serving {
                    if rng.random_bool(0.9) {
                        let weight = [100, 100, 100, 50, 1, 255][rng.random_range(0..6)];
                        weights.insert(region.clone(), weight);
                    }
                }
            }
            weights
        })
        .collect();
    // Every Region without a seat serves something, or would have no place in the fleet.
    for region in &serving {
        if !services.iter().any(|weights| weights.contains_key(region)) {
            services[0].insert(region.clone(), 100);
        }
    }
    let mut timing = draw_timing(rng);
    // A large fleet that probes twice a second is all probes: its runs would be few.
    let targets: usize = services.iter().map(BTreeMap::len).sum();
    let probes = u32::try_from(targets * usize::from(seats + seatless)).unwrap_or(u32::MAX);
    let interval_ms_min = probes.saturating_mul(1000) / PROBES_A_SECOND_MAX;
    timing.probe_interval_ms = timing.probe_interval_ms.max(interval_ms_min);
    let rules = Rules {
        dwell_ms: [0, 2000, 2000, 5000][rng.random_range(0..4)],
        return_after_ms: [5000, 20_000, 60_000][rng.random_range(0..3)],
        fewest_in_service: 1,
    };
    // A probe goes six ways, each up to a fifth longer than the distance: some time must be left.
    let distance_ms_max = timing.probe_interval_ms.min(800) / 9;
    let longest = [300, 1500, 10_000, 60_000][rng.random_range(0..4)];
    Shape {
        seats,
        seatless,
        zones,
        propagation_ms: (longest / 5, longest),
        distance_ms: [1, 10, 40, 90][rng.random_range(0..4)].min(distance_ms_max),
        lag_ms: [200, 1000, 1000, 5000][rng.random_range(0..4)],
        timing,
        rules,
        consent: draw_consent(rng),
        gates: draw_gates(rng, seats + seatless, many),
        one_never_writes: rng.random_bool(0.3),
        database: seats >= 3 && rng.random_bool(0.4),
        pairs: BTreeMap::new(),
        services,
    }
}

/// Most of the services that could be failover pairs, with the primary of each.
fn draw_pairs(rng: &mut Pcg64Mcg, shape: &Shape) -> BTreeMap<ServiceId, RegionId> {
    let mut pairs = BTreeMap::new();
    for (nth, pair) in (0..shape.services.len()).filter_map(|n| Some((n, shape.pairable(n)?))) {
        if rng.random_bool(0.7) {
            pairs.insert(service(nth + 1), pair[rng.random_range(0..2)].clone());
        }
    }
    pairs
}

/// Gates in some fleets, of those that are small enough for all the checkers that come with them.
fn draw_gates(rng: &mut Pcg64Mcg, regions: u8, services: usize) -> Option<DrawnGates> {
    let on = rng.random_bool(0.3);
    let each = usize::from(regions) * usize::from(regions) * services <= CHECKS_MAX;
    let by_service = rng.random_bool(0.3) && each;
    let scope = if by_service { GateScope::Service } else { GateScope::Region };
    let closers = if regions > 3 && rng.random_bool(0.3) { 3 } else { 2 };
    let failure_threshold = if rng.random_bool(0.7) { 1 } else { 2 };
    // Not what `check` allows, but what a run of minutes can see end.
    let hold_ms = [8000, 20_000, 60_000][rng.random_range(0..3)];
    (on && (3..=5).contains(&regions)).then_some(DrawnGates {
        scope,
        closers,
        failure_threshold,
        hold_ms,
    })
}

/// Mostly none: a fleet that asks before it acts does little by itself.
fn draw_consent(rng: &mut Pcg64Mcg) -> Consent {
    let mut autonomy = BTreeMap::new();
    for action in [ActionKind::Drain, ActionKind::Return] {
        if rng.random_bool(0.15) {
            autonomy.insert(action, Autonomy::ALL[rng.random_range(0..4)]);
        }
    }
    // Not what `check` allows, but what a run of minutes can see expire.
    let approval_ms = if autonomy.is_empty() { APPROVAL_MS } else { 30_000 };
    Consent { autonomy, approval_ms }
}

/// Timing that `check` allows: a margin of at least a twentieth of the lease and 50 ms, three
/// renewals in what it leaves, and no call as long as what is left after one.
fn draw_timing(rng: &mut Pcg64Mcg) -> Timing {
    let lease_ms: u32 = [3000, 5000, 5000, 8000, 15_000][rng.random_range(0..5)];
    let least = lease_ms / 20 + 50;
    let lease_margin_ms = match rng.random_range(0..3) {
        0 => least,
        1 => (lease_ms / 10).max(least),
        _ => rng.random_range(least..=lease_ms / 4),
    };
    let usable = lease_ms - lease_margin_ms;
    let renew_ms = rng.random_range(usable / 8..=usable / 3);
    let call_ms_max = usable - renew_ms - 1;
    let report_ms: u32 = rng.random_range(1000..=4000);
    let gather_ms: u32 = rng.random_range(300..=1500);
    let probe_interval_ms: u32 = [500, 1000, 1000, 2000, 5000][rng.random_range(0..5)];
    Timing {
        lease_ms,
        lease_margin_ms,
        renew_ms,
        stand_spread_ms: rng.random_range(100..=1000),
        table_call_ms: rng.random_range(400..=1500).min(call_ms_max),
        record_call_ms: rng.random_range(1000..=3000).min(call_ms_max),
        probe_interval_ms,
        burst_interval_ms: rng.random_range(50..=300).min(probe_interval_ms),
        down_after: rng.random_range(2..=4),
        up_after: rng.random_range(2..=4),
        report_ms,
        gather_ms,
        stale_ms: 2 * report_ms + gather_ms + rng.random_range(500..=4000),
        signals_ms: 10_000,
        database_call_ms: call_ms_max.min(2500),
        database_read_ms: 15_000,
        zone_audit_ms: [5000, 15_000, 30_000][rng.random_range(0..3)],
    }
}

fn draw_fates(rng: &mut Pcg64Mcg, timing: &Timing, size: Size, forgetful: bool) -> Fates {
    let mut odds = |most: u16| {
        let drawn = rng.random_range(1..=most);
        if rng.random_bool(0.4) { drawn } else { 0 }
    };
    let fates = Fates {
        throttled: odds(800),
        denied: odds(60),
        request_lost: odds(700),
        answer_lost: odds(700),
        repeated: odds(300),
        late: odds(500),
        delayed: odds(1500),
        sluggish: odds(500),
        probe_lost: odds(600),
        late_ms_max: 0,
        delay_ms_max: timing.table_call_ms,
        sluggish_ms_max: timing.lease_ms * 2,
    };
    let longest = if size == Size::Short { 30_000 } else { 240_000 };
    let late_ms_max = [timing.lease_ms, 3 * timing.lease_ms, longest][rng.random_range(0..3)];
    if forgetful {
        return Fates {
            delayed: fates.delayed,
            delay_ms_max: fates.delay_ms_max,
            ..Fates::default()
        };
    }
    Fates { late_ms_max, ..fates }
}

/// Deals out troubles.
pub(super) struct Dealer {
    regions: Vec<RegionId>,
    serving: Vec<(ServiceId, RegionId)>,
    zones: Vec<ZoneId>,
    seats: usize,
    pub(super) length_ms: u32,
    lease_ms: u32,
    drift_ppm: i32,
    /// Runs that people have started so far.
    pub(super) runs: u32,
    pub(super) rng: Pcg64Mcg,
    pub(super) episodes: Vec<Episode>,
}

/// Kinds of trouble that a run may be full of.
const KINDS: usize = 17;

impl Dealer {
    fn new(shape: &Shape, length_ms: u32, rng: Pcg64Mcg) -> Self {
        let serving = shape.services.iter().enumerate().flat_map(|(n, weights)| {
            weights.keys().map(move |region| (service(n + 1), region.clone()))
        });
        Self {
            regions: (1..=usize::from(shape.seats + shape.seatless)).map(region).collect(),
            serving: serving.collect(),
            zones: (1..=usize::from(shape.zones)).map(zone).collect(),
            seats: shape.seats.into(),
            length_ms,
            lease_ms: shape.timing.lease_ms,
            drift_ppm: drift_ppm_max(&shape.timing),
            runs: 0,
            rng,
            episodes: Vec::new(),
        }
    }

    fn deal(&mut self, wild_clocks: bool, forgetful: bool) {
        let on: Vec<usize> = (0..KINDS).filter(|_| self.rng.random_bool(0.45)).collect();
        let most = (self.length_ms / 4000).clamp(4, 40);
        let count = self.rng.random_range(2..=most);
        for _ in 0..count {
            let Some(kind) = on.get(self.rng.random_range(0..on.len().max(1))) else { break };
            if let Some(trouble) = self.trouble(*kind, forgetful) {
                let for_ms = self.lasts(&trouble);
                self.add(for_ms, trouble);
            }
        }
        if wild_clocks {
            for _ in 0..self.rng.random_range(2..10) {
                let agent = self.agent();
                let trouble = if self.rng.random_bool(0.5) {
                    let ppm = [-50_000, 50_000, 300_000, -300_000][self.rng.random_range(0..4)];
                    Trouble::Drift { agent, ppm }
                } else {
                    let by_ms = self.rng.random_range(self.lease_ms / 2..self.lease_ms * 3);
                    Trouble::Jump { agent, by_ms }
                };
                let for_ms = self.rng.random_range(1000..self.lease_ms * 10);
                self.add(for_ms, trouble);
            }
        }
        // A minority of seats may go for good, and no more.
        if forgetful || self.rng.random_bool(0.12) {
            let region = region(self.rng.random_range(1..=self.seats));
            let trouble = if forgetful {
                Trouble::OldSeat { region, age_ms: self.rng.random_range(1000..30_000) }
            } else if self.rng.random_bool(0.5) {
                Trouble::LoseSeat { region }
            } else {
                Trouble::RecreateSeat { region }
            };
            self.add(0, trouble);
        }
        // One fence edit in a run: what two would need, and an old fence restored by hand, is
        // beyond what the protocol promises.
        if !forgetful && self.rng.random_bool(0.15) {
            let zone = self.zones[self.rng.random_range(0..self.zones.len())].clone();
            if self.rng.random_bool(0.5) {
                self.add(0, Trouble::DeleteFence { zone });
            } else {
                let for_ms = self.rng.random_range(1000..60_000);
                self.add(for_ms, Trouble::ForeignFence { zone });
            }
        }
        self.episodes.sort_by_key(|episode| episode.at_ms);
    }

    fn add(&mut self, for_ms: u32, trouble: Trouble) {
        let at_ms = self.rng.random_range(0..self.length_ms);
        self.episodes.push(Episode { at_ms, for_ms, trouble });
    }

    fn lasts(&mut self, trouble: &Trouble) -> u32 {
        let lease = self.lease_ms;
        match trouble {
            Trouble::Jump { .. }
            | Trouble::WallClock { .. }
            | Trouble::OldBoard { .. }
            | Trouble::OldSeat { .. }
            | Trouble::LoseSeat { .. }
            | Trouble::RecreateSeat { .. }
            | Trouble::EditWeight { .. }
            | Trouble::DeleteFence { .. }
            | Trouble::Order { .. }
            | Trouble::Configure { .. } => 0,
            Trouble::Pause { .. } | Trouble::Kill { .. } => {
                // Often a little longer than a lease: to wake up into another's.
                let longest = [lease / 2, lease * 2, lease * 6][self.rng.random_range(0..3)];
                self.rng.random_range(100..longest)
            }
            Trouble::Stall { .. } => self.rng.random_range(10_000..240_000),
            _ => {
                let longest = [2000, 15_000, 90_000][self.rng.random_range(0..3)];
                self.rng.random_range(200..longest)
            }
        }
    }

    pub(super) fn any_region(&mut self) -> RegionId {
        self.regions[self.rng.random_range(0..self.regions.len())].clone()
    }

    fn agent(&mut self) -> AgentId {
        self.any_region().as_str().parse().expect("a Region's code is a valid name")
    }

    fn place(&mut self) -> Place {
        match self.rng.random_range(0..5) {
            0 => Place::Global,
            _ => Place::Region(self.any_region()),
        }
    }

    fn trouble(&mut self, kind: usize, forgetful: bool) -> Option<Trouble> {
        let drawn = match kind {
            0 => Trouble::Lose { region: self.any_region() },
            1 => Trouble::Cut { from: self.place(), to: self.place() },
            2 | 3 => self.app(),
            4 => Trouble::Throttle { service: AwsService::Dynamodb },
            5 => Trouble::Throttle { service: AwsService::Route53 },
            6 => Trouble::PriorRequest,
            7 => {
                let (from, to) = (self.any_region(), self.any_region());
                Trouble::Stall { from, to }
            }
            8 => Trouble::Kill { agent: self.agent() },
            9 => Trouble::Pause { agent: self.agent(), drops: self.rng.random_bool(0.3) },
            10 => {
                let ppm = self.rng.random_range(-self.drift_ppm..=self.drift_ppm);
                Trouble::Drift { agent: self.agent(), ppm }
            }
            11 => Trouble::WallClock {
                agent: self.agent(),
                unix_ms: self.rng.random_range(-1_000_000_000_000..4_000_000_000_000),
            },
            12 => {
                let age_ms = self.rng.random_range(1000..60_000);
                Trouble::OldBoard { region: self.any_region(), age_ms }
            }
            13 => {
                let (service, region) = self.served();
                let weight = [0, 1, 7, 100, 255][self.rng.random_range(0..5)];
                Trouble::EditWeight { service, region, weight }
            }
            14 => Trouble::Order { replica: self.any_region(), order: self.order() },
            15 => Trouble::Wire { rule: self.wire() },
            _ => {
                let (service, region) = self.served();
                let weight = self.rng.random_range(1..=255);
                Trouble::Configure { service, region, weight, agent: self.agent() }
            }
        };
        // Whoever is to notice that a seat has gone back must have seen it before, and remember.
        let forgets = matches!(
            drawn,
            Trouble::Lose { .. }
                | Trouble::Cut { .. }
                | Trouble::Kill { .. }
                | Trouble::Configure { .. }
                | Trouble::Throttle { service: AwsService::Dynamodb }
                | Trouble::Wire { .. }
                | Trouble::Pause { .. }
        );
        (!(forgetful && forgets)).then_some(drawn)
    }

    /// What befalls which calls on the wire.
    fn wire(&mut self) -> Rule {
        let (service, operations): (_, &[&str]) = match self.rng.random_range(0..8) {
            0..5 => (AwsService::Dynamodb, &["PutItem", "GetItem", "Query"]),
            5 | 6 => (AwsService::Route53, &["ChangeResourceRecordSets", "ListResourceRecordSets"]),
            _ => (AwsService::Rds, &["DescribeGlobalClusters", "FailoverGlobalCluster"]),
        };
        let operation = operations[self.rng.random_range(0..operations.len())];
        let delay_ms = self.rng.random_range(500..30_000);
        let treatment = Treatment::all(delay_ms)[self.rng.random_range(0..9)];
        let percent = [5, 20, 50, 100][self.rng.random_range(0..4)];
        Rule {
            scope: Scope {
                caller: self.rng.random_bool(0.3).then(|| self.agent()),
                region: None,
                service: Some(service),
                operation: self.rng.random_bool(0.7).then(|| operation.to_owned()),
            },
            treatment,
            percent: percent.try_into().expect("from 1 to 100"),
            times: None,
        }
    }

    pub(super) fn served(&mut self) -> (ServiceId, RegionId) {
        self.serving[self.rng.random_range(0..self.serving.len())].clone()
    }

    fn app(&mut self) -> Trouble {
        let (service, region) = self.served();
        let condition = match self.rng.random_range(0..4) {
            0 => Condition::Failing,
            1 => Condition::Slow { delay_ms: self.rng.random_range(100..3000) },
            _ => Condition::Dead,
        };
        let service = self.rng.random_bool(0.6).then_some(service);
        Trouble::App { region, service, condition }
    }
}
