//! Hosted zones, their fences, and the services' records.

use super::look::{Looked, tried};
use super::{Who, lasting};
use crate::domain::preflight::{Area, Finding};
use crate::domain::record::{DnsName, RecordData, RecordKey, Routing};
use crate::domain::zone::{self, record_in};
use crate::domain::{CallFailure, Epoch, Fence, Fleet, RegionId, ZoneId, ZoneRead};

/// Seconds that an alias to a load balancer may be kept (Route 53 Developer Guide, "Values specific
/// for simple alias records").
const ALIAS_TTL_S: u32 = 60;

/// Can every zone be read, and would a batch be let in? `by_gates`: whether Regions can be shut
/// without it.
pub(super) fn zones(fleet: &Fleet, looked: &Looked, by_gates: bool, who: Who) -> Vec<Finding> {
    let mut findings = Vec::new();
    let highest = looked.seats.values().flatten().flatten().map(|seat| seat.epoch).max();
    for wanted in zone::wanted(fleet) {
        let zone = &wanted.zone;
        let read = match looked.zones.get(zone) {
            Some(Ok(read)) => read,
            Some(Err(failure)) => {
                findings.push(unreadable(fleet, zone, failure, by_gates, who));
                continue;
            }
            None => continue,
        };
        findings.extend(fence(fleet, &wanted, read, highest));
        if let Some(Err(failure)) = looked.zone_trials.get(zone).map(tried) {
            findings.push(unchangeable(fleet, zone, &failure, who));
        }
        if let Some(Err(failure)) = looked.change_trials.get(zone).map(tried)
            && lasting(&failure)
        {
            let whom = allowed(fleet, zone);
            findings.push(Finding::note(
                Area::Zones,
                format!(
                    "whether changes of zone {zone} have arrived can't be asked: {}",
                    failure.what
                ),
                format!("Allow route53:GetChange{whom}; name servers are asked all the same"),
            ));
        }
    }
    findings
}

/// Whom something must be allowed to; and, for a role, that it may be assumed.
fn allowed(fleet: &Fleet, zone: &ZoneId) -> String {
    let Some(role) = fleet.roles.get(zone) else { return String::new() };
    let told = if role.external_id.is_some() { ", with the external ID of fleet.toml" } else { "" };
    format!(
        " to the role {}; let its trust policy name who assumes it{told}, and allow sts:AssumeRole on it \
         to whoever does",
        role.arn
    )
}

fn unreadable(
    fleet: &Fleet,
    zone: &ZoneId,
    failure: &CallFailure,
    by_gates: bool,
    who: Who,
) -> Finding {
    let what = format!("zone {zone} can't be read: {}", failure.what);
    if lasting(failure) {
        let whom = allowed(fleet, zone);
        let remedy =
            format!("See that it is there, and allow route53:ListResourceRecordSets on it{whom}");
        who.may_not(Area::Zones, what, remedy)
    } else {
        out_of_reach(what, by_gates)
    }
}

fn unchangeable(fleet: &Fleet, zone: &ZoneId, failure: &CallFailure, who: Who) -> Finding {
    let what = format!("a change of zone {zone} is not let in: {}", failure.what);
    if lasting(failure) {
        let whom = allowed(fleet, zone);
        let remedy = format!(
            "Allow route53:ChangeResourceRecordSets on it, for the fence and every service{whom}"
        );
        who.may_not(Area::Zones, what, remedy)
    } else {
        // The zone was read a moment ago: the control plane is there.
        Finding::weakens(Area::Zones, what, "Throttled or slow; the next look tells more")
    }
}

fn out_of_reach(what: String, by_gates: bool) -> Finding {
    if by_gates {
        let remedy =
            "Route 53's control plane does not answer: until it does, gates alone shut a Region";
        Finding::weakens(Area::Zones, what, remedy)
    } else {
        let remedy = "Route 53's control plane does not answer, and gates can't stand in for it: while \
                      this lasts no Region can be taken out. docs/gates.md says how to set them up";
        Finding::stops(Area::Zones, what, remedy)
    }
}

fn fence(
    fleet: &Fleet,
    wanted: &zone::Wanted,
    read: &ZoneRead,
    highest: Option<Epoch>,
) -> Option<Finding> {
    let (zone, name) = (&wanted.zone, &wanted.fence);
    let Some(record) = &read.fence else {
        let what = format!("zone {zone} has no fence: there is no {name} TXT");
        return Some(if highest.is_some_and(|epoch| epoch > Epoch::ZERO) {
            let remedy = "The leader makes one anew within a minute; see who deletes it";
            Finding::weakens(Area::Zones, what, remedy)
        } else {
            Finding::stops(Area::Zones, what, "Run `regent init`")
        });
    };
    let stops = |what: String, remedy: String| Some(Finding::stops(Area::Zones, what, remedy));
    match Fence::in_record(record) {
        None => stops(
            format!("what stands at {name} TXT in zone {zone} is not a fence"),
            "Delete it, and run `regent init`".to_owned(),
        ),
        Some(fence) if fence.fleet != fleet.name => stops(
            format!("zone {zone} is fenced by the fleet {}", fence.fleet),
            format!(
                "Two fleets must not steer one zone. If that one is no more, delete {name} TXT"
            ),
        ),
        Some(fence) if highest.is_some_and(|epoch| fence.epoch > epoch) => stops(
            format!(
                "the fence of zone {zone} is at epoch {}, above every seat that can be read",
                fence.epoch
            ),
            "The seats have lost their memory, or the newest can't be read from here".to_owned(),
        ),
        Some(_) => None,
    }
}

/// Does what a record leads to have an address?
fn target(looked: &Looked, key: &RecordKey, region: &RegionId, name: &DnsName) -> Option<Finding> {
    match looked.targets.get(name)? {
        Ok(true) => None,
        Ok(false) => Some(Finding::weakens(
            Area::Records,
            format!("{key} of {region} leads to {name}, which has no address"),
            format!(
                "Clients that are sent to {region} get nowhere: see that its load balancer is there"
            ),
        )),
        Err(failure) => Some(Finding::note(
            Area::Records,
            format!(
                "whether what {key} of {region} leads to is there can't be told: {}",
                failure.what
            ),
            "Look whether names can be resolved here",
        )),
    }
}

/// Is there a weighted record for every Region, as the files say, short-lived enough?
pub(super) fn records(fleet: &Fleet, looked: &Looked) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, spec) in &fleet.services {
        let Some(Ok(read)) = looked.zones.get(&spec.zone) else { continue };
        let key = spec.key();
        for (region, placement) in &spec.regions {
            let Some(record) = record_in(read, spec, region) else {
                findings.push(Finding::stops(
                    Area::Records,
                    format!("{key} has no weighted record for {region}"),
                    format!("No client reaches {service} there: `regent init` makes one"),
                ));
                continue;
            };
            if spec.routing.is_weighted() != matches!(record.routing, Routing::Weighted { .. }) {
                findings.push(Finding::stops(
                    Area::Records,
                    format!("{key} of {region} is not routed as the files say"),
                    "The fleet leaves such records alone: `regent init` takes them over",
                ));
            }
            let ttl_s = match &record.data {
                RecordData::Plain { ttl_s, .. } => *ttl_s,
                RecordData::Alias { .. } => ALIAS_TTL_S,
            };
            if ttl_s > fleet.records.ttl_s_max {
                findings.push(Finding::weakens(
                    Area::Records,
                    format!(
                        "{key} of {region} may be kept for {ttl_s} s, and the policy is {} s at most",
                        fleet.records.ttl_s_max
                    ),
                    "Clients follow a failover that much later: shorten its TTL, or raise ttl_s_max \
                     in [records] of fleet.toml",
                ));
            }
            let evaluates = |data: &RecordData| {
                matches!(data, RecordData::Alias { evaluate_target_health: true, .. })
            };
            if evaluates(&record.data) && !evaluates(&placement.data) {
                findings.push(Finding::weakens(
                    Area::Records,
                    format!("{key} of {region} evaluates its target's health"),
                    "It takes the Region out whatever the fleet decides: switch that off in the record",
                ));
            }
            for name in placement.data.names() {
                findings.extend(target(looked, &key, region, &name));
            }
            if !record.data.same_target(&placement.data) {
                findings.push(Finding::weakens(
                    Area::Records,
                    format!("{key} of {region} does not answer with what {region}.toml says"),
                    "Mend the record or the file: agents probe what the file says",
                ));
            }
        }
    }
    findings
}
