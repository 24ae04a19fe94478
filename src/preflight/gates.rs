//! Gates: are the health checks there, attached, and do their checkers get an answer?

use std::collections::BTreeSet;

use super::look::Looked;
use super::{Who, lasting};
use crate::core::gates::checks::{self, Wanted};
use crate::core::gates::gate;
use crate::domain::gate::Gate;
use crate::domain::health_check::{CheckFound, CheckSpec};
use crate::domain::preflight::{Area, Finding};
use crate::domain::zone::record_in;
use crate::domain::{CallFailure, Fleet};

const RUN_INIT: &str = "`regent init` shows what it would mend, and mends it";

/// Judges every gate. Empty when every Region could be shut by gates alone.
pub(super) fn judge(
    fleet: &Fleet,
    looked: &Looked,
    closed: Option<&BTreeSet<Gate>>,
    who: Who,
) -> Vec<Finding> {
    let found = match &looked.checks {
        None => return Vec::new(),
        Some(Ok(found)) => found,
        Some(Err(failure)) => return vec![unlisted(failure, who)],
    };
    let mut findings = Vec::new();
    for one in checks::wanted(fleet) {
        made(&one, found, &mut findings);
        attached(fleet, looked, &one, found, &mut findings);
        seen(fleet, looked, &one, found, closed, &mut findings);
    }
    findings
}

fn weakens(what: String, remedy: impl Into<String>) -> Finding {
    Finding::weakens(Area::Gates, what, remedy)
}

fn unlisted(failure: &CallFailure, who: Who) -> Finding {
    let what = format!("health checks can't be listed: {}", failure.what);
    if lasting(failure) && who == Who::Person {
        let remedy =
            "Allow route53:ListHealthChecks and route53:GetHealthCheckStatus to see how gates are";
        return Finding::note(Area::Gates, what, remedy);
    }
    let remedy = "Nobody can say whether gates are in order. They work without Route 53's control \
                  plane; to look at them takes it, route53:ListHealthChecks and \
                  route53:GetHealthCheckStatus";
    // What can't be looked at may still work.
    Finding::note(Area::Gates, what, remedy)
}

/// Are its checks there, and as they should be?
fn made(one: &Wanted, found: &[CheckFound], findings: &mut Vec<Finding>) {
    let gate = &one.gate;
    for (observer, spec) in &one.watches {
        let what = match one.watch(found, observer) {
            None => format!("the health check of {gate}'s gate in {observer} is missing"),
            Some(check) if check.disabled => {
                format!(
                    "the health check of {gate}'s gate in {observer} ({}) is disabled",
                    check.id
                )
            }
            Some(check) if check.spec != CheckSpec::Watch(spec.clone()) => format!(
                "the health check of {gate}'s gate in {observer} ({}) was changed",
                check.id
            ),
            Some(_) => continue,
        };
        findings.push(weakens(what, RUN_INIT));
    }
    let what = match one.count(found) {
        None => format!("the health check that counts {gate}'s gates is missing"),
        Some(check) if check.disabled => {
            format!("the health check that counts {gate}'s gates ({}) is disabled", check.id)
        }
        Some(check) if one.count_spec(found).is_some_and(|spec| check.spec != spec) => {
            format!("the health check that counts {gate}'s gates ({}) was changed", check.id)
        }
        Some(_) => return,
    };
    findings.push(weakens(what, RUN_INIT));
}

/// Do the records carry it?
fn attached(
    fleet: &Fleet,
    looked: &Looked,
    one: &Wanted,
    found: &[CheckFound],
    findings: &mut Vec<Finding>,
) {
    let (Some(gates), Some(count)) = (&fleet.gates, one.count(found)) else { return };
    for (service, spec) in &fleet.services {
        if gate(gates.scope, &one.gate.region, service) != one.gate {
            continue;
        }
        let Some(Ok(read)) = looked.zones.get(&spec.zone) else { continue };
        let Some(record) = record_in(read, spec, &one.gate.region) else { continue };
        let (key, region) = (spec.key(), &one.gate.region);
        match &record.health_check {
            Some(carried) if *carried == count.id.0 => {}
            Some(carried) => findings.push(weakens(
                format!(
                    "{key} of {region} carries the health check {carried}, which is not its gate"
                ),
                "Detach it, and run `regent init`",
            )),
            None => findings.push(weakens(
                format!("{key} of {region} does not carry its gate's health check"),
                "Gates can't take it out: run `regent init`",
            )),
        }
    }
}

/// Do checkers get an answer, and the right one?
fn seen(
    fleet: &Fleet,
    looked: &Looked,
    one: &Wanted,
    found: &[CheckFound],
    closed: Option<&BTreeSet<Gate>>,
    findings: &mut Vec<Finding>,
) {
    let Some(gates) = &fleet.gates else { return };
    let gate = &one.gate;
    let (mut reached, mut asked) = (0, 0);
    for observer in one.watches.keys() {
        let Some(check) = one.watch(found, observer) else { continue };
        let sight = match looked.sights.get(&check.id) {
            Some(Ok(sight)) => sight,
            Some(Err(failure)) => {
                let remedy = "Look again; it takes route53:GetHealthCheckStatus";
                let what =
                    format!("what checkers see of {gate}'s gate in {observer} can't be read");
                findings.push(Finding::note(
                    Area::Gates,
                    format!("{what}: {}", failure.what),
                    remedy,
                ));
                continue;
            }
            None => continue,
        };
        asked += 1;
        reached += usize::from(sight.asked > 0 && !sight.is_cut_off());
        if let Some(words) = &sight.unclear {
            findings.push(Finding::note(
                Area::Gates,
                format!("a checker says of {gate}'s gate in {observer}: {words}"),
                "Whether it had an answer is not clear from these words: ask the address yourself",
            ));
        }
        if sight.is_cut_off() {
            findings.push(weakens(
                format!(
                    "{} of {} checkers get no answer from {gate}'s gate in {observer}",
                    sight.silent, sight.checkers
                ),
                format!(
                    "Agents there can't shut {gate}: see that one runs with --gates, and that the \
                     checkers' addresses are let in"
                ),
            ));
        }
        if sight.reads_closed() && closed.is_some_and(|closed| !closed.contains(gate)) {
            findings.push(weakens(
                format!("{gate}'s gate in {observer} reads closed, and nothing committed closes it"),
                "A minute after a return this is to be expected; if it lasts, look at the agents there",
            ));
        }
    }
    if asked == one.watches.len() && reached < usize::from(gates.closers) {
        findings.push(weakens(
            format!(
                "gates can't shut {gate}: checkers get answers from {reached} of its gates, and it \
                 takes {}",
                gates.closers
            ),
            "Until that is mended, only the change of records takes it out",
        ));
    }
}
