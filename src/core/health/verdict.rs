//! Judging a target by the agreement of observers.
//!
//! A bad column is a bad Region; a bad row is a bad observer; a bad cell is a link. Each Region has
//! one vote, however many agents it runs. Down needs a majority of *all* Regions that could
//! observe, not of those that happen to be heard: silence is never a vote against a target. One of
//! the majority must stand outside the target's Region, since a Region's view of itself says little
//! of what its clients reach.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::signals;
use crate::domain::observation::Cell;
use crate::domain::signal::ServiceSignals;
use crate::domain::{AgentId, CellState, RegionId, ServiceId, Target};

/// From this share of failed probes on, a target that answers is degraded: a tenth of requests
/// failing is felt by users, and 5 % packet loss alone (a retransmission, not a failure) stays
/// below it.
pub(super) const DEGRADED_PERMILLE_MIN: u16 = 100;

/// How long after a failure began a report must have come to say anything of it, in milliseconds:
/// it may have been under way, or read from a replica that lags.
const SINCE_MS_MIN: u64 = 1000;

/// The most that a report's age adds to a failure that it tells of, in milliseconds: reports come
/// every two seconds, and are read within half a second.
pub(super) const AGE_COUNTED_MS_MAX: u64 = 2500;

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A majority says that it answers.
    Healthy,
    /// A majority says that it answers, but not always.
    Degraded {
        /// Failed probes of a thousand (the median over the observers that see it up), or
        /// unhealthy targets of a thousand (as its own load balancer says), whichever is more.
        failed_permille: u16,
    },
    /// A majority, one of it outside, says that it does not answer.
    Down,
    /// As `Down`, but its own Region's observer finds it well.
    CutOff,
    /// No majority for anything.
    Unknown,
}

impl Verdict {
    /// The verdict as a metric label and in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded { .. } => "degraded",
            Self::Down => "down",
            Self::CutOff => "cut_off",
            Self::Unknown => "unknown",
        }
    }

    /// Every label.
    pub const LABELS: [&'static str; 5] = ["healthy", "degraded", "down", "cut_off", "unknown"];
}

/// A fresh row of the matrix: what one agent sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Who.
    pub agent: &'a AgentId,
    /// Where it stands.
    pub region: &'a RegionId,
    /// What it sees.
    pub cells: &'a BTreeMap<Target, Cell>,
    /// What AWS says of its own Region's services.
    pub signals: &'a BTreeMap<ServiceId, ServiceSignals>,
    /// How long ago this was published, in milliseconds, as the reader knows it.
    pub age_ms: u64,
}

/// One Region's vote on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    /// It answers.
    Up,
    /// It does not, for this long in milliseconds.
    Down {
        /// Since the start of the first failed probe.
        for_ms: u64,
    },
    /// Undecided, silent, stale, or not believed.
    Abstains,
}

/// A verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// For `Down` and `CutOff`: for how long a majority has had it failing, in milliseconds.
    pub failing_ms: u64,
    /// Each Region's vote.
    pub votes: BTreeMap<RegionId, Vote>,
}

/// For how long a failure has lasted by one observer's word. Its silence since adds no more than the
/// time between two of its reports: silence is not a vote.
fn lasted_ms(cell: &Cell, row: &Row<'_>) -> u64 {
    cell.for_ms.saturating_add(row.age_ms.min(AGE_COUNTED_MS_MAX))
}

fn vote_of<'a>(rows: impl Iterator<Item = &'a Row<'a>>, target: &Target) -> Vote {
    let mut vote = Vote::Abstains;
    for row in rows {
        let Some(cell) = row.cells.get(target) else { continue };
        match (cell.state, vote) {
            // Of several agents in one Region, one that gets through is enough.
            (CellState::Up, _) => return Vote::Up,
            (CellState::Down, Vote::Abstains) => {
                vote = Vote::Down { for_ms: lasted_ms(cell, row) };
            }
            (CellState::Down, Vote::Down { for_ms }) => {
                vote = Vote::Down { for_ms: for_ms.min(lasted_ms(cell, row)) };
            }
            _ => {}
        }
    }
    vote
}

/// Regions whose observers are not believed: they find every other Region down, at least two of
/// them, while a majority of the others finds one of those up. The fault is in the row.
#[must_use]
pub fn discredited(
    rows: &[Row<'_>],
    regions: &BTreeSet<RegionId>,
    targets: &[Target],
) -> BTreeSet<RegionId> {
    let vote = |observer: &RegionId, target: &Target| {
        vote_of(rows.iter().filter(|row| row.region == observer), target)
    };
    let all_down = |observer: &RegionId, region: &RegionId| {
        let mut of_region = targets.iter().filter(|target| target.region == *region).peekable();
        of_region.peek().is_some()
            && of_region.all(|target| matches!(vote(observer, target), Vote::Down { .. }))
    };
    regions
        .iter()
        .filter(|observer| {
            let others: Vec<&RegionId> = targets
                .iter()
                .map(|target| &target.region)
                .filter(|region| region != observer)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            if others.len() < 2 || !others.iter().all(|region| all_down(observer, region)) {
                return false;
            }
            targets.iter().filter(|target| target.region != **observer).any(|target| {
                let ups = regions
                    .iter()
                    .filter(|other| other != observer && vote(other, target) == Vote::Up)
                    .count();
                ups * 2 > regions.len() - 1
            })
        })
        .cloned()
        .collect()
}

/// Judges a target. `rows` are the fresh rows; `regions` all that could observe.
#[must_use]
pub fn judge(
    rows: &[Row<'_>],
    regions: &BTreeSet<RegionId>,
    discredited: &BTreeSet<RegionId>,
    target: &Target,
) -> Judged {
    let votes: BTreeMap<RegionId, Vote> = regions
        .iter()
        .map(|region| {
            let vote = if discredited.contains(region) {
                Vote::Abstains
            } else {
                let vote = vote_of(rows.iter().filter(|row| row.region == region), target);
                if *region == target.region { signals::inside(vote, rows, target) } else { vote }
            };
            (region.clone(), vote)
        })
        .collect();
    let majority = regions.len() / 2 + 1;
    let mut failing: Vec<u64> = votes
        .values()
        .filter_map(|vote| match vote {
            Vote::Down { for_ms } => Some(*for_ms),
            Vote::Up | Vote::Abstains => None,
        })
        .collect();
    failing.sort_unstable_by(|a, b| b.cmp(a));
    let outside = |wanted: fn(&Vote) -> bool| {
        votes.iter().any(|(region, vote)| *region != target.region && wanted(vote))
    };
    let ups = votes.values().filter(|vote| **vote == Vote::Up).count();

    let (verdict, failing_ms) =
        if failing.len() >= majority && outside(|vote| matches!(vote, Vote::Down { .. })) {
            let failing_ms = failing[majority - 1];
            let inside = well_inside(rows, &votes, target, failing_ms);
            (if inside { Verdict::CutOff } else { Verdict::Down }, failing_ms)
        } else if ups >= majority && outside(|vote| *vote == Vote::Up) {
            let failed_permille = median_failed_permille(rows, &votes, target)
                .max(signals::unhealthy_permille(rows, target));
            if failed_permille >= DEGRADED_PERMILLE_MIN {
                (Verdict::Degraded { failed_permille }, 0)
            } else {
                (Verdict::Healthy, 0)
            }
        } else {
            (Verdict::Unknown, 0)
        };
    Judged { verdict, failing_ms, votes }
}

/// Whether the target's own Region says that it is well, and said so after the failure had begun: a
/// report that a lost Region left behind says nothing.
fn well_inside(
    rows: &[Row<'_>],
    votes: &BTreeMap<RegionId, Vote>,
    target: &Target,
    failing_ms: u64,
) -> bool {
    votes.get(&target.region) == Some(&Vote::Up)
        && rows
            .iter()
            .filter(|row| *row.region == target.region)
            .any(|row| row.age_ms + SINCE_MS_MIN <= failing_ms)
}

fn median_failed_permille(
    rows: &[Row<'_>],
    votes: &BTreeMap<RegionId, Vote>,
    target: &Target,
) -> u16 {
    let mut ratios: Vec<u16> = rows
        .iter()
        .filter(|row| votes.get(row.region) == Some(&Vote::Up))
        .filter_map(|row| row.cells.get(target))
        .filter(|cell| cell.window > 0)
        .map(|cell| {
            let permille = u32::from(cell.failed) * 1000 / u32::from(cell.window);
            u16::try_from(permille).unwrap_or(1000)
        })
        .collect();
    ratios.sort_unstable();
    // The lower median: with two observers, both must see it degraded.
    ratios.get(ratios.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(state: CellState, for_ms: u64, failed: u16) -> Cell {
        Cell { state, for_ms, failed, window: 20, failure: None, latency_ms: None }
    }

    static NO_SIGNALS: BTreeMap<ServiceId, ServiceSignals> = BTreeMap::new();

    struct Case {
        agents: BTreeMap<AgentId, (RegionId, BTreeMap<Target, Cell>)>,
        regions: BTreeSet<RegionId>,
        targets: Vec<Target>,
    }

    /// Rows as strings of one letter a Region: `u`p, `d`own, `r`ecovering, `.` nothing.
    fn case(rows: &[&str]) -> Case {
        let names = ["a", "b", "c", "d", "e"];
        let region = |n: usize| names[n].parse::<RegionId>().expect("valid");
        let target = |n: usize| Target { region: region(n), service: "s".parse().expect("valid") };
        let agents = rows
            .iter()
            .enumerate()
            .map(|(n, row)| {
                let cells = row
                    .chars()
                    .enumerate()
                    .filter_map(|(column, letter)| {
                        let state = match letter {
                            'u' => CellState::Up,
                            'd' => CellState::Down,
                            'r' => CellState::Recovering,
                            _ => return None,
                        };
                        Some((target(column), cell(state, 1000 * (n as u64 + 1), 0)))
                    })
                    .collect();
                (names[n].parse().expect("valid"), (region(n), cells))
            })
            .collect();
        Case {
            agents,
            regions: (0..rows.len()).map(region).collect(),
            targets: (0..rows.len()).map(target).collect(),
        }
    }

    impl Case {
        fn rows(&self) -> Vec<Row<'_>> {
            self.agents
                .iter()
                .filter(|(_, (_, cells))| !cells.is_empty())
                .map(|(agent, (region, cells))| Row {
                    agent,
                    region,
                    cells,
                    signals: &NO_SIGNALS,
                    age_ms: 10,
                })
                .collect()
        }

        fn judge(&self, column: usize) -> Judged {
            let rows = self.rows();
            let bad = discredited(&rows, &self.regions, &self.targets);
            judge(&rows, &self.regions, &bad, &self.targets[column])
        }
    }

    #[test]
    fn a_bad_column_is_a_bad_region() {
        // The lost Region says nothing; both others agree.
        let judged = case(&["uud", "uud", "..."]).judge(2);
        assert_eq!(judged.verdict, Verdict::Down);
        assert_eq!(judged.failing_ms, 1010, "for as long as the majority has had it failing");
        assert_eq!(case(&["uud", "uud", "uuu"]).judge(2).verdict, Verdict::CutOff);
        assert_eq!(case(&["uud", "uud", "uud"]).judge(2).verdict, Verdict::Down);
    }

    #[test]
    fn what_a_lost_region_said_before_it_was_lost_does_not_make_it_cut_off() {
        let case = case(&["uud", "uud", "uuu"]);
        let mut rows = case.rows();
        rows[2].age_ms = 900;
        let judged = judge(&rows, &case.regions, &BTreeSet::new(), &case.targets[2]);
        assert_eq!((judged.verdict, judged.failing_ms), (Verdict::Down, 1010));
    }

    #[test]
    fn a_bad_cell_is_a_link_and_moves_nothing() {
        assert_eq!(case(&["uud", "uuu", "uuu"]).judge(2).verdict, Verdict::Healthy);
        assert_eq!(case(&["uud", "uuu", "..."]).judge(2).verdict, Verdict::Unknown);
    }

    #[test]
    fn silence_is_not_a_vote() {
        assert_eq!(case(&["uud", "...", "..."]).judge(2).verdict, Verdict::Unknown);
        assert_eq!(case(&["..."; 3]).judge(2).verdict, Verdict::Unknown);
    }

    #[test]
    fn inside_alone_is_not_a_majority_however_many_agents_run_there() {
        let mut case = case(&["...", "...", "uud"]);
        let row = case.agents[&"c".parse::<AgentId>().expect("valid")].clone();
        case.agents.insert("c.2".parse().expect("valid"), row);
        assert_eq!(case.judge(2).verdict, Verdict::Unknown);
    }

    #[test]
    fn a_bad_row_is_a_bad_observer() {
        // `a` sees nothing but itself; with the link from `b` to `c` cut as well, two of three
        // would condemn `c`, though `b` and `c` find each other's neighbours well.
        let case = case(&["uddd", "uudu", "uuuu", "uuuu"]);
        let rows = case.rows();
        let bad = discredited(&rows, &case.regions, &case.targets);
        assert_eq!(bad, BTreeSet::from(["a".parse().expect("valid")]));
        assert_eq!(case.judge(2).votes[&"a".parse().expect("valid")], Vote::Abstains);
        assert_ne!(case.judge(2).verdict, Verdict::Down);
    }

    #[test]
    fn when_all_agree_nobody_is_discredited() {
        let case = case(&["udd", "...", "..."]);
        let rows = case.rows();
        assert!(discredited(&rows, &case.regions, &case.targets).is_empty());
    }

    #[test]
    fn silence_does_not_lengthen_a_failure_beyond_a_report_s_time() {
        let case = case(&["uud", "uud", "..."]);
        let mut rows = case.rows();
        for row in &mut rows {
            row.age_ms = 5900;
        }
        let judged = judge(&rows, &case.regions, &BTreeSet::new(), &case.targets[2]);
        assert_eq!(judged.failing_ms, 1000 + AGE_COUNTED_MS_MAX);
    }

    #[test]
    fn recovering_votes_neither_way() {
        assert_eq!(case(&["uur", "uud", "uuu"]).judge(2).verdict, Verdict::Unknown);
    }

    #[test]
    fn degraded_needs_more_than_one_observer() {
        let mut case = case(&["uuu", "uuu", "uuu"]);
        let target = case.targets[2].clone();
        let spoil = |case: &mut Case, agent: &str| {
            let row = case.agents.get_mut(&agent.parse().expect("valid")).expect("there");
            row.1.insert(target.clone(), cell(CellState::Up, 0, 4));
        };
        spoil(&mut case, "a");
        assert_eq!(case.judge(2).verdict, Verdict::Healthy);
        spoil(&mut case, "b");
        assert_eq!(case.judge(2).verdict, Verdict::Degraded { failed_permille: 200 });
    }
}
