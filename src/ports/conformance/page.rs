//! `docs/conformance.md`, made of the suites and of the list of differences.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::SUITES;
use super::differences::KNOWN;

const HEAD: &str = "# Conformance

One suite for each port, in `src/ports/conformance`. Each case runs over three implementations:

- the modelled world in memory, as the simulator uses it;
- the adapters on the AWS SDKs, over the local endpoints that serve that same world;
- the same adapters over [ministack](https://pypi.org/project/ministack/), an AWS emulator that others
  wrote. `.ci/run` installs and starts it; by hand, start one and set `REGENT_CONFORMANCE_ENDPOINT` to
  its URL. Without it that run says that it is skipped.

This page is made of the code's own tables; a test keeps it true. Set `REGENT_WRITE_DOCS=1` and run
`cargo test --lib conformance` to write it anew.

Where the emulator differs from AWS, the case is listed below with the rule of AWS that it breaks, and
the run fails when a listed case passes. Where it differs from our world and no rule can be shown, our
world is wrong.
";

fn page() -> String {
    let mut page = String::from(HEAD);
    for (port, cases) in SUITES {
        write!(page, "\n## {port}\n\n").expect("writing to a String can't fail");
        for case in cases {
            writeln!(page, "- {}", case.name).expect("writing to a String can't fail");
        }
    }
    page.push_str("\n## Where the emulator differs from AWS\n\n");
    if KNOWN.is_empty() {
        page.push_str("Nowhere in these cases.\n");
    } else {
        page.push_str("| port | case | what it does | the rule |\n|---|---|---|---|\n");
    }
    for known in KNOWN {
        let (port, case) = (known.port, known.case);
        writeln!(page, "| {port} | {case} | {} | {} |", known.does, known.rule)
            .expect("writing to a String can't fail");
    }
    page
}

#[test]
fn the_page_of_conformance_is_the_suites() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    let wanted = page();
    if std::env::var_os("REGENT_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).expect("the folder is there");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} is not what the suites say: see its head", path.display());
}

#[test]
fn every_known_difference_is_of_a_case_that_there_is() {
    for known in KNOWN {
        let suite = SUITES.iter().find(|(port, _)| *port == known.port).expect(known.port);
        assert!(suite.1.iter().any(|case| case.name == known.case), "{}", known.case);
    }
}
