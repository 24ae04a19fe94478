//! What is wrong, the worst first, each in a line that says who says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::{Status, probes, signals, steering};
use crate::core::health::{Verdict, Vote};
use crate::core::view::{LeaderView, PlacementView, View};
use crate::domain::RegionId;
use crate::domain::observation::{Course, ZoneStage};
use crate::domain::preflight::{Finding, Severity};

/// An agent that was silent for longer has been taken away rather than lost: its last report stays
/// on the board, and need not be deplored for ever.
const MISSED_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// Everything that is wrong with what is shown.
pub(super) fn wrong(status: &Status) -> Vec<String> {
    let view = &status.view;
    let mut wrong = Vec::new();
    leadership(status, &mut wrong);
    for service in &view.services {
        if !service.regions.is_empty()
            && service.regions.iter().all(|place| place.actual == Some(0))
        {
            wrong.push(format!("{}: every record has weight 0", service.service));
        }
        for place in &service.regions {
            health(&service.service, place, &mut wrong);
            signals::wrong(service.service.as_str(), place, &mut wrong);
        }
        for place in &service.regions {
            records(&service.service, place, &mut wrong);
        }
    }
    steering::wrong(view, &mut wrong);
    zones(status, &mut wrong);
    for seat in &view.seats {
        if let Some(trouble) = &seat.trouble {
            wrong.push(format!("the seat in {} counts for nothing: {trouble}", seat.region));
        }
    }
    observers(view, &mut wrong);
    wrong.extend(probes::wrong(view));
    preflight(view, &mut wrong);
    wrong
}

fn leadership(status: &Status, wrong: &mut Vec<String>) {
    let view = &status.view;
    if !status.of_majority() {
        wrong.push(format!(
            "only {} of {} seats can be read, a majority is {}: who leads and what is committed \
             can't be told from here",
            status.seats_read,
            view.seats.len(),
            view.majority
        ));
        return;
    }
    let Some(leader) = &view.leader else {
        wrong.push("no leader: no majority of seats shows one holder".to_owned());
        return;
    };
    if let Some(silence) = silence(view, leader) {
        wrong.push(format!(
            "the leader {} {silence}: unless another agent takes over, nothing is steered",
            leader.agent
        ));
    }
    if view.state.is_none() {
        wrong.push("the control state in force can't be told".to_owned());
    }
}

/// Why the leader seems dead, if it does.
fn silence(view: &View, leader: &LeaderView) -> Option<String> {
    match view.observers.iter().find(|observer| observer.agent == leader.agent) {
        None => Some("has published no report".to_owned()),
        Some(observer) if observer.fresh => None,
        Some(observer) => Some(match observer.age_ms {
            Some(age_ms) => format!("has been silent for {}", span(age_ms)),
            None => "was last heard at an unknown time".to_owned(),
        }),
    }
}

fn health(service: &impl Display, place: &PlacementView, wrong: &mut Vec<String>) {
    let region = &place.region;
    let says = |want: fn(&Vote) -> bool| {
        let voters = place.votes.iter().filter(|(_, vote)| want(vote)).map(|(region, _)| region);
        list(voters)
    };
    let down = |vote: &Vote| matches!(vote, Vote::Down { .. });
    match place.verdict {
        Verdict::Healthy => {}
        Verdict::Down => wrong.push(format!(
            "{service} in {region} is down for {}, say {}",
            span(place.failing_ms),
            says(down)
        )),
        Verdict::CutOff => wrong.push(format!(
            "{service} in {region} is well inside but can't be reached for {}, say {}",
            span(place.failing_ms),
            says(down)
        )),
        Verdict::Degraded { failed_permille } => wrong.push(format!(
            "{service} in {region} is degraded: {} % of {}",
            failed_permille / 10,
            if unhealthy_permille(place) == Some(failed_permille) {
                "its targets are unhealthy"
            } else {
                "probes fail"
            }
        )),
        Verdict::Unknown => {
            let heard = says(|vote| !matches!(vote, Vote::Abstains));
            let heard = if heard.is_empty() {
                "nobody has a word on it".to_owned()
            } else {
                format!(
                    "only {heard} {} a word on it",
                    if heard.contains(' ') { "have" } else { "has" }
                )
            };
            wrong.push(format!("{service} in {region} is unknown: {heard}"));
        }
    }
}

/// By its own load balancer's word.
fn unhealthy_permille(place: &PlacementView) -> Option<u16> {
    place.signals.as_ref()?.targets.as_ref()?.unhealthy_permille()
}

fn records(service: &impl Display, place: &PlacementView, wrong: &mut Vec<String>) {
    if let (Some(wanted), Some(actual)) = (place.wanted, place.actual)
        && wanted.0 != actual
    {
        wrong.push(format!(
            "{service} in {}: the record has weight {actual}, {wanted} is wanted",
            place.region
        ));
    }
}

fn zones(status: &Status, wrong: &mut Vec<String>) {
    for zone in &status.zones {
        if let Some(trouble) = &zone.trouble {
            wrong.push(format!("zone {}: {trouble}", zone.zone));
        }
    }
    let Some(leader) = &status.view.leader else { return };
    for (service, said) in &leader.answers {
        if let Some(how) = &said.difference {
            wrong.push(format!("{service}: name servers do not answer as wanted: {how}"));
        }
    }
    for (zone, report) in &leader.zones {
        for drift in &report.drift {
            if matches!(drift.course, Course::Kept | Course::Stopped) {
                wrong.push(format!("somebody else changed {drift}"));
            }
        }
        if report.stage == ZoneStage::Held {
            wrong.push(format!("the leader does nothing in zone {zone}: {report}"));
        }
    }
}

fn observers(view: &View, wrong: &mut Vec<String>) {
    let leader = view.leader.as_ref().map(|leader| &leader.agent);
    let mut heard: BTreeSet<&RegionId> = BTreeSet::new();
    for observer in &view.observers {
        heard.insert(&observer.region);
        if observer.fresh && observer.off {
            wrong.push(format!(
                "agent {} is switched off: it probes and reports, and nothing else",
                observer.agent
            ));
        }
        // A silent leader was told of above.
        if observer.fresh || leader == Some(&observer.agent) {
            continue;
        }
        match observer.age_ms {
            Some(age_ms) if age_ms > MISSED_MS_MAX => {}
            Some(age_ms) => {
                wrong.push(format!(
                    "agent {} has been silent for {}",
                    observer.agent,
                    span(age_ms)
                ));
            }
            None => wrong.push(format!("agent {} was heard at an unknown time", observer.agent)),
        }
    }
    let regions: BTreeSet<&RegionId> = view
        .seats
        .iter()
        .map(|seat| &seat.region)
        .chain(view.services.iter().flat_map(|service| service.regions.iter().map(|p| &p.region)))
        .collect();
    for region in regions.difference(&heard) {
        wrong.push(format!("no agent in {region} has published a report"));
    }
}

/// What agents found in the way of a failover: what stops one, each thing once, and how much more
/// there is. In an incident, what is lost weakens all the rest, and `preflight` lists it.
fn preflight(view: &View, wrong: &mut Vec<String>) {
    let mut stops: BTreeMap<&Finding, Vec<&str>> = BTreeMap::new();
    let mut weakens: BTreeSet<&Finding> = BTreeSet::new();
    for observer in view.observers.iter().filter(|observer| observer.fresh) {
        for finding in observer.preflight.iter().flat_map(|found| &found.findings) {
            match finding.severity {
                Severity::Stops => stops.entry(finding).or_default().push(observer.agent.as_str()),
                Severity::Weakens => drop(weakens.insert(finding)),
                Severity::Note => {}
            }
        }
    }
    for (finding, agents) in stops {
        let says = if agents.len() == 1 { "says" } else { "say" };
        wrong.push(format!("would stop a failover, {says} {}: {}", agents.join(" "), finding.what));
    }
    match weakens.len() {
        0 => {}
        1 => wrong.extend(
            weakens.iter().map(|finding| format!("would weaken a failover: {}", finding.what)),
        ),
        more => wrong
            .push(format!("{more} things would weaken a failover: `regent preflight` says which")),
    }
}

fn list<'r>(regions: impl Iterator<Item = &'r RegionId>) -> String {
    regions.map(RegionId::as_str).collect::<Vec<_>>().join(" ")
}

/// A span as people say it: two digits of it matter.
pub(super) fn span(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..10 => format!("{s}.{} s", ms % 1000 / 100),
        10..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3_600),
        _ => format!("{} days", s / 86_400),
    }
}
