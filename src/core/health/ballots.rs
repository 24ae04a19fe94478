//! The matrix of one moment as plain arrays: who votes what on which target.
//!
//! A fleet of 30 Regions and 200 services has 180,000 cells, and each verdict looks at all observers
//! of a target. So cells are found once, by walking each row beside the sorted targets, and verdicts
//! are then read off along a line, without comparing a name.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::domain::{CellState, RegionId, Target};

use super::signals;
use super::verdict::{Judged, Row, Verdict, Vote, lasted_ms, median_permille, weigh};

/// What one agent sees of one target, as far as verdicts need it.
#[derive(Debug, Clone, Copy)]
struct Seen {
    state: CellState,
    lasted_ms: u64,
    /// Failed probes of a thousand, if there are any to count.
    failed_permille: Option<u16>,
}

/// A fresh row: where its agent stands and how old it is.
#[derive(Debug)]
struct Observer {
    region: usize,
    age_ms: u64,
    /// By target.
    seen: Vec<Option<Seen>>,
}

/// Every Region's vote on every target. Regions whose observers are not believed abstain.
#[derive(Debug)]
pub struct Ballots<'a> {
    /// In order.
    targets: Vec<&'a Target>,
    /// In order.
    regions: Vec<&'a RegionId>,
    /// By target: which of `regions` it stands in, if it is one of them.
    place: Vec<Option<usize>>,
    observers: Vec<Observer>,
    /// By target, and within it by Region.
    votes: Vec<Vote>,
    discredited: BTreeSet<usize>,
    /// By target: what AWS says against it, in unhealthy targets of a thousand.
    unhealthy_permille: Vec<u16>,
}

impl<'a> Ballots<'a> {
    /// Counts the votes. `rows` are the fresh rows; `regions` all that could observe.
    #[must_use]
    pub fn count(rows: &[Row<'_>], regions: &'a BTreeSet<RegionId>, targets: &'a [Target]) -> Self {
        let mut targets: Vec<&Target> = targets.iter().collect();
        targets.sort_unstable();
        let regions: Vec<&RegionId> = regions.iter().collect();
        let observers: Vec<Observer> = rows
            .iter()
            .filter_map(|row| {
                let region = regions.binary_search(&row.region).ok()?;
                Some(Observer { region, age_ms: row.age_ms, seen: see(row, &targets) })
            })
            .collect();
        let mut votes = vec![Vote::Abstains; targets.len() * regions.len()];
        for observer in &observers {
            let line = votes.iter_mut().skip(observer.region).step_by(regions.len());
            for (vote, seen) in line.zip(&observer.seen) {
                *vote = together(*vote, *seen);
            }
        }
        let place = places(&targets, &regions);
        let discredited = BTreeSet::new();
        let unhealthy_permille = vec![0; targets.len()];
        let mut ballots =
            Self { targets, regions, place, observers, votes, discredited, unhealthy_permille };
        ballots.discredit();
        ballots.hear_signals(rows);
        ballots
    }

    /// Lets what AWS says of a Region turn that Region's own votes, where its observers are believed.
    fn hear_signals(&mut self, rows: &[Row<'_>]) {
        let told = rows.iter().flat_map(|row| {
            row.signals
                .keys()
                .map(|service| Target { region: row.region.clone(), service: service.clone() })
        });
        for target in told.collect::<BTreeSet<Target>>() {
            let Ok(at) = self.targets.binary_search(&&target) else { continue };
            self.unhealthy_permille[at] = signals::unhealthy_permille(rows, &target);
            let Some(place) = self.place[at] else { continue };
            if !self.discredited.contains(&place) {
                let vote = &mut self.votes[at * self.regions.len() + place];
                *vote = signals::inside(*vote, rows, &target);
            }
        }
    }

    /// Regions whose observers are not believed: they find every other Region down, at least two of
    /// them, while a majority of the others finds one of those up. The fault is in the row.
    #[must_use]
    pub fn discredited(&self) -> BTreeSet<RegionId> {
        self.discredited.iter().map(|region| self.regions[*region].clone()).collect()
    }

    /// Every target's verdict, in the order of targets, with the time for which a majority has had
    /// it failing, in milliseconds.
    pub fn verdicts(&self) -> impl Iterator<Item = (&'a Target, Verdict, u64)> {
        (0..self.targets.len()).map(|target| {
            let (verdict, failing_ms) = self.verdict(target);
            (self.targets[target], verdict, failing_ms)
        })
    }

    /// Judges one target; none if it is not one of those that were counted.
    #[must_use]
    pub fn judge(&self, target: &Target) -> Option<Judged> {
        let at = self.targets.binary_search(&target).ok()?;
        let (verdict, failing_ms) = self.verdict(at);
        let regions = self.regions.iter().map(|region| (*region).clone());
        let votes = regions.zip(self.line(at).iter().copied()).collect();
        Some(Judged { verdict, failing_ms, votes })
    }

    fn line(&self, target: usize) -> &[Vote] {
        &self.votes[target * self.regions.len()..][..self.regions.len()]
    }

    fn verdict(&self, target: usize) -> (Verdict, u64) {
        let line = self.line(target);
        let place = self.place[target];
        let failed_permille = || {
            let up = |observer: &&Observer| line[observer.region] == Vote::Up;
            let seen = self.observers.iter().filter(up).filter_map(|o| o.seen[target]);
            median_permille(seen.filter_map(|seen| seen.failed_permille).collect())
                .max(self.unhealthy_permille[target])
        };
        let ages_inside = || {
            let inside = self.observers.iter().filter(|observer| Some(observer.region) == place);
            inside.map(|observer| observer.age_ms)
        };
        weigh(line, place, failed_permille, ages_inside)
    }

    fn discredit(&mut self) {
        // Each Region that is a target's, with its targets: they lie beside each other.
        let mut groups: Vec<(Option<usize>, &RegionId, std::ops::Range<usize>)> = Vec::new();
        for (at, target) in self.targets.iter().enumerate() {
            match groups.last_mut() {
                Some((_, region, range)) if **region == target.region => range.end = at + 1,
                _ => groups.push((self.place[at], &target.region, at..at + 1)),
            }
        }
        let well: Vec<bool> = (0..self.targets.len())
            .map(|target| {
                let ups = self.line(target).iter().filter(|vote| **vote == Vote::Up).count();
                ups * 2 > self.regions.len() - 1
            })
            .collect();
        let discredited: BTreeSet<usize> = (0..self.regions.len())
            .filter(|observer| {
                let others = || groups.iter().filter(|(place, ..)| *place != Some(*observer));
                // It finds every target below down, so that none of the votes for it is its own.
                let down =
                    |target: usize| matches!(self.line(target)[*observer], Vote::Down { .. });
                others().count() >= 2
                    && others().all(|(_, _, range)| range.clone().all(down))
                    && others().any(|(_, _, range)| well[range.clone()].contains(&true))
            })
            .collect();
        let width = self.regions.len();
        for observer in &discredited {
            let line = self.votes.iter_mut().skip(*observer).step_by(width);
            line.for_each(|vote| *vote = Vote::Abstains);
        }
        self.discredited = discredited;
    }
}

/// A row's cells beside the targets, both in order.
fn see(row: &Row<'_>, targets: &[&Target]) -> Vec<Option<Seen>> {
    let mut cells = row.cells.iter().peekable();
    targets
        .iter()
        .map(|target| {
            // As a rule the next cell is the target's: one comparison finds it.
            let cell = loop {
                match cells.peek()?.0.cmp(target) {
                    Ordering::Less => cells.next(),
                    Ordering::Equal => break cells.next()?.1,
                    Ordering::Greater => return None,
                };
            };
            let permille = u32::from(cell.failed) * 1000 / u32::from(cell.window).max(1);
            let permille = u16::try_from(permille).unwrap_or(1000);
            Some(Seen {
                state: cell.state,
                lasted_ms: lasted_ms(cell, row),
                failed_permille: (cell.window > 0).then_some(permille),
            })
        })
        .collect()
}

/// A Region's vote when one more of its agents has spoken.
fn together(vote: Vote, seen: Option<Seen>) -> Vote {
    let Some(seen) = seen else { return vote };
    match (seen.state, vote) {
        // Of several agents in one Region, one that gets through is enough.
        (CellState::Up, _) | (_, Vote::Up) => Vote::Up,
        (CellState::Down, Vote::Abstains) => Vote::Down { for_ms: seen.lasted_ms },
        (CellState::Down, Vote::Down { for_ms }) => {
            Vote::Down { for_ms: for_ms.min(seen.lasted_ms) }
        }
        (CellState::Unknown | CellState::Suspect | CellState::Recovering, vote) => vote,
    }
}

fn places(targets: &[&Target], regions: &[&RegionId]) -> Vec<Option<usize>> {
    targets.iter().map(|target| regions.binary_search(&&target.region).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::observation::Cell;
    use crate::domain::signal::ServiceSignals;
    use crate::domain::{AgentId, ServiceId};

    static NO_SIGNALS: BTreeMap<ServiceId, ServiceSignals> = BTreeMap::new();

    type Rows = BTreeMap<AgentId, (RegionId, BTreeMap<Target, Cell>)>;

    fn region(n: usize) -> RegionId {
        format!("r{n}").parse().expect("valid")
    }

    /// Two services in each of these Regions, in no order that anybody relies on.
    fn targets(regions: usize) -> Vec<Target> {
        let service = |name: &str| name.parse().expect("valid");
        let both =
            |n| ["web", "api"].map(|name| Target { region: region(n), service: service(name) });
        (0..regions).flat_map(both).collect()
    }

    fn cell() -> impl Strategy<Value = Option<Cell>> {
        let state = prop_oneof![
            4 => Just(CellState::Down),
            4 => Just(CellState::Up),
            1 => Just(CellState::Recovering),
        ];
        prop::option::weighted(0.9, (state, 0_u64..4000, 0_u16..5)).prop_map(|seen| {
            let (state, for_ms, failed) = seen?;
            Some(Cell { state, for_ms, failed, window: 20, failure: None, latency_ms: None })
        })
    }

    /// Up to eight agents in five Regions, one of which is not the fleet's.
    fn rows() -> impl Strategy<Value = Rows> {
        prop::collection::vec((0_usize..5, prop::collection::vec(cell(), 8)), 0..8).prop_map(
            |rows| {
                let row = |(n, (at, cells)): (usize, (usize, Vec<Option<Cell>>))| {
                    let cells = targets(4).into_iter().zip(cells);
                    let cells = cells.filter_map(|(target, cell)| Some((target, cell?))).collect();
                    (format!("a{n}").parse().expect("valid"), (region(at), cells))
                };
                rows.into_iter().enumerate().map(row).collect()
            },
        )
    }

    /// A Region's vote, by looking at every row.
    fn vote(rows: &[Row<'_>], region: &RegionId, target: &Target) -> Vote {
        let cells: Vec<(CellState, u64)> = rows
            .iter()
            .filter(|row| row.region == region)
            .filter_map(|row| Some((row.cells.get(target)?, row)))
            .map(|(cell, row)| (cell.state, lasted_ms(cell, row)))
            .collect();
        let down = cells.iter().filter(|(state, _)| *state == CellState::Down);
        if cells.iter().any(|(state, _)| *state == CellState::Up) {
            Vote::Up
        } else {
            down.map(|(_, ms)| *ms).min().map_or(Vote::Abstains, |for_ms| Vote::Down { for_ms })
        }
    }

    /// Whether a Region's word counts for nothing, by the rule's own words.
    fn is_bad_row(rows: &[Row<'_>], regions: &BTreeSet<RegionId>, observer: &RegionId) -> bool {
        let all = targets(4);
        let others: Vec<&Target> = all.iter().filter(|t| t.region != *observer).collect();
        let down = |t: &&Target| matches!(vote(rows, observer, t), Vote::Down { .. });
        let well = |t: &&Target| {
            let ups = regions.iter().filter(|r| *r != observer && vote(rows, r, t) == Vote::Up);
            ups.count() * 2 > regions.len() - 1
        };
        others.iter().all(down) && others.iter().any(well)
    }

    proptest! {
        #[test]
        fn counting_along_the_rows_finds_what_looking_up_every_cell_does(seen in rows()) {
            let rows: Vec<Row<'_>> = seen
                .iter()
                .map(|(agent, (region, cells))| {
                    Row { agent, region, cells, signals: &NO_SIGNALS, age_ms: 1500 }
                })
                .collect();
            let regions: BTreeSet<RegionId> = (0..4).map(region).collect();
            let targets = targets(4);
            let ballots = Ballots::count(&rows, &regions, &targets);
            let bad: BTreeSet<RegionId> =
                regions.iter().filter(|r| is_bad_row(&rows, &regions, r)).cloned().collect();
            prop_assert_eq!(ballots.discredited(), bad.clone());
            for (target, verdict, failing_ms) in ballots.verdicts() {
                let judged = ballots.judge(target).expect("one of them");
                prop_assert_eq!((judged.verdict, judged.failing_ms), (verdict, failing_ms));
                for (region, found) in judged.votes {
                    let wanted = vote(&rows, &region, target);
                    let wanted = if bad.contains(&region) { Vote::Abstains } else { wanted };
                    prop_assert_eq!(found, wanted, "{} on {}", region, target);
                }
            }
        }
    }
}
