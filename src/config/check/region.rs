//! Rules on one Region's file.

use std::collections::BTreeMap;

use hyper::Uri;

use super::super::problem::Findings;
use super::super::raw;
use super::super::source::Source;
use super::{Placements, Read, Services, listed, record, signals};
use crate::domain::capacity::ScalingGroupName;
use crate::domain::fleet::{Placement, Protocol};
use crate::domain::{RegionId, ServiceId, Weight};

/// The files that declare each Region, by their names without `.toml`.
pub(super) fn by_declared_name(
    regions: &BTreeMap<String, Read<raw::Region>>,
) -> BTreeMap<String, Vec<String>> {
    let mut declared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (stem, read) in regions {
        if let Some(raw) = &read.raw {
            declared.entry(raw.region.clone()).or_default().push(stem.clone());
        }
    }
    declared
}

/// Checks a Region's file. A file counts for the Region that it is named after: what it declares
/// differs when a copied file was not adapted. None when that name is none of a Region. Without
/// services (`fleet.toml` can't be read) what needs them is passed over.
pub(super) fn check(
    stem: &str,
    raw: &raw::Region,
    source: &Source,
    declared: &BTreeMap<String, Vec<String>>,
    services: Option<&Services>,
    findings: &mut Findings,
) -> Option<(RegionId, Placements)> {
    let place = source.place(&["region"]);
    if raw.region != stem {
        let others = declared
            .get(&raw.region)
            .into_iter()
            .flatten()
            .filter(|other| *other != stem)
            .map(|other| format!("{other}.toml"));
        let also = match listed(others).as_str() {
            "none" => String::new(),
            others => format!(", and so says {others}"),
        };
        findings.refuse(
            place.clone(),
            format!("{stem}.toml says that it is the file of {:?}{also}", raw.region),
            format!(
                "write region = {stem:?}, or name the file after its Region, one file for each"
            ),
        );
    }
    let id: RegionId =
        findings.take(stem.parse(), place, "name the file after the Region's code")?;
    if raw.witness && !raw.services.is_empty() {
        findings.refuse(
            source.place(&["witness"]),
            format!("{id} is a witness, and serves {}", listed(raw.services.keys())),
            "remove witness, or the services",
        );
    }

    let mut placements = Placements::new();
    for (text, placement) in &raw.services {
        let place = source.place(&["services", text]);
        let Some(service) =
            findings.take(text.parse::<ServiceId>(), place.clone(), "choose another name")
        else {
            continue;
        };
        let spec = match services.map(|services| services.get(&service)) {
            Some(None) => {
                findings.refuse(
                    place,
                    format!("fleet.toml has no service {service}"),
                    "correct the name, or describe the service there",
                );
                continue;
            }
            Some(Some(spec)) => spec.as_ref(),
            None => None,
        };
        let weight = weight(text, placement.weight, source, findings);
        let protocol = spec.map(|spec| spec.probe.protocol);
        let url = findings.take(
            base_url(&placement.url, protocol),
            source.place(&["services", text, "url"]),
            match protocol {
                Some(Protocol::Tcp) => "write tcp:// or tls://, a host and a port",
                _ => "write http:// or https://, a host, and a port if need be",
            },
        );
        let data = record::check(text, &placement.record, spec, source, findings);
        let signals = signals::check(&id, text, placement, source, findings);
        let group = scaling_group(text, placement, source, findings);
        let vcpus = instance_vcpus(text, placement, source, findings);
        let capacity = group.zip(vcpus);
        let placement = weight.zip(url).zip(data).zip(signals).zip(capacity).map(
            |((((weight, url), data), (target_group, alarms)), capacity)| Placement {
                weight,
                url,
                data,
                target_group,
                alarms,
                scaling_group: capacity.0,
                instance_vcpus: capacity.1,
            },
        );
        placements.insert(service, placement);
    }
    Some((id, placements))
}

fn weight(service: &str, raw: i64, source: &Source, findings: &mut Findings) -> Option<Weight> {
    let weight = u8::try_from(raw).ok().map(Weight);
    if weight.is_none() {
        findings.refuse(
            source.place(&["services", service, "weight"]),
            format!("weight = {raw} is not within 0..=255, the weights of Route 53"),
            "only the proportions count: scale all weights of the service down",
        );
    }
    weight
}

/// A placement's autoscaling group; the outer none when something is wrong with it.
fn scaling_group(
    service: &str,
    raw: &raw::Placement,
    source: &Source,
    findings: &mut Findings,
) -> Option<Option<ScalingGroupName>> {
    let Some(text) = &raw.scaling_group else { return Some(None) };
    let place = source.place(&["services", service, "scaling_group"]);
    let remedy = if text.starts_with("arn:") {
        "write the part behind autoScalingGroupName/"
    } else {
        "write the group's name in this Region"
    };
    findings.take(text.parse(), place, remedy).map(Some)
}

/// vCPUs of an instance of the placement's group; the outer none when something is wrong with them.
fn instance_vcpus(
    service: &str,
    raw: &raw::Placement,
    source: &Source,
    findings: &mut Findings,
) -> Option<Option<u16>> {
    let Some(number) = raw.instance_vcpus else { return Some(None) };
    let place = || source.place(&["services", service, "instance_vcpus"]);
    if raw.scaling_group.is_none() {
        findings.refuse(
            place(),
            format!("instance_vcpus = {number} is of no scaling_group"),
            "name the scaling_group, or leave instance_vcpus out",
        );
        return None;
    }
    let vcpus = u16::try_from(number).ok().filter(|vcpus| *vcpus > 0);
    if vcpus.is_none() {
        findings.refuse(
            place(),
            format!("instance_vcpus = {number} is no number of vCPUs"),
            "write how many one instance of the group has",
        );
    }
    vcpus.map(Some)
}

/// Scheme, host and port of a URL, and nothing behind them.
fn base_url(text: &str, protocol: Option<Protocol>) -> Result<String, String> {
    let fail = |reason| Err(format!("url {text:?} {reason}"));
    let Ok(uri) = text.parse::<Uri>() else {
        return fail("is not a URL");
    };
    let tcp = protocol == Some(Protocol::Tcp);
    let scheme = match (uri.scheme_str(), protocol) {
        // What is wrong with the service is said elsewhere; either may be right.
        (Some(scheme @ ("http" | "https" | "tcp" | "tls")), None) => scheme,
        (Some(scheme @ ("tcp" | "tls")), Some(Protocol::Tcp)) => scheme,
        (_, Some(Protocol::Tcp)) => {
            return fail("is neither tcp nor tls, and protocol = \"tcp\"");
        }
        (Some(scheme @ ("http" | "https")), Some(_)) => scheme,
        _ => return fail("is neither http nor https"),
    };
    let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
        return fail("names no host");
    };
    if authority.as_str().contains('@') {
        return Err("url holds a user's name, which would end up in logs".to_owned());
    }
    if authority.as_str() != authority.host() && authority.port_u16().is_none() {
        return fail("has a port that is none");
    }
    if tcp && authority.port_u16().is_none() {
        return fail("has no port, and TCP has none of its own");
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
        return fail("has a path, which belongs to the service's probe in fleet.toml");
    }
    Ok(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::each_is_refused;

    #[test]
    fn weights_and_urls_are_checked() {
        each_is_refused(&[
            (
                &[("r1.toml", "100", "256")],
                "r1.toml:3:10: weight = 256 is not within 0..=255, the weights of Route 53; only the proportions count: scale all weights of the service down",
            ),
            (
                &[("r1.toml", "100", "-1")],
                "r1.toml:3:10: weight = -1 is not within 0..=255, the weights of Route 53; only the proportions count: scale all weights of the service down",
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "web.example.com")],
                r#"r1.toml:4:7: url "web.example.com" is neither http nor https; write http:// or https://, a host, and a port if need be"#,
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "ftp://web.example.com")],
                r#"r1.toml:4:7: url "ftp://web.example.com" is neither http nor https; write http:// or https://, a host, and a port if need be"#,
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "http://")],
                r#"r1.toml:4:7: url "http://" is not a URL; write http:// or https://, a host, and a port if need be"#,
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "http://:80")],
                r#"r1.toml:4:7: url "http://:80" names no host; write http:// or https://, a host, and a port if need be"#,
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "http://u:p@web.example.com")],
                "r1.toml:4:7: url holds a user's name, which would end up in logs; write http:// or https://, a host, and a port if need be",
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "http://web.example.com:99999")],
                r#"r1.toml:4:7: url "http://web.example.com:99999" has a port that is none; write http:// or https://, a host, and a port if need be"#,
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "http://web.example.com/base")],
                r#"r1.toml:4:7: url "http://web.example.com/base" has a path, which belongs to the service's probe in fleet.toml; write http:// or https://, a host, and a port if need be"#,
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "http://web.example.com/#top")],
                r#"r1.toml:4:7: url "http://web.example.com/#top" has a path, which belongs to the service's probe in fleet.toml; write http:// or https://, a host, and a port if need be"#,
            ),
            (
                &[("r1.toml", "http://web.r1.example.com", "a b")],
                r#"r1.toml:4:7: url "a b" is not a URL; write http:// or https://, a host, and a port if need be"#,
            ),
        ]);
    }

    #[test]
    fn the_vcpus_of_an_instance_are_a_number_of_a_group_s() {
        const URL: &str = r#"url = "http://web.r1.example.com""#;
        let group = "\nscaling_group = \"web\"";
        for (group, vcpus, message) in [
            (
                "",
                4,
                "r1.toml:5:18: instance_vcpus = 4 is of no scaling_group; name the scaling_group, or \
                 leave instance_vcpus out",
            ),
            (
                group,
                0,
                "r1.toml:6:18: instance_vcpus = 0 is no number of vCPUs; write how many one instance \
                 of the group has",
            ),
            (
                group,
                65_536,
                "r1.toml:6:18: instance_vcpus = 65536 is no number of vCPUs; write how many one \
                 instance of the group has",
            ),
        ] {
            let with = format!("{URL}{group}\ninstance_vcpus = {vcpus}");
            each_is_refused(&[(&[("r1.toml", URL, &with)], message)]);
        }
    }

    #[test]
    fn the_name_of_an_autoscaling_group_is_checked() {
        const URL: &str = r#"url = "http://web.r1.example.com""#;
        let with = |name: &str| format!("{URL}\nscaling_group = \"{name}\"");
        let arn = "arn:aws:autoscaling:r1:123456789012:autoScalingGroup:u:autoScalingGroupName/web";
        for (name, remedy) in [
            ("", "write the group's name in this Region"),
            (arn, "write the part behind autoScalingGroupName/"),
        ] {
            let message = format!(
                "r1.toml:5:17: {name:?} is not the name of an autoscaling group: 1 to 255 \
                 characters, without colons and control characters; {remedy}"
            );
            each_is_refused(&[(&[("r1.toml", URL, &with(name))], &message)]);
        }
    }

    #[test]
    fn a_file_belongs_to_the_region_that_it_is_named_after() {
        each_is_refused(&[
            (
                &[("r1.toml", r#"region = "r1""#, r#"region = "r9""#)],
                r#"r1.toml:1:10: r1.toml says that it is the file of "r9"; write region = "r1", or name the file after its Region, one file for each"#,
            ),
            (
                &[("r1.toml", r#"region = "r1""#, r#"region = "r2""#)],
                r#"r1.toml:1:10: r1.toml says that it is the file of "r2", and so says r2.toml; write region = "r1", or name the file after its Region, one file for each"#,
            ),
            (
                &[(
                    "r3.toml",
                    "witness = true",
                    r#"witness = true
[services.web]
weight = 1
url = "http://w.example"
record = { values = ["192.0.2.1"] }"#,
                )],
                "r3.toml:2:11: r3 is a witness, and serves web; remove witness, or the services",
            ),
            (
                &[(
                    "r1.toml",
                    r#"record = { values = ["203.0.113.1"] }"#,
                    r#"record = { values = ["203.0.113.1"] }
[services.wbe]
weight = 1
url = "http://w.example"
record = { values = ["192.0.2.1"] }"#,
                )],
                "r1.toml:6:1: fleet.toml has no service wbe; correct the name, or describe the service there",
            ),
        ]);
    }
}
