//! A fleet moved to loopback: the same Regions, services, weights and rules, with addresses of this
//! machine in place of load balancers.
//!
//! What agents then read is an ordinary folder of files; that it is local, nothing in them knows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::config::raw;
use crate::domain::RegionId;
use crate::domain::fleet::Protocol;
use crate::world::route53::ALIAS_TTL_S;

/// A fleet that can't be served from one port by name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "services {one} and {other} have one name, {name}. On loopback services are told apart by name \
     alone: leave one of them out"
)]
pub struct SharedName {
    one: String,
    other: String,
    name: String,
}

/// The files with each Region's endpoints and records on its loopback address, and with this time
/// to live in place of the records' own, if there is one.
pub(super) fn onto_loopback(
    mut files: raw::Files,
    addresses: &BTreeMap<RegionId, Ipv4Addr>,
    port: u16,
    ttl_s: Option<u32>,
) -> Result<raw::Files, SharedName> {
    let mut names = BTreeMap::new();
    for (service, spec) in &mut files.fleet.services {
        let name = spec.name.trim_end_matches('.').to_ascii_lowercase();
        if let Some(one) = names.insert(name.clone(), service.clone()) {
            return Err(SharedName { one, other: service.clone(), name });
        }
        // Probes ask the Region's address, and say by the Host header which service they mean.
        spec.probe.host = Some(name);
        "A".clone_into(&mut spec.rtype);
    }
    let ttls = plain_ttls(&files);
    for (region, address) in addresses {
        let placements = files.regions.get_mut(region.as_str()).into_iter();
        for (service, placement) in placements.flat_map(|region| &mut region.services) {
            let tcp = files.fleet.services.get(service).is_some_and(|spec| {
                // There are no certificates on loopback; what is spoken otherwise stays.
                spec.probe.protocol == Protocol::Tcp
            });
            let scheme = if tcp { "tcp" } else { "http" };
            placement.url = format!("{scheme}://{address}:{port}");
            let record = &mut placement.record;
            if record.alias.take().is_some() {
                record.ttl_s = ttls.get(service).copied().unwrap_or(Some(ALIAS_TTL_S));
            }
            record.ttl_s = ttl_s.or(record.ttl_s);
            record.values = Some(vec![address.to_string()]);
        }
    }
    Ok(files)
}

/// What an alias beside plain records must have for time to live once it is one of them: theirs.
fn plain_ttls(files: &raw::Files) -> BTreeMap<String, Option<u32>> {
    let placements = files.regions.values().flat_map(|region| &region.services);
    placements
        .filter(|(_, placement)| placement.record.alias.is_none())
        .map(|(service, placement)| (service.clone(), placement.record.ttl_s))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::domain::record::RecordData;

    const FLEET: &str = r#"name = "demo"
seats = ["r1", "r2", "r3"]
zones = { Z1 = "example.com" }
[services.web]
zone = "Z1"
name = "Web.example.com"
type = "CNAME"
probe = { path = "/up", host = "shop.example.com" }
"#;

    fn files(records: [&str; 3]) -> raw::Files {
        let region = |(n, record): (usize, &str)| {
            let region = format!("r{}", n + 1);
            let text = format!(
                "region = \"{region}\"\n[services.web]\nweight = {n}\n\
                 url = \"https://{region}.example.net\"\nrecord = {record}\n"
            );
            (region, toml::from_str(&text).expect("valid"))
        };
        raw::Files {
            fleet: toml::from_str(FLEET).expect("valid"),
            regions: records.into_iter().enumerate().map(region).collect(),
        }
    }

    fn addresses() -> BTreeMap<RegionId, Ipv4Addr> {
        (1..4)
            .map(|n| (format!("r{n}").parse().expect("valid"), Ipv4Addr::new(127, 0, n, 1)))
            .collect()
    }

    #[test]
    fn the_rendered_fleet_is_accepted_with_addresses_changed_and_the_rest_kept() {
        let plain = r#"{ values = ["lb.example.net"], ttl_s = 5 }"#;
        let alias = r#"{ alias = { zone = "Z9", name = "lb.example.net" } }"#;
        for (records, ttl_s) in [([plain, alias, plain], 5), ([alias; 3], ALIAS_TTL_S)] {
            let rendered =
                onto_loopback(files(records), &addresses(), 4321, None).expect("one name");
            let texts = config::render(&rendered);
            let loaded = config::load_files(texts).unwrap_or_else(|problems| panic!("{problems}"));
            let web = &loaded.fleet.services[&"web".parse().expect("valid")];
            assert_eq!(web.probe.host.as_deref(), Some("web.example.com"));
            assert_eq!(web.probe.path, "/up");
            for n in 1..4 {
                let placement = &web.regions[&format!("r{n}").parse().expect("valid")];
                assert_eq!(placement.url, format!("http://127.0.{n}.1:4321"));
                assert_eq!(placement.weight.0, n - 1);
                let values = vec![format!("127.0.{n}.1")];
                assert_eq!(placement.data, RecordData::Plain { ttl_s, values });
            }
        }
    }

    #[test]
    fn a_time_to_live_for_all_takes_the_place_of_each() {
        let plain = r#"{ values = ["lb.example.net"], ttl_s = 5 }"#;
        let rendered = onto_loopback(files([plain; 3]), &addresses(), 1, Some(60)).expect("good");
        let ttls = rendered.regions.values().map(|region| region.services["web"].record.ttl_s);
        assert_eq!(ttls.collect::<Vec<_>>(), [Some(60); 3]);
    }

    #[test]
    fn two_services_of_one_name_are_refused_by_name() {
        let mut files = files([r#"{ values = ["x.example.net"] }"#; 3]);
        let twin = files.fleet.services["web"].clone();
        files.fleet.services.insert("web6".to_owned(), twin);
        let error = onto_loopback(files, &addresses(), 1, None).expect_err("one name");
        assert!(
            error.to_string().starts_with("services web and web6 have one name, web.example.com")
        );
    }
}
