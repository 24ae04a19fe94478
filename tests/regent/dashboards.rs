//! What dashboards and alerts name is there: every metric, with the labels that are asked of it.
//!
//! A wrong name in PromQL is no error but an empty answer, which looks like peace. That the
//! expressions also mean something is shown by `tests/dashboards.sh` against a running Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regent::telemetry::metrics::table::{Kind, Spec, TABLE};
use serde_json::Value;

/// What Prometheus itself adds to every series, and to a histogram's.
const LABELS_OF_TARGETS: [&str; 2] = ["instance", "job"];
const LABEL_OF_BUCKETS: &str = "le";

/// After these, a list of labels stands in brackets.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// An expression, and the labels that the words beside it use.
struct Asked {
    place: String,
    expression: String,
    labels: Vec<String>,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metric of a series' name: a histogram's series end in a suffix.
fn metric(series: &str) -> Option<(&'static Spec, bool)> {
    TABLE.iter().find_map(|spec| match spec.kind {
        Kind::Histogram(_) => match series.strip_prefix(spec.name)? {
            "_bucket" => Some((spec, true)),
            "_sum" | "_count" => Some((spec, false)),
            _ => None,
        },
        Kind::Counter | Kind::Gauge => (series == spec.name).then_some((spec, false)),
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// The words of an expression outside its strings, each with what follows it.
fn words(expression: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            rest = rest[1..].split_once('"').map_or("", |(_, after)| after);
        } else if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            found.push((&rest[..end], rest[end..].trim_start()));
            rest = &rest[end..];
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// Names between brackets: those of matchers when they are curly.
fn listed(after: &str, open: char, close: char) -> Vec<&str> {
    let Some(inside) = after.strip_prefix(open) else { return Vec::new() };
    let inside = inside.split(close).next().unwrap_or_default();
    words(inside).into_iter().map(|(word, _)| word).collect()
}

/// What is wrong with an expression and the labels beside it.
fn problems(asked: &Asked) -> Vec<String> {
    let mut problems = Vec::new();
    let mut known: BTreeSet<&str> = LABELS_OF_TARGETS.into();
    let words = words(&asked.expression);
    for (word, after) in &words {
        if !word.starts_with("regent_") {
            continue;
        }
        let Some((spec, buckets)) = metric(word) else {
            problems.push(format!("{}: no metric {word}", asked.place));
            continue;
        };
        let own: BTreeSet<&str> = spec
            .labels
            .iter()
            .copied()
            .chain(buckets.then_some(LABEL_OF_BUCKETS))
            .chain(LABELS_OF_TARGETS)
            .collect();
        for label in listed(after, '{', '}') {
            if !own.contains(label) {
                problems.push(format!("{}: {word} has no label {label}", asked.place));
            }
        }
        known.extend(own);
    }
    let grouped = words
        .iter()
        .filter(|(word, _)| BEFORE_LABELS.contains(word))
        .flat_map(|(_, after)| listed(after, '(', ')'));
    for label in grouped.chain(asked.labels.iter().map(String::as_str)) {
        if !known.contains(label) {
            problems.push(format!("{}: no metric in it has the label {label}", asked.place));
        }
    }
    problems
}

/// What stands between these, wherever they occur in a text.
fn between<'t>(text: &'t str, open: &str, close: &str) -> Vec<&'t str> {
    let parts = text.split(open).skip(1);
    parts.filter_map(|part| Some(part.split_once(close)?.0.trim())).collect()
}

fn of_dashboard(text: &str) -> Vec<Asked> {
    let dashboard: Value = serde_json::from_str(text).expect("JSON");
    let mut asked = Vec::new();
    let mut ask = |place: &Value, expression: &Value, legend: &Value| {
        asked.push(Asked {
            place: place.as_str().expect("a title").to_owned(),
            expression: expression.as_str().expect("an expression").to_owned(),
            labels: between(legend.as_str().unwrap_or_default(), "{{", "}}")
                .into_iter()
                .map(str::to_owned)
                .collect(),
        });
    };
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            ask(&panel["title"], &target["expr"], &target["legendFormat"]);
        }
    }
    for note in dashboard["annotations"]["list"].as_array().expect("annotations") {
        ask(&note["name"], &note["expr"], &note["textFormat"]);
    }
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        // label_values(metric, label)
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        let arguments = between(query, "label_values(", ")")[0];
        let (metric, label) = arguments.split_once(',').expect("two arguments");
        asked.push(Asked {
            place: variable["name"].to_string(),
            expression: metric.to_owned(),
            labels: vec![label.trim().to_owned()],
        });
    }
    asked
}

/// The rules, by what this file keeps to: an `expr:` ends where the next key begins.
fn of_rules(text: &str) -> Vec<Asked> {
    let mut asked = Vec::new();
    for rule in text.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap_or_default();
        let after = rule.split_once("expr: ").expect("every alert has an expression").1;
        let end = ["\n        for:", "\n        labels:"].map(|key| after.find(key));
        let end = end.into_iter().flatten().min().expect("labels follow");
        asked.push(Asked {
            place: name.to_owned(),
            expression: after[..end].to_owned(),
            labels: between(&after[end..], "$labels.", " ")
                .into_iter()
                .map(|label| label.trim_end_matches(|c| !is_word(c)).to_owned())
                .collect(),
        });
    }
    asked
}

#[test]
fn every_metric_and_label_on_the_dashboard_is_there() {
    let asked = of_dashboard(&read("dashboards/grafana/regions.json"));
    assert!(asked.len() > 30, "only {} expressions were found", asked.len());
    let problems: Vec<String> = asked.iter().flat_map(problems).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_metric_and_label_of_the_alerts_is_there() {
    let text = read("dashboards/prometheus/rules.yml");
    let asked = of_rules(&text);
    assert_eq!(asked.len(), text.matches("expr:").count(), "one expression an alert");
    let problems: Vec<String> = asked.iter().flat_map(problems).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn what_is_not_there_is_noticed() {
    let wrong = |expression: &str, labels: &[&str]| {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        problems(&Asked { place: "here".to_owned(), expression: expression.to_owned(), labels })
    };
    assert_eq!(wrong("sum by (region) (regent_verdict{verdict=\"down\"})", &["region"]), [""; 0]);
    assert_eq!(wrong("rate(regent_reaction_seconds_bucket{le=\"5.0\"}[1m])", &["phase"]), [""; 0]);
    for (expression, labels) in [
        ("regent_leadr", [].as_slice()),
        ("regent_reaction_seconds", &[]),
        ("regent_epoch_bucket", &[]),
        ("regent_verdict{state=\"down\"}", &[]),
        ("regent_reaction_seconds_sum{le=\"5\"}", &[]),
        ("sum by (zone) (regent_verdict)", &[]),
        ("regent_acting and on (agent) regent_leader", &[]),
        ("regent_verdict", &["observer"]),
    ] {
        assert_eq!(wrong(expression, labels).len(), 1, "{expression}");
    }
}
