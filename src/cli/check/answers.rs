//! Who is answered, for the fleet at hand, by which gates are closed and how many agents are dead.
//!
//! By gates alone, as while no record can be edited: once records follow, they suffice by
//! themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::core::gates::combined::{Case, Outcome, Set, Setting, members};
use crate::domain::fleet::{RoutingPolicy, Service};
use crate::domain::gate::Gates;
use crate::domain::{Fleet, RegionId, ServiceId};

/// Most Regions of which every combination is worked out: a thousand times a thousand.
const REGIONS_MAX: usize = 10;

/// Services that the same Regions serve in the same way, and who is answered for them.
#[derive(Debug, Serialize)]
pub(super) struct Answers {
    services: Vec<ServiceId>,
    /// The Regions that serve them.
    regions: Vec<RegionId>,
    /// None where the Regions are too many.
    rows: Vec<Row>,
}

/// Gates that make the same of it.
#[derive(Debug, Serialize)]
struct Row {
    /// The sets of closed gates, each with the same answers.
    closed: Vec<Vec<RegionId>>,
    /// Whether that is every set of so many.
    any: bool,
    /// By how many agents are dead.
    dead: Vec<Cell>,
}

/// What comes of a number of dead agents, over all choices of whose they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Cell {
    /// Choices in which only Regions whose gates are open are answered.
    as_decided: u32,
    /// All choices.
    of: u32,
    /// Who is answered where the closed gates leave nobody in service; else nobody is named.
    instead: BTreeSet<RegionId>,
}

/// By which names which bits of a set go, and who has weight 0 by the files.
struct Named {
    setting: Setting,
    regions: Vec<RegionId>,
    zero: Set,
}

/// Worked out for every service of a fleet with gates.
pub(super) fn answers(fleet: &Fleet, gates: &Gates) -> Vec<Answers> {
    let mut alike: BTreeMap<(Setting, Vec<RegionId>, Set), Vec<ServiceId>> = BTreeMap::new();
    for (service, spec) in &fleet.services {
        let Named { setting, regions, zero } = named(spec, gates);
        alike.entry((setting, regions, zero)).or_default().push(service.clone());
    }
    let answers = alike.into_iter().map(|((setting, regions, zero), services)| Answers {
        services,
        regions: regions[..setting.records].to_vec(),
        rows: if regions.len() > REGIONS_MAX {
            Vec::new()
        } else {
            rows(&Named { setting, regions, zero })
        },
    });
    answers.collect()
}

fn named(spec: &Service, gates: &Gates) -> Named {
    let mut regions: Vec<RegionId> = spec.regions.keys().cloned().collect();
    let records = regions.len();
    regions.extend(gates.endpoints.keys().filter(|r| !spec.regions.contains_key(*r)).cloned());
    let set = |holds: &dyn Fn(&RegionId) -> bool| {
        regions.iter().zip(0..).map(|(region, bit)| Set::from(holds(region)) << bit).sum::<Set>()
    };
    let primary = match &spec.routing {
        RoutingPolicy::Weighted => None,
        RoutingPolicy::Failover { primary } => regions.iter().position(|one| one == primary),
    };
    let stands_by = |region: &RegionId| {
        primary.is_none() && spec.regions.get(region).is_some_and(|place| !place.weight.serves())
    };
    let zero = set(&stands_by);
    let observers = set(&|region| gates.endpoints.contains_key(region));
    Named {
        setting: Setting { records, observers, closers: gates.closers, primary },
        zero,
        regions,
    }
}

fn rows(named: &Named) -> Vec<Row> {
    let Named { setting, regions, zero } = named;
    let names = |set| members(set).map(|one| regions[one].clone());
    // The gate of a Region that stands by is never closed.
    let closable = setting.all() & !zero;
    let mut rows: BTreeMap<(u32, Vec<Cell>), Vec<Vec<RegionId>>> = BTreeMap::new();
    let mut sets: BTreeMap<u32, usize> = BTreeMap::new();
    for closed in (1..=closable).filter(|closed| closed & !closable == 0) {
        let cells = cells(named, closed);
        *sets.entry(closed.count_ones()).or_default() += 1;
        rows.entry((closed.count_ones(), cells)).or_default().push(names(closed).collect());
    }
    let row = |((count, dead), closed): ((u32, Vec<Cell>), Vec<Vec<RegionId>>)| Row {
        any: sets[&count] == closed.len(),
        closed,
        dead,
    };
    rows.into_iter().map(row).collect()
}

fn cells(named: &Named, closed: Set) -> Vec<Cell> {
    let Named { setting, regions, zero } = named;
    let agents = setting.observers.count_ones() as usize;
    let none = Cell { as_decided: 0, of: 0, instead: BTreeSet::new() };
    let mut cells = vec![none; agents + 1];
    for dead in (0..=setting.observers).filter(|dead| dead & !setting.observers == 0) {
        let case = Case { closed, dead, stale: 0, zero: *zero };
        let cell = &mut cells[dead.count_ones() as usize];
        let outcome = setting.outcome(case);
        cell.of += 1;
        cell.as_decided += u32::from(outcome == Outcome::AsDecided);
        if outcome == Outcome::NobodyLeft {
            let told = setting.answers(case).into_iter().flat_map(members);
            cell.instead.extend(told.map(|one| regions[one].clone()));
        }
    }
    cells
}

impl Cell {
    /// In words, where so many Regions serve.
    fn told(&self, regions: usize) -> String {
        let Self { as_decided, of, instead } = self;
        match (instead.is_empty(), as_decided) {
            (false, _) if instead.len() == regions && regions > 2 => "all".to_owned(),
            (false, _) => instead.iter().map(RegionId::as_str).collect::<Vec<_>>().join(" "),
            (true, all) if all == of => "the others".to_owned(),
            (true, 0) => "too few".to_owned(),
            (true, some) => format!("{some} of {of}"),
        }
    }
}

impl Row {
    /// Whose gates are closed.
    fn named(&self) -> String {
        match self.closed.as_slice() {
            [one] if self.any && one.len() > 2 => "all".to_owned(),
            [first, _, ..] if self.any => format!("any {}", first.len()),
            sets => {
                let set = |set: &Vec<RegionId>| {
                    set.iter().map(RegionId::as_str).collect::<Vec<_>>().join("+")
                };
                sets.iter().map(set).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

impl Answers {
    /// The table, a line for each row, with its head.
    pub(super) fn told(&self) -> Vec<String> {
        let services: Vec<&str> = self.services.iter().map(|one| one.as_str()).collect();
        let services = services.join(", ");
        let Some(first) = self.rows.first() else {
            return vec![format!(
                "of {services}: not worked out for more than {REGIONS_MAX} Regions"
            )];
        };
        let mut told = vec![format!(
            "of {services}, by gates alone, no record being edited, by how many agents are dead"
        )];
        let most = first.dead.len();
        let told_of = |row: &Row, dead: usize| row.dead[dead].told(self.regions.len());
        // Where one more dead agent changes nothing any more.
        let same = |dead: &usize| {
            self.rows.iter().all(|row| told_of(row, *dead) == told_of(row, most - 1))
        };
        let shown = (0..most).rev().take_while(same).last().unwrap_or(0) + 1;
        let label = |row: &Row| row.named().chars().count();
        let width = self.rows.iter().map(label).max().unwrap_or(0).max("closed".len());
        let cells = |dead: usize| self.rows.iter().map(move |row| told_of(row, dead));
        let widths: Vec<usize> = (0..shown)
            .map(|dead| cells(dead).map(|cell| cell.chars().count()).max().unwrap_or(0).max(9))
            .collect();
        let line = |first: &str, cells: &mut dyn Iterator<Item = String>| {
            let cells = cells.zip(&widths).map(|(cell, width)| format!("  {cell:<width$}"));
            format!("{first:<width$}{}", cells.collect::<String>()).trim_end().to_owned()
        };
        let mut heads = (0..shown).map(|dead| match dead + 1 == shown && shown < most {
            true => format!("{dead} or more"),
            false => dead.to_string(),
        });
        told.push(line("closed", &mut heads));
        told.extend(self.rows.iter().map(|row| {
            let mut cells = (0..shown).map(|dead| told_of(row, dead));
            line(&row.named(), &mut cells)
        }));
        told
    }
}

/// What the words of the tables mean.
pub(super) const LEGEND: [&str; 2] = [
    "(the others: nobody whose gate is closed; 1 of 3: so for one of three choices of the dead;",
    "too few: one whose gate is closed is answered all the same)",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{gated_fleet, gated_in};
    use crate::domain::Weight;

    fn told(fleet: &Fleet) -> String {
        let gates = fleet.gates.as_ref().expect("with gates");
        let told = answers(fleet, gates).into_iter().flat_map(|answers| answers.told());
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn two_regions_and_a_witness() {
        insta::assert_snapshot!(told(&gated_fleet()), @r"
        of web, by gates alone, no record being edited, by how many agents are dead
        closed  0           1          2 or more
        any 1   the others  1 of 3     too few
        r1+r2   r1 r2       r1 r2      r1 r2
        ");
    }

    #[test]
    fn three_regions_and_five() {
        insta::assert_snapshot!(told(&gated_in(3, |_, text| text)), @r"
        of web, by gates alone, no record being edited, by how many agents are dead
        closed  0           1          2 or more
        any 1   the others  1 of 3     too few
        any 2   the others  too few    too few
        all     all         all        all
        ");
        let three = |_: &str, text: String| text.replace("[gates]", "[gates]\nclosers = 3");
        insta::assert_snapshot!(told(&gated_in(5, three)), @r"
        of web, by gates alone, no record being edited, by how many agents are dead
        closed  0           1           2          3 or more
        any 1   the others  the others  4 of 10    too few
        any 2   the others  the others  1 of 10    too few
        any 3   the others  the others  too few    too few
        any 4   the others  the others  too few    too few
        all     all         all         all        all
        ");
    }

    #[test]
    fn of_very_many_regions_nothing_is_worked_out() {
        let told = told(&gated_in(11, |_, text| text));
        assert_eq!(told, "of web: not worked out for more than 10 Regions");
    }

    #[test]
    fn a_region_that_stands_by_and_a_pair() {
        let mut fleet = gated_in(3, |_, text| text);
        let web = fleet.services.values_mut().next().expect("one");
        web.regions.values_mut().next_back().expect("three").weight = Weight::ZERO;
        insta::assert_snapshot!(told(&fleet), @r"
        of web, by gates alone, no record being edited, by how many agents are dead
        closed  0           1          2 or more
        any 1   the others  1 of 3     too few
        r1+r2   r3          r1 r2      r1 r2
        ");
        let mut fleet = gated_fleet();
        let primary = "r2".parse().expect("valid");
        let web = fleet.services.values_mut().next().expect("one");
        web.routing = RoutingPolicy::Failover { primary };
        insta::assert_snapshot!(told(&fleet), @r"
        of web, by gates alone, no record being edited, by how many agents are dead
        closed  0           1           2 or more
        r2      the others  1 of 3      too few
        r1      the others  the others  the others
        r1+r2   r2          r1 r2       r2
        ");
    }
}
