//! Plain lines that tell a running fleet's story: who leads, what is served, how clients fare; each
//! fault and each change of weights at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::clients::ClientCount;
use super::reading::Leader;
use super::running::Running;
use super::{Sink, words};
use crate::domain::control::Weights;
use crate::domain::{Moment, RegionId, Weight};
use crate::world::log::Happening;

/// Time between lines while something changes.
const BUSY_EVERY: Duration = Duration::from_secs(2);

/// Time between lines while nothing does.
const QUIET_EVERY: Duration = Duration::from_secs(10);

/// Requests answered and failed, by Region; none stands for clients without an address.
type ByRegion = BTreeMap<Option<RegionId>, (u64, u64)>;

/// Writes lines for as long as it is polled.
pub(super) async fn run(running: Arc<Running>, sink: Sink) {
    let mut changes = running.shared().changes();
    let mut story = Story::new(&running);
    let mut tick = tokio::time::interval(BUSY_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                if let Some(line) = story.regular(&running) {
                    sink(&line);
                }
            }
            changed = changes.changed() => {
                changed.expect("the world keeps its sender");
            }
        }
        for line in story.news(&running) {
            sink(&line);
        }
    }
}

/// What was told already.
struct Story {
    log_read: usize,
    /// The number of the newest message that was told.
    notices_read: u64,
    served: Weights,
    leader: Option<Leader>,
    counts: ByRegion,
    told_at: Moment,
    /// Whether anything has happened since.
    busy: bool,
}

impl Story {
    fn new(running: &Running) -> Self {
        Self {
            log_read: running.shared().visit(|world, _| world.log.entries().len()),
            notices_read: 0,
            served: running.served(),
            leader: None,
            counts: BTreeMap::new(),
            told_at: Moment::ZERO,
            busy: true,
        }
    }

    /// Lines for what happened just now.
    fn news(&mut self, running: &Running) -> Vec<String> {
        let (now, mut lines) = running.shared().visit(|world, now| {
            let new = world.log.entries().get(self.log_read..).unwrap_or_default();
            let faults = new.iter().filter_map(|entry| match &entry.happening {
                Happening::Fault { fault } => {
                    Some(format!("{} {}", clock(entry.at), words::fault(fault)))
                }
                other => {
                    words::of_a_database(other).map(|text| format!("{} {text}", clock(entry.at)))
                }
            });
            let lines: Vec<_> = faults.collect();
            self.log_read = world.log.entries().len();
            let published = world.sns.published().filter(|it| it.number > self.notices_read);
            let told = published.map(|it| {
                let (subject, via) = (it.message.subject.as_deref(), it.topic.region());
                let subject = subject.unwrap_or("(no subject)");
                format!("{} people are told through {via}: {subject}", clock(it.at))
            });
            let lines: Vec<_> = lines.into_iter().chain(told).collect();
            let newest = world.sns.published().next_back().map(|it| it.number);
            self.notices_read = newest.unwrap_or(self.notices_read);
            (now, lines)
        });
        let served = running.served();
        lines.extend(moved(now, &self.served, &served));
        self.served = served;
        let leader = running.leader();
        if leader != self.leader {
            lines.push(format!("{} {}", clock(now), leads(leader.as_ref())));
            self.leader = leader;
        }
        self.busy |= !lines.is_empty();
        lines
    }

    /// The regular line, if it is time for one.
    fn regular(&mut self, running: &Running) -> Option<String> {
        let now = running.shared().now();
        let counts = by_region(&running.counts());
        let since = difference(&self.counts, &counts);
        let failing = since.values().any(|(_, failed)| *failed > 0);
        if !self.busy && !failing && now.since(self.told_at) < QUIET_EVERY {
            return None;
        }
        (self.busy, self.told_at, self.counts) = (false, now, counts);
        Some(summary(now, self.leader.as_ref(), &self.served, &since))
    }
}

fn clock(at: Moment) -> String {
    format!("{:>8.1}s", Duration::from_millis(at.as_ms()).as_secs_f64())
}

fn leads(leader: Option<&Leader>) -> String {
    match leader {
        Some(Leader { agent, epoch }) => format!("{agent} leads (epoch {epoch})"),
        None => "nobody leads".to_owned(),
    }
}

/// A line for each service whose weights differ.
fn moved(now: Moment, before: &Weights, after: &Weights) -> Vec<String> {
    let none = BTreeMap::new();
    let line = |(service, after): (_, &BTreeMap<RegionId, Weight>)| {
        let before = before.get(service).unwrap_or(&none);
        let mut text = format!("{} {service}:", clock(now));
        let regions: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let shown = |weight: Option<&Weight>| weight.map_or("none".to_owned(), Weight::to_string);
        for region in regions {
            let (was, is) = (before.get(region), after.get(region));
            if was != is {
                write!(text, " {region} {}→{}", shown(was), shown(is)).expect("a String takes it");
            }
        }
        (before != after).then_some(text)
    };
    after.iter().filter_map(line).collect()
}

fn by_region(counts: &[ClientCount]) -> ByRegion {
    let mut sums = ByRegion::new();
    for count in counts {
        let (ok, failed) = sums.entry(count.region.clone()).or_default();
        *ok += count.ok;
        *failed += count.failed;
    }
    sums
}

fn difference(before: &ByRegion, after: &ByRegion) -> ByRegion {
    let less = |(region, (ok, failed)): (&Option<RegionId>, &(u64, u64))| {
        let (ok_before, failed_before) = before.get(region).copied().unwrap_or_default();
        (region.clone(), (ok - ok_before, failed - failed_before))
    };
    after.iter().map(less).collect()
}

fn summary(now: Moment, leader: Option<&Leader>, served: &Weights, clients: &ByRegion) -> String {
    let weights = served.iter().map(|(service, weights)| {
        let each = weights.iter().map(|(region, weight)| format!("{region} {weight}"));
        format!("{service}: {}", words::list(each))
    });
    let clients = clients.iter().map(|(region, (ok, failed))| {
        let region = region.as_ref().map_or("no address", RegionId::as_str);
        let errors = if *failed == 0 { String::new() } else { format!(" ({failed} errors)") };
        format!("{region} {ok}{errors}")
    });
    let parts: Vec<_> = std::iter::once(leads(leader))
        .chain(weights)
        .chain([format!("clients: {}", words::list(clients))])
        .collect();
    format!("{} {}", clock(now), parts.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> RegionId {
        name.parse().expect("valid")
    }

    fn weights(pairs: &[(&str, u8)]) -> Weights {
        let of = pairs.iter().map(|(name, weight)| (region(name), Weight(*weight))).collect();
        Weights::from([("web".parse().expect("valid"), of)])
    }

    #[test]
    fn a_line_tells_who_leads_what_is_served_and_how_clients_fared() {
        let before = ByRegion::from([(Some(region("a")), (10, 1))]);
        let after = ByRegion::from([(Some(region("a")), (15, 1)), (None, (0, 2))]);
        let leader = Leader { agent: "a".parse().expect("valid"), epoch: crate::domain::Epoch(3) };
        let line = summary(
            Moment::from_ms(12_345),
            Some(&leader),
            &weights(&[("a", 100), ("b", 0)]),
            &difference(&before, &after),
        );
        assert_eq!(
            line,
            "    12.3s a leads (epoch 3) | web: a 100, b 0 | clients: no address 0 (2 errors), a 5"
        );
    }

    #[test]
    fn only_weights_that_moved_are_told() {
        let before = weights(&[("a", 100), ("b", 100)]);
        let after = weights(&[("a", 100), ("b", 0), ("c", 5)]);
        let lines = moved(Moment::from_ms(1000), &before, &after);
        assert_eq!(lines, ["     1.0s web: b 100→0 c none→5"]);
        assert_eq!(moved(Moment::ZERO, &after, &after), [""; 0]);
    }
}
