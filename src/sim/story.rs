//! A run in lines that people read.

use std::fmt;
use std::time::Duration;

use crate::core::Note;
use crate::domain::record::{RecordChange, RecordSet, Routing};
use crate::domain::{Fence, Moment};
use crate::world::log::Happening;

use super::engine::Sim;
use super::plan::{Plan, Trouble};

/// A line of a story.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// When.
    pub at: Moment,
    /// Where it falls among those of one moment.
    rank: u8,
    /// Who did it.
    pub who: String,
    /// What it was.
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.to_string();
        write!(f, "{at:>10}  {:<9} {}", self.who, self.what)
    }
}

/// The story of a run: troubles as planned, what brains said, what Route 53 took and refused.
pub(super) fn tell(sim: &Sim, plan: &Plan, start: Moment) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |at: Moment, rank: u8, who: &str, what: String| {
        lines.push(Line { at, rank, who: who.to_owned(), what });
    };
    let ms = |ms: u32| Duration::from_millis(u64::from(ms));
    let end = start + ms(plan.length_ms);
    for episode in &plan.episodes {
        let at = start + ms(episode.at_ms);
        add(at, 0, "TROUBLE", words(&episode.trouble));
        if episode.for_ms > 0 && at + ms(episode.for_ms) < end {
            let over = format!("over: {}", words(&episode.trouble));
            add(at + ms(episode.for_ms), 0, "TROUBLE", over);
        }
    }
    add(start, 0, "TROUBLE", "the fleet has settled; troubles begin".to_owned());
    add(end, 1, "TROUBLE", "all heals".to_owned());
    for (at, agent, note) in sim.notes() {
        if let Some(what) = note_words(note) {
            add(*at, 2, agent.as_str(), what);
        }
    }
    for entry in sim.changed.iter().chain(sim.log()) {
        match &entry.happening {
            Happening::ZoneChanged { zone, caller, changes, .. } => {
                let what = format!("{zone} takes a batch of {caller}: {}", batch_words(changes));
                add(entry.at, 1, "route53", what);
            }
            Happening::ZoneRejected { zone, caller, why } => {
                let why = why.lines().next().unwrap_or_default();
                add(entry.at, 1, "route53", format!("{zone} rejects a batch of {caller}: {why}"));
            }
            _ => {}
        }
    }
    lines.sort_by_key(|line| (line.at, line.rank));
    for violation in sim.violations().iter().chain(sim.oracle.violations()) {
        let what = format!("{}: {}", violation.invariant, violation.what);
        let line = Line { at: violation.at, rank: 9, who: "BROKEN".to_owned(), what };
        let place = lines.partition_point(|other| other.at <= line.at);
        lines.insert(place, line);
    }
    lines
}

fn batch_words(changes: &[RecordChange]) -> String {
    let created = changes.iter().filter_map(|change| match change {
        RecordChange::Create(record) => Some(record),
        RecordChange::Delete(_) => None,
    });
    let words: Vec<String> = created.map(record_words).collect();
    words.join(", ")
}

fn record_words(record: &RecordSet) -> String {
    match (&record.routing, Fence::in_record(record)) {
        (_, Some(fence)) => format!("fence {}.{}", fence.epoch, fence.attempt),
        (Routing::Weighted { set_identifier, weight }, None) => {
            format!("{} {set_identifier}={weight}", record.key.name)
        }
        (Routing::Failover { set_identifier, primary }, None) => {
            let role = if *primary { "primary" } else { "secondary" };
            format!("{} {set_identifier} {role}", record.key.name)
        }
        _ => record.key.to_string(),
    }
}

fn words(trouble: &Trouble) -> String {
    let kind = trouble.kind();
    match trouble {
        Trouble::Lose { region }
        | Trouble::LoseSeat { region }
        | Trouble::RecreateSeat { region } => format!("{kind}: {region}"),
        Trouble::Cut { from, to } => format!("{kind}: {from} to {to}"),
        Trouble::App { region, service, condition } => {
            let service = service.as_ref().map_or("all", |service| service.as_str());
            format!("{kind}: {service} in {region}: {condition:?}")
        }
        Trouble::Throttle { service } => format!("{kind}: {service:?}"),
        Trouble::PriorRequest => kind.to_owned(),
        Trouble::Wire { rule } => format!("{kind}: {rule}"),
        Trouble::Stall { from, to } => format!("{kind}: {from} to {to}"),
        Trouble::Kill { agent } | Trouble::Pause { agent, .. } => format!("{kind}: {agent}"),
        Trouble::Drift { agent, ppm } => format!("{kind}: {agent} by {ppm} millionths"),
        Trouble::Jump { agent, by_ms } => format!("{kind}: {agent} by {by_ms} ms"),
        Trouble::WallClock { agent, .. } => format!("{kind}: {agent}"),
        Trouble::OldBoard { region, age_ms } | Trouble::OldSeat { region, age_ms } => {
            format!("{kind}: {region}, {age_ms} ms old")
        }
        Trouble::EditWeight { service, region, weight } => {
            format!("{kind}: {service} in {region} to {weight}")
        }
        Trouble::Order { replica, order } => format!("{kind}: {order}, at {replica}"),
        Trouble::DeleteFence { zone } | Trouble::ForeignFence { zone } => format!("{kind}: {zone}"),
        Trouble::Configure { service, region, weight, agent } => {
            format!("{kind}: {service} in {region} to {weight}; {agent} restarts with them")
        }
    }
}

/// What a brain said, in words; none for what says too little for a line.
fn note_words(note: &Note) -> Option<String> {
    let joined = |regions: &[crate::domain::RegionId]| {
        let names: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
        names.join(" ")
    };
    Some(match note {
        Note::Stood { epoch, seats } => format!("stands with epoch {epoch} at {}", joined(seats)),
        Note::NotElected { epoch } => format!("is not elected with epoch {epoch}"),
        Note::Elected { epoch, seats } => format!("is elected: epoch {epoch}, {}", joined(seats)),
        Note::SteppedDown { epoch, why } => format!("steps down from epoch {epoch}: {why}"),
        Note::SeatLost { seat, why } => format!("finds the seat of {seat} lost: {why}"),
        Note::SeatSetDiffers { .. } => "finds other seats committed than configured".to_owned(),
        Note::Committed { name, changes } => {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            format!("has committed {name} {}", changes.join("; "))
        }
        Note::Ordered { order, refused: None } => format!("carries out: {}", order.verb),
        Note::Ordered { order, refused: Some(why) } => {
            format!("refuses to {}: {why}", order.verb)
        }
        Note::Ran { what, .. } => what.clone(),
        Note::Notice { subject, .. } => format!("tells people: {subject}"),
        Note::NoticeSent { via, .. } => format!("has told people through {via}"),
        Note::NoticeFailed { what, .. } => format!("could not tell people {what}"),
        Note::NoticeGivenUp { subject, why, .. } => {
            format!("gives up telling people of {subject}: {why}")
        }
        Note::Blocked { blocked } => {
            let blocked: Vec<String> = blocked.iter().map(ToString::to_string).collect();
            format!("is kept from: {}", blocked.join("; "))
        }
        Note::ZoneClaimed { zone, epoch } => format!("has claimed {zone} for epoch {epoch}"),
        Note::ZoneChanged { zone, attempt, what } => format!("changed {zone} ({attempt}): {what}"),
        Note::ZoneRefused { zone, class } => format!("was refused a batch for {zone}: {class}"),
        Note::ZoneInsync { zone } => format!("sees {zone} in sync"),
        Note::Drift { key, course, what } => {
            format!("finds {key} edited ({}): {}", course.label(), what.join("; "))
        }
        Note::AnswersVerified { service, .. } => format!("finds {service} answered as wanted"),
        Note::AnswersDiffer { service, difference: Some(how) } => {
            format!("finds {service} answered otherwise than wanted: {how}")
        }
        Note::AnswersDiffer { service, difference: None } => {
            format!("finds {service} answered as wanted again")
        }
        Note::ZoneHeld { zone, why } => format!("holds {zone}: {why}"),
        Note::ZoneOdd { zone, what } => format!("finds {zone} odd: {what}"),
        Note::Signals { service, what } => format!("is told by AWS of {service}: {what}"),
        Note::Switched { off: true } => "is switched off".to_owned(),
        Note::Switched { off: false } => "is switched on again".to_owned(),
        Note::SecondSelf { .. } => "meets another of its name".to_owned(),
        Note::Trouble { what } => format!("has trouble: {what}"),
        Note::ProbesLate { .. } => return None,
    })
}
