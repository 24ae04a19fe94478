//! `regent check`: is this folder a fleet, and what would it do?
//!
//! Asks nobody outside; whether tables, zones and endpoints exist is not its question.

mod answers;

use std::fmt::Write as _;

use serde::Serialize;

use self::answers::Answers;
use super::fleet::FleetArgs;
use super::{Failure, Screen};
use crate::core::gates;
use crate::domain::database::{DatabaseSpec, WriteReach};
use crate::domain::fleet::{ProbeSpec, Protocol};
use crate::domain::gate::{GateScope, Gates};
use crate::domain::{DatabaseId, Fleet};

/// Read the fleet's files, and report every problem with file, line and column.
///
/// Prints a summary of the fleet when they are right: Regions and seats, each service with its
/// weights, the timings, and how soon a failure would be acted upon. Asks nobody outside.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent check --regions regions")]
pub(super) struct Args {
    #[command(flatten)]
    fleet: FleetArgs,
}

/// How soon the loss of a Region is acted upon, by the configured times alone: calls over the
/// network come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Reaction {
    /// A failure that answers at once (connection refused), seen by a probe that was just due.
    decided_ms_min: u32,
    /// Packets that vanish, right after a probe went well.
    decided_ms_max: u32,
    /// What is added when the leader is lost in the same moment.
    new_leader_ms_max: u32,
}

fn reaction(fleet: &Fleet) -> Reaction {
    let timing = &fleet.timing;
    let timeout_ms =
        fleet.services.values().map(|service| service.probe.timeout_ms).max().unwrap_or(0);
    // The first failure is followed at once by a burst, whose probes don't wait for one another.
    let confirmations = u32::from(timing.down_after).saturating_sub(1);
    let burst_ms = confirmations.saturating_sub(1) * timing.burst_interval_ms;
    let last_answer_ms = if confirmations == 0 { 0 } else { timeout_ms };
    // Counted, as the dwell is, from the start of the first failed probe. A report is published at
    // once on a change and read at the next gathering.
    let agreed_ms_max = timeout_ms + burst_ms + last_answer_ms + timing.gather_ms;
    let dwell_ms = fleet.rules.dwell_ms;
    Reaction {
        decided_ms_min: dwell_ms.max(burst_ms),
        decided_ms_max: timing.probe_interval_ms + dwell_ms.max(agreed_ms_max),
        new_leader_ms_max: timing.lease_ms + timing.renew_ms + timing.stand_spread_ms,
    }
}

/// Most health checks in an account unless AWS raises it (Route 53 Developer Guide, "Quotas").
const CHECKS_QUOTA: usize = 200;

/// The answer for programs.
#[derive(Serialize)]
struct Checked<'f> {
    fleet: &'f Fleet,
    reaction: Reaction,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    answers: Vec<Answers>,
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let fleet = args.fleet.load()?;
    show(&fleet, screen)
}

fn show(fleet: &Fleet, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let reaction = reaction(fleet);
    let answers = fleet.gates.as_ref().map(|gates| answers::answers(fleet, gates));
    let answers = answers.unwrap_or_default();
    let text = summary(fleet, &reaction, &answers);
    screen.document(&Checked { fleet, reaction, answers })?;
    screen.line(text.trim_end())
}

/// In which order a Region that holds the writer is left, and what follows from that.
fn leaving(fleet: &Fleet, database: &DatabaseId, spec: &DatabaseSpec) -> Vec<String> {
    let (book, so) = (spec.order.runbook(), spec.order.consequence());
    let mut told = vec![format!("to leave the writer's Region: {book}; {so}")];
    for (service, order) in fleet.orders(database) {
        let writes_to = fleet.services[service].writes_to.as_ref();
        if writes_to.is_some_and(|to| to.reach == WriteReach::WriterRegion) {
            told.push(format!("{service} writes beside the writer only, and goes where it goes"));
        } else if order != spec.order {
            let (book, so) = (order.runbook(), order.consequence());
            told.push(format!("{service} by {book} --set service={service}; {so}"));
        }
    }
    told
}

fn summary(fleet: &Fleet, reaction: &Reaction, answers: &[Answers]) -> String {
    let mut text = String::new();
    let line = |text: &mut String, what: &str, value: &str| {
        writeln!(text, "{what:<10}{value}").expect("writing to a String can't fail");
    };
    let seats: Vec<&str> = fleet.seats.iter().map(|seat| seat.as_str()).collect();
    let regions: Vec<&str> = fleet.regions.iter().map(|region| region.as_str()).collect();
    let zones: Vec<String> =
        fleet.zones.iter().map(|(zone, name)| format!("{zone} {name}")).collect();
    line(&mut text, "fleet", &format!("{}: its files are right", fleet.name));
    line(&mut text, "regions", &regions.join(", "));
    let majority = fleet.seat_majority();
    line(&mut text, "seats", &format!("{} (a majority is {majority})", seats.join(", ")));
    line(&mut text, "tables", &format!("{}, {}", fleet.tables.seats, fleet.tables.board));
    line(&mut text, "zones", &zones.join(", "));
    for (service, spec) in &fleet.services {
        let probe = &spec.probe;
        line(&mut text, "service", &format!("{service}: {}", spec.key()));
        line(&mut text, "", &wanted(probe));
        let total: u32 = spec.regions.values().map(|place| u32::from(place.weight.0)).sum();
        for (region, place) in &spec.regions {
            let weight = u32::from(place.weight.0);
            let share = (weight * 100).checked_div(total).unwrap_or(0);
            let placed = format!("{region:<16}weight {weight:>3} ({share} %)  {}", place.url);
            line(&mut text, "", &placed);
        }
    }
    for (database, spec) in &fleet.databases {
        line(&mut text, "database", &format!("{database}: global cluster {}", spec.global_cluster));
        for told in leaving(fleet, database, spec) {
            line(&mut text, "", &told);
        }
    }
    let timing = &fleet.timing;
    line(
        &mut text,
        "timing",
        &format!(
            "lease {} ms (less {} ms), renewed every {} ms; probes every {} ms, {} failures in a \
             row mean down",
            timing.lease_ms,
            timing.lease_margin_ms,
            timing.renew_ms,
            timing.probe_interval_ms,
            timing.down_after
        ),
    );
    let rules = &fleet.rules;
    line(
        &mut text,
        "rules",
        &format!(
            "dwell {} ms; return after {} ms; at least {} in service",
            rules.dwell_ms, rules.return_after_ms, rules.fewest_in_service
        ),
    );
    for (n, told) in fleet.gates.iter().flat_map(|gates| gates_told(fleet, gates)).enumerate() {
        line(&mut text, if n == 0 { "gates" } else { "" }, &told);
    }
    for (n, told) in answers.iter().flat_map(Answers::told).enumerate() {
        line(&mut text, if n == 0 { "answered" } else { "" }, &told);
    }
    for told in answers::LEGEND.iter().filter(|_| !answers.is_empty()) {
        line(&mut text, "", told);
    }
    line(
        &mut text,
        "reaction",
        &format!(
            "a lost Region is decided upon {} to {} after it fails (network not counted); up to {} \
             more when the leader is lost with it",
            seconds(reaction.decided_ms_min),
            seconds(reaction.decided_ms_max),
            seconds(reaction.new_leader_ms_max)
        ),
    );
    text
}

/// How the fleet's gates stand: what they cost in checks, and what it takes to shut each Region.
fn gates_told(fleet: &Fleet, gates: &Gates) -> Vec<String> {
    let scope = match gates.scope {
        GateScope::Region => "one for all services of a Region",
        GateScope::Service => "one for each service of a Region",
    };
    let all = gates::all(fleet);
    let checks: usize = all.iter().map(|gate| 1 + gates.observers(&gate.region).count()).sum();
    let head = format!(
        "{scope}: {checks} health checks, noticed within {}, held for {} when the seats can't be \
         read",
        seconds(gates.noticed_ms_max()),
        seconds(gates.hold_ms)
    );
    let quota = (checks > CHECKS_QUOTA)
        .then(|| format!("more than the {CHECKS_QUOTA} checks that an account may have: ask AWS"));
    let reach = gates::answers::reach(fleet, gates).map(|reach| reach.to_string());
    std::iter::once(head).chain(quota).chain(reach).collect()
}

fn seconds(ms: u32) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

/// What a healthy answer is, in a line.
fn wanted(probe: &ProbeSpec) -> String {
    let most = probe.latency_ms_max;
    if probe.protocol == Protocol::Tcp {
        return format!("must accept a connection within {most} ms");
    }
    let body = probe.body_contains.as_ref().map(|body| format!(", body with {body:?}"));
    let parts: Vec<&str> = probe.json.iter().map(|part| part.name.as_str()).collect();
    let parts =
        if parts.is_empty() { String::new() } else { format!(", healthy in {}", parts.join(", ")) };
    format!(
        "{} must answer {}{}{parts} within {most} ms",
        probe.path,
        probe.status_text(),
        body.unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::{fleet, gated_fleet, printed};

    #[test]
    fn a_fleet_is_summed_up_for_people() {
        let (text, result) = printed(false, |screen| show(&fleet(), screen));
        assert!(result.is_ok());
        insta::assert_snapshot!("check", text);
    }

    #[test]
    fn of_gates_it_is_told_how_many_checks_they_are_and_what_it_takes_to_shut_a_region() {
        let (text, result) = printed(false, |screen| show(&gated_fleet(), screen));
        assert!(result.is_ok());
        let gates = text.lines().skip_while(|line| !line.starts_with("gates"));
        let gates: Vec<&str> = gates.take_while(|line| !line.starts_with("answered")).collect();
        assert_eq!(
            gates,
            [
                "gates     one for all services of a Region: 6 health checks, noticed within 18.0 s, held for 600.0 s when the seats can't be read",
                "          r1: 2 of 2 other Regions shut it; with one of them silent, its records alone must do",
                "          r2: 2 of 2 other Regions shut it; with one of them silent, its records alone must do",
            ]
        );
    }

    #[test]
    fn for_programs_the_whole_fleet_is_printed() {
        let (text, _) = printed(true, |screen| show(&fleet(), screen));
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["fleet"]["services"]["web"]["regions"]["r1"]["weight"], 100);
        assert!(json["reaction"]["decided_ms_max"].is_u64());
    }

    #[test]
    fn reaction_counts_interval_confirmation_gathering_and_dwell() {
        let mut fleet = fleet();
        fleet.timing.probe_interval_ms = 1000;
        fleet.timing.burst_interval_ms = 150;
        fleet.timing.down_after = 3;
        fleet.timing.gather_ms = 500;
        fleet.rules.dwell_ms = 2000;
        fleet.services.values_mut().for_each(|service| service.probe.timeout_ms = 800);
        // 1000 to the next probe, 800 + 150 + 800 to confirm, 500 to be read: 2250 > the dwell.
        assert_eq!(reaction(&fleet).decided_ms_max, 3250);
        assert_eq!(reaction(&fleet).decided_ms_min, 2000);
        fleet.rules.dwell_ms = 10_000;
        assert_eq!(reaction(&fleet).decided_ms_max, 11_000);
    }
}
