//! Rules that need all files: seats, and who serves what.

use std::collections::{BTreeMap, BTreeSet};

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use super::{Folder, Placements, Services, listed};
use crate::domain::fleet::RoutingPolicy;
use crate::domain::record::RecordData;
use crate::domain::{RegionId, ServiceId};

/// Fewer seats than this can't lose one and still have a majority.
const SEATS_MIN: usize = 3;

/// Checks the seats, and that every Region has one or serves.
pub(super) fn seats(
    raw: &raw::Fleet,
    source: &Source,
    folder: &Folder,
    findings: &mut Findings,
) -> BTreeSet<RegionId> {
    let mut seats = BTreeSet::new();
    for (index, text) in raw.seats.iter().enumerate() {
        let place = source.place(&["seats", &index.to_string()]);
        let remedy = "write a Region's code";
        let Some(seat) = findings.take(text.parse::<RegionId>(), place.clone(), remedy) else {
            continue;
        };
        if !folder.regions.contains_key(text) {
            findings.refuse(
                place.clone(),
                format!("{seat} has a seat and no file"),
                format!("add {seat}.toml, with witness = true if it serves nothing"),
            );
        }
        if !seats.insert(seat) {
            findings.refuse(
                place,
                format!("{text} has a seat already: its vote would count twice"),
                "name each Region once",
            );
        }
    }

    let (place, count) = (source.place(&["seats"]), raw.seats.len());
    if count < SEATS_MIN {
        findings.refuse(
            place,
            format!("{count} seats can't lose one and keep a majority"),
            format!("name at least {SEATS_MIN}; a Region may have a seat as a witness only"),
        );
    } else if count.is_multiple_of(2) {
        findings.refuse(
            place,
            format!("{count} seats survive the loss of no more Regions than {} do", count - 1),
            "name an odd number",
        );
    }

    for (stem, read) in &folder.regions {
        let Some(region) = &read.raw else { continue };
        let seated = raw.seats.contains(stem);
        if !region.services.is_empty() || (region.witness && seated) {
            continue;
        }
        let (what, remedy) = if seated {
            (
                format!("{stem} has a seat and serves nothing"),
                "add witness = true if that is meant, or [services.<name>]",
            )
        } else {
            (
                format!("{stem} neither has a seat nor serves anything"),
                "name it among the seats in fleet.toml, give it a service, or remove the file",
            )
        };
        findings.refuse(read.source.place(&["witness"]), what, remedy);
    }
    seats
}

/// Checks services that fail over from one Region to another.
pub(super) fn pairs(
    raw: &raw::Fleet,
    source: &Source,
    services: &Services,
    regions: &BTreeMap<RegionId, Placements>,
    findings: &mut Findings,
) {
    for (id, service) in services {
        let Some(RoutingPolicy::Failover { primary }) = service.as_ref().map(|it| &it.routing)
        else {
            continue;
        };
        let place = |key| source.place(&["services", id.as_str(), key]);
        let placed: Vec<&RegionId> = placed(id, regions, |_| true);
        if placed.len() != 2 {
            findings.refuse(
                place("routing"),
                format!(
                    "{} Regions serve {id}, and Route 53 fails over between two: a primary and a secondary",
                    placed.len()
                ),
                "make it routing = \"weighted\", or let two Regions serve it",
            );
        } else if !placed.contains(&primary) {
            findings.refuse(
                place("primary"),
                format!("{primary} does not serve {id}; {} do", listed(&placed)),
                "name one of them",
            );
        }
        let aliases = placed.iter().all(|region| {
            let placement = regions[*region].get(id).and_then(Option::as_ref);
            placement.is_none_or(|place| matches!(place.data, RecordData::Alias { .. }))
        });
        if raw.gates.is_none() && !aliases {
            findings.refuse(
                place("routing"),
                "a primary that is no alias must carry a health check (Route 53 refuses it without), and \
                 the fleet's own are its gates",
                "add [gates], make every record of it an alias, or make it routing = \"weighted\"",
            );
        }
    }
}

/// Checks that each service has somewhere to go when a Region fails. A placement with a problem of
/// its own counts as serving.
pub(super) fn serving(
    raw: &raw::Fleet,
    source: &Source,
    services: &Services,
    regions: &BTreeMap<RegionId, Placements>,
    findings: &mut Findings,
) {
    let fewest = usize::from(raw.rules.fewest_in_service);
    for id in services.keys() {
        let place = source.place(&["services", id.as_str()]);
        let placed: Vec<&RegionId> = placed(id, regions, |_| true);
        let serving = self::placed(id, regions, |weight| weight > 0);
        match (placed.as_slice(), serving.as_slice()) {
            ([], _) => findings.refuse(
                place,
                format!("no Region serves {id}"),
                format!("add [services.{id}] to the files of at least two Regions"),
            ),
            (_, []) => findings.refuse(
                place,
                format!("all weights of {id} are 0, and Route 53 would answer with any of them"),
                format!("give {id} a weight above 0 in at least two Regions"),
            ),
            (_, [only]) => findings.refuse(
                place,
                format!("{only} alone serves {id} with a weight above 0: nothing to fail over to"),
                format!("give {id} a weight above 0 in a second Region"),
            ),
            (_, serving) if fewest >= serving.len() => findings.refuse(
                source.place(&["rules", "fewest_in_service"]),
                format!(
                    "fewest_in_service = {fewest} forbids every failover of {id}, which {} serve",
                    listed(serving)
                ),
                format!("make it at most {}", serving.len() - 1),
            ),
            _ => {}
        }
    }
}

/// Regions that have the service with a weight that fits.
fn placed<'r>(
    service: &ServiceId,
    regions: &'r BTreeMap<RegionId, Placements>,
    fits: impl Fn(u8) -> bool,
) -> Vec<&'r RegionId> {
    regions
        .iter()
        .filter(|(_, placements)| match placements.get(service) {
            None => false,
            Some(None) => true,
            Some(Some(placement)) => fits(placement.weight.0),
        })
        .map(|(region, _)| region)
        .collect()
}

/// All weighted records of one name and type have one TTL (Route 53 API Reference,
/// "ResourceRecordSet", TTL); aliases have none of their own.
pub(super) fn equal_ttls(
    folder: &Folder,
    regions: &BTreeMap<RegionId, Placements>,
    findings: &mut Findings,
) {
    let mut first: BTreeMap<&ServiceId, (&RegionId, u32)> = BTreeMap::new();
    for (region, placements) in regions {
        let Some(read) = folder.regions.get(region.as_str()) else { continue };
        for (service, placement) in placements {
            let Some(RecordData::Plain { ttl_s, .. }) = placement.as_ref().map(|p| &p.data) else {
                continue;
            };
            let (other, wanted) = *first.entry(service).or_insert((region, *ttl_s));
            if *ttl_s != wanted {
                findings.refuse(
                    read.source.place(&["services", service.as_str(), "record", "ttl_s"]),
                    format!(
                        "the record of {service} has ttl_s = {ttl_s} here and {wanted} in {other}, \
                         and Route 53 wants one for all weighted records of a name"
                    ),
                    "write the same in every Region",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{each_is_refused, web_in};

    #[test]
    fn seats_are_odd_in_number_at_least_three_and_each_has_a_file() {
        each_is_refused(&[
            (
                &[("fleet.toml", r#""r2", "r3"]"#, r#""r3"]"#)],
                "fleet.toml:2:9: 2 seats can't lose one and keep a majority; name at least 3; a Region may have a seat as a witness only",
            ),
            (
                &[("fleet.toml", r#""r1", "r2""#, r#""r2", "r2""#)],
                "fleet.toml:2:16: r2 has a seat already: its vote would count twice; name each Region once",
            ),
            (
                &[("fleet.toml", r#""r1", "r2""#, r#""r4", "r2""#)],
                "fleet.toml:2:10: r4 has a seat and no file; add r4.toml, with witness = true if it serves nothing",
            ),
            (
                &[("fleet.toml", r#""r1", "r2""#, r#""r 1", "r2""#)],
                r#"fleet.toml:2:10: Region "r 1" is not valid: only letters, digits, hyphens (and, for some names, dots) may stand in it; write a Region's code"#,
            ),
            (
                &[
                    ("fleet.toml", r#""r3"]"#, r#""r3", "r4"]"#),
                    (
                        "r4.toml",
                        "",
                        r#"region = "r4"
witness = true
"#,
                    ),
                ],
                "fleet.toml:2:9: 4 seats survive the loss of no more Regions than 3 do; name an odd number",
            ),
        ]);
    }

    #[test]
    fn a_region_without_a_use_is_refused() {
        each_is_refused(&[
            (
                &[("r3.toml", "witness = true", "")],
                "r3.toml:1:1: r3 has a seat and serves nothing; add witness = true if that is meant, or [services.<name>]",
            ),
            (
                &[(
                    "r4.toml",
                    "",
                    r#"region = "r4"
witness = true
"#,
                )],
                "r4.toml:2:11: r4 neither has a seat nor serves anything; name it among the seats in fleet.toml, give it a service, or remove the file",
            ),
        ]);
    }

    #[test]
    fn every_service_has_somewhere_to_fail_over_to() {
        each_is_refused(&[
            (
                &[("r1.toml", "100", "0")],
                "fleet.toml:5:1: r2 alone serves web with a weight above 0: nothing to fail over to; give web a weight above 0 in a second Region",
            ),
            (
                &[("fleet.toml", "[rules]", "[rules]\nfewest_in_service = 2")],
                "fleet.toml:13:21: fewest_in_service = 2 forbids every failover of web, which r1 and r2 serve; make it at most 1",
            ),
            (
                &[("r1.toml", "100", "0"), ("r2.toml", "100", "0")],
                "fleet.toml:5:1: all weights of web are 0, and Route 53 would answer with any of them; give web a weight above 0 in at least two Regions",
            ),
            (
                &[("r1.toml", &web_in("r1"), "witness = true\n")],
                "fleet.toml:5:1: r2 alone serves web with a weight above 0: nothing to fail over to; give web a weight above 0 in a second Region",
            ),
            (
                &[
                    ("r1.toml", &web_in("r1"), "witness = true\n"),
                    ("r2.toml", &web_in("r2"), "witness = true\n"),
                ],
                "fleet.toml:5:1: no Region serves web; add [services.web] to the files of at least two Regions",
            ),
            (
                &[(
                    "fleet.toml",
                    "",
                    r#"[services.two]
zone = "Z1"
name = "two.example.com"
type = "A"
"#,
                )],
                "fleet.toml:13:1: no Region serves two; add [services.two] to the files of at least two Regions",
            ),
        ]);
    }

    #[test]
    fn weighted_records_share_one_ttl() {
        each_is_refused(&[(
            &[("r2.toml", r#"["203.0.113.1"]"#, r#"["203.0.113.1"], ttl_s = 5"#)],
            "r2.toml:5:46: the record of web has ttl_s = 5 here and 60 in r1, and Route 53 wants one for all weighted records of a name; write the same in every Region",
        )]);
    }
}
