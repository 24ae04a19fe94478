//! A small fleet for the tests of this module: one service in two Regions, and a witness.

use std::collections::BTreeMap;

use crate::config;
use crate::domain::control::Weights;
use crate::domain::{AgentId, Fleet, RegionId, Weight};

/// Its files.
pub(super) fn loaded() -> config::Loaded {
    let fleet = r#"name = "demo"
seats = ["r1", "r2", "r3"]
zones = { Z1 = "example.com" }
[services.web]
zone = "Z1"
name = "web.example.com"
type = "A"
probe = { path = "/up", body_contains = "\"all\" well", status = "203-299" }
"#;
    let region = |n| {
        let text = format!(
            "region = \"r{n}\"\n[services.web]\nweight = 100\nurl = \"http://127.0.{n}.1\"\n\
             record = {{ values = [\"127.0.{n}.1\"], ttl_s = 1 }}\n"
        );
        (format!("r{n}.toml"), text)
    };
    let files = BTreeMap::from([
        ("fleet.toml".to_owned(), fleet.to_owned()),
        region(1),
        region(2),
        ("r3.toml".to_owned(), "region = \"r3\"\nwitness = true\n".to_owned()),
    ]);
    config::load_files(files).unwrap_or_else(|problems| panic!("{problems}"))
}

pub(super) fn fleet() -> Fleet {
    loaded().fleet
}

pub(super) fn region(name: &str) -> RegionId {
    name.parse().expect("valid")
}

/// One agent in each Region.
pub(super) fn agents() -> BTreeMap<AgentId, RegionId> {
    ["r1", "r2", "r3"].map(|name| (name.parse().expect("valid"), region(name))).into()
}

/// Weights of the one service.
pub(super) fn weights(pairs: &[(&str, u8)]) -> Weights {
    let of = pairs.iter().map(|(name, weight)| (region(name), Weight(*weight))).collect();
    Weights::from([("web".parse().expect("valid"), of)])
}
