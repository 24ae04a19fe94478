//! Who is answered in every combination of closed gates, dead agents, agents that hold an older
//! position, and weights: the arithmetic behind `regent check` and behind the kept table.
//!
//! A set of Regions is a number with a bit for each. What an agent with an older position shows
//! can't be known, so a combination has several answers, one for each that may come.

use super::answers::{primary_is_answered, shut};

/// Regions, one bit each.
pub type Set = u32;

/// A name's records and who can shut them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// Regions with a record of the name: the lowest bits.
    pub records: usize,
    /// Regions whose agents show gates, a witness's among them.
    pub observers: Set,
    /// How many of them shut a Region.
    pub closers: u16,
    /// The primary's bit of a failover pair; none where weights share the answers.
    pub primary: Option<usize>,
}

/// What is the case at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Case {
    /// Regions whose gates the newest committed state closes.
    pub closed: Set,
    /// Regions whose agents show nothing, so that their watches read open.
    pub dead: Set,
    /// Regions whose agents may show any older position, of every gate for itself.
    pub stale: Set,
    /// Regions whose records have weight 0.
    pub zero: Set,
}

/// What comes of a combination, held against whom the decision and the weights leave in service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Those are answered, and nobody else.
    AsDecided,
    /// They are, and so may be one that is to be shut, which too few can shut.
    ClosedToo,
    /// One of them may be missing: older positions shut it, or it is the second of a pair and too
    /// few can shut the first.
    ServingLost,
    /// Nobody is left in service: name servers answer all the same.
    NobodyLeft,
}

/// The set's members.
pub fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..Set::BITS).filter(move |bit| set & (1 << bit) != 0).map(|bit| bit as usize)
}

fn has(set: Set, one: usize) -> bool {
    set & (1 << one) != 0
}

impl Setting {
    /// Every Region with a record.
    #[must_use]
    pub fn all(&self) -> Set {
        (1 << self.records) - 1
    }

    /// Who is answered, by whose checks are healthy and whose weight is 0.
    #[must_use]
    pub fn answered(&self, healthy: Set, zero: Set) -> Set {
        let all = self.all();
        if let Some(primary) = self.primary {
            let first = 1 << primary;
            let second_healthy = healthy & all & !first != 0;
            return if primary_is_answered(has(healthy, primary), second_healthy) {
                first
            } else {
                all & !first
            };
        }
        let tiers = [healthy & !zero, healthy, !zero, all];
        tiers.into_iter().map(|tier| tier & all).find(|tier| *tier != 0).unwrap_or(all)
    }

    /// Whom the decision and the weights leave in service; nobody, perhaps.
    #[must_use]
    pub fn left(&self, case: Case) -> Set {
        let left = self.all() & !case.closed & !case.zero;
        match self.primary {
            Some(primary) if has(left, primary) => 1 << primary,
            _ => left,
        }
    }

    /// Every answer that may come.
    #[must_use]
    pub fn answers(&self, case: Case) -> Vec<Set> {
        let showing = |who: Set, of: usize| {
            let others = who & self.observers & !case.dead & !(1 << of);
            others.count_ones() as usize
        };
        let (mut healthy, mut either) = (0, 0);
        for region in 0..self.records {
            let stale = showing(case.stale, region);
            let sure = if has(case.closed, region) { showing(!case.stale, region) } else { 0 };
            if !shut(self.closers, sure + stale) {
                healthy |= 1 << region;
            } else if !shut(self.closers, sure) {
                either |= 1 << region;
            }
        }
        // Every subset of those that may be either, from all of them to none.
        let (mut answers, mut part) = (Vec::new(), either);
        loop {
            let answer = self.answered(healthy | part, case.zero);
            if !answers.contains(&answer) {
                answers.push(answer);
            }
            if part == 0 {
                return answers;
            }
            part = (part - 1) & either;
        }
    }

    /// What comes of it, the worst that may.
    #[must_use]
    pub fn outcome(&self, case: Case) -> Outcome {
        let left = self.left(case);
        if left == 0 {
            return Outcome::NobodyLeft;
        }
        let worst = self.answers(case).into_iter().map(|answer| match answer {
            answer if answer == left => Outcome::AsDecided,
            answer if answer & left == left => Outcome::ClosedToo,
            _ => Outcome::ServingLost,
        });
        worst.max().unwrap_or(Outcome::AsDecided)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use super::super::answers::{Standing, answered};
    use super::*;

    /// The smallest fleets and the usual ones: Regions that serve, witnesses, closers.
    const SHAPES: [(usize, usize, u16); 5] =
        [(2, 1, 2), (3, 0, 2), (4, 0, 2), (5, 0, 2), (5, 0, 3)];

    fn setting((records, witnesses, closers): (usize, usize, u16)) -> Setting {
        let observers = (1 << (records + witnesses)) - 1;
        Setting { records, observers, closers, primary: None }
    }

    /// Every part of a set, from all of it to nothing.
    fn parts(of: Set) -> impl Iterator<Item = Set> {
        let next = move |part: &Set| (*part != 0).then(|| (*part - 1) & of);
        std::iter::successors(Some(of), next)
    }

    fn cases(setting: &Setting) -> impl Iterator<Item = Case> {
        let (all, observers) = (setting.all(), setting.observers);
        parts(observers).flat_map(move |dead| {
            parts(observers & !dead).flat_map(move |stale| {
                parts(all).flat_map(move |closed| {
                    parts(all).map(move |zero| Case { closed, dead, stale, zero })
                })
            })
        })
    }

    /// How often each outcome comes, of those that leave somebody in service.
    #[derive(Default)]
    struct Cell([u32; 3]);

    impl Cell {
        fn told(&self) -> String {
            let Self([as_decided, closed_too, serving_lost]) = *self;
            let all = as_decided + closed_too + serving_lost;
            let mark =
                |count: u32, mark: &str| if count > 0 { mark.to_owned() } else { String::new() };
            match all {
                0 => ".".to_owned(),
                all if all == as_decided => "=".to_owned(),
                all => format!(
                    "{as_decided}/{all} {}{}",
                    mark(closed_too, "+"),
                    mark(serving_lost, "-")
                ),
            }
        }
    }

    /// Every combination, told by how many agents are dead and stale and how many gates are closed,
    /// and summed over which ones and over every choice of zero weights.
    fn table() -> String {
        let mut text = "\
=    always those whom the decision and the weights leave in service, and nobody else
n/m  so in n of m combinations; in the others,
+    those, and perhaps one whose gate too few can close: until its record has weight 0
-    perhaps not all of those: positions of before may shut one
.    nobody is left in service: name servers answer all the same
"
        .to_owned();
        for shape @ (serving, witnesses, closers) in SHAPES {
            let setting = setting(shape);
            let mut rows: BTreeMap<(u32, u32), Vec<Cell>> = BTreeMap::new();
            for case in cases(&setting) {
                let of = (case.dead.count_ones(), case.stale.count_ones());
                let row = rows.entry(of).or_default();
                row.resize_with(serving + 1, Cell::default);
                let cell = &mut row[case.closed.count_ones() as usize].0;
                match law(&setting, case) {
                    Outcome::AsDecided => cell[0] += 1,
                    Outcome::ClosedToo => cell[1] += 1,
                    Outcome::ServingLost => cell[2] += 1,
                    Outcome::NobodyLeft => {}
                }
            }
            let regions = format!("{serving} serving, {witnesses} witnesses, {closers} closers");
            writeln!(text, "\n{regions}").expect("String");
            let heads = (0..=serving).map(|closed| format!("{closed:>13}")).collect::<String>();
            writeln!(text, "dead  stale  closed:{}", &heads[8..]).expect("String");
            for ((dead, stale), cells) in rows {
                let cells = cells.iter().map(|cell| format!("{:>13}", cell.told()));
                writeln!(text, "{dead:>4}  {stale:>5}{}", cells.collect::<String>())
                    .expect("String");
            }
        }
        text
    }

    /// What comes of a case, which keeps the laws of every case.
    fn law(setting: &Setting, case: Case) -> Outcome {
        let outcome = setting.outcome(case);
        let answers = setting.answers(case);
        assert!(answers.iter().all(|answer| *answer != 0), "somebody is always answered: {case:?}");
        let behind = case.stale.count_ones() >= u32::from(setting.closers);
        match outcome {
            Outcome::ServingLost => assert!(behind, "too few were behind to shut one: {case:?}"),
            Outcome::AsDecided | Outcome::ClosedToo => {
                assert!(answers.iter().all(|answer| answer & case.zero == 0), "{case:?}");
                let followed = case.closed & !case.zero == 0;
                assert!(!followed || outcome == Outcome::AsDecided, "records suffice: {case:?}");
            }
            Outcome::NobodyLeft => {}
        }
        outcome
    }

    #[test]
    fn every_combination_of_gates_agents_and_zero_weights() {
        insta::assert_snapshot!("combinations", table());
    }

    #[test]
    fn with_every_agent_alive_gates_alone_do_what_was_decided() {
        for shape in SHAPES {
            let setting = setting(shape);
            for closed in parts(setting.all()).filter(|closed| *closed != setting.all()) {
                let case = Case { closed, ..Case::default() };
                assert_eq!(setting.answers(case), [setting.all() & !closed], "{shape:?}");
            }
        }
    }

    /// Each agent may show a position of its own: some have not read the newest state yet, or
    /// can't.
    #[test]
    fn one_region_alone_never_changes_who_is_answered() {
        for shape in SHAPES {
            let setting = setting(shape);
            for rogue in members(setting.observers) {
                let stale = 1 << rogue;
                for zero in parts(setting.all()).filter(|zero| *zero != setting.all()) {
                    let case = Case { stale, zero, ..Case::default() };
                    assert_eq!(setting.outcome(case), Outcome::AsDecided, "{shape:?} {rogue}");
                    let weak = Setting { closers: 1, ..setting.clone() };
                    let others = setting.all() & !stale & !zero;
                    let lost = weak.outcome(case) == Outcome::ServingLost;
                    assert_eq!(lost, others != 0, "a threshold of one lets it");
                }
            }
        }
    }

    #[test]
    fn sets_are_answered_as_standings_are() {
        for records in 1..=4 {
            let setting = Setting { records, observers: 0, closers: 2, primary: None };
            for healthy in parts(setting.all()) {
                for zero in parts(setting.all()) {
                    let standings: Vec<Standing> = (0..records)
                        .map(|n| Standing { serves: !has(zero, n), healthy: has(healthy, n) })
                        .collect();
                    let told = answered(&standings);
                    let expected = (0..records).filter(|n| told[*n]).map(|n| 1 << n).sum::<Set>();
                    assert_eq!(setting.answered(healthy, zero), expected);
                }
            }
        }
    }

    #[test]
    fn a_pair_is_answered_by_one_of_the_two() {
        let pair = Setting { records: 2, observers: 0b111, closers: 2, primary: Some(1) };
        let closed = |closed| Case { closed, ..Case::default() };
        assert_eq!(pair.answers(closed(0)), [0b10]);
        assert_eq!(pair.answers(closed(0b10)), [0b01]);
        assert_eq!(pair.answers(closed(0b11)), [0b10]);
        assert_eq!(pair.outcome(closed(0b10)), Outcome::AsDecided);
        assert_eq!(pair.outcome(closed(0b11)), Outcome::NobodyLeft);
        let behind = Case { closed: 0b10, dead: 0b100, ..Case::default() };
        assert_eq!(pair.outcome(behind), Outcome::ServingLost, "the primary stays the answer");
    }
}
