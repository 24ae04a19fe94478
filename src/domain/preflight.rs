//! Whether a fleet could fail over right now: what was found to be in the way.
//!
//! A finding is for a person who has time now and will have none when it matters: what it is, how bad
//! it is, and what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::gate::Gate;
use super::health_check::CheckSight;
use super::name::RegionId;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// The seats: who leads, and what is committed.
    Seats,
    /// The board: reports and orders.
    Board,
    /// Agents, and who of them leads.
    Agents,
    /// Wall clocks. AWS refuses what is signed at a wrong time.
    Clocks,
    /// What people have ordered, and how far the fleet may go by itself.
    Orders,
    /// What the rules would make of the loss of a Region.
    Rules,
    /// Hosted zones, their fences, and the permission to change them.
    Zones,
    /// The services' records.
    Records,
    /// Gates: health checks and what their checkers see.
    Gates,
    /// Databases.
    Databases,
    /// Autoscaling groups.
    Capacity,
}

impl Area {
    /// Every area, in the order in which findings are shown.
    pub const ALL: [Self; 11] = [
        Self::Seats,
        Self::Board,
        Self::Agents,
        Self::Clocks,
        Self::Orders,
        Self::Rules,
        Self::Zones,
        Self::Records,
        Self::Gates,
        Self::Databases,
        Self::Capacity,
    ];

    /// The area as a metric label and in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Seats => "seats",
            Self::Board => "board",
            Self::Agents => "agents",
            Self::Clocks => "clocks",
            Self::Orders => "orders",
            Self::Rules => "rules",
            Self::Zones => "zones",
            Self::Records => "records",
            Self::Gates => "gates",
            Self::Databases => "databases",
            Self::Capacity => "capacity",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Some failover could not be carried out now.
    Stops,
    /// It could, but slower, by one way of two, or only if nothing else fails.
    Weakens,
    /// Good to know.
    Note,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: [Self; 3] = [Self::Stops, Self::Weakens, Self::Note];

    /// The severity as a metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stops => "stops",
            Self::Weakens => "weakens",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub area: Area,
    /// What it is.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Finding {
    /// A finding by which some failover could not be carried out now.
    pub fn stops(area: Area, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Stops, area, what: what.into(), remedy: remedy.into() }
    }

    /// See [`Severity::Weakens`].
    pub fn weakens(area: Area, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Weakens, area, what: what.into(), remedy: remedy.into() }
    }

    /// See [`Severity::Note`].
    pub fn note(area: Area, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Note, area, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}. {}", self.area, self.what, self.remedy)
    }
}

/// What the checkers of a gate's watches last saw, by the Region whose agents they ask.
pub type Sights = BTreeMap<Gate, BTreeMap<RegionId, CheckSight>>;

/// What one look found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// When, by the wall clock of whoever looked.
    pub at: String,
    /// What was found, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Areas that were looked at, so that none is taken for well because nobody looked.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub looked_at: BTreeSet<Area>,
    /// What health checkers see of the gates, if they were asked about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sights: Sights,
}

impl Preflight {
    /// Findings that a report carries at most: with some 300 bytes each, they add little to an item
    /// that may have 400 KB (DynamoDB Developer Guide, "Service, account, and table quotas").
    pub const LISTED_MAX: usize = 20;

    /// Whether nothing would stop a failover.
    #[must_use]
    pub fn clear(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Stops)
    }

    /// Sorted, without repetitions, and no longer than a report may carry; the worst are kept.
    #[must_use]
    pub fn for_report(mut self) -> Self {
        self.findings.sort();
        self.findings.dedup();
        self.findings.truncate(Self::LISTED_MAX);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_keeps_the_worst_and_each_once() {
        let findings = (0..40).flat_map(|n| {
            let note = Finding::note(Area::Clocks, format!("{n:02}"), "look");
            [note.clone(), note]
        });
        let worst = Finding::stops(Area::Databases, "x", "mend it");
        let preflight = Preflight {
            findings: findings.chain([worst.clone()]).collect(),
            ..Preflight::default()
        };
        assert!(!preflight.clear());
        let kept = preflight.for_report().findings;
        assert_eq!((kept.len(), &kept[0]), (Preflight::LISTED_MAX, &worst));
        assert_ne!(kept[1], kept[2]);
    }
}
