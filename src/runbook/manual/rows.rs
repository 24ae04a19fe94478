//! What the references of a step's prose stand for: one row for each repetition of a block.

use std::collections::BTreeMap;

use serde_json::json;

use super::names::{ClusterNames, Names, PlacementNames};
use super::references::Scope;
use crate::domain::record::RecordData;
use crate::domain::{DatabaseId, RegionId, ServiceId, Weight};
use crate::runbook::action::{Action, Check, Enough, Place, Share};

/// What references stand for, in one repetition of a block.
pub(super) type Row = BTreeMap<&'static str, String>;

pub(super) fn fleet_row(names: &Names) -> Row {
    Row::from([
        ("fleet", names.fleet.clone()),
        ("seats_table", names.seats_table.clone()),
        ("board_table", names.board_table.clone()),
        ("seat_count", names.seats.len().to_string()),
        ("majority", names.majority.to_string()),
        ("lease_s", names.lease_ms.div_ceil(1000).to_string()),
        ("audit_s", names.audit_ms.div_ceil(1000).to_string()),
    ])
}

/// The rows of a scope that an action is about; all if it is about none.
pub(super) fn rows(names: &Names, scope: Scope, action: Option<&Action>) -> Vec<(String, Row)> {
    let about = action.map(About::of).unwrap_or_default();
    match scope {
        Scope::Seat => names
            .seats
            .iter()
            .map(|seat| (seat.to_string(), Row::from([("seat", seat.to_string())])))
            .collect(),
        Scope::Placement => names
            .placements
            .iter()
            .filter(|it| about.is_about(&it.region, &it.service))
            .map(|it| {
                let pair = if it.pair.is_some() { ", of a failover pair" } else { "" };
                let label = format!("{} in {}{pair}", it.service, it.region);
                (label, placement_row(names, it, &about))
            })
            .collect(),
        Scope::Cluster => names
            .clusters
            .iter()
            .filter(|it| about.database.as_ref().is_none_or(|own| *own == it.database))
            .map(|it| (format!("{} in {}", it.database, it.region), cluster_row(it)))
            .collect(),
        Scope::Fleet | Scope::Target => Vec::new(),
    }
}

/// What an action is about.
#[derive(Default)]
struct About {
    place: Option<Place>,
    service: Option<ServiceId>,
    database: Option<DatabaseId>,
    target: Option<RegionId>,
    share: Option<Share>,
    carries: bool,
}

impl About {
    fn of(action: &Action) -> Self {
        let at = |region: &RegionId, service: &Option<ServiceId>| Self {
            place: Some(Place::In(region.clone())),
            service: service.clone(),
            ..Self::default()
        };
        let of = |database: &DatabaseId, target: &RegionId| Self {
            database: Some(database.clone()),
            target: Some(target.clone()),
            ..Self::default()
        };
        match action {
            Action::CloseGate { region, service } => {
                Self { share: Some(Share::None), ..at(region, service) }
            }
            Action::OpenGate { region, service } => {
                Self { share: Some(Share::Planned), ..at(region, service) }
            }
            Action::ShiftTraffic { region, service, to } => {
                Self { share: Some(*to), ..at(region, service) }
            }
            Action::WaitForDns { region, service }
            | Action::Verify(Check::Record { region, service }) => at(region, service),
            Action::Verify(Check::Endpoint { place, service }) => {
                Self { place: Some(place.clone()), service: service.clone(), ..Self::default() }
            }
            Action::Scale { place, service, at_least } => Self {
                place: Some(place.clone()),
                service: service.clone(),
                carries: *at_least == Enough::Carry,
                ..Self::default()
            },
            Action::SwitchOver { database, to } | Action::Promote { database, to, .. } => {
                of(database, to)
            }
            Action::WaitForDatabase { database, writer: region }
            | Action::Verify(
                Check::Still { database, to: region } | Check::Writer { database, region },
            ) => of(database, region),
            Action::Review { database } => {
                Self { database: Some(database.clone()), ..Self::default() }
            }
            Action::Approve { .. }
            | Action::ByHand { .. }
            | Action::Notify { .. }
            | Action::Bake { .. }
            | Action::Webhook { .. }
            | Action::Pause { .. }
            | Action::Resume => Self::default(),
        }
    }

    fn is_about(&self, region: &RegionId, service: &ServiceId) -> bool {
        let there = match &self.place {
            None => true,
            Some(Place::In(own)) => own == region,
            Some(Place::Outside(other)) => other != region,
        };
        there && self.service.as_ref().is_none_or(|own| own == service)
    }
}

fn placement_row(names: &Names, it: &PlacementNames, about: &About) -> Row {
    let mut row = Row::from([
        ("here", it.region.to_string()),
        ("this_service", it.service.to_string()),
        ("zone", it.zone.clone()),
        ("zone_name", it.zone_name.clone()),
        ("record", it.record.clone()),
        ("type", it.rtype.to_owned()),
        ("declared_weight", it.weight.to_string()),
        ("fence", it.fence.clone()),
        ("health_url", it.health_url.clone()),
    ]);
    if let Some(arn) = &it.target_group {
        row.insert("target_group", arn.clone());
    }
    if let Some(name) = &it.scaling_group {
        row.insert("scaling_group", name.clone());
    }
    if let Some(share) = about.share {
        let weight = weight(it.weight, share);
        row.insert("change_query", change_query(it, weight));
        // What is deleted of a pair must be named exactly as it is: the files alone don't say it.
        if it.pair.is_none() {
            row.insert("new_weight", weight.to_string());
            row.insert("change_batch", change_batch(it, weight));
        }
    }
    if about.carries {
        row.insert("carry_percent", carry_percent(names, it, about).to_string());
    }
    row
}

/// A share of a declared weight. What is not nothing stays above nothing.
fn weight(declared: Weight, share: Share) -> Weight {
    match share {
        Share::None => Weight::ZERO,
        Share::Planned => declared,
        Share::Permille(permille) => {
            let exact = u32::from(declared.0) * u32::from(permille);
            let least = u32::from(declared.serves());
            let rounded = (exact / 1000).clamp(least, u32::from(u8::MAX));
            Weight(u8::try_from(rounded).expect("clamped to what a weight can be"))
        }
    }
}

/// What a placement carries once the Region that is left is out, in percent of its share now.
fn carry_percent(names: &Names, it: &PlacementNames, about: &About) -> u32 {
    let total = |without: Option<&RegionId>| -> u32 {
        names
            .placements
            .iter()
            .filter(|other| other.service == it.service && Some(&other.region) != without)
            .map(|other| u32::from(other.weight.0))
            .sum()
    };
    match &about.place {
        Some(Place::Outside(left)) => {
            let rest = total(Some(left));
            if rest == 0 { 100 } else { (total(None) * 100).div_ceil(rest) }
        }
        _ => 100,
    }
}

/// What makes a change batch of a zone's records as they are read, for between double quotes in a
/// shell. A weight is overwritten; of a pair, of which Route 53 never lets two have one role, both
/// records go and come back, with roles that are the same whatever they were before.
fn change_query(it: &PlacementNames, weight: Weight) -> String {
    let PlacementNames { record, rtype, region, .. } = it;
    let all = format!("ResourceRecordSets[?Name=='{record}' && Type=='{rtype}'");
    let Some(pair) = &it.pair else {
        return format!(
            "{{Changes: {all} && SetIdentifier=='{region}'].{{Action: 'UPSERT', \
             ResourceRecordSet: merge(@, {{Weight: \\`{weight}\\`}})}}}}"
        );
    };
    let leads = if weight.serves() { &pair.primary } else { &pair.other };
    let role = format!("SetIdentifier=='{leads}' && 'PRIMARY' || 'SECONDARY'");
    format!(
        "{{Changes: [{all}].{{Action: 'DELETE', ResourceRecordSet: @}}, {all}].{{Action: 'CREATE', \
         ResourceRecordSet: merge(@, {{Failover: {role}}})}}][]}}"
    )
}

/// The change of one record's weight, with everything else as the fleet's files say it is.
fn change_batch(it: &PlacementNames, weight: Weight) -> String {
    let mut record = json!({
        "Name": it.record,
        "Type": it.rtype,
        "SetIdentifier": it.region.as_str(),
        "Weight": weight.0,
    });
    let fields = match &it.data {
        RecordData::Plain { ttl_s, values } => json!({
            "TTL": ttl_s,
            "ResourceRecords":
                values.iter().map(|value| json!({ "Value": value })).collect::<Vec<_>>(),
        }),
        RecordData::Alias { target_zone, target_name, evaluate_target_health } => json!({
            "AliasTarget": {
                "HostedZoneId": target_zone,
                "DNSName": target_name.as_str(),
                "EvaluateTargetHealth": evaluate_target_health,
            },
        }),
    };
    if let (Some(record), serde_json::Value::Object(fields)) = (record.as_object_mut(), fields) {
        record.extend(fields);
    }
    let batch = json!({ "Changes": [{ "Action": "UPSERT", "ResourceRecordSet": record }] });
    serde_json::to_string_pretty(&batch).expect("texts and numbers")
}

fn cluster_row(it: &ClusterNames) -> Row {
    Row::from([
        ("this_database", it.database.to_string()),
        ("global_cluster", it.global_cluster.clone()),
        ("cluster_region", it.region.to_string()),
        ("cluster", it.cluster.clone()),
        ("cluster_arn", it.arn.clone()),
    ])
}

pub(super) fn target_row(names: &Names, action: &Action) -> Row {
    let About { database: Some(database), target: Some(region), .. } = About::of(action) else {
        return Row::new();
    };
    let mut row = Row::from([("target_region", region.to_string())]);
    let own = |it: &&ClusterNames| it.database == database;
    if let Some(any) = names.clusters.iter().find(own) {
        row.insert("target_global", any.global_cluster.clone());
    }
    if let Some(there) = names.clusters.iter().filter(own).find(|it| it.region == region) {
        row.insert("target_arn", there.arn.clone());
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::manual::names::PairNames;

    fn placed(region: &str, weight: u8) -> PlacementNames {
        PlacementNames {
            service: "web".parse().expect("valid"),
            region: region.parse().expect("valid"),
            zone: "Z1".to_owned(),
            zone_name: "example.com.".to_owned(),
            record: "web.example.com.".to_owned(),
            rtype: "A",
            weight: Weight(weight),
            pair: None,
            data: RecordData::Alias {
                target_zone: "Z2".to_owned(),
                target_name: "lb.example.net".parse().expect("valid"),
                evaluate_target_health: true,
            },
            fence: "_regent-demo.example.com.".to_owned(),
            health_url: "https://web.example.com/up".to_owned(),
            target_group: None,
            scaling_group: None,
        }
    }

    fn names(weights: &[(&str, u8)]) -> Names {
        Names {
            fleet: "demo".to_owned(),
            seats_table: "demo-seats".to_owned(),
            board_table: "demo-board".to_owned(),
            seats: Vec::new(),
            majority: 2,
            lease_ms: 5000,
            audit_ms: 30_000,
            placements: weights.iter().map(|(region, weight)| placed(region, *weight)).collect(),
            clusters: Vec::new(),
        }
    }

    #[test]
    fn a_share_of_a_weight_is_rounded_down_and_never_to_nothing() {
        for (declared, share, wanted) in [
            (100, Share::None, 0),
            (100, Share::Planned, 100),
            (100, Share::Permille(250), 25),
            (255, Share::Permille(1000), 255),
            (3, Share::Permille(100), 1),
            (0, Share::Permille(500), 0),
        ] {
            assert_eq!(weight(Weight(declared), share), Weight(wanted), "{declared} {share:?}");
        }
    }

    #[test]
    fn those_who_stay_carry_what_the_one_that_is_left_had() {
        let carry = |weights: &[(&str, u8)]| {
            let about = About::of(&Action::Scale {
                place: Place::Outside("r1".parse().expect("valid")),
                service: None,
                at_least: Enough::Carry,
            });
            let names = names(weights);
            carry_percent(&names, &names.placements[1], &about)
        };
        assert_eq!(carry(&[("r1", 100), ("r2", 100)]), 200);
        assert_eq!(carry(&[("r1", 100), ("r2", 100), ("r3", 100)]), 150);
        assert_eq!(carry(&[("r1", 1), ("r2", 2), ("r3", 1)]), 134, "rounded up");
        assert_eq!(carry(&[("r1", 100), ("r2", 0)]), 100, "nothing can be said");
    }

    #[test]
    fn a_change_batch_keeps_an_alias_as_it_is() {
        let batch: serde_json::Value =
            serde_json::from_str(&change_batch(&placed("r1", 100), Weight(25))).expect("JSON");
        let record = &batch["Changes"][0]["ResourceRecordSet"];
        assert_eq!(record["Weight"], 25);
        assert_eq!(record["AliasTarget"]["HostedZoneId"], "Z2");
        assert_eq!(record["AliasTarget"]["DNSName"], "lb.example.net.");
        assert_eq!(record["AliasTarget"]["EvaluateTargetHealth"], true);
        assert!(record.get("TTL").is_none(), "an alias has none of its own");
    }

    #[test]
    fn the_roles_of_a_pair_are_swapped_and_its_weights_are_left_alone() {
        let mut names = names(&[("r1", 100), ("r2", 100)]);
        let region = |name: &str| -> RegionId { name.parse().expect("valid") };
        for (place, other) in [(0, "r2"), (1, "r1")] {
            let pair = PairNames { primary: region("r1"), other: region(other) };
            names.placements[place].pair = Some(pair);
        }
        let row = |left: &str, to: Share| {
            let action = Action::ShiftTraffic { region: region(left), service: None, to };
            rows(&names, Scope::Placement, Some(&action)).remove(0)
        };
        for (left, share, leads) in [
            ("r1", Share::None, "r2"),
            ("r2", Share::None, "r1"),
            ("r1", Share::Permille(100), "r1"),
            ("r1", Share::Planned, "r1"),
            ("r2", Share::Planned, "r1"),
        ] {
            let (label, row) = row(left, share);
            assert_eq!(label, format!("web in {left}, of a failover pair"));
            let query = &row["change_query"];
            let role = format!("Failover: SetIdentifier=='{leads}' && 'PRIMARY' || 'SECONDARY'");
            assert!(query.contains(&role), "{left} {share:?}: {query}");
            assert!(!query.contains("UPSERT") && !query.contains("Weight"), "{query}");
            assert!(!row.contains_key("new_weight") && !row.contains_key("change_batch"));
        }
        let (_, query) = row("r1", Share::None);
        insta::assert_snapshot!(query["change_query"], @"{Changes: [ResourceRecordSets[?Name=='web.example.com.' && Type=='A'].{Action: 'DELETE', ResourceRecordSet: @}, ResourceRecordSets[?Name=='web.example.com.' && Type=='A'].{Action: 'CREATE', ResourceRecordSet: merge(@, {Failover: SetIdentifier=='r2' && 'PRIMARY' || 'SECONDARY'})}][]}");
    }

    #[test]
    fn a_step_is_about_its_region_or_all_but_that() {
        let names = names(&[("r1", 1), ("r2", 1), ("r3", 1)]);
        let regions = |place: Place| -> Vec<String> {
            let action = Action::Verify(Check::Endpoint { place, service: None });
            let rows = rows(&names, Scope::Placement, Some(&action));
            rows.into_iter().map(|(_, row)| row["here"].clone()).collect()
        };
        let r1 = || "r1".parse().expect("valid");
        assert_eq!(regions(Place::In(r1())), ["r1"]);
        assert_eq!(regions(Place::Outside(r1())), ["r2", "r3"]);
        assert_eq!(rows(&names, Scope::Placement, None).len(), 3, "about no step: all of them");
    }
}
