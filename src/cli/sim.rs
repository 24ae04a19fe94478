//! `regent sim`: the brains in a world where everything goes wrong, in virtual time.
//!
//! Needs no fleet's files, no network and no AWS: a seed draws all of it.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use clap::Subcommand;
use serde::Serialize;

use super::{Failure, Screen};
use crate::core::breakage::Breakage;
use crate::sim::{Coverage, Ended, Plan, Report, Size, Swarm, Trial, draw, minimise};
use crate::telemetry::clock::Stopwatch;

/// Simulate whole fleets in virtual time, with all that can go wrong, and judge every step.
///
/// Any number of agents run the real brain in a model of AWS. A seed draws the fleet, its settings
/// and its troubles; the same seed gives the same run, to the byte, on any machine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent sim swarm --seeds 1..1000\n  \
regent sim run --seed 7 --trace")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(RunArgs),
    Swarm(SwarmArgs),
    Breakages,
}

/// Run one seed's plan, or a plan kept in a file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent sim run --seed 7 --trace\n  \
regent sim run --seed 7 --minimise --out smaller.toml\n  regent sim run --plan smaller.toml --trace\n\n\
Exit codes: 0 nothing was wrong; 1 something was; 2 the arguments or the plan are wrong.")]
struct RunArgs {
    /// The seed that draws the plan
    #[arg(long, value_name = "N", required_unless_present = "plan")]
    seed: Option<u64>,
    /// A file with a plan, instead of a seed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "short"])]
    plan: Option<PathBuf>,
    /// Draw a small fleet and a minute of troubles, as the tests do
    #[arg(long)]
    short: bool,
    /// Tell the run's story, line by line
    #[arg(long)]
    trace: bool,
    /// Find a smaller plan that fails in the same way
    #[arg(long)]
    minimise: bool,
    /// Write the plan (with --minimise, the smaller one) to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave out a rule of the brain: see `regent sim breakages`
    #[arg(long = "break", value_name = "NAME")]
    breakage: Option<String>,
}

/// Run many seeds, and report what they reached and what broke.
///
/// Fails when anything was wrong in any run, and when a swarm of 400 runs or more never reached one
/// of the states that make the runs worth something.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  regent sim swarm --seeds 1..1000\n  \
regent sim swarm --seeds 1..200 --short --jobs 2 --json\n\n\
Exit codes: 0 nothing was wrong; 1 something was, or too little was reached; 2 the arguments are \
wrong.")]
struct SwarmArgs {
    /// The seeds, first and last
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: RangeInclusive<u64>,
    /// Threads; as many as there are processors if not given
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Draw small fleets and a minute of troubles, as the tests do
    #[arg(long)]
    short: bool,
    /// Begin no further seed once one has failed
    #[arg(long)]
    until_failure: bool,
    /// Leave out a rule of the brain: see `regent sim breakages`
    #[arg(long = "break", value_name = "NAME")]
    breakage: Option<String>,
}

/// A range with both ends, or one number.
pub(super) fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is not a number"));
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
        None => (number(text)?, number(text)?),
    };
    if last < first { Err(format!("{last} is before {first}")) } else { Ok(first..=last) }
}

pub(super) fn run(args: &Args, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match &args.command {
        Command::Run(args) => run_one(args, screen),
        Command::Swarm(args) => run_swarm(args, screen),
        Command::Breakages => breakages(screen),
    }
}

fn size(short: bool) -> Size {
    if short { Size::Short } else { Size::Full }
}

/// Leaves out a rule for the rest of this process.
fn break_it(name: Option<&str>) -> Result<(), Failure> {
    let Some(name) = name else { return Ok(()) };
    let known = Breakage::ALL.iter().find(|breakage| breakage.name() == name);
    let Some(breakage) = known else {
        let all: Vec<&str> = Breakage::ALL.iter().map(|breakage| breakage.name()).collect();
        let all = all.join(", ");
        return Err(Failure::Arguments(format!("no breakage is named {name:?}; there are: {all}")));
    };
    leave_out(*breakage)
}

#[cfg(feature = "breakages")]
fn leave_out(breakage: Breakage) -> Result<(), Failure> {
    crate::core::breakage::break_it(breakage)
        .map_err(|_| Failure::Arguments("this process is broken already".to_owned()))
}

#[cfg(not(feature = "breakages"))]
fn leave_out(breakage: Breakage) -> Result<(), Failure> {
    Err(Failure::Arguments(format!(
        "this regent can't leave out {:?}: build one that can with `cargo build --features breakages`",
        breakage.name()
    )))
}

#[derive(Serialize)]
struct ListedBreakage {
    name: &'static str,
    rule: &'static str,
}

/// List the rules that a regent built with `--features breakages` can leave out.
fn breakages(screen: &mut Screen<'_>) -> Result<(), Failure> {
    let listed: Vec<ListedBreakage> = Breakage::ALL
        .iter()
        .map(|breakage| ListedBreakage { name: breakage.name(), rule: breakage.rule() })
        .collect();
    screen.document(&listed)?;
    for ListedBreakage { name, rule } in listed {
        screen.line(format_args!("{name:<28} {rule}"))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct One<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    simulated_ms: u128,
    coverage: &'p Coverage,
    plan: &'p Plan,
}

fn run_one(args: &RunArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    break_it(args.breakage.as_deref())?;
    let mut plan = match (&args.plan, args.seed) {
        (Some(path), _) => read(path)?,
        (None, Some(seed)) => draw(seed, size(args.short)),
        (None, None) => unreachable!("clap wants one of them"),
    };
    if args.minimise {
        let mut runs = 0;
        let smaller = minimise(&plan, |smaller, failure| {
            runs += 1;
            let episodes = smaller.episodes.len();
            // Progress for whoever waits; the result stands on its own.
            let _ = screen.line(format_args!("{episodes:>3} troubles: {failure}"));
        });
        match smaller {
            Some((smaller, _)) => plan = smaller,
            None => {
                screen.line("nothing is wrong in this run: there is nothing to make smaller")?
            }
        }
    }
    if let Some(path) = &args.out {
        std::fs::write(path, plan.to_toml())
            .with_context(|| format!("{} can't be written", path.display()))?;
    }
    let (ended, story) = Trial::told(&plan);
    if args.trace {
        for line in &story {
            screen.line(line)?;
        }
    }
    show_one(&plan, &ended, screen)
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Arguments(format!("{} can't be read: {error}", path.display()))
    })?;
    Plan::from_toml(&text)
        .map_err(|error| Failure::Arguments(format!("{}: {error}", path.display())))
}

fn show_one(plan: &Plan, ended: &Ended, screen: &mut Screen<'_>) -> Result<(), Failure> {
    screen.document(&One {
        failed: ended.failure.as_ref().map(ToString::to_string),
        simulated_ms: ended.simulated.as_millis(),
        coverage: &ended.coverage,
        plan,
    })?;
    let simulated = ended.simulated.as_secs();
    screen.line(format_args!(
        "seed {}: {} troubles, {simulated} s simulated, {} events",
        plan.seed,
        plan.episodes.len(),
        ended.events
    ))?;
    match &ended.failure {
        None => screen.line("nothing was wrong"),
        Some(failure) => {
            screen.line(format_args!("WRONG ({}): {failure}", failure.kind()))?;
            Err(Failure::Shown)
        }
    }
}

#[derive(Serialize)]
struct Swarmed<'r> {
    #[serde(flatten)]
    report: &'r Report,
    jobs: usize,
    took_ms: u128,
    simulated_s_per_s: f64,
}

fn run_swarm(args: &SwarmArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    break_it(args.breakage.as_deref())?;
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.unwrap_or(available).max(1);
    let until_failure = args.until_failure;
    let swarm = Swarm { seeds: args.seeds.clone(), size: size(args.short), jobs, until_failure };
    let watch = Stopwatch::start();
    let wrong = AtomicU64::new(0);
    let report = swarm.run(|_, ended| {
        wrong.fetch_add(u64::from(ended.failure.is_some()), Ordering::Relaxed);
    });
    let took = watch.elapsed();
    let speed = report.simulated().as_secs_f64() / took.as_secs_f64().max(0.001);
    screen.document(&Swarmed {
        report: &report,
        jobs,
        took_ms: took.as_millis(),
        simulated_s_per_s: speed.round(),
    })?;
    screen.line(summary(&report, args).trim_end())?;
    screen.line(format_args!(
        "took {:.1} s on {jobs} threads: {speed:.0} simulated seconds a second, {:.0} a thread",
        took.as_secs_f64(),
        speed / f64::from(u32::try_from(jobs).unwrap_or(u32::MAX))
    ))?;
    if report.is_good() { Ok(()) } else { Err(Failure::Shown) }
}

fn summary(report: &Report, args: &SwarmArgs) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a String takes all");
    let hours = report.simulated().as_secs_f64() / 3600.0;
    line(format!("{} runs, {hours:.1} hours simulated, {} events", report.runs, report.events));
    for (title, counters) in [
        ("faults injected", &report.coverage.faults),
        ("decisions taken", &report.coverage.decisions),
        ("states reached", &report.coverage.states),
    ] {
        line(format!("\n{title}"));
        for (name, count) in counters {
            line(format!("  {count:>9}  {name}"));
        }
    }
    for state in &report.never_reached {
        line(format!("  {:>9}  {state}: NEVER REACHED", 0));
    }
    line(String::new());
    let (short, broken) = (
        if args.short { " --short" } else { "" },
        args.breakage.as_ref().map(|name| format!(" --break {name}")).unwrap_or_default(),
    );
    for failed in &report.failed {
        line(format!("seed {}: {}", failed.seed, failed.what));
        line(format!("  regent sim run --seed {}{short}{broken} --trace", failed.seed));
    }
    line(match report.failed.len() {
        0 => "nothing was wrong in any run".to_owned(),
        wrong => format!("{wrong} of {} runs were WRONG", report.runs),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::printed;

    #[test]
    fn seeds_are_a_range_with_both_ends() {
        assert_eq!(seeds("3..5"), Ok(3..=5));
        assert_eq!(seeds("7"), Ok(7..=7));
        assert!(seeds("5..3").is_err());
        assert!(seeds("a..b").is_err());
    }

    #[test]
    fn a_swarm_reports_for_people_and_for_programs() {
        let args = SwarmArgs {
            seeds: 1..=2,
            jobs: Some(1),
            short: true,
            until_failure: false,
            breakage: None,
        };
        let (text, result) = printed(false, |screen| run_swarm(&args, screen));
        assert!(result.is_ok(), "{text}");
        assert!(text.contains("2 runs") && text.contains("nothing was wrong"), "{text}");
        let (text, _) = printed(true, |screen| run_swarm(&args, screen));
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["runs"], 2);
        assert!(json["simulated_ms"].as_u64() > Some(10_000));
        assert_eq!(json["failed"].as_array().map(Vec::len), Some(0));
    }

    #[test]
    fn a_plan_written_to_a_file_is_run_again_to_the_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("plan.toml");
        let args = |seed, plan: Option<&Path>, out: Option<&Path>| RunArgs {
            seed,
            plan: plan.map(Path::to_owned),
            short: seed.is_some(),
            trace: true,
            minimise: false,
            out: out.map(Path::to_owned),
            breakage: None,
        };
        let first = printed(false, |screen| run_one(&args(Some(4), None, Some(&out)), screen)).0;
        let again = printed(false, |screen| run_one(&args(None, Some(&out), None), screen)).0;
        assert!(first.contains("is elected"), "{first}");
        assert_eq!(first, again);
    }

    #[test]
    fn an_unknown_breakage_is_refused_with_those_there_are() {
        let Err(Failure::Arguments(what)) = break_it(Some("nonsense")) else { panic!("refused") };
        assert!(what.contains("stand-at-once"), "{what}");
    }
}
