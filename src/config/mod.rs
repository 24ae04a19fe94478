//! From `regions/*.toml` to a validated [`Fleet`].
//!
//! A folder holds `fleet.toml` and one `<region>.toml` for each Region, so that a change to one
//! Region is a change to one file. Text becomes raw types ([`raw`], serde's work), raw types become
//! the words of `domain` (`check`, ours). All problems are reported together, each with file, line
//! and column, what is wrong and what to do.
//!
//! Nothing here asks AWS: whether the zones, tables and endpoints exist is `preflight`'s question.

mod check;
pub mod defaults;
#[cfg(test)]
mod laws;
pub mod raw;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod unfit;

use std::collections::BTreeMap;
use std::path::Path;

pub use crate::problem::{Place, Position, Problem, Problems};

use crate::domain::Fleet;
use crate::problem::{self, source};
use check::{Folder, Read};
use problem::Findings;
use source::Source;

/// The file of the fleet itself; every other `.toml` is a Region's.
const FLEET_FILE: &str = "fleet.toml";

/// A fleet that was read: as validated, and as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What the rest of regent works with.
    pub fleet: Fleet,
    /// What the files say, to be changed and written out again.
    pub raw: raw::Files,
}

/// Reads a fleet from a folder. Files that don't end in `.toml`, and hidden ones, are passed over.
///
/// # Errors
/// Every problem found: a folder or file that can't be read, text that is not TOML, keys that are
/// unknown, values that are refused.
pub fn load_dir(dir: &Path) -> Result<Loaded, Problems> {
    let mut findings = Findings::default();
    let mut texts = BTreeMap::new();
    match names(dir) {
        Err(error) => {
            findings.refuse(
                Place { file: dir.display().to_string(), position: None },
                format!("the folder can't be read: {error}"),
                "name a folder that holds fleet.toml and one <region>.toml for each Region",
            );
            return finish(None, findings);
        }
        Ok(names) => {
            for name in names {
                let path = dir.join(&name);
                let place = Place { file: path.display().to_string(), position: None };
                let text = findings.take(
                    std::fs::read_to_string(&path)
                        .map_err(|error| format!("the file can't be read: {error}")),
                    place,
                    "make it a readable file of UTF-8 text",
                );
                texts.insert(name, text);
            }
        }
    }
    load(texts, |name| dir.join(name).display().to_string(), findings)
}

/// Reads a fleet from texts by file name (`fleet.toml`, `<region>.toml`).
///
/// # Errors
/// As [`load_dir`], but for folders.
pub fn load_files(files: BTreeMap<String, String>) -> Result<Loaded, Problems> {
    let texts =
        files.into_iter().filter(|(name, _)| is_ours(name)).map(|(name, text)| (name, Some(text)));
    load(texts.collect(), str::to_owned, Findings::default())
}

/// The files' texts for raw types, by file name: what [`load_files`] reads. Comments are not kept.
///
/// # Panics
/// Never: plain structs of texts and small numbers can all be written as TOML.
#[must_use]
pub fn render(files: &raw::Files) -> BTreeMap<String, String> {
    const WRITABLE: &str = "plain structs of texts and small numbers can be written as TOML";
    let fleet = toml::to_string_pretty(&files.fleet).expect(WRITABLE);
    files
        .regions
        .iter()
        .map(|(stem, region)| {
            (format!("{stem}.toml"), toml::to_string_pretty(region).expect(WRITABLE))
        })
        .chain([(FLEET_FILE.to_owned(), fleet)])
        .collect()
}

/// The names of the folder's files that are ours.
fn names(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        // A name that is no UTF-8 keeps a mark in it, can't be opened, and is reported so.
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_ours(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn is_ours(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
        && !name.starts_with('.')
}

/// Reads and judges texts; none stands for a file whose text could not be had.
fn load(
    mut texts: BTreeMap<String, Option<String>>,
    shown: impl Fn(&str) -> String,
    mut findings: Findings,
) -> Result<Loaded, Problems> {
    let fleet = match texts.remove(FLEET_FILE) {
        Some(text) => Some(read(shown(FLEET_FILE), text, &mut findings)),
        None => {
            findings.refuse(
                Place { file: shown(FLEET_FILE), position: None },
                "there is no such file, and it describes the fleet",
                "add it, or name the folder that has it",
            );
            None
        }
    };
    let regions: BTreeMap<_, _> = texts
        .into_iter()
        .map(|(name, text)| {
            let stem = name.strip_suffix(".toml").unwrap_or(&name).to_owned();
            (stem, read(shown(&name), text, &mut findings))
        })
        .collect();
    let whole = fleet.as_ref().is_some_and(|read| read.raw.is_some())
        && regions.values().all(|read| read.raw.is_some());
    let folder = Folder { fleet, regions, whole };
    let fleet = check::folder(&folder, &mut findings);

    let raw = folder.fleet.and_then(|read| read.raw).map(|fleet| raw::Files {
        fleet,
        regions: folder
            .regions
            .into_iter()
            .filter_map(|(stem, read)| Some((stem, read.raw?)))
            .collect(),
    });
    finish(fleet.zip(raw), findings)
}

fn read<T: serde::de::DeserializeOwned>(
    file: String,
    text: Option<String>,
    findings: &mut Findings,
) -> Read<T> {
    match text {
        Some(text) => {
            let (source, raw) = Source::read(file, &text, findings);
            Read { source, raw }
        }
        None => Read { source: Source::unread(file), raw: None },
    }
}

fn finish(loaded: Option<(Fleet, raw::Files)>, findings: Findings) -> Result<Loaded, Problems> {
    match findings.into_problems() {
        Some(problems) => Err(problems),
        None => {
            let (fleet, raw) = loaded.expect("what is missing from a fleet was noted as a problem");
            Ok(Loaded { fleet, raw })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::RecordData;

    fn lines(problems: &Problems) -> Vec<String> {
        problems.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_shipped_folder_is_accepted_and_survives_being_written_out() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("regions");
        let loaded = load_dir(&dir).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(loaded.fleet.name.as_str(), "demo");
        assert_eq!(loaded.fleet.seats.len(), 3);
        assert_eq!(loaded.fleet.targets().len(), 6);
        assert_eq!(loaded.fleet.tables.seats, "demo-seats");
        assert_eq!(loaded.fleet.rules.return_after_ms, 20_000);

        let again = load_files(render(&loaded.raw)).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(again, loaded);
    }

    #[test]
    fn what_a_file_leaves_out_has_its_default() {
        let loaded = load_files(testing::files()).expect("the small fleet is accepted");
        let web = &loaded.fleet.services[&"web".parse().expect("valid")];
        assert_eq!(web.probe.status, [(200, 299)]);
        assert_eq!(web.probe.latency_ms_max, defaults::PROBE_TIMEOUT_MS);
        assert_eq!(loaded.fleet.timing.lease_ms, defaults::LEASE_MS);
        let placement = &web.regions[&"r1".parse().expect("valid")];
        assert_eq!(
            placement.data,
            RecordData::Plain { ttl_s: 60, values: vec!["203.0.113.1".to_owned()] }
        );
        assert_eq!(loaded.fleet.regions.len(), 3, "the witness is a Region too");
    }

    #[test]
    fn an_alias_is_taken_as_written_and_survives_being_written_out() {
        let mut files = testing::files();
        let alias = "{ alias = { zone = \"Z2\", name = \"LB.example.net\", \
                     evaluate_target_health = true } }";
        let r1 = files.get_mut("r1.toml").expect("there");
        *r1 = r1.replace("{ values = [\"203.0.113.1\"] }", alias);
        let loaded = load_files(files).expect("accepted");
        let web = &loaded.fleet.services[&"web".parse().expect("valid")];
        assert_eq!(
            web.regions[&"r1".parse().expect("valid")].data,
            RecordData::Alias {
                target_zone: "Z2".to_owned(),
                target_name: "lb.example.net".parse().expect("valid"),
                evaluate_target_health: true,
            }
        );
        assert_eq!(load_files(render(&loaded.raw)).expect("accepted"), loaded);
    }

    #[test]
    fn all_problems_of_all_files_come_at_once_and_in_order() {
        let said = testing::said(&[
            ("r2.toml", "100", "300"),
            ("r1.toml", "weight = 100\n", "wait = 100\nurl2 = 3\n"),
            ("fleet.toml", "[timing]", "[timing]\nlease_ms = 1500\nup_after = 0"),
            ("fleet.toml", "\"r3\"]", "\"r3\", \"r9\"]"),
        ]);
        let places: Vec<&str> =
            said.iter().filter_map(|line| line.split_once(": ")).map(|(place, _)| place).collect();
        assert_eq!(
            places,
            [
                "fleet.toml:2:9",
                "fleet.toml:2:28",
                "fleet.toml:12:12",
                "fleet.toml:13:12",
                "r1.toml:2:1",
                "r1.toml:3:1",
                "r1.toml:4:1",
                "r2.toml:3:10",
            ],
            "{said:#?}"
        );
    }

    #[test]
    fn a_missing_fleet_file_hides_no_problem_of_a_region() {
        let mut files = testing::files();
        files.remove("fleet.toml");
        let r1 = files.get_mut("r1.toml").expect("there");
        *r1 = r1.replace("100", "256");
        let problems = load_files(files).expect_err("no fleet");
        assert_eq!(problems.0.len(), 2, "{problems}");
        assert_eq!(
            lines(&problems)[0],
            "fleet.toml: there is no such file, and it describes the fleet; add it, or name the \
             folder that has it"
        );
        assert!(lines(&problems)[1].starts_with("r1.toml:3:10: weight = 256"));
    }

    #[test]
    fn a_fleet_without_a_service_is_refused() {
        let fleet = "name = \"demo\"\nseats = [\"r1\", \"r2\", \"r3\"]\n".to_owned();
        let mut files = BTreeMap::from([(FLEET_FILE.to_owned(), fleet)]);
        for region in ["r1", "r2", "r3"] {
            files
                .insert(format!("{region}.toml"), format!("region = \"{region}\"\nwitness = true"));
        }
        assert_eq!(
            lines(&load_files(files).expect_err("no service")),
            [
                "fleet.toml:1:1: the fleet has no service; add [services.<name>] with zone, name and \
              type"
            ]
        );
    }

    #[test]
    fn a_folder_or_file_that_can_not_be_read_is_named() {
        let dir = tempfile::tempdir().expect("a folder of our own");
        let missing = dir.path().join("none");
        let problems = load_dir(&missing).expect_err("there is none");
        assert!(
            problems
                .to_string()
                .starts_with(&format!("{}: the folder can't be read: ", missing.display())),
            "{problems}"
        );

        for (name, text) in testing::files() {
            std::fs::write(dir.path().join(name), text).expect("writable");
        }
        std::fs::write(dir.path().join("README.md"), "no TOML").expect("writable");
        std::fs::write(dir.path().join(".r1.toml"), "an editor's").expect("writable");
        load_dir(dir.path()).unwrap_or_else(|problems| panic!("{problems}"));

        let broken = dir.path().join("r2.toml");
        std::fs::write(&broken, [0xff, 0xfe]).expect("writable");
        let problems = load_dir(dir.path()).expect_err("r2.toml is no text");
        assert_eq!(problems.0.len(), 1, "{problems}");
        assert!(
            problems
                .to_string()
                .starts_with(&format!("{}: the file can't be read: ", broken.display())),
            "{problems}"
        );
    }
}
