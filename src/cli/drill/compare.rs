//! `regent drill compare`: what gates, records and plain health checks are worth, side by side.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use clap::ValueEnum;
use serde::Serialize;

use super::super::fleet::FleetArgs;
use super::super::process::serve;
use super::super::{Failure, Screen, sim};
use super::{On, in_a_folder};
use crate::config::Loaded;
use crate::drill::{Left, NotRun, Way, leave_on_local, leave_on_sim};
use crate::world::distances::Distances;

/// Lose a Region, and compare how soon its clients are well again by each way of leaving it.
///
/// By the fleet's gates alone while Route 53's control plane is down, by its records alone, by both,
/// and by plain health checks on the applications, as one would have them without a controller: at
/// the interval and threshold of the gates, and at Route 53's own (30 s, three failures). The fleet
/// is the one that the files describe, with four clients of each kind and service; name servers are
/// asked twenty times a second. On loopback checkers ask as seldom as AWS's do, which takes two to
/// five minutes for each way.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent drill compare\n  \
regent drill compare --on local --way gates --way plain\n\n\
Exit codes: 0 done; 1 a run could not be made; 2 the arguments or the files are wrong.")]
pub(super) struct CompareArgs {
    /// Where to run it
    #[arg(long, value_enum, default_value_t = On::Sim)]
    on: On,
    /// The seeds, first and last: each is a run for each way; 1..20 on the simulator and 1 on loopback if
    /// not given
    #[arg(long, value_name = "A..B", value_parser = sim::seeds)]
    seeds: Option<RangeInclusive<u64>>,
    /// Only this way; may be given more than once
    #[arg(long = "way", value_enum, value_name = "WAY")]
    ways: Vec<WayArg>,
    /// How far apart everything is: near, or life (70 to 260 ms between Regions, and a TTL of 60 s)
    #[arg(long, value_name = "HOW", default_value_t = Distances::Near)]
    distances: Distances,
    #[command(flatten)]
    fleet: FleetArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WayArg {
    /// Gates, while no record can be edited
    Gates,
    /// Records, without gates
    Records,
    /// Gates and records
    Both,
    /// Health checks on the applications, at the gates' interval and threshold
    Plain,
    /// Health checks on the applications, every 30 s, three failures
    Default,
}

impl From<WayArg> for Way {
    fn from(way: WayArg) -> Self {
        match way {
            WayArg::Gates => Self::Gates,
            WayArg::Records => Self::Records,
            WayArg::Both => Self::Both,
            WayArg::Plain => Self::Plain,
            WayArg::Default => Self::Default,
        }
    }
}

/// One way, over all seeds.
#[derive(Debug, Serialize)]
struct Row {
    way: Way,
    runs: usize,
    last_wrong_answer_ms_median: u64,
    last_wrong_answer_ms_max: u64,
    last_failure_ms_median: u64,
    last_failure_ms_max: u64,
    failures_median: u64,
    /// Requests to Route 53's API for one Region that is left, the most over all seeds.
    route53: BTreeMap<String, u64>,
}

pub(super) fn run(args: &CompareArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let loaded = args.fleet.load_files()?;
    if loaded.fleet.gates.is_none() {
        return Err(Failure::Arguments(NotRun::NoGates.to_string()));
    }
    let seeds = args.seeds.clone().unwrap_or(match args.on {
        On::Sim => 1..=20,
        On::Local => 1..=1,
    });
    let asked =
        |way: &Way| args.ways.is_empty() || args.ways.iter().any(|arg| *way == Way::from(*arg));
    let mut rows = Vec::new();
    for way in Way::ALL.into_iter().filter(asked) {
        let mut left = Vec::new();
        for seed in seeds.clone() {
            left.push(leave(args, &loaded, way, seed)?);
        }
        rows.extend(row(way, &left));
    }
    screen.document(&rows)?;
    screen.line("from the loss of a Region, to the last answer of the name servers that led there and to the")?;
    screen.line(
        "last failed request of clients that honour the TTL; median and worst, in seconds:",
    )?;
    screen.line(format_args!(
        "{:<44} {:>13}  {:>13} {:>7}  requests to Route 53",
        "", "wrong answer", "failure", "failed"
    ))?;
    for row in &rows {
        let requests = row.route53.iter().map(|(name, count)| format!("{name} {count}"));
        screen.line(format_args!(
            "{:<44} {:>6.1} {:>6.1}  {:>6.1} {:>6.1} {:>7}  {}",
            row.way.words(),
            seconds(row.last_wrong_answer_ms_median),
            seconds(row.last_wrong_answer_ms_max),
            seconds(row.last_failure_ms_median),
            seconds(row.last_failure_ms_max),
            row.failures_median,
            requests.collect::<Vec<_>>().join(", ")
        ))?;
    }
    Ok(())
}

fn leave(args: &CompareArgs, loaded: &Loaded, way: Way, seed: u64) -> Result<Left, Failure> {
    let left = match args.on {
        On::Sim => leave_on_sim(&loaded.fleet, way, seed, args.distances),
        On::Local => in_a_folder(loaded.clone(), seed, args.distances, |options, folder| {
            let requests = folder.join("requests.jsonl");
            serve(async { Ok(leave_on_local(options, &requests, way).await) })
        })?,
    };
    left.map_err(|error| Failure::Failed(anyhow::anyhow!("{}, seed {seed}: {error}", way.words())))
}

fn row(way: Way, left: &[Left]) -> Option<Row> {
    let sorted = |figure: fn(&Left) -> u64| {
        let mut figures: Vec<u64> = left.iter().map(figure).collect();
        figures.sort_unstable();
        Some((*figures.get(figures.len() / 2)?, *figures.last()?))
    };
    let mut route53: BTreeMap<String, u64> = BTreeMap::new();
    for (name, count) in left.iter().flat_map(|left| &left.route53) {
        let most = route53.entry(name.clone()).or_default();
        *most = (*most).max(*count);
    }
    let wrong = sorted(|left| left.last_wrong_answer_ms)?;
    let failure = sorted(|left| left.last_failure_ms)?;
    Some(Row {
        way,
        runs: left.len(),
        last_wrong_answer_ms_median: wrong.0,
        last_wrong_answer_ms_max: wrong.1,
        last_failure_ms_median: failure.0,
        last_failure_ms_max: failure.1,
        failures_median: sorted(|left| left.failures)?.0,
        route53,
    })
}

/// For reading only.
fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}
