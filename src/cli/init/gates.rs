//! What gates are made of: watches of every other Region's gate endpoint, a count of them for each
//! gate, and the counts attached to the records.
//!
//! A check is known by what it asks for, not by who made it: one that a template or an earlier run
//! made is taken as it is, or mended. Nothing is attached, and no count that is there is changed,
//! before every watch reads open (`open`).

use std::collections::BTreeMap;

use super::found::ZoneFound;
use super::plan::{Plan, Step};
use super::unused;
use crate::core::gates;
pub(super) use crate::core::gates::checks::{Wanted, wanted};
use crate::domain::digest::Digest;
use crate::domain::gate::Gate;
use crate::domain::health_check::{CheckFound, CheckSpec};
use crate::domain::record::Routing;
use crate::domain::{Fleet, RegionId, ServiceId, ZoneId};
use crate::ports::Answer;

/// Letters of a digest in a reference: enough that no two of an account are alike, and a reference
/// has 64 at most (Route 53 API Reference, `CreateHealthCheck`).
const REFERENCE_DIGITS: usize = 40;

/// A reference that is the same for the same thing, so that a repeated request makes one check.
pub(super) fn reference(fleet: &Fleet, gate: &Gate, what: &str, try_: u8) -> String {
    let seen = format!("{}/{gate}/{what}/{try_}", fleet.name);
    let digest = Digest::of(seen.as_bytes()).to_string();
    format!("regent-gate-{}", digest.get(..REFERENCE_DIGITS).unwrap_or(&digest))
}

/// Adds what is to be made, mended and attached.
pub(super) fn plan(
    fleet: &Fleet,
    checks: Option<&Answer<Vec<CheckFound>>>,
    zones: &BTreeMap<ZoneId, Answer<ZoneFound>>,
    plan: &mut Plan,
) {
    let found = match checks {
        None => return,
        Some(Ok(found)) => found,
        Some(Err(failure)) => {
            plan.refusals.push(format!("the health checks can't be listed: {failure}"));
            return;
        }
    };
    let wanted = wanted(fleet);
    for one in &wanted {
        for (observer, spec) in &one.watches {
            let there = one.watch(found, observer);
            let right = CheckSpec::Watch(spec.clone());
            if there.is_some_and(|check| check.spec == right && !check.disabled) {
                continue;
            }
            plan.steps.push(Step::Watch {
                gate: one.gate.clone(),
                observer: observer.clone(),
                spec: spec.clone(),
                mends: there.map(|check| (check.id.clone(), check.version)),
            });
        }
        let right = one.count_spec(found);
        let there = one.count(found);
        if right.is_none() || there.is_none_or(|c| Some(&c.spec) != right.as_ref() || c.disabled) {
            let mends = there.map(|check| check.id.clone());
            plan.steps.push(Step::Count { wanted: one.clone(), mends });
        }
    }
    for (zone, found_zone) in zones {
        let Ok(found_zone) = found_zone else { continue };
        let attached = attachments(fleet, zone, found_zone, &wanted, found, plan);
        if !attached.is_empty() {
            plan.steps.push(Step::Attach { zone: zone.clone(), records: attached });
        }
    }
    let records = zones.values().flatten().flat_map(|zone| &zone.read.records);
    let carried = records.filter_map(|record| record.health_check.clone()).collect();
    let done = !plan.steps.iter().any(Step::is_of_gates);
    plan.remarks.extend(unused::told(fleet, &wanted, found, &carried, done));
}

/// A record set that is to carry a gate's check.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attachment {
    pub(super) service: ServiceId,
    pub(super) region: RegionId,
    pub(super) gate: Gate,
}

fn attachments(
    fleet: &Fleet,
    zone: &ZoneId,
    found: &ZoneFound,
    wanted: &[Wanted],
    checks: &[CheckFound],
    plan: &mut Plan,
) -> Vec<Attachment> {
    let Some(gates) = &fleet.gates else { return Vec::new() };
    let mut lacking = Vec::new();
    for (service, spec) in fleet.services_in(zone) {
        let key = spec.key();
        for record in found.read.records.iter().filter(|record| record.key == key) {
            let (Routing::Weighted { set_identifier, .. }
            | Routing::Failover { set_identifier, .. }) = &record.routing
            else {
                continue;
            };
            let Some(region) = spec.regions.keys().find(|r| r.as_str() == set_identifier) else {
                continue;
            };
            let gate = gates::gate(gates.scope, region, service);
            let count =
                wanted.iter().find(|one| one.gate == gate).and_then(|one| one.count(checks));
            match (&record.health_check, count) {
                (Some(carried), Some(count)) if *carried == count.id.0 => {}
                (None, _) => lacking.push(Attachment {
                    service: service.clone(),
                    region: region.clone(),
                    gate,
                }),
                (Some(carried), _) => plan.remarks.push(format!(
                    "{key} {region} carries the health check {carried}, which is not that of its \
                     gate, and a record carries one: it is left alone, and gates can't shut \
                     {service} in {region}. Detach it and run this again"
                )),
            }
        }
    }
    lacking
}

/// The same checks as an AWS CloudFormation template, for those who let nobody else make anything.
pub(super) fn template(fleet: &Fleet) -> serde_json::Value {
    let mut resources = serde_json::Map::new();
    for one in wanted(fleet) {
        let mut children = Vec::new();
        for (observer, watch) in &one.watches {
            let name = logical(&["Watch", &one.gate.to_string(), "By", observer.as_str()]);
            let endpoint = &watch.endpoint;
            let mut config = serde_json::json!({
                "Type": if endpoint.tls { "HTTPS_STR_MATCH" } else { "HTTP_STR_MATCH" },
                "Port": endpoint.port,
                "ResourcePath": watch.path,
                "SearchString": watch.searched,
                "RequestInterval": watch.interval_s,
                "FailureThreshold": watch.failure_threshold,
                "Inverted": true,
            });
            if let Some(host) = &endpoint.host {
                config["FullyQualifiedDomainName"] = host.as_str().into();
            }
            if let Some(address) = endpoint.address {
                config["IPAddress"] = address.to_string().into();
            }
            if endpoint.tls {
                config["EnableSNI"] = endpoint.host.is_some().into();
            }
            children.push(serde_json::json!({ "Ref": name }));
            resources.insert(name, resource(&config));
        }
        let config = serde_json::json!({
            "Type": "CALCULATED",
            "HealthThreshold": one.threshold,
            "ChildHealthChecks": children,
        });
        let name = logical(&["Gate", &one.gate.to_string()]);
        resources.insert(name, resource(&config));
    }
    serde_json::json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Gates of the regent fleet {}; run `regent init` afterwards", fleet.name),
        "Resources": resources,
    })
}

fn resource(config: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "Type": "AWS::Route53::HealthCheck",
        "Properties": { "HealthCheckConfig": config },
    })
}

/// A name of letters and digits, each word begun with a capital.
fn logical(parts: &[&str]) -> String {
    let words = parts.iter().flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric()));
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
    };
    words.filter_map(capital).collect()
}
