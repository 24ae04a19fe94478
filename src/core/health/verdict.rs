//! Judging a target by the agreement of observers.
//!
//! A bad column is a bad Region; a bad row is a bad observer; a bad cell is a link. Each Region has
//! one vote, however many agents it runs. Down needs a majority of *all* Regions that could
//! observe, not of those that happen to be heard: silence is never a vote against a target. One of
//! the majority must stand outside the target's Region, since a Region's view of itself says little
//! of what its clients reach.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::observation::Cell;
use crate::domain::signal::ServiceSignals;
use crate::domain::{AgentId, RegionId, ServiceId, Target};

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
pub(super) fn lasted_ms(cell: &Cell, row: &Row<'_>) -> u64 {
    cell.for_ms.saturating_add(row.age_ms.min(AGE_COUNTED_MS_MAX))
}

/// Weighs one target's votes, given by Region. `place` is the target's own Region among them.
/// `failed_permille` tells how often those fail who see it up; `ages_inside` the ages of the rows of
/// its own Region.
pub(super) fn weigh<Ages: Iterator<Item = u64>>(
    votes: &[Vote],
    place: Option<usize>,
    failed_permille: impl FnOnce() -> u16,
    ages_inside: impl FnOnce() -> Ages,
) -> (Verdict, u64) {
    let majority = votes.len() / 2 + 1;
    let outside = |wanted: fn(&Vote) -> bool| {
        votes.iter().enumerate().any(|(region, vote)| Some(region) != place && wanted(vote))
    };
    let mut failing: Vec<u64> = votes
        .iter()
        .filter_map(|vote| match vote {
            Vote::Down { for_ms } => Some(*for_ms),
            Vote::Up | Vote::Abstains => None,
        })
        .collect();
    if failing.len() >= majority && outside(|vote| matches!(vote, Vote::Down { .. })) {
        failing.sort_unstable_by(|a, b| b.cmp(a));
        let failing_ms = failing[majority - 1];
        // Whether its own Region says that it is well, and said so after the failure had begun: a
        // report that a lost Region left behind says nothing.
        let inside = place.is_some_and(|place| votes[place] == Vote::Up)
            && ages_inside().any(|age_ms| age_ms + SINCE_MS_MIN <= failing_ms);
        return (if inside { Verdict::CutOff } else { Verdict::Down }, failing_ms);
    }
    let ups = votes.iter().filter(|vote| **vote == Vote::Up).count();
    if ups < majority || !outside(|vote| *vote == Vote::Up) {
        return (Verdict::Unknown, 0);
    }
    let failed_permille = failed_permille();
    if failed_permille >= DEGRADED_PERMILLE_MIN {
        (Verdict::Degraded { failed_permille }, 0)
    } else {
        (Verdict::Healthy, 0)
    }
}

/// The lower median: with two observers, both must see it degraded.
pub(super) fn median_permille(mut ratios: Vec<u16>) -> u16 {
    ratios.sort_unstable();
    ratios.get(ratios.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::ballots::Ballots;
    use super::*;
    use crate::domain::CellState;

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
            self.judge_by(&self.rows(), column)
        }

        fn judge_by(&self, rows: &[Row<'_>], column: usize) -> Judged {
            let ballots = Ballots::count(rows, &self.regions, &self.targets);
            ballots.judge(&self.targets[column]).expect("one of them")
        }

        fn discredited(&self) -> BTreeSet<RegionId> {
            Ballots::count(&self.rows(), &self.regions, &self.targets).discredited()
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
        let judged = case.judge_by(&rows, 2);
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
        assert_eq!(case.discredited(), BTreeSet::from(["a".parse().expect("valid")]));
        assert_eq!(case.judge(2).votes[&"a".parse().expect("valid")], Vote::Abstains);
        assert_ne!(case.judge(2).verdict, Verdict::Down);
    }

    #[test]
    fn when_all_agree_nobody_is_discredited() {
        let case = case(&["udd", "...", "..."]);
        assert!(case.discredited().is_empty());
    }

    #[test]
    fn silence_does_not_lengthen_a_failure_beyond_a_report_s_time() {
        let case = case(&["uud", "uud", "..."]);
        let mut rows = case.rows();
        for row in &mut rows {
            row.age_ms = 5900;
        }
        let judged = case.judge_by(&rows, 2);
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
