//! A small fleet that is accepted, and what is refused once something in it is changed.

use std::collections::BTreeMap;

use super::load_files;

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
[timing]
[rules]
"#;

const REGION: &str = r#"region = "REGION"
[services.web]
weight = 100
url = "http://web.REGION.example.com"
record = { values = ["203.0.113.1"] }
"#;

/// What `r1` and `r2` say of the fleet's service.
pub(super) fn web_in(region: &str) -> String {
    REGION.replace("REGION", region).replacen(&format!("region = {region:?}\n"), "", 1)
}

/// A second service for a Region's file, whose record has this value.
pub(super) fn two_with(value: &str) -> String {
    format!(
        "[services.two]\nweight = 1\nurl = \"http://two.example.com\"\nrecord = {{ values = [{value:?}] }}\n"
    )
}

/// The small fleet's files.
pub(super) fn files() -> BTreeMap<String, String> {
    let region = |name: &str| (format!("{name}.toml"), REGION.replace("REGION", name));
    BTreeMap::from([
        ("fleet.toml".to_owned(), FLEET.to_owned()),
        region("r1"),
        region("r2"),
        ("r3.toml".to_owned(), "region = \"r3\"\nwitness = true\n".to_owned()),
    ])
}

/// A change to one file: what is replaced by what. Where nothing is replaced, the text is added to
/// the file's end, which makes the file if there is none.
pub(super) type Edit<'e> = (&'e str, &'e str, &'e str);

/// What is said of the small fleet with these changes; nothing when it is accepted.
pub(super) fn said(edits: &[Edit<'_>]) -> Vec<String> {
    let mut files = files();
    for (file, old, new) in edits {
        let text = files.entry((*file).to_owned()).or_default();
        assert!(text.contains(old), "{old:?} is not in {file}");
        if old.is_empty() {
            text.push_str(new);
        } else {
            *text = text.replacen(old, new, 1);
        }
    }
    match load_files(files) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

/// Checks that each set of changes brings exactly one problem, of exactly these words.
pub(super) fn each_is_refused(cases: &[(&[Edit<'_>], &str)]) {
    for (edits, message) in cases {
        assert_eq!(said(edits), [*message], "{edits:?}");
    }
}

#[test]
fn the_small_fleet_is_accepted() {
    assert_eq!(said(&[]), Vec::<String>::new());
}
