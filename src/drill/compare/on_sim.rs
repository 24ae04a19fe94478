//! Leaving a Region in virtual time.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::not_run::NotRun;
use super::super::on_sim::with_ttl;
use super::{ASK_EVERY, Left, Requests, Watched, Way, checked_after, plain, to_lose};
use crate::domain::{Fleet, Moment, RegionId};
use crate::sim::{Options, Sim};
use crate::world::distances::Distances;
use crate::world::fault::Fault;
use crate::world::route53::OwnerName;

/// Longest time until the fleet is at rest.
const SETTLED_WITHIN_MS: u32 = 120_000;

/// The longest of the clocks that tick: a checker's.
const OFFSET_MS_MAX: u64 = 30_000;

/// The port of applications, which a simulated one has no need of.
const PORT: u16 = 80;

/// Loses a Region that does not lead, and has it left in this way.
///
/// # Errors
/// When the fleet did not come to rest before, broke an invariant, or has no gates to compare.
pub fn leave_on_sim(
    fleet: &Fleet,
    way: Way,
    seed: u64,
    distances: Distances,
) -> Result<Left, NotRun> {
    if fleet.gates.is_none() {
        return Err(NotRun::NoGates);
    }
    let mut fleet_now = with_ttl(fleet.clone(), distances.ttl_s());
    if !way.is_gated() {
        fleet_now.gates = None;
    }
    let mut sim = Sim::new(fleet_now, Options { seed, ..Options::default() });
    distances.apply(&mut sim.world_mut().network, &fleet.regions);
    let limit = sim.now() + Duration::from_millis(SETTLED_WITHIN_MS.into());
    if !sim.run_until_that(limit, Sim::settled) {
        return Err(NotRun::Unsettled { limit_ms: SETTLED_WITHIN_MS });
    }
    let (leader, _) = sim.leaders().into_iter().next().ok_or(NotRun::NoLeader)?;
    let lost = to_lose(fleet, &sim.places(), &leader)?;
    if let Some(pace) = way.plain_pace(fleet) {
        leave_alone(&mut sim, fleet, pace);
        sim.run_until(sim.now() + checked_after(pace));
    }
    // Somewhere between two ticks of everything, and elsewhere for each seed.
    let offset = Duration::from_millis(seed.wrapping_mul(7919) % OFFSET_MS_MAX);
    let quiet = requests(&mut sim, |sim| sim.run_until(sim.now() + way.watched() + offset));
    if way == Way::Gates {
        sim.strike(&Fault::ControlPlane { down: true });
    }
    let struck = sim.now();
    sim.strike(&Fault::Lose { region: lost.clone() });
    let mut last_wrong_answer = struck;
    let busy = requests(&mut sim, |sim| {
        last_wrong_answer = ask_until(sim, struck + way.watched(), &lost).unwrap_or(struck);
    });
    if let Some(violation) = sim.violations().first() {
        return Err(NotRun::Violation(violation.clone()));
    }
    let watched = Watched { struck, last_wrong_answer, quiet: &quiet, busy: &busy, log: sim.log() };
    Ok(watched.left())
}

/// Puts the agents away, and leaves the applications to Route 53.
fn leave_alone(sim: &mut Sim, fleet: &Fleet, pace: (u8, u8)) {
    for agent in sim.places().into_keys() {
        sim.strike(&Fault::KillAgent { agent });
    }
    let addresses = sim.addresses().clone();
    let at = |service: &_, region: &RegionId| {
        let mut addresses = addresses.iter();
        let found = addresses.find(|((of, _), place)| of == service && *place == region);
        found.map(|((_, address), _)| SocketAddr::new(*address, PORT))
    };
    let now = sim.now();
    plain::guard_applications(sim.world_mut(), now, fleet, &at, pace);
    sim.let_checkers_ask();
}

/// The requests to Route 53's API that arrive meanwhile.
fn requests(sim: &mut Sim, meanwhile: impl FnOnce(&mut Sim)) -> Requests {
    let before = sim.route53_requests();
    meanwhile(sim);
    let since = |(name, count): (String, u64)| {
        let more = count - before.get(&name).copied().unwrap_or(0);
        (name, more)
    };
    sim.route53_requests().into_iter().map(since).collect()
}

/// Asks the name servers again and again, and tells when they last led to this Region.
fn ask_until(sim: &mut Sim, end: Moment, lost: &RegionId) -> Option<Moment> {
    let fleet = sim.fleet().clone();
    let addresses = sim.addresses().clone();
    let mut last = None;
    while sim.now() < end {
        sim.run_until((sim.now() + ASK_EVERY).min(end));
        let now = sim.now();
        for (id, service) in &fleet.services {
            let name = OwnerName::from(&service.name);
            let answer = sim.world_mut().route53.answer(now, &name, service.rtype.into());
            let led = answer.addresses().into_iter().any(|address| {
                addresses.get(&(id.clone(), address)).is_some_and(|region| region == lost)
            });
            if led {
                last = Some(now);
            }
        }
    }
    last
}
