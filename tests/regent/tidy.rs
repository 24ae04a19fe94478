//! The house's rules, kept by a test: which module may know which, and that the brain stays pure.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module with those that it may use. `ARCHITECTURE.md` says why.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("problem", &[]),
    ("runbook", &["domain", "problem"]),
    ("core", &["domain", "runbook"]),
    ("config", &["domain", "problem"]),
    ("ports", &["domain"]),
    ("names", &["domain", "ports", "telemetry"]),
    ("preflight", &["core", "domain", "ports"]),
    ("telemetry", &["domain"]),
    ("aws", &["domain", "ports", "telemetry"]),
    ("probe", &["domain", "telemetry"]),
    ("agent", &["core", "domain", "ports", "preflight", "probe", "telemetry"]),
    ("api", &["core", "domain", "telemetry"]),
    ("world", &["domain"]),
    ("sim", &["core", "domain", "ports", "runbook", "world"]),
    ("local", &["config", "domain", "ports", "telemetry", "world"]),
    ("drill", &["config", "core", "domain", "local", "ports", "runbook", "sim", "world"]),
    (
        "cli",
        &[
            "agent",
            "api",
            "aws",
            "config",
            "core",
            "domain",
            "drill",
            "local",
            "names",
            "ports",
            "preflight",
            "probe",
            "problem",
            "runbook",
            "sim",
            "telemetry",
            "world",
        ],
    ),
];

/// Words that have no place in the brain, with the reason.
const IMPURE: &[(&str, &str)] = &[
    ("async ", "the brain is driven, it never waits"),
    (".await", "the brain is driven, it never waits"),
    ("tokio", "no runtime"),
    ("std::fs", "no files"),
    ("std::net", "no network"),
    ("std::env", "no environment"),
    ("std::thread", "no threads"),
    ("Instant", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("HashMap", "its order differs from run to run"),
    ("HashSet", "its order differs from run to run"),
    ("SysRng", "randomness is an argument"),
    ("rand::rng", "randomness is an argument"),
    ("tracing::", "what there is to tell is a note"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    let named =
        |part: &std::ffi::OsStr| part == "tests" || part == "tests.rs" || part == "testing.rs";
    path.components().any(|part| named(part.as_os_str())) || is_declared_for_tests(path)
}

/// Whether a module above says that this file, or the folder it is in, is there for tests only.
fn is_declared_for_tests(path: &Path) -> bool {
    path.ancestors().take_while(|it| *it != root()).any(|it| {
        let stem = it.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let above = fs::read_to_string(it.with_file_name("mod.rs")).unwrap_or_default();
        above.contains(&format!("#[cfg(test)]\nmod {stem};"))
    })
}

/// The lines of a file that are neither comments nor tests, with their numbers.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).expect("readable");
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("mod tests") || line.starts_with("mod tests {") {
            break;
        }
        if !line.trim_start().starts_with("//") {
            lines.push((number + 1, line.to_owned()));
        }
    }
    lines
}

/// Top-level modules that a line names through `crate::`.
fn named(line: &str) -> Vec<&str> {
    line.match_indices("crate::")
        .map(|(at, found)| {
            let rest = &line[at + found.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            &rest[..end]
        })
        .filter(|name| ARROWS.iter().any(|(module, _)| module == name))
        .collect()
}

#[test]
fn modules_know_only_those_that_they_may() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (module, allowed) in &arrows {
        for path in files(&root().join("src").join(module)) {
            if is_test(&path) {
                continue;
            }
            for (number, line) in code(&path) {
                for name in named(&line) {
                    if name != *module && !allowed.contains(&name) {
                        wrong.push(format!("{}:{number}: {module} → {name}", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that are not drawn:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_arrows_drawn() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("readable");
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in declared {
        assert!(ARROWS.iter().any(|(name, _)| *name == module), "{module} is not in ARROWS");
    }
}

#[test]
fn the_brain_is_pure() {
    let mut wrong = Vec::new();
    let pure = ["src/core", "src/runbook"];
    for path in pure.iter().flat_map(|folder| files(&root().join(folder))) {
        if is_test(&path) {
            continue;
        }
        for (number, line) in code(&path) {
            for (word, reason) in IMPURE {
                if line.contains(word) {
                    wrong.push(format!("{}:{number}: {word}: {reason}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_adapters_name_an_aws_crate() {
    let mut wrong = Vec::new();
    for path in files(&root().join("src")) {
        if path.starts_with(root().join("src/aws")) {
            continue;
        }
        for (number, line) in code(&path) {
            if ["aws_sdk_", "aws_config", "aws_smithy"].iter().any(|name| line.contains(name)) {
                wrong.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    const LINES_MAX: usize = 600;
    let long: Vec<String> = files(&root().join("src"))
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).expect("readable").lines().count();
            (lines > LINES_MAX).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "look for the seam in:\n{}", long.join("\n"));
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    let silent: Vec<String> = files(&root().join("src"))
        .into_iter()
        .filter(|path| !fs::read_to_string(path).expect("readable").starts_with("//!"))
        .map(|path| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
