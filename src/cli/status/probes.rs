//! What the observers say of their probes as a whole: what took how long, what came late, which
//! addresses fail behind the others' backs, which certificates are about to expire.

use std::collections::BTreeMap;

use comfy_table::Table;

use super::render;
use crate::core::view::{ObserverView, View};
use crate::domain::observation::Address;
use crate::domain::{AgentId, Phases, ProbeFailure, Target};

/// From this share of probes on, lateness is worth a line: one in so many. Below it, nobody sees a
/// failure later for it.
const LATE_ONE_IN: u32 = 20;

const DAY_S: i64 = 24 * 60 * 60;

/// What the figures mean.
pub(super) const LEGEND: &str = "medians over the last good probe of each target, in milliseconds";

/// A row for each observer that says something.
pub(super) fn table(view: &View) -> Table {
    let mut table = render::table([
        "observer",
        "started",
        "late",
        "name",
        "connect",
        "tls",
        "first byte",
        "whole",
    ]);
    for observer in said(view) {
        let probing = &observer.probing;
        let phases =
            probing.phases.map_or([None; 5], |phases: Phases| phases.named().map(|(_, ms)| ms));
        let figures = phases.map(|ms| ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string()));
        let counts = [probing.started, probing.late].map(|count| count.to_string());
        table.add_row(std::iter::once(observer.agent.to_string()).chain(counts).chain(figures));
    }
    table
}

/// What is wrong, in lines that say who says so.
pub(super) fn wrong(view: &View) -> Vec<String> {
    let mut wrong = Vec::new();
    for observer in said(view) {
        let probing = &observer.probing;
        if probing.late > 0 && probing.late.saturating_mul(LATE_ONE_IN) >= probing.started {
            wrong.push(format!(
                "agent {} was late with {} turns, having started {} probes: it is short of \
                 processor time, or was paused",
                observer.agent, probing.late, probing.started
            ));
        }
    }
    let mut ailing: BTreeMap<(&Target, Address), (ProbeFailure, Vec<&AgentId>)> = BTreeMap::new();
    let mut expiring: BTreeMap<&Target, (i64, Vec<&AgentId>)> = BTreeMap::new();
    for observer in said(view) {
        for one in &observer.probing.ailing {
            let (_, by) = ailing
                .entry((&one.target, one.address))
                .or_insert_with(|| (one.failure, Vec::new()));
            by.push(&observer.agent);
        }
        for one in &observer.probing.expiring {
            let (expiry, by) =
                expiring.entry(&one.target).or_insert_with(|| (one.expiry_unix_s, Vec::new()));
            *expiry = one.expiry_unix_s.min(*expiry);
            by.push(&observer.agent);
        }
    }
    for ((target, address), (failure, by)) in ailing {
        wrong.push(format!(
            "{} in {}: {address} fails ({failure}) while other addresses of the name answer, say {}",
            target.service,
            target.region,
            names(&by)
        ));
    }
    let now = view.at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second);
    for (target, (expiry, by)) in expiring {
        let when = match expiry - now {
            left if left < 0 => "has expired".to_owned(),
            left if left < DAY_S => "expires within a day".to_owned(),
            left => format!("expires in {} days", left / DAY_S),
        };
        wrong.push(format!(
            "the certificate of {} in {} {when}, say {}",
            target.service,
            target.region,
            names(&by)
        ));
    }
    wrong
}

fn said(view: &View) -> impl Iterator<Item = &ObserverView> {
    view.observers.iter().filter(|observer| observer.fresh && !observer.probing.is_empty())
}

fn names(agents: &[&AgentId]) -> String {
    agents.iter().map(|agent| agent.as_str()).collect::<Vec<_>>().join(" ")
}
