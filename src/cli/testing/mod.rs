//! A small fleet for the tests of commands: three seats, one service in two Regions.

mod modelled;
mod tables;

use std::collections::BTreeMap;

use super::{Failure, Screen};
use crate::config;
use crate::domain::Fleet;

pub(super) use modelled::{Account, Modelled};
pub(super) use tables::Tables;

const FLEET: &str = r#"name = "demo"
seats = ["r1", "r2", "r3"]
[zones]
Z1 = "example.com"
[services.web]
zone = "Z1"
name = "web.example.com"
type = "A"
[services.web.probe]
path = "/up"
"#;

/// The fleet.
pub(super) fn fleet() -> Fleet {
    config::load_files(files()).expect("valid").fleet
}

/// The fleet with a gate in each Region.
pub(super) fn gated_fleet() -> Fleet {
    config::load_files(files_with_gates()).expect("valid").fleet
}

fn files_with_gates() -> BTreeMap<String, String> {
    let mut files = files();
    for (name, text) in &mut files {
        match name.strip_suffix(".toml") {
            Some("fleet") => text.push_str("[gates]\n"),
            Some(region) => {
                let line = format!("region = {region:?}\n");
                let gate = format!("gate = {{ url = \"https://gate.{region}.example.net\" }}\n");
                *text = text.replace(&line, &[line.clone(), gate].concat());
            }
            None => {}
        }
    }
    files
}

/// A fleet of so many Regions, all of which serve and have a gate; `edit` changes the files by
/// name.
pub(super) fn gated_in(regions: usize, edit: impl Fn(&str, String) -> String) -> Fleet {
    let region = |n: usize| {
        let text = format!(
            "region = \"r{n}\"\ngate = {{ url = \"https://gate.r{n}.example.net\" }}\n\
             [services.web]\nweight = 100\nurl = \"http://web.r{n}.example.com\"\n\
             record = {{ values = [\"192.0.2.{n}\"] }}\n"
        );
        (format!("r{n}.toml"), text)
    };
    let fleet = ("fleet.toml".to_owned(), format!("{FLEET}[gates]\n"));
    let files = (1..=regions).map(region).chain([fleet]);
    let files = files.map(|(name, text)| (name.clone(), edit(&name, text)));
    config::load_files(files.collect()).expect("valid").fleet
}

/// The gated fleet with a database, whose members are in `r1` and `r2`, and an autoscaling group in
/// each of these.
pub(super) fn whole_fleet() -> Fleet {
    let mut files = files_with_gates();
    for (name, text) in &mut files {
        match name.strip_suffix(".toml") {
            Some("fleet") => text.push_str(
                "[databases.orders]\nglobal_cluster = \"demo-orders\"\nloss_budget_ms = 90000\n",
            ),
            Some(region @ ("r1" | "r2")) => text.push_str(&format!(
                "scaling_group = \"demo-web\"\ninstance_vcpus = 2\n[databases.orders]\ncluster = \"{}\"\n",
                cluster_arn(region)
            )),
            _ => {}
        }
    }
    config::load_files(files).expect("valid").fleet
}

/// The database's member in a Region.
pub(super) fn cluster_arn(region: &str) -> String {
    format!("arn:aws:rds:{region}:123456789012:cluster:orders-{region}")
}

fn files() -> BTreeMap<String, String> {
    let region = |region: &str, last: u8| {
        let text = format!(
            "region = {region:?}\n[services.web]\nweight = 100\n\
             url = \"http://web.{region}.example.com\"\nrecord = {{ values = [\"192.0.2.{last}\"] }}\n"
        );
        (format!("{region}.toml"), text)
    };
    BTreeMap::from([
        ("fleet.toml".to_owned(), FLEET.to_owned()),
        region("r1", 1),
        region("r2", 2),
        ("r3.toml".to_owned(), "region = \"r3\"\nwitness = true\n".to_owned()),
    ])
}

/// What a command prints, and how it ends.
pub(super) fn printed(
    json: bool,
    work: impl FnOnce(&mut Screen<'_>) -> Result<(), Failure>,
) -> (String, Result<(), Failure>) {
    let mut out = Vec::new();
    let result = work(&mut Screen::new(&mut out, json));
    (String::from_utf8(out).expect("UTF-8"), result)
}
