//! Whether a run did what its scenario demands.
//!
//! A demand that a run can't have put to the test falls short: no request asked, nobody leading, no
//! Region drained that was to come back. Silence proves nothing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::cast::{Cast, RegionRef};
use super::databases::Writes;
use super::demand::{Demand, Expect};
use super::runs::Standing;
use super::scenario::{Run, Scenario};
use super::story::{Stamp, Story};
use super::words::{client, seconds};
use super::zones::Move;
use crate::domain::{DatabaseId, Fleet, RegionId, ServiceId, Weight};
use crate::world::log::ClientKind;

/// How much before its planned end a run may stop being watched: the time that a runner on real
/// clocks may lose between its own timer and the log's.
const EARLY_END_MS: u64 = 1000;

/// What an expectation measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Milliseconds since the first fault.
    Ms(u64),
    /// A number of things.
    Count(u64),
}

/// An expectation, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The expectation's name.
    pub name: String,
    /// The demand in words.
    pub demand: String,
    /// Whether it held.
    pub held: bool,
    /// What was measured; none when there was nothing to measure.
    pub figure: Option<Figure>,
    /// Why it held or fell short.
    pub reason: String,
}

struct Finding {
    held: bool,
    figure: Option<Figure>,
    reason: String,
}

impl Finding {
    fn held(figure: Option<Figure>, reason: impl Into<String>) -> Self {
        Self { held: true, figure, reason: reason.into() }
    }

    fn short(figure: Option<Figure>, reason: impl Into<String>) -> Self {
        Self { held: false, figure, reason: reason.into() }
    }

    /// By the time limit.
    fn timed(at_ms: u64, limit_ms: u32, what: &str) -> Self {
        let figure = Some(Figure::Ms(at_ms));
        let reason = format!("{what} at +{}", seconds(at_ms));
        if at_ms <= limit_ms.into() {
            Self::held(figure, reason)
        } else {
            let late = seconds(at_ms - u64::from(limit_ms));
            Self::short(figure, format!("{reason}, {late} late"))
        }
    }
}

/// Judges every expectation, and first whether the drill took place at all.
pub(super) fn judge(scenario: &Scenario, run: &Run, story: &Story) -> Vec<Verdict> {
    let took_place = took_place(scenario, run, story);
    took_place
        .into_iter()
        .chain(scenario.expects.iter().map(|expect| one(expect, run, story)))
        .collect()
}

/// A verdict only when it falls short: a drill that took place goes without saying.
fn took_place(scenario: &Scenario, run: &Run, story: &Story) -> Option<Verdict> {
    let watched_ms = run.ended.as_ms().saturating_sub(story.fault_at.as_ms());
    let faults = scenario.acts.iter().filter(|act| act.deed.is_fault()).count();
    let orders = scenario.acts.len() - faults;
    let reason = if faults > 0 && story.faults.is_empty() {
        "no fault struck: the log has none after the drill's start".to_owned()
    } else if watched_ms + EARLY_END_MS < scenario.run_ms.into() {
        format!("watching ended {} after the first fault", seconds(watched_ms))
    } else if story.runs.handled() < orders {
        format!("{} of {orders} orders were handled", story.runs.handled())
    } else {
        return None;
    };
    Some(Verdict {
        name: "the drill took place".to_owned(),
        demand: format!("what the file says is done, and watched for {}", seconds(scenario.run_ms)),
        held: false,
        figure: None,
        reason,
    })
}

fn one(expect: &Expect, run: &Run, story: &Story) -> Verdict {
    let finding = match &expect.demand {
        Demand::Leader { one, within_ms } => leader(story, *one, *within_ms),
        Demand::Drained { region, service, after_ms, within_ms } => {
            placed(run, region, service.as_ref(), |service, region| {
                drained(story, service, region, (*after_ms, *within_ms))
            })
        }
        Demand::Serving { region, service, within_ms } => {
            placed(run, region, service.as_ref(), |service, region| {
                serving(story, service, region, *within_ms)
            })
        }
        Demand::Served { region: Some(region), after_ms } => {
            served(story, &run.cast.region(region), *after_ms)
        }
        Demand::Served { region: None, after_ms } => served_everywhere(run, story, *after_ms),
        Demand::NothingMoves => nothing_moves(story),
        Demand::NoNewLeader => no_new_leader(story),
        Demand::ClientErrors { kind, after_ms, max } => {
            client_errors(story, *kind, *after_ms, *max)
        }
        Demand::FirstAction { within_ms } => match story.first_action() {
            None => Finding::short(None, "no applied batch changed a weight"),
            Some(batch) => {
                let moved = batch.effect.moves.first().map_or(String::new(), ToString::to_string);
                Finding::timed(story.since_ms(batch.stamp), *within_ms, &moved)
            }
        },
        Demand::NeverEmpty => never_empty(story),
        Demand::EpochsRise => epochs_rise(story),
        Demand::WritesLost { max } => writes_lost(story, *max),
        Demand::Writer { database, region, after_ms, within_ms } => {
            let to = region.as_ref().map(|region| run.cast.region(region));
            writer(story, &run.fleet, database, to.as_ref(), (*after_ms, *within_ms))
        }
        Demand::WrittenIn { region, after_ms } => {
            written_in(story, &run.cast.region(region), *after_ms)
        }
        Demand::Run { runbook, status, within_ms } => run_of(story, runbook, *status, *within_ms),
        Demand::OrdersRefused { count } => orders_refused(story, *count),
    };
    Verdict {
        name: expect.name.clone(),
        demand: spelled(&expect.demand.to_string(), &run.cast),
        held: finding.held,
        figure: finding.figure,
        reason: finding.reason,
    }
}

fn writes_lost(story: &Story, max: u64) -> Finding {
    let Some(Writes { lost, .. }) = story.databases.writes() else {
        return Finding::short(None, "no client was told of a write: nothing could be lost");
    };
    let figure = Some(Figure::Count(lost));
    let reason = format!("{lost} acknowledged writes are lost");
    if lost <= max { Finding::held(figure, reason) } else { Finding::short(figure, reason) }
}

fn writer(
    story: &Story,
    fleet: &Fleet,
    database: &DatabaseId,
    wanted: Option<&RegionId>,
    (after_ms, within_ms): (u32, u32),
) -> Finding {
    let Some(spec) = fleet.databases.get(database) else {
        return Finding::short(None, format!("the fleet has no database {database}"));
    };
    let mut moves =
        story.databases.moves(&spec.global_cluster).filter(|(stamp, _)| !story.is_before(*stamp));
    match moves.find(|(_, to)| wanted.is_none_or(|wanted| wanted == *to)) {
        Some((stamp, to)) => {
            let what = format!("{database} is written in {to}");
            let at_ms = story.since_ms(stamp);
            if at_ms < after_ms.into() {
                let early = seconds(u64::from(after_ms) - at_ms);
                let reason = format!("{what} at +{}, {early} early", seconds(at_ms));
                return Finding::short(Some(Figure::Ms(at_ms)), reason);
            }
            Finding::timed(at_ms, within_ms, &what)
        }
        None => Finding::short(None, format!("the writer of {database} did not move so")),
    }
}

fn written_in(story: &Story, region: &RegionId, after_ms: u32) -> Finding {
    let since =
        |stamp: &Stamp| !story.is_before(*stamp) && story.since_ms(*stamp) > after_ms.into();
    let taken: Vec<_> = story.databases.taken().iter().filter(|(stamp, _)| since(stamp)).collect();
    let count = taken.len();
    let figure = Some(Figure::Count(count.try_into().unwrap_or(u64::MAX)));
    match taken.iter().find(|(_, by)| by != region) {
        Some((stamp, by)) => {
            let reason = format!("a write was taken in {by} {}", when(story, *stamp));
            Finding::short(figure, reason)
        }
        None if taken.is_empty() => Finding::short(None, "no client was told of a write by then"),
        None => Finding::held(figure, format!("{count} writes, all taken in {region}")),
    }
}

fn run_of(story: &Story, book: &str, status: Standing, within_ms: u32) -> Finding {
    match story.runs.came_to(book, status) {
        Some((stamp, name)) => {
            Finding::timed(story.since_ms(stamp), within_ms, &format!("{name} is {status}"))
        }
        None => Finding::short(None, story.runs.stand(book)),
    }
}

fn orders_refused(story: &Story, wanted: u64) -> Finding {
    let refused: Vec<_> =
        story.runs.refused().map(|(ordered, why)| format!("{ordered}: {why}")).collect();
    let count = refused.len().try_into().unwrap_or(u64::MAX);
    let figure = Some(Figure::Count(count));
    let reason = match refused.first() {
        None => format!("none of {} orders was refused", story.runs.handled()),
        Some(_) => format!("{count} refused: {}", refused.join("; ")),
    };
    if count == wanted { Finding::held(figure, reason) } else { Finding::short(figure, reason) }
}

/// A demand's words with the parts replaced by who played them.
fn spelled(demand: &str, cast: &Cast) -> String {
    let demand = demand.replace("@leader", cast.leader.region.as_str());
    let demand = demand.replace("@follower", cast.follower.region.as_str());
    match &cast.writer {
        Some(writer) => demand.replace("@writer", writer.as_str()),
        None => demand,
    }
}

fn leader(story: &Story, one: bool, within_ms: u32) -> Finding {
    if let Some((a, b)) = &story.two_leaders {
        let (a, b, epoch) = (&a.holder, &b.holder, a.epoch);
        return Finding::short(None, format!("{a} and {b} both led in epoch {epoch}"));
    }
    let before = story.leader_before.as_ref().map(|leader| leader.epoch);
    let Some((stamp, leader)) =
        story.new_leaders.iter().find(|(_, leader)| Some(leader.epoch) > before)
    else {
        return Finding::short(None, "no majority of seats came to hold a new epoch");
    };
    if one && let Some((again, _)) = story.new_leaders.get(1) {
        let count = story.new_leaders.len();
        let at = seconds(story.since_ms(*again));
        let reason = format!("the leader changed {count} times, the second time at +{at}");
        return Finding::short(Some(Figure::Ms(story.since_ms(*stamp))), reason);
    }
    let what = format!("{} led in epoch {}", leader.holder, leader.epoch);
    Finding::timed(story.since_ms(*stamp), within_ms, &what)
}

/// Judges every service that the Region has, and tells the worst.
fn placed(
    run: &Run,
    region: &RegionRef,
    service: Option<&ServiceId>,
    judge: impl Fn(&ServiceId, &RegionId) -> Finding,
) -> Finding {
    let region = run.cast.region(region);
    let services = services_at(&run.fleet, &region, service);
    services
        .into_iter()
        .map(|service| judge(service, &region))
        // Among those that held, the latest is the worst.
        .min_by_key(|finding| {
            let ms = match finding.figure {
                Some(Figure::Ms(ms)) => ms,
                Some(Figure::Count(_)) | None => u64::MAX,
            };
            (finding.held, std::cmp::Reverse(ms))
        })
        .unwrap_or_else(|| {
            let what = service.map_or("no service".to_owned(), |name| format!("no {name}"));
            Finding::short(None, format!("the fleet has {what} in {region}"))
        })
}

fn services_at<'f>(
    fleet: &'f Fleet,
    region: &RegionId,
    service: Option<&ServiceId>,
) -> Vec<&'f ServiceId> {
    fleet
        .services
        .iter()
        .filter(|(name, _)| service.is_none_or(|wanted| wanted == *name))
        .filter(|(_, spec)| spec.regions.contains_key(region))
        .map(|(name, _)| name)
        .collect()
}

/// The weight at the first fault, and after each batch since.
fn course(story: &Story, service: &ServiceId, region: &RegionId) -> (Weight, Vec<(Stamp, Weight)>) {
    let of = |weights: &crate::domain::control::Weights| {
        weights.get(service).and_then(|regions| regions.get(region)).copied().unwrap_or_default()
    };
    let since = story.batches_after().map(|batch| (batch.stamp, of(&batch.weights))).collect();
    (of(story.weights_before()), since)
}

fn drained(
    story: &Story,
    service: &ServiceId,
    region: &RegionId,
    (after_ms, within_ms): (u32, u32),
) -> Finding {
    let (mut before, mut since) = course(story, service, region);
    let split = since.partition_point(|(stamp, _)| story.since_ms(*stamp) <= after_ms.into());
    if let Some((_, weight)) = since.drain(..split).next_back() {
        before = weight;
    }
    if after_ms > 0 {
        // A weight that somebody set by hand shows in what the next batch takes away.
        let later = story.batches_after().filter(|it| story.since_ms(it.stamp) > after_ms.into());
        let moved = later.flat_map(|batch| &batch.effect.moves);
        let of_it = |it: &&Move| it.what == service.as_str() && it.region == region.as_str();
        before = moved.filter(of_it).find_map(|it| it.from).unwrap_or(before);
    }
    if !before.serves() {
        let when = match after_ms {
            0 => "when the fault struck".to_owned(),
            after_ms => format!("at +{}", seconds(after_ms)),
        };
        return Finding::short(None, format!("{service} had no weight in {region} {when}"));
    }
    let Some((out, _)) = since.iter().find(|(_, weight)| !weight.serves()) else {
        let last = since.last().map_or(before, |(_, weight)| *weight);
        return Finding::short(None, format!("{service} in {region} has weight {last} to the end"));
    };
    let back = since
        .iter()
        .rfind(|(stamp, _)| story.since_ms(*stamp) <= within_ms.into())
        .filter(|(stamp, weight)| stamp > out && weight.serves());
    let out_ms = story.since_ms(*out);
    if let Some((stamp, weight)) = back {
        let at = seconds(story.since_ms(*stamp));
        let reason =
            format!("{service} in {region} was out, and has weight {weight} again from +{at}");
        return Finding::short(Some(Figure::Ms(out_ms)), reason);
    }
    Finding::timed(out_ms, within_ms, &format!("{service} in {region} out of service"))
}

fn serving(story: &Story, service: &ServiceId, region: &RegionId, within_ms: u32) -> Finding {
    let (_, since) = course(story, service, region);
    let Some(out) = since.iter().rposition(|(_, weight)| !weight.serves()) else {
        return Finding::short(None, format!("{service} in {region} was never taken out"));
    };
    match since.get(out + 1) {
        None => Finding::short(None, format!("{service} in {region} is still out at the end")),
        Some((back, weight)) => {
            let what = format!("{service} in {region} has weight {weight} again");
            Finding::timed(story.since_ms(*back), within_ms, &what)
        }
    }
}

fn nothing_moves(story: &Story) -> Finding {
    let moves = story.batches_after().map(|batch| batch.effect.moves.len()).sum::<usize>();
    let figure = Some(Figure::Count(moves.try_into().unwrap_or(u64::MAX)));
    match story.first_action() {
        None => Finding::held(figure, "no weight moved"),
        Some(batch) => {
            let first = batch.effect.moves.first().map_or(String::new(), ToString::to_string);
            let at = seconds(story.since_ms(batch.stamp));
            Finding::short(figure, format!("{first} at +{at}, {moves} in all"))
        }
    }
}

/// A leader that begins a new term by itself (a seat stood above its epoch) is no new one.
fn no_new_leader(story: &Story) -> Finding {
    let before = story.leader_before.as_ref().map(|leader| &leader.holder);
    let others = || story.new_leaders.iter().filter(|(_, it)| Some(&it.holder) != before);
    let figure = Some(Figure::Count(others().count().try_into().unwrap_or(u64::MAX)));
    match (&story.leader_before, others().next()) {
        (None, _) => Finding::short(None, "nobody led when the fault struck"),
        (Some(leader), None) => Finding::held(
            figure,
            format!("{} leads in epoch {} to the end", leader.holder, leader.epoch),
        ),
        (Some(_), Some((stamp, leader))) => {
            let at = seconds(story.since_ms(*stamp));
            let (holder, epoch) = (&leader.holder, leader.epoch);
            Finding::short(figure, format!("{holder} took over in epoch {epoch} at +{at}"))
        }
    }
}

fn client_errors(story: &Story, kind: ClientKind, after_ms: u32, max: u64) -> Finding {
    let late: Vec<_> = story
        .requests
        .iter()
        .filter(|request| request.client == kind && story.since_ms(request.stamp) > after_ms.into())
        .collect();
    let failures: Vec<_> = late.iter().filter(|request| request.failure.is_some()).collect();
    let failed = failures.len().try_into().unwrap_or(u64::MAX);
    let (figure, client) = (Some(Figure::Count(failed)), client(kind));
    let (Some(_), last) = (late.first(), failures.last()) else {
        return Finding::short(None, format!("no {client} client asked for anything by then"));
    };
    let mut reason = format!("{failed} of {} requests failed", late.len());
    if let Some(request) = last {
        let why = request.failure.as_deref().unwrap_or_default();
        let place = request.region.as_ref().map_or(String::new(), |at| format!(" at {at}"));
        let at = seconds(story.since_ms(request.stamp));
        reason.push_str(&format!(", the last at +{at}{place}: {why}"));
    }
    if failed <= max { Finding::held(figure, reason) } else { Finding::short(figure, reason) }
}

fn served(story: &Story, region: &RegionId, after_ms: u32) -> Finding {
    let late = |stamp| story.since_ms(stamp) > after_ms.into();
    let there = story.requests.iter().filter(|request| request.region.as_ref() == Some(region));
    let well = there.filter(|request| request.failure.is_none() && late(request.stamp)).count();
    let figure = Some(Figure::Count(well.try_into().unwrap_or(u64::MAX)));
    let reason = format!("{well} requests were served in {region} after {}", seconds(after_ms));
    if well > 0 { Finding::held(figure, reason) } else { Finding::short(figure, reason) }
}

/// Judges every Region that serves, and tells the one with the fewest.
fn served_everywhere(run: &Run, story: &Story, after_ms: u32) -> Finding {
    let regions: BTreeSet<&RegionId> =
        run.fleet.services.values().flat_map(|service| service.regions.keys()).collect();
    let judged = regions.into_iter().map(|region| served(story, region, after_ms));
    let fewest = judged.min_by_key(|finding| match finding.figure {
        Some(Figure::Count(count)) => count,
        Some(Figure::Ms(_)) | None => 0,
    });
    fewest.unwrap_or_else(|| Finding::short(None, "no Region serves"))
}

fn never_empty(story: &Story) -> Finding {
    let count = story.batches.len();
    match story.batches.iter().find(|batch| !batch.effect.emptied.is_empty()) {
        None => {
            Finding::held(None, format!("after each of {count} batches every service had a weight"))
        }
        Some(batch) => {
            let service = batch.effect.emptied.first().map_or(String::new(), ToString::to_string);
            let when = when(story, batch.stamp);
            Finding::short(
                None,
                format!("{} left {service} without any weight {when}", batch.caller),
            )
        }
    }
}

fn epochs_rise(story: &Story) -> Finding {
    let fenced = story.batches.iter().filter(|batch| batch.effect.fence.is_some()).count();
    let fall = story.batches.iter().find_map(|batch| match batch.effect.fence {
        Some((epoch, Some(before))) if epoch < before => Some((batch, before, epoch)),
        _ => None,
    });
    match fall {
        None => Finding::held(None, format!("{fenced} batches carried a fence, none a lower one")),
        Some((batch, before, epoch)) => {
            let when = when(story, batch.stamp);
            let zone = &batch.zone;
            Finding::short(None, format!("zone {zone} went from epoch {before} to {epoch} {when}"))
        }
    }
}

fn when(story: &Story, stamp: Stamp) -> String {
    if story.is_before(stamp) {
        "before the first fault".to_owned()
    } else {
        format!("at +{}", seconds(story.since_ms(stamp)))
    }
}
