//! Leaving a Region on the fleet on loopback: real processes, checkers as slow as AWS's.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::super::not_run::NotRun;
use super::super::on_local::{at_rest, places, wait_until};
use super::{ASK_EVERY, Left, Requests, Watched, Way, checked_after, plain, to_lose};
use crate::domain::{Fleet, Moment, RegionId, ServiceId};
use crate::local;
use crate::local::request_log::Line;
use crate::world::fault::Fault;

/// Longest time until the fleet is at rest.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// Until a leader has done what it does when it begins: it raises fences, and looks at all it minds.
const BEGUN_AFTER: Duration = Duration::from_secs(20);

/// How many times faster than Route 53's the checkers ask: no faster, for these figures are about
/// them.
const PACE: u32 = 1;

/// Loses a Region that does not lead, and has it left in this way, on a fresh fleet on loopback that
/// ends with it. These options' request log is where the requests are counted.
///
/// # Errors
/// When the fleet can't be started, does not come to rest before, or has no gates to compare.
pub async fn leave_on_local(
    mut options: local::Options,
    requests: &Path,
    way: Way,
) -> Result<Left, NotRun> {
    let with_gates = options.loaded.fleet.clone();
    if with_gates.gates.is_none() {
        return Err(NotRun::NoGates);
    }
    if !way.is_gated() {
        let files = &mut options.loaded.raw;
        files.fleet.gates = None;
        files.regions.values_mut().for_each(|region| region.gate = None);
    }
    options.checkers_pace = PACE;
    options.request_log = Some(requests.to_owned());
    let fleet = local::Fleet::start(options).await.map_err(|e| NotRun::Local(e.to_string()))?;
    let moments = rehearse(&fleet, &with_gates, way).await;
    let log = fleet.log();
    fleet.shutdown().await;
    let Moments { quiet, struck, last_wrong_answer } = moments?;
    let text = tokio::fs::read_to_string(requests).await;
    let unread = |error: &dyn Error| NotRun::Local(format!("{}: {error}", requests.display()));
    let text = text.map_err(|error| unread(&error))?;
    let lines: Result<Vec<Line>, _> = text.lines().map(serde_json::from_str).collect();
    let lines = lines.map_err(|error| unread(&error))?;
    let (quiet, busy) = (counted(&lines, quiet, way), counted(&lines, struck, way));
    Ok(Watched { struck, last_wrong_answer, quiet: &quiet, busy: &busy, log: &log }.left())
}

/// Route 53 as signatures name it.
const ROUTE53: &str = "route53";

struct Moments {
    /// When the quiet time began.
    quiet: Moment,
    struck: Moment,
    last_wrong_answer: Moment,
}

async fn rehearse(fleet: &local::Fleet, with_gates: &Fleet, way: Way) -> Result<Moments, NotRun> {
    let described = fleet.described().clone();
    at_rest(fleet, &described, SETTLED_WITHIN).await?;
    wait_until(fleet, fleet.now() + BEGUN_AFTER).await;
    let leader = fleet.leader().ok_or(NotRun::NoLeader)?.agent;
    let agents = places(fleet);
    let lost = to_lose(&described, &agents, &leader)?;
    let failed = |error: local::StrikeError| NotRun::Local(error.to_string());
    if let Some(pace) = way.plain_pace(with_gates) {
        for agent in agents.into_keys() {
            fleet.strike(&Fault::KillAgent { agent }).await.map_err(failed)?;
        }
        let at = |service: &_, region: &_| address(&described, service, region);
        fleet.visit(|world, now| plain::guard_applications(world, now, &described, &at, pace));
        wait_until(fleet, fleet.now() + checked_after(pace)).await;
    }
    let quiet = fleet.now();
    wait_until(fleet, quiet + way.watched()).await;
    if way == Way::Gates {
        fleet.strike(&Fault::ControlPlane { down: true }).await.map_err(failed)?;
    }
    fleet.strike(&Fault::Lose { region: lost.clone() }).await.map_err(failed)?;
    let struck = fleet.now();
    let last_wrong_answer = ask_until(fleet, &described, struck + way.watched(), &lost).await?;
    Ok(Moments { quiet, struck, last_wrong_answer: last_wrong_answer.unwrap_or(struck) })
}

/// Where a service's application listens in a Region.
fn address(fleet: &Fleet, service: &ServiceId, region: &RegionId) -> Option<SocketAddr> {
    let url: Uri = fleet.services.get(service)?.regions.get(region)?.url.parse().ok()?;
    url.authority()?.as_str().parse().ok()
}

/// Asks the name servers again and again, and tells when they last led to this Region.
async fn ask_until(
    fleet: &local::Fleet,
    described: &Fleet,
    end: Moment,
    lost: &RegionId,
) -> Result<Option<Moment>, NotRun> {
    let resolver = fleet.resolver().map_err(|error| NotRun::Local(error.to_string()))?;
    let resolver = Arc::new(resolver);
    let (told, last) = watch::channel(None);
    let told = Arc::new(told);
    let mut asking = JoinSet::new();
    let mut next = fleet.now();
    while next < end {
        wait_until(fleet, next).await;
        let asked_at = fleet.now();
        for (id, service) in &described.services {
            let Some(there) = address(described, id, lost) else { continue };
            let (resolver, told) = (resolver.clone(), told.clone());
            let name = service.name.clone();
            asking.spawn(async move {
                let answer = resolver.resolve(name.as_str()).await;
                let led = answer.is_ok_and(|(addresses, _)| addresses.contains(&there.ip()));
                if led {
                    told.send_modify(|last| *last = (*last).max(Some(asked_at)));
                }
            });
        }
        while asking.try_join_next().is_some() {}
        next = asked_at + ASK_EVERY;
    }
    asking.join_all().await;
    let last = *last.borrow();
    Ok(last)
}

/// The requests to Route 53's API in the time that a Region is watched from here on.
fn counted(lines: &[Line], from: Moment, way: Way) -> Requests {
    let (from, to) = (Line::seconds(from), Line::seconds(from + way.watched()));
    let mut counted = BTreeMap::new();
    for line in lines {
        if line.service == ROUTE53 && line.at_s >= from && line.at_s < to {
            *counted.entry(line.operation.clone()).or_default() += 1;
        }
    }
    counted
}
