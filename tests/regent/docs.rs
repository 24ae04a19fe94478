//! Pages that are made of the code's own tables, and what the pages say of the code.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use regent::telemetry::metrics::table::{Kind, TABLE, Unit};

/// `docs/metrics.md` as the table has it.
fn metrics_page() -> String {
    let mut page = String::from(
        "# Metrics\n\nWhat `/metrics` of an agent shows, in Prometheus' text format. This page is \
         made of the table in the code; a test keeps it true. Set `REGENT_WRITE_DOCS=1` and run \
         `cargo test --test regent` to write it anew.\n\n| name | type | unit | labels | meaning \
         |\n|---|---|---|---|---|\n",
    );
    for spec in TABLE {
        let kind = match spec.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let unit = match spec.unit {
            Unit::Count => "",
            Unit::Truth => "0 or 1",
            Unit::Seconds => "seconds",
        };
        let labels: Vec<String> = spec.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(" ");
        writeln!(page, "| `{}` | {kind} | {unit} | {labels} | {} |", spec.name, spec.help)
            .expect("writing to a String can't fail");
    }
    page
}

#[test]
fn the_page_of_metrics_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let wanted = metrics_page();
    if std::env::var_os("REGENT_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).expect("the folder is there");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} is not what the table says: see its head", path.display());
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root.join(name)).expect(name);
        for word in ["/root/", "/home/", "/tmp/"] {
            assert!(!text.contains(word), "{name} names a path of somebody's machine: {word}");
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "ARCHITECTURE.md"] {
        let text = fs::read_to_string(root.join(name)).expect(name);
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            if !target.starts_with("http") && !target.starts_with('#') {
                assert!(root.join(target).exists(), "{name} links to {target}, which is not there");
            }
        }
    }
}
