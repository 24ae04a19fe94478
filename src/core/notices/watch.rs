//! What people are to be told of: Regions that fail and come back, runs that begin, wait and end,
//! questions, and findings that somebody must see to.
//!
//! Each look is compared with the one before it, under one leadership. A new leader tells what waits
//! for a person and what is not well; of the rest it only takes note.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::Standing;
use crate::core::explain::State;
use crate::core::health::Verdict;
use crate::core::runs::{Kept, view};
use crate::domain::notice::{Notice, NoticeLevel};
use crate::domain::steering::Answer;
use crate::domain::{Epoch, Fleet, Moment, RegionId, ServiceId, Target};
use crate::runbook::RunStatus;

use super::notice;

/// How long a Region must be as it is before people are told: verdicts have their own dwell, and one
/// that changes again at once is not worth a message.
const SETTLED: Duration = Duration::from_secs(3);

/// What there is to look at.
pub(in crate::core) struct Sight<'a> {
    pub(in crate::core) fleet: &'a Fleet,
    pub(in crate::core) epoch: Epoch,
    pub(in crate::core) state: &'a State,
    pub(in crate::core) standings: &'a BTreeMap<Target, Standing>,
    /// What somebody must see to, a line each.
    pub(in crate::core) pages: BTreeSet<String>,
}

/// How a Region is, as far as people are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Well,
    /// These services of it fail.
    Part(BTreeSet<ServiceId>),
    /// All of it fails, in this way.
    Whole(&'static str),
}

#[derive(Debug, Clone, Default)]
struct Seen {
    told: Health,
    /// What it is now, and since when.
    now: Option<(Health, Moment)>,
}

/// What was seen at the last look.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    looked: bool,
    regions: BTreeMap<RegionId, Seen>,
    runs: BTreeMap<String, String>,
    asks: BTreeSet<String>,
    pages: BTreeSet<String>,
    count: u64,
}

impl Watch {
    /// What is new since the last look.
    pub(super) fn look(&mut self, now: Moment, sight: &Sight<'_>) -> Vec<Notice> {
        let mut found = self.regions(now, sight);
        found.extend(self.runs(sight));
        found.extend(self.asks(sight));
        found.extend(self.pages(sight));
        self.looked = true;
        found
    }

    /// A name that no other notice of this fleet has.
    fn key(&mut self, sight: &Sight<'_>, what: &str) -> String {
        self.count += 1;
        format!("{what}/{}.{}", sight.epoch, self.count)
    }

    fn regions(&mut self, now: Moment, sight: &Sight<'_>) -> Vec<Notice> {
        let mut changed = Vec::new();
        for region in &sight.fleet.regions {
            let seen = self.regions.entry(region.clone()).or_default();
            let Some(health) = health(sight, region, &seen.told) else { continue };
            if health == seen.told {
                seen.now = None;
                continue;
            }
            let since = match &seen.now {
                Some((is, since)) if *is == health => *since,
                _ => now,
            };
            if now.since(since) < SETTLED {
                seen.now = Some((health, since));
            } else {
                let before = std::mem::replace(&mut seen.told, health.clone());
                seen.now = None;
                changed.push((region, before, health));
            }
        }
        let told = changed.into_iter().map(|(region, before, health)| {
            let (level, what) = match (&before, &health) {
                (_, Health::Whole(how)) => (NoticeLevel::Infrastructure, format!("is {how}")),
                (_, Health::Part(services)) => {
                    (NoticeLevel::Application, format!("fails: {}", listed(services)))
                }
                (Health::Part(services), Health::Well) => {
                    (NoticeLevel::Application, format!("is well again: {}", listed(services)))
                }
                (_, Health::Well) => (NoticeLevel::Infrastructure, "is well again".to_owned()),
            };
            let key = self.key(sight, &format!("region/{region}"));
            let body = format!("{}\n\nregent status", weights(sight, region));
            notice(sight.fleet, level, &key, &format!("{region} {what}"), body)
        });
        told.collect()
    }

    fn runs(&mut self, sight: &Sight<'_>) -> Vec<Notice> {
        let mut found = Vec::new();
        for (name, kept) in &sight.state.runs {
            let status = kept.run.status();
            let before = self.runs.insert(name.clone(), status.label().to_owned());
            let is_new = before.is_none();
            if before.as_deref() == Some(status.label()) {
                continue;
            }
            let calls = matches!(
                status,
                RunStatus::WaitingForPerson { .. }
                    | RunStatus::Stuck { .. }
                    | RunStatus::UndoStuck { .. }
                    | RunStatus::Broken { .. }
            );
            let what = match &status {
                _ if !self.looked && !calls => continue,
                RunStatus::WaitingForPerson { .. } => "waits for a person",
                RunStatus::Stuck { .. } | RunStatus::UndoStuck { .. } => "is stuck",
                RunStatus::Broken { .. } => "is broken",
                RunStatus::Done { .. } => "is done",
                RunStatus::Aborted { .. } => "was aborted",
                RunStatus::Running | RunStatus::Undoing if is_new => "is started",
                RunStatus::Undoing => "is being undone",
                RunStatus::Running => continue,
            };
            // The log is committed: a successor finds the same name for the same matter.
            let key = format!("run/{name}/{}/{}", status.label(), kept.run.log().len());
            let title = &kept.run.procedure().title;
            let subject = format!("run {name} {what}: {title}");
            found.push(notice(
                sight.fleet,
                NoticeLevel::Infrastructure,
                &key,
                &subject,
                run_body(name, kept),
            ));
        }
        self.runs.retain(|name, _| sight.state.runs.contains_key(name));
        found
    }

    fn asks(&mut self, sight: &Sight<'_>) -> Vec<Notice> {
        let waiting =
            sight.state.steering.asks.iter().filter(|(_, ask)| ask.answer == Answer::Waiting);
        let waiting: BTreeMap<String, _> = waiting.map(|(id, ask)| (id.0.clone(), ask)).collect();
        let mut found = Vec::new();
        for (id, ask) in &waiting {
            if self.asks.contains(id) {
                continue;
            }
            let key = format!("ask/{id}/{}", ask.at);
            let subject = format!("{} in {} waits for a yes", ask.service, ask.region);
            let body = format!(
                "To weight {}: {}\n\nregent approve {id}\nregent reject {id} --reason …",
                ask.to, ask.why
            );
            found.push(notice(sight.fleet, NoticeLevel::Application, &key, &subject, body));
        }
        self.asks = waiting.into_keys().collect();
        found
    }

    fn pages(&mut self, sight: &Sight<'_>) -> Vec<Notice> {
        let new: Vec<String> = sight.pages.difference(&self.pages).cloned().collect();
        self.pages.clone_from(&sight.pages);
        let told = new.into_iter().map(|what| {
            let key = self.key(sight, "finding");
            let body = format!("{what}\n\nregent preflight");
            notice(sight.fleet, NoticeLevel::Infrastructure, &key, &what, body)
        });
        told.collect()
    }
}

/// How a Region is; none while that can't be told, and `told` holds.
fn health(sight: &Sight<'_>, region: &RegionId, told: &Health) -> Option<Health> {
    let services =
        sight.fleet.services.iter().filter(|(_, spec)| spec.regions.contains_key(region));
    let (mut failing, mut count, mut cut_off) = (BTreeSet::new(), 0, false);
    for (service, _) in services {
        count += 1;
        let target = Target { region: region.clone(), service: service.clone() };
        match sight.standings.get(&target).map(|standing| &standing.verdict) {
            Some(Verdict::Down) => drop(failing.insert(service.clone())),
            Some(Verdict::CutOff) => {
                cut_off = true;
                failing.insert(service.clone());
            }
            None | Some(Verdict::Unknown) => return None,
            Some(_) => {}
        }
    }
    Some(match failing.len() {
        0 => Health::Well,
        all if all == count => match told {
            // Both are said by the same failure, seen from more or fewer sides.
            Health::Whole(how) => Health::Whole(how),
            _ => Health::Whole(if cut_off { "cut off" } else { "down" }),
        },
        _ => Health::Part(failing),
    })
}

fn listed(services: &BTreeSet<ServiceId>) -> String {
    services.iter().map(ServiceId::as_str).collect::<Vec<_>>().join(", ")
}

fn weights(sight: &Sight<'_>, region: &RegionId) -> String {
    let lines = sight.state.wanted.iter().filter_map(|(service, regions)| {
        let weight = regions.get(region)?;
        Some(format!("{service} in {region} is wanted at weight {weight}"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn run_body(name: &str, kept: &Kept) -> String {
    let (run, by) = (&kept.run, kept.by.as_deref().unwrap_or("the fleet"));
    let mut lines = vec![format!("Started by {by}: {}", kept.reason), String::new()];
    for (spec, state) in run.procedure().steps.iter().zip(run.steps()) {
        let told = state.told.as_ref().map(|told| format!(": {told}")).unwrap_or_default();
        lines.push(format!("{} {:?}{told}", spec.id, state.status));
    }
    lines.push(String::new());
    lines.extend(view::commands(name, run));
    lines.join("\n")
}
