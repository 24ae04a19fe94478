//! The picture for people: what is wrong first, then the tables that show why.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use comfy_table::{Table, presets};

use super::wrong::span;
use super::{Status, probes, signals, steering};
use crate::core::health::{Verdict, Vote};
use crate::core::view::{GateView, PlacementView, View};
use crate::domain::answers::AnswersReport;
use crate::domain::health_check::CheckSight;
use crate::domain::{AgentId, CellState, Fence, RegionId, Target};

/// What the letters and ages mean.
const LEGEND: &str = "one letter for each service, in the order of the table: U up, s suspect, \
                      D down, r recovering, ? unknown, - not probed\n\
                      ages are told by the agents' own wall clocks";

/// Draws everything.
pub(super) fn render(status: &Status) -> String {
    let view = &status.view;
    let mut text = String::new();
    let out = &mut text;
    headline(out, status);
    section(out, "services", &services(view));
    section(out, "who sees what", &matrix(view));
    if !view.matrix.is_empty() {
        add(out, LEGEND);
    }
    section(out, "what AWS says", &signals::rows(view));
    let probed = probes::table(view);
    section(out, "probes of the last minute or two, and what they took", &probed);
    if !probed.is_empty() {
        add(out, probes::LEGEND);
    }
    section(out, "seats", &seats(view));
    section(out, "gates", &gates(view));
    section(out, "zones", &zones(status));
    list(out, "changed by somebody else", &drift(view));
    list(out, "what name servers answer", &answers(view));
    list(out, "databases", &steering::databases(view));
    list(out, "runbooks", &steering::runs(view));
    list(out, "ordered by people", &steering::in_force(view));
    if let Some(leader) = &view.leader {
        list(out, "held back", &leader.blocked);
    }
    list(out, "could not be read", &view.troubles);
    text
}

fn add(out: &mut String, line: impl Display) {
    writeln!(out, "{line}").expect("writing to a String can't fail");
}

fn headline(out: &mut String, status: &Status) {
    let view = &status.view;
    let verdict = match status.wrong.len() {
        0 => "all is well".to_owned(),
        1 => "ONE THING IS WRONG".to_owned(),
        count => format!("{count} THINGS ARE WRONG"),
    };
    add(out, format_args!("{}: {verdict}    ({})", view.fleet, view.at));
    for wrong in &status.wrong {
        add(out, format_args!("  ! {wrong}"));
    }
    let leader = match &view.leader {
        None => "none".to_owned(),
        Some(leader) => format!(
            "{}, epoch {}, by {} of {} seats ({})",
            leader.agent,
            leader.epoch,
            leader.seats.len(),
            view.seats.len(),
            names(leader.seats.iter())
        ),
    };
    add(out, format_args!("leader  {leader}"));
    match &view.state {
        None => add(out, "state   not known"),
        Some(state) => {
            add(out, format_args!("state   {} by {} at {}", state.name, state.by, state.at));
            for change in &state.changes {
                add(out, format_args!("        {change}"));
            }
        }
    }
}

fn section(out: &mut String, title: &str, table: &Table) {
    if table.is_empty() {
        return;
    }
    add(out, format_args!("\n{title}"));
    for line in table.lines() {
        add(out, line.trim_end());
    }
}

fn list(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    add(out, format_args!("\n{title}"));
    for item in items {
        add(out, format_args!("  {item}"));
    }
}

pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

fn or_unknown(value: Option<impl Display>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// Only what is not open everywhere: on a quiet day there is nothing to tell.
fn gates(view: &View) -> Table {
    let mut table = table(["gate", "is", "closed by", "not heard from", "checkers see", "decided"]);
    let told = |gate: &&GateView| {
        let odd = |sight: &CheckSight| sight.found > 0 || sight.is_cut_off();
        gate.wanted_closed == Some(true)
            || !gate.closed_by.is_empty()
            || gate.seen.values().any(odd)
    };
    for gate in view.gates.iter().filter(told) {
        let is = if gate.shut { "shut" } else { "open" };
        let closing = format!("{} (it takes {})", agents(&gate.closed_by), gate.closers);
        let decided = match gate.wanted_closed {
            None => "?",
            Some(true) => "closed",
            Some(false) => "open",
        };
        table.add_row([
            gate.gate.to_string(),
            is.to_owned(),
            closing,
            agents(&gate.unknown),
            checkers(gate),
            decided.to_owned(),
        ]);
    }
    table
}

/// What the checkers see in each Region that is asked about the gate.
fn checkers(gate: &GateView) -> String {
    let one = |(region, sight): (&RegionId, &CheckSight)| {
        let says = match sight {
            _ if sight.reads_closed() => "closed",
            _ if sight.is_cut_off() => "NO ANSWER",
            _ if sight.reaches() => "open",
            _ => "?",
        };
        format!("{region}: {says}")
    };
    let seen: Vec<String> = gate.seen.iter().map(one).collect();
    if seen.is_empty() { "?".to_owned() } else { seen.join(", ") }
}

/// What somebody else did to records, and what is done about it.
fn drift(view: &View) -> Vec<String> {
    let zones = view.leader.iter().flat_map(|leader| leader.zones.values());
    zones.flat_map(|zone| &zone.drift).map(ToString::to_string).collect()
}

/// Whether name servers answer as wanted, and until when clients may go by what they answered before.
fn answers(view: &View) -> Vec<String> {
    let told = view.leader.iter().flat_map(|leader| &leader.answers);
    told.map(|(service, said)| {
        let by = format!("{} answers of {} name servers", said.answers, said.servers);
        match said {
            AnswersReport { difference: Some(how), .. } => {
                format!("{service}: NOT AS WANTED: {how}")
            }
            AnswersReport { verified_at: Some(at), held_until: Some(until), .. } => format!(
                "{service}: as wanted since {at} ({by}); clients that honour the TTL all follow by {until}"
            ),
            AnswersReport { trouble: Some(why), .. } => format!("{service}: not known: {why}"),
            _ => format!("{service}: not as wanted yet"),
        }
    })
    .collect()
}

fn services(view: &View) -> Table {
    let mut table =
        table(["service", "region", "wanted", "actual", "share", "verdict", "who says so"]);
    for service in &view.services {
        for (n, place) in service.regions.iter().enumerate() {
            table.add_row([
                if n == 0 { service.service.to_string() } else { String::new() },
                place.region.to_string(),
                or_unknown(place.wanted),
                or_unknown(place.actual),
                place.share.to_string(),
                verdict(place),
                votes(place),
            ]);
        }
    }
    table
}

fn verdict(place: &PlacementView) -> String {
    match place.verdict {
        Verdict::Healthy => "healthy".to_owned(),
        Verdict::Degraded { failed_permille } => format!("degraded, {} %", failed_permille / 10),
        Verdict::Down => format!("DOWN {}", span(place.failing_ms)),
        Verdict::CutOff => format!("CUT OFF {}", span(place.failing_ms)),
        Verdict::Unknown => "unknown".to_owned(),
    }
}

fn votes(place: &PlacementView) -> String {
    let of = |want: fn(&Vote) -> bool| -> Vec<&RegionId> {
        place.votes.iter().filter(|(_, vote)| want(vote)).map(|(region, _)| region).collect()
    };
    let (up, down, silent) = (
        of(|vote| *vote == Vote::Up),
        of(|vote| matches!(vote, Vote::Down { .. })),
        of(|vote| *vote == Vote::Abstains),
    );
    let groups = [("up", up), ("down", down), ("silent", silent)];
    let said = groups.iter().filter(|(_, regions)| !regions.is_empty());
    said.map(|(what, regions)| {
        if regions.len() == place.votes.len() {
            format!("all {what}")
        } else {
            format!("{what}: {}", names(regions.iter().copied()))
        }
    })
    .collect::<Vec<_>>()
    .join("; ")
}

fn matrix(view: &View) -> Table {
    let regions: BTreeSet<&RegionId> =
        view.services.iter().flat_map(|s| s.regions.iter().map(|place| &place.region)).collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if view.observers.is_empty() {
        return table;
    }
    let header = ["observer", "in", "heard"].map(str::to_owned);
    table.set_header(header.into_iter().chain(regions.iter().map(ToString::to_string)));
    for observer in &view.observers {
        let heard = match observer.age_ms {
            None => "?".to_owned(),
            Some(age_ms) if observer.fresh => format!("{} ago", span(age_ms)),
            Some(age_ms) => format!("SILENT {}", span(age_ms)),
        };
        let letters = regions.iter().map(|region| letters(view, &observer.agent, region));
        table.add_row(
            [observer.agent.to_string(), observer.region.to_string(), heard]
                .into_iter()
                .chain(letters),
        );
    }
    table
}

/// What one observer sees in one Region, a letter for each service that is placed there.
fn letters(view: &View, observer: &AgentId, region: &RegionId) -> String {
    let placed = view
        .services
        .iter()
        .filter(|service| service.regions.iter().any(|place| place.region == *region));
    placed
        .map(|service| {
            let target = Target { region: region.clone(), service: service.service.clone() };
            let cell =
                view.matrix.iter().find(|cell| cell.observer == *observer && cell.target == target);
            cell.map_or('-', |cell| letter(cell.cell.state))
        })
        .collect()
}

fn letter(state: CellState) -> char {
    match state {
        CellState::Unknown => '?',
        CellState::Up => 'U',
        CellState::Suspect => 's',
        CellState::Down => 'D',
        CellState::Recovering => 'r',
    }
}

fn seats(view: &View) -> Table {
    let mut table = table(["region", "holder", "epoch", "state", ""]);
    for seat in &view.seats {
        let holder = match (&seat.holder, seat.epoch) {
            (Some(holder), _) => holder.to_string(),
            (None, Some(_)) => "nobody yet".to_owned(),
            (None, None) => "?".to_owned(),
        };
        table.add_row([
            seat.region.to_string(),
            holder,
            or_unknown(seat.epoch),
            or_unknown(seat.committed),
            seat.trouble
                .as_ref()
                .map(|trouble| format!("counts for nothing: {trouble}"))
                .unwrap_or_default(),
        ]);
    }
    table
}

fn zones(status: &Status) -> Table {
    let mut table = table(["zone", "name", "fence", "stage", ""]);
    let reported = status.view.leader.as_ref().map(|leader| &leader.zones);
    for zone in &status.zones {
        let stage = reported.and_then(|zones| zones.get(&zone.zone)).map(ToString::to_string);
        table.add_row([
            zone.zone.to_string(),
            zone.name.to_string(),
            or_unknown(zone.fence.as_ref().map(fence)),
            or_unknown(stage),
            zone.trouble.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn fence(fence: &Fence) -> String {
    format!("epoch {} attempt {}", fence.epoch, fence.attempt)
}

fn agents(agents: &[AgentId]) -> String {
    agents.iter().map(AgentId::as_str).collect::<Vec<_>>().join(" ")
}

fn names<'r>(regions: impl Iterator<Item = &'r RegionId>) -> String {
    regions.map(RegionId::as_str).collect::<Vec<_>>().join(" ")
}
