//! `regent sim compare`: what gates, records and plain health checks are worth, side by side.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::Serialize;

use super::super::{Failure, Screen};
use crate::config;
use crate::sim::{Left, Way, leave};

/// Lose a Region, and compare how soon its clients are well again by each way of leaving it.
///
/// By the fleet's gates alone while Route 53's control plane is down, by its records alone, by both,
/// and by plain health checks on the applications, as one would have them without a controller, at
/// the interval and threshold of the gates. The fleet is the one that the files describe, with four
/// clients of each kind and service.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  regent sim compare --seeds 1..20\n\n\
Exit codes: 0 done; 2 the arguments or the files are wrong.")]
pub(super) struct CompareArgs {
    /// The folder of the fleet's files
    #[arg(long, value_name = "DIR", default_value = "regions")]
    regions: PathBuf,
    /// The seeds, first and last: each is a run for each way
    #[arg(long, value_name = "A..B", value_parser = super::seeds, default_value = "1..20")]
    seeds: RangeInclusive<u64>,
}

/// One way, over all seeds.
#[derive(Debug, Serialize)]
struct Row {
    way: Way,
    runs: usize,
    last_failure_ms_median: u64,
    last_failure_ms_max: u64,
    failures_median: u64,
    /// Requests to Route 53 for one Region that is left, the most over all seeds.
    route53: BTreeMap<String, u64>,
}

pub(super) fn run(args: &CompareArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let loaded = config::load_dir(&args.regions)?;
    if loaded.fleet.gates.is_none() {
        let folder = args.regions.display();
        return Err(Failure::Arguments(format!(
            "the fleet in {folder} has no [gates]: there is nothing to compare"
        )));
    }
    let mut rows = Vec::new();
    for way in Way::ALL {
        let left: Vec<Left> =
            args.seeds.clone().filter_map(|seed| leave(&loaded.fleet, way, seed)).collect();
        let Some(row) = row(way, &left) else {
            let words = way.words();
            return Err(Failure::Arguments(format!("no run by {words} came to rest at first")));
        };
        rows.push(row);
    }
    screen.document(&rows)?;
    screen.line(
        "from the loss of a Region to the last failed request of clients that honour the TTL:",
    )?;
    screen.line(format_args!(
        "{:<44} {:>8} {:>8} {:>7}  requests to Route 53",
        "", "median", "worst", "failed"
    ))?;
    for row in &rows {
        let requests = row.route53.iter().map(|(name, count)| format!("{name} {count}"));
        screen.line(format_args!(
            "{:<44} {:>6.1} s {:>6.1} s {:>7}  {}",
            row.way.words(),
            seconds(row.last_failure_ms_median),
            seconds(row.last_failure_ms_max),
            row.failures_median,
            requests.collect::<Vec<_>>().join(", ")
        ))?;
    }
    Ok(())
}

fn row(way: Way, left: &[Left]) -> Option<Row> {
    let mut lasts: Vec<u64> = left.iter().map(|left| left.last_failure_ms).collect();
    let mut failures: Vec<u64> = left.iter().map(|left| left.failures).collect();
    lasts.sort_unstable();
    failures.sort_unstable();
    let mut route53: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in left.iter().flat_map(|left| &left.route53) {
        let most = route53.entry(name.clone()).or_default();
        *most = (*most).max(*count);
    }
    Some(Row {
        way,
        runs: left.len(),
        last_failure_ms_median: *lasts.get(lasts.len() / 2)?,
        last_failure_ms_max: *lasts.last()?,
        failures_median: *failures.get(failures.len() / 2)?,
        route53,
    })
}

/// For reading only.
fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}
